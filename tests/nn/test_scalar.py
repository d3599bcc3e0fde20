"""micrograd's face: its own tests, its demo and its drawing, and where `Value` is otherwise, as its docstring says."""

from __future__ import annotations

import copy
import math
import pickle
import random
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.nn.scalar import MLP, Neuron, Value

# ---- micrograd's own tests, with the answers that PyTorch gave ------------------------------------------------------


def test_sanity_check() -> None:
    x = Value(-4.0)
    z = 2 * x + 2 + x
    q = z.relu() + z * x
    h = (z * z).relu()
    y = h + q + q * x
    y.backward()
    assert (y.data, x.grad) == (-20.0, 46.0)


def more_ops(value: Any) -> tuple[Any, Any, Any]:
    a = value(-4.0)
    b = value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    return a, b, g


def test_more_ops() -> None:
    a, b, g = more_ops(Value)
    assert g.data == pytest.approx(24.70408163265306, rel=1e-14)
    assert a.grad == pytest.approx(138.83381924198252, rel=1e-14)
    assert b.grad == pytest.approx(645.5772594752186, rel=1e-14)


def test_more_ops_beside_micrograd() -> None:
    engine = pytest.importorskip("micrograd.engine")
    for ours, theirs in zip(more_ops(Value), more_ops(engine.Value), strict=True):
        assert (ours.data, ours.grad) == pytest.approx((theirs.data, theirs.grad), rel=1e-14)


# ---- its demo -------------------------------------------------------------------------------------------------------

POINTS = np.array([[0.9, 0.1], [0.3, 0.8], [-0.6, 0.7], [-1.0, 0.2], [0.1, 0.3], [0.5, -0.4], [1.4, -0.6], [2.0, 0.2]])
SIDES = np.array([1, 1, 1, 1, -1, -1, -1, -1])


def demo(mlp: Any, value: Any, steps: int) -> tuple[list[float], list[float], Any]:
    """The notebook's training loop: every loss, and the parameters in the end."""
    random.seed(1337)
    model = mlp(2, [6, 6, 1])
    losses = []
    for k in range(steps):
        inputs = [list(map(value, row)) for row in POINTS]
        scores = list(map(model, inputs))
        margins = [(1 + -yi * scorei).relu() for yi, scorei in zip(SIDES, scores, strict=True)]
        data_loss = sum(margins) * (1.0 / len(margins))
        alpha = 1e-4
        reg_loss = alpha * sum(p * p for p in model.parameters())
        total_loss = data_loss + reg_loss
        model.zero_grad()
        total_loss.backward()
        learning_rate = 1.0 - 0.9 * k / 100
        for p in model.parameters():
            p.data -= learning_rate * p.grad
        losses.append(total_loss.data)
    return losses, [p.data for p in model.parameters()], model


# What micrograd 0.1.0 gave for the first eight steps.
LOSSES = [
    np.float64(1.239661118969226),
    np.float64(0.952658348292612),
    np.float64(0.726440662728879),
    np.float64(0.5192289589609944),
    np.float64(0.6210656273090116),
    np.float64(0.6960223279439162),
    np.float64(0.6035372414586363),
    np.float64(0.4696788775939978),
]


def test_the_demo_has_the_losses_that_micrograd_had() -> None:
    losses, _, _ = demo(MLP, Value, len(LOSSES))
    assert losses == pytest.approx(LOSSES, rel=1e-12)


def test_the_demo_beside_micrograd() -> None:
    engine, nn = pytest.importorskip("micrograd.engine"), pytest.importorskip("micrograd.nn")
    losses, parameters, model = demo(MLP, Value, 20)
    their_losses, their_parameters, their_model = demo(nn.MLP, engine.Value, 20)
    assert losses == pytest.approx(their_losses, rel=1e-12)
    assert parameters == pytest.approx(their_parameters, rel=1e-11)
    assert repr(model) == repr(their_model)
    assert losses[-1] < 0.5 * losses[0]


# ---- its drawing ----------------------------------------------------------------------------------------------------


def trace(root: Any) -> tuple[set[Any], set[Any]]:
    """As in trace_graph.ipynb."""
    nodes, edges = set(), set()

    def build(v: Any) -> None:
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(root)
    return nodes, edges


