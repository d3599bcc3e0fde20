"""Arithmetic, powers and comparisons, element by element with broadcasting."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from graphgrad.graph.operation import ScalarForm
from graphgrad.ops.declare import op
from graphgrad.ops.samples import UNEVEN, elementwise_samples

__all__ = [
    "abs",
    "absolute",
    "add",
    "divide",
    "equal",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "multiply",
    "negative",
    "not_equal",
    "pow",
    "power",
    "sign",
    "sqrt",
    "square",
    "subtract",
    "true_divide",
]

add = op(
    np.add,
    symbol="+",
    a=lambda g: g,
    b=lambda g: g,
    complex="own",
    formula="{a} + {b}",
    local={"a": "1", "b": "1"},
    scalar=operator.add,
    errors=UNEVEN,
    covers=("P01.04", "P02.04", "P02.15"),
    doc="""
    Add, element by element.

    Both operands receive the upstream gradient as it is; a stretched axis receives its sum.

    Parameters
    ----------
    a, b
        Tensors, arrays or numbers of shapes that broadcast.

    Returns
    -------
    Tensor
        Of the broadcast shape.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.add([1.0, 2.0], 10.0)
    tensor([11., 12.])
    """,
)

subtract = op(
    np.subtract,
    symbol="−",
    a=lambda g: g,
    b=lambda g: -g,
    complex="own",
    formula="{a} - {b}",
    local={"a": "1", "b": "-1"},
    scalar=operator.sub,
    errors=UNEVEN,
    covers=("P02.15",),
    doc="""
    Subtract, element by element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.subtract([1.0, 2.0], 10.0)
    tensor([-9., -8.])
    """,
)

multiply = op(
    np.multiply,
    symbol="×",
    a=lambda g, b: g * b,
    b=lambda g, a: g * a,
    complex="holomorphic",
    formula="{a} * {b}",
    local={"a": "{b}", "b": "{a}"},
    scalar=operator.mul,
    errors=UNEVEN,
    covers=("P01.04", "P02.14", "P02.15", "P03.15"),
    doc="""
    Multiply, element by element (the Hadamard product).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.multiply([1.0, 2.0], [3.0, 4.0])
    tensor([3., 8.])
    """,
)

divide = op(
    np.divide,
    symbol="÷",
    a=lambda g, b: g / b,
    b=lambda g, b, out: -g * out / b,
    complex="holomorphic",
    formula="{a} / {b}",
    local={"a": "1 / {b}", "b": "-{a} / {b} ** 2"},
    scalar=operator.truediv,
    samples=elementwise_samples(2, (-2.0, 2.0), (-2.0, 2.0), apart=0.3),
    errors=UNEVEN,
    covers=("P02.15",),
    doc="""
    Divide, element by element. Dividing by zero gives inf or nan, as IEEE 754 has it.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.divide([1.0, 3.0], 2.0)
    tensor([0.5, 1.5])
    """,
)

negative = op(
    np.negative,
    symbol="−",
    x=lambda g: -g,
    complex="own",
    formula="-{x}",
    local={"x": "-1"},
    scalar=operator.neg,
    covers=("P01.04",),
    doc="""
    Change the sign of each element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.negative([1.0, -2.0])
    tensor([-1.,  2.])
    """,
)


def _power_a(g: Any, a: Any, b: Any) -> Any:
    if isinstance(b, (int, float)):
        return g * 0.0 if b == 0 else g * (b * a ** (b - 1))
    # d(a⁰)/da is 0 for a = 0 too, where b · a^(b-1) would be 0 · inf.
    constant = b == 0
    return g * np.where(constant, 0.0, b * a ** np.where(constant, 1.0, b - 1))


def _power_b(g: Any, a: Any, out: Any) -> Any:
    # 0^b is flat in b for b > 0, where out · log(a) would be 0 · -inf; at 0^0 = 1 it is taken as flat, as PyTorch does.
    flat = np.where(a == 0, np.abs(out) <= 1, out == 0)
    return g * np.where(flat, 0.0, out * np.log(np.where(flat, 1.0, a)))


def _pow(a: Any, b: Any) -> Any:
    # Python's ** gives a complex number for a negative base; math.pow raises, and the IEEE value is taken instead.
    return math.pow(a, b) if type(a) is float and type(b) is float else a**b


def _scalar_power_b(g: Any, a: Any, out: Any) -> Any:
    from graphgrad.ops.array.elementwise import log

    if out == 0 or (a == 0 and out == 1):
        return 0.0
    # A float64 of NumPy's comes where Python's logarithm has just raised.
    return g * (out * (math.log(a) if type(a) is float else np.log(a) if isinstance(a, float) else log(a)))


power = op(
    np.power,
    symbol="^",
    a=_power_a,
    b=_power_b,
    formula="{a} ** {b}",
    local={"a": "{b} * {a} ** ({b} - 1)", "b": "{out} * log({a})"},
    scalar=ScalarForm(
        math.pow, {"a": lambda g, a, b: 0.0 if b == 0 else g * (b * _pow(a, b - 1.0)), "b": _scalar_power_b}
    ),
    samples=elementwise_samples(2, (0.3, 2.0), (-2.0, 3.0)),
    errors=UNEVEN,
    covers=("P03.15",),
    doc="""
    Raise `a` to the power `b`, element by element.

    The derivative for `a` is 0 where b = 0, and that for `b` is 0 where the result is 0, and at 0 ** 0. Elsewhere a
    negative base gives nan for a fractional exponent, and for the derivative in `b`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.power([2.0, 3.0], 3)
    tensor([ 8., 27.])
    """,
)

square = op(
    np.square,
    symbol="²",
    x=lambda g, x: g * (2.0 * x),
    formula="{x} ** 2",
    local={"x": "2 * {x}"},
    scalar=lambda x: x * x,
    covers=("P03.15",),
    doc="""
    Square each element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.square([2.0, -3.0])
    tensor([4., 9.])
    """,
)

sqrt = op(
    np.sqrt,
    symbol="√",
    x=lambda g, out: g * (0.5 / out),
    formula="sqrt({x})",
    local={"x": "0.5 / {out}"},
    scalar=math.sqrt,
    samples=elementwise_samples(1, (0.3, 4.0)),
    covers=("P01.06",),
    doc="""
    Take the square root of each element: nan below zero, an infinite derivative at zero.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.sqrt([1.0, 4.0])
    tensor([1., 2.])
    """,
)

abs = op(
    np.absolute,
    name="abs",
    symbol="|·|",
    x=lambda g, x: g * np.sign(x),
    complex={"x": lambda g, x, out: g * (x / np.where(out == 0, 1.0, out))},
    formula="abs({x})",
    local={"x": "sign({x})"},
    scalar=ScalarForm(math.fabs, {"x": lambda g, x: g * _sign(x)}),
    samples=elementwise_samples(1, apart=0.2),
    covers=("P04.02",),
    doc="""
    Take the absolute value of each element; the derivative at 0 is 0. That of a complex number is its distance from 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.abs([1.5, -2.5])
    tensor([1.5, 2.5])
    """,
)


def _sign(x: Any) -> float:
    return 1.0 if x > 0 else -1.0 if x < 0 else 0.0 * float(x)  # nan stays nan


sign = op(
    np.sign,
    formula="sign({x})",
    samples=elementwise_samples(1, apart=0.2),
    doc="""
    The sign of each element: -1, 0 or 1. No gradient passes: its derivative is 0 wherever it has one.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.sign([3.0, 0.0, -2.0])
    tensor([ 1.,  0., -1.])
    """,
)


def _comparison(ufunc: np.ufunc, symbol: str, words: str) -> Any:
    return op(
        ufunc,
        symbol=symbol,
        formula=f"{{a}} {symbol} {{b}}",
        errors=UNEVEN,
        doc=f"""
        Whether {words}, element by element. A bool tensor, through which no gradient passes.

        Examples
        --------
        >>> import graphgrad as gg
        >>> gg.{ufunc.__name__}([1.0, 2.0, 3.0], 2.0)
        tensor({np.array2string(ufunc(np.array([1.0, 2.0, 3.0]), 2.0), separator=", ")})
        """,
    )


equal = _comparison(np.equal, "==", "the operands are equal")
not_equal = _comparison(np.not_equal, "!=", "the operands differ")
less = _comparison(np.less, "<", "a is less than b")
less_equal = _comparison(np.less_equal, "<=", "a is at most b")
greater = _comparison(np.greater, ">", "a is greater than b")
greater_equal = _comparison(np.greater_equal, ">=", "a is at least b")

# NumPy's other names.
absolute, pow, true_divide = abs, power, divide
