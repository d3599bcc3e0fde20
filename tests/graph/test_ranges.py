"""Numbers in a row, the places in a triangle, and the other leaves that nothing but a size says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphgrad as gg

untyped: Any = gg  # for arguments that no signature allows


@pytest.mark.parametrize(
    "arguments", [(5,), (2, 10, 3), (5, 0, -2), (0,), (1.5,), (0.0, 1.0, 0.25), (3, 3), (0, 1, 0.3)]
)
def test_arange_as_numpy_does(arguments: Any) -> None:
    ours, theirs = gg.arange(*arguments), np.arange(*arguments)
    np.testing.assert_allclose(ours.data, theirs, rtol=1e-6)
    assert ours.dtype == (np.int64 if theirs.dtype.kind == "i" else np.float32)
    assert ours.shape == theirs.shape


@pytest.mark.parametrize("endpoint", [True, False])
@pytest.mark.parametrize(
    ("name", "arguments"), [("linspace", (-1.0, 2.0, 7)), ("logspace", (0, 3, 4)), ("geomspace", (1, 81, 5))]
)
def test_rows_from_one_number_to_another_as_numpy_has_them(name: str, arguments: Any, endpoint: bool) -> None:
    ours = getattr(gg, name)(*arguments, endpoint, dtype="float64")
    np.testing.assert_array_equal(ours.data, getattr(np, name)(*arguments, endpoint))
    assert getattr(gg, name)(*arguments).dtype == np.float32


def test_ranges_are_leaves_with_names_and_gradients() -> None:
    x = untyped.linspace(gg.tensor(0.0), 1.0, 3, requires_grad=True, name="x")
    assert (x.is_leaf, x.requires_grad, x.name, x.tolist()) == (True, True, "x", [0.0, 0.5, 1.0])
    assert gg.arange(3, dtype="float32").dtype == np.float32
    # A float isn't rounded to float32 on its way.
    assert gg.linspace(0.1, 0.1, 1, dtype="float64").item() == 0.1
    assert gg.logspace(0, 2, 3, base=2.0).tolist() == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("k", [-1, 0, 2])
@pytest.mark.parametrize("m", [None, 2, 5])
def test_places_in_triangles_as_numpy_has_them(k: int, m: int | None) -> None:
    for name in ("tril_indices", "triu_indices"):
        for ours, theirs in zip(getattr(gg, name)(3, k, m), getattr(np, name)(3, k, m), strict=True):
            assert ours.dtype == np.int64
            np.testing.assert_array_equal(ours.data, theirs)


def test_places_index_a_matrix() -> None:
    x = gg.tensor(np.arange(9.0).reshape(3, 3), requires_grad=True)
    below = x[gg.tril_indices(3, -1)]
    assert below.tolist() == [3.0, 6.0, 7.0]
    gg.sum(below).backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, np.tri(3, 3, -1))


def test_integers_are_rounded_down_as_numpy_does() -> None:
    assert gg.linspace(-2.5, 2.5, 3, dtype="int64").tolist() == np.linspace(-2.5, 2.5, 3, dtype="int64").tolist()


def test_ends_may_be_tiny() -> None:
    assert gg.geomspace(1e-200, 1e-190, 3, dtype="float64").tolist() == np.geomspace(1e-200, 1e-190, 3).tolist()
    assert gg.geomspace(-8.0, -1.0, 4).tolist() == [-8.0, -4.0, -2.0, -1.0]


def test_identities_and_triangles() -> None:
    np.testing.assert_array_equal(gg.eye(2, 3, 1).data, np.eye(2, 3, 1))
    np.testing.assert_array_equal(gg.tri(3, 2, -1, dtype="int64").data, np.tri(3, 2, -1))
    assert gg.eye(0).shape == (0, 0)
    assert gg.eye(2).dtype == np.float32


def test_leaves_like_others_and_empty_ones() -> None:
    like = gg.full_like(gg.tensor([1, 2]), 7)
    assert like.tolist() == [7, 7]
    assert like.dtype == np.int64
    assert gg.full_like(gg.zeros((2, 1)), 0.5, dtype="float64").dtype == np.float64
    assert gg.empty((2, 3), "float64", requires_grad=True).requires_grad
    assert gg.empty_like(gg.zeros(3)).shape == (3,)
    assert gg.empty_like([[1]], "float32").dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: untyped.arange(0, 3, 0), gg.ArgumentError, "step must not be 0"),
        (lambda: untyped.arange(0, np.inf), gg.ArgumentError, "arange: "),
        (lambda: untyped.arange("a"), gg.DTypeError, "arange: start|arange: stop"),
        (lambda: untyped.arange([1, 2]), gg.DTypeError, r"stop is one number, got an array of shape \(2,\)"),
        (lambda: untyped.linspace(0.0, 1.0, -1), gg.ArgumentError, "linspace: "),
        (lambda: untyped.linspace(0.0, 1.0, 2.5), gg.ArgumentError, "linspace: "),
        (lambda: untyped.linspace(0.0, None), gg.DTypeError, "linspace: stop"),
        (lambda: untyped.linspace(0.0, 1.0, dtype="word"), gg.DTypeError, "linspace: 'word' is no dtype"),
        (lambda: untyped.linspace(0.0, 1.0, 3, dtype="int64", requires_grad=True), gg.DTypeError, "int64"),
        (lambda: untyped.geomspace(0.0, 1.0), gg.ArgumentError, "must not be 0 and have one sign"),
        (lambda: untyped.geomspace(-1.0, 1.0), gg.ArgumentError, "one sign"),
        (lambda: untyped.linspace(0.0, 1j), gg.DTypeError, "stop is a real number, got 1j"),
        (lambda: untyped.tril_indices(2.5), gg.ArgumentError, "tril_indices: "),
        (lambda: untyped.triu_indices("a"), gg.ArgumentError, "triu_indices: "),
        (lambda: untyped.eye(-1), gg.ShapeError, "eye: "),
        (lambda: untyped.eye(2.5), gg.ShapeError, "eye: "),
        (lambda: untyped.tri(2, "a"), gg.ShapeError, "tri: "),
        (lambda: untyped.eye(2, k=0.5), gg.ArgumentError, "eye: k is an integer"),
        (lambda: untyped.empty((2, -1)), gg.ShapeError, "empty: "),
        (lambda: untyped.full_like([1.0], [1.0, 2.0]), gg.DTypeError, "full_like: one number is needed"),
    ],
)
def test_what_makes_no_row_is_refused(call: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        call()
