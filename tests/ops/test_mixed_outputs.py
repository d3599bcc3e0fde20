"""Operations with several results of which some are integers: gradients flow through the floats alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff.forward import jvp
from graphgrad.graph.node import Output
from graphgrad.ops.array.arithmetic import multiply
from graphgrad.ops.array.extremes import topk
from graphgrad.ops.array.gathering import take_along_axis
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array, op, withdraw
from graphgrad.walk.file import from_json, to_json


def leaf(*values: float) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True, name="x")


def gradient(x: gg.Tensor) -> Any:
    assert x.grad is not None
    return x.grad.tolist()


def test_values_have_a_graph_and_places_are_leaves() -> None:
    values, places = topk(leaf(1.0, 4.0, 3.0), 2)
    assert values.requires_grad
    assert not values.is_leaf
    assert places.dtype == np.int64
    assert not places.requires_grad
    assert places.is_leaf
    assert places.tolist() == [1, 2]


@pytest.mark.parametrize("create_graph", [False, True])
def test_the_gradient_comes_through_the_values(create_graph: bool) -> None:
    x = leaf(1.0, 4.0, 3.0)
    values, places = topk(x, 2)
    gg.sum(values * values + places).backward(create_graph=create_graph)
    assert gradient(x) == [0.0, 8.0, 6.0]


def test_what_uses_the_places_alone_has_no_graph() -> None:
    _, places = topk(leaf(1.0, 4.0, 3.0), 2)
    result = gg.sum(places * 2.0)
    assert not result.requires_grad
    with pytest.raises(gg.GraphError, match="has no graph"):
        result.backward()


def test_nothing_is_recorded_if_no_operand_needs_a_gradient() -> None:
    for one in topk(gg.tensor([1.0, 4.0, 3.0]), 2):
        assert one.is_leaf
    with gg.no_grad():
        for one in topk(leaf(1.0, 4.0, 3.0), 2):
            assert one.is_leaf


def test_a_recording_knows_where_places_come_from() -> None:
    x = leaf(1.0, 4.0, 3.0)
    with gg.record():
        _, places = topk(x, 2)
        y = gg.sum(take_along_axis(x, places) * 3.0)
        graph = y.graph()
    taken = next(vertex for vertex in graph.nodes if vertex.op == "take_along_axis")
    chosen = next(vertex for vertex in graph.nodes if vertex.op == "topk")
    assert taken.operands[1] == (chosen.id, 1)
    assert graph.run({"x": np.array([9.0, 4.0, 3.0])}).item() == 39.0
    y.backward()
    assert gradient(x) == [0.0, 3.0, 3.0]


def test_a_pass_does_not_look_at_what_only_gave_places() -> None:
    x = leaf(1.0, 4.0, 3.0)
    with gg.record():
        values, places = topk(x, 2)
        gg.sum(values).backward()  # frees what topk had saved
        gg.sum(take_along_axis(x, places)).backward()
    assert gradient(x) == [0.0, 2.0, 2.0]


def test_second_derivatives_read_the_places_from_the_graph() -> None:
    x = leaf(1.0, 4.0, 3.0)
    values, _ = topk(x, 2)
    gg.sum(values * values).backward(create_graph=True)
    first = x.grad
    assert first is not None
    node = values.node
    assert node is not None
    graph = first.graph()
    sources = [operand for vertex in graph.nodes for operand in vertex.operands if operand.vertex == node.number]
    assert {operand.port for operand in sources} == {0, 1}
    # With other values other places are chosen, in the derivative too.
    assert graph.run({"x": np.array([9.0, 4.0, 3.0])}).tolist() == [18.0, 8.0, 0.0]
    x.grad = None
    gg.sum(first).backward()
    assert gradient(x) == [0.0, 2.0, 2.0]


def test_a_walk_goes_through_and_comes_back_from_a_file() -> None:
    x = leaf(1.0, 4.0, 3.0)
    with gg.record():
        values, places = topk(x, 2)
        y = gg.sum(values * (places + 1.0))
    again: Any = from_json(to_json(gg.walk(y)))
    chosen = next(vertex for vertex in again.graph.nodes if vertex.op == "topk")
    end = again.end()
    assert chosen.requires_grad
    assert [dtype.name for dtype in chosen.dtypes] == ["float64", "int64"]
    assert end.gradient(chosen.id, 0).tolist() == [2.0, 3.0]
    assert end.gradient(chosen.id, 1) is None
    leaf_id = next(vertex.id for vertex in again.graph.leaves if vertex.name == "x")
    assert end.gradient(leaf_id).tolist() == [0.0, 2.0, 3.0]


# ---- what rules are given --------------------------------------------------------------------------------------------


@pytest.fixture
def count_and_double() -> Iterator[Any]:
    """An operation whose first result is the one of integers; and what its rule was given."""
    given: list[Any] = []

    def back(g: Any) -> Any:
        given.append(g)
        return g[1] * 2.0

    @op(name="count_and_double", outputs=None, x=back, formula="{x}", shape=lambda x: ((), x))
    def declared(x: Array) -> Any:
        """Count, and double."""
        return np.asarray(x.size), x * 2.0

    yield declared, given
    withdraw("count_and_double")


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_rule_is_given_none_for_integers(count_and_double: Any, create_graph: bool) -> None:
    function, given = count_and_double
    x = leaf(1.0, 2.0)
    count, doubled = function(x)
    gg.sum(doubled * count).backward(create_graph=create_graph)
    assert gradient(x) == [4.0, 4.0]
    ((nothing, arrived),) = given
    assert nothing is None
    assert isinstance(arrived, gg.Tensor) is create_graph


@pytest.fixture
def composed() -> Iterator[Any]:
    @composite(name="places_and_squares", outputs=None, formula="{x}", shape=lambda x: (x, x))
    def declared(x: Array) -> Any:
        """The places of the elements in descending order, and their squares."""
        values, places = topk(x, x.shape[-1])
        return places, multiply(values, values)

    yield declared
    withdraw("places_and_squares")


def test_a_composite_may_have_integers_first(composed: Any) -> None:
    x = leaf(1.0, 3.0, 2.0)
    places, squares = composed(x)
    assert places.tolist() == [1, 2, 0]
    assert not places.requires_grad
    gg.sum(squares).backward(create_graph=True)
    assert gradient(x) == [2.0, 6.0, 4.0]
    assert gg.gradcheck(gg.grad(lambda v: gg.sum(composed(v)[1] * [1.0, 2.0, 3.0])), leaf(1.0, 3.0, 2.0))


def test_forward_mode_moves_the_values() -> None:
    values, tangent = np.array([1.0, 4.0, 3.0]), np.array([0.5, -1.0, 2.0])
    _, moved = jvp(lambda x: topk(x, 2)[0], (values,), (tangent,))
    assert moved.tolist() == [-1.0, 2.0]


def test_an_output_is_named_by_its_place_in_the_graph() -> None:
    x = leaf(1.0, 4.0, 3.0)
    values, _ = topk(x, 2)
    source = values._source
    assert isinstance(source, Output)
    assert source.index == 0
