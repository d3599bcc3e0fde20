"""The inspector: every number from the walk, every contribution with its sender, nothing before it arrived."""

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.graph import Graph
from graphgrad.view.inspect import inspect
from graphgrad.view.numbers import MISSING
from graphgrad.walk.trace import trace, walk


@pytest.fixture
def fan():
    """a is read three times: y = (a · b + a) · a."""
    a, b = gg.scalar(2.0, name="a"), gg.scalar(-3.0, name="b")
    return walk((a * b + a) * a)


def at_each_step(steps, id):
    return [inspect(steps, steps.at(i), id) for i in range(-1, len(steps.steps))]


def test_nothing_is_shown_before_it_arrived(fan):
    multiply = fan.graph.nodes[0].id
    before, after, *_ = at_each_step(fan, multiply)
    assert (before.value.short, before.value.full, before.equation) == (MISSING, MISSING, "")
    assert (before.gradient.short, before.arrivals, before.received) == (MISSING, "0 of 1 contribution", ())
    assert before.sum == "∂multiply#2/∂multiply#1 = —"
    assert before.formula == "multiply#1 = a · b"
    assert before.derivatives == ("∂multiply#1/∂a = b", "∂multiply#1/∂b = a")
    assert (after.value.short, after.equation) == ("-6", "multiply#1 = a · b = 2 · (-3) = -6")
    assert after.derivatives == ("∂multiply#1/∂a = b = -3", "∂multiply#1/∂b = a = 2")
    assert after.covers == ("P01.04", "P02.14", "P02.15", "P03.15")


def test_contributions_come_one_by_one_with_their_senders(fan):
    a = fan.graph.leaves[0].id
    seen = at_each_step(fan, a)
    counts = [len(one.received) for one in seen]
    assert counts == sorted(counts)
    assert counts[0] == 0
    end = seen[-1]
    assert [(one.sender, one.k, one.n, one.value.short) for one in end.received] == [
        ("multiply#2", 1, 3, "-4"),
        ("add", 2, 3, "2"),
        ("multiply#1", 3, 3, "-6"),
    ]
    assert end.received[0].rule == "∂multiply#2/∂a += ∂multiply#2/∂multiply#2 · add = 1 · (-4) = -4"
    assert end.sum == "∂multiply#2/∂a = (-4) + 2 + (-6) = -8"
    assert (end.gradient.short, end.arrivals) == ("-8", "3 of 3 contributions")
    halfway = seen[counts.index(2)]
    assert halfway.sum == "∂multiply#2/∂a = (-4) + 2 = -2"
    assert halfway.arrivals == "2 of 3 contributions"


def test_the_seed_is_a_contribution_too(fan):
    end = inspect(fan, fan.end(), fan.graph.outputs[0].vertex)
    assert [(one.sender, one.vertex, one.rule) for one in end.received] == [
        ("multiply#2", None, "∂multiply#2/∂multiply#2 = 1")
    ]


def test_tensors_have_a_table_and_statistics():
    x = gg.tensor(np.arange(40.0).reshape(4, 10), dtype="float64", requires_grad=True, name="x")
    w = gg.tensor(np.ones((10, 2)), dtype="float64", requires_grad=True, name="w")
    steps = walk(gg.sum(x @ w))
    seen = inspect(steps, steps.end(), x.number)
    assert seen.value.short == "(4, 10) 0..39"
    assert seen.value.statistics.startswith("shape (4, 10), min 0, max 39, mean 19.5")
    assert len(seen.value.table) == 4
    assert "…" in seen.value.table[0]
    assert seen.type == "shape (4, 10), float64, with gradient"
    assert seen.received[0].rule == "∂sum/∂x = ∂sum/∂matmul @ wᵀ: (4, 10) all 2"
    assert seen.kind == "leaf"
    product = inspect(steps, steps.end(), steps.graph.nodes[0].id)
    assert product.equation == "matmul = x @ w: (4, 2) 45..345"
    assert product.derivatives == ()


def test_where_it_was_computed():
    with gg.record():
        x = gg.scalar(2.0)
        with gg.scope("first"):
            y = gg.tanh(x)
    steps = walk(y)
    seen = inspect(steps, steps.end(), steps.graph.nodes[0].id)
    assert seen.source.endswith("  y = gg.tanh(x)")
    assert "test_inspect.py:" in seen.source
    assert seen.title == f"y, tanh, number {steps.graph.nodes[0].id}, in first"
    assert (seen.name, seen.op, seen.scope) == ("y", "tanh", "first")


def test_constants_and_values_without_gradient():
    x = gg.tensor([1.0, 2.0], requires_grad=True, name="x")
    t = gg.tensor([1.0, 0.0], name="t")
    steps = walk(gg.sum(x * t * 2.0))
    constant = next(vertex for vertex in steps.graph if vertex.is_constant)
    seen = inspect(steps, steps.end(), constant.id)
    assert (seen.title, seen.kind, seen.value.short, seen.arrivals, seen.sum) == (
        "2, number in the code",
        "constant",
        "2",
        "",
        "",
    )
    seen = inspect(steps, steps.end(), t.number)
    assert (seen.gradient.short, seen.arrivals, seen.received) == (MISSING, "", ())
    product = inspect(steps, steps.end(), steps.graph.nodes[0].id)
    assert product.derivatives == ("∂multiply#1/∂x = t = [1 0]",)


def test_one_output_of_several():
    x = gg.tensor(np.arange(4.0), requires_grad=True, name="x")
    left, right = gg.split(x, (1, 3), 0)
    steps = walk(gg.sum(left) * gg.sum(right))
    split = steps.graph.nodes[0].id
    first, second = (inspect(steps, steps.end(), split, port) for port in (0, 1))
    assert (first.name, second.name) == ("split[0]", "split[1]")
    assert (first.value.short, second.value.short) == ("[0]", "[1 2 3]")
    assert (first.gradient.short, second.gradient.short) == ("[6]", "[0 0 0]")


def test_an_unknown_vertex_is_an_error(fan):
    with pytest.raises(KeyError):
        inspect(fan, fan.end(), 10**12)


def test_hostile_texts_are_cleaned():
    with gg.scope("s\x1b[2J"):
        y = gg.tanh(gg.scalar(1.0, name="[/]\x1b[31m\n"))
    steps = walk(y)
    for vertex in steps.graph:
        seen = inspect(steps, steps.end(), vertex.id)
        for text in (seen.title, seen.name, seen.scope, seen.formula, seen.equation, seen.sum, *seen.derivatives):
            assert "\x1b" not in text
            assert "\n" not in text


def test_contributions_that_are_known_already_can_be_left_out():
    x = gg.scalar(3.0, name="x")
    y = x * x
    # The pass begins at y too, so y has a seed beside its contributions.
    steps = trace(Graph.of(y, y * 2.0 + y), (1.0, 1.0))
    for vertex in steps.graph:
        whole = inspect(steps, steps.end(), vertex.id).received
        for start in range(5):
            assert inspect(steps, steps.end(), vertex.id, received_from=start).received == whole[start:]
    assert [one.k for one in inspect(steps, steps.end(), y.number).received] == [1, 2, 3]
