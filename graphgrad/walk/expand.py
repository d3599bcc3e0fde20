"""Zoom: one operation of a walk as a walk of its own, in simpler operations or down to single numbers.

`expand` runs the expansion that an operation declares. `scalars` runs the operation's own NumPy code on arrays whose
elements are Scalars, so that a matrix product becomes the multiplications and additions that it is made of. Both start
from the values that the outer walk has, and from the gradient that arrived there; and both are held against the
operation itself.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from graphgrad.graph.errors import GraphError, describe
from graphgrad.graph.graph import Graph, Operand, Vertex
from graphgrad.graph.mode import MODE, Mode
from graphgrad.graph.node import Node, Output
from graphgrad.graph.operation import Op
from graphgrad.graph.record import Recording
from graphgrad.graph.scalar import Scalar, scalar
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.declare import find
from graphgrad.ops.entry import NUMPY_TWINS
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
    if one.op is None:
        return ()
    found: list[Way] = []
    if find(one.op).expand is not None:
        found.append("expand")
    if _is_tensor(walk) and not _reason_against_scalars(walk, one, find(one.op), CAP):
        # Whether an operation's code runs on single numbers is seen by running it: there are not many.
        with contextlib.suppress(*_REFUSALS):
            _scalar_graph(walk, one, find(one.op))
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
        If there is no such vertex, or the operation has no expansion.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from graphgrad.walk.expand import expand
    >>> x = gg.scalar(0.5, name="x")
    >>> y = gg.sigmoid(x)
    >>> [vertex.op for vertex in expand(gg.walk(y), y.number).graph.nodes]
    ['negative', 'exp', 'add', 'divide']
    """
    one = _vertex(walk, vertex, "expand")
    op = None if one.op is None else find(one.op)
    if op is None or op.expand is None:
        raise GraphError(
            describe(
                f"expand: {_title(one)} has no expansion",
                f"zooms into it: {', '.join(ways(walk, vertex)) or 'none'}",
                hint="graphgrad.walk.expand.ways(walk, vertex) tells which zooms there are",
            )
        )
    graph, places = (_expansion if _is_tensor(walk) else _scalar_expansion)(walk, one, op)
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
        If there is no such vertex, if its operation isn't made of arithmetic on single numbers, or if there would be
        more of that than `cap`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from graphgrad.walk.expand import scalars
    >>> a = gg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = a @ gg.tensor([3.0, 4.0])
    >>> [vertex.op for vertex in scalars(gg.walk(y), y.number).graph.nodes]
    ['multiply', 'multiply', 'add']
    """
    one = _vertex(walk, vertex, "scalars")
    op = None if one.op is None else find(one.op)
    if op is None or not _is_tensor(walk):
        raise GraphError(describe(f"scalars: {_title(one)} is {'a leaf' if op is None else 'a single number already'}"))
    reason = _reason_against_scalars(walk, one, op, cap)
    if reason:
        hint = "its expansion can be zoomed into: expand(walk, vertex)" if op.expand is not None else ""
        raise GraphError(describe(f"scalars: {_title(one)} {reason}", hint=hint))
    try:
        graph, places = _scalar_graph(walk, one, op)
    except _REFUSALS as error:
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


def _title(vertex: Vertex) -> str:
    name = f" {vertex.name!r}" if vertex.name else ""
    return f"{vertex.op or 'leaf'}{name}"


def _is_tensor(walk: Walk) -> bool:
    """Whether a walk is over tensors, and not over scalars."""
    return not any(isinstance(leaf.leaf, Scalar) for leaf in walk.graph.leaves)


def _operands(walk: Walk, vertex: Vertex) -> list[tuple[Operand, Vertex, Array]]:
    vertices = walk.graph.vertices
    return [(one, vertices[one.vertex], walk.values[one.vertex][one.port]) for one in vertex.operands]


def _operand_names(op: Op, count: int) -> list[str]:
    return [f"{op.operands[0]}[{i}]" for i in range(count)] if op.variadic else list(op.operands)


# ---- the declared expansion ------------------------------------------------------------------------------------------


class _Unnoticed(Recording):
    """Keeps operations that need no gradient in the graph, and leaves the user's line out of it."""

    def node(self, node: Node, outputs: tuple[Tensor, ...], sources: tuple[Node | Output, ...]) -> None:
        for tensor, source in zip(outputs, sources, strict=True):
            self.remember(tensor, source)

    def leaf(self, tensor: Tensor) -> None:
        """No variable of the user's holds it."""


_Places = Mapping[Operand, tuple[str, Sequence[int]]]
"""For each operand, its name and the ids of the leaves that stand for its elements, or for all of it."""


