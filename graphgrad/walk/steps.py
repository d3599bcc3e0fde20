"""The steps of a walk: which things happen, one after the other, in a forward and a backward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from graphgrad.graph.graph import Graph, Operand
from graphgrad.ops.declare import lookup

__all__ = ["GRANULARITIES", "Granularity", "Kind", "Phase", "Step", "is_plumbing", "list_steps"]

Kind = Literal["forward", "failed", "seed", "backward", "accumulate"]
Phase = Literal["forward", "backward"]
Granularity = Literal["concepts", "operations"]
GRANULARITIES: tuple[Granularity, ...] = ("concepts", "operations")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens.

    Attributes
    ----------
    kind
        ``forward``: a vertex gets its value. ``failed``: it raised instead; nothing follows. ``seed``: the pass back
        starts at an output. ``backward``: a vertex passes a contribution on to one of its operands. ``accumulate``: the
        vertex that several contributions go to has added up `k` of `n`.
    vertex
        The vertex that it happens at; for ``backward`` the one that passes on.
    operand
        For ``backward`` the operand's number.
    target
        The value that receives a gradient: for ``seed``, ``backward`` and ``accumulate``.
    contribution
        Which of the walk's contributions this is about, in order of arrival.
    k, n
        How many contributions to `target` have arrived with this step, of how many.
    """

    kind: Kind
    vertex: int
    operand: int | None = None
    target: Operand | None = None
    contribution: int | None = None
    k: int = 0
    n: int = 0

    @property
    def phase(self) -> Phase:
        """The pass that it belongs to."""
        return "forward" if self.kind in ("forward", "failed") else "backward"


def list_steps(graph: Graph, edges: Sequence[tuple[int, int]], seeds: Sequence[Operand]) -> tuple[Step, ...]:
    """All steps of a walk, in order.

    Parameters
    ----------
    graph
        What is walked.
    edges
        For every contribution, in order of arrival, the vertex that passes it on and the operand's number.
    seeds
        The outputs that the pass back starts from; none if there is no such pass.
    """
    return tuple(_steps(graph, edges, seeds))


def _steps(graph: Graph, edges: Sequence[tuple[int, int]], seeds: Sequence[Operand]) -> Iterator[Step]:
    for node in graph.nodes:
        yield Step("forward" if node.error is None else "failed", node.id)
    # A seed counts as a contribution, so an output that is read further on adds its own gradient to others.
    expected: dict[Operand, int] = {}
    targets = [graph.vertices[vertex].operands[operand] for vertex, operand in edges]
    for target in (*seeds, *targets):
        expected[target] = expected.get(target, 0) + 1
    arrived: dict[Operand, int] = {}
    for target in seeds:
        arrived[target] = arrived.get(target, 0) + 1
        yield Step("seed", target.vertex, None, target, None, arrived[target], expected[target])
    for i, ((vertex, operand), target) in enumerate(zip(edges, targets, strict=True)):
        arrived[target] = arrived.get(target, 0) + 1
        k, n = arrived[target], expected[target]
        yield Step("backward", vertex, operand, target, i, k, n)
        if n > 1:
            yield Step("accumulate", target.vertex, None, target, i, k, n)


def is_plumbing(op: str | None) -> bool:
    """Whether an operation only rearranges values, and is passed over at the granularity of concepts."""
    found = lookup(op)
    return found is not None and found.plumbing
