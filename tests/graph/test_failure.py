from __future__ import annotations

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.failure import without_failed
from graphgrad.graph.graph import Graph, Vertex


def failing() -> tuple[gg.Recording, gg.ShapeError]:
    recording = gg.Recording()
    try:
        with gg.record() as recording, gg.scope("net"):
            x = gg.tensor([[1.0, 2.0]], requires_grad=True, name="x")
            h = gg.tanh(x) * 2.0
            y = h @ h  # noqa: F841 - the name is recorded
    except gg.ShapeError as error:
        return recording, error
    raise AssertionError("the shapes fit")


def graph_of(recording: gg.Recording) -> tuple[Graph, Vertex]:
    assert recording.failed is not None
    failed = recording.failed.graph.failed
    assert failed is not None
    return recording.failed.graph, failed


def test_a_recording_keeps_the_operation_that_raised() -> None:
    recording, error = failing()
    assert recording.failed is not None
    assert recording.failed.error is error
    assert [node.op.name for node in recording.nodes] == ["tanh", "multiply"]
    graph, failed = graph_of(recording)
    assert [vertex.op or vertex.name or vertex.leaf for vertex in graph] == ["x", "tanh", 2.0, "multiply", "matmul"]
    product = graph.nodes[1].id
    assert [operand.vertex for operand in failed.operands] == [product, product]
    assert [output.vertex for output in graph.outputs] == [product]
    assert (failed.error, failed.name, failed.scope) == (str(error), "y", "net")
    assert (failed.shapes, failed.dtypes, failed.requires_grad, dict(failed.attrs)) == ((), (), False, {})
    assert failed.site is not None
    assert failed.site.text == "h @ h"


def test_a_graph_that_ends_in_an_operation_that_raised_does_not_run() -> None:
    graph, failed = graph_of(failing()[0])
    with pytest.raises(gg.GraphError, match=r"(?s)run: .* raised, matmul\n  it said: matmul: .*made at: .*h @ h"):
        graph.run()
    rest = without_failed(graph)
    assert rest.failed is None
    assert failed.id not in rest.vertices
    assert rest.run().shape == (1, 2)
    assert without_failed(rest) is rest


def test_what_can_be_in_no_graph_is_left_out() -> None:
    x = gg.tensor([1.0], requires_grad=True)
    a = gg.scalar(1.0)
    for code in (lambda: x + "text", lambda: x + a, lambda: gg.where(None, x, x), lambda: gg.stack([x, object()])):
        with pytest.raises(TypeError), gg.record() as recording:
            code()
        graph, failed = graph_of(recording)
        assert {operand.vertex for operand in failed.operands} == {x.number}
        assert [vertex.id for vertex in graph] == [x.number, failed.id]


def test_complex_numbers_and_lists_in_the_code_are_leaves() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    for code, dtypes in (
        (lambda: gg.logaddexp(x, 1j), ["float32", "complex64"]),
        (lambda: gg.tanh(1j), ["complex64"]),
        (lambda: gg.tanh(np.complex128(1j)), ["complex64"]),
        (lambda: gg.add([1.0, 2.0], [1.0, 2.0, 3.0]), ["float32", "float32"]),
    ):
        with pytest.raises((gg.DTypeError, gg.ShapeError)), gg.record() as recording:
            code()
        graph, failed = graph_of(recording)
        assert [graph.vertices[operand.vertex].dtypes[0].name for operand in failed.operands] == dtypes


def test_numbers_in_the_code_get_ids_of_their_own() -> None:
    x = gg.tensor([1.0], requires_grad=True)
    with pytest.raises(gg.ShapeError), gg.record() as recording:
        (x * 2.0 + 3.0) @ 4.0
    graph, failed = graph_of(recording)
    constants = [vertex for vertex in graph if vertex.is_constant]
    assert sorted(vertex.leaf for vertex in constants) == [2.0, 3.0, 4.0]  # type: ignore[type-var]
    assert len({vertex.id for vertex in constants}) == 3
    assert graph.vertices[failed.operands[1].vertex].leaf == 4.0


def test_a_parameter_that_was_written_before_is_as_it_is_now() -> None:
    x = gg.tensor([[1.0, 2.0]], requires_grad=True)
    with gg.no_grad():
        x += 1.0
    with pytest.raises(gg.ShapeError), gg.record() as recording:
        x @ x
    assert graph_of(recording)[0].written_leaves() == ()


def test_without_recording_nothing_is_kept() -> None:
    with gg.record() as recording:
        pass
    with pytest.raises(gg.ShapeError):
        gg.ones((2, 3)) @ gg.ones((2, 3))
    assert recording.failed is None


def test_what_a_layer_ran_before_is_not_what_the_variable_would_hold() -> None:
    net = gg.nn.Sequential(gg.nn.Linear(2, 3), gg.nn.ReLU(), gg.nn.Linear(4, 2))
    x = gg.ones((1, 2))
    recording = gg.Recording()
    try:
        with gg.record() as recording:
            h = gg.tanh(x)
            y = net(h)  # noqa: F841 - the name is recorded
    except gg.ShapeError:
        pass
    graph, _ = graph_of(recording)
    assert [(vertex.op, vertex.name) for vertex in graph.nodes] == [
        ("tanh", "h"),
        ("linear", None),
        ("relu", None),
        ("linear", None),
    ]
