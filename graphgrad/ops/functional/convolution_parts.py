"""What convolutions share beside their sizes: their values, what they expand into, and their rules.

A convolution, its input's gradient (a transposed convolution) and its weight's gradient are three sums over the same
pairs of elements, and the derivatives of each are the other two: no more is needed for derivatives of any order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from graphgrad.graph.tensor import Tensor
from graphgrad.kernels.choice import kernels_of
from graphgrad.ops.array.indexing import getitem, index_add
from graphgrad.ops.array.padding import pad
from graphgrad.ops.array.reductions import sum
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.array.windows import sliding_window_view
from graphgrad.ops.composite import named
from graphgrad.ops.declare import find, polymorphic
from graphgrad.ops.functional.convolution_sizes import convolved, sides_of, transposed, weighted
from graphgrad.ops.matrix.einsum import einsum

__all__ = [
    "bias_rule",
    "expanded",
    "expanded_transposed",
    "expanded_weight",
    "forward",
    "forward_transposed",
    "forward_weight",
    "input_rule",
    "transposed_input_rule",
    "transposed_weight_rule",
    "weight_grad_rule",
    "weight_input_rule",
    "weight_rule",
]

Shape = tuple[int, ...]
_sum = polymorphic(sum)


# ---- values ----------------------------------------------------------------------------------------------------------


_FEW = 2_000
"""Up to so many products the twins compute: 50 to 160 µs instead of 16, but nothing is compiled, which takes 14 s."""


def _kernels(dtype: Any, products: int) -> ModuleType:
    """The compiled kernels; or their twins for small work, where nothing is compiled, or for dtypes unknown to BLAS."""
    return kernels_of("convolution", products > _FEW and dtype in (np.float32, np.float64))


class _Ready(NamedTuple):
    arrays: list[Any]
    """The operands in one dtype, those of images with an axis for examples."""
    dtype: Any
    """That of the result."""
    kernels: ModuleType


def _ready(n: int, images: Sequence[Any], others: Sequence[Any], products: int) -> _Ready:
    operands = [one for one in (*images, *others) if one is not None]
    dtype = operands[0].dtype
    if any(one.dtype != dtype for one in operands):
        dtype = np.result_type(*operands)
    if dtype.kind not in "fO":
        raise TypeError(
            f"convolutions are computed in floats, got {dtype}; make them floats first: x.astype('float32')"
        )
    inner = np.dtype(np.float32) if dtype == np.float16 else dtype
    whole = [one if one.ndim == n + 2 else one[None] for one in images]
    arrays = [None if one is None else one.astype(inner, copy=False) for one in (*whole, *others)]
    return _Ready(arrays, dtype, _kernels(inner, products))


def _shapes(*operands: Any) -> list[Any]:
    return [None if one is None else np.shape(one) for one in operands]


def forward(n: int, input: Any, weight: Any, bias: Any, attrs: dict[str, Any]) -> Any:
    """The values of a convolution."""
    shape = convolved(n, *_shapes(input, weight, bias), **attrs)
    (images, *others), dtype, kernels = _ready(n, [input], [weight, bias], math.prod((*shape, *weight.shape[1:])))
    before = tuple(first for first, _ in sides_of(attrs["padding"], weight.shape[2:], attrs["dilation"]))
    out = kernels.forward(images, *others, shape[-n:], attrs["stride"], before, attrs["dilation"], attrs["groups"])
    return out.reshape(shape).astype(dtype, copy=False)


def forward_transposed(n: int, input: Any, weight: Any, bias: Any, attrs: dict[str, Any]) -> Any:
    """The values of a transposed convolution."""
    shape = transposed(n, *_shapes(input, weight, bias), **attrs)
    products = math.prod((*input.shape, *weight.shape[1:]))
    (images, *others), dtype, kernels = _ready(n, [input], [weight, bias], products)
    places = attrs["stride"], attrs["padding"], attrs["dilation"]
    out = kernels.input_gradient(images, *others, shape[-n:], *places, attrs["groups"])
    return out.reshape(shape).astype(dtype, copy=False)


def forward_weight(n: int, input: Any, grad_output: Any, attrs: dict[str, Any]) -> Any:
    """The values of a weight's gradient."""
    shape = weighted(n, *_shapes(input, grad_output), **attrs)
    products = math.prod((*grad_output.shape, *shape[1:]))
    arrays, dtype, kernels = _ready(n, [input, grad_output], [], products)
    before = tuple(first for first, _ in sides_of(attrs["padding"], shape[2:], attrs["dilation"]))
    out = kernels.weight_gradient(*arrays, shape[2:], attrs["stride"], before, attrs["dilation"], attrs["groups"])
    return out.astype(dtype, copy=False)


