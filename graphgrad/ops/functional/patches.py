"""Patches of images as columns, and columns added up to images: each is the adjoint of the other.

A convolution is a matrix product with what `unfold` gives (im2col). Names, argument order and defaults are PyTorch's;
`graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.indexing import getitem, index_add
from graphgrad.ops.array.padding import pad
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.composite import named
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import free

NAMESPACE = "nn.functional"
__all__ = ["fold", "unfold"]

Shape = tuple[int, ...]
Pair = int | Sequence[int]


def prepare_pairs(attrs: dict[str, Any], *names: str, least: int = 1) -> None:
    """Keep attributes as pairs of integers, refuse those below `least`."""
    for name in names:
        given = attrs[name]
        pair = (operator.index(given),) * 2 if np.ndim(given) == 0 else tuple(map(operator.index, given))
        if len(pair) != 2 or min(pair) < least:
            raise ValueError(f"{name} is an integer from {least}, or two of them for rows and columns, got {given}")
        attrs[name] = pair


class _Places(NamedTuple):
    """Where the patches lie in the padded image."""

    padded: Shape
    """The height and the width of the image with its padding."""
    counts: Shape
    """How many patches there are below and beside each other."""
    starts: tuple[Any, Any]
    """For rows and for columns, by element of the patch and by patch, their numbers in the padded image."""


def _places(image: Shape, kernel_size: Shape, dilation: Shape, padding: Shape, stride: Shape) -> _Places:
    padded, counts, starts = [], [], []
    for length, kernel, gap, side, step in zip(image, kernel_size, dilation, padding, stride, strict=True):
        whole, reach = length + 2 * side, gap * (kernel - 1) + 1
        if whole < reach:
            raise ValueError(
                f"a patch of {kernel_size} with dilation {dilation} doesn't fit into images of {image} with padding "
                f"{padding}"
            )
        count = (whole - reach) // step + 1
        padded.append(whole)
        counts.append(count)
        starts.append(gap * np.arange(kernel)[:, None] + step * np.arange(count))
    return _Places(tuple(padded), tuple(counts), (starts[0], starts[1]))


def _key(places: _Places) -> tuple[Any, ...]:
    """The index that takes all patches: (..., kernel rows, kernel columns, patches down, patches across)."""
    rows, columns = places.starts
    return (Ellipsis, rows[:, None, :, None], columns[None, :, None, :])


def _slices(places: _Places, i: int, j: int, dilation: Shape, stride: Shape) -> tuple[Any, ...]:
    """Where element (i, j) of all patches lies."""
    return (
        Ellipsis,
        slice(i * dilation[0], i * dilation[0] + stride[0] * (places.counts[0] - 1) + 1, stride[0]),
        slice(j * dilation[1], j * dilation[1] + stride[1] * (places.counts[1] - 1) + 1, stride[1]),
    )


def _sides(rank: int, padding: Shape) -> list[tuple[int, int]]:
    return [(0, 0)] * (rank - 2) + [(one, one) for one in padding]


# ---- to columns ------------------------------------------------------------------------------------------------------


def _prepare_unfold(attrs: dict[str, Any]) -> None:
    prepare_pairs(attrs, "kernel_size", "dilation", "stride")
    prepare_pairs(attrs, "padding", least=0)


def _unfolded(input: Shape, /, **attrs: Any) -> Shape:
    if len(input) not in (3, 4):
        raise ValueError(f"input {input} must have the shape (N, C, H, W) or (C, H, W)")
    counts = _places(input[-2:], **attrs).counts
    return (*input[:-3], input[-3] * math.prod(attrs["kernel_size"]), math.prod(counts))


def _unfold_expanded(input: Any, **attrs: Any) -> Any:
    padded = pad(input, _sides(input.ndim, attrs["padding"]))
    patches = named(getitem(padded, _key(_places(input.shape[-2:], **attrs))), "patches")
    return reshape(patches, _unfolded(input.shape, **attrs))


def _unfold_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(2, 2, 3, 4)), kernel_size=(2, 3))
    yield sample(rng.normal(size=(1, 5, 4)), kernel_size=2, padding=1, stride=2)
    yield sample(rng.normal(size=(1, 1, 5, 3)), kernel_size=(3, 1), dilation=(2, 1), padding=(0, 1), stride=(1, 2))
    yield sample(rng.normal(size=(0, 2, 3, 3)), kernel_size=2)


@op(
    input=lambda g, input_shape, attrs: _fold(g, output_size=input_shape[-2:], **attrs),
    linear="together",
    formula="patches({input}, {kernel_size}, {dilation}, {padding}, {stride})",
    back={"input": "the sum of {g} over all patches that an element is in: fold"},
    shape=_unfolded,
    cost=free,
    samples=_unfold_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)),), {"kernel_size": 2}, ShapeError, "must have the shape (N, C, H, W)"),
        ErrorSample((np.zeros((1, 3, 3)),), {"kernel_size": 4}, ShapeError, "doesn't fit into images of (3, 3)"),
        ErrorSample((np.zeros((1, 3, 3)),), {"kernel_size": 2, "stride": 0}, ArgumentError, "an integer from 1"),
    ),
    prepare=_prepare_unfold,
    expand=_unfold_expanded,
    covers=("P14.05", "P14.07", "P14.08"),
)
def unfold(input: Array, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1) -> Any:
    """
    All patches of images as columns, so that a convolution is a matrix product: im2col.

    Parameters
    ----------
    input
        Shape (N, C, H, W) or (C, H, W).
    kernel_size
        The height and the width of a patch; here and below one number stands for both.
    dilation
        How far apart the elements of a patch are.
    padding
        How many zeros are put around the image, on each side.
    stride
        How far apart the patches are.

    Returns
    -------
    Tensor
        Shape (N, C · kernel height · kernel width, number of patches), or without N.

    Examples
    --------
    >>> import graphgrad as gg
    >>> image = [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]
    >>> gg.nn.functional.unfold(image, (2, 2))
    tensor([[1., 2.],
            [2., 3.],
            [4., 5.],
            [5., 6.]])
    """
    attrs: dict[str, Any] = {"kernel_size": kernel_size, "dilation": dilation, "padding": padding, "stride": stride}
    shape = _unfolded(np.shape(input), **attrs)
    places = _places(input.shape[-2:], **attrs)
    padded = np.pad(input, _sides(input.ndim, padding))  # type: ignore[arg-type]
    patches = np.empty((*input.shape[:-2], *kernel_size, *places.counts), input.dtype)  # type: ignore[misc]
    for i, j in itertools.product(*map(range, kernel_size)):  # type: ignore[arg-type]
        patches[..., i, j, :, :] = padded[_slices(places, i, j, dilation, stride)]  # type: ignore[arg-type]
    return patches.reshape(shape)


# ---- and back --------------------------------------------------------------------------------------------------------


def _prepare_fold(attrs: dict[str, Any]) -> None:
    prepare_pairs(attrs, "output_size", least=0)
    _prepare_unfold(attrs)


def _columns(input: Shape, output_size: Shape, **attrs: Any) -> Shape:
    """The input's shape with an axis for each of what its columns hold."""
    if len(input) not in (2, 3):
        raise ValueError(f"input {input} must have the shape (N, C · kernel height · kernel width, L), or without N")
    kernel = attrs["kernel_size"]
    if input[-2] % math.prod(kernel):
        raise ValueError(f"columns of length {input[-2]} don't hold channels of {kernel[0]} x {kernel[1]} elements")
    counts = _places(output_size, **attrs).counts
    if input[-1] != math.prod(counts):
        raise ValueError(
            f"images of {output_size} have {math.prod(counts)} such patches, {counts[0]} x {counts[1]}; "
            f"input {input} has {input[-1]} columns"
        )
    return (*input[:-2], input[-2] // math.prod(kernel), *kernel, *counts)


def _folded(input: Shape, /, output_size: Shape, **attrs: Any) -> Shape:
    return (*_columns(input, output_size, **attrs)[:-4], *output_size)


def _fold_expanded(input: Any, output_size: Shape, **attrs: Any) -> Any:
    places = _places(output_size, **attrs)
    patches = named(reshape(input, _columns(input.shape, output_size, **attrs)), "patches")
    padded = index_add(patches, (*patches.shape[:-4], *places.padded), _key(places))
    (top, left), (height, width) = attrs["padding"], output_size
    return padded[..., top : top + height, left : left + width]


def _fold_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(2, 8, 4)), output_size=(3, 3), kernel_size=2)
    yield sample(rng.normal(size=(4, 6)), output_size=(3, 4), kernel_size=2, padding=1, stride=2)
    yield sample(rng.normal(size=(1, 3, 2)), output_size=(5, 2), kernel_size=(3, 1), dilation=(2, 1))
    yield sample(rng.normal(size=(0, 4, 4)), output_size=3, kernel_size=2)


