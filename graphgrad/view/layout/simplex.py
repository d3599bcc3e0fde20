"""The network simplex method: move ranks so that the weighted length of all edges is least."""

from __future__ import annotations

__all__ = ["shorten"]

# tail, head, least length, weight
Edge = tuple[int, int, int, int]


def shorten(rank: list[int], edges: list[Edge], budget: int) -> None:
    """Change feasible ranks in place until the total of ``weight * length`` is least, or the budget is used up.

    A spanning tree of tight edges fixes all ranks. Cutting a tree edge splits the graph in two; if more weight pulls
    the two sides apart along that edge than together, moving one side until another edge is tight is a gain.
    """
    vertices = len(rank)
    pull = [0] * vertices  # weight of the edges out minus weight of the edges in
    for tail, head, _, weight in edges:
        pull[tail] += weight
        pull[head] -= weight
    touching: list[list[int]] = [[] for _ in rank]
    for e, (tail, head, _, _) in enumerate(edges):
        touching[tail].append(e)
        touching[head].append(e)
    for start in _starts(rank, edges, touching):
        tree, budget = _tight_tree(start, rank, edges, touching, budget)
        while tree is not None and budget > 0:
            budget -= len(edges) + vertices
            if not _pivot(start, tree, rank, edges, pull):
                break


def _starts(rank: list[int], edges: list[Edge], touching: list[list[int]]) -> list[int]:
    """Return one vertex of each connected component."""
    seen = [False] * len(rank)
    starts = []
    for start in range(len(rank)):
        if seen[start]:
            continue
        starts.append(start)
        seen[start] = True
        stack = [start]
        while stack:
            vertex = stack.pop()
            for e in touching[vertex]:
                for end in edges[e][:2]:
                    if not seen[end]:
                        seen[end] = True
                        stack.append(end)
    return starts


def _tight_tree(
    start: int, rank: list[int], edges: list[Edge], touching: list[list[int]], budget: int
) -> tuple[set[int] | None, int]:
    """Grow a tree of tight edges over the component of ``start``; None if the budget does not reach."""
    inside = {start}
    tree: set[int] = set()
    fresh = [start]
    rim: set[int] = set()
    while True:
        while fresh:
            vertex = fresh.pop()
            for e in touching[vertex]:
                tail, head, length, _ = edges[e]
                other = head if tail == vertex else tail
                if other in inside:
                    rim.discard(e)
                elif rank[head] - rank[tail] == length:
                    tree.add(e)
                    inside.add(other)
                    fresh.append(other)
                else:
                    rim.add(e)
        # A vertex may have joined after its edge was put on the rim.
        rim = {e for e in rim if (edges[e][0] in inside) != (edges[e][1] in inside)}
        if not rim:
            return tree, budget
        budget -= len(rim) + len(inside)
        if budget <= 0:
            return None, budget
        slack, e = min((rank[edges[e][1]] - rank[edges[e][0]] - edges[e][2], e) for e in rim)
        move = slack if edges[e][0] in inside else -slack
        for vertex in inside:
            rank[vertex] += move
        fresh = [edges[e][0] if edges[e][0] in inside else edges[e][1]]


def _pivot(start: int, tree: set[int], rank: list[int], edges: list[Edge], pull: list[int]) -> bool:
    """Exchange one tree edge for a better one; False when there is none."""
    branches: dict[int, list[int]] = {start: []}
    for e in sorted(tree):
        for end in edges[e][:2]:
            branches.setdefault(end, []).append(e)
    order = [start]
    above: dict[int, int] = {start: -1}
    for vertex in order:
        for e in branches[vertex]:
            if e != above[vertex]:
                child = edges[e][1] if edges[e][0] == vertex else edges[e][0]
                above[child] = e
                order.append(child)
    # The edges inside a subtree cancel out, so the sum of its pulls is the weight that crosses its only tree edge.
    total = {vertex: pull[vertex] for vertex in order}
    worst, cut = 0, -1
    for child in reversed(order[1:]):
        e = above[child]
        points_up = edges[e][0] == child
        value = total[child] if points_up else -total[child]
        if value < worst:
            worst, cut = value, child
        total[edges[e][1] if points_up else edges[e][0]] += total[child]
    if cut < 0:
        return False
    leaving = above[cut]
    subtree = {cut}
    stack = [cut]
    while stack:
        vertex = stack.pop()
        for e in branches[vertex]:
            if e != above[vertex]:
                child = edges[e][1] if edges[e][0] == vertex else edges[e][0]
                subtree.add(child)
                stack.append(child)
    outward = edges[leaving][0] == cut  # the leaving edge runs from the subtree to the rest
    best, entering = -1, -1
    for e, (tail, head, length, _) in enumerate(edges):
        into = head in subtree
        if into != (tail in subtree) and into == outward:
            slack = rank[head] - rank[tail] - length
            if entering < 0 or slack < best:
                best, entering = slack, e
    move = -best if outward else best
    for vertex in subtree:
        rank[vertex] += move
    tree.remove(leaving)
    tree.add(entering)
    return True