# ---- in simpler operations -------------------------------------------------------------------------------------------

_PLACES, _TAPS = "xyz", "ijk"


def _windows(n: int, input: Any, kernel: Shape, size: Shape, sides: list[tuple[int, int]], attrs: Any) -> Any:
    """All windows, of shape (..., channels, *places, *taps)."""
    if any(map(any, sides)):
        input = named(pad(input, [(0, 0)] * (input.ndim - n) + sides), "padded")
    reach = [gap * (taps - 1) + 1 for gap, taps in zip(attrs["dilation"], kernel, strict=True)]
    windows = sliding_window_view(input, reach, tuple(range(-n, 0)))
    steps = [slice(None, step * (count - 1) + 1, step) for step, count in zip(attrs["stride"], size, strict=True)]
    holes = [slice(None, None, gap) for gap in attrs["dilation"]]
    return named(getitem(windows, (Ellipsis, *steps, *holes)), "windows")


def _split(x: Any, axis: int, groups: int) -> Any:
    """The channels as two axes: the groups, and the channels in each."""
    axis %= x.ndim
    return reshape(x, (*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :]))


def _joined(x: Any, axis: int) -> Any:
    axis %= x.ndim
    return reshape(x, (*x.shape[:axis], x.shape[axis] * x.shape[axis + 1], *x.shape[axis + 2 :]))


def _with_bias(n: int, out: Any, bias: Any) -> Any:
    return out if bias is None else out + reshape(bias, (bias.shape[0], *[1] * n))


def expanded(n: int, input: Any, weight: Any, bias: Any, attrs: dict[str, Any]) -> Any:
    """A convolution as windows, each multiplied by the weights and summed."""
    groups = attrs["groups"]
    size = convolved(n, input.shape, weight.shape, None, **attrs)[-n:]
    sides = sides_of(attrs["padding"], weight.shape[2:], attrs["dilation"])
    windows = _windows(n, input, weight.shape[2:], size, sides, attrs)
    places, taps = _PLACES[:n], _TAPS[:n]
    if groups == 1:
        out = einsum(f"...c{places}{taps},oc{taps}->...o{places}", windows, weight)
    else:
        split = _split(windows, -2 * n - 1, groups), _split(weight, 0, groups)
        out = _joined(einsum(f"...gc{places}{taps},goc{taps}->...go{places}", *split), -n - 2)
    return _with_bias(n, named(out, "sums"), bias)


def expanded_transposed(n: int, input: Any, weight: Any, bias: Any, attrs: dict[str, Any]) -> Any:
    """A transposed convolution as stamps: the kernel times each element, added up where they overlap."""
    groups = attrs["groups"]
    shape = transposed(n, input.shape, weight.shape, None, **attrs)
    places, taps = _PLACES[:n], _TAPS[:n]
    if groups == 1:
        stamps = einsum(f"...o{places},oc{taps}->...c{places}{taps}", input, weight)
    else:
        split = _split(input, -n - 1, groups), _split(weight, 0, groups)
        stamps = _joined(einsum(f"...go{places},goc{taps}->...gc{places}{taps}", *split), -2 * n - 2)
    room, key = [], []
    for i, (length, kernel, step, gap, side, inside) in enumerate(
        zip(
            input.shape[-n:],
            weight.shape[2:],
            attrs["stride"],
            attrs["dilation"],
            attrs["padding"],
            shape[-n:],
            strict=True,
        )
    ):
        at = step * np.arange(length)[:, None] + gap * np.arange(kernel)
        key.append(at.reshape([length if j == i else kernel if j == n + i else 1 for j in range(2 * n)]))
        room.append(max(int(at[-1, -1]) + 1, side + inside))
    added = index_add(named(stamps, "stamps"), (*shape[:-n], *room), (Ellipsis, *key))
    inner = [slice(side, side + inside) for side, inside in zip(attrs["padding"], shape[-n:], strict=True)]
    return _with_bias(n, added[..., *inner], bias)


