"""Products, norms, variances, covariances: where there is more to say than their declarations do."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.ops.array.aggregates import logmeanexp, prod, ptp, vector_norm
from graphgrad.ops.array.nanreductions import nanstd, nanvar
from graphgrad.ops.array.statistics import average, corrcoef, cov, std, var
from tests.ops.test_shapes import agree, axes, shapes


def leaf(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True)


def gradient(function: Any, values: Any) -> Any:
    x = leaf(values)
    with np.errstate(all="ignore"):
        gg.sum(function(x)).backward()
    assert x.grad is not None
    return x.grad.data


any_axis = st.none() | axes | st.lists(axes, max_size=3).map(tuple)


@pytest.mark.parametrize(
    "name", ["all", "any", "count_nonzero", "logmeanexp", "nansum", "prod", "std", "var", "vector_norm"]
)
@given(shape=shapes, axis=any_axis, keepdims=st.booleans())
def test_shapes_of_reductions(name: str, shape: Any, axis: Any, keepdims: bool) -> None:
    agree(name, [np.zeros(shape)], axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("name", ["median", "nanmax", "nanmedian", "nanmin", "ptp"])
@given(shape=shapes, axis=any_axis, keepdims=st.booleans())
def test_shapes_of_reductions_of_something(name: str, shape: Any, axis: Any, keepdims: bool) -> None:
    agree(name, [np.zeros(shape)], axis=axis, keepdims=keepdims)


@given(x=shapes, weights=shapes, axis=any_axis, fits=st.booleans())
def test_shapes_of_weighted_means(x: Any, weights: Any, axis: Any, fits: bool) -> None:
    if fits:
        weights = x
    agree("average", [np.ones(x), np.ones(weights)], axis=axis)


@given(m=shapes, y=shapes, rowvar=st.booleans())
def test_shapes_of_covariances(m: Any, y: Any, rowvar: bool) -> None:
    agree("cov", [np.ones(m), np.ones(y)], rowvar=rowvar)


# ---- products --------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([0.0, -1.5, 0.5, 2.0]), min_size=1, max_size=9))
def test_the_gradient_of_a_product_is_that_of_the_others(values: list[float]) -> None:
    expected = [math.prod(values[:i] + values[i + 1 :]) for i in range(len(values))]
    np.testing.assert_allclose(gradient(prod, values), expected, rtol=1e-13)


@pytest.mark.parametrize("values", [[2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]])
def test_higher_derivatives_of_products_among_zeros(values: list[float]) -> None:
    weights = np.array([0.5, 1.0, 2.0])
    once = gg.grad(prod)
    twice = gg.grad(lambda x: gg.sum(once(x) * weights))
    assert gg.gradcheck(once, leaf(values))
    assert gg.gradcheck(twice, leaf(values))


# ---- norms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [2, 3, 0.5, 1.5])
@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_norms_of_huge_and_tiny_vectors(order: float, scale: float) -> None:
    x = np.array([3.0, -4.0, 1.0])
    expected = float(vector_norm(x, ord=order).item())
    assert float(vector_norm(x * scale, ord=order).item()) == pytest.approx(expected * scale, rel=1e-12)
    np.testing.assert_allclose(
        gradient(lambda x: vector_norm(x, ord=order), x * scale),
        gradient(lambda x: vector_norm(x, ord=order), x),
        rtol=1e-11,
    )


def test_norms_of_infinite_vectors() -> None:
    with np.errstate(all="ignore"):
        for order in (1, 2, 3, math.inf):
            assert vector_norm([1.0, -math.inf], ord=order).item() == math.inf
            assert math.isnan(vector_norm([1.0, math.nan], ord=order).item())
        assert vector_norm([1.0, math.inf], ord=-1).item() == 1.0


@pytest.mark.parametrize("order", [0, 1, 2, 3, 0.5, 1.5, -1, math.inf, -math.inf])
def test_a_norm_at_zero_has_slope_zero_of_any_order(order: float) -> None:
    zeros = leaf([0.0, 0.0])
    once = gg.grad(lambda x: vector_norm(x, ord=order))
    assert once(zeros).tolist() == [0.0, 0.0]
    assert gg.grad(lambda x: gg.sum(once(x)))(zeros).tolist() == [0.0, 0.0]


def test_elements_that_are_zero_in_other_vectors() -> None:
    assert gradient(lambda x: vector_norm(x, ord=1), [0.0, -2.0]).tolist() == [0.0, -1.0]
    assert gradient(lambda x: vector_norm(x, ord=0.5), [0.0, -2.0]).tolist() == [0.0, -1.0]
    assert gradient(lambda x: vector_norm(x, ord=math.inf), [2.0, -2.0, 1.0]).tolist() == [0.5, -0.5, 0.0]
    assert gradient(lambda x: vector_norm(x, ord=-math.inf), [2.0, -1.0, 1.0]).tolist() == [0.0, -0.5, 0.5]


def test_the_order_is_kept_as_a_plain_number() -> None:
    for order in (2, 2.0, np.int64(2), np.float32(2.0)):
        node = vector_norm(leaf([1.0, 2.0]), ord=order).node
        assert node is not None
        assert type(node.attrs["ord"]) is int
    node = vector_norm(leaf([1.0, 2.0]), ord=math.inf).node
    assert node is not None
    assert node.attrs["ord"] == math.inf


def test_tensors_are_no_constants() -> None:
    one = gg.tensor(1.0, requires_grad=True)
    for call in (lambda: vector_norm([1.0, 2.0], ord=one), lambda: var([1.0, 2.0], correction=one)):
        with pytest.raises(gg.DTypeError, match="is a constant of the operation, not a tensor"):
            call()


# ---- means -----------------------------------------------------------------------------------------------------------


def test_the_mean_of_integers_does_not_wrap_around() -> None:
    large = np.full(4, 2**62)
    for function in (gg.mean, average, gg.nanmean):
        assert function(large).item() == 2.0**62
    assert var(large).item() == 0.0


def test_float16_has_room_for_means_and_variances() -> None:
    narrow = gg.tensor([300.0, -300.0] * 4 + [0.0] * 8, dtype="float16")
    assert (var(narrow).item(), var(narrow).dtype) == (np.float16(45000.0), np.float16)
    assert std(narrow).item() == pytest.approx(45000.0**0.5, rel=1e-3)
    assert gg.mean(gg.ones(70000, dtype="float16")).item() == 1.0


# ---- variances -------------------------------------------------------------------------------------------------------


def test_equal_elements_have_a_deviation_of_slope_zero() -> None:
    assert gradient(std, [2.0, 2.0, 2.0]).tolist() == [0.0, 0.0, 0.0]
    once = gg.grad(std)
    assert gg.grad(lambda x: gg.sum(once(x)))(leaf([2.0, 2.0])).tolist() == [0.0, 0.0]


def test_too_few_elements_for_the_correction() -> None:
    with np.errstate(all="ignore"):
        assert math.isnan(var([2.0], correction=1).item())
        assert var([2.0, 3.0], correction=3).item() == math.inf
        assert math.isnan(var(gg.zeros(0)).item())
    assert np.isnan(gradient(lambda x: var(x, correction=1), [2.0])).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("correction", [0, 1, 1.5, 3])
@pytest.mark.parametrize(
    "values", [[1.0, math.inf, math.nan], [math.nan, 2.0], [2.0, 3.0], [math.nan], [2.0, 4.0, 9.0]]
)
def test_variances_without_nan_are_numpys(values: list[float], correction: float) -> None:
    for ours, theirs in ((nanvar, np.nanvar), (nanstd, np.nanstd)):
        np.testing.assert_allclose(ours(leaf(values), correction=correction).data, theirs(values, ddof=correction))


def test_a_large_mean_costs_no_digits() -> None:
    x = np.array([1.0, 2.0, 3.0]) + 1e9
    assert var(x).item() == pytest.approx(2 / 3, rel=1e-12)
    np.testing.assert_allclose(gradient(var, x), [-2 / 3, 0.0, 2 / 3], rtol=1e-12)


def test_the_correction_is_numpys_but_not_its_older_name() -> None:
    x = gg.tensor([1.0, 2.0, 4.0], dtype="float64")
    assert np.var(x, correction=1).item() == np.var(x.data, ddof=1)
    with pytest.raises(TypeError, match=r"var: has no argument 'ddof'\n  signature: var\(x, axis=None, \*, correction"):
        np.var(x, ddof=1)


# ---- weighted means, covariances -------------------------------------------------------------------------------------


def test_weights_receive_how_far_their_elements_are_from_the_mean() -> None:
    weights = leaf([1.0, 1.0, 2.0])
    mean = average([1.0, 2.0, 4.0], weights=weights)
    mean.backward()
    assert mean.item() == 2.75
    assert weights.grad is not None
    np.testing.assert_allclose(weights.grad.data, (np.array([1.0, 2.0, 4.0]) - 2.75) / 4.0)


@pytest.mark.parametrize("axis", [*itertools.permutations((0, 1, 2), 2)])
def test_weights_lie_along_the_axes_in_the_order_that_they_are_named_in(axis: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=(3, 3, 3)), rng.uniform(0.5, 1.5, (3, 3))
    np.testing.assert_allclose(average(x, axis, weights).data, np.average(x, axis, weights), rtol=1e-13)


@given(st.integers(1, 3), st.integers(2, 5), st.booleans(), st.sampled_from([None, 0, 1]), st.integers(0, 99))
def test_covariances_are_numpys(variables: int, count: int, bias: bool, ddof: int | None, seed: int) -> None:
    rng = np.random.default_rng(seed)
    m, y = rng.normal(size=(variables, count)), rng.normal(size=count)
    np.testing.assert_allclose(cov(m, bias=bias, ddof=ddof).data, np.cov(m, bias=bias, ddof=ddof), atol=1e-12)
    np.testing.assert_allclose(cov(m, y, bias=bias).data, np.cov(m, y, bias=bias), atol=1e-12)
    np.testing.assert_allclose(corrcoef(m.T, y, rowvar=False).data, np.corrcoef(m.T, y, rowvar=False), atol=1e-12)


def test_correlations_stay_between_minus_one_and_one() -> None:
    for seed in range(50):
        x = np.random.default_rng(seed).normal(size=7)
        found = corrcoef(x, 3.0 * x - 1.0).data
        assert (np.abs(found) <= 1.0).all()
    with np.errstate(all="ignore"):
        assert np.isnan(corrcoef([1.0, 1.0], [1.0, 2.0]).data[0]).all()


def test_the_diagonal_of_correlations_does_not_move() -> None:
    found = gradient(lambda x: corrcoef(x) * np.eye(2), np.random.default_rng(0).normal(size=(2, 5)))
    np.testing.assert_allclose(found, 0.0, atol=1e-15)


# ---- others ----------------------------------------------------------------------------------------------------------


def test_ties_in_a_range_share_the_gradient() -> None:
    assert gradient(ptp, [3.0, 1.0, 3.0, 1.0]).tolist() == [0.5, -0.5, 0.5, -0.5]
    assert gradient(ptp, [2.0, 2.0]).tolist() == [0.0, 0.0]


def test_the_logarithm_of_a_mean_of_exponentials() -> None:
    assert logmeanexp([-1000.0, -1000.0]).item() == -1000.0
    np.testing.assert_allclose(gradient(logmeanexp, [1000.0, -1000.0]), [1.0, 0.0])
    with np.errstate(all="ignore"):
        assert math.isnan(logmeanexp(gg.zeros(0)).item())
