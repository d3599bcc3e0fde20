"""Taking tensors apart: split and its relatives, and unbind; operations with several results."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.declare import Array, op
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import free, one_axis, prepare_one_axis

__all__ = [
    "array_split",
    "chunk",
    "dsplit",
    "hsplit",
    "split",
    "tensor_split",
    "unbind",
    "unstack",
    "vsplit",
]

Shape = tuple[int, ...]


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
    prepare_one_axis(attrs)


def _pieces(x: Shape, /, sizes: int | Sequence[int], axis: int) -> tuple[Shape, ...]:
    at = one_axis(axis, len(x))
    return tuple((*x[:at], size, *x[at + 1 :]) for size in _sizes(x[at], sizes))


def _put_together(g: Sequence[Any], axis: int) -> Any:
    return np.concatenate(g, axis)


def _split_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(5, 2)), sizes=2)
    yield sample(rng.normal(size=(2, 6)), sizes=(1, 2, 3), axis=-1)
    yield sample(rng.normal(size=(3,)), sizes=2)
    yield sample(rng.normal(size=(0, 2)), sizes=2)
    yield sample(rng.normal(size=(1,)), sizes=1)


@op(
    outputs=None,
    x=_put_together,
    linear="together",
    complex="own",
    formula="split({x}, {sizes}, {axis})",
    back={"x": "the gradients of the parts, put together"},
    shape=_pieces,
    cost=free,
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
    ends = np.cumsum(_sizes(x.shape[one_axis(axis, x.ndim)], sizes))[:-1]
    return tuple(np.split(x, ends, axis))


def _prepare_chunks(attrs: dict[str, Any]) -> None:
    attrs["chunks"] = operator.index(attrs["chunks"])
    prepare_one_axis(attrs)


def _chunk_sizes(length: int, chunks: int) -> tuple[int, ...]:
    if chunks < 1:
        raise ValueError(f"chunks must be at least 1, got {chunks}")
    return _sizes(length, -(-length // chunks)) if length else (0,) * chunks


def _chunks(x: Shape, /, chunks: int, axis: int) -> tuple[Shape, ...]:
    at = one_axis(axis, len(x))
    return _pieces(x, _chunk_sizes(x[at], chunks), at)


@op(
    outputs=None,
    x=_put_together,
    linear="together",
    complex="own",
    formula="chunk({x}, {chunks}, {axis})",
    back={"x": "the gradients of the parts, put together"},
    shape=_chunks,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(5, 2)), chunks=2),
        sample(rng.normal(size=(2, 6)), chunks=3, axis=-1),
        sample(rng.normal(size=(5,)), chunks=4),
        sample(rng.normal(size=(0, 2)), chunks=2),
    ],
    errors=(ErrorSample((np.zeros(5),), {"chunks": 0}, ShapeError, "chunks must be at least 1"),),
    prepare=_prepare_chunks,
    view=True,
)
def chunk(x: Array, chunks: int, axis: int = 0) -> Any:
    """
    Cut into so many pieces of equal length along an axis, as PyTorch's chunk does; `array_split` is NumPy's way.

    All pieces but the last are as long as the length divided by `chunks` and rounded up, so that there may be fewer.

    Parameters
    ----------
    chunks
        How many pieces at most.

    Returns
    -------
    tuple of Tensor

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.chunk([1.0, 2.0, 3.0], 2)
    (tensor([1., 2.]), tensor([3.]))
    """
    at = one_axis(axis, x.ndim)
    return tuple(np.split(x, np.cumsum(_chunk_sizes(x.shape[at], chunks))[:-1], at))


def _prepare_sections(attrs: dict[str, Any]) -> None:
    given = attrs["indices_or_sections"]
    attrs["indices_or_sections"] = operator.index(given) if np.ndim(given) == 0 else tuple(map(operator.index, given))
    prepare_one_axis(attrs)


def _section_sizes(length: int, indices_or_sections: int | Sequence[int]) -> tuple[int, ...]:
    if isinstance(indices_or_sections, int):
        if indices_or_sections < 1:
            raise ValueError(f"indices_or_sections must be at least 1 section, got {indices_or_sections}")
        each, longer = divmod(length, indices_or_sections)
        return (each + 1,) * longer + (each,) * (indices_or_sections - longer)
    bounds = [0, *(slice(index).indices(length)[1] for index in indices_or_sections), length]
    sizes = tuple(end - start for start, end in pairwise(bounds))
    if min(sizes) < 0:
        raise ValueError(f"indices_or_sections {tuple(indices_or_sections)} must ascend along an axis of {length}")
    return sizes


def _sections(x: Shape, /, indices_or_sections: int | Sequence[int], axis: int) -> tuple[Shape, ...]:
    at = one_axis(axis, len(x))
    return _pieces(x, _section_sizes(x[at], indices_or_sections), at)


@op(
    outputs=None,
    x=_put_together,
    linear="together",
    complex="own",
    numpy=np.array_split,
    formula="array_split({x}, {indices_or_sections}, {axis})",
    back={"x": "the gradients of the parts, put together"},
    shape=_sections,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(5, 2)), indices_or_sections=3),
        sample(rng.normal(size=(2, 6)), indices_or_sections=(1, 1, -2, 9), axis=-1),
        sample(rng.normal(size=(2,)), indices_or_sections=3),
        sample(rng.normal(size=(0, 2)), indices_or_sections=2),
    ],
    errors=(
        ErrorSample((np.zeros(5),), {"indices_or_sections": 0}, ShapeError, "must be at least 1 section"),
        ErrorSample((np.zeros(5),), {"indices_or_sections": (3, 2)}, ShapeError, "must ascend along an axis of 5"),
    ),
    prepare=_prepare_sections,
    view=True,
)
def array_split(x: Array, indices_or_sections: int | Sequence[int], axis: int = 0) -> Any:
    """
    Cut along an axis at places, or into so many pieces as equal as can be; PyTorch calls it tensor_split.

    Parameters
    ----------
    indices_or_sections
        A number of pieces, of which the first ones are longer by one if need be; or the places where a new piece
        begins, in ascending order.

    Returns
    -------
    tuple of Tensor

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.array_split([1.0, 2.0, 3.0, 4.0], 3)
    (tensor([1., 2.]), tensor([3.]), tensor([4.]))
    """
    at = one_axis(axis, x.ndim)
    return tuple(np.split(x, np.cumsum(_section_sizes(x.shape[at], indices_or_sections))[:-1], at))


tensor_split = array_split


def _evenly(name: str, x: Any, indices_or_sections: int | Sequence[int], axis: int, rank: int) -> tuple[Tensor, ...]:
    shape = np.shape(x)
    if len(shape) < rank:
        raise ShapeError(describe(f"{name}: x needs {rank} {'axis' if rank == 1 else 'axes'}, it has shape {shape}"))
    parts: tuple[Tensor, ...] = array_split(x, indices_or_sections, axis)
    if np.ndim(indices_or_sections) == 0 and len({part.shape for part in parts}) > 1:
        raise ShapeError(
            describe(
                f"{name}: {indices_or_sections} equal parts don't make up axis {axis} of shape {shape}",
                hint="array_split gives parts that are not quite equal",
            )
        )
    return parts


def hsplit(x: Any, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """`array_split` along the second axis, for vectors along the only one; into equal parts if given their number.

    Raises
    ------
    ShapeError
        If `x` is a single number, or can't be cut into equal parts.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.hsplit([[1.0, 2.0]], 2)
    (tensor([[1.]]), tensor([[2.]]))
    """
    return _evenly("hsplit", x, indices_or_sections, 1 if np.ndim(x) > 1 else 0, 1)


def vsplit(x: Any, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """`array_split` along the first axis of at least two; into equal parts if given their number.

    Raises
    ------
    ShapeError
        If `x` has less than two axes, or can't be cut into equal parts.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.vsplit([[1.0], [2.0]], 2)
    (tensor([[1.]]), tensor([[2.]]))
    """
    return _evenly("vsplit", x, indices_or_sections, 0, 2)


def dsplit(x: Any, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
    """`array_split` along the third axis; into equal parts if given their number.

    Raises
    ------
    ShapeError
        If `x` has less than three axes, or can't be cut into equal parts.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.dsplit([[[1.0, 2.0]]], 2)
    (tensor([[[1.]]]), tensor([[[2.]]]))
    """
    return _evenly("dsplit", x, indices_or_sections, 2, 3)


def _members(x: Shape, /, axis: int) -> tuple[Shape, ...]:
    at = one_axis(axis, len(x))
    return ((*x[:at], *x[at + 1 :]),) * x[at]


@op(
    outputs=None,
    x=lambda g, axis: np.stack(g, axis),
    linear="together",
    complex="own",
    numpy=np.unstack,
    formula="unbind({x}, {axis})",
    back={"x": "the gradients of the slices, put together"},
    shape=_members,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(3, 2))),
        sample(rng.normal(size=(2, 3, 2)), axis=-1),
        sample(rng.normal(size=(1,))),
    ],
    errors=(ErrorSample((np.zeros(()),), {}, ShapeError, "axis 0 is out of range for 0 axes"),),
    view=True,
    prepare=prepare_one_axis,
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


unstack = unbind
