from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

import graphgrad as gg
from graphgrad.graph.graph import Graph, Operand
from graphgrad.walk.trace import trace, walk
from tests.walk.graphs import same_bits, scalar_programs, tensor_programs


@given(tensor_programs())
def test_gradients_are_those_of_backward_to_the_bit(program: tuple[list[gg.Tensor], gg.Tensor]) -> None:
    leaves, result = program
    w = walk(result)
    assert all(leaf.grad is None for leaf in leaves)  # walking left them alone
    result.backward()
    assert same_bits(w.end().value(result.number), result.data)
    for leaf in leaves:
        found = w.end().gradient(leaf.number) if leaf.number in w.graph.vertices else None
        assert same_bits(found, None if leaf.grad is None else leaf.grad.data)


@given(scalar_programs())
def test_gradients_of_scalars_too(program: tuple[list[gg.Scalar], gg.Scalar]) -> None:
    leaves, result = program
    w = walk(result)
    assert all(leaf.grad is None for leaf in leaves)
    result.backward()
    assert w.end().value(result.number) == result.data
    for leaf in leaves:
        found = w.end().gradient(leaf.number) if leaf.number in w.graph.vertices else None
        assert (None if found is None else float(found)) == leaf.grad


def test_a_fan_out_is_added_up_in_the_order_of_the_engine() -> None:
    # 1e8 + 1 - 1e8 in float32 depends on the order.
    x = gg.tensor([1.0], requires_grad=True)
    total = gg.sum(x * 1e8 + x * 1.0 + x * -1e8)
    w = walk(total)
    total.backward()
    parts = [float(w.contributions[i].value[0]) for i in w.contributions_to(Operand(x.number, 0))]
    assert sorted(parts) == [-1e8, 1.0, 1e8]
    running = np.float32(0.0)
    for part in parts:
        running = np.float32(running + np.float32(part))
    assert same_bits(w.end().gradient(x.number), x.grad.data)  # type: ignore[union-attr]
    assert float(running) == x.grad.item()  # type: ignore[union-attr]


def test_a_grad_that_was_there_stays_as_it_was() -> None:
    x = gg.tensor([2.0], requires_grad=True)
    gg.sum(x * x).backward()
    s = gg.scalar(2.0)
    y = s * s
    y.backward()
    walk(gg.sum(x * x * x))
    walk(y)
    assert x.grad.tolist() == [4.0]  # type: ignore[union-attr]
    assert s.grad == 4.0


def test_walking_leaves_the_graph_to_be_differentiated() -> None:
    x = gg.tensor([2.0], requires_grad=True)
    y = gg.sum(x * x)
    walk(y)
    y.backward()
    assert x.grad.tolist() == [4.0]  # type: ignore[union-attr]


def test_a_graph_that_backward_has_freed_can_be_walked() -> None:
    x = gg.tensor([2.0], requires_grad=True)
    y = gg.sum(x * x)
    y.backward()
    assert walk(y).end().gradient(x.number).tolist() == [4.0]  # type: ignore[union-attr]


@pytest.mark.parametrize("named", [True, False])
def test_a_leaf_written_since_is_refused_by_name(named: bool) -> None:
    w = gg.tensor([2.0], requires_grad=True, name="weight" if named else None)
    y = gg.sum(w * w)
    with gg.no_grad():
        w -= 0.5
    with pytest.raises(gg.GraphError, match="'weight' was written" if named else f"number {w.number} was written"):
        walk(y)


def test_a_scalar_written_since_is_refused() -> None:
    a, b = gg.scalar(2.0, name="a"), gg.scalar(3.0, name="b")
    y = a * b
    a.data = 5.0
    with pytest.raises(gg.GraphError, match="leaf 'a' was written"):
        walk(y)


def test_later_writes_dont_reach_a_walk() -> None:
    x = gg.tensor([2.0], requires_grad=True, name="x")
    s = gg.scalar(2.0, name="s")
    walks = walk(gg.sum(x * x)), walk(s * s)
    with gg.no_grad():
        x -= 1.0
    s.data = 1.0
    for one in walks:
        assert float(one.graph.run().data) == 4.0
        assert float(one.graph.run({one.graph.leaves[0].name: 3.0}).data) == 9.0


