"""`Graph`: a recorded computation as data, which can be looked at, walked and run again."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import GraphError, describe
from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE, Mode
from graphgrad.graph.node import Node, Output, Source
from graphgrad.graph.scalar import Scalar, handle, scalar
from graphgrad.graph.source import Site
from graphgrad.graph.tape import Chunk
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import CLOCK, last_write

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Graph", "Operand", "Vertex"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
Leaf: TypeAlias = "Tensor | Scalar | bool | int | float"


class Operand(NamedTuple):
    """One incoming edge: a vertex, and which of its outputs."""

    vertex: int
    port: int


@dataclass(frozen=True, slots=True, eq=False)  # holds arrays and tensors, which compare elementwise
class Vertex:
    """One value, or several, of a computation: a leaf, a number in the code, or the result of an operation.

    Attributes
    ----------
    id
        Its number; negative for numbers that stand in the code, which have none.
    op
        The operation's name, None for a leaf.
    operands
        Incoming edges in order; ``x * x`` has two from the same vertex.
    attrs
        The operation's attributes.
    shapes, dtypes
        Of each output.
    requires_grad
        Whether a gradient flows here.
    name
        What the user's code calls it, None if unknown.
    scope
        The path of scopes that it was computed in.
    site
        Where in the user's code it was computed, if that was recorded.
    leaf
        For a leaf the tensor, scalar or number itself.
    """

    id: int
    op: str | None
    operands: tuple[Operand, ...]
    attrs: Mapping[str, Any]
    shapes: tuple[Shape, ...]
    dtypes: tuple[np.dtype[Any], ...]
    requires_grad: bool
    name: str | None
    scope: str
    site: Site | None
    leaf: Leaf | None
    epoch: int = field(default=0, repr=False)

    @property
    def is_leaf(self) -> bool:
        """Whether no operation computed it."""
        return self.op is None

    @property
    def is_constant(self) -> bool:
        """Whether it is a number that stands in the code."""
        return self.id < 0

    def freeze(self, values: Sequence[Array] | None = None) -> Vertex:
        """The same vertex with a leaf of its own, which holds the given values, or a copy of those that it has now."""
        shapes, dtypes, leaf = self.shapes, self.dtypes, self.leaf
        if values is not None:
            shapes, dtypes = tuple(value.shape for value in values), tuple(value.dtype for value in values)
        if isinstance(leaf, Tensor):
            array = leaf.data.copy() if values is None else values[0]
            array.flags.writeable = False
            leaf = Tensor(array, self.requires_grad, self.name)
        elif isinstance(leaf, Scalar):
            leaf = scalar(leaf.data if values is None else values[0], self.requires_grad, self.name)
        return replace(self, shapes=shapes, dtypes=dtypes, leaf=leaf, epoch=CLOCK.epoch)


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A computation as data.

    Take one with ``tensor.graph()`` or ``scalar.graph()``. It keeps what it needs to run again, whatever happens to the
    tensors; running a backward pass doesn't change it.

    Attributes
    ----------
    vertices
        By id, operands before results.
    outputs
        The edges that leave the graph: what it computes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = gg.tensor(3.0, requires_grad=True, name="x")
    >>> graph = (x * x + 1.0).graph()
    >>> [vertex.op or vertex.name for vertex in graph]
    ['x', 'multiply', None, 'add']
    >>> graph.run({"x": 5.0})
    tensor(26., op=add)
    """

    vertices: Mapping[int, Vertex]
    outputs: tuple[Operand, ...]

    @classmethod
    def of(cls, *results: Tensor | Scalar) -> Graph:
        """The graph that leads to the given tensors or scalars.

        Raises
        ------
        GraphError
            If tensors and scalars are mixed, or there is none.
        """
        if results and all(isinstance(result, Tensor) for result in results):
            return _of_tensors([result for result in results if isinstance(result, Tensor)])
        if results and all(isinstance(result, Scalar) for result in results):
            return _of_scalars([result for result in results if isinstance(result, Scalar)])
        raise GraphError(describe("graph: needs tensors, or scalars, and not both"))

    def __iter__(self) -> Iterator[Vertex]:
        return iter(self.vertices.values())

    def __len__(self) -> int:
        return len(self.vertices)

    @property
    def leaves(self) -> tuple[Vertex, ...]:
        """The leaves, in order of their numbers, without the numbers that stand in the code."""
        return tuple(vertex for vertex in self if vertex.is_leaf and not vertex.is_constant)

    @property
    def nodes(self) -> tuple[Vertex, ...]:
        """The operations, in the order in which they ran."""
        return tuple(vertex for vertex in self if not vertex.is_leaf)

    def run(
        self,
        feeds: Mapping[Any, Any] | None = None,
        on_value: Callable[[Vertex, tuple[Any, ...]], None] | None = None,
    ) -> Any:
        """Compute everything again from the leaves, as if the code ran once more.

        Parameters
        ----------
        feeds
            Other values for leaves, by the leaf itself, its name or its id: arrays, numbers, tensors or scalars. An
            array takes the leaf's dtype and ``requires_grad``. Leaves that aren't fed have the values that they have
            now, and collect gradients if one is computed from the result.
        on_value
            Called for each vertex, as soon as its values are there, with one tensor or scalar per output.

        Returns
        -------
        Tensor or Scalar
            With a graph of its own; a tuple if the graph has several outputs.

        Raises
        ------
        LookupError
            If a feed names no leaf, or several.
        ShapeError, DTypeError
            If a fed value doesn't fit the operations.
        """
        values: dict[int, Any] = dict(self._fed(feeds or {}))
        uses = self._uses()
        for vertex in self:
            if vertex.op is None:
                values.setdefault(vertex.id, (vertex.leaf,))
                if on_value is not None:
                    on_value(vertex, values[vertex.id])
                continue
            operands = [values[operand.vertex][operand.port] for operand in vertex.operands]
            op = late.find_op(vertex.op)
            mode = MODE.get()
            token = MODE.set(Mode(mode.grad, mode.recorder, vertex.scope))
            try:
                result = op.call(operands, **vertex.attrs) if op.variadic else op.call(*operands, **vertex.attrs)
            finally:
                MODE.reset(token)
            values[vertex.id] = result if isinstance(result, tuple) else (result,)
            if vertex.name is not None and len(values[vertex.id]) == 1:
                values[vertex.id][0].name = vertex.name
            if on_value is not None:
                on_value(vertex, values[vertex.id])
            for operand in vertex.operands:
                uses[operand.vertex] -= 1
                if not uses[operand.vertex]:
                    del values[operand.vertex]
        results = tuple(values[output.vertex][output.port] for output in self.outputs)
        return results[0] if len(results) == 1 else results

    def freeze(self, values: Mapping[int, Sequence[Array]] | None = None) -> Graph:
        """The same computation with leaves of its own: what is written to the user's leaves doesn't reach it.

        Parameters
        ----------
        values
            The values of vertices, by id; leaves that aren't among them are copied as they are now.
        """
        known = values or {}
        return Graph({vertex.id: vertex.freeze(known.get(vertex.id)) for vertex in self}, self.outputs)

    def written_leaves(self) -> tuple[Vertex, ...]:
        """The leaves whose values were written since the graph used them; run again, it would give another result."""
        return tuple(vertex for vertex in self.leaves if _written_since(vertex))

    def to_networkx(self) -> nx.MultiDiGraph[int]:
        """The graph for networkx: vertices by id, an edge per operand.

        Every edge has the operand's number as its key and as ``operand``, and the output that it comes from as
        ``port``; so the two edges of ``x * x`` are told apart.
        """
        import networkx as nx

        graph: nx.MultiDiGraph[int] = nx.MultiDiGraph()
        for vertex in self:
            graph.add_node(
                vertex.id,
                op=vertex.op,
                name=vertex.name,
                attrs=dict(vertex.attrs),
                shapes=vertex.shapes,
                dtypes=tuple(dtype.name for dtype in vertex.dtypes),
                requires_grad=vertex.requires_grad,
                scope=vertex.scope,
            )
            for number, operand in enumerate(vertex.operands):
                graph.add_edge(operand.vertex, vertex.id, key=number, operand=number, port=operand.port)
        return graph

    def render(self, path: str | os.PathLike[str], **options: Any) -> Path:
        """Draw the graph into a file: ``.svg .png .pdf .dot .html .txt .json``, as the suffix says.

        Parameters
        ----------
        path
            Where to.
        **options
            See `graphgrad.render.export.render`.

        Returns
        -------
        Path
            Where the file went.
        """
        return late.render(self, path, **options)

    def _repr_svg_(self) -> str:
        """The picture that notebooks show."""
        return late.to_svg(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self._repr_svg_(), "text/plain": repr(self)}

    def _uses(self) -> dict[int, int]:
        """How often each vertex is read, so that a value can go when its last reader has run."""
        uses: dict[int, int] = {}
        for operand in (*self.outputs, *(operand for vertex in self for operand in vertex.operands)):
            uses[operand.vertex] = uses.get(operand.vertex, 0) + 1
        return uses

    def _fed(self, feeds: Mapping[Any, Any]) -> Iterator[tuple[int, tuple[Any]]]:
        for key, value in feeds.items():
            vertex = self._leaf(key)
            leaf = vertex.leaf
            if isinstance(leaf, Scalar):
                if not isinstance(value, Scalar):
                    value = scalar(value, leaf.requires_grad, leaf.name)
            elif not isinstance(value, Tensor):
                assert isinstance(leaf, Tensor)
                value = Tensor(as_array(value, leaf.dtype, copy=True, what="run"), leaf.requires_grad, leaf.name)
            yield vertex.id, (value,)

    def _leaf(self, key: Any) -> Vertex:
        """The leaf that a feed is for."""
        if isinstance(key, (Tensor, Scalar)):
            vertex = self.vertices.get(key.number)
            if vertex is not None and vertex.is_leaf:
                return vertex
            raise LookupError(describe(f"run: {key!r} is no leaf of this graph", f"leaves: {self._leaf_names()}"))
        found = [leaf for leaf in self.leaves if key in (leaf.name, leaf.id)]
        if len(found) == 1:
            return found[0]
        if found:
            ids = [leaf.id for leaf in found]
            raise LookupError(describe(f"run: {len(found)} leaves are called {key!r}", hint=f"feed by id: {ids}"))
        near = difflib.get_close_matches(str(key), [leaf.name for leaf in self.leaves if leaf.name], n=3)
        raise LookupError(
            describe(
                f"run: no leaf is called {key!r}",
                f"leaves: {self._leaf_names()}",
                hint=f"did you mean {' or '.join(near)}?" if near else "feed by the leaf itself, its name or its id",
            )
        )

    def _leaf_names(self) -> str:
        shown = [leaf.name or str(leaf.id) for leaf in self.leaves[:12]]
        return ", ".join(shown) + (", ..." if len(self.leaves) > 12 else "")


