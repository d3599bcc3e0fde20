"""An operation that raised: the graph up to it, in which it stands as a marked vertex."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np

from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import GraphgradError
from graphgrad.graph.graph import Graph, Operand, Vertex
from graphgrad.graph.node import next_number
from graphgrad.graph.operation import Op
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.source import Site
from graphgrad.graph.tensor import Tensor

__all__ = ["FailedOperation", "graph_until", "with_failed", "without_failed"]


@dataclass(frozen=True, slots=True, eq=False)
class FailedOperation:
    """An operation that raised under recording.

    Attributes
    ----------
    error
        What it raised. Whoever called it may have handled that.
    graph
        What led to its operands, and itself as the vertex that has an `error`.
    """

    error: Exception
    graph: Graph


def graph_until(
    op: Op, operands: Sequence[Any], error: Exception, *, name: str | None, scope: str, site: Site | None
) -> Graph:
    """The graph of an operation that raised: what led to its operands, and a vertex with an error but no output.

    The graph's outputs are its operands. Those that can't be in a graph are left out: texts, objects, and scalars among
    tensors. So are its attributes; the message tells them.
    """
    on_scalars = any(isinstance(one, Scalar) for one in operands)
    on_tensors = any(isinstance(one, (Tensor, np.ndarray)) for one in operands)
    kind: type[Tensor] | type[Scalar] = Scalar if on_scalars and not on_tensors else Tensor
    given = list(_in_a_graph(operands, kind))
    recorded = [one for one in given if isinstance(one, kind)]
    before = Graph.of(*recorded) if recorded else Graph({}, ())
    vertices = dict(before.vertices)
    for output in before.outputs:
        # y = model(x) runs several operations; what it ran before this one isn't y.
        inner = vertices[output.vertex]
        if site is not None and inner.site is site and inner.name == site.target:
            vertices[inner.id] = replace(inner, name=None)
    places = iter(before.outputs)
    free = count(min([0, *vertices]) - 1, -1)
    edges = []
    for one in given:
        if isinstance(one, kind):
            edges.append(next(places))
        else:
            id, dtype = next(free), np.asarray(one).dtype
            vertices[id] = Vertex(id, None, (), {}, ((),), (dtype,), False, None, scope, None, one)
            edges.append(Operand(id, 0))
    message = str(error) or type(error).__name__
    failed = Vertex(
        next_number(), op.name, tuple(edges), {}, (), (), False, name, scope, site, leaf=None, error=message
    )
    return with_failed(Graph(vertices, tuple(dict.fromkeys(before.outputs))), failed)


def _in_a_graph(operands: Sequence[Any], kind: type[Tensor] | type[Scalar]) -> Iterator[Any]:
    """Tensors or scalars, and the numbers that stand in the code; arrays and complex numbers become leaves, as ever."""
    for given in operands:
        one = given.item() if isinstance(given, np.generic) else given
        if isinstance(one, (kind, bool, int, float)):
            yield one
        elif kind is Tensor and isinstance(one, (np.ndarray, list, tuple, complex)):
            try:
                yield Tensor(as_array(one, copy=True))
            except GraphgradError:  # of another dtype than numbers have: perhaps that is why the operation raised
                continue


def with_failed(graph: Graph, failed: Vertex) -> Graph:
    """The same graph with a vertex that failed at its end."""
    return Graph({**graph.vertices, failed.id: failed}, graph.outputs)


def without_failed(graph: Graph) -> Graph:
    """The part of a graph that was computed: all of it, but for an operation that raised."""
    failed = graph.failed
    if failed is None:
        return graph
    return Graph({vertex.id: vertex for vertex in graph if vertex is not failed}, graph.outputs)
