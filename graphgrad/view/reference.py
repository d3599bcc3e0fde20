"""The reference of the operations, composed from their declarations: a row for each, and a page for each.

Nothing here is written by hand for one operation: formulas, derivatives, shapes and refusals are what its declaration
says, and the example is run while the page is made.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphgrad.graph.errors import GraphgradError
from graphgrad.graph.graph import Graph, Vertex
from graphgrad.graph.operation import Op, Sample
from graphgrad.graph.record import record
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.variants import without
from graphgrad.view import expression
from graphgrad.view.expression import Filling, attribute, write
from graphgrad.view.formula import Formulas
from graphgrad.view.names import names
from graphgrad.view.numbers import summary
from graphgrad.walk.trace import walk
from graphgrad.walk.walk import Walk

__all__ = ["Page", "Row", "Section", "page", "row", "untitled"]

_MOST = 4
"""Shapes that a page lists."""
_WIDTH = 72
"""Characters of an array that is written out."""
_SEED = 21
"""Of samples that have both signs: an example of relu is to show what it does."""
_FORWARD = {
    "native": "native: being linear, it is run on the tangents themselves",
    "derived": "derived: by its own rules, run forward",
    "expansion": "derived: by its expansion, run forward",
    "double reverse": "by double reverse: its rule is passed back once more",
    "none": "none",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page.

    Attributes
    ----------
    heading
        What it is about.
    lines
        One fact each.
    is_code
        Whether the lines are formulas and numbers, to be set in a fixed width.
    """

    heading: str
    lines: tuple[str, ...]
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What there is to know about one operation.

    Attributes
    ----------
    name, symbol, signature
        What it is called, what pictures write for it, and how it is called.
    summary
        The first paragraph of its description.
    sections
        The rest, in the order in which one asks.
    """

    name: str
    symbol: str
    signature: str
    summary: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One operation in the table of all: its formula, and what it passes back, or why it passes nothing back."""

    name: str
    formula: str
    derivative: str


def row(op: Op) -> Row:
    """An operation in one line.

    Examples
    --------
    >>> from graphgrad.ops import TABLE
    >>> row(TABLE["multiply"])
    Row(name='multiply', formula='a · b', derivative='∂a: b   ∂b: a')
    """
    example = _Example.of(op)
    attrs = example.vertex.attrs
    derivatives = (f"∂{operand}: {text}" for operand, text in _derivatives(op, example))
    return Row(op.name, _formula(op, attrs), "   ".join(derivatives) or f"none: {_reason(op)}")


def untitled(_: str) -> str:
    """What an item of the curriculum is called where nobody has a title for it."""
    return ""


def page(op: Op, place: str, titles: Callable[[str], str] = untitled) -> Page:
    """Everything about an operation.

    Parameters
    ----------
    op
        The declaration.
    place
        Where it is offered, such as ``"gg"``.
    titles
        What an item of the curriculum is called, by its id.

    Examples
    --------
    >>> from graphgrad.ops import TABLE
    >>> made = page(TABLE["tanh"], "gg")
    >>> made.signature
    'gg.tanh(x)'
    >>> made.sections[0]
    Section(heading='Formula', lines=('out = tanh(x)',), is_code=True)
    """
    example = _Example.of(op)
    parts = _description(op)
    sections = [
        Section("Notes", (*_paragraphs(parts[""])[1:], *_paragraphs(parts.get("Notes", "")))),
        Section("Parameters", tuple(_entries(parts.get("Parameters", "")))),
        Section("Returns", tuple(_entries(parts.get("Returns", "")))),
        Section(
            "Formula", (f"out = {_formula(op, example.vertex.attrs)}", *_formulas_without(op), *_reduced(op)), True
        ),
        _backward(op, example),
        Section("Expansion", tuple(_expansion(op, example)), True),
        Section("Shapes", tuple(dict.fromkeys(_shapes(op)))[:_MOST], True),
        Section("An example, run now", tuple(example.lines()), True),
        Section("In Python", tuple(parts.get("Examples", "").splitlines()), True),
        Section("Refused", tuple(_refusals(op))),
        Section("Forward mode", (_FORWARD["expansion" if op.by_expansion and not op.linear else op.forward_mode],)),
        Section("Single numbers", ("It runs on scalars too.",) if op.scalar is not None else ()),
        Section("Curriculum", tuple(f"{id}  {titles(id)}".rstrip() for id in op.covers)),
    ]
    return Page(
        op.name,
        op.symbol if op.symbol != op.name else "",
        ".".join(filter(None, [place, op.name])) + _signature(op),
        summary_of(op),
        tuple(section for section in sections if section.lines),
    )