def _written_since(vertex: Vertex) -> bool:
    leaf = vertex.leaf
    if isinstance(leaf, Scalar):
        return leaf.chunk.written.get(leaf.index, 0) > vertex.epoch
    if isinstance(leaf, Tensor):
        write = last_write(leaf._data)
        return leaf._written > vertex.epoch or (write is not None and write.epoch > vertex.epoch)
    return False


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

    def graph(self, outputs: Sequence[Operand], first_use: Mapping[int, float]) -> Graph:
        """Vertices in the order of their ids, but a constant right before its reader.

        A leaf too, if its number is higher: a chunk of scalars takes its numbers when it is begun.
        """

        def place(vertex: Vertex) -> float:
            use = first_use.get(vertex.id, vertex.id)
            return use if vertex.is_constant else min(use, vertex.id)

        self.found.sort(key=place)
        return Graph({vertex.id: vertex for vertex in self.found}, tuple(outputs))


def _of_tensors(results: Sequence[Tensor]) -> Graph:
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
        if result.name and origin is not None and not isinstance(origin, Output):
            names[origin.number] = result.name

    def operand(source: Source, reader: Node | None) -> Operand:
        if isinstance(source, Node):
            return Operand(source.number, 0)
        if isinstance(source, Output):
            return Operand(source.node.number, source.index)
        if isinstance(source, Tensor):
            epoch = source._written if reader is None else reader.epoch
            known = leaves.get(source._number)
            leaves[source._number] = source, epoch if known is None else min(epoch, known[1])
            return Operand(source._number, 0)
        assert reader is not None
        made = builder.constant(source, reader.scope)
        first_use[made.vertex] = reader.number - 0.5
        return made

    outputs = [operand(root, None) for root in roots]
    stack = [root.node if isinstance(root, Output) else root for root in roots if not isinstance(root, Tensor)]
    seen: set[Any] = set(stack)
    while stack:
        node = stack.pop()
        assert isinstance(node, Node)
        name = names.get(node.number)
        if name is None and node.site is not None and len(node.shapes) == 1:
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
        for source in node.operands:
            below = source.node if isinstance(source, Output) else source
            if isinstance(below, Node) and below not in seen:
                seen.add(below)
                stack.append(below)
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
    return builder.graph(outputs, first_use)


_FLOAT64 = np.dtype("float64")


def _of_scalars(results: Sequence[Scalar]) -> Graph:
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
    return builder.graph([Operand(result.number, 0) for result in results], first_use)


def _is_number(chunk: Chunk, index: int) -> bool:
    """Whether a scalar is a number that stands in the code: nobody named it, and it needs no gradient."""
    return not chunk.needs and index not in chunk.notes


late.graph = Graph.of
