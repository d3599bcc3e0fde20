"""The error function, normal probabilities and the terms of entropies, element by element, through SciPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.ops.array.elementwise import exp, log
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.floats import special
from graphgrad.ops.samples import UNEVEN, elementwise_samples

__all__ = [
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "log_ndtr",
    "logit",
    "ndtr",
    "ndtri",
    "rel_entr",
]

_TWO_BY_ROOT_PI = 2.0 / math.sqrt(math.pi)
_ROOT_TWO = math.sqrt(2.0)
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
_exp = polymorphic(exp)

# ---- the error function and the normal distribution ------------------------------------------------------------------


@op(
    x=lambda g, x: g * (_TWO_BY_ROOT_PI * _exp(-(x * x))),
    formula="erf({x})",
    local={"x": "2 / sqrt(pi) * exp(-{x} ** 2)"},
    scalar=math.erf,
)
def erf(x: Array) -> Any:
    """
    The error function of each element: the integral of 2/√π · exp(-t²) from 0 on.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.erf([0.0, 1.0, -10.0])
    tensor([ 0.    ,  0.8427, -1.    ])
    """
    return special("erf", x)


@op(
    x=lambda g, x: g * (-_TWO_BY_ROOT_PI * np.exp(-(x * x))),
    formula="erfc({x})",
    local={"x": "-2 / sqrt(pi) * exp(-{x} ** 2)"},
    expand=lambda x: 1.0 - erf(x),
)
def erfc(x: Array) -> Any:
    """
    The complementary error function of each element, 1 - erf(x), exact where that is small.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.erfc([0.0, 5.0])
    tensor([1.0000e+00, 1.5375e-12])
    """
    return special("erfc", x)


_FAR = 5.0  # from here on 30 fractions give every digit


def _erfcx_slope(x: Any, out: Any) -> Any:
    # For large x both terms of 2 x erfcx(x) - 2/√π are nearly the same. The continued fraction of erfcx gives the
    # difference itself, which is that erfcx(x) = 1/√π / (x + rest).
    far = np.where(x > _FAR, x, _FAR)
    rest: Any = 0.0
    for k in range(30, 0, -1):
        rest = 0.5 * k / (far + rest)
    near = np.where(x > _FAR, _FAR, x)
    return np.where(x > _FAR, -2.0 * out * rest, 2.0 * near * out - _TWO_BY_ROOT_PI)


@op(
    x=lambda g, x, out: g * _erfcx_slope(x, out),
    formula="exp({x} ** 2) * erfc({x})",
    local={"x": "2 * {x} * {out} - 2 / sqrt(pi)"},
    expand=lambda x: exp(x * x) * erfc(x),
)
def erfcx(x: Array) -> Any:
    """
    The scaled complementary error function of each element, exp(x²) · erfc(x), which doesn't run out of range.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.erfcx([0.0, 1e6])
    tensor([1.0000e+00, 5.6419e-07])
    """
    return special("erfcx", x)


@op(
    x=lambda g, out: g * (1.0 / _TWO_BY_ROOT_PI * np.exp(out * out)),
    formula="erfinv({x})",
    local={"x": "sqrt(pi) / 2 * exp({out} ** 2)"},
    samples=elementwise_samples(1, (-0.9, 0.9)),
)
def erfinv(x: Array) -> Any:
    """
    The number whose error function each element is: infinite at -1 and 1, nan beyond.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.erfinv([0.0, 0.5, 1.0])
    tensor([0.    , 0.4769,    inf])
    """
    return special("erfinv", x)


@op(
    symbol="Φ",
    covers=("P04.32",),
    x=lambda g, x: g * (1.0 / _ROOT_TWO_PI * np.exp(-0.5 * (x * x))),
    formula="(1 + erf({x} / sqrt(2))) / 2",
    local={"x": "exp(-{x} ** 2 / 2) / sqrt(2 * pi)"},
    expand=lambda x: (1.0 + erf(x / _ROOT_TWO)) / 2.0,
)
def ndtr(x: Array) -> Any:
    """
    How probable it is that a standard normal number is at most x, for each element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.ndtr([0.0, 1.96])
    tensor([0.5  , 0.975])
    """
    return special("ndtr", x)


def _log_ndtr_slope(x: Any, out: Any) -> Any:
    # exp(-x²/2) / ndtr(x) would be 0 / 0 far below zero, and erfcx overflows far above it.
    below = x < 0
    tail = math.sqrt(2.0 / math.pi) / _erfcx(np.where(below, x, 0.0) / -_ROOT_TWO)
    above = np.where(below, 0.0, x)
    return np.where(below, tail, np.exp(-0.5 * (above * above) - np.where(below, 0.0, out)) / _ROOT_TWO_PI)


@op(
    symbol="log Φ",
    x=lambda g, x, out: g * _log_ndtr_slope(x, out),
    formula="log(ndtr({x}))",
    local={"x": "sqrt(2 / pi) / erfcx(-{x} / sqrt(2))"},
    expand=lambda x: log(ndtr(x)),
)
def log_ndtr(x: Array) -> Any:
    """
    The logarithm of the probability that a standard normal number is at most x, exact where that is tiny.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.log_ndtr([0.0, -100.0])
    tensor([-6.9315e-01, -5.0055e+03])
    """
    return special("log_ndtr", x)


_erfcx: Callable[..., Any] = polymorphic(erfcx)


@op(
    symbol="Φ⁻¹",
    x=lambda g, out: g * (_ROOT_TWO_PI * np.exp(0.5 * (out * out))),
    formula="sqrt(2) * erfinv(2 * {x} - 1)",
    local={"x": "sqrt(2 * pi) * exp({out} ** 2 / 2)"},
    samples=elementwise_samples(1, (0.05, 0.95)),
    expand=lambda x: _ROOT_TWO * erfinv(2.0 * x - 1.0),
)
def ndtri(x: Array) -> Any:
    """
    The bound that a standard normal number stays below with probability x, for each element: infinite at 0 and 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.ndtri([0.5, 0.975])
    tensor([0.  , 1.96])
    """
    return special("ndtri", x)


# ---- probabilities and entropies -------------------------------------------------------------------------------------


@op(
    x=lambda g, x: g / (x * (1.0 - x)),
    formula="log({x} / (1 - {x}))",
    local={"x": "1 / ({x} * (1 - {x}))"},
    samples=elementwise_samples(1, (0.1, 0.9)),
    expand=lambda x: log(x / (1.0 - x)),
)
def logit(x: Array) -> Any:
    """
    The number whose sigmoid each element is, log(x / (1 - x)): infinite at 0 and 1, nan beyond.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.logit([0.5, 0.982])
    tensor([0.    , 3.9992])
    """
    return special("logit", x)


@op(
    x=lambda g, x: g * (-1.0 - np.log(x)),
    formula="-({x} * log({x}))",
    local={"x": "-1 - log({x})"},
    samples=elementwise_samples(1, (0.1, 2.0)),
    expand=lambda x: -(x * log(x)),
    covers=("P04.29",),
)
def entr(x: Array) -> Any:
    """
    The terms of an entropy, -x · log(x): 0 where x is 0, with an infinite slope there, and -inf below.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.entr([0.0, 0.5, 1.0])
    tensor([ 0.    ,  0.3466, -0.    ])
    """
    return special("entr", x)


@op(
    x=lambda g, x, y: g * (np.log(x) - np.log(y) + 1.0),
    y=lambda g, x, y: g * -(x / np.where(np.logical_and(x == 0, y == 0), 1.0, y)),
    formula="{x} * log({x} / {y})",
    local={"x": "log({x} / {y}) + 1", "y": "-{x} / {y}"},
    samples=elementwise_samples(2, (0.1, 2.0), (0.1, 2.0)),
    errors=UNEVEN,
    expand=lambda x, y: x * log(x / y),
    covers=("P04.28",),
)
def rel_entr(x: Array, y: Array) -> Any:
    """
    The terms of a relative entropy, x · log(x / y): 0 where x is 0, and inf where y is 0 and x isn't.

    Added up over two distributions they are the Kullback-Leibler divergence from y to x. Where both are 0, the
    derivative for y is taken as 0; that for x is infinite where x is 0.

    Parameters
    ----------
    x, y
        Probabilities, of shapes that broadcast.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.rel_entr([0.0, 0.5, 0.5], [0.5, 0.25, 0.25])
    tensor([0.    , 0.3466, 0.3466])
    """
    return special("rel_entr", x, y)
