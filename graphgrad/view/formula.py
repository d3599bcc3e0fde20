"""What an operation computes and what it passes back, with names and with numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphgrad.graph.graph import Graph, Operand, Vertex
from graphgrad.graph.operation import Op
from graphgrad.ops.declare import lookup
from graphgrad.view import expression
from graphgrad.view.expression import Filling, Written, attribute, is_operator, printed, write
from graphgrad.view.names import Names
from graphgrad.view.numbers import elements, number, shape_text, summary
from graphgrad.view.text import clean
from graphgrad.walk.walk import Array, Walk

__all__ = ["Formulas"]

_ELEMENTS = 24

Lookup = Callable[[Operand], Array | None]


@dataclass(frozen=True, slots=True)
class Formulas:
    """Writes the formulas of a graph.

    Attributes
    ----------
    graph
        The computation.
    names
        What its values are called.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from graphgrad.view.names import names
    >>> from graphgrad.walk.trace import walk
    >>> x, w = gg.scalar(2.0, name="x"), gg.scalar(-3.0, name="w")
    >>> y = x * w
    >>> steps = walk(y)
    >>> formulas = Formulas(steps.graph, names(steps.graph))
    >>> formulas.equation(y.number, steps)
    'multiply = x · w = 2 · (-3) = -6'
    >>> formulas.chain_rule(steps, 1)
    '∂multiply/∂w = ∂multiply/∂multiply · x = 1 · 2 = 2'
    """

    graph: Graph
    names: Names

    # ---- forward ----

    def by_names(self, id: int) -> str:
        """What a vertex computes, with the names of its operands: ``w · x + b``."""
        return self._expression(self.graph.vertices[id], self._named).text

    def by_numbers(self, id: int, walk: Walk) -> str:
        """The same with the operands' values; arrays that are too long to be written stay names."""
        return self._expression(self.graph.vertices[id], self._plugged(walk)).text

    def call(self, id: int) -> str:
        """What a vertex computes, as short as can be: an operator with its operands, or ``sigmoid(z)``."""
        vertex = self.graph.vertices[id]
        op = lookup(vertex.op)
        # One that raised has no attributes, and perhaps not all operands.
        whole = vertex.error is None or (op is not None and len(vertex.operands) == len((*op.operands, *op.attributes)))
        if whole and op is not None and op.formula and is_operator(op.formula):
            return self.by_names(id)
        return self._called(vertex, op, self._named).text

    def equation(self, id: int, walk: Walk, short: bool = True) -> str:
        """What a vertex computes, by names, with numbers where they fit, and the result; or why it raised.

        ``≈`` stands where the numbers as printed give another last digit than the exact ones.
        """
        vertex = self.graph.vertices[id]
        if vertex.error is not None:
            return f"{self.names[id]} = {self.call(id)}: {clean(vertex.error.partition(chr(10))[0])}"
        names = self.call(id) if short else self.by_names(id)
        result = walk.values[id]
        if len(result) > 1:
            return (
                f"{self.names[id]} = {names}: {_shortened([shape_text(one.shape) or summary(one) for one in result])}"
            )
        if vertex.is_leaf:
            return f"{self.names[id]} = {summary(result[0])}"
        filled = self._expression(vertex, self._plugged(walk))
        parts = [self.names[id], names]
        operands = (walk.values[operand.vertex][operand.port] for operand in vertex.operands)
        if all(map(_is_small, operands)) and filled.text != names:
            parts.append(filled.text)
        if not _is_small(result[0]):
            return f"{' = '.join(parts)}: {summary(result[0])}"
        return f"{' = '.join(parts)} {_relation(filled, result[0])} {summary(result[0])}"

    # ---- backward ----

    def derivative_of(self, walk: Walk, place: int | Operand) -> str:
        """The symbol of a gradient: ``∂loss/∂w``."""
        seeds = list(walk.seeds)
        top = expression.name(self.names[seeds[0]] if len(seeds) == 1 else "L")
        bottom = expression.name(self.names[place])
        return f"∂{top.within(expression.ATOM)}/∂{bottom.within(expression.ATOM)}"

    def local(self, id: int, operand: int, walk: Walk | None = None) -> str | None:
        """The derivative of a vertex for one of its operands, by names or with a walk's numbers.

        None if the operation has none that is taken element by element.
        """
        written = self._local(self.graph.vertices[id], operand, self._named if walk is None else self._plugged(walk))
        return None if written is None else written.text

    def chain_rule(self, walk: Walk, contribution: int, names: bool = True) -> str:
        """How a contribution comes about: upstream gradient times local derivative, or the rule in words.

        Parameters
        ----------
        walk
            Of this graph.
        contribution
            Its number in the walk.
        names
            Whether the product is written with names too, before the numbers.
        """
        one = walk.contributions[contribution]
        vertex = self.graph.vertices[one.vertex]
        target = vertex.operands[one.operand]
        several = walk.end().arrived(target)[1] > 1
        parts = [f"{self.derivative_of(walk, target)} {'+=' if several else '='}"]
        upstream = Written(self.derivative_of(walk, one.vertex))
        local = self._local(vertex, one.operand, self._named)
        if local is None:
            return f"{parts[0]} {self._rule(vertex, one.operand, upstream.text)}: {summary(one.value)}"
        product = expression.product(upstream, local).text
        if self._keeps_real_part(vertex, one.operand):
            product = f"Re({product})"
        result = walk.values[one.vertex][0]
        gradient = walk.end().gradient(one.vertex)
        if result.ndim or one.value.ndim or gradient is None:
            if one.value.size < result.size:
                return f"{parts[0]} {product}, summed to shape {one.value.shape}: {summary(one.value, shape=False)}"
            return f"{parts[0]} {product}{_result(one.value)}"
        if names:
            parts.append(f"{product} =")
        numbers = self._local(vertex, one.operand, self._plugged(walk))
        assert numbers is not None
        if product.startswith("Re("):
            filled = expression.product(printed(gradient), numbers)
            parts.append(f"Re({filled.text}) = {number(one.value)}")
            return " ".join(parts)
        filled = expression.product(printed(gradient), numbers)
        parts.append(f"{filled.text} {_relation(filled, one.value)} {number(one.value)}")
        return " ".join(parts)

    # ---- filling the places ----

    def _named(self, operand: Operand) -> Written:
        vertex = self.graph.vertices[operand.vertex]
        name = self.names[operand]
        return printed(vertex.leaf, name) if vertex.is_constant else expression.name(name)

    def _plugged(self, walk: Walk) -> Callable[[Operand], Written]:
        def fill(operand: Operand) -> Written:
            array = walk.values[operand.vertex][operand.port]
            if self.graph.vertices[operand.vertex].is_constant:
                return self._named(operand)
            if not array.ndim:
                return printed(array)
            short = elements(array, _ELEMENTS)
            return self._named(operand) if short is None else Written(short)

        return fill

    def _places(self, vertex: Vertex, op: Op, fill: Callable[[Operand], Written]) -> dict[str, Filling]:
        places = {key: attribute(given) for key, given in vertex.attrs.items()}
        if op.variadic:
            texts = [fill(operand).text for operand in vertex.operands]
            places[op.operands[0]] = Filling(Written(f"[{_shortened(texts)}]"))
        else:
            places |= {key: Filling(fill(operand)) for key, operand in zip(op.operands, vertex.operands, strict=True)}
        return places

    def _expression(self, vertex: Vertex, fill: Callable[[Operand], Written]) -> Written:
        op = lookup(vertex.op)
        if op is None or not op.formula:
            return self._called(vertex, op, fill)
        written = write(op.formula, self._places(vertex, op, fill))
        reduction = vertex.attrs.get("reduction", "none")
        if reduction == "none" or "{reduction}" in op.formula:
            return written
        # The formula is that of one element.
        if reduction == "mean" and op.divisor:
            divisor = write(op.divisor, self._places(vertex, op, fill)).within(expression.ATOM)
            return Written(f"sum({written.text}) / {divisor}")
        return Written(f"{reduction}({written.text})", result=written.result)

    def _called(self, vertex: Vertex, op: Op | None, fill: Callable[[Operand], Written]) -> Written:
        texts = [fill(operand).text for operand in vertex.operands]
        attributes: Mapping[str, object] = op.attributes if op is not None else {}
        for key, given in vertex.attrs.items():
            default = attributes.get(key)
            if type(given) is not type(default) or not np.all(given == default):
                texts.append(f"{key}={attribute(given).written.text}")
        if vertex.op is None:
            return Written(self.names[vertex.id])
        return Written(f"{op.base if op is not None else vertex.op}({_shortened(texts)})")

    def _local(self, vertex: Vertex, operand: int, fill: Callable[[Operand], Written]) -> Written | None:
        op = lookup(vertex.op)
        template = None if op is None or op.variadic else op.local.get(op.operands[operand])
        if op is None or template is None:
            return None
        places = self._places(vertex, op, fill)
        places["out"] = Filling(fill(Operand(vertex.id, 0)))
        written = write(template, places)
        if op.complex != "holomorphic" or not self._is_complex(Operand(vertex.id, 0)):
            return written
        # What is passed on is the conjugate of the complex derivative, times the gradient.
        result = None if written.result is None else complex(written.result).conjugate()
        if result is not None and result.imag == 0:
            return written
        return Written(f"conj({written.text})", result=result)

    def _is_complex(self, place: Operand) -> bool:
        return self.graph.vertices[place.vertex].dtypes[place.port].kind == "c"

    def _keeps_real_part(self, vertex: Vertex, operand: int) -> bool:
        """Whether a real operand receives the real part of what is passed back to it."""
        return self._is_complex(Operand(vertex.id, 0)) and not self._is_complex(vertex.operands[operand])

    def _rule(self, vertex: Vertex, operand: int, upstream: str) -> str:
        """How the gradient of an operand comes from that of the result, in words."""
        op = lookup(vertex.op)
        if op is None:
            return f"from {upstream}"
        key = op.operands[0] if op.variadic else op.operands[operand]
        words = op.back.get(key)
        if words is not None:
            named = {one: attribute(value).written.text for one, value in vertex.attrs.items()}
            if not op.variadic:
                operands = zip(op.operands, vertex.operands, strict=True)
                named |= {one: self._named(place).within(expression.ATOM) for one, place in operands}
            share = ""
            if vertex.attrs.get("reduction") == "mean":
                share = f" / {op.divisor.format(**named)}" if op.divisor else " / n"
            return words.format(g=upstream, out=self.names[vertex.id], share=share, **named).replace("ᵀᵀ", "")
        return f"from {', '.join([upstream, *self._read(vertex, op, key)])}"

    def _read(self, vertex: Vertex, op: Op, key: str) -> Iterator[str]:
        """The names of the values that a rule reads beside the upstream gradient."""
        rule = op.joint or op.rules.get(key)
        for slot in rule.reads if rule is not None else ():
            yield self.names[vertex.operands[slot] if slot < len(vertex.operands) else vertex.id]


def _is_small(array: Array) -> bool:
    return elements(array, _ELEMENTS) is not None


def _result(array: Array) -> str:
    return f" = {summary(array)}" if _is_small(array) else f": {summary(array)}"


def _relation(filled: Written, result: Array) -> str:
    """Whether the numbers as printed give the result as printed."""
    if filled.result is None or result.ndim or number(filled.result) == number(result):
        return "="
    return "≈"


def _shortened(texts: Sequence[str]) -> str:
    """A list of operands, its middle left out if it is long."""
    return ", ".join(texts if len(texts) <= 6 else [*texts[:4], "…", texts[-1]])
