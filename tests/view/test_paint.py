"""Pictures as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphgrad.view.layout import Box, Link, layout
from graphgrad.view.paint import Label, cell_width, fit, paint, to_text
from graphgrad.view.scene import Frame, PlacedBox, Route, Scene

CROSSING = Scene(
    "TB",
    7,
    3,
    (PlacedBox("a", 2, 0, 3, 1), PlacedBox("b", 0, 0, 1, 1), PlacedBox("c", 2, 2, 3, 1), PlacedBox("d", 6, 2, 1, 1)),
    (
        Route("ac", "a", "c", 0, 0, ((3, 0), (3, 2))),
        Route("bd", "b", "d", 0, 0, ((0, 0), (0, 1), (6, 1), (6, 2))),
    ),
    (),
)


def labels(*keys: str) -> dict[str | int, Label]:
    return {key: Label((key,)) for key in keys}


def test_a_crossing_is_no_join() -> None:
    assert to_text(CROSSING, labels("a", "b", "c", "d")) == "b ▐a▌\n╰──│──╮\n  ▐c▌ d"


def test_a_join_of_one_value() -> None:
    boxes = [Box("x", 3), Box("p", 3), Box("q", 3), Box("r", 3)]
    scene = layout(boxes, [Link(i, "x", head) for i, head in enumerate("pqr")])
    text = to_text(scene, labels("x", "p", "q", "r"))
    assert text == "      ▐x▌\n ╭─────┼─────╮\n▐p▌   ▐q▌   ▐r▌"


def test_both_operands_of_a_square() -> None:
    scene = layout([Box("x", 5), Box("y", 9)], [Link(0, "x", "y", 0), Link(1, "x", "y", 1)])
    assert to_text(scene, labels("x", "y")) == "  ▐ x ▌\n  ╭─┴─╮\n▐   y   ▌"


def test_ascii() -> None:
    text = to_text(CROSSING, labels("a", "b", "c", "d"), ascii_only=True)
    assert text == "b [a]\n+--|--+\n  [c] d"
    scene = layout([Box("long name", 6, 1, ("g",)), Box("y", 5, 3)], [Link(0, "long name", "y")], frames=True)
    drawn = to_text(scene, labels("long name", "y"), ascii_only=True)
    assert drawn.isascii()
    assert "[lon~]" in drawn


def test_framed_boxes_show_entries_and_exits() -> None:
    scene = layout([Box("x", 5, 3), Box("y", 5, 3)], [Link(0, "x", "y")])
    assert to_text(scene, labels("x", "y")) == "╭───╮\n│ x │\n╰─┬─╯\n  │\n╭─▼─╮\n│ y │\n╰───╯"
    assert "▼" not in to_text(scene, labels("x", "y"), arrows=False)


def test_left_to_right() -> None:
    scene = layout([Box("x", 5), Box("y", 5)], [Link(0, "x", "y")], direction="LR")
    assert to_text(scene, labels("x", "y")) == "▐ x ▌──▶▐ y ▌"


def test_frames_and_titles() -> None:
    scene = layout([Box("x", 5, 1, ("net",))], [], frames=True)
    assert to_text(scene, labels("x")) == "┌ net ╌╌╌╌┐\n┆  ▐ x ▌  ┆\n└╌╌╌╌╌╌╌╌╌┘"


def test_a_frame_is_wide_enough_for_its_title() -> None:
    for title in ("0", "a long title", "注意機構の層"):
        scene = layout([Box("x", 5, 1, (title,))], [], frames=True)
        assert f" {title} " in to_text(scene, labels("x"))


def test_a_title_makes_way_for_a_link() -> None:
    scene = Scene(
        "TB",
        12,
        4,
        (PlacedBox("x", 2, 0, 3, 1), PlacedBox("y", 2, 2, 3, 1)),
        (Route(0, "x", "y", 0, 0, ((3, 0), (3, 2))),),
        (Frame(("net",), 0, 1, 12, 3),),
    )
    assert to_text(scene, labels("x", "y")).splitlines()[1] == "┌╌╌│ net ╌╌┐"


def test_styles() -> None:
    scene = layout([Box("x", 5), Box("p", 5), Box("q", 5)], [Link("xp", "x", "p"), Link("xq", "x", "q")])
    texts: dict[str | int, Label] = {"x": Label(("x",), "current"), "p": Label(("p",)), "q": Label(("q",))}
    rows = paint(scene, texts, {"xp": "active"}, emphasis=("active",), heavy={"active"})
    assert [run for run in rows[0] if run[1]] == [("▐", "current-edge"), (" x ", "current"), ("▌", "current-edge")]
    assert [run for run in rows[1] if run[1]] == [("┏━━━┻", "active"), ("───╮", "link")]
    weak = paint(scene, texts, {"xq": "other"}, emphasis=("link",))
    assert sum(len(text) for text, style in weak[1] if style == "link") > 2


def test_the_vertical_link_gives_a_crossing_its_style() -> None:
    rows = paint(CROSSING, {}, {"ac": "up", "bd": "across"}, emphasis=("across", "up"))
    assert ("│", "up") in rows[1]


@pytest.mark.parametrize("window", [(0, 0, 20, 5), (3, 1, 4, 2), (-2, -1, 6, 4), (100, 100, 3, 2)])
def test_a_window_shows_its_part(window: tuple[int, int, int, int]) -> None:
    boxes = [Box("重み", 8, 1, ("g",)), Box("x", 5, 3), Box("y", 9, 1, ("g",))]
    scene = layout(boxes, [Link(0, "重み", "y"), Link(1, "x", "y", 1)], frames=True)
    texts = labels("重み", "x", "y")
    _, y, width, height = window
    part = paint(scene, texts, window=window)
    assert len(part) == height
    whole = [[cell for text, _ in row for cell in text] for row in paint(scene, {})]
    for j, row in enumerate(part):
        assert sum(cell_width(text) for text, _ in row) == width
        if not 0 <= y + j < len(whole):
            assert not "".join(text for text, _ in row).strip()


def test_labels_of_several_lines_are_centred() -> None:
    scene = layout([Box("x", 9, 5)], [])
    assert to_text(scene, {"x": Label(("tanh", "0.5"))}).splitlines()[1:4] == ["│ tanh  │", "│  0.5  │", "│       │"]


def test_a_missing_label_is_the_key() -> None:
    assert to_text(layout([Box(7, 5)], []), {}) == "▐ 7 ▌"


def test_control_characters_never_reach_the_picture() -> None:
    scene = layout([Box("x", 9)], [])
    assert to_text(scene, {"x": Label(("a\x1b[1m\n\u202eb",))}) == "▐ a[1mb ▌"


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("abc", 3), ("∂L/∂w", 5), ("重み", 4), ("ȳ", 1), ("y\u0304", 1), ("\x1b", 0), ("√…▌", 3)],
)
def test_cell_width(text: str, width: int) -> None:
    assert cell_width(text) == width


@given(st.text(max_size=20), st.integers(0, 12))
def test_fit(text: str, width: int) -> None:
    fitted = fit(text, width)
    assert cell_width(fitted) <= width
    if cell_width(text) <= width:
        assert "…" not in fitted or "…" in text
    elif width:
        assert fitted.endswith("…")
