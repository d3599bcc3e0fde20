"""From coordinates across the ranks to the scene: tracks, depths, routes and frames."""

from __future__ import annotations

from graphgrad.view.layout.channel import Net, route_channel
from graphgrad.view.layout.layers import Kind, Layered
from graphgrad.view.layout.model import Graph, Spacing
from graphgrad.view.scene import Direction, Frame, PlacedBox, Point, Route, Scene

__all__ = ["draw"]


def draw(graph: Graph, layered: Layered, x: list[int], spacing: Spacing, direction: Direction) -> Scene:
    """Route the links and return the scene. ``x`` holds the first cell of every vertex across the ranks."""
    nets = [_channel_nets(layered, x, rank) for rank in range(len(layered.layers) - 1)]
    tracks = []
    for rank, by_pin in enumerate(nets):
        sides = {x[v] for r in (rank, rank + 1) for v in layered.layers[r] if layered.kind[v] >= Kind.LEFT}
        tracks.append(route_channel(list(by_pin.values()), sides))
    nest_first, nest_last = _nesting(layered)
    # Depths: the frames that begin before a rank, the rank, the frames that end after it, then the channel.
    opening = [0] * len(layered.layers)
    closing = [0] * len(layered.layers)
    for group, levels_first, levels_last in zip(layered.groups[1:], nest_first[1:], nest_last[1:], strict=True):
        opening[group.first] = max(opening[group.first], spacing.nested(levels_first))
        closing[group.last] = max(closing[group.last], spacing.nested(levels_last))
    deepest = [max((graph.depth[v] for v in layer if v < len(graph.boxes)), default=1) for layer in layered.layers]
    top: list[int] = []  # the first cell of each rank along the depth
    first_track: list[int] = []
    at = 0
    for rank, height in enumerate(deepest):
        at += opening[rank]
        top.append(at)
        at += height + closing[rank]
        first_track.append(at)
        if rank < len(tracks):
            first_track[rank] += spacing.track
            at += max(spacing.rank, tracks[rank] * (1 + spacing.track) + spacing.entry)
    depth = at

    y = [top[layered.rank[v]] + (deepest[layered.rank[v]] - graph.depth[v]) // 2 for v in range(len(graph.boxes))]
    ways = []
    for link, chain in enumerate(layered.chain):
        tail, head = graph.tail[link], graph.head[link]
        points = [(x[tail] + layered.out[chain[0]], y[tail] + graph.depth[tail] - 1)]
        for s in chain:
            rank = layered.rank[layered.tail[s]]
            start, end = x[layered.tail[s]] + layered.out[s], x[layered.head[s]] + layered.into[s]
            net: Net | None = nets[rank][start]
            column = start
            while net is not None and net.track >= 0:
                row = first_track[rank] + net.track * (1 + spacing.track)
                onward = net.bottoms[0] if net.rest is not None else end
                points += [(column, row), (onward, row)]
                column, net = onward, net.rest
        points.append((x[head] + layered.into[chain[-1]], y[head]))
        ways.append(_corners(points))

    frames = []
    for number, group in enumerate(layered.groups[1:], 1):
        (left, right), start = layered.sides[number][0], top[group.first] - spacing.nested(nest_first[number])
        end = top[group.last] + deepest[group.last] - 1 + spacing.nested(nest_last[number])
        frames.append((group.path, x[left], start, x[right] - x[left] + 1, end - start + 1))
    return _scene(graph, x, y, ways, frames, depth, direction)


def _channel_nets(layered: Layered, x: list[int], rank: int) -> dict[int, Net]:
    """Return the nets between a rank and the next, by the column of their pin at the top."""
    bottoms: dict[int, set[int]] = {}
    for vertex in layered.layers[rank]:
        for s in layered.down[vertex]:
            if layered.net[s] >= 0:
                bottoms.setdefault(x[vertex] + layered.out[s], set()).add(x[layered.head[s]] + layered.into[s])
    return {top: Net(top, tuple(sorted(columns))) for top, columns in bottoms.items()}


def _nesting(layered: Layered) -> tuple[list[int], list[int]]:
    """Return how many frames, each group's own included, lie inside one another where it begins and where it ends."""
    first, last = [1] * len(layered.groups), [1] * len(layered.groups)
    for number in range(len(layered.groups) - 1, 0, -1):
        group = layered.groups[number]
        parent = layered.groups[group.parent]
        if group.first == parent.first:
            first[group.parent] = max(first[group.parent], first[number] + 1)
        if group.last == parent.last:
            last[group.parent] = max(last[group.parent], last[number] + 1)
    return first, last


def _corners(points: list[Point]) -> list[Point]:
    """Drop repeated points and points inside of straight runs."""
    corners: list[Point] = []
    for point in points:
        if corners and corners[-1] == point:
            continue
        if len(corners) > 1:
            (ax, ay), (bx, by) = corners[-2:]
            if (ax == bx == point[0]) or (ay == by == point[1]):
                corners.pop()
        corners.append(point)
    return corners


def _scene(
    graph: Graph,
    x: list[int],
    y: list[int],
    ways: list[list[Point]],
    frames: list[tuple[tuple[str, ...], int, int, int, int]],
    depth: int,
    direction: Direction,
) -> Scene:
    """Turn breadth and depth into columns and rows."""
    count = len(graph.boxes)
    low = min([0, *(p[0] for way in ways for p in way)])
    high = max(
        [
            0,
            *(x[v] + graph.breadth[v] for v in range(count)),
            *(p[0] + 1 for way in ways for p in way),
            *(start + breadth for _, start, _, breadth, _ in frames),
        ]
    )
    across = direction == "TB"

    def turn(a: int, b: int) -> Point:
        return (a, b) if across else (b, a)

    boxes = tuple(
        PlacedBox(box.key, *turn(x[v] - low, y[v]), *turn(graph.breadth[v], graph.depth[v]))
        for v, box in enumerate(graph.boxes)
    )
    routes = tuple(
        Route(link.key, link.tail, link.head, link.port, link.tail_port, tuple(turn(a - low, b) for a, b in way))
        for link, way in zip(graph.links, ways, strict=True)
    )
    placed = tuple(Frame(path, *turn(a - low, b), *turn(w, h)) for path, a, b, w, h in frames)
    return Scene(direction, *turn(high - low, depth), boxes, routes, placed)
