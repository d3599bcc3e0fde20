"""Walks through graphs of tensors and scalars: every step, in files, in pictures, and zoomed into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.graph import Operand
from graphgrad.render.export import render
from graphgrad.view.inspect import inspect
from graphgrad.walk.expand import expand, scalars, ways
from graphgrad.walk.file import FileError, from_json, to_json
from graphgrad.walk.script import record_script
from graphgrad.walk.walk import Walk


def network() -> tuple[gg.Tensor, gg.Tensor, gg.Scalar]:
    x = gg.tensor([0.5, -1.0], dtype="float64", requires_grad=True, name="x")
    s = gg.scalar(2.0, name="s")
    a, b = gg.tanh(x).scalars()
    h = gg.stack([a * s, gg.sigmoid(b)])
    return gg.sum(h * x), x, s


def the(walk: Any, op: str) -> int:
    (found,) = (vertex.id for vertex in walk.graph if vertex.op == op)
    return int(found)


def test_the_numbers_are_those_of_a_pass() -> None:
    y, x, s = network()
    walk = gg.walk(y)
    assert (x.grad, s.grad) == (None, None)
    y.backward()
    assert x.grad is not None
    end = walk.end()
    assert np.array_equal(end.gradient(x.number), x.grad.data)  # type: ignore[arg-type]
    assert end.gradient(s.number) == s.grad
    assert end.value(y.number) == y.item()


def test_contributions_cross_element_by_element() -> None:
    walk = gg.walk(network()[0])
    stacked, elements, tanh = the(walk, "stack"), the(walk, "scalars"), the(walk, "tanh")
    by_stack = [one for one in walk.contributions if one.vertex == stacked]
    assert [one.operand for one in by_stack] == [0, 1]
    assert [one.value.shape for one in by_stack] == [(), ()]
    assert [float(one.value) for one in by_stack] == [0.5, -1.0]
    (by_elements,) = (one for one in walk.contributions if one.vertex == elements)
    assert by_elements.value.shape == (2,)
    end = walk.end()
    gradients = [end.gradient(elements, port) for port in (0, 1)]
    assert by_elements.value.tolist() == gradients
    assert np.array_equal(end.gradient(tanh), by_elements.value)  # type: ignore[arg-type]


def test_nothing_is_there_before_it_arrives() -> None:
    walk = gg.walk(network()[0])
    elements = the(walk, "scalars")
    arrivals = [
        i for i, step in enumerate(walk.steps) if step.kind == "backward" and step.target == Operand(elements, 1)
    ]
    assert len(arrivals) == 1
    assert walk.at(arrivals[0] - 1).gradient(elements, 1) is None
    assert walk.at(arrivals[0]).gradient(elements, 1) is not None
    first = next(i for i, step in enumerate(walk.steps) if step.vertex == elements)
    assert walk.at(first - 1).value(elements, 0) is None
    assert walk.at(first).value(elements, 0) == np.tanh(0.5)
    cursor = walk.cursor()
    shown = [cursor.next().happened.vertex for _ in range(len(cursor))]  # type: ignore[union-attr]
    assert {elements, the(walk, "stack")} <= set(shown)


def test_what_is_said_about_the_bridges() -> None:
    walk = gg.walk(network()[0])
    end = walk.end()
    seen = inspect(walk, end, the(walk, "scalars"), 1)
    assert (seen.op, seen.name) == ("scalars", "scalars[1]")
    assert seen.equation == "scalars = scalars(tanh): 0.4621, -0.7616"
    (received,) = inspect(walk, end, the(walk, "tanh")).received
    assert "the gradients of the scalars, in the shape of tanh" in received.rule
    seen = inspect(walk, end, the(walk, "stack"))
    assert seen.formula == "stack = stack([multiply#1, sigmoid])"
    (received,) = inspect(walk, end, the(walk, "sigmoid")).received
    assert "its slice of" in received.rule


def test_a_mixed_walk_in_a_file() -> None:
    walk = gg.walk(network()[0], title="both")
    text = to_json(walk)
    again = from_json(text)
    assert isinstance(again, Walk)
    assert to_json(again) == text
    assert again.steps == walk.steps
    assert again.graph.scalars == walk.graph.scalars
    assert again.graph.run().item() == walk.end().value(walk.graph.outputs[0].vertex)


@pytest.mark.parametrize(
    ("op", "change", "says"),
    [
        ("sigmoid", lambda vertex, ids: vertex.update(operands=[[ids["tanh"], 0]], op="add"), "operands"),
        ("scalars", lambda vertex, ids: vertex.update(operands=[[ids["s"], 0]]), "elements of a tensor"),
        ("scalars", lambda vertex, ids: vertex.update(shapes=[[]], dtypes=["float64"]), "gives another shape"),
        ("stack", lambda vertex, ids: vertex["operands"].__setitem__(0, [ids["x"], 0]), "don't mix in one operation"),
    ],
)
def test_files_that_mix_what_does_not_mix(op: str, change: Any, says: str) -> None:
    import json

    content = json.loads(to_json(network()[0].graph()))
    vertices = content["graph"]["vertices"]
    ids = {vertex["op"] or vertex["name"]: vertex["id"] for vertex in vertices}
    change(next(vertex for vertex in vertices if vertex["op"] == op), ids)
    vertices.sort(key=lambda vertex: vertex["op"] is not None)  # leaves first
    with pytest.raises(FileError, match=says):
        from_json(json.dumps(content))


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "dot", "html", "txt", "json"])
def test_every_picture(suffix: str, tmp_path: Path) -> None:
    path = render(gg.walk(network()[0]), tmp_path / f"both.{suffix}")
    data = path.read_bytes()
    assert len(data) > 200
    if suffix in ("svg", "dot", "html", "txt", "json"):
        assert b"scalars" in data
        assert b"stack" in data


def test_zooming_works_on_both_sides() -> None:
    walk = gg.walk(network()[0])
    sigmoid, product = the(walk, "sigmoid"), the(walk, "sum")
    assert ways(walk, sigmoid) == ("expand",)
    inner = expand(walk, sigmoid)
    assert [vertex.op for vertex in inner.graph.nodes] == ["negative", "exp", "add", "divide"]
    assert all("the same" in note for note in inner.notes)
    assert "scalars" in ways(walk, product)
    inner = scalars(walk, product)
    assert [vertex.op for vertex in inner.graph.nodes] == ["add"]
    assert all("the same" in note for note in inner.notes)
    assert ways(walk, the(walk, "scalars")) == ways(walk, the(walk, "stack")) == ()


def test_expanded_elements_lie_in_one_chunk() -> None:
    x = gg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    walk = gg.walk(gg.sum(x * x))
    leaves = scalars(walk, walk.graph.outputs[0].vertex).graph.leaves
    assert [leaf.name for leaf in leaves] == [f"x[{i},{j}]" for i in range(2) for j in range(3)]


def test_a_script_of_both_kinds(tmp_path: Path) -> None:
    script = tmp_path / "both.py"
    script.write_text(
        "import graphgrad as gg\n"
        "w, s = gg.tensor([1.0, 2.0], requires_grad=True), gg.scalar(3.0)\n"
        "for _ in range(3):\n"
        "    a, b = w.scalars()\n"
        "    loss = gg.sum(gg.stack([a * s, b]) ** 2)\n"
        "    w.grad = s.grad = None\n"
        "    loss.backward()\n"
        "    w.data -= 0.1 * w.grad.data\n"
        "    s.data -= 0.01 * s.grad\n"
        "(a * b).backward()\n"
    )
    run = record_script(script)
    assert run.error is None
    assert run.passes[0].loss == 13.0
    assert len(run.passes) == 4
    walk = run.walk(1)
    assert [vertex.op for vertex in walk.graph.nodes] == ["scalars", "multiply", "stack", "power", "sum"]
    assert {leaf.name for leaf in walk.graph.leaves} == {"w", "s"}
    assert "scalars" in [vertex.op for vertex in run.walk(3).graph]
    with pytest.raises(gg.GraphError, match="written since"):
        run.walk(4)
