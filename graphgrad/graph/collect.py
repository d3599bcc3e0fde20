"""The way from tensors or scalars down to all that they were computed from, as vertices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node, Output, Source
from graphgrad.graph.scalar import Scalar, handle
from graphgrad.graph.tape import Chunk
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.vertex import Operand, Vertex
from graphgrad.graph.writes import CLOCK

__all__ = ["from_scalars", "from_tensors"]

Collected: TypeAlias = tuple[dict[int, Vertex], tuple[Operand, ...]]
"""The vertices by id, operands before results; and the edges that leave them."""

_FLOAT64 = np.dtype("float64")


class _Builder:
    """Collects vertices; numbers that stand in the code get ids of their own, below zero."""

    def __init__(self) -> None:
        self.found: list[Vertex] = []
        self.constants = 0

    def constant(self, value: float, scope: str) -> Operand:
        self.constants -= 1
        dtype = np.asarray(value).dtype
        self.found.append(Vertex(self.constants, None, (), {}, ((),), (dtype,), False, None, scope, None, value))
        return Operand(self.constants, 0)

    def sorted(self, first_use: Mapping[int, float]) -> dict[int, Vertex]:
        """Vertices in the order of their ids, but a constant right before its reader.

        A leaf too, if its number is higher: a chunk of scalars takes its numbers when it is begun.
        """

        def place(vertex: Vertex) -> float:
            use = first_use.get(vertex.id, vertex.id)
            return use if vertex.is_constant else min(use, vertex.id)

        self.found.sort(key=place)
        return {vertex.id: vertex for vertex in self.found}


def from_tensors(results: Sequence[Tensor]) -> Collected:
    """What leads to the given tensors."""
    recorder = MODE.get().recorder
    builder = _Builder()
    first_use: dict[int, float] = {}
    leaves: dict[int, tuple[Tensor, int]] = {}
    names: dict[int, str] = {}

    roots: list[Source] = []
    for result in results:
        origin: Node | Output | None = result._source
        # A parameter that an optimizer wrote to is a leaf all the same.
        if origin is None and recorder is not None and not result._needs:
            origin = recorder.origin(result)
        roots.append(result if origin is None else origin)
        if result.name and isinstance(origin, Node):
            names[origin.number] = result.name

    def operand(source: Source, reader: Node | None) -> Operand:
        if isinstance(source, Node):
            return Operand(source.number, 0)
        if isinstance(source, Output):
            return Operand(source.node.number, source.index)
        if isinstance(source, Tensor):
            epoch = CLOCK.epoch if reader is None else reader.epoch
            known = leaves.get(source._number)
            leaves[source._number] = source, epoch if known is None else min(epoch, known[1])
            return Operand(source._number, 0)
        assert reader is not None
        made = builder.constant(source, reader.scope)
        first_use[made.vertex] = reader.number - 0.5
        return made

    outputs = [operand(root, None) for root in roots]
    nodes = _nodes_below(roots)
    inner = _inner_steps(nodes)
    for node in nodes:
        name = names.get(node.number) or node.name
        if name is None and node.site is not None and len(node.shapes) == 1 and node not in inner:
            name = node.site.target
        builder.found.append(
            Vertex(
                node.number,
                node.op.name,
                tuple(operand(source, node) for source in node.operands),
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
    for number, (tensor, epoch) in leaves.items():
        builder.found.append(
            Vertex(
                number,
                None,
                (),
                {},
                (tensor.shape,),
                (tensor.dtype,),
                tensor.requires_grad,
                tensor.name,
                "",
                None,
                tensor,
                epoch,
            )
        )
    return builder.sorted(first_use), tuple(outputs)


def _nodes_of(sources: Iterable[Source]) -> Iterator[Node]:
    for source in sources:
        node = source.node if isinstance(source, Output) else source
        if isinstance(node, Node):
            yield node


def _nodes_below(roots: Sequence[Source]) -> list[Node]:
    """The nodes that lead to the roots, each once."""
    found = list(dict.fromkeys(_nodes_of(roots)))
    seen = set(found)
    for node in found:  # which grows meanwhile
        for below in _nodes_of(node.operands):
            if below not in seen:
                seen.add(below)
                found.append(below)
    return found


def _inner_steps(nodes: Sequence[Node]) -> set[Node]:
    """The nodes that the same call of the user's code read again.

    ``h = layer(x)`` may run several operations at one place; h is the last of them alone.
    """
    return {below for node in nodes if node.site for below in _nodes_of(node.operands) if below.site is node.site}


def from_scalars(results: Sequence[Scalar]) -> Collected:
    """What leads to the given scalars."""
    builder = _Builder()
    first_use: dict[int, float] = {}
    stack: list[tuple[Chunk, int]] = [(result.chunk, result.index) for result in results]
    seen = set(stack)
    read_at: dict[tuple[Chunk, int], int] = {}
    vertices: list[tuple[Chunk, int]] = []
    while stack:
        place = stack.pop()
        vertices.append(place)
        chunk, index = place
        for below in chunk.operands(index):
            if _is_number(*below):
                continue
            read_at[below] = min(chunk.epoch, read_at.get(below, chunk.epoch))
            if below not in seen:
                seen.add(below)
                stack.append(below)

    def operand(chunk: Chunk, index: int, reader: int) -> Operand:
        number = chunk.first + index
        if not _is_number(chunk, index):
            first_use[number] = min(reader - 0.5, first_use.get(number, reader))
            return Operand(number, 0)
        made = builder.constant(chunk.values[index], "")
        first_use[made.vertex] = reader - 0.5
        return made

    for chunk, index in vertices:
        note = chunk.notes.get(index)
        code = chunk.ops[index]
        builder.found.append(
            Vertex(
                chunk.first + index,
                late.opcode_name(code) if code else None,
                tuple(operand(below, i, chunk.first + index) for below, i in chunk.operands(index)),
                {},
                ((),),
                (_FLOAT64,),
                chunk.needs,
                None if note is None else note.name,
                "" if note is None else note.scope,
                None if note is None else note.site,
                None if code else handle(chunk, index),
                read_at.get((chunk, index), chunk.epoch),
            )
        )
    return builder.sorted(first_use), tuple(Operand(result.number, 0) for result in results)


def _is_number(chunk: Chunk, index: int) -> bool:
    """Whether a scalar is a number that stands in the code: nobody named it, and it needs no gradient."""
    return not chunk.needs and index not in chunk.notes