def draw_dot(root: Any) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """As in trace_graph.ipynb, with a dict and a set in the place of Graphviz: labels by node, and edges."""
    labels, arrows = {}, set()
    nodes, edges = trace(root)
    for n in nodes:
        labels[str(id(n))] = f"{{ data {n.data:.4f} | grad {n.grad:.4f} }}"
        if n._op:
            labels[str(id(n)) + n._op] = n._op
            arrows.add((str(id(n)) + n._op, str(id(n))))
    for n1, n2 in edges:
        arrows.add((str(id(n1)), str(id(n2)) + n2._op))
    return labels, arrows


def shape(root: Any) -> list[Any]:
    """What a drawing shows whatever its ids are: for each box its label, and the labels that lead to it."""
    labels, arrows = draw_dot(root)
    assert all(end in labels for arrow in arrows for end in arrow)
    above: dict[str, list[str]] = {name: [] for name in labels}
    for start, end in arrows:
        above[end].append(labels[start])
    return sorted((labels[name], sorted(starts)) for name, starts in above.items())


def test_a_drawing_has_the_boxes_and_arrows_of_micrograds() -> None:
    engine = pytest.importorskip("micrograd.engine")

    def expression(value: Any) -> Any:
        a, b = value(2.0), value(-3.0)
        c = a * b + b**2 + 1.0 + a * a
        result = (c.relu() + 4 * b) * c
        result.backward()
        return result

    # The notebook shows the constants 1.0 and 4 with gradients: numbers in the code have none here.
    ours = [row for row in shape(expression(Value)) if row[1]]
    theirs = [row for row in shape(expression(engine.Value)) if row[1]]
    assert [starts for _, starts in ours if "data 1.0000" in str(starts)]
    for row in (*ours, *theirs):
        row[1][:] = [label.split(" | ")[0] for label in row[1]]
    assert ours == theirs


def test_the_drawing_of_a_neuron() -> None:
    random.seed(1337)
    n = Neuron(2)
    y = n([Value(1.0), Value(-2.0)])
    y.backward()
    nodes, edges = trace(y)
    assert (len(nodes), len(edges)) == (10, 9)
    assert sorted(node._op for node in nodes) == ["", "", "", "", "", "*", "*", "+", "+", "ReLU"]
    assert {node.label for node in nodes} == {"", "w0", "w1", "b"}
    assert {n.w[0], n.w[1], n.b} <= nodes


def test_a_child_has_one_id_as_long_as_it_is_held() -> None:
    a = Value(2.0)
    b = a * 3 + a
    child = next(iter(b._prev - {a}))
    again = next(iter(b._prev - {a}))
    assert child is again
    assert child in b._prev
    assert a in child._prev
    assert a in b._prev


def test_ops_have_micrograds_names() -> None:
    a, b = Value(2.0), Value(3.0)
    named = {
        "": a,
        "+": a + b,
        "*": a * b,
        "**2": a**2,
        "**-1": a**-1,
        "**0.5": a**0.5,
        "**0.1": a**0.1,
        "ReLU": a.relu(),
        "tanh": a.tanh(),
        "exp": a.exp(),
        "log": a.log(),
        "sigmoid": a.sigmoid(),
        "sin": gg.sin(a),
    }
    assert [value._op for value in named.values()] == list(named)
    assert (a**2)._prev == {a}
    assert a._prev == set()
    constant = b.detach()
    assert ((a**constant)._op, (a**constant)._prev) == ("**", {a, constant})
    assert {child.data for child in (a + 1)._prev} == {2.0, 1.0}


# ---- values ---------------------------------------------------------------------------------------------------------


def test_a_value_is_shown_as_in_micrograd() -> None:
    a = Value(-4, label="a")
    assert (a.data, a.grad, a.label, repr(a)) == (-4.0, 0.0, "a", "Value(data=-4.0, grad=0.0)")
    assert Value(1.0).label == ""
    assert Value(1.0).name is None
    assert a.name == "a"
    a.label = "b"
    assert a.name == "b"
    a.label = ""
    assert a.label == ""
    assert a.name is None
    with pytest.raises(gg.DTypeError, match="name: a text"):
        Value(1.0, label=3)


@pytest.mark.parametrize("data", ["x", None, 1j, [1.0], np.zeros(2)])
def test_what_is_no_number_is_no_value(data: Any) -> None:
    with pytest.raises(gg.DTypeError, match="Value: a number is needed"):
        Value(data)


