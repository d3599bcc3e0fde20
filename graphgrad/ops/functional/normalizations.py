"""Normalisations: values brought to mean 0 and variance 1, over different axes.

What differs is only the group of numbers that share a mean: the features of one example (`layer_norm`), one channel
over the whole batch (`batch_norm`) or of one example (`instance_norm`), some channels of one example (`group_norm`).
The variance is the biased one, divided by the number of values, and eps stands under the root.

Names, argument order and defaults are PyTorch's; `graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.kernels.plain.normalization import Rows
from graphgrad.ops.array.arithmetic import add, divide, multiply, power, sqrt, square, subtract
from graphgrad.ops.array.padding import pad
from graphgrad.ops.array.reductions import mean
from graphgrad.ops.array.shaping import identity, reshape
from graphgrad.ops.array.windows import sliding_window_view
from graphgrad.ops.attributes import keep_integers, keep_numbers
from graphgrad.ops.composite import composite, named
from graphgrad.ops.declare import Array
from graphgrad.ops.functional.loss_parts import in_floats
from graphgrad.ops.functional.norm_parts import normalization, rows_backward, rows_forward
from graphgrad.ops.samples import array, sample

NAMESPACE = "nn.functional"
__all__ = ["group_norm", "layer_norm", "local_response_norm", "rms_norm"]

Shape = tuple[int, ...]


# ---- what they share -------------------------------------------------------------------------------------------------


def shape_of(operand: Any) -> Shape | None:
    """The shape of an operand, None for one that was not given."""
    return None if operand is None else np.shape(operand)


def prepare_eps(attrs: dict[str, Any]) -> None:
    """Keep eps as a number, and refuse a negative one."""
    keep_numbers(attrs, "eps")
    if not attrs["eps"] >= 0.0:
        raise ValueError(f"eps keeps the divisor away from 0, so it is from 0 on, got {attrs['eps']}")


def standardized(x: Any, axes: Shape, eps: float) -> Any:
    """Values of mean 0 and variance 1 over some axes, of a tensor."""
    if not x.size:
        return identity(x)  # nothing has no mean
    centred = named(subtract(x, named(mean(x, axes, True), "mean")), "centred")
    variance = named(mean(square(centred), axes, True), "variance")
    return named(divide(centred, sqrt(add(variance, eps))), "normalized")


def scaled_and_shifted(x: Any, weight: Any, bias: Any) -> Any:
    """The learned scale and shift, each if there is one."""
    if weight is not None:
        x = named(multiply(x, weight), "scaled")
    return x if bias is None else named(add(x, bias), "shifted")


def per_channel(values: Any, rank: int) -> Any:
    """A number for each channel, as they stand beside an input of (N, C, ...), on tensors."""
    if values is None or rank == 2:
        return values
    return reshape(values, (*values.shape, *[1] * (rank - 2)))


def check_per_channel(input: Shape, **given: Shape | None) -> None:
    """Refuse weights that don't have one number for each channel."""
    for name, shape in given.items():
        if shape is not None and shape != (input[1],):
            raise ValueError(f"{name} has one number for each of the {input[1]} channels of input {input}, got {shape}")


def with_and_without(rng: np.random.Generator, input: Any, shape: Shape, **attrs: Any) -> Iterator[Sample]:
    """A sample with weight and bias, and one with neither."""
    weight, bias = array(rng, *shape, low=0.5, high=1.5), array(rng, *shape)
    yield sample(input, weight, bias, **attrs)
    yield sample(input, None, None, **attrs)


# ---- over the last axes ----------------------------------------------------------------------------------------------


def _last(input: Shape, normalized_shape: Shape, **given: Shape | None) -> Shape:
    """The shape of the result, which is the input's, if the last axes are those that are to be normalised."""
    rank = len(normalized_shape)
    if not rank or input[len(input) - rank :] != normalized_shape or len(input) < rank:
        raise ValueError(f"normalized_shape {normalized_shape} must be the lengths of the last axes of input {input}")
    for name, shape in given.items():
        if shape is not None and shape != normalized_shape:
            raise ValueError(f"{name} has the shape normalized_shape, {normalized_shape}, got {shape}")
    return input


