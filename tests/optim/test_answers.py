"""Optimisers against PyTorch's answers, step by step; and what all of them must do besides."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from tests.optim.problems import KEPT, OTHER_OPTIONS, STEPS, Array, gradients, problem

ORACLE = Path(__file__).resolve().parent.parent / "oracle" / "optimisers.npz"
CASES = [(optimiser, name) for optimiser, cases in OTHER_OPTIONS.items() for name in cases]
REFUSED = [
    (optimiser, option)
    for optimiser in OTHER_OPTIONS
    for option in ("lr", "weight_decay", "eps", "betas")
    if option in inspect.signature(getattr(gg.optim, optimiser)).parameters
]
ALLOWED: Mapping[Any, float] = {"float32": 1e-6, "float64": 1e-12}

every = pytest.mark.parametrize(("optimiser", "name"), CASES)


@pytest.fixture(scope="module")
def answers() -> Iterator[Mapping[str, Array]]:
    with np.load(ORACLE, allow_pickle=False) as file:
        yield dict(file)


def close(ours: Array, theirs: Array, allowed: float) -> None:
    """Numbers agree, relative to their size or to 1."""
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    worst = np.max(np.abs(ours.astype(float) - theirs) / np.maximum(1.0, np.abs(theirs)))
    assert worst <= allowed


def options_of(optimiser: str, name: str) -> Mapping[str, Any]:
    return OTHER_OPTIONS[optimiser][name]


def moved(optimiser: str, name: str, dtype: str) -> tuple[Array, dict[str, Any]]:
    """Numbers after each step along given gradients, and the state at last."""
    start, given = gradients(list(OTHER_OPTIONS[optimiser]).index(name))
    numbers = gg.tensor(start.astype(dtype), requires_grad=True)
    optimizer = getattr(gg.optim, optimiser)([numbers], **options_of(optimiser, name))
    rows = []
    for gradient in given:
        numbers.grad = gg.tensor(gradient.astype(dtype))
        optimizer.step()
        rows.append(numbers.data.copy())
    return np.array(rows), optimizer.state[numbers]


@pytest.mark.parametrize("dtype", ALLOWED)
@every
def test_steps_along_given_gradients_are_those_of_torch(
    optimiser: str, name: str, dtype: str, answers: Mapping[str, Array]
) -> None:
    rows, state = moved(optimiser, name, dtype)
    arrays = [state[key] for key in sorted(state) if isinstance(state[key], np.ndarray)]
    kept = [rows[step - 1] for step in KEPT]
    close(np.array([*kept, *arrays]), answers[f"{optimiser}/{name}/{dtype}"], ALLOWED[dtype])


class Problem:
    """A small network's layer, with an optimiser in two groups."""

    def __init__(self, optimiser: str, name: str) -> None:
        options = options_of(optimiser, name)
        self.x, self.y, (w, b) = problem(list(OTHER_OPTIONS[optimiser]).index(name))
        self.weight, self.bias = gg.tensor(w, requires_grad=True), gg.tensor(b, requires_grad=True)
        groups = [{"params": [self.weight]}, {"params": [self.bias], "lr": 2 * options.get("lr", 1.0)}]
        self.optimizer = getattr(gg.optim, optimiser)(groups, **options)

    def loss(self) -> gg.Tensor:
        return gg.nn.functional.mse_loss(gg.tanh(self.x @ self.weight + self.bias), self.y)

    def learn(self) -> Array:
        self.optimizer.zero_grad()
        self.loss().backward()
        self.optimizer.step()
        return np.concatenate([self.weight.data.ravel(), self.bias.data])


@every
def test_each_problem_is_solved_as_torch_solves_it(optimiser: str, name: str, answers: Mapping[str, Array]) -> None:
    solved = Problem(optimiser, name)
    rows = np.array([solved.learn() for _ in range(STEPS)])
    close(rows[[step - 1 for step in KEPT]], answers[f"{optimiser}/{name}"], 1e-7)  # a loop lets rounding grow


@every
def test_the_committed_answers_are_what_torch_says(optimiser: str, name: str, answers: Mapping[str, Array]) -> None:
    torch = pytest.importorskip("torch")
    from tests.oracle.make_optimisers import moved as theirs

    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        rows = theirs(optimiser, name, "float64")
    finally:
        torch.set_default_dtype(default)
    kept = rows[[*(step - 1 for step in KEPT), *range(STEPS, len(rows))]]
    close(kept, answers[f"{optimiser}/{name}/float64"], 1e-13)


