"""Adaptive pooling: as many windows as are wanted, whatever the size of the image; one of them is global pooling.

Window i of n goes from floor(i · length / n) to ceil((i + 1) · length / n), so that they cover the axis and are as
alike as possible; where n doesn't divide the length they overlap. Names, argument order and defaults are PyTorch's;
`graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.kernels.plain.pooling import Window
from graphgrad.ops.declare import Array, OpFunction, op
from graphgrad.ops.functional import pool_parts as parts
from graphgrad.ops.functional.pool_windows import INPUTS, SIZES, Shape, adaptive, apart, line, nested, pooled, total
from graphgrad.ops.functional.pooling import declared_maxima
from graphgrad.ops.samples import sample

NAMESPACE = "nn.functional"
__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
]

Counts = int | Sequence[int | None] | None


def _window(input: Shape, attrs: dict[str, Any]) -> Window:
    return adaptive(input, attrs["output_size"])


def prepare(attrs: dict[str, Any], n: int) -> None:
    given = attrs["output_size"]
    each = given if isinstance(given, (tuple, list)) else (given,)
    try:
        sizes = tuple(None if one is None else operator.index(one) for one in each)
    except TypeError:
        raise TypeError(f"output_size is an integer, or one or None for each of {n} axes, got {given!r:.60}") from None
    if len(sizes) == 1:
        sizes *= n
    if len(sizes) != n or any(one is not None and one < 0 for one in sizes):
        each_axis = f" or {n} of them, for {SIZES[n]}," if n > 1 else ""
        raise ValueError(f"output_size is an integer from 0,{each_axis} got {given!r:.60}")
    attrs["output_size"] = sizes


def _samples(n: int, values: Callable[..., Any]) -> Callable[[np.random.Generator], Iterator[Sample]]:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        long = (5, 4, 3)[:n]
        yield sample(values(rng, 2, 2, *long), output_size=(3, 2, 2)[:n])
        yield sample(values(rng, 1, *long), output_size=1)
        yield sample(values(rng, 1, 2, *long), output_size=(7, None, 1)[:n])
        yield sample(np.zeros((0, 2, *long)), output_size=2)

    return samples


def _errors(n: int) -> tuple[ErrorSample, ...]:
    small = np.zeros((1, *[4] * n))
    return (
        ErrorSample((np.zeros(4),), {"output_size": 1}, ShapeError, f"must have the shape {INPUTS[n]}"),
        ErrorSample((np.zeros((1, *[0] * n)),), {"output_size": 1}, ShapeError, "an axis has length 0"),
        ErrorSample((small,), {"output_size": -1}, ArgumentError, "output_size is an integer from 0"),
        ErrorSample((small,), {"output_size": (1,) * (n + 1)}, ArgumentError, "output_size is an integer from 0"),
        ErrorSample((small,), {"output_size": 1.5}, DTypeError, "output_size is an integer"),
        ErrorSample((small.astype(np.int64),), {"output_size": 1}, DTypeError, "for floats, got int64"),
    )


def _example(n: int, call: str, result: str) -> str:
    values, _ = line(n)
    return f"""Examples
--------
>>> import graphgrad as gg
>>> gg.nn.functional.{call}({values}, 1)
{result}
"""


def _parameters(n: int) -> str:
    several = ", one for all axes, or one for each: None for as many as there are elements" if n > 1 else ""
    return f"""Parameters
----------
input
    Shape {INPUTS[n]}.
output_size
    How many windows there are{several}. 1 is global pooling.
