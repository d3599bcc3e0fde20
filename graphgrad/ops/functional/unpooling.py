"""Max unpooling: the maxima that pooling chose, back where they came from, among zeros.

Names, argument order and defaults are PyTorch's; `graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.graph.tensor import Tensor
from graphgrad.kernels.choice import kernels_of
from graphgrad.ops.array.arithmetic import equal
from graphgrad.ops.array.gathering import take_along_axis
from graphgrad.ops.array.scattering import put_along_axis
from graphgrad.ops.array.selection import where
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.composite import named
from graphgrad.ops.declare import Array, OpFunction, op
from graphgrad.ops.functional import pool_parts as parts
from graphgrad.ops.functional.loss_parts import values_of
from graphgrad.ops.functional.pool_windows import INPUTS, SIZES, Shape, Sizes, prepare_sizes, whole_numbers
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import free

NAMESPACE = "nn.functional"
__all__ = ["max_unpool1d", "max_unpool2d", "max_unpool3d"]


def prepare(attrs: dict[str, Any], n: int) -> None:
    sizes = {name: attrs[name] for name in ("kernel_size", "stride")}
    prepare_sizes(sizes, n)
    # Here the padding takes away, so it isn't bounded by the size of a window, as that of pooling is.
    attrs.update(sizes, padding=whole_numbers(attrs["padding"], n, "padding", 0))
    size = attrs["output_size"]
    if size is not None:
        if np.ndim(size) == 1 and len(size) == n + 2:
            size = size[2:]  # a whole shape, of which the first two say nothing new
        attrs["output_size"] = whole_numbers(size, n, "output_size", 1)


def _size(input: Shape, kernel_size: Shape, stride: Shape, padding: Shape, output_size: Shape | None) -> Shape:
    """The lengths of the axes of the result: what pooling would have made the input of."""
    n = len(kernel_size)
    if len(input) not in (n + 1, n + 2):
        raise ValueError(f"input {input} must have the shape {INPUTS[n]}")
    found = []
    for i, (length, kernel, step, side) in enumerate(zip(input[-n:], kernel_size, stride, padding, strict=True)):
        plain = (length - 1) * step + kernel - 2 * side
        formula = f"(length - 1) * stride + kernel_size - 2 * padding = ({length} - 1) * {step} + {kernel} - 2 * {side}"
        size = plain if output_size is None else output_size[i]
        if not plain - step < size < plain + step:
            raise ValueError(
                f"output_size {output_size}: axis {i - n} has a length between {plain - step} and {plain + step}, "
                f"within a stride of {formula} = {plain}; got {size}"
            )
        if size < 1:
            raise ValueError(f"axis {i - n} of input {input} would get the length {formula} = {size}")
        found.append(size)
    return tuple(found)


def _shape(input: Shape, indices: Shape, /, **attrs: Any) -> Shape:
    size = _size(input, **attrs)
    if indices != input:
        raise ValueError(f"there is an index for each element of input {input}, indices have the shape {indices}")
    return (*input[: len(input) - len(size)], *size)


def _checked(indices: Any, size: Shape) -> Any:
    """The indices as an array of integers that name elements."""
    found = np.asarray(values_of(indices))
    if found.dtype.kind not in "iu":
        raise TypeError(f"indices are integers, got {found.dtype}")
    if found.size and not (found.min() >= 0 and found.max() < math.prod(size)):
        wrong = found.min() if found.min() < 0 else found.max()
        raise ValueError(
            f"indices number the {math.prod(size)} elements of {' x '.join(map(str, size))}, from 0 on; got {wrong}"
        )
    return found.astype(np.int64, copy=False)


def _flat(x: Any, n: int) -> Shape:
    return (math.prod(x.shape[: x.ndim - n]), math.prod(x.shape[x.ndim - n :]))


def _back(g: Any, indices: Any, input_shape: Shape, n: int) -> Any:
    if isinstance(g, Tensor):
        places = np.reshape(indices, (math.prod(input_shape[:-n]), math.prod(input_shape[-n:])))
        arriving = reshape(g, _flat(g, n))
        # Of values that went to one place the last one stayed: who finds its own number there is it.
        numbers = np.broadcast_to(np.arange(1.0, places.shape[1] + 1.0), places.shape)
        there = take_along_axis(put_along_axis(np.zeros(arriving.shape), places, numbers, 1), places, 1)
        stayed = where(equal(there, numbers), take_along_axis(arriving, places, 1), 0.0)
        return reshape(stayed, input_shape)
    places = _checked(indices, g.shape[-n:]).reshape(_planes(indices, n))
    found = kernels_of("pooling").at_places(parts.planes(g, n), places)
    return found.reshape(input_shape).astype(g.dtype, copy=False)


def _planes(x: Any, n: int) -> Shape:
    return _flat(np.asarray(values_of(x)), n)


def _samples(n: int) -> Callable[[np.random.Generator], Iterator[Sample]]:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        few = (3, 2, 1)[:n]
        count = math.prod(few)
        for attrs in ({"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}):
            length = math.prod(_size((1, *few), **_prepared(attrs, n)))
            places = np.stack([rng.permutation(length)[:count] for _ in range(2)]).reshape(2, 1, *few)
            yield sample(rng.normal(size=(2, 1, *few)), places, **attrs)
        yield sample(rng.normal(size=(1, *few)), np.full((1, *few), 2), kernel_size=2, output_size=(7, 4, 3)[:n])
        yield sample(np.zeros((0, 2, *few)), np.zeros((0, 2, *few), np.int64), kernel_size=2)

    return samples


def _prepared(attrs: dict[str, Any], n: int) -> dict[str, Any]:
    whole = {"stride": None, "padding": 0, "output_size": None, **attrs}
    prepare(whole, n)
    return whole


def _errors(n: int) -> tuple[ErrorSample, ...]:
    small, first = np.zeros((1, *[2] * n)), np.zeros((1, *[2] * n), np.int64)
    elements = 4**n
    return (
        ErrorSample((np.zeros(4), first), {"kernel_size": 2}, ShapeError, f"must have the shape {INPUTS[n]}"),
        ErrorSample((small, first[:, :1]), {"kernel_size": 2}, ShapeError, "there is an index for each element"),
        ErrorSample(
            (small, first),
            {"kernel_size": 2, "output_size": (6,) * n},
            ShapeError,
            "between 2 and 6, within a stride of (length - 1) * stride + kernel_size - 2 * padding = "
            "(2 - 1) * 2 + 2 - 2 * 0 = 4; got 6",
        ),
        ErrorSample((small, first), {"kernel_size": 2, "padding": 2}, ShapeError, "(2 - 1) * 2 + 2 - 2 * 2 = 0"),
        ErrorSample((small, first + elements), {"kernel_size": 2}, ArgumentError, f"from 0 on; got {elements}"),
        ErrorSample((small, first - 1), {"kernel_size": 2}, ArgumentError, "from 0 on; got -1"),
        ErrorSample((small, small), {"kernel_size": 2}, DTypeError, "indices are integers, got float64"),
        ErrorSample((first, first), {"kernel_size": 2}, DTypeError, "for floats, got int64"),
        ErrorSample((small, first), {"kernel_size": 0}, ArgumentError, "kernel_size is an integer from 1"),
    )


_EXAMPLES = {
    1: ("[[1.0, 3.0, 4.0, 2.0]]", "[[0., 3., 4., 0.]]", "2"),
    2: ("[[[1.0, 3.0], [2.0, 4.0]]]", "[[[0., 0.], [0., 4.]]]", "2"),
    3: ("[[[[1.0, 3.0], [2.0, 4.0]]]]", "[[[[0., 0.], [0., 4.]]]]", "(1, 2, 2)"),
}


def _doc(n: int) -> str:
    values, result, size = _EXAMPLES[n]
    printed = result.replace("], [0., 4.", "],\n" + " " * (7 + n) + "[0., 4.")
    return f"""