def _prepare_shape(attrs: dict[str, Any]) -> None:
    shape = attrs["normalized_shape"]
    attrs["normalized_shape"] = (operator.index(shape),) if np.ndim(shape) == 0 else tuple(map(operator.index, shape))


def _prepare_layer(attrs: dict[str, Any]) -> None:
    _prepare_shape(attrs)
    prepare_eps(attrs)


def _layer_shape(
    input: Shape, weight: Shape | None, bias: Shape | None, /, *, normalized_shape: Shape, **_: Any
) -> Shape:
    return _last(input, normalized_shape, weight=weight, bias=bias)


def _layer_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield from with_and_without(rng, array(rng, 2, 4), (4,), normalized_shape=(4,))
    yield from with_and_without(rng, array(rng, 2, 2, 3), (2, 3), normalized_shape=(2, 3), eps=0.1)
    yield from with_and_without(rng, array(rng, 0, 3), (3,), normalized_shape=(3,))
    yield sample(array(rng, 2, 3), array(rng, 3), None, normalized_shape=(3,))
    yield sample(array(rng, 3), array(rng, 3), None, normalized_shape=(3,))
    yield sample(array(rng, 1, 3), array(rng, 3), None, normalized_shape=(3,), eps=0.01)


def _last_rows(input: Shape, normalized_shape: Shape, centred: bool) -> Rows:
    """How the last axes lie in memory."""
    return Rows(math.prod(input[: len(input) - len(normalized_shape)]), centred=centred)


def _layer_forward(input: Any, normalized_shape: Shape, weight: Any, bias: Any, eps: float) -> Any:
    _layer_shape(np.shape(input), shape_of(weight), shape_of(bias), normalized_shape=normalized_shape)
    return rows_forward(input, weight, bias, _last_rows(input.shape, normalized_shape, True), eps)


def _layer_backward(
    g: Any, wanted: Collection[str], input: Any, weight: Any, bias: Any, normalized_shape: Shape, eps: float
) -> dict[str, Any]:
    layout = _last_rows(input.shape, normalized_shape, True)
    return rows_backward(g, wanted, input, weight, bias, layout, eps)


_MEAN = "mean({input}, axis=last({normalized_shape}), keepdims=True)"
_VAR = "var({input}, axis=last({normalized_shape}), keepdims=True)"


@normalization(
    forward=_layer_forward,
    backward=_layer_backward,
    neutral={"weight": "1", "bias": "0"},
    formula=f"({{input}} - {_MEAN}) / sqrt({_VAR} + {{eps}}) * {{weight}} + {{bias}}",
    back={
        "input": "with ĝ = {g} · {weight} and the normalized x̂: (ĝ - mean(ĝ) - x̂ · mean(ĝ · x̂)) / sqrt(variance + eps)",
        "weight": "the sum over the examples of {g} · x̂, the normalized values",
        "bias": "the sum over the examples of {g}",
    },
    shape=_layer_shape,
    cost=lambda input, weight=None, bias=None, /, **_: (
        math.prod(input) * (7 + (weight is not None) + (bias is not None))
    ),
    samples=_layer_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)), None, None), {"normalized_shape": (2,)}, ShapeError, "lengths of the last axes"),
        ErrorSample((np.zeros((2, 3)), None, None), {"normalized_shape": 3, "eps": "1"}, DTypeError, "eps is a number"),
        ErrorSample((np.zeros(3), None, None), {"normalized_shape": (2, 3)}, ShapeError, "lengths of the last axes"),
        ErrorSample((np.zeros((2, 3)), np.ones(2), None), {"normalized_shape": 3}, ShapeError, "weight has the shape"),
        ErrorSample(
            (np.zeros((2, 3)), None, None), {"normalized_shape": 3, "eps": -1.0}, ArgumentError, "is from 0 on"
        ),
    ),
    prepare=_prepare_layer,
)
def layer_norm(
    input: Array,
    normalized_shape: int | Sequence[int],
    weight: Array = None,
    bias: Array = None,
    eps: float = 1e-5,
) -> Any:
    """
    Each example brought to mean 0 and variance 1 over its features, then scaled and shifted by learned numbers.

    It sees one example at a time, so it doesn't matter which others are in the batch, nor whether the model trains:
    transformers and recurrent networks use it (Ba, Kiros and Hinton, 2016).

    Parameters
    ----------
    normalized_shape
        The lengths of the last axes, over which mean and variance are taken.
    weight, bias
        The scale and the shift of each feature, of shape `normalized_shape`. None leaves them out.
    eps
        Added to the variance under the root, so that features that are all alike divide nothing by 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.layer_norm([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]], (3,))
    tensor([[-1.2247,  0.    ,  1.2247],
            [-1.2247,  0.    ,  1.2247]])
    """
    _layer_shape(np.shape(input), shape_of(weight), shape_of(bias), normalized_shape=normalized_shape)  # type: ignore[arg-type]
    input, weight, bias = in_floats(input, weight, bias)
    axes = tuple(range(-len(normalized_shape), 0))  # type: ignore[arg-type]
    return scaled_and_shifted(standardized(input, axes, eps), weight, bias)


