from __future__ import annotations

import graphgrad as gg
from graphgrad.graph.graph import Operand
from graphgrad.walk.steps import Step, is_plumbing
from graphgrad.walk.trace import trace, walk


def test_the_steps_of_a_square() -> None:
    x = gg.tensor([2.0, 3.0], requires_grad=True)
    square = x * x
    total = gg.sum(square)
    a, b, c = (Operand(one.number, 0) for one in (x, square, total))
    assert walk(total).steps == (
        Step("forward", b.vertex),
        Step("forward", c.vertex),
        Step("seed", c.vertex, None, c, None, 1, 1),
        Step("backward", c.vertex, 0, b, 0, 1, 1),
        Step("backward", b.vertex, 0, a, 1, 1, 2),
        Step("accumulate", a.vertex, None, a, 1, 1, 2),
        Step("backward", b.vertex, 1, a, 2, 2, 2),
        Step("accumulate", a.vertex, None, a, 2, 2, 2),
    )


def test_phases() -> None:
    x = gg.scalar(2.0)
    kinds = [(step.kind, step.phase) for step in walk(gg.tanh(x)).steps]
    assert kinds == [("forward", "forward"), ("seed", "backward"), ("backward", "backward")]


def test_a_seed_counts_as_a_contribution() -> None:
    x = gg.scalar(2.0)
    y = x * 3.0
    z = y * 4.0
    graph = gg.Graph.of(y, z)
    w = trace(graph, [10.0, 1.0])
    to_y = [(step.kind, step.k, step.n) for step in w.steps if step.target == Operand(y.number, 0)]
    assert to_y == [("seed", 1, 2), ("backward", 2, 2), ("accumulate", 2, 2)]
    assert w.end().gradient(y.number) == 14.0
    assert w.end().gradient(x.number) == 42.0


def test_what_is_plumbing() -> None:
    assert is_plumbing("reshape")
    assert not is_plumbing("matmul")
    assert not is_plumbing(None)


def test_several_outputs_receive_one_by_one() -> None:
    x = gg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    first, second = gg.split(x, 2)
    w = walk(gg.sum(first * first) + gg.sum(second))
    targets = [step.target for step in w.steps if step.kind == "backward" and step.target is not None]
    ports = [one for one in targets if one.vertex == first.number]
    assert sorted(set(ports)) == [Operand(first.number, 0), Operand(first.number, 1)]
    assert w.end().gradient(first.number, 0).tolist() == [2.0, 4.0]  # type: ignore[union-attr]
    assert w.end().gradient(first.number, 1).tolist() == [1.0]  # type: ignore[union-attr]
    assert w.end().gradient(x.number).tolist() == [2.0, 4.0, 1.0]  # type: ignore[union-attr]