@pytest.mark.parametrize(
    ("name", "value", "slope"),
    [
        ("relu", 0.5, 1.0),
        ("tanh", math.tanh(0.5), 1 - math.tanh(0.5) ** 2),
        ("exp", math.exp(0.5), math.exp(0.5)),
        ("log", math.log(0.5), 2.0),
        ("sigmoid", 1 / (1 + math.exp(-0.5)), math.exp(-0.5) / (1 + math.exp(-0.5)) ** 2),
    ],
)
def test_methods_are_operations(name: str, value: float, slope: float) -> None:
    a = Value(0.5)
    method, function = getattr(a, name)(), getattr(gg, name)(a)
    assert type(method) is type(function) is Value
    assert method.data == function.data == pytest.approx(value, rel=1e-15)
    method.backward()
    assert a.grad == pytest.approx(slope, rel=1e-14)


def test_relu_has_no_slope_at_zero_and_keeps_nan() -> None:
    a, b = Value(0.0), Value(-1.0)
    (a.relu() + b.relu()).backward()
    assert (a.grad, b.grad) == (0.0, 0.0)
    assert math.isnan(Value(math.nan).relu().data)


def test_gradients_of_leaves_add_up_and_those_of_results_are_of_the_last_pass() -> None:
    a = Value(3.0)
    b = a * a
    c = b * 2
    c.backward()
    c.backward()
    assert (a.grad, b.grad, c.grad) == (24.0, 2.0, 1.0)
    a.grad = 0
    c.backward(0.5)
    assert (a.grad, b.grad) == (6.0, 1.0)


def test_a_leaf_is_its_own_derivative() -> None:
    engine = pytest.importorskip("micrograd.engine")
    for value in (Value, engine.Value):
        a = value(3.0)
        a.grad = 5.0
        a.backward()
        assert a.grad == 1.0


def test_backward_by_hand() -> None:
    """The lecture passes gradients back with `_backward`, node by node, before it writes `backward`."""

    def by_hand(value: Any) -> list[float]:
        a, b, c = value(2.0), value(-3.0), value(10.0)
        e = a * b
        d = e + c
        f = d * d + e  # e is used twice
        g = f**3
        nodes: list[Any] = []

        def build(v: Any) -> None:
            if v not in nodes:
                for child in sorted(v._prev, key=lambda child: child.data):
                    build(child)
                nodes.append(v)

        build(g)
        g.grad = 1.0
        for node in reversed(nodes):
            node._backward()
        return [v.grad for v in (a, b, c, d, e, f, g)]

    grads = by_hand(Value)
    engine = pytest.importorskip("micrograd.engine")
    assert grads == by_hand(engine.Value)
    assert all(grads)


def test_backward_by_hand_where_python_would_raise() -> None:
    a = Value(0.0)
    b = a**-1
    b.grad = 1.0
    b._backward()
    assert (b.data, a.grad) == (math.inf, -math.inf)


def test_constants_get_no_gradient_by_hand() -> None:
    a = Value(2.0)
    b = 3 * a
    b.grad = 1.0
    b._backward()
    (three,) = b._prev - {a}
    assert (a.grad, three.grad) == (3.0, 0.0)


def test_a_copy_is_a_leaf_of_its_own() -> None:
    model = MLP(2, [3, 1])
    model([Value(1.0), Value(2.0)]).backward()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        pairs = list(zip(model.parameters(), twin.parameters(), strict=True))
        assert all(type(new) is Value for _, new in pairs)
        assert all((new.data, new.grad, new.label) == (old.data, old.grad, old.label) for old, new in pairs)
        twin.layers[0].neurons[0].w[0].data = 9.0
        assert model.layers[0].neurons[0].w[0].data != 9.0
    with pytest.raises(gg.GraphError, match="only leaves can be copied"):
        copy.copy(Value(1.0) * 2)


# ---- where it is otherwise: the docstring's list --------------------------------------------------------------------


def test_differences_quotients_and_negatives_are_operations_of_their_own() -> None:
    a, b = Value(2.0), Value(3.0)
    assert [(v._op, v._prev) for v in (a - b, a / b, -a)] == [("-", {a, b}), ("/", {a, b}), ("-", {a})]
    assert [(v._op, v._prev) for v in (a**b, abs(a))] == [("**", {a, b}), ("abs", {a})]
    assert (2**a).data == 4.0
    assert gg.sin(a)._prev == {a}


