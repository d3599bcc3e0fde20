"""What a layout is asked for, checked and brought into index form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from graphgrad.view.scene import Direction, Key

__all__ = ["TWIG", "Box", "Graph", "Link", "Spacing", "index_graph"]

TWIG = 5
"""The most boxes of a branch that stands beside a spine rather than bending it, as the products in a sum."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box to be placed.

    Parameters
    ----------
    key : str or int
        Its identity, unique among the boxes.
    width, height : int
        Its size in cells. A side with more links than cells is made longer (see `layout`).
    group : tuple of str
        The scope path, as ``("encoder", "0")``; the frame of every prefix encloses the box.
    order_hint : float, optional
        Where the box would like to stand among the others of its rank: boxes with hints start out in their order.
    """

    key: Key
    width: int
    height: int = 1
    group: tuple[str, ...] = ()
    order_hint: float | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A link from a tail box to a head box.

    ``port`` is the operand's number at the head: links enter a head from left to right (top to bottom in a picture that
    runs from left to right) in the order of their ports. ``tail_port`` is the output's number at the tail: links that
    share tail and tail port carry the same value, and may share a trunk.
    """

    key: Key
    tail: Key
    head: Key
    port: int = 0
    tail_port: int = 0


@dataclass(frozen=True, slots=True)
class Spacing:
    """Blank cells. Across: side by side in a rank. Along: from rank to rank.

    Parameters
    ----------
    box : int
        Across, between two boxes of a rank.
    lane : int
        Across, between two links that pass through a rank side by side.
    rank : int
        Along, the least distance of two ranks; at least 1.
    track : int
        Along, between two parallel tracks of links in the channel between two ranks.
    entry : int
        Along, the straight run that every link has before its head (1 gives arrow heads a cell of their own).
    frame : int
        Along, between a box and the frame around it; between two frames, about half of that.
    """

    box: int
    lane: int
    rank: int
    track: int
    entry: int
    frame: int = 0

    @classmethod
    def of(cls, direction: Direction) -> Spacing:
        """Return the usual spacing of a direction; a cell is about twice as high as wide."""
        return cls(3, 1, 1, 0, 0) if direction == "TB" else cls(1, 0, 3, 1, 1, 2)

    def between(self, left_is_box: bool, right_is_box: bool) -> int:
        """Return the blank cells between two neighbours of a rank."""
        if left_is_box and right_is_box:
            return self.box
        return (self.box + self.lane + 1) // 2 if left_is_box or right_is_box else self.lane

    def nested(self, frames: int) -> int:
        """Return the cells along that frames take inside one another, from the outermost border to the box."""
        return frames * (1 + (self.frame + 1) // 2) + self.frame // 2 if frames else 0


@dataclass(slots=True)
class Graph:
    """The input in index form. "Breadth" runs across (along a rank), "depth" along (from rank to rank)."""

    boxes: Sequence[Box]
    links: Sequence[Link]
    breadth: list[int]
    depth: list[int]
    tail: list[int] = field(default_factory=list)
    head: list[int] = field(default_factory=list)
    # Offsets of a link's ends on the borders of its boxes, counted from the box's first cell.
    out: list[int] = field(default_factory=list)
    into: list[int] = field(default_factory=list)
    # Links of one net carry the same value.
    net: list[int] = field(default_factory=list)


def spread(breadth: int, count: int) -> list[int]:
    """Return the offsets of ``count`` ports on a side of ``breadth`` cells: distinct, increasing, mirror-symmetric."""
    step = max(1, breadth // (count + 1))
    half = [(breadth - 1 - (count - 1 - 2 * i) * step) // 2 for i in range(count // 2)]
    middle = [(breadth - 1) // 2] if count % 2 else []
    return half + middle + [breadth - 1 - offset for offset in reversed(half)]


def spread_around(breadth: int, count: int, spine: int) -> list[int]:
    """Return the offsets of ``count`` ports, number ``spine`` in the middle, or `spread` where cells are too few."""
    middle = (breadth - 1) // 2
    left, right = spine, count - 1 - spine
    if left > middle or right > breadth - 1 - middle:
        return spread(breadth, count)
    before = [(i + 1) * middle // (left + 1) for i in range(left)]
    after = [breadth - 1 - (i + 1) * (breadth - 1 - middle) // (right + 1) for i in range(right)]
    return [*before, middle, *reversed(after)]


def _side(box: Box, ports: int, direction: Direction) -> tuple[int, int]:
    """Return how many cells a side with so many links has, and how many at either end of it are a corner.

    A box of three rows or more has a border, and no link ends at its corners. One that needs as many rows for its links
    gets a border by that, and keeps the rows of its text within.
    """
    if direction == "TB":
        corner = int(box.height > 2)
        return max(box.width, ports + 2 * corner if ports else 0), corner
    if max(box.height, ports) <= 2:
        return max(box.height, ports), 0
    rows = box.height - 2 if box.height > 2 else box.height
    if ports > rows:
        # An even number of links beside a label of one row reads best with a free row for the label in the middle.
        rows = ports + 1 if rows % 2 and ports % 2 == 0 else ports
    return rows + 2, 1


def _twigs(tails: Sequence[int], incoming: Sequence[Sequence[int]]) -> list[bool]:
    """Tell which boxes are leaves of one reader, or operations on a few such boxes that have one reader themselves."""
    readers = Counter(tails)
    reader = {tails[j]: i for i, entering in enumerate(incoming) for j in entering}
    waiting = [len(entering) for entering in incoming]
    boxes = [0] * len(incoming)  # in the twig that ends here; 0 for what is none
    order = [i for i, count in enumerate(waiting) if not count]
    for i in order:
        parts = sum(boxes[tails[j]] for j in incoming[i])
        if readers[i] == 1 and parts < TWIG:
            boxes[i] = 1 + parts
            waiting[reader[i]] -= 1
            if not waiting[reader[i]]:
                order.append(reader[i])
    return list(map(bool, boxes))


def _drifting(breadth: Sequence[int], tails: Sequence[int], incoming: Sequence[Sequence[int]]) -> dict[int, int]:
    """Return the boxes on spines that would drift, each with the number of the port that its spine enters.

    A spine runs through boxes with one computed operand each, the others being leaves of their own, or twigs, as the
    products in a sum: a few operations on such leaves only. Entered off its middle, every box stands further out than
    the one before. A short spine may; one that would end more than half a box from where it began is entered in the
    middle all along, and its leaves join it from the sides.
    """
    readers = Counter(tails)
    leaf = [not entering and readers[i] == 1 for i, entering in enumerate(incoming)]
    twig = _twigs(tails, incoming)
    port: dict[int, int] = {}
    after: dict[int, list[int]] = {}
    for i, entering in enumerate(incoming):
        computed = [n for n, j in enumerate(entering) if not leaf[tails[j]]]
        if len(computed) > 1:
            computed = [n for n in computed if not twig[tails[entering[n]]]]
        if len(computed) == 1:
            port[i] = computed[0]
            after.setdefault(tails[entering[computed[0]]], []).append(i)
    drifting: dict[int, int] = {}
    for start in after:
        if start in port:
            continue
        spine = [start]
        drift = {start: 0}
        for i in spine:
            for other in after.get(i, ()):
                entered = spread(breadth[other], len(incoming[other]))[port[other]]
                drift[other] = drift[i] + (breadth[other] - 1) // 2 - entered
                spine.append(other)
        if 2 * (max(drift.values()) - min(drift.values())) > max(breadth[i] for i in spine):
            drifting.update((i, port[i]) for i in spine[1:])
    return drifting


def index_graph(boxes: Sequence[Box], links: Sequence[Link], direction: Direction) -> Graph:
    """Check the input and bring it into index form."""
    if direction not in ("TB", "LR"):
        raise ValueError(f"layout: direction must be 'TB' or 'LR', got {direction!r}")
    index: dict[Key, int] = {}
    for i, box in enumerate(boxes):
        if box.width < 1 or box.height < 1:
            raise ValueError(f"layout: box {box.key!r} must be at least 1 x 1 cells, got {box.width} x {box.height}")
        if index.setdefault(box.key, i) != i:
            raise ValueError(f"layout: two boxes have the key {box.key!r}; keys of boxes must be unique")
    seen: set[Key] = set()
    incoming: list[list[int]] = [[] for _ in boxes]
    outputs: list[set[int]] = [set() for _ in boxes]
    tails, heads = [], []
    for j, link in enumerate(links):
        if link.key in seen:
            raise ValueError(f"layout: two links have the key {link.key!r}; keys of links must be unique")
        seen.add(link.key)
        for role, end in (("tail", link.tail), ("head", link.head)):
            if end not in index:
                raise ValueError(f"layout: the {role} {end!r} of link {link.key!r} is not among the boxes")
        tails.append(index[link.tail])
        heads.append(index[link.head])
        incoming[heads[j]].append(j)
        outputs[tails[j]].add(link.tail_port)

    across = direction == "TB"
    breadth = [box.width if across else box.height for box in boxes]
    depth = [box.height if across else box.width for box in boxes]
    graph = Graph(boxes, links, breadth, depth, tails, heads)
    graph.into = [0] * len(links)
    out_offset: list[dict[int, int]] = []
    corners: list[int] = []
    for i, entering in enumerate(incoming):
        breadth[i], corner = _side(boxes[i], max(len(entering), len(outputs[i])), direction)
        corners.append(corner)
        entering.sort(key=lambda j: (links[j].port, j))
        leaving = spread(breadth[i] - 2 * corner, len(outputs[i]))
        out_offset.append({port: corner + at for port, at in zip(sorted(outputs[i]), leaving, strict=True)})
    spine = _drifting(breadth, tails, incoming)
    for i, entering in enumerate(incoming):
        room, count = breadth[i] - 2 * corners[i], len(entering)
        offsets = spread_around(room, count, spine[i]) if i in spine else spread(room, count)
        for j, offset in zip(entering, offsets, strict=True):
            graph.into[j] = corners[i] + offset
        if i in spine and len(outputs[i]) == 1:
            # A box of two rows has no middle: its spine leaves where it entered.
            out_offset[i] = dict.fromkeys(outputs[i], corners[i] + offsets[spine[i]])
    nets: dict[tuple[int, int], int] = {}
    for link, tail in zip(links, tails, strict=True):
        graph.out.append(out_offset[tail][link.tail_port])
        graph.net.append(nets.setdefault((tail, link.tail_port), len(nets)))
    return graph
