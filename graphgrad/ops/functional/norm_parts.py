"""What normalisations share beside their groups: how they are declared, and both ways to compute them.

On arrays a kernel does it, in both passes. What it finds of each group, mean and variance, is kept by the input that it
is about, for as long as that lives, so that the backward pass needn't look for it again. On tensors, and on arrays of
single numbers that a walk zooms into, it is the expansion.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.tensor import Tensor
from graphgrad.kernels.choice import kernels_of
from graphgrad.kernels.plain import normalization as plain
from graphgrad.kernels.plain.normalization import Rows
from graphgrad.kernels.reserve import Reserve
from graphgrad.ops.composite import on_arrays
from graphgrad.ops.declare import OpFunction, by_operands, op, roles
from graphgrad.ops.functional.loss_parts import in_floats
from graphgrad.ops.kernel_rules import by_kernel

__all__ = [
    "channels_backward",
    "channels_forward",
    "normalization",
    "rows_backward",
    "rows_forward",
    "statistics",
]

Array = np.ndarray[Any, Any]
Found = dict[str, Any]

SMALL = 1 << 8
"""Up to how many values NumPy does it, in some 30 µs where the kernel takes 5: that has to be compiled first, for
seconds, and whoever only looks at a few numbers needn't wait."""

_RESERVE = Reserve()
_WANTS = ("input", "weight", "bias")


def normalization(
    *, forward: Callable[..., Any], backward: Callable[..., Found], **declaration: Any
) -> Callable[[Callable[..., Any]], OpFunction]:
    """Declare an operation by its expansion and by what its kernels give; as `op` besides.

    Parameters
    ----------
    forward
        The result, on arrays; takes the arguments of the expansion by name.
    backward
        What operands receive, by name; takes what arrives, the names of the operands that want something, and the
        arguments of the expansion by name.
    """

    def declare(expansion: Callable[..., Any]) -> OpFunction:
        name = declaration.get("name") or expansion.__name__
        signature = inspect.signature(expansion)
        operands, attributes, _ = roles(signature, name)
        expand = by_operands(expansion, signature, operands)
        in_single_numbers = on_arrays(expansion, signature, name)

        @functools.wraps(in_single_numbers)
        def run(*args: Any, **kwargs: Any) -> Any:
            given = dict(zip(signature.parameters, args, strict=False)) | kwargs
            if any(isinstance(given[one], np.ndarray) and given[one].dtype.hasobject for one in operands):
                return in_single_numbers(**given)
            return forward(**given)

        def gradients(
            g: Sequence[Any], values: Sequence[Any], _: Any, attrs: Mapping[str, Any], wanted: Sequence[str]
        ) -> Found:
            return backward(g[0], wanted, **dict(zip(operands, values, strict=True)), **attrs)

        joint = by_kernel(
            name,
            operands,
            ("output",),
            backward=gradients,
            expand=expand,
            cost=declaration["cost"],
            optional=declaration["neutral"],
            attributes=tuple(attributes),
        )
        return op(run, expand=expand, joint=_of_one(joint, operands, backward), **declaration)

    return declare


def _of_one(joint: Callable[..., Any], operands: Sequence[str], backward: Callable[..., Found]) -> Callable[..., Any]:
    """A rule for several results as one for a single result, which doesn't look at that: others may write to it."""

    def rule(g: Any, *arguments: Any) -> Any:
        *values, attrs, needs = arguments
        if isinstance(g, Tensor):
            return joint((g,), *values, None, attrs, needs)
        found = backward(g, needs, **dict(zip(operands, values, strict=True)), **attrs)
        return [found.get(one) for one in operands]

    parameters = inspect.signature(joint).parameters.values()
    rule.__signature__ = inspect.Signature([one for one in parameters if one.name != "out"])  # type: ignore[attr-defined]
    return rule


# ---- on arrays -------------------------------------------------------------------------------------------------------


def _kernels(x: Array) -> Any:
    return plain if x.size <= SMALL else kernels_of("normalization")


def _ready(*operands: Any) -> tuple[list[Any], Any]:
    """The operands in the dtype that a kernel computes in, and the dtype that they have together."""
    if operands[0].dtype.kind != "f":
        raise TypeError(
            f"normalisation is for floats, got input of {operands[0].dtype}: make it floats first, with astype"
        )
    given = in_floats(*operands)
    dtype = given[0].dtype
    if dtype.itemsize == 4 or dtype == np.float64:
        return list(given), dtype
    inner = np.float32 if dtype.itemsize < 4 else np.float64
    return [None if one is None else one.astype(inner) for one in given], dtype


def _keep(input: Array, layout: Rows | None, mean: Array, variance: Array) -> None:
    """Keep statistics of an input."""
    if isinstance(input, np.ndarray):
        _RESERVE.keep(input, (layout, mean, variance))


