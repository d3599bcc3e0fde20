"""A graph as data: its vertices, its order, and running it again."""

from __future__ import annotations

import gc
import weakref
from dataclasses import FrozenInstanceError
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg


def leaf(values: Any, name: str | None = None) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True, name=name)


def grad_of(tensor: gg.Tensor) -> Any:
    assert tensor.grad is not None
    return tensor.grad.tolist()


def two_layers() -> tuple[gg.Tensor, dict[str, gg.Tensor]]:
    rng = np.random.default_rng(3)
    p = {name: leaf(rng.normal(size=shape), name) for name, shape in (("w1", (3, 4)), ("b1", 4), ("w2", (4, 2)))}
    x = gg.tensor(rng.normal(size=(5, 3)), name="x")
    with gg.scope("net"):
        with gg.scope("0"):
            h = gg.tanh(x @ p["w1"] + p["b1"])
        with gg.scope("1"):
            y = gg.log_softmax(h @ p["w2"] * 0.5, axis=-1)
    return -gg.mean(y[np.arange(5), np.array([0, 1, 1, 0, 1])]), {**p, "x": x}


# ---- vertices


def test_vertices_come_in_order_operands_first() -> None:
    loss, _ = two_layers()
    graph = loss.graph()
    place = {vertex.id: i for i, vertex in enumerate(graph)}
    assert len(place) == len(graph) == len(graph.vertices)
    for vertex in graph:
        assert graph.vertices[vertex.id] is vertex
        for operand in vertex.operands:
            assert place[operand.vertex] < place[vertex.id]
    numbers = [vertex.id for vertex in graph if not vertex.is_constant]
    assert numbers == sorted(numbers)
    assert [vertex.op for vertex in graph.nodes] == [
        *["matmul", "add", "tanh", "matmul", "multiply", "log_softmax", "getitem", "mean", "negative"],
    ]
    assert [vertex.name for vertex in graph.leaves] == ["w1", "b1", "w2", "x"]


def test_a_square_has_two_edges() -> None:
    x = leaf(3.0, "x")
    graph = (x * x).graph()
    (node,) = graph.nodes
    assert [(operand.vertex, operand.port) for operand in node.operands] == [(x.number, 0)] * 2
    assert graph.outputs == ((node.id, 0),)


def test_what_a_vertex_tells() -> None:
    x = leaf([[1.0, 2.0]], "x")
    with gg.scope("s"):
        y = gg.sum(x, axis=1, keepdims=True)
    vertex_x, vertex_y = y.graph()
    assert (vertex_x.is_leaf, vertex_x.leaf is x, vertex_x.op, vertex_x.shapes) == (True, True, None, ((1, 2),))
    assert (vertex_y.is_leaf, vertex_y.leaf, vertex_y.op, vertex_y.scope) == (False, None, "sum", "s")
    assert vertex_y.attrs == {"axis": 1, "keepdims": True}
    assert vertex_y.shapes == ((1, 1),)
    assert vertex_y.dtypes == (np.dtype("float64"),)
    assert vertex_x.requires_grad
    assert vertex_y.requires_grad
    with pytest.raises(FrozenInstanceError):
        vertex_y.op = "mean"


def test_numbers_in_the_code_are_constants_of_their_own() -> None:
    x = leaf([1.0, 2.0], "x")
    y = (x * 2.0 + 2.0) ** 3
    graph = y.graph()
    constants = [vertex for vertex in graph if vertex.is_constant]
    assert [vertex.leaf for vertex in constants] == [2.0, 2.0, 3]
    assert len({vertex.id for vertex in constants}) == 3
    assert all(vertex.id < 0 and vertex.is_leaf and not vertex.requires_grad for vertex in constants)
    assert [vertex.op for vertex in graph] == [None, None, "multiply", None, "add", None, "power"]
    assert [vertex.name for vertex in graph.leaves] == ["x"]
    assert graph.run({"x": [2.0, 3.0]}).tolist() == [216.0, 512.0]


def test_python_numbers_stay_weak_when_run_again() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    y = 0.1 * x + 1
    again = y.graph().run()
    assert again.dtype == y.dtype == np.float32
    assert again.tolist() == y.tolist()