def expanded_weight(n: int, input: Any, grad_output: Any, attrs: dict[str, Any]) -> Any:
    """A weight's gradient as windows, each multiplied by the gradient of what it gave, summed over all of them."""
    groups = attrs["groups"]
    weighted(n, input.shape, grad_output.shape, **attrs)
    kernel = attrs["weight_size"][2:]
    sides = sides_of(attrs["padding"], kernel, attrs["dilation"])
    windows = _windows(n, input, kernel, grad_output.shape[-n:], sides, attrs)
    if input.ndim == n + 1:
        windows, grad_output = windows[None], grad_output[None]
    places, taps = _PLACES[:n], _TAPS[:n]
    if groups == 1:
        return einsum(f"bc{places}{taps},bo{places}->oc{taps}", windows, grad_output)
    split = _split(windows, 1, groups), _split(grad_output, 1, groups)
    return _joined(einsum(f"bgc{places}{taps},bgo{places}->goc{taps}", *split), 0)


# ---- backward --------------------------------------------------------------------------------------------------------


def input_rule(n: int) -> Callable[..., Any]:
    """What a convolution passes back to its input."""
    return lambda g, weight, input_shape, attrs: _to_input(n, g, weight, input_shape, attrs)


def weight_rule(n: int) -> Callable[..., Any]:
    """What a convolution passes back to its weight."""
    return lambda g, input, weight_shape, attrs: _to_weight(n, input, g, weight_shape, attrs)


def bias_rule(n: int) -> Callable[..., Any]:
    """What a convolution, also a transposed one, passes back to its bias."""
    return lambda g: _sum(g, axis=tuple(axis for axis in range(len(g.shape)) if axis != len(g.shape) - n - 1))


def transposed_input_rule(n: int) -> Callable[..., Any]:
    """What a transposed convolution passes back to its input."""
    return lambda g, weight, input_shape, attrs: _to_output(n, g, weight, input_shape, attrs)


def transposed_weight_rule(n: int) -> Callable[..., Any]:
    """What a transposed convolution passes back to its weight: input and result have changed places."""
    return lambda g, input, weight_shape, attrs: _to_weight(n, g, input, weight_shape, attrs)


def weight_input_rule(n: int) -> Callable[..., Any]:
    """What a weight's gradient passes back to the input that it is for."""
    return lambda g, grad_output, input_shape, attrs: _to_input(n, grad_output, g, input_shape, attrs)


def weight_grad_rule(n: int) -> Callable[..., Any]:
    """What a weight's gradient passes back to the gradient that it was made of."""
    return lambda g, input, grad_output_shape, attrs: _to_output(n, input, g, grad_output_shape, attrs)


def _to_input(n: int, g: Any, weight: Any, input_shape: Shape, attrs: dict[str, Any]) -> Any:
    """From the outputs to the inputs: a transposed convolution."""
    stride, dilation = attrs["stride"], attrs["dilation"]
    before = tuple(first for first, _ in sides_of(attrs["padding"], weight.shape[2:], dilation))
    left = [
        length + 2 * side - gap * (taps - 1) - 1 - (count - 1) * step
        for length, side, gap, taps, count, step in zip(
            input_shape[-n:], before, dilation, weight.shape[2:], g.shape[-n:], stride, strict=True
        )
    ]
    more = tuple(max(rest, 0) for rest in left)
    places = {"stride": stride, "padding": before, "output_padding": more, "dilation": dilation}
    out = _run(f"conv_transpose{n}d without bias", (g, weight), {**places, "groups": attrs["groups"]})
    return _cropped(n, out, input_shape)  # of a padding that is larger behind, more than before was cut off


def _to_output(n: int, input: Any, weight: Any, output_shape: Shape, attrs: dict[str, Any]) -> Any:
    """From the inputs to the outputs: a convolution."""
    places = {name: attrs[name] for name in ("stride", "padding", "dilation", "groups")}
    return _cropped(n, _run(f"conv{n}d without bias", (input, weight), {**places, "strict": False}), output_shape)


def _to_weight(n: int, input: Any, g: Any, weight_shape: Shape, attrs: dict[str, Any]) -> Any:
    """From pairs of both to the weights."""
    places = {name: attrs[name] for name in ("stride", "padding", "dilation", "groups")}
    return _run(f"conv{n}d_weight", (input, g), {"weight_size": weight_shape, **places})


def _run(name: str, operands: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """An operation by its name, on arrays or tensors: each of the three is in the rules of the others."""
    op = find(name)
    if any(isinstance(one, Tensor) for one in operands):
        return op.run(operands, attrs)
    return op.forward(*operands, **attrs)


def _cropped(n: int, x: Any, shape: Shape) -> Any:
    return x if x.shape[-n:] == shape[-n:] else x[..., *map(slice, shape[-n:])]
