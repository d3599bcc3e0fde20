"""Functions on arrays that are composed of operations: split in equal parts, grids, blocks, choices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphgrad as gg

X = np.arange(24.0).reshape(2, 3, 4)


def same(ours: Any, theirs: Any) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.data, other)


# ---- in equal parts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values", "where"),
    [
        ("hsplit", X, 3),
        ("hsplit", X, (1, 2)),
        ("hsplit", np.arange(4.0), 2),
        ("vsplit", X, 2),
        ("vsplit", X[0], [1]),
        ("dsplit", X, 2),
        ("dsplit", X, (3, 3)),
    ],
)
def test_split_by_direction_as_numpy_does(name: str, values: Any, where: Any) -> None:
    x = gg.tensor(values, requires_grad=True)
    parts = getattr(gg, name)(x, where)
    same(parts, getattr(np, name)(values, where))
    gg.sum(parts[-1] * 2.0).backward()
    assert x.grad is not None
    assert x.grad.data.sum() == 2.0 * parts[-1].size


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: gg.hsplit(X, 2), "hsplit: 2 equal parts don't make up axis 1"),
        (lambda: gg.hsplit(X, 0), "at least 1 section, got 0"),
        (lambda: gg.hsplit(1.0, 1), "hsplit: x needs 1 axis"),
        (lambda: gg.vsplit([1.0, 2.0], 2), "vsplit: x needs 2 axes"),
        (lambda: gg.dsplit(X[0], 2), "dsplit: x needs 3 axes"),
    ],
)
def test_what_is_not_in_equal_parts_is_refused(call: Any, says: str) -> None:
    with pytest.raises(gg.ShapeError, match=says):
        call()


def test_other_names_are_the_same_operation() -> None:
    for name, other in (
        ("concatenate", "concat"),
        ("tensor_split", "array_split"),
        ("transpose", "permute_dims"),
        ("unsqueeze", "expand_dims"),
        ("unstack", "unbind"),
    ):
        assert getattr(gg, name) is getattr(gg, other)


# ---- grids -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("lengths", [(3, 2), (2, 3, 4), (3,), ()])
def test_meshgrid_as_numpy_does(indexing: str, lengths: tuple[int, ...]) -> None:
    vectors = [np.arange(float(n)) for n in lengths]
    same(gg.meshgrid(*vectors, indexing=indexing), np.meshgrid(*vectors, indexing=indexing))  # type: ignore[call-overload]


def test_a_coordinate_receives_the_gradients_of_its_line() -> None:
    x, y = gg.tensor([1.0, 2.0, 3.0], requires_grad=True), gg.tensor(5.0, requires_grad=True)
    a, b = gg.meshgrid(x, [[1.0, 2.0]][0])
    gg.sum(a * b * y).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [15.0] * 3
    assert gg.meshgrid(x, y)[1].tolist() == [[5.0, 5.0, 5.0]]


def test_meshgrid_refuses_matrices_and_other_indexing() -> None:
    with pytest.raises(gg.ShapeError, match=r"meshgrid: vectors are needed, number 1 has shape \(2, 3, 4\)"):
        gg.meshgrid([1.0], X)
    with pytest.raises(gg.ArgumentError, match="indexing is 'xy' or 'ij', got 'yx'"):
        gg.meshgrid([1.0], indexing="yx")


def test_broadcast_arrays_as_numpy_does() -> None:
    x, y = gg.tensor([[1.0], [2.0]], requires_grad=True), gg.tensor([1.0, 2.0, 3.0])
    a, b = gg.broadcast_arrays(x, y)
    same((a, b), np.broadcast_arrays(x.data, y.data))
    gg.sum(a).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[3.0], [3.0]]
    with pytest.raises(gg.ShapeError, match="broadcast_arrays: shapes"):
        gg.broadcast_arrays([1.0, 2.0], [1.0, 2.0, 3.0])


def test_blocks_stand_along_the_diagonal() -> None:
    a, b = gg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True), gg.tensor(5.0, requires_grad=True)
    whole = gg.block_diag(a, b, [6.0, 7.0])
    assert whole.tolist() == [[1, 2, 0, 0, 0], [3, 4, 0, 0, 0], [0, 0, 5, 0, 0], [0, 0, 0, 6, 7]]
    gg.sum(whole * np.arange(20.0).reshape(4, 5)).backward()
    assert a.grad is not None
    assert b.grad is not None
    assert a.grad.tolist() == [[0.0, 1.0], [5.0, 6.0]]
    assert b.grad.item() == 12.0
    with pytest.raises(gg.ShapeError, match="at least one matrix"):
        gg.block_diag()
    with pytest.raises(gg.ShapeError, match=r"matrices are joined, number 0 has shape \(2, 3, 4\)"):
        gg.block_diag(X)


# ---- choices ---------------------------------------------------------------------------------------------------------


def test_choose_takes_from_the_choice_of_each_place() -> None:
    a = gg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    b = gg.tensor(10.0, requires_grad=True)
    which = np.array([[0, 1, 0], [1, 1, 0]])
    chosen = gg.choose(which, [a, b])
    np.testing.assert_array_equal(chosen.data, np.choose(which, [a.data, np.float32(10.0)]))
    gg.sum(chosen).backward()
    assert a.grad is not None
    assert b.grad is not None
    assert a.grad.tolist() == [1.0, 0.0, 2.0]
    assert b.grad.item() == 3.0


def test_select_takes_the_first_choice_that_holds() -> None:
    x = gg.tensor([-2.0, 0.5, 3.0], requires_grad=True)
    chosen = gg.select([x < 0.0, x < 1.0], [x * 10.0, x * 100.0], default=7.0)
    assert chosen.tolist() == [-20.0, 50.0, 7.0]
    gg.sum(chosen).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [10.0, 100.0, 0.0]


def test_a_choice_of_integers_stays_one() -> None:
    assert gg.select([[True, False]], [gg.tensor([5, 6])]).tolist() == [5, 0]
    assert gg.select([[True, False]], [gg.tensor([5, 6])]).dtype == np.int64
    assert gg.select([[True, False]], [gg.tensor([5.0, 6.0])]).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: gg.choose([0], []), gg.ShapeError, "nothing to choose from"),
        (lambda: gg.choose([0, 0], [[1.0, 2.0, 3.0]]), gg.ShapeError, "choose: shapes"),
        (lambda: gg.choose([2], [1.0, 2.0]), gg.ArgumentError, "got 2"),
        (lambda: gg.choose([-1], [1.0, 2.0]), gg.ArgumentError, "choices are numbered from 0, got -1"),
        (lambda: gg.select([], []), gg.ShapeError, "a choice is needed for each condition"),
        (lambda: gg.select([[True]], [1.0, 2.0]), gg.ShapeError, "got 1 and 2"),
        (lambda: gg.select([[True, False]], [[1.0, 2.0, 3.0]]), gg.ShapeError, "don't broadcast"),
    ],
)
def test_a_choice_that_cannot_be_made_is_refused(call: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        call()


# ---- padding ---------------------------------------------------------------------------------------------------------


def test_padding_of_integers_is_exact() -> None:
    large = 2**60 + 1  # no float
    assert gg.pad(gg.tensor([3]), (1, 0), constant_values=large).tolist() == [large, 3]
