"""Shapes: reshape, permute, broadcast, stack, concat, split, unbind. They move numbers and compute none."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.dtypes import check_dtype
from graphgrad.graph.errors import ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.declare import Array, Arrays, op, polymorphic
from graphgrad.ops.reductions import prepare_axis
from graphgrad.ops.samples import elementwise_samples, sample
from graphgrad.ops.shapes import broadcast, normalize_axes, same

__all__ = [
    "astype",
    "broadcast_to",
    "concat",
    "expand_dims",
    "identity",
    "permute_dims",
    "reshape",
    "split",
    "squeeze",
    "stack",
    "unbind",
]

Shape = tuple[int, ...]


def _free(*_: Any, **__: Any) -> int:
    return 0


def _prepare_shape(attrs: dict[str, Any]) -> None:
    shape = attrs["shape"]
    attrs["shape"] = (operator.index(shape),) if np.ndim(shape) == 0 else tuple(map(operator.index, shape))


def _prepare_one_axis(attrs: dict[str, Any]) -> None:
    attrs["axis"] = operator.index(attrs["axis"])


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} is out of range for {rank} axes")
    return axis % rank


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
    x=lambda g, x_shape: np.reshape(g, x_shape),
    linear="together",
    formula="reshape({x}, {shape})",
    back={"x": "{g} in the shape of {x}"},
    shape=_reshaped,
    cost=_free,
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


def _prepare_axes(attrs: dict[str, Any]) -> None:
    if attrs["axes"] is not None:
        attrs["axes"] = tuple(map(operator.index, attrs["axes"]))


def _permuted(x: Shape, /, axes: Shape | None) -> Shape:
    if axes is None:
        return x[::-1]
    if sorted(_axis(axis, len(x)) for axis in axes) != list(range(len(x))):
        raise ValueError(f"axes {axes} are no order of the {len(x)} axes of shape {x}")
    return tuple(x[axis] for axis in axes)


def _inverse(axes: Shape | None) -> Shape | None:
    if axes is None:
        return None
    inverse = [0] * len(axes)
    for position, axis in enumerate(axes):
        inverse[axis % len(axes)] = position
    return tuple(inverse)


@op(
    x=lambda g, axes: np.transpose(g, _inverse(axes)),
    linear="together",
    formula="permute_dims({x}, {axes})",
    back={"x": "{g} with the axes put back"},
    shape=_permuted,
    cost=_free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3))),
        sample(rng.normal(size=(2, 3, 4)), axes=(2, 0, 1)),
        sample(rng.normal(size=(2, 3, 4)), axes=(-1, 0, -2)),
        sample(rng.normal(size=())),
        sample(rng.normal(size=(0, 2)), axes=(1, 0)),
    ],
    errors=(ErrorSample((np.zeros((2, 3)),), {"axes": (0, 0)}, ShapeError, "no order of the 2 axes"),),
    prepare=_prepare_axes,
    view=True,
    plumbing=True,
)
def permute_dims(x: Array, axes: Sequence[int] | None = None) -> Any:
    """
    The axes in another order; without `axes` in the reverse one, which for a matrix is the transpose.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.permute_dims([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 3.],
            [2., 4.]])
    """
    return np.transpose(x, axes)


def _stretched(x: Shape, /, shape: Shape) -> Shape:
    if len(x) > len(shape) or broadcast(x, shape) != shape:
        raise ValueError(f"shape {x} can't be broadcast to {shape}")
    return shape


@op(
    x=lambda g: g,
    linear="together",
    formula="broadcast_to({x}, {shape})",
    back={"x": "{g}, summed over the stretched axes"},
    shape=_stretched,
    cost=_free,
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


def _expanded(x: Shape, /, axis: int) -> Shape:
    at = _axis(axis, len(x) + 1)
    return (*x[:at], 1, *x[at:])


@op(
    x=lambda g, x_shape: np.reshape(g, x_shape),
    linear="together",
    formula="expand_dims({x}, {axis})",
    back={"x": "{g} without the new axis"},
    shape=_expanded,
    cost=_free,
    samples=lambda rng: [sample(rng.normal(size=(2, 3)), axis=axis) for axis in (0, 1, -1)],
    errors=(ErrorSample((np.zeros((2, 3)),), {"axis": 4}, ShapeError, "axis 4 is out of range"),),
    view=True,
    plumbing=True,
    prepare=_prepare_one_axis,
)
def expand_dims(x: Array, axis: int) -> Any:
    """
    A new axis of length 1 at the given place.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.expand_dims([1.0, 2.0], 1).shape
    (2, 1)
    """
    return np.expand_dims(x, axis)


def _squeezed(x: Shape, /, axis: int | Sequence[int] | None = None) -> Shape:
    axes = [i for i, n in enumerate(x) if n == 1] if axis is None else normalize_axes(axis, len(x))
    long = [i for i in axes if x[i] != 1]
    if long:
        raise ValueError(f"axis {long[0]} of shape {x} has length {x[long[0]]}, only length 1 can be dropped")
    return tuple(length for i, length in enumerate(x) if i not in axes)


@op(
    x=lambda g, x_shape: np.reshape(g, x_shape),
    linear="together",
    formula="squeeze({x}, {axis})",
    back={"x": "{g} with its axis back"},
    shape=_squeezed,
    cost=_free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 1, 3, 1))),
        sample(rng.normal(size=(2, 1, 3, 1)), axis=1),
        sample(rng.normal(size=(2, 1, 3, 1)), axis=(1, -1)),
    ],
    errors=(ErrorSample((np.zeros((2, 3)),), {"axis": 0}, ShapeError, "only length 1 can be dropped"),),
    prepare=prepare_axis,
    view=True,
    plumbing=True,
)
def squeeze(x: Array, axis: int | Sequence[int] | None = None) -> Any:
    """
    Drop axes of length 1: the given ones, or all of them.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.squeeze([[1.0, 2.0]]).shape
    (2,)
    """
    return np.reshape(x, _squeezed(x.shape, axis))


@op(
    x=lambda g: g,
    formula="{x}",
    local={"x": "1"},
    shape=same,
    cost=_free,
    view=True,
    plumbing=True,
)
def identity(x: Array) -> Any:
    """
    The same values, as a node of its own.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.identity([1.0, 2.0])
    tensor([1., 2.])
    """
    return x


def _prepare_dtype(attrs: dict[str, Any]) -> None:
    dtype = np.dtype(attrs["dtype"])
    check_dtype(np.empty(0, dtype), "astype")
    attrs["dtype"] = dtype.name


@op(
    x=lambda g: g,
    formula="astype({x}, {dtype})",
    back={"x": "{g} in the dtype of {x}"},
    shape=same,
    cost=_free,
    samples=lambda rng: [sample(values.operands[0], dtype="float64") for values in elementwise_samples(1)(rng)],
    prepare=_prepare_dtype,
    plumbing=True,
)
def astype(x: Array, dtype: Any) -> Any:
    """
    The values in another dtype. To integers or bools no gradient passes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.astype([1.9, -1.9], "int64")
    tensor([ 1, -1])
    """
    return x.astype(dtype)


def _check_alike(shapes: Sequence[Shape], but: int | None = None) -> None:
    first = shapes[0]
    for i, shape in enumerate(shapes):
        if len(shape) != len(first) or any(
            a != b for axis, (a, b) in enumerate(zip(first, shape, strict=True)) if axis != but
        ):
            where = "" if but is None else f" but for axis {but}"
            raise ValueError(f"all shapes must be alike{where}: number 0 is {first}, number {i} is {shape}")


def _stacked(shapes: Sequence[Shape], /, axis: int) -> Shape:
    _check_alike(shapes)
    at = _axis(axis, len(shapes[0]) + 1)
    return (*shapes[0][:at], len(shapes), *shapes[0][at:])


def _unstack(g: Any, shapes: Sequence[Shape], axis: int) -> Sequence[Any]:
    return _unbind(g, axis=axis)  # type: ignore[no-any-return]


@op(
    joint=_unstack,
    linear="together",
    formula="stack({tensors}, {axis})",
    back={"tensors": "its slice of {g}"},
    shape=_stacked,
    cost=_free,
    samples=lambda rng: [
        sample([rng.normal(size=(2, 3)) for _ in range(3)]),
        sample([rng.normal(size=(2, 3)) for _ in range(2)], axis=-1),
        sample([rng.normal(size=())]),
        sample([rng.normal(size=(0, 2)), rng.normal(size=(0, 2))], axis=1),
    ],
    errors=(ErrorSample(([np.zeros(2), np.zeros(3)],), {}, ShapeError, "must be alike"),),
    covers=("P02.18",),
    prepare=_prepare_one_axis,
)
def stack(tensors: Arrays, axis: int = 0) -> Any:
    """
    Put tensors of one shape side by side along a new axis.

    Parameters
    ----------
    tensors
        A sequence of tensors, all of the same shape.
    axis
        Where the new axis goes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.stack([[1.0, 2.0], [3.0, 4.0]], axis=1)
    tensor([[1., 3.],
            [2., 4.]])
    """
    return np.stack(tensors, axis)


def _joined(shapes: Sequence[Shape], /, axis: int) -> Shape:
    if not shapes[0]:
        raise ValueError("tensors of shape () have no axis to be joined along; stack makes one")
    at = _axis(axis, len(shapes[0]))
    _check_alike(shapes, at)
    return (*shapes[0][:at], sum(shape[at] for shape in shapes), *shapes[0][at + 1 :])


def _cut(g: Any, shapes: Sequence[Shape], axis: int) -> Sequence[Any]:
    return _split(g, tuple(shape[axis] for shape in shapes), axis)  # type: ignore[no-any-return]


@op(
    joint=_cut,
    linear="together",
    formula="concat({tensors}, {axis})",
    back={"tensors": "its part of {g}"},
    shape=_joined,
    cost=_free,
    samples=lambda rng: [
        sample([rng.normal(size=(2, 3)), rng.normal(size=(1, 3))]),
        sample([rng.normal(size=(2, 3)), rng.normal(size=(2, 1)), rng.normal(size=(2, 0))], axis=-1),
        sample([rng.normal(size=(4,))]),
    ],
    errors=(
        ErrorSample(([np.zeros((2, 3)), np.zeros((2, 4))],), {}, ShapeError, "must be alike but for axis 0"),
        ErrorSample(([np.zeros(()), np.zeros(())],), {}, ShapeError, "stack makes one"),
    ),
    prepare=_prepare_one_axis,
)
def concat(tensors: Arrays, axis: int = 0) -> Any:
    """
    Join tensors along an axis that they have.

    Parameters
    ----------
    tensors
        A sequence of tensors whose shapes differ along `axis` at most.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.concat([[1.0, 2.0], [3.0]])
    tensor([1., 2., 3.])
    """
    return np.concatenate(tensors, axis)


def _sizes(length: int, sizes: int | Sequence[int]) -> tuple[int, ...]:
    if not isinstance(sizes, int):
        if sum(sizes) != length:
            raise ValueError(f"sizes {tuple(sizes)} add up to {sum(sizes)}, the axis has length {length}")
        if min(sizes, default=0) < 0:
            raise ValueError(f"sizes {tuple(sizes)} must not be negative")
        return tuple(sizes)
    if sizes < 1:
        raise ValueError(f"the size of a piece must be positive, got {sizes}")
    return tuple(min(sizes, length - start) for start in range(0, length, sizes)) or (0,)


def _prepare_sizes(attrs: dict[str, Any]) -> None:
    sizes = attrs["sizes"]
    attrs["sizes"] = operator.index(sizes) if np.ndim(sizes) == 0 else tuple(map(operator.index, sizes))
    _prepare_one_axis(attrs)


def _pieces(x: Shape, /, sizes: int | Sequence[int], axis: int) -> tuple[Shape, ...]:
    at = _axis(axis, len(x))
    return tuple((*x[:at], size, *x[at + 1 :]) for size in _sizes(x[at], sizes))


def _split_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(5, 2)), sizes=2)
    yield sample(rng.normal(size=(2, 6)), sizes=(1, 2, 3), axis=-1)
    yield sample(rng.normal(size=(3,)), sizes=3)
    yield sample(rng.normal(size=(0, 2)), sizes=2)


@op(
    outputs=None,
    x=lambda g, axis: concat_pieces(g, axis=axis),
    linear="together",
    formula="split({x}, {sizes}, {axis})",
    back={"x": "the gradients of the parts, put together"},
    shape=_pieces,
    cost=_free,
    samples=_split_samples,
    errors=(
        ErrorSample((np.zeros(5),), {"sizes": (2, 2)}, ShapeError, "add up to 4"),
        ErrorSample((np.zeros(5),), {"sizes": 0}, ShapeError, "must be positive"),
        ErrorSample((np.zeros(5),), {"sizes": (-1, 6)}, ShapeError, "must not be negative"),
    ),
    prepare=_prepare_sizes,
    view=True,
)
def split(x: Array, sizes: int | Sequence[int], axis: int = 0) -> Any:
    """
    Cut into pieces along an axis, as PyTorch's split does; one operation with several results.

    Parameters
    ----------
    sizes
        The length of each piece (the last may be shorter), or a length for every piece.

    Returns
    -------
    tuple of Tensor

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.split([1.0, 2.0, 3.0], 2)
    (tensor([1., 2.]), tensor([3.]))
    """
    ends = np.cumsum(_sizes(x.shape[_axis(axis, x.ndim)], sizes))[:-1]
    return tuple(np.split(x, ends, axis))


def _members(x: Shape, /, axis: int) -> tuple[Shape, ...]:
    at = _axis(axis, len(x))
    return ((*x[:at], *x[at + 1 :]),) * x[at]


@op(
    outputs=None,
    x=lambda g, axis: stack_pieces(g, axis=axis),
    linear="together",
    formula="unbind({x}, {axis})",
    back={"x": "the gradients of the slices, put together"},
    shape=_members,
    cost=_free,
    samples=lambda rng: [
        sample(rng.normal(size=(3, 2))),
        sample(rng.normal(size=(2, 3, 2)), axis=-1),
        sample(rng.normal(size=(1,))),
    ],
    errors=(ErrorSample((np.zeros(()),), {}, ShapeError, "axis 0 is out of range for 0 axes"),),
    view=True,
    prepare=_prepare_one_axis,
)
def unbind(x: Array, axis: int = 0) -> Any:
    """
    The members along an axis, without that axis; one operation with several results.

    Returns
    -------
    tuple of Tensor

    Examples
    --------
    >>> import graphgrad as gg
    >>> first, second = gg.unbind([[1.0, 2.0], [3.0, 4.0]])
    >>> second
    tensor([3., 4.])
    """
    return tuple(np.moveaxis(x, axis, 0))


_unbind = polymorphic(unbind)
_split = polymorphic(split)


def concat_pieces(pieces: Sequence[Any], axis: int) -> Any:
    """Join the gradients of pieces, arrays or tensors alike."""
    return np.concatenate(pieces, axis) if all(isinstance(p, np.ndarray) for p in pieces) else concat(pieces, axis)


def stack_pieces(pieces: Sequence[Any], axis: int) -> Any:
    """Stack the gradients of members, arrays or tensors alike."""
    return (
        np.stack(pieces, axis) if all(isinstance(p, (np.ndarray, np.generic)) for p in pieces) else stack(pieces, axis)
    )
