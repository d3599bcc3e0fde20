"""The bridges between tensors and scalars as parts of a graph: values, shapes, refusals, vertices, running again."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.bridge import nested
from graphgrad.graph.node import Node
from graphgrad.nn.scalar import Value
from graphgrad.ops import TABLE
from graphgrad.ops.declare import find, lookup
from graphgrad.walk.file import from_json, to_json


def f64(values: Any, name: str | None = None) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True, name=name)


def data(nest: Any) -> Any:
    return [data(one) for one in nest] if isinstance(nest, list) else nest.data


# ---- stack


def test_stacked_scalars_are_a_float64_tensor() -> None:
    a, b = gg.scalar(1.0), gg.scalar(2.0)
    t = gg.stack([a, b, a])
    assert (t.shape, t.dtype, t.tolist()) == ((3,), np.dtype("float64"), [1.0, 2.0, 1.0])
    assert t.requires_grad
    assert t.node is not None
    assert (t.node.op.name, t.node.needs, t.node.operands[1].number) == ("stack", 0b111, b.number)


@pytest.mark.parametrize("sequence", [list, tuple, lambda row: np.array(row, object), iter])
def test_any_sequence_of_scalars(sequence: Any) -> None:
    assert gg.stack(sequence([gg.scalar(1.0), gg.scalar(2.0)])).tolist() == [1.0, 2.0]


def test_numbers_and_tensors_without_axes_among_scalars() -> None:
    s, x = gg.scalar(3.0), gg.tensor(0.5, requires_grad=True)
    t = gg.stack([s, 2, True, np.float32(0.25), x])
    assert t.tolist() == [3.0, 2.0, 1.0, 0.25, 0.5]
    gg.sum(t * [1.0, 2.0, 3.0, 4.0, 5.0]).backward()
    assert s.grad == 1.0
    assert x.grad is not None
    assert (x.grad.item(), x.grad.dtype) == (5.0, np.dtype("float32"))


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((2, 3), 0), ((2, 3), 1), ((2, 3), -1), ((2, 1, 3), 1), ((2, 1, 3), -1), ((2, 0), 0), ((1, 1), -2)],
)
def test_lists_of_lists_are_members_along_an_axis(shape: tuple[int, ...], axis: int) -> None:
    values = np.arange(float(np.prod(shape))).reshape(shape)
    scalars = f64(values).scalars()
    if values.size:
        assert np.array_equal(gg.stack(scalars, axis=axis).data, np.stack(list(values), axis))
    else:
        assert gg.stack(scalars, axis=axis).shape == np.stack(list(values), axis).shape


def test_an_object_array_of_scalars() -> None:
    cells = np.array([[gg.scalar(1.0), gg.scalar(2.0)], [gg.scalar(3.0), gg.scalar(4.0)]], object)
    t = gg.stack(cells)
    assert t.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert t.requires_grad


def test_stacks_of_tensors_are_as_ever() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    t = gg.stack([x, x * 2])
    assert (t.dtype, t.node.op is TABLE["stack"]) == (np.dtype("float32"), True)
    assert gg.stack([[1.0, 2.0], [3.0, 4.0]]).dtype == np.float32
    with pytest.raises(gg.ShapeError, match="at least one"):
        gg.stack([])
    with pytest.raises(gg.DTypeError, match="a sequence of tensors"):
        gg.stack(gg.scalar(1.0))


@pytest.mark.parametrize(
    ("members", "axis", "error", "says"),
    [
        (
            lambda s: [s, gg.tensor([1.0])],
            0,
            gg.DTypeError,
            r"a tensor of shape \(1,\) stands among scalars(.|\n)*hint",
        ),
        (lambda s: [s, "1"], 0, gg.DTypeError, "str '1' stands among scalars"),
        (lambda s: [s, 1j], 0, gg.DTypeError, "complex 1j stands among scalars"),
        (lambda s: [s, None], 0, gg.DTypeError, "NoneType"),
        (lambda s: [[s, s], [s]], 0, gg.ShapeError, r"same length(.|\n)*first holds 2(.|\n)*number 1 holds 1"),
        (lambda s: [[s, s], s], 0, gg.ShapeError, r"number 1 holds a single one"),
        (lambda s: [s, s], 1, gg.ShapeError, "axis 1"),
        (lambda s: [[s], [s]], -3, gg.ShapeError, "axis -3"),
    ],
)
def test_what_can_not_be_stacked(members: Any, axis: int, error: type[Exception], says: str) -> None:
    s = gg.scalar(1.0)
    with pytest.raises(error, match=says):
        gg.stack(members(s), axis=axis)


def test_lists_that_are_too_deep() -> None:
    nest: Any = gg.scalar(1.0)
    for _ in range(64):
        nest = [nest]
    with pytest.raises(gg.ShapeError, match="deeper than 64"):
        gg.stack([nest])
    assert gg.stack(nest).shape == (1,) * 64
    endless: list[Any] = [None]
    endless[0] = endless
    with pytest.raises(gg.ShapeError, match="same length"):
        gg.stack([endless, gg.scalar(1.0)])


def test_other_operations_still_refuse_scalars_among_tensors() -> None:
    for call in (lambda s: gg.concat([s, s]), lambda s: gg.tensor([1.0]) * s, lambda s: gg.sum(s)):
        with pytest.raises(gg.DTypeError, match="Scalar"):
            call(gg.scalar(1.0))


# ---- scalars


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (2, 1, 2), (0,), (2, 0), (0, 3), (2, 0, 2)])
@pytest.mark.parametrize("needs", [True, False])
def test_scalars_are_nested_as_the_values_are(shape: tuple[int, ...], needs: bool) -> None:
    values = np.arange(float(np.prod(shape))).reshape(shape)
    nest = gg.tensor(values, requires_grad=needs).scalars()
    assert data(nest) == values.tolist()
    for one in np.array(nest, object).flat if values.size else ():
        assert (type(one), one.requires_grad, one.is_leaf) == (gg.Scalar, needs, not needs)


def test_nesting() -> None:
    assert nested("abcdef", (2, 3)) == [["a", "b", "c"], ["d", "e", "f"]]
    assert nested("abcd", (2, 2, 1)) == [[["a"], ["b"]], [["c"], ["d"]]]
    assert nested("", (2, 0, 2)) == [[], []]
    assert nested("a", ()) == "a"


def test_what_an_element_is() -> None:
    x = f64([1.0, 2.0])
    a, b = x.scalars()
    assert (a.grad, a.name, a.number + 1) == (None, None, b.number)
    assert b.number > x.number
    with pytest.raises(gg.WriteError, match="computed"):
        a.data = 3.0
    with pytest.raises(gg.GraphError, match="only leaves"):
        a.__reduce__()
    a.name = "first"
    assert a.name == "first"
    assert not a.detach().requires_grad
    assert hash(a) == hash(a)


def test_constants_are_named_after_their_tensor() -> None:
    x = gg.tensor([[1.0, 2.0]], name="x")
    assert [one.name for one in x.scalars()[0]] == ["x[0,0]", "x[0,1]"]
    assert gg.tensor(1.0).scalars().name is None
    y = gg.scalar(2.0) * x.scalars()[0][1]
    assert [vertex.name for vertex in y.graph().leaves] == [None, "x[0,1]"]


def test_elements_of_other_classes() -> None:
    x = f64([1.0])
    (v,) = x.scalars(Value)
    assert isinstance(v, Value)
    assert isinstance(v * v, Value)
    with pytest.raises(gg.DTypeError, match="face is a class of scalars"):
        x.scalars(float)  # type: ignore[arg-type]


def test_complex_tensors_have_no_scalars() -> None:
    with pytest.raises(gg.DTypeError, match=r"scalars: (.|\n)*complex64, scalars are real(.|\n)*gg.real"):
        gg.tensor([1j]).scalars()


def test_a_tensor_that_was_overwritten_is_refused() -> None:
    x = f64([1.0, 2.0])
    h = x * 2.0
    with gg.no_grad():
        h.detach()[:] = 7.0
    with pytest.raises(gg.WriteError, match="scalars: "):
        h.scalars()


# ---- graphs


def mixed() -> tuple[gg.Tensor, gg.Tensor, gg.Scalar]:
    x, s = f64([1.0, 2.0], "x"), gg.scalar(3.0, name="s")
    with gg.scope("inside"):
        a, b = x.scalars()
        t = gg.stack([a * s, b, 5.0])
    return gg.sum(t * t), x, s


def test_the_vertices_of_a_mixed_graph() -> None:
    y, x, s = mixed()
    graph = y.graph()
    ops = [vertex.op or vertex.name or vertex.leaf for vertex in graph]
    assert [one for one in ops if one != "s"] == ["x", "scalars", "multiply", 5.0, "stack", "multiply", "sum"]
    assert ops.index("s") < ops.index("multiply")  # its number is that of a chunk that may have been begun before
    elements, product, stacked = (graph.nodes[i] for i in (0, 1, 2))
    assert elements.operands == ((x.number, 0),)
    assert (elements.shapes, elements.requires_grad, elements.scope) == (((), ()), True, "inside")
    assert product.operands == ((elements.id, 0), (s.number, 0))
    assert stacked.operands[:2] == ((product.id, 0), (elements.id, 1))
    assert stacked.shapes == ((3,),)
    assert graph.scalars == {elements.id, product.id, s.number}
    assert len(graph.to_networkx().edges) == 9


def test_a_mixed_graph_runs_again() -> None:
    y, x, s = mixed()
    graph = y.graph()
    assert graph.run().item() == 9.0 + 4.0 + 25.0
    again = graph.run({"x": [2.0, 3.0], s: 1.0})
    assert again.item() == 4.0 + 9.0 + 25.0
    again.backward()
    graph.run().backward()
    assert (s.grad, x.grad is not None) == (6.0, True)
    saved = from_json(to_json(graph))
    assert isinstance(saved, gg.Graph)
    assert saved.run({"s": 0.0}).item() == 4.0 + 25.0


def test_graphs_of_results_of_both_kinds() -> None:
    x = f64([1.0, 2.0])
    a, b = x.scalars()
    graph = gg.Graph.of(a * b, x * 2.0, b)
    product, doubled, second = graph.run()
    assert (product.data, doubled.tolist(), second.data) == (2.0, [2.0, 4.0], 2.0)
    assert graph.outputs[2] == (graph.nodes[0].id, 1)


def test_a_graph_ends_in_elements() -> None:
    x = f64([1.0, 2.0])
    graph = x.scalars()[1].graph()
    assert [vertex.op for vertex in graph] == [None, "scalars"]
    assert graph.run({x: [5.0, 6.0]}).data == 6.0


def test_recording_knows_the_line_and_the_name() -> None:
    with gg.record() as recording:
        x = gg.tensor([1.0, 2.0], requires_grad=True)
        a, b = x.scalars()
        t = gg.stack([a * b, b])
    graph = t.graph()
    elements, _, stacked = graph.nodes
    assert elements.site is not None
    assert elements.site.source_line.strip() == "a, b = x.scalars()"
    assert (stacked.name, stacked.site.line) == ("t", elements.site.line + 1)
    assert [node.op.name for node in recording.nodes] == ["stack"]


def test_recording_without_gradients() -> None:
    with gg.record():
        t = gg.stack([gg.scalar(1.0, False, "c"), 2.0]) * 3.0
        graph = t.graph()
    assert [vertex.op or vertex.name or vertex.leaf for vertex in graph] == ["c", 2.0, "stack", 3.0, "multiply"]
    assert not t.requires_grad


def test_a_stack_that_failed_is_in_the_graph_until_then() -> None:
    with gg.record() as recording:
        s = gg.scalar(1.0) * 2.0
        with pytest.raises(gg.DTypeError):
            gg.stack([s, "no"])
    assert recording.failed is not None
    assert recording.failed.graph.failed is not None
    assert recording.failed.graph.failed.op == "stack"


def test_a_leaf_written_since_is_told_on_both_sides() -> None:
    y, x, s = mixed()
    graph = y.graph()
    assert graph.written_leaves() == ()
    x.data = np.array([5.0, 5.0])
    s.data = 1.0
    assert {leaf.name for leaf in graph.written_leaves()} == {"x", "s"}


# ---- how they are declared


def test_scalars_can_be_found_and_is_no_operation_on_tensors() -> None:
    assert find("scalars").shape((2, 3)) == ((),) * 6
    assert lookup("scalars") is find("scalars")
    assert "scalars" not in TABLE
    assert not hasattr(gg, "scalars")


def test_a_node_refers_backwards_only() -> None:
    s = gg.scalar(1.0)
    t = gg.stack([s * s])
    assert isinstance(t.node, Node)
    (operand,) = t.node.operands
    assert isinstance(operand, gg.Scalar)
    assert operand.chunk.origin is None


def test_the_examples() -> None:
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    text = gg.Tensor.scalars.__doc__ or ""
    assert runner.run(parser.get_doctest(text, {}, "scalars", None, 0)).failed == 0
    assert runner.summarize(False).attempted >= 5
