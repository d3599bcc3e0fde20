"""Normalisations that also know running statistics: batch and instance normalisation.

Running statistics are the averages that a model uses when it no longer trains. The operation itself is pure, so that
its graph runs again to the same numbers: with running statistics as operands it normalises by them, without them by the
input's own mean and variance. Moving the averages is no part of the graph, as in PyTorch: `batch_norm` and
`instance_norm`, when they are called with running statistics in training, run the operation without them and then
write to them, once.

Names, argument order and defaults are PyTorch's; `graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np

from graphgrad.graph.create import asarray
from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError, WriteError, describe
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import wrote
from graphgrad.kernels.plain.normalization import Rows
from graphgrad.ops.array.arithmetic import add, divide, sqrt, subtract
from graphgrad.ops.attributes import keep_numbers
from graphgrad.ops.composite import named
from graphgrad.ops.declare import Array, OpFunction
from graphgrad.ops.functional.loss_parts import in_floats
from graphgrad.ops.functional.norm_parts import (
    channels_backward,
    channels_forward,
    normalization,
    rows_backward,
    rows_forward,
    statistics,
)
from graphgrad.ops.functional.normalizations import (
    check_per_channel,
    groups_of_channels,
    per_channel,
    prepare_eps,
    scaled_and_shifted,
    shape_of,
    standardized,
)
from graphgrad.ops.samples import array, sample

NAMESPACE = "nn.functional"
__all__ = ["batch_norm", "instance_norm"]

Shape = tuple[int, ...]
Given = Mapping[str, Any]


def _normalized(
    input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, axes: Shape | None, eps: float
) -> Any:
    """By the statistics of the input over `axes`, or by the running ones if that is None."""
    input, running_mean, running_var, weight, bias = in_floats(input, running_mean, running_var, weight, bias)
    rank = input.ndim
    if axes is None:
        centred = named(subtract(input, per_channel(running_mean, rank)), "centred")
        normalized = named(divide(centred, sqrt(add(per_channel(running_var, rank), eps))), "normalized")
    else:
        normalized = standardized(input, axes, eps)
    return scaled_and_shifted(normalized, per_channel(weight, rank), per_channel(bias, rank))


def _cost(input: Shape, running_mean: Any, running_var: Any, weight: Any, bias: Any, /, **_: Any) -> int:
    return math.prod(input) * ((7 if running_mean is None else 2) + (weight is not None) + (bias is not None))


# ---- running statistics ----------------------------------------------------------------------------------------------


def _check_writable(name: str, function: str, running: Any) -> None:
    if not isinstance(running, (Tensor, np.ndarray)):
        kind = type(running).__name__
        raise DTypeError(
            describe(
                f"{function}: {name} is written to in training, so it must be a tensor or an array, got {kind}",
                hint=f"{name}=gg.zeros(channels)" if name == "running_mean" else f"{name}=gg.ones(channels)",
            )
        )
    values = running.data if isinstance(running, Tensor) else running
    if values.dtype.kind != "f":
        raise DTypeError(describe(f"{function}: {name} holds averages, so it needs floats, got {values.dtype}"))
    if isinstance(running, Tensor) and (running.requires_grad or not running.is_leaf):
        raise WriteError(
            describe(
                f"{function}: {name} is written to in training, which no gradient can follow",
                hint="running statistics are no parameters: they need requires_grad=False",
            )
        )
    if not values.flags.writeable:
        raise WriteError(describe(f"{function}: {name} is written to in training, but it is read-only"))


def _move(running: Any, towards: Any, momentum: float) -> None:
    values = running.data if isinstance(running, Tensor) else running
    values[...] = (1.0 - momentum) * values + momentum * towards
    wrote(values)


def _keeping_statistics(
    operation: OpFunction, trains: Callable[[Given], bool], grouped: Callable[[Shape], Rows | None]
) -> OpFunction:
    """The operation, and in training the running statistics moved towards the mean and the variance of the input.

    Parameters
    ----------
    operation
        What normalises; without running statistics by the input's own.
    trains
        Whether a call with these arguments is one in training.
    grouped
        Which values share a mean and a variance; None for those of a channel.
    """
    signature = inspect.signature(operation)
    name = operation.__name__

    @functools.wraps(operation)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return operation(*args, **kwargs)  # it says what is wrong
        bound.apply_defaults()
        given = bound.arguments
        running = {key: given[key] for key in ("running_mean", "running_var") if given[key] is not None}
        if not running or not trains(given):
            return operation(*args, **kwargs)
        for key, one in running.items():
            _check_writable(key, name, one)
        input = given["input"] = given["input"] if isinstance(given["input"], Tensor) else asarray(given["input"])
        shape = input.shape
        if len(shape) > 1:
            try:
                check_per_channel(shape, **{key: np.shape(one) for key, one in running.items()})
            except ValueError as reason:
                raise ShapeError(describe(f"{name}: {reason}")) from None
        result = operation(**{**given, "running_mean": None, "running_var": None})
        values = input.data
        if not values.size:
            return result  # of nothing there is no mean to move towards
        layout = grouped(shape)
        groups = shape[1] if layout is None else layout.groups
        count, momentum = values.size // groups, float(given["momentum"])
        mean, variance = statistics(values, layout)
        if layout is not None:  # of each example's channels: they move towards the mean over the examples
            mean, variance = (one.reshape(-1, shape[1]).mean(axis=0) for one in (mean, variance))
        if "running_mean" in running:
            _move(running["running_mean"], mean, momentum)
        if "running_var" in running:
            # The unbiased variance, which a model is to expect of data that it hasn't seen.
            _move(running["running_var"], variance * (count / (count - 1)), momentum)
        return result

    call.op.call = call  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


def _check_together(running_mean: Any, running_var: Any) -> None:
    if (running_mean is None) != (running_var is None):
        missing = "running_mean" if running_mean is None else "running_var"
        raise ValueError(f"running_mean and running_var are needed together, {missing} is missing")


def _by_channel(given: Given) -> dict[str, Any]:
    """What the kernels of channels take of the arguments."""
    names = {"running_mean": "mean", "running_var": "variance"}
    return {
        names.get(name, name): given[name] for name in ("input", "running_mean", "running_var", "weight", "bias", "eps")
    }


# ---- over the batch --------------------------------------------------------------------------------------------------


def _prepare_batch(attrs: dict[str, Any]) -> None:
    prepare_eps(attrs)
    keep_numbers(attrs, "momentum")


def _batch_shape(
    input: Shape,
    running_mean: Shape | None,
    running_var: Shape | None,
    weight: Shape | None,
    bias: Shape | None,
    /,
    *,
    training: bool,
    **_: Any,
) -> Shape:
    if len(input) < 2:
        raise ValueError(f"input {input} must have the shape (N, C, ...)")
    if training and math.prod(input) // (input[1] or 1) == 1:
        raise ValueError(
            f"input {input} has one value for each channel: in training it takes several to have a variance"
        )
    check_per_channel(input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    return input


def _batch_samples(rng: np.random.Generator) -> Iterator[Sample]:
    def learned(n: int) -> tuple[Any, Any]:
        return array(rng, n, low=0.5, high=1.5), array(rng, n)

    for shape in ((2, 3), (3, 2, 2), (2, 2, 2, 1)):
        running = array(rng, shape[1]), array(rng, shape[1], low=0.5, high=2.0)
        yield sample(array(rng, *shape), *running, *learned(shape[1]), eps=0.1)
    yield sample(array(rng, 3, 2), None, None, *learned(2), training=True)
    yield sample(array(rng, 3, 2, 2), None, None, *learned(2), training=True, eps=0.1)
    yield sample(array(rng, 2, 0), None, None, *learned(0), training=True)
    yield sample(array(rng, 4, 2), None, None, None, None, training=True)
    yield sample(array(rng, 2, 2, 3), None, None, None, None, training=True)
    yield sample(array(rng, 2, 1, 2), None, None, None, None, training=True, eps=0.1)


def _check_batch(
    input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: bool, **_: Any
) -> None:
    """Refuse what doesn't fit together."""
    given: Any = map(shape_of, (input, running_mean, running_var, weight, bias))
    _batch_shape(*given, training=training)
    _check_together(running_mean, running_var)
    if not training and running_mean is None:
        raise ValueError("running_mean and running_var are needed outside training")


