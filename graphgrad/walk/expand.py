"""Zoom: one operation of a walk as a walk of its own, in simpler operations or down to single numbers.

`expand` runs the expansion that an operation declares. `scalars` runs the operation's own NumPy code on arrays whose
elements are Scalars, so that a matrix product becomes the multiplications and additions that it is made of. Both start
from the values that the outer walk has, and from the gradient that arrived there; and both are held against the
operation itself.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from graphgrad.graph.bridge import placed
from graphgrad.graph.errors import GraphError, describe
from graphgrad.graph.graph import Graph, Operand, Vertex
from graphgrad.graph.mode import MODE, Mode
from graphgrad.graph.operation import Op
from graphgrad.graph.scalar import Scalar, scalar
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.declare import find, lookup
from graphgrad.walk.cells import REFUSALS, Unnoticed, leaf_cells, run_on_cells
from graphgrad.walk.trace import trace
from graphgrad.walk.walk import Walk

__all__ = ["CAP", "Way", "expand", "scalars", "ways"]

Array = np.ndarray[Any, Any]
Way = Literal["expand", "scalars"]

CAP = 2_000
"""How many operations on single numbers `scalars` makes, unless told otherwise."""


def ways(walk: Walk, vertex: int) -> tuple[Way, ...]:
    """Which zooms there are into a vertex: ``"expand"``, ``"scalars"``, both or none.

    Parameters
    ----------
    walk
        The walk that it belongs to.
    vertex
        Its id.
    """
    one = _vertex(walk, vertex, "ways")
    if one.op is None or one.error is not None:
        return ()
    found: list[Way] = []
    op = lookup(one.op)
    if op is None:  # somebody's own, which isn't declared here
        return ()
    if op.expand is not None:
        found.append("expand")
    if _is_tensor(walk, one) and not _reason_against_scalars(walk, one, op, CAP):
        # Whether an operation's code runs on single numbers is seen by running it: there are not many.
        with contextlib.suppress(*REFUSALS):
            _scalar_graph(walk, one, op)
            found.append("scalars")
    return tuple(found)


def expand(walk: Walk, vertex: int) -> Walk:
    """The expansion of an operation into simpler ones, as a walk of its own.

    Its leaves are the operands, under the names that the operation gives them, with the values of the outer walk; its
    backward pass starts with the gradient that arrived there. How well the result agrees with the operation's own is
    among the notes.

    Parameters
    ----------
    walk
        The outer walk.
    vertex
        The id of the operation in it.

    Raises
    ------
    GraphError
        If there is no such vertex, or the operation raised or has no expansion.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from graphgrad.walk.expand import expand
    >>> x = gg.scalar(0.5, name="x")
    >>> y = gg.sigmoid(x)
    >>> [vertex.op for vertex in expand(gg.walk(y), y.number).graph.nodes]
    ['negative', 'exp', 'add', 'divide']
    """
    one = _computed(walk, vertex, "expand")
    op = None if one.op is None else find(one.op)
    if op is None or op.expand is None:
        raise GraphError(
            describe(
                f"expand: {_title(one)} has no expansion",
                f"zooms into it: {', '.join(ways(walk, vertex)) or 'none'}",
                hint="graphgrad.walk.expand.ways(walk, vertex) tells which zooms there are",
            )
        )
    graph, places = (_expansion if _is_tensor(walk, one) else _scalar_expansion)(walk, one, op)
    return _inner_walk(walk, one, graph, places, f"{_title(one)}, expanded")


def scalars(walk: Walk, vertex: int, cap: int = CAP) -> Walk:
    """An operation down to single numbers, as a walk of its own.

    Parameters
    ----------
    walk
        The outer walk.
    vertex
        The id of the operation in it.
    cap
        How many operations on single numbers there may be.

    Raises
    ------
    GraphError
        If there is no such vertex, if its operation raised or isn't made of arithmetic on single numbers, or if there
        would be more of that than `cap`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from graphgrad.walk.expand import scalars
    >>> a = gg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = a @ gg.tensor([3.0, 4.0])
    >>> [vertex.op for vertex in scalars(gg.walk(y), y.number).graph.nodes]
    ['multiply', 'multiply', 'add']
    """
    one = _computed(walk, vertex, "scalars")
    op = None if one.op is None else find(one.op)
    if op is None or not _is_tensor(walk, one):
        raise GraphError(describe(f"scalars: {_title(one)} is {'a leaf' if op is None else 'a single number already'}"))
    reason = _reason_against_scalars(walk, one, op, cap)
    if reason:
        hint = "its expansion can be zoomed into: expand(walk, vertex)" if op.expand is not None else ""
        raise GraphError(describe(f"scalars: {_title(one)} {reason}", hint=hint))
    try:
        graph, places = _scalar_graph(walk, one, op)
    except REFUSALS as error:
        raise GraphError(
            describe(f"scalars: {_title(one)} can't be computed in single numbers", str(error).splitlines()[0])
        ) from None
    return _inner_walk(walk, one, graph, places, f"{_title(one)}, in single numbers")


# ---- the outer walk --------------------------------------------------------------------------------------------------


def _vertex(walk: Walk, vertex: int, what: str) -> Vertex:
    found = walk.graph.vertices.get(vertex)
    if found is None:
        raise GraphError(describe(f"{what}: there is no vertex {vertex!r:.40} in this walk"))
    return found


def _computed(walk: Walk, vertex: int, what: str) -> Vertex:
    found = _vertex(walk, vertex, what)
    if found.error is not None:
        said = f"it said: {found.error.partition(chr(10))[0]}"
        raise GraphError(describe(f"{what}: {_title(found)} raised, there is nothing to zoom into", said))
    return found


def _title(vertex: Vertex) -> str:
    name = f" {vertex.name!r}" if vertex.name else ""
    return f"{vertex.op or 'leaf'}{name}"


def _is_tensor(walk: Walk, vertex: Vertex) -> bool:
    """Whether a vertex is a tensor, and not a scalar."""
    return vertex.id not in walk.graph.scalars


def _operands(walk: Walk, vertex: Vertex) -> list[tuple[Operand, Vertex, Array]]:
    vertices = walk.graph.vertices
    return [(one, vertices[one.vertex], walk.values[one.vertex][one.port]) for one in vertex.operands]


def _operand_names(op: Op, count: int) -> list[str]:
    return [f"{op.operands[0]}[{i}]" for i in range(count)] if op.variadic else list(op.operands)


# ---- the declared expansion ------------------------------------------------------------------------------------------


_Places = Mapping[Operand, tuple[str, Sequence[int]]]
"""For each operand, its name and the ids of the leaves that stand for its elements, or for all of it."""


def _expansion(walk: Walk, vertex: Vertex, op: Op) -> tuple[Graph, _Places]:
    leaves: dict[Operand, Tensor] = {}
    given = []
    names = _operand_names(op, len(vertex.operands))
    for name, (source, outer, value) in zip(names, _operands(walk, vertex), strict=True):
        if source not in leaves:
            # A number in the code takes part in the precision of the result.
            floating = outer.is_constant and value.dtype.kind != "b" and vertex.dtypes[0].kind in "fc"
            array = value.astype(vertex.dtypes[0]) if floating else value
            leaves[source] = Tensor(array, outer.requires_grad and array.dtype.kind in "fc", name)
        given.append(leaves[source])
    assert op.expand is not None
    token = MODE.set(Mode(True, Unnoticed(), vertex.scope))
    try:
        with np.errstate(all="ignore"):
            result = op.expand(given, **vertex.attrs) if op.variadic else op.expand(*given, **vertex.attrs)
        graph = Graph.of(*(result if isinstance(result, tuple) else (result,)))
    finally:
        MODE.reset(token)
    return graph, {source: (leaf.name or "", [leaf.number]) for source, leaf in leaves.items()}


def _scalar_expansion(walk: Walk, vertex: Vertex, op: Op) -> tuple[Graph, _Places]:
    """The same on scalars; they are all made to need a gradient, or the tape would leave them out."""
    leaves: dict[Operand, Scalar] = {}
    given: list[Any] = []
    for name, (source, outer, value) in zip(op.operands, _operands(walk, vertex), strict=True):
        if outer.is_constant:
            given.append(float(value))
            continue
        given.append(leaves.setdefault(source, scalar(float(value), name=name)))
    assert op.expand is not None
    with _plain_mode():
        graph = Graph.of(op.expand(*given))
    places = {source: (leaf.name or "", [leaf.number]) for source, leaf in leaves.items()}
    return _with_needs(graph, {leaf.number: _needs(walk, source) for source, leaf in leaves.items()}), places


def _needs(walk: Walk, source: Operand) -> bool:
    return walk.graph.vertices[source.vertex].requires_grad


@contextlib.contextmanager
def _plain_mode() -> Iterator[None]:
    """Operations as usual, whatever mode the caller is in."""
    token = MODE.set(Mode())
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        MODE.reset(token)


def _with_needs(graph: Graph, needs: dict[int, bool]) -> Graph:
    """A graph of scalars in which a gradient flows from some leaves only."""
    found: dict[int, Vertex] = {}
    for vertex in graph:
        flows = vertex.requires_grad
        if vertex.id in needs:
            flows = needs[vertex.id]
            assert isinstance(vertex.leaf, Scalar)
            vertex = replace(vertex, requires_grad=flows, leaf=scalar(vertex.leaf.data, flows, vertex.name))
        elif not vertex.is_leaf:
            flows = any(found[operand.vertex].requires_grad for operand in vertex.operands)
        found[vertex.id] = replace(vertex, requires_grad=flows)
    return Graph(found, graph.outputs)


# ---- down to single numbers ------------------------------------------------------------------------------------------


def _reason_against_scalars(walk: Walk, vertex: Vertex, op: Op, cap: int) -> str:
    """Why an operation can't be shown in single numbers, empty if it can."""
    shapes = [value.shape for _, _, value in _operands(walk, vertex)]
    cost = op.cost(shapes, **vertex.attrs) if op.variadic else op.cost(*shapes, **vertex.attrs)
    sizes = [math.prod(shape) for shape in shapes]
    if not any(sizes) or not math.prod(vertex.shapes[0]):
        return "has no elements"
    if op.outputs is None or op.plumbing or cost == 0:
        return "moves numbers and computes none"
    if not op.differentiable:
        return "isn't arithmetic: no gradient passes through it"
    if max(cost, *sizes) > cap:
        return (
            f"on shapes {' and '.join(map(str, shapes))} would be about {max(cost, *sizes):,} operations on single"
            f" numbers, more than the cap of {cap:,}"
        )
    return ""