def test_without_a_gradient_there_is_only_a_forward_pass() -> None:
    with gg.record():
        y = gg.tensor([1.0]) * 2.0
        w = walk(y)
    assert [step.kind for step in w.steps] == ["forward"]
    assert walk(gg.tensor(1.0, requires_grad=True)).steps == ()
    x = gg.tensor([1.0], requires_grad=True)
    assert not trace((x * 2.0).graph(), backward=False).seeds


def test_feeds() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True, name="x")
    y = gg.sum(x * x)
    w = trace(y.graph(), feeds={"x": [3.0, 4.0]})
    assert w.end().value(y.number) == 25.0
    assert w.end().gradient(x.number).tolist() == [6.0, 8.0]  # type: ignore[union-attr]
    assert w.graph.run().item() == 25.0
    other = trace(y.graph(), feeds={"x": gg.tensor([1.0, 2.0, 3.0], requires_grad=True)})
    assert other.graph.vertices[x.number].shapes == ((3,),)
    assert other.end().value(y.number) == 14.0


def test_a_given_gradient_and_its_refusals() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    assert walk(y, [1.0, 10.0]).end().gradient(x.number).tolist() == [2.0, 40.0]  # type: ignore[union-attr]
    with pytest.raises(gg.ShapeError, match="has 2 elements, not one"):
        walk(y)
    with pytest.raises(gg.ShapeError, match="shape of the result"):
        walk(y, [1.0])
    with pytest.raises(gg.GraphError, match="got list"):
        walk([1.0])  # type: ignore[arg-type]


def test_nan_and_inf_are_numbers_like_others() -> None:
    x = gg.tensor([0.0, -1.0], requires_grad=True)
    with np.errstate(all="ignore"):
        y = gg.sum(gg.log(x))
    w = walk(y)
    assert np.isnan(w.values[y.number][0])
    assert w.end().gradient(x.number).tolist() == [np.inf, -1.0]  # type: ignore[union-attr]


def test_a_leaf_that_is_made_after_a_block_for_operations_is_begun() -> None:
    one = gg.scalar(1.0)
    begun = one * 2.0
    while begun.index:  # until a block of numbers for operations is begun
        begun = one * 2.0
    others = [gg.scalar(0.0)]
    while others[-1].index:  # and then one for leaves
        others.append(gg.scalar(0.0))
    x = gg.scalar(3.0)
    y = x * x + x * begun
    assert begun.number < x.number < y.number
    w = walk(y)
    y.backward()
    assert w.end().gradient(x.number) == x.grad == 8.0
    # The input that grad makes is such a leaf too.
    assert gg.grad(lambda v: v * v + v * begun)(gg.scalar(3.0, requires_grad=False)).data == 8.0


def test_a_deep_chain() -> None:
    x = gg.scalar(1.0)
    y = x
    for _ in range(3000):
        y = y + 1.0
    w = walk(y)
    assert w.end().value(y.number) == 3001.0
    assert w.end().gradient(x.number) == 1.0
    assert len(w.steps) == 6001


def test_a_walk_is_not_recorded() -> None:
    x = gg.tensor([1.0], requires_grad=True)
    with gg.record() as recording:
        y = x * 2.0
        walk(y)
    assert [node.op.name for node in recording.nodes] == ["multiply"]


def test_gradients_of_several_outputs_and_their_refusals() -> None:
    a, b = gg.scalar(2.0, name="a"), gg.scalar(3.0, name="b")
    graph = Graph.of(a * b, a + b)
    w = trace(graph, [1.0, None])
    assert w.end().gradient(a.number) == 3.0
    assert w.end().gradient(graph.outputs[1].vertex) is None
    with pytest.raises(gg.ShapeError, match=r"each output, None where no pass starts\n  expected: 2 of them\n  got: 3"):
        trace(graph, [1.0, None, 1.0])
    for wrong in ("text", [1.0, 2.0], np.ones(2)):
        with pytest.raises(gg.DTypeError, match="walk: the gradient of a scalar is a number"):
            walk(a * b, wrong)
