"""Convolutions in one, two and three dimensions, as layers have them: the kernel slides over its input unflipped.

What mathematics calls a convolution turns the kernel around first; that is `graphgrad.convolve`. Layers learn their
kernel, so nothing is lost by leaving that out. Names, argument order and defaults are PyTorch's;
`graphgrad.nn.functional` offers them. Other borders than zeros are made with `pad` beforehand.
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
__all__ = ["conv1d", "conv1d_weight", "conv2d", "conv2d_weight", "conv3d", "conv3d_weight"]

Shape = tuple[int, ...]


# ---- forward ---------------------------------------------------------------------------------------------------------


def _cost(n: int) -> Any:
    """A product and a sum for each tap and channel that an output sees."""

    def cost(input: Shape, weight: Shape, bias: Shape | None = None, /, **attrs: Any) -> int:
        out = math.prod(sizes.convolved(n, input, weight, bias, **attrs))
        return out * (2 * math.prod(weight[1:]) + (bias is not None))

    return cost


def _convolution(n: int, samples: Any, errors: Sequence[ErrorSample], covers: Sequence[str]) -> dict[str, Any]:
    """What the declarations of all convolutions have in common."""
    return {
        "input": parts.input_rule(n),
        "weight": parts.weight_rule(n),
        "bias": parts.bias_rule(n),
        "neutral": {"bias": "0"},
        "linear": "each",
        "formula": "cross_correlation({input}, {weight}, {stride}, {padding}, {dilation}, {groups}) + "
        "{bias}[per_channel({weight})]",
        "back": {
            "input": "{g} through each tap back to where it came from: a transposed convolution with {weight}",
            "weight": "for each tap the sum of {g} times the element of {input} that was seen through it",
            "bias": "the sum of {g} over all examples and places",
        },
        "shape": lambda input, weight, bias=None, /, **attrs: sizes.convolved(n, input, weight, bias, **attrs),
        "cost": _cost(n),
        "samples": samples,
        "errors": errors,
        "prepare": sizes.prepare(n),
        "expand": lambda input, weight, bias=None, /, **attrs: parts.expanded(n, input, weight, bias, attrs),
        "covers": covers,
    }


def _samples_1d(rng: np.random.Generator) -> Iterator[Sample]:
    draw = rng.normal
    yield sample(draw(size=(2, 2, 5)), draw(size=(3, 2, 3)), draw(size=3))
    yield sample(draw(size=(2, 4)), draw(size=(2, 1, 2)), draw(size=2), dilation=2, groups=2)
    yield sample(draw(size=(0, 2, 3)), draw(size=(1, 2, 1)), draw(size=1))
    yield sample(draw(size=(2, 2, 5)), draw(size=(2, 2, 3)), None, stride=2, padding=1)
    yield sample(draw(size=(1, 1, 4)), draw(size=(1, 1, 2)), None, padding="same")
    yield sample(draw(size=(1, 1, 1)), draw(size=(1, 1, 1)), None, stride=3)


_INPUT_1D, _WEIGHT_1D = np.zeros((1, 2, 5)), np.zeros((3, 2, 2))
_ERRORS_1D = (
    ErrorSample((np.zeros(5), _WEIGHT_1D, None), {}, ShapeError, "must have the shape (N, C, L) or (C, L)"),
    ErrorSample((_INPUT_1D, np.zeros((3, 2)), None), {}, ShapeError, "length of the kernel), got (3, 2)"),
    ErrorSample((_INPUT_1D, np.zeros((3, 1, 2)), None), {}, ShapeError, "has 2 channels; weight (3, 1, 2) sees 1"),
    ErrorSample((_INPUT_1D, _WEIGHT_1D, None), {"groups": 2}, ShapeError, "can't be split into 2 groups"),
    ErrorSample((_INPUT_1D, _WEIGHT_1D, np.zeros(2)), {}, ShapeError, "for each of the 3 output channels"),
    ErrorSample((_INPUT_1D, _WEIGHT_1D, 1.0), {}, ShapeError, "each of the 3 output channels, got shape ()"),
    ErrorSample(
        (_INPUT_1D, np.zeros((3, 2, 6)), None), {}, ShapeError, "(n + 2p - f)/s + 1 = (5 + 2·0 - 6)/1 + 1 = 0: the"
    ),
    ErrorSample(
        (_INPUT_1D, _WEIGHT_1D, None),
        {"stride": 2, "strict": True},
        ShapeError,
        "(5 + 2·0 - 2)/2 + 1 = 2.5 is not a whole number: the stride leaves 1",
    ),
    ErrorSample((_INPUT_1D, _WEIGHT_1D, None), {"stride": 0}, ArgumentError, "stride is an integer from 1"),
    ErrorSample((_INPUT_1D, _WEIGHT_1D, None), {"padding": (1, 1)}, ArgumentError, "or 1 of them (length)"),
    ErrorSample((_INPUT_1D, _WEIGHT_1D, None), {"padding": 0.5}, DTypeError, "padding is an integer"),
    ErrorSample((_INPUT_1D, _WEIGHT_1D, None), {"padding": "full"}, ArgumentError, "'valid', 'same' or numbers"),
    ErrorSample(
        (_INPUT_1D, _WEIGHT_1D, None), {"padding": "same", "stride": 2}, ArgumentError, "takes stride 1, got (2,)"
    ),
    ErrorSample((_INPUT_1D, _WEIGHT_1D, None), {"groups": 0}, ArgumentError, "groups is an integer from 1"),
    ErrorSample((_INPUT_1D.astype(int), _WEIGHT_1D.astype(int), None), {}, DTypeError, "are computed in floats"),
)


@op(**_convolution(1, _samples_1d, _ERRORS_1D, ("P14.01", "P14.10", "P14.22", "P14.23")))
def conv1d(
    input: Array,
    weight: Array,
    bias: Array = None,
    stride: Lengths = 1,
    padding: str | Lengths = 0,
    dilation: Lengths = 1,
    groups: int = 1,
    *,
    strict: bool = False,
) -> Any:
    """
    A kernel that slides over sequences: at each place the sum of what it sees, times its weights.

    y[o] = Σ weight[r] · x[o · stride + r · dilation - padding] + bias, summed over the channels too. Without stride,
    padding and dilation it is the product with a matrix that has the kernel in each row, one place further right:
    ``gg.toeplitz``.

    Parameters
    ----------
    input
        Shape (N, C, L), or (C, L) for a single sequence.
    weight
        Shape (K, C / groups, kernel length): one kernel for each output channel.
    bias
        Shape (K,). None adds nothing.
    stride
        How far the kernel moves from one place to the next.
    padding
        How many zeros are put before and behind the sequence; ``"valid"`` for none, ``"same"`` for as many as keep the
        length, one more behind than before if their number is odd.
    dilation
        How far apart the elements are that the kernel sees.
    groups
        The channels are split into so many groups, each seen by as many of the output channels.
    strict
        Refuse a stride that leaves elements at the end over. By default they aren't seen.

    Returns
    -------
    Tensor
        Shape (N, K, floor((L + 2 · padding - dilation · (kernel length - 1) - 1) / stride) + 1), or without N.

    Raises
    ------
    ShapeError
        If the kernel doesn't fit, or the stride with `strict`: with the formula of the size and the numbers in it.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.conv1d([[1.0, 2.0, 3.0, 4.0]], [[[3.0, 2.0]]])
    tensor([[ 7., 12., 17.]])
    """
    return parts.forward(1, input, weight, bias, _attrs(stride, padding, dilation, groups, strict=strict))


def _attrs(stride: Any, padding: Any, dilation: Any, groups: int, **more: Any) -> dict[str, Any]:
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, **more}


def _samples_2d(rng: np.random.Generator) -> Iterator[Sample]:
    draw = rng.normal
    yield sample(draw(size=(1, 2, 4, 3)), draw(size=(2, 2, 3, 2)), draw(size=2), stride=(2, 1), padding=(1, 0))
    yield sample(draw(size=(2, 2, 2)), draw(size=(2, 1, 2, 1)), draw(size=2), groups=2, stride=2)
    yield sample(draw(size=(0, 1, 2, 2)), draw(size=(1, 1, 2, 1)), draw(size=1))
    yield sample(draw(size=(2, 2, 3, 3)), draw(size=(4, 1, 2, 2)), None, groups=2)
    yield sample(draw(size=(1, 3, 4)), draw(size=(2, 1, 2, 3)), None, padding="same", dilation=(1, 2))
    yield sample(draw(size=(2, 3, 2, 1)), draw(size=(2, 3, 1, 1)), None)


_INPUT_2D, _WEIGHT_2D = np.zeros((1, 2, 4, 5)), np.zeros((3, 2, 3, 3))
_ERRORS_2D = (
    ErrorSample((np.zeros((4, 5)), _WEIGHT_2D, None), {}, ShapeError, "(N, C, H, W) or (C, H, W)"),
    ErrorSample((np.zeros((1, 2, 0, 5)), _WEIGHT_2D, None), {"padding": 2}, ShapeError, "no length may be 0"),
    ErrorSample(
        (_INPUT_2D, _WEIGHT_2D, None),
        {"dilation": (2, 1)},
        ShapeError,
        "(n + 2p - d(f - 1) - 1)/s + 1 = (4 + 2·0 - 2·(3 - 1) - 1)/1 + 1 = 0: the kernel doesn't fit into the padded "
        "input along its height",
    ),
    ErrorSample((_INPUT_2D, _WEIGHT_2D, None), {"dilation": 0}, ArgumentError, "2 of them (height, width), got 0"),
)


@op(
    **_convolution(
        2,
        _samples_2d,
        _ERRORS_2D,
        ("P14.02", "P14.04", "P14.05", "P14.06", "P14.07", "P14.08", "P14.09", "P14.12", "P14.13"),
    )
)
def conv2d(
    input: Array,
    weight: Array,
    bias: Array = None,
    stride: Lengths = 1,
    padding: str | Lengths = 0,
    dilation: Lengths = 1,
    groups: int = 1,
    *,
    strict: bool = False,
) -> Any:
    """
    A kernel that slides over images: at each place the sum of what it sees, times its weights.

    Each output channel has a kernel of its own, as deep as there are input channels. A kernel of 1 by 1 is a linear
    layer at each pixel. With as many groups as input channels each channel has its own kernels: a depthwise
    convolution.

    Parameters
    ----------
    input
        Shape (N, C, H, W), or (C, H, W) for a single image.
    weight
        Shape (K, C / groups, kernel height, kernel width).
    bias
        Shape (K,). None adds nothing.
    stride
        How far the kernel moves from one place to the next; here and below one number stands for both axes.
    padding
        How many zeros are put around the image, on each side; ``"valid"`` for none, ``"same"`` for as many as keep its
        size, one more below and on the right if their number is odd.
    dilation
        How far apart the elements are that the kernel sees.
    groups
        The channels are split into so many groups, each seen by as many of the output channels.
    strict
        Refuse a stride that leaves rows or columns at the end over. By default they aren't seen.

    Returns
    -------
    Tensor
        Shape (N, K, height, width), or without N, each
        floor((n + 2 · padding - dilation · (kernel - 1) - 1) / stride) + 1.

    Raises
    ------
    ShapeError
        If the kernel doesn't fit, or the stride with `strict`: with the formula of the size and the numbers in it.

    Examples
    --------
    >>> import graphgrad as gg
    >>> image = [[[10.0, 10.0, 0.0, 0.0], [10.0, 10.0, 0.0, 0.0]]]
    >>> edge = [[[[1.0, -1.0]]]]
    >>> gg.nn.functional.conv2d(image, edge)
    tensor([[[ 0., 10.,  0.],
             [ 0., 10.,  0.]]])
    """
    return parts.forward(2, input, weight, bias, _attrs(stride, padding, dilation, groups, strict=strict))


def _samples_3d(rng: np.random.Generator) -> Iterator[Sample]:
    draw = rng.normal
    yield sample(draw(size=(1, 1, 3, 2, 3)), draw(size=(2, 1, 2, 1, 2)), draw(size=2), padding=(0, 1, 0))
    yield sample(draw(size=(2, 1, 2, 2)), draw(size=(2, 1, 1, 2, 1)), draw(size=2), groups=2)
    yield sample(draw(size=(0, 1, 1, 2, 1)), draw(size=(1, 1, 1, 1, 1)), draw(size=1))
    yield sample(draw(size=(2, 3, 2, 2)), draw(size=(2, 1, 2, 2, 1)), None, stride=2, groups=2)
    yield sample(draw(size=(1, 2, 1, 2)), draw(size=(1, 1, 2, 1, 2)), None, padding="same")
    yield sample(draw(size=(1, 1, 3, 1, 1)), draw(size=(1, 1, 2, 1, 1)), None, dilation=2, padding=(1, 0, 0))


_ERRORS_3D = (
    ErrorSample((np.zeros((4, 5)), np.zeros((1, 1, 1, 1, 1)), None), {}, ShapeError, "(N, C, D, H, W) or (C, D, H, W)"),
    ErrorSample(
        (np.zeros((1, 2, 2, 2)), np.zeros((1, 1, 3, 1, 1)), None), {}, ShapeError, "padded input along its depth"
    ),
)


@op(**_convolution(3, _samples_3d, _ERRORS_3D, ("P14.23",)))
def conv3d(
    input: Array,
    weight: Array,
    bias: Array = None,
    stride: Lengths = 1,
    padding: str | Lengths = 0,
    dilation: Lengths = 1,
    groups: int = 1,
    *,
    strict: bool = False,
) -> Any:
    """
    A kernel that slides through volumes, or films: at each place the sum of what it sees, times its weights.

    Parameters
    ----------
    input
        Shape (N, C, D, H, W), or (C, D, H, W) for a single volume.
    weight
        Shape (K, C / groups, kernel depth, kernel height, kernel width).
    bias
        Shape (K,). None adds nothing.
    stride, padding, dilation, groups, strict
        As in `conv2d`, along three axes.

    Returns
    -------
    Tensor
        Shape (N, K, depth, height, width), or without N.

    Raises
    ------
    ShapeError
        If the kernel doesn't fit, or the stride with `strict`: with the formula of the size and the numbers in it.

    Examples
    --------
    >>> import graphgrad as gg
    >>> volume = [[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]]
    >>> gg.nn.functional.conv3d(volume, gg.ones((1, 1, 2, 2, 2)))
    tensor([[[[36.]]]])
    """
    return parts.forward(3, input, weight, bias, _attrs(stride, padding, dilation, groups, strict=strict))


# ---- the gradient of the weight --------------------------------------------------------------------------------------


def _of_weight(n: int, samples: Any, errors: Sequence[ErrorSample] = ()) -> dict[str, Any]:
    """What the declarations of the weights' gradients have in common."""
    return {
        "input": parts.weight_input_rule(n),
        "grad_output": parts.weight_grad_rule(n),
        "linear": "each",
        "formula": "correlated_with_gradient({input}, {grad_output}, {weight_size}, {stride}, {padding}, {dilation}, "
        "{groups})",
        "back": {
            "input": "{grad_output} through each tap back to where it came from: a transposed convolution with {g}",
            "grad_output": "the convolution of {input} with {g}",
        },
        "shape": lambda input, grad_output, /, **attrs: sizes.weighted(n, input, grad_output, **attrs),
        "cost": lambda input, grad_output, /, **attrs: 2 * math.prod(grad_output) * math.prod(attrs["weight_size"][1:]),
        "samples": samples,
        "errors": errors,
        "prepare": sizes.prepare_weight(n),
        "expand": lambda input, grad_output, /, **attrs: parts.expanded_weight(n, input, grad_output, attrs),
        "covers": ("P14.11",),
    }


