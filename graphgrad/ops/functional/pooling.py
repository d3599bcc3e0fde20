"""Max pooling: each window that slides over an image becomes its largest element.

Windows slide over the last axes, one, two or three of them; channels stay apart. Names, argument order and defaults are
PyTorch's; `graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError, describe
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.kernels.plain.pooling import Window
from graphgrad.ops.attributes import keep_flags
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
from graphgrad.ops.samples import sample

NAMESPACE = "nn.functional"
__all__ = [
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
]


def or_with_indices(plain: OpFunction, with_indices: OpFunction) -> OpFunction:
    """PyTorch's function: the one operation or the other, as its last argument ``return_indices`` says."""
    signature = inspect.signature(plain)
    last = inspect.Parameter("return_indices", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=False, annotation=bool)
    before = len(signature.parameters)

    @functools.wraps(plain)
    def either(*args: Any, return_indices: bool = False, **kwargs: Any) -> Any:
        if len(args) == before + 1:
            *args, return_indices = args  # type: ignore[assignment]
        flag = {"return_indices": return_indices}
        try:
            keep_flags(flag, "return_indices")
        except TypeError as error:
            raise DTypeError(describe(f"{plain.__name__}: {error}")) from None
        return (with_indices if flag["return_indices"] else plain)(*args, **kwargs)

    either.__signature__ = signature.replace(parameters=[*signature.parameters.values(), last])  # type: ignore[attr-defined]
    return cast("OpFunction", either)


def _max_window(input: Shape, attrs: dict[str, Any]) -> Window:
    return sliding(input, **attrs)


def prepare_max(attrs: dict[str, Any], n: int) -> None:
    prepare_sizes(attrs, n)
    keep_flags(attrs, "ceil_mode")


def _max_samples(n: int) -> Callable[[np.random.Generator], Iterator[Sample]]:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        long = (5, 4, 3)[:n]
        yield sample(apart(rng, 2, 2, *long), kernel_size=(2, 2, 1)[:n])
        yield sample(apart(rng, 1, *long), kernel_size=3, stride=(2, 1, 2)[:n], padding=1)
        yield sample(apart(rng, 1, 1, *(6, 3, 1)[:n]), kernel_size=(2, 2, 1)[:n], dilation=(3, 1, 1)[:n], stride=1)
        yield sample(apart(rng, 1, *long), kernel_size=2, stride=(2, 3, 1)[:n], ceil_mode=True)
        yield sample(np.zeros((0, 2, *long)), kernel_size=2)

    return samples


def _max_errors(n: int) -> tuple[ErrorSample, ...]:
    small = np.zeros((1, *[4] * n))
    return (
        *errors(n),
        ErrorSample((small,), {"kernel_size": 2, "stride": 0}, ArgumentError, "stride is an integer from 1"),
        ErrorSample((small,), {"kernel_size": 2, "padding": 2}, ArgumentError, "(1 * (2 - 1) + 1) // 2 = 1, got 2"),
        ErrorSample((small,), {"kernel_size": 2, "padding": -1}, ArgumentError, "padding is an integer from 0"),
        ErrorSample((small,), {"kernel_size": 2, "dilation": 0}, ArgumentError, "dilation is an integer from 1"),
        ErrorSample(
            (np.zeros((1, *[1] * n)),),
            {"kernel_size": 2, "dilation": 3, "padding": 2},
            ShapeError,
            "has no element inside",
        ),
    )


_BACK_TO_MAX = "to each element the sum of {g} over the windows of which it is the maximum; of equal ones to the first"


