"""Expressions in lessons: ``w1.grad``, ``2 * a.grad``, ``sum(errors, axis=0)``. The engine's numbers fill them in.

An expression is Python's syntax with very little in it: the names of a walk's values, their ``.grad``, ``.shape``,
``.parts`` and ``.inside``, arithmetic, comparisons and a few functions. It is read as a syntax tree and worked out node
by node; nothing of it is ever run by Python.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from graphgrad.graph.errors import GraphgradError
from graphgrad.graph.graph import Operand
from graphgrad.ops.array.elementwise import sigmoid
from graphgrad.ops.array.softmaxes import softmax
from graphgrad.view.names import names
from graphgrad.view.numbers import MISSING, full, number, summary
from graphgrad.view.text import clean
from graphgrad.walk.expand import expand
from graphgrad.walk.walk import Walk

__all__ = [
    "FUNCTIONS",
    "ExpressionError",
    "Place",
    "Scope",
    "WalkScope",
    "evaluate",
    "fill",
    "find_vertex",
    "show",
    "unknown",
]

Array = np.ndarray[Any, Any]

LONGEST = 200
"""How many characters an expression may have."""

_WIDTH = 40
_ESCAPE = re.compile(r"\\(?=\d)")
_FORMAT = re.compile(r"full|(\.\d{1,2})?[efg%]")
# Beyond this an integer power is computed in floating point, so that no expression takes long.
_EXACT_UP_TO = 2**53


class ExpressionError(GraphgradError, ValueError):
    """An expression that can't be read, or that has no value on this walk."""


