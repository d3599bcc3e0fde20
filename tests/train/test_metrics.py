"""Metrics: against scikit-learn, over batches, on every form of outputs, and what is refused."""

from __future__ import annotations

import copy
import functools
import itertools
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.errors import ArgumentError, DTypeError, GraphgradError, ShapeError
from graphgrad.nn.functional import cross_entropy
from graphgrad.train import metrics
from tests.train.metric_problems import answers, problem
from tests.train.problems import clouds, train

ORACLE = Path(__file__).resolve().parent.parent / "oracle" / "metrics.npz"

# A metric as an object, by the name of the function.
OBJECTS: dict[str, type[metrics.Metric]] = {
    one.name: one
    for one in map(vars(metrics).get, metrics.__all__)
    if isinstance(one, type) and issubclass(one, metrics.Metric) and one is not metrics.Metric
}
FUNCTIONS = {name: vars(metrics)["system_scores" if name == "system" else name] for name in OBJECTS}


def ours(name: str, outputs: Any, targets: Any, **options: Any) -> Any:
    return getattr(metrics, name)(outputs, targets, **options)


def compare(found: dict[str, list[float]], expected: dict[str, list[float]]) -> None:
    assert found.keys() == expected.keys()
    for name, numbers in found.items():
        assert len(numbers) == len(expected[name]), name
        np.testing.assert_allclose(numbers, expected[name], rtol=1e-12, atol=1e-14, err_msg=name)


# ---- against scikit-learn


@pytest.mark.filterwarnings("ignore::graphgrad.train.metrics.UndefinedMetricWarning")
def test_they_are_scikit_learns() -> None:
    with np.load(ORACLE) as file:
        numbers = np.split(file["numbers"], np.cumsum(file["lengths"])[:-1])
        expected = dict(zip(file["questions"].tolist(), map(np.ndarray.tolist, numbers), strict=True))
    assert len(expected) > 600
    compare(answers(ours), expected)


@pytest.mark.filterwarnings("ignore")
def test_they_are_those_of_the_scikit_learn_installed() -> None:
    pytest.importorskip("sklearn.metrics")
    from tests.oracle.make_metrics import ask

    compare(answers(ours, every=13), answers(ask, every=13))


@pytest.mark.filterwarnings("ignore")
def test_the_report_is_scikit_learns() -> None:
    theirs = pytest.importorskip("sklearn.metrics").classification_report
    labels, targets = problem("plain")["labels"], problem("plain")["targets"]
    options: list[dict[str, Any]] = [{}, {"digits": 4}, {"labels": [0, 1]}, {"target_names": ["a", "some", "c", "d"]}]
    for one in options:
        assert metrics.classification_report(labels, targets, **one) == theirs(targets, labels, **one)


def test_two_of_scikit_learn_are_not_ours() -> None:
    # Of equal scores the first class is the best, for the accuracy and so for the top k.
    even = np.zeros((4, 3))
    assert metrics.top_k_accuracy(even, [0, 1, 2, 0], k=1) == metrics.accuracy(even, [0, 1, 2, 0]) == 0.5
    assert metrics.top_k_accuracy(even, [0, 1, 2, 0], k=2) == 0.75
    # A class that the outputs have scores for has a row, though it doesn't occur.
    matrix = metrics.confusion_matrix(problem("small")["logits"], problem("small")["targets"])
    assert matrix.shape == (4, 4)
    assert not matrix[3].any()


# ---- over batches


