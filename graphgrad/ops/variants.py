"""Optional operands: an operation as it is when some of them are not given.

A layer without its bias isn't a layer with a bias of zeros: nothing is added, no gradient is worked out, and a picture
shows no such operand. So each combination is an operation of its own, made from the one declaration when it is first
used, and called by a name that `find` reads back: ``"linear without bias"``.

What changes nothing in the place of the operand, its neutral number, is all that a declaration adds:
``neutral={"bias": "0"}``. The formula follows from that: ``{input} @ {weight} + 0`` is ``{input} @ {weight}``.
"""

from __future__ import annotations

import ast
import functools
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphgrad.graph.operation import Op, Sample

__all__ = ["base_and_missing", "rewritten", "without"]

_WITHOUT = " without "


def without(op: Op, missing: Sequence[str]) -> Op:
    """The operation as it is when the operands `missing` are not given."""
    found = op.variants.get(tuple(missing))
    if found is None:
        names = tuple(name for name in op.operands if name in missing)
        found = op.variants.setdefault(names, op.variants.get(names) or _made(op, names))
    return found


def base_and_missing(name: str) -> tuple[str, tuple[str, ...]]:
    """What a name such as ``"linear without bias"`` says."""
    base, _, missing = name.partition(_WITHOUT)
    return base, tuple(missing.split(", ")) if missing else ()


def _made(op: Op, missing: tuple[str, ...]) -> Op:
    places = tuple(i for i, name in enumerate(op.operands) if name not in missing)
    operands = tuple(op.operands[i] for i in places)

    def whole(function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of all operands as one of those that are given."""
        if places == tuple(range(len(places))):
            nothing = (None,) * len(missing)
            return lambda *given, **attrs: function(*given, *nothing, **attrs)

        def of_given(*given: Any, **attrs: Any) -> Any:
            arguments: list[Any] = [None] * len(op.operands)
            for place, value in zip(places, given, strict=True):
                arguments[place] = value
            return function(*arguments, **attrs)

        return of_given

    def joint_of_given(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)  # its signature says what it needs
        def joint(*arguments: Any) -> list[Any]:
            contributions = function(*arguments)
            return [contributions[place] for place in places]

        return joint

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        for operand_values, attrs in op.samples(rng):
            if tuple(name for name, one in zip(op.operands, operand_values, strict=True) if one is None) == missing:
                yield Sample(tuple(operand_values[i] for i in places), attrs)

    neutral = {name: op.neutral[name] for name in missing}
    made = replace(
        op,
        name=op.name + _WITHOUT + ", ".join(missing),
        forward=whole(op.forward),
        operands=operands,
        operand_rules={name: rule.function for name, rule in op.rules.items() if name not in missing},
        joint_rule=None if op.joint is None else joint_of_given(op.joint.function),
        formula=rewritten(op.formula, neutral),
        local={name: rewritten(text, neutral) for name, text in op.local.items() if name not in missing},
        back={name: _told_without(text, neutral) for name, text in op.back.items() if name not in missing},
        divisor="" if _places(op.divisor) & neutral.keys() else op.divisor,
        expand=None if op.expand is None else whole(op.expand),
        shape=whole(op.shape),
        cost=whole(op.cost),
        samples=samples,
        errors=(),
        scalar=None,
        neutral={},
        missing=missing,
        complex_rules={name: rule for name, rule in op.complex_rules.items() if name not in missing},
    )
    made.call = lambda *given, **named: op.call(**dict(zip(operands[: len(given)], given, strict=True)), **named)
    return made


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def _told_without(words: str, numbers: Mapping[str, str]) -> str:
    """What an operand receives, in words, with numbers in some of the places, and without factors of 1."""
    for name, number in numbers.items():
        place = f"{{{name}}}"
        if number == "1":
            words = words.replace(f" · {place}", "").replace(f"{place} · ", "")
        words = words.replace(place, number)
    return words


def rewritten(text: str, numbers: Mapping[str, str]) -> str:
    """A formula with numbers in some of its places, and without what they leave unchanged: + 0, - 0, * 1, / 1.

    An element of a number, ``{weight}[{target}]``, is the number.
    """
    places = _places(text)
    tree = ast.parse(text.format_map({name: f" {name} " for name in places}).strip(), mode="eval").body
    return ast.unparse(_Simplified(places, numbers).visit(tree))


class _Simplified(ast.NodeTransformer):
    def __init__(self, places: set[str], numbers: Mapping[str, str]) -> None:
        self.places = places
        self.numbers = numbers

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.numbers:
            return ast.Constant(ast.literal_eval(self.numbers[node.id]))
        return ast.Name(f"{{{node.id}}}") if node.id in self.places else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        of = self.visit(node.value)
        return of if isinstance(of, ast.Constant) else ast.Subscript(of, self.visit(node.slice), node.ctx)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, (ast.Add, ast.Sub)) and _is(right, 0):
            return left  # type: ignore[no-any-return]
        if isinstance(node.op, (ast.Mult, ast.Div, ast.Pow)) and _is(right, 1):
            return left  # type: ignore[no-any-return]
        if (isinstance(node.op, ast.Add) and _is(left, 0)) or (isinstance(node.op, ast.Mult) and _is(left, 1)):
            return right  # type: ignore[no-any-return]
        return ast.BinOp(left, node.op, right)


def _is(node: ast.expr, number: int) -> bool:
    return isinstance(node, ast.Constant) and node.value == number
