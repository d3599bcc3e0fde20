"""Questions to a scene."""

from __future__ import annotations

from graphgrad.view.layout import Box, Link, layout
from graphgrad.view.scene import Frame, PlacedBox, Route, Scene

# Two values that cross at (2, 1); the second one forks there on its way.
CROSSING = Scene(
    "TB",
    6,
    3,
    (PlacedBox("a", 2, 0, 1, 1), PlacedBox("b", 0, 0, 1, 1), PlacedBox("c", 2, 2, 1, 1), PlacedBox("d", 5, 2, 1, 1)),
    (
        Route("ac", "a", "c", 0, 0, ((2, 0), (2, 2))),
        Route("bd", "b", "d", 0, 0, ((0, 0), (0, 1), (5, 1), (5, 2))),
    ),
    (),
)


def test_cells_of_a_route() -> None:
    assert list(CROSSING.route["ac"].cells()) == [(2, 0), (2, 1), (2, 2)]
    assert list(CROSSING.route["bd"].cells()) == [(0, 0), *((x, 1) for x in range(6)), (5, 2)]
    assert list(Route(0, "a", "b", 0, 0, ((3, 3), (1, 3), (1, 2))).cells()) == [(3, 3), (2, 3), (1, 3), (1, 2)]


def test_crossings() -> None:
    assert CROSSING.crossings == {(2, 1)}


def test_a_fork_is_no_crossing() -> None:
    boxes = [Box("x", 3), *(Box(i, 3) for i in range(3))]
    scene = layout(boxes, [Link(i, "x", i) for i in range(3)])
    assert len({route.net for route in scene.routes}) == 1
    assert not scene.crossings


def test_box_at() -> None:
    scene = layout([Box("a", 4, 3), Box("b", 2)], [])
    for x, y, key in ((0, 0, "a"), (3, 2, "a"), (7, 1, "b"), (8, 1, "b")):
        found = scene.box_at(x, y)
        assert found is not None
        assert found.key == key
    assert scene.box_at(4, 1) is None
    assert scene.box_at(7, 0) is None


def test_title() -> None:
    assert Frame(("encoder", "0"), 0, 0, 9, 3).title == "0"


def test_scenes_are_values() -> None:
    boxes, links = [Box("a", 4), Box("b", 2)], [Link(0, "a", "b")]
    first, second = layout(boxes, links), layout(boxes, links)
    assert first.crossings == frozenset()  # a cached answer takes no part in equality
    assert first == second
    assert hash(first) == hash(second)