def batches(total: int) -> list[slice]:
    cuts = [0, 1, 1, 4, total // 2, total]  # one sample, none, and several
    return [slice(*pair) for pair in itertools.pairwise(cuts)]


@pytest.mark.filterwarnings("ignore::graphgrad.train.metrics.UndefinedMetricWarning")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", OBJECTS)
def test_batches_come_to_the_same(name: str, weighted: bool) -> None:
    given = problem("weighted" if weighted else "plain")
    weight = given["weight"]
    outputs, targets = given["logits"], given["targets"]
    several: dict[str, list[dict[str, Any]]] = {
        "fbeta": [{"beta": 2.0, "average": "macro"}],
        "roc_auc": [{"multi_class": "ovr", "average": None, "from_logits": True}],
        "log_loss": [{"from_logits": True}],
        "top_k_accuracy": [{"k": 1}, {"k": 3}],
        "cohen_kappa": [{}, {"weights": "linear"}],
        "confusion_matrix": [{}, {"normalize": "true"}, {"labels": [1, 0]}],
    }
    for averaged in ("precision", "recall", "f1", "specificity", "jaccard", "dice"):
        several[averaged] = [{"average": "macro"}, {"average": "weighted"}, {"average": None, "labels": [0, 9]}]
    if name in ("mean_squared_error", "root_mean_squared_error", "mean_absolute_error", "r2"):
        outputs, targets = given["guesses"], given["numbers"] + 1000.0
        several[name] = [{}, {"multioutput": "raw_values"}]
    for options in several.get(name, [{}]):
        one, other = OBJECTS[name](**options), OBJECTS[name](**options)
        for part in batches(len(targets)):
            some = None if weight is None else weight[part]
            one.update(outputs[part], targets[part], sample_weight=some)
            other.load_state_dict(one.state_dict())  # as from a checkpoint
            one, other = other, one
        expected = FUNCTIONS[name](outputs, targets, sample_weight=weight, **options)
        found = one.compute()
        if isinstance(expected, dict):
            assert found.keys() == expected.keys()
            found, expected = list(found.values()), list(expected.values())
        np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=str(options))
        if weight is None and name in ("accuracy", "precision", "recall", "f1", "jaccard", "confusion_matrix"):
            np.testing.assert_array_equal(found, expected)  # counts are exact
        one.reset()
        with pytest.raises(GraphgradError, match="there were no samples"):
            one.compute()


