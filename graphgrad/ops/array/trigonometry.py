"""Trigonometric and hyperbolic functions and their inverses, element by element; angles are in radians."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.graph.operation import ScalarForm
from graphgrad.ops.array.arithmetic import sqrt
from graphgrad.ops.array.elementwise import exp, log
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import UNEVEN, elementwise_samples
from graphgrad.ops.special.bessel import spherical_jn

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "deg2rad",
    "degrees",
    "hypot",
    "rad2deg",
    "radians",
    "sin",
    "sinc",
    "sinh",
    "tan",
]

_sqrt = polymorphic(sqrt)

# ---- angles ----------------------------------------------------------------------------------------------------------

sin = op(
    np.sin,
    x=lambda g, x: g * _cos(x),
    formula="sin({x})",
    local={"x": "cos({x})"},
    scalar=math.sin,
    doc="""
    The sine of each element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.sin([0.0, 1.0])
    tensor([0.    , 0.8415])
    """,
)

cos = op(
    np.cos,
    x=lambda g, x: g * -_sin(x),
    formula="cos({x})",
    local={"x": "-sin({x})"},
    scalar=math.cos,
    doc="""
    The cosine of each element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.cos([0.0, 1.0])
    tensor([1.    , 0.5403])
    """,
)

_sin: Callable[..., Any] = polymorphic(sin)
_cos: Callable[..., Any] = polymorphic(cos)

tan = op(
    np.tan,
    x=lambda g, out: g * (1.0 + out * out),
    formula="sin({x}) / cos({x})",
    local={"x": "1 + {out} ** 2"},
    scalar=math.tan,
    samples=elementwise_samples(1, (-1.2, 1.2)),
    expand=lambda x: sin(x) / cos(x),
    doc="""
    The tangent of each element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.tan([0.0, 1.0])
    tensor([0.    , 1.5574])
    """,
)

asin = op(
    np.arcsin,
    name="asin",
    # (1 - x)(1 + x) keeps the digits that 1 - x² loses near 1.
    x=lambda g, x: g / _sqrt((1.0 - x) * (1.0 + x)),
    formula="asin({x})",
    local={"x": "1 / sqrt((1 - {x}) * (1 + {x}))"},
    scalar=math.asin,
    samples=elementwise_samples(1, (-0.8, 0.8)),
    doc="""
    The angle in [-π/2, π/2] whose sine each element is; nan beyond -1 and 1, where the slope is infinite.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.asin([0.0, 0.5, 1.0])
    tensor([0.    , 0.5236, 1.5708])
    """,
)

acos = op(
    np.arccos,
    name="acos",
    x=lambda g, x: -g / _sqrt((1.0 - x) * (1.0 + x)),
    formula="acos({x})",
    local={"x": "-1 / sqrt((1 - {x}) * (1 + {x}))"},
    scalar=math.acos,
    samples=elementwise_samples(1, (-0.8, 0.8)),
    doc="""
    The angle in [0, π] whose cosine each element is; nan beyond -1 and 1, where the slope is infinite.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.acos([0.0, 0.5, 1.0])
    tensor([1.5708, 1.0472, 0.    ])
    """,
)

atan = op(
    np.arctan,
    name="atan",
    x=lambda g, x: g / (1.0 + x * x),
    formula="atan({x})",
    local={"x": "1 / (1 + {x} ** 2)"},
    scalar=math.atan,
    doc="""
    The angle in (-π/2, π/2) whose tangent each element is.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.atan([0.0, 1.0])
    tensor([0.    , 0.7854])
    """,
)

hypot = op(
    np.hypot,
    a=lambda g, a, out: g * (a / np.where(out == 0, 1.0, out)),
    b=lambda g, b, out: g * (b / np.where(out == 0, 1.0, out)),
    formula="sqrt({a} ** 2 + {b} ** 2)",
    local={"a": "{a} / {out}", "b": "{b} / {out}"},
    scalar=ScalarForm(
        lambda a, b: abs(complex(a, b)),  # the C library's, as in NumPy and in compiled code; math.hypot is another one
        {
            "a": lambda g, a, out: g * (a / out if out != 0 else 0.0),
            "b": lambda g, b, out: g * (b / out if out != 0 else 0.0),
        },
    ),
    errors=UNEVEN,
    expand=lambda a, b: sqrt(a * a + b * b),
    doc="""
    The length of the vector (a, b), element by element, without overflow. Its derivatives at length 0 are taken as 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.hypot([3.0, 3e30], [4.0, 4e30])
    tensor([5.e+00, 5.e+30])
    """,
)

_hypot = polymorphic(hypot)


def _per_radius(side: Any, a: Any, b: Any) -> Any:
    """What side / (a² + b²) is, without overflow; 0 at the origin."""
    radius = np.hypot(a, b)
    radius = np.where(radius == 0, 1.0, radius)
    return side / radius / radius


def _scalar_per_radius(side: Any, a: Any, b: Any) -> Any:
    radius = _hypot(a, b)
    return side / radius / radius if radius != 0 else 0.0


atan2 = op(
    np.arctan2,
    name="atan2",
    a=lambda g, a, b: g * _per_radius(b, a, b),
    b=lambda g, a, b: g * _per_radius(-a, a, b),
    formula="atan2({a}, {b})",
    local={"a": "{b} / ({a} ** 2 + {b} ** 2)", "b": "-{a} / ({a} ** 2 + {b} ** 2)"},
    scalar=ScalarForm(
        math.atan2,
        {
            "a": lambda g, a, b: g * _scalar_per_radius(b, a, b),
            "b": lambda g, a, b: g * _scalar_per_radius(-a, a, b),
        },
    ),
    errors=UNEVEN,
    doc="""
    The angle in [-π, π] of the point with height a and width b, element by element.

    Its derivatives at the origin are taken as 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.atan2([1.0, 1.0, -1.0], [1.0, -1.0, -1.0])
    tensor([ 0.7854,  2.3562, -2.3562])
    """,
)

deg2rad = op(
    np.deg2rad,
    x=lambda g: g * (math.pi / 180.0),
    formula="{x} * pi / 180",
    local={"x": "pi / 180"},
    numpy=np.radians,
    doc="""
    Angles in degrees as radians.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.deg2rad([180.0, 90.0])
    tensor([3.1416, 1.5708])
    """,
)

rad2deg = op(
    np.rad2deg,
    x=lambda g: g * (180.0 / math.pi),
    formula="{x} * 180 / pi",
    local={"x": "180 / pi"},
    numpy=np.degrees,
    doc="""
    Angles in radians as degrees.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.rad2deg([3.14159265, 1.0])
    tensor([180.    ,  57.2958])
    """,
)


@op(
    # By a Bessel function, and not (cos πx - sinc x) / x, which loses its digits near 0; so is every higher derivative.
    x=lambda g, x: g * (-math.pi * _spherical_j1(math.pi * x)),
    formula="sin(pi * {x}) / (pi * {x})",
    local={"x": "(cos(pi * {x}) - {out}) / {x}"},
    samples=elementwise_samples(1, apart=0.2),
    expand=lambda x: sin(math.pi * x) / (math.pi * x),
    numpy=np.sinc,
)
def sinc(x: Array) -> Any:
    """
    The cardinal sine of each element, sin(πx) / (πx), and 1 at zero, with derivatives of any order there too.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.sinc([0.0, 0.5, 1.5])
    tensor([ 1.    ,  0.6366, -0.2122])
    """
    zero = x == 0
    angle = np.where(zero, 1.0, math.pi * x)
    return np.where(zero, 1.0, np.sin(angle) / angle)


def _spherical_j1(x: Any) -> Any:
    return spherical_jn.op.forward(x, n=1) if isinstance(x, (np.ndarray, np.generic)) else spherical_jn(1, x)


# ---- hyperbolic functions --------------------------------------------------------------------------------------------

sinh = op(
    np.sinh,
    x=lambda g, x: g * _cosh(x),
    formula="(exp({x}) - exp(-{x})) / 2",
    local={"x": "cosh({x})"},
    scalar=math.sinh,
    expand=lambda x: (exp(x) - exp(-x)) / 2.0,
    doc="""
    The hyperbolic sine of each element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.sinh([0.0, 1.0])
    tensor([0.    , 1.1752])
    """,
)

cosh = op(
    np.cosh,
    x=lambda g, x: g * _sinh(x),
    formula="(exp({x}) + exp(-{x})) / 2",
    local={"x": "sinh({x})"},
    scalar=math.cosh,
    expand=lambda x: (exp(x) + exp(-x)) / 2.0,
    doc="""
    The hyperbolic cosine of each element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.cosh([0.0, 1.0])
    tensor([1.    , 1.5431])
    """,
)

_sinh: Callable[..., Any] = polymorphic(sinh)
_cosh: Callable[..., Any] = polymorphic(cosh)

asinh = op(
    np.arcsinh,
    name="asinh",
    x=lambda g, x: g / _hypot(x, 1.0),
    formula="sign({x}) * log(abs({x}) + sqrt({x} ** 2 + 1))",
    local={"x": "1 / sqrt({x} ** 2 + 1)"},
    scalar=math.asinh,
    expand=lambda x: log(x + sqrt(x * x + 1.0)),
    samples=elementwise_samples(1, apart=0.2),
    doc="""
    The number whose hyperbolic sine each element is: a logarithm for both signs, smooth at zero.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.asinh([0.0, 1.0, -1000.0])
    tensor([ 0.    ,  0.8814, -7.6009])
    """,
)

acosh = op(
    np.arccosh,
    name="acosh",
    x=lambda g, x: g / (_sqrt(x - 1.0) * _sqrt(x + 1.0)),
    formula="log({x} + sqrt({x} ** 2 - 1))",
    local={"x": "1 / (sqrt({x} - 1) * sqrt({x} + 1))"},
    scalar=math.acosh,
    samples=elementwise_samples(1, (1.2, 4.0)),
    expand=lambda x: log(x + sqrt(x * x - 1.0)),
    doc="""
    The number, from 0 on, whose hyperbolic cosine each element is; nan below 1, where the slope is infinite.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.acosh([1.0, 2.0])
    tensor([0.   , 1.317])
    """,
)

atanh = op(
    np.arctanh,
    name="atanh",
    x=lambda g, x: g / ((1.0 - x) * (1.0 + x)),
    formula="log((1 + {x}) / (1 - {x})) / 2",
    local={"x": "1 / ((1 - {x}) * (1 + {x}))"},
    scalar=math.atanh,
    samples=elementwise_samples(1, (-0.8, 0.8)),
    expand=lambda x: log((1.0 + x) / (1.0 - x)) / 2.0,
    doc="""
    The number whose hyperbolic tangent each element is: infinite at -1 and 1, nan beyond.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.atanh([0.0, 0.5])
    tensor([0.    , 0.5493])
    """,
)

# NumPy's older names.
arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh = acos, acosh, asin, asinh, atan, atan2, atanh

# NumPy's other names.
degrees, radians = rad2deg, deg2rad