def summary_of(op: Op) -> str:
    """The first paragraph of an operation's description, on one line."""
    return _paragraphs(op.doc)[0]


def _description(op: Op) -> dict[str, str]:
    """The parts of an operation's description by their headings; what stands before the first one has none."""
    first, *rest = re.split(r"\n(\w+)\n-{3,}\n", op.doc)
    return {"": first, **dict(zip(rest[::2], rest[1::2], strict=True))}


def _paragraphs(text: str) -> list[str]:
    return [" ".join(one.split()) for one in text.strip().split("\n\n") if one]


def _entries(text: str) -> Iterator[str]:
    """A line for each entry: names stand at the margin, and what they mean is indented below."""
    for entry in re.split(r"\n(?=\S)", text.strip()) if text else ():
        names, _, meaning = entry.partition("\n")
        yield f"{names}: {' '.join(meaning.split())}"


def _signature(op: Op) -> str:
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(op.call).parameters.values()
    ]
    text = str(inspect.Signature(plain))
    return re.sub(r", /(?=[,)])", "", text)  # by position only: a detail of the quick ways


# ---- the example -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Example:
    """A sample of an operation, walked through: its operands bear their own names, the result is ``out``."""

    op: Op
    operands: Mapping[str, Tensor]
    attrs: Mapping[str, Any]
    walk: Walk

    @classmethod
    def of(cls, op: Op) -> _Example:
        sample = _telling(op)
        tensors = {
            label: Tensor(_rounded(value), _can_receive(op, label, value), label)
            for label, value in _operands(op, sample).items()
        }
        with record(), np.errstate(all="ignore"):
            result = _called(op, tensors, sample.attrs)
            outs = result if isinstance(result, tuple) else (result,)
            if len(outs) == 1:
                outs[0].name = "out"
            wanted = next((out for out in outs if out.requires_grad), outs[0])
            walked = walk(wanted, _upstream(wanted) if wanted.requires_grad else None)
        return cls(op, tensors, sample.attrs, walked)

    @property
    def vertex(self) -> Vertex:
        return self.walk.graph.nodes[-1]

    def lines(self) -> Iterator[str]:
        for label, tensor in self.operands.items():
            yield f"{label} = {_value(tensor.data)}"
        for name, value in self.attrs.items():
            yield f"{name} = {_value(value)}"
        results = self.walk.values[self.vertex.id]
        labels = ["out"] if len(results) == 1 else [f"out[{i}]" for i in range(len(results))]
        for label, result in zip(labels, results, strict=True):
            yield f"{label} = {_value(result)}"
        if not self.walk.seeds:
            return
        (seeded,) = self.walk.seeds
        yield f"the gradient {_value(self.walk.seeds[seeded])} of {labels[seeded.port]} gives"
        end = self.walk.end()
        for label, tensor in self.operands.items():
            gradient = end.gradient(tensor.number)
            if gradient is not None:
                yield f"  {label}: {_value(gradient)}"


def _upstream(result: Tensor) -> Any:
    """A gradient in which no two elements are the same, so that one sees where each goes."""
    return np.arange(1.0, result.size + 1.0).reshape(result.shape).astype(result.dtype)