_FOLD = {"output_size": 3, "kernel_size": 2}


@op(
    input=lambda g, kernel_size, dilation, padding, stride: _unfold(
        g, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    ),
    linear="together",
    formula="from_patches({input}, {output_size}, {kernel_size}, {dilation}, {padding}, {stride})",
    back={"input": "the patches of {g}: unfold"},
    shape=_folded,
    cost=lambda input, /, **_: math.prod(input),
    samples=_fold_samples,
    errors=(
        ErrorSample((np.zeros((1, 4, 3)),), _FOLD, ShapeError, "have 4 such patches, 2 x 2"),
        ErrorSample((np.zeros((1, 3, 4)),), _FOLD, ShapeError, "don't hold channels of 2 x 2 elements"),
        ErrorSample((np.zeros(4),), _FOLD, ShapeError, "input (4,) must have the shape"),
        ErrorSample((np.zeros((1, 4, 4)),), {**_FOLD, "padding": -1}, ArgumentError, "an integer from 0"),
    ),
    prepare=_prepare_fold,
    expand=_fold_expanded,
)
def fold(
    input: Array, output_size: Pair, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1
) -> Any:
    """
    Images from the columns that `unfold` gives; where patches overlap their elements are added up: col2im.

    Parameters
    ----------
    input
        Shape (N, C · kernel height · kernel width, number of patches), or without N.
    output_size
        The height and the width of the images.
    kernel_size, dilation, padding, stride
        As in `unfold`.

    Returns
    -------
    Tensor
        Shape (N, C, height, width), or without N.

    Examples
    --------
    >>> import graphgrad as gg
    >>> columns = [[1.0, 2.0], [2.0, 3.0], [4.0, 5.0], [5.0, 6.0]]
    >>> gg.nn.functional.fold(columns, (2, 3), (2, 2))
    tensor([[[ 1.,  4.,  3.],
             [ 4., 10.,  6.]]])
    """
    attrs: dict[str, Any] = {"kernel_size": kernel_size, "dilation": dilation, "padding": padding, "stride": stride}
    places = _places(output_size, **attrs)  # type: ignore[arg-type]
    patches = input.reshape(_columns(input.shape, output_size, **attrs))  # type: ignore[arg-type]
    out = np.zeros((*patches.shape[:-4], *places.padded), input.dtype)
    for i, j in itertools.product(*map(range, kernel_size)):  # type: ignore[arg-type]
        out[_slices(places, i, j, dilation, stride)] += patches[..., i, j, :, :]  # type: ignore[arg-type]
    (top, left), (height, width) = padding, output_size  # type: ignore[misc]
    return out[..., top : top + height, left : left + width].copy()


_fold: Callable[..., Any] = polymorphic(fold)
_unfold: Callable[..., Any] = polymorphic(unfold)
