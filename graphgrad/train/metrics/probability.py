"""Scores of probabilities: log loss and perplexity; and metrics that are means over samples."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError, describe
from graphgrad.train.metrics.reading import Array, Metric, check_classes, check_label, scores_of

__all__ = ["LogLoss", "MeanMetric", "Perplexity", "check_probabilities", "log_loss", "mean_of", "perplexity"]


def mean_of(what: str, values: Array, weights: Array | None) -> float:
    """A mean over samples, of which there has to be one."""
    if not values.size:
        raise ShapeError(describe(f"{what}: there are no samples"))
    if weights is not None and not weights.sum() > 0:
        raise ArgumentError(describe(f"{what}: all weights are 0"))
    return float(np.average(values, weights=weights))


class MeanMetric(Metric):
    """A metric that is a mean over samples: it keeps a sum and a count."""

    def _take(self, values: Array, weights: Array | None) -> None:
        if values.size:
            total = float(values.sum() if weights is None else (values * weights).sum())
            count = float(values.size if weights is None else weights.sum())
            state = self._state or {"total": 0.0, "count": 0.0}
            self._state = {"total": state["total"] + total, "count": state["count"] + count}

    def compute(self) -> float:
        """The mean over all samples."""
        state = self._gathered()
        if not state["count"] > 0:
            raise ArgumentError(describe(f"{type(self).__name__}: all weights are 0"))
        return float(state["total"] / state["count"])


def check_probabilities(what: str, rows: Array, from_logits: bool) -> Array:
    """Probabilities (n, C): those that were given, or of logits."""
    if from_logits:
        powers = np.exp(rows.astype(np.float64) - rows.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
    sums = rows.sum(axis=1, dtype=np.float64)
    if rows.size and (rows.min() < 0 or abs(sums - 1).max() > np.sqrt(np.finfo(rows.dtype).eps)):
        raise ArgumentError(
            describe(f"{what}: outputs are probabilities that add up to 1", hint="from_logits=True takes logits")
        )
    return rows


def _losses(
    what: str, outputs: Any, targets: Any, from_logits: bool, sample_weight: Any, ignore_index: int | None
) -> tuple[Array, Array | None]:
    """-ln p of each target, float64, and the weights, without those to be ignored."""
    scores, labels, weights = scores_of(what, outputs, targets, sample_weight, ignore_index)
    epsilon = np.finfo(scores.dtype).eps
    if scores.ndim == 1:
        check_classes(what, labels, 2)
        if from_logits:
            return np.logaddexp(0.0, np.where(labels == 1, -1.0, 1.0) * scores), weights
        if scores.size and (scores.min() < 0 or scores.max() > 1):
            raise ArgumentError(
                describe(f"{what}: outputs are probabilities from 0 to 1", hint="from_logits=True takes logits")
            )
        own = np.where(labels == 1, scores, 1 - scores)
    elif from_logits:
        above = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
        return np.log(np.exp(above).sum(axis=1)) - np.take_along_axis(above, labels[:, None], axis=1)[:, 0], weights
    else:
        own = np.take_along_axis(check_probabilities(what, scores, False), labels[:, None], axis=1)[:, 0]
    return -np.log(np.clip(own.astype(np.float64), epsilon, 1 - epsilon)), weights


def log_loss(
    outputs: Any,
    targets: Any,
    *,
    from_logits: bool = False,
    sample_weight: Any = None,
    ignore_index: int | None = None,
) -> float:
    """The mean of -ln p, p the probability that was given to the target: the cross entropy (P04.05, P04.06).

    Parameters
    ----------
    outputs
        Probabilities (N, C, ...) of C classes; or (N,), (N, 1) of yes.
    targets
        Labels, (N, ...): 0 to C - 1; or 0 and 1.
    from_logits
        Whether the outputs are logits, of which softmax or the sigmoid function makes probabilities.
    sample_weight
        How much each sample counts.
    ignore_index
        Samples with this target count for nothing: padding.

    Raises
    ------
    ArgumentError
        If outputs are no probabilities, or targets no classes.

    Notes
    -----
    Probabilities are kept away from 0 and 1 by the rounding error of their dtype, logits need not.

    Examples
    --------
    >>> import graphgrad as gg
    >>> round(gg.train.metrics.log_loss([[0.9, 0.1], [0.2, 0.8]], [0, 1]), 4)
    0.1643
    >>> round(gg.train.metrics.log_loss([0.0, 0.0], [0, 1], from_logits=True), 4)  # ln 2
    0.6931
    """
    return mean_of("log_loss", *_losses("log_loss", outputs, targets, from_logits, sample_weight, ignore_index))


def perplexity(
    outputs: Any,
    targets: Any,
    *,
    from_logits: bool = True,
    sample_weight: Any = None,
    ignore_index: int | None = -100,
) -> float:
    """Between how many symbols a language model seems to choose: exp of the mean of -ln p (P19.06).

    It is exp of `graphgrad.nn.functional.cross_entropy`, with the same arguments: logits (N, C) or (N, C, length), and
    targets of -100 are padding. A model that gives (N, length, C) needs ``np.moveaxis(outputs, -1, 1)``.

    Parameters
    ----------
    outputs, targets, sample_weight, ignore_index
        As of `log_loss`.
    from_logits
        Whether the outputs are logits; otherwise they are probabilities.

    Examples
    --------
    >>> import graphgrad as gg
    >>> round(gg.train.metrics.perplexity([[0.0, 0.0, 0.0, 0.0]], [2]), 4)
    4.0
    """
    losses = _losses("perplexity", outputs, targets, from_logits, sample_weight, ignore_index)
    return _exp(mean_of("perplexity", *losses))


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


class LogLoss(MeanMetric):
    """The log loss over batches; see `log_loss` (P04.05).

    Parameters
    ----------
    from_logits, ignore_index
        As of `log_loss`.
    """

    name: ClassVar[str] = "log_loss"

    def __init__(self, *, from_logits: bool = False, ignore_index: int | None = None) -> None:
        super().__init__()
        check_label(type(self).__name__, "ignore_index", ignore_index)
        self.from_logits, self.ignore_index = from_logits, ignore_index

    def update(self, outputs: Any, targets: Any, *, sample_weight: Any = None) -> None:
        """Take in a batch."""
        what = type(self).__name__
        self._take(*_losses(what, outputs, targets, self.from_logits, sample_weight, self.ignore_index))


class Perplexity(LogLoss):
    """The perplexity over batches; see `perplexity` (P19.06).

    Parameters
    ----------
    from_logits, ignore_index
        As of `perplexity`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> perplexity = gg.train.metrics.Perplexity()
    >>> perplexity.update([[0.0, 0.0, 0.0, 0.0], [9.0, 0.0, 0.0, 0.0]], [2, -100])  # the second is padding
    >>> round(perplexity.compute(), 4)
    4.0
    """

    name: ClassVar[str] = "perplexity"

    def __init__(self, *, from_logits: bool = True, ignore_index: int | None = -100) -> None:
        super().__init__(from_logits=from_logits, ignore_index=ignore_index)

    def compute(self) -> float:
        """Exp of the mean over all samples."""
        return _exp(super().compute())
