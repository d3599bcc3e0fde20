"""What guards ask, for each input on its own."""

from __future__ import annotations

import math

import numpy as np
import pytest

from graphgrad.kernels.guards import EQUAL, LESS, LESS_EQUAL, SAME, WHOLE, guards_hold


@pytest.mark.parametrize(
    ("kind", "a", "b", "answer"),
    [
        (LESS, 1.0, 2.0, True),
        (LESS, 2.0, 2.0, False),
        (LESS, math.nan, 2.0, False),
        (LESS_EQUAL, 2.0, 2.0, True),
        (LESS_EQUAL, 3.0, 2.0, False),
        (EQUAL, 0.0, -0.0, True),
        (EQUAL, math.nan, math.nan, False),
        (SAME, 0.0, -0.0, False),
        (SAME, -0.0, -0.0, True),
        (SAME, math.nan, -math.nan, True),
        (SAME, math.nan, 1.0, False),
        (SAME, 1.0, 1.0, True),
        (WHOLE, 2.7, 2.1, True),
        (WHOLE, 2.7, 3.0, False),
        (WHOLE, -0.5, 0.5, True),
        (WHOLE, 1e300, 2e300, False),
        (WHOLE, 2.0**63, 2.0**64, False),
        (WHOLE, math.nan, 0.0, False),
    ],
)
def test_what_guards_ask(kind: int, a: float, b: float, answer: bool) -> None:
    for recorded in (True, False):
        hold = np.full(2, 9, np.uint8)
        values = np.array([[a, a], [b, b]])
        at = np.array([0], np.int32), np.array([1], np.int32)
        guards_hold(np.array([kind], np.uint8), *at, np.array([recorded], np.uint8), values, hold)
        assert hold.tolist() == [answer is recorded] * 2


def test_all_guards_have_to_hold_for_each_input_on_its_own() -> None:
    kinds = np.array([LESS, LESS], np.uint8)
    left, right = np.array([0, 1], np.int32), np.array([1, 2], np.int32)
    values = np.array([[1.0, 1.0, 3.0], [2.0, 2.0, 2.0], [3.0, 1.0, 3.0]])
    hold = np.empty(3, np.uint8)
    guards_hold(kinds, left, right, np.array([1, 1], np.uint8), values, hold)
    assert hold.tolist() == [1, 0, 0]