def test_labels_that_appear_later_make_the_matrix_wider() -> None:
    confusion = metrics.ConfusionMatrix()
    confusion.update([5, 5], [5, -1])
    assert confusion.compute().tolist() == [[0, 1], [0, 1]]
    confusion.update([10**12], [2])
    assert confusion.counts().labels.tolist() == [-1, 2, 5, 10**12]
    assert confusion.compute().tolist() == [[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_r2_of_targets_far_from_zero() -> None:
    rng = np.random.default_rng(0)
    targets = rng.normal(size=1000)
    outputs = targets + 0.1 * rng.normal(size=1000)
    score = metrics.R2Score()
    for start in range(0, 1000, 7):
        score.update(outputs[start : start + 7] + 1e8, targets[start : start + 7] + 1e8)
    assert score.compute() == pytest.approx(metrics.r2(outputs, targets), abs=1e-7)


def test_sequences_of_different_lengths_are_ranked_together() -> None:
    rng = np.random.default_rng(0)
    scores, targets = rng.normal(size=(6, 3, 5)), rng.integers(3, size=(6, 5))
    ranked = metrics.AveragePrecision()
    ranked.update(scores[:4], targets[:4])
    ranked.update(scores[4:, :, :2], targets[4:, :2])
    parts = [(scores[:4], targets[:4]), (scores[4:, :, :2], targets[4:, :2])]
    rows = np.concatenate([np.moveaxis(part, 1, -1).reshape(-1, 3) for part, _ in parts])
    labels = np.concatenate([part.ravel() for _, part in parts])
    assert ranked.compute() == pytest.approx(metrics.average_precision(rows, labels), rel=1e-12)


def test_a_copy_gathers_for_itself() -> None:
    area = metrics.AUROC()
    area.update([0.1, 0.2], [0, 1])
    other = copy.deepcopy(area)
    other.update([0.3], [0])
    assert (area.compute(), other.compute()) == (1.0, 0.5)


def test_what_was_gathered_is_its_own() -> None:
    area = metrics.AUROC()
    scores = np.array([0.1, 0.9])
    area.update(scores, [0, 1])
    before = area.state_dict()
    scores[...] = [0.9, 0.1]
    area.update(scores, [0, 1])
    assert area.compute() == 0.5
    area.load_state_dict(before)
    assert area.compute() == 1.0


# ---- in a training


def test_fit_takes_functions_and_objects_alike() -> None:
    functions: list[Any] = [
        metrics.accuracy,
        metrics.confusion_matrix,
        functools.partial(metrics.f1, average="macro", zero_division=0),
        functools.partial(metrics.roc_auc, multi_class="ovr", from_logits=True),
        metrics.perplexity,
    ]
    objects = [
        metrics.Accuracy(),
        metrics.ConfusionMatrix(),
        metrics.F1Score(average="macro", zero_division=0),
        metrics.AUROC(multi_class="ovr", from_logits=True),
        metrics.Perplexity(),
    ]
    one = train(epochs=2, validation=0.3, metrics=functions)[1]
    other = train(epochs=2, validation=0.3, metrics=objects)[1]
    assert list(one) == list(other)
    for name in one:
        np.testing.assert_allclose(np.array(one[name]), np.array(other[name]), rtol=1e-12, err_msg=name)
    assert np.sum(one["confusion_matrix"][-1]) == 35
    assert one["val_accuracy"][-1] == np.trace(one["val_confusion_matrix"][-1]) / 15
    np.testing.assert_allclose(one["val_perplexity"], np.exp(one["val_loss"]), rtol=1e-5)


def test_the_systems_scores_in_a_history() -> None:
    history = train(epochs=1, metrics=metrics.SystemScores())[1]
    assert list(history) == ["loss", *(f"system_{name}" for name in ("accuracy", "recall", "precision", "f1"))]


def test_a_training_goes_on_from_the_middle_of_an_epoch(tmp_path: Path) -> None:
    class Save(gg.train.Callback):
        def on_batch_end(self, fit: gg.train.Fit) -> None:
            if fit.step == 6:
                fit.save(tmp_path / "middle.json")

    def measures() -> list[metrics.Metric]:
        return [metrics.ConfusionMatrix(), metrics.AUROC(multi_class="ovr", from_logits=True), metrics.Perplexity()]

    whole = train(epochs=2, metrics=measures(), callbacks=[Save()])[1]
    rest = train(epochs=2, metrics=measures(), resume=tmp_path / "middle.json")[1]
    assert rest.rows == whole.rows


# ---- forms of outputs


def test_the_largest_score_wins_along_axis_1() -> None:
    rng = np.random.default_rng(0)
    scores, targets = rng.normal(size=(2, 3, 4, 5)).astype(np.float32), rng.integers(3, size=(2, 4, 5))
    hits = scores.argmax(axis=1) == targets
    assert metrics.accuracy(scores, targets) == hits.mean()
    assert metrics.accuracy(gg.tensor(scores), gg.tensor(targets)) == hits.mean()
    assert metrics.accuracy(scores[:, :, 0, 0], targets[:, :1, 0]) == hits[:, 0, 0].mean()  # a column of targets
    padded = np.where(rng.random(targets.shape) < 0.5, -100, targets)
    assert metrics.accuracy(scores, padded, ignore_index=-100) == hits[padded != -100].mean()
    assert metrics.top_k_accuracy(scores, padded, k=1, ignore_index=-100) == hits[padded != -100].mean()
    flat = np.moveaxis(scores, 1, -1).reshape(-1, 3)
    for metric in (metrics.average_precision, functools.partial(metrics.log_loss, from_logits=True)):
        assert metric(scores, targets) == pytest.approx(metric(flat, targets.ravel()))


@pytest.mark.parametrize("shapes", [((4,), (4,)), ((4, 1), (4, 1)), ((4, 1), (4,)), ((4,), (4, 1))])
def test_one_score_is_yes_or_no(shapes: tuple[Any, Any]) -> None:
    scores = np.array([0.3, -1.0, 0.7, 0.9], dtype=np.float32).reshape(shapes[0])
    targets = np.array([0.0, 0.0, 1.0, 1.0], dtype=np.float32).reshape(shapes[1])
    assert metrics.accuracy(scores, targets) == 0.75
    assert metrics.accuracy(scores, targets, threshold=0.5) == 1.0
    assert metrics.roc_auc(scores, targets) == 1.0
    probabilities = 1 / (1 + np.exp(-scores))
    assert metrics.log_loss(scores, targets, from_logits=True) == pytest.approx(
        metrics.log_loss(probabilities, targets), rel=1e-6
    )


def test_an_image_of_yes_and_no() -> None:
    rng = np.random.default_rng(0)
    scores, mask = rng.normal(size=(2, 1, 5, 6)), rng.integers(2, size=(2, 5, 6))
    expected = 2 * ((scores[:, 0] > 0) & (mask == 1)).sum() / ((scores > 0).sum() + mask.sum())
    assert metrics.dice(scores, mask) == expected
    assert metrics.dice(scores[:, 0], mask, threshold=0.0) == expected
    overlap = expected / (2 - expected)
    assert metrics.jaccard(scores, mask) == pytest.approx(overlap)


def test_two_columns_are_one_score() -> None:
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(30, 2)), rng.integers(2, size=30)
    both = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    assert metrics.roc_auc(logits, targets) == metrics.roc_auc(both, targets)
    assert metrics.average_precision(logits, targets) == metrics.average_precision(both, targets)
    area = metrics.AUROC()
    area.update(logits, targets)
    assert area.compute() == metrics.roc_auc(both, targets)


def test_labels_other_than_0_and_1() -> None:
    assert metrics.precision([2, 5, 5], [2, 2, 5], pos_label=5) == 0.5
    assert metrics.roc_auc([0.1, 0.2, 0.3], [-1, 1, 1]) == 1.0
    assert metrics.roc_auc([0.1, 0.2, 0.3], [7, 3, 3], pos_label=7) == 0.0
    scores: Any = np.array([1, 200, 3], dtype=np.uint8)
    assert metrics.roc_auc(scores, [0, 1, 0]) == 1.0


def test_padding_may_be_anything() -> None:
    # As behind a mask that leaves nothing: what is ignored isn't looked at.
    scores, targets = [[np.nan, np.nan], [0.0, 1.0]], [-100, 1]
    assert metrics.accuracy(scores, targets, ignore_index=-100) == 1.0
    assert metrics.top_k_accuracy(np.pad(scores, [(0, 0), (0, 1)]), targets, k=1, ignore_index=-100) == 1.0
    assert metrics.log_loss(scores, targets, ignore_index=-100) == pytest.approx(0.0, abs=1e-15)
    with pytest.raises(ArgumentError, match="NaN among the outputs"):
        metrics.accuracy(scores, [0, 1], ignore_index=-100)


def test_yes_may_be_the_first_of_two_columns() -> None:
    scores = [[0.1, 0.9], [0.6, 0.4], [0.8, 0.2]]
    assert metrics.roc_auc(scores, [1, 0, 0]) == metrics.roc_auc(scores, [1, 0, 0], pos_label=0) == 1.0
    _, _, thresholds = metrics.roc_curve(scores, [1, 0, 0], pos_label=0, drop_intermediate=False)
    np.testing.assert_allclose(thresholds, [np.inf, 0.6, 0.2, -0.8])


def test_infinite_scores_are_a_tie() -> None:
    assert metrics.roc_auc([np.inf, np.inf, 0.0], [1, 0, 0]) == 0.75


def test_very_many_classes_need_no_confusion_matrix() -> None:
    # It would take 20 GB.
    scores, targets = np.zeros((4, 50_000), dtype=np.float32), [0, 1, 0, 49_999]
    assert metrics.accuracy(scores, targets) == 0.5
    assert metrics.zero_one_loss(np.arange(50_000), np.zeros(50_000, int)) == pytest.approx(1 - 1 / 50_000)
    accuracy = metrics.Accuracy()
    accuracy.update(scores, targets)
    assert accuracy.compute() == 0.5


def test_predictions_of_one_class_correlate_with_nothing() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):  # sums of weights in another order differ by rounding
        weights = rng.random(50)
        assert metrics.matthews_corrcoef(np.eye(4)[np.zeros(50, int)], np.arange(50) % 4, sample_weight=weights) == 0.0


