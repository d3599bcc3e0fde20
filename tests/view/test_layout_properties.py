"""What must hold in the picture of any graph."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphgrad.view.layout import Box, Link, Spacing, layout
from graphgrad.view.scene import Direction, Frame, PlacedBox, Scene

Input = tuple[list[Box], list[Link]]


@st.composite
def graphs(draw: st.DrawFn, most: int = 14) -> Input:
    """Random acyclic multigraphs with groups, several sources and sinks, and boxes of all sizes."""
    count = draw(st.integers(0, most))
    name = st.sampled_from("abc")
    boxes = [
        Box(
            i,
            draw(st.integers(1, 12)),
            draw(st.integers(1, 4)),
            tuple(draw(st.lists(name, max_size=3))),
            draw(st.none() | st.floats(0, 1)),
        )
        for i in range(count)
    ]
    links: list[Link] = []
    for j in range(draw(st.integers(0, 2 * count)) if count > 1 else 0):
        tail = draw(st.integers(0, count - 2))
        head = draw(st.integers(tail + 1, count - 1))
        links.append(Link(f"l{j}", tail, head, draw(st.integers(0, 3)), draw(st.integers(0, 1))))
    order = draw(st.permutations(range(count)))
    return [boxes[i] for i in order], links


def overlap(a: PlacedBox | Frame, b: PlacedBox | Frame) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


def inside(inner: PlacedBox | Frame, outer: Frame) -> bool:
    """Whether a rectangle lies within a frame, off its border."""
    return (
        outer.x < inner.x
        and outer.y < inner.y
        and inner.x + inner.width < outer.x + outer.width
        and inner.y + inner.height < outer.y + outer.height
    )


def check(scene: Scene, boxes: list[Box], links: list[Link]) -> None:
    vertical = scene.direction == "TB"
    assert [box.key for box in scene.boxes] == [box.key for box in boxes]
    assert [route.key for route in scene.routes] == [link.key for link in links]
    for placed, box in zip(scene.boxes, boxes, strict=True):
        assert placed.width >= box.width
        assert placed.height >= box.height
        assert 0 <= placed.x <= scene.width - placed.width
        assert 0 <= placed.y <= scene.height - placed.height
    covered: dict[tuple[int, int], object] = {}
    for placed in scene.boxes:
        for x in range(placed.x, placed.x + placed.width):
            for y in range(placed.y, placed.y + placed.height):
                assert covered.setdefault((x, y), placed.key) == placed.key, "two boxes overlap"

    through: dict[tuple[int, int], dict[object, set[str]]] = {}
    for route in scene.routes:
        tail, head = scene.box[route.tail], scene.box[route.head]
        (ax, ay), (bx, by) = route.points[0], route.points[-1]
        assert tail.covers(ax, ay)
        assert head.covers(bx, by)
        if vertical:
            assert tail.y + tail.height - 1 == ay < by == head.y
        else:
            assert tail.x + tail.width - 1 == ax < bx == head.x
        for (x0, y0), (x1, y1) in pairwise(route.points):
            assert (x0 == x1) != (y0 == y1), "a segment must run along one axis"
        cells = list(route.cells())
        for n, (x, y) in enumerate(cells[1:-1], 1):
            assert (x, y) not in covered, "a link passes through a box"
            assert 0 <= x < scene.width
            assert 0 <= y < scene.height
            sides = set()
            for nx, ny in (cells[n - 1], cells[n + 1]):
                sides.add("EW"[nx < x] if nx != x else "SN"[ny < y])
            through.setdefault((x, y), {}).setdefault(route.net, set()).update(sides)
        assert len(set(cells)) == len(cells), "a link meets itself"
    for cell, nets in through.items():
        if len(nets) > 1:
            assert sorted(map(sorted, nets.values())) == [["E", "W"], ["N", "S"]], f"links touch at {cell}"
            assert cell in scene.crossings
    for box in boxes:
        entering = sorted((r for r in scene.routes if r.head == box.key), key=lambda r: r.port)
        at = [r.points[-1][0 if vertical else 1] for r in entering]
        assert at == sorted(set(at)), "operands must enter in order, each at a cell of its own"


def check_frames(scene: Scene, boxes: list[Box]) -> None:
    paths = {box.group[:n] for box in boxes for n in range(1, len(box.group) + 1)}
    assert {frame.path for frame in scene.frames} == paths
    assert len(scene.frames) == len(paths)
    for frame in scene.frames:
        assert 0 <= frame.x <= scene.width - frame.width
        assert 0 <= frame.y <= scene.height - frame.height
        for box in boxes:
            placed = scene.box[box.key]
            if box.group[: len(frame.path)] == frame.path:
                assert inside(placed, frame)
            else:
                assert not overlap(placed, frame)
    for a, b in combinations(scene.frames, 2):
        if a.path == b.path[: len(a.path)]:
            assert inside(b, a)
        elif b.path == a.path[: len(b.path)]:
            assert inside(a, b)
        else:
            assert not overlap(a, b)


@pytest.mark.parametrize("direction", ["TB", "LR"])
@settings(max_examples=150, deadline=None)
@given(graph=graphs())
def test_any_graph(direction: Direction, graph: Input) -> None:
    scene = layout(*graph, direction=direction)
    check(scene, *graph)
    assert not scene.frames
    assert layout(*graph, direction=direction) == scene


@pytest.mark.parametrize("direction", ["TB", "LR"])
@settings(max_examples=150, deadline=None)
@given(graph=graphs())
def test_any_graph_with_frames(direction: Direction, graph: Input) -> None:
    scene = layout(*graph, direction=direction, frames=True)
    check(scene, *graph)
    check_frames(scene, graph[0])


@settings(max_examples=60, deadline=None)
@given(graph=graphs(), box=st.integers(0, 3), lane=st.integers(0, 2), rank=st.integers(1, 3), more=st.integers(0, 2))
def test_any_spacing(graph: Input, box: int, lane: int, rank: int, more: int) -> None:
    check(layout(*graph, spacing=Spacing(box, lane, rank, more, more), frames=True), *graph)


@settings(max_examples=60, deadline=None)
@given(graph=graphs(most=40))
def test_larger_graphs(graph: Input) -> None:
    scene = layout(*graph, frames=True)
    check(scene, *graph)
    check_frames(scene, graph[0])


@settings(max_examples=60, deadline=None)
@given(graph=graphs(), budget=st.integers(0, 2000))
def test_any_budget_gives_a_correct_picture(graph: Input, budget: int) -> None:
    check(layout(*graph, budget=budget), *graph)


@settings(max_examples=60, deadline=None)
@given(graph=graphs())
def test_a_previous_scene_is_kept(graph: Input) -> None:
    scene = layout(*graph)
    again = layout(*graph, previous=scene)
    check(again, *graph)
    # Where the first picture couldn't be bettered, nothing changes sides.
    if not scene.crossings:
        across = [{box.key: box.x for box in picture.boxes} for picture in (scene, again)]
        rows: dict[int, list[PlacedBox]] = {}
        for box in scene.boxes:
            rows.setdefault(box.y, []).append(box)
        for row in rows.values():
            assert sorted(row, key=lambda b: across[0][b.key]) == sorted(row, key=lambda b: across[1][b.key])


def random_graph(seed: int) -> Input:
    """A larger graph with nested groups whose members are spread over all ranks."""
    rnd = random.Random(seed)
    count = rnd.randint(2, 70)
    paths = [tuple(rnd.choice("abcd") for _ in range(rnd.randint(0, 3))) for _ in range(8)]
    boxes = [Box(i, rnd.randint(1, 14), rnd.choice([1, 1, 1, 3, 5]), rnd.choice(paths)) for i in range(count)]
    links = []
    for j in range(rnd.randint(0, int(count * rnd.choice([1, 1.5, 3])))):
        tail = rnd.randrange(count - 1)
        head = rnd.randint(tail + 1, min(count - 1, tail + rnd.choice([3, 10, 70])))
        links.append(Link(f"l{j}", tail, head, rnd.randint(0, 4), rnd.choice([0, 0, 0, 1])))
    return boxes, links


# In the picture of seed 2975, two sibling groups once changed sides between ranks, through a rounding error.
@pytest.mark.parametrize("seed", [*range(40), 2975])
@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_large_groups(seed: int, direction: Direction) -> None:
    graph = random_graph(seed)
    scene = layout(*graph, direction=direction, frames=True)
    check(scene, *graph)
    check_frames(scene, graph[0])
