from collections.abc import Callable

import pytest

from graphgrad.render.txt import to_txt
from graphgrad.view.drawing import Drawing
from graphgrad.walk.walk import Walk

from .conftest import HOSTILE


def test_title_caption_boxes_and_marks(neuron: Walk) -> None:
    picture = Drawing.of(neuron).at(neuron.at(9))
    text = to_txt(picture)
    lines = text.splitlines()
    assert lines[0] == "A sigmoid neuron"
    assert " ".join(picture.caption.split()) in " ".join(lines[1:3])
    for label in picture.labels.values():
        for line in label.lines:
            assert line in text
    current = next(label for label in picture.labels.values() if label.state == "current")
    assert f"▸ {current.lines[0]}" in text
    assert "▸ happening now" in text
    assert all(line == line.rstrip() for line in lines)


def test_bad_numbers_are_marked(broken: Walk) -> None:
    picture = Drawing.of(broken).at(None)
    assert to_txt(picture).count("! ") == sum(label.bad for label in picture.labels.values()) + 1


def test_ascii(neuron: Walk) -> None:
    text = to_txt(Drawing.of(neuron).at(neuron.at(9)), ascii_only=True)
    assert text.isascii()
    assert "> add#1 = 8" in text
    assert "> happening now" in text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_bring_no_control_characters(name: str, walk_named: Callable[[str], Walk]) -> None:
    text = to_txt(Drawing.of(walk_named(name)).at(None))
    assert all(char == "\n" or char.isprintable() for char in text)