def test_the_graph_of_a_leaf() -> None:
    x = leaf([1.0], "x")
    graph = x.graph()
    assert len(graph) == 1
    assert graph.run() is x
    assert graph.run({"x": [5.0]}).tolist() == [5.0]
    c = gg.tensor([1.0]) * 2
    assert [vertex.leaf is c for vertex in c.graph()] == [True]


def test_a_graph_needs_results() -> None:
    with pytest.raises(gg.GraphError, match="needs tensors or scalars\n  got: nothing"):
        gg.Graph.of()
    with pytest.raises(gg.GraphError, match="got: Tensor, float"):
        gg.Graph.of(leaf(1.0) * 2, 1.0)  # type: ignore[arg-type]
    assert len(gg.Graph.of(leaf(1.0) * 2, gg.scalar(1.0)).outputs) == 2


def test_names_of_results() -> None:
    x = leaf(2.0, "x")
    y = x * x
    y.name = "squared"
    assert [vertex.name for vertex in y.graph()] == ["x", "squared"]
    with gg.record():
        z = x * 3.0
    assert z.graph().nodes[0].name == "z"
    assert z.graph().nodes[0].site is not None


def test_a_name_given_to_a_result_on_the_way_is_its_name_in_the_graph() -> None:
    x = leaf(2.0, "x")
    h = x * x
    h.name = "hidden"
    with gg.record():
        k = h + 1.0
        k.name = "renamed"
        y = k * 2.0
    for graph in (y.graph(), y.graph().run().graph()):
        assert [vertex.name for vertex in graph if not vertex.is_constant] == ["x", "hidden", "renamed", "y"]


def test_a_name_outlives_a_write_in_place() -> None:
    x = leaf([2.0], "x")
    h = x * x
    h.name = "h"
    h += 1.0
    assert [vertex.name for vertex in gg.sum(h).graph() if not vertex.is_constant] == ["x", "h", "h", None]


def test_of_the_operations_of_a_layer_the_last_one_has_the_name() -> None:
    layers = gg.nn.Sequential(gg.nn.Linear(2, 3), gg.nn.ReLU(), gg.nn.Linear(3, 1))
    with gg.record():
        h = layers(np.ones((1, 2), np.float32))
        y = gg.sum(h)
    names = [vertex.name for vertex in y.graph().nodes]
    assert names == [None] * (len(names) - 2) + ["h", "y"]


def test_a_graph_says_briefly_what_it_is() -> None:
    x = leaf([1.0, 2.0], "x")
    assert repr((x * x + 1.0).graph()) == "<Graph operations=2 leaves=1 -> (2,)>"
    assert repr(gg.Graph.of(*gg.split(x, 1))) == "<Graph operations=1 leaves=1 -> (1,), (1,)>"


# ---- running again


def test_running_again_reproduces_the_bits() -> None:
    loss, leaves = two_layers()
    graph = loss.graph()
    again = graph.run()
    assert again is not loss
    assert again.data.tobytes() == loss.data.tobytes()
    assert again.requires_grad
    loss.backward()
    first = {name: grad_of(t) for name, t in leaves.items() if t.requires_grad}
    for t in leaves.values():
        t.grad = None
    again.backward()
    assert {name: grad_of(t) for name, t in leaves.items() if t.requires_grad} == first


@pytest.mark.parametrize("by", ["leaf", "name", "id"])
def test_feeds(by: str) -> None:
    loss, leaves = two_layers()
    graph = loss.graph()
    x = leaves["x"]
    key = {"leaf": x, "name": "x", "id": x.number}[by]
    value = x.data * 2
    fed = graph.run({key: value})
    before = x.data.copy()
    x.data = value
    assert fed.item() == graph.run().item() != loss.item()
    x.data = before
    assert graph.run().item() == loss.item()


def test_what_is_fed_takes_dtype_and_requires_grad_of_the_leaf() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True, name="x")
    c = gg.tensor([1.0, 2.0], name="c")
    seen = np.array([3.0, 4.0])
    y = (x * c).graph().run({"x": seen, "c": [1, 1]})
    assert y.dtype == np.float32
    assert y.requires_grad
    seen[0] = 9.0
    assert y.graph().run().tolist() == [3.0, 4.0]


def test_a_fed_tensor_collects_the_gradient() -> None:
    x, w = leaf([1.0, 2.0], "x"), leaf([3.0, 4.0], "w")
    graph = gg.sum(x * w).graph()
    other = leaf([10.0, 20.0])
    graph.run({x: other}).backward()
    assert grad_of(other) == [3.0, 4.0]
    assert grad_of(w) == [10.0, 20.0]
    assert x.grad is None