class Scope(Protocol):
    """Where names have their meanings."""

    def __getitem__(self, name: str) -> Any: ...

    def names(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Place:
    """A value of a walk, by which its gradient and everything else about it is reached."""

    walk: Walk
    vertex: int

    @property
    def value(self) -> Array:
        return self.walk.values[self.vertex][0]

    def attribute(self, name: str) -> Any:
        """What ``place.name`` means."""
        match name:
            case "grad":
                gradient = self.walk.end().gradient(self.vertex)
                if gradient is None:
                    raise ExpressionError(f"no gradient arrives at {_name(self)!r} in this walk")
                return gradient
            case "parts":
                found = self.walk.contributions_to(Operand(self.vertex, 0))
                return tuple(self.walk.contributions[i].value for i in found)
            case "inside":
                try:
                    return WalkScope(expand(self.walk, self.vertex))
                except GraphgradError as error:
                    raise ExpressionError(str(error).splitlines()[0]) from None
            case "shape":
                return self.value.shape
        raise ExpressionError(f"{_name(self)!r} has no .{name}; it has .grad, .inside, .parts and .shape")


def _name(place: Place) -> str:
    return names(place.walk.graph)[place.vertex]


@lru_cache(maxsize=16)
def _vertices(walk: Walk) -> Mapping[str, int]:
    named = names(walk.graph)
    return {named[vertex.id]: vertex.id for vertex in walk.graph if not vertex.is_constant}


def find_vertex(walk: Walk, name: str) -> int:
    """The id of a value of a walk by the name that pictures give it.

    Raises
    ------
    ExpressionError
        If no value has that name.
    """
    found = _vertices(walk).get(name)
    if found is None:
        raise ExpressionError(unknown(name, list(_vertices(walk))))
    return found


def unknown(name: str, known: Sequence[str]) -> str:
    """What to say about a name that means nothing."""
    near = get_close_matches(name, known)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
    return f"nothing here is called {name!r}; {hint}"


class WalkScope:
    """The values of one walk by their names."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk

    def __getitem__(self, name: str) -> Place:
        return Place(self.walk, find_vertex(self.walk, name))

    def names(self) -> Sequence[str]:
        return list(_vertices(self.walk))


# ---- working an expression out ---------------------------------------------------------------------------------------


def _close(a: Any, b: Any) -> bool:
    return np.shape(a) == np.shape(b) and bool(np.allclose(a, b, rtol=1e-5, atol=1e-8))


def _one_hot(index: Any, length: Any) -> Array:
    row: Array = np.eye(int(_bounded(length)))[int(index)]
    return row


def _bounded(length: Any) -> Any:
    if not 0 < length <= 100:
        raise ExpressionError(f"a length is 1 to 100, got {length}")
    return length


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": np.abs,
    "close": _close,
    "exp": np.exp,
    "len": len,
    "log": np.log,
    "max": np.max,
    "mean": np.mean,
    "min": np.min,
    "one_hot": _one_hot,
    "sigmoid": sigmoid.op.forward,
    "softmax": softmax.op.forward,
    "sqrt": np.sqrt,
    "sum": np.sum,
    "tanh": np.tanh,
}
"""What can be called. ``close(a, b)`` is equality up to rounding; comparing arrays gives one answer for all of them."""

_KEYWORDS = ("axis", "keepdims")
_PLAIN = ("close", "len", "one_hot")


def _power(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int):
        approximate = np.power(float(a), float(b)) if a or b >= 0 else np.inf
        if b < 0 or not abs(approximate) < _EXACT_UP_TO:
            return float(approximate)
    return a**b


_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: np.true_divide(a, b),
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.MatMult: np.matmul,
    ast.Pow: _power,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
_ORDER: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class _Nothing:
    """No names at all: arithmetic."""

    def __getitem__(self, name: str) -> Any:
        raise ExpressionError(f"a number is needed, not the name {name!r}")

    def names(self) -> Sequence[str]:
        return ()


def evaluate(text: str, scope: Scope | None = None) -> Any:
    """Work out an expression.

    Parameters
    ----------
    text
        The expression.
    scope
        What names mean; without one there are none, only numbers.

    Returns
    -------
    bool, int, float, str, ndarray or tuple
        A single number as a Python number.

    Raises
    ------
    ExpressionError
        If it isn't an expression of the kind that lessons have, or has no value.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from graphgrad.walk.trace import walk
    >>> x = gg.scalar(3.0, name="x")
    >>> steps = walk(x * x)
    >>> evaluate("x.grad == 2 * x", WalkScope(steps)), evaluate("1 / 4")
    (True, 0.25)
    """
    if len(text) > LONGEST:
        raise ExpressionError(f"an expression of {len(text)} characters; at most {LONGEST}")
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError(f"{text.strip()!r} is no expression") from None
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            return _plain(_evaluated(tree, scope or _Nothing()))
    except ExpressionError as error:
        raise ExpressionError(f"in {text.strip()!r}: {error}") from None
    except (ArithmeticError, ValueError, TypeError, IndexError, RecursionError) as error:
        raise ExpressionError(f"{text.strip()!r} has no value: {error}") from None


def _evaluated(node: ast.expr, scope: Scope) -> Any:
    """The value of a syntax tree; its depth is bounded by the length of the text."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return value
        case ast.Name(id=name):
            return scope[name]
        case ast.Attribute(value=inner, attr=name):
            return _attribute(_evaluated(inner, scope), name)
        case ast.Subscript(value=inner, slice=index):
            return _item(_plain(_evaluated(inner, scope)), index)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return tuple(_plain(_evaluated(part, scope)) for part in parts)
        case ast.UnaryOp(op=op, operand=inner) if type(op) in _UNARY:
            value = _plain(_evaluated(inner, scope))
            return _UNARY[type(op)](value if isinstance(op, ast.Not) else _numeric(value))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_numeric(_evaluated(left, scope)), _numeric(_evaluated(right, scope)))
        case ast.BoolOp(op=op, values=parts):
            answers = [bool(_plain(_evaluated(part, scope))) for part in parts]
            return all(answers) if isinstance(op, ast.And) else any(answers)
        case ast.Compare(left=left, ops=ops, comparators=rights):
            values = [_plain(_evaluated(part, scope)) for part in (left, *rights)]
            return all(_compared(op, a, b) for op, a, b in zip(ops, values, values[1:], strict=False))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            return _called(name, args, keywords, scope)
    raise ExpressionError(f"lessons don't have {ast.unparse(node)!r}; they have names, arithmetic and a few functions")


def _attribute(value: Any, name: str) -> Any:
    if isinstance(value, WalkScope):
        return value[name]
    if isinstance(value, Place):
        return value.attribute(name)
    if name == "shape" and not isinstance(value, (str, tuple)):
        return np.shape(value)
    raise ExpressionError(f"only values of the walk have .{name}")


def _item(value: Any, index: ast.expr) -> Any:
    try:
        return value[ast.literal_eval(index)]
    except (ValueError, TypeError):
        raise ExpressionError(f"an index is a number or several, got [{ast.unparse(index)}]") from None