def _operands(op: Op, sample: Sample) -> dict[str, Any]:
    """The operands of a sample by name, without those that are left out."""
    if op.variadic:
        return {f"{op.operands[0]}[{i}]": value for i, value in enumerate(sample.operands[0])}
    given = zip(op.operands, sample.operands, strict=False)
    return {name: value for name, value in given if value is not None}


def _called(op: Op, operands: Mapping[str, Any], attrs: Mapping[str, Any]) -> Any:
    if op.variadic:
        parameters = inspect.signature(op.call).parameters
        if parameters[op.operands[0]].kind is not inspect.Parameter.VAR_POSITIONAL:
            return op.call(list(operands.values()), **attrs)
        before = list(parameters)[: list(parameters).index(op.operands[0])]  # einsum(subscripts, *operands)
        rest = {name: value for name, value in attrs.items() if name not in before}
        return op.call(*(attrs[name] for name in before), *operands.values(), **rest)
    if op.attributes or op.neutral:
        return op.call(**operands, **attrs)
    return op.call(*operands.values())  # the quick ways take operands by position


def _telling(op: Op) -> Sample:
    """The sample that says most in few numbers: all operands given, several elements, no axis of length one."""

    def weight(sample: Sample) -> tuple[int, int, int, int]:
        given = _operands(op, sample)
        sizes = [np.size(value) for value in given.values()]
        lonely = sum(1 in np.shape(value) for value in given.values())
        return -len(given) * (not op.variadic), max(sizes) < 2 or min(sizes) < 1, lonely, sum(sizes)

    return min(op.samples(np.random.default_rng(_SEED)), key=weight)


def _can_receive(op: Op, label: str, value: Any) -> bool:
    has_rule = op.joint is not None or label in op.rules
    return has_rule and np.asarray(value).dtype.kind in "fc"


def _rounded(value: Any) -> Any:
    """Numbers that one can calculate with on paper, where rounding leaves them what they are."""
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return array
    short = np.asarray(np.round(array, 1))
    same = len(np.unique(short)) == len(np.unique(array)) and bool(np.all((short == 0) == (array == 0)))
    return short if same else array


def _value(value: Any) -> str:
    return summary(value, width=_WIDTH) if isinstance(value, np.ndarray) else attribute(value).written.text


# ---- formulas --------------------------------------------------------------------------------------------------------


def _formula(op: Op, attrs: Mapping[str, Any]) -> str:
    return write(op.formula, _places(op, attrs)).text


def _local(op: Op, operand: str, attrs: Mapping[str, Any]) -> str:
    return write(op.local[operand], _places(op, attrs)).text


def _places(op: Op, attrs: Mapping[str, Any]) -> dict[str, Filling]:
    """Operands by their names; attributes too where they are numbers of a formula, not ways to compute it."""
    places = {operand: Filling(expression.name(operand)) for operand in (*op.operands, "out")}
    for key, value in attrs.items():
        places[key] = Filling(expression.name(key)) if isinstance(value, float) else attribute(value)
    return places


# ---- what is said of it ----------------------------------------------------------------------------------------------


def _derivatives(op: Op, example: _Example) -> Iterator[tuple[str, str]]:
    """Each operand with its local derivative, or the rule in words."""
    attrs = example.vertex.attrs
    if not op.differentiable:
        return
    for operand in op.operands:
        if op.joint is None and operand not in op.rules:
            continue
        if operand in op.local:
            yield operand, _local(op, operand, attrs)
        elif operand in op.back:
            filled = {key: filling.written.text for key, filling in _places(op, attrs).items()}
            yield operand, op.back[operand].format(g="g", share="", **filled)
        elif op.by_expansion:
            if operand not in example.operands or example.operands[operand].requires_grad:  # classes and signs don't
                yield operand, "through the expansion"
        else:
            yield operand, "by its rule"