def _max_pool_doc(n: int, with_indices: bool) -> str:
    values, size = line(n)
    if with_indices:
        first = "The maximum of each window that slides over the input, and where in the input it is."
        more = f"`max_unpool{n}d` takes the places, to put values back where they came from (P14.25)."
        returns = """tuple of Tensor
    The maxima, and their numbers in the flattened plane, in row-major order, without a gradient."""
        call, result = f"max_pool{n}d_with_indices", f"({nested(n, '3.', '4.')}, {nested(n, '1', '3')})"
        if n > 1:
            result = f"({nested(n, '4.')}, {nested(n, '3')})"
    else:
        first = "The maximum of each window that slides over the input; channel by channel."
        more = f"With ``return_indices=True``, the last argument, it gives what `max_pool{n}d_with_indices` does."
        returns = "Tensor\n    The maxima."
        call, result = f"max_pool{n}d", nested(n, "3.", "4.") if n == 1 else nested(n, "4.")
    return f"""
{first}

It has nothing to learn. The gradient goes to the element that was the largest; of equal ones to the first in
row-major order. nan is larger than any number.

{more}

Parameters
----------
input
    Shape {INPUTS[n]}.
kernel_size
    The {SIZES[n]} of a window{"; here and below one number stands for all" if n > 1 else ""}.
stride
    How far apart windows begin; None for their size.
padding
    How many elements, smaller than any number, are put before and after each axis; at most half of what a window
    reaches over.
dilation
    How far apart the elements of a window are.
ceil_mode
    Whether a last window may reach over the end, as long as it begins inside: the number of windows is rounded up.

Returns
-------
{returns} For each axis there are
    floor((length + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1 windows.

Examples
--------
>>> import graphgrad as gg
>>> gg.nn.functional.{call}({values}, {size})
{result}
"""


def _max_pool(n: int) -> tuple[OpFunction, OpFunction]:
    """The operation, and the one that gives the indices too."""

    def pool_with_indices(
        input: Array,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> Any:
        sizes = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}
        return parts.maxima_and_indices(input, sliding(input.shape, **sizes, ceil_mode=ceil_mode), n)  # type: ignore[arg-type]

    def pool(
        input: Array,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> Any:
        sizes = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}
        return parts.maxima(input, sliding(input.shape, **sizes, ceil_mode=ceil_mode), n)  # type: ignore[arg-type]

    return declared_maxima(
        n,
        f"max_pool{n}d",
        (pool, pool_with_indices),
        _max_window,
        formula="max_pooled({input}, {kernel_size}, {stride}, {padding}, {dilation}, {ceil_mode})",
        docs=(_max_pool_doc(n, False), _max_pool_doc(n, True)),
        samples=_max_samples(n),
        errors=_max_errors(n),
        prepare=functools.partial(prepare_max, n=n),
        covers=("P14.14", "P14.17") if n == 2 else ("P14.14",),
    )


def declared_maxima(
    n: int,
    name: str,
    forwards: tuple[Callable[..., Any], Callable[..., Any]],
    window: Callable[[Shape, dict[str, Any]], Window],
    *,
    formula: str,
    docs: tuple[str, str],
    covers: tuple[str, ...],
    **both: Any,
) -> tuple[OpFunction, OpFunction]:
    """Declare max pooling of some kind of windows, and the same with indices.

    Parameters
    ----------
    n
        How many axes are pooled.
    name
        Of the first; that of the second ends in ``_with_indices``.
    forwards
        The values on arrays, of both.
    window
        The windows, from the shape of the input and the attributes.
    docs
        The docstrings of both.
    """

    def shape(input: Shape, /, **attrs: Any) -> Shape:
        return pooled(input, window(input, attrs), n)

    def cost(input: Shape, /, **attrs: Any) -> int:
        windows = window(input, attrs)
        count = math.prod(slide.windows for slide in windows)
        return math.prod(input[: len(input) - n]) * (total(windows) - count)

    def back(g: Any, input: Any, attrs: dict[str, Any]) -> Any:
        windows = window(input.shape, attrs)
        return parts.max_back(g, input, windows, n, functools.partial(with_indices, **attrs))

    with_indices = op(
        forwards[1],
        name=f"{name}_with_indices",
        outputs=None,
        input=lambda g, input_shape, out: parts.back_at_places(g[0], out[1], input_shape, n),
        formula=formula,
        back={"input": _BACK_TO_MAX},
        shape=lambda input, /, **attrs: (shape(input, **attrs),) * 2,
        cost=cost,
        expand=lambda input, **attrs: parts.max_expanded(input, window(input.shape, attrs), n),
        doc=docs[1],
        covers=(*covers, "P14.25"),
        **both,
    )
    plain = op(
        forwards[0],
        name=name,
        input=back,
        formula=f"{formula}[0]",
        back={"input": _BACK_TO_MAX},
        shape=shape,
        cost=cost,
        expand=lambda input, **attrs: parts.max_expanded(input, window(input.shape, attrs), n)[0],
        doc=docs[0],
        covers=covers,
        **both,
    )
    return or_with_indices(plain, with_indices), with_indices


max_pool1d, max_pool1d_with_indices = _max_pool(1)
max_pool2d, max_pool2d_with_indices = _max_pool(2)
max_pool3d, max_pool3d_with_indices = _max_pool(3)
