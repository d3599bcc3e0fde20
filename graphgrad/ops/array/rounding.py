"""Rounding, remainders, bounds and the parts of a number, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.arithmetic import equal, power, sign
from graphgrad.ops.array.selection import maximum, minimum, where
from graphgrad.ops.array.shaping import astype
from graphgrad.ops.attributes import keep_integers, keep_numbers
from graphgrad.ops.composite import through
from graphgrad.ops.declare import Array, op
from graphgrad.ops.samples import UNEVEN, array, elementwise_samples, sample

__all__ = [
    "around",
    "ceil",
    "clip",
    "copysign",
    "fix",
    "float_power",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "frac",
    "heaviside",
    "mod",
    "nan_to_num",
    "remainder",
    "round",
    "trunc",
]

Number = float | int | None

# ---- to whole numbers ------------------------------------------------------------------------------------------------

floor = op(
    np.floor,
    symbol="⌊·⌋",
    formula="floor({x})",
    doc="""
    The largest whole number that is at most x, for each element. No gradient passes: it is flat between its steps.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.floor([1.5, -1.5])
    tensor([ 1., -2.])
    """,
)

ceil = op(
    np.ceil,
    symbol="⌈·⌉",
    formula="ceil({x})",
    doc="""
    The smallest whole number that is at least x, for each element. No gradient passes: it is flat between its steps.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.ceil([1.5, -1.5])
    tensor([ 2., -1.])
    """,
)

trunc = op(
    np.trunc,
    formula="trunc({x})",
    numpy=np.fix,
    doc="""
    Each element without its fraction, rounded towards zero. No gradient passes: it is flat between its steps.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.trunc([1.5, -1.5])
    tensor([ 1., -1.])
    """,
)

fix = trunc


@op(
    formula="round({x}, {decimals})",
    samples=lambda rng: [
        sample(array(rng, 2, 3)),
        sample(array(rng, 4), decimals=1),
        sample(array(rng)),
        sample(array(rng, 0, 3), decimals=2),
    ],
    errors=(ErrorSample((np.ones(2),), {"decimals": 1.5}, DTypeError, "decimals is an integer, got 1.5"),),
    prepare=lambda attrs: keep_integers(attrs, "decimals"),
    numpy=(np.rint, np.around, np.round),
)
def round(x: Array, decimals: int = 0) -> Any:
    """
    Each element rounded to some decimals. No gradient passes: it is flat between its steps.

    Halves go to the even neighbour.

    Parameters
    ----------
    decimals
        How many digits after the point are kept; if negative, that many before it become 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.round([0.5, 1.5, -1.26])
    tensor([ 0.,  2., -1.])
    >>> gg.round([0.5, 1.5, -1.26], 1)
    tensor([ 0.5,  1.5, -1.3])
    """
    return np.round(x, decimals)


@op(
    x=lambda g: g,
    formula="{x} - trunc({x})",
    local={"x": "1"},
    samples=elementwise_samples(1, apart=0.1),
    expand=lambda x: x - trunc(x),
)
def frac(x: Array) -> Any:
    """
    The fraction of each element, with its sign: x - trunc(x). The steps at whole numbers have no part in its slope.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.frac([1.25, -1.25])
    tensor([ 0.25, -0.25])
    """
    return x - np.trunc(x)


# ---- remainders ------------------------------------------------------------------------------------------------------

floor_divide = op(
    np.floor_divide,
    symbol="//",
    formula="floor({a} / {b})",
    samples=elementwise_samples(2, (-4.0, 4.0), (-2.0, 2.0), apart=0.3),
    errors=UNEVEN,
    doc="""
    How often b goes into a, rounded down, element by element. No gradient passes: it is flat between its steps.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.floor_divide([7.0, -7.0], 2.0)
    tensor([ 3., -4.])
    """,
)


def _truncated_quotient(g: Any, a: Any, b: Any, out: Any) -> Any:
    # The whole number that the value was computed with; a / b might be rounded to the next one.
    return g * -np.round((a - out) / b)


fmod = op(
    np.fmod,
    a=lambda g: g,
    b=_truncated_quotient,
    formula="{a} - trunc({a} / {b}) * {b}",
    local={"a": "1", "b": "-trunc({a} / {b})"},
    samples=elementwise_samples(2, (-4.0, 4.0), (-2.0, 2.0), apart=0.3),
    errors=UNEVEN,
    expand=lambda a, b: a - trunc(a / b) * b,
    doc="""
    The remainder of a division, with the sign of a, element by element, as C's fmod gives it.

    The steps at multiples of b have no part in its derivatives.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.fmod([5.0, -5.0], 3.0)
    tensor([ 2., -2.])
    """,
)

remainder = op(
    np.remainder,
    symbol="mod",
    a=lambda g: g,
    b=lambda g, a, b: g * -np.floor_divide(a, b),  # NumPy counts in it as it does in the remainder
    formula="{a} - floor({a} / {b}) * {b}",
    local={"a": "1", "b": "-floor({a} / {b})"},
    samples=elementwise_samples(2, (-4.0, 4.0), (-2.0, 2.0), apart=0.3),
    errors=UNEVEN,
    expand=lambda a, b: a - floor(a / b) * b,
    doc="""
    The remainder of a division, with the sign of b, element by element, as Python's % gives it.

    The steps at multiples of b have no part in its derivatives.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.remainder([5.0, -5.0], 3.0)
    tensor([2., 1.])
    """,
)

# ---- bounds and choices ----------------------------------------------------------------------------------------------


def _prepare_bounds(attrs: dict[str, Any]) -> None:
    for name in [name for name, bound in attrs.items() if bound is not None]:
        if np.ndim(attrs[name]):
            raise TypeError(f"{name} is one number; gg.maximum and gg.minimum take a bound for each element")
        keep_numbers(attrs, name)


def _prepare_replacements(attrs: dict[str, Any]) -> None:
    if isinstance(attrs["nan"], bool):  # np.nan_to_num(x, True) means a copy
        raise TypeError(f"nan is a number, got {attrs['nan']}")
    keep_numbers(attrs, "nan", *(name for name in ("posinf", "neginf") if attrs[name] is not None))


def _clip_x(g: Any, x: Any, min: Number, max: Number) -> Any:
    if min is None and max is None:
        return g
    if min is None or max is None:
        inside = x <= max if min is None else x >= min
    else:
        inside = np.logical_and(x >= min, x <= max)
    return np.where(inside, g, 0.0)


def _clip_expanded(x: Any, min: Number, max: Number) -> Any:
    raised = x if min is None else maximum(x, min)
    return raised if max is None else minimum(raised, max)


@op(
    x=_clip_x,
    formula="clip({x}, {min}, {max})",
    local={"x": "where({x} == {out}, 1, 0)"},
    samples=lambda rng: [
        sample(array(rng, 2, 3), min=-0.5, max=1.0),
        sample(array(rng, 4), min=-0.5),
        sample(array(rng, 4), max=0.5),
        sample(array(rng)),
        sample(array(rng, 0, 3), min=0.0, max=1.0),
    ],
    errors=(ErrorSample((np.ones(2),), {"min": np.zeros(2)}, DTypeError, "min is one number; gg.maximum"),),
    prepare=_prepare_bounds,
    expand=_clip_expanded,
    numpy=np.clip,
)
def clip(x: Array, min: Number = None, max: Number = None) -> Any:
    """
    Each element, but at least `min` and at most `max`. The gradient passes where x is within them, and at the bounds.

    Parameters
    ----------
    min, max
        Numbers, or None for no bound. Where min is above max, the result is max.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.clip([-2.0, 0.5, 2.0], -1.0, 1.0)
    tensor([-1. ,  0.5,  1. ])
    """
    return np.array(x) if min is None and max is None else np.clip(x, min, max)


def _first_counts(larger: Any, b: Any) -> Any:
    return np.logical_or(larger, np.isnan(b))


fmax = op(
    np.fmax,
    a=lambda g, a, b: np.where(_first_counts(a >= b, b), g, 0.0),
    b=lambda g, a, b: np.where(_first_counts(a >= b, b), 0.0, g),
    formula="fmax({a}, {b})",
    local={"a": "where({a} >= {b}, 1, 0)", "b": "where({a} >= {b}, 0, 1)"},
    errors=UNEVEN,
    doc="""
    The larger of two, element by element, and the other one where one is nan.

    The whole gradient goes to the one that is chosen; to a where both are equal, as PyTorch does.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.fmax([1.0, 5.0, float("nan")], 3.0)
    tensor([3., 5., 3.])
    """,
)

fmin = op(
    np.fmin,
    a=lambda g, a, b: np.where(_first_counts(a <= b, b), g, 0.0),
    b=lambda g, a, b: np.where(_first_counts(a <= b, b), 0.0, g),
    formula="fmin({a}, {b})",
    local={"a": "where({a} <= {b}, 1, 0)", "b": "where({a} <= {b}, 0, 1)"},
    errors=UNEVEN,
    doc="""
    The smaller of two, element by element, and the other one where one is nan.

    The whole gradient goes to the one that is chosen; to a where both are equal, as PyTorch does.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.fmin([1.0, 5.0, float("nan")], 3.0)
    tensor([1., 3., 3.])
    """,
)


@op(
    x=lambda g, x: np.where(np.isfinite(x), g, 0.0),
    formula="nan_to_num({x}, nan={nan}, posinf={posinf}, neginf={neginf})",
    local={"x": "where(isfinite({x}), 1, 0)"},
    samples=lambda rng: [
        sample(array(rng, 2, 3)),
        sample(array(rng, 3), nan=1.0, posinf=2.0, neginf=-2.0),
        sample(array(rng)),
        sample(array(rng, 0, 3)),
    ],
    errors=(ErrorSample((np.ones(2),), {"nan": None}, DTypeError, "nan is a number"),),
    prepare=_prepare_replacements,
    numpy=np.nan_to_num,
)
def nan_to_num(x: Array, nan: float = 0.0, posinf: Number = None, neginf: Number = None) -> Any:
    """
    Each element if it is finite, else a number in its place. No gradient passes where one was put in.

    Parameters
    ----------
    nan
        What stands for nan.
    posinf, neginf
        What stands for inf and -inf; None for the largest and the smallest number of the dtype.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nan_to_num([float("nan"), 1.0, float("inf")], posinf=10.0)
    tensor([ 0.,  1., 10.])
    """
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


@op(
    symbol="H",
    values=lambda g, x: np.where(x == 0, g, 0.0),
    formula="where({x} == 0, {values}, where({x} > 0, 1, 0))",
    local={"values": "where({x} == 0, 1, 0)"},
    samples=lambda rng: [
        sample(np.array([[-1.0, 0.0, 2.0], [0.0, 0.5, -0.5]]), array(rng, 2, 3)),
        sample(np.array([-1.0, 0.0, 2.0]), array(rng)),
        sample(np.array(0.0), array(rng)),
        sample(np.zeros((0, 3)), array(rng, 3)),
    ],
    errors=UNEVEN,
    expand=lambda x, values: where(equal(x, 0.0), values, maximum(sign(x), 0.0)),
    numpy=np.heaviside,
    covers=("P03.01",),
)
def heaviside(x: Array, values: Array) -> Any:
    """
    The unit step: 0 below zero, 1 above, and `values` at zero. No gradient passes to x: it is flat beside its step.

    Parameters
    ----------
    x
        Where the step is taken.
    values
        What the result is where x is 0; it receives the gradient there.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.heaviside([-2.0, 0.0, 2.0], 0.5)
    tensor([0. , 0.5, 1. ])
    """
    return np.heaviside(x, values)


copysign = op(
    np.copysign,
    a=lambda g, a, b: g * (np.sign(a) * np.copysign(1.0, b)),
    formula="where(signbit({b}), -abs({a}), abs({a}))",
    local={"a": "sign({a}) * where(signbit({b}), -1, 1)"},
    samples=elementwise_samples(2, apart=0.2),
    errors=UNEVEN,
    doc="""
    Each element of a with the sign of that of b. No gradient passes to b, of which only the sign counts.

    The derivative for a is taken as 0 where a is 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.copysign([1.0, -2.0], [-3.0, 4.0])
    tensor([-1.,  2.])
    """,
)


def _double(x: Any) -> Any:
    return astype(x, "float64") if isinstance(x, Tensor) else Tensor(np.asarray(x, np.float64))


def _float_power_expanded(a: Any, b: Any) -> Any:
    return power(_double(a), _double(b))


float_power = op(
    np.float_power,
    symbol="^",
    joint=through(_float_power_expanded, ("a", "b")),
    formula="{a} ** {b}",
    back={"a": "{g} · {b} · {a} ^ ({b} - 1)", "b": "{g} · {out} · log({a})"},
    samples=elementwise_samples(2, (0.3, 2.0), (-2.0, 3.0)),
    errors=UNEVEN,
    expand=_float_power_expanded,
    doc="""
    Raise a to the power b in float64, whatever the dtypes of both are, element by element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.float_power([2.0, 3.0], -2)
    tensor([0.25  , 0.1111], dtype=float64)
    """,
)

# NumPy's other names.
around, mod = round, remainder
