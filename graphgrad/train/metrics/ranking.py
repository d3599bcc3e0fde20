"""Scores of an order: the ROC curve and the precision-recall curve, and the areas under them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from graphgrad.graph.checks import check_choice
from graphgrad.graph.errors import ArgumentError, ShapeError, describe
from graphgrad.train.metrics.probability import check_probabilities
from graphgrad.train.metrics.reading import Array, Metric, UndefinedMetricWarning, array_of, check_label, scores_of

__all__ = [
    "AUROC",
    "AveragePrecision",
    "auc",
    "average_precision",
    "precision_recall_curve",
    "roc_auc",
    "roc_curve",
]


# ---- curves


def _samples(
    what: str, outputs: Any, targets: Any, pos_label: int | None, sample_weight: Any
) -> tuple[Array, Array, Array | None]:
    """Scores, (n,) or (n, C), labels and weights; of samples without weight nothing is left."""
    check_label(what, "pos_label", pos_label)
    scores, labels, weights = scores_of(what, outputs, targets, sample_weight)
    if not labels.size:
        raise ShapeError(describe(f"{what}: there are no samples"))
    if weights is not None:
        kept = weights > 0
        if not kept.any():
            raise ArgumentError(describe(f"{what}: all weights are 0"))
        scores, labels, weights = scores[kept], labels[kept], weights[kept]
    return scores, labels, weights


def _binary(
    what: str, scores: Array, labels: Array, weights: Array | None, pos_label: int | None
) -> tuple[Array, Array, Array | None]:
    """Scores for yes, which samples are, and their weights."""
    if scores.ndim == 2:
        if scores.shape[1] > 2:
            raise ShapeError(
                describe(f"{what}: a score of yes or no is needed, got scores of {scores.shape[1]} classes")
            )
        if pos_label not in (None, 0, 1):
            raise ArgumentError(describe(f"{what}: pos_label is {pos_label}, the classes are 0 and 1"))
        yes = 1 if pos_label is None else pos_label
        return scores[:, yes].astype(np.float64) - scores[:, 1 - yes], labels == yes, weights
    if pos_label is None:
        found = np.unique(labels).tolist()
        if not (set(found) <= {0, 1} or set(found) <= {-1, 1}):
            raise ArgumentError(
                describe(
                    f"{what}: targets are 0 and 1, got {found[:6]}",
                    hint="pos_label says which of them is yes; several classes need scores (N, C)",
                )
            )
        pos_label = 1
    return scores, labels == pos_label, weights


def _cumulated(scores: Array, positive: Array, weights: Array | None) -> tuple[Array, Array, Array]:
    """False and true positives when all from each score on are taken for yes; and these scores, descending."""
    order = np.argsort(-scores, kind="stable")
    scores, positive = scores[order], positive[order]
    amount = 1.0 if weights is None else weights[order]
    last = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)
    true = np.cumsum(positive * amount)[last]
    false = np.cumsum(~positive * amount)[last]
    return false, true, scores[last]


def _bends(false: Array, true: Array) -> Array:
    """The points of a curve that don't lie within a straight piece of it."""
    if len(false) <= 2:
        return np.arange(len(false))
    return np.flatnonzero(np.concatenate([[True], (np.diff(false, 2) != 0) | (np.diff(true, 2) != 0), [True]]))


def _share(what: str, part: Array, name: str) -> Array:
    if part[-1] > 0:
        return np.asarray(part / part[-1])
    warnings.warn(f"{what}: there are no {name} samples, so it is undefined", UndefinedMetricWarning, stacklevel=4)
    return np.full(part.shape, np.nan)


def roc_curve(
    outputs: Any,
    targets: Any,
    *,
    pos_label: int | None = None,
    sample_weight: Any = None,
    drop_intermediate: bool = True,
) -> tuple[Array, Array, Array]:
    """The ROC curve: the rates of false and true positives for each threshold.

    Parameters
    ----------
    outputs
        Scores for yes, (N,) or (N, 1); or scores (N, 2) of two classes: the score is that of yes less the other.
        Logits or probabilities: only their order counts.
    targets
        Labels, (N,): 0 and 1, or -1 and 1.
    pos_label
        Which label is yes; needed if they are others.
    sample_weight
        How much each sample counts.
    drop_intermediate
        Whether to leave out points on a straight piece of the curve.

    Returns
    -------
    fpr, tpr, thresholds
        Ascending rates, and the scores from which on samples are taken for yes, descending, from infinity.

    Warns
    -----
    UndefinedMetricWarning
        If all targets are one class; a rate is NaN then.

    Examples
    --------
    >>> import graphgrad as gg
    >>> fpr, tpr, thresholds = gg.train.metrics.roc_curve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    >>> fpr.tolist(), tpr.tolist(), thresholds.tolist()
    ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0], [inf, 0.8, 0.4, 0.35, 0.1])
    """
    what = "roc_curve"
    samples = _samples(what, outputs, targets, pos_label, sample_weight)
    return _roc(what, *_binary(what, *samples, pos_label), drop_intermediate)