def _prepare_rms(attrs: dict[str, Any]) -> None:
    _prepare_shape(attrs)
    if attrs["eps"] is not None:
        prepare_eps(attrs)


def _rms_shape(input: Shape, weight: Shape | None, /, *, normalized_shape: Shape, **_: Any) -> Shape:
    return _last(input, normalized_shape, weight=weight)


def _rms_eps(eps: float | None, *operands: Any) -> float:
    return float(np.finfo(in_floats(*operands)[0].dtype).eps) if eps is None else eps


def _rms_forward(input: Any, normalized_shape: Shape, weight: Any, eps: float | None) -> Any:
    _rms_shape(np.shape(input), shape_of(weight), normalized_shape=normalized_shape)
    layout = _last_rows(input.shape, normalized_shape, False)
    return rows_forward(input, weight, None, layout, _rms_eps(eps, input, weight))


def _rms_backward(
    g: Any, wanted: Collection[str], input: Any, weight: Any, normalized_shape: Shape, eps: float | None
) -> dict[str, Any]:
    layout = _last_rows(input.shape, normalized_shape, False)
    return rows_backward(g, wanted, input, weight, None, layout, _rms_eps(eps, input, weight))


@normalization(
    forward=_rms_forward,
    backward=_rms_backward,
    neutral={"weight": "1"},
    formula="{input} / sqrt(mean({input} ** 2, axis=last({normalized_shape}), keepdims=True) + epsilon({eps})) "
    "* {weight}",
    back={
        "input": "with ĝ = {g} · {weight} and the normalized x̂: (ĝ - x̂ · mean(ĝ · x̂)) / sqrt(mean square + eps)",
        "weight": "the sum over the examples of {g} · x̂, the normalized values",
    },
    shape=_rms_shape,
    cost=lambda input, weight=None, /, **_: math.prod(input) * (4 + (weight is not None)),
    samples=lambda rng: [
        sample(array(rng, 2, 4), array(rng, 4), normalized_shape=(4,)),
        sample(array(rng, 2, 2, 3), array(rng, 2, 3), normalized_shape=(2, 3), eps=0.1),
        sample(array(rng, 0, 3), array(rng, 3), normalized_shape=(3,)),
        sample(array(rng, 2, 4), None, normalized_shape=(4,)),
        sample(array(rng, 3), None, normalized_shape=(3,), eps=1e-3),
        sample(array(rng, 0, 3), None, normalized_shape=(3,)),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)), None), {"normalized_shape": (2,)}, ShapeError, "lengths of the last axes"),
        ErrorSample((np.zeros((2, 3)), np.ones(2)), {"normalized_shape": 3}, ShapeError, "weight has the shape"),
        ErrorSample((np.zeros((2, 3)), None), {"normalized_shape": 3, "eps": -1.0}, ArgumentError, "is from 0 on"),
    ),
    prepare=_prepare_rms,
)
def rms_norm(
    input: Array, normalized_shape: int | Sequence[int], weight: Array = None, eps: float | None = None
) -> Any:
    """
    Each example divided by the root of its mean square over the features: `layer_norm` without mean and shift.

    Parameters
    ----------
    normalized_shape
        The lengths of the last axes, over which the mean square is taken.
    weight
        The scale of each feature, of shape `normalized_shape`. None leaves it out.
    eps
        Added to the mean square under the root. None stands for the distance from 1 to the next number of the dtype.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.rms_norm([[3.0, 4.0, 0.0, 0.0]], (4,))
    tensor([[1.2, 1.6, 0. , 0. ]])
    """
    _rms_shape(np.shape(input), shape_of(weight), normalized_shape=normalized_shape)  # type: ignore[arg-type]
    input, weight = in_floats(input, weight)
    axes = tuple(range(-len(normalized_shape), 0))  # type: ignore[arg-type]
    mean_square = named(mean(square(input), axes, True), "mean square")
    normalized = named(divide(input, sqrt(add(mean_square, _rms_eps(eps, input)))), "normalized")
    return scaled_and_shifted(normalized, weight, None)