def test_a_feed_that_names_nothing() -> None:
    loss, leaves = two_layers()
    graph = loss.graph()
    named = (leaf(1.0, "weight") * leaf(2.0, "bias")).graph()
    with pytest.raises(LookupError, match=r"no leaf is called 'wieght'(.|\n)*leaves: weight, bias(.|\n)*mean weight\?"):
        named.run({"wieght": 1.0})
    with pytest.raises(LookupError, match="feed by the leaf itself, its name or its id"):
        graph.run({"completely else": 1.0})
    with pytest.raises(LookupError, match="no leaf is called 99999999"):
        graph.run({99999999: 1.0})
    with pytest.raises(LookupError, match="is no leaf of this graph"):
        graph.run({leaf(1.0): 1.0})
    with pytest.raises(LookupError, match="is no leaf of this graph"):
        graph.run({loss: 1.0})
    with pytest.raises(LookupError, match="no leaf is called"):
        graph.run({-1: 1.0})
    assert graph.run({leaves["x"]: leaves["x"].data}).item() == loss.item()


def test_a_name_that_two_leaves_have() -> None:
    a, b = leaf(1.0, "w"), leaf(2.0, "w")
    graph = (a * b).graph()
    with pytest.raises(LookupError, match=rf"2 leaves are called 'w'(.|\n)*feed by id: \[{a.number}, {b.number}\]"):
        graph.run({"w": 1.0})
    assert graph.run({a: 5.0}).item() == 10.0


@pytest.mark.parametrize("value", [None, "3", ["1", "2"], [None, 1.0], 1j, np.array([1j, 2]), object()])
def test_a_feed_that_is_no_number(value: object) -> None:
    x = leaf([1.0, 2.0], "x")
    with pytest.raises(gg.DTypeError, match="run: "):
        (x * 2).graph().run({"x": value})


def test_a_feed_of_a_shape_that_does_not_fit() -> None:
    x, w = leaf([1.0, 2.0], "x"), leaf([1.0, 2.0])
    with pytest.raises(gg.ShapeError, match=r"multiply: shapes"):
        (x * w).graph().run({"x": [1.0, 2.0, 3.0]})


def test_values_of_leaves_are_read_when_it_runs() -> None:
    x = leaf([1.0, 2.0], "x")
    graph = gg.sum(x * x).graph()
    assert graph.written_leaves() == ()
    x.data = np.array([3.0, 4.0])
    assert [vertex.leaf is x for vertex in graph.written_leaves()] == [True]
    assert graph.run().item() == 25.0
    assert gg.sum(x * x).graph().written_leaves() == ()


@pytest.mark.parametrize("how", ["setter", "in place", "view", "array"])
def test_every_noted_write_to_a_leaf_is_seen(how: str) -> None:
    x, other = leaf([1.0, 2.0], "x"), leaf([1.0, 2.0], "other")
    other.data += 1  # before the graph
    graph = (x * other).graph()
    if how == "setter":
        x.data -= 0.5
    elif how == "in place":
        with gg.no_grad():
            x += 1
    elif how == "view":
        view = gg.asarray(x.data[:1])
        view += 1
    else:
        array = x.data
        array += gg.tensor([1.0, 1.0])
    assert [vertex.name for vertex in graph.written_leaves()] == ["x"]


def test_scopes_and_names_are_kept_when_run_again() -> None:
    loss, _ = two_layers()
    with gg.record():
        named = loss * 2
    with gg.scope("outer"):
        again = named.graph().run()
    assert again.name == "named"
    assert [v.scope for v in again.graph().nodes] == [v.scope for v in named.graph().nodes]
    with gg.record() as recording:
        loss.graph().run()
    assert [node.scope for node in recording.nodes] == [v.scope for v in loss.graph().nodes]
    assert gg.is_grad_enabled()


def test_running_again_under_no_grad() -> None:
    loss, _ = two_layers()
    with gg.no_grad():
        again = loss.graph().run()
    assert not again.requires_grad
    assert again.item() == loss.item()