def _expansion(walk: Walk, vertex: Vertex, op: Op) -> tuple[Graph, _Places]:
    leaves: dict[Operand, Tensor] = {}
    given = []
    names = _operand_names(op, len(vertex.operands))
    for name, (source, outer, value) in zip(names, _operands(walk, vertex), strict=True):
        if source not in leaves:
            # A number in the code takes part in the precision of the result.
            floating = outer.is_constant and value.dtype.kind != "b" and vertex.dtypes[0].kind == "f"
            array = value.astype(vertex.dtypes[0]) if floating else value
            leaves[source] = Tensor(array, outer.requires_grad and array.dtype.kind == "f", name)
        given.append(leaves[source])
    assert op.expand is not None
    token = MODE.set(Mode(True, _Unnoticed(), vertex.scope))
    try:
        with np.errstate(all="ignore"):
            result = op.expand(given, **vertex.attrs) if op.variadic else op.expand(*given, **vertex.attrs)
        graph = Graph.of(result)
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
        given.append(leaves.setdefault(source, _leaf(value, name)))
    assert op.expand is not None
    with _plain_mode():
        graph = Graph.of(op.expand(*given))
    places = {source: (leaf.name or "", [leaf.number]) for source, leaf in leaves.items()}
    return _with_needs(graph, {leaf.number: _needs(walk, source) for source, leaf in leaves.items()}), places


def _needs(walk: Walk, source: Operand) -> bool:
    return walk.graph.vertices[source.vertex].requires_grad


def _leaf(value: Any, name: str) -> Scalar:
    return scalar(float(value), name=name)


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
                    made[source] = _cells(value, name)
                    places[source] = name, [one.number for one in made[source].flat]
                    needs |= dict.fromkeys(places[source][1], outer.requires_grad)
                else:
                    made[source] = value
            given.append(made[source])
        cells = _run(op, given, vertex.attrs)
        outputs = []
        for place in np.ndindex(cells.shape):
            name, one = _placed(vertex.name or op.name, place), cells[place]
            if not isinstance(one, Scalar):
                one = scalar(float(one), False, name)
            elif not one.is_leaf:
                one.name = name
            outputs.append(one)
        graph = Graph.of(*outputs)
    return _with_needs(graph, needs), places


def _placed(name: str, place: Sequence[int]) -> str:
    return f"{name}[{','.join(map(str, place))}]" if place else name


class _Cells(np.ndarray[Any, Any]):
    """An array of Scalars, which answers NumPy's functions with the operations on scalars."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [one.view(np.ndarray) if isinstance(one, _Cells) else one for one in inputs]
        twin = NUMPY_TWINS.get(ufunc)
        op: Op | None = getattr(twin, "op", None)
        if op is not None and op.scalar is not None:
            function = functools.partial(_apply, op)
            if method == "__call__":
                return _as_cells(np.frompyfunc(function, ufunc.nin, 1)(*plain, **kwargs))
            if method == "reduce":
                return _as_cells(_fold(function, plain[0], **kwargs))
        elif method == "__call__" and ufunc is np.matmul:
            return _as_cells(np.matmul(*plain, **kwargs))
        elif method == "__call__" and ((op is not None and not op.differentiable) or ufunc in _PREDICATES):
            # What passes no gradient is a plain number from here on.
            return ufunc(*(_floats(one) for one in plain), **kwargs)
        return NotImplemented

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """Themselves: a Scalar has the one precision that it has."""
        return self

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _as_cells(super().__array_function__(function, types, args, kwargs))


_REFUSALS = (TypeError, AttributeError, ValueError)
_PREDICATES = frozenset({np.isfinite, np.isnan, np.isinf})


def _cells(values: Array, name: str) -> _Cells:
    """A leaf for each element, named by its place."""
    made = np.empty(values.shape, object)
    for place in np.ndindex(values.shape):
        made[place] = _leaf(values[place], _placed(name, place))
    return made.view(_Cells)


def _as_cells(values: Any) -> Any:
    """The result of a NumPy function; a single Scalar as an array without axes, as which it still can do everything."""
    if isinstance(values, Scalar):
        made = np.empty((), object)
        made[()] = values
        return made.view(_Cells)
    return values.view(_Cells) if isinstance(values, np.ndarray) and values.dtype == object else values


def _floats(values: Any) -> Any:
    if isinstance(values, Scalar):
        return values.data
    if isinstance(values, np.ndarray) and values.dtype == object:
        return np.array([float(one) for one in values.flat]).reshape(values.shape)
    return values


def _apply(op: Op, *values: Any) -> Any:
    if any(isinstance(value, Scalar) for value in values):
        return op.call(*(value if isinstance(value, Scalar) else float(value) for value in values))
    return float(op.forward(*map(np.float64, values)))


def _fold(
    function: Callable[[Any, Any], Any],
    values: Array,
    axis: int | tuple[int, ...] | None = 0,
    keepdims: bool = False,
    initial: float | None = None,
) -> Any:
    """Reduce along one axis or several, from left to right."""
    axes = range(values.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(sorted(one % values.ndim for one in axes))
    inner = np.moveaxis(values, axes, range(values.ndim - len(axes), values.ndim))
    result = np.empty(inner.shape[: values.ndim - len(axes)], object)
    for place in np.ndindex(result.shape):
        row = inner[place].reshape(-1).tolist() if axes else [inner[place]]
        # NumPy starts a maximum from -inf, so that there is one of nothing; of something it changes nothing.
        result[place] = functools.reduce(
            function, row if initial is None or (row and initial == -math.inf) else [initial, *row]
        )
    if keepdims:
        return result.reshape([1 if i in axes else length for i, length in enumerate(values.shape)])
    return result


def _checked(op: Op, result: Any) -> Any:
    """The result in cells; refused if the operation's code made plain floats of them and so lost the graph."""
    cells = _as_cells(result)
    if not op.differentiable or not isinstance(cells, np.ndarray):
        return cells
    if not isinstance(cells, _Cells):
        raise TypeError(f"{op.name} makes plain numbers of them")
    for place in np.ndindex(cells.shape):
        one = cells[place]
        if isinstance(one, np.ndarray):  # NumPy puts an array without axes into a place as it is
            cells[place] = one.item()
    return cells


