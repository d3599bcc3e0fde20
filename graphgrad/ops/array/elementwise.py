"""Exponentials, logarithms and activations, element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError
from graphgrad.graph.operation import ErrorSample, ScalarForm
from graphgrad.ops.array.arithmetic import abs as absolute
from graphgrad.ops.array.arithmetic import add, divide, multiply, negative
from graphgrad.ops.array.selection import maximum, where
from graphgrad.ops.attributes import keep_numbers
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.masks import unless
from graphgrad.ops.samples import elementwise_samples, sample

__all__ = ["exp", "leaky_relu", "log", "log1p", "relu", "sigmoid", "softplus", "tanh"]

_FEW = 1 << 11
"""Up to so many elements NumPy's plain ways are as quick as the quick ones."""

exp = op(
    np.exp,
    x=lambda g, out: g * out,
    formula="exp({x})",
    local={"x": "{out}"},
    scalar=math.exp,
    covers=("P01.04",),
    doc="""
    The exponential of each element; inf where it overflows.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.exp([0.0, 1.0])
    tensor([1.    , 2.7183])
    """,
)

log = op(
    np.log,
    x=lambda g, x: g / x,
    formula="log({x})",
    local={"x": "1 / {x}"},
    scalar=math.log,
    samples=elementwise_samples(1, (0.2, 3.0)),
    doc="""
    The natural logarithm of each element: -inf at zero, nan below.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.log([1.0, 2.0])
    tensor([0.    , 0.6931])
    """,
)

log1p = op(
    np.log1p,
    x=lambda g, x: g / (1.0 + x),
    formula="log(1 + {x})",
    local={"x": "1 / (1 + {x})"},
    scalar=math.log1p,
    samples=elementwise_samples(1, (-0.8, 3.0)),
    expand=lambda x: log(add(1.0, x)),
    doc="""
    The natural logarithm of 1 + x, exact for small x too.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.log1p([0.0, 1.0])
    tensor([0.    , 0.6931])
    """,
)

tanh = op(
    np.tanh,
    x=lambda g, out: g * (1.0 - out * out),
    formula="tanh({x})",
    local={"x": "1 - {out} ** 2"},
    scalar=math.tanh,
    covers=("P02.08", "P03.04"),
    doc="""
    The hyperbolic tangent of each element: zero-centred, saturating at -1 and 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.tanh([0.0, 1.0])
    tensor([0.    , 0.7616])
    """,
)


@op(
    symbol="σ",
    x=lambda g, out: g * (out * (1.0 - out)),
    formula="1 / (1 + exp(-{x}))",
    local={"x": "{out} * (1 - {out})"},
    scalar=lambda x: 1.0 / (1.0 + math.exp(-x)),
    expand=lambda x: divide(1.0, add(1.0, exp(negative(x)))),
    covers=("P01.04", "P01.24", "P03.03"),
)
def sigmoid(x: Array) -> Any:
    """
    The logistic function of each element, 1 / (1 + exp(-x)), in (0, 1); its slope is at most 1/4.

    Small results keep their digits: the sigmoid of -80 is 1.8e-35 and not 0, in float32 too.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.sigmoid([0.0, 4.0])
    tensor([0.5  , 0.982])
    """
    with np.errstate(over="ignore"):  # 1 / inf is the 0 that is meant
        return 1.0 / (1.0 + np.exp(0.0 - x))


@op(
    x=lambda g, out: unless(out <= 0, g),  # not of x, which then need not be kept
    formula="maximum({x}, 0)",
    local={"x": "where({x} > 0, 1, 0)"},
    scalar=ScalarForm(lambda x: 0.0 if x <= 0 else x, {"x": lambda g, x: 0.0 if x <= 0 else g}),
    samples=elementwise_samples(1, apart=0.2),
    expand=lambda x: maximum(x, 0.0),
    covers=("P02.07", "P03.05"),
)
def relu(x: Array) -> Any:
    """
    The rectifier, max(x, 0), of each element. Its derivative at exactly 0 is taken as 0, as PyTorch does.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.relu([-1.0, 0.0, 2.0])
    tensor([0., 0., 2.])
    """
    # Beside a single number NumPy looks for the maximum one by one, and clips many at once.
    return np.clip(x, 0, np.inf) if x.size > _FEW and x.dtype.kind == "f" else np.maximum(x, 0)


@op(
    x=lambda g, x, negative_slope: np.where(x > 0, g, g * negative_slope),
    formula="where({x} > 0, {x}, {negative_slope} * {x})",
    local={"x": "where({x} > 0, 1, {negative_slope})"},
    samples=lambda rng: [
        *elementwise_samples(1, apart=0.2)(rng),
        sample(np.array([-2.0, -0.5, 1.5]), negative_slope=0.2),
    ],
    errors=(ErrorSample((np.ones(2),), {"negative_slope": np.ones(2)}, DTypeError, "negative_slope is a number"),),
    prepare=lambda attrs: keep_numbers(attrs, "negative_slope"),
    expand=lambda x, negative_slope: where(x > 0.0, x, multiply(x, negative_slope)),
    covers=("P03.07",),
)
def leaky_relu(x: Array, negative_slope: float = 0.01) -> Any:
    """
    The rectifier with a slope below zero too: x where x > 0, else `negative_slope` times x.

    Its derivative at exactly 0 is taken as `negative_slope`, as PyTorch does.

    Parameters
    ----------
    negative_slope
        The slope below zero, a number. (`prelu` learns it.)

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.leaky_relu([-1.0, 2.0], 0.1)
    tensor([-0.1,  2. ])
    """
    return np.where(x > 0, x, x * negative_slope)


_sigmoid = polymorphic(sigmoid)


def _softplus(x: Any) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x))) if x == x else float(x)


@op(
    x=lambda g, x: g * _sigmoid(x),
    formula="log(1 + exp({x}))",
    local={"x": "1 / (1 + exp(-{x}))"},
    scalar=_softplus,
    expand=lambda x: add(maximum(x, 0.0), log1p(exp(negative(absolute(x))))),
    covers=("P03.11",),
)
def softplus(x: Array) -> Any:
    """
    The smooth rectifier log(1 + exp(x)) of each element, in the form that doesn't overflow; its slope is the sigmoid.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.softplus([0.0, 1000.0])
    tensor([6.9315e-01, 1.0000e+03])
    """
    # Subtracted from 0.0 rather than negated: unsigned integers would wrap around, and bools have no minus.
    return np.maximum(x, 0) + np.log1p(np.exp(0.0 - np.abs(x)))
