"""Mean and norm pooling: each window that slides over an image becomes its mean, or its p-norm.

Windows slide over the last axes, one, two or three of them; channels stay apart. Names, argument order and defaults are
PyTorch's; `graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.kernels.plain.pooling import Window
from graphgrad.ops.array.arithmetic import abs, equal, multiply, negative, power
from graphgrad.ops.array.selection import where
from graphgrad.ops.attributes import keep_flags, keep_integers, keep_numbers
from graphgrad.ops.composite import composite, named
from graphgrad.ops.declare import Array, OpFunction, op
from graphgrad.ops.functional import pool_parts as parts
from graphgrad.ops.functional.pool_windows import (
    INPUTS,
    SIZES,
    Shape,
    Sizes,
    apart,
    errors,
    line,
    nested,
    pooled,
    prepare_sizes,
    sliding,
    total,
)
from graphgrad.ops.functional.pooling import max_pool1d, max_pool2d, max_pool3d
from graphgrad.ops.samples import sample

NAMESPACE = "nn.functional"
__all__ = ["avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "lp_pool3d"]


def _mean_window(input: Shape, attrs: dict[str, Any]) -> Window:
    n = len(attrs["kernel_size"])
    return sliding(input, attrs["kernel_size"], attrs["stride"], attrs["padding"], (1,) * n, attrs["ceil_mode"])


def _divisors(window: Window, count_include_pad: bool, divisor_override: int | None = None, **_: Any) -> Any:
    """What the sum of each window is divided by: how many elements it has, or has with the padding."""
    counts = []
    for slide in window:
        if count_include_pad:
            begins = np.arange(slide.windows) * slide.stride - slide.padding
            counts.append(np.minimum(begins + slide.kernel, slide.length + slide.padding) - begins)
        else:
            counts.append(slide.stops - slide.starts)
    depth, height, width = counts
    found = depth[:, None, None] * height[:, None] * width
    return (found if divisor_override is None else np.full_like(found, divisor_override)).reshape(-1)


def prepare_mean(attrs: dict[str, Any], n: int) -> None:
    prepare_sizes(attrs, n)
    keep_flags(attrs, "ceil_mode", "count_include_pad")
    if attrs.get("divisor_override") is not None:
        keep_integers(attrs, "divisor_override")
        if not attrs["divisor_override"]:
            raise ValueError("divisor_override is what sums are divided by, and so not 0")


def _mean_samples(n: int) -> Callable[[np.random.Generator], Iterator[Sample]]:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        long = (5, 4, 3)[:n]
        yield sample(rng.normal(size=(2, 2, *long)), kernel_size=(2, 2, 1)[:n])
        yield sample(rng.normal(size=(1, *long)), kernel_size=3, stride=(2, 1, 2)[:n], padding=1)
        yield sample(
            rng.normal(size=(1, *long)), kernel_size=2, stride=2, padding=1, ceil_mode=True, count_include_pad=False
        )
        yield sample(rng.normal(size=(1, 1, *long)), kernel_size=3, stride=2, padding=1, ceil_mode=True)
        yield sample(np.zeros((0, 2, *long)), kernel_size=2)
        if n > 1:
            yield sample(rng.normal(size=(1, *long)), kernel_size=2, stride=1, divisor_override=-3)

    return samples


def _mean_errors(n: int) -> tuple[ErrorSample, ...]:
    small = np.zeros((1, *[4] * n))
    found = [
        *errors(n),
        ErrorSample((small,), {"kernel_size": 2, "padding": 2}, ArgumentError, "(1 * (2 - 1) + 1) // 2 = 1, got 2"),
        ErrorSample((small,), {"kernel_size": 2, "count_include_pad": 2}, DTypeError, "count_include_pad is True or"),
    ]
    if n > 1:
        found.append(ErrorSample((small,), {"kernel_size": 2, "divisor_override": 0}, ArgumentError, "and so not 0"))
    return tuple(found)


def _avg_pool_doc(n: int) -> str:
    values, size = line(n)
    override = """divisor_override
    What the sums are divided by instead, not 0.
