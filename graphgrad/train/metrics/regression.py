"""Scores of numbers: the mean squared and absolute error, and the coefficient of determination."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from graphgrad.graph.checks import check_choice
from graphgrad.graph.errors import ArgumentError, ShapeError, describe
from graphgrad.train.metrics.reading import Array, Metric, numbers_of

__all__ = [
    "MeanAbsoluteError",
    "MeanSquaredError",
    "R2Score",
    "RootMeanSquaredError",
    "mean_absolute_error",
    "mean_squared_error",
    "r2",
    "root_mean_squared_error",
]


def mean_squared_error(
    outputs: Any, targets: Any, *, sample_weight: Any = None, multioutput: str = "uniform_average"
) -> float | Array:
    """The mean of (y - ŷ)² (P04.01).

    Parameters
    ----------
    outputs, targets
        Numbers of one shape, (N, ...); (N, 1) fits (N,), and nothing is broadcast.
    sample_weight
        How much each sample counts, (N,).
    multioutput
        Of samples with several numbers: ``"uniform_average"``, the mean; ``"raw_values"``, an array of the errors of
        each.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.mean_squared_error([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0])
    0.375
    """
    return _once(MeanSquaredError(multioutput=multioutput), "mean_squared_error", outputs, targets, sample_weight)


def root_mean_squared_error(
    outputs: Any, targets: Any, *, sample_weight: Any = None, multioutput: str = "uniform_average"
) -> float | Array:
    """The root of the mean of (y - ŷ)²: in the unit of the targets.

    Parameters are those of `mean_squared_error`; the mean over several numbers is that of the roots.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.root_mean_squared_error([3.0, 0.0], [0.0, 3.0])
    3.0
    """
    metric = RootMeanSquaredError(multioutput=multioutput)
    return _once(metric, "root_mean_squared_error", outputs, targets, sample_weight)


def mean_absolute_error(
    outputs: Any, targets: Any, *, sample_weight: Any = None, multioutput: str = "uniform_average"
) -> float | Array:
    """The mean of |y - ŷ| (P04.02).

    Parameters are those of `mean_squared_error`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.train.metrics.mean_absolute_error([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0])
    0.5
    """
    return _once(MeanAbsoluteError(multioutput=multioutput), "mean_absolute_error", outputs, targets, sample_weight)


def r2(
    outputs: Any,
    targets: Any,
    *,
    sample_weight: Any = None,
    multioutput: str = "uniform_average",
    force_finite: bool = True,
) -> float | Array:
    """The coefficient of determination R², 1 - Σ (y - ŷ)² / Σ (y - ȳ)²: what is explained of the variance.

    1 is perfect, 0 as good as the mean ȳ of the targets, below that worse.

    Parameters
    ----------
    outputs, targets, sample_weight
        As of `mean_squared_error`.
    multioutput
        Of samples with several numbers: ``"uniform_average"``, ``"variance_weighted"`` or ``"raw_values"``.
    force_finite
        Whether targets that don't vary give 1, if they are met, and else 0, in the place of NaN and -infinity.

    Raises
    ------
    ShapeError
        If there are fewer than two samples.

    Examples
    --------
    >>> import graphgrad as gg
    >>> round(gg.train.metrics.r2([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0]), 4)
    0.9486
    """
    return _once(R2Score(multioutput=multioutput, force_finite=force_finite), "r2", outputs, targets, sample_weight)


def _once(metric: _Errors, what: str, outputs: Any, targets: Any, sample_weight: Any) -> float | Array:
    metric._take(what, outputs, targets, sample_weight)
    if not metric._state:
        raise ShapeError(describe(f"{what}: there are no samples"))
    return metric.compute()


class _Errors(Metric):
    """Keeps, of each number of a sample, the sum of an error."""

    _multioutputs: ClassVar[tuple[str, ...]] = ("uniform_average", "raw_values")

    def __init__(self, *, multioutput: str = "uniform_average") -> None:
        super().__init__()
        self.multioutput = check_choice(type(self).__name__, "multioutput", multioutput, self._multioutputs)

    def update(self, outputs: Any, targets: Any, *, sample_weight: Any = None) -> None:
        """Take in a batch."""
        self._take(type(self).__name__, outputs, targets, sample_weight)

    def _take(self, what: str, outputs: Any, targets: Any, sample_weight: Any) -> None:
        given, wanted, weights = numbers_of(what, outputs, targets, sample_weight)
        if not len(given):
            return
        weights = np.ones(len(given)) if weights is None else weights
        new = self._sums(given, wanted, weights)
        new.update(samples=float(len(given)), weight=float(weights.sum()))
        if not self._state:
            self._state = new
        elif self._state["error"].shape != new["error"].shape:
            before, now = self._state["error"].size, new["error"].size
            raise ShapeError(describe(f"{what}: samples had {before} numbers, and now have {now}"))
        else:
            self._state = self._joined(self._state, new)

    def _sums(self, given: Array, wanted: Array, weights: Array) -> dict[str, Any]:
        return {"error": weights @ self._error(given - wanted)}

    def _joined(self, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        return {name: old[name] + new[name] for name in old}

    def _error(self, residual: Array) -> Array:
        return residual**2

    def compute(self) -> float | Array:
        """The score of all batches."""
        state = self._gathered()
        if not state["weight"] > 0:
            raise ArgumentError(describe(f"{type(self).__name__}: all weights are 0"))
        return self._averaged(self._score(state))

    def _score(self, state: dict[str, Any]) -> Array:
        return np.asarray(state["error"] / state["weight"])

    def _averaged(self, scores: Array) -> float | Array:
        return scores if self.multioutput == "raw_values" else float(scores.mean())


class MeanSquaredError(_Errors):
    """The mean squared error over batches; see `mean_squared_error` (P04.01).

    Parameters
    ----------
    multioutput
        As of `mean_squared_error`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> error = gg.train.metrics.MeanSquaredError()
    >>> error.update([2.5, 0.0], [3.0, -0.5])
    >>> error.update([2.0, 8.0], [2.0, 7.0])
    >>> error.compute()
    0.375
    """

    name: ClassVar[str] = "mean_squared_error"


class RootMeanSquaredError(_Errors):
    """The root of the mean squared error over batches; see `root_mean_squared_error`."""

    name: ClassVar[str] = "root_mean_squared_error"

    def _score(self, state: dict[str, Any]) -> Array:
        return np.asarray(np.sqrt(state["error"] / state["weight"]))


class MeanAbsoluteError(_Errors):
    """The mean absolute error over batches; see `mean_absolute_error` (P04.02)."""

    name: ClassVar[str] = "mean_absolute_error"

    def _error(self, residual: Array) -> Array:
        return np.abs(residual)


class R2Score(_Errors):
    """The coefficient of determination over batches; see `r2`.

    Means and sums of squares around them are joined, so that nothing is lost of targets far from 0.

    Parameters
    ----------
    multioutput, force_finite
        As of `r2`.
    """

    name: ClassVar[str] = "r2"
    _multioutputs = ("uniform_average", "variance_weighted", "raw_values")

    def __init__(self, *, multioutput: str = "uniform_average", force_finite: bool = True) -> None:
        super().__init__(multioutput=multioutput)
        self.force_finite = force_finite

    def _sums(self, given: Array, wanted: Array, weights: Array) -> dict[str, Any]:
        total = weights.sum()
        # Around a target, so that the mean of equal ones is that number to the last bit, and their variance is 0.
        mean = wanted[0] + weights @ (wanted - wanted[0]) / total if total else wanted[0]
        spread = weights @ (wanted - mean) ** 2
        return {**super()._sums(given, wanted, weights), "mean": mean, "spread": spread}

    def _joined(self, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        joined = super()._joined(old, new)
        if not joined["weight"]:
            return joined
        share = new["weight"] / joined["weight"]
        apart = new["mean"] - old["mean"]
        joined["mean"] = old["mean"] + share * apart
        joined["spread"] += old["weight"] * share * apart**2
        return joined

    def _score(self, state: dict[str, Any]) -> Array:
        if state["samples"] < 2:
            raise ShapeError(describe("r2: the variance of targets needs two samples or more"))
        error, spread = state["error"], state["spread"]
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = np.asarray(1 - error / spread)
        if self.force_finite:
            scores = np.where(spread == 0, np.where(error == 0, 1.0, 0.0), scores)
        return scores

    def _averaged(self, scores: Array) -> float | Array:
        spread = self._state["spread"]
        if self.multioutput == "variance_weighted" and spread.any():
            return float(np.average(scores, weights=spread))
        return scores if self.multioutput == "raw_values" else float(scores.mean())