def _weight_samples_1d(rng: np.random.Generator) -> Iterator[Sample]:
    draw = rng.normal
    yield sample(draw(size=(2, 2, 5)), draw(size=(2, 3, 3)), weight_size=(3, 2, 3))
    yield sample(draw(size=(2, 6)), draw(size=(2, 3)), weight_size=(2, 1, 2), stride=2, padding=1, groups=2, dilation=2)
    yield sample(draw(size=(1, 1, 3)), draw(size=(1, 1, 3)), weight_size=(1, 1, 2), padding="same")


_WEIGHT_ERRORS_1D = (
    ErrorSample(
        (_INPUT_1D, np.zeros((1, 3, 5))), {"weight_size": (3, 2, 2)}, ShapeError, "of input (1, 2, 5), which is (1, 3,"
    ),
    ErrorSample((_INPUT_1D, np.zeros((1, 3, 4))), {"weight_size": (3, 2)}, ArgumentError, "3 integers from 1"),
    ErrorSample((_INPUT_1D, np.zeros((1, 3, 4))), {"weight_size": 3}, DTypeError, "3 integers from 1, got 3"),
)


@op(**_of_weight(1, _weight_samples_1d, _WEIGHT_ERRORS_1D))
def conv1d_weight(
    input: Array,
    weight_size: Sequence[int],
    grad_output: Array,
    stride: Lengths = 1,
    padding: str | Lengths = 0,
    dilation: Lengths = 1,
    groups: int = 1,
) -> Any:
    """
    What `conv1d` passes back to its weight: for each tap the sum of the gradient times what was seen through it.

    PyTorch has it in ``torch.nn.grad``.

    Parameters
    ----------
    input
        What was convolved.
    weight_size
        The shape of the weight.
    grad_output
        The gradient of the result.
    stride, padding, dilation, groups
        As in `conv1d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.conv1d_weight([[1.0, 2.0, 3.0]], (1, 1, 2), [[1.0, 10.0]])
    tensor([[[21., 32.]]])
    """
    attrs = _attrs(stride, padding, dilation, groups, weight_size=weight_size)
    return parts.forward_weight(1, input, grad_output, attrs)