# ---- over groups of channels -----------------------------------------------------------------------------------------


def _prepare_groups(attrs: dict[str, Any]) -> None:
    keep_integers(attrs, "num_groups", least=1)
    prepare_eps(attrs)


def _group_shape(input: Shape, weight: Shape | None, bias: Shape | None, /, *, num_groups: int, **_: Any) -> Shape:
    if len(input) < 2:
        raise ValueError(f"input {input} must have the shape (N, C, ...)")
    if input[1] % num_groups:
        raise ValueError(f"the {input[1]} channels of input {input} don't make {num_groups} groups of equal size")
    check_per_channel(input, weight=weight, bias=bias)
    return input


def groups_of_channels(input: Shape, num_groups: int) -> Rows:
    """How groups of the channels of each example lie in memory."""
    return Rows(input[0] * num_groups, num_groups, math.prod(input[2:]))


def _group_forward(input: Any, num_groups: int, weight: Any, bias: Any, eps: float) -> Any:
    _group_shape(np.shape(input), shape_of(weight), shape_of(bias), num_groups=num_groups)
    return rows_forward(input, weight, bias, groups_of_channels(input.shape, num_groups), eps)


def _group_backward(
    g: Any, wanted: Collection[str], input: Any, weight: Any, bias: Any, num_groups: int, eps: float
) -> dict[str, Any]:
    return rows_backward(g, wanted, input, weight, bias, groups_of_channels(input.shape, num_groups), eps)


def _group_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield from with_and_without(rng, array(rng, 2, 4), (4,), num_groups=2)
    yield from with_and_without(rng, array(rng, 2, 4, 3), (4,), num_groups=2, eps=0.1)
    yield from with_and_without(rng, array(rng, 0, 2, 2), (2,), num_groups=1)


