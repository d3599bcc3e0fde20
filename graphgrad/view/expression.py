"""Formulas as text: the templates of the declarations with names or numbers in their places.

A template is an expression in Python's notation with ``{places}``. It is parsed, never evaluated by Python, and written
anew as one writes by hand: ``·`` for products, ``x²``, and no more parentheses than are needed.
"""

from __future__ import annotations

import ast
import functools
import inspect
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

import numpy as np

from graphgrad.ops.declare import TABLE
from graphgrad.view.numbers import number, summary
from graphgrad.view.text import clean

__all__ = ["Filling", "Written", "attribute", "is_operator", "name", "printed", "product", "write"]

COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(6)
"""How tightly a text holds together."""

_PLACE = "place_"
# A word, an element of one, or a function of one.
_SINGLE = re.compile(r"[\w.#'…]+(\([\w.#'…, ]*\))?(\[[\w, ]*\])?ᵀ?")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_BINARY: Mapping[type[ast.operator], tuple[str, int, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", SUM, operator.add),
    ast.Sub: ("-", SUM, operator.sub),
    ast.Mult: ("·", PRODUCT, operator.mul),
    ast.Div: ("/", PRODUCT, operator.truediv),
    ast.MatMult: ("@", PRODUCT, operator.mul),
    ast.Pow: ("^", POWER, operator.pow),
}
_COMPARISON: Mapping[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
}


@dataclass(frozen=True, slots=True)
class Written:
    """A piece of a formula: its text, how tightly it holds together, and what its numbers as printed amount to."""

    text: str
    level: int = ATOM
    result: float | complex | None = None
    factors: bool = False  # nothing but factors with dots between them

    def within(self, level: int, first: bool = False) -> str:
        """The text as part of something that holds together as tightly as `level`, in parentheses if need be.

        A sign may open an expression, but never follows an operator.
        """
        bare = self.level >= level and (first or not self.text.startswith("-"))
        return self.text if bare else f"({self.text})"


@dataclass(frozen=True, slots=True)
class Filling:
    """What stands in a place: the text, and for attributes the value, by which defaults are left out."""

    written: Written
    attribute: Any = inspect.Parameter.empty


def printed(value: Any, text: str | None = None) -> Written:
    """A number as it is printed, or as `text` says, standing for no more than its digits say."""
    text = number(value) if text is None else text
    if text.endswith("j"):
        return Written(text, SUM, complex(text))
    result = float(value) if text in ("True", "False") else float(text)
    return Written(text, SIGN if text.startswith("-") else ATOM, result)


def name(text: str) -> Written:
    """A name; one that isn't a single word is held together by parentheses."""
    return Written(text, ATOM if _SINGLE.fullmatch(text) else COMPARISON)


def attribute(value: Any) -> Filling:
    """An attribute of an operation, as one writes it in Python."""
    return Filling(Written(_attribute_text(value)), value)


def _attribute_text(value: Any) -> str:
    if isinstance(value, slice):
        parts = [value.start, value.stop] + ([value.step] if value.step is not None else [])
        return ":".join("" if part is None else str(part) for part in parts)
    if isinstance(value, tuple) and any(isinstance(part, (slice, np.ndarray)) or part is Ellipsis for part in value):
        return ", ".join(map(_attribute_text, value))
    if value is Ellipsis:
        return "..."
    if isinstance(value, np.ndarray):
        return summary(value)
    if isinstance(value, float):
        return number(value)
    return clean(value if isinstance(value, str) else repr(value))


@functools.cache
def parse(template: str) -> ast.expr:
    """The expression of a template, its places as variables.

    Raises
    ------
    SyntaxError
        If it isn't an expression.
    """
    source = ""
    for literal, field, _, _ in Formatter().parse(template):
        source += literal + (f"{_PLACE}{field}" if field is not None else "")
    return ast.parse(source.strip(), mode="eval").body


def is_operator(template: str) -> bool:
    """Whether a template is a single operator between its places, so that nothing is clearer than itself."""
    tree = parse(template)
    if isinstance(tree, ast.BinOp):
        parts: Sequence[ast.expr] = (tree.left, tree.right)
    elif isinstance(tree, ast.UnaryOp):
        parts = (tree.operand,)
    elif isinstance(tree, ast.Compare):
        parts = (tree.left, *tree.comparators)
    elif isinstance(tree, ast.Subscript):
        parts = (tree.value, tree.slice)
    else:
        return False
    return all(isinstance(part, ast.Name) for part in parts)


def write(template: str, places: Mapping[str, Filling]) -> Written:
    """Write a template with its places filled.

    Raises
    ------
    SyntaxError, KeyError
        If the template isn't one, or a place isn't filled.

    Examples
    --------
    >>> fill = {"a": Filling(printed(-3.0)), "b": Filling(printed(2.0))}
    >>> write("{a} ** 2 + {b} * {a}", fill).text
    '(-3)² + 2 · (-3)'
    """
    return _write(parse(template), places)


def product(first: Written, second: Written) -> Written:
    """The product of two pieces; factors join factors without parentheses."""
    if not second.factors or second.text.startswith("-"):
        return _binary("·", PRODUCT, operator.mul, first, second)
    text = f"{first.within(PRODUCT, first=True)} · {second.text}"
    return Written(text, PRODUCT, _computed(operator.mul, first, second), True)


def _write(tree: ast.expr, places: Mapping[str, Filling]) -> Written:
    match tree:
        case ast.Constant(value):
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return printed(value)
            return Written(repr(value))
        case ast.Name(identifier) if identifier.startswith(_PLACE):
            return places[identifier.removeprefix(_PLACE)].written
        case ast.Name(identifier):
            return Written(identifier)
        case ast.UnaryOp(ast.USub(), operand):
            inner = _write(operand, places)
            return Written("-" + inner.within(POWER), SIGN, None if inner.result is None else -inner.result)
        case ast.BinOp(left, ast.Add(), right) if _is_zero(_taken(right, places)):
            return _write(left, places)
        case ast.BinOp(left, kind, right) if type(kind) in _BINARY:
            sign, level, compute = _BINARY[type(kind)]
            return _binary(sign, level, compute, _write(left, places), _write(right, places))
        case ast.Compare(left, [kind], [right]):
            sign, compute = _COMPARISON[type(kind)]
            a, b = _write(left, places), _write(right, places)
            text = f"{a.within(SUM, first=True)} {sign} {b.within(SUM)}"
            return Written(text, COMPARISON, _computed(compute, a, b))
        case ast.Subscript(base, key):
            return Written(f"{_write(base, places).within(ATOM)}[{_write(key, places).text}]")
        case ast.List(elements) | ast.Tuple(elements):
            return Written(f"[{', '.join(_write(element, places).text for element in elements)}]")
        case ast.Attribute(matrix, "T"):
            return Written(f"{_write(matrix, places).within(ATOM)}ᵀ")
        case ast.Call() if _taken(tree, places) is not tree:
            return _write(_taken(tree, places), places)
        case ast.Call(ast.Name(function), arguments, keywords):
            return _call(function, arguments, keywords, places)
    raise SyntaxError(f"a formula can't hold {ast.unparse(tree)!r}")


def _taken(tree: ast.expr, places: Mapping[str, Filling]) -> ast.expr:
    """The branch of a `where` that an attribute decides, such as whether there is training; else what is given."""
    match tree:
        case ast.Call(ast.Name("where"), [ast.Name(condition), yes, no]) if condition.startswith(_PLACE):
            decided = places[condition.removeprefix(_PLACE)].attribute
            if isinstance(decided, bool):
                return _taken(yes if decided else no, places)
    return tree


def _is_zero(tree: ast.expr) -> bool:
    return isinstance(tree, ast.Constant) and tree.value == 0


def _binary(sign: str, level: int, compute: Callable[[Any, Any], Any], left: Written, right: Written) -> Written:
    result = _computed(compute, left, right)
    if sign == "^":
        # A sign or an exponent of ten before a raised digit could be read as part of either.
        base = left.within(ATOM) if "e" not in left.text or not left.text[0].isdigit() else f"({left.text})"
        if right.text.isascii() and right.text.isdigit():
            return Written(base + right.text.translate(_SUPERSCRIPTS), POWER, result)
        return Written(f"{base}^{right.within(ATOM)}", POWER, result)
    factors = sign == "·" and (left.level > PRODUCT or left.factors)
    return Written(f"{left.within(level, first=True)} {sign} {right.within(level + 1)}", level, result, factors)


def _computed(compute: Callable[..., Any], *parts: Written) -> float | complex | None:
    """What the printed numbers amount to; None where a part is no number."""
    if any(part.result is None for part in parts):
        return None
    with np.errstate(all="ignore"):
        found = np.asarray(compute(*(np.asarray(part.result or 0.0)[()] for part in parts)))
    return complex(found) if found.dtype.kind == "c" else float(found)


def _call(
    function: str, arguments: Sequence[ast.expr], keywords: Sequence[ast.keyword], places: Mapping[str, Filling]
) -> Written:
    op = TABLE.get(function)
    parameters = [*op.operands, *op.attributes] if op is not None else []
    defaults = op.attributes if op is not None else {}
    shown = [_write(argument, places) for argument in arguments]
    while arguments and len(arguments) <= len(parameters):
        if not _is_default(
            arguments[-1], places, defaults.get(parameters[len(arguments) - 1], inspect.Parameter.empty)
        ):
            break
        arguments, shown = arguments[:-1], shown[:-1]
    texts = [argument.text for argument in shown]
    for keyword in keywords:
        default = defaults.get(keyword.arg or "", inspect.Parameter.empty)
        if not _is_default(keyword.value, places, default):
            texts.append(f"{keyword.arg}={_write(keyword.value, places).text}")
    result = None
    if op is not None and op.elementwise and len(texts) == len(shown) == len(op.operands):
        result = _computed(op.forward, *shown)
    return Written(f"{function}({', '.join(texts)})", ATOM, result)


def _is_default(argument: ast.expr, places: Mapping[str, Filling], default: Any) -> bool:
    """Whether an argument is an attribute that has the default value of the parameter that it is for."""
    if default is inspect.Parameter.empty:
        return False
    if isinstance(argument, ast.Constant):
        given = argument.value
    elif isinstance(argument, ast.Name) and argument.id.startswith(_PLACE):
        given = places[argument.id.removeprefix(_PLACE)].attribute
    else:
        return False
    return type(given) is type(default) and bool(np.all(given == default))
