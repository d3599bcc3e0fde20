"""Running totals and differences, where there is more to say than their declarations do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.ops import TABLE
from graphgrad.ops.array.cumulative import cumprod, cumsum, diff, ediff1d, logcumsumexp, trapezoid
from graphgrad.ops.array.extremes import cummax
from tests.ops.test_shapes import agree, axes, shapes


def leaf(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True)


def gradient(function: Any, values: Any, weights: Any = None) -> Any:
    x = leaf(values)
    with np.errstate(all="ignore"):
        result = function(x)
        result.backward(np.ones(result.shape) if weights is None else np.asarray(weights, np.float64))
    assert x.grad is not None
    return x.grad.data


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "logcumsumexp", "cummax", "cummin"])
@given(shape=shapes, axis=st.none() | axes)
def test_shapes_of_running_totals(name: str, shape: Any, axis: int | None) -> None:
    agree(name, [np.zeros(shape)], axis=axis)


@given(shape=shapes, axis=axes, n=st.integers(0, 4))
def test_shapes_of_differences(shape: Any, axis: int, n: int) -> None:
    agree("diff", [np.zeros(shape)], axis=axis, n=n)


@given(y=shapes, x=shapes, axis=axes, fits=st.booleans())
def test_shapes_of_integrals(y: Any, x: Any, axis: int, fits: bool) -> None:
    if fits and -len(y) <= axis < len(y):
        x = (y[axis],)
    for name in ("trapezoid", "cumulative_trapezoid"):
        agree(name, [np.zeros(y), np.zeros(x)], axis=axis)


# ---- zeros among factors ---------------------------------------------------------------------------------------------


def product_of_others(values: Any, weights: Any) -> Any:
    """The gradient of running products from its definition."""
    n = len(values)
    return [
        sum(weights[j] * math.prod(values[k] for k in range(j + 1) if k != i) for j in range(i, n)) for i in range(n)
    ]


@given(
    st.lists(st.sampled_from([0.0, -1.5, 0.5, 2.0]), min_size=1, max_size=12),
    st.integers(0, 2**32 - 1).map(np.random.default_rng),
)
def test_the_gradient_of_running_products_is_exact_among_zeros(values: list[float], rng: np.random.Generator) -> None:
    weights = rng.normal(size=len(values))
    found = gradient(cumprod, values, weights)
    np.testing.assert_allclose(found, product_of_others(values, weights), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("values", [[2.0, 0.0, 3.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.5]])
def test_higher_derivatives_of_running_products_among_zeros(values: list[float]) -> None:
    weights = np.linspace(0.5, 1.5, len(values))
    once = gg.grad(lambda x: gg.sum(cumprod(x) * weights))
    twice = gg.grad(lambda x: gg.sum(once(x) * weights))
    assert gg.gradcheck(once, leaf(values))
    assert gg.gradcheck(twice, leaf(values))


def test_small_factors_do_not_lose_the_gradient() -> None:
    # A quotient of the product, 0 by underflow, and a factor would be 0.
    np.testing.assert_allclose(gradient(cumprod, [1e-200, 1e-200, 1e250], [0.0, 0.0, 1.0])[2], 0.0)
    np.testing.assert_allclose(gradient(cumprod, [1e-200, 1e250, 1e-200], [0.0, 0.0, 1.0]), [1e50, 0.0, 1e50])


# ---- sums of exponentials --------------------------------------------------------------------------------------------


def test_running_sums_of_exponentials_neither_overflow_nor_vanish() -> None:
    values = [1000.0, -1000.0, 1000.0, 0.0]
    np.testing.assert_allclose(logcumsumexp(values).data, [1000, 1000, 1000 + math.log(2), 1000 + math.log(2)])
    np.testing.assert_allclose(gradient(logcumsumexp, values), [3.0, 0.0, 1.0, 0.0])
    assert logcumsumexp([-1000.0, -1000.0]).data[1] == pytest.approx(-1000 + math.log(2))


def test_running_sums_of_exponentials_of_infinities() -> None:
    inf = math.inf
    with np.errstate(all="ignore"):
        assert logcumsumexp([-inf, 0.0, inf, 1.0]).tolist() == [-inf, 0.0, inf, inf]
    # Behind inf nothing else counts; inf itself has no share of an infinite sum, as in PyTorch.
    np.testing.assert_array_equal(gradient(logcumsumexp, [0.0, inf, 1.0]), [1.0, np.nan, 0.0])
    np.testing.assert_array_equal(gradient(logcumsumexp, [-inf, 0.0])[1], 1.0)


def test_gradients_with_signs_of_both_kinds() -> None:
    x = leaf([0.5, -1.0, 2.0, 0.0])
    weights = np.array([1.0, -2.0, 0.0, 3.0])
    assert gg.gradcheck(lambda x: gg.sum(logcumsumexp(x) * weights), x)


# ---- differences and integrals ---------------------------------------------------------------------------------------


def test_more_differences_than_elements_leave_nothing() -> None:
    assert diff([1.0, 2.0], n=2).shape == (0,)
    assert diff([1.0, 2.0], n=5).shape == (0,)
    np.testing.assert_array_equal(gradient(lambda x: diff(x, n=5), [1.0, 2.0]), [0.0, 0.0])


def test_differences_end_when_nothing_is_left() -> None:
    n = 10**15  # one after the other they would take for ever
    assert gradient(lambda x: diff(x, n=n), [1.0, 2.0]).tolist() == [0.0, 0.0]
    assert TABLE["diff"].cost((2, 3), n=n, axis=-1) == 18


def test_no_difference_is_a_copy() -> None:
    x = gg.tensor([1.0, 2.0])
    assert not np.may_share_memory(diff(x, n=0).data, x.data)


def test_sums_undo_differences() -> None:
    x = np.random.default_rng(0).normal(size=(3, 5))
    np.testing.assert_allclose(cumsum(diff(x, axis=0), axis=0).data, x[1:] - x[0], rtol=1e-12)


def test_the_trapezoidal_rule_is_exact_for_lines() -> None:
    x = np.array([0.0, 0.5, 2.0, 3.0])
    assert trapezoid(2.0 * x + 1.0, x).item() == pytest.approx(12.0)
    # Moving the upper end by h adds f(3) · h, half of what the last trapezoid gains on its other side.
    places = leaf(x)
    trapezoid(np.full(4, 5.0), places).backward()
    assert places.grad is not None
    np.testing.assert_allclose(places.grad.data, [-5.0, 0.0, 0.0, 5.0], atol=1e-15)


def test_tensors_are_no_constants() -> None:
    one = gg.tensor(1.0, requires_grad=True)
    for call in (lambda: trapezoid([1.0, 2.0], dx=one), lambda: ediff1d([1.0, 2.0], to_end=one)):
        with pytest.raises(gg.DTypeError, match="is a constant of the operation, not a tensor"):
            call()


def test_equal_largest_elements_so_far() -> None:
    values, places = cummax([1.0, 1.0, 0.0, 1.0])
    assert values.tolist() == [1.0, 1.0, 1.0, 1.0]
    assert places.tolist() == [0, 1, 1, 3]


def test_long_lines() -> None:
    x = np.random.default_rng(0).uniform(0.9, 1.1, 2000)
    np.testing.assert_allclose(gradient(cumprod, x), np.cumsum(np.cumprod(x)[::-1])[::-1] / x, rtol=1e-9)
    shares = np.exp(x - np.logaddexp.accumulate(x)[:, None].T)
    assert shares.shape == (1, 2000)
    found = gradient(logcumsumexp, x)
    totals = np.logaddexp.accumulate(x)
    expected = [np.exp(x[i] - totals[i:]).sum() for i in range(0, 2000, 400)]
    np.testing.assert_allclose(found[::400], expected, rtol=1e-9)


def test_nothing_in_a_row() -> None:
    for name in ("cumsum", "cumprod", "logcumsumexp"):
        result = TABLE[name].call(gg.zeros((2, 0), requires_grad=True))
        assert result.shape == (0,)
        gg.sum(result).backward()
