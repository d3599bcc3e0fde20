"""L-BFGS against PyTorch, on Rosenbrock's valley, and where nothing can be computed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.optim import LBFGS
from graphgrad.optim.line_search import Point, strong_wolfe
from tests.optim.problems import LBFGS_OPTIONS, LBFGS_STEPS, problem

ORACLE = Path(__file__).resolve().parent.parent / "oracle" / "optimisers.npz"


def leaf(*values: float, dtype: str = "float64") -> gg.Tensor:
    return gg.tensor(list(values), dtype=dtype, requires_grad=True)


def closing(optimizer: LBFGS, loss: Callable[[], gg.Tensor]) -> Callable[[], gg.Tensor]:
    """The closure of a loss."""

    def closure() -> gg.Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    return closure


def start(name: str) -> tuple[gg.Tensor, gg.Tensor, LBFGS, Callable[[], gg.Tensor]]:
    x, y, (w, b) = problem(list(LBFGS_OPTIONS).index(name))
    weight, bias = gg.tensor(w, requires_grad=True), gg.tensor(b, requires_grad=True)
    optimizer = LBFGS([weight, bias], **LBFGS_OPTIONS[name])
    return (
        weight,
        bias,
        optimizer,
        closing(optimizer, lambda: gg.nn.functional.mse_loss(gg.tanh(x @ weight + bias), y)),
    )


@pytest.mark.curriculum("P09.02")
@pytest.mark.parametrize("name", LBFGS_OPTIONS)
def test_each_step_is_that_of_torch_and_computes_the_loss_as_often(name: str) -> None:
    weight, bias, optimizer, closure = start(name)
    rows = []
    for _ in range(LBFGS_STEPS):
        optimizer.step(closure)
        rows.append([*weight.data.ravel(), *bias.data, optimizer.state[weight]["func_evals"]])
    with np.load(ORACLE, allow_pickle=False) as theirs:
        np.testing.assert_allclose(rows, theirs[f"LBFGS/{name}"], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", ["plain", "short"])
def test_a_state_goes_on_where_it_was_to_the_bit(name: str) -> None:
    weight, bias, optimizer, closure = start(name)
    for _ in range(3):
        optimizer.step(closure)
    other_weight, other_bias, other, other_closure = start(name)
    other_weight.data, other_bias.data = weight.data.copy(), bias.data.copy()
    other.load_state_dict(optimizer.state_dict())
    for _ in range(3):
        optimizer.step(closure)
        other.step(other_closure)
        assert weight.data.tobytes() == other_weight.data.tobytes()
        assert bias.data.tobytes() == other_bias.data.tobytes()


def test_a_state_dict_is_a_copy_with_the_keys_of_torch() -> None:
    torch = pytest.importorskip("torch")
    *_, optimizer, closure = start("search")
    for _ in range(3):
        optimizer.step(closure)
    state = optimizer.state_dict()["state"][0]
    before = state["old_dirs"][0].tolist()
    optimizer.step(closure)
    assert state["old_dirs"][0].tolist() == before
    theirs = torch.ones(15, requires_grad=True)
    reference = torch.optim.LBFGS([theirs], lr=0.01, max_iter=5)
    reference.step(lambda: (theirs**4).sum().backward() or (theirs.detach() ** 4).sum())
    assert set(reference.state[theirs]) - set(state) == {"al"}  # room for what is computed on the way
    assert set(state) <= set(reference.state[theirs])


def test_the_state_of_torch_can_be_loaded() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
    reference = torch.optim.LBFGS([theirs], max_iter=3, line_search_fn="strong_wolfe")

    def their_closure() -> Any:
        reference.zero_grad()
        loss = rosenbrock(theirs)
        loss.backward()
        return loss.detach()

    for _ in range(2):
        reference.step(their_closure)
    ours = gg.tensor(theirs.detach().numpy(), requires_grad=True)
    optimizer = LBFGS([ours])
    optimizer.load_state_dict(reference.state_dict())
    optimizer.step(closing(optimizer, lambda: rosenbrock(ours)))
    reference.step(their_closure)
    np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-9)
    assert optimizer.state[ours]["n_iter"] == reference.state[theirs]["n_iter"]


def rosenbrock(w: Any) -> Any:
    return 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_goes_through_the_valley(dtype: str) -> None:
    w = leaf(-1.2, 1.0, dtype=dtype)
    optimizer = LBFGS([w], max_iter=100, line_search_fn="strong_wolfe")
    first = optimizer.step(closing(optimizer, lambda: rosenbrock(w)))
    assert first.item() == pytest.approx(24.2)
    np.testing.assert_allclose(w.data, 1.0, rtol=1e-3)  # the loss hardly changes any more
    assert w.dtype == dtype
    assert optimizer.state[w]["func_evals"] < 70
    if dtype == "float64":
        optimizer.param_groups[0]["tolerance_change"] = 0.0
        optimizer.step(closing(optimizer, lambda: rosenbrock(w)))
        np.testing.assert_allclose(w.data, 1.0, rtol=1e-8)


def test_parameters_of_any_layout_and_kind_move_as_one_vector() -> None:
    whole = gg.asarray(np.zeros((2, 3)).T, requires_grad=True)
    turned = gg.tensor(np.zeros(2, "complex128"), requires_grad=True)
    idle = leaf(5.0)
    optimizer = LBFGS([whole, turned, idle], line_search_fn="strong_wolfe")
    goal, turn = gg.tensor(np.arange(6.0).reshape(3, 2)), gg.tensor(np.array([1 + 2j, -3j]))

    def loss() -> gg.Tensor:
        return gg.sum((whole - goal) ** 2) + gg.sum(gg.abs(turned - turn) ** 2)

    memory = whole.data
    optimizer.step(closing(optimizer, loss))
    np.testing.assert_allclose(whole.data, goal.data, atol=1e-6)
    np.testing.assert_allclose(turned.data, turn.data, atol=1e-6)
    assert whole.data is memory
    assert idle.item() == 5.0


def test_steps_are_writes_that_a_graph_notices() -> None:
    w = leaf(2.0)
    old = gg.sum(w * w)
    optimizer = LBFGS([w])
    optimizer.step(closing(optimizer, lambda: gg.sum(w * w)))
    with pytest.raises(gg.WriteError):
        old.backward()


def test_at_the_minimum_nothing_moves() -> None:
    w = leaf(0.0)
    optimizer = LBFGS([w])
    optimizer.step(closing(optimizer, lambda: gg.sum(w * w)))
    assert (w.item(), optimizer.state[w]["func_evals"]) == (0.0, 1)


def test_a_search_turns_back_from_what_is_not_a_number() -> None:
    """√w ends at 0, and the first step along its slope goes beyond."""
    w = leaf(1.0)
    optimizer = LBFGS([w], lr=3.0, max_iter=50, max_eval=200, line_search_fn="strong_wolfe")
    with np.errstate(invalid="ignore"):
        optimizer.step(closing(optimizer, lambda: gg.sum((gg.sqrt(w) - 0.5) ** 2)))
    assert w.item() == pytest.approx(0.25, rel=1e-4)


def test_from_what_is_not_a_number_nothing_moves() -> None:
    w = leaf(math.nan, 1.0)
    optimizer = LBFGS([w])
    loss = optimizer.step(closing(optimizer, lambda: gg.sum(w * w)))
    assert math.isnan(loss.item())
    assert w.data[1] == 1.0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"lr": -1.0}, "lr is a number from 0"),
        ({"max_iter": 0}, "max_iter is a whole number from 1"),
        ({"max_iter": 2.5}, "max_iter is a whole number from 1"),
        ({"max_eval": 0}, "max_eval is a whole number from 1"),
        ({"history_size": True}, "history_size is a whole number from 1"),
        ({"tolerance_grad": -1.0}, "tolerance_grad is a number from 0"),
        ({"line_search_fn": "armijo"}, "line_search_fn is 'strong_wolfe' or None"),
    ],
)
def test_what_is_refused(options: Any, says: str) -> None:
    with pytest.raises(ValueError, match=f"LBFGS: {says}"):
        LBFGS([leaf(1.0)], **options)


def test_groups_and_steps_without_a_closure_are_refused() -> None:
    with pytest.raises(ValueError, match="LBFGS: there is one group of parameters"):
        LBFGS([{"params": [leaf(1.0)]}, {"params": [leaf(2.0)]}])
    with pytest.raises(TypeError, match=r"LBFGS.step: a closure is needed[\s\S]*optimizer.step\(closure\)"):
        LBFGS([leaf(1.0)]).step()
    with pytest.raises(TypeError, match="the closure returned no loss"):
        LBFGS([leaf(1.0)]).step(lambda: None)


def test_the_state_of_other_parameters_is_refused() -> None:
    w, other = leaf(2.0, 1.0), leaf(1.0)
    optimizer = LBFGS([w])
    optimizer.step(closing(optimizer, lambda: gg.sum(w**4)))
    with pytest.raises(ValueError, match=r"is for other parameters[\s\S]*expected: 1 numbers[\s\S]*got: \(2,\)"):
        LBFGS([other]).load_state_dict(optimizer.state_dict())


# ---- the search along a line -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("t", [1e-4, 0.1, 1.0, 7.0, 50.0])
@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda t: (t - 2.0) ** 2, lambda t: 2 * (t - 2.0)),
        (lambda t: -t / (t**2 + 2), lambda t: (t**2 - 2) / (t**2 + 2) ** 2),
        (lambda t: math.cosh(t - 3) if t < 300 else math.inf, lambda t: math.sinh(t - 3) if t < 300 else math.inf),
        (lambda t: (t - 1.0) ** 4 - t, lambda t: 4 * (t - 1.0) ** 3 - 1),
    ],
)
def test_what_is_found_holds_the_conditions(f: Any, slope: Any, t: float) -> None:
    def at(t: float) -> Point:
        return Point(t, f(t), slope(t), np.array([slope(t)]))

    point, tried = strong_wolfe(at, at(0.0), t, 1.0, max_ls=50)
    assert point.value <= f(0.0) + 1e-4 * point.t * slope(0.0)
    assert abs(point.slope) <= 0.9 * abs(slope(0.0))
    assert tried <= 25


def test_a_search_that_finds_nothing_stays() -> None:
    def at(t: float) -> Point:
        return Point(t, 1.0 if t else 0.0, -1.0, np.array([-1.0]))

    point, tried = strong_wolfe(at, at(0.0), 1.0, 1.0, max_ls=50)
    assert (point.t, tried) == (0.0, 6)  # until the interval is a billionth of what it was
