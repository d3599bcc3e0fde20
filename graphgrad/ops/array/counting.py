"""Counting: how often values occur, in bins or by themselves. Counts are integers, which pass no gradient."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.ops.array.sorting import comparisons
from graphgrad.ops.attributes import keep_flags, keep_integers
from graphgrad.ops.declare import Array, op
from graphgrad.ops.samples import sample

__all__ = ["bincount", "histogram", "unique", "unique_counts", "unique_inverse"]

Shape = tuple[int, ...]


def _depends_on_values(x: Shape, /, **_: Any) -> None:
    """No shape: how many different values there are isn't seen from the operand's shape."""


# ---- in bins ---------------------------------------------------------------------------------------------------------


def _counted(x: Shape, weights: Shape | None = None, /, minlength: int = 0) -> None:
    if len(x) != 1:
        raise ValueError(f"x has one axis, got shape {x}")
    if weights is not None and weights != x:
        raise ValueError(f"there is a weight for each element of x: its shape is {x}, that of weights {weights}")


@op(
    weights=lambda g, x: g[x],
    formula="bincount({x}, {weights}, {minlength})",
    back={"weights": "{g} of the number that it is the weight of"},
    neutral={"weights": "None"},
    shape=_counted,
    cost=lambda x, *_, **__: math.prod(x),
    samples=lambda rng: [
        sample(np.array([2, 0, 2, 3]), rng.normal(size=4)),
        sample(np.array([1, 1]), rng.normal(size=2), minlength=4),
        sample(np.array([5]), rng.normal(size=1)),
        sample(np.array([2, 0, 2, 3]), None),
        sample(np.array([1, 1]), None, minlength=4),
        sample(np.zeros(0, int), None),
    ],
    errors=(
        ErrorSample((np.zeros((2, 2), int), np.zeros((2, 2))), {}, ShapeError, "x has one axis, got shape (2, 2)"),
        ErrorSample((np.zeros(3, int), np.zeros(2)), {}, ShapeError, "a weight for each element of x"),
        ErrorSample((np.zeros(3), np.zeros(3)), {}, DTypeError, "x holds integers from 0, got float"),
        ErrorSample((np.array([-1]), np.zeros(1)), {}, ArgumentError, "x holds integers from 0, got -1"),
        ErrorSample((np.array([1]), np.zeros(1)), {"minlength": -1}, ArgumentError, "minlength is an integer from 0"),
    ),
    prepare=lambda attrs: keep_integers(attrs, "minlength", least=0),
    numpy=np.bincount,
)
def bincount(x: Array, weights: Array = None, minlength: int = 0) -> Any:
    """
    How often each of the numbers 0, 1, 2, ... occurs; with weights their sum. A gradient passes to the weights only.

    Parameters
    ----------
    x
        One axis of integers from 0.
    weights
        What each of them counts; 1 if left out.
    minlength
        The result has at least that many elements.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.bincount([0, 2, 2], [0.5, 1.0, 3.0])
    tensor([0.5, 0. , 4. ])
    """
    x = np.asarray(x)
    _counted(x.shape, None if weights is None else np.shape(weights))
    if x.dtype.kind not in "iub":
        raise TypeError(f"x holds integers from 0, got {x.dtype}")
    if x.size and x.min() < 0:
        raise ValueError(f"x holds integers from 0, got {x.min()}")
    counts = np.bincount(x.astype(np.int64), weights, minlength)
    return counts if weights is None or weights.dtype.kind != "f" else counts.astype(weights.dtype, copy=False)


def _prepare_bins(attrs: dict[str, Any]) -> None:
    bins = attrs["bins"]
    if isinstance(bins, str):
        raise TypeError(f"bins are a number of bins or their edges, got {bins!r}")
    attrs["bins"] = operator.index(bins) if np.ndim(bins) == 0 else np.array(bins, np.float64)
    if np.ndim(bins) == 0 and attrs["bins"] < 1:
        raise ValueError(f"there is one bin at least, got {bins}")
    if np.ndim(bins) > 1 or (np.ndim(bins) == 1 and (np.size(bins) < 2 or not (np.diff(attrs["bins"]) >= 0).all())):
        raise ValueError("bins have one axis of two edges at least, which don't descend")
    if attrs["range"] is not None:
        if np.shape(attrs["range"]) != (2,):
            raise TypeError(f"range is where the bins begin and where they end, got {attrs['range']!r:.60}")
        low, high = map(float, attrs["range"])
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise ValueError(f"range goes from one finite number up to another, got {(low, high)}")
        attrs["range"] = low, high
    keep_flags(attrs, "density")


def _bars(x: Shape, /, bins: Any = 10, **_: Any) -> tuple[Shape, Shape]:
    count = len(bins) - 1 if isinstance(bins, np.ndarray) else bins
    return (count,), (count + 1,)


@op(
    outputs=None,
    formula="histogram({x}, {bins}, {range}, {density})",
    shape=_bars,
    cost=lambda x, **_: math.prod(x),
    samples=lambda rng: [
        sample(rng.normal(size=(4, 5)), bins=4),
        sample(rng.normal(size=9), bins=3, range=(-1.0, 1.0), density=True),
        sample(np.array([1, 2, 2, 5]), bins=np.array([0.0, 2.0, 2.5, 6.0])),
        sample(np.zeros(0)),
    ],
    errors=(
        ErrorSample((np.zeros(3),), {"bins": "auto"}, DTypeError, "bins are a number of bins or their edges"),
        ErrorSample((np.zeros(3),), {"bins": 0}, ArgumentError, "there is one bin at least, got 0"),
        ErrorSample((np.zeros(3),), {"bins": [2.0, 1.0]}, ArgumentError, "which don't descend"),
        ErrorSample((np.zeros(3),), {"bins": [0.0, math.nan, 1.0]}, ArgumentError, "which don't descend"),
        ErrorSample((np.zeros(3),), {"range": (0, 1, 2)}, DTypeError, "range is where the bins begin and where they"),
        ErrorSample((np.zeros(3),), {"range": (0.0, -1.0)}, ArgumentError, "range goes from one finite number"),
    ),
    prepare=_prepare_bins,
    covers=("P25.08",),
    numpy=np.histogram,
)
def histogram(
    x: Array, bins: int | Sequence[float] = 10, range: tuple[float, float] | None = None, density: bool = False
) -> Any:
    """
    How many elements fall into each bin, and the edges of the bins. No gradient passes: counts only jump.

    Parameters
    ----------
    bins
        How many of the same width, or their edges. The last bin holds its right edge too.
    range
        Where the bins begin and end; from the smallest to the largest element if left out.
    density
        Divide the counts so that the area of all bins is 1.

    Returns
    -------
    tuple of Tensor
        The counts, and the edges, one more.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.histogram([0.0, 0.5, 2.0], bins=2)
    (tensor([2, 1]), tensor([0., 1., 2.]))
    """
    return np.histogram(x, bins, range, density)


# ---- by themselves ---------------------------------------------------------------------------------------------------


def _repeated(rng: np.random.Generator) -> list[Any]:
    return [
        sample(np.array([[2.5, 1.0, 2.5], [0.0, 1.0, 2.5]])),
        sample(rng.integers(0, 3, 8)),
        sample(np.array(1.5)),
        sample(np.zeros((0, 2))),
    ]


_UNIQUE: dict[str, Any] = {"shape": _depends_on_values, "cost": comparisons, "samples": _repeated}


@op(formula="unique({x})", numpy=np.unique, **_UNIQUE)
def unique(x: Array) -> Any:
    """
    The different values, ascending. No gradient passes: how many there are changes when two become equal.

    To sort and let gradients pass, use `sort`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.unique([3.0, 1.0, 3.0])
    tensor([1., 3.])
    """
    return np.unique(x)


@op(outputs=None, formula="unique_counts({x})", numpy=np.unique_counts, **_UNIQUE)
def unique_counts(x: Array) -> Any:
    """
    The different values, ascending, and how often each occurs. No gradient passes: counts and their number only jump.

    Returns
    -------
    tuple of Tensor
        The values, and their counts.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.unique_counts([3.0, 1.0, 3.0])
    (tensor([1., 3.]), tensor([1, 2]))
    """
    return tuple(np.unique(x, return_counts=True, equal_nan=False))


@op(outputs=None, formula="unique_inverse({x})", numpy=np.unique_inverse, **_UNIQUE)
def unique_inverse(x: Array) -> Any:
    """
    The different values, ascending, and which of them each element is. No gradient passes: places only jump.

    Returns
    -------
    tuple of Tensor
        The values, and for each element of `x` the index of its value.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.unique_inverse([3.0, 1.0, 3.0])
    (tensor([1., 3.]), tensor([1, 0, 1]))
    """
    return tuple(np.unique(x, return_inverse=True, equal_nan=False))