def _weight_samples_2d(rng: np.random.Generator) -> Iterator[Sample]:
    draw = rng.normal
    yield sample(draw(size=(2, 1, 3, 4)), draw(size=(2, 2, 2, 2)), weight_size=(2, 1, 2, 2), stride=(1, 2))
    yield sample(draw(size=(2, 2, 3)), draw(size=(2, 2, 3)), weight_size=(2, 1, 1, 3), padding=(0, 1), groups=2)
    yield sample(draw(size=(0, 1, 2, 2)), draw(size=(0, 1, 2, 1)), weight_size=(1, 1, 1, 2))


@op(**_of_weight(2, _weight_samples_2d))
def conv2d_weight(
    input: Array,
    weight_size: Sequence[int],
    grad_output: Array,
    stride: Lengths = 1,
    padding: str | Lengths = 0,
    dilation: Lengths = 1,
    groups: int = 1,
) -> Any:
    """
    What `conv2d` passes back to its weight: for each tap the sum of the gradient times what was seen through it.

    PyTorch has it in ``torch.nn.grad``.

    Parameters
    ----------
    input
        What was convolved.
    weight_size
        The shape of the weight.
    grad_output
        The gradient of the result.
    stride, padding, dilation, groups
        As in `conv2d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> image = [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]
    >>> gg.nn.functional.conv2d_weight(image, (1, 1, 2, 2), [[[1.0, 2.0], [3.0, 4.0]]])
    tensor([[[[37., 47.],
              [67., 77.]]]])
    """
    attrs = _attrs(stride, padding, dilation, groups, weight_size=weight_size)
    return parts.forward_weight(2, input, grad_output, attrs)


