"""Decompositions: what they decompose into, symmetric matrices, equal eigenvalues, nan, what isn't unique."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.ops.matrix.decompositions import cholesky, lu, qr
from graphgrad.ops.matrix.solving import inv
from graphgrad.ops.matrix.spectral import eigh, eigvalsh, svd, svdvals

RNG = np.random.default_rng(7)
SQUARE = RNG.normal(size=(2, 3, 3))
SYMMETRIC = SQUARE + SQUARE.swapaxes(-1, -2)
POSITIVE = SQUARE @ SQUARE.swapaxes(-1, -2) + np.eye(3)


def leaf(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True)


def gradient_of(function: Any, values: Any) -> Any:
    x = leaf(values)
    gg.sum(function(x)).backward()
    assert x.grad is not None
    return x.grad.data


# ---- what they are ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2), (0, 3), (3, 0)])
def test_the_factors_make_up_the_matrix(shape: tuple[int, ...]) -> None:
    x = RNG.normal(size=shape)
    p, lower, upper = (one.data for one in lu(x))
    np.testing.assert_allclose(p @ lower @ upper, x, atol=1e-13)
    np.testing.assert_array_equal(np.tril(lower), lower)
    np.testing.assert_array_equal(np.triu(upper), upper)
    assert (np.abs(lower) <= 1.0).all()
    for mode in ("reduced", "complete"):
        q, r = (one.data for one in qr(x, mode))
        np.testing.assert_allclose(q @ r, x, atol=1e-13)
        np.testing.assert_allclose(
            q.swapaxes(-1, -2) @ q, np.broadcast_to(np.eye(q.shape[-1]), q.shape[:-2] + 2 * q.shape[-1:]), atol=1e-13
        )
        np.testing.assert_array_equal(np.triu(r), r)
    for full in (False, True):
        u, s, vt = (one.data for one in svd(x, full))
        k = s.shape[-1]
        np.testing.assert_allclose(u[..., :k] * s[..., None, :] @ vt[..., :k, :], x, atol=1e-13)
        assert (s[..., :-1] >= s[..., 1:]).all()
        np.testing.assert_allclose(s, svdvals(x).data, atol=1e-13)


def test_symmetric_factors_make_up_the_matrix() -> None:
    lower, upper = cholesky(POSITIVE).data, cholesky(POSITIVE, upper=True).data
    np.testing.assert_allclose(lower @ lower.swapaxes(-1, -2), POSITIVE, rtol=1e-13)
    np.testing.assert_allclose(upper.swapaxes(-1, -2) @ upper, POSITIVE, rtol=1e-13)
    w, v = (one.data for one in eigh(SYMMETRIC))
    np.testing.assert_allclose((v * w[..., None, :]) @ v.swapaxes(-1, -2), SYMMETRIC, atol=1e-13)
    np.testing.assert_allclose(eigvalsh(SYMMETRIC).data, w, atol=1e-13)


# ---- one triangle is read --------------------------------------------------------------------------------------------

READERS = {
    "cholesky lower": (lambda x: cholesky(x), np.tril),
    "cholesky upper": (lambda x: cholesky(x, upper=True), np.triu),
    "eigh L": (lambda x: eigh(x)[0], np.tril),
    "eigh U": (lambda x: eigh(x, "U")[0], np.triu),
    "eigh u": (lambda x: eigh(x, "u")[0], np.triu),
    "eigvalsh L": (lambda x: eigvalsh(x), np.tril),
    "eigvalsh U": (lambda x: eigvalsh(x, UPLO="U"), np.triu),
}


@pytest.mark.parametrize("name", READERS)
def test_the_other_triangle_may_hold_anything_even_nan(name: str) -> None:
    function, part = READERS[name]
    whole: Any = POSITIVE[0]
    other = np.where(part(np.ones((3, 3))) == 1, whole, np.nan)
    np.testing.assert_array_equal(function(gg.tensor(other)).data, function(gg.tensor(whole)).data)
    np.testing.assert_array_equal(gradient_of(function, other), gradient_of(function, whole))


@pytest.mark.parametrize("name", READERS)
def test_the_gradient_is_that_of_a_function_of_symmetric_matrices(name: str) -> None:
    function, part = READERS[name]
    found = gradient_of(lambda x: function(x) * np.arange(1.0, 4.0), POSITIVE[0])
    np.testing.assert_allclose(found, found.T, rtol=1e-13, atol=1e-15)
    # What the triangle that is read receives in truth, shared evenly with the element across the diagonal.
    step, slopes = 1e-6, np.zeros((3, 3))
    for place in np.ndindex(3, 3):
        change = np.zeros((3, 3))
        change[place] = step
        ends = [np.sum(function(gg.tensor(POSITIVE[0] + sign * change)).data * np.arange(1.0, 4.0)) for sign in (1, -1)]
        slopes[place] = (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_array_equal(slopes, part(slopes))
    np.testing.assert_allclose(found, (slopes + slopes.T) / 2, rtol=1e-7, atol=1e-8)


def test_gradcheck_passes_where_the_function_makes_the_matrix_symmetric() -> None:
    x = leaf(POSITIVE[0] + np.triu(RNG.normal(size=(3, 3)) * 0.1))
    with pytest.raises(gg.GradcheckError):
        gg.gradcheck(cholesky, x)
    assert gg.gradcheck(lambda x: cholesky((x + x.mT) / 2), x)
    assert gg.gradcheck(lambda x: eigh((x + x.mT) / 2), x)


# ---- equal eigenvalues and singular values ---------------------------------------------------------------------------


def test_equal_eigenvalues_have_a_gradient_where_their_vectors_are_not_used() -> None:
    weights = np.array([1.0, 2.0])
    for function in (lambda x: eigh(x)[0] * weights, lambda x: eigvalsh(x) * weights):
        np.testing.assert_allclose(gradient_of(function, np.eye(2)), np.diag(weights))
    np.testing.assert_allclose(gradient_of(lambda x: svd(x)[1] * 3.0, np.eye(2)), 3.0 * np.eye(2))
    np.testing.assert_allclose(gradient_of(lambda x: svd(x)[1], np.zeros((3, 2))).shape, (3, 2))
    assert np.isfinite(gradient_of(lambda x: svd(x)[1], np.zeros((3, 2)))).all()


def test_a_gradient_through_vectors_that_are_not_unique_is_no_number() -> None:
    weights = np.array([[1.0, 2.0], [3.0, 5.0]])
    for function in (lambda x: eigh(x)[1], lambda x: svd(x)[0], lambda x: svd(x)[2]):
        assert not np.isfinite(gradient_of(lambda x, function=function: function(x) * weights, np.eye(2))).any()


@pytest.mark.parametrize(("dtype", "size"), [("float64", 1e-170), ("float64", 1e170), ("float32", 1e-25)])
@pytest.mark.parametrize("shape", [(3, 2), (2, 2), (2, 3)])
def test_the_gradient_of_singular_vectors_of_huge_and_tiny_matrices(shape: Any, dtype: str, size: float) -> None:
    """Their squares are no numbers; the vectors are those of the matrix of usual size, the slopes so much steeper."""
    values = np.random.default_rng(3).normal(size=shape)
    weights = np.arange(1.0, 1.0 + shape[0] * min(shape)).reshape(shape[0], -1)

    def slope(size: float) -> Any:
        x = gg.tensor((values * size).astype(dtype), requires_grad=True)
        u, _, vt = svd(x, full_matrices=False)
        gg.sum(u * weights.astype(dtype)).backward(retain_graph=True)
        gg.sum(vt[0]).backward()
        assert x.grad is not None
        return x.grad.data.astype("float64") * size

    np.testing.assert_allclose(slope(size), slope(1.0), rtol=1e-4 if dtype == "float32" else 1e-10)


def test_one_matrix_of_a_batch_may_have_equal_ones() -> None:
    both = np.stack([np.diag([1.0, 2.0]), np.eye(2)])
    weights = np.stack([[[1.0, 2.0], [3.0, 5.0]], np.zeros((2, 2))])
    found = gradient_of(lambda x: eigh(x)[1] * weights, both)
    np.testing.assert_allclose(found[0], gradient_of(lambda x: eigh(x)[1] * weights[0], both[0]))
    np.testing.assert_array_equal(found[1], np.zeros((2, 2)))


def test_what_does_not_depend_on_the_choice_of_vectors_is_right() -> None:
    """The square root of a matrix by its eigenvalues, against the equation that its derivative solves."""
    x = leaf(POSITIVE[0])
    w, v = eigh(x)
    root = (v * gg.sqrt(w)[None, :]) @ v.mT
    upstream = RNG.normal(size=(3, 3))
    gg.sum(root * upstream).backward()
    values = root.data
    kronecker = np.kron(values, np.eye(3)) + np.kron(np.eye(3), values)
    expected = np.linalg.solve(kronecker, ((upstream + upstream.T) / 2).ravel()).reshape(3, 3)
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, expected, rtol=1e-10)


# ---- columns of which only the space is unique -----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 2), (4, 1), (2, 3, 1)])
def test_the_space_of_additional_columns_has_the_right_gradient(shape: tuple[int, ...]) -> None:
    rows, columns = shape[-2:]
    values = RNG.normal(size=shape)
    weights = RNG.normal(size=(*shape[:-2], rows, rows))

    def outside(more: Any) -> Any:
        return gg.sum(more @ more.mT * weights)

    def projector(x: Any) -> Any:
        return gg.sum((np.eye(rows) - x @ inv(x.mT @ x) @ x.mT) * weights)

    x = leaf(values)
    expected = gg.grad(projector)(x).data
    for function in (
        lambda x: outside(qr(x, "complete")[0][..., columns:]),
        lambda x: outside(svd(x)[0][..., columns:]),
        lambda x: outside(svd(x.mT)[2][..., columns:, :].mT),
    ):
        assert function(x).item() == pytest.approx(projector(x).item())
        np.testing.assert_allclose(gg.grad(function)(x).data, expected, rtol=1e-9, atol=1e-11)
        hessians = [
            gg.grad(lambda x, one=one: gg.sum(gg.grad(one)(x) * values))(x).data for one in (function, projector)
        ]
        ours, theirs = hessians
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9)


# ---- no derivative, no numbers, no matrix ----------------------------------------------------------------------------


def test_singular_triangles_give_nan_not_an_error() -> None:
    dependent = np.array([[1.0, 0.0], [2.0, 0.0]])
    for create_graph in (False, True):
        for function in (lambda x: qr(x)[1], lambda x: lu(x)[2]):
            x = leaf(np.stack([np.eye(2) + dependent, dependent]))
            gg.sum(function(x)).backward(create_graph=create_graph)
            assert x.grad is not None
            assert np.isfinite(x.grad.data[0]).all()
            assert np.isnan(x.grad.data[1]).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: eigh(x),
        lambda x: (eigvalsh(x),),
        lambda x: svd(x),
        lambda x: (svdvals(x),),
        lambda x: (cholesky(x),),
        lambda x: lu(x),
        lambda x: qr(x),
    ],
)
def test_a_matrix_that_is_not_finite_gives_nan_and_leaves_the_others(function: Any, bad: float) -> None:
    values = POSITIVE.copy()
    values[1, 1, 0] = bad
    for one, alone in zip(function(gg.tensor(values)), function(gg.tensor(POSITIVE)), strict=True):
        np.testing.assert_array_equal(one.data[0], alone.data[0])
        assert np.isnan(one.data[1]).all()


def test_a_matrix_that_is_not_positive_definite_is_named() -> None:
    values = np.stack([np.eye(2), np.diag([1.0, -1.0]), np.diag([np.nan, 1.0])])
    with pytest.raises(gg.ArgumentError, match=r"cholesky: x\[1\] is not positive definite"):
        cholesky(values)
    with pytest.raises(gg.ArgumentError, match=r"cholesky: x\[0, 1\] is not positive definite"):
        cholesky(values[None, :2])
    unread = np.stack([np.eye(2), [[1.0, np.nan], [2.0, 1.0]]])  # a nan in the other triangle hides nothing
    with pytest.raises(gg.ArgumentError, match=r"cholesky: x\[1\] is not positive definite"):
        cholesky(unread)
    with pytest.raises(gg.ArgumentError, match="cholesky: x is not positive definite"):
        cholesky(-np.eye(2))


def test_float16_is_refused() -> None:
    for function in (cholesky, eigh, svd, lu, inv):
        with pytest.raises(gg.DTypeError, match=r"float16"):
            function(np.eye(2, dtype="float16"))