"""


# ---- maxima ----------------------------------------------------------------------------------------------------------


def _max_doc(n: int, with_indices: bool) -> str:
    name = f"adaptive_max_pool{n}d"
    if with_indices:
        first = "The maximum of each of as many windows as are wanted, and where in the input it is."
        more = f"`max_unpool{n}d` takes the places."
        returns = """tuple of Tensor
    The maxima, and their numbers in the flattened plane, in row-major order, without a gradient."""
        name, result = f"{name}_with_indices", f"({nested(n, '4.')}, {nested(n, '3')})"
    else:
        first = "The maximum of each of as many windows as are wanted; channel by channel."
        more = f"With ``return_indices=True``, the last argument, it gives what `{name}_with_indices` does."
        returns, result = "Tensor\n    The maxima.", nested(n, "4.")
    return f"""
{first}

Window i of n goes from floor(i * length / n) to ceil((i + 1) * length / n). The gradient goes to the element that was
the largest; of equal ones to the first in row-major order.

{more}

{_parameters(n)}
Returns
-------
{returns}

{_example(n, name, result)}"""


def _max_pool(n: int) -> tuple[OpFunction, OpFunction]:
    def pool(input: Array, output_size: Counts) -> Any:
        return parts.maxima(input, adaptive(input.shape, output_size), n)  # type: ignore[arg-type]

    def pool_with_indices(input: Array, output_size: Counts) -> Any:
        return parts.maxima_and_indices(input, adaptive(input.shape, output_size), n)  # type: ignore[arg-type]

    return declared_maxima(
        n,
        f"adaptive_max_pool{n}d",
        (pool, pool_with_indices),
        _window,
        formula="adaptive_max_pooled({input}, {output_size})",
        docs=(_max_doc(n, False), _max_doc(n, True)),
        samples=_samples(n, apart),
        errors=_errors(n),
        prepare=functools.partial(prepare, n=n),
        covers=("P14.14",),
    )


adaptive_max_pool1d, adaptive_max_pool1d_with_indices = _max_pool(1)
adaptive_max_pool2d, adaptive_max_pool2d_with_indices = _max_pool(2)
adaptive_max_pool3d, adaptive_max_pool3d_with_indices = _max_pool(3)


# ---- means -----------------------------------------------------------------------------------------------------------


def _sizes(window: Window) -> Any:
    """How many elements each window has."""
    depth, height, width = (slide.stops - slide.starts for slide in window)
    return (depth[:, None, None] * height[:, None] * width).reshape(-1)


def _avg_doc(n: int) -> str:
    return f"""
The mean of each of as many windows as are wanted; channel by channel.

Window i of n goes from floor(i * length / n) to ceil((i + 1) * length / n). Every element of a window receives the same
share of the gradient.

{_parameters(n)}
Returns
-------
Tensor
    The means.

{_example(n, f"adaptive_avg_pool{n}d", nested(n, "2.5"))}"""


def _avg_pool(n: int) -> OpFunction:
    def pool(input: Array, output_size: Counts) -> Any:
        window = adaptive(input.shape, output_size)  # type: ignore[arg-type]
        return parts.means(input, window, n, _sizes(window))

    def back(g: Any, input_shape: Shape, attrs: dict[str, Any]) -> Any:
        window = _window(input_shape, attrs)
        return parts.mean_back(g, input_shape, window, n, _sizes(window))

    def expand(input: Any, **attrs: Any) -> Any:
        window = _window(input.shape, attrs)
        return parts.mean_expanded(input, window, n, _sizes(window))

    return op(
        pool,
        name=f"adaptive_avg_pool{n}d",
        input=back,
        linear="together",
        formula="adaptive_mean_pooled({input}, {output_size})",
        back={"input": "to each element the sum over its windows of {g}, divided by the number of their elements"},
        shape=lambda input, /, **attrs: pooled(input, _window(input, attrs), n),
        cost=lambda input, /, **attrs: math.prod(input[: len(input) - n]) * total(_window(input, attrs)),
        samples=_samples(n, lambda rng, *shape: rng.normal(size=shape)),
        errors=_errors(n),
        prepare=functools.partial(prepare, n=n),
        expand=expand,
        covers=("P14.15",),
        doc=_avg_doc(n),
    )


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = (_avg_pool(n) for n in (1, 2, 3))