def _roc(what: str, scores: Array, positive: Array, weights: Array | None, drop: bool) -> tuple[Array, Array, Array]:
    false, true, thresholds = _cumulated(scores, positive, weights)
    if drop:
        bends = _bends(false, true)
        false, true, thresholds = false[bends], true[bends], thresholds[bends]
    fpr = _share(what, np.concatenate([[0.0], false]), "negative")
    tpr = _share(what, np.concatenate([[0.0], true]), "positive")
    return fpr, tpr, np.concatenate([[np.inf], thresholds.astype(np.float64)])


def auc(x: Any, y: Any) -> float:
    """The area under a curve through points, by trapezoids.

    Parameters
    ----------
    x, y
        The points, in the order of x, ascending or descending.

    Raises
    ------
    ArgumentError
        If x goes up and down or has NaN, or there are fewer than two points.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.auc([0.0, 0.5, 1.0], [0.0, 1.0, 1.0])
    0.75
    """
    xs, ys = (array_of("auc", name, value).astype(np.float64) for name, value in (("x", x), ("y", y)))
    if xs.shape != ys.shape or xs.ndim != 1:
        raise ShapeError(describe(f"auc: x and y are two lists of one length, got shapes {xs.shape} and {ys.shape}"))
    steps = np.diff(xs)
    if len(xs) < 2 or not ((steps >= 0).all() or (steps <= 0).all()):
        raise ArgumentError(describe("auc: x ascends or descends, over two points or more"))
    area = float(np.trapezoid(ys, xs))
    return -area if (steps < 0).any() else area