def _scalar_graph(walk: Walk, vertex: Vertex, op: Op) -> tuple[Graph, _Places]:
    places: dict[Operand, tuple[str, Sequence[int]]] = {}
    made: dict[Operand, Any] = {}
    needs: dict[int, bool] = {}
    given = []
    names = _operand_names(op, len(vertex.operands))
    with _plain_mode():
        for name, (source, outer, value) in zip(names, _operands(walk, vertex), strict=True):
            if source not in made:
                if outer.is_constant:
                    made[source] = outer.leaf
                elif value.dtype.kind == "f":
                    made[source] = leaf_cells(value, name)
                    places[source] = name, [one.number for one in made[source].flat]
                    needs |= dict.fromkeys(places[source][1], outer.requires_grad)
                else:
                    made[source] = value
            given.append(made[source])
        cells = run_on_cells(op, given, vertex.attrs)
        outputs = []
        for place in np.ndindex(cells.shape):
            name, one = placed(vertex.name or op.name, place), cells[place]
            if not isinstance(one, Scalar):
                one = scalar(float(one), False, name)
            elif not one.is_leaf:
                one.name = name
            outputs.append(one)
        graph = Graph.of(*outputs)
    return _with_needs(graph, needs), places


# ---- the inner walk --------------------------------------------------------------------------------------------------


