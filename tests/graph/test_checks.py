"""Checks of plain arguments."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.checks import check_choice, check_count, check_number, check_writeable, is_number
from graphgrad.graph.writes import Lock

NO_NUMBERS: list[Any] = [None, "1", True, np.True_, math.nan, math.inf, -math.inf, 1j, [1], 10**400, np.ones(1)]


@pytest.mark.parametrize("value", [0, -2.5, np.float32(0.5), np.int64(3), np.float16(6e4), Fraction(1, 2), 10**300])
def test_finite_real_numbers(value: Any) -> None:
    assert is_number(value)
    number = check_number("f", "x", value)
    assert (type(number), number) == (float, float(value))


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number(value: Any) -> None:
    assert not is_number(value)
    with pytest.raises(ValueError, match=r"f: x is a finite number\n  got: "):
        check_number("f", "x", value)
    with pytest.raises(ValueError, match=r"f: n is a whole number from 2\n  got: "):
        check_count("f", "n", value, 2)


@pytest.mark.parametrize(
    ("least", "most", "interval"),
    [(0.0, math.inf, " from 0"), (-math.inf, 1.0, " to 1"), (0.5, 1.5, " from 0.5 to 1.5")],
)
def test_a_range_has_its_ends(least: float, most: float, interval: str) -> None:
    for end, beyond in ((least, least - 0.25), (most, most + 0.25)):
        if math.isfinite(end):
            assert check_number("f", "x", end, least, most) == end
            with pytest.raises(ValueError, match=f"f: x is a finite number{interval}\\n  got: {beyond}"):
                check_number("f", "x", beyond, least, most)


def test_counts() -> None:
    count = check_count("f", "n", np.int8(3))
    assert (type(count), count) == (int, 3)
    for value in (0, -1, 2.0, "3"):
        with pytest.raises(ValueError, match="f: n is a whole number from 1"):
            check_count("f", "n", value)


def test_words() -> None:
    assert check_choice("f", "mode", "min", ("min", "max")) == "min"
    for value in ("mi", None, ["min"], np.array(["min", "max"])):
        with pytest.raises(ValueError, match=r"f: mode is one of min, max\n  got: "):
            check_choice("f", "mode", value, ("min", "max"))


def test_tensors_to_be_written() -> None:
    good, bad = gg.ones(2), gg.ones(2)
    lock = Lock([good.data])
    check_writeable("f", [good])  # a lock lets a write pass that is noted
    lock.release()
    bad.data.flags.writeable = False
    with pytest.raises(gg.WriteError, match=r"f: a tensor of shape \(2,\) is read-only[\s\S]*hint: gg.tensor"):
        check_writeable("f", [good, bad])