"""
    return f"""
The mean of each window that slides over the input; channel by channel.

It has nothing to learn. Every element of a window receives the same share of the gradient.

Parameters
----------
input
    Shape {INPUTS[n]}.
kernel_size
    The {SIZES[n]} of a window{"; here and below one number stands for all" if n > 1 else ""}.
stride
    How far apart windows begin; None for their size.
padding
    How many zeros are put before and after each axis; at most half of the window.
ceil_mode
    Whether a last window may reach over the end, as long as it begins inside: the number of windows is rounded up.
count_include_pad
    Whether the zeros of the padding count as elements; what a last window has beyond them never does.
{override if n > 1 else ""}
Returns
-------
Tensor
    The means. For each axis there are floor((length + 2 * padding - kernel_size) / stride) + 1 windows.

Examples
--------
>>> import graphgrad as gg
>>> gg.nn.functional.avg_pool{n}d({values}, {size})
{nested(n, "2.", "3.") if n == 1 else nested(n, "2.5")}
"""


def _avg_pool(n: int) -> OpFunction:
    def pool1d(
        input: Array,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> Any:
        attrs = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
        window = _mean_window(input.shape, attrs)
        return parts.means(input, window, n, _divisors(window, count_include_pad))

    def pool(
        input: Array,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Any:
        attrs = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
        window = _mean_window(input.shape, attrs)
        return parts.means(input, window, n, _divisors(window, count_include_pad, divisor_override))

    def back(g: Any, input_shape: Shape, attrs: dict[str, Any]) -> Any:
        window = _mean_window(input_shape, attrs)
        return parts.mean_back(g, input_shape, window, n, _divisors(window, **_counted(attrs)))

    def expand(input: Any, **attrs: Any) -> Any:
        window = _mean_window(input.shape, attrs)
        return parts.mean_expanded(input, window, n, _divisors(window, **_counted(attrs)))

    return op(
        pool1d if n == 1 else pool,
        name=f"avg_pool{n}d",
        input=back,
        linear="together",
        formula="mean_pooled({input}, {kernel_size}, {stride}, {padding}, {ceil_mode}, {count_include_pad}"
        + (", {divisor_override})" if n > 1 else ")"),
        back={"input": "to each element the sum over its windows of {g}, divided by the number of their elements"},
        shape=lambda input, /, **attrs: pooled(input, _mean_window(input, attrs), n),
        cost=lambda input, /, **attrs: math.prod(input[: len(input) - n]) * total(_mean_window(input, attrs)),
        samples=_mean_samples(n),
        errors=_mean_errors(n),
        prepare=functools.partial(prepare_mean, n=n),
        expand=expand,
        covers=("P14.15",),
        doc=_avg_pool_doc(n),
    )


def _counted(attrs: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attrs.items() if name in ("count_include_pad", "divisor_override")}


avg_pool1d, avg_pool2d, avg_pool3d = (_avg_pool(n) for n in (1, 2, 3))


# ---- norms -----------------------------------------------------------------------------------------------------------


def prepare_norm(attrs: dict[str, Any], n: int) -> None:
    keep_numbers(attrs, "norm_type")
    if not attrs["norm_type"]:
        raise ValueError("norm_type is the exponent of a norm, and so not 0")
    prepare_sizes(attrs, n)
    keep_flags(attrs, "ceil_mode")


def _norm_window(input: Shape, kernel_size: Shape, stride: Shape, ceil_mode: bool) -> Window:
    n = len(kernel_size)
    return sliding(input, kernel_size, stride, (0,) * n, (1,) * n, ceil_mode)


def _norm_samples(n: int) -> Callable[[np.random.Generator], Iterator[Sample]]:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        long = (5, 4, 3)[:n]
        yield sample(rng.uniform(0.5, 2.0, (2, 2, *long)), norm_type=2.0, kernel_size=(2, 2, 1)[:n])
        yield sample(rng.uniform(0.5, 2.0, (1, *long)), norm_type=3, kernel_size=3, stride=1)
        yield sample(apart(rng, 1, *long) + 2.25, norm_type=math.inf, kernel_size=2, stride=(2, 1, 1)[:n])
        yield sample(rng.uniform(0.5, 2.0, (1, *long)), norm_type=1.5, kernel_size=2, ceil_mode=True)
        yield sample(np.zeros((0, 2, *long)), norm_type=2, kernel_size=2)

    return samples


def _lp_pool_doc(n: int) -> str:
    values, size = line(n)
    return f"""