def _inner_walk(walk: Walk, vertex: Vertex, graph: Graph, places: _Places, title: str) -> Walk:
    ends = {output.vertex for output in graph.outputs}
    tensors = not isinstance(next((leaf.leaf for leaf in graph.leaves), None), Scalar)
    found = {}
    for one in graph:
        name = vertex.name if tensors and len(ends) == 1 and one.id in ends else one.name
        found[one.id] = one if one.is_leaf else replace(one, site=vertex.site, name=name)
    end = walk.end()
    gradients: list[Any] = [end.gradient(vertex.id, port) for port in range(len(vertex.shapes))]
    if not tensors:
        (upstream,) = gradients
        gradients = [None] * len(ends) if upstream is None else list(upstream.flat)
    inner = trace(
        Graph(found, graph.outputs),
        gradients if len(graph.outputs) > 1 else gradients[0],
        title=title,
        backward=any(one is not None for one in gradients),
    )
    return replace(inner, notes=tuple(_comparison(walk, vertex, inner, places)))


def _comparison(walk: Walk, vertex: Vertex, inner: Walk, places: _Places) -> Iterator[str]:
    """How well the zoom agrees with the operation itself: in its result, and in what each operand receives."""
    results = [inner.values[output.vertex][output.port] for output in inner.graph.outputs]
    yield _compare(f"The result of {vertex.op}", results, walk.values[vertex.id])
    received: dict[Operand, Array] = {}
    for one in walk.contributions:
        if one.vertex == vertex.id:
            source = vertex.operands[one.operand]
            received[source] = received[source] + one.value if source in received else one.value
    end = inner.end()
    for source, expected in received.items():
        name, ids = places[source]
        size = expected.size // max(len(ids), 1)
        gradients = [end.gradient(id) if id in inner.graph.vertices else None for id in ids]
        yield _compare(
            f"The gradient for {name}", [np.zeros(size) if one is None else one for one in gradients], [expected]
        )


_TOLERANCE = {"float16": 1e-2, "float32": 1e-4, "complex64": 1e-4, "float64": 1e-9}


def _compare(what: str, results: Sequence[Array], expected: Sequence[Array]) -> str:
    wide = np.result_type(np.float64, *(one.dtype for one in (*results, *expected)))
    found, wanted = (
        np.concatenate([np.asarray(one, wide).reshape(-1) for one in side] or [np.zeros(0)])
        for side in (results, expected)
    )
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    if same.all():
        return f"{what} comes out the same."
    with np.errstate(all="ignore"):
        off = np.where(same, 0.0, np.abs(found - wanted))
        off = np.where(np.isnan(off), np.inf, off)
        # An infinity among them is no reason to be generous with the others.
        scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=1.0)
        allowed = _TOLERANCE.get(expected[0].dtype.name, 1e-9) * scale
    worst = int(np.argmax(off))
    if off[worst] <= allowed:
        return f"{what} comes out the same up to rounding, {off[worst]:.1e} at most."
    return (
        f"{what} comes out as {found[worst]:.4g} where the operation itself has {wanted[worst]:.4g}:"
        " the same mathematics, but not the same numbers."
    )
