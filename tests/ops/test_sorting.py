"""Sorting, choosing, searching and counting: where there is more to say than their declarations do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import graphgrad as gg
from graphgrad.ops import TABLE
from graphgrad.ops.array.counting import bincount, histogram, unique, unique_counts, unique_inverse
from graphgrad.ops.array.extremes import cummin, kthvalue, mode, topk
from graphgrad.ops.array.gathering import take_along_axis
from graphgrad.ops.array.nanreductions import nanmax, nanmean, nanprod, nanstd, nansum, nanvar
from graphgrad.ops.array.quantiles import METHODS, median, nanmedian, nanquantile, quantile
from graphgrad.ops.array.searching import argmax, argmin, digitize, searchsorted
from graphgrad.ops.array.sorting import argpartition, argsort, partition, sort
from tests.ops.test_shapes import agree, axes, shapes

NAN, INF = math.nan, math.inf


def leaf(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True)


def gradient(function: Any, values: Any, weights: Any = None) -> Any:
    x = leaf(values)
    with np.errstate(all="ignore"):
        result = function(x)
        result.backward(np.ones(result.shape) if weights is None else np.asarray(weights, np.float64))
    assert x.grad is not None
    return x.grad.data


@pytest.mark.parametrize("name", ["argsort", "sort"])
@given(shape=shapes, axis=st.none() | axes)
def test_shapes_of_sorting(name: str, shape: Any, axis: Any) -> None:
    agree(name, [np.zeros(shape)], axis=axis)


@pytest.mark.parametrize("name", ["argpartition", "partition"])
@given(
    shape=shapes, axis=st.none() | axes, kth=st.integers(-4, 3) | st.lists(st.integers(-4, 3), max_size=2).map(tuple)
)
def test_shapes_of_partitions(name: str, shape: Any, axis: Any, kth: Any) -> None:
    agree(name, [np.zeros(shape)], axis=axis, kth=kth)


@pytest.mark.parametrize("name", ["kthvalue", "topk"])
@given(shape=shapes, axis=axes, k=st.integers(-1, 4))
def test_shapes_of_the_chosen(name: str, shape: Any, axis: int, k: int) -> None:
    agree(name, [np.zeros(shape)], axis=axis, k=k)


@given(shape=shapes, axis=axes, keepdims=st.booleans())
def test_shapes_of_the_most_frequent(shape: Any, axis: int, keepdims: bool) -> None:
    agree("mode", [np.zeros(shape)], axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@given(shape=shapes, axis=st.none() | axes, keepdims=st.booleans())
def test_shapes_of_places(name: str, shape: Any, axis: Any, keepdims: bool) -> None:
    agree(name, [np.zeros(shape)], axis=axis, keepdims=keepdims)


@given(a=shapes, v=shapes)
def test_shapes_of_searching(a: Any, v: Any) -> None:
    agree("searchsorted", [np.zeros(a), np.zeros(v)])
    agree("digitize", [np.zeros(v), np.zeros(a)])


# ---- sorting ---------------------------------------------------------------------------------------------------------

# Few different values, so that there are ties.
lines = arrays.arrays(np.float64, st.integers(1, 9), elements=st.sampled_from([-1.0, 0.0, 0.5, 2.0, INF, NAN]))


@given(lines, st.booleans())
def test_sorting_is_taking_in_stable_order(x: Any, descending: bool) -> None:
    order = argsort(x, descending=descending).data
    result = sort(x, descending=descending).data
    np.testing.assert_array_equal(result, x[order])
    rank = {value: i for i, value in enumerate(np.unique(x[~np.isnan(x)]).tolist())}
    keys = [(rank.get(x[i], len(rank)), i) for i in order.tolist()]
    assert keys == sorted(keys, key=lambda key: (-key[0] if descending else key[0], key[1]))
    weights = np.arange(1.0, len(x) + 1)
    np.testing.assert_array_equal(gradient(lambda t: sort(t, descending=descending), x, weights)[order], weights)


@given(lines, st.data())
def test_a_partition_holds_what_sorting_has_at_its_places(x: Any, data: st.DataObject) -> None:
    kth = data.draw(st.lists(st.integers(-len(x), len(x) - 1), min_size=1, max_size=3))
    places = argpartition(x, kth).data
    result = partition(x, kth).data
    in_order = np.sort(x)
    assert sorted(places.tolist()) == list(range(len(x)))
    np.testing.assert_array_equal(result, x[places])
    for k in kth:
        k %= len(x)
        np.testing.assert_array_equal(result[k], in_order[k])
        np.testing.assert_array_equal(np.sort(result[:k]), in_order[:k])
        np.testing.assert_array_equal(np.sort(result[k:]), in_order[k:])
    weights = np.arange(1.0, len(x) + 1)
    np.testing.assert_array_equal(gradient(lambda t: partition(t, kth), x, weights)[places], weights)


@given(lines, st.booleans(), st.data())
def test_the_k_largest_are_the_first_of_the_sorted(x: Any, largest: bool, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, len(x)))
    values, places = topk(x, k, largest=largest)
    np.testing.assert_array_equal(places.data, argsort(x, descending=largest).data[:k])
    np.testing.assert_array_equal(values.data, x[places.data])
    if k:
        value, place = kthvalue(x, k)
        assert place.item() == argsort(x).data[k - 1]
        np.testing.assert_array_equal(value.data, np.sort(x)[k - 1])


@given(lines)
def test_the_most_frequent_comes_most_often(x: Any) -> None:
    value, place = mode(x)
    numbers, counts = np.unique(x, return_counts=True, equal_nan=False)
    best = counts == counts.max()
    np.testing.assert_array_equal(value.data, numbers[best][0])
    np.testing.assert_array_equal(x[place.data], value.data)
    if value.data == value.data:
        assert place.item() == np.flatnonzero(x == value.data)[-1]


def test_equal_elements_receive_gradients_in_the_order_in_which_they_are() -> None:
    weights = [1.0, 2.0, 3.0, 4.0]
    assert gradient(sort, [2.0, 1.0, 2.0, 1.0], weights).tolist() == [3.0, 1.0, 4.0, 2.0]
    descending = lambda x: sort(x, descending=True)
    assert gradient(descending, [2.0, 1.0, 2.0, 1.0], weights).tolist() == [1.0, 3.0, 2.0, 4.0]
    assert gradient(lambda x: topk(x, 1)[0], [2.0, 2.0]).tolist() == [1.0, 0.0]
    assert gradient(lambda x: kthvalue(x, 1)[0], [2.0, 2.0]).tolist() == [1.0, 0.0]
    assert gradient(lambda x: mode(x)[0], [2.0, 2.0]).tolist() == [0.0, 1.0]
    assert gradient(lambda x: cummin(x)[0], [2.0, 2.0, 3.0]).tolist() == [1.0, 2.0, 0.0]


def test_many_elements() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4000))
    weights = np.random.default_rng(1).normal(size=x.shape)
    for stable in (True, False):
        found = gradient(lambda t: sort(t, stable=stable), x, weights)  # noqa: B023 - called at once
        np.testing.assert_array_equal(np.take_along_axis(found, np.argsort(x, -1), -1), weights)


def test_numpys_arguments() -> None:
    x: Any = leaf([[3.0, 1.0], [2.0, 4.0]])
    assert np.sort(x, axis=None).tolist() == [1.0, 2.0, 3.0, 4.0]
    in_order: Any = np.sort(x, stable=True)
    assert in_order.requires_grad
    assert np.argsort(x, axis=0).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(TypeError, match="sort: has no argument 'kind'"):
        np.sort(x, kind="heapsort")


# ---- searching and counting ------------------------------------------------------------------------------------------


def test_the_first_of_equal_elements_is_named() -> None:
    assert argmax([1.0, 3.0, 3.0]).item() == 1
    assert argmin([1.0, 3.0, 1.0]).item() == 0
    assert argmax([1.0, NAN, 3.0]).item() == argmin([1.0, NAN, 3.0]).item() == 1


def test_a_place_takes_its_element() -> None:
    x = leaf([[1.0, 5.0], [7.0, 4.0]])
    y = take_along_axis(x, argmax(x, axis=1, keepdims=True), axis=1)
    gg.sum(y).backward()
    assert y.tolist() == [[5.0], [7.0]]
    assert x.grad is not None
    assert x.grad.tolist() == [[0.0, 1.0], [1.0, 0.0]]


NO_DERIVATIVE = [
    *("all", "any", "argmax", "argmin", "argpartition", "argsort", "count_nonzero", "digitize", "histogram"),
    *("searchsorted", "unique", "unique_counts", "unique_inverse"),
]


@pytest.mark.parametrize("name", NO_DERIVATIVE)
def test_what_has_no_derivative_says_why_and_needs_none(name: str) -> None:
    op = TABLE[name]
    assert not op.differentiable
    assert "No gradient passes: " in op.doc.partition("\n\n")[0]
    x = leaf([1.0, 2.0, 3.0])
    operands = [x] * len(op.operands)
    result = op.call(*operands, **({"kth": 1} if name == "argpartition" else {}))
    for one in result if isinstance(result, tuple) else (result,):
        assert not one.requires_grad


def test_a_sequence_that_descends_is_refused_with_its_place() -> None:
    with pytest.raises(gg.ArgumentError, match=r"searchsorted: a must not descend, but a\[2\] < a\[1\]"):
        searchsorted([0.0, 2.0, 1.0, 0.5], [1.0])
    assert digitize([0.5], [2.0, 1.0, 0.0]).tolist() == [2]


def test_weights_receive_the_gradient_of_their_number() -> None:
    found = gradient(lambda w: bincount(np.array([0, 2, 2]), w), [0.5, 1.0, 3.0], [10.0, 20.0, 30.0])
    assert found.tolist() == [10.0, 30.0, 30.0]
    counts = bincount(np.array([True, False, True]))
    assert counts.tolist() == [1, 2]
    assert counts.dtype == np.int64
    assert bincount(np.array([0, 1]), gg.tensor([0.5, 1.5])).dtype == np.float32


def test_nan_is_equal_to_nothing_but_in_unique() -> None:
    x = [NAN, 1.0, NAN]
    assert unique(x).shape == (2,)
    assert unique_counts(x)[1].tolist() == [1, 1, 1]
    values, inverse = unique_inverse([[3.0, 1.0], [3.0, 2.0]])
    assert inverse.tolist() == [[2, 0], [2, 1]]
    assert take_along_axis(values, gg.reshape(inverse, (-1,))).tolist() == [3.0, 1.0, 3.0, 2.0]


def test_bins_are_counted_as_numpy_does() -> None:
    x = np.random.default_rng(0).normal(size=50)
    for options in ({"bins": 7}, {"bins": [-1.0, 0.0, 0.5, 3.0]}, {"range": (-1.0, 1.0), "density": True}):
        for ours, theirs in zip(histogram(x, **options), np.histogram(x, **options), strict=True):
            np.testing.assert_array_equal(ours.data, theirs)


# ---- quantiles -------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:All-NaN:RuntimeWarning")
@given(lines, st.floats(0.0, 1.0), st.sampled_from(METHODS))
def test_quantiles_are_numpys(x: Any, q: float, method: Any) -> None:
    finite = np.where(np.isinf(x), 1.0, x)  # at infinities NumPy's own interpolation gives nan
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(median(x).data, np.median(x), atol=1e-12)
        for ours, theirs in ((quantile, np.quantile), (nanquantile, np.nanquantile)):
            found = ours(finite, q, method=method).data
            np.testing.assert_allclose(found, theirs(finite, q, method=method), atol=1e-12)
        np.testing.assert_allclose(nanmedian(finite).data, np.nanmedian(finite), atol=1e-12)


def test_an_infinite_element_spoils_no_other_quantile() -> None:
    assert quantile([1.0, 2.0, INF], 0.5).item() == 2.0
    assert nanquantile([1.0, 2.0, INF, NAN], 0.5).item() == 2.0
    assert gradient(lambda x: nanquantile(x, 0.5), [1.0, 2.0, INF, NAN]).tolist() == [0.0, 1.0, 0.0, 0.0]


def test_gradients_of_quantiles_go_to_the_neighbours() -> None:
    assert gradient(lambda x: quantile(x, 0.25), [5.0, 1.0, 3.0]).tolist() == [0.0, 0.5, 0.5]
    assert gradient(median, [5.0, 1.0, 3.0, 4.0]).tolist() == [0.0, 0.0, 0.5, 0.5]
    # At equal elements a stable sort decides, as in PyTorch.
    assert gradient(lambda x: quantile(x, 0.25), [1.0, 1.0, 2.0, 2.0, 5.0, 0.0]).tolist() == [0.75, 0.25, 0, 0, 0, 0]


def test_several_quantiles_make_an_axis() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    for q in ([0.1, 0.5], np.array([0.1, 0.5]), (0.1, 0.5)):
        np.testing.assert_allclose(quantile(x, q, axis=0).data, np.quantile(x, q, axis=0))
    node = quantile(leaf(x), np.float32(0.5)).node
    assert node is not None
    assert node.attrs["q"] == 0.5


INTEGERS = [np.array([200, 100], "uint8"), np.array([-128, 127], "int8"), np.array([1, 5, 7]), np.array([2**62, 2**62])]


@pytest.mark.parametrize("values", INTEGERS, ids=str)
def test_quantiles_of_integers_are_numpys(values: Any) -> None:
    wide = values.astype(np.float64)
    method: Any
    for ours, theirs in ((median, np.median), (nanmedian, np.nanmedian)):
        assert (ours(values).item(), ours(values).dtype) == (theirs(wide), np.float64)
    for function in (quantile, nanquantile):
        for method in ("linear", "midpoint"):
            found = function(values, 0.3, method=method)
            assert (found.item(), found.dtype) == (np.quantile(wide, 0.3, method=method), np.float64)
        for method in ("lower", "higher", "nearest"):
            found = function(values, 0.3, method=method)
            assert (found.item(), found.dtype) == (np.quantile(values, 0.3, method=method), values.dtype)


def test_quantiles_of_bools_are_those_of_zeros_and_ones() -> None:
    assert median([True, True, True]).item() == 1.0
    assert quantile([True, False], 0.25).item() == 0.25


def test_how_much_of_them_is_a_constant() -> None:
    with pytest.raises(gg.DTypeError, match="q is a constant of the operation, not a tensor"):
        quantile([1.0, 2.0], gg.tensor(0.5, requires_grad=True))
    with pytest.raises(gg.DTypeError, match="q is a number from 0 to 1, or several in a row"):
        quantile([1.0, 2.0], [])


def test_the_cost_of_sorting_is_that_of_the_lines() -> None:
    assert TABLE["sort"].cost((1000, 4), axis=-1) == 4000 * 2
    assert TABLE["sort"].cost((1000, 4), axis=None) == 4000 * 12
    assert TABLE["sort"].cost((5, 1), axis=1) == 0


# ---- without nan -----------------------------------------------------------------------------------------------------

GAPPY = np.array([2.0, NAN, -1.0, 0.5, NAN, 3.0])
KNOWN = ~np.isnan(GAPPY)


@pytest.mark.parametrize("name", ["max", "mean", "min", "prod", "std", "sum", "var", "median"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_what_is_nan_is_left_out_of_the_gradient_too(name: str, create_graph: bool) -> None:
    x, known = leaf(GAPPY), leaf(GAPPY[KNOWN])
    result, expected = TABLE[f"nan{name}"].call(x), TABLE[name].call(known)
    assert result.item() == pytest.approx(expected.item(), rel=1e-13)
    result.backward(create_graph=create_graph)
    expected.backward()
    assert x.grad is not None
    assert known.grad is not None
    np.testing.assert_allclose(x.grad.data[KNOWN], known.grad.data, rtol=1e-12, atol=1e-15)
    assert (x.grad.data[~KNOWN] == 0).all()


@pytest.mark.parametrize("name", ["nanprod", "nanstd", "nanvar"])
def test_second_derivatives_beside_nan(name: str) -> None:
    def with_gaps(known: Any) -> gg.Tensor:
        return TABLE[name].call(gg.setitem(GAPPY, known, KNOWN))

    assert gg.gradcheck(gg.grad(with_gaps), leaf(GAPPY[KNOWN]), eps=1e-5, atol=1e-6, rtol=1e-4)


def test_running_totals_pass_over_nan() -> None:
    for name, plain in (("nancumsum", "cumsum"), ("nancumprod", "cumprod")):
        weights = np.arange(1.0, 7.0)
        found = gradient(TABLE[name].call, GAPPY, weights)
        filled = np.where(KNOWN, GAPPY, 0.0 if plain == "cumsum" else 1.0)
        expected = gradient(TABLE[plain].call, filled, weights)
        np.testing.assert_allclose(found, np.where(KNOWN, expected, 0.0), rtol=1e-13)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64"])
@pytest.mark.parametrize("name", ["max", "mean", "min", "prod", "std", "sum", "var", "cumsum", "cumprod"])
def test_among_integers_nothing_is_nan(name: str, dtype: str) -> None:
    values = np.array([200, 100, 1]).astype(dtype)
    found, expected = TABLE[f"nan{name}"].call(values), getattr(np, f"nan{name}")(values)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found.data, expected, rtol=1e-14)


def test_where_nothing_is_known() -> None:
    unknown = [NAN, NAN]
    with np.errstate(all="ignore"):
        assert (nansum(unknown).item(), nanprod(unknown).item()) == (0.0, 1.0)
        for function in (nanmean, nanmax, nanvar, nanstd, nanmedian):
            assert math.isnan(function(unknown).item())
        assert math.isnan(nanvar([2.0, NAN], correction=1).item())


def test_equal_known_elements_have_a_deviation_of_slope_zero() -> None:
    assert gradient(nanstd, [2.0, NAN, 2.0]).tolist() == [0.0, 0.0, 0.0]