@pytest.mark.filterwarnings("ignore::graphgrad.train.metrics.UndefinedMetricWarning")
def test_classes_that_do_not_occur() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), size=30)
    targets = rng.choice([0, 1, 3], size=30)
    each = np.asarray(metrics.roc_auc(probabilities, targets, multi_class="ovr", average=None))
    assert np.isnan(each).tolist() == [False, False, True, False]
    weighted = metrics.roc_auc(probabilities, targets, multi_class="ovr", average="weighted")
    assert weighted == pytest.approx(np.average(each[[0, 1, 3]], weights=np.bincount(targets)[[0, 1, 3]]))
    pairs = []
    for a, b in ((0, 1), (0, 3), (1, 3)):
        both = np.isin(targets, (a, b))
        pairs += [float(metrics.roc_auc(probabilities[both, c], targets[both] == c)) for c in (a, b)]
    assert metrics.roc_auc(probabilities, targets, multi_class="ovo") == pytest.approx(np.mean(pairs))
    assert math.isnan(metrics.roc_auc(probabilities, np.zeros(30, int), multi_class="ovo"))


# ---- numbers of one's own


def test_perplexity_is_exp_of_the_cross_entropy() -> None:
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(3, 7, 5)) * 4, rng.integers(7, size=(3, 5))
    targets[0, 2:] = -100
    expected = math.exp(cross_entropy(gg.tensor(logits), gg.tensor(targets)).item())
    assert metrics.perplexity(logits, targets) == pytest.approx(expected, rel=1e-12)
    powers = np.exp(logits)
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    assert metrics.perplexity(probabilities, targets, from_logits=False) == pytest.approx(expected, rel=1e-12)
    assert metrics.perplexity([[0.0, 1000.0]], [0]) == math.inf
    assert metrics.log_loss([[0.0, 1000.0]], [0], from_logits=True) == 1000.0


