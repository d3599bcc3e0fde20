"""Rounding, bounds, remainders, logic: what is chosen at ties and edges, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from tests.ops.test_elementary import leaf, slopes

INF, NAN = math.inf, math.nan


# ---- to whole numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [gg.floor, gg.ceil, gg.trunc, gg.round, gg.sign])
def test_steps_pass_no_gradient(function: Any) -> None:
    x = leaf([1.25, -0.75])
    assert not function(x).requires_grad
    gg.sum(x * function(x)).backward()
    assert x.grad is not None
    assert x.grad.tolist() == function(x).tolist()


def test_rounding_before_the_point() -> None:
    assert gg.round([1234.5, -1250.0], -2).tolist() == [1200.0, -1200.0]
    assert gg.round([1234, 1251], -2).tolist() == [1200, 1300]


# ---- bounds ----------------------------------------------------------------------------------------------------------


def test_clip_passes_the_gradient_at_its_bounds() -> None:
    assert slopes(lambda x: gg.clip(x, -1.0, 1.0), [-2.0, -1.0, 0.0, 1.0, 2.0])[0] == [0.0, 1.0, 1.0, 1.0, 0.0]
    assert slopes(lambda x: gg.clip(x, min=0.0), [-1.0, 0.0, 5.0])[0] == [0.0, 1.0, 1.0]
    assert slopes(lambda x: gg.clip(x, max=0.0), [-1.0, 0.0, 5.0])[0] == [1.0, 1.0, 0.0]
    assert slopes(gg.clip, [-1.0, 5.0])[0] == [1.0, 1.0]


def test_clip_takes_numbers_of_any_kind() -> None:
    for bound in (1, 1.0, np.float32(1.0), np.array(1.0), True):
        assert gg.clip([0.5, 3.0], max=bound).tolist() == [0.5, 1.0]
    assert np.clip(leaf([0.5, 3.0]), 1.0, 2.0).tolist() == [1.0, 2.0]


def test_clip_refuses_a_bound_for_each_element() -> None:
    with pytest.raises(gg.DTypeError, match=r"clip: max is one number; gg\.maximum and gg\.minimum"):
        gg.clip([1.0, 2.0], max=[1.0, 1.0])
    with pytest.raises(gg.DTypeError, match="clip: max is a constant of the operation, not a tensor"):
        gg.clip([1.0, 2.0], max=gg.tensor(1.0))
    for bound in ("1", 1j):
        with pytest.raises(gg.DTypeError, match="clip: max is a number"):
            gg.clip([1.0, 2.0], max=bound)


def test_clip_without_bounds_is_a_copy() -> None:
    x = gg.tensor([1.0, 2.0])
    assert not np.shares_memory(gg.clip(x).data, x.data)


def test_numbers_in_place_of_nan_and_infinity() -> None:
    values = [NAN, INF, -INF, 1.0]
    assert gg.nan_to_num(leaf(values), 5.0, 6.0, 7.0).tolist() == [5.0, 6.0, 7.0, 1.0]
    assert gg.nan_to_num(gg.tensor(values)).tolist()[1] == np.finfo(np.float32).max
    assert slopes(gg.nan_to_num, values)[0] == [0.0, 0.0, 0.0, 1.0]
    with pytest.raises(gg.DTypeError, match="nan_to_num: nan is a number"):
        np.nan_to_num(gg.tensor(values), True)  # which is no replacement: NumPy's second argument asks for a copy


# ---- choices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("function", "second"), [(gg.fmax, [0.0, 1.0]), (gg.fmin, [1.0, 0.0])])
def test_nan_loses_and_ties_go_to_the_first(function: Any, second: Any) -> None:
    a, b = [2.0, NAN, 2.0, NAN], [2.0, 1.0, NAN, NAN]
    np.testing.assert_array_equal(function(leaf(a), leaf(b)).data, [2.0, 1.0, 2.0, NAN])
    assert slopes(function, a, b) == [[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 0.0]]
    assert slopes(function, [3.0, 1.0], [1.0, 3.0])[1] == second


def test_the_unit_step_gives_its_value_at_zero() -> None:
    assert gg.heaviside(leaf([-1.0, 0.0, -0.0, 1.0, NAN]), 0.5).tolist()[:4] == [0.0, 0.5, 0.5, 1.0]
    values = leaf(0.5)
    gg.sum(gg.heaviside(leaf([-1.0, 0.0, -0.0, 1.0]), values)).backward()
    assert values.grad is not None
    assert values.grad.item() == 2.0


def test_the_expansion_of_the_unit_step_takes_numbers_and_nan() -> None:
    expand: Any = gg.heaviside.op.expand
    x = gg.tensor([-1.0, 0.0, -0.0, 2.0, NAN], dtype="float64")
    np.testing.assert_array_equal(expand(x, 0.5).data, gg.heaviside(x, 0.5).data)
    assert expand(2.0, gg.tensor([0.5], dtype="float64")).tolist() == [1.0]


def test_copysign_at_zero() -> None:
    assert slopes(gg.copysign, [0.0, -2.0, 3.0], [-1.0, 0.0, -0.0])[0] == [0.0, -1.0, -1.0]


def test_float_power_keeps_the_digits_of_a_number() -> None:
    x = gg.tensor([2.0, 3.0], dtype="float32", requires_grad=True)
    result = gg.float_power(x, 0.1)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result.data, np.array([2.0, 3.0]) ** 0.1)
    gg.sum(result).backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32


# ---- remainders ------------------------------------------------------------------------------------------------------


def test_remainders_have_the_sign_of_one_of_the_two() -> None:
    a, b = [5.0, -5.0, 5.0, -5.0], [3.0, 3.0, -3.0, -3.0]
    assert gg.fmod(leaf(a), leaf(b)).tolist() == [2.0, -2.0, 2.0, -2.0]
    assert gg.remainder(leaf(a), leaf(b)).tolist() == [2.0, 1.0, -1.0, -2.0]
    assert slopes(gg.fmod, a, b) == [[1.0] * 4, [-1.0, 1.0, 1.0, -1.0]]
    assert slopes(gg.remainder, a, b) == [[1.0] * 4, [-1.0, 2.0, 2.0, -1.0]]


def test_the_slope_of_a_remainder_counts_as_its_value_does() -> None:
    a, b = 0.5, 0.1  # a / b is rounded to 5, but the number 0.1 is a little more, and goes into 0.5 four times
    value = gg.remainder(leaf(a), leaf(b)).item()
    count = round((a - value) / b)
    assert (count, math.floor(a / b)) == (4, 5)
    assert slopes(gg.remainder, a, b)[1] == -count
    assert slopes(gg.fmod, a, b)[1] == -count


def test_the_remainder_by_infinity() -> None:
    a, b = [1.0, -1.0, -1.0, 0.0], [-INF, INF, -INF, INF]
    assert gg.remainder(leaf(a), leaf(b)).tolist() == [-INF, INF, -1.0, 0.0]  # as Python's
    assert slopes(gg.remainder, a, b) == [[1.0] * 4, [1.0, 1.0, 0.0, 0.0]]
    assert slopes(gg.fmod, a, b) == [[1.0] * 4, [0.0] * 4]


OPERANDS = [2.0, 2, np.float64(2.0), np.array([2.0, -3.0, 0.5]), gg.tensor([2.0, -3.0, 0.5])]


@pytest.mark.parametrize("other", OPERANDS, ids=lambda other: type(other).__name__)
def test_divmod_is_the_quotient_and_the_remainder(other: Any) -> None:
    x = gg.tensor([7.5, -7.5, 0.7], requires_grad=True)
    values = other.data if isinstance(other, gg.Tensor) else other
    for ours, theirs in (
        (divmod(x, other), np.divmod(x.data, values)),
        (divmod(other, x), np.divmod(values, x.data)),
        (np.divmod(x, other), np.divmod(x.data, values)),
        (np.divmod(other, x), np.divmod(values, x.data)),
    ):
        assert type(ours) is tuple
        for one, expected in zip(ours, theirs, strict=True):
            assert type(one) is gg.Tensor
            np.testing.assert_array_equal(one.data, expected)
    quotient, rest = divmod(x, other)
    assert quotient.dtype == rest.dtype == (x // other).dtype
    np.testing.assert_allclose((quotient * other + rest).data, x.data, rtol=1e-6)


def test_the_gradient_of_divmod_goes_through_the_remainder() -> None:
    a, b = leaf([7.0, -7.0]), leaf([2.0, 2.0])
    quotient, rest = divmod(a, b)
    assert not quotient.requires_grad
    gg.sum(rest).backward()
    assert a.grad is not None
    assert b.grad is not None
    assert (a.grad.tolist(), b.grad.tolist()) == ([1.0, 1.0], [-3.0, 4.0])
    assert [one.tolist() for one in divmod(gg.tensor([7, -7]), 2)] == [[3, -4], [1, 1]]


def test_divmod_refuses_what_it_cannot_divide() -> None:
    x: Any = gg.tensor([1.0, 2.0])
    with pytest.raises(gg.ShapeError, match=r"floor_divide: shapes .* don't broadcast"):
        divmod(x, gg.zeros(3))
    with pytest.raises(gg.DTypeError, match="complex numbers are not supported"):
        divmod(x, 1j)
    for call in (lambda: np.divmod(x, 2.0, where=[True, False]), lambda: np.divmod(x, 2.0, out=(x, x))):
        with pytest.raises(gg.DTypeError, match=r"np\.divmod: this call has no operation"):
            call()


# ---- logic and bits --------------------------------------------------------------------------------------------------


def test_isclose_of_what_is_no_ordinary_number() -> None:
    a, b = [NAN, INF, INF, 1.0, -INF], [NAN, INF, -INF, INF, -INF]
    assert gg.isclose(a, b).tolist() == [False, True, False, False, True]
    assert gg.isclose(a, b, equal_nan=True).tolist() == [True, True, False, False, True]


@pytest.mark.parametrize("wrong", [{"rtol": "0"}, {"atol": None}, {"rtol": [0.1, 0.2]}, {"equal_nan": "no"}], ids=str)
def test_isclose_takes_numbers_as_tolerances(wrong: dict[str, Any]) -> None:
    with pytest.raises(gg.DTypeError, match=f"isclose: {next(iter(wrong))} is "):
        gg.isclose([1.0, 2.0], [1.0, 2.0], **wrong)


def test_bits_of_bools_are_logic() -> None:
    yes, no = gg.tensor([True, True, False]), gg.tensor([True, False, False])
    assert gg.bitwise_and(yes, no).tolist() == [True, False, False]
    assert gg.bitwise_not(no).tolist() == [False, True, True]


def test_shifts() -> None:
    assert gg.bitwise_left_shift([1, 3], 2).tolist() == [4, 12]
    assert gg.bitwise_right_shift([-8, 7], 1).tolist() == [-4, 3]


def test_bits_of_floats_are_refused() -> None:
    with pytest.raises(gg.DTypeError, match=r"bitwise_and: [\s\S]*a: shape \(2,\), float32"):
        gg.bitwise_and([1.0, 2.0], 1)
