"""What layout accepts, what it refuses, and graphs at the limits."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphgrad.view.layout import Box, CycleError, Link, layout
from graphgrad.view.layout.channel import Net, route_channel
from graphgrad.view.layout.model import spread, spread_around
from graphgrad.view.layout.order import inversions
from graphgrad.view.scene import Direction


@pytest.mark.parametrize(
    ("boxes", "links", "message"),
    [
        ([Box("a", 3), Box("a", 3)], [], "two boxes have the key 'a'"),
        ([Box("a", 0)], [], "box 'a' must be at least 1 x 1 cells, got 0 x 1"),
        ([Box("a", 3)], [Link("l", "a", "b")], "the head 'b' of link 'l' is not among the boxes"),
        ([Box("a", 3), Box("b", 3)], [Link(0, "a", "b"), Link(0, "a", "b")], "two links have the key 0"),
        ([Box("a", 3)], [Link("l", "a", "a")], "the links form a cycle: 'a' -> 'a'"),
    ],
)
def test_bad_input(boxes: list[Box], links: list[Link], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        layout(boxes, links)


def test_bad_direction() -> None:
    with pytest.raises(ValueError, match="direction must be 'TB' or 'LR', got 'up'"):
        layout([], [], direction="up")  # type: ignore[arg-type]


def test_a_cycle_is_named() -> None:
    boxes = [Box(key, 3) for key in "abcd"]
    links = [Link(i, tail, head) for i, (tail, head) in enumerate([("a", "b"), ("b", "c"), ("c", "d"), ("d", "b")])]
    with pytest.raises(CycleError, match=r"'b' -> 'c' -> 'd'|'c' -> 'd' -> 'b'"):
        layout(boxes, links)


def test_too_large() -> None:
    count = 3000
    boxes = [Box("shared", 5), *(Box(i, 5) for i in range(count))]
    links = [Link(f"chain {i}", i, i + 1) for i in range(count - 1)]
    links += [Link(f"use {i}", "shared", i, 1) for i in range(count)]
    with pytest.raises(ValueError, match="fold some groups, or give shared parameters one box per use"):
        layout(boxes, links)


def test_nothing() -> None:
    scene = layout([], [])
    assert (scene.width, scene.height, scene.boxes) == (0, 0, ())


def test_one_box() -> None:
    scene = layout([Box("a", 7, 3)], [])
    (box,) = scene.boxes
    assert (box.x, box.y, box.width, box.height) == (0, 0, 7, 3)
    assert (scene.width, scene.height) == (7, 3)


def test_one_box_in_nested_frames() -> None:
    scene = layout([Box("a", 9, 1, ("net", "0"))], [], frames=True)
    assert [frame.title for frame in scene.frames] == ["net", "0"]
    assert scene.box["a"].y == 2
    assert scene.height == 5


def test_both_links_of_a_square_are_there() -> None:
    scene = layout([Box("x", 5), Box("y", 7)], [Link("l", "x", "y", 0), Link("r", "x", "y", 1)])
    assert scene.route["l"].points[-1][0] < scene.route["r"].points[-1][0]


def test_a_box_grows_to_take_its_links() -> None:
    boxes = [Box(i, 3) for i in range(9)] + [Box("sum", 5)]
    links = [Link(i, i, "sum", i) for i in range(9)]
    assert layout(boxes, links).box["sum"].width == 9
    # In a picture from left to right it gets a border by that, and no link ends at a corner.
    turned = layout(boxes, links, direction="LR")
    assert turned.box["sum"].height == 11
    assert [turned.route[i].points[-1][1] - turned.box["sum"].y for i in range(9)] == list(range(1, 10))
    assert layout(boxes[:2] + boxes[-1:], links[:2], direction="LR").box["sum"].height == 2


@pytest.mark.parametrize("height", [1, 2, 3, 4])
@pytest.mark.parametrize("ports", [1, 2, 3, 4, 5])
def test_a_box_that_grows_keeps_the_rows_of_its_text(height: int, ports: int) -> None:
    boxes = [*(Box(i, 3) for i in range(ports)), Box("sum", 5, height), *(Box(-1 - i, 3) for i in range(ports))]
    links = [Link(f"in {i}", i, "sum", i) for i in range(ports)]
    links += [Link(f"out {i}", "sum", -1 - i, tail_port=i) for i in range(ports)]
    box = layout(boxes, links, direction="LR").box["sum"]
    rows = box.height - 2 if box.height > 2 else box.height
    assert rows >= (height - 2 if height > 2 else height)
    assert (box.height > 2) == (max(height, ports) > 2)


@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_no_link_ends_at_the_corner_of_a_border(direction: Direction) -> None:
    for ports in range(1, 7):
        boxes = [Box("x", 3), Box("sum", 3, 4), Box("y", 3)]
        links = [Link(f"in {i}", "x", "sum", i) for i in range(ports)]
        links += [Link(f"out {i}", "sum", "y", i, tail_port=i) for i in range(ports)]
        scene = layout(boxes, links, direction=direction)
        box = scene.box["sum"]
        corners = {(x, y) for x in (box.x, box.x + box.width - 1) for y in (box.y, box.y + box.height - 1)}
        ends = {end for route in scene.routes for end in (route.points[0], route.points[-1])}
        assert not ends & corners


def test_outputs_leave_in_order() -> None:
    boxes = [Box("split", 9), Box("a", 3), Box("b", 3)]
    scene = layout(boxes, [Link(0, "split", "b", tail_port=1), Link(1, "split", "a", tail_port=0)])
    assert scene.route[1].points[0][0] < scene.route[0].points[0][0]
    assert scene.box["a"].x < scene.box["b"].x


def test_a_long_chain() -> None:
    count = 20_000
    scene = layout([Box(i, 5) for i in range(count)], [Link(i, i, i + 1) for i in range(count - 1)])
    assert (scene.width, scene.height) == (5, 2 * count - 1)
    assert all(box.x == 0 for box in scene.boxes)


def test_order_hints() -> None:
    boxes = [Box(i, 3, order_hint=-i) for i in range(4)]
    scene = layout(boxes, [])
    assert [box.x for box in scene.boxes] == [18, 12, 6, 0]


def test_a_previous_scene_keeps_boxes_on_their_sides() -> None:
    def boxes(*hints: float | None) -> list[Box]:
        return [Box(key, 3, order_hint=hint) for key, hint in zip("abc", hints, strict=True)]

    turned = layout(boxes(3, 2, 1), [])
    again = layout([*boxes(None, None, None), Box("new", 3)], [Link(0, "b", "new")], previous=turned)
    assert again.box["c"].x < again.box["b"].x < again.box["a"].x
    fresh = layout([*boxes(None, None, None), Box("new", 3)], [Link(0, "b", "new")])
    assert fresh.box["a"].x < fresh.box["c"].x


@given(st.lists(st.integers(0, 6), max_size=9), st.lists(st.integers(0, 6), max_size=9))
def test_inversions_are_pairs_that_cross(left: list[int], right: list[int]) -> None:
    found = inversions([float(end) for end in sorted(left)], [float(end) for end in sorted(right)])
    assert found == sum(a > b for a in left for b in right)


def test_a_circle_of_demands_becomes_a_dogleg() -> None:
    nets = [Net(2, (8,)), Net(8, (2,))]
    assert route_channel(nets, set()) == 3
    bent = [net for net in nets if net.rest is not None]
    assert len(bent) == 1
    straight = nets[0] if bent[0] is nets[1] else nets[1]
    assert bent[0].rest is not None
    assert bent[0].track < straight.track < bent[0].rest.track
    assert bent[0].rest.top == bent[0].bottoms[0]


def test_the_order_of_tracks_avoids_crossings() -> None:
    # Two nets that run to the right: the one that starts further right runs above; the other way they'd cross twice.
    left, right = Net(0, (10,)), Net(5, (15,))
    assert route_channel([left, right], set()) == 2
    assert right.track < left.track


def test_very_many_tracks() -> None:
    # Nested to the left and to the right, so that both sides share their tracks.
    left, right = [Net(i, (1000 - i,)) for i in range(400)], [Net(3000 - i, (2000 + i,)) for i in range(400)]
    assert route_channel([*left, *right], set()) == 400
    for nets in (left, right):
        assert sorted(net.track for net in nets) == list(range(400))


def test_tracks_are_shared() -> None:
    nets = [Net(0, (5,)), Net(10, (15,)), Net(20, (17,))]
    assert route_channel(nets, set()) == 1
    assert route_channel([Net(0, (5,)), Net(7, (9,))], set()) == 1
    assert route_channel([Net(0, (5,)), Net(6, (9,))], set()) == 2, "links side by side would look joined"


@pytest.mark.parametrize("breadth", range(1, 20))
def test_ports_are_distinct_and_symmetric(breadth: int) -> None:
    for count in range(1, breadth + 1):
        offsets = spread(breadth, count)
        assert len(set(offsets)) == count
        assert offsets == sorted(offsets)
        assert offsets[0] >= 0
        if count % 2 == 0 or breadth % 2:
            assert offsets == [breadth - 1 - offset for offset in reversed(offsets)]


@pytest.mark.parametrize("breadth", range(1, 20))
def test_ports_around_a_spine(breadth: int) -> None:
    for count in range(1, breadth + 1):
        for spine in range(count):
            offsets = spread_around(breadth, count, spine)
            assert offsets == sorted(set(offsets))
            assert 0 <= offsets[0] <= offsets[-1] < breadth
            if offsets != spread(breadth, count):
                assert offsets[spine] == (breadth - 1) // 2
    assert spread_around(13, 2, 0) == [6, 9]
    assert spread_around(13, 2, 1) == [3, 6]
    assert spread_around(3, 3, 0) == [0, 1, 2], "no cells beside the middle for two"
