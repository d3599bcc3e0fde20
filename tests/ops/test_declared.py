"""What the generated tests are made with: each case is run, and none is left out without a word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graphgrad.ops import TABLE
from tests.ops.declared import CASES, DIFFERENTIABLE, Case, draw, each_case

SINE = draw(TABLE["sin"])


def run_over(cases: list[Case], test: Callable[[Case], None]) -> None:
    """What pytest does with a test over the cases of one operation."""

    def named(case: Case) -> None:
        test(case)

    made = each_case(cases)(named)
    (mark,) = made.pytestmark
    (group,) = mark.args[1]
    made(group=group.values[0])


def test_each_case_is_run_once_and_in_order() -> None:
    seen: list[Case] = []
    run_over(SINE, seen.append)
    assert seen == SINE
    assert len(seen) > 2


def test_each_operation_is_one_test() -> None:
    def nothing(case: Case) -> None: ...

    made: Any = each_case(CASES)(nothing)
    names = [group.id for group in made.pytestmark[0].args[1]]
    assert len(set(names)) == len(names)
    assert set(names) == {case.op.name for case in CASES}


def test_a_failure_says_which_case_it_was() -> None:
    def fails(case: Case) -> None:
        assert case.index != 1

    with pytest.raises(AssertionError) as caught:
        run_over(SINE, fails)
    assert caught.value.__notes__ == [f"case {SINE[1]}"]


@pytest.mark.parametrize("give_up", [pytest.skip, pytest.xfail])
def test_a_case_that_is_skipped_fails(give_up: Callable[[str], Any]) -> None:
    def skips(case: Case) -> None:
        if case.index == 1:
            give_up("no PyTorch here")

    with pytest.raises(pytest.fail.Exception, match=r"case sin-1: 4 gave up \(no PyTorch here\): give each_case"):
        run_over(SINE, skips)


def test_there_are_cases_that_can_be_differentiated_of_every_operation_that_can() -> None:
    assert {case.op.base for case in DIFFERENTIABLE} == {op.name for op in TABLE.values() if op.differentiable}
