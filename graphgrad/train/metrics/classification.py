"""Scores of labels as a whole: accuracy and error, balanced accuracy, the system's scores, and two correlations."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np

from graphgrad.graph.checks import check_number
from graphgrad.graph.errors import ArgumentError, describe
from graphgrad.train.metrics.averaging import averaged
from graphgrad.train.metrics.confusion import ConfusionScore, Counts, counted, distinct
from graphgrad.train.metrics.probability import MeanMetric, mean_of
from graphgrad.train.metrics.reading import Array, UndefinedMetricWarning, check_label, labels_of

__all__ = [
    "Accuracy",
    "BalancedAccuracy",
    "CohenKappa",
    "MatthewsCorrCoef",
    "SystemScores",
    "accuracy",
    "balanced_accuracy",
    "cohen_kappa",
    "matthews_corrcoef",
    "system_scores",
    "zero_one_loss",
]


# ---- accuracy


def accuracy(
    outputs: Any,
    targets: Any,
    *,
    sample_weight: Any = None,
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> float:
    """The share of samples that are classified right (P13.01): the sum of the confusion matrix's diagonal over N.

    Parameters are those of `confusion_matrix`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.accuracy([[2.0, 1.0, 0.5], [0.1, 0.0, 3.0]], [0, 1])  # logits: the largest wins
    0.5
    >>> gg.train.metrics.accuracy([0.3, -1.2, 2.0, 0.1], [1, 0, 1, 0])  # one logit: above 0 is yes
    0.75
    """
    what = "accuracy"
    return mean_of(what, *_hits(what, outputs, targets, sample_weight, threshold, ignore_index))


def _hits(what: str, *given: Any) -> tuple[Array, Array | None]:
    """Which samples are classified right, and their weights: no confusion matrix, which many classes make large."""
    predicted, actual, weights, _ = labels_of(what, *given)
    return predicted == actual, weights


def zero_one_loss(
    outputs: Any,
    targets: Any,
    *,
    sample_weight: Any = None,
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> float:
    """The error rate, 1 - accuracy (P13.01); with weights, Σ wᵢ · [wrong] / Σ wᵢ (P13.09, E117).

    A weight of 10 or 100 makes errors count that must not happen; notes print it with the weight outside the sum.
    Parameters are those of `confusion_matrix`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.zero_one_loss([0, 0, 1, 1], [0, 0, 1, 0])
    0.25
    >>> gg.train.metrics.zero_one_loss([0, 0, 1, 1], [0, 0, 1, 0], sample_weight=[1, 1, 1, 97])
    0.97
    """
    what = "zero_one_loss"
    hits, weights = _hits(what, outputs, targets, sample_weight, threshold, ignore_index)
    return mean_of(what, ~hits, weights)


def balanced_accuracy(
    outputs: Any,
    targets: Any,
    *,
    adjusted: bool = False,
    sample_weight: Any = None,
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> float:
    """The mean over classes of the recall (P13.07): chance gives 1/K however rare a class is.

    Parameters
    ----------
    outputs, targets, sample_weight, threshold, ignore_index
        As of `confusion_matrix`.
    adjusted
        Whether chance gives 0, and perfection still 1.

    Warns
    -----
    UndefinedMetricWarning
        If a class was predicted that isn't among the targets; it is left out. If all targets are one class, and
        `adjusted`: it is NaN then.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.balanced_accuracy([0, 0, 0, 0], [0, 0, 0, 1])
    0.5
    """
    counts = counted("balanced_accuracy", outputs, targets, sample_weight, threshold, ignore_index)
    return _balanced_accuracy(counts, adjusted=adjusted)


def _balanced_accuracy(counts: Counts, *, adjusted: bool = False) -> float:
    known = counts.actual > 0
    if (strange := counts.labels[counts.seen & ~known]).size:
        warnings.warn(
            f"balanced_accuracy: {strange.tolist()} were predicted and aren't among the targets",
            UndefinedMetricWarning,
            stacklevel=3,
        )
    found = float((counts.true_positives[known] / counts.actual[known]).mean())
    if not adjusted:
        return found
    chance = 1 / int(known.sum())
    if chance == 1:
        warnings.warn(
            "balanced_accuracy: all targets are one class, so it's undefined, adjusted for chance",
            UndefinedMetricWarning,
            stacklevel=3,
        )
        return float("nan")
    return (found - chance) / (1 - chance)


# ---- the system


def system_scores(
    outputs: Any,
    targets: Any,
    *,
    labels: Any = None,
    sample_weight: Any = None,
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> dict[str, float]:
    """The means over classes of accuracy, recall and precision, and an F1 of these means (P13.07).

    The accuracy is that of each class against all others, (TP + TN) / N; so it's higher than `accuracy`, which counts
    samples. The F1 is the harmonic mean of the mean precision and the mean recall; the mean of the F1 of classes, that
    is ``f1(..., average="macro")``, is another number.

    Parameters
    ----------
    outputs, targets, sample_weight, threshold, ignore_index
        As of `confusion_matrix`.
    labels
        Which classes the means are over; by default those that occur.

    Returns
    -------
    dict
        ``accuracy``, ``recall``, ``precision`` and ``f1``.

    Warns
    -----
    UndefinedMetricWarning
        If a class has no samples, or was never predicted: its recall or precision counts as 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> scores = gg.train.metrics.system_scores([0, 0, 1, 1, 2, 0], [0, 0, 1, 1, 2, 2])
    >>> {name: round(score, 4) for name, score in scores.items()}
    {'accuracy': 0.8889, 'recall': 0.8333, 'precision': 0.8889, 'f1': 0.8602}
    """
    counts = counted("system_scores", outputs, targets, sample_weight, threshold, ignore_index)
    return _system_scores(counts, labels=labels)


def _system_scores(counts: Counts, *, labels: Any = None) -> dict[str, float]:
    counts, places = counts.chosen("system_scores", labels)
    tp, actual, predicted = (part[places] for part in (counts.true_positives, counts.actual, counts.predicted))
    right = (counts.total - actual - predicted + 2 * tp) / counts.total
    chosen = counts.labels[places]
    recall, precision = (
        float(averaged(kind, counts, labels=chosen, average="macro")) for kind in ("recall", "precision")
    )
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"accuracy": float(right.mean()), "recall": recall, "precision": precision, "f1": f1}


# ---- correlations


def matthews_corrcoef(
    outputs: Any,
    targets: Any,
    *,
    sample_weight: Any = None,
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> float:
    """Matthews' coefficient, the correlation of predictions and targets: 1 perfect, 0 chance, -1 all wrong.

    With two classes it is (TP · TN - FP · FN) / √((TP + FP) (TP + FN) (TN + FP) (TN + FN)). It is 0 if all predictions,
    or all targets, are one class. Parameters are those of `confusion_matrix`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> round(gg.train.metrics.matthews_corrcoef([1, 0, 1, 1], [1, 1, 1, 0]), 2)
    -0.33
    """
    return _matthews_corrcoef(counted("matthews_corrcoef", outputs, targets, sample_weight, threshold, ignore_index))


def _matthews_corrcoef(counts: Counts) -> float:
    matrix = counts.matrix.astype(np.float64)
    actual, predicted, total = matrix.sum(axis=1), matrix.sum(axis=0), matrix.sum()
    if min(np.count_nonzero(actual), np.count_nonzero(predicted)) < 2:
        return 0.0  # of sums of weights, the spread below would be a rounding error
    both = matrix.trace() * total - actual @ predicted
    spread = (total**2 - predicted @ predicted) * (total**2 - actual @ actual)
    return float(both / np.sqrt(spread))


def cohen_kappa(
    outputs: Any,
    targets: Any,
    *,
    weights: str | None = None,
    sample_weight: Any = None,
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> float:
    """Cohen's kappa: how far two agree beyond chance, (p_o - p_e) / (1 - p_e).

    Parameters
    ----------
    outputs, targets, sample_weight, threshold, ignore_index
        As of `confusion_matrix`.
    weights
        ``"linear"`` or ``"quadratic"``: disagreement counts by the distance of the classes' places, for grades that
        have an order; None: all the same.

    Warns
    -----
    UndefinedMetricWarning
        If everything is one class; it is NaN then.

    Examples
    --------
    >>> import graphgrad as gg
    >>> round(gg.train.metrics.cohen_kappa([0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 0]), 4)
    0.5
    """
    _check_weights("cohen_kappa", weights)
    counts = counted("cohen_kappa", outputs, targets, sample_weight, threshold, ignore_index)
    return _cohen_kappa(counts, weights=weights)


def _check_weights(what: str, weights: Any) -> None:
    if weights is not None and (not isinstance(weights, str) or weights not in ("linear", "quadratic")):
        raise ArgumentError(describe(f"{what}: weights is 'linear', 'quadratic' or None, got {weights!r:.80}"))


def _cohen_kappa(counts: Counts, *, weights: str | None = None) -> float:
    matrix = counts.matrix[np.ix_(counts.seen, counts.seen)].astype(np.float64)
    expected = np.outer(matrix.sum(axis=1), matrix.sum(axis=0)) / matrix.sum()
    places = np.arange(len(matrix))
    apart = abs(places[:, None] - places)
    powers = {None: apart > 0, "linear": apart, "quadratic": apart**2}
    by_chance = float((powers[weights] * expected).sum())
    if by_chance == 0:
        warnings.warn(
            "cohen_kappa: targets and predictions are all one class, so it's undefined",
            UndefinedMetricWarning,
            stacklevel=3,
        )
        return float("nan")
    return float(1 - (powers[weights] * matrix).sum() / by_chance)


# ---- over batches


class Accuracy(MeanMetric):
    """The accuracy over batches; see `accuracy` (P13.01).

    Parameters
    ----------
    threshold, ignore_index
        As of `confusion_matrix`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> accuracy = gg.train.metrics.Accuracy()
    >>> accuracy.update([0, 1, 1], [0, 1, 1])
    >>> accuracy.update([0], [1])
    >>> accuracy.compute()
    0.75
    """

    name: ClassVar[str] = "accuracy"

    def __init__(self, *, threshold: float | None = None, ignore_index: int | None = None) -> None:
        super().__init__()
        if threshold is not None:
            check_number("Accuracy", "threshold", threshold)
        check_label("Accuracy", "ignore_index", ignore_index)
        self.threshold, self.ignore_index = threshold, ignore_index

    def update(self, outputs: Any, targets: Any, *, sample_weight: Any = None) -> None:
        """Take in a batch."""
        self._take(*_hits("Accuracy", outputs, targets, sample_weight, self.threshold, self.ignore_index))


class BalancedAccuracy(ConfusionScore):
    """The balanced accuracy over batches; see `balanced_accuracy` (P13.07)."""

    name: ClassVar[str] = "balanced_accuracy"

    def __init__(
        self, *, adjusted: bool = False, threshold: float | None = None, ignore_index: int | None = None
    ) -> None:
        super().__init__(threshold=threshold, ignore_index=ignore_index)
        self.adjusted = adjusted

    def compute(self) -> float:
        """The mean over classes of the recall."""
        return _balanced_accuracy(self.counts(), adjusted=self.adjusted)


class SystemScores(ConfusionScore):
    """The system's scores over batches; see `system_scores` (P13.07).

    Examples
    --------
    >>> import graphgrad as gg
    >>> scores = gg.train.metrics.SystemScores()
    >>> scores.update([0, 0, 1, 1], [0, 0, 1, 0])
    >>> scores.compute()["accuracy"]
    0.75
    """

    name: ClassVar[str] = "system"

    def __init__(self, *, labels: Any = None, threshold: float | None = None, ignore_index: int | None = None) -> None:
        super().__init__(threshold=threshold, ignore_index=ignore_index)
        if labels is not None:
            distinct("SystemScores", labels)
        self.labels = labels

    def compute(self) -> dict[str, float]:
        """The means over classes, by name."""
        return _system_scores(self.counts(), labels=self.labels)


class MatthewsCorrCoef(ConfusionScore):
    """Matthews' coefficient over batches; see `matthews_corrcoef`."""

    name: ClassVar[str] = "matthews_corrcoef"

    def compute(self) -> float:
        """The correlation of predictions and targets."""
        return _matthews_corrcoef(self.counts())


class CohenKappa(ConfusionScore):
    """Cohen's kappa over batches; see `cohen_kappa`."""

    name: ClassVar[str] = "cohen_kappa"

    def __init__(
        self, *, weights: str | None = None, threshold: float | None = None, ignore_index: int | None = None
    ) -> None:
        super().__init__(threshold=threshold, ignore_index=ignore_index)
        _check_weights("CohenKappa", weights)
        self.weights = weights

    def compute(self) -> float:
        """The agreement beyond chance."""
        return _cohen_kappa(self.counts(), weights=self.weights)