def test_perplexity_of_sequences_over_batches() -> None:
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(6, 7, 5)), rng.integers(7, size=(6, 5))
    perplexity = metrics.Perplexity()
    perplexity.update(logits[:4], targets[:4])
    perplexity.update(logits[4:, :, :2], targets[4:, :2])
    parts = [(logits[:4], targets[:4]), (logits[4:, :, :2], targets[4:, :2])]
    losses = [metrics.log_loss(*part, from_logits=True) for part in parts]
    assert perplexity.compute() == pytest.approx(math.exp((20 * losses[0] + 4 * losses[1]) / 24), rel=1e-12)


def test_a_probability_of_0_is_one_of_rounding() -> None:
    for dtype in (np.float32, np.float64):
        epsilon = float(np.finfo(dtype).eps)
        sure = np.array([[1.0, 0.0]], dtype=dtype)
        assert metrics.log_loss(sure, [1]) == pytest.approx(-math.log(epsilon))
        assert metrics.log_loss(sure[:, 0], [0]) == pytest.approx(-math.log(epsilon))


def test_specificity_is_the_recall_of_the_others() -> None:
    targets, said = problem("plain")["yes"], problem("plain")["said"]
    assert metrics.specificity(said, targets) == metrics.recall(said, targets, pos_label=0)
    labels, targets = problem("plain")["labels"], problem("plain")["targets"]
    each = metrics.specificity(labels, targets, average=None)
    tables = metrics.multilabel_confusion_matrix(labels, targets)
    np.testing.assert_allclose(each, tables[:, 0, 0] / tables[:, 0].sum(axis=1))


def test_the_table() -> None:
    table = metrics.confusion_table([[50, 2], [3, 45]], ["ham", "spam"]).splitlines()
    assert [line.split() for line in table[1:]] == [
        ["ham", "50", "2", "52"],
        ["spam", "3", "45", "48"],
        ["sum", "53", "47", "100"],
    ]
    assert len({len(line) for line in table}) == 1
    confusion = metrics.ConfusionMatrix(normalize="true", names=["no", "yes"])
    confusion.update([1, 1, 0, 0], [1, 1, 0, 1])
    assert [line.split() for line in confusion.table().splitlines()][1:] == [
        ["no", "1", "0"],
        ["yes", "0.3333", "0.6667"],
    ]


