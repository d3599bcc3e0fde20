"""Values at the edges: where formulas overflow, where a derivative has to be chosen, where nothing is reduced."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import graphgrad as gg

F = gg.nn.functional


def value_and_gradient(function: Any, values: Any, dtype: str = "float64") -> tuple[Any, Any]:
    x = gg.tensor(values, dtype=dtype, requires_grad=True)
    with np.errstate(all="ignore"):
        result = function(x)
    result.backward(np.ones(result.shape))
    assert x.grad is not None
    return result.data.tolist(), x.grad.data.tolist()


# ---- a derivative is chosen ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "at_zero"),
    [(gg.relu, 0.0), (gg.abs, 0.0), (lambda x: gg.leaky_relu(x, 0.25), 0.25), (lambda x: gg.maximum(x, 0.0), 0.5)],
)
def test_kinks_at_zero(function: Any, at_zero: float) -> None:
    for zero in (0.0, -0.0):
        assert value_and_gradient(function, [zero]) == ([0.0], [at_zero])


def test_ties_share_the_gradient() -> None:
    assert value_and_gradient(gg.max, [3.0, 1.0, 3.0, 3.0]) == (3.0, [1 / 3, 0.0, 1 / 3, 1 / 3])
    assert value_and_gradient(gg.min, [[1.0, 1.0], [2.0, 1.0]])[1] == [[1 / 3, 1 / 3], [0.0, 1 / 3]]
    assert value_and_gradient(lambda x: gg.max(x, axis=0), [[1.0, 2.0], [1.0, 0.0]])[1] == [[0.5, 1.0], [0.5, 0.0]]
    a, b = gg.tensor([2.0], requires_grad=True), gg.tensor([2.0], requires_grad=True)
    for function in (gg.maximum, gg.minimum):
        a.grad = b.grad = None
        gg.sum(function(a, b)).backward()
        assert a.grad is not None
        assert b.grad is not None
        assert (a.grad.item(), b.grad.item()) == (0.5, 0.5)


def test_where_one_of_two_is_nan_both_receive_the_gradient() -> None:
    for function in (gg.maximum, gg.minimum):
        a = gg.tensor([np.nan, 1.0, np.nan], requires_grad=True)
        b = gg.tensor([1.0, np.nan, np.nan], requires_grad=True)
        out = function(a, b)
        assert np.isnan(out.data).all()
        gg.sum(out * np.array([1.0, 2.0, 3.0])).backward()
        for x in (a, b):
            assert x.grad is not None
            assert x.grad.tolist() == [1.0, 2.0, 3.0]
        p, q = gg.scalar(math.nan), gg.scalar(1.0)
        function(p, q).backward()
        assert (p.grad, q.grad) == (1.0, 1.0)


def test_powers_of_zero() -> None:
    assert value_and_gradient(lambda x: x**2, [0.0]) == ([0.0], [0.0])
    assert value_and_gradient(lambda x: x**1, [0.0]) == ([0.0], [1.0])
    assert value_and_gradient(lambda x: x**0, [0.0, 5.0]) == ([1.0, 1.0], [0.0, 0.0])
    assert value_and_gradient(lambda x: x ** np.array([0.0, 2.0]), [0.0, 0.0])[1] == [0.0, 0.0]
    assert value_and_gradient(lambda b: 0.0**b, [0.0, 2.0]) == ([1.0, 0.0], [0.0, 0.0])
    assert value_and_gradient(lambda x: x**-1, [0.0]) == ([math.inf], [-math.inf])
    assert value_and_gradient(lambda x: x**0.5, [0.0]) == ([0.0], [math.inf])


def test_powers_of_negative_numbers() -> None:
    assert value_and_gradient(lambda x: x**3, [-2.0]) == ([-8.0], [12.0])
    values, found = value_and_gradient(lambda x: x**1.5, [-2.0])
    assert math.isnan(values[0])
    assert math.isnan(found[0])
    values, found = value_and_gradient(lambda b: gg.power(-2.0, b), [2.0])
    assert values == [4.0]
    assert math.isnan(found[0])


def test_derivatives_may_be_infinite() -> None:
    assert value_and_gradient(gg.sqrt, [0.0]) == ([0.0], [math.inf])
    assert value_and_gradient(gg.log, [0.0]) == ([-math.inf], [math.inf])
    assert value_and_gradient(lambda x: 1.0 / x, [0.0]) == ([math.inf], [-math.inf])


# ---- formulas that would overflow ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_numbers_do_not_overflow(dtype: str) -> None:
    huge = [1000.0, -1000.0]
    assert value_and_gradient(gg.sigmoid, huge, dtype) == ([1.0, 0.0], [0.0, 0.0])
    assert value_and_gradient(gg.tanh, huge, dtype) == ([1.0, -1.0], [0.0, 0.0])
    assert value_and_gradient(gg.softplus, huge, dtype) == ([1000.0, 0.0], [1.0, 0.0])
    assert value_and_gradient(gg.softmax, huge, dtype) == ([1.0, 0.0], [0.0, 0.0])
    assert value_and_gradient(gg.log_softmax, huge, dtype) == ([0.0, -2000.0], [-1.0, 1.0])
    assert value_and_gradient(gg.logsumexp, huge, dtype) == (1000.0, [1.0, 0.0])
    logits = lambda x: F.binary_cross_entropy_with_logits(x, np.array([0.0, 1.0]), reduction="none")
    assert value_and_gradient(logits, huge, dtype) == ([1000.0, 1000.0], [1.0, -1.0])
    classes = lambda x: F.cross_entropy(x, np.array(1))
    assert value_and_gradient(classes, huge, dtype) == (2000.0, [1.0, -1.0])


def test_small_numbers_keep_their_digits() -> None:
    tiny = 1e-18
    assert gg.log1p(gg.tensor(tiny, dtype="float64")).item() == tiny
    assert gg.softplus(gg.tensor(-50.0, dtype="float64")).item() == pytest.approx(math.exp(-50.0), rel=1e-12)
    loss = F.binary_cross_entropy_with_logits(gg.tensor([50.0], dtype="float64"), np.array([1.0]))
    assert loss.item() == pytest.approx(math.exp(-50.0), rel=1e-12)


def test_the_logarithm_in_binary_cross_entropy_stops_at_minus_100() -> None:
    loss = lambda p: F.binary_cross_entropy(p, np.array([0.0, 1.0, 1.0, 0.0]), reduction="none")
    values, found = value_and_gradient(loss, [0.0, 1.0, 0.0, 1.0])
    assert values == [0.0, 0.0, 100.0, 100.0]
    assert found[:2] == [0.0, 0.0]
    assert np.isfinite(found).all()


def test_logsumexp_of_infinities() -> None:
    with np.errstate(all="ignore"):
        assert gg.logsumexp([-math.inf, -math.inf]).item() == -math.inf
        assert gg.logsumexp([math.inf, 0.0]).item() == math.inf
        assert math.isnan(gg.logsumexp([math.nan, 0.0]).item())


@pytest.mark.parametrize("function", [gg.softmax, gg.log_softmax])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_is_the_same_for_shifted_logits(function: Any, dtype: str) -> None:
    x = np.array([[0.5, -1.0, 2.0]], dtype)
    np.testing.assert_allclose(function(gg.tensor(x + 512.0)).data, function(gg.tensor(x)).data, rtol=1e-6)


def test_cross_entropy_of_probabilities_that_do_not_add_up_to_one() -> None:
    target = np.array([[0.2, 0.3, 0.1]])
    x = np.array([[1.0, 2.0, 3.0]])
    p = np.exp(x) / np.exp(x).sum()
    value, found = value_and_gradient(lambda x: F.cross_entropy(x, target), x)
    assert value == pytest.approx(-(target * np.log(p)).sum(), rel=1e-12)
    np.testing.assert_allclose(found, target.sum() * p - target, rtol=1e-12)


# ---- nothing at all --------------------------------------------------------------------------------------------------


def test_sums_and_means_of_nothing() -> None:
    assert gg.sum(gg.zeros((0, 3))).item() == 0.0
    assert gg.sum(gg.zeros((0, 3)), axis=0).tolist() == [0.0, 0.0, 0.0]
    assert gg.matmul(gg.zeros((2, 0)), gg.zeros((0, 2))).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    with np.errstate(all="ignore"):
        assert math.isnan(gg.mean(gg.zeros(0)).item())
        assert math.isnan(F.mse_loss(gg.zeros(0), gg.zeros(0)).item())


def test_gradients_of_nothing_are_empty() -> None:
    for function in (gg.sum, gg.exp, gg.softmax, lambda x: gg.reshape(x, (3, 0)), lambda x: x[:, ::-1]):
        _, found = value_and_gradient(function, np.zeros((0, 3)))
        assert np.shape(found) == (0,)


# ---- other dtypes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [gg.exp, gg.tanh, gg.sigmoid, gg.relu, gg.softplus, gg.softmax, gg.sum, gg.mean])
def test_float16_stays_float16(function: Any) -> None:
    x = gg.tensor([0.5, -1.0], dtype="float16", requires_grad=True)
    result = function(x)
    assert result.dtype == np.float16
    gg.sum(result).backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float16


def test_astype_gives_the_gradient_back_in_the_operands_dtype() -> None:
    x = gg.tensor([1.5, 2.5], dtype="float32", requires_grad=True)
    y = gg.astype(x, "float64")
    assert y.dtype == np.float64
    gg.sum(y * y).backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == [3.0, 5.0]


@pytest.mark.parametrize("dtype", ["U3", "object", "datetime64[s]"])
def test_astype_refuses_what_holds_no_numbers(dtype: str) -> None:
    with pytest.raises(gg.DTypeError, match="astype: "):
        gg.astype(gg.zeros(2), dtype)
