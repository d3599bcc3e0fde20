"""Transposed convolutions in one, two and three dimensions: what a convolution passes back, used to go forward.

Each element of the input puts the kernel, times itself, into a larger result; where these overlap they are added up.
Names, argument order and defaults are PyTorch's; `graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.declare import Array, op
from graphgrad.ops.functional import convolution_parts as parts
from graphgrad.ops.functional import convolution_sizes as sizes
from graphgrad.ops.functional.convolution_sizes import Lengths
from graphgrad.ops.samples import sample

NAMESPACE = "nn.functional"
__all__ = ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

Shape = tuple[int, ...]


def _cost(n: int) -> Any:
    """A product and a sum for each tap and output channel that an element of the input reaches."""

    def cost(input: Shape, weight: Shape, bias: Shape | None = None, /, **attrs: Any) -> int:
        out = math.prod(sizes.transposed(n, input, weight, bias, **attrs))
        return 2 * math.prod(input) * math.prod(weight[1:]) + (out if bias is not None else 0)

    return cost


def _transposed(n: int, samples: Any, errors: Sequence[ErrorSample], covers: Sequence[str]) -> dict[str, Any]:
    """What the declarations have in common."""
    return {
        "input": parts.transposed_input_rule(n),
        "weight": parts.transposed_weight_rule(n),
        "bias": parts.bias_rule(n),
        "neutral": {"bias": "0"},
        "linear": "each",
        "formula": "stamped({input}, {weight}, {stride}, {padding}, {output_padding}, {groups}, {dilation}) + "
        "{bias}[per_channel({weight})]",
        "back": {
            "input": "the convolution of {g} with {weight}",
            "weight": "for each tap the sum of {input} times the element of {g} that it reached through it",
            "bias": "the sum of {g} over all examples and places",
        },
        "shape": lambda input, weight, bias=None, /, **attrs: sizes.transposed(n, input, weight, bias, **attrs),
        "cost": _cost(n),
        "samples": samples,
        "errors": errors,
        "prepare": sizes.prepare_transposed(n),
        "expand": lambda input, weight, bias=None, /, **attrs: parts.expanded_transposed(n, input, weight, bias, attrs),
        "covers": covers,
    }


def _attrs(stride: Any, padding: Any, output_padding: Any, groups: int, dilation: Any) -> dict[str, Any]:
    places = {"stride": stride, "padding": padding, "output_padding": output_padding}
    return {**places, "groups": groups, "dilation": dilation}


def _samples_1d(rng: np.random.Generator) -> Iterator[Sample]:
    draw = rng.normal
    yield sample(draw(size=(2, 2, 3)), draw(size=(2, 3, 2)), draw(size=3), stride=2)
    yield sample(draw(size=(1, 4)), draw(size=(1, 1, 3)), draw(size=1), padding=1, dilation=2, output_padding=1)
    yield sample(draw(size=(2, 1, 3)), draw(size=(1, 1, 2)), draw(size=1), padding=1)
    yield sample(draw(size=(2, 2, 2)), draw(size=(2, 1, 3)), None, stride=3, padding=1, output_padding=2, groups=2)
    yield sample(draw(size=(0, 1, 2)), draw(size=(1, 2, 2)), None)
    yield sample(draw(size=(1, 1)), draw(size=(1, 1, 1)), None, stride=2)


_INPUT, _WEIGHT = np.zeros((1, 2, 5)), np.zeros((2, 3, 2))
_ERRORS_1D = (
    ErrorSample((np.zeros(5), _WEIGHT, None), {}, ShapeError, "must have the shape (N, C, L) or (C, L)"),
    ErrorSample((_INPUT, np.zeros((2, 3)), None), {}, ShapeError, "(in_channels, out_channels / groups, length of the"),
    ErrorSample((_INPUT, np.zeros((3, 2, 2)), None), {}, ShapeError, "has 2 channels, weight (3, 2, 2) takes 3"),
    ErrorSample((_INPUT, _WEIGHT, np.zeros(2)), {}, ShapeError, "for each of the 3 output channels"),
    ErrorSample((_INPUT, _WEIGHT, 1.0), {}, ShapeError, "each of the 3 output channels, got shape ()"),
    ErrorSample(
        (_INPUT, _WEIGHT, None), {"padding": 3}, ShapeError, "1·(5 - 1) + 1·(2 - 1) + 1 - 2·3 + 0 = 0: nothing"
    ),
    ErrorSample((_INPUT, _WEIGHT, None), {"stride": 2, "output_padding": 2}, ArgumentError, "it is below one of them"),
    ErrorSample((_INPUT, _WEIGHT, None), {"padding": "same"}, DTypeError, "padding is an integer"),
    ErrorSample((_INPUT, _WEIGHT, None), {"stride": (1, 2)}, ArgumentError, "or 1 of them (length)"),
    ErrorSample((_INPUT.astype(int), _WEIGHT.astype(int), None), {}, DTypeError, "are computed in floats"),
)


@op(**_transposed(1, _samples_1d, _ERRORS_1D, ("P14.24", "P14.26")))
def conv_transpose1d(
    input: Array,
    weight: Array,
    bias: Array = None,
    stride: Lengths = 1,
    padding: Lengths = 0,
    output_padding: Lengths = 0,
    groups: int = 1,
    dilation: Lengths = 1,
) -> Any:
    """
    Each element of a sequence puts a kernel, times itself, into a longer one: what `conv1d` passes back to its input.

    Where kernels overlap they are added up. A kernel whose length is no multiple of the stride overlaps unevenly, and
    leaves a pattern of its own (checkerboard artefacts).

    Parameters
    ----------
    input
        Shape (N, C, L), or (C, L) for a single sequence.
    weight
        Shape (C, K / groups, kernel length): input channels first.
    bias
        Shape (K,). None adds nothing.
    stride
        How far apart neighbours put their kernels.
    padding
        How many elements are taken away at each end of the result.
    output_padding
        How many elements more there are at its end: a convolution makes results of one size from inputs of several, and
        this says which is meant. Less than the stride or the dilation.
    groups, dilation
        As in `conv1d`.

    Returns
    -------
    Tensor
        Shape (N, K, (L - 1) · stride + dilation · (kernel length - 1) + 1 - 2 · padding + output_padding), or
        without N.

    Raises
    ------
    ShapeError
        If nothing is left: with the formula of the size and the numbers in it.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.conv_transpose1d([[1.0, 1.0, 1.0]], [[[1.0, 1.0, 1.0]]], stride=2)
    tensor([[1., 1., 2., 1., 2., 1., 1.]])
    """
    attrs = _attrs(stride, padding, output_padding, groups, dilation)
    return parts.forward_transposed(1, input, weight, bias, attrs)


def _samples_2d(rng: np.random.Generator) -> Iterator[Sample]:
    draw = rng.normal
    yield sample(draw(size=(1, 2, 2, 3)), draw(size=(2, 2, 3, 2)), draw(size=2), stride=(2, 1), padding=(1, 0))
    yield sample(draw(size=(1, 2, 2)), draw(size=(1, 1, 2, 2)), draw(size=1), dilation=(1, 2))
    yield sample(draw(size=(0, 1, 1, 2)), draw(size=(1, 1, 1, 2)), draw(size=1))
    yield sample(draw(size=(2, 2, 2)), draw(size=(2, 2, 2, 1)), None, groups=2, stride=2, output_padding=(1, 0))
    yield sample(draw(size=(1, 1, 2, 2)), draw(size=(1, 1, 2, 2)), None)
    yield sample(draw(size=(2, 1, 1, 1)), draw(size=(1, 2, 1, 1)), None)


_ERRORS_2D = (
    ErrorSample(
        (np.zeros((1, 1, 2, 2)), np.zeros((1, 1, 2, 2)), None), {"padding": (0, 2)}, ShapeError, "left along the width"
    ),
)


@op(**_transposed(2, _samples_2d, _ERRORS_2D, ("P14.24", "P14.26")))
def conv_transpose2d(
    input: Array,
    weight: Array,
    bias: Array = None,
    stride: Lengths = 1,
    padding: Lengths = 0,
    output_padding: Lengths = 0,
    groups: int = 1,
    dilation: Lengths = 1,
) -> Any:
    """
    Each element of an image puts a kernel, times itself, into a larger one: what `conv2d` passes back to its input.

    Parameters
    ----------
    input
        Shape (N, C, H, W), or (C, H, W) for a single image.
    weight
        Shape (C, K / groups, kernel height, kernel width): input channels first.
    bias
        Shape (K,). None adds nothing.
    stride, padding, output_padding, groups, dilation
        As in `conv_transpose1d`, along two axes.

    Returns
    -------
    Tensor
        Shape (N, K, height, width), or without N.

    Raises
    ------
    ShapeError
        If nothing is left: with the formula of the size and the numbers in it.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.conv_transpose2d([[[1.0, 2.0]]], [[[[1.0, 1.0], [1.0, 1.0]]]], stride=2)
    tensor([[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]])
    """
    attrs = _attrs(stride, padding, output_padding, groups, dilation)
    return parts.forward_transposed(2, input, weight, bias, attrs)


def _samples_3d(rng: np.random.Generator) -> Iterator[Sample]:
    draw = rng.normal
    yield sample(draw(size=(1, 1, 2, 1, 2)), draw(size=(1, 2, 2, 1, 2)), draw(size=2), stride=(1, 1, 2))
    yield sample(draw(size=(2, 1, 2, 1)), draw(size=(2, 1, 1, 2, 2)), draw(size=2), groups=2)
    yield sample(draw(size=(0, 1, 1, 1, 2)), draw(size=(1, 1, 1, 1, 1)), draw(size=1))
    yield sample(draw(size=(1, 2, 2, 2)), draw(size=(1, 1, 1, 2, 2)), None, padding=(0, 1, 0))
    yield sample(draw(size=(1, 1, 1, 2)), draw(size=(1, 1, 2, 1, 1)), None, stride=2, output_padding=1)
    yield sample(draw(size=(2, 1, 1, 1, 1)), draw(size=(1, 1, 1, 1, 1)), None)


_ERRORS_3D = (
    ErrorSample((np.zeros((1, 1, 2)), np.zeros((1, 1, 1, 1, 1)), None), {}, ShapeError, "(N, C, D, H, W) or"),
)


@op(**_transposed(3, _samples_3d, _ERRORS_3D, ("P14.24",)))
def conv_transpose3d(
    input: Array,
    weight: Array,
    bias: Array = None,
    stride: Lengths = 1,
    padding: Lengths = 0,
    output_padding: Lengths = 0,
    groups: int = 1,
    dilation: Lengths = 1,
) -> Any:
    """
    Each element of a volume puts a kernel, times itself, into a larger one: what `conv3d` passes back to its input.

    Parameters
    ----------
    input
        Shape (N, C, D, H, W), or (C, D, H, W) for a single volume.
    weight
        Shape (C, K / groups, kernel depth, kernel height, kernel width): input channels first.
    bias
        Shape (K,). None adds nothing.
    stride, padding, output_padding, groups, dilation
        As in `conv_transpose1d`, along three axes.

    Returns
    -------
    Tensor
        Shape (N, K, depth, height, width), or without N.

    Raises
    ------
    ShapeError
        If nothing is left: with the formula of the size and the numbers in it.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.conv_transpose3d([[[[1.0, 2.0]]]], gg.ones((1, 1, 2, 1, 1)))
    tensor([[[[1., 2.]],
    <BLANKLINE>
             [[1., 2.]]]])
    """
    attrs = _attrs(stride, padding, output_padding, groups, dilation)
    return parts.forward_transposed(3, input, weight, bias, attrs)