def test_the_graph_after_backward_is_the_same() -> None:
    loss, leaves = two_layers()
    before = loss.graph()
    loss.backward()
    after = loss.graph()
    assert list(after.vertices) == list(before.vertices)
    again = after.run()
    again.backward()
    assert again.item() == loss.item()
    loss_again = before.run({"x": leaves["x"].data})
    assert loss_again.item() == loss.item()


def test_a_graph_keeps_what_it_needs_whatever_happens_to_the_tensors() -> None:
    loss, leaves = two_layers()
    value, graph = loss.item(), loss.graph()
    del loss, leaves
    gc.collect()
    assert graph.run().item() == value


def test_a_graph_keeps_no_results_alive() -> None:
    x = leaf([1.0, 2.0])
    y = gg.exp(x)
    graph = (y * 2).graph()
    died = weakref.ref(y)
    del y
    assert died() is None
    assert graph.run().tolist() == (np.exp([1.0, 2.0]) * 2).tolist()


# ---- several outputs


def test_several_results_share_their_graph() -> None:
    x = leaf([1.0, 2.0], "x")
    h = x * x
    a, b = h + 1, h * 3
    graph = gg.Graph.of(a, b, a)
    assert [vertex.op for vertex in graph.nodes] == ["multiply", "add", "multiply"]
    one, two, three = graph.run()
    assert (one.tolist(), two.tolist()) == (a.tolist(), b.tolist())
    assert one is three


def test_nodes_with_several_outputs() -> None:
    x = leaf(np.arange(6.0), "x")
    a, _, c = gg.split(x, 2)
    y = gg.sum(c * a * c)
    graph = y.graph()
    split = graph.nodes[0]
    assert split.shapes == ((2,), (2,), (2,))
    product = graph.nodes[1]
    assert [operand.port for operand in product.operands] == [2, 0]
    assert graph.run().item() == y.item()
    assert graph.run({"x": np.ones(6)}).item() == 2.0
    only_c = gg.Graph.of(c)
    assert only_c.outputs == ((split.id, 2),)
    assert only_c.run().tolist() == [4.0, 5.0]


@pytest.mark.parametrize("use", ["stack", "concat"])
def test_operations_of_a_list_run_again(use: str) -> None:
    a, b = leaf([1.0, 2.0], "a"), leaf([3.0, 4.0], "b")
    y = getattr(gg, use)([a, b, a * b, [5.0, 6.0]])
    graph = y.graph()
    assert graph.run().tolist() == y.tolist()
    assert graph.run({"a": [0.0, 0.0]}).tolist()[0] in ([0.0, 0.0], 0.0)


# ---- networkx


def test_networkx_has_an_edge_per_operand() -> None:
    x, y = leaf(3.0, "x"), leaf(4.0, "y")
    graph = (y - x * x).graph()
    drawn = graph.to_networkx()
    assert isinstance(drawn, nx.MultiDiGraph)
    assert nx.is_directed_acyclic_graph(drawn)
    assert set(drawn.nodes) == set(graph.vertices)
    product, difference = graph.nodes
    assert drawn.number_of_edges(x.number, product.id) == 2
    assert sorted(data["operand"] for *_, data in drawn.edges(x.number, data=True)) == [0, 1]
    assert drawn.edges[y.number, difference.id, 0]["operand"] == 0
    assert drawn.edges[product.id, difference.id, 1]["operand"] == 1
    assert drawn.nodes[x.number] == {
        "op": None,
        "name": "x",
        "attrs": {},
        "shapes": ((),),
        "dtypes": ("float64",),
        "requires_grad": True,
        "scope": "",
        "error": None,
    }


def test_networkx_tells_the_ports() -> None:
    x = leaf(np.arange(4.0))
    a, b = gg.split(x, 2)
    drawn = (b * a).graph().to_networkx()
    ports = {
        data["operand"]: data["port"] for *_, data in drawn.edges(data=True) if drawn.nodes[_[1]]["op"] == "multiply"
    }
    assert ports == {0: 1, 1: 0}


# ---- graphs of scalars


