"""Activations made of straight pieces: the rectifier's relatives, the hard forms of sigmoid and tanh, and shrinkage.

`elementwise` has relu and leaky_relu themselves. Where two pieces meet, the derivative is the one that PyTorch takes,
and each says which.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample, ScalarForm
from graphgrad.ops.array.arithmetic import abs as absolute
from graphgrad.ops.array.arithmetic import add, divide, greater, less_equal, multiply, subtract
from graphgrad.ops.array.reductions import sum
from graphgrad.ops.array.selection import maximum, minimum, where
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.attributes import keep_numbers
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import array, elementwise_samples, sample
from graphgrad.ops.seeds import keep_seed, uniform

NAMESPACE = "nn.functional"
__all__ = [
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "prelu",
    "relu6",
    "rrelu",
    "softshrink",
    "threshold",
]

Shape = tuple[int, ...]

_sum = polymorphic(sum)


# ---- two pieces ------------------------------------------------------------------------------------------------------


@op(
    input=lambda g, input, threshold: np.where(input <= threshold, 0.0, g),
    formula="where({input} <= {threshold}, {value}, {input})",
    local={"input": "where({input} <= {threshold}, 0, 1)"},
    samples=lambda rng: [
        *(sample(array(rng, *shape, apart=0.2), threshold=0.1, value=-1.0) for shape in ((2, 3), (), (0, 3))),
        sample(np.array([0.5, 2.0, 3.0]), threshold=1.0, value=20.0),
    ],
    errors=(ErrorSample((np.zeros(2),), {"threshold": 0.5, "value": None}, DTypeError, "value is a number, got None"),),
    prepare=lambda attrs: keep_numbers(attrs, "threshold", "value"),
    expand=lambda input, threshold, value: where(less_equal(input, threshold), value, input),
)
def threshold(input: Array, threshold: float, value: float) -> Any:
    """
    What exceeds `threshold`, and `value` for the rest; the derivative is 0 at `threshold` and below, 1 above.

    Parameters
    ----------
    threshold
        What has to be exceeded.
    value
        What takes the place of everything else.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.threshold([0.05, 0.1, 3.0], 0.1, 20.0)
    tensor([20., 20.,  3.])
    """
    return np.where(input <= threshold, value, input)


def _along_channels(weight: Any, rank: int) -> Any:
    """The weights in a shape that broadcasts along axis 1 of the input."""
    return np.reshape(weight, (-1, *[1] * (rank - 2))) if np.ndim(weight) and rank > 1 else weight


def _prelu_shape(input: Shape, weight: Shape, /) -> Shape:
    if len(weight) > 1:
        raise ValueError(f"weight is one number or one for each channel, got shape {weight}")
    channels = input[1] if len(input) > 1 else 1
    if math.prod(weight) not in (1, channels):
        raise ValueError(
            f"weight {weight} must hold one number, or one for each of the {channels} channels on axis 1 of "
            f"input {input}"
        )
    return input


def _prelu_rule_of_weight(g: Any, input: Any, weight_shape: Shape) -> Any:
    contributions = np.where(input > 0, 0.0, g * input)
    shared = math.prod(weight_shape) == 1
    axes = tuple(axis for axis in range(len(input.shape)) if shared or axis != 1)
    return np.reshape(_sum(contributions, axis=axes), weight_shape)


def _prelu_samples(rng: np.random.Generator) -> Iterator[Sample]:
    for shape, weight in (((2, 3), (3,)), ((2, 3), (1,)), ((4,), (1,)), ((2, 3, 2), (3,)), ((2, 2), ()), ((), ())):
        yield sample(array(rng, *shape, apart=0.2), rng.uniform(0.1, 0.5, weight))
    yield sample(np.zeros((0, 3)), np.full(3, 0.25))


def _prelu_expanded(input: Any, weight: Any) -> Any:
    if len(input.shape) > 1 and np.shape(weight):
        weight = reshape(weight, (-1, *[1] * (len(input.shape) - 2)))
    elif not input.shape and np.shape(weight):
        weight = reshape(weight, ())
    return where(greater(input, 0.0), input, multiply(weight, input))


@op(
    input=lambda g, input, weight: np.where(input > 0, g, g * _along_channels(weight, len(input.shape))),
    weight=_prelu_rule_of_weight,
    formula="where({input} > 0, {input}, {weight} * {input})",
    back={
        "input": "{g} where {input} > 0, else {g} · {weight}",
        "weight": "{g} · {input} where {input} ≤ 0, summed over all that share the weight",
    },
    shape=_prelu_shape,
    cost=lambda input, *_: math.prod(input),
    samples=_prelu_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros(2)), {}, ShapeError, "one for each of the 3 channels on axis 1"),
        ErrorSample((np.zeros(3), np.zeros(3)), {}, ShapeError, "must hold one number"),
        ErrorSample((np.zeros((2, 3)), np.zeros((1, 3))), {}, ShapeError, "weight is one number or one for each"),
    ),
    expand=_prelu_expanded,
    covers=("P03.08",),
)
def prelu(input: Array, weight: Array) -> Any:
    """
    The parametric rectifier: x where x > 0, else `weight` · x, with a slope below zero that is learned.

    The derivative at exactly 0 is taken as `weight`, as PyTorch does.

    Parameters
    ----------
    input
        Any shape; channels are on axis 1.
    weight
        One number for everything, shape () or (1,), or one for each channel, shape (C,).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.prelu([[-2.0, -2.0, 3.0]], [0.25, 0.5, 0.5])
    tensor([[-0.5, -1. ,  3. ]])
    """
    _prelu_shape(np.shape(input), np.shape(weight))  # NumPy would broadcast other shapes
    if np.ndim(weight):  # a number stays one, and promotes nothing
        weight = np.reshape(weight, ()) if np.ndim(input) == 0 else _along_channels(weight, np.ndim(input))
    return np.where(np.greater(input, 0), input, np.multiply(weight, input))


def _prepare_slopes(attrs: dict[str, Any]) -> None:
    keep_numbers(attrs, "lower", "upper")
    if not attrs["lower"] <= attrs["upper"]:
        raise ValueError(f"lower must not exceed upper, got {attrs['lower']} and {attrs['upper']}")
    keep_seed(attrs, draws=attrs["training"])


def _slopes(like: Any, lower: float, upper: float, training: bool, seed: int | None) -> Any:
    """The slope below zero of each element: a random one in training, the middle otherwise."""
    if not training:
        return (lower + upper) / 2.0
    slopes = lower + (upper - lower) * uniform(seed, like.shape)
    return slopes.astype(like.dtype) if like.dtype.kind == "f" else slopes


_SLOPES = "where({training}, {lower} + ({upper} - {lower}) * random({input}, {seed}), ({lower} + {upper}) / 2)"


@op(
    input=lambda g, input, attrs: np.where(input > 0, g, g * _slopes(input, **attrs)),
    formula=f"where({{input}} > 0, {{input}}, {_SLOPES} * {{input}})",
    local={"input": f"where({{input}} > 0, 1, {_SLOPES})"},
    samples=lambda rng: [
        *(sample(array(rng, *shape, apart=0.2), training=True, seed=7) for shape in ((2, 3), (4,), (), (0, 3))),
        sample(array(rng, 4, apart=0.2), lower=0.1, upper=0.9, training=True, seed=11),
        sample(array(rng, 2, 3, apart=0.2)),
    ],
    errors=(
        ErrorSample((np.zeros(2),), {"lower": 0.5, "upper": 0.25}, ArgumentError, "lower must not exceed upper"),
        ErrorSample((np.zeros(2),), {"training": True, "seed": -1}, ArgumentError, "seed is an integer from 0"),
    ),
    prepare=_prepare_slopes,
    expand=lambda input, **attrs: where(greater(input, 0.0), input, multiply(_slopes(input, **attrs), input)),
)
def rrelu(
    input: Array,
    lower: float = 1.0 / 8.0,
    upper: float = 1.0 / 3.0,
    training: bool = False,
    *,
    seed: int | None = None,
) -> Any:
    """
    The randomised leaky rectifier: below zero the slope of each element is drawn anew in training, then the middle one.

    The derivative at exactly 0 is taken as that slope, as PyTorch does.

    Parameters
    ----------
    lower, upper
        Where the slopes are drawn from, uniformly.
    training
        Whether slopes are drawn; otherwise all are (lower + upper) / 2.
    seed
        Of the draw. Left out, one is drawn and kept, so that the graph runs again to the same numbers.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.rrelu([-1.0, 2.0], 0.1, 0.3)
    tensor([-0.2,  2. ])
    """
    return np.where(input > 0, input, _slopes(input, lower, upper, training, seed) * input)


# ---- flat on both sides ----------------------------------------------------------------------------------------------


@op(
    input=lambda g, input: np.where(input <= 0, 0.0, np.where(input >= 6, 0.0, g)),
    formula="minimum(maximum({input}, 0), 6)",
    local={"input": "where({input} <= 0, 0, where({input} >= 6, 0, 1))"},
    scalar=ScalarForm(
        lambda x: 0.0 if x <= 0 else 6.0 if x >= 6 else x,
        {"input": lambda g, input: 0.0 if input <= 0 or input >= 6 else g},
    ),
    samples=elementwise_samples(1, (-3.0, 9.0), apart=0.2),
    expand=lambda input: minimum(maximum(input, 0.0), 6.0),
)
def relu6(input: Array) -> Any:
    """
    The rectifier that stops at 6. Its derivative at exactly 0 and 6 is taken as 0, as PyTorch does.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.relu6([-1.0, 2.0, 8.0])
    tensor([0., 2., 6.])
    """
    return np.minimum(np.maximum(input, 0), 6)


def _prepare_ends(attrs: dict[str, Any]) -> None:
    keep_numbers(attrs, "min_val", "max_val")
    if attrs["min_val"] > attrs["max_val"]:
        raise ValueError(f"min_val must not exceed max_val, got {attrs['min_val']} and {attrs['max_val']}")


@op(
    input=lambda g, input, min_val, max_val: np.where(input <= min_val, 0.0, np.where(input >= max_val, 0.0, g)),
    formula="minimum(maximum({input}, {min_val}), {max_val})",
    local={"input": "where({input} <= {min_val}, 0, where({input} >= {max_val}, 0, 1))"},
    samples=lambda rng: [
        *elementwise_samples(1)(rng),
        sample(np.array([-2.0, 0.25, 0.75, 3.0]), min_val=0.0, max_val=0.5),
    ],
    errors=(ErrorSample((np.zeros(2),), {"min_val": 1.0, "max_val": -1.0}, ArgumentError, "min_val must not exceed"),),
    prepare=_prepare_ends,
    expand=lambda input, min_val, max_val: minimum(maximum(input, min_val), max_val),
)
def hardtanh(input: Array, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """
    A tanh made of straight pieces: x between `min_val` and `max_val`, and the nearer of them beyond.

    Its derivative at exactly those two is taken as 0, as PyTorch does.

    Parameters
    ----------
    min_val, max_val
        The smallest and the largest result.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.hardtanh([-2.0, 0.5, 2.0])
    tensor([-1. ,  0.5,  1. ])
    """
    return np.minimum(np.maximum(input, min_val), max_val)


@op(
    input=lambda g, input: np.where(input <= -3, 0.0, np.where(input >= 3, 0.0, g / 6.0)),
    formula="minimum(maximum(({input} + 3) / 6, 0), 1)",
    local={"input": "where({input} <= -3, 0, where({input} >= 3, 0, 1 / 6))"},
    scalar=ScalarForm(
        lambda x: min(max((x + 3.0) / 6.0, 0.0), 1.0),
        {"input": lambda g, input: 0.0 if input <= -3 or input >= 3 else g / 6.0},
    ),
    samples=elementwise_samples(1, (-5.0, 5.0)),
    expand=lambda input: minimum(maximum(divide(add(input, 3.0), 6.0), 0.0), 1.0),
)
def hardsigmoid(input: Array) -> Any:
    """
    The sigmoid made of straight pieces: 0 up to -3, 1 from 3 on, (x + 3) / 6 between.

    Its derivative at exactly -3 and 3 is taken as 0, as PyTorch does.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.hardsigmoid([-4.0, 0.0, 1.5])
    tensor([0.  , 0.5 , 0.75])
    """
    return np.minimum(np.maximum((input + 3.0) / 6.0, 0.0), 1.0)


def _hardswish(x: float) -> float:
    x = max(x, -3.0)
    return x * min((x + 3.0) / 6.0, 1.0)


@op(
    input=lambda g, input: np.where(input <= -3, 0.0, np.where(input >= 3, g, g * (input / 3.0 + 0.5))),
    formula="where({input} <= -3, 0, where({input} >= 3, {input}, {input} * ({input} + 3) / 6))",
    local={"input": "where({input} <= -3, 0, where({input} >= 3, 1, {input} / 3 + 1 / 2))"},
    scalar=ScalarForm(
        _hardswish,
        {"input": lambda g, input: 0.0 if input <= -3 else g if input >= 3 else g * (input / 3.0 + 0.5)},
    ),
    samples=elementwise_samples(1, (-5.0, 5.0)),
    expand=lambda input: multiply(input, hardsigmoid(input)),
)
def hardswish(input: Array) -> Any:
    """
    SiLU with the hard sigmoid: 0 up to -3, x from 3 on, x · (x + 3) / 6 between.

    Its derivative is taken as 0 at exactly -3 and as 1 at exactly 3, as PyTorch does.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.hardswish([-1.5, 1.0, 4.0])
    tensor([-0.375 ,  0.6667,  4.    ])
    """
    x = np.maximum(input, -3.0)  # -inf · 0 would be nan
    return x * np.minimum((x + 3.0) / 6.0, 1.0)


# ---- flat in the middle ----------------------------------------------------------------------------------------------


def _prepare_lambd(attrs: dict[str, Any]) -> None:
    keep_numbers(attrs, "lambd")
    if not attrs["lambd"] >= 0:
        raise ValueError(f"lambd is a number from 0, got {attrs['lambd']}")


_NEGATIVE = (ErrorSample((np.zeros(2),), {"lambd": -0.5}, ArgumentError, "lambd is a number from 0"),)


def _shrink_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield from elementwise_samples(1)(rng)
    yield sample(np.array([-2.0, -0.5, 0.75, 1.5]), lambd=1.0)


@op(
    input=lambda g, input, lambd: np.where(np.abs(input) <= lambd, 0.0, g),
    formula="where(abs({input}) <= {lambd}, 0, {input} - sign({input}) * {lambd})",
    local={"input": "where(abs({input}) <= {lambd}, 0, 1)"},
    samples=_shrink_samples,
    errors=_NEGATIVE,
    prepare=_prepare_lambd,
    expand=lambda input, lambd: subtract(input, minimum(maximum(input, -lambd), lambd)),
)
def softshrink(input: Array, lambd: float = 0.5) -> Any:
    """
    Shrink towards zero by `lambd`: 0 where |x| ≤ `lambd`, else x - `lambd` or x + `lambd`.

    This is the step that an L1 penalty of strength `lambd` takes. The derivative at exactly ±`lambd` is taken as 0, as
    PyTorch does.

    Parameters
    ----------
    lambd
        By how much; not negative.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.softshrink([-2.0, 0.25, 1.0])
    tensor([-1.5,  0. ,  0.5])
    """
    return input - np.minimum(np.maximum(input, -lambd), lambd)


@op(
    input=lambda g, input, lambd: np.where(np.abs(input) <= lambd, 0.0, g),
    formula="where(abs({input}) <= {lambd}, 0, {input})",
    local={"input": "where(abs({input}) <= {lambd}, 0, 1)"},
    samples=_shrink_samples,
    errors=_NEGATIVE,
    prepare=_prepare_lambd,
    expand=lambda input, lambd: where(less_equal(absolute(input), lambd), 0.0, input),
)
def hardshrink(input: Array, lambd: float = 0.5) -> Any:
    """
    Cut small values: 0 where |x| ≤ `lambd`, else x. The derivative at exactly ±`lambd` is taken as 0, as PyTorch does.

    Parameters
    ----------
    lambd
        Up to where; not negative.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.hardshrink([-2.0, 0.25, 1.0])
    tensor([-2.,  0.,  1.])
    """
    return np.where(np.abs(input) <= lambd, 0, input)