def _backward(op: Op, example: _Example) -> Section:
    if not op.differentiable:
        return Section("Derivative", ("It has none. " + _reason(op),))
    lines = []
    for operand, text in _derivatives(op, example):
        is_local = operand in op.local
        lines.append(f"∂out/∂{operand} = {text}" if is_local else f"{operand} receives {text}")
    words = [] if op.local else [f"where g is the gradient of out{_share(op)}"]
    return Section("Derivative", (*lines, *words), True)


def _is_reduced(op: Op) -> bool:
    """Whether its formula is that of one loss, and `reduction` says what its result is."""
    return "reduction" in op.attributes and "{reduction}" not in op.formula


def _reduced(op: Op) -> Iterator[str]:
    """What becomes of the single losses."""
    if _is_reduced(op):
        yield f"is one loss; reduction=none leaves all of them, sum adds them up, mean divides that by {_divisor(op)}"


def _share(op: Op) -> str:
    return f", of a mean divided by {_divisor(op)}" if _is_reduced(op) else ""


def _divisor(op: Op) -> str:
    """What the mean of losses divides their sum by."""
    if not op.divisor:
        return "the number of losses"
    by = write(op.divisor, {operand: Filling(expression.name(operand)) for operand in op.operands}).text
    return f"{by}, without weight by the number of losses"


def _reason(op: Op) -> str:
    """Why it has no derivative, as its description says."""
    sentences = re.split(r"(?<=[.!?]) ", " ".join(_description(op)[""].split()))
    told = [one for one in sentences if "gradient" in one or "derivative" in one]
    return " ".join(told)


def _formulas_without(op: Op) -> Iterator[str]:
    """The formula without optional operands, each way in which a sample leaves them out."""
    told: set[tuple[str, ...]] = {()}
    for sample in op.samples(np.random.default_rng(_SEED)) if op.neutral else ():
        missing = tuple(name for name, value in zip(op.operands, sample.operands, strict=True) if value is None)
        if missing not in told:
            told.add(missing)
            with record() as recording, np.errstate(all="ignore"):
                _called(op, _operands(op, sample), sample.attrs)
            yield f"out = {_formula(without(op, missing), recording.nodes[-1].attrs)}   without {', '.join(missing)}"


def _expansion(op: Op, example: _Example) -> Iterator[str]:
    if op.expand is None:
        return
    attrs = example.vertex.attrs
    operands = [Tensor(tensor.data, tensor.requires_grad, label) for label, tensor in example.operands.items()]
    with record(), np.errstate(all="ignore"):
        if op.variadic:
            result = op.expand(operands, **attrs)
        else:
            given = dict(zip(example.operands, operands, strict=True))
            result = op.expand(*(given.get(name) for name in op.operands), **attrs)
        outs = result if isinstance(result, tuple) else (result,)
        made = Graph.of(*outs)
    # The names of the code that asks for this page are no names of the expansion's.
    graph = Graph(
        {vertex.id: vertex if vertex.is_leaf else replace(vertex, name=None) for vertex in made}, made.outputs
    )
    formulas = Formulas(graph, names(graph))
    for vertex in graph.nodes:
        yield f"{formulas.names[vertex.id]} = {formulas.call(vertex.id)}"


def _shapes(op: Op) -> Iterator[str]:
    for sample in op.samples(np.random.default_rng(_SEED)):
        operands = _operands(op, sample)
        with record() as recording, np.errstate(all="ignore"):
            _called(op, operands, sample.attrs)
        left = ", ".join(str(np.shape(value)) for value in operands.values())
        attrs = ", ".join(f"{name}={_value(value)}" for name, value in sample.attrs.items())
        yield f"{left}{f'  with {attrs}' if attrs else ''} → {', '.join(map(str, recording.nodes[-1].shapes))}"


def _refusals(op: Op) -> Iterator[str]:
    """What its refusals say, from letting it refuse."""
    for sample in op.errors:
        try:
            _called(op, _operands(op, Sample(sample.operands, sample.attrs)), sample.attrs)
        except GraphgradError as error:
            yield f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
