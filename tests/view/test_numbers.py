"""How numbers are written: four digits, sums that add up, and nothing that looks like zero unless it is zero."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphgrad.view.numbers import MISSING, full, number, spread, statistics, sum_line, summary, table, tolerance
from graphgrad.view.text import clean, to_ascii

FLOATS = st.floats(-1.797e308, 1.797e308)
PLAIN = st.floats(-1e4, 1e4).map(lambda value: round(value, 3))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0353, "0.0353"),
        (0.035325412427, "0.03533"),
        (33.0, "33"),
        (33.00001, "33.00"),
        (0.99999, "1.000"),
        (-0.99999, "-1.000"),
        (9999.3, "9999"),
        (65536.0, "65536"),
        (1234567.0, "1.235e+06"),
        (1.2341e-05, "1.234e-05"),
        (-2.5, "-2.5"),
        (-0.0, "0"),
        (5e-324, "4.941e-324"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (7, "7"),
        (12345678, "12345678"),
        (True, "True"),
        (np.float32(0.1), "0.1"),
        (np.int64(-3), "-3"),
        (np.bool_(False), "False"),
        (np.array([[0.25]]), "0.25"),
        (None, MISSING),
    ],
)
def test_a_number_as_printed(value, text):
    assert number(value) == text


@given(FLOATS)
def test_four_digits_are_right(value):
    text = number(value)
    assert text.isascii()
    assert float(text) == pytest.approx(value, rel=5.001e-4, abs=0)
    assert (float(text) == 0) == (value == 0)
    digits = text.lstrip("-").split("e")[0].replace(".", "").lstrip("0")
    assert len(digits) <= 4 or value == int(value)


@given(FLOATS)
def test_a_whole_text_without_point_is_exact(value):
    text = number(value)
    if abs(value) < 1000 and text.lstrip("-").isdigit():
        assert float(text) == value


@given(st.floats(), st.sampled_from([np.float64, np.float32, np.float16]))
def test_the_full_text_gives_the_same_bits(value, dtype):
    with np.errstate(over="ignore"):
        exact = dtype(value)
    again = dtype(full(exact))
    assert again == exact or (np.isnan(again) and np.isnan(exact))
    assert np.signbit(again) == np.signbit(exact) or np.isnan(exact)


def test_the_full_text_of_an_array_leaves_nothing_out():
    array = np.random.default_rng(0).normal(size=2000)
    read = np.array([float(part) for part in full(array).strip("[]").split(",")])
    assert np.array_equal(read, array)


def test_summaries():
    assert summary(None) == MISSING
    assert summary(np.array([1.0, 2.0, 3.0])) == "[1 2 3]"
    assert summary(np.array([])) == "[]"
    assert summary(np.zeros((0, 3))) == "[]"
    assert summary(np.zeros((5, 20))) == "(5, 20) all 0"
    assert summary(np.arange(100.0), shape=False) == "0..99"
    assert summary(np.arange(100) % 3 == 0) == "(100,) 34 of 100 True"
    assert len(summary(np.random.default_rng(0).normal(size=(64, 32)))) < 30


def test_bad_numbers_are_counted_before_anything_else():
    array = np.arange(100.0)
    array[3], array[4:6], array[6:9] = math.nan, math.inf, -math.inf
    assert spread(array) == "1 nan, 2 +inf, 3 -inf of 100"
    assert "1 nan, 2 +inf, 3 -inf of 100" in statistics(array)
    mask = np.where(np.tri(4) > 0, 0.0, -np.inf)
    assert summary(mask) == "(4, 4) 6 -inf of 16"
    assert spread(mask.astype(np.float16)) == "6 -inf of 16"


@pytest.mark.parametrize("size", ["1e-200", "1e-300", "1e+200", "1e+307"])
def test_the_norm_of_very_large_and_very_small_numbers(size):
    array = np.array([3.0, 4.0]) * float(size)
    assert statistics(array).endswith(f"norm {number(5 * float(size))}")
    assert f"mean {number(3.5 * float(size))}" in statistics(array)


def test_a_range_of_different_numbers_is_not_called_all():
    assert spread(np.linspace(1.0, 1.0001, 30)) == "1..1.0"


def test_tables_have_aligned_columns_and_say_what_is_left_out():
    lines = table(np.arange(400.0).reshape(20, 20), rows=5, columns=4)
    assert len(lines) == 5
    assert len({len(line) for line in lines if line != "…"}) == 1
    assert lines[0].split() == ["0", "1", "…", "19"]
    assert lines[3] == "…"
    assert lines[-1].split() == ["380", "381", "…", "399"]
    assert table(np.zeros((2, 3, 4)))[0] == "[0, :, :] of shape (2, 3, 4)"
    assert table(np.float64(2.0)) == ("2",)
    assert table(np.zeros((0, 4))) == ("empty, shape (0, 4)",)


@given(st.lists(PLAIN, min_size=2, max_size=5))
def test_a_sum_adds_up_as_printed_or_says_that_it_does_not(values):
    line = sum_line(values, sum(values))
    left, sign, right = line.partition(" = ") if " = " in line else line.partition(" ≈ ")
    printed = [Decimal(part.strip("()")) for part in left.split(" + ")]
    assert [str(one) for one in printed] == [str(Decimal(number(value))) for value in values]
    assert (sum(printed) == Decimal(right)) == (sign == " = ")


def test_sums_that_matter():
    assert sum_line([0.1, 0.2], 0.1 + 0.2) == "0.1 + 0.2 = 0.3"
    assert sum_line([0.5, -0.25], 0.25) == "0.5 + (-0.25) = 0.25"
    assert sum_line([1 / 3, 1 / 3], 2 / 3) == "0.3333 + 0.3333 ≈ 0.6667"
    assert sum_line([math.nan, 1.0], math.nan) == "nan + 1 = nan"
    assert sum_line([math.inf, -math.inf], math.nan) == "inf + (-inf) = nan"
    assert sum_line([2.0], 2.0) == "2"
    assert sum_line([], None) == MISSING
    assert sum_line([np.array([1.0, 2.0])] * 2, np.array([2.0, 4.0])) == "[1 2] + [1 2] = [2 4]"
    assert sum_line([np.ones((9, 9))] * 2, np.full((9, 9), 2.0)).startswith("2 contributions, added element by element")
    assert sum_line([1.0] * 10, 10.0) == "1 + 1 + 1 + 1 + 1 + … (4 more) + 1 = 10"


@given(FLOATS.filter(lambda value: 1e-290 < abs(value) < 1e290))
def test_a_prediction_with_three_right_digits_is_accepted_and_one_with_two_is_not(value):
    text = number(value)
    shown = float(text)
    allowed = tolerance(text)
    assert abs(float(f"{shown:.3g}") - shown) <= allowed * (1 + 1e-9)
    assert abs(shown * 1.02 - shown) > allowed


def test_tolerances_at_the_edges():
    assert tolerance("0") == 0.0005
    assert [tolerance(text) for text in ("nan", "inf", MISSING, "True")] == [0.0] * 4


@given(st.text())
def test_a_clean_text_can_be_shown_anywhere(text):
    shown = clean(text)
    assert shown.isprintable() or all(char.isprintable() or char.isspace() for char in shown)
    assert not any(char in shown for char in "\n\r\t\x1b\x07\u202e\u2028")
    assert to_ascii(shown).isascii()
