from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.graph.graph import Operand
from graphgrad.walk.trace import walk
from tests.walk.graphs import everything, places, scalar_programs, tensor_programs

programs = st.one_of(scalar_programs(), tensor_programs())


@given(programs, st.data())
def test_what_is_known_depends_on_the_step_alone(program: tuple[Any, Any], data: st.DataObject) -> None:
    w = walk(program[1])
    forth = [everything(w, step) for step in range(-1, len(w.steps))]
    back = [everything(w, step) for step in reversed(range(-1, len(w.steps)))]
    assert forth == back[::-1]
    for step in data.draw(st.lists(st.integers(-1, len(w.steps) - 1), max_size=10)):
        assert everything(w, step) == forth[step + 1]


@given(programs)
def test_a_step_changes_what_it_says_and_nothing_else(program: tuple[Any, Any]) -> None:
    w = walk(program[1])
    moments = [everything(w, step) for step in range(-1, len(w.steps))]
    for step, (before, after) in zip(w.steps, itertools.pairwise(moments), strict=True):
        changed = {new[0] for old, new in zip(before, after, strict=True) if old != new}
        if step.kind == "forward":
            ports = range(len(w.graph.vertices[step.vertex].shapes))
            assert changed == {Operand(step.vertex, port) for port in ports}
        elif step.kind == "accumulate":
            assert changed == set()
        else:
            assert changed == {step.target}


@given(programs)
def test_nothing_is_there_before_it_arrives_and_all_at_the_end(program: tuple[Any, Any]) -> None:
    w = walk(program[1])
    start, end = w.at(-1), w.end()
    for place in places(w):
        vertex = w.graph.vertices[place.vertex]
        assert (start.value(*place) is None) == (not vertex.is_leaf)
        assert start.gradient(*place) is None
        assert end.value(*place) is not None
        assert (end.gradient(*place) is None) == (not w.contributions_to(place) and place not in w.seeds)


def test_a_value_that_has_not_arrived_is_none_and_not_zero() -> None:
    x = gg.scalar(0.0)
    y = x * 0.0
    w = walk(y)
    assert w.at(-1).value(y.number) is None
    assert w.at(0).value(y.number) == 0.0
    assert w.at(1).gradient(x.number) is None
    assert w.at(2).gradient(x.number) == 0.0


def test_a_square_has_two_contributions_to_one_target() -> None:
    x = gg.scalar(3.0)
    w = walk(x * x)
    target = Operand(x.number, 0)
    assert w.contributions_to(target) == (0, 1)
    halves: list[Any] = [(w.at(i).arrived(target), w.at(i).gradient(x.number)) for i in range(2, len(w.steps))]
    assert halves == [((1, 2), 3.0), ((1, 2), 3.0), ((2, 2), 6.0), ((2, 2), 6.0)]
    assert not w.at(3).is_complete(x.number)
    assert w.at(4).is_complete(x.number)


def test_happened_and_phase() -> None:
    w = walk(gg.tanh(gg.scalar(1.0)))
    assert w.at(-1).happened is None
    assert w.at(-1).phase is None
    assert [w.at(i).phase for i in range(3)] == ["forward", "backward", "backward"]
    assert w.at(1).happened == w.steps[1]


@pytest.mark.parametrize("step", [-2, 3])
def test_a_step_that_is_not_there(step: int) -> None:
    w = walk(gg.tanh(gg.scalar(1.0)))
    with pytest.raises(IndexError, match=f"there is no step {step}"):
        w.at(step)


def test_concepts_pass_over_plumbing() -> None:
    x = gg.tensor([[1.0, 2.0]], requires_grad=True)
    w = walk(gg.sum(gg.reshape(x.T, (2,)) * 2.0))

    def ops(granularity: Any) -> list[str | None]:
        return [w.graph.vertices[w.steps[i].vertex].op for i in w.visible(granularity)]

    assert ops("concepts") == ["multiply", "sum", "sum", "sum", "multiply"]
    assert ops("operations") == [
        *["permute_dims", "reshape", "multiply", "sum"],
        *["sum", "sum", "multiply", "reshape", "permute_dims"],
    ]


def test_a_walk_of_nothing_but_plumbing_shows_it() -> None:
    x = gg.tensor([1.0, 2.0])
    with gg.record():
        w = walk(gg.reshape(x, (2, 1)))
    assert w.visible("concepts") == (0,)


def test_the_seed_is_seen_even_at_plumbing() -> None:
    x = gg.tensor([1.0], requires_grad=True)
    w = walk(gg.reshape(x * 2.0, ()))
    assert [w.steps[i].kind for i in w.visible()] == ["forward", "seed", "backward"]


def test_numbers_of_a_walk_cant_be_written() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    w = walk(gg.sum(x * x))
    for array in (w.values[x.number][0], w.end().value(x.number), w.contributions[0].value):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0.0  # type: ignore[index]