def test_the_graph_of_scalars() -> None:
    a, b = gg.scalar(2.0, name="a"), gg.scalar(-3.0, name="b")
    y = gg.tanh(a * b + 5.0) * a
    graph = y.graph()
    assert [vertex.op for vertex in graph] == [None, None, "multiply", None, "add", "tanh", "multiply"]
    assert [vertex.leaf for vertex in graph if vertex.is_constant] == [5.0]
    assert [vertex.name for vertex in graph.leaves] == ["a", "b"]
    again = graph.run()
    assert again.data == y.data
    again.backward()
    first = a.grad, b.grad
    a.grad = b.grad = None
    y.backward()
    assert (a.grad, b.grad) == first
    assert graph.run({"a": 1.0, b: 0.0}).data == np.tanh(5.0)
    assert graph.run({a: gg.scalar(1.0), "b": 2}).data == np.tanh(7.0)
    with pytest.raises(gg.DTypeError, match="a number is needed"):
        graph.run({"a": "x"})
    with pytest.raises(LookupError, match="is no leaf"):
        graph.run({y: 1.0})


def test_constants_of_the_user_are_leaves_of_scalars() -> None:
    x, c = gg.scalar(2.0, name="x"), gg.scalar(3.0, requires_grad=False, name="c")
    unnamed = gg.scalar(4.0, requires_grad=False)
    graph = (x * c + unnamed).graph()
    assert {vertex.name for vertex in graph.leaves} == {"x", "c", None}
    assert not any(vertex.is_constant for vertex in graph)
    assert graph.run({"c": 10.0}).data == 24.0
    assert graph.run({unnamed: 0.0}).data == 6.0


def test_results_without_a_gradient_are_leaves_of_scalars() -> None:
    a = gg.scalar(3.0, name="a")
    with gg.no_grad():
        n = a * 2.0
    for c in ((a * a).detach(), n):
        graph = (a * c + c).graph()
        assert [vertex.leaf for vertex in graph.leaves] == [a, c]
        assert not any(vertex.is_constant for vertex in graph)
        c.data += 1.0
        assert [vertex.id for vertex in graph.written_leaves()] == [c.number]
        assert graph.run().data == 3.0 * c.data + c.data


def test_a_leaf_made_late_stands_before_its_reader() -> None:
    """Chunks take their numbers when they are begun, so such a leaf may have a higher one."""
    leaves = [gg.scalar(1.0)]
    y = leaves[0] * 2.0
    for _ in range(1500):
        leaves.append(gg.scalar(1.0))
        y = y + leaves[-1]
    y = y * gg.scalar(2.0, requires_grad=False, name="late")
    graph = y.graph()
    place = {vertex.id: i for i, vertex in enumerate(graph)}
    assert all(place[operand.vertex] < place[vertex.id] for vertex in graph for operand in vertex.operands)
    assert graph.run().data == y.data == 3004.0


def test_written_leaves_of_scalars() -> None:
    a, b = gg.scalar(2.0, name="a"), gg.scalar(3.0, name="b")
    a.data = 4.0
    graph = (a * b).graph()
    assert graph.written_leaves() == ()
    b.data = 5.0
    assert [vertex.name for vertex in graph.written_leaves()] == ["b"]
    assert graph.run().data == 20.0


# ---- any graph


RUN: dict[str, Any] = {
    "+": lambda a, b: a + b,
    "*": lambda a, b: a * b,
    "-": lambda a, b: a - 0.5,
    "tanh": lambda a, b: gg.tanh(a),
    "neg": lambda a, b: -b,
}


@given(st.lists(st.tuples(st.sampled_from(sorted(RUN)), st.integers(0, 99), st.integers(0, 99)), max_size=30))
def test_any_graph_runs_again_to_the_same_bits(steps: list[tuple[str, int, int]]) -> None:
    def build(values: list[Any]) -> Any:
        for op, i, j in steps:
            values.append(RUN[op](values[i % len(values)], values[j % len(values)]))
        return values[-1] * 1.0

    tensors = [leaf(0.3, "a"), leaf(-0.7, "b"), leaf(1.1, "c")]
    scalars = [gg.scalar(0.3, name="a"), gg.scalar(-0.7, name="b"), gg.scalar(1.1, name="c")]
    y, s = build(list(tensors)), build(list(scalars))
    assert y.graph().run().data.tobytes() == y.data.tobytes()
    assert s.graph().run().data == s.data
    assert [v.op for v in y.graph()] == [v.op for v in s.graph()]
    present = [v.name for v in y.graph().leaves]
    if "a" in present:
        assert y.graph().run({"a": 0.9}).item() == pytest.approx(s.graph().run({"a": 0.9}).data, rel=1e-12)