def statistics(input: Array, layout: Rows | None, x: Array | None = None) -> tuple[Array, Array]:
    """The mean and the variance of each group, in float64: those that were found before, if they were kept.

    Parameters
    ----------
    input
        The input of the operation.
    layout
        How the groups lie in memory; None for channels.
    x
        The same values in the dtype that the kernels computed in, if that may be another.
    """
    kept = _RESERVE.take(input)
    if kept is not None:
        _RESERVE.keep(input, kept)  # a pass may come again
        if kept[0] == layout:
            return kept[1], kept[2]
    if x is None:
        (x,), _ = _ready(input)
    kernels = _kernels(x)
    if layout is None:
        _, mean, variance = kernels.channels(x, None, None, None, None, 1.0)
    else:
        _, mean, variance = kernels.rows(x, None, None, layout, 1.0)
    return mean, variance


def _received(found: plain.Learned, weight: Any, bias: Any, dtype: Any) -> Found:
    """What was found for operands, in their shapes."""
    received = {}
    for name, one, operand in zip(_WANTS, found, (None, weight, bias), strict=True):
        if one is not None:
            shaped = one if operand is None or operand.ndim == 1 else one.reshape(operand.shape)
            received[name] = shaped if shaped.dtype == dtype else shaped.astype(dtype)
    return received


def _nothing(wanted: Collection[str], dtype: Any, **operands: Any) -> Found:
    """What operands receive from an input without elements."""
    return {name: np.zeros(operands[name].shape, dtype) for name in wanted}


def rows_forward(input: Any, weight: Any, bias: Any, layout: Rows, eps: float) -> Any:
    """Each row of an array brought to mean 0 and variance 1, then scaled and shifted."""
    (x, *learned), dtype = _ready(input, weight, bias)
    if not x.size:
        return np.empty(x.shape, dtype)
    out, mean, variance = _kernels(x).rows(x, *learned, layout, eps)
    _keep(input, layout, mean, variance)
    return out.astype(dtype, copy=False)


def rows_backward(
    g: Any, wanted: Collection[str], input: Any, weight: Any, bias: Any, layout: Rows, eps: float
) -> Found:
    """What `rows_forward` passes back to those who want it."""
    (x, scale, shift), dtype = _ready(input, weight, bias)
    if not x.size:
        return _nothing(wanted, dtype, input=x, weight=scale, bias=shift)
    mean, variance = statistics(input, layout, x)
    wants = tuple(one in wanted for one in _WANTS)
    found = _kernels(x).rows_back(g.astype(x.dtype, copy=False), x, scale, mean, variance, layout, eps, wants)
    return _received(found, weight, bias, dtype)


def channels_forward(input: Any, mean: Any, variance: Any, weight: Any, bias: Any, eps: float) -> Any:
    """Each channel of an array normalised, by given statistics or, if they are None, by its own."""
    (x, mean, variance, *learned), dtype = _ready(input, mean, variance, weight, bias)
    if not x.size:
        return np.empty(x.shape, dtype)
    by_own = mean is None
    given = (None, None) if by_own else (mean.astype(np.float64), variance.astype(np.float64))
    out, mean, variance = _kernels(x).channels(x, *learned, *given, eps)
    if by_own:
        _keep(input, None, mean, variance)
    return out.astype(dtype, copy=False)


def channels_backward(
    g: Any, wanted: Collection[str], input: Any, mean: Any, variance: Any, weight: Any, bias: Any, eps: float
) -> Found:
    """What `channels_forward` passes back to those who want it."""
    (x, mean, variance, scale, shift), dtype = _ready(input, mean, variance, weight, bias)
    if not x.size:
        return _nothing(wanted, dtype, input=x, running_mean=mean, running_var=variance, weight=scale, bias=shift)
    fixed = mean is not None
    if fixed:
        mean, variance = mean.astype(np.float64), variance.astype(np.float64)
    else:
        mean, variance = statistics(input, None, x)
    to_mean, to_variance = "running_mean" in wanted, "running_var" in wanted
    wants = "input" in wanted, "weight" in wanted or to_variance, "bias" in wanted or to_mean
    found = _kernels(x).channels_back(g.astype(x.dtype, copy=False), x, scale, mean, variance, eps, fixed, wants)
    received = _received(found, weight, bias, dtype)
    by = np.sqrt(variance + eps).astype(x.dtype)
    factor = -1.0 / by if scale is None else -scale / by
    if to_mean:
        received["running_mean"] = (received["bias"] * factor).astype(dtype, copy=False)
    if to_variance:
        received["running_var"] = (received["weight"] * factor / (by + by)).astype(dtype, copy=False)
    return received
