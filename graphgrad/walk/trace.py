"""How a walk comes about: the graph runs again under an observer that keeps every number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.autodiff.backward import differentiate
from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import DTypeError, GraphError, ShapeError, describe
from graphgrad.graph.failure import without_failed
from graphgrad.graph.graph import Graph, Operand, Vertex
from graphgrad.graph.mode import MODE, Mode
from graphgrad.graph.node import Node, Source
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tensor import Tensor, source_of
from graphgrad.walk.walk import Contribution, Walk

__all__ = ["check_unwritten", "trace", "walk"]

Array = np.ndarray[Any, Any]


def walk(result: Tensor | Scalar, gradient: Any = None, title: str = "") -> Walk:
    """Walk through the computation of a tensor or a scalar: its forward pass and its backward pass, step by step.

    The computation runs once more from its leaves, watched; no ``grad`` changes. A result that needs no gradient has
    only a forward pass.

    Parameters
    ----------
    result
        What was computed.
    gradient
        The upstream gradient of `result`, of its shape; 1 for a single number.
    title
        What the walk is of, in a few words.

    Returns
    -------
    Walk

    Raises
    ------
    GraphError
        If a leaf was written since: run again, the computation would be another one.
    ShapeError, DTypeError
        If `result` has several elements and no gradient is given, or one of another shape or kind.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = gg.scalar(3.0)
    >>> walk = gg.walk(x * x)
    >>> walk.end().gradient(x.number)
    array(6.)
    """
    if not isinstance(result, (Tensor, Scalar)):
        raise GraphError(describe(f"walk: a tensor or a scalar is needed, got {type(result).__name__}"))
    graph = Graph.of(result)
    check_unwritten(graph)
    return trace(graph, gradient, title=title)


def check_unwritten(graph: Graph) -> None:
    """Refuse a graph whose leaves were written since it was computed: run again, it would be another computation.

    Raises
    ------
    GraphError
        With the names of these leaves.
    """
    stale = graph.written_leaves()
    if stale:
        names = ", ".join(repr(leaf.name) if leaf.name else f"number {leaf.id}" for leaf in stale)
        raise GraphError(
            describe(
                f"walk: {'leaf' if len(stale) == 1 else 'leaves'} {names}"
                f" {'was' if len(stale) == 1 else 'were'} written since the result was computed",
                hint="walk before the update, compute the result again, or run the script with `graphgrad walk`",
            )
        )


def trace(
    graph: Graph,
    gradient: Any = None,
    feeds: Mapping[Any, Any] | None = None,
    title: str = "",
    *,
    backward: bool = True,
    notes: Sequence[str] = (),
) -> Walk:
    """Run a graph and its backward pass, and keep every number.

    Parameters
    ----------
    graph
        What is computed. The walk's graph is a frozen one: later writes to the leaves don't reach it. If it ends in an
        operation that raised, the walk goes up to there, and there is no backward pass.
    gradient
        The upstream gradient of the output; 1 for a single number. If there are several outputs, a sequence with the
        gradient of each, None where no pass starts.
    feeds
        Other values for leaves; see `Graph.run`.
    title, notes
        What the walk is of, and what else to say about it.
    backward
        Whether there is a backward pass, if any output needs one. Without a gradient, a graph of several outputs has
        none.

    Raises
    ------
    ShapeError, DTypeError
        If an output has several elements and no gradient is given, or one of another shape or kind; or if there are
        more or fewer gradients than outputs.
    GraphError
        If there are feeds for a graph that ends in an operation that raised.
    """
    # With other values the operation might not raise: then nobody knows what would follow.
    computed = without_failed(graph) if not feeds else graph
    backward = backward and computed is graph
    watcher = _Watcher()
    several = len(graph.outputs) != 1
    mode = MODE.get()
    token = MODE.set(Mode(True, None, mode.scope))
    try:
        with np.errstate(all="ignore"):
            results = computed.run(feeds, watcher.saw)
        roots: dict[Operand, tuple[Any, Any]] = {}
        if backward and not (several and gradient is None):
            upstream = gradient if several else (gradient,)
            if len(upstream) != len(graph.outputs):
                raise ShapeError(
                    describe(
                        "walk: a gradient is needed for each output, None where no pass starts",
                        f"expected: {len(graph.outputs)} of them",
                        f"got: {len(upstream)}",
                    )
                )
            for output, result, one in zip(graph.outputs, results if several else (results,), upstream, strict=True):
                # A leaf counts only if somebody wants to start from there: nothing was computed to get it.
                if result.requires_grad and not (one is None and (several or result.is_leaf)):
                    seed = _seed(result, one)
                    # An output that is listed twice starts the pass with both gradients.
                    roots[output] = result, roots[output][1] + seed if output in roots else seed
        _run_backward(list(roots.values()), watcher)
    finally:
        MODE.reset(token)
    seeds = {output: _copy(seed) for output, (_, seed) in roots.items()}
    return Walk(graph.freeze(watcher.values), watcher.values, seeds, tuple(watcher.contributions), title, tuple(notes))


def _run_backward(roots: Sequence[tuple[Any, Any]], watcher: _Watcher) -> None:
    if not roots:
        return
    starts = [(root, float(seed)) if isinstance(root, Scalar) else (source_of(root), seed) for root, seed in roots]
    differentiate(starts, None, observer=watcher, scalar_observer=_ScalarWatcher(watcher))


class _Watcher:
    """Keeps the numbers of a run, under the ids of the graph that runs."""

    def __init__(self) -> None:
        self.values: dict[int, tuple[Array, ...]] = {}
        self.contributions: list[Contribution] = []
        self.ids: dict[int, int] = {}

    def saw(self, vertex: Vertex, results: tuple[Any, ...]) -> None:
        """A vertex has its values."""
        self.values[vertex.id] = tuple(_copy(result) for result in results)
        for result in results:  # integers beside floats have a number of their own
            if isinstance(result, (Tensor, Scalar)):
                self.ids[result.number] = vertex.id

    def seed(self, root: Source, value: Any) -> None:
        """A pass starts; `trace` knows from where."""

    def contribution(self, node: Node, operand: int, value: Any) -> None:
        """A node passes a contribution on."""
        self.contributions.append(Contribution(self.ids[node.number], operand, _copy(value)))


class _ScalarWatcher:
    def __init__(self, watcher: _Watcher) -> None:
        self.watcher = watcher

    def contribution(self, number: int, operand: int, value: float) -> None:
        """A scalar passes a contribution on."""
        self.watcher.contributions.append(Contribution(self.watcher.ids[number], operand, _copy(value)))


def _copy(value: Any) -> Array:
    """A read-only copy: what a walk shows doesn't change, whatever happens to the tensors."""
    array = value.data if isinstance(value, (Tensor, Scalar)) else value
    if isinstance(array, np.ndarray) and array.base is None and not array.flags.writeable:
        return array
    array = np.array(array)
    array.flags.writeable = False
    return array


def _seed(result: Tensor | Scalar, gradient: Any) -> Any:
    if isinstance(result, Scalar):
        try:
            return np.asarray(1.0 if gradient is None else float(gradient))
        except (TypeError, ValueError):
            got = f"got: {type(gradient).__name__} {gradient!r:.40}"
            raise DTypeError(describe("walk: the gradient of a scalar is a number", got)) from None
    if gradient is None:
        if result.size != 1:
            raise ShapeError(
                describe(
                    f"walk: a result of shape {result.shape} has {result.size} elements, not one",
                    hint="walk a single number such as gg.sum(y), or give the upstream gradient",
                )
            )
        return np.ones(result.shape, result.dtype)
    seed = gradient.data if isinstance(gradient, Tensor) else as_array(gradient, copy=True, what="walk: gradient")
    if seed.shape != result.shape:
        raise ShapeError(
            describe(
                "walk: the gradient has the shape of the result", f"expected: {result.shape}", f"got: {seed.shape}"
            )
        )
    return np.asarray(seed, result.dtype)
