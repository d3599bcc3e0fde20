"""`Graph`: a recorded computation as data, which can be looked at, walked and run again."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphgrad.graph.collect import collect
from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import GraphError, describe
from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE
from graphgrad.graph.scalar import Scalar, scalar
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.vertex import Operand, Vertex

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Graph", "Operand", "Vertex", "gives_scalars"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
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
            If there is none, or something else among them.
        """
        if not results or not all(isinstance(result, (Tensor, Scalar)) for result in results):
            got = ", ".join(type(result).__name__ for result in results) or "nothing"
            raise GraphError(describe("graph: needs tensors or scalars", f"got: {got}"))
        return cls(*collect(results))

    def __iter__(self) -> Iterator[Vertex]:
        return iter(self.vertices.values())

    def __len__(self) -> int:
        return len(self.vertices)

    def __repr__(self) -> str:
        outputs = [self.vertices[output.vertex].shapes[output.port] for output in self.outputs]
        return f"<Graph operations={len(self.nodes)} leaves={len(self.leaves)} -> {', '.join(map(str, outputs))}>"

    @property
    def leaves(self) -> tuple[Vertex, ...]:
        """The leaves, in order of their numbers, without the numbers that stand in the code."""
        return tuple(vertex for vertex in self if vertex.is_leaf and not vertex.is_constant)

    @property
    def nodes(self) -> tuple[Vertex, ...]:
        """The operations, in the order in which they ran."""
        return tuple(vertex for vertex in self if not vertex.is_leaf)

    @property
    def failed(self) -> Vertex | None:
        """The operation that raised while this was recorded, and so ended it; None if all of them ran."""
        return next((vertex for vertex in self if vertex.error is not None), None)

    @cached_property
    def scalars(self) -> frozenset[int]:
        """The ids of scalars and of operations that gave scalars; the others are tensors, and numbers in the code."""
        found: set[int] = set()
        for vertex in self:
            if gives_scalars(vertex, (operand.vertex in found for operand in vertex.operands)):
                found.add(vertex.id)
        return frozenset(found)

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
        GraphError
            If the graph ends in an operation that raised.
        LookupError
            If a feed names no leaf, or several; or if the graph has an operation that isn't declared, somebody's own.
        ShapeError, DTypeError
            If a fed value doesn't fit the operations.
        """
        if self.failed is not None:
            raise GraphError(_cannot_run(self.failed))
        ops = {vertex.op: late.find_op(vertex.op) for vertex in self if vertex.op is not None}
        values: dict[int, Any] = dict(self._fed(feeds or {}))
        uses = self._uses()
        for vertex in self:
            if vertex.op is None:
                values.setdefault(vertex.id, (vertex.leaf,))
                if on_value is not None:
                    on_value(vertex, values[vertex.id])
                continue
            operands = [values[operand.vertex][operand.port] for operand in vertex.operands]
            mode = MODE.get()
            token = MODE.set(mode.but(scope=vertex.scope))
            try:
                result = ops[vertex.op].run(operands, vertex.attrs)
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
        return tuple(vertex for vertex in self.leaves if vertex.was_written)

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
                error=vertex.error,
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


def gives_scalars(vertex: Vertex, operands: Iterable[bool]) -> bool:
    """Whether a vertex is a scalar or has some for outputs, from whether its operands are."""
    if vertex.op is None:
        return isinstance(vertex.leaf, Scalar)
    return vertex.op == "scalars" or (vertex.op != "stack" and any(operands))


def _cannot_run(failed: Vertex) -> str:
    return describe(
        f"run: the graph ends in an operation that raised, {failed.op}",
        f"it said: {(failed.error or '').partition(chr(10))[0]}",
        made_at=failed.site,
        hint="mend what it says and record the graph again",
    )


late.graph = Graph.of
