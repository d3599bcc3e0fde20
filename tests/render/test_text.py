import io
from collections.abc import Callable

import pytest

import graphgrad as gg
from graphgrad.render.text import Text, walk_lines
from graphgrad.view.captions import caption
from graphgrad.walk.trace import walk
from graphgrad.walk.walk import Walk

from .conftest import HOSTILE


@pytest.mark.worked("W003")
def test_the_sigmoid_neuron(neuron: Walk) -> None:
    text = "\n".join(walk_lines(neuron))
    assert text.startswith("A sigmoid neuron\n5 leaves, 5 operations, 15 steps")
    for line in ("given       w1 = 3", "result      sigmoid = 0.982", "gradient    ∂sigmoid/∂w1 = 0.03533"):
        assert line in text


def test_every_step_has_its_line_in_order(layers: Walk) -> None:
    for granularity in ("concepts", "operations"):
        lines = list(walk_lines(layers, granularity))
        steps = [caption(layers, number) for number in layers.visible(granularity)]
        assert [line for line in lines if line in set(steps)] == steps


def test_it_prints_to_the_standard_output(square: Walk, capsys: pytest.CaptureFixture[str]) -> None:
    Text().show(square)
    out = capsys.readouterr().out
    assert out.splitlines() == list(walk_lines(square))


def test_a_stream_that_knows_only_ascii_gets_ascii(square: Walk) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Text().show(square, stream)
    stream.flush()
    assert b"dmultiply/dx" in raw.getvalue()


def test_a_forward_pass_alone_has_no_gradients() -> None:
    x = gg.tensor([1.0, 2.0], name="x")
    lines = list(walk_lines(walk(gg.sum(x * x))))
    assert not any(line.startswith(("gradient", "seed", "backward")) for line in lines)
    assert lines[-1].startswith("result")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_bring_no_control_characters(name: str, walk_named: Callable[[str], Walk]) -> None:
    assert all(line.isprintable() for line in walk_lines(walk_named(name)))