def test_numbers_are_float64() -> None:
    assert type(Value(2).data) is type((Value(2) + 1).data) is float
    assert (Value(2.0) ** 2.0)._op == "**2"
    assert (Value(0.0) ** -1).data == math.inf
    assert (Value(1.0) / Value(0.0)).data == math.inf
    assert Value(1000.0).exp().data == math.inf
    assert math.isnan((Value(-1.0) ** 0.5).data)
    with pytest.raises(gg.DTypeError, match="multiply: a Scalar takes part with scalars and numbers, not with ndarray"):
        Value(2.0) * np.zeros(2)


def test_only_leaves_can_be_written() -> None:
    a = Value(2.0)
    b = a * a
    with pytest.raises(gg.WriteError, match="this scalar was computed"):
        b.data = 3.0
    a.data = 3.0
    with pytest.raises(gg.WriteError, match="a leaf was written after it was used"):
        b.backward()


def test_a_number_in_the_code_keeps_the_gradient_zero() -> None:
    a = Value(2.0)
    b = 3 * a
    b.backward()
    assert {child.data: child.grad for child in b._prev} == {3.0: 0.0, 2.0: 3.0}


def test_values_compare_and_are_equal_if_they_are_the_same() -> None:
    a, b = Value(2.0), Value(2.0)
    assert a == a
    assert a != b
    assert a != gg.scalar(2.0)
    assert a != 2.0
    assert {a, b, a} == {b, a}
    many = [Value(0.0) for _ in range(3000)]
    assert len({v.index for v in many}) < len(many)
    assert many.count(many[0]) == 1
    assert not a < b
    assert a <= b
    assert a < 3
    assert bool(a)
    assert not Value(0.0)
    assert (a + b)._prev == {a, b}
    with pytest.raises(AttributeError):
        a.note = "x"  # type: ignore[attr-defined]


def test_with_arrays() -> None:
    a, b = Value(2.0), Value(3.0)
    both = np.array([a, b])
    assert (both @ both).data == 13.0
    assert [v.data for v in both * 2] == [4.0, 6.0]
    for refused in (lambda: both * a, lambda: a * both, lambda: np.ones(2) * a):
        with pytest.raises(gg.DTypeError, match="not with ndarray"):
            refused()
    assert type(np.float64(2.0) * a) is type(np.int64(2) - a) is Value


# ---- among other scalars --------------------------------------------------------------------------------------------


def test_values_mix_with_scalars_whichever_was_there_first() -> None:
    early = gg.scalar(2.0)
    computed = early * 2
    value = Value(3.0)
    late = gg.scalar(5.0)
    for one in (early, computed, late):
        for mixed, data in ((value * one, 3 * one.data), (one * value, 3 * one.data), (one - value, one.data - 3)):
            assert (type(mixed), mixed.data) == (Value, data)
            assert {type(child) for child in mixed._prev} == {Value}
            assert {child.data for child in mixed._prev} == {3.0, one.data}
    result = (value * early + computed * value + late).relu()
    result.backward()
    assert (value.grad, early.grad, late.grad) == (6.0, 9.0, 1.0)
    assert type(gg.maximum(early, value)) is type(gg.maximum(value, early)) is Value
    with gg.no_grad():
        assert type(early * value) is type(value * early) is Value


def test_mixing_where_python_would_raise_and_under_a_record() -> None:
    one, zero = gg.scalar(1.0), Value(0.0)
    assert (one / zero).data == math.inf
    with gg.record(), gg.scope("here"):
        y = one + zero
    (node,) = y.graph().nodes
    assert (node.name, node.scope, node.site is not None and node.site.text) == ("y", "here", "one + zero")


def test_results_are_walked_and_drawn_under_their_labels() -> None:
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    with gg.record():
        c = a * b
        d = c.relu() + a
    d.label = "end"
    graph = d.graph()
    assert [leaf.name for leaf in graph.leaves] == ["a", "b"]
    assert [(node.op, node.name) for node in graph.nodes] == [("multiply", "c"), ("relu", None), ("add", "end")]
    walk = gg.walk(d)
    assert len(walk.steps) > len(graph)
    assert walk.graph.nodes[-1].name == "end"


def test_a_record_names_values_after_variables_unless_they_have_labels() -> None:
    with gg.record():
        a = Value(2.0)
        labelled = Value(3.0, label="b")
        h = (a * labelled).tanh()
        neuron = Neuron(1)
    assert (a.label, labelled.label, h.label) == ("a", "b", "h")
    assert [p.label for p in neuron.parameters()] == ["w0", "b"]
