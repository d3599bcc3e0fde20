"""The error function, the gamma function, Bessel functions: beyond what SciPy and PyTorch can be asked about."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from tests.ops.test_elementary import derivatives, leaf, slopes

INF = math.inf


def test_scipy_is_imported_when_it_is_wanted(run_python: Any) -> None:
    code = """
import sys
import graphgrad as gg
gg.sin([1.0])
assert "scipy" not in sys.modules
gg.erf([1.0])
assert "scipy.special" in sys.modules
"""
    run_python("-c", code)


@pytest.mark.parametrize("function", [gg.erf, gg.digamma, gg.logit, gg.i0, gg.entr])
def test_float16_stays_float16(function: Any) -> None:
    x = gg.tensor([0.5, 0.75], dtype="float16", requires_grad=True)
    result = function(x)
    assert result.dtype == np.float16
    gg.sum(result).backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float16
    np.testing.assert_allclose(x.grad.data, slopes(function, [0.5, 0.75])[0], rtol=2e-3)


# ---- the error function and the normal distribution ------------------------------------------------------------------


def test_the_slopes_of_erfcx_far_out() -> None:
    x = np.array([50.0, 1e4, 1e8])
    first, second = derivatives(gg.erfcx, x, 2)
    # erfcx is 1/√π (1/x - 1/(2x³) + 3/(4x⁵) - ...), term by term.
    series = -1 / x**2 + 3 / (2 * x**4) - 15 / (4 * x**6) + 105 / (8 * x**8)
    np.testing.assert_allclose(first * math.sqrt(math.pi), series, rtol=1e-9)
    series = 2 / x**3 - 6 / x**5 + 45 / (2 * x**7)
    np.testing.assert_allclose(second * math.sqrt(math.pi), series, rtol=1e-8)


def test_the_slope_of_erfcx_is_the_same_from_both_sides() -> None:
    for order in derivatives(gg.erfcx, [5.0, np.nextafter(5.0, 6.0)], 3):
        assert order[0] == pytest.approx(order[1], rel=1e-11)


def test_the_logarithm_of_tiny_probabilities() -> None:
    x = np.array([-1e3, -1e6])
    first, second, third = derivatives(gg.log_ndtr, x, 3)
    # Far below zero ndtr is exp(-x²/2) / (-x √(2π)) (1 - 1/x² + ...).
    np.testing.assert_allclose(first, -x - 1 / x + 2 / x**3, rtol=1e-13)
    np.testing.assert_allclose(second, -1 + 1 / x**2, rtol=1e-11)
    np.testing.assert_allclose(third, -2 / x**3, rtol=1e-3)
    assert slopes(gg.log_ndtr, [-INF, INF])[0] == [INF, 0.0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_logarithm_of_probabilities_next_to_one(dtype: str) -> None:
    # There ndtr is 1 and its slope the normal density φ, whose own slope is -x φ; erfcx(-x/√2) overflows.
    x = np.array([9.0, 12.0, 20.0, 40.0, 1e3], dtype)
    once = gg.grad(lambda x: gg.sum(gg.log_ndtr(x)))
    first, second = once(gg.tensor(x)), gg.grad(lambda x: gg.sum(once(x)))(gg.tensor(x))
    with np.errstate(under="ignore"):
        density = np.exp(-0.5 * x.astype("float64") ** 2) / math.sqrt(2.0 * math.pi)
    rtol, atol = (1e-12, 1e-307) if dtype == "float64" else (2e-5, 1e-37)
    np.testing.assert_allclose(first.data, density, rtol, atol)
    np.testing.assert_allclose(second.data, -x * density, rtol, atol)


# ---- entropies -------------------------------------------------------------------------------------------------------


def test_entropies_of_what_never_happens() -> None:
    assert gg.entr(leaf([0.0, 1.0, -1.0])).tolist() == [0.0, 0.0, -INF]
    assert slopes(gg.entr, [0.0])[0] == [INF]
    assert gg.rel_entr(leaf([0.0, 0.0, 1.0]), leaf([0.0, 2.0, 0.0])).tolist() == [0.0, 0.0, INF]
    assert slopes(gg.rel_entr, [0.0, 0.0], [0.0, 2.0])[1] == [0.0, 0.0]


def test_relative_entropy_of_a_distribution_with_itself_is_zero() -> None:
    p = [0.2, 0.3, 0.5]
    assert gg.sum(gg.rel_entr(leaf(p), leaf(p))).item() == 0.0
    np.testing.assert_allclose(slopes(gg.rel_entr, p, p), [[1.0] * 3, [-1.0] * 3], rtol=1e-15)


# ---- the gamma function ----------------------------------------------------------------------------------------------


def test_polygamma_below_zero() -> None:
    half = math.pi**2 / 2
    expected = [half + 4.0, half + 4.0 + 4.0 / 9.0]  # at -1/2 and -3/2, by the recurrence from 1/2
    np.testing.assert_allclose(gg.polygamma(1, leaf([-0.5, -1.5])).data, expected, rtol=1e-15)
    x = np.array([-0.3, -1.2, -7.8, -50.1])
    for n in range(5):
        step = (-1.0) ** n * math.factorial(n) / x ** (n + 1)
        values = gg.polygamma(n, leaf(x)).data
        np.testing.assert_allclose(gg.polygamma(n, leaf(x + 1.0)).data, values + step, rtol=1e-9, err_msg=str(n))


def test_derivatives_of_the_gamma_function_below_zero() -> None:
    x = leaf([-0.5, -2.3])
    assert gg.gradcheck(gg.gammaln, x)
    assert gg.gradcheck(gg.digamma, x)
    assert gg.gradcheck(lambda x: gg.polygamma(2, x), x, rtol=1e-5)


def test_poles_of_polygamma() -> None:
    poles = leaf([0.0, -1.0, -30.0])
    assert gg.polygamma(1, poles).tolist() == [INF, INF, INF]
    assert np.isnan(gg.polygamma(2, poles).data).all()
    assert math.isnan(gg.polygamma(1, leaf(-INF)).item())


def test_multigammaln_is_nan_where_it_is_not_defined() -> None:
    values = gg.multigammaln(leaf([1.0, 1.5, -3.0]), 3).data
    assert np.isnan(values[[0, 2]]).tolist() == [True, True]
    assert gg.multigammaln(leaf(2.5), 1).item() == gg.gammaln(leaf(2.5)).item()


def test_an_exponent_of_zeta_is_a_constant() -> None:
    assert gg.zeta(2, leaf(1.0)).item() == pytest.approx(math.pi**2 / 6, rel=1e-15)
    with pytest.raises(gg.DTypeError, match="zeta: x is a constant of the operation, not a tensor"):
        gg.zeta(gg.tensor(2.0), [1.0])
    with pytest.raises(gg.DTypeError, match="zeta: x is a number"):
        gg.zeta("2", [1.0])


# ---- Bessel functions ------------------------------------------------------------------------------------------------


def test_bessel_functions_have_all_their_derivatives_at_zero() -> None:
    np.testing.assert_allclose(np.ravel(derivatives(gg.i0, [0.0], 4)), [0.0, 1 / 2, 0.0, 3 / 8], rtol=1e-15)
    np.testing.assert_allclose(np.ravel(derivatives(gg.i1, [0.0], 4)), [1 / 2, 0.0, 3 / 8, 0.0], rtol=1e-15)
    j0 = np.ravel(derivatives(lambda x: gg.jv(0, x), [0.0], 4))
    np.testing.assert_allclose(j0, [0.0, -1 / 2, 0.0, 3 / 8], rtol=1e-15)
    j2 = np.ravel(derivatives(lambda x: gg.spherical_jn(2, x), [0.0], 4))
    np.testing.assert_allclose(j2, [0.0, 2 / 15, 0.0, -4 / 35], rtol=1e-14)


def test_scaled_bessel_functions_do_not_overflow() -> None:
    x = leaf([1e4, -1e4])
    assert np.isfinite(gg.i0e(x).data).all()
    np.testing.assert_allclose(slopes(gg.i0e, x.data)[0], np.array([-0.5, 0.5]) * 1e-4 * gg.i0e(x).data, rtol=1e-4)
    assert gg.ive(0.5, leaf([INF])).tolist() == [0.0]
    assert gg.ive(3, leaf([INF, -INF])).tolist() == [0.0, 0.0]
    assert math.isnan(gg.ive(0.5, leaf(-INF)).item())


@pytest.mark.parametrize("order", [0, 1, 2, 0.5, 3.0])
def test_scaled_bessel_functions_far_out(order: float) -> None:
    # Hankel: ive is (1 - μ/(8x) + μ(μ - 8)/(2 (8x)²)) / √(2πx), where μ = 4v² - 1.
    sides = [1.0] if order == 0.5 else [1.0, -1.0]
    for size in (5e8, 2e9, 1e12):
        for side in sides:
            sign = side if order % 2 == 1 else 1.0
            mu = (4.0 * order**2 - 1.0) / (8.0 * size)
            value = sign * (1.0 - mu) / math.sqrt(2.0 * math.pi * size)
            x = leaf(side * size)
            result = gg.ive(order, x)
            assert result.item() == pytest.approx(value, rel=1e-15, abs=0.0)
            result.backward()
            assert x.grad is not None
            assert x.grad.item() == pytest.approx(-side * value / (2.0 * size), rel=1e-2, abs=0.0)
    assert np.isfinite(slopes(gg.i1e, [1e15, -1e100, 1e300])[0]).all()


def test_bessel_functions_of_the_smallest_numbers() -> None:
    assert slopes(gg.i1, [1e-320, -5e-324])[0] == [0.5, 0.5]
    assert slopes(gg.sinc, [5e-324])[0] == [0.0]
    for order in (0, 1, 2):
        for function in (gg.iv, gg.ive, gg.jv, gg.spherical_jn):
            assert function(order, leaf([1e-310])).tolist() == [1.0 if order == 0 else 0.0]
    x = gg.tensor([1e-30, 1e-40], requires_grad=True)
    gg.sum(gg.sinc(x)).backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, -(math.pi**2) / 3 * x.data.astype("float64"), rtol=1e-4)


def test_bessel_functions_of_fractional_order_are_nan_below_zero() -> None:
    assert np.isnan(gg.iv(0.5, leaf([-1.0])).data).all()
    assert gg.jv(0.5, leaf(2.0)).item() == pytest.approx(math.sqrt(1 / math.pi) * math.sin(2.0), rel=1e-14)


@pytest.mark.parametrize("function", [gg.iv, gg.ive, gg.jv])
def test_an_order_is_a_constant(function: Any) -> None:
    with pytest.raises(gg.DTypeError, match="v is a constant of the operation, not a tensor"):
        function(gg.tensor(1.0), [1.0])
    with pytest.raises(gg.GraphgradError, match=function.__name__):
        function("one", [1.0])
    for order in ("1", [1.0], None, 1j):
        with pytest.raises(gg.DTypeError, match=f"{function.__name__}: v is a number"):
            function(order, [1.0])
