"""Equations, inverses, determinants, least squares, norms and powers at the edges of what they are for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.autodiff.sources import shapes_of
from graphgrad.ops import TABLE
from graphgrad.ops.functional.distances import cdist, pdist
from graphgrad.ops.matrix.determinants import det, logdet, slogdet
from graphgrad.ops.matrix.least_squares import lstsq, matrix_rank, pinv
from graphgrad.ops.matrix.matrix_functions import expm, matrix_exp, matrix_power, multi_dot
from graphgrad.ops.matrix.norms import cond, matrix_norm, norm
from graphgrad.ops.matrix.solving import inv, solve, tensorinv, tensorsolve
from graphgrad.ops.matrix.structured import toeplitz, trace
from graphgrad.ops.matrix.triangular import solve_triangular
from tests.ops.test_shapes import agree, shapes

RNG = np.random.default_rng(11)


def leaf(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True)


def gradient_of(function: Any, values: Any) -> Any:
    x = leaf(values)
    with np.errstate(all="ignore"):
        gg.sum(function(x)).backward()
    assert x.grad is not None
    return x.grad.data


def cofactors(x: Any) -> Any:
    """By the definition: the determinants of what is left without a row and a column."""
    found = np.zeros(x.shape)
    for i, k in np.ndindex(x.shape):
        minor = np.delete(np.delete(x, i, 0), k, 1)
        found[i, k] = (-1) ** (i + k) * (np.linalg.det(minor) if minor.size else 1.0)
    return found


# ---- determinants ----------------------------------------------------------------------------------------------------

SINGULAR = [
    [[0.0]],
    [[1.0, 2.0], [2.0, 4.0]],
    [[0.0, 0.0], [0.0, 0.0]],
    [[2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 0.0]],
    [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]],
    [[0.0, 2.0, 1.0], [0.0, 3.0, 1.0], [0.0, 5.0, 1.0]],
]


@pytest.mark.parametrize("values", SINGULAR)
def test_the_determinant_of_a_singular_matrix_has_its_cofactors_for_gradient(values: Any) -> None:
    x = np.array(values)
    assert np.linalg.det(x) == 0
    np.testing.assert_allclose(gradient_of(det, x), cofactors(x), atol=1e-14)
    assert gg.gradcheck(det, leaf(x))
    n = len(x)
    both = np.stack([x, np.eye(n) + x])
    np.testing.assert_allclose(gradient_of(det, both), np.stack([*map(cofactors, both)]), atol=1e-13)


def test_a_matrix_that_is_nearly_singular_has_them_too() -> None:
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])  # singular but for rounding
    np.testing.assert_allclose(gradient_of(det, x), cofactors(x), rtol=1e-11)


def test_a_nan_reaches_the_gradient_of_its_matrix_only() -> None:
    x = np.stack([np.eye(2), [[1.0, np.nan], [0.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]]])
    for function in (det, lambda x: slogdet(x)[1]):
        found = gradient_of(function, x)
        np.testing.assert_array_equal(found[0], np.eye(2))
        assert np.isnan(found[1]).all()
    np.testing.assert_array_equal(gradient_of(det, x)[2], [[1.0, 0.0], [0.0, 0.0]])


def test_the_gradient_of_a_determinant_that_overflows_need_not() -> None:
    for size in (1e-200, 1e200):
        np.testing.assert_allclose(gradient_of(det, np.diag([size, size])), np.diag([size, size]), rtol=1e-12)
    both = np.stack([np.diag([1e200, 1e200]), np.diag([2.0, 3.0])])
    np.testing.assert_allclose(gradient_of(det, both)[1], np.diag([3.0, 2.0]), rtol=1e-14)


def test_a_singular_matrix_leaves_the_higher_derivatives_of_the_others() -> None:
    """Those of the identity, whose singular values are all equal, to the third order."""
    alone = leaf(np.eye(3))
    both = leaf(np.stack([np.eye(3), np.diag([1.0, 2.0, 0.0])]))
    weights = RNG.normal(size=(3, 3))

    def third(x: gg.Tensor) -> Any:
        first = gg.grad(lambda x: gg.sum(det(x)))
        second = gg.grad(lambda x: gg.sum(first(x) * weights))
        return gg.grad(lambda x: gg.sum(second(x) * weights))(x).data

    np.testing.assert_allclose(third(both)[0], third(alone), rtol=1e-10, atol=1e-12)


def test_logarithms_of_determinants_do_not_overflow() -> None:
    x = np.diag(np.full(400, 1e-3))
    assert det(x).item() == 0.0
    assert slogdet(x)[1].item() == pytest.approx(400 * math.log(1e-3))
    np.testing.assert_allclose(np.diag(gradient_of(logdet, x)), np.full(400, 1e3))


def test_logarithms_of_determinants_that_are_not_positive() -> None:
    sign, logarithm = slogdet(np.array([[1.0, 2.0], [2.0, 4.0]]))
    assert (sign.item(), logarithm.item()) == (0.0, -math.inf)
    assert logdet(np.array([[1.0, 2.0], [2.0, 4.0]])).item() == -math.inf
    assert math.isnan(logdet(np.array([[0.0, 1.0], [1.0, 0.0]])).item())
    assert np.isinf(gradient_of(logdet, [[1.0, 2.0], [2.0, 4.0]])).all()
    assert gradient_of(lambda x: slogdet(x)[0], np.eye(2)).tolist() == [[0.0, 0.0], [0.0, 0.0]]


# ---- equations -------------------------------------------------------------------------------------------------------


@given(a=shapes, b=shapes, rows=st.integers(0, 3), columns=st.integers(0, 2), alike=st.booleans())
@pytest.mark.parametrize("name", ["solve", "solve_triangular", "lstsq"])
def test_shapes_of_equations(name: str, a: Any, b: Any, rows: int, columns: int, alike: bool) -> None:
    if alike:  # random shapes seldom fit
        a, b = (*a, rows, rows), (*b, rows, columns)
    of_a = np.broadcast_to(np.eye(*a[-2:]), a) if len(a) > 1 else np.ones(a)
    agree(name, [of_a, np.ones(b)])
    if alike:
        agree(name, [of_a, np.ones(rows)])


def test_solutions_solve() -> None:
    a, b = RNG.normal(size=(2, 3, 3)), RNG.normal(size=(4, 1, 3, 2))
    np.testing.assert_allclose(a @ solve(a, b).data, np.broadcast_to(b, (4, 2, 3, 2)), atol=1e-13)
    np.testing.assert_allclose(a @ inv(a).data, np.broadcast_to(np.eye(3), (2, 3, 3)), atol=1e-13)
    for lower in (False, True):
        part = np.tril(a) if lower else np.triu(a)
        np.testing.assert_allclose(
            part @ solve_triangular(a, b, lower=lower).data, np.broadcast_to(b, (4, 2, 3, 2)), atol=1e-12
        )
        transposed = solve_triangular(a, b, "T", lower).data
        np.testing.assert_allclose(part.swapaxes(1, 2) @ transposed, np.broadcast_to(b, (4, 2, 3, 2)), atol=1e-12)


def test_what_a_triangular_solution_does_not_read_may_be_anything() -> None:
    a = np.array([[np.nan, 3.0], [np.nan, np.nan]])
    assert solve_triangular(a, np.array([7.0, 2.0]), unit_diagonal=True).tolist() == [1.0, 2.0]
    assert gradient_of(lambda a: solve_triangular(a, np.array([7.0, 2.0]), unit_diagonal=True), a).tolist() == [
        [0.0, -2.0],
        [0.0, 0.0],
    ]
    solve_triangular(np.zeros((2, 2)), np.zeros(2), unit_diagonal=True)  # is not singular


def test_singular_matrices_are_named() -> None:
    several = np.broadcast_to(np.eye(2), (2, 2, 2, 2)).copy()
    several[1, 0] = 0.0
    for function, says in ((inv, "inv: x"), (lambda a: solve(a, np.ones(2)), "solve: a")):
        with pytest.raises(gg.ArgumentError, match=rf"{says}\[1, 0\] is singular: its rows are linearly dependent"):
            function(several)
        with pytest.raises(gg.ArgumentError, match=rf"{says} is singular"):
            function(np.zeros((2, 2)))
    with pytest.raises(gg.ArgumentError, match=r"matrix_power: x\[1, 0\] is singular, and n is negative"):
        matrix_power(several, -2)
    with pytest.raises(gg.ShapeError, match="tensorsolve: a must begin with the axes of b"):
        tensorsolve(leaf(np.eye(2)), 3.0)


def test_a_matrix_with_a_tiny_determinant_is_not_singular() -> None:
    tiny = np.diag([1e-200, 1e-200])
    assert np.linalg.det(tiny) == 0.0
    for function in (inv, lambda a: solve(a, np.ones(2))):
        with pytest.raises(gg.ArgumentError, match=r"\[1\] is singular"):
            function(np.stack([tiny, np.zeros((2, 2))]))
    assert [cond(tiny, order).item() for order in (1, "fro", "nuc")] == pytest.approx([1.0, 2.0, 4.0])
    assert cond(np.stack([tiny, np.zeros((2, 2))]), 1).tolist() == [1.0, math.inf]


def test_numpys_error_does_not_leak() -> None:
    for function in (
        inv,
        det,
        lambda x: matrix_power(x, -1),
        lambda x: tensorinv(x, 1),
        lambda x: tensorsolve(x, x[0]),
    ):
        with pytest.raises(gg.GraphgradError) as caught:
            function(np.zeros((2, 3)) if function is det else np.zeros((2, 2)))
        assert not isinstance(caught.value, np.linalg.LinAlgError)
        assert caught.value.__cause__ is None


# ---- least squares ---------------------------------------------------------------------------------------------------


def test_the_pseudo_inverse_has_the_four_properties() -> None:
    for x in (
        RNG.normal(size=(4, 2)),
        RNG.normal(size=(2, 2, 4)),
        np.outer([1.0, 2.0, 3.0], [4.0, 5.0]),
        np.zeros((2, 3)),
    ):
        p = pinv(x).data
        for one, same in ((x @ p @ x, x), (p @ x @ p, p)):
            np.testing.assert_allclose(one, same, atol=1e-12)
        for product in (x @ p, p @ x):
            np.testing.assert_allclose(product, product.swapaxes(-1, -2), atol=1e-12)


def test_the_gradient_of_a_pseudo_inverse_along_its_rank() -> None:
    """A matrix of rank 1 that stays one, as a function of what it is made of."""
    u, v = leaf([1.0, 2.0, 3.0]), leaf([4.0, 5.0])
    assert gg.gradcheck(lambda u, v: pinv(u[:, None] * v), [u, v])
    assert gg.gradcheck(lambda u, v: lstsq(u[:, None] * v, np.array([1.0, 0.0, 2.0]))[0], [u, v])


def test_least_squares_as_numpy_has_them() -> None:
    a, b = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))
    ours: Any = lstsq(a, b)
    theirs: Any = np.linalg.lstsq(a, b)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.data, other, rtol=1e-12)
    x, residuals, rank, _ = lstsq(a, b[:, 0])
    assert residuals.shape == np.linalg.lstsq(a, b[:, 0])[1].shape
    assert (rank.item(), rank.dtype, rank.requires_grad) == (3, np.int64, False)
    dependent = np.outer([1.0, 2.0, 3.0], [1.0, 1.0])
    x, residuals, rank, _ = lstsq(dependent, np.array([1.0, 2.0, 4.0]))
    np.testing.assert_allclose(x.data, np.linalg.lstsq(dependent, np.array([1.0, 2.0, 4.0]))[0], rtol=1e-12)
    assert rank.item() == 1
    assert residuals.tolist() == [pytest.approx(sum((dependent @ x.data - [1.0, 2.0, 4.0]) ** 2))]


def test_a_matrix_that_is_not_finite_gives_nan() -> None:
    x = np.stack([np.eye(2), [[np.nan, 0.0], [0.0, 1.0]]])
    for one in (pinv(x), lstsq(x, np.ones(2))[0], matrix_norm(x, ord=2), matrix_norm(x, ord="nuc"), cond(x)):
        assert np.isfinite(one.data[0]).all()
        assert np.isnan(one.data[1]).all()
    with pytest.raises(gg.ArgumentError, match=r"matrix_rank: x\[1\] holds nan or infinities"):
        matrix_rank(x)


def test_ranks() -> None:
    assert matrix_rank(np.stack([np.eye(2), np.ones((2, 2)), np.zeros((2, 2))])).tolist() == [2, 1, 0]
    assert matrix_rank(np.diag([1.0, 1e-9]).astype("float32")).item() == 1
    assert not matrix_rank(leaf(np.eye(2))).requires_grad


# ---- norms -----------------------------------------------------------------------------------------------------------


@given(shape=shapes, axis=st.none() | st.integers(-3, 2) | st.tuples(st.integers(-3, 2), st.integers(-3, 2)))
@pytest.mark.parametrize("order", [None, 1, 3, -math.inf, "fro", "nuc"])
def test_shapes_of_norms(shape: Any, axis: Any, order: Any) -> None:
    for keepdims in (False, True):
        agree("norm", [np.ones(shape)], ord=order, axis=axis, keepdims=keepdims)


@given(shape=shapes)
def test_shapes_of_what_takes_matrices(shape: Any) -> None:
    regular = np.broadcast_to(np.eye(*shape[-2:]), shape) if len(shape) > 1 else np.ones(shape)
    for name in (
        "inv",
        "det",
        "slogdet",
        "logdet",
        "cholesky",
        "eigh",
        "eigvalsh",
        "matrix_exp",
        "qr",
        "svd",
        "svdvals",
    ):
        agree(name, [regular])
    for name in ("lu", "pinv", "matrix_rank", "trace", "cond"):
        agree(name, [regular])
    agree("cond", [regular], p=1)
    agree("matrix_power", [regular], n=2)
    agree("matrix_norm", [regular], keepdims=True, ord=math.inf)
    agree("pdist", [regular])


def test_norms_are_numpys() -> None:
    x = RNG.normal(size=(2, 3, 4))
    orders: list[Any] = ["fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf, np.inf, np.int64(2)]
    for order in orders:
        np.testing.assert_allclose(norm(x, order, axis=(2, 0)).data, np.linalg.norm(x, order, axis=(2, 0)), rtol=1e-13)
    assert norm(np.array([3.0, 4.0])).item() == 5.0
    assert norm(np.full((2, 2), 1e200)).item() == 2e200  # without overflow


def test_condition_numbers_of_singular_matrices_are_infinite() -> None:
    x = np.stack([np.diag([1.0, 4.0]), np.diag([1.0, 0.0]), np.zeros((2, 2))])
    for order in (None, 2, "fro", "nuc", 1, math.inf):
        found = cond(x, order).data
        assert np.isfinite(found[0])
        assert np.isinf(found[1:]).all()
    assert cond(x[:2], -2).tolist() == [0.25, 0.0]


# ---- powers, exponentials, chains ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(-3, 9))
def test_powers_are_products(n: int) -> None:
    x = RNG.normal(size=(2, 2, 2))
    np.testing.assert_allclose(matrix_power(x, n).data, np.linalg.matrix_power(x, n), rtol=1e-11)
    assert gg.gradcheck(lambda x: matrix_power(x, n), leaf(x))


def test_a_power_of_0_is_the_identity_whatever_it_is_of() -> None:
    x = leaf(np.full((2, 2), np.nan))
    y = matrix_power(x, 0)
    assert y.tolist() == np.eye(2).tolist()
    gg.sum(y).backward()
    assert x.grad is not None
    assert x.grad.tolist() == np.zeros((2, 2)).tolist()


def test_the_exponential_by_its_series() -> None:
    x = RNG.normal(size=(3, 3))
    term, total = np.eye(3), np.eye(3)
    for n in range(1, 40):
        term = term @ x / n
        total = total + term
    np.testing.assert_allclose(matrix_exp(x).data, total, rtol=1e-12)
    assert expm is matrix_exp
    turn = leaf([[0.0, -0.5], [0.5, 0.0]])
    np.testing.assert_allclose(matrix_exp(turn).data, [[math.cos(0.5), -math.sin(0.5)], [math.sin(0.5), math.cos(0.5)]])


def test_a_chain_is_multiplied_in_the_cheapest_order() -> None:
    matrices = [RNG.normal(size=shape) for shape in ((2, 30), (30, 2), (2, 30), (30, 1))]
    with gg.record() as recording:
        result = multi_dot(matrices)
    (node,) = recording.nodes
    np.testing.assert_allclose(result.data, np.linalg.multi_dot(matrices), rtol=1e-12)
    with gg.record() as recording:
        assert node.op.expand is not None
        node.op.expand([gg.tensor(one) for one in matrices])
    costs = [one.op.cost(*shapes_of(one.operands)) for one in recording.nodes]
    # a (b (c d)): 2·30·1 + 30·2·1 + 2·30·1 multiplications; ((a b) c) d takes 300, (a b) (c d) takes 184.
    assert sum(costs) == TABLE["multi_dot"].cost([one.shape for one in matrices]) == 2 * (60 + 60 + 60)


def test_long_chains_need_no_recursion() -> None:
    assert multi_dot([np.eye(1)] * 120).tolist() == [[1.0]]


# ---- structured matrices and distances -------------------------------------------------------------------------------


@given(c=shapes, r=st.none() | shapes)
def test_shapes_of_toeplitz_matrices(c: Any, r: Any) -> None:
    if r is None:
        if c:
            assert toeplitz(np.ones(c)).shape == (*c, *c[-1:])
        else:
            with pytest.raises(gg.ShapeError, match="c must be a vector"):
                toeplitz(np.ones(c))
    else:
        agree("toeplitz", [np.ones(c), np.ones(r)])


def test_the_first_element_of_the_row_is_not_read() -> None:
    c, r = leaf([1.0, 2.0]), leaf([np.nan, 5.0, 6.0])
    y = toeplitz(c, r)
    assert y.tolist() == [[1.0, 5.0, 6.0], [2.0, 1.0, 5.0]]
    gg.sum(y).backward()
    assert c.grad is not None
    assert r.grad is not None
    assert c.grad.tolist() == [2.0, 1.0]
    assert r.grad.tolist() == [0.0, 2.0, 1.0]


def test_traces_of_batches() -> None:
    x = RNG.normal(size=(2, 3, 3))
    np.testing.assert_allclose(trace(x, axis1=-2, axis2=-1).data, np.trace(x, axis1=-2, axis2=-1))


@given(x1=shapes, x2=shapes, length=st.integers(0, 3))
def test_shapes_of_distances(x1: Any, x2: Any, length: int) -> None:
    agree("cdist", [np.ones(x1), np.ones(x2)])
    agree("cdist", [np.ones((*x1, length)), np.ones((*x2, length))], p=math.inf)


def test_distances_of_equal_vectors_have_no_slope() -> None:
    x = [[1.0, 2.0], [1.0, 2.0], [4.0, 6.0]]
    assert pdist(np.array(x)).tolist() == [0.0, 5.0, 5.0]
    assert gradient_of(lambda x: pdist(x)[:1], x).tolist() == np.zeros((3, 2)).tolist()
    assert np.isfinite(gradient_of(lambda x: cdist(x, x), x)).all()
