import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import graphgrad as gg
from graphgrad.render.fonts import shown
from graphgrad.render.svg import to_svg
from graphgrad.view.drawing import Drawing
from graphgrad.view.picture import Look
from graphgrad.walk.walk import Walk

from .conftest import HOSTILE

KNOWN = {"svg", "title", "desc", "style", "rect", "text", "g", "path", "polygon", "circle"}
SVG = "{http://www.w3.org/2000/svg}"


def groups(svg: str, name: str) -> list[ET.Element]:
    root = ET.fromstring(svg)
    return [one for one in root.iter(f"{SVG}g") if name in one.get("class", "").split()]


def words(element: ET.Element) -> str:
    return " ".join("".join(one.itertext()) for one in element.iter(f"{SVG}text"))


@pytest.mark.parametrize("direction", ["TB", "LR"])
@pytest.mark.parametrize("name", ["neuron", "square", "layers", "broken"])
def test_every_box_and_link_is_there_at_every_step(name: str, direction: Any, request: pytest.FixtureRequest) -> None:
    walk: Walk = request.getfixturevalue(name)
    drawing = Drawing.of(walk, Look(direction=direction))
    for step in range(-1, len(walk.steps)):
        moment = walk.at(step)
        picture = drawing.at(moment)
        svg = to_svg(picture, moment.phase)
        boxes = [one for one in groups(svg, "box") if one.find(f"{SVG}title") is not None]
        assert [words(one).split() for one in boxes] == [
            " ".join(label.lines).split() + (["!"] if label.bad else []) for label in picture.labels.values()
        ]
        assert [one.get("class", "").split()[1] for one in boxes] == [
            f"s-{label.state}" for label in picture.labels.values()
        ]
        found = sorted(one.get("class", "").split()[1] for one in groups(svg, "link"))
        assert found == sorted(f"l-{state}" for state in picture.links.values())


def test_all_text_has_a_length_and_the_file_says_what_it_is(neuron: Walk) -> None:
    picture = Drawing.of(neuron).at(neuron.at(3))
    root = ET.fromstring(to_svg(picture, "forward"))
    texts = list(root.iter(f"{SVG}text"))
    assert texts
    assert all(float(one.get("textLength", 0)) > 0 for one in texts)
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "A sigmoid neuron"
    assert root.findtext(f"{SVG}desc") == shown(picture.caption)
    assert "A sigmoid neuron" in words(root)


def test_a_title_of_one_letter_is_shown() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True, name="x")
    with gg.scope("0"):
        h = gg.tanh(x)
    picture = Drawing.of(gg.walk(gg.sum(h))).at(None)
    titles = [one.text for one in ET.fromstring(to_svg(picture)).iter(f"{SVG}text") if one.get("class") == "scope"]
    assert titles == ["0"]


def test_scopes_have_frames_with_titles(layers: Walk) -> None:
    root = ET.fromstring(to_svg(Drawing.of(layers).at(None)))
    titles = [one.text for one in root.iter(f"{SVG}text") if one.get("class") == "scope"]
    assert titles == ["encoder", "linear", "head"]
    assert len([one for one in root.iter(f"{SVG}path") if one.get("class") == "frame"]) == 3


def test_nothing_is_taken_from_elsewhere(layers: Walk) -> None:
    svg = to_svg(Drawing.of(layers).at(None))
    assert re.findall(r"https?://[^\"' ]+", svg) == ["http://www.w3.org/2000/svg"]
    assert "<script" not in svg
    assert "url(" not in svg


def test_the_same_picture_gives_the_same_bytes(layers: Walk) -> None:
    assert to_svg(Drawing.of(layers).at(layers.at(4))) == to_svg(Drawing.of(layers).at(layers.at(4)))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str, walk_named: Callable[[str], Walk]) -> None:
    walk = walk_named(name)
    picture = Drawing.of(walk).at(None)
    svg = to_svg(picture)
    root = ET.fromstring(svg)
    assert root.findtext(f"{SVG}title") == shown(name)
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= KNOWN
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u2028\u2029]", svg)


def test_bad_numbers_bear_a_mark(broken: Walk, neuron: Walk) -> None:
    picture = Drawing.of(broken).at(None)
    assert sum(label.bad for label in picture.labels.values()) == len(groups(to_svg(picture), "mark")) > 0
    assert not groups(to_svg(Drawing.of(neuron).at(None)), "mark")


def test_the_style_sheet_holds_for_the_picture_alone(layers: Walk) -> None:
    # A notebook puts a picture, with its style sheet, into the page.
    root = ET.fromstring(to_svg(Drawing.of(layers).at(None)))
    style = root.findtext(f"{SVG}style", "")
    selectors = [one for rule in re.findall(r"^([^@}\n].*)\{.*\}$", style, re.MULTILINE) for one in rule.split(",")]
    assert len(selectors) > 100
    assert all(one.startswith(".graphgrad ") for one in selectors)
    assert root.get("class") == "graphgrad"
    assert not [one for one in root.iter() if one.get("id")]


def test_dark_surroundings_can_be_left_out(square: Walk) -> None:
    picture = Drawing.of(square).at(None)
    assert "prefers-color-scheme:dark" in to_svg(picture)
    assert "prefers-color-scheme" not in to_svg(picture, dark=False)
