"""The perceptron's rule, for one unit and for several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.optim import Perceptron

GRID = [[0, 0], [0, 1], [1, 0], [1, 1]]


def unit(*shape: int) -> tuple[gg.Tensor, gg.Tensor]:
    return gg.zeros(shape, requires_grad=True), gg.zeros(shape[:-1], requires_grad=True)


def test_one_mistake_by_hand() -> None:
    w, b = unit(2)
    rule = Perceptron([w, b], lr=0.5)
    assert rule.predict([3.0, -1.0]).item() == 1.0  # H(0)
    assert rule.learn([[3.0, -1.0]], [0]) == 1
    assert (w.tolist(), b.item()) == ([-1.5, 0.5], -0.5)
    assert rule.learn([[3.0, -1.0]], [0]) == 0


@pytest.mark.parametrize("at_zero", [0, 1])
def test_the_step_at_zero(at_zero: int) -> None:
    w, b = unit(2)
    rule = Perceptron([w, b], at_zero=at_zero)
    assert rule.predict([[0.0, 0.0]]).tolist() == [at_zero]
    assert rule.learn([[1.0, 1.0]], [1 - at_zero]) == 1
    assert b.item() == 1 - 2 * at_zero


@pytest.mark.curriculum("P06.08")
def test_several_units_learn_at_once_and_for_themselves() -> None:
    targets = np.array([[0, 0], [0, 1], [0, 1], [1, 1]])  # and, or
    layer = gg.nn.Linear(2, 2)
    for parameter in layer.parameters():
        parameter.data = np.zeros_like(parameter.data)
    rule = Perceptron(layer.parameters())
    errors = [rule.learn(GRID, targets) for _ in range(8)]
    alone = []
    for k in range(2):
        w, b = unit(2)
        single = Perceptron([w, b])
        alone.append([single.learn(GRID, targets[:, k]) for _ in range(8)])
        np.testing.assert_array_equal(layer.weight.data[k], w.data)
    assert errors == np.sum(alone, axis=0).tolist()
    assert errors[-1] == 0
    assert rule.predict(GRID).tolist() == targets.tolist()


def test_one_row_of_weights_takes_targets_with_and_without_its_axis() -> None:
    for targets in ([0, 1, 1, 1], [[0], [1], [1], [1]]):
        layer = gg.nn.Linear(2, 1)
        rule = Perceptron(layer.parameters())
        for _ in range(50):
            errors = rule.learn(GRID, targets)
        assert errors == 0
        assert rule.predict(GRID).tolist() == [[0.0], [1.0], [1.0], [1.0]]


def test_without_a_bias_and_with_gradients_that_stay() -> None:
    w = gg.zeros(2, requires_grad=True)
    w.grad = gg.ones(2)
    rule = Perceptron([w])
    assert rule.learn(gg.tensor([[1.0, 2.0]]), gg.tensor([0])) == 1
    assert (w.tolist(), w.grad.tolist()) == ([-1.0, -2.0], [1.0, 1.0])
    rule.step()
    assert w.tolist() == [-2.0, -3.0]


def test_a_correction_is_a_write_that_a_graph_notices() -> None:
    w, b = unit(2)
    loss = gg.sum(w * w)
    Perceptron([w, b]).learn([[1.0, 2.0]], [0])
    with pytest.raises(gg.WriteError):
        loss.backward()


@pytest.mark.parametrize(
    ("input", "target", "error", "says"),
    [
        ([[1.0]], [0], gg.ShapeError, r"input has another last axis[\s\S]*expected: \(..., 2\)[\s\S]*got: \(1, 1\)"),
        ([1.0, 2.0], [0], gg.ShapeError, "don't belong together"),
        ([[1.0, 2.0]], [0, 1], gg.ShapeError, r"don't belong together[\s\S]*got: \(1, 2\) and \(2,\)"),
        ([[1.0, 2.0]], [-1], ValueError, "right answers are 0 or 1, got -1"),
        ([[1.0, 2.0]], [0.5], ValueError, "right answers are 0 or 1, got 0.5"),
    ],
)
def test_samples_that_are_refused_change_nothing(input: Any, target: Any, error: type[Exception], says: str) -> None:
    w, b = unit(2)
    with pytest.raises(error, match=says):
        Perceptron([w, b]).learn(input, target)
    assert w.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "shapes", [[(2, 3), (3,)], [(2,), (2,)], [(2, 3, 4)], [()], [(2,), (), ()], [(2, 3), ()], [(2, 3), (1,)]]
)
def test_other_parameters_are_refused(shapes: Any) -> None:
    with pytest.raises(ValueError, match="Perceptron: params are a weight"):
        Perceptron([gg.zeros(shape, requires_grad=True) for shape in shapes])


@pytest.mark.parametrize(
    ("options", "says"), [({"lr": -1.0}, "lr is a number"), ({"at_zero": 0.5}, "at_zero is 0 or 1")]
)
def test_what_is_refused(options: Any, says: str) -> None:
    with pytest.raises(ValueError, match=f"Perceptron: {says}"):
        Perceptron(unit(2), **options)
    with pytest.raises(ValueError, match="one group of parameters"):
        Perceptron([{"params": unit(2)}, {"params": unit(2)}])


def test_its_options_are_saved_and_come_back() -> None:
    rule, other = Perceptron(unit(2), lr=0.5, at_zero=0), Perceptron(unit(2))
    other.load_state_dict(rule.state_dict())
    assert (other.param_groups[0]["lr"], other.param_groups[0]["at_zero"]) == (0.5, 0)
