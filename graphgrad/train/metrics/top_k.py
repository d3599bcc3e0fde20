"""Top-k accuracy."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError, describe
from graphgrad.train.metrics.probability import MeanMetric, mean_of
from graphgrad.train.metrics.reading import (
    Array,
    UndefinedMetricWarning,
    array_of,
    check_classes,
    check_not_nan,
    class_scores,
    weights_of,
)

__all__ = ["TopKAccuracy", "top_k_accuracy"]


def top_k_accuracy(
    outputs: Any, targets: Any, *, k: int = 2, sample_weight: Any = None, ignore_index: int | None = None
) -> float:
    """The share of samples whose class is among the k with the largest scores (P13.08).

    Parameters
    ----------
    outputs
        Scores (N, C, ...) of C classes, logits or probabilities. Of equal ones the first class is the best, as for
        `accuracy`.
    targets
        Labels, (N, ...).
    k
        How many classes may be named.
    sample_weight, ignore_index
        As of `confusion_matrix`.

    Warns
    -----
    UndefinedMetricWarning
        If k names all classes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> scores = [[0.1, 0.6, 0.3], [0.5, 0.2, 0.3], [0.2, 0.3, 0.5]]
    >>> gg.train.metrics.top_k_accuracy(scores, [2, 0, 1], k=2)
    1.0
    """
    return mean_of(
        "top_k_accuracy", *_among_the_best("top_k_accuracy", outputs, targets, k, sample_weight, ignore_index)
    )


def _among_the_best(
    what: str, outputs: Any, targets: Any, k: int, sample_weight: Any, ignore_index: int | None
) -> tuple[Array, Array | None]:
    check_k(what, k)
    found = class_scores(what, array_of(what, "outputs", outputs), array_of(what, "targets", targets))
    if found is None:
        raise ShapeError(describe(f"{what}: outputs are scores of classes, (N, C, ...) for targets (N, ...)"))
    scores, labels = found
    weights = weights_of(what, sample_weight, labels.shape)
    kept = np.ones(labels.shape, dtype=bool) if ignore_index is None else labels != ignore_index
    classes = scores.shape[1]
    check_classes(what, labels[kept], classes)
    check_not_nan(what, scores)
    if k >= classes:
        warnings.warn(f"{what}: the best {k} of {classes} are all classes", UndefinedMetricWarning, stacklevel=3)
    places = np.where(kept, labels, 0)[:, None]
    own = np.take_along_axis(scores, places, axis=1)
    numbers = np.arange(classes).reshape(-1, *[1] * (scores.ndim - 2))
    better = ((scores > own) | ((scores == own) & (numbers < places))).sum(axis=1)
    return (better < k)[kept], None if weights is None else weights[kept]


def check_k(what: str, k: int) -> None:
    """Refuse what is no number of classes."""
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise ArgumentError(describe(f"{what}: k is a whole number from 1, got {k!r}"))


class TopKAccuracy(MeanMetric):
    """The top-k accuracy over batches; see `top_k_accuracy` (P13.08).

    Parameters
    ----------
    k, ignore_index
        As of `top_k_accuracy`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> top = gg.train.metrics.TopKAccuracy(k=2)
    >>> top.update([[0.1, 0.6, 0.3]], [2])
    >>> top.update([[0.1, 0.6, 0.3]], [0])
    >>> top.compute()
    0.5
    """

    name: ClassVar[str] = "top_k_accuracy"

    def __init__(self, k: int = 2, *, ignore_index: int | None = None) -> None:
        super().__init__()
        check_k("TopKAccuracy", k)
        self.k, self.ignore_index = k, ignore_index

    def update(self, outputs: Any, targets: Any, *, sample_weight: Any = None) -> None:
        """Take in a batch."""
        self._take(*_among_the_best("TopKAccuracy", outputs, targets, self.k, sample_weight, self.ignore_index))
