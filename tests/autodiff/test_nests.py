"""Nests of numbers: taken apart and put together again."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.autodiff.nests import fill, maker, size_of, stacked, take_apart


class Pair(NamedTuple):
    a: Any
    b: Any


numbers = st.floats(allow_nan=False)
nests = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.tuples(inner, inner).map(lambda two: Pair(*two)),
        st.dictionaries(st.one_of(st.text(max_size=2), st.integers()), inner, max_size=3),
    ),
    max_leaves=12,
)


def array(members: list[Any], shape: tuple[int, ...]) -> Any:
    return np.array(members, np.float64).reshape(shape)


@given(nests)
def test_what_was_taken_apart_is_put_together_again(nest: Any) -> None:
    form, members = take_apart(nest, "nest")
    assert size_of(form) == len(members)
    again = fill(form, members, array)
    assert again == nest
    assert type(again) is type(nest)
    assert take_apart(again, "nest") == (form, members)
    assert hash(form) == hash(take_apart(again, "nest")[0])


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 3), (1, 1, 1)])
def test_arrays_keep_their_shape(shape: tuple[int, ...]) -> None:
    given_array = np.arange(np.prod(shape, dtype=int), dtype=np.float64).reshape(shape)
    form, members = take_apart([given_array, 5.0], "nest")
    assert members == [*given_array.ravel().tolist(), 5.0]
    again, five = fill(form, members, array)
    assert five == 5.0
    assert again.shape == shape
    assert again.tolist() == given_array.tolist()


@pytest.mark.parametrize(
    "number", [2, True, np.float32(2), np.int8(2), np.bool_(True), gg.scalar(2.0), 2.0], ids=lambda one: str(type(one))
)
def test_all_kinds_of_numbers(number: Any) -> None:
    form, members = take_apart(number, "nest")
    assert form == ("number",)
    assert members == [float(number)]
    assert type(members[0]) is float


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bool", "float16"])
def test_all_kinds_of_arrays(dtype: str) -> None:
    form, members = take_apart(np.array([0, 1], dtype), "nest")
    assert (form, members) == (("array", (2,)), [0.0, 1.0])
    assert take_apart(gg.tensor([0.0, 1.0], requires_grad=True), "nest") == (form, members)
    assert take_apart(np.array([[0, 1], [2, 3]])[:, ::-1].T, "nest")[1] == [1.0, 3.0, 0.0, 2.0]


def test_forms_tell_kinds_apart() -> None:
    alike = [[1.0, 2.0], (1.0, 2.0), Pair(1.0, 2.0), np.array([1.0, 2.0]), {"a": 1.0, "b": 2.0}, {"b": 1.0, "a": 2.0}]
    forms = [take_apart(nest, "nest")[0] for nest in alike]
    assert len(set(forms)) == len(forms)


def test_makers() -> None:
    assert maker([])([1]) == [1]
    assert maker(())([1]) == (1,)
    assert maker(Pair(1, 2))([3, 4]) == Pair(3, 4)


@pytest.mark.parametrize(
    ("nest", "where"),
    [
        ("a", "w: numbers are needed, got str 'a'"),
        ([1.0, None], r"w\[1\]: numbers are needed, got NoneType None"),
        ({"k": [1.0, {"m": 1j}]}, r"w\['k'\]\[1\]\['m'\]: numbers are needed, got complex"),
        (Pair(1.0, object()), r"w\[1\]: numbers are needed, got object"),
        ([np.array([1j])], r"w\[0\]: an array of numbers is needed, got one of complex128"),
        (np.array([gg.scalar(1.0)], object), "w: an array of numbers is needed, got one of object"),
    ],
)
def test_what_is_no_number_is_named(nest: Any, where: str) -> None:
    with pytest.raises(gg.DTypeError, match=where):
        take_apart(nest, "w")


# ---- many nests given as one


def test_one_of_many() -> None:
    nest = {"a": np.arange(6.0).reshape(3, 2), "b": [np.array([7, 8, 9])]}
    form, rows = stacked(nest, "nest")
    assert form == take_apart({"a": np.zeros(2), "b": [0.0]}, "nest")[0]
    assert [row.tolist() for row in rows] == [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0], [7.0, 8.0, 9.0]]
    second = fill(form, [row[1] for row in rows], array)
    assert second["a"].tolist() == [2.0, 3.0]
    assert second["b"] == [8.0]


def test_none_of_many() -> None:
    form, rows = stacked((np.zeros((0, 2, 3)), np.zeros(0)), "nest")
    assert form == take_apart((np.zeros((2, 3)), 0.0), "nest")[0]
    assert [row.shape for row in rows] == [(0,)] * 7


@pytest.mark.parametrize(
    ("nest", "error", "where"),
    [
        ([1.0], gg.DTypeError, r"w\[0\]: what is taken apart needs to be an array, got float 1\.0"),
        ({"a": "b"}, gg.DTypeError, r"w\['a'\]: what is taken apart needs to be an array"),
        (np.array(1.0), gg.ShapeError, "w: one number can't be taken apart"),
        ((np.array(["a"]),), gg.DTypeError, r"w\[0\]: an array of numbers is needed"),
        ([np.zeros((3, 0))], gg.ShapeError, r"w\[0\]: an array of shape \(3, 0\) holds no numbers"),
        ([np.zeros(3), np.zeros((3, 0))], gg.ShapeError, r"w\[1\]: an array of shape \(3, 0\) holds no numbers"),
    ],
)
def test_what_cannot_be_taken_apart_is_named(nest: Any, error: type[Exception], where: str) -> None:
    with pytest.raises(error, match=where):
        stacked(nest, "w")
