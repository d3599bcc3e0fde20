"""Sums of many numbers: their digits, whatever the order, the axes and the place in memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphgrad.kernels.sums import TOGETHER, add_up

Array = np.ndarray[Any, Any]

by_numpy: Any = np.add.reduce


def numbers(shape: tuple[int, ...], dtype: str = "float32") -> Array:
    """Numbers near 1: whoever adds one after the other to a large sum rounds them all alike."""
    return np.random.default_rng(0).uniform(0.5, 1.5, shape).astype(dtype)


# ---- digits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 3, 64, 700])
@pytest.mark.parametrize("rows", [0, 1, TOGETHER, 2 * TOGETHER, 2 * TOGETHER + 1, 7 * TOGETHER + 3, 100_003])
def test_rows_keep_their_digits(rows: int, width: int) -> None:
    x = numbers((rows, width if rows < 10_000 else min(width, 64)))
    found = add_up(x, 0)
    assert (found.dtype, found.shape) == (np.float32, x.shape[1:])
    np.testing.assert_allclose(found, x.sum(0, dtype=np.float64), rtol=3e-6)


def test_float64_keeps_its_digits() -> None:
    x = numbers((100_000, 2), "float64")
    np.testing.assert_allclose(add_up(x, 0), [math.fsum(column) for column in x.T], rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64", "complex128", "longdouble"])
def test_like_numbers_keep_their_digits(dtype: str) -> None:
    x = np.full((65_000, 3), 0.1, dtype)
    found = add_up(x, 0)
    assert (found.dtype, found.shape) == (x.dtype, (3,))
    close = {"float16": 1e-3, "complex128": 1e-14, "longdouble": 1e-14}.get(dtype, 2e-6)
    np.testing.assert_allclose(found / 65_000, x[0], rtol=close)


LAYOUTS: dict[str, tuple[Callable[[], Any], Any]] = {
    "leading axis": (lambda: numbers((100_000, 4)), 0),
    "leading axis, turned": (lambda: numbers((100_000, 4)).T, 1),
    "leading axis, the columns of another": (lambda: numbers((100_000, 6))[:, 1:4], (0,)),
    "all of some columns": (lambda: numbers((100_000, 6))[:, 1:4], None),
    "every other row, backwards": (lambda: numbers((100_000, 4))[::-2], 0),
    "backwards along both": (lambda: numbers((100_000, 4))[::-1, ::-1], None),
    "examples and times": (lambda: numbers((300, 300, 4)), (0, 1)),
    "times of all examples, turned": (lambda: numbers((300, 300, 4)).swapaxes(0, 1), (0, 1)),
    "examples and times, one column": (lambda: numbers((300, 300, 4))[..., 2], (0, 1)),
    "examples and places": (lambda: numbers((5000, 3, 5)), (0, 2)),
    "examples and places from behind": (lambda: numbers((5000, 3, 5)), (-1, -3)),
    "many short axes": (lambda: numbers((3,) * 10), tuple(range(9))),
    "every other of many axes": (lambda: numbers((4,) * 8), (0, 2, 4, 6)),
    "Fortran's order": (lambda: np.asfortranarray(numbers((4, 100_000))), 1),
    "one number everywhere": (lambda: np.broadcast_to(np.float32(0.1), (100_000, 4)), 0),
    "one number everywhere, all": (lambda: np.broadcast_to(np.float32(0.1), (100_000, 4)), None),
    "one row everywhere": (lambda: np.broadcast_to(numbers((4,)), (100_000, 4)), 0),
    "one column everywhere": (lambda: np.broadcast_to(numbers((100_000, 1)), (100_000, 4)), (0,)),
    "one column everywhere, all": (lambda: np.broadcast_to(numbers((100_000, 1)), (100_000, 4)), None),
    "one column": (lambda: numbers((100_000, 1)), 0),
    "a line": (lambda: numbers((200_000,))[::2], 0),
    "other machines' order": (lambda: numbers((100_000, 4)).astype(">f4"), 0),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_digits_stay_however_the_numbers_lie(layout: str) -> None:
    make, axes = LAYOUTS[layout]
    x = make()
    found = add_up(x, axes)
    np.testing.assert_allclose(found, np.sum(x, axis=axes, dtype=np.float64), rtol=3e-6)
    expected = by_numpy(x, axis=axes)
    assert (type(found), found.dtype, found.shape) == (type(expected), expected.dtype, expected.shape)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_axes_of_any_array(data: st.DataObject) -> None:
    lengths = st.sampled_from([0, 1, 2, 3, 5, 16, 17, 257, 600, 3000])
    shape = data.draw(st.lists(lengths, min_size=0, max_size=4).filter(lambda one: math.prod(one) <= 200_000))
    dtype = data.draw(st.sampled_from(["float32", "float64", "float16", "complex64", "int8", "bool", "uint64"]))
    x = (numbers(tuple(shape)) * data.draw(st.sampled_from([1, 3]))).astype(dtype)
    x = x.transpose(data.draw(st.permutations(range(x.ndim))))
    steps = st.sampled_from([slice(None), slice(None, None, 2), slice(None, None, -1), slice(1, None)])
    x = x[tuple(data.draw(steps) for _ in range(x.ndim))]
    choices: list[Any] = [None, *range(-x.ndim, x.ndim)]
    choices += [axes for n in range(x.ndim + 1) for axes in itertools.combinations(range(x.ndim), n)]
    axes, keepdims = data.draw(st.sampled_from(choices)), data.draw(st.booleans())
    with np.errstate(over="ignore"):  # a float16 ends at 65504
        found, expected = add_up(x, axes, keepdims), by_numpy(x, axis=axes, keepdims=keepdims)
        wide = "D" if x.dtype.kind == "c" else "d" if x.dtype.kind == "f" else expected.dtype
        exact = np.sum(x, axis=axes, keepdims=keepdims, dtype=wide).astype(expected.dtype)
    assert (found.dtype, np.shape(found)) == (expected.dtype, np.shape(expected))
    close = {"float16": 1e-3, "float32": 5e-6, "complex64": 5e-6, "float64": 1e-13}.get(dtype, 0)
    np.testing.assert_allclose(found, exact, rtol=close)


# ---- what stays as it was --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [None, 0, 1, -1, (0, 1), (2, 0), (), (0, 1, 2)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_few_numbers_are_added_up_by_numpy(dtype: str, axes: Any) -> None:
    x = numbers((7, 9, 11), dtype) - np.array(1, dtype)
    for one in (x, x.transpose(2, 0, 1), x[::-1, ::2]):
        for keepdims in (False, True):
            found, expected = add_up(one, axes, keepdims), by_numpy(one, axis=axes, keepdims=keepdims)
            assert type(found) is type(expected)
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("axes", [-1, 1, None, (0, 1), (1, 0)])
def test_what_lies_side_by_side_is_added_up_by_numpy(axes: Any) -> None:
    x = numbers((50, 3000)) - np.float32(1)
    np.testing.assert_array_equal(add_up(x, axes), by_numpy(x, axis=axes))
    np.testing.assert_array_equal(add_up(x.T, 0), by_numpy(x, axis=1))


def test_what_is_exact_stays_exact() -> None:
    rows = 3000
    assert add_up(np.full((rows, 2), 100, np.int8), 0).tolist() == [100 * rows] * 2
    assert add_up(np.full((rows, 2), 2**63, np.uint64), 0).tolist() == [0, 0]
    assert add_up(np.ones((rows, 2), bool), 0).tolist() == [rows] * 2
    assert add_up(np.full((rows, 2), 10**30, object), 0).tolist() == [rows * 10**30] * 2


@pytest.mark.parametrize("keepdims", [False, True])
def test_a_number_and_nothing(keepdims: bool) -> None:
    one = add_up(np.array(2.5, np.float32), None, keepdims)
    assert (one, one.dtype) == (2.5, np.float32)
    assert add_up(np.zeros((0, 3)), 0, keepdims).shape == ((1, 3) if keepdims else (3,))
    assert add_up(np.zeros((100_000, 0), np.float16), 0, keepdims).dtype == np.float16
    assert add_up(numbers((100_000, 3)), 0, keepdims).shape == ((1, 3) if keepdims else (3,))
    assert add_up(numbers((100_000, 3))[:, ::-2], None, keepdims).shape == ((1, 1) if keepdims else ())


@pytest.mark.parametrize("rows", [3, 100_000])
@pytest.mark.parametrize("axes", [2, -3, (0, 5), (0, 0), (0, -2)])
def test_axes_that_there_are_not_are_refused_as_by_numpy(rows: int, axes: Any) -> None:
    x = numbers((rows, 2))
    with pytest.raises(ValueError, match=r"out of bounds|duplicate") as expected:
        by_numpy(x, axis=axes)
    with pytest.raises(type(expected.value)) as found:
        add_up(x, axes)
    assert str(found.value) == str(expected.value)


def test_what_is_not_finite_stays_so() -> None:
    x = np.zeros((100_000, 5), np.float32)
    x[77_777, 0], x[5, 1], x[99_999, 2] = np.nan, np.inf, -np.inf
    x[[3, 90_000], 3] = np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        found = add_up(x, 0)
    np.testing.assert_array_equal(found, [np.nan, np.inf, -np.inf, np.nan, 0.0])
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert add_up(np.full((3, 2), 60_000, np.float16), 0).tolist() == [np.inf, np.inf]


def test_half_precision_has_room_on_the_way() -> None:
    x = np.array([[60_000.0], [60_000.0], [-60_000.0]], np.float16)
    assert add_up(x, 0).tolist() == [60_000.0]


# ---- neighbours ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((16, 16, 32, 32), (0, 2, 3)),
        ((16, 16, 32, 32), (-1, 2, 0)),
        ((300, 7, 16), (2, 0)),
        ((5, 3, 64, 64), (2, 3)),  # four times as many as einsum is given
        ((5, 4097), 1),
        ((3000, 15), -1),
        ((70, 4, 1, 64), (2, 3, 0)),
        ((20_000, 1), -1),
        ((2, 9000), None),
    ],
)
def test_of_neighbours(shape: tuple[int, ...], axes: Any, keepdims: bool, dtype: str) -> None:
    x = numbers(shape, dtype)
    found = add_up(x, axes, keepdims)
    expected = x.astype(np.float64).sum(axes, keepdims=keepdims)
    assert (found.dtype, found.shape) == (x.dtype, expected.shape)
    np.testing.assert_allclose(found, expected, rtol={"float32": 2e-6, "float64": 1e-13}[dtype])


@pytest.mark.parametrize(("examples", "places"), [(300, 1024), (300, 4096), (2, 50_000)])
@pytest.mark.parametrize("order", ["first", "last"])
def test_like_neighbours_keep_their_digits(order: str, examples: int, places: int) -> None:
    shape = (examples, 2, places) if order == "first" else (examples, places, 2)
    x = np.full(shape, 0.1, np.float32)
    found = add_up(x, (0, 2)) if order == "first" else add_up(x, (0, 1))
    np.testing.assert_allclose(found, examples * places * float(np.float32(0.1)), rtol=4e-6)


def test_what_is_not_finite_among_neighbours() -> None:
    x = np.zeros((20, 4, 512), np.float32)
    x[1, 0, 2], x[0, 1, 0], x[3, 2, [5, 6]] = np.nan, np.inf, [np.inf, -np.inf]
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(add_up(x, (0, 2)), [np.nan, np.inf, np.nan, 0.0])


@pytest.mark.parametrize("axes", [3, (0, 5), (2, 2), (2, -1)])
def test_axes_that_there_are_not_among_neighbours(axes: Any) -> None:
    x = numbers((20, 4, 512))
    with pytest.raises(ValueError, match=r"out of bounds|duplicate") as expected:
        by_numpy(x, axis=axes)
    with pytest.raises(type(expected.value)) as found:
        add_up(x, axes)
    assert str(found.value) == str(expected.value)