def _called(name: str, args: Sequence[ast.expr], keywords: Sequence[ast.keyword], scope: Scope) -> Any:
    function = FUNCTIONS.get(name)
    if function is None:
        raise ExpressionError(f"there is no function {name}(); there are {', '.join(FUNCTIONS)}")
    values = [_plain(_evaluated(arg, scope)) for arg in args]
    if name not in _PLAIN:
        values = [np.asarray(_numeric(value)) for value in values]
    options: dict[str, Any] = {}
    for keyword in keywords:
        if keyword.arg not in _KEYWORDS:
            raise ExpressionError(f"{name}() takes {' and '.join(_KEYWORDS)} by name, not {keyword.arg}")
        options[keyword.arg] = _plain(_evaluated(keyword.value, scope))
    return function(*values, **options)


def _compared(op: ast.cmpop, a: Any, b: Any) -> bool:
    if isinstance(op, ast.Eq | ast.NotEq):
        return _equal(a, b) is isinstance(op, ast.Eq)
    if isinstance(op, ast.In | ast.NotIn) and isinstance(a, str) and isinstance(b, str):
        return (a in b) is isinstance(op, ast.In)
    if type(op) not in _ORDER:
        raise ExpressionError("lessons compare with ==, !=, <, <=, > and >=, and look for one text in another")
    return bool(np.all(_ORDER[type(op)](_numeric(a), _numeric(b))))


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return type(a) is type(b) and bool(a == b)
    return np.shape(a) == np.shape(b) and bool(np.all(np.asarray(a) == np.asarray(b)))


def _numeric(value: Any) -> Any:
    """A number or an array, for arithmetic: a tuple here is a vector, and a text is refused."""
    value = _plain(value)
    if isinstance(value, tuple):
        value = np.array(value)
    if isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype.kind not in "biuf"):
        raise ExpressionError("a text is no number")
    return value


def _plain(value: Any) -> Any:
    """Values as plain arrays, numbers, texts and tuples."""
    if isinstance(value, Place):
        value = value.value
    if isinstance(value, WalkScope):
        raise ExpressionError("say what inside: the name of one of its values")
    if isinstance(value, (np.ndarray, np.generic)) and not value.ndim:
        return value.item()
    return value


# ---- showing ---------------------------------------------------------------------------------------------------------


def show(value: Any, form: str = "") -> str:
    """Write the value of an expression as every view does, or in a format: ``.2f``, ``e``, ``full``.

    Examples
    --------
    >>> show(0.0353254), show((2, 3)), show(np.array([5.0, 7.0])), show(0.0353254, ".2f")
    ('0.03533', '(2, 3)', '[5 7]', '0.04')
    """
    if form and not _FORMAT.fullmatch(form):
        raise ExpressionError(f"{form!r} is no format; there are .2f, .6g, .1e, .0% and the like, and full")
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, tuple):
        inner = ", ".join(show(part, form) for part in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if value is None:
        return MISSING
    if isinstance(value, np.ndarray) and value.ndim:
        return full(value) if form == "full" else summary(value, _WIDTH)
    if form == "full":
        return full(value)
    return format(float(value), form) if form else number(value)


def fill(text: str, scope: Scope) -> str:
    """Put values into a text: ``{h}``, ``{w1.grad}``, ``{h - 0.5:.2f}``; ``{{`` and ``}}`` are braces.

    A backslash before a digit goes: it says that this number is none of the walk's.

    Raises
    ------
    ExpressionError
        If an expression has no value, or a brace isn't closed.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from graphgrad.walk.trace import walk
    >>> x = gg.scalar(3.0, name="x")
    >>> fill("x is {x}, its gradient {x.grad:.2f}", WalkScope(walk(x * x)))
    'x is 3, its gradient 6.00'
    """
    return "".join(
        _ESCAPE.sub("", piece) if code is None else show(evaluate(code, scope), form)
        for piece, code, form in pieces(text)
    )


def pieces(text: str) -> Iterator[tuple[str, str | None, str]]:
    """The pieces of a text: plain ones, and expressions with their formats.

    Raises
    ------
    ExpressionError
        If a brace isn't closed or not opened.
    """
    at = 0
    while at < len(text):
        brace = min((found for found in (text.find("{", at), text.find("}", at)) if found >= 0), default=len(text))
        if brace > at:
            yield text[at:brace], None, ""
        if brace == len(text):
            return
        if text[brace : brace + 2] in ("{{", "}}"):
            yield text[brace], None, ""
            at = brace + 2
            continue
        end = text.find("}", brace)
        if text[brace] == "}" or end < 0:
            raise ExpressionError(f"a brace without its other half: {text[max(0, brace - 10) : brace + 20]!r}")
        code, _, form = text[brace + 1 : end].partition(":")
        yield "", code.strip(), form.strip()
        at = end + 1
