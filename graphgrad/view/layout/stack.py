"""Which frames stand one below the other.

Ranks know nothing of frames: a parameter of one scope ranks beside the last operation of the scope before, and then the
two frames would stand side by side for the sake of one rank. Where only that rank is in the way, the later frame is to
begin below the earlier one; where several are, both pictures are drawn, and the one that suits a screen is taken. A
leaf of the scope around, which its reader takes together with the result of a wide frame, would stand on the far side
of that frame; it goes below the frame as well, beside the link that comes out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from graphgrad.view.layout.model import Graph
from graphgrad.view.scene import Direction

__all__ = ["Order", "stacked"]

# The last boxes of a frame, and the first boxes of the frame below it.
Order = tuple[list[int], list[int]]
Path = tuple[str, ...]

# Going round a frame whose fullest rank is that broad is worse than the rank that a leaf below it costs.
_BROAD = {"TB": 24, "LR": 12}


def stacked(graph: Graph, ranks: Sequence[int], direction: Direction, wide: bool = False) -> list[Order]:
    """Return what must stand above what, so that frames that follow each other are stacked.

    A frame goes below its sibling if links run from the sibling to it, none run back, and at most one rank holds boxes
    of both. No circle comes of that: a circle of links and such orders would have to lie in a single rank.

    Parameters
    ----------
    graph : Graph
        The boxes and links.
    ranks : sequence of int
        The ranks as they are without any such order.
    direction : {"TB", "LR"}
        Which way the links run.
    wide : bool
        Whether frames that share several ranks are stacked too. These orders may form a circle with the links.
    """
    members: dict[Path, list[int]] = {}
    for i, box in enumerate(graph.boxes):
        for length in range(1, len(box.group) + 1):
            members.setdefault(box.group[:length], []).append(i)
    first = {path: min(ranks[i] for i in boxes) for path, boxes in members.items()}
    last = {path: max(ranks[i] for i in boxes) for path, boxes in members.items()}
    orders = []
    follow = _following(graph)
    for upper, lower in follow:
        if (lower, upper) in follow:
            continue
        if wide and first[lower] > first[upper]:
            orders.append((members[upper], members[lower]))
        elif first[lower] >= last[upper]:
            starts = [i for i in members[lower] if ranks[i] <= last[upper] + 1]
            if starts:
                orders.append(([i for i in members[upper] if ranks[i] == last[upper]], starts))
    for leaf, path in _beside(graph):
        if ranks[leaf] == last[path] and _breadth(graph, ranks, members[path]) >= _BROAD[direction]:
            orders.append(([i for i in members[path] if ranks[i] == last[path]], [leaf]))
    return orders


def _following(graph: Graph) -> dict[tuple[Path, Path], None]:
    """Return the pairs of sibling groups of which the second reads from the first."""
    pairs: dict[tuple[Path, Path], None] = {}
    for tail, head in zip(graph.tail, graph.head, strict=True):
        above, below = graph.boxes[tail].group, graph.boxes[head].group
        level = next((n for n, (a, b) in enumerate(zip(above, below, strict=False)) if a != b), None)
        if level is not None:
            pairs[above[: level + 1], below[: level + 1]] = None
    return pairs


def _beside(graph: Graph) -> dict[tuple[int, Path], None]:
    """Return the leaves with one reader that reads from a group beside the leaf as well, each with that group."""
    uses, entering = Counter(graph.tail), Counter(graph.head)
    leaves: dict[int, list[int]] = {}
    for tail, head in zip(graph.tail, graph.head, strict=True):
        if uses[tail] == 1 and not entering[tail]:
            leaves.setdefault(head, []).append(tail)
    pairs: dict[tuple[int, Path], None] = {}
    for tail, head in zip(graph.tail, graph.head, strict=True):
        inner, reader = graph.boxes[tail].group, graph.boxes[head].group
        for leaf in leaves.get(head, ()):
            outer = graph.boxes[leaf].group
            path = inner[: len(outer) + 1]
            if len(path) > len(outer) and path[:-1] == outer and reader[: len(path)] != path:
                pairs[leaf, path] = None
    return pairs


def _breadth(graph: Graph, ranks: Sequence[int], boxes: Sequence[int]) -> int:
    """Return about how broad the frame of some boxes is: as the boxes of its fullest rank."""
    taken: Counter[int] = Counter()
    for i in boxes:
        taken[ranks[i]] += graph.breadth[i] + 1
    return max(taken.values())
