"""Newton's method: quadratics in one step, saddles, damping, and what it refuses."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.optim import Newton


def leaf(*values: float) -> gg.Tensor:
    return gg.tensor(list(values), dtype="float64", requires_grad=True)


def bowl(w: gg.Tensor) -> gg.Tensor:
    return 0.5 * w[0] ** 2 + 2.0 * w[1] ** 2


def saddle(w: gg.Tensor) -> gg.Tensor:
    return w[0] ** 2 - w[1] ** 2


@pytest.mark.curriculum("P09.02")
def test_linear_regression_in_one_step() -> None:
    """The parameters of a module, together; the answer is that of the normal equations."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    model = gg.nn.Linear(3, 2, dtype="float64")
    loss = Newton(model.parameters()).step(lambda: gg.nn.functional.mse_loss(model(x), y))
    best, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(20)]), y, rcond=None)
    np.testing.assert_allclose(model.weight.data, best[:3].T, atol=1e-12)
    assert model.bias is not None
    np.testing.assert_allclose(model.bias.data, best[3], atol=1e-12)
    assert loss.item() > 0


def test_each_step_doubles_the_digits() -> None:
    w = leaf(1.0, -0.4)
    optimizer = Newton([w])
    errors = []
    for _ in range(6):
        optimizer.step(lambda: gg.sum(gg.exp(w) - 2.0 * w))
        errors.append(np.abs(w.data - np.log(2.0)).max())
    assert all(after <= before**2 + 1e-12 for before, after in pairwise(errors))
    assert errors[-1] < 1e-12


def test_damping_is_between_newton_and_gradient_descent() -> None:
    results = []
    for damping, lr in ((0.0, 1.0), (3.0, 1.0), (1e9, 1e8)):
        w = leaf(2.0, 1.0)
        Newton([w], lr=lr, damping=damping).step(partial(bowl, w))
        results.append(w.tolist())
    assert results[0] == [0.0, 0.0]
    assert results[1] == pytest.approx([2.0 - 2.0 / 4.0, 1.0 - 4.0 / 7.0])
    assert results[2] == pytest.approx([2.0 - 0.1 * 2.0, 1.0 - 0.1 * 4.0])


@pytest.mark.curriculum("P09.06")
def test_it_is_drawn_to_saddles_unless_it_is_told_not_to_be() -> None:
    places = []
    for options in ({}, {"saddle_free": True}, {"damping": 3.0}):
        w = leaf(0.5, 0.5)
        Newton([w], **options).step(partial(saddle, w))
        places.append(w.tolist())
    assert places[0] == [0.0, 0.0]
    assert places[1] == [0.0, 1.0]
    assert places[2] == pytest.approx([0.5 - 1.0 / 5.0, 0.5 + 1.0 / 1.0])


def test_parameters_of_any_layout_dtype_and_part_in_the_loss() -> None:
    turned = gg.asarray(np.zeros((2, 3), "float32").T, requires_grad=True)
    number, linear, idle = leaf(3.0), leaf(1.0), leaf(7.0)
    goal = gg.tensor(np.arange(6.0).reshape(3, 2), dtype="float32")
    memory = turned.data

    def loss() -> gg.Tensor:
        return gg.sum((turned - goal) ** 2) + gg.sum((number - 1.0) ** 4) + gg.sum(linear)

    Newton([turned, number, linear, idle], damping=1e-12).step(loss)
    np.testing.assert_allclose(turned.data, goal.data, atol=1e-5)
    assert turned.data is memory
    assert turned.dtype == np.float32
    assert number.item() == pytest.approx(3.0 - 32.0 / 48.0)
    assert linear.item() == pytest.approx(1.0 - 1e12)
    assert idle.item() == 7.0


def test_gradients_that_were_there_stay_and_a_graph_notices_the_write() -> None:
    w = leaf(2.0)
    w.grad = gg.tensor([5.0], dtype="float64")
    old = gg.sum(w * w)
    Newton([w]).step(lambda: gg.sum(w * w))
    assert w.grad.tolist() == [5.0]
    with pytest.raises(gg.WriteError):
        old.backward()


@pytest.mark.parametrize("saddle_free", [False, True])
def test_a_hessian_without_an_inverse_moves_nothing(saddle_free: bool) -> None:
    w = leaf(1.0, 1.0)
    with pytest.raises(np.linalg.LinAlgError, match=r"the Hessian has no inverse[\s\S]*damping"):
        Newton([w], saddle_free=saddle_free).step(lambda: w[0] ** 2 + w[1])
    assert w.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("saddle_free", [False, True])
@pytest.mark.parametrize(
    "loss",
    [
        lambda w: gg.sum(w * w) * math.nan,
        lambda w: gg.sum(w * w) + w[1] * math.inf,  # the Hessian is finite
        lambda w: gg.sum(w**1.5),  # the gradient is finite
    ],
)
def test_from_what_is_not_a_number_nothing_moves(loss: Any, saddle_free: bool) -> None:
    w = leaf(0.0, 2.0)
    with np.errstate(all="ignore"):
        Newton([w], saddle_free=saddle_free).step(partial(loss, w))
    assert w.tolist() == [0.0, 2.0]


def test_a_loss_that_was_differentiated_already_is_refused_with_a_hint() -> None:
    w = leaf(1.0)

    def closure() -> gg.Tensor:
        loss = gg.sum(w * w)
        loss.backward()
        return loss

    with pytest.raises(gg.GraphError, match=r"Newton.step: [\s\S]*the closure calls no backward\(\)"):
        Newton([w]).step(closure)


@pytest.mark.parametrize("closure", [lambda: 3.0, lambda: gg.tensor([1.0]), lambda: gg.ones(2, requires_grad=True) * 2])
def test_what_is_no_loss_is_refused(closure: Any) -> None:
    with pytest.raises(gg.GraphError, match="the closure returns the loss, a tensor of one number"):
        Newton([leaf(1.0)]).step(closure)


@pytest.mark.parametrize(
    ("params", "options", "says"),
    [
        ([leaf(1.0)], {"damping": -1.0}, "damping is a number from 0"),
        ([leaf(1.0)], {"lr": -1.0}, "lr is a number from 0"),
        ([leaf(1.0)], {"saddle_free": 1}, "saddle_free is True or False"),
        ([gg.zeros(4097, requires_grad=True)], {}, "the Hessian of more than 4096 numbers is too large"),
        ([gg.tensor([1j], requires_grad=True)], {}, "parameters are real"),
        ([gg.tensor([1.0])], {}, "parameters need gradients"),
        ([{"params": [leaf(1.0)]}, {"params": [leaf(2.0)]}], {}, "there is one group"),
    ],
)
def test_what_is_refused(params: Any, options: Any, says: str) -> None:
    with pytest.raises(ValueError, match=f"Newton: {says}"):
        Newton(params, **options)


def test_its_options_are_saved_and_come_back() -> None:
    w = leaf(1.0)
    optimizer = Newton([w], damping=0.5)
    other = Newton([w])
    other.load_state_dict(optimizer.state_dict())
    assert other.param_groups[0]["damping"] == 0.5
