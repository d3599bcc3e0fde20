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
from graphgrad.ops.array.arithmetic import add, divide, sqrt, subtract
from graphgrad.ops.attributes import keep_numbers
from graphgrad.ops.composite import composite, named
from graphgrad.ops.declare import Array, OpFunction
from graphgrad.ops.functional.loss_parts import in_floats
from graphgrad.ops.functional.normalizations import (
    check_per_channel,
    learned_back,
    per_channel,
    prepare_eps,
    scaled_and_shifted,
    shape_of,
    standardized,
    standardized_back,
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


def _back(
    g: Any,
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any,
    bias: Any,
    axes: Shape,
    eps: float,
    needs: Collection[str],
) -> list[Any]:
    """In closed form; of running statistics that are given, `axes` isn't looked at."""
    rank, others = input.ndim, (0, *range(2, input.ndim))
    scale = per_channel(weight, rank)
    if running_mean is None:
        arrived, normalized = standardized_back(g, input, scale, axes, eps)
        return [arrived, None, None, *learned_back(g, normalized, weight, bias, others)]
    root = np.sqrt(per_channel(running_var, rank) + eps)
    normalized = (input - per_channel(running_mean, rank)) / root
    arrived = (g if weight is None else g * scale) / root
    to_mean = to_var = None
    if "running_mean" in needs:
        to_mean = np.reshape(np.sum(-arrived, axis=others), running_mean.shape)
    if "running_var" in needs:
        to_var = np.reshape(np.sum(-0.5 * arrived * normalized / root, axis=others), running_var.shape)
    return [arrived, to_mean, to_var, *learned_back(g, normalized, weight, bias, others)]


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
    operation: OpFunction, trains: Callable[[Given], bool], averaged: Callable[[Shape], Shape]
) -> OpFunction:
    """The operation, and in training the running statistics moved towards the mean and the variance of the input.

    Parameters
    ----------
    operation
        What normalises; without running statistics by the input's own.
    trains
        Whether a call with these arguments is one in training.
    averaged
        The axes that one mean and one variance are taken over.
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
        axes, others = averaged(shape), tuple(i for i in range(len(shape)) if i != 1)
        count = math.prod(shape[axis] for axis in axes)
        momentum = float(given["momentum"])
        if "running_mean" in running:
            _move(running["running_mean"], np.mean(values, axis=others), momentum)
        if "running_var" in running:
            # The unbiased variance, which a model is to expect of data that it hasn't seen.
            spread = np.var(values, axis=axes, keepdims=True) * (count / (count - 1))
            _move(running["running_var"], np.mean(spread, axis=others), momentum)
        return result

    call.op.call = call  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]


def _check_together(running_mean: Any, running_var: Any) -> None:
    if (running_mean is None) != (running_var is None):
        missing = "running_mean" if running_mean is None else "running_var"
        raise ValueError(f"running_mean and running_var are needed together, {missing} is missing")


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


@composite(
    name="batch_norm",
    joint=lambda g, input, running_mean, running_var, weight, bias, eps, needs: _back(
        g, input, running_mean, running_var, weight, bias, (0, *range(2, input.ndim)), eps, needs
    ),
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
    given: Any = map(shape_of, (input, running_mean, running_var, weight, bias))
    _batch_shape(*given, training=training)
    _check_together(running_mean, running_var)
    if not training and running_mean is None:
        raise ValueError("running_mean and running_var are needed outside training")
    axes = (0, *range(2, np.ndim(input))) if training else None
    return _normalized(input, running_mean, running_var, weight, bias, axes, eps)


batch_norm = _keeping_statistics(
    _batch_norm,
    lambda given: bool(given["training"]),
    lambda shape: tuple(i for i in range(len(shape)) if i != 1),
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


_EXAMPLE_MEAN = "where({use_input_stats}, mean_of_places({input}), {running_mean}[channel({input})])"
_EXAMPLE_VAR = "where({use_input_stats}, var_of_places({input}), {running_var}[channel({input})])"


@composite(
    name="instance_norm",
    joint=lambda g, input, running_mean, running_var, weight, bias, eps, needs: _back(
        g, input, running_mean, running_var, weight, bias, tuple(range(2, input.ndim)), eps, needs
    ),
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
    given: Any = map(shape_of, (input, running_mean, running_var, weight, bias))
    _instance_shape(*given, use_input_stats=use_input_stats)
    _check_together(running_mean, running_var)
    if not use_input_stats and running_mean is None:
        raise ValueError("running_mean and running_var are needed without use_input_stats")
    axes = tuple(range(2, np.ndim(input))) if use_input_stats else None
    return _normalized(input, running_mean, running_var, weight, bias, axes, eps)


instance_norm = _keeping_statistics(
    _instance_norm,
    lambda given: bool(given["use_input_stats"]),
    lambda shape: tuple(range(2, len(shape))),
)
