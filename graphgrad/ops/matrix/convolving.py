"""Convolution and cross-correlation of arrays, as mathematics and NumPy have them.

A convolution turns the kernel around in every axis before it slides over the other array, and so it commutes and
associates; a cross-correlation doesn't turn it. What deep learning calls a convolution is a cross-correlation, with
channels: `graphgrad.nn.functional.conv1d` and its kin.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.arithmetic import multiply
from graphgrad.ops.array.joining import concat
from graphgrad.ops.array.padding import pad
from graphgrad.ops.array.rearranging import flip
from graphgrad.ops.array.reductions import sum as sum_of
from graphgrad.ops.array.windows import sliding_window_view
from graphgrad.ops.composite import composite, named
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.matrix.matmul import matmul
from graphgrad.ops.matrix.structured import toeplitz
from graphgrad.ops.samples import sample

__all__ = ["convolve", "correlate"]

Shape = tuple[int, ...]

_MODES = ("full", "same", "valid")


def _prepare(attrs: dict[str, Any]) -> None:
    if attrs["mode"] not in _MODES:
        raise ValueError(f"mode is one of {', '.join(_MODES)}, got {attrs['mode']!r:.60}")


def _part(a: Shape, v: Shape, mode: str) -> list[slice]:
    """Which part of the full result a mode gives, axis by axis."""
    if not a or len(a) != len(v) or not all((*a, *v)):
        raise ValueError(f"a {a} and v {v} must have as many axes each, one at least, and none of length 0")
    ordered = all(n >= m for n, m in zip(a, v, strict=True)) or all(n <= m for n, m in zip(a, v, strict=True))
    if mode != "full" and not ordered:
        raise ValueError(f"in mode {mode!r} one of a {a} and v {v} must be at least as long as the other in every axis")
    parts = []
    for n, m in zip(a, v, strict=True):
        short, long = min(n, m), max(n, m)
        start, count = {
            "full": (0, n + m - 1),
            "same": ((short - 1) // 2, long),
            "valid": (short - 1, long - short + 1),
        }[mode]
        parts.append(slice(start, start + count))
    return parts


def _convolved(a: Shape, v: Shape, /, mode: str) -> Shape:
    return tuple(one.stop - one.start for one in _part(a, v, mode))


def _cost(a: Shape, v: Shape, /, mode: str) -> int:
    """A product and a sum for each pair; where an end is cut off, as many for each element that is left."""
    if mode == "full":
        return 2 * math.prod(a) * math.prod(v)
    return 2 * math.prod(_convolved(a, v, mode)) * min(math.prod(a), math.prod(v))


def _back(g: Any, other: Any, own: Shape, mode: str) -> Any:
    """The cross-correlation of g, in its place among the full result, with the other operand."""
    pairs = [
        (part.start, n + m - 1 - part.stop)
        for part, n, m in zip(_part(own, other.shape, mode), own, other.shape, strict=True)
    ]
    whole = g if not any(map(any, pairs)) else np.pad(g, pairs)
    return _convolve(whole, np.flip(other), mode="valid")


def _expanded(a: Any, v: Any, mode: str) -> Any:
    parts = _part(a.shape, v.shape, mode)
    if a.ndim == 1:  # each row of the matrix is the kernel, turned around, one place further right
        n = a.shape[0]
        zeros = np.zeros(n - 1, v.dtype)
        matrix = toeplitz(concat([v, zeros]), concat([v[:1], zeros]))
        return matmul(named(matrix[parts[0]], "toeplitz"), a)
    around = named(pad(a, [(m - 1, m - 1) for m in v.shape]), "padded")
    axes = tuple(range(-a.ndim, 0))
    windows = named(sliding_window_view(around, v.shape, axes)[tuple(parts)], "windows")
    return sum_of(multiply(windows, named(flip(v), "flipped")), axes)


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=5), rng.normal(size=3))
    yield sample(rng.normal(size=4), rng.normal(size=2), mode="same")
    yield sample(rng.normal(size=2), rng.normal(size=5), mode="valid")
    yield sample(rng.normal(size=1), rng.normal(size=4), mode="same")
    yield sample(rng.normal(size=(3, 4)), rng.normal(size=(2, 3)), mode="valid")
    yield sample(rng.normal(size=(3, 1)), rng.normal(size=(2, 2)), mode="full")


_ERRORS = (
    ErrorSample((np.zeros(3), np.zeros((2, 2))), {}, ShapeError, "a (3,) and v (2, 2) must have as many axes each"),
    ErrorSample((np.zeros(3), np.zeros(0)), {}, ShapeError, "none of length 0"),
    ErrorSample((np.zeros((2, 3)), np.zeros((3, 2))), {"mode": "valid"}, ShapeError, "at least as long as the other"),
    ErrorSample((np.zeros(3), np.zeros(2)), {"mode": "circular"}, ArgumentError, "mode is one of full, same, valid"),
)


@op(
    symbol="∗",
    a=lambda g, v, a_shape, mode: _back(g, v, a_shape, mode),
    v=lambda g, a, v_shape, mode: _back(g, a, v_shape, mode),
    linear="each",
    numpy=np.convolve,
    formula="convolve({a}, {v}, {mode})",
    back={
        "a": "the cross-correlation of {g} with {v}",
        "v": "the cross-correlation of {g} with {a}",
    },
    shape=_convolved,
    cost=_cost,
    samples=_samples,
    errors=_ERRORS,
    prepare=_prepare,
    expand=_expanded,
    covers=("P14.03", "P14.10"),
)
def convolve(a: Array, v: Array, mode: str = "full") -> Any:
    """
    The convolution of two arrays, (a ∗ v)[n] = Σ a[m] · v[n - m]: the kernel is turned around in every axis.

    In one axis NumPy's function, and the product of a Toeplitz matrix with `a`; in several SciPy's.

    Parameters
    ----------
    v
        As many axes as `a`; it doesn't matter which of them is called the kernel.
    mode
        ``"full"`` has all places where they overlap, ``"same"`` as many as the longer one in the middle of these,
        ``"valid"`` those where the shorter one overlaps wholly.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.convolve([1.0, 2.0, 3.0], [0.0, 1.0, 0.5])
    tensor([0. , 1. , 2.5, 4. , 1.5])
    """
    parts = _part(a.shape, v.shape, mode)
    if a.ndim == 1:
        return np.convolve(a, v, mode)  # type: ignore[call-overload]
    if v.size > a.size:
        a, v = v, a
    whole = np.zeros(tuple(n + m - 1 for n, m in zip(a.shape, v.shape, strict=True)), np.result_type(a, v))
    for place in np.ndindex(*v.shape):
        whole[*(slice(at, at + n) for at, n in zip(place, a.shape, strict=True))] += v[place] * a
    return whole[*parts].copy()


_convolve: Callable[..., Any] = polymorphic(convolve)


@composite(
    symbol="⋆",
    linear="each",
    numpy=np.correlate,
    formula="correlate({a}, {v}, {mode})",
    back={"a": "the convolution of {g} with {v}", "v": "the cross-correlation of {a} with {g}"},
    shape=_convolved,
    cost=_cost,
    samples=_samples,
    errors=_ERRORS,
    prepare=_prepare,
    covers=("P14.01", "P14.02", "P14.03"),
)
def correlate(a: Array, v: Array, mode: str = "valid") -> Any:
    """
    The cross-correlation of two arrays, (a ⋆ v)[k] = Σ a[n + k] · v[n]: the kernel slides over the other as it is.

    It is the convolution with the kernel turned around. If `v` is the longer one, the result is turned around.

    Parameters
    ----------
    v
        As many axes as `a`.
    mode
        As in `convolve`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.correlate([1.0, 2.0, 3.0, 4.0], [3.0, 2.0])
    tensor([ 7., 12., 17.])
    """
    shapes = a.shape, v.shape
    _part(*shapes, mode)
    if mode != "full" and any(n < m for n, m in zip(*shapes, strict=True)):
        return flip(convolve(v, flip(a), mode))
    return convolve(a, flip(v), mode)
