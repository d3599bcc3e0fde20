"""Worked numbers and items of P13 on choosing models, and of P08 on searching."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber
from tests.worked import Check


@pytest.mark.worked("W190")
@pytest.mark.curriculum("P13.18", "P13.19")
def test_k_folds(example: WorkedNumber, check: Check) -> None:
    x = np.arange(example.input["n"])
    rest, held_out = gg.data.train_test_split(x, test_size=example.input["test"])
    sizes: list[tuple[int, int]] = []

    def fold(train: Any, test: Any) -> float:
        assert not set(train) & set(test)
        assert not (set(train) | set(test)) & set(held_out)
        sizes.append((len(train), len(test)))
        return float(test.mean())

    scores = gg.train.cross_validate(fold, rest, cv=example.input["k"], seed=0)
    ((train, test),) = set(sizes)
    check(example, {"fold": test, "train": train, "fits": len(sizes)})
    # Folds of one size: the mean over folds is the mean over samples.
    assert scores.mean() == pytest.approx(rest.mean())


@pytest.mark.worked("W139")
@pytest.mark.curriculum("P08.29")
def test_rates_on_a_log_scale(example: WorkedNumber, check: Check) -> None:
    """The lecture's r = -4 u goes down from 1 as u goes up; a scale goes up from its lower end."""
    scale = gg.train.loguniform(1e-4, 1.0)
    check(example, {"alpha": [scale.ppf(1.0 - u) for u in example.input["u"]]})


@pytest.mark.curriculum("P08.29")
def test_one_minus_beta_on_a_log_scale() -> None:
    scale = gg.train.loguniform(0.9, 0.999, complement=True)
    for u in (0.0, 0.3, 0.5, 1.0):
        assert 1.0 - scale.ppf(u) == pytest.approx(10.0 ** (-1.0 - 2.0 * u), rel=1e-9)


@pytest.mark.curriculum("P08.28")
def test_random_points_meet_more_values_than_a_grid() -> None:
    """With nine trials a grid tries three values of the parameter that matters, random points nine."""
    asked: dict[str, set[float]] = {"grid": set(), "random": set()}

    def trial(kind: str, a: float, b: float) -> float:
        asked[kind].add(a)
        return -abs(a - 0.37)

    thirds = np.linspace(0.0, 1.0, 3)
    gg.train.grid_search(trial, {"kind": ["grid"], "a": thirds, "b": thirds}, seed=0)
    unit = gg.train.uniform(0.0, 1.0)
    gg.train.random_search(trial, {"kind": ["random"], "a": unit, "b": unit}, 9, seed=0)
    assert {kind: len(values) for kind, values in asked.items()} == {"grid": 3, "random": 9}


@pytest.mark.curriculum("P08.30")
def test_many_models_in_parallel_and_the_best_is_picked() -> None:
    trials = gg.train.grid_search(lambda lr: {"loss": (lr - 0.1) ** 2}, {"lr": [0.01, 0.1, 1.0]}, monitor="loss")
    assert trials.best.parameters == {"lr": 0.1}


def polynomial(train: Any, test: Any, degree: int) -> dict[str, float]:
    fitted = np.polynomial.Polynomial.fit(train[0], train[1], degree)
    return {f"{name}_error": float(((fitted(x) - y) ** 2).mean()) for name, (x, y) in (("train", train), ("val", test))}


@pytest.mark.curriculum("P13.11", "P13.12", "P13.18")
def test_error_over_complexity() -> None:
    """Training error falls with the degree of a polynomial, validation error falls and rises again."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-3, 3, 30))
    y = np.sin(x) + 0.2 * rng.normal(size=30)
    curve = gg.train.validation_curve(polynomial, x, y, param_name="degree", param_range=[1, 3, 5, 9, 14], cv=5, seed=0)
    assert (np.diff(curve.mean("train_error")) < 0).all()
    assert curve.best("val_error") in (3, 5)
    assert curve.mean("val_error")[-1] > 2 * curve.mean("val_error").min()


@pytest.mark.curriculum("P13.12", "P13.13", "P13.20")
def test_error_over_the_number_of_samples() -> None:
    """More samples: training error rises, validation error falls, and they come together."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, 200)
    y = np.sin(x) + 0.2 * rng.normal(size=200)

    def cubic(train: Any, test: Any) -> dict[str, float]:
        return polynomial(train, test, 5)

    curve = gg.train.learning_curve(cubic, x, y, train_sizes=[10, 30, 160], cv=5, seed=0)
    train, val = curve.mean("train_error"), curve.mean("val_error")
    assert (np.diff(train) > 0).all()
    assert (np.diff(val) < 0).all()
    gaps = val - train
    assert gaps[-1] < 0.1 * gaps[0]
