"""Adam against PyTorch's answers and against its formula; state and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.optim import Adam
from tests.optim.problems import ADAM_OPTIONS as OPTIONS
from tests.optim.problems import STEPS, Array, problem

ORACLE = Path(__file__).resolve().parent.parent / "oracle" / "adam.npz"


def leaf(*values: float) -> gg.Tensor:
    return gg.tensor(list(values), dtype="float64", requires_grad=True)


def with_gradient(p: gg.Tensor, *values: float) -> gg.Tensor:
    p.grad = gg.tensor(list(values), dtype="float64")
    return p


def start(name: str) -> tuple[Array, Array, gg.Tensor, gg.Tensor, Adam]:
    """A problem at its start, with an optimiser in two groups."""
    seed, options = list(OPTIONS).index(name), OPTIONS[name]
    x, y, (w, b) = problem(seed)
    weight, bias = gg.tensor(w, requires_grad=True), gg.tensor(b, requires_grad=True)
    optimizer = Adam([{"params": [weight]}, {"params": bias, "lr": 2 * options["lr"]}], **options)
    return x, y, weight, bias, optimizer


def learn(x: Array, y: Array, weight: gg.Tensor, bias: gg.Tensor, optimizer: Adam) -> None:
    optimizer.zero_grad()
    gg.nn.functional.mse_loss(gg.tanh(x @ weight + bias), y).backward()
    optimizer.step()


@pytest.mark.curriculum("P08.14")
@pytest.mark.parametrize("name", OPTIONS)
def test_each_of_100_steps_is_that_of_torch(name: str) -> None:
    parts = start(name)
    rows = []
    for _ in range(STEPS):
        learn(*parts)
        rows.append(np.concatenate([parts[2].data.ravel(), parts[3].data]))
    with np.load(ORACLE, allow_pickle=False) as theirs:
        assert theirs[name].shape == (STEPS, 15)
        np.testing.assert_allclose(rows, theirs[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_committed_answers_are_what_torch_says(name: str) -> None:
    pytest.importorskip("torch")
    from tests.oracle.make_optimisers import trajectory

    with np.load(ORACLE, allow_pickle=False) as committed:
        np.testing.assert_allclose(trajectory("adam", name), committed[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("name", OPTIONS)
def test_torch_takes_the_same_steps_along_the_same_gradients(name: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(list(OPTIONS).index(name))

    def draw() -> Array:
        numbers = rng.normal(size=(7, 3))
        return np.asarray(numbers + 1j * rng.normal(size=(7, 3)) if dtype[0] == "c" else numbers).astype(dtype)

    ours = gg.tensor(draw(), requires_grad=True)
    theirs = torch.tensor(ours.data, requires_grad=True)
    optimizer, reference = Adam([ours], **OPTIONS[name]), torch.optim.Adam([theirs], **OPTIONS[name])
    for _ in range(STEPS):
        gradient = draw()
        ours.grad, theirs.grad = gg.tensor(gradient), torch.tensor(gradient)
        optimizer.step()
        reference.step()
        difference = np.abs(ours.data - theirs.detach().numpy())
        assert np.max(difference / np.maximum(1.0, np.abs(ours.data))) <= (1e-12 if dtype == "float64" else 1e-6)


def test_two_steps_by_hand() -> None:
    p = leaf(1.0)
    optimizer = Adam([p], lr=0.1, betas=(0.8, 0.9), eps=0.01, weight_decay=0.5)
    with_gradient(p, 2.0)
    optimizer.step()
    first = 2.5  # 2 + ½ · 1; both corrected means are those of the one gradient so far
    assert p.item() == pytest.approx(1.0 - 0.1 * first / (first + 0.01), rel=1e-15)
    second = 2.0 + 0.5 * p.item()
    before = p.item()
    optimizer.step()
    m = (0.2 * 0.8 * first + 0.2 * second) / (1 - 0.8**2)
    v = (0.1 * 0.9 * first**2 + 0.1 * second**2) / (1 - 0.9**2)
    assert p.item() == pytest.approx(before - 0.1 * m / (math.sqrt(v) + 0.01), rel=1e-15)


def test_decay_through_the_gradient_and_by_itself() -> None:
    p, q = with_gradient(leaf(2.0), 0.0), with_gradient(leaf(2.0), 0.0)
    Adam([p], lr=0.1, weight_decay=0.5).step()
    Adam([q], lr=0.1, weight_decay=0.5, decoupled_weight_decay=True).step()
    assert p.item() == pytest.approx(1.9)  # the size of a step is that of the rate, however small the decay
    assert q.item() == pytest.approx(2.0 * (1 - 0.1 * 0.5))


def test_amsgrad_remembers_the_largest() -> None:
    p = leaf(0.0)
    optimizer = Adam([p], betas=(0.0, 0.5), amsgrad=True)
    for gradient, largest in ((1.0, 0.5), (4.0, 8.25), (0.0, 8.25)):
        with_gradient(p, gradient)
        optimizer.step()
        assert optimizer.state[p]["max_exp_avg_sq"].tolist() == [largest]
    assert optimizer.state[p]["exp_avg_sq"].tolist() == [4.125]


def test_each_parameter_counts_its_own_steps() -> None:
    """One that gets a gradient later only begins later, with the correction of a first step."""
    p, q = with_gradient(leaf(1.0), 3.0), leaf(1.0)
    optimizer = Adam([p, q], lr=0.1)
    optimizer.step()
    with_gradient(q, -5.0)
    optimizer.step()
    assert (optimizer.state[p]["step"], optimizer.state[q]["step"]) == (2, 1)
    assert q.item() == pytest.approx(1.1)


def test_a_state_has_the_form_of_torch_and_is_a_copy() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.ones(2, requires_grad=True)
    theirs.grad = torch.ones(2)
    reference = torch.optim.Adam([theirs], amsgrad=True)
    reference.step()
    p = gg.tensor([1.0, 1.0], requires_grad=True)
    p.grad = gg.tensor([1.0, 1.0])
    optimizer = Adam([p], amsgrad=True)
    optimizer.step()
    state = optimizer.state_dict()["state"][0]
    assert list(state) == ["exp_avg", "exp_avg_sq", "max_exp_avg_sq", "step"]
    assert set(state) == set(reference.state_dict()["state"][0])
    before = state["exp_avg"].tolist()
    optimizer.step()
    assert state["exp_avg"].tolist() == before
    assert state["step"] == 1


@pytest.mark.parametrize("name", ["amsgrad_decay", "decoupled"])
def test_a_state_goes_on_where_it_was(name: str) -> None:
    x, y, weight, bias, optimizer = start(name)
    for _ in range(5):
        learn(x, y, weight, bias, optimizer)
    copies = [gg.tensor(p.data, requires_grad=True) for p in (weight, bias)]
    twin = Adam([{"params": copies[:1]}, {"params": copies[1:]}])
    twin.load_state_dict(optimizer.state_dict())
    for _ in range(5):
        learn(x, y, weight, bias, optimizer)
        learn(x, y, copies[0], copies[1], twin)
    np.testing.assert_array_equal(weight.data, copies[0].data)
    np.testing.assert_array_equal(bias.data, copies[1].data)


@pytest.mark.parametrize("layout", ["C", "F"])
def test_the_state_of_torch_can_be_loaded(layout: Any) -> None:
    torch = pytest.importorskip("torch")
    start = np.array(np.arange(6.0).reshape(2, 3) - 2.5, order=layout)
    theirs = torch.tensor(start, requires_grad=True)
    reference = torch.optim.Adam([theirs], lr=0.1, amsgrad=True)
    ours = gg.asarray(start.copy(order="K"), requires_grad=True)
    gradient = np.ones((2, 3)) - np.eye(2, 3)
    theirs.grad = torch.tensor(gradient)
    for _ in range(3):
        reference.step()
    np.copyto(ours.data, theirs.detach().numpy())
    optimizer = Adam([ours], lr=0.5)
    state = reference.state_dict()
    known = {"params", *optimizer.defaults}
    state["param_groups"] = [{k: v for k, v in group.items() if k in known} for group in state["param_groups"]]
    optimizer.load_state_dict(state)
    assert optimizer.state[ours]["step"] == 3
    assert type(optimizer.state[ours]["step"]) is int
    ours.grad = gg.tensor(gradient)
    for _ in range(3):
        optimizer.step()
        reference.step()
    np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-13)


@pytest.mark.parametrize("step", [-1, 1.5, "1", gg.ones(2), None, float("nan")])
def test_a_step_that_is_no_count_is_refused(step: Any) -> None:
    p = with_gradient(leaf(1.0), 1.0)
    optimizer = Adam([p])
    optimizer.step()
    state = optimizer.state_dict()
    state["state"][0]["step"] = step
    with pytest.raises(ValueError, match=r"Adam.load_state_dict: step of parameter 0 is a count"):
        optimizer.load_state_dict(state)
    assert optimizer.state[p]["step"] == 1


def test_options_of_numpy_keep_the_dtype_and_the_bits() -> None:
    results = []
    numbers: list[Any] = [float, np.float64]
    for number in numbers:
        p = gg.tensor([1.0, 0.3], requires_grad=True)
        betas = (number(0.9), number(0.99))
        optimizer = Adam([p], lr=number(0.1), betas=betas, eps=number(1e-6), weight_decay=number(0.1), amsgrad=True)
        for _ in range(5):
            optimizer.zero_grad()
            gg.sum(p * p).backward()
            optimizer.step()
        assert {optimizer.state[p][name].dtype.name for name in ("exp_avg", "exp_avg_sq")} == {"float32"}
        results.append(p.data.tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"lr": -0.1}, "lr is a number from 0"),
        ({"eps": -1e-8}, "eps is a number from 0"),
        ({"weight_decay": float("nan")}, "weight_decay is a number from 0"),
        ({"betas": (0.9, 1.0)}, r"betas are two numbers from 0 and below 1[\s\S]*got: \(0.9, 1.0\)"),
        ({"betas": (-0.1, 0.9)}, "betas are two numbers"),
        ({"betas": 0.9}, "betas are two numbers"),
        ({"betas": (0.9,)}, "betas are two numbers"),
        ({"betas": ("a", "b")}, "betas are two numbers"),
    ],
)
def test_what_is_refused(options: Any, says: str) -> None:
    with pytest.raises(ValueError, match=f"Adam: {says}"):
        Adam([leaf(1.0)], **options)


def test_it_learns() -> None:
    x, y, weight, bias, optimizer = start("plain")
    first = gg.nn.functional.mse_loss(gg.tanh(x @ weight + bias), y).item()
    for _ in range(STEPS):
        learn(x, y, weight, bias, optimizer)
    assert gg.nn.functional.mse_loss(gg.tanh(x @ weight + bias), y).item() < 0.6 * first