# ---- what can't be


def test_what_is_undefined_is_said() -> None:
    with pytest.warns(metrics.UndefinedMetricWarning, match="precision: undefined for class 1, never predicted"):
        assert metrics.precision([0, 0], [0, 1]) == 0.0
    with pytest.warns(metrics.UndefinedMetricWarning, match="recall: undefined for class 2, not among the targets"):
        metrics.recall([0, 2], [0, 1], average="macro")
    with pytest.warns(metrics.UndefinedMetricWarning, match=r"\[1\] were predicted"):
        assert metrics.balanced_accuracy([0, 1], [0, 0]) == 0.5
    with pytest.warns(metrics.UndefinedMetricWarning, match="all samples, or none"):
        assert math.isnan(metrics.roc_auc([0.1, 0.2], [1, 1]))
    with pytest.warns(metrics.UndefinedMetricWarning, match="adjusted for chance"):
        assert math.isnan(metrics.balanced_accuracy([1], [1], adjusted=True))
    with pytest.warns(metrics.UndefinedMetricWarning, match="best 3 of 3"):
        assert metrics.top_k_accuracy([[0.1, 0.2, 0.3]], [0], k=3) == 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # A class that is known, and neither predicted nor among the targets, is nothing to warn of.
        assert metrics.balanced_accuracy([[0.1, 0.2, 0.0]], [1]) == 1.0
        assert metrics.precision([0, 0], [0, 1], zero_division=0) == 0.0


