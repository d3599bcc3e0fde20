import re
from collections.abc import Callable

import pytest

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
