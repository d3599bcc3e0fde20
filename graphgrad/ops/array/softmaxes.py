"""Softmax and its logarithm, in the form that doesn't overflow."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.kernels.sums import add_up
from graphgrad.ops.array.elementwise import exp
from graphgrad.ops.array.reductions import floating, logsumexp, max, refuse_number, sum
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import one_axis, prepare_one_axis

__all__ = ["log_softmax", "softmax"]

Shape = tuple[int, ...]

_sum = polymorphic(sum)  # with less around it than np.sum


def _same_along(x: Shape, /, axis: int) -> Shape:
    one_axis(axis, len(x))
    return x


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(2, 3)))
    yield sample(rng.normal(size=(3, 2)), axis=0)
    yield sample(rng.normal(size=(2, 2, 3)), axis=1)
    yield sample(rng.normal(size=(4,)))
    yield sample(rng.normal(size=(2, 1)))
    yield sample(rng.normal(size=(0, 3)))


_BAD_AXIS = (
    ErrorSample((np.zeros((2, 3)),), {"axis": 2}, ShapeError, "axis 2 is out of range"),
    ErrorSample((np.zeros(()),), {}, ShapeError, "axis -1 is out of range"),
    ErrorSample((np.zeros((2, 3)),), {"axis": None}, DTypeError, "axis: one axis is needed, an integer, got None"),
)


@op(
    x=lambda g, out, axis: out * (g - _sum(g * out, axis=axis, keepdims=True)),
    formula="exp({x}) / sum(exp({x}), axis={axis}, keepdims=True)",
    back={"x": "{out} · ({g} - sum({g} · {out}))"},
    shape=_same_along,
    cost=lambda x, **_: 4 * math.prod(x),
    samples=_samples,
    errors=_BAD_AXIS,
    prepare=prepare_one_axis,
    expand=lambda x, axis: (lambda e: e / sum(e, axis, True))(exp(x - max(x, axis, True))),
    covers=("P02.09", "P02.10", "P03.16", "P03.17", "P03.18", "P03.19"),
)
def softmax(x: Array, axis: int = -1) -> Any:
    """
    Exponentials divided by their sum along an axis: positive, adding up to 1.

    Adding a constant to all of them changes nothing, so the largest is taken out first and nothing overflows. A
    temperature divides the logits before: ``softmax(z / T)``, or ``softmax(beta * z)`` with beta = 1 / T, comes near to
    the argmax as T goes to 0.

    Parameters
    ----------
    axis
        The axis along which the results add up to 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.softmax([1000.0, 1000.0])
    tensor([0.5, 0.5])
    """
    refuse_number(x, axis)
    x = floating(x)
    e = x - np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    np.exp(e, out=e)
    e /= add_up(e, axis, True)
    return e


@op(
    x=lambda g, out, axis: g - np.exp(out) * _sum(g, axis=axis, keepdims=True),
    formula="{x} - log(sum(exp({x}), axis={axis}, keepdims=True))",
    back={"x": "{g} - exp({out}) · sum({g})"},
    shape=_same_along,
    cost=lambda x, **_: 4 * math.prod(x),
    samples=_samples,
    errors=_BAD_AXIS,
    prepare=prepare_one_axis,
    expand=lambda x, axis: x - logsumexp(x, axis, True),
    covers=("P02.11",),
)
def log_softmax(x: Array, axis: int = -1) -> Any:
    """
    The logarithm of `softmax`, exact where softmax itself would underflow to 0.

    Parameters
    ----------
    axis
        The axis along which the exponentials of the results add up to 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.log_softmax([0.0, 1000.0])
    tensor([-1000.,     0.])
    """
    refuse_number(x, axis)
    x = floating(x)
    shifted = x - np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    shifted -= np.log(add_up(np.exp(shifted), axis, True))
    return shifted