@normalization(
    forward=_group_forward,
    backward=_group_backward,
    neutral={"weight": "1", "bias": "0"},
    formula="group_normalized({input}, {num_groups}, {eps}) * {weight}[channel({input})] + {bias}[channel({input})]",
    back={
        "input": "that of layer_norm, over the channels of each group",
        "weight": "the sum over examples and places of {g} · x̂, the normalized values",
        "bias": "the sum over examples and places of {g}",
    },
    shape=_group_shape,
    cost=lambda input, weight=None, bias=None, /, **_: (
        math.prod(input) * (7 + (weight is not None) + (bias is not None))
    ),
    samples=_group_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)), None, None), {"num_groups": 2}, ShapeError, "don't make 2 groups"),
        ErrorSample((np.zeros(3), None, None), {"num_groups": 1}, ShapeError, "must have the shape (N, C, ...)"),
        ErrorSample((np.zeros((2, 3)), np.ones(2), None), {"num_groups": 3}, ShapeError, "weight has one number"),
    ),
    prepare=_prepare_groups,
)
def group_norm(input: Array, num_groups: int, weight: Array = None, bias: Array = None, eps: float = 1e-5) -> Any:
    """
    Groups of channels of each example brought to mean 0 and variance 1, then scaled and shifted channel by channel.

    With one group it takes all channels together, with as many groups as channels each for itself as `instance_norm`
    does. Small batches don't disturb it (Wu and He, 2018).

    Parameters
    ----------
    input
        Shape (N, C, ...).
    num_groups
        How many groups the channels are parted into; it divides their number.
    weight, bias
        The scale and the shift of each channel, of shape (C,). None leaves them out.
    eps
        Added to the variance under the root.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.group_norm([[1.0, 3.0, 10.0, 30.0]], 2)
    tensor([[-1.,  1., -1.,  1.]])
    """
    shape = _group_shape(np.shape(input), shape_of(weight), shape_of(bias), num_groups=num_groups)
    input, weight, bias = in_floats(input, weight, bias)
    per_group = math.prod(shape[1:]) // num_groups
    groups = named(reshape(input, (shape[0], num_groups, per_group)), "groups")
    normalized = reshape(standardized(groups, (2,), eps), shape)
    return scaled_and_shifted(normalized, per_channel(weight, len(shape)), per_channel(bias, len(shape)))


def _prepare_response(attrs: dict[str, Any]) -> None:
    keep_integers(attrs, "size", least=1)
    keep_numbers(attrs, "alpha", "beta", "k")


def _response_shape(input: Shape, /, **_: Any) -> Shape:
    if len(input) < 2:
        raise ValueError(f"input {input} must have the shape (N, C, ...)")
    return input


@composite(
    formula="{input} / ({k} + {alpha} * mean_of_neighbours({input} ** 2, {size})) ** {beta}",
    back={
        "input": "{g} / d^{beta}, with the divisor d, minus what the element adds to the divisors of its neighbours: "
        "2 · {alpha} · {beta} / {size} · {input} · the sum over them of {g} · {input} / d^({beta} + 1)"
    },
    shape=_response_shape,
    cost=lambda input, /, *, size, **_: math.prod(input) * (size + 5),
    samples=lambda rng: [
        sample(array(rng, 2, 4), size=3, alpha=0.5),
        sample(array(rng, 2, 3, 2), size=2, alpha=0.2, beta=0.5, k=2.0),
        sample(array(rng, 1, 3), size=5, alpha=0.5),
        sample(array(rng, 0, 2), size=1),
    ],
    errors=(
        ErrorSample((np.zeros(3),), {"size": 2}, ShapeError, "must have the shape (N, C, ...)"),
        ErrorSample((np.zeros((2, 3)),), {"size": 0}, ArgumentError, "size is an integer from 1"),
    ),
    prepare=_prepare_response,
)
def local_response_norm(input: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """
    Each element divided by a power of the mean square of its neighbours in other channels: loud ones quieten others.

    AlexNet used it before there was batch normalisation (Krizhevsky, Sutskever and Hinton, 2012).

    Parameters
    ----------
    input
        Shape (N, C, ...).
    size
        How many neighbouring channels take part, ``size // 2`` of them before the element's own. Beyond the first and
        the last one there are zeros, which count in the mean.
    alpha, beta, k
        The divisor is (k + alpha · mean square)^beta.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.local_response_norm([[3.0, 0.0, 4.0]], size=2, alpha=2.0, beta=0.5)
    tensor([[0.9487, 0.    , 0.9701]])
    """
    _response_shape(np.shape(input))
    (input,) = in_floats(input)
    sides = [(0, 0)] * input.ndim
    sides[1] = size // 2, (size - 1) // 2
    windows = named(sliding_window_view(pad(square(input), sides), size, 1), "neighbours")
    divisor = power(add(k, multiply(alpha, named(mean(windows, -1), "mean square"))), beta)
    return divide(input, named(divisor, "divisor"))
