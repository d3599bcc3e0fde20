"""Exponentials, logarithms, roots and their relatives, element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.ops.array.arithmetic import abs as absolute
from graphgrad.ops.array.arithmetic import sqrt
from graphgrad.ops.array.elementwise import exp, log, log1p, sigmoid
from graphgrad.ops.array.selection import maximum
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.floats import as_floats
from graphgrad.ops.samples import UNEVEN, elementwise_samples

__all__ = [
    "cbrt",
    "exp2",
    "expm1",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "positive",
    "reciprocal",
    "rsqrt",
    "xlog1py",
    "xlogy",
]

_LN2 = math.log(2.0)
_LN10 = math.log(10.0)
_exp = polymorphic(exp)
_sigmoid = polymorphic(sigmoid)

positive = op(
    np.positive,
    symbol="+",
    x=lambda g: g,
    formula="{x}",
    local={"x": "1"},
    doc="""
    Each element as it is: the plus sign before a number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.positive([1.0, -2.0])
    tensor([ 1., -2.])
    """,
)


@op(
    symbol="1/·",
    x=lambda g, out: g * -(out * out),
    formula="1 / {x}",
    local={"x": "-1 / {x} ** 2"},
    scalar=lambda x: 1.0 / x,
    covers=("P01.04",),
    samples=elementwise_samples(1, apart=0.3),
    numpy=np.reciprocal,
)
def reciprocal(x: Array) -> Any:
    """
    One divided by each element; inf at zero. An integer's is a fraction too, where NumPy would round it to 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.reciprocal([2.0, -4.0])
    tensor([ 0.5 , -0.25])
    """
    return 1.0 / x


@op(
    symbol="1/√",
    x=lambda g, out: g * (-0.5 * (out * out * out)),
    formula="1 / sqrt({x})",
    local={"x": "-0.5 * {out} ** 3"},
    samples=elementwise_samples(1, (0.3, 4.0)),
    expand=lambda x: 1.0 / sqrt(x),
)
def rsqrt(x: Array) -> Any:
    """
    One divided by the square root of each element: inf at zero, nan below.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.rsqrt([4.0, 0.25])
    tensor([0.5, 2. ])
    """
    return 1.0 / np.sqrt(x)


cbrt = op(
    np.cbrt,
    symbol="∛",
    x=lambda g, out: g / (3.0 * (out * out)),
    formula="sign({x}) * abs({x}) ** (1 / 3)",
    local={"x": "1 / (3 * {out} ** 2)"},
    scalar=math.cbrt,
    samples=elementwise_samples(1, apart=0.3),
    doc="""
    The cube root of each element, negative below zero; its derivative at zero is infinite.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.cbrt([8.0, -27.0])
    tensor([ 2., -3.])
    """,
)

exp2 = op(
    np.exp2,
    symbol="2^",
    x=lambda g, out: g * (out * _LN2),
    formula="2 ** {x}",
    local={"x": "{out} * log(2)"},
    scalar=math.exp2,
    expand=lambda x: exp(x * _LN2),
    doc="""
    Two to the power of each element; inf where it overflows.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.exp2([0.0, 3.0, -1.0])
    tensor([1. , 8. , 0.5])
    """,
)

expm1 = op(
    np.expm1,
    # Not out + 1, which has lost all digits where the exponential is small.
    x=lambda g, x: g * _exp(x),
    formula="exp({x}) - 1",
    local={"x": "exp({x})"},
    scalar=math.expm1,
    expand=lambda x: exp(x) - 1.0,
    doc="""
    The exponential of each element minus 1, exact for small elements too.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.expm1([0.0, 1e-10, 1.0])
    tensor([0.0000e+00, 1.0000e-10, 1.7183e+00])
    """,
)

log2 = op(
    np.log2,
    x=lambda g, x: g / (x * _LN2),
    formula="log({x}) / log(2)",
    local={"x": "1 / ({x} * log(2))"},
    scalar=math.log2,
    samples=elementwise_samples(1, (0.2, 3.0)),
    expand=lambda x: log(x) / _LN2,
    doc="""
    The logarithm of each element to base 2, exact for powers of two: -inf at zero, nan below.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.log2([1.0, 8.0])
    tensor([0., 3.])
    """,
)

log10 = op(
    np.log10,
    x=lambda g, x: g / (x * _LN10),
    formula="log({x}) / log(10)",
    local={"x": "1 / ({x} * log(10))"},
    scalar=math.log10,
    samples=elementwise_samples(1, (0.2, 3.0)),
    expand=lambda x: log(x) / _LN10,
    doc="""
    The logarithm of each element to base 10: -inf at zero, nan below.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.log10([1.0, 1000.0])
    tensor([0., 3.])
    """,
)


def _ahead(a: Any, b: Any) -> Any:
    """By how much a is larger than b; 0 if both are the same infinity, where the difference would be nan."""
    tied = np.logical_and(a == b, np.isinf(a))
    return np.where(tied, 0.0, a) - np.where(tied, 0.0, b)


logaddexp = op(
    np.logaddexp,
    a=lambda g, a, b: g * _sigmoid(_ahead(a, b)),
    b=lambda g, a, b: g * _sigmoid(_ahead(b, a)),
    formula="log(exp({a}) + exp({b}))",
    local={"a": "exp({a} - {out})", "b": "exp({b} - {out})"},
    errors=UNEVEN,
    expand=lambda a, b: maximum(a, b) + log1p(exp(-absolute(a - b))),
    doc="""
    The logarithm of the sum of two exponentials, without overflow: how probabilities are added that are kept as logs.

    Each operand receives its share of the sum. Where both are -inf, or both inf, each receives half.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.logaddexp([1000.0, 0.0], [1000.0, -float("inf")])
    tensor([1000.6932,    0.    ])
    """,
)

logaddexp2 = op(
    np.logaddexp2,
    a=lambda g, a, b: g * _sigmoid(_LN2 * _ahead(a, b)),
    b=lambda g, a, b: g * _sigmoid(_LN2 * _ahead(b, a)),
    formula="log(2 ** {a} + 2 ** {b}) / log(2)",
    local={"a": "2 ** ({a} - {out})", "b": "2 ** ({b} - {out})"},
    errors=UNEVEN,
    expand=lambda a, b: maximum(a, b) + log1p(exp2(-absolute(a - b))) / _LN2,
    doc="""
    The logarithm to base 2 of the sum of two powers of 2, without overflow.

    Each operand receives its share of the sum. Where both are -inf, or both inf, each receives half.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.logaddexp2([3.0, 2000.0], [3.0, 2000.0])
    tensor([   4., 2001.])
    """,
)


def _unless_both(x: Any, y: Any, edge: float, instead: float) -> Any:
    """y; but `instead` where x is 0 and y at the edge of the logarithm or beyond: 0 · -inf is taken as 0."""
    return np.where(np.logical_and(x == 0, y <= edge), instead, y)


@op(
    x=lambda g, x, y: g * np.log(_unless_both(x, y, 0.0, 1.0)),
    y=lambda g, x, y: g * (x / _unless_both(x, y, 0.0, 1.0)),
    formula="{x} * log({y})",
    local={"x": "log({y})", "y": "{x} / {y}"},
    samples=elementwise_samples(2, (0.2, 2.0), (0.2, 3.0)),
    errors=UNEVEN,
    expand=lambda x, y: x * log(y),
    covers=("P04.29",),
)
def xlogy(x: Array, y: Array) -> Any:
    """
    The product x · log(y), element by element, and 0 where x is 0: the terms of an entropy.

    Where x is 0 and y ≤ 0, both derivatives are taken as 0.

    Parameters
    ----------
    x, y
        Tensors, arrays or numbers of shapes that broadcast.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.xlogy([0.0, 2.0], [0.0, 3.0])
    tensor([0.    , 2.1972])
    """
    x, y = as_floats(x, y)
    zero = x == 0
    return np.where(zero, np.where(np.isnan(y), y, 0.0), x * np.log(np.where(zero, 1.0, y)))


@op(
    x=lambda g, x, y: g * np.log1p(_unless_both(x, y, -1.0, 0.0)),
    y=lambda g, x, y: g * (x / (1.0 + _unless_both(x, y, -1.0, 0.0))),
    formula="{x} * log(1 + {y})",
    local={"x": "log(1 + {y})", "y": "{x} / (1 + {y})"},
    samples=elementwise_samples(2, (-2.0, 2.0), (-0.8, 3.0)),
    errors=UNEVEN,
    expand=lambda x, y: x * log1p(y),
)
def xlog1py(x: Array, y: Array) -> Any:
    """
    The product x · log(1 + y), element by element, exact for small y too, and 0 where x is 0.

    Where x is 0 and y ≤ -1, both derivatives are taken as 0.

    Parameters
    ----------
    x, y
        Tensors, arrays or numbers of shapes that broadcast.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.xlog1py([0.0, 2.0], [-1.0, 1.0])
    tensor([0.    , 1.3863])
    """
    x, y = as_floats(x, y)
    zero = x == 0
    return np.where(zero, np.where(np.isnan(y), y, 0.0), x * np.log1p(np.where(zero, 0.0, y)))
