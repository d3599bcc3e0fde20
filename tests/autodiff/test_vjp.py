"""Products with a Jacobian from the left, and derivatives element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import graphgrad as gg


def f64(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64")


def leaf(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True)


# ---- vjp


@pytest.mark.curriculum("P01.13")
def test_the_worked_product() -> None:
    value, pullback = gg.vjp(lambda x: gg.stack([x[0] * x[1], x[0] + x[1], x[0] ** 2]), f64([1.0, 2.0]))
    assert value.tolist() == [2.0, 3.0, 1.0]
    assert pullback([1.0, 2.0, 3.0])[0].tolist() == [10.0, 3.0]


def test_one_cotangent_for_each_primal() -> None:
    value, pullback = gg.vjp(lambda x, y: x * y, f64([1.0, 2.0]), f64([3.0, 4.0]))
    assert value.tolist() == [3.0, 8.0]
    assert not value.requires_grad
    dx, dy = pullback([1.0, 10.0])
    assert (dx.tolist(), dy.tolist()) == ([3.0, 40.0], [1.0, 20.0])
    (only,) = gg.vjp(lambda x: 2.0 * x, 1.0)[1](3.0)
    assert (only.item(), only.dtype) == (6.0, np.float32)


def test_the_pullback_can_be_called_again() -> None:
    runs = []

    def f(x: Any) -> Any:
        runs.append(1)
        return gg.tanh(x)

    _, pullback = gg.vjp(f, f64(0.5))
    slope = 1 - math.tanh(0.5) ** 2
    for u in (1.0, -2.0, 1.0):
        assert pullback(u)[0].item() == pytest.approx(u * slope)
    first, second = pullback(1.0)[0], pullback(1.0)[0]
    first.data[...] = 0.0
    assert second.item() == pytest.approx(slope)
    assert len(runs) == 1


def test_several_results() -> None:
    value, pullback = gg.vjp(lambda x: (gg.sum(x), x * x, gg.tensor(1.0)), f64([1.0, 2.0]))
    assert type(value) is tuple
    assert pullback((10.0, [1.0, 1.0], 5.0))[0].tolist() == [12.0, 14.0]
    assert pullback((0.0, [0.0, 0.0], 0.0))[0].tolist() == [0.0, 0.0]
    assert pullback([1.0, [0.0, 0.0], 0.0])[0].tolist() == [1.0, 1.0]
    assert type(gg.vjp(lambda x: [x], 1.0)[0]) is list


def test_has_aux() -> None:
    value, pullback, aux = gg.vjp(lambda x: (x * x, "seen"), 3.0, has_aux=True)
    assert (value.item(), pullback(1.0)[0].item(), aux) == (9.0, 6.0, "seen")


def test_a_cotangent_that_needs_a_gradient() -> None:
    """The product is linear in the cotangent, so its derivative there is the Jacobian from the right."""
    u = leaf([1.0, 0.0])
    x = f64([2.0, 3.0])
    (product,) = gg.vjp(lambda v: gg.stack([v[0] * v[1], v[0]]), x)[1](u)
    gg.sum(product * f64([5.0, 7.0])).backward()
    assert u.grad is not None
    assert u.grad.tolist() == [3 * 5.0 + 2 * 7.0, 5.0]


def test_under_an_outer_derivative() -> None:
    g = gg.grad(lambda x: gg.sum(gg.vjp(lambda v: v**3, x)[1](x)[0]))(f64([1.0, 2.0]))  # of 3x³
    assert g.tolist() == [9.0, 36.0]
    w = leaf(3.0)
    value, pullback = gg.vjp(lambda x: w * x * x, f64(2.0))
    assert value.requires_grad
    (pullback(1.0)[0] + value).backward()
    assert w.grad is not None
    assert w.grad.item() == 4.0 + 4.0
    with gg.no_grad():
        value, pullback = gg.vjp(lambda x: w * x * x, f64(2.0))
        assert not value.requires_grad
        assert not pullback(1.0)[0].requires_grad
        assert not gg.grad(lambda x: w * x * x)(2.0).requires_grad
        assert gg.grad(gg.grad(lambda x: w * x * x))(2.0).item() == 6.0


def test_scalars() -> None:
    a, b = gg.scalar(2.0), gg.scalar(3.0)
    value, pullback = gg.vjp(lambda a, b: (a * b, a), a, b)
    assert [one.data for one in value] == [6.0, 2.0]
    assert [one.data for one in pullback((1.0, 10.0))] == [13.0, 2.0]
    u = gg.scalar(1.0)
    gg.vjp(lambda a: a * a, a)[1](u)[0].backward()
    assert (u.grad, a.grad) == (4.0, 2.0)  # of 2 a u


def test_every_call_is_told_to_who_watches() -> None:
    passes: list[Any] = []
    with gg.record() as recording:
        recording.on_pass = lambda result, gradient: passes.append((result.item(), np.asarray(gradient).tolist()))
        _, pullback = gg.vjp(lambda x: (x * x, 3.0 * x), f64(2.0))
        assert passes == []
        pullback((1.0, 10.0))
        pullback((2.0, 0.0))
    assert passes == [(4.0, 1.0), (6.0, 10.0), (4.0, 2.0), (6.0, 0.0)]


def test_refusals() -> None:
    _, pullback = gg.vjp(lambda x: (x, x), f64([1.0, 2.0]))
    with pytest.raises(TypeError, match="the function returned 2 results, and got 3 for cotangents"):
        pullback(([1.0, 2.0],) * 3)
    with pytest.raises(TypeError, match="returned 2 results, and got Tensor for cotangents"):
        pullback(f64([1.0, 2.0]))
    with pytest.raises(gg.ShapeError, match=r"cotangent 1(.|\n)*expected: \(2,\)(.|\n)*got: \(\)"):
        pullback(([1.0, 2.0], 1.0))
    with pytest.raises(gg.DTypeError, match="vjp: argument 1 holds int64"):
        gg.vjp(lambda x, i: x, 1.0, 3)
    with pytest.raises(gg.DTypeError, match="must return floats, got bool"):
        gg.vjp(lambda x: x > 0, 1.0)


# ---- elementwise_grad


def test_element_by_element() -> None:
    x = np.linspace(-2.0, 2.0, 7)
    np.testing.assert_allclose(gg.elementwise_grad(gg.tanh)(x).data, 1 - np.tanh(x) ** 2)
    np.testing.assert_allclose(gg.elementwise_grad(gg.elementwise_grad(gg.sin))(x).data, -np.sin(x))
    third = gg.elementwise_grad(gg.elementwise_grad(gg.elementwise_grad(lambda v: v**4)))
    np.testing.assert_allclose(third(x).data, 24 * x)
    assert gg.elementwise_grad(lambda v: v * v)(3.0).item() == 6.0


def test_for_other_arguments() -> None:
    f = lambda x, y: x * y**2
    x, y = f64([1.0, 2.0]), f64([3.0, 4.0])
    assert gg.elementwise_grad(f, 1)(x, y).tolist() == [6.0, 16.0]
    dx, dy = gg.elementwise_grad(f, argnums=(0, 1))(x, y)
    assert (dx.tolist(), dy.tolist()) == ([9.0, 16.0], [6.0, 16.0])
    # What one number does to many adds up.
    assert gg.elementwise_grad(f)(f64(1.0), y).item() == 25.0


def test_scalars_too() -> None:
    assert gg.elementwise_grad(lambda a: a**3)(gg.scalar(2.0)).data == 12.0


def test_it_wants_one_tensor() -> None:
    with pytest.raises(
        gg.DTypeError, match=r"elementwise_grad: the function must return a tensor or a Scalar(.|\n)*got tuple"
    ):
        gg.elementwise_grad(lambda x: (x, x))(1.0)
