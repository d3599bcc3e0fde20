"""The way from tensors and scalars down to all that they were computed from, as vertices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from graphgrad.graph.bridge import number_of, operands_of
from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node, Output, Source
from graphgrad.graph.scalar import Scalar, handle
from graphgrad.graph.tape import Note, Place
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.vertex import Operand, Vertex
from graphgrad.graph.writes import CLOCK

__all__ = ["collect"]

Collected: TypeAlias = tuple[dict[int, Vertex], tuple[Operand, ...]]
"""The vertices by id, operands before results; and the edges that leave them."""

_FLOAT64 = np.dtype("float64")
_NO_NOTE = Note()


def collect(results: Sequence[Tensor | Scalar]) -> Collected:
    """What leads to the given tensors and scalars."""
    builder = _Builder()
    names: dict[int, str] = {}
    roots: list[Source | Place] = []
    for result in results:
        if isinstance(result, Scalar):
            roots.append((result.chunk, result.index))
            continue
        origin = _origin(result)
        roots.append(result if origin is None else origin)
        if result.name and isinstance(origin, Node):
            names[origin.number] = result.name
    outputs = tuple([builder.operand(root, None) for root in roots])
    things = _things_below(roots)
    inner = _inner_steps([thing for thing in things if isinstance(thing, Node)])
    for thing in things:
        if isinstance(thing, Node):
            name = names.get(thing.number) or thing.name
            if name is None and thing.site is not None and len(thing.shapes) == 1 and thing not in inner:
                name = thing.site.target
            builder.node(thing, name)
        elif thing[0].origin is not None:
            builder.elements(thing)
        elif thing[0].ops[thing[1]]:
            builder.operation(thing)
    return builder.finished(), outputs


def _origin(tensor: Tensor) -> Node | Output | None:
    """What computed a tensor, as far as it is known."""
    recorder = MODE.get().recorder
    # A parameter that an optimizer wrote to is a leaf all the same.
    if tensor._source is None and recorder is not None and not tensor._needs:
        return recorder.origin(tensor)
    return tensor._source


class _Builder:
    """Collects vertices; numbers that stand in the code get ids of their own, below zero."""

    def __init__(self) -> None:
        self.found: list[Vertex] = []
        self.constants = 0
        self.first_use: dict[int, float] = {}
        # Leaves, with what the clock of writes showed when they were first read.
        self.tensors: dict[int, tuple[Tensor, int]] = {}
        self.scalars: dict[Place, int] = {}

    def operand(self, source: Source | Place, reader: Node | Place | None) -> Operand:
        """The edge from what a reader reads; None for what leaves the graph."""
        if isinstance(source, Scalar):
            source = source.chunk, source.index
        if isinstance(source, tuple):
            return self.place(source, reader)
        if isinstance(source, Node):
            return Operand(source.number, 0)
        if isinstance(source, Output):
            return Operand(source.node.number, source.index)
        if isinstance(source, Tensor):
            epoch = _epoch(reader)
            known = self.tensors.get(source._number)
            self.tensors[source._number] = source, epoch if known is None else min(epoch, known[1])
            return Operand(source._number, 0)
        assert reader is not None
        return self.number(source, reader)

    def place(self, place: Place, reader: Node | Place | None) -> Operand:
        """The edge from a scalar."""
        chunk, index = place
        if chunk.origin is not None:
            return Operand(chunk.first, index)
        if reader is None:
            if not chunk.ops[index]:
                self.scalars.setdefault(place, chunk.epoch)
            return Operand(chunk.first + index, 0)
        if _is_number(place):
            return self.number(chunk.values[index], reader)
        if not chunk.ops[index]:
            epoch, number = _epoch(reader), chunk.first + index
            self.scalars[place] = min(epoch, self.scalars.get(place, epoch))
            # A leaf goes right before its first reader, if its number is higher: a chunk of scalars takes its numbers
            # when it is begun.
            use = number_of(reader) - 0.5
            self.first_use[number] = min(use, self.first_use.get(number, number))
        return Operand(chunk.first + index, 0)

    def number(self, value: Any, reader: Node | Place) -> Operand:
        """The edge from a number that stands in the code; it goes right before its reader."""
        self.constants -= 1
        dtype = np.asarray(value).dtype
        scope = reader.scope if isinstance(reader, Node) else ""
        self.found.append(Vertex(self.constants, None, (), {}, ((),), (dtype,), False, None, scope, None, value))
        self.first_use[self.constants] = number_of(reader) - 0.5
        return Operand(self.constants, 0)

    def node(self, node: Node, name: str | None) -> None:
        """Add an operation on tensors."""
        self.found.append(
            Vertex(
                node.number,
                node.op.name,
                tuple([self.operand(source, node) for source in node.operands]),
                node.attrs,
                node.shapes,
                node.dtypes,
                bool(node.needs),
                name,
                node.scope,
                node.site,
                None,
                node.epoch,
            )
        )

    def operation(self, place: Place) -> None:
        """Add an operation on scalars."""
        chunk, index = place
        note = chunk.notes.get(index, _NO_NOTE)
        self.found.append(
            Vertex(
                chunk.first + index,
                late.opcode_name(chunk.ops[index]),
                tuple([self.operand(below, place) for below in chunk.operands(index)]),
                {},
                ((),),
                (_FLOAT64,),
                chunk.needs,
                note.name,
                note.scope,
                note.site,
                None,
                chunk.epoch,
            )
        )

    def elements(self, place: Place) -> None:
        """Add the step from a tensor to its elements: one vertex, with an output for each of them."""
        chunk, _ = place
        assert chunk.origin is not None
        count = chunk.used
        self.found.append(
            Vertex(
                chunk.first,
                late.opcode_name(chunk.ops[0]),
                (self.operand(chunk.origin.source, place),),
                {},
                ((),) * count,
                (_FLOAT64,) * count,
                True,
                None,
                chunk.origin.scope,
                chunk.origin.site,
                None,
                chunk.epoch,
            )
        )

    def finished(self) -> dict[int, Vertex]:
        """All vertices, in the order of their ids but for leaves and numbers that go before their first reader."""
        for number, (tensor, epoch) in self.tensors.items():
            shapes, dtypes = (tensor.shape,), (tensor.dtype,)
            self.found.append(
                Vertex(
                    number,
                    None,
                    (),
                    {},
                    shapes,
                    dtypes,
                    tensor.requires_grad,
                    tensor.name,
                    "",
                    None,
                    tensor,
                    epoch,
                )
            )
        for (chunk, index), epoch in self.scalars.items():
            note = chunk.notes.get(index, _NO_NOTE)
            leaf = handle(chunk, index)
            self.found.append(
                Vertex(
                    chunk.first + index,
                    None,
                    (),
                    {},
                    ((),),
                    (_FLOAT64,),
                    chunk.needs,
                    note.name,
                    note.scope,
                    note.site,
                    leaf,
                    epoch,
                )
            )
        self.found.sort(key=lambda vertex: self.first_use.get(vertex.id, vertex.id))
        return {vertex.id: vertex for vertex in self.found}


def _epoch(reader: Node | Place | None) -> int:
    if reader is None:
        return CLOCK.epoch
    return reader.epoch if isinstance(reader, Node) else reader[0].epoch


def _things_below(roots: Sequence[Source | Place]) -> list[Node | Place]:
    """The nodes and scalars that lead to the roots, each once; the elements of a tensor count as one, the first."""
    found = list(dict.fromkeys(_behind(roots)))
    seen = set(found)
    for thing in found:  # which grows meanwhile
        for below in _behind(operands_of(thing)):
            if below not in seen:
                seen.add(below)
                found.append(below)
    return found


def _behind(sources: Iterable[Source | Place]) -> Iterator[Node | Place]:
    for source in sources:
        if isinstance(source, Scalar):
            source = source.chunk, source.index
        if isinstance(source, tuple):
            yield source if source[0].origin is None else (source[0], 0)
        else:
            node = source.node if isinstance(source, Output) else source
            if isinstance(node, Node):
                yield node


def _inner_steps(nodes: Sequence[Node]) -> set[Node]:
    """The nodes that the same call of the user's code read again.

    ``h = layer(x)`` may run several operations at one place; h is the last of them alone.
    """
    below = {node: [one for one in _behind(node.operands) if isinstance(one, Node)] for node in nodes if node.site}
    return {one for node, ones in below.items() for one in ones if one.site is node.site}


def _is_number(place: Place) -> bool:
    """Whether a scalar is a number that stands in the code: nobody named it, and it needs no gradient."""
    chunk, index = place
    return not chunk.needs and index not in chunk.notes
