"""A computation that ends in an operation that raised, for tests of everything that shows walks."""

from __future__ import annotations

import graphgrad as gg
from graphgrad.graph.graph import Graph, Vertex
from graphgrad.walk.trace import trace
from graphgrad.walk.walk import Walk


def failed_graph(name: str = "w2") -> Graph:
    """Three operations that run, and a matrix product that doesn't."""
    recording = gg.Recording()
    try:
        with gg.record() as recording, gg.scope("net"):
            x = gg.tensor([[1.0, 2.0], [3.0, 4.0]], name="x")
            w1 = gg.tensor([[0.5, -1.0, 2.0], [1.5, 0.5, -0.5]], requires_grad=True, name="w1")
            w2 = gg.tensor([[1.0], [2.0]], requires_grad=True, name=name)
            z = x @ w1
            h = gg.tanh(z)
            s = h * 0.5
            y = s @ w2  # noqa: F841 - the name is recorded
    except gg.ShapeError:
        pass
    assert recording.failed is not None
    return recording.failed.graph


def failed_walk(name: str = "w2") -> Walk:
    """The walk up to there."""
    return trace(failed_graph(name), title="a script, until it failed")


def failed_vertex(walk: Walk) -> Vertex:
    """The matrix product."""
    assert walk.graph.failed is not None
    return walk.graph.failed
