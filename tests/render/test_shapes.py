from itertools import pairwise
from typing import Any

import pytest

import graphgrad as gg
from graphgrad.render.page import page, wrap
from graphgrad.render.shapes import _roles, shapes
from graphgrad.render.theme import BOXES, DARK_BOXES, DARK_LINKS, LEGEND, LINKS, BoxStyle
from graphgrad.view.drawing import Drawing
from graphgrad.view.picture import LINK_STATES, STATES, Look
from graphgrad.walk.trace import walk
from graphgrad.walk.walk import Walk


def test_every_state_has_a_look_and_a_word() -> None:
    assert set(BOXES) == set(DARK_BOXES) == set(LEGEND) == set(STATES)
    assert set(LINKS) == set(DARK_LINKS) == set(LINK_STATES)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("styles", [BOXES, DARK_BOXES])
def test_text_can_be_read_on_every_state(styles: dict[Any, BoxStyle]) -> None:
    for state, style in styles.items():
        high, low = sorted((luminance(style.fill), luminance(style.text)), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, state


def test_no_two_states_look_alike_without_their_colours() -> None:
    # Boxes that can be mistaken for each other in grey: these pairs are told apart by width, dash or mark.
    pairs: Any = (("ready", "current"), ("ready", "partial"), ("gradient", "partial"), ("ready", "waiting"))
    for one, other in pairs:
        assert (BOXES[one].width, BOXES[one].dash) != (BOXES[other].width, BOXES[other].dash)


@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_text_stays_in_its_box(layers: Walk, direction: Any) -> None:
    drawing = Drawing.of(layers, Look(direction=direction))
    for step in range(-1, len(layers.steps)):
        for box in shapes(drawing.at(layers.at(step))).boxes:
            assert box.runs
            for run in box.runs:
                assert box.x <= run.x
                assert run.x + run.width <= box.x + box.width + 0.01
                assert box.y < run.y < box.y + box.height


@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_links_run_from_border_to_border_at_right_angles(layers: Walk, direction: Any) -> None:
    drawing = Drawing.of(layers, Look(direction=direction))
    drawn = shapes(drawing.at(None))
    boxes = {box.key: box for box in drawn.boxes}
    for link in drawn.links:
        route = drawing.scene.route[link.key]
        tail, head = boxes[route.tail], boxes[route.head]
        (x, y), (to_x, to_y) = link.line[0][1:3], link.line[-1][-2:]
        if direction == "TB":
            assert (y, to_y) == pytest.approx((tail.y + tail.height, head.y))
        else:
            assert (x, to_x) == pytest.approx((tail.x + tail.width, head.x))
        place = (0.0, 0.0)
        for name, *numbers in link.line:
            if name == "L":
                assert numbers[0] == pytest.approx(place[0]) or numbers[1] == pytest.approx(place[1])
            place = (numbers[-2], numbers[-1])


def test_links_have_gaps_where_others_run_over_them() -> None:
    from graphgrad.view.layout import Box, Link, layout
    from graphgrad.view.picture import Label, Picture

    boxes = [Box(key, 5) for key in ("a", "b", "c", "d")]
    links = [Link(i, *ends) for i, ends in enumerate((("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")))]
    scene = layout(boxes, links)
    labels = {box.key: Label((str(box.key),), "ready") for box in boxes}
    drawn = shapes(Picture(scene, labels, dict.fromkeys(range(4), "carried")))
    gaps = sum(command[0] == "M" for link in drawn.links for command in link.line) - len(drawn.links)
    assert scene.crossings
    assert gaps >= len(scene.crossings)
    for link in drawn.links:
        for before, after in pairwise(link.line):
            if after[0] == "M":
                assert 0 < abs(after[1] - before[-2]) < 8.5
                assert after[2] == before[-1]


def test_arrows_turn_round_when_the_gradient_comes_back(square: Walk) -> None:
    drawing = Drawing.of(square)
    forward = shapes(drawing.at(square.at(0)), "forward")
    assert [link.returning for link in forward.links] == [False, False]
    steps = [i for i, step in enumerate(square.steps) if step.kind == "backward"]
    back = shapes(drawing.at(square.at(steps[0])), "backward")
    assert sorted((link.state, link.returning) for link in back.links) == [("active", True), ("carried", False)]
    end = shapes(drawing.at(None))
    assert [link.returning for link in end.links] == [True, True]


@pytest.mark.parametrize(
    ("line", "first", "roles"),
    [
        ("x = 3", True, (("x", "name"), (" = 3", "value"))),
        ("a = b = 3", True, (("a = b", "name"), (" = 3", "value"))),
        ("W (4, 5) -1..2", True, (("W", "name"), (" (4, 5) -1..2", "value"))),
        ("v (3,) 0..1", True, (("v", "name"), (" (3,) 0..1", "value"))),
        ("f(x) (3,)", True, (("f(x)", "name"), (" (3,)", "value"))),
        ("∂ 0.5 (1/2)", False, (("∂ 0.5 (1/2)", "gradient"),)),
        ("∂ x = 3", True, (("∂ x", "name"), (" = 3", "value"))),
        ("3 operations", False, (("3 operations", "plain"),)),
        ("2", True, (("2", "name"),)),
    ],
)
def test_name_value_and_gradient_are_told_apart(line: str, first: bool, roles: tuple) -> None:
    assert _roles(line, first) == roles


def test_a_name_that_its_escapes_make_long_is_cut_and_not_its_value() -> None:
    # The characters are two cells wide each, and six letters as an escape.
    x = gg.scalar(2.5, name="重み")
    for box in shapes(Drawing.of(walk(x * x)).at(None)).boxes:
        assert [run.text for run in box.runs][1].startswith("= ")
        assert box.runs[1].x + box.runs[1].width <= box.x + box.width


def test_everything_lies_on_the_page(layers: Walk) -> None:
    drawn = page(Drawing.of(layers).at(layers.at(5)), "forward")
    for words in drawn.words:
        assert words.x >= 0
        assert words.x + words.width <= drawn.width
        assert 0 < words.y < drawn.height
    for swatch in drawn.swatches:
        assert swatch.x + swatch.width <= drawn.width
        assert swatch.y + swatch.height <= drawn.height
    assert drawn.x >= 0
    assert drawn.x + drawn.shapes.width <= drawn.width
    assert drawn.y + drawn.shapes.height <= drawn.height
    ys = [words.y for words in drawn.words if words.style in ("title", "caption", "note")]
    assert ys == sorted(ys)


def test_wrap_breaks_long_words_too() -> None:
    assert wrap("abcdefgh ij", 3) == ["abc", "def", "gh", "ij"]
    assert wrap("重み重み x", 4) == ["重み", "重み", "x"]
    assert wrap("重", 1) == ["重"]
    assert wrap("", 10) == []
    assert wrap("x", 1) == ["x"]
