"""Scores of each class against all others, and their averages: precision, recall, F1, specificity, Jaccard, Dice."""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar

import numpy as np

from graphgrad.graph.checks import is_number
from graphgrad.graph.errors import ArgumentError, describe
from graphgrad.train.metrics.confusion import ConfusionScore, Counts, counted, distinct
from graphgrad.train.metrics.reading import Array, UndefinedMetricWarning, check_label

__all__ = [
    "AveragedScore",
    "Dice",
    "F1Score",
    "FBetaScore",
    "JaccardIndex",
    "Precision",
    "Recall",
    "Specificity",
    "averaged",
    "dice",
    "f1",
    "fbeta",
    "jaccard",
    "precision",
    "recall",
    "specificity",
]

_AVERAGES = ("binary", "micro", "macro", "weighted", None)


def _places(kind: str, counts: Counts, labels: Any, pos_label: int, average: str | None) -> tuple[Counts, Array]:
    if average != "binary":
        return counts.chosen(kind, labels)
    present = counts.labels[counts.seen]
    if (counts.classes or 0) > 2 or len(present) > 2:
        raise ArgumentError(
            describe(
                f"{kind}: there are {max(counts.classes or 0, len(present))} classes, and average='binary' is for two",
                hint="average='macro' is the mean over classes, 'micro' counts all samples, None gives all scores",
            )
        )
    if counts.classes == 2:
        present = counts.labels
    if len(present) == 2 and pos_label not in present:
        raise ArgumentError(describe(f"{kind}: pos_label is {pos_label}, the classes are {present.tolist()}"))
    return counts.chosen(kind, [pos_label])


def _check_options(what: str, average: Any, pos_label: Any, zero_division: Any, beta: Any = 1.0) -> None:
    """Refuse options that are none."""
    if not (average is None or isinstance(average, str)) or average not in _AVERAGES:
        raise ArgumentError(
            describe(f"{what}: average is one of {', '.join(map(repr, _AVERAGES))}, got {average!r:.80}")
        )
    check_label(what, "pos_label", pos_label)
    nan = isinstance(zero_division, (float, np.floating)) and math.isnan(zero_division)
    if not (nan or zero_division == "warn" or (is_number(zero_division) and zero_division in (0, 1))):
        raise ArgumentError(describe(f"{what}: zero_division is 'warn', 0, 1 or NaN, got {zero_division!r:.80}"))
    infinite = isinstance(beta, (float, np.floating)) and math.isinf(beta)
    if not ((infinite or is_number(beta)) and beta >= 0):
        raise ArgumentError(describe(f"{what}: beta is a number from 0, got {beta!r:.80}"))


def averaged(
    kind: str,
    counts: Counts,
    *,
    labels: Any = None,
    pos_label: int = 1,
    average: str | None = "binary",
    zero_division: float | str = "warn",
    beta: float = 1.0,
) -> float | Array:
    """A score of each class, or an average of them."""
    _check_options(kind, average, pos_label, zero_division, beta)
    instead = 0.0 if zero_division == "warn" else float(zero_division)
    counts, places = _places(kind, counts, labels, pos_label, average)
    tp, actual, predicted = (
        part[places].astype(np.float64) for part in (counts.true_positives, counts.actual, counts.predicted)
    )
    over: Array
    under: Array
    match kind:
        case "precision":
            over, under = tp, predicted
        case "recall":
            over, under = tp, actual
        case "specificity":
            under = counts.others[places].astype(np.float64)
            over = under - counts.false_positives[places]
        case "jaccard":
            over, under = tp, actual + predicted - tp
        case _ if math.isinf(beta):
            over, under = tp, actual
        case _:  # fbeta, f1 and dice
            over, under = (1 + beta**2) * tp, beta**2 * actual + predicted
    if average == "micro":
        over, under = over.sum(keepdims=True), under.sum(keepdims=True)
    undefined = under == 0
    scores: Array = np.divide(over, under, out=np.full(over.shape, instead), where=~undefined)
    if zero_division == "warn" and undefined.any():
        which = "all of them" if average == "micro" else f"class {_listed(counts.labels[places][undefined])}"
        warnings.warn(
            f"{kind}: undefined for {which}, {_NOTHING.get(kind, 'neither predicted nor among the targets')};"
            " it counts as 0, and zero_division=0 takes it so without a warning",
            UndefinedMetricWarning,
            stacklevel=3,
        )
    if average is None:
        return scores
    if average == "weighted":
        defined = ~np.isnan(scores)
        if defined.any() and actual[defined].sum() > 0:
            return float(np.average(scores[defined], weights=actual[defined]))
    return float(np.nanmean(scores)) if not np.isnan(scores).all() else math.nan


_NOTHING = {
    "precision": "never predicted",
    "recall": "not among the targets",
    "specificity": "which all targets are",
}


def _listed(labels: Array) -> str:
    return ", ".join(map(str, labels.tolist()))