def _weight_samples_3d(rng: np.random.Generator) -> Iterator[Sample]:
    draw = rng.normal
    yield sample(draw(size=(1, 1, 2, 2, 3)), draw(size=(1, 2, 1, 2, 2)), weight_size=(2, 1, 2, 1, 2))
    yield sample(draw(size=(2, 2, 1, 1)), draw(size=(2, 1, 1, 1)), weight_size=(2, 1, 2, 1, 1), groups=2)
    yield sample(draw(size=(1, 1, 1, 1, 2)), draw(size=(1, 1, 1, 1, 2)), weight_size=(1, 1, 1, 1, 2), padding="same")


@op(**_of_weight(3, _weight_samples_3d))
def conv3d_weight(
    input: Array,
    weight_size: Sequence[int],
    grad_output: Array,
    stride: Lengths = 1,
    padding: str | Lengths = 0,
    dilation: Lengths = 1,
    groups: int = 1,
) -> Any:
    """
    What `conv3d` passes back to its weight: for each tap the sum of the gradient times what was seen through it.

    PyTorch has it in ``torch.nn.grad``.

    Parameters
    ----------
    input
        What was convolved.
    weight_size
        The shape of the weight.
    grad_output
        The gradient of the result.
    stride, padding, dilation, groups
        As in `conv3d`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> volume = [[[[1.0, 2.0], [3.0, 4.0]]]]
    >>> gg.nn.functional.conv3d_weight(volume, (1, 1, 1, 2, 1), [[[[1.0, 10.0]]]])
    tensor([[[[[21.],
               [43.]]]]])
    """
    attrs = _attrs(stride, padding, dilation, groups, weight_size=weight_size)
    return parts.forward_weight(3, input, grad_output, attrs)
