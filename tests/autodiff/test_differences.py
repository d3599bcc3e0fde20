"""Numerical gradients, and the measure of how far off a gradient is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber
from tests.worked import Check


def f64(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64")


# ---- numerical_grad


@pytest.mark.worked("W012")
def test_the_worked_differences(example: WorkedNumber, check: Check) -> None:
    f, t = lambda x: x**3, f64(float(example.input["theta"]))
    methods: list[Any] = ["central", "forward"]
    found = {
        method: [gg.numerical_grad(f, eps=eps, method=method)(t).item() for eps in example.input["eps"]]
        for method in methods
    }
    check(example, found)


@pytest.mark.curriculum("P01.25")
def test_the_error_of_a_central_difference_goes_with_the_square_of_the_step() -> None:
    errors: dict[str, list[float]] = {}
    methods: list[Any] = ["central", "forward"]
    for method in methods:
        slopes = [gg.numerical_grad(gg.exp, eps=eps, method=method)(f64(1.0)).item() for eps in (1e-2, 1e-3)]
        errors[method] = [abs(slope - math.e) for slope in slopes]
    assert errors["central"][0] / errors["central"][1] == pytest.approx(100.0, rel=1e-2)
    assert errors["forward"][0] / errors["forward"][1] == pytest.approx(10.0, rel=1e-2)


@pytest.mark.curriculum("P01.25")
def test_without_the_division_it_is_no_slope() -> None:
    """The printed formula forgot to divide by the step (E002)."""
    t, d = f64(1.0), 0.001
    square = lambda x: x * x
    printed = (square(t + d) - square(t)).item()
    assert gg.verdict(gg.relative_error(printed, gg.grad(square)(t))) == "bug"
    assert gg.verdict(gg.relative_error(gg.numerical_grad(square)(t), gg.grad(square)(t))) == "great"


def test_arguments_like_those_of_grad() -> None:
    f = lambda x, y, scale=1.0: gg.sum(x * x * y) * scale
    x, y = f64([[1.0, 2.0], [3.0, 4.0]]), f64(2.0)
    np.testing.assert_allclose(gg.numerical_grad(f)(x, y, scale=3.0).data, gg.grad(f)(x, y, scale=3.0).data, rtol=1e-8)
    dx, dy = gg.numerical_grad(f, argnums=(0, -1))(x, y)
    assert dx.shape == (2, 2)
    assert dy.item() == pytest.approx(30.0)
    assert gg.numerical_grad(lambda v: gg.sum(v), eps=0.1)([1.0, 2.0]).dtype == np.float32
    assert gg.numerical_grad(lambda v: v * v, eps=1e-3)(f64(3.0)).item() == pytest.approx(6.0)
    assert x.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_memory_in_any_order() -> None:
    whole = np.arange(12.0).reshape(3, 4)
    for view in (whole.T, whole[::2, ::-1], np.broadcast_to(whole[0], (2, 4))):
        found = gg.numerical_grad(lambda x: gg.sum(x**2))(view)
        np.testing.assert_allclose(found.data, 2 * view, rtol=1e-7, atol=1e-7)


def test_scalars() -> None:
    slope = gg.numerical_grad(lambda a, b: a * a * b, 0)(gg.scalar(3.0), gg.scalar(2.0))
    assert isinstance(slope, gg.Scalar)
    assert slope.data == pytest.approx(12.0)


def test_refusals() -> None:
    with pytest.raises(gg.ShapeError, match=r"numerical_grad: the function must return one number, got shape \(2,\)"):
        gg.numerical_grad(lambda x: x)([1.0, 2.0])
    with pytest.raises(gg.DTypeError, match="holds int64, which has no slope"):
        gg.numerical_grad(lambda x: x)(3)
    with pytest.raises(TypeError, match="argnums names argument 1, but 1 were given"):
        gg.numerical_grad(lambda x: x, 1)(3.0)
    wrong: Any = "backward"
    with pytest.raises(ValueError, match="method is 'central' or 'forward', got 'backward'"):
        gg.numerical_grad(lambda x: x, method=wrong)


# ---- relative_error, verdict


@pytest.mark.worked("W013")
def test_the_worked_ratio(example: WorkedNumber, check: Check) -> None:
    i = example.input
    ratio = gg.relative_error(i["dapprox"], i["d"])
    check(example, {"ratio": ratio})
    assert gg.verdict(ratio) == "look"


def test_the_ratio_of_all_parameters_together() -> None:
    weights, biases = np.array([[3.0, 0.0]]), np.array([4.0])
    assert gg.relative_error([weights, biases], [weights, biases]) == 0.0
    assert gg.relative_error((f64([3.0]), f64([4.0])), [np.array([-3.0]), np.array([-4.0])]) == 1.0
    assert gg.relative_error(gg.scalar(2.0), 1.0) == pytest.approx(1 / 3)
    assert gg.relative_error([], []) == 0.0
    assert gg.relative_error(0.0, 0.0) == 0.0
    assert math.isnan(gg.relative_error(math.nan, 1.0))
    with pytest.raises(gg.ShapeError, match="have 2 and 3 elements"):
        gg.relative_error([1.0, 2.0], [1.0, 2.0, 3.0])


@pytest.mark.curriculum("P01.26")
@pytest.mark.parametrize(
    ("error", "word"),
    [(0.0, "great"), (1e-9, "great"), (1e-7, "great"), (1e-5, "look"), (1e-3, "bug"), (0.5, "bug"), (math.nan, "bug")],
)
def test_the_bands(error: float, word: str) -> None:
    assert gg.verdict(error) == word
