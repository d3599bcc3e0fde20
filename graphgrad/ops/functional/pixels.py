"""Channels and pixels exchanged: no number is computed, all are put elsewhere.

Names, argument order and defaults are PyTorch's; `graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.ops.array.axes import permute_dims
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.attributes import keep_integers
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import free

NAMESPACE = "nn.functional"
__all__ = ["channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]

Shape = tuple[int, ...]


def _image(input: Shape) -> tuple[Shape, int, int, int]:
    if len(input) < 3:
        raise ValueError(f"input {input} must have the shape (..., C, H, W)")
    return input[:-3], input[-3], input[-2], input[-1]


def _order(rank: int, *last: int) -> Shape:
    """The axes with those at the end, counted from their first, in another order."""
    first = rank - len(last)
    return (*range(first), *(first + one for one in last))


# ---- pixels ----------------------------------------------------------------------------------------------------------


def _shuffled(input: Shape, /, upscale_factor: int) -> Shape:
    others, channels, height, width = _image(input)
    r = upscale_factor
    if channels % r**2:
        raise ValueError(f"the {channels} channels of input {input} don't make squares of {r} x {r} pixels")
    return (*others, channels // r**2, height * r, width * r)


def _shuffle(x: Any, r: int, change: Callable[..., Any], permute: Callable[..., Any]) -> Any:
    shape = _shuffled(x.shape, r)
    squares = change(x, (*shape[:-2], r, r, *x.shape[-2:]))
    return change(permute(squares, _order(len(shape) + 2, 2, 0, 3, 1)), shape)


@op(
    input=lambda g, upscale_factor: _pixel_unshuffle(g, downscale_factor=upscale_factor),
    linear="together",
    formula="pixel_shuffle({input}, {upscale_factor})",
    back={"input": "{g} with the pixels put back into channels: pixel_unshuffle"},
    shape=_shuffled,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(4, 2, 2)), upscale_factor=2),
        sample(rng.normal(size=(2, 9, 1, 2)), upscale_factor=3),
        sample(rng.normal(size=(1, 3, 2)), upscale_factor=1),
        sample(rng.normal(size=(0, 4, 1, 1)), upscale_factor=2),
    ],
    errors=(
        ErrorSample((np.zeros((3, 2, 2)),), {"upscale_factor": 2}, ShapeError, "don't make squares of 2 x 2 pixels"),
        ErrorSample((np.zeros((4, 2)),), {"upscale_factor": 2}, ShapeError, "must have the shape (..., C, H, W)"),
        ErrorSample((np.zeros((4, 2, 2)),), {"upscale_factor": 0}, ArgumentError, "an integer from 1"),
        ErrorSample((np.zeros((4, 2, 2)),), {"upscale_factor": 2.0}, DTypeError, "upscale_factor is an integer"),
    ),
    prepare=lambda attrs: keep_integers(attrs, "upscale_factor", least=1),
    expand=lambda input, upscale_factor: _shuffle(input, upscale_factor, reshape, permute_dims),
)
def pixel_shuffle(input: Array, upscale_factor: int) -> Any:
    """
    Larger images from more channels: of each place r² channels become a square of r x r pixels.

    Parameters
    ----------
    input
        Shape (..., C · r², H, W).
    upscale_factor
        The r.

    Returns
    -------
    Tensor
        Shape (..., C, H · r, W · r).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.pixel_shuffle([[[1.0]], [[2.0]], [[3.0]], [[4.0]]], 2)
    tensor([[[1., 2.],
             [3., 4.]]])
    """
    out = _shuffle(input, upscale_factor, np.reshape, np.transpose)
    return out.copy() if np.may_share_memory(out, input) else out


def _unshuffled(input: Shape, /, downscale_factor: int) -> Shape:
    others, channels, height, width = _image(input)
    r = downscale_factor
    if height % r or width % r:
        raise ValueError(f"images of {height} x {width} don't consist of squares of {r} x {r} pixels")
    return (*others, channels * r**2, height // r, width // r)


def _unshuffle(x: Any, r: int, change: Callable[..., Any], permute: Callable[..., Any]) -> Any:
    shape = _unshuffled(x.shape, r)
    squares = change(x, (*x.shape[:-2], shape[-2], r, shape[-1], r))
    return change(permute(squares, _order(len(shape) + 2, 1, 3, 0, 2)), shape)


@op(
    input=lambda g, downscale_factor: _pixel_shuffle(g, upscale_factor=downscale_factor),
    linear="together",
    formula="pixel_unshuffle({input}, {downscale_factor})",
    back={"input": "{g} with the channels put back as pixels: pixel_shuffle"},
    shape=_unshuffled,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 2, 4)), downscale_factor=2),
        sample(rng.normal(size=(2, 1, 3, 6)), downscale_factor=3),
        sample(rng.normal(size=(1, 3, 2)), downscale_factor=1),
        sample(rng.normal(size=(0, 1, 2, 2)), downscale_factor=2),
    ],
    errors=(
        ErrorSample((np.zeros((1, 3, 2)),), {"downscale_factor": 2}, ShapeError, "don't consist of squares"),
        ErrorSample((np.zeros((1, 2, 2)),), {"downscale_factor": 0}, ArgumentError, "an integer from 1"),
    ),
    prepare=lambda attrs: keep_integers(attrs, "downscale_factor", least=1),
    expand=lambda input, downscale_factor: _unshuffle(input, downscale_factor, reshape, permute_dims),
)
def pixel_unshuffle(input: Array, downscale_factor: int) -> Any:
    """
    More channels from larger images: each square of r x r pixels becomes r² channels of one place.

    Parameters
    ----------
    input
        Shape (..., C, H · r, W · r).
    downscale_factor
        The r.

    Returns
    -------
    Tensor
        Shape (..., C · r², H, W).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.pixel_unshuffle([[[1.0, 2.0], [3.0, 4.0]]], 2)
    tensor([[[1.]],
    <BLANKLINE>
            [[2.]],
    <BLANKLINE>
            [[3.]],
    <BLANKLINE>
            [[4.]]])
    """
    out = _unshuffle(input, downscale_factor, np.reshape, np.transpose)
    return out.copy() if np.may_share_memory(out, input) else out


_pixel_shuffle: Callable[..., Any] = polymorphic(pixel_shuffle)
_pixel_unshuffle: Callable[..., Any] = polymorphic(pixel_unshuffle)


# ---- channels --------------------------------------------------------------------------------------------------------


def _mixed(input: Shape, /, groups: int) -> Shape:
    if len(input) < 3:
        raise ValueError(f"input {input} must have the shape (N, C, L) or more axes")
    if input[1] % groups:
        raise ValueError(f"the {input[1]} channels of input {input} don't make {groups} groups of equal size")
    return input


def _mix(x: Any, groups: int, change: Callable[..., Any], permute: Callable[..., Any]) -> Any:
    shape = _mixed(x.shape, groups)
    grouped = change(x, (shape[0], groups, shape[1] // groups, *shape[2:]))
    return change(permute(grouped, (0, 2, 1, *range(3, len(shape) + 1))), shape)


@op(
    # Groups and the places in a group change roles; where there are no channels one group will do.
    input=lambda g, input_shape, groups: _channel_shuffle(g, groups=input_shape[1] // groups or 1),
    linear="together",
    formula="channel_shuffle({input}, {groups})",
    back={"input": "{g} with the channels put back"},
    shape=_mixed,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 6, 2)), groups=2),
        sample(rng.normal(size=(1, 4, 1, 2)), groups=4),
        sample(rng.normal(size=(1, 3, 2)), groups=1),
        sample(rng.normal(size=(0, 4, 2)), groups=2),
    ],
    errors=(
        ErrorSample((np.zeros((1, 3, 2)),), {"groups": 2}, ShapeError, "don't make 2 groups"),
        ErrorSample((np.zeros((1, 3)),), {"groups": 3}, ShapeError, "must have the shape (N, C, L)"),
        ErrorSample((np.zeros((1, 3, 2)),), {"groups": 0}, ArgumentError, "an integer from 1"),
    ),
    prepare=lambda attrs: keep_integers(attrs, "groups", least=1),
    expand=lambda input, groups: _mix(input, groups, reshape, permute_dims),
)
def channel_shuffle(input: Array, groups: int) -> Any:
    """
    Channels dealt out anew: first the first one of each group, then the second ones, and so on.

    After a convolution that keeps groups of channels apart it lets the next one see all of them (ShuffleNet).

    Parameters
    ----------
    input
        Shape (N, C, L) or with more axes.
    groups
        How many groups the channels are in; it divides their number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.channel_shuffle([[[1.0], [2.0], [3.0], [4.0]]], 2)
    tensor([[[1.],
             [3.],
             [2.],
             [4.]]])
    """
    out = _mix(input, groups, np.reshape, np.transpose)
    return out.copy() if np.may_share_memory(out, input) else out


_channel_shuffle: Callable[..., Any] = polymorphic(channel_shuffle)
