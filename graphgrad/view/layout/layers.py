"""The layered graph: boxes, the lanes of links that pass through ranks, and the sides of frames.

A link that spans several ranks gets a one-cell lane in each rank between, and a frame gets two sides in each of its
ranks, so that ordering, coordinates and routing deal with neighbouring ranks only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from graphgrad.view.layout.model import Graph

__all__ = ["Group", "Kind", "Layered", "build", "merge_lanes"]


class Kind(IntEnum):
    """What stands in a rank."""

    BOX = 0
    LANE = 1
    LEFT = 2
    RIGHT = 3


@dataclass(slots=True)
class Group:
    """A group of boxes, by its path; the ranks ``first .. last`` hold its boxes. Group 0 is the whole graph."""

    path: tuple[str, ...]
    parent: int
    first: int
    last: int
    children: list[int] = field(default_factory=list)
    lineage: tuple[int, ...] = ()


@dataclass(slots=True)
class Layered:
    """Vertices in ranks, and segments between neighbouring ranks. The first vertices are the boxes."""

    groups: list[Group]
    kind: list[Kind] = field(default_factory=list)
    rank: list[int] = field(default_factory=list)
    breadth: list[int] = field(default_factory=list)
    group: list[int] = field(default_factory=list)
    layers: list[list[int]] = field(default_factory=list)
    # Segments: their ends, the offsets of the ends in their vertices, and the net (-1: the side of a frame).
    tail: list[int] = field(default_factory=list)
    head: list[int] = field(default_factory=list)
    out: list[int] = field(default_factory=list)
    into: list[int] = field(default_factory=list)
    net: list[int] = field(default_factory=list)
    # The segments below and above each vertex.
    down: list[list[int]] = field(default_factory=list)
    up: list[list[int]] = field(default_factory=list)
    # The segments of each link, from tail to head.
    chain: list[list[int]] = field(default_factory=list)
    # The left and right sides of each group, by rank.
    sides: list[list[tuple[int, int]]] = field(default_factory=list)

    def add_vertex(self, kind: Kind, rank: int, breadth: int, group: int) -> int:
        """Add a vertex at the end of its rank."""
        vertex = len(self.kind)
        self.kind.append(kind)
        self.rank.append(rank)
        self.breadth.append(breadth)
        self.group.append(group)
        self.layers[rank].append(vertex)
        self.down.append([])
        self.up.append([])
        return vertex

    def add_segment(self, tail: int, head: int, out: int, into: int, net: int) -> int:
        """Add a segment between two vertices of neighbouring ranks."""
        segment = len(self.tail)
        self.tail.append(tail)
        self.head.append(head)
        self.out.append(out)
        self.into.append(into)
        self.net.append(net)
        self.down[tail].append(segment)
        self.up[head].append(segment)
        return segment


def build(graph: Graph, ranks: Sequence[int], frames: bool, shared: bool, limit: int) -> Layered:
    """Return the layered graph, each rank in the order of the input.

    Parameters
    ----------
    graph : Graph
        The boxes and links.
    ranks : sequence of int
        The rank of each box.
    frames : bool
        Whether groups get frames.
    shared : bool
        Whether all links of a net share one lane per rank from the start (fewer vertices, at some more crossings).
    limit : int
        The most passes of boxes, links and frames through ranks, all together.

    Raises
    ------
    ValueError
        If there are more than ``limit`` passes.
    """
    height = max(ranks, default=-1) + 1
    groups, group_of = _groups(graph, ranks) if frames else ([Group((), -1, 0, height - 1)], [0] * len(ranks))
    passed = sum(ranks[head] - ranks[tail] - 1 for tail, head in zip(graph.tail, graph.head, strict=True))
    needed = len(ranks) + passed + sum(2 * (group.last - group.first + 1) for group in groups[1:])
    if needed > limit:
        raise ValueError(
            f"layout: {len(ranks)} boxes and {len(graph.tail)} links pass through ranks {needed} times, more than the "
            f"limit of {limit}: fold some groups, or give shared parameters one box per use"
        )
    layered = Layered(groups, layers=[[] for _ in range(height)])
    for box, rank in enumerate(ranks):
        layered.add_vertex(Kind.BOX, rank, graph.breadth[box], group_of[box])
    _add_lanes(layered, graph, ranks, shared)
    layered.sides.append([])
    for number, group in enumerate(groups[1:], 1):
        pairs: list[tuple[int, int]] = []
        for rank in range(group.first, group.last + 1):
            pair = (
                layered.add_vertex(Kind.LEFT, rank, 1, number),
                layered.add_vertex(Kind.RIGHT, rank, 1, number),
            )
            for above, below in zip(pairs[-1] if pairs else (), pair, strict=False):
                layered.add_segment(above, below, 0, 0, -1)
            pairs.append(pair)
        layered.sides.append(pairs)
    return layered


def _add_lanes(layered: Layered, graph: Graph, ranks: Sequence[int], shared: bool) -> None:
    by_net: dict[int, list[int]] = {}
    for link, net in enumerate(graph.net):
        by_net.setdefault(net, []).append(link)
    layered.chain = [[] for _ in graph.net]
    for net, links in by_net.items():
        # Parallel links between two boxes share their lanes in any case, and part in the last channel.
        bundles: dict[int, list[int]] = {}
        for link in links:
            bundles.setdefault(-1 if shared else graph.head[link], []).append(link)
        for bundle in bundles.values():
            tail = graph.tail[bundle[0]]
            bundle.sort(key=lambda link: ranks[graph.head[link]])
            goals = _common_lineages(layered, [graph.head[link] for link in bundle])
            lanes: list[int] = []
            legs: list[int] = []
            for i, link in enumerate(bundle):
                head = graph.head[link]
                while len(lanes) < ranks[head] - ranks[tail] - 1:
                    rank = ranks[tail] + len(lanes) + 1
                    group = _lane_group(layered.groups, layered.group[tail], goals[i], rank)
                    lane = layered.add_vertex(Kind.LANE, rank, 1, group)
                    above, out = (lanes[-1], 0) if lanes else (tail, graph.out[link])
                    legs.append(layered.add_segment(above, lane, out, 0, net))
                    lanes.append(lane)
                legs_here = ranks[head] - ranks[tail] - 1
                above, out = (lanes[legs_here - 1], 0) if legs_here else (tail, graph.out[link])
                last = layered.add_segment(above, head, out, graph.into[link], net)
                layered.chain[link] = [*legs[:legs_here], last]


def _groups(graph: Graph, ranks: Sequence[int]) -> tuple[list[Group], list[int]]:
    """Return the tree of groups, parents before children, and the group of each box."""
    groups = [Group((), -1, 0, max(ranks, default=-1))]
    number: dict[tuple[str, ...], int] = {(): 0}
    group_of = []
    for box, rank in zip(graph.boxes, ranks, strict=True):
        parent = 0
        for length in range(1, len(box.group) + 1):
            path = box.group[:length]
            if path not in number:
                number[path] = len(groups)
                groups[parent].children.append(len(groups))
                groups.append(Group(path, parent, rank, rank, lineage=(*groups[parent].lineage, len(groups))))
            parent = number[path]
            group = groups[parent]
            group.first, group.last = min(group.first, rank), max(group.last, rank)
        group_of.append(parent)
    return groups, group_of


def _common_lineages(layered: Layered, heads: list[int]) -> list[tuple[int, ...]]:
    """Return, for each head, the groups that it and all later ones are in."""
    common = layered.groups[layered.group[heads[-1]]].lineage
    result = []
    for head in reversed(heads):
        own = layered.groups[layered.group[head]].lineage
        common = tuple(a for a, b in zip(common, own, strict=False) if a == b)
        result.append(common)
    return result[::-1]


def _lane_group(groups: list[Group], home: int, goal: tuple[int, ...], rank: int) -> int:
    """Return the innermost group a lane runs in: with its tail as far as that group reaches, then with its heads."""
    while home and groups[home].last < rank:
        home = groups[home].parent
    while goal and groups[goal[-1]].first > rank:
        goal = goal[:-1]
    own = groups[home].lineage
    return goal[-1] if goal and goal[: len(own)] == own else home


def merge_lanes(layered: Layered) -> Layered:
    """Return the layered graph with neighbouring lanes of one net, from one vertex above, made into one trunk."""
    if Kind.LANE not in layered.kind:
        return layered
    target = list(range(len(layered.kind)))
    origin: dict[int, tuple[int, int]] = {}  # of a lane: the vertex above, after merging, and the net
    merged = Layered(layered.groups)
    merged.layers = [[] for _ in layered.layers]
    renumber: dict[int, int] = {}
    boxes = [v for v, kind in enumerate(layered.kind) if kind is Kind.BOX]
    for box in boxes:
        renumber[box] = merged.add_vertex(Kind.BOX, layered.rank[box], layered.breadth[box], layered.group[box])
    for rank, layer in enumerate(layered.layers):
        merged.layers[rank] = []
        previous = -1
        for vertex in layer:
            if layered.kind[vertex] is Kind.LANE:
                segment = layered.up[vertex][0]
                origin[vertex] = (target[layered.tail[segment]], layered.net[segment])
                alike = previous >= 0 and origin.get(previous) == origin[vertex]
                if alike and layered.group[previous] == layered.group[vertex]:
                    target[vertex] = target[previous]
                    continue
            previous = vertex
            if layered.kind[vertex] is Kind.BOX:
                merged.layers[rank].append(renumber[vertex])
            else:
                renumber[vertex] = merged.add_vertex(layered.kind[vertex], rank, 1, layered.group[vertex])
    made: dict[tuple[int, int, int, int], int] = {}
    segment_of = []
    for segment, net in enumerate(layered.net):
        tail, head = (renumber[target[end]] for end in (layered.tail[segment], layered.head[segment]))
        key = (tail, head, layered.out[segment], layered.into[segment])
        if key not in made:
            made[key] = merged.add_segment(*key, net)
        segment_of.append(made[key])
    merged.chain = [[segment_of[s] for s in chain] for chain in layered.chain]
    merged.sides = [[(renumber[a], renumber[b]) for a, b in pairs] for pairs in layered.sides]
    return merged
