"""Worked numbers and items of P13 on metrics and on what to do next; and what is misprinted about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber, worked
from graphgrad.train import metrics
from tests.worked import Check


def samples_of(matrix: Any) -> tuple[Any, Any]:
    """Predictions and targets that have a confusion matrix."""
    actual, predicted = np.indices(np.shape(matrix)).reshape(2, -1)
    counts = np.ravel(matrix)
    return np.repeat(predicted, counts), np.repeat(actual, counts)


@pytest.mark.worked("W182")
@pytest.mark.curriculum("P13.02")
def test_a_confusion_matrix_of_four_classes(example: WorkedNumber, check: Check) -> None:
    samples = samples_of(example.input["C"])
    matrix = metrics.confusion_matrix(*samples)
    assert matrix.tolist() == [list(row) for row in example.input["C"]]
    table = [line.split() for line in metrics.confusion_table(matrix, "abcd").splitlines()]
    found = {
        "actual_b": int(table[2][-1]),
        "b_as_c": int(table[2][3]),
        "N": int(table[-1][-1]),
        "acc": metrics.accuracy(*samples),
        "recall": metrics.recall(*samples, average=None),
        "precision": metrics.precision(*samples, average=None),
    }
    check(example, found)


@pytest.mark.worked("W183")
@pytest.mark.curriculum("P13.01", "P13.02", "P13.07")
def test_digits_and_the_scores_of_the_system(example: WorkedNumber, check: Check) -> None:
    samples = samples_of(example.input["C"])
    matrix = metrics.confusion_matrix(*samples)
    (_, _, most), (nine, four, second) = metrics.top_confusions(matrix, 2)
    assert (nine, four) == ("9", "4")
    system = metrics.system_scores(*samples)
    found = {
        "N": matrix.sum(),
        "trace": matrix.trace(),
        "acc": metrics.accuracy(*samples),
        "err": metrics.zero_one_loss(*samples),
        "c94": second,
        "c58": most,
        **{
            f"sys_{name}": system[short]
            for name, short in zip(("acc", "recall", "precision", "f1"), system, strict=True)
        },
    }
    check(example, found)
    # The F1 of the means isn't the mean of the F1.
    assert abs(float(metrics.f1(*samples, average="macro")) - system["f1"]) > 1e-5
    over_batches = metrics.SystemScores()
    for part in np.array_split(np.arange(len(samples[0])), 7):
        over_batches.update(samples[0][part], samples[1][part])
    assert over_batches.compute() == system


@pytest.mark.worked("W184")
@pytest.mark.curriculum("P13.03", "P13.04", "P13.05", "P13.06")
def test_e019_digit_5_against_all_others(example: WorkedNumber, check: Check) -> None:
    given = example.input
    samples = samples_of([[given["TN"], given["FP"]], [given["FN"], given["TP"]]])
    found: dict[str, Any] = {
        "acc": metrics.accuracy(*samples),
        "recall": metrics.recall(*samples),
        "precision": metrics.precision(*samples),
        "f1": metrics.f1(*samples),
    }
    check(example, found)
    printed = {"acc": 0.9780, "precision": 0.918, "f1": 0.8708}
    assert all(abs(found[name] - wrong) > 1e-4 for name, wrong in printed.items())
    # It is a row and a column of the matrix of all digits.
    digits = samples_of(worked("W183").input["C"])
    table = metrics.multilabel_confusion_matrix(*digits, labels=[5])[0]
    assert table.tolist() == [[given["TN"], given["FP"]], [given["FN"], given["TP"]]]


@pytest.mark.worked("W185")
@pytest.mark.curriculum("P13.06")
def test_the_f1_of_two_classifiers(example: WorkedNumber, check: Check) -> None:
    found = []
    for precision, recall in zip(example.input["P"], example.input["R"], strict=True):
        # Of 10^4 recall · precision hits, so many were predicted, and so many are there.
        hits = round(1e4 * precision * recall)
        predicted, actual = round(1e4 * recall), round(1e4 * precision)
        samples = samples_of([[0, predicted - hits], [actual - hits, hits]])
        assert (metrics.precision(*samples), metrics.recall(*samples)) == pytest.approx((precision, recall))
        found.append(metrics.f1(*samples))
    check(example, {"f1": found})


@pytest.mark.worked("W189")
@pytest.mark.curriculum("P13.09")
def test_e117_weights_are_within_the_sum(example: WorkedNumber, check: Check) -> None:
    wrong = np.array(example.input["wrong"])
    weight = example.input["w"]
    targets = np.ones(4, dtype=int)
    found = {
        "unweighted": metrics.zero_one_loss(targets - wrong, targets),
        "weighted": metrics.zero_one_loss(targets - wrong, targets, sample_weight=weight),
    }
    check(example, found)


@pytest.mark.worked("W192")
@pytest.mark.curriculum("P13.08")
def test_top_1_and_top_2(example: WorkedNumber, check: Check) -> None:
    scores, labels = example.input["scores"], example.input["y"]
    found = {f"top{k}": metrics.top_k_accuracy(scores, labels, k=k) for k in (1, 2)}
    check(example, found)
    assert found["top1"] == metrics.accuracy(scores, labels)


@pytest.mark.curriculum("P04.18")
def test_the_jaccard_and_the_dice_index() -> None:
    a, b = np.array([[1, 1, 0], [1, 0, 0]]), np.array([[0, 1, 1], [1, 1, 0]])
    both, either = (a & b).sum(), (a | b).sum()
    assert metrics.jaccard(a, b) == both / either
    assert metrics.dice(a, b) == 2 * both / (a.sum() + b.sum())
    # On answers of 0 and 1, what the soft losses leave of 1.
    soft = gg.nn.functional.soft_dice_loss(gg.tensor(a.ravel()[:, None] * 1.0), gg.tensor(b.ravel()[:, None] * 1.0))
    assert 1 - soft.item() == pytest.approx(metrics.dice(a, b), abs=1e-5)
