"""Jacobians and Hessians: forms, ways to get them, orders, sizes, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff import jacobians

WAYS = [gg.jacobian, gg.jacfwd, gg.jacrev]
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


def f64(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64")


def leaf(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True)


def polar(v: Any) -> Any:
    return gg.stack([v[0] * gg.cos(v[1]), v[0] * gg.sin(v[1])])


def differences(f: Callable[..., Any], *args: Any, argnum: int = 0, h: float = 1e-6) -> np.ndarray:
    """The Jacobian by central differences."""
    x = args[argnum].data
    columns = []
    for index in np.ndindex(x.shape):
        sides = []
        for sign in (1.0, -1.0):
            moved = x.copy()
            moved[index] += sign * h
            sides.append(f(*args[:argnum], f64(moved), *args[argnum + 1 :]).data)
        columns.append((sides[0] - sides[1]) / (2 * h))
    return np.stack(columns, axis=-1).reshape((*columns[0].shape, *x.shape))


# ---- forms


@each_way
def test_a_closed_form(way: Any) -> None:
    r, a = 2.0, 0.5
    expected = [[math.cos(a), -r * math.sin(a)], [math.sin(a), r * math.cos(a)]]
    np.testing.assert_allclose(way(polar)(f64([r, a])).data, expected, rtol=1e-14)


@each_way
@pytest.mark.parametrize(
    ("rows", "columns"), [((), ()), ((3,), ()), ((), (3,)), ((2, 3), (4,)), ((3,), (2, 2)), ((1,), (1,))]
)
def test_the_axes_of_the_result_come_first(way: Any, rows: tuple[int, ...], columns: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(math.prod(rows), math.prod(columns)))

    def f(x: Any) -> Any:
        return gg.reshape(gg.tanh(f64(a) @ gg.reshape(x, (-1,))), rows)

    x = f64(rng.normal(size=columns))
    found = way(f)(x)
    assert found.shape == (*rows, *columns)
    np.testing.assert_allclose(found.data, differences(f, x), rtol=1e-6, atol=1e-8)
    assert not found.requires_grad


@each_way
def test_several_arguments_and_results(way: Any) -> None:
    f = lambda x, y: (x * gg.sum(y), gg.sum(x))
    x, y = f64([1.0, 2.0]), f64([3.0, 4.0, 5.0])
    (xx, xy), (sx, sy) = way(f, argnums=(0, 1))(x, y)
    assert xx.tolist() == [[12.0, 0.0], [0.0, 12.0]]
    assert xy.tolist() == [[1.0] * 3, [2.0] * 3]
    assert sx.tolist() == [1.0, 1.0]
    assert sy.tolist() == [0.0] * 3
    assert way(f, argnums=-1)(x, y)[0].tolist() == xy.tolist()
    one = way(lambda x: x * x, argnums=(0,))(x)
    assert type(one) is tuple
    assert one[0].tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert type(way(lambda x: [x])(x)) is list


@each_way
def test_has_aux_and_keywords(way: Any) -> None:
    found, aux = way(lambda x, k=1.0: (x * k, "aux"), has_aux=True)(f64([1.0, 2.0]), k=3.0)
    assert found.tolist() == [[3.0, 0.0], [0.0, 3.0]]
    assert aux == "aux"


@each_way
def test_what_does_not_depend_is_zero(way: Any) -> None:
    assert way(lambda x: f64([1.0, 2.0]))(f64([1.0])).tolist() == [[0.0], [0.0]]
    assert way(lambda x: x.detach() * 2)(f64([1.0])).tolist() == [[0.0]]
    assert way(lambda x: leaf([1.0, 2.0]) * 2)(f64([1.0])).tolist() == [[0.0], [0.0]]


@each_way
def test_nothing_in_or_out(way: Any) -> None:
    assert way(lambda x: x[:0])(f64([1.0, 2.0])).shape == (0, 2)
    assert way(lambda x: gg.sum(x) * f64([1.0, 2.0]))(f64(np.zeros((0, 3)))).shape == (2, 0, 3)


@each_way
def test_the_dtype_stays(way: Any) -> None:
    assert way(lambda x: x * 2)([1.0, 2.0]).dtype == np.float32


def test_a_wrong_mode() -> None:
    wrong: Any = "backward"
    with pytest.raises(ValueError, match="mode is 'forward', 'reverse' or None, got 'backward'"):
        gg.jacobian(lambda x: x, mode=wrong)


def test_the_cheaper_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []

    def noting(name: str) -> Any:
        real = getattr(jacobians, name)

        def taking(*args: Any) -> Any:
            taken.append(name)
            return real(*args)

        return taking

    for name in ("_by_rows", "_by_columns"):
        monkeypatch.setattr(jacobians, name, noting(name))
    wide, tall = f64(np.ones((3, 2))), f64(np.ones((2, 3)))
    gg.jacobian(lambda x: wide @ x)(f64([1.0, 2.0]))
    gg.jacobian(lambda x: tall @ x)(f64([1.0, 2.0, 3.0]))
    gg.jacobian(lambda x: wide @ x, mode="reverse")(f64([1.0, 2.0]))
    gg.jacobian(lambda x: tall @ x, mode="forward")(f64([1.0, 2.0, 3.0]))
    assert taken == ["_by_columns", "_by_rows", "_by_rows", "_by_columns"]


@each_way
def test_the_function_runs_once(way: Any) -> None:
    runs = []

    def f(x: Any) -> Any:
        runs.append(1)
        return x * x

    way(f)(f64(np.arange(20.0)))
    assert len(runs) == 1


@each_way
def test_large_ones_are_cut_into_pieces(way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    x = f64(np.linspace(-1, 1, 7))
    whole = way(lambda v: gg.softmax(v * v))(x)
    monkeypatch.setattr(jacobians, "_MOST_ELEMENTS", 15)  # two vectors at a time, and one is left
    np.testing.assert_array_equal(way(lambda v: gg.softmax(v * v))(x).data, whole.data)
    monkeypatch.setattr(jacobians, "_MOST_ELEMENTS", 1)
    np.testing.assert_allclose(way(lambda v: gg.softmax(v * v))(x).data, whole.data, rtol=1e-14)


# ---- orders


def test_a_hessian_in_closed_form() -> None:
    f = lambda v: v[0] ** 2 * v[1] + gg.exp(v[1])
    np.testing.assert_allclose(gg.hessian(f)(f64([2.0, 3.0])).data, [[6.0, 4.0], [4.0, math.exp(3.0)]])


def test_hessians_of_several_arguments() -> None:
    f = lambda x, y: gg.sum(x * x) * y
    (xx, xy), (yx, yy) = gg.hessian(f, argnums=(0, 1))(f64([1.0, 2.0]), f64(3.0))
    assert xx.tolist() == [[6.0, 0.0], [0.0, 6.0]]
    assert xy.tolist() == yx.tolist() == [2.0, 4.0]
    assert yy.item() == 0.0
    assert gg.hessian(f, argnums=1)(f64([1.0, 2.0]), f64(3.0)).item() == 0.0
    h, aux = gg.hessian(lambda x: (gg.sum(x**3), "aux"), has_aux=True)(f64([1.0, 2.0]))
    assert (h.tolist(), aux) == ([[6.0, 0.0], [0.0, 12.0]], "aux")


@pytest.mark.parametrize("inner", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("outer", WAYS, ids=lambda way: way.__name__)
def test_all_ways_to_second_derivatives_agree(outer: Any, inner: Any) -> None:
    f = lambda x: gg.softmax(gg.tanh(x * x[::-1]))
    x = f64([0.3, -1.2, 0.8])
    found = outer(inner(f))(x)
    assert found.shape == (3, 3, 3)
    np.testing.assert_allclose(found.data, differences(inner(f), x), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(found.data, found.data.transpose(0, 2, 1), rtol=1e-11, atol=1e-13)


def test_third_order() -> None:
    f = lambda x: gg.sum(x) ** 3
    assert gg.jacfwd(gg.hessian(f))(f64([1.0, 2.0])).tolist() == [[[6.0] * 2] * 2] * 2
    assert gg.jacrev(gg.jacrev(gg.jacrev(f)))(f64([1.0, 2.0])).tolist() == [[[6.0] * 2] * 2] * 2


def test_parameters_get_their_gradient() -> None:
    w = leaf([[1.0, 2.0], [3.0, 4.0]])
    for way in WAYS:
        w.grad = None
        found = way(lambda x: gg.tanh(w @ x))(f64([0.0, 0.0]))
        assert found.requires_grad
        gg.sum(found * f64([[1.0, 10.0], [100.0, 1000.0]])).backward()
        assert w.grad is not None
        np.testing.assert_allclose(w.grad.data, [[1.0, 10.0], [100.0, 1000.0]])


def test_a_hessian_times_a_vector() -> None:
    rng = np.random.default_rng(0)
    f = lambda x: gg.sum(gg.tanh(x[:, None] * x) ** 2)
    x, v = f64(rng.normal(size=4)), rng.normal(size=4)
    np.testing.assert_allclose(gg.hvp(f, (x,), (v,)).data, gg.hessian(f)(x).data @ v, rtol=1e-10)
    g = lambda x, y: gg.sum(x * x * y)
    a, b = gg.hvp(g, (f64([1.0, 2.0]), f64([3.0, 4.0])), ([1.0, 0.0], [0.0, 1.0]))
    assert (a.tolist(), b.tolist()) == ([6.0, 4.0], [2.0, 0.0])
    with pytest.raises(gg.ShapeError, match="must return one number"):
        gg.hvp(lambda x: x, ([1.0, 2.0],), ([1.0, 2.0],))


# ---- scalars


@each_way
def test_scalars(way: Any) -> None:
    a, b = gg.scalar(2.0), gg.scalar(3.0)
    assert way(lambda a: a**3)(a).data == 12.0
    (aa, ab), (ba, bb) = way(lambda a, b: (a * b, a + b), argnums=(0, 1))(a, b)
    assert [one.data for one in (aa, ab, ba, bb)] == [3.0, 2.0, 1.0, 1.0]


def test_hessians_of_scalars() -> None:
    a, b = gg.scalar(2.0), gg.scalar(3.0)
    (aa, ab), (ba, bb) = gg.hessian(lambda a, b: a**3 * b, argnums=(0, 1))(a, b)
    assert [one.data for one in (aa, ab, ba, bb)] == [36.0, 12.0, 12.0, 0.0]
    assert gg.hvp(lambda a: a**3, (a,), (2.0,)).data == 24.0


# ---- who watches


def test_each_pass_is_told_to_who_watches() -> None:
    passes: list[Any] = []
    with gg.record() as recording:
        recording.on_pass = lambda result, gradient: passes.append(np.asarray(gradient).tolist())
        found = gg.jacrev(lambda x: x * x)(f64([2.0, 3.0]))
    assert found.tolist() == [[4.0, 0.0], [0.0, 6.0]]
    assert passes == [[1.0, 0.0], [0.0, 1.0]]


def test_refusals() -> None:
    with pytest.raises(TypeError, match="jacobian: argnums names argument 1, but 1 were given"):
        gg.jacfwd(lambda x: x, 1)(1.0)
    with pytest.raises(gg.DTypeError, match="jacobian: argument 0 holds int64"):
        gg.jacrev(lambda x: x)(3)
    with pytest.raises(gg.DTypeError, match="must return floats"):
        gg.jacobian(lambda x: x > 0)(1.0)
    for f in (lambda x: gg.abs(x), lambda x: x * 1j):
        with pytest.raises(gg.DTypeError, match="jacobian: arguments and results must be real, got complex"):
            gg.jacobian(f)(gg.tensor([1.0 + 1.0j]) if f(gg.tensor(1.0)).dtype.kind == "f" else f64([1.0]))