NOT_CLEAR = "it isn't clear what is meant"
untyped: Any = metrics  # for arguments of wrong types


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: metrics.accuracy(np.eye(3), np.eye(3)), ShapeError, NOT_CLEAR),
        (lambda: metrics.roc_auc(np.eye(3), np.eye(3)), ShapeError, NOT_CLEAR),
        (lambda: metrics.accuracy(np.zeros((2, 5, 9)), np.zeros((2, 5), int)), ShapeError, "np.moveaxis"),
        (lambda: metrics.accuracy([0, 1], [0, 1, 1]), ShapeError, "don't fit"),
        (lambda: metrics.accuracy([], []), ShapeError, "no samples"),
        (lambda: metrics.accuracy([0, 1], [0.5, 1]), ArgumentError, "whole numbers, got 0.5"),
        (lambda: metrics.accuracy([0, 1], [np.nan, 1]), ArgumentError, "whole numbers, got nan"),
        (lambda: metrics.accuracy([[0.0, np.nan]], [0]), ArgumentError, "NaN among the outputs"),
        (lambda: metrics.accuracy([np.nan], [0]), ArgumentError, "NaN among the outputs"),
        (lambda: metrics.top_k_accuracy([[0.0, np.nan, 1.0]], [1], k=1), ArgumentError, "NaN among the outputs"),
        (lambda: metrics.accuracy([[0.0, 1.0]], [2]), ArgumentError, "2 classes, 0 to 1, and there is a target 2"),
        (lambda: metrics.accuracy([0.3, -0.3], [1, -1]), ArgumentError, "there is a target -1"),
        (lambda: metrics.accuracy([0, 1], [0, 1], threshold=0.5), ArgumentError, "threshold is for"),
        (lambda: metrics.accuracy(["a"], ["b"]), DTypeError, "np.unique"),
        (lambda: metrics.accuracy((gg.tensor([1]), gg.tensor([1])), [1]), DTypeError, "lambda outputs, targets"),
        (lambda: metrics.accuracy([0, 1], [0, 1], sample_weight=[1, 2, 3]), ShapeError, "for each sample"),
        (lambda: metrics.accuracy([0, 1], [0, 1], sample_weight=[1, -2]), ArgumentError, "negative"),
        (lambda: metrics.accuracy([0, 1], [0, 1], sample_weight=[0, 0]), ArgumentError, "all weights are 0"),
        (lambda: metrics.f1([0, 1, 2], [0, 1, 2]), ArgumentError, "there are 3 classes, and average='binary'"),
        (lambda: metrics.f1([[0.1, 0.2, 0.0]], [1]), ArgumentError, "there are 3 classes, and average='binary'"),
        (lambda: metrics.f1([0, 2], [0, 2]), ArgumentError, r"pos_label is 1, the classes are \[0, 2\]"),
        (lambda: metrics.f1([0, 1], [0, 1], average="mean"), ArgumentError, "average is one of"),
        (lambda: metrics.f1([0, 1], [0, 1], zero_division=2), ArgumentError, "zero_division is"),
        (lambda: metrics.f1([0, 1], [0, 1], average=None, labels=[1, 1]), ArgumentError, "each once"),
        (lambda: metrics.fbeta([0, 1], [0, 1], beta=-1), ArgumentError, "beta is a number from 0"),
        (lambda: metrics.confusion_matrix([0], [0], labels=[5]), ArgumentError, "none of the labels"),
        (lambda: metrics.confusion_matrix([0], [0], normalize="rows"), ArgumentError, "normalize is"),
        (lambda: metrics.confusion_table([[1, 2]]), ShapeError, "square"),
        (lambda: metrics.confusion_table([[1]], ["a", "b"]), ShapeError, "1 classes and 2 names"),
        (lambda: metrics.log_loss([[2.0, 1.0]], [0]), ArgumentError, "from_logits=True"),
        (lambda: metrics.log_loss([1.5], [0]), ArgumentError, "from_logits=True"),
        (lambda: metrics.log_loss([[0.5, 0.5]], [-100]), ArgumentError, "ignore_index"),
        (lambda: metrics.roc_auc(np.full((3, 3), 1 / 3), [0, 1, 2]), ArgumentError, "multi_class is 'raise'"),
        (lambda: metrics.roc_curve([0.1, 0.2], [3, 4]), ArgumentError, "pos_label says"),
        (lambda: metrics.roc_curve([0, 1], [0.3, 0.7]), ArgumentError, "outputs first, then targets"),
        (lambda: metrics.auc([0, 2, 1], [0, 1, 2]), ArgumentError, "ascends or descends"),
        (lambda: metrics.top_k_accuracy([[0.1, 0.2]], [0], k=0), ValueError, "k is a whole number from 1"),
        (lambda: metrics.top_k_accuracy([1], [0]), ShapeError, "scores of classes"),
        (lambda: metrics.mean_squared_error(np.zeros((4, 2)), np.zeros(4)), ShapeError, "one shape"),
        (lambda: metrics.mean_squared_error([], []), ShapeError, "no samples"),
        (lambda: metrics.r2([1.0], [1.0]), ShapeError, "two samples"),
        (lambda: metrics.cohen_kappa([0, 1], [0, 1], weights="cubic"), ArgumentError, "weights is"),
        # Options are refused when an object is made, not at the end of an epoch.
        (lambda: untyped.F1Score(average="mean"), ArgumentError, "F1Score: average is one of"),
        (lambda: untyped.F1Score(zero_division="x"), ArgumentError, "zero_division is"),
        (lambda: untyped.F1Score(pos_label="yes"), ArgumentError, "pos_label is a label"),
        (lambda: untyped.Recall(labels=[0.5]), ArgumentError, "whole numbers, got 0.5"),
        (lambda: untyped.Recall(threshold=np.nan), ValueError, "threshold is a finite number"),
        (lambda: untyped.FBetaScore(np.nan), ArgumentError, "beta is a number from 0"),
        (lambda: untyped.Accuracy(threshold="x"), ValueError, "threshold is a finite number"),
        (lambda: untyped.Accuracy(ignore_index=0.5), ArgumentError, "ignore_index is a label"),
        (lambda: untyped.LogLoss(ignore_index="pad"), ArgumentError, "ignore_index is a label"),
        (lambda: untyped.TopKAccuracy(k=1.5), ValueError, "k is a whole number from 1"),
        (lambda: untyped.ConfusionMatrix(normalize="rows"), ArgumentError, "normalize is"),
        (lambda: untyped.SystemScores(labels=[1, 1]), ArgumentError, "each once"),
        (lambda: untyped.CohenKappa(weights="cubic"), ArgumentError, "weights is"),
        (lambda: untyped.AUROC(multi_class="all"), ValueError, "multi_class is one of raise, ovr, ovo"),
        (
            lambda: untyped.AUROC(multi_class="ovo", average=None),
            ArgumentError,
            "average is one of 'macro', 'weighted'",
        ),
        (lambda: untyped.AveragePrecision(average="mean"), ArgumentError, "average is one of"),
        (lambda: untyped.R2Score(multioutput="mean"), ValueError, "multioutput is one of"),
        (lambda: untyped.f1([0, 1], [0, 1], zero_division=None), ArgumentError, "zero_division is"),
        (lambda: untyped.roc_auc([0.1, 0.2], [0, 1], average="mean"), ArgumentError, "average is one of"),
        (
            lambda: untyped.roc_auc([[0.1, 0.2]], [0], pos_label=2),
            ArgumentError,
            "pos_label is 2, the classes are 0 and 1",
        ),
        (lambda: untyped.roc_auc([0.1, 0.2], [0, 1], sample_weight=[0, 0]), ArgumentError, "all weights are 0"),
        (lambda: untyped.average_precision([0.1], [1], sample_weight=[0]), ArgumentError, "all weights are 0"),
        (lambda: untyped.precision([[0.1, 0.2]], [1], pos_label=5), ArgumentError, "pos_label is 5"),
        (lambda: untyped.accuracy([[1, 2], [3, 4]], [0, 1]), ShapeError, "scores of classes are floats"),
        (lambda: untyped.accuracy([1], [1e300]), ArgumentError, "whole numbers, got 1e"),
        (lambda: untyped.accuracy([1], np.array([2**63], np.uint64)), ArgumentError, "whole numbers, got 92233"),
        (lambda: untyped.auc([0, np.nan, 1], [0, 1, 2]), ArgumentError, "ascends or descends"),
        (lambda: untyped.top_confusions([[1, 2], [3, 4]], k=-1), ValueError, "k is a whole number from 1"),
        (lambda: untyped.classification_report([0], [0], digits=1.5), ValueError, "digits is a whole number"),
    ],
)
def test_what_is_refused(call: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()


def test_a_column_against_a_row_isnt_broadcast() -> None:
    assert metrics.mean_squared_error([[1.0], [2.0]], [1.0, 2.0]) == 0.0
    assert metrics.r2([[1.0], [2.0]], [1.0, 2.0]) == 1.0


def test_equal_targets_have_no_variance() -> None:
    targets = np.full((5, 1), 0.1)
    for weight in (None, [0.3, 0.6, 0.1, 0.7, 0.9]):
        assert metrics.r2(targets + 1e-3, targets, sample_weight=weight) == 0.0
        assert metrics.r2(targets, targets, sample_weight=weight) == 1.0


def test_batches_of_different_kinds_are_refused() -> None:
    area = metrics.AUROC()
    area.update([0.1], [0])
    with pytest.raises(ShapeError, match="and now are of"):
        area.update([[0.1, 0.2, 0.3]], [0])
    with pytest.raises(ArgumentError, match="sample_weight, or none"):
        area.update([0.1], [0], sample_weight=[1.0])
    error = metrics.MeanSquaredError()
    error.update([[1.0, 2.0]], [[1.0, 2.0]])
    with pytest.raises(ShapeError, match="had 2 numbers, and now have 1"):
        error.update([1.0], [1.0])
    assert error.compute() == 0.0


def test_every_object_has_a_function_and_a_repr() -> None:
    assert set(OBJECTS) == set(FUNCTIONS)
    assert len(OBJECTS) == 22
    assert repr(metrics.F1Score(average="macro")).startswith(
        "F1Score(threshold=None, ignore_index=None, average='macro'"
    )


def test_clouds_have_three_classes() -> None:
    assert set(clouds()[1].tolist()) == {0, 1, 2}  # what the trainings above count on
