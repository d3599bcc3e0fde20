import pytest

from graphgrad.view.names import names
from graphgrad_tui.finding import find, position
from tests.tui.screens import layers, neuron


def found(walk, text):
    return [name for _, name, _ in find(walk, names(walk.graph), text)]


def test_names_that_begin_with_a_text_come_first():
    walk = layers()
    assert found(walk, "w")[:2] == ["W1", "W2"]
    assert found(walk, "W1") == ["W1"]
    assert "matmul#1" in found(walk, "hidden")
    assert found(walk, "hidden") != found(walk, "out")
    assert len(found(walk, "")) == len(walk.graph)
    assert found(walk, "nothing like it") == []


def test_source_lines_are_searched():
    assert "z" in found(neuron(), "w * x + b")


@pytest.mark.parametrize("text", ["", "  ", "+", "--3", "99999999999999999999", "1e3", "z.grad.grad", "٣٣"])
def test_what_means_nothing_says_so(text):
    walk = neuron()
    assert isinstance(position(walk.cursor(), names(walk.graph), text), str)


def test_every_step_can_be_reached():
    walk = neuron()
    cursor = walk.cursor()
    for i in range(-1, len(cursor)):
        assert position(cursor, names(walk.graph), str(i + 1)) == i
    cursor.go(2)
    assert position(cursor, names(walk.graph), "-3") == -1
    assert isinstance(position(cursor, names(walk.graph), "-4"), str)