@every
def test_a_state_goes_on_where_it_was_to_the_bit(optimiser: str, name: str) -> None:
    one, other = Problem(optimiser, name), Problem(optimiser, name)
    for _ in range(6):
        one.learn()
    other.weight.data, other.bias.data = one.weight.data.copy(), one.bias.data.copy()
    other.optimizer.load_state_dict(one.optimizer.state_dict())
    for _ in range(6):
        assert one.learn().tobytes() == other.learn().tobytes()


@pytest.mark.parametrize("optimiser", OTHER_OPTIONS)
def test_the_state_of_torch_can_be_loaded_as_it_is(optimiser: str) -> None:
    torch = pytest.importorskip("torch")
    start, given = gradients(0)
    theirs = torch.tensor(start, requires_grad=True)
    reference = getattr(torch.optim, optimiser)([theirs])
    ours = gg.tensor(start, requires_grad=True)
    optimizer = getattr(gg.optim, optimiser)([ours], lr=0.7)
    for step, gradient in enumerate(given[:6]):
        if step == 3:
            optimizer.load_state_dict(reference.state_dict())
            np.copyto(ours.data, theirs.detach().numpy())
        theirs.grad, ours.grad = torch.tensor(gradient), gg.tensor(gradient)
        reference.step()
        optimizer.step()
    assert set(optimizer.state[ours]) == set(reference.state[theirs])
    assert optimizer.state[ours]["step"] == 6
    close(ours.data, theirs.detach().numpy(), 1e-7)  # what is a single number is of float32 there


@pytest.mark.parametrize("optimiser", OTHER_OPTIONS)
def test_a_state_goes_to_torch_too(optimiser: str) -> None:
    """Its keys, and what it calls options, are PyTorch's."""
    torch = pytest.importorskip("torch")
    ours = gg.tensor([1.0, 2.0], requires_grad=True)
    ours.grad = gg.tensor([0.5, -0.5])
    optimizer = getattr(gg.optim, optimiser)([ours])
    optimizer.step()
    reference = getattr(torch.optim, optimiser)([torch.ones(2, requires_grad=True)])
    theirs = reference.state_dict()["param_groups"][0]
    assert set(optimizer.defaults) - optimizer.ours <= set(theirs)
    assert all(theirs[key] == optimizer.defaults[key] for key in optimizer.defaults if key not in optimizer.ours)


@pytest.mark.parametrize("optimiser", OTHER_OPTIONS)
def test_it_learns(optimiser: str) -> None:
    name = "averages" if optimiser == "ASGD" else next(iter(OTHER_OPTIONS[optimiser]))
    solved = Problem(optimiser, name)
    before = solved.loss().item()
    for _ in range(STEPS):
        solved.learn()
    assert solved.loss().item() < (0.97 if optimiser == "Adadelta" else 0.8) * before


@pytest.mark.parametrize("optimiser", OTHER_OPTIONS)
def test_options_of_numpy_keep_the_dtype_and_the_bits(optimiser: str) -> None:
    results = []
    name, options = list(OTHER_OPTIONS[optimiser].items())[-1]
    for number in (float, np.float64):
        turned = {
            key: tuple(map(number, value)) if isinstance(value, tuple) else value if value is True else number(value)
            for key, value in options.items()
        }
        p = gg.tensor([1.0, 0.3], requires_grad=True)
        optimizer = getattr(gg.optim, optimiser)([p], **turned)
        for _ in range(5):
            optimizer.zero_grad()
            gg.sum(p * p).backward()
            optimizer.step()
        arrays = [value for value in optimizer.state[p].values() if isinstance(value, np.ndarray)]
        assert {array.dtype.name for array in arrays} == {"float32"}, name
        results.append(p.data.tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize(("optimiser", "option"), REFUSED)
def test_what_is_refused(optimiser: str, option: str) -> None:
    make = getattr(gg.optim, optimiser)
    p = gg.tensor([1.0], requires_grad=True)
    good = make([p])
    for bad in ((0.9, 1.0), (-0.1, 0.9), 0.9) if option == "betas" else (-0.1, float("nan"), "fast"):
        with pytest.raises(ValueError, match=rf"{optimiser}: {option} (is a number from 0|are two numbers)"):
            make([p], **{option: bad})
        good.param_groups[0][option] = bad
        with pytest.raises(ValueError, match=f"{optimiser}: {option}"):
            good.step()
