"""Cross-validation, learning curves and validation curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from tests.train.problems import clouds
from tests.train.trials import judged

X, T = np.arange(23.0), np.repeat([0, 1, 2], [12, 6, 5])


class Seen:
    """A function of a fold that writes down what it was given."""

    def __init__(self) -> None:
        self.folds: list[tuple[Any, Any]] = []
        self.drawn: list[float] = []

    def __call__(self, train: Any, test: Any, **parameters: Any) -> dict[str, float]:
        self.folds.append((train, test))
        self.drawn.append(float(gg.random.uniform(size=()).item()))
        return {"score": float(len(self.folds)), **parameters}


def test_each_sample_is_held_out_once() -> None:
    seen = Seen()
    scores = gg.train.cross_validate(seen, X, T, cv=4, seed=0)
    assert scores["score"].tolist() == [1, 2, 3, 4]
    assert scores.mean() == 2.5
    assert scores.std() == pytest.approx(np.sqrt(1.25))
    assert scores.std("score", ddof=1) == pytest.approx(np.std([1, 2, 3, 4], ddof=1))
    held = np.concatenate([x for _, (x, _) in seen.folds])
    assert np.array_equal(np.sort(held), X)
    assert not np.array_equal(held, X)  # shuffled
    for (x, t), (x_test, t_test) in seen.folds:
        assert np.array_equal(np.sort(np.concatenate([x, x_test])), X)
        assert np.array_equal(t, T[x.astype(int)])
        assert np.array_equal(t_test, T[x_test.astype(int)])


def test_folds_and_random_numbers_come_from_the_seed() -> None:
    first, again, other = Seen(), Seen(), Seen()
    for seen, seed in ((first, 0), (again, 0), (other, 1)):
        gg.train.cross_validate(seen, X, seed=seed)
    assert first.drawn == again.drawn
    assert len(set(first.drawn + other.drawn)) == 10
    for one, two, three in zip(first.folds, again.folds, other.folds, strict=True):
        assert np.array_equal(one[1], two[1])
        assert not np.array_equal(one[1], three[1])


def test_stratified_folds_have_the_classes_of_the_whole() -> None:
    seen = Seen()
    gg.train.cross_validate(seen, X, T, cv=3, stratify=True, seed=0)
    counts = np.array([np.bincount(test[1], minlength=3) for _, test in seen.folds])
    assert (np.abs(counts - np.array([12, 6, 5]) / 3) < 1).all()


def test_folds_of_ones_own_and_several_inputs() -> None:
    seen = Seen()
    gg.train.cross_validate(seen, (X, gg.tensor(X), list(X)), T, cv=gg.data.KFold(2), seed=0)
    (inputs, t), (test_inputs, _) = seen.folds[0]
    assert [type(one) for one in inputs] == [np.ndarray, gg.Tensor, list]
    assert all(np.array_equal(np.asarray(one), X[12:]) for one in inputs)
    assert np.array_equal(np.asarray(test_inputs[1]), X[:12])
    assert np.array_equal(t, T[12:])


def test_a_journal_has_the_folds(tmp_path: Path) -> None:
    x, t = clouds(40)
    scores = gg.train.cross_validate(judged, x, t, cv=2, seed=0, journal=tmp_path / "j")
    head, *_ = (tmp_path / "j").read_text(encoding="utf-8").splitlines()
    assert '"function": "judged on folds ' in head
    (tmp_path / "j").write_text((tmp_path / "j").read_text(encoding="utf-8").replace('"loss": 0', '"loss": 9'))
    kept = gg.train.cross_validate(judged, x, t, cv=2, journal=tmp_path / "j")
    assert kept.mean() == pytest.approx(scores.mean() + 9)  # nothing was trained again


def test_a_journal_of_other_folds_is_refused(tmp_path: Path) -> None:
    for curve in (gg.train.cross_validate, gg.train.learning_curve):
        path = tmp_path / curve.__name__
        curve(Seen(), X, cv=3, seed=0, journal=path)
        with pytest.raises(gg.train.JournalError, match="of another sweep"):
            curve(Seen(), X, cv=2, seed=0, journal=path)
    with pytest.raises(gg.train.JournalError, match="of another sweep"):
        gg.train.learning_curve(Seen(), X, train_sizes=[0.2, 0.5], cv=3, seed=0, journal=path)


def test_a_fold_that_fails_is_named() -> None:
    def failing(train: Any, test: Any) -> float:
        if 0.0 in test:
            raise ValueError("the first sample is held out")
        return 1.0

    with pytest.raises(gg.train.TrialError, match=r"fold \d: ValueError: the first sample(.|\n)*in failing"):
        gg.train.cross_validate(failing, X, seed=0)


def test_a_learning_curve_grows_nested_sets_and_tests_on_the_same() -> None:
    seen = Seen()
    curve = gg.train.learning_curve(seen, X, train_sizes=[2, 0.5, 1.0, 15], cv=3, seed=0)
    assert curve.points.tolist() == [2, 7, 15]
    assert curve["score"].shape == (3, 3)
    assert curve["score"].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert curve.mean().tolist() == [2, 5, 8]
    for fold in range(3):
        few, some, all_of_it = (seen.folds[fold + 3 * i] for i in range(3))
        assert [len(train) for train, _ in (few, some, all_of_it)] == [2, 7, 15]
        assert set(few[0]) < set(some[0]) < set(all_of_it[0])
        assert np.array_equal(few[1], all_of_it[1])
        assert not set(all_of_it[0]) & set(few[1])


def test_its_last_point_is_a_cross_validation() -> None:
    seen, whole = Seen(), Seen()
    x = X[:21]
    gg.train.learning_curve(seen, x, train_sizes=[0.3, 1.0], cv=3, seed=0)
    gg.train.cross_validate(whole, x, cv=3, seed=0)
    for one, other in zip(seen.folds[3:], whole.folds, strict=True):
        assert np.array_equal(one[0], other[0])
        assert np.array_equal(one[1], other[1])


def test_a_validation_curve_has_the_same_folds_and_draws_for_each_value() -> None:
    seen = Seen()
    curve = gg.train.validation_curve(
        seen, X, T, param_name="loss", param_range=np.array([3.0, 1.0, 2.0]), cv=2, stratify=True, seed=0
    )
    assert curve.points == [3.0, 1.0, 2.0]
    assert curve.best("loss") == 1.0
    assert curve.best("score") == 2.0
    assert curve.std("loss").tolist() == [0, 0, 0]
    assert seen.drawn[:2] == seen.drawn[2:4] == seen.drawn[4:]
    assert seen.drawn[0] != seen.drawn[1]
    for one, other in zip(seen.folds[:2], seen.folds[2:4], strict=True):
        assert np.array_equal(one[1][0], other[1][0])
    with pytest.raises(ValueError, match="which score"):
        curve.mean()
    with pytest.raises(KeyError, match="there is no score"):
        curve["x"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gg.train.cross_validate(Seen(), X, T[1:]), gg.ShapeError, "arrays differ in length: 23, 22"),
        (lambda: gg.train.cross_validate(Seen(), None), gg.ShapeError, "an array of samples"),
        (lambda: gg.train.cross_validate(Seen(), ()), gg.ShapeError, "an array of samples"),
        (lambda: gg.train.learning_curve(Seen(), X, train_sizes=[np.inf]), ValueError, "a fraction or a number"),
        (lambda: gg.train.learning_curve(Seen(), X, train_sizes=0.5), gg.DTypeError, "a list of sizes"),  # type: ignore[arg-type]
        (lambda: gg.train.cross_validate(Seen(), X, cv="5"), gg.DTypeError, "cv is a number of folds"),
        (lambda: gg.train.cross_validate(Seen(), X, cv=1), ValueError, "from 2"),
        (lambda: gg.train.cross_validate(Seen(), X, T, cv=gg.data.KFold(2), stratify=True), ValueError, "stratify"),
        (lambda: gg.train.cross_validate(lambda a, b: {"x": "y"}, X), ValueError, "no number that all folds have"),
        (lambda: gg.train.learning_curve(Seen(), X, train_sizes=[]), ValueError, "no sizes"),
        (lambda: gg.train.learning_curve(Seen(), X, train_sizes=[19]), ValueError, "folds have 18 samples"),
        (lambda: gg.train.learning_curve(Seen(), X, train_sizes=[1.5]), ValueError, "folds have 18 samples"),
        (lambda: gg.train.learning_curve(Seen(), X, train_sizes=[0.01]), ValueError, "folds have 18 samples"),
        (lambda: gg.train.learning_curve(Seen(), X, train_sizes=[-1]), ValueError, "a fraction or a number"),
        (lambda: gg.train.validation_curve(Seen(), X, param_name="a b", param_range=[1]), gg.DTypeError, "the name"),
        (lambda: gg.train.validation_curve(Seen(), X, param_name="fold", param_range=[1]), ValueError, "'fold'"),
        (lambda: gg.train.validation_curve(Seen(), X, param_name="a", param_range=[]), ValueError, "no values"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
