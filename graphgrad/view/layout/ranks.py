"""Ranks: which boxes stand side by side, so that every link points on and the links are short in total.

Minimising the total length is a linear program. Most of a computation graph is settled by three exact reductions (a
leaf stands next to its only consumer, a sink next to its only operand, a box with one link in and one link out takes no
part); what remains, often nothing, goes through the network simplex method of Gansner, Koutsofios, North and Vo, "A
technique for drawing directed graphs" (1993). Ties go to the later rank: near the consumer, counted from the loss.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphgrad.view.layout.simplex import shorten

__all__ = ["CycleError", "assign_ranks"]

# The links between two boxes, taken together: how much a unit of their length costs, and how long they are at least.
Edge = tuple[int, int]


class CycleError(ValueError):
    """The links run in a circle; ``cycle`` holds the positions of its boxes in order."""

    def __init__(self, cycle: Sequence[int], message: str = "") -> None:
        super().__init__(message or f"the links form a cycle through the boxes {list(cycle)}")
        self.cycle = tuple(cycle)


def assign_ranks(count: int, links: Sequence[tuple[int, int, int, int]], budget: int) -> list[int]:
    """Return the rank of each of ``count`` boxes, from 0.

    Parameters
    ----------
    count : int
        The number of boxes.
    links : sequence of (int, int, int, int)
        Tail, head, least length, and what a unit of length costs. Parallel links count as often as they occur.
    budget : int
        The most elementary operations to be spent on shortening what the reductions leave.

    Raises
    ------
    CycleError
        If the links form a cycle.
    """
    after: list[dict[int, Edge]] = [{} for _ in range(count)]
    before: list[dict[int, Edge]] = [{} for _ in range(count)]
    for tail, head, length, weight in links:
        other_weight, other_length = after[tail].get(head, (0, 0))
        edge = (other_weight + weight, max(other_length, length))
        after[tail][head] = before[head][tail] = edge
    order = _topological_order(after, before)
    component = _components(after)
    steps, core = _reduce(after, before)
    rank = [0] * count
    _latest(order, after, rank)
    if len(core) > 1:
        _shorten_core(core, after, rank, budget)
    for vertex, early, late in reversed(steps):
        rank[vertex] = rank[early[0]] + early[1] if early else rank[late[0]] - late[1] if late else 0
    first: dict[int, int] = {}
    for vertex in range(count):
        first[component[vertex]] = min(first.get(component[vertex], rank[vertex]), rank[vertex])
    return [rank[vertex] - first[component[vertex]] for vertex in range(count)]


def _topological_order(after: list[dict[int, Edge]], before: list[dict[int, Edge]]) -> list[int]:
    waiting = [len(tails) for tails in before]
    order = [vertex for vertex, tails in enumerate(waiting) if not tails]
    for vertex in order:
        for head in after[vertex]:
            waiting[head] -= 1
            if not waiting[head]:
                order.append(head)
    if len(order) == len(after):
        return order
    # Every box that is left has a tail that is left: walking back must close a circle.
    vertex = next(v for v, tails in enumerate(waiting) if tails)
    trail: dict[int, int] = {}
    while vertex not in trail:
        trail[vertex] = len(trail)
        vertex = next(tail for tail in before[vertex] if waiting[tail])
    raise CycleError(list(reversed(list(trail)[trail[vertex] :])))


def _components(after: list[dict[int, Edge]]) -> list[int]:
    lead = list(range(len(after)))

    def find(vertex: int) -> int:
        while lead[vertex] != vertex:
            lead[vertex] = vertex = lead[lead[vertex]]
        return vertex

    for vertex, heads in enumerate(after):
        for head in heads:
            lead[find(head)] = find(vertex)
    return [find(vertex) for vertex in range(len(after))]


# A box that was taken out, and where it goes: at a distance after one box, or before one box, or (neither) at will.
Step = tuple[int, Edge | None, Edge | None]


def _reduce(after: list[dict[int, Edge]], before: list[dict[int, Edge]]) -> tuple[list[Step], list[int]]:
    """Take out, for good, every box whose best place follows from those of its neighbours; change both maps."""
    steps: list[Step] = []
    gone = [False] * len(after)
    work = list(range(len(after) - 1, -1, -1))
    while work:
        vertex = work.pop()
        tails, heads = before[vertex], after[vertex]
        if gone[vertex] or len(tails) > 1 or len(heads) > 1:
            continue
        gone[vertex] = True
        head, (pull, reach) = next(iter(heads.items()), (-1, (0, 0)))
        tail, (hold, back) = next(iter(tails.items()), (-1, (0, 0)))
        if head >= 0:
            del before[head][vertex]
            work.append(head)
        if tail >= 0:
            del after[tail][vertex]
            work.append(tail)
        if head >= 0 and tail >= 0:
            # The slack of the pair goes to its cheaper half; the distance of the two ends then costs as much.
            weight, length = after[tail].get(head, (0, 0))
            edge = (weight + min(hold, pull), max(length, back + reach))
            after[tail][head] = before[head][tail] = edge
        late = (head, reach) if head >= 0 and (tail < 0 or pull >= hold) else None
        steps.append((vertex, (tail, back) if tail >= 0 and late is None else None, late))
        tails.clear()
        heads.clear()
    return steps, [vertex for vertex in range(len(after)) if not gone[vertex]]


def _latest(order: list[int], after: list[dict[int, Edge]], rank: list[int]) -> None:
    """Rank each box as late as its heads allow, with every sink at 0."""
    for vertex in reversed(order):
        rank[vertex] = min((rank[head] - length for head, (_, length) in after[vertex].items()), default=0)


def _shorten_core(core: list[int], after: list[dict[int, Edge]], rank: list[int], budget: int) -> None:
    place = {vertex: i for i, vertex in enumerate(core)}
    edges = [
        (place[tail], place[head], length, weight) for tail in core for head, (weight, length) in after[tail].items()
    ]
    ranks = [rank[vertex] for vertex in core]
    shorten(ranks, edges, budget)
    for vertex, value in zip(core, ranks, strict=True):
        rank[vertex] = value
