"""How a walk comes about: the graph runs again under an observer that keeps every number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphgrad.autodiff.backward import differentiate
from graphgrad.autodiff.scalar_backward import differentiate_scalar
from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import GraphError, ShapeError, describe
from graphgrad.graph.graph import Graph, Operand, Vertex
from graphgrad.graph.mode import MODE, Mode
from graphgrad.graph.node import Node, Source
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tensor import Tensor
from graphgrad.walk.walk import Contribution, Walk

__all__ = ["trace", "walk"]

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
    ShapeError
        If `result` has several elements and no gradient is given, or one of another shape.

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
    stale = graph.written_leaves()
    if stale:
        names = ", ".join(repr(leaf.name) if leaf.name else f"number {leaf.id}" for leaf in stale)
        raise GraphError(
            describe(
                f"walk: {'leaf' if len(stale) == 1 else 'leaves'} {names} were written since the result was computed",
                hint="walk before the update, compute the result again, or run the script with `graphgrad walk`",
            )
        )
    return trace(graph, gradient, title=title)


def trace(graph: Graph, gradient: Any = None, feeds: Mapping[Any, Any] | None = None, title: str = "") -> Walk:
    """Run a graph and its backward pass, and keep every number.

    Parameters
    ----------
    graph
        With one output.
    gradient
        The upstream gradient of the output; 1 for a single number.
    feeds
        Other values for leaves; see `Graph.run`.
    title
        What the walk is of.
    """
    watcher = _Watcher(graph)
    mode = MODE.get()
    token = MODE.set(Mode(True, None, mode.scope))
    try:
        with np.errstate(all="ignore"):
            result = graph.run(feeds, watcher.saw)
        output = graph.outputs[0]
        seeds: dict[Operand, Array] = {}
        if isinstance(result, Scalar):
            if result.requires_grad and not result.is_leaf:
                seed = 1.0 if gradient is None else float(gradient)
                seeds[output] = np.asarray(seed)
                differentiate_scalar(result, (), gradient=seed, observer=_ScalarWatcher(watcher))
        elif result._source is not None:
            seeds[output] = _seed(result, gradient)
            differentiate([(result._source, seeds[output])], None, observer=watcher)
    finally:
        MODE.reset(token)
    return Walk(graph, watcher.values, seeds, tuple(watcher.contributions), title)


class _Watcher:
    """Keeps the numbers of a run, under the ids of the graph that runs."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.values: dict[int, tuple[Array, ...]] = {}
        self.contributions: list[Contribution] = []
        self.ids: dict[int, int] = {}

    def saw(self, vertex: Vertex, results: tuple[Any, ...]) -> None:
        """A vertex has its values."""
        self.values[vertex.id] = tuple(_copy(result) for result in results)
        if isinstance(results[0], (Tensor, Scalar)):
            self.ids[results[0].number] = vertex.id

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
    array = np.array(value.data if isinstance(value, (Tensor, Scalar)) else value)
    array.flags.writeable = False
    return array


def _seed(result: Tensor, gradient: Any) -> Array:
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
        raise ShapeError(describe("walk: the gradient has the shape of the result", f"{result.shape}", f"got {seed.shape}"))
    return np.asarray(seed, result.dtype)


