"""Top-k accuracy."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np

from graphgrad.graph.checks import check_count
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.train.metrics.probability import MeanMetric, mean_of
from graphgrad.train.metrics.reading import Array, UndefinedMetricWarning, check_label, scores_of

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
    check_count(what, "k", k)
    scores, labels, weights = scores_of(what, outputs, targets, sample_weight, ignore_index)
    if scores.ndim == 1:
        raise ShapeError(describe(f"{what}: outputs are scores of classes, (N, C, ...) for targets (N, ...)"))
    classes = scores.shape[1]
    if k >= classes:
        warnings.warn(f"{what}: the best {k} of {classes} are all classes", UndefinedMetricWarning, stacklevel=3)
    places = labels[:, None]
    own = np.take_along_axis(scores, places, axis=1)
    better = ((scores > own) | ((scores == own) & (np.arange(classes) < places))).sum(axis=1)
    return better < k, weights


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
        check_label("TopKAccuracy", "ignore_index", ignore_index)
        self.k, self.ignore_index = check_count("TopKAccuracy", "k", k), ignore_index

    def update(self, outputs: Any, targets: Any, *, sample_weight: Any = None) -> None:
        """Take in a batch."""
        self._take(*_among_the_best("TopKAccuracy", outputs, targets, self.k, sample_weight, self.ignore_index))
