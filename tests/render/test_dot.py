import re
from collections.abc import Callable
from dataclasses import replace

import pytest

import graphgrad as gg
from graphgrad.render.dot import to_dot
from graphgrad.render.fonts import shown
from graphgrad.view.drawing import Drawing
from graphgrad.view.picture import Look
from graphgrad.walk.walk import Walk

from .conftest import HOSTILE

STRING = r'"((?:[^"\\]|\\.)*)"'


def unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), text).replace("&amp;", "&")


def nodes(dot: str) -> dict[str, str]:
    return {id: unquoted(label) for id, label in re.findall(rf"^ *(n\d+) \[label={STRING}", dot, re.MULTILINE)}


def edges(dot: str) -> list[tuple[str, str]]:
    return re.findall(r"^ *(n\d+) -> (n\d+) ", dot, re.MULTILINE)


@pytest.mark.parametrize("look", [Look(), Look(direction="LR"), Look(folded=frozenset({"encoder"})), Look(ghosts=True)])
def test_boxes_and_links_are_those_of_the_drawing(layers: Walk, look: Look) -> None:
    drawing = Drawing.of(layers, look)
    picture = drawing.at(layers.at(6))
    dot = to_dot(drawing, picture)
    ids = {box.key: f"n{i}" for i, box in enumerate(drawing.drawn.boxes)}
    assert nodes(dot) == {ids[key]: "\n".join(map(shown, label.lines)) for key, label in picture.labels.items()}
    assert edges(dot) == [(ids[link.tail], ids[link.head]) for link in drawing.drawn.links]
    assert f"rankdir={look.direction}" in dot


def test_a_square_has_two_edges_with_their_operands(square: Walk) -> None:
    drawing = Drawing.of(square)
    dot = to_dot(drawing, drawing.at(None))
    assert len(edges(dot)) == 2
    assert re.findall(r'headlabel="(\d)"', dot) == ["0", "1"]


def test_links_of_several_outputs_say_which() -> None:
    a, b = gg.unbind(gg.tensor([2.0, 3.0], requires_grad=True, name="T"))
    drawing = Drawing.of(gg.walk(a * b * b))
    ids = {box.key: f"n{i}" for i, box in enumerate(drawing.drawn.boxes)}
    (unbind,) = (ids[box.key] for box in drawing.drawn.boxes if len(box.outputs) > 1)
    dot = to_dot(drawing, drawing.at(None))
    labels = re.findall(rf'^  {unbind} -> n\d+ .* label="([^"]*)"', dot, re.MULTILINE)
    assert labels == ["[0]→0", "[1]→1", "[1]→1"]
    assert dot.count(' label="[') == 3
    a, b = gg.unbind(gg.tensor([2.0, 3.0], requires_grad=True, name="T"))
    drawing = Drawing.of(gg.walk(gg.tanh(b)))
    assert ' label="[1]"' in to_dot(drawing, drawing.at(None))


def test_what_comes_into_a_folded_scope_are_no_operands(layers: Walk) -> None:
    drawing = Drawing.of(layers, Look(folded=frozenset({"head"})))
    dot = to_dot(drawing, drawing.at(None))
    (head,) = (f"n{i}" for i, box in enumerate(drawing.drawn.boxes) if box.folded)
    (into,) = re.findall(rf"^  n\d+ -> {head} .*$", dot, re.MULTILINE)
    assert "headlabel" not in into
    x, y = gg.scalar(2.0, name="x"), gg.scalar(3.0, name="y")
    a, b = x * y, x + y
    with gg.scope("s"):
        c = (a - b) * b
    drawing = Drawing.of(gg.walk(c), Look(folded=frozenset({"s"})))
    into_folded = [link for link in drawing.drawn.links if link.head == drawing.drawn.boxes[-1].key]
    assert len(into_folded) == 2
    assert to_dot(drawing, drawing.at(None)).count("headlabel") == 4


def test_title_caption_and_notes_stand_above(square: Walk) -> None:
    drawing = Drawing.of(square)
    picture = replace(drawing.at(square.at(0)), notes=("something is left out " * 6,))
    heading = re.search(rf"^  graph .*label={STRING}", to_dot(drawing, picture), re.MULTILINE)
    assert heading is not None
    lines = heading[1].split("\\l")
    assert lines[0] == "A square"
    assert " ".join(lines[1].split()) == " ".join(picture.caption.split())
    assert " ".join(lines[2:]).split() == picture.notes[0].split()
    assert max(map(len, lines)) <= 80


def test_bad_numbers_are_marked(broken: Walk) -> None:
    drawing = Drawing.of(broken)
    picture = drawing.at(None)
    marked = [label.startswith("! ") for label in nodes(to_dot(drawing, picture)).values()]
    assert marked == [label.bad for label in picture.labels.values()]
    assert any(marked)


def test_scopes_are_nested_clusters(layers: Walk) -> None:
    drawing = Drawing.of(layers)
    dot = to_dot(drawing, drawing.at(None))
    assert re.findall(r'graph \[label="(\w+)"', dot) == ["encoder", "linear", "head"]
    assert dot.count("{") == dot.count("}")
    depth, deepest = 0, 0
    for line in dot.splitlines():
        depth += line.endswith("{") - (line.strip() == "}")
        deepest = max(deepest, depth)
    assert (depth, deepest) == (0, 3)


def test_the_same_picture_gives_the_same_text(layers: Walk) -> None:
    first, second = (Drawing.of(layers) for _ in range(2))
    assert to_dot(first, first.at(None)) == to_dot(second, second.at(None))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_inside_their_quotes(name: str, walk_named: Callable[[str], Walk]) -> None:
    drawing = Drawing.of(walk_named(name))
    picture = drawing.at(None)
    dot = to_dot(drawing, picture)
    assert list(nodes(dot).values()) == ["\n".join(map(shown, label.lines)) for label in picture.labels.values()]
    # What is left without the strings is plain structure.
    assert re.fullmatch(r"[\w\s{}\[\]=,\->.]*", re.sub(STRING, "", dot))