Values put back where max pooling took them from, with zeros everywhere else.

It is a partial inverse of `max_pool{n}d`: what wasn't a maximum is lost. If two values go to one place, the last one
stays and gets the gradient. (PyTorch gives it to both.)

Parameters
----------
input
    Shape {INPUTS[n]}.
indices
    For each element of the input the number of its place in the flattened plane of the result, as
    `max_pool{n}d_with_indices` gives it.
kernel_size, stride, padding
    Those of the pooling. They tell the size of the result, and nothing else.
output_size
    The {SIZES[n]} of the result, or its shape, where pooling rounded: less than a stride from what the others tell.

Returns
-------
Tensor
    For each axis of length (length - 1) * stride + kernel_size - 2 * padding, or `output_size`.

Examples
--------
>>> import graphgrad as gg
>>> values, places = gg.nn.functional.max_pool{n}d_with_indices({values}, {size})
>>> gg.nn.functional.max_unpool{n}d(values, places, {size})
tensor({printed})
"""


def _unpool(n: int) -> OpFunction:
    def unpool(
        input: Array,
        indices: Array,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        output_size: Sequence[int] | None = None,
    ) -> Any:
        attrs = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "output_size": output_size}
        shape = _shape(np.shape(input), np.shape(indices), **attrs)
        values, size = parts.planes(input, n), shape[-n:]
        places = _checked(indices, size).reshape(values.shape)
        found = kernels_of("pooling").put_at_places(values, places, math.prod(size))
        return found.reshape(shape).astype(input.dtype, copy=False)

    def expand(input: Any, indices: Any, **attrs: Any) -> Any:
        shape = _shape(input.shape, indices.shape, **attrs)
        flat = _flat(input, n)
        zeros = np.zeros((flat[0], math.prod(shape[-n:])), input.dtype)
        values, places = named(reshape(input, flat), "values"), np.reshape(indices, flat)
        return reshape(named(put_along_axis(zeros, places, values, 1), "planes"), shape)

    return op(
        unpool,
        name=f"max_unpool{n}d",
        input=lambda g, indices, input_shape: _back(g, indices, input_shape, n),
        linear="together",
        formula="unpooled({input}, {indices}, {kernel_size}, {stride}, {padding}, {output_size})",
        back={"input": "{g} where the values went; nothing for those that others took the place of"},
        shape=_shape,
        cost=free,
        samples=_samples(n),
        errors=_errors(n),
        prepare=functools.partial(prepare, n=n),
        expand=expand,
        covers=("P14.25",),
        doc=_doc(n),
    )


max_unpool1d, max_unpool2d, max_unpool3d = (_unpool(n) for n in (1, 2, 3))
