"""Indexing beyond single operations: all kinds of keys, elements that are named twice, and how they are added."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.ops.array.adding import add_at, added_at, assign, last_of_each
from tests.ops.test_shapes import shape_and_key, table

Array = np.ndarray[Any, Any]


def places_of(shape: tuple[int, ...], key: Any) -> Array:
    """The numbers of the elements that a key names, in row-major order."""
    numbers: Array = np.arange(int(np.prod(shape))).reshape(shape)[key]
    return numbers


# ---- assignment ------------------------------------------------------------------------------------------------------


def assigned_one_by_one(x: Array, places: Array, values: Array) -> Array:
    out = x.ravel().copy()
    for place, value in zip(places.ravel(), np.broadcast_to(values, places.shape).ravel(), strict=True):
        out[place] = value
    return out.reshape(x.shape)


@given(shape_and_key(), st.booleans(), st.integers(0, 2**32 - 1))
def test_assignment_of_any_key_and_its_gradients(drawn: Any, whole: bool, seed: int) -> None:
    shape, key = drawn
    try:
        places = places_of(shape, key)
    except IndexError:
        return
    if not isinstance(places, np.ndarray):
        places = np.asarray(places)
    rng = np.random.default_rng(seed)
    value_shape = places.shape if whole else tuple(n if rng.random() < 0.5 else 1 for n in places.shape)
    x = gg.tensor(table(shape), requires_grad=True)
    v = gg.tensor(-table(value_shape), requires_grad=True)
    y = x * 1.0
    y[key] = v
    np.testing.assert_array_equal(y.data, assigned_one_by_one(x.data, places, v.data))

    weights = rng.normal(size=shape)
    gg.sum(y * weights).backward()
    # Who stays: the last of those that went to one place.
    last = {place: i for i, place in enumerate(places.ravel().tolist())}
    for_x = weights.ravel().copy()
    for_v = np.zeros(places.size)
    for place, i in last.items():
        for_x[place] = 0.0
        for_v[i] = weights.flat[place]
    expected = gg.tensor(np.zeros(value_shape), requires_grad=True)
    gg.sum(gg.broadcast_to(expected, places.shape) * for_v.reshape(places.shape)).backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, for_x.reshape(shape))
    assert v.grad is not None
    assert expected.grad is not None
    np.testing.assert_allclose(v.grad.data, expected.grad.data, rtol=1e-13, atol=1e-13)


def test_of_two_values_for_one_place_the_last_stays_and_gets_the_gradient() -> None:
    x = gg.zeros(3, dtype="float64", requires_grad=True)
    v = gg.tensor([1.0, 2.0, 3.0], dtype="float64", requires_grad=True)
    y = gg.setitem(x, v, [1, 0, 1])
    assert y.tolist() == [2.0, 3.0, 0.0]
    gg.sum(y * np.array([10.0, 20.0, 30.0])).backward()
    assert v.grad is not None
    assert v.grad.tolist() == [0.0, 10.0, 20.0]
    assert gg.gradcheck(lambda x, v: gg.setitem(x, v, [1, 0, 1]), (x, v))


def test_a_mask_takes_one_value_or_as_many_as_it_names() -> None:
    x = gg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    mask = x.data > 1.5
    for value, expected in ((0.0, [[1.0, 0.0], [0.0, 0.0]]), ([7.0, 8.0, 9.0], [[1.0, 7.0], [8.0, 9.0]])):
        y = x * 1.0
        y[mask] = gg.tensor(value)
        assert y.tolist() == expected
    y = x * 1.0
    with pytest.raises(gg.ShapeError, match="don't broadcast"):
        y[mask] = gg.tensor([7.0, 8.0])
    y[gg.tensor([True, False])] = gg.tensor([5.0, 6.0])
    assert y.tolist() == [[5.0, 6.0], [3.0, 4.0]]


def column_major(array: Array) -> Array:
    return np.asfortranarray(array)


def backwards(array: Array) -> Array:
    back = (slice(None, None, -1),) * array.ndim
    return array[back].copy()[back]


@pytest.mark.parametrize("layout", [column_major, backwards])
def test_which_value_stays_does_not_depend_on_layouts(layout: Any) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        rows, columns = layout(rng.integers(0, 2, (3, 2))), layout(rng.integers(0, 2, (1, 2)))
        values = layout(rng.normal(size=(3, 2)))
        out = gg.setitem(layout(np.zeros((2, 2))), values, (rows, columns))
        np.testing.assert_array_equal(
            out.data, assigned_one_by_one(np.zeros((2, 2)), places_of((2, 2), (rows, columns)), values)
        )


def test_index_put_adds_or_replaces() -> None:
    x = gg.ones((2, 3))
    assert gg.index_put(x, [0, 0], 1.0, accumulate=True).tolist() == [[3.0] * 3, [1.0] * 3]
    assert gg.index_put(x, (slice(None), 1), [5.0, 6.0]).tolist() == [[1.0, 5.0, 1.0], [1.0, 6.0, 1.0]]
    assert x.tolist() == [[1.0] * 3] * 2


# ---- adding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "key"),
    [
        ((10, 8), (np.arange(40) % 10,)),  # rows, each several times
        ((10, 8), (np.arange(10)[::-1].copy(),)),  # rows, each once
        ((3, 5, 4), (slice(None), np.arange(30) * 7 % 5 - 5)),  # an axis in the middle, from the end
        ((3, 5), (slice(None), np.arange(60) % 5)),
        ((20,), (np.arange(200) % 7,)),
        ((6, 7), (np.arange(6)[:, None], np.arange(90).reshape(6, 15) % 7)),  # one index array for each axis
        ((6, 7), (2, np.arange(90) % 7)),
        ((6, 7), (np.arange(84).reshape(12, 7) % 6, slice(0, 3))),
        ((6, 7), (np.arange(42).reshape(6, 7) % 3 == 0,)),
        ((6, 20), (np.arange(6) % 2 == 0,)),
        ((6, 7), (slice(None, None, 2), slice(1, 3))),
        ((4, 6, 7), (np.arange(30) % 4, slice(None), np.arange(30) % 3)),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_adding_is_what_numpy_adds(shape: Any, key: Any, dtype: str) -> None:
    place = np.empty(shape)[key].shape
    values = np.random.default_rng(0).normal(size=place).astype(dtype)
    expected = np.zeros(shape, dtype)
    np.add.at(expected, key, values)
    found = added_at(shape, key, values)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    more = np.ones(shape, dtype)
    add_at(more, key, values)
    np.testing.assert_allclose(more, expected + 1.0, rtol=1e-5, atol=1e-5)


def test_the_last_of_each_place_is_told() -> None:
    last = last_of_each((3,), (np.array([1, 0, 1, 2]),))
    assert last is not None
    assert last.tolist() == [False, True, True, True]
    assert last_of_each((3,), (np.array([1, 0]),)) is None
    assert last_of_each((3,), (np.array([True, True, False]),)) is None
    assert last_of_each((3,), (slice(None),)) is None
    out = np.zeros(3)
    assign(out, (np.array([2, 2]),), np.array([4.0, 5.0]))
    assert out.tolist() == [0.0, 0.0, 5.0]


def test_a_looked_up_row_receives_all_of_its_gradients() -> None:
    table_ = gg.tensor(np.ones((4, 16)), requires_grad=True)
    words = np.array([3, 1, 3, 3, 0, 1])
    for lookup in (table_[words], gg.take(table_, words, axis=0), gg.index_select(table_, 0, words)):
        table_.grad = None
        gg.sum(lookup).backward()
        assert table_.grad is not None
        np.testing.assert_array_equal(table_.grad.data, np.repeat([[1.0], [2.0], [0.0], [3.0]], 16, 1))


def test_integers_that_are_looked_up_by_are_part_of_the_graph() -> None:
    with gg.record():
        words = gg.tensor([1, 0], name="words")
        rows = gg.take(gg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True), words, axis=0)
    graph = rows.graph()
    again = graph.run({"words": np.array([1, 1])})
    assert again.tolist() == [[3.0, 4.0], [3.0, 4.0]]
