from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.walk.trace import walk
from tests.walk.graphs import tensor_programs


def net() -> Any:
    x = gg.tensor([[1.0, 2.0]], requires_grad=True, name="x")
    return walk(gg.sum(gg.tanh(gg.reshape(x.T, (2,)) * 2.0)))


def test_forth_and_back_meet_the_same_steps() -> None:
    cursor = net().cursor()
    forth = [cursor.next().step for _ in range(len(cursor))]
    back = [cursor.back().step for _ in range(len(cursor))]
    assert back == [*forth[:-1][::-1], -1]
    assert cursor.step is None


def test_the_ends_hold() -> None:
    w = net()
    cursor = w.cursor()
    assert cursor.back().step == -1
    assert cursor.position == -1
    cursor.go(1000)
    assert cursor.position == len(cursor) - 1
    # The last steps are of plumbing: at the end they have happened too.
    assert cursor.moment.step == len(w.steps) - 1
    assert cursor.next().step == len(w.steps) - 1


def test_phases_lead_to_their_ends() -> None:
    cursor = net().cursor("operations")
    starts = cursor.phase_starts()
    assert starts == [-1, 4, len(cursor) - 1]
    assert cursor.next_phase().happened.kind == "forward"
    assert cursor.position == 4
    assert cursor.next().happened.kind == "seed"
    assert cursor.previous_phase().step == 4
    cursor.next_phase()
    assert cursor.position == len(cursor) - 1
    cursor.next_phase()
    assert cursor.position == len(cursor) - 1
    assert [cursor.previous_phase().step for _ in range(3)] == [4, -1, -1]


@given(tensor_programs(), st.data())
def test_another_granularity_stays_at_the_moment(program: tuple[Any, Any], data: st.DataObject) -> None:
    w = walk(program[1])
    fine = w.cursor("operations")
    fine.go(data.draw(st.integers(-1, len(fine) - 1)))
    step = fine.moment.step
    fine.granularity = "concepts"
    assert fine.granularity == "concepts"
    # Nothing is shown that had not happened yet, but for the plumbing after the last concept.
    assert fine.moment.step <= step or fine.position == len(fine) - 1
    later = [number for number in w.visible() if fine.moment.step < number <= step]
    assert later == []


def test_find_goes_to_the_nearest() -> None:
    w = net()
    cursor = w.cursor()
    tanh = next(vertex.id for vertex in w.graph if vertex.op == "tanh")
    assert cursor.find(tanh) == 1
    cursor.go(len(cursor))
    place = cursor.find(tanh)
    assert place is not None
    assert cursor.go(place).happened.kind == "backward"
    assert cursor.find(10**9) is None


def test_a_walk_without_steps() -> None:
    cursor = walk(gg.scalar(1.0)).cursor()
    assert len(cursor) == 0
    assert cursor.next().step == -1
    assert cursor.phase_starts() == [-1]


def test_a_granularity_that_is_none_is_refused() -> None:
    cursor = net().cursor("operations")
    with pytest.raises(ValueError, match=r"no such granularity\n  expected: concepts, operations\n  got: 'steps'"):
        cursor.granularity = "steps"
    assert cursor.granularity == "operations"
    with pytest.raises(ValueError, match="no such granularity"):
        net().cursor("")
