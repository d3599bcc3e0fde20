"""Worked numbers and items of P13 on choosing a model, and on what to do next with it."""

from __future__ import annotations

import numpy as np
import pytest

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.lessons.curriculum import WorkedNumber
from graphgrad.train import metrics
from tests.worked import Check


@pytest.mark.worked("W186")
@pytest.mark.curriculum("P13.10")
def test_a_combined_and_a_satisficing_metric(example: WorkedNumber, check: Check) -> None:
    given = example.input
    models = [{"accuracy": a, "time": t} for a, t in zip(given["acc"], given["time"], strict=True)]
    scores = [metrics.combined_score(one, {"accuracy": 1.0, "time": -0.5}) for one in models]
    pick = metrics.select_model(models, "accuracy", at_most={"time": given["limit"]})
    check(example, {"score": scores, "pick": pick})
    assert metrics.select_model(models, "accuracy") == 2
    assert metrics.select_model(models, "time", mode="min", at_least={"accuracy": 91}) == 1


@pytest.mark.curriculum("P13.10")
def test_a_choice_that_there_is_not() -> None:
    models = [{"accuracy": 0.9, "time": 80.0}, {"accuracy": float("nan"), "time": 1.0}, {"accuracy": 0.9, "time": 9.0}]
    assert metrics.select_model(models, "accuracy") == 0  # NaN is never the best; of equal ones the first
    with pytest.raises(ArgumentError, match=r"none of 3 candidates(.|\n)*time <= 5"):
        metrics.select_model(models, "accuracy", at_most={"time": 5})
    with pytest.raises(ArgumentError, match=r"no metric 'memory'(.|\n)*'accuracy', 'time'"):
        metrics.select_model(models, "accuracy", at_most={"memory": 5})
    with pytest.raises(ValueError, match="mode is one of max, min"):
        metrics.select_model(models, "accuracy", mode="best")


@pytest.mark.worked("W187")
@pytest.mark.curriculum("P13.11", "P13.13", "P13.15")
def test_bias_or_variance(example: WorkedNumber, check: Check) -> None:
    given = example.input
    found = [
        metrics.diagnose(train, dev, human=human)
        for human, train, dev in zip(given["human"], given["train"], given["dev"], strict=True)
    ]
    check(
        example,
        {
            "bias": [one.bias for one in found],
            "variance": [one.variance for one in found],
            "focus": [one.focus for one in found],
        },
    )
    assert [one.remedies[0] for one in found] == ["a bigger network", "more data"]
    assert metrics.diagnose(8.0, 10.0).bias == 8.0  # without anything to compare with, the training error itself


@pytest.mark.worked("W188")
@pytest.mark.curriculum("P13.16")
def test_the_table_of_errors(example: WorkedNumber, check: Check) -> None:
    given = example.input
    found = metrics.diagnose(given["train"], given["dev"], human=given["human"], train_dev=given["traindev"])
    check(example, {"avoidable_bias": found.bias, "variance": found.variance, "mismatch": found.mismatch})
    assert str(found).splitlines()[0].split() == ["bias", "3"]


@pytest.mark.curriculum("P13.14", "P13.16")
def test_each_gap_has_its_remedy() -> None:
    assert metrics.diagnose(1.0, 10.0, train_dev=1.5).focus == "mismatch"
    assert metrics.diagnose(1.0, 10.0, train_dev=9.0).focus == "variance"
    far = metrics.diagnose(1.0, 2.0, test=9.0)
    assert (far.focus, far.remedies) == ("overfitting the dev set", ("a bigger dev set",))
    perfect = metrics.diagnose(2.0, 1.0, human=3.0)
    assert (perfect.focus, perfect.remedies) == (None, ())
    assert "nothing to mend" in str(perfect)
    with pytest.raises(ValueError, match="train_dev is a finite number from 0"):
        metrics.diagnose(1.0, 2.0, train_dev=float("nan"))


@pytest.mark.curriculum("P13.11", "P13.12", "P13.13")
def test_too_simple_good_and_too_flexible() -> None:
    rng = np.random.default_rng(0)
    x, x_dev = np.linspace(-1, 1, 12), np.linspace(-0.95, 0.95, 200)

    def curve(at: np.ndarray) -> np.ndarray:
        return np.sin(3 * at) + 0.1 * rng.normal(size=at.shape)

    y, y_dev = curve(x), curve(x_dev)

    def diagnosis(degree: int, samples: int = 12) -> metrics.Diagnosis:
        known = np.polynomial.Polynomial.fit(x[:samples], y[:samples], degree)
        train = float(metrics.mean_squared_error(known(x[:samples]), y[:samples]))
        return metrics.diagnose(train, float(metrics.mean_squared_error(known(x_dev), y_dev)), human=0.01)

    simple, good, flexible = (diagnosis(degree) for degree in (1, 4, 11))
    assert (simple.focus, flexible.focus) == ("bias", "variance")
    assert max(good.gaps.values()) < 0.01 < min(simple.bias, flexible.variance)
    few = diagnosis(4, samples=8)
    assert few.focus == "variance"
    assert few.variance > 10 * good.variance


@pytest.mark.worked("W191")
@pytest.mark.curriculum("P13.17")
def test_how_far_mending_a_cause_can_lead(example: WorkedNumber, check: Check) -> None:
    rng = np.random.default_rng(0)
    counts = example.input["pct"]
    marks = np.column_stack([rng.permutation(np.arange(100) < count) for count in counts])
    found = metrics.error_analysis(marks, example.input["dev_err"], ["dogs", "cats", "blurry", "labels"])
    check(example, {"ceiling": found.ceilings, "label_err": found.errors[-1], "other": found.ceilings[-1]})
    lines = [line.split() for line in str(found).splitlines()]
    assert lines[1] == ["blurry", "61", "61%", "6.1", "3.9"]
    assert [line[0] for line in lines[2:]] == ["cats", "dogs", "labels"]


def test_marks_that_are_none() -> None:
    with pytest.raises(ArgumentError, match="0 or 1"):
        metrics.error_analysis([[2, 0]], 10.0)
    with pytest.raises(ShapeError, match="a table"):
        metrics.error_analysis([1, 0], 10.0)
    with pytest.raises(ShapeError, match="2 causes and 1 names"):
        metrics.error_analysis([[1, 0]], 10.0, ["a"])
    with pytest.raises(ValueError, match="error is a finite number from 0"):
        metrics.error_analysis([[1, 0]], -1.0)
    with pytest.raises(ArgumentError, match="combined_score: there is no metric 'time'"):
        metrics.combined_score({"accuracy": 1.0}, {"time": -0.5})
    with pytest.raises(ValueError, match="the weight of accuracy is a finite number"):
        metrics.combined_score({"accuracy": 1.0}, {"accuracy": float("nan")})