The p-norm of each window that slides over the input, (sum of x ** p) ** (1 / p); channel by channel.

p = 1 gives sums, and the larger p, the more the largest element counts alone. As PyTorch has it, x is raised to p as it
is: for an odd p a window with a negative sum gives nan. Where the sum is 0, the gradient is 0. With `ceil_mode` a
window that reaches over the end counts as if its other elements were like those that it has.

Parameters
----------
input
    Shape {INPUTS[n]}.
norm_type
    The exponent p, not 0; infinity for the largest absolute value, minus infinity for the smallest.
kernel_size
    The {SIZES[n]} of a window{"; here and below one number stands for all" if n > 1 else ""}.
stride
    How far apart windows begin; None for their size.
ceil_mode
    Whether a last window may reach over the end, as long as it begins inside: the number of windows is rounded up.

Returns
-------
Tensor
    The norms. For each axis there are floor((length - kernel_size) / stride) + 1 windows.

Examples
--------
>>> import graphgrad as gg
>>> gg.nn.functional.lp_pool{n}d({values}, 1, {size})
{nested(n, "4.", "6.") if n == 1 else nested(n, "10.")}
"""


def _lp_pool(n: int) -> OpFunction:
    average = (avg_pool1d, avg_pool2d, avg_pool3d)[n - 1]
    largest = (max_pool1d, max_pool2d, max_pool3d)[n - 1]

    @composite(
        name=f"lp_pool{n}d",
        formula="norm_pooled({input}, {norm_type}, {kernel_size}, {stride}, {ceil_mode})",
        back={"input": "to each element the sum over its windows of {g} · (input / out) ** (p - 1)"},
        shape=lambda input, /, norm_type, **sizes: pooled(input, _norm_window(input, **sizes), n),
        cost=lambda input, /, norm_type, **sizes: (
            math.prod(input) + math.prod(input[: len(input) - n]) * total(_norm_window(input, **sizes))
        ),
        samples=_norm_samples(n),
        errors=(
            *errors(n, norm_type=2),
            ErrorSample((np.zeros((1, *[4] * n)),), {"norm_type": 0, "kernel_size": 2}, ArgumentError, "and so not 0"),
            ErrorSample(
                (np.zeros((1, *[4] * n)),), {"norm_type": "2", "kernel_size": 2}, DTypeError, "norm_type is a number"
            ),
        ),
        prepare=functools.partial(prepare_norm, n=n),
        covers=("P14.16",),
        doc=_lp_pool_doc(n),
    )
    def pool(
        input: Array, norm_type: float, kernel_size: Sizes, stride: Sizes | None = None, ceil_mode: bool = False
    ) -> Any:
        sizes = {"kernel_size": kernel_size, "stride": stride, "ceil_mode": ceil_mode}
        _norm_window(input.shape, **sizes)  # type: ignore[arg-type]
        parts.check_floats(input)
        if norm_type == math.inf:
            return largest(abs(input), **sizes)
        if norm_type == -math.inf:
            return negative(largest(negative(abs(input)), **sizes))
        mean = named(average(power(input, norm_type), **sizes), "mean")
        total = named(multiply(mean, float(math.prod(kernel_size))), "total")  # type: ignore[arg-type]
        # The root of 0 has no derivative, and by PyTorch's choice nothing passes there.
        is_zero = equal(total, 0.0)
        return where(is_zero, 0.0, power(where(is_zero, 1.0, total), 1.0 / norm_type))

    return pool


lp_pool1d, lp_pool2d, lp_pool3d = (_lp_pool(n) for n in (1, 2, 3))