def _run(op: Op, operands: Sequence[Any], attrs: Any) -> Any:
    """Run an operation on arrays of scalars: element by element, by its own code, or by that of its expansion."""
    if op.scalar is not None:
        plain = [one.view(np.ndarray) if isinstance(one, _Cells) else one for one in operands]
        return _as_cells(np.frompyfunc(functools.partial(_apply, op), len(plain), 1)(*plain))
    try:
        return _checked(op, op.forward(list(operands), **attrs) if op.variadic else op.forward(*operands, **attrs))
    except _REFUSALS:
        if op.expand is None:
            raise
    # The expansion is found out on tensors, and then run step by step.
    leaves = [Tensor(np.asarray(_floats(one))) for one in operands]
    token = MODE.set(Mode(True, _Unnoticed(), ""))
    try:
        graph = Graph.of(op.expand(*leaves, **attrs))
    finally:
        MODE.reset(token)
    known = {leaf.number: (one,) for leaf, one in zip(leaves, operands, strict=True)}
    values: dict[int, Any] = {}
    for vertex in graph:
        if vertex.op is None:
            leaf = vertex.leaf
            values[vertex.id] = known.get(vertex.id, (leaf.data if isinstance(leaf, Tensor) else leaf,))
        else:
            result = _run(find(vertex.op), [values[one.vertex][one.port] for one in vertex.operands], vertex.attrs)
            values[vertex.id] = result if isinstance(result, tuple) else (result,)
    output = graph.outputs[0]
    return values[output.vertex][output.port]


# ---- the inner walk --------------------------------------------------------------------------------------------------


def _inner_walk(walk: Walk, vertex: Vertex, graph: Graph, places: _Places, title: str) -> Walk:
    ends = {output.vertex for output in graph.outputs}
    tensors = not isinstance(next((leaf.leaf for leaf in graph.leaves), None), Scalar)
    found = {}
    for one in graph:
        name = vertex.name if tensors and one.id in ends else one.name
        found[one.id] = one if one.is_leaf else replace(one, site=vertex.site, name=name)
    upstream = walk.end().gradient(vertex.id)
    gradients = [None] * len(ends) if upstream is None else [upstream] if tensors else list(upstream.flat)
    inner = trace(
        Graph(found, graph.outputs),
        gradients if len(graph.outputs) > 1 else gradients[0],
        title=title,
        backward=upstream is not None,
    )
    return replace(inner, notes=tuple(_comparison(walk, vertex, inner, places)))


def _comparison(walk: Walk, vertex: Vertex, inner: Walk, places: _Places) -> Iterator[str]:
    """How well the zoom agrees with the operation itself: in its result, and in what each operand receives."""
    results = [inner.values[output.vertex][output.port] for output in inner.graph.outputs]
    yield _compare(f"The result of {vertex.op}", results, [walk.values[vertex.id][0]])
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


_TOLERANCE = {"float16": 1e-2, "float32": 1e-4, "float64": 1e-9}


def _compare(what: str, results: Sequence[Array], expected: Sequence[Array]) -> str:
    found, wanted = (
        np.concatenate([np.asarray(one, np.float64).reshape(-1) for one in side] or [np.zeros(0)])
        for side in (results, expected)
    )
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    if same.all():
        return f"{what} comes out the same."
    with np.errstate(all="ignore"):
        off = np.where(same, 0.0, np.abs(found - wanted))
        off = np.where(np.isnan(off), np.inf, off)
        allowed = _TOLERANCE.get(expected[0].dtype.name, 1e-9) * max(1.0, float(np.nanmax(np.abs(wanted))))
    worst = int(np.argmax(off))
    if off[worst] <= allowed:
        return f"{what} comes out the same up to rounding, {off[worst]:.1e} at most."
    return (
        f"{what} comes out as {found[worst]:.4g} where the operation itself has {wanted[worst]:.4g}:"
        " the same mathematics, but not the same numbers."
    )