def precision(
    outputs: Any,
    targets: Any,
    *,
    labels: Any = None,
    pos_label: int = 1,
    average: str | None = "binary",
    sample_weight: Any = None,
    zero_division: float | str = "warn",
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> float | Array:
    """Of what was taken for a class, the share that is of it: TP / (TP + FP) (P13.05).

    Parameters
    ----------
    outputs, targets, sample_weight, threshold, ignore_index
        As of `confusion_matrix`.
    labels
        Which classes an average is over, or whose scores are given; by default those that occur. With ``"binary"``
        it is `pos_label` alone.
    pos_label
        With ``"binary"``, the class whose score is given.
    average
        ``"binary"``: the score of one of two classes. ``"macro"``: the mean over classes (P13.07). ``"weighted"``: that
        mean, by how many samples classes have. ``"micro"``: of the counts of all classes together. None: the score of
        each class.
    zero_division
        What counts where nothing was predicted: 0, 1, or NaN, which averages leave out; ``"warn"`` is 0 and a warning.

    Returns
    -------
    float or ndarray

    Raises
    ------
    ArgumentError
        If the average is ``"binary"`` and there are more classes than two, or `pos_label` is none of them; or an option
        is none.

    Warns
    -----
    UndefinedMetricWarning
        If a class was never predicted.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.precision([1, 1, 0, 1], [1, 0, 0, 1])
    0.6666666666666666
    >>> logits = [[2.0, 0.0, 1.0], [0.0, 2.0, 1.0], [0.0, 2.0, 1.0], [0.0, 1.0, 2.0]]
    >>> gg.train.metrics.precision(logits, [0, 1, 2, 2], average=None).tolist()
    [1.0, 0.5, 1.0]
    """
    counts = counted("precision", outputs, targets, sample_weight, threshold, ignore_index)
    return averaged(
        "precision", counts, labels=labels, pos_label=pos_label, average=average, zero_division=zero_division
    )


def recall(
    outputs: Any,
    targets: Any,
    *,
    labels: Any = None,
    pos_label: int = 1,
    average: str | None = "binary",
    sample_weight: Any = None,
    zero_division: float | str = "warn",
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> float | Array:
    """Of a class, the share that was recognised: TP / (TP + FN), the sensitivity (P13.04).

    Parameters are those of `precision`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.recall([1, 0, 0, 1], [1, 1, 0, 1])
    0.6666666666666666
    """
    counts = counted("recall", outputs, targets, sample_weight, threshold, ignore_index)
    return averaged("recall", counts, labels=labels, pos_label=pos_label, average=average, zero_division=zero_division)


def specificity(
    outputs: Any,
    targets: Any,
    *,
    labels: Any = None,
    pos_label: int = 1,
    average: str | None = "binary",
    sample_weight: Any = None,
    zero_division: float | str = "warn",
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> float | Array:
    """Of what isn't of a class, the share that wasn't taken for it: TN / (TN + FP), the recall of the others.

    Parameters are those of `precision`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.specificity([1, 1, 0, 1], [1, 0, 0, 1])
    0.5
    """
    counts = counted("specificity", outputs, targets, sample_weight, threshold, ignore_index)
    return averaged(
        "specificity", counts, labels=labels, pos_label=pos_label, average=average, zero_division=zero_division
    )


def fbeta(
    outputs: Any,
    targets: Any,
    *,
    beta: float,
    labels: Any = None,
    pos_label: int = 1,
    average: str | None = "binary",
    sample_weight: Any = None,
    zero_division: float | str = "warn",
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> float | Array:
    """Precision P and recall R as one number: (1 + β²) · P · R / (β² · P + R).

    Parameters
    ----------
    outputs, targets, labels, pos_label, average, sample_weight, zero_division, threshold, ignore_index
        As of `precision`.
    beta
        How many times as important the recall is; 0 gives the precision, infinity the recall.

    Examples
    --------
    >>> import graphgrad as gg
    >>> round(gg.train.metrics.fbeta([1, 1, 0, 1], [1, 0, 0, 1], beta=2.0), 4)
    0.9091
    """
    counts = counted("fbeta", outputs, targets, sample_weight, threshold, ignore_index)
    return averaged(
        "fbeta", counts, labels=labels, pos_label=pos_label, average=average, zero_division=zero_division, beta=beta
    )


def f1(
    outputs: Any,
    targets: Any,
    *,
    labels: Any = None,
    pos_label: int = 1,
    average: str | None = "binary",
    sample_weight: Any = None,
    zero_division: float | str = "warn",
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> float | Array:
    """The harmonic mean of precision and recall: TP / (TP + (FP + FN) / 2) (P13.06).

    ``"macro"`` is the mean of the F1 of classes; the F1 of the mean precision and recall is in `system_scores`.
    Parameters are those of `precision`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.f1([1, 1, 0, 1], [1, 0, 0, 1])
    0.8
    """
    counts = counted("f1", outputs, targets, sample_weight, threshold, ignore_index)
    return averaged("f1", counts, labels=labels, pos_label=pos_label, average=average, zero_division=zero_division)


def dice(
    outputs: Any,
    targets: Any,
    *,
    labels: Any = None,
    pos_label: int = 1,
    average: str | None = "binary",
    sample_weight: Any = None,
    zero_division: float | str = "warn",
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> float | Array:
    """Dice's coefficient of the regions A predicted and B actual: 2 |A ∩ B| / (|A| + |B|) (P04.18).

    Over pixels it is the `f1`. For training there is `graphgrad.nn.functional.soft_dice_loss`. Parameters are those of
    `precision`: scores are (N, C, height, width) for targets (N, height, width).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.dice([[1, 1, 0], [0, 0, 0]], [[0, 1, 1], [0, 0, 0]])
    0.5
    """
    counts = counted("dice", outputs, targets, sample_weight, threshold, ignore_index)
    return averaged("dice", counts, labels=labels, pos_label=pos_label, average=average, zero_division=zero_division)


def jaccard(
    outputs: Any,
    targets: Any,
    *,
    labels: Any = None,
    pos_label: int = 1,
    average: str | None = "binary",
    sample_weight: Any = None,
    zero_division: float | str = "warn",
    threshold: float | None = None,
    ignore_index: int | None = None,
) -> float | Array:
    """Jaccard's index, the intersection over union (IoU) of regions: |A ∩ B| / |A ∪ B| (P04.18).

    ``average="macro"`` is the mean IoU of a segmentation. For training there is
    `graphgrad.nn.functional.soft_jaccard_loss`. Parameters are those of `precision`: scores are (N, C, height, width)
    for targets (N, height, width).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.jaccard([[1, 1, 0], [0, 0, 0]], [[0, 1, 1], [0, 0, 0]])
    0.3333333333333333
    """
    counts = counted("jaccard", outputs, targets, sample_weight, threshold, ignore_index)
    return averaged("jaccard", counts, labels=labels, pos_label=pos_label, average=average, zero_division=zero_division)


# ---- over batches


class AveragedScore(ConfusionScore):
    """A score of each class, or an average of them, over batches.

    Parameters
    ----------
    average, labels, pos_label, zero_division, threshold, ignore_index
        As of `precision`.
    """

    def __init__(
        self,
        *,
        average: str | None = "binary",
        labels: Any = None,
        pos_label: int = 1,
        zero_division: float | str = "warn",
        threshold: float | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(threshold=threshold, ignore_index=ignore_index)
        what = type(self).__name__
        _check_options(what, average, pos_label, zero_division)
        if labels is not None:
            distinct(what, labels)
        self.average, self.labels, self.pos_label, self.zero_division = average, labels, pos_label, zero_division

    def compute(self) -> float | Array:
        """The score of all batches."""
        return self._averaged()

    def _averaged(self, **options: Any) -> float | Array:
        return averaged(
            self.name,
            self.counts(),
            labels=self.labels,
            pos_label=self.pos_label,
            average=self.average,
            zero_division=self.zero_division,
            **options,
        )


class Precision(AveragedScore):
    """The precision over batches; see `precision` (P13.05).

    Examples
    --------
    >>> import graphgrad as gg
    >>> precision = gg.train.metrics.Precision(average="macro")
    >>> precision.update([0, 1, 2], [0, 1, 1])
    >>> precision.update([2, 0], [2, 1])
    >>> precision.compute()
    0.6666666666666666
    """

    name: ClassVar[str] = "precision"


class Recall(AveragedScore):
    """The recall over batches; see `recall` (P13.04)."""

    name: ClassVar[str] = "recall"


class Specificity(AveragedScore):
    """The specificity over batches; see `specificity`."""

    name: ClassVar[str] = "specificity"


class F1Score(AveragedScore):
    """The F1 over batches; see `f1` (P13.06)."""

    name: ClassVar[str] = "f1"


class FBetaScore(AveragedScore):
    """The Fβ over batches; see `fbeta`.

    Parameters
    ----------
    beta
        How many times as important the recall is.
    **options
        As of `F1Score`.
    """

    name: ClassVar[str] = "fbeta"

    def __init__(self, beta: float, **options: Any) -> None:
        super().__init__(**options)
        _check_options("FBetaScore", self.average, self.pos_label, self.zero_division, beta)
        self.beta = beta

    def compute(self) -> float | Array:
        """The score of all batches."""
        return self._averaged(beta=self.beta)


class Dice(AveragedScore):
    """Dice's coefficient over batches, of all pixels together; see `dice` (P04.18)."""

    name: ClassVar[str] = "dice"


class JaccardIndex(AveragedScore):
    """The intersection over union over batches, of all pixels together; see `jaccard` (P04.18).

    Examples
    --------
    >>> import graphgrad as gg
    >>> iou = gg.train.metrics.JaccardIndex(average="macro")  # the mean IoU
    >>> iou.update([[[0, 0], [1, 1]]], [[[0, 1], [1, 1]]])
    >>> round(iou.compute(), 4)
    0.5833
    """

    name: ClassVar[str] = "jaccard"
