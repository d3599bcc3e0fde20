"""Layered layout of a graph in whole character cells.

`layout` places boxes in ranks, in the order of computation, and routes links at right angles between them. It is pure,
deterministic and iterative, and knows nothing of texts or colours; see `graphgrad.view.scene` for what it returns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from graphgrad.view.layout.coordinates import place_across
from graphgrad.view.layout.layers import Kind, Layered, build, merge_lanes
from graphgrad.view.layout.model import Box, Graph, Link, Spacing, index_graph
from graphgrad.view.layout.order import count_crossings, improve_order, start_order
from graphgrad.view.layout.ranks import CycleError, assign_ranks
from graphgrad.view.layout.route import draw
from graphgrad.view.layout.stack import Order, stacked
from graphgrad.view.paint import cell_width
from graphgrad.view.scene import Direction, Scene

__all__ = ["Box", "CycleError", "Link", "Spacing", "layout"]

BUDGET = 3_000_000
LIMIT = 2_000_000
# The crossings that a picture may grow by one rank to avoid.
_LIFT_GAIN = 3
# How many columns of a screen there are for each of its rows.
_SCREEN = 3
# How often boxes are placed again because links hide the title of a frame.
_TITLE_ROUNDS = 2


def layout(
    boxes: Sequence[Box],
    links: Sequence[Link],
    *,
    direction: Direction = "TB",
    frames: bool = False,
    previous: Scene | None = None,
    spacing: Spacing | None = None,
    budget: int = BUDGET,
) -> Scene:
    """Lay out a directed acyclic graph.

    Parameters
    ----------
    boxes : sequence of Box
        The boxes. One with more links on a side than cells there is made longer on that side.
    links : sequence of Link
        The links; parallel links are kept apart by their ports.
    direction : {"TB", "LR"}
        Whether links run from top to bottom or from left to right.
    frames : bool
        Whether the members of every group are kept together, and get a frame.
    previous : Scene, optional
        An earlier scene: boxes that are in it keep their order as long as that costs no crossing.
    spacing : Spacing, optional
        Blank cells; ``Spacing.of(direction)`` by default.
    budget : int
        About how many elementary operations go into improving the picture; a count rather than a time, so that equal
        input gives an equal picture everywhere.

    Returns
    -------
    Scene
        The placed boxes, routes and frames, in the order of the input.

    Raises
    ------
    CycleError
        If the links form a cycle; the message names its boxes.
    ValueError
        If a key occurs twice, a link ends at an unknown box, a box has no cells, or the graph is too large.

    Examples
    --------
    >>> scene = layout([Box("x", 3), Box("y", 5)], [Link("a", "x", "y", port=0), Link("b", "x", "y", port=1)])
    >>> scene.width, scene.height
    (5, 3)
    >>> scene.route["a"].points
    ((2, 0), (2, 1), (1, 1), (1, 2))
    """
    spacing = spacing or Spacing.of(direction)
    graph = index_graph(boxes, links, direction)
    wish = _wishes(boxes, direction, previous)
    free = _ranked(graph, frozenset(), [], budget)
    orders = stacked(graph, free, direction) if frames else []
    ranks = _ranked(graph, frozenset(), orders, budget) if orders else free
    scene = _drawn(graph, ranks, orders, frames, wish, spacing, direction, budget)
    more = stacked(graph, free, direction, wide=True) if frames else []
    if more == orders:
        return scene
    try:
        higher = _ranked(graph, frozenset(), more, budget)
        length = scene.width if direction == "LR" else _SCREEN * scene.height
        if length * (max(higher) + 1) >= _reach(scene) * (max(ranks) + 1):
            return scene  # with so many more ranks the other picture is no smaller, however slim
        other = _drawn(graph, higher, more, frames, wish, spacing, direction, budget)
    except ValueError:
        return scene  # frames that depend on each other in a circle have no such order; or the picture gets too large
    return min(scene, other, key=_reach)


def _reach(scene: Scene) -> int:
    """Return how many columns a screen needs that shows the whole scene."""
    return max(scene.width, _SCREEN * scene.height)


def _drawn(
    graph: Graph,
    ranks: list[int],
    orders: Sequence[Order],
    frames: bool,
    wish: list[float | None],
    spacing: Spacing,
    direction: Direction,
    budget: int,
) -> Scene:
    """Return the scene of a graph in ranks in which certain frames are stacked."""
    layered = _ordered(graph, ranks, orders, frames, wish, budget)
    apart = _title_room(layered, direction)
    x = place_across(layered, spacing, apart, budget)
    for _ in range(_TITLE_ROUNDS):
        covered = _covered_titles(layered, x) if direction == "TB" else []
        if not covered:
            break
        apart += covered
        x = place_across(layered, spacing, apart, budget)
    return draw(graph, layered, x, spacing, direction)


def _ordered(
    graph: Graph,
    ranks: list[int],
    orders: Sequence[Order],
    frames: bool,
    wish: list[float | None],
    budget: int,
) -> Layered:
    """Return the graph with its ranks in order.

    Where a value fans out to boxes that take a parameter each, its branches would run across the links of all these
    parameters. One rank higher they pass between them; that is tried, and kept where it pays for the height.
    """
    layered = _in_order(graph, ranks, frames, wish, budget)
    crossed = count_crossings(layered)
    lifted = _fans(graph, ranks) if crossed >= _LIFT_GAIN else frozenset()
    if lifted:
        higher = _ranked(graph, lifted, orders, budget)
        other = _in_order(graph, higher, frames, wish, budget)
        if count_crossings(other) + _LIFT_GAIN * (max(higher) - max(ranks)) <= crossed:
            return other
    return layered


def _ranked(graph: Graph, lifted: frozenset[int], orders: Sequence[Order], budget: int) -> list[int]:
    """Return the ranks, with some links lengthened, and all of the first boxes of an order above all of the second."""
    uses = Counter(graph.net)
    # The branches of one value share a trunk, so length costs less on each of them.
    links = [
        (tail, head, 2 if link in lifted else 1, max(1, 4 // uses[net]))
        for link, (tail, head, net) in enumerate(zip(graph.tail, graph.head, graph.net, strict=True))
    ]
    count = len(graph.boxes)
    # A point between the boxes of an order stands for the links from each to each; it costs nothing.
    for point, (above, below) in enumerate(orders, count):
        links += [(box, point, 0, 0) for box in above]
        links += [(point, box, 1, 0) for box in below]
    try:
        return assign_ranks(count + len(orders), links, budget)[:count]
    except CycleError as error:
        if orders:
            raise
        names = " -> ".join(repr(graph.boxes[i].key) for i in (*error.cycle, error.cycle[0]))
        message = f"layout: the links form a cycle: {names}; only acyclic graphs can be laid out"
        raise CycleError(error.cycle, message) from None


def _fans(graph: Graph, ranks: list[int]) -> frozenset[int]:
    """Return the links of fanned-out values to boxes in the next rank that also take a leaf of their own."""
    entering = Counter(graph.head)
    leaving = Counter(graph.tail)
    own_leaf = {
        head
        for tail, head in zip(graph.tail, graph.head, strict=True)
        if leaving[tail] == 1 and not entering[tail] and ranks[head] == ranks[tail] + 1
    }
    fans: dict[int, list[int]] = {}
    for link, (tail, head, net) in enumerate(zip(graph.tail, graph.head, graph.net, strict=True)):
        if head in own_leaf and leaving[tail] > 1 and ranks[head] == ranks[tail] + 1:
            fans.setdefault(net, []).append(link)
    return frozenset(link for links in fans.values() if len(links) > 1 for link in links)


def _in_order(graph: Graph, ranks: list[int], frames: bool, wish: list[float | None], budget: int) -> Layered:
    spans = sum(ranks[head] - ranks[tail] - 1 for tail, head in zip(graph.tail, graph.head, strict=True))
    shared = spans > max(500, 4 * len(ranks))
    layered = build(graph, ranks, frames, shared, LIMIT)
    start_order(layered, wish)
    improve_order(layered, budget, seeded=any(value is not None for value in wish))
    return merge_lanes(layered)


def _wishes(boxes: Sequence[Box], direction: Direction, previous: Scene | None) -> list[float | None]:
    """Return where each box was, or would like to be, across the ranks."""
    if previous is None or previous.direction != direction:
        return [box.order_hint for box in boxes]
    wish: list[float | None] = []
    for box in boxes:
        old = previous.box.get(box.key)
        if old is None:
            wish.append(None)
        else:
            wish.append(old.x + old.width / 2 if direction == "TB" else old.y + old.height / 2)
    return wish


def _title_room(layered: Layered, direction: Direction) -> list[tuple[int, int, int]]:
    """Return the frames' sides, left and right, with the distance that a frame's title needs."""
    if direction == "LR":
        return []
    room = []
    for group, pairs in zip(layered.groups[1:], layered.sides[1:], strict=True):
        left, right = pairs[0]
        room.append((left, right, cell_width(group.path[-1]) + 5))
    return room


def _covered_titles(layered: Layered, x: list[int]) -> list[tuple[int, int, int]]:
    """Return the distances that make room for titles where links run into a frame too close to one another.

    A title stands where the upper border is free. If no place there is wide enough, the first links into the frame are
    kept off its left side, or the last ones off its right side, whichever takes fewer cells.
    """
    room = []
    for group, pairs in zip(layered.groups[1:], layered.sides[1:], strict=True):
        left, right = pairs[0]
        layer = layered.layers[group.first]
        inner = layer[layer.index(left) + 1 : layer.index(right)]
        entered = [(x[v] + layered.into[s], v, layered.into[s]) for v in inner for s in layered.up[v]]
        entered = sorted(entry for entry in entered if layered.kind[entry[1]] < Kind.LEFT)
        # The title has a blank on each side, and then the border or a link.
        wanted = cell_width(group.path[-1]) + 3
        columns = [x[left], *(column for column, _, _ in entered), x[right]]
        if max(b - a for a, b in pairwise(columns)) >= wanted:
            continue
        (first, low, into_low), (last, high, into_high) = entered[0], entered[-1]
        if first - x[left] >= x[right] - last:
            room.append((left, low, wanted - into_low))
        else:
            room.append((high, right, wanted + into_high))
    return room
