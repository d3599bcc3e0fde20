"""Making tensors: what is copied, what is shared, which dtype comes out, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg


@pytest.fixture
def default_dtype() -> Iterator[None]:
    before = gg.get_default_dtype()
    yield
    gg.set_default_dtype(before)


def test_tensor_copies() -> None:
    array = np.array([1.0, 2.0])
    t = gg.tensor(array)
    array[0] = 9.0
    assert t.tolist() == [1.0, 2.0]
    assert not np.shares_memory(gg.tensor(t).data, t.data)


def test_asarray_shares() -> None:
    array = np.array([1.0, 2.0])
    t = gg.asarray(array)
    array[0] = 9.0
    assert t.tolist() == [9.0, 2.0]
    assert np.shares_memory(gg.asarray(t).data, array)


def test_asarray_copies_only_when_the_dtype_changes() -> None:
    array = np.array([1.0, 2.0])
    assert not np.shares_memory(gg.asarray(array, dtype="float32").data, array)
    assert np.shares_memory(gg.asarray(array, dtype="float64").data, array)


def test_a_copy_of_a_tensor_is_outside_its_graph() -> None:
    x = gg.tensor([1.0], requires_grad=True)
    for made in (gg.tensor(x * 2), gg.asarray(x * 2), gg.tensor(x)):
        assert made.is_leaf
        assert not made.requires_grad


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, "float32"),
        ([1.5, 2], "float32"),
        ([[1.0], [2.0]], "float32"),
        ([], "float32"),
        (1, "int64"),
        ([1, 2], "int64"),
        (True, "bool"),
        ([True, False], "bool"),
        ([True, 2], "int64"),
        (np.float64(1.5), "float64"),
        (np.array([1.5]), "float64"),
        (np.array([1.5], np.float16), "float16"),
        (np.array([1], np.uint8), "uint8"),
        (range(3), "int64"),
        ((1.0, 2.0), "float32"),
    ],
)
def test_dtype_follows_the_data(data: Any, dtype: str) -> None:
    assert gg.tensor(data).dtype == dtype
    assert gg.asarray(data).dtype == dtype


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "bool", np.float64, np.dtype("int8")])
def test_a_given_dtype_wins(dtype: Any) -> None:
    assert gg.tensor([1.0, 0.0], dtype=dtype).dtype == dtype
    assert gg.tensor(np.array([1, 0]), dtype=dtype).dtype == dtype


@pytest.mark.usefixtures("default_dtype")
def test_the_default_dtype_is_for_python_floats_alone() -> None:
    assert gg.get_default_dtype() == np.float32
    gg.set_default_dtype("float64")
    assert gg.get_default_dtype() == np.float64
    assert gg.tensor([1.5]).dtype == np.float64
    assert gg.zeros(2).dtype == np.float64
    assert gg.tensor(np.ones(1, np.float32)).dtype == np.float32
    assert gg.tensor([1]).dtype == np.int64
    assert gg.add([1.0], [2.0]).dtype == np.float64


@pytest.mark.parametrize("dtype", ["int64", "bool", "complex128", "U3", "object"])
def test_the_default_dtype_is_a_floating_one(dtype: str) -> None:
    with pytest.raises(gg.DTypeError, match="is not a floating dtype"):
        gg.set_default_dtype(dtype)
    assert gg.get_default_dtype() == np.float32


NOT_NUMBERS = [
    "abc",
    "1.5",
    b"12",
    None,
    [1.0, None],
    ["1.5", "2.5"],
    [1, "2"],
    np.array(["1"]),
    np.array([1.0, None], dtype=object),
    [object()],
    {"a": 1},
    {1, 2},
    [[1.0], [2.0, 3.0]],
    [[1.0], 2.0],
    lambda: 1.0,
    np.array(["2020-01-01"], dtype="datetime64[D]"),
]


@pytest.mark.parametrize("dtype", [None, "float32", "int64"])
@pytest.mark.parametrize("data", NOT_NUMBERS, ids=lambda data: repr(data)[:20])
@pytest.mark.parametrize("make", [gg.tensor, gg.asarray])
def test_what_is_not_made_of_numbers_is_refused(make: Any, data: Any, dtype: str | None) -> None:
    with pytest.raises(gg.DTypeError) as caught:
        make(data, dtype=dtype)
    assert str(caught.value).startswith(make.__name__)
    assert "test_create.py" in str(caught.value)


@pytest.mark.parametrize("dtype", ["U5", "object", "no such dtype", "datetime64[s]"])
def test_a_dtype_that_holds_no_numbers_is_refused(dtype: str) -> None:
    with pytest.raises(gg.DTypeError):
        gg.tensor([1.0], dtype=dtype)


@pytest.mark.parametrize("make", [gg.tensor, gg.asarray])
def test_python_complex_numbers_get_the_precision_of_the_default(make: Any, request: pytest.FixtureRequest) -> None:
    request.addfinalizer(lambda: gg.set_default_dtype("float32"))
    assert make([1 + 2j]).dtype == np.complex64
    assert make(np.array([1 + 2j])).dtype == np.complex128
    assert make([1.0], dtype="complex64").tolist() == [1 + 0j]
    gg.set_default_dtype("float64")
    assert make(1j).dtype == np.complex128
    assert make([1j], dtype="complex64", requires_grad=True).requires_grad


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
@pytest.mark.parametrize("data", [[1j], 1 + 2j, np.array([1 + 2j])], ids=repr)
def test_complex_numbers_do_not_lose_their_imaginary_part(data: Any, dtype: str) -> None:
    with pytest.raises(gg.DTypeError, match="the numbers are complex"):
        gg.tensor(data, dtype=dtype)


def test_an_integer_that_does_not_fit_is_refused() -> None:
    with pytest.raises(gg.DTypeError, match="out of bounds for int8"):
        gg.tensor([300], dtype="int8")
    assert gg.tensor([2**70], dtype="float64").item() == float(2**70)


def test_scalars_are_no_elements_of_a_tensor() -> None:
    with pytest.raises(gg.DTypeError):
        gg.tensor([gg.scalar(1.0)])
    with pytest.raises(gg.DTypeError):
        gg.tensor([gg.scalar(1.0)], dtype="float32")


def test_nested_lists_of_tensors() -> None:
    a, b = gg.tensor([1.0, 2.0], requires_grad=True), gg.tensor([3.0, 4.0])
    t = gg.tensor([[a, b], [b * 2, (5.0, 6.0)]])
    assert t.tolist() == [[[1, 2], [3, 4]], [[6, 8], [5, 6]]]
    assert t.shape == (2, 2, 2)
    assert not t.requires_grad
    assert gg.tensor([gg.tensor(1.0), 2.0]).tolist() == [1.0, 2.0]
    with pytest.raises(gg.DTypeError):
        gg.tensor([a, gg.tensor([1.0])])


def test_subclasses_of_ndarray_become_plain_arrays() -> None:
    class Own(np.ndarray):
        pass

    t = gg.asarray(np.ones(2).view(Own))
    assert type(t.data) is np.ndarray


def test_views_and_odd_layouts_keep_their_values() -> None:
    base = np.arange(12.0).reshape(3, 4)
    for view in (base.T, base[::-2, 1:], np.broadcast_to(base[0], (2, 4)), np.asfortranarray(base)):
        assert np.array_equal(gg.tensor(view).data, view)
        assert np.array_equal(gg.asarray(view).data, view)


@pytest.mark.parametrize("requires_grad", [True, False])
def test_full_zeros_ones(requires_grad: bool) -> None:
    for made, value in ((gg.zeros((2, 3)), 0.0), (gg.ones((2, 3)), 1.0), (gg.full((2, 3), 7.0), 7.0)):
        assert made.tolist() == [[value] * 3] * 2
        assert made.dtype == np.float32
    t = gg.zeros(3, requires_grad=requires_grad, name="bias")
    assert (t.shape, t.requires_grad, t.name) == ((3,), requires_grad, "bias")
    assert gg.ones((), dtype="float64").dtype == np.float64
    assert gg.full((0, 2), 1).shape == (0, 2)


@pytest.mark.parametrize("shape", [-1, (2, -1), 2.5, "a", (2, "a"), (10**10, 10**10)])
def test_what_is_no_shape_is_refused(shape: Any) -> None:
    for make in (gg.zeros, gg.ones, lambda shape: gg.full(shape, 2.0)):
        with pytest.raises(gg.ShapeError, match=r"(zeros|ones|full): (.|\n)*shape: (.|\n)*test_create\.py"):
            make(shape)


@pytest.mark.parametrize("value", ["a", "1.5", None, 1j, [1.0, 2.0], object()])
def test_what_is_no_number_is_not_repeated(value: Any) -> None:
    with pytest.raises(gg.DTypeError, match="full: "):
        gg.full((2,), value)
    assert gg.full((2,), np.float64(3.0)).tolist() == [3.0, 3.0]


def test_what_is_no_dtype_is_refused() -> None:
    for make in (
        lambda: gg.full((2,), 1.0, dtype="nope"),
        lambda: gg.zeros(2, dtype="nope"),
        lambda: gg.ones_like([1.0], dtype="nope"),
        lambda: gg.set_default_dtype("nope"),
        lambda: gg.set_default_dtype(None),  # type: ignore[arg-type]
    ):
        with pytest.raises(gg.DTypeError, match="is no dtype"):
            make()
    assert gg.get_default_dtype() == np.float32


def test_lists_that_are_too_deep_are_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(gg.DTypeError, match="lists within lists, too deep"):
        gg.tensor(endless)


def test_like_follows_shape_and_dtype() -> None:
    x = gg.tensor(np.ones((2, 1), np.float16), requires_grad=True)
    for made in (gg.zeros_like(x), gg.ones_like(x)):
        assert made.shape == (2, 1)
        assert made.dtype == np.float16
        assert not made.requires_grad
        assert made.data.flags.writeable
    assert gg.zeros_like(x, dtype="int64").dtype == np.int64
    assert gg.zeros_like([1.0, 2.0]).dtype == np.float32  # as gg.tensor makes of it
    with pytest.raises(gg.DTypeError, match="ones_like: can't make an array"):
        gg.ones_like([[1.0], [1.0, 2.0]])


@given(st.recursive(st.floats(width=32) | st.integers(-100, 100), lambda inner: st.lists(inner, max_size=3)))
def test_any_nesting_is_made_or_refused(data: Any) -> None:
    try:
        expected = np.array(data)
    except ValueError:
        with pytest.raises(gg.DTypeError):
            gg.tensor(data)
        return
    assert np.array_equal(gg.tensor(data, dtype="float64").data, expected, equal_nan=True)
