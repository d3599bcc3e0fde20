"""Shapes: the same elements in another arrangement, repeated by broadcasting, or in another dtype."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.graph.dtypes import as_dtype, check_dtype
from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.ops.declare import Array, op
from graphgrad.ops.samples import elementwise_samples, sample
from graphgrad.ops.shapes import broadcast, free, one_axis, prepare_one_axis, same

__all__ = ["astype", "broadcast_to", "flatten", "identity", "ravel", "reshape", "unflatten"]

Shape = tuple[int, ...]


def _back(g: Any, x_shape: Shape) -> Any:
    return np.reshape(g, x_shape)


def _prepare_shape(attrs: dict[str, Any]) -> None:
    shape = attrs["shape"]
    attrs["shape"] = (operator.index(shape),) if np.ndim(shape) == 0 else tuple(map(operator.index, shape))
    if min(attrs["shape"], default=0) < -1:
        raise ValueError(f"a length is an integer from 0, or -1 where it follows from the others, got {attrs['shape']}")


def _reshaped(x: Shape, /, shape: Shape) -> Shape:
    size = math.prod(x)
    if shape.count(-1) > 1:
        raise ValueError(f"only one length of {shape} may be -1")
    known = math.prod(length for length in shape if length != -1)
    if -1 in shape:
        if known == 0 or size % known:
            raise ValueError(
                f"{size} elements of shape {x} can't be arranged as {shape}: {known} doesn't divide {size}"
            )
        return tuple(size // known if length == -1 else length for length in shape)
    if known != size:
        raise ValueError(f"{size} elements of shape {x} can't be arranged as {shape}, which has {known}")
    return shape


@op(
    x=_back,
    linear="together",
    complex="own",
    numpy=np.reshape,
    formula="reshape({x}, {shape})",
    back={"x": "{g} in the shape of {x}"},
    shape=_reshaped,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 6)), shape=(3, 4)),
        sample(rng.normal(size=(2, 6)), shape=(-1,)),
        sample(rng.normal(size=(2, 3, 2)), shape=(2, -1)),
        sample(rng.normal(size=()), shape=(1, 1)),
        sample(rng.normal(size=(1,)), shape=()),
        sample(rng.normal(size=(0, 3)), shape=(3, 0)),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)),), {"shape": (4, 2)}, ShapeError, "can't be arranged as (4, 2)"),
        ErrorSample((np.zeros((2, 3)),), {"shape": (-1, -1)}, ShapeError, "only one length"),
        ErrorSample((np.zeros((2, 3)),), {"shape": (-2, 3)}, ArgumentError, "a length is an integer from 0, or -1"),
    ),
    prepare=_prepare_shape,
    view=True,
    covers=("P01.02",),
    plumbing=True,
)
def reshape(x: Array, shape: int | Sequence[int]) -> Any:
    """
    The same elements in another shape, in row-major order.

    Parameters
    ----------
    shape
        The new lengths; one of them may be -1 and follows from the others.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.reshape([1.0, 2.0, 3.0, 4.0], (2, -1))
    tensor([[1., 2.],
            [3., 4.]])
    """
    return np.reshape(x, shape)


@op(
    x=_back,
    linear="together",
    complex="own",
    numpy=np.ravel,
    formula="ravel({x})",
    back={"x": "{g} in the shape of {x}"},
    shape=lambda x, /: (math.prod(x),),
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3))),
        sample(rng.normal(size=(2, 1, 2))),
        sample(rng.normal(size=())),
        sample(rng.normal(size=(0, 3))),
    ],
    view=True,
    plumbing=True,
)
def ravel(x: Array) -> Any:
    """
    All elements along one axis, in row-major order.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.ravel([[1.0, 2.0], [3.0, 4.0]])
    tensor([1., 2., 3., 4.])
    """
    return np.reshape(x, math.prod(x.shape))


def _prepare_axes_between(attrs: dict[str, Any]) -> None:
    for name in ("start_axis", "end_axis"):
        attrs[name] = operator.index(attrs[name])


def _flattened(x: Shape, /, start_axis: int, end_axis: int) -> Shape:
    if not x:
        x = (1,)
    start, end = one_axis(start_axis, len(x)), one_axis(end_axis, len(x))
    if start > end:
        raise ValueError(f"start_axis {start_axis} comes after end_axis {end_axis} in shape {x}")
    return (*x[:start], math.prod(x[start : end + 1]), *x[end + 1 :])


@op(
    x=_back,
    linear="together",
    complex="own",
    formula="flatten({x}, {start_axis}, {end_axis})",
    back={"x": "{g} in the shape of {x}"},
    shape=_flattened,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3, 2)), start_axis=1),
        sample(rng.normal(size=(2, 3, 2)), start_axis=0, end_axis=-2),
        sample(rng.normal(size=(2, 3))),
        sample(rng.normal(size=())),
        sample(rng.normal(size=(2, 0, 3)), start_axis=1),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)),), {"start_axis": 1, "end_axis": 0}, ShapeError, "comes after end_axis 0"),
        ErrorSample((np.zeros((2, 3)),), {"start_axis": 2}, ShapeError, "axis 2 is out of range"),
    ),
    prepare=_prepare_axes_between,
    view=True,
    plumbing=True,
    covers=("P25.12",),
)
def flatten(x: Array, start_axis: int = 0, end_axis: int = -1) -> Any:
    """
    Make one axis of several that follow each other: of all, or of those from `start_axis` to `end_axis`.

    PyTorch's function, which calls them ``start_dim`` and ``end_dim``. A single number becomes one element.

    Parameters
    ----------
    start_axis, end_axis
        The first and the last axis that are made one, counted from the end if negative.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.flatten(gg.zeros((8, 3, 5, 5)), 1).shape
    (8, 75)
    """
    return np.reshape(x, _flattened(x.shape, start_axis, end_axis))


def _prepare_unflatten(attrs: dict[str, Any]) -> None:
    prepare_one_axis(attrs)
    _prepare_shape(attrs)


def _unflattened(x: Shape, /, axis: int, shape: Shape) -> Shape:
    at = one_axis(axis, len(x))
    return (*x[:at], *_reshaped(x[at : at + 1], shape), *x[at + 1 :])


@op(
    x=_back,
    linear="together",
    complex="own",
    formula="unflatten({x}, {axis}, {shape})",
    back={"x": "{g} in the shape of {x}"},
    shape=_unflattened,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 6)), axis=1, shape=(2, 3)),
        sample(rng.normal(size=(4, 3)), axis=-2, shape=(2, -1)),
        sample(rng.normal(size=(3,)), axis=0, shape=(3, 1, 1)),
        sample(rng.normal(size=(0, 3)), axis=0, shape=(0, 2)),
    ],
    errors=(
        ErrorSample((np.zeros((2, 6)),), {"axis": 1, "shape": (4, 2)}, ShapeError, "can't be arranged as (4, 2)"),
        ErrorSample((np.zeros((2, 6)),), {"axis": 2, "shape": (6,)}, ShapeError, "axis 2 is out of range"),
    ),
    prepare=_prepare_unflatten,
    view=True,
    plumbing=True,
)
def unflatten(x: Array, axis: int, shape: int | Sequence[int]) -> Any:
    """
    Make several axes of one, in row-major order: what `flatten` did, undone.

    Parameters
    ----------
    axis
        The axis that is taken apart.
    shape
        The lengths of the new axes; one of them may be -1 and follows from the others.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.unflatten(gg.zeros((8, 75)), 1, (3, 5, 5)).shape
    (8, 3, 5, 5)
    """
    return np.reshape(x, _unflattened(x.shape, axis, shape))  # type: ignore[arg-type]


def _stretched(x: Shape, /, shape: Shape) -> Shape:
    if len(x) > len(shape) or broadcast(x, shape) != shape:
        raise ValueError(f"shape {x} can't be broadcast to {shape}")
    return shape


@op(
    x=lambda g: g,
    linear="together",
    complex="own",
    numpy=np.broadcast_to,
    formula="broadcast_to({x}, {shape})",
    back={"x": "{g}, summed over the stretched axes"},
    shape=_stretched,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(3,)), shape=(2, 3)),
        sample(rng.normal(size=(2, 1)), shape=(2, 3)),
        sample(rng.normal(size=()), shape=(2, 2)),
        sample(rng.normal(size=(1, 3)), shape=(0, 3)),
    ],
    errors=(ErrorSample((np.zeros((2, 3)),), {"shape": (2, 4)}, ShapeError, "(2, 4)"),),
    prepare=_prepare_shape,
    view=True,
    covers=("P02.03", "P02.15"),
    plumbing=True,
)
def broadcast_to(x: Array, shape: int | Sequence[int]) -> Any:
    """
    Repeat along axes of length 1, and along new ones in front, to the given shape. Gradients of the copies add up.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.broadcast_to([1.0, 2.0], (2, 2))
    tensor([[1., 2.],
            [1., 2.]])
    """
    return np.broadcast_to(x, shape)


@op(
    x=lambda g: g,
    complex="own",
    formula="{x}",
    local={"x": "1"},
    shape=same,
    cost=free,
    view=True,
    plumbing=True,
    covers=("P03.02",),
)
def identity(x: Array) -> Any:
    """
    The same values, as a node of its own: the activation of a linear layer, such as one that predicts any number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.identity([1.0, 2.0])
    tensor([1., 2.])
    """
    return x[...]  # an array of its own: a write in place has to see that it is a view


def _prepare_dtype(attrs: dict[str, Any]) -> None:
    dtype = as_dtype(attrs["dtype"], "astype")
    check_dtype(np.empty(0, dtype), "astype")
    attrs["dtype"] = dtype.name


@op(
    x=lambda g: g,
    complex="own",
    formula="astype({x}, {dtype})",
    back={"x": "{g} in the dtype of {x}"},
    shape=same,
    cost=free,
    samples=lambda rng: [sample(values.operands[0], dtype="float64") for values in elementwise_samples(1)(rng)],
    errors=(ErrorSample((np.zeros(2),), {"dtype": None}, DTypeError, "None is no dtype"),),
    prepare=_prepare_dtype,
    plumbing=True,
)
def astype(x: Array, dtype: Any) -> Any:
    """
    The values in another dtype. To integers or bools no gradient passes.

    Complex numbers don't become real ones here: `real`, `imag`, `abs` or `angle` say which real number is meant.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.astype([1.9, -1.9], "int64")
    tensor([ 1, -1])
    """
    if x.dtype.kind == "c" and np.dtype(dtype).kind != "c":
        raise TypeError(f"complex numbers don't fit into {dtype}; take gg.real(z), gg.imag(z) or gg.abs(z) first")
    return x.astype(dtype)