def roc_auc(
    outputs: Any,
    targets: Any,
    *,
    average: str | None = "macro",
    sample_weight: Any = None,
    multi_class: str = "raise",
    from_logits: bool = False,
    pos_label: int | None = None,
) -> float | Array:
    """The area under the ROC curve: how likely a yes has a higher score than a no; 0.5 is chance.

    Parameters
    ----------
    outputs
        As of `roc_curve`; or probabilities (N, C) of C classes.
    targets
        Labels: 0 and 1, or 0 to C - 1.
    average
        For several classes, ``"macro"``, ``"weighted"`` by how many samples they have, or None for each.
    sample_weight
        How much each sample counts.
    multi_class
        For several classes: ``"ovr"``, each against all others; ``"ovo"``, the mean over pairs of classes that occur,
        without weights of samples; ``"raise"`` refuses them.
    from_logits
        Whether scores (N, C) are logits; softmax makes probabilities of them.
    pos_label
        Of two classes, which is yes.

    Raises
    ------
    ArgumentError
        If there are several classes and `multi_class` isn't given, or rows aren't probabilities.

    Warns
    -----
    UndefinedMetricWarning
        If all samples, or none, are of a class; the area is NaN then.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.roc_auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    _check_areas("roc_auc", average, multi_class)
    scores, labels, weights = _samples("roc_auc", outputs, targets, pos_label, sample_weight)
    if scores.ndim == 1 or scores.shape[1] == 2:
        return _area("roc_auc", *_binary("roc_auc", scores, labels, weights, pos_label))
    if multi_class == "raise":
        raise ArgumentError(
            describe(
                f"roc_auc: there are {scores.shape[1]} classes, and multi_class is {multi_class!r}",
                hint="'ovr' takes each class against all others, 'ovo' against each other",
            )
        )
    scores = check_probabilities("roc_auc", scores, from_logits)
    if multi_class == "ovr":
        areas = [_area("roc_auc", scores[:, c], labels == c, weights) for c in range(scores.shape[1])]
        return _mean(np.array(areas), labels, weights, average)
    if weights is not None:
        raise ArgumentError(describe("roc_auc: multi_class='ovo' takes no sample_weight"))
    present = np.unique(labels).tolist()
    if len(present) < 2:
        warnings.warn("roc_auc: all samples are of one class", UndefinedMetricWarning, stacklevel=2)
        return float("nan")
    areas, shares = [], []
    for one, other in combinations(present, 2):
        pair = (labels == one) | (labels == other)
        of_both = [_area("roc_auc", scores[pair, c], labels[pair] == c, None) for c in (one, other)]
        areas.append(sum(of_both) / 2)
        shares.append(pair.mean())
    return float(np.average(areas, weights=shares if average == "weighted" else None))


def _area(what: str, scores: Array, positive: Array, weights: Array | None) -> float:
    if not positive.any() or positive.all():
        warnings.warn(f"{what}: all samples, or none, are of a class", UndefinedMetricWarning, stacklevel=3)
        return float("nan")
    fpr, tpr, _ = _roc(what, scores, positive, weights, True)
    return float(np.trapezoid(tpr, fpr))


_STEPS = ("macro", "weighted", "micro", None)  # how `average_precision` joins several classes


def _check_average(what: str, average: str | None, names: tuple[str | None, ...]) -> None:
    if average not in names:
        raise ArgumentError(describe(f"{what}: average is one of {', '.join(map(repr, names))}, got {average!r}"))


def _check_areas(what: str, average: str | None, multi_class: str) -> None:
    check_choice(what, "multi_class", multi_class, ("raise", "ovr", "ovo"))
    _check_average(what, average, ("macro", "weighted") if multi_class == "ovo" else ("macro", "weighted", None))


def _mean(scores: Array, labels: Array, weights: Array | None, average: str | None) -> float | Array:
    if average is None:
        return scores
    if average == "macro":
        return float(scores.mean())
    shares = np.bincount(labels, weights, minlength=len(scores))
    return float(np.average(np.where(shares > 0, scores, 0.0), weights=shares))  # else 0 · NaN would be NaN


def precision_recall_curve(
    outputs: Any,
    targets: Any,
    *,
    pos_label: int | None = None,
    sample_weight: Any = None,
    drop_intermediate: bool = False,
) -> tuple[Array, Array, Array]:
    """Precision and recall for each threshold.

    Parameters
    ----------
    outputs, targets, pos_label, sample_weight
        As of `roc_curve`.
    drop_intermediate
        Whether to leave out points that change nothing in a picture of the curve.

    Returns
    -------
    precision, recall, thresholds
        The recall descends to 0, where the precision is 1 and which has no threshold; the thresholds ascend.

    Examples
    --------
    >>> import graphgrad as gg
    >>> precision, recall, thresholds = gg.train.metrics.precision_recall_curve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    >>> precision.round(3).tolist(), recall.tolist()
    ([0.5, 0.667, 0.5, 1.0, 1.0], [1.0, 1.0, 0.5, 0.5, 0.0])
    >>> thresholds.tolist()
    [0.1, 0.35, 0.4, 0.8]
    """
    what = "precision_recall_curve"
    samples = _samples(what, outputs, targets, pos_label, sample_weight)
    return _precision_recall(what, *_binary(what, *samples, pos_label), drop_intermediate)


def _precision_recall(
    what: str, scores: Array, positive: Array, weights: Array | None, drop: bool
) -> tuple[Array, Array, Array]:
    false, true, thresholds = _cumulated(scores, positive, weights)
    if drop and len(true) > 2:
        turns = np.diff(true) != 0
        kept = np.concatenate([[True], turns[:-1] | turns[1:], [True]])
        false, true, thresholds = false[kept], true[kept], thresholds[kept]
    precision = true / (true + false)
    if true[-1] == 0:
        warnings.warn(
            f"{what}: there are no positive samples; the recall counts as 1", UndefinedMetricWarning, stacklevel=3
        )
        recall = np.ones_like(true)
    else:
        recall = true / true[-1]
    return np.append(precision[::-1], 1.0), np.append(recall[::-1], 0.0), thresholds[::-1].astype(np.float64)


def average_precision(
    outputs: Any,
    targets: Any,
    *,
    average: str | None = "macro",
    pos_label: int | None = None,
    sample_weight: Any = None,
) -> float | Array:
    """The area under the precision-recall curve, in steps: Σ (Rₙ - Rₙ₋₁) · Pₙ.

    Parameters
    ----------
    outputs
        As of `roc_curve`; or scores (N, C) of C classes, each of which is ranked by its own column.
    targets
        Labels: 0 and 1, or 0 to C - 1.
    average
        For several classes, ``"macro"``, ``"weighted"`` by how many samples they have, ``"micro"`` for all scores
        together, or None for each.
    pos_label, sample_weight
        As of `roc_curve`.

    Warns
    -----
    UndefinedMetricWarning
        If there are no samples of a class; its score is 0 then.

    Examples
    --------
    >>> import graphgrad as gg
    >>> round(gg.train.metrics.average_precision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 4)
    0.8333
    """
    what = "average_precision"
    _check_average(what, average, _STEPS)
    scores, labels, weights = _samples(what, outputs, targets, pos_label, sample_weight)
    if scores.ndim == 1 or scores.shape[1] == 2:
        return _steps(what, *_binary(what, scores, labels, weights, pos_label))
    own = labels[:, None] == np.arange(scores.shape[1])
    if average == "micro":
        repeated = None if weights is None else np.repeat(weights, scores.shape[1])
        return _steps(what, scores.ravel(), own.ravel(), repeated)
    found = [_steps(what, scores[:, c], own[:, c], weights) for c in range(scores.shape[1])]
    return _mean(np.array(found), labels, weights, average)


def _steps(what: str, scores: Array, positive: Array, weights: Array | None) -> float:
    if not positive.any():
        warnings.warn(f"{what}: there are no samples of a class", UndefinedMetricWarning, stacklevel=3)
        return 0.0
    precision, recall, _ = _precision_recall(what, scores, positive, weights, False)
    return float(-(np.diff(recall) * precision[:-1]).sum())


# ---- over batches


class _Ranking(Metric):
    """Keeps all scores and labels: an order of them isn't known before."""

    def update(self, outputs: Any, targets: Any, *, sample_weight: Any = None) -> None:
        """Take in a batch."""
        what = type(self).__name__
        scores, labels, weights = scores_of(what, outputs, targets, sample_weight)
        if not labels.size:
            return
        kept = self._state or {"outputs": [], "targets": [], "weights": []}
        if kept["outputs"] and kept["outputs"][-1].shape[1:] != scores.shape[1:]:
            raise ShapeError(
                describe(f"{what}: outputs were of shape {kept['outputs'][-1].shape}, and now are of {scores.shape}")
            )
        if kept["outputs"] and (kept["weights"][-1] is None) != (weights is None):
            raise ArgumentError(describe(f"{what}: all batches have a sample_weight, or none has"))
        kept["outputs"].append(np.array(scores))
        kept["targets"].append(np.array(labels))
        kept["weights"].append(None if weights is None else np.array(weights))
        self._state = kept

    def state_dict(self) -> dict[str, Any]:
        """What was gathered so far."""
        return {name: list(parts) for name, parts in self._state.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where a `state_dict` was taken."""
        self._state = {name: list(parts) for name, parts in state_dict.items()}

    def _all(self) -> dict[str, Any]:
        joined = {name: None if parts[0] is None else np.concatenate(parts) for name, parts in self._gathered().items()}
        return {"outputs": joined["outputs"], "targets": joined["targets"], "sample_weight": joined["weights"]}


class AUROC(_Ranking):
    """The area under the ROC curve over batches, all scores of which it keeps; see `roc_auc`.

    Parameters
    ----------
    average, multi_class, from_logits, pos_label
        As of `roc_auc`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> area = gg.train.metrics.AUROC()
    >>> area.update([0.1, 0.4], [0, 0])
    >>> area.update([0.35, 0.8], [1, 1])
    >>> area.compute()
    0.75
    """

    name: ClassVar[str] = "roc_auc"

    def __init__(
        self,
        *,
        average: str | None = "macro",
        multi_class: str = "raise",
        from_logits: bool = False,
        pos_label: int | None = None,
    ) -> None:
        super().__init__()
        _check_areas("AUROC", average, multi_class)
        check_label("AUROC", "pos_label", pos_label)
        self.average, self.multi_class, self.from_logits = average, multi_class, from_logits
        self.pos_label = pos_label

    def compute(self) -> float | Array:
        """The area."""
        return roc_auc(
            **self._all(),
            average=self.average,
            multi_class=self.multi_class,
            from_logits=self.from_logits,
            pos_label=self.pos_label,
        )


class AveragePrecision(_Ranking):
    """The average precision over batches, all scores of which it keeps; see `average_precision`.

    Parameters
    ----------
    average, pos_label
        As of `average_precision`.
    """

    name: ClassVar[str] = "average_precision"

    def __init__(self, *, average: str | None = "macro", pos_label: int | None = None) -> None:
        super().__init__()
        _check_average("AveragePrecision", average, _STEPS)
        check_label("AveragePrecision", "pos_label", pos_label)
        self.average, self.pos_label = average, pos_label

    def compute(self) -> float | Array:
        """The area in steps."""
        return average_precision(**self._all(), average=self.average, pos_label=self.pos_label)