def _batch_forward(**given: Any) -> Any:
    _check_batch(**given)
    return channels_forward(**_by_channel(given))


def _batch_backward(g: Any, wanted: Collection[str], **given: Any) -> dict[str, Any]:
    return channels_backward(g, wanted, **_by_channel(given))


_BATCH_MEAN = "where({training}, mean_of_channels({input}), {running_mean}[channel({input})])"
_BATCH_VAR = "where({training}, var_of_channels({input}), {running_var}[channel({input})])"
_SCALED = "* {weight}[channel({input})] + {bias}[channel({input})]"
_NEUTRAL = {"running_mean": "0", "running_var": "1", "weight": "1", "bias": "0"}
_BACK = {
    "running_mean": "the sum over examples and places of -{g} · {weight} / sqrt({running_var} + {eps})",
    "running_var": "the sum over examples and places of -{g} · {weight} · x̂ / (2 · ({running_var} + {eps}))",
    "weight": "the sum over examples and places of {g} · x̂, the normalized values",
    "bias": "the sum over examples and places of {g}",
}


@normalization(
    name="batch_norm",
    forward=_batch_forward,
    backward=_batch_backward,
    neutral=_NEUTRAL,
    formula=f"({{input}} - {_BATCH_MEAN}) / sqrt({_BATCH_VAR} + {{eps}}) {_SCALED}",
    back={
        "input": "with ĝ = {g} · {weight}: in training (ĝ - mean(ĝ) - x̂ · mean(ĝ · x̂)) / sqrt(variance + {eps}) with "
        "means over the batch, else ĝ / sqrt({running_var} + {eps})",
        **_BACK,
    },
    shape=_batch_shape,
    cost=_cost,
    samples=_batch_samples,
    errors=(
        ErrorSample((np.zeros(3), None, None, None, None), {"training": True}, ShapeError, "the shape (N, C, ...)"),
        ErrorSample((np.zeros((1, 3)), None, None, None, None), {"training": True}, ShapeError, "it takes several"),
        ErrorSample((np.zeros((2, 3)), None, None, None, None), {}, ArgumentError, "running_var are needed"),
        ErrorSample((np.zeros((2, 3)), np.zeros(3), None, None, None), {}, ArgumentError, "running_var is missing"),
        ErrorSample((np.zeros((2, 3)), np.zeros(2), np.ones(3), None, None), {}, ShapeError, "has one number for each"),
    ),
    prepare=_prepare_batch,
    covers=("P11.01", "P11.02", "P11.04", "P11.05", "P11.12"),
)
def _batch_norm(
    input: Array,
    running_mean: Array = None,
    running_var: Array = None,
    weight: Array = None,
    bias: Array = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """
    Each channel brought to mean 0 and variance 1 over the batch, then scaled and shifted by learned numbers.

    In training mean and variance are those of the batch, so every example depends on the others in it, and gradients
    flow through both. Outside training the running statistics take their place, averages over the batches seen so far.
    (Ioffe and Szegedy, 2015.)

    Parameters
    ----------
    input
        Shape (N, C, ...): mean and variance are taken over all axes but the second.
    running_mean, running_var
        Averages for each channel, of shape (C,), needed outside training. In training they are written to:
        running = (1 - momentum) · running + momentum · that of the batch, with the unbiased variance. The graph doesn't
        hold that: it runs again without moving them.
    weight, bias
        The scale and the shift of each channel, of shape (C,). None leaves them out.
    training
        Whether the batch's own statistics are used, and the running ones are moved.
    momentum
        How far a batch moves the running statistics.
    eps
        Added to the variance under the root.

    Raises
    ------
    WriteError
        If running statistics can't be written to in training.

    Examples
    --------
    >>> import graphgrad as gg
    >>> mean, var = gg.zeros(1), gg.ones(1)
    >>> gg.nn.functional.batch_norm([[1.0], [3.0]], mean, var, training=True, momentum=0.5)
    tensor([[-1.],
            [ 1.]])
    >>> mean, var
    (tensor([1.]), tensor([1.5]))
    """
    _check_batch(input, running_mean, running_var, weight, bias, training)
    axes = (0, *range(2, np.ndim(input))) if training else None
    return _normalized(input, running_mean, running_var, weight, bias, axes, eps)


batch_norm = _keeping_statistics(
    _batch_norm,
    lambda given: bool(given["training"]),
    lambda shape: None,
)


# ---- for each example ------------------------------------------------------------------------------------------------


def _prepare_instance(attrs: dict[str, Any]) -> None:
    prepare_eps(attrs)
    keep_numbers(attrs, "momentum")


def _instance_shape(
    input: Shape,
    running_mean: Shape | None,
    running_var: Shape | None,
    weight: Shape | None,
    bias: Shape | None,
    /,
    *,
    use_input_stats: bool,
    **_: Any,
) -> Shape:
    if len(input) < 3:
        raise ValueError(f"input {input} must have the shape (N, C, L) or more axes")
    if use_input_stats and math.prod(input[2:]) == 1:
        raise ValueError(f"input {input} has one value in each channel: it takes several to have a variance")
    check_per_channel(input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    return input


def _instance_samples(rng: np.random.Generator) -> Iterator[Sample]:
    def learned(n: int) -> tuple[Any, Any]:
        return array(rng, n, low=0.5, high=1.5), array(rng, n)

    for shape in ((2, 3, 2), (1, 2, 2, 2), (0, 2, 3)):
        running = array(rng, shape[1]), array(rng, shape[1], low=0.5, high=2.0)
        yield sample(array(rng, *shape), *running, *learned(shape[1]), use_input_stats=False, eps=0.1)
    yield sample(array(rng, 2, 2, 3), None, None, *learned(2))
    yield sample(array(rng, 1, 2, 2, 2), None, None, *learned(2), eps=0.1)
    yield sample(array(rng, 0, 2, 3), None, None, *learned(2))
    yield sample(array(rng, 2, 2, 3), None, None, None, None)
    yield sample(array(rng, 1, 1, 2, 2), None, None, None, None, eps=0.1)
    yield sample(array(rng, 2, 0, 3), None, None, None, None)


def _check_instance(
    input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, use_input_stats: bool, **_: Any
) -> None:
    """Refuse what doesn't fit together."""
    given: Any = map(shape_of, (input, running_mean, running_var, weight, bias))
    _instance_shape(*given, use_input_stats=use_input_stats)
    _check_together(running_mean, running_var)
    if not use_input_stats and running_mean is None:
        raise ValueError("running_mean and running_var are needed without use_input_stats")


def _channels_of_examples(input: Shape) -> Rows:
    """How the channels of each example lie in memory."""
    return groups_of_channels(input, input[1])


def _instance_forward(**given: Any) -> Any:
    _check_instance(**given)
    if given["running_mean"] is not None:
        return channels_forward(**_by_channel(given))
    input = given["input"]
    layout = _channels_of_examples(input.shape)
    return rows_forward(input, given["weight"], given["bias"], layout, given["eps"])


def _instance_backward(g: Any, wanted: Collection[str], **given: Any) -> dict[str, Any]:
    if given["running_mean"] is not None:
        return channels_backward(g, wanted, **_by_channel(given))
    input = given["input"]
    layout = _channels_of_examples(input.shape)
    return rows_backward(g, wanted, input, given["weight"], given["bias"], layout, given["eps"])


_EXAMPLE_MEAN = "where({use_input_stats}, mean_of_places({input}), {running_mean}[channel({input})])"
_EXAMPLE_VAR = "where({use_input_stats}, var_of_places({input}), {running_var}[channel({input})])"


@normalization(
    name="instance_norm",
    forward=_instance_forward,
    backward=_instance_backward,
    neutral=_NEUTRAL,
    formula=f"({{input}} - {_EXAMPLE_MEAN}) / sqrt({_EXAMPLE_VAR} + {{eps}}) {_SCALED}",
    back={"input": "that of batch_norm, with means over the places of one example", **_BACK},
    shape=_instance_shape,
    cost=_cost,
    samples=_instance_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)), None, None, None, None), {}, ShapeError, "must have the shape (N, C, L)"),
        ErrorSample((np.zeros((2, 3, 1)), None, None, None, None), {}, ShapeError, "it takes several"),
        ErrorSample(
            (np.zeros((2, 3, 2)), None, None, None, None), {"use_input_stats": False}, ArgumentError, "are needed"
        ),
    ),
    prepare=_prepare_instance,
)
def _instance_norm(
    input: Array,
    running_mean: Array = None,
    running_var: Array = None,
    weight: Array = None,
    bias: Array = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """
    Each channel of each example brought to mean 0 and variance 1 over its places, then scaled and shifted.

    An image so loses its contrast and its brightness, channel by channel, and keeps what it shows: style transfer uses
    it (Ulyanov, Vedaldi and Lempitsky, 2016).

    Parameters
    ----------
    input
        Shape (N, C, L) or with more axes after the second, over which mean and variance are taken.
    running_mean, running_var
        Averages for each channel, of shape (C,), needed without `use_input_stats`. With it they are written to, as in
        `batch_norm`, with the mean over the examples.
    weight, bias
        The scale and the shift of each channel, of shape (C,). None leaves them out.
    use_input_stats
        Whether the input's own statistics are used, and the running ones are moved.
    momentum
        How far a batch moves the running statistics.
    eps
        Added to the variance under the root.

    Raises
    ------
    WriteError
        If running statistics can't be written to.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.instance_norm([[[1.0, 3.0], [10.0, 30.0]]])
    tensor([[[-1.,  1.],
             [-1.,  1.]]])
    """
    _check_instance(input, running_mean, running_var, weight, bias, use_input_stats)
    axes = tuple(range(2, np.ndim(input))) if use_input_stats else None
    return _normalized(input, running_mean, running_var, weight, bias, axes, eps)


instance_norm = _keeping_statistics(
    _instance_norm,
    lambda given: bool(given["use_input_stats"]),
    _channels_of_examples,
)
