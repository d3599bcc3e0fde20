"""Ranks: every link points on, and the total length is the least there is."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from graphgrad.view.layout.ranks import CycleError, assign_ranks

BUDGET = 10**6
Links = list[tuple[int, int, int, int]]


def cost(ranks: list[int], links: Links) -> int:
    return sum(weight * (ranks[head] - ranks[tail]) for tail, head, _, weight in links)


def least_cost(count: int, links: Links) -> int:
    """The least cost, from a solver of linear programs."""
    pull = [0] * count
    bounds = []
    for tail, head, _, weight in links:
        pull[head] += weight
        pull[tail] -= weight
        bounds.append([(i == tail) - (i == head) for i in range(count)])
    found = linprog(pull, A_ub=bounds, b_ub=[-length for _, _, length, _ in links], bounds=(0, None))
    return round(found.fun)


@st.composite
def problems(draw: st.DrawFn) -> tuple[int, Links]:
    count = draw(st.integers(2, 14))
    ends = st.integers(0, count - 2).flatmap(lambda tail: st.tuples(st.just(tail), st.integers(tail + 1, count - 1)))
    pairs = draw(st.lists(ends, min_size=1, max_size=40))
    return count, [(tail, head, draw(st.integers(1, 3)), draw(st.integers(1, 9))) for tail, head in pairs]


def random_problem(seed: int) -> tuple[int, Links]:
    rnd = random.Random(seed)
    pairs = [sorted(rnd.sample(range(14), 2)) for _ in range(34)]
    return 14, [(tail, head, rnd.randint(1, 3), rnd.randint(1, 9)) for tail, head in pairs]


@pytest.mark.parametrize("seed", range(30))
def test_least_total_length_of_dense_graphs(seed: int) -> None:
    count, links = random_problem(seed)
    ranks = assign_ranks(count, links, BUDGET)
    assert all(ranks[head] - ranks[tail] >= length for tail, head, length, _ in links)
    assert cost(ranks, links) == least_cost(count, links)


def test_without_a_budget_the_ranks_are_feasible() -> None:
    for seed in range(10):
        count, links = random_problem(seed)
        ranks = assign_ranks(count, links, 0)
        assert all(ranks[head] - ranks[tail] >= length for tail, head, length, _ in links)


@settings(max_examples=100, deadline=None)
@given(problem=problems())
def test_least_total_length(problem: tuple[int, Links]) -> None:
    count, links = problem
    ranks = assign_ranks(count, links, BUDGET)
    assert all(ranks[head] - ranks[tail] >= length for tail, head, length, _ in links)
    assert min(ranks) == 0
    assert cost(ranks, links) == least_cost(count, links)


def test_a_leaf_stands_right_before_its_only_consumer() -> None:
    chain = [(i, i + 1, 1, 1) for i in range(5)]
    ranks = assign_ranks(7, [*chain, (6, 4, 1, 1)], BUDGET)
    assert ranks == [0, 1, 2, 3, 4, 5, 3]


def test_a_loose_branch_stands_near_the_consumer() -> None:
    # 0 -> 1 -> 2 -> 3 -> 4, and 0 -> 5 -> 4: box 5 may stand anywhere between, and goes last.
    ranks = assign_ranks(
        6, [(0, 1, 1, 1), (1, 2, 1, 1), (2, 3, 1, 1), (3, 4, 1, 1), (0, 5, 1, 1), (5, 4, 1, 1)], BUDGET
    )
    assert ranks[5] == 3


def test_components_begin_at_the_top() -> None:
    assert assign_ranks(5, [(0, 1, 1, 1), (1, 2, 1, 1), (3, 4, 1, 1)], BUDGET) == [0, 1, 2, 0, 1]


def test_cycle() -> None:
    with pytest.raises(CycleError) as caught:
        assign_ranks(5, [(0, 1, 1, 1), (1, 2, 1, 1), (2, 3, 1, 1), (3, 1, 1, 1), (3, 4, 1, 1)], BUDGET)
    assert sorted(caught.value.cycle) == [1, 2, 3]
    cycle = caught.value.cycle
    assert {(a, b) for a, b in zip(cycle, (*cycle[1:], cycle[0]), strict=True)} == {(1, 2), (2, 3), (3, 1)}


def test_no_boxes() -> None:
    assert assign_ranks(0, [], BUDGET) == []


def test_links_of_no_length_and_no_cost() -> None:
    # 3 -> 4 -> 5 are to stand below 0 -> 1 -> 2, by a point between the two.
    links = [(0, 1, 1, 1), (1, 2, 1, 1), (3, 4, 1, 1), (4, 5, 1, 1), (1, 4, 1, 1)]
    assert assign_ranks(6, links, BUDGET) == [0, 1, 2, 1, 2, 3]
    point = [(2, 6, 0, 0), (6, 3, 1, 0)]
    assert assign_ranks(7, links + point, BUDGET)[:6] == [0, 1, 2, 3, 4, 5]
