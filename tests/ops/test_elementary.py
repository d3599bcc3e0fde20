"""Exponentials, logarithms, angles: values and derivatives where the plain formulas break down."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import graphgrad as gg

INF = math.inf


def leaf(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True)


def slopes(function: Any, *operands: Any) -> list[Any]:
    """The derivatives for each operand, element by element."""
    leaves = [leaf(one) for one in operands]
    with np.errstate(all="ignore"):
        gg.sum(function(*leaves)).backward()
    return [one.grad.tolist() for one in leaves if one.grad is not None]


def derivatives(function: Any, at: Any, orders: int) -> list[Any]:
    """The first derivatives up to an order, element by element."""
    found, nth = [], function
    for _ in range(orders):
        nth = gg.grad(lambda x, before=nth: gg.sum(before(x)))
        found.append(nth(leaf(at)).data)
    return found


# ---- cancellation and overflow ---------------------------------------------------------------------------------------


def test_small_exponentials_keep_their_digits() -> None:
    assert gg.expm1(leaf(1e-18)).item() == 1e-18
    assert slopes(gg.expm1, [-50.0])[0] == [pytest.approx(math.exp(-50.0), rel=1e-14, abs=0.0)]


def test_slopes_near_the_ends_of_a_domain_keep_their_digits() -> None:
    near = 1.0 - 2.0**-40
    below = math.sqrt(2.0**-40 * (2.0 - 2.0**-40))
    assert slopes(gg.asin, [near])[0] == [pytest.approx(1.0 / below, rel=1e-14)]
    assert slopes(gg.acos, [near])[0] == [pytest.approx(-1.0 / below, rel=1e-14)]
    assert slopes(gg.atanh, [near])[0] == [pytest.approx(1.0 / below**2, rel=1e-14)]
    above = 1.0 + 2.0**-40
    assert slopes(gg.acosh, [above])[0] == [pytest.approx(1.0 / math.sqrt(2.0**-40 * (2.0 + 2.0**-40)), rel=1e-14)]


@pytest.mark.parametrize(("dtype", "huge"), [("float64", 1e200), ("float32", 1e30)])
@pytest.mark.parametrize(
    ("function", "operands", "expected"),
    [
        (gg.asinh, [1.0], [1.0]),
        (gg.acosh, [1.0], [1.0]),
        (gg.atan2, [1.0, 1.0], [0.5, -0.5]),
        (gg.hypot, [3.0, 4.0], [0.6, 0.8]),
    ],
)
def test_slopes_far_out_do_not_vanish(function: Any, operands: Any, expected: Any, dtype: str, huge: float) -> None:
    leaves = [gg.tensor(one * huge, dtype=dtype, requires_grad=True) for one in operands]
    function(*leaves).backward()
    scale = 1.0 if function is gg.hypot else huge
    for one, slope in zip(leaves, expected, strict=True):
        assert one.grad is not None
        assert one.grad.item() == pytest.approx(slope / scale, rel=1e-6, abs=0.0)


def test_reciprocals_of_integers_are_fractions() -> None:
    assert gg.reciprocal([2, 4]).tolist() == [0.5, 0.25]


# ---- where the plain derivative would be nan -------------------------------------------------------------------------


def test_hypot_is_flat_at_the_origin() -> None:
    assert slopes(gg.hypot, [0.0, 0.0, -3.0], [0.0, 2.0, 4.0]) == [[0.0, 0.0, -0.6], [0.0, 1.0, 0.8]]
    second = gg.grad(lambda x: gg.sum(gg.grad(lambda x: gg.sum(gg.hypot(x, 0.0)))(x)))
    assert np.isfinite(second(leaf([0.0])).data).all()
    a, b = gg.scalar(0.0), gg.scalar(0.0)
    gg.hypot(a, b).backward()
    assert (a.grad, b.grad) == (0.0, 0.0)


def test_atan2_is_flat_at_the_origin() -> None:
    assert slopes(gg.atan2, [0.0, 1.0], [0.0, 0.0]) == [[0.0, 0.0], [0.0, -1.0]]
    a, b = gg.scalar(0.0), gg.scalar(0.0)
    gg.atan2(a, b).backward()
    assert (a.grad, b.grad) == (0.0, 0.0)


@pytest.mark.parametrize("function", [gg.logaddexp, gg.logaddexp2])
def test_a_sum_of_impossible_probabilities(function: Any) -> None:
    a, b = [-INF, -INF, 1.0, INF, INF], [-INF, 2.0, INF, INF, 0.0]
    with np.errstate(all="ignore"):
        assert function(leaf(a), leaf(b)).tolist() == [-INF, 2.0, INF, INF, INF]
    assert slopes(function, a, b) == [[0.5, 0.0, 0.0, 0.5, 1.0], [0.5, 1.0, 1.0, 0.5, 0.0]]


def test_a_sum_of_impossible_probabilities_is_recorded_without_a_warning() -> None:
    x = leaf([-INF])
    gg.sum(gg.logaddexp(x, x)).backward(create_graph=True)
    assert x.grad is not None
    assert x.grad.tolist() == [1.0]


@pytest.mark.parametrize(
    ("function", "y", "value", "for_x", "for_y"),
    [
        (gg.xlogy, [0.0, -1.0, 2.0], [0.0, 0.0, 0.0], [0.0, 0.0, math.log(2.0)], [0.0, 0.0, 0.0]),
        (gg.xlog1py, [-1.0, -2.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, math.log(2.0)], [0.0, 0.0, 0.0]),
    ],
)
def test_zero_times_a_logarithm_is_zero(function: Any, y: Any, value: Any, for_x: Any, for_y: Any) -> None:
    x = [0.0, 0.0, 0.0]
    assert function(leaf(x), leaf(y)).tolist() == value
    ours = slopes(function, x, y)
    np.testing.assert_allclose(ours, [for_x, for_y], rtol=1e-15)
    assert math.isnan(function(leaf(0.0), leaf(math.nan)).item())
    assert math.isnan(function(leaf(math.nan), leaf(1.0)).item())


# ---- the cardinal sine -----------------------------------------------------------------------------------------------


def test_sinc_has_all_its_derivatives_at_zero() -> None:
    pi = math.pi
    found = derivatives(gg.sinc, [0.0], 6)
    expected = [0.0, -(pi**2) / 3, 0.0, pi**4 / 5, 0.0, -(pi**6) / 7]
    np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-13, atol=1e-13)


def test_sinc_has_no_noise_near_zero() -> None:
    small = np.array([1e-12, -1e-8, 1e-5])
    first, second = derivatives(gg.sinc, small, 2)
    np.testing.assert_allclose(first, -(math.pi**2) / 3 * small, rtol=1e-8)
    np.testing.assert_allclose(second, -(math.pi**2) / 3, rtol=1e-8)


# ---- names -----------------------------------------------------------------------------------------------------------


def test_numpys_older_names_are_the_same_functions() -> None:
    for name in ("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh"):
        assert getattr(gg, f"arc{name[1:]}") is getattr(gg, name)
    assert gg.fix is gg.trunc
    assert gg.bitwise_invert is gg.bitwise_not


@pytest.mark.parametrize("function", [np.rint, np.around, np.fix, np.degrees, np.radians, np.reciprocal, np.mod])
def test_every_name_that_numpy_has_runs_the_operation(function: Any) -> None:
    x = np.array([0.6, -1.6])
    operands = (x, np.array([0.4, 0.7])) if function is np.mod else (x,)
    result = function(*map(gg.tensor, operands))
    assert type(result) is gg.Tensor
    np.testing.assert_allclose(result.data, function(*operands), rtol=1e-15)
