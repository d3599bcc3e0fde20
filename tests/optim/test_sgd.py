"""SGD against PyTorch's answers and against its formula; groups, state and what is refused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.optim import SGD, Optimizer
from tests.optim.problems import SGD_OPTIONS as OPTIONS
from tests.optim.problems import STEPS, Array, problem

ORACLE = Path(__file__).resolve().parent.parent / "oracle" / "sgd.npz"


def leaf(*values: float) -> gg.Tensor:
    return gg.tensor(list(values), dtype="float64", requires_grad=True)


def with_gradient(p: gg.Tensor, *values: float) -> gg.Tensor:
    p.grad = gg.tensor(list(values), dtype="float64")
    return p


def start(name: str) -> tuple[Array, Array, gg.Tensor, gg.Tensor, SGD]:
    """A problem at its start, with an optimiser in two groups."""
    seed, options = list(OPTIONS).index(name), OPTIONS[name]
    x, y, (w, b) = problem(seed)
    weight, bias = gg.tensor(w, requires_grad=True), gg.tensor(b, requires_grad=True)
    optimizer = SGD([{"params": [weight]}, {"params": bias, "lr": 2 * options["lr"]}], **options)
    return x, y, weight, bias, optimizer


def trajectory(name: str) -> Array:
    x, y, weight, bias, optimizer = start(name)
    rows = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        gg.nn.functional.mse_loss(gg.tanh(x @ weight + bias), y).backward()
        optimizer.step()
        rows.append(np.concatenate([weight.data.ravel(), bias.data]))
    return np.array(rows)


@pytest.mark.curriculum("P08.01", "P08.11", "P08.12")
@pytest.mark.parametrize("name", OPTIONS)
def test_each_of_100_steps_is_that_of_torch(name: str) -> None:
    with np.load(ORACLE, allow_pickle=False) as theirs:
        assert theirs[name].shape == (STEPS, 15)
        np.testing.assert_allclose(trajectory(name), theirs[name], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_committed_answers_are_what_torch_says(name: str) -> None:
    pytest.importorskip("torch")
    from tests.oracle.make_optimisers import trajectory as torch_trajectory

    with np.load(ORACLE, allow_pickle=False) as committed:
        rows = torch_trajectory("sgd", name)
        np.testing.assert_allclose(rows, committed[name], rtol=1e-12, atol=1e-13)


def test_two_steps_by_hand() -> None:
    p = leaf(1.0)
    optimizer = SGD([p], lr=0.1, momentum=0.5, dampening=0.2, weight_decay=0.1)
    with_gradient(p, 2.0)
    optimizer.step()
    # g = 2 + 0.1 · 1, and m = g in the first step.
    assert p.item() == pytest.approx(1.0 - 0.1 * 2.1)
    optimizer.step()
    m = 0.5 * 2.1 + 0.8 * (2.0 + 0.1 * 0.79)
    assert p.item() == pytest.approx(0.79 - 0.1 * m)


def test_a_gradient_that_stays_is_not_touched() -> None:
    p = with_gradient(leaf(1.0), 2.0)
    optimizer = SGD([p], lr=0.1, momentum=0.5)
    optimizer.step()
    optimizer.step()
    assert p.grad is not None
    assert p.grad.item() == 2.0
    assert p.item() == pytest.approx(1.0 - 0.1 * 2.0 - 0.1 * 3.0)


def test_what_has_no_gradient_does_not_move() -> None:
    p, q = with_gradient(leaf(1.0), 1.0), leaf(1.0)
    SGD([p, q], lr=0.5, momentum=0.9, weight_decay=0.1).step()
    assert (p.item(), q.item()) == (pytest.approx(0.45), 1.0)


def test_a_step_is_never_recorded_and_keeps_memory_and_dtype() -> None:
    p = gg.tensor([1.0, 2.0], requires_grad=True)
    memory = p.data
    optimizer = SGD([p], lr=np.float64(0.1), momentum=0.9, weight_decay=0.1)
    gg.sum(p * p).backward()
    with gg.record() as recording:
        optimizer.step()
    assert recording.nodes == []
    assert p.is_leaf
    assert p.data is memory
    assert p.dtype == np.float32


def test_options_of_numpy_keep_the_dtype_and_the_bits() -> None:
    options: dict[str, Any] = {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}
    results = []
    numbers: list[Any] = [float, np.float64]
    for number in numbers:
        p = gg.tensor([1.0, 0.3], requires_grad=True)
        optimizer = SGD([p], **{name: number(value) for name, value in options.items()})
        for _ in range(5):
            optimizer.zero_grad()
            gg.sum(p * p).backward()
            optimizer.step()
        assert optimizer.state[p]["momentum_buffer"].dtype == np.float32
        results.append(p.data.tobytes())
    assert results[0] == results[1]


def test_a_graph_that_still_needs_the_old_values_notices() -> None:
    p = leaf(1.0)
    loss = gg.sum(p * p)
    loss.backward(retain_graph=True)
    SGD([p], lr=0.1).step()
    with pytest.raises(gg.WriteError, match="multiply needs operand a"):
        loss.backward()


def test_zero_grad() -> None:
    p, q = with_gradient(leaf(1.0), 3.0), leaf(1.0)
    optimizer = SGD([p, q], lr=0.1)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is not None
    assert (p.grad.item(), q.grad) == (0.0, None)
    optimizer.zero_grad()
    assert p.grad is None


def test_a_closure_computes_the_loss_even_under_no_grad() -> None:
    p = leaf(3.0)
    optimizer = SGD([p], lr=0.25)

    def closure() -> gg.Tensor:
        optimizer.zero_grad()
        loss = gg.sum(p * p)
        loss.backward()
        return loss

    with gg.no_grad():
        assert optimizer.step(closure).item() == 9.0
    assert p.item() == 1.5
    assert optimizer.step() is None


def test_options_are_those_of_the_group_and_may_change() -> None:
    p, q = with_gradient(leaf(1.0), 1.0), with_gradient(leaf(1.0), 1.0)
    optimizer = SGD([{"params": p, "lr": 0.5}], lr=0.1)
    optimizer.add_param_group({"params": [q]})
    optimizer.step()
    assert (p.item(), q.item()) == (0.5, 0.9)
    optimizer.param_groups[1]["lr"] = 0.4
    optimizer.step()
    assert (p.item(), q.item()) == (0.0, 0.5)
    optimizer.param_groups[1]["lr"] = -1.0
    with pytest.raises(ValueError, match="lr is a number from 0"):
        optimizer.step()
    assert (p.item(), q.item()) == (0.0, 0.5)


def test_a_state_goes_on_where_it_was() -> None:
    x, y, weight, bias, optimizer = start("all")
    other: list[Any] = []
    for step in range(10):
        if step == 5:
            copies = [gg.tensor(p.data, requires_grad=True) for p in (weight, bias)]
            twin = SGD([{"params": copies[:1]}, {"params": copies[1:]}], lr=1.0)
            twin.load_state_dict(optimizer.state_dict())
            other = [*copies, twin]
        for w, b, steps in ((weight, bias, optimizer), other) if step >= 5 else ((weight, bias, optimizer),):
            steps.zero_grad()
            gg.nn.functional.mse_loss(gg.tanh(x @ w + b), y).backward()
            steps.step()
    np.testing.assert_array_equal(weight.data, other[0].data)
    np.testing.assert_array_equal(bias.data, other[1].data)
    assert other[2].param_groups[1]["lr"] == 2 * OPTIONS["all"]["lr"]


def test_a_state_has_the_form_of_torch_and_is_a_copy() -> None:
    p, q = with_gradient(leaf(1.0), 1.0), leaf(1.0)
    optimizer = SGD([{"params": [p]}, {"params": [q], "momentum": 0.0}], lr=0.1, momentum=0.9)
    optimizer.step()
    state = optimizer.state_dict()
    assert [group["params"] for group in state["param_groups"]] == [[0], [1]]
    assert list(state["state"]) == [0]
    buffer = state["state"][0]["momentum_buffer"]
    assert (type(buffer), buffer.tolist()) == (gg.Tensor, [1.0])
    optimizer.step()
    assert buffer.tolist() == [1.0]
    optimizer.load_state_dict(state)
    optimizer.step()
    assert buffer.tolist() == [1.0]


def test_the_state_of_torch_can_be_loaded() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    reference = torch.optim.SGD([theirs], lr=0.1, momentum=0.9)
    theirs.grad = torch.tensor([1.0, -1.0], dtype=torch.float64)
    reference.step()
    ours = gg.tensor(theirs.detach().numpy(), requires_grad=True)
    optimizer = SGD([ours], lr=0.5)
    state = reference.state_dict()
    known = {"params", *optimizer.defaults}
    state["param_groups"] = [{k: v for k, v in group.items() if k in known} for group in state["param_groups"]]
    optimizer.load_state_dict(state)
    with_gradient(ours, 1.0, -1.0)
    optimizer.step()
    reference.step()
    np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-15)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("state"), "there is no 'state' in it"),
        (lambda s: s["param_groups"].append({"params": []}), r"groups of \[1, 1\] parameters[\s\S]*got: \[1, 1, 0\]"),
        (lambda s: s["param_groups"][0].pop("nesterov"), "other options"),
        (lambda s: s["param_groups"][0].pop("params"), r"got: \[0, 1\]"),
        (lambda s: s["param_groups"][1].update(lr=-1.0), "lr is a number from 0"),
        (lambda s: s["state"].update({9: {}}), "state of parameter 9, which is in no group"),
        (
            lambda s: s["state"].update({1: {"momentum_buffer": gg.ones(3)}}),
            r"momentum_buffer of parameter 1 has another shape[\s\S]*got: \(3,\)",
        ),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change: Any, says: str) -> None:
    p, q = with_gradient(leaf(1.0), 1.0), leaf(1.0)
    optimizer = SGD([{"params": p}, {"params": q}], lr=0.1, momentum=0.9)
    optimizer.step()
    state = optimizer.state_dict()
    state["param_groups"][0]["lr"] = 0.7
    change(state)
    with pytest.raises(ValueError, match=says):
        optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert optimizer.state[p]["momentum_buffer"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("params", "options", "error", "says"),
    [
        ([], {}, ValueError, "there are no parameters"),
        (leaf(1.0), {}, TypeError, "got one Tensor"),
        (None, {}, TypeError, "params is a collection of tensors, got NoneType"),
        (gg.nn.Linear(1, 1), {}, TypeError, r"got Linear[\s\S]*hint: model.parameters\(\)"),
        (gg.nn.Sequential(gg.nn.Linear(1, 1)), {}, TypeError, r"no Tensor but Linear[\s\S]*hint: model.parameters\(\)"),
        (gg.nn.Linear(1, 1).named_parameters(), {}, TypeError, r"no Tensor but tuple[\s\S]*hint: model.parameters\(\)"),
        ([{"params": 3.0}], {}, TypeError, "params is a collection of tensors, got float"),
        ({"params": [leaf(1.0)]}, {}, TypeError, "got one dict"),
        ([np.ones(2)], {}, TypeError, "parameter 0 is no Tensor but ndarray"),
        ([leaf(1.0), leaf(1.0) * 2], {}, ValueError, "parameter 1, a tensor of shape .1,., was computed"),
        ([leaf(1.0)] * 1 + [(p := leaf(2.0)), p], {}, ValueError, "parameter 2, .* is there twice"),
        ([{"params": [(q := leaf(2.0))]}, {"params": [q]}], {}, ValueError, "is there twice"),
        ([{"params": [leaf(1.0)]}, leaf(1.0)], {}, TypeError, r"is a dict, got Tensor[\s\S]*hint: all are tensors, or"),
        ([leaf(1.0), gg.tensor([1, 2])], {}, gg.DTypeError, "parameter 1, .* has dtype int64"),
        ([{"params": [leaf(1.0)], "rate": 1.0}], {}, ValueError, "has no option 'rate'"),
        ([{"lr": 1.0}], {}, ValueError, 'under "params"'),
        ([leaf(1.0)], {"lr": -0.1}, ValueError, "lr is a number from 0"),
        ([leaf(1.0)], {"lr": float("nan")}, ValueError, "lr is a number from 0"),
        ([leaf(1.0)], {"lr": "fast"}, ValueError, "lr is a number from 0"),
        ([leaf(1.0)], {"lr": True}, ValueError, "lr is a number from 0"),
        ([leaf(1.0)], {"momentum": -0.1}, ValueError, "momentum is a number from 0"),
        ([leaf(1.0)], {"maximize": "no"}, ValueError, "maximize is True or False"),
        ([leaf(1.0)], {"dampening": None}, ValueError, "dampening is a number from 0"),
        ([leaf(1.0)], {"weight_decay": -1}, ValueError, "weight_decay is a number from 0"),
        ([leaf(1.0)], {"nesterov": True}, ValueError, "nesterov needs momentum above 0"),
        ([leaf(1.0)], {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, ValueError, "and dampening 0"),
    ],
)
def test_what_is_refused(params: Any, options: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        SGD(params, **options)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: None, "a mapping is needed, got NoneType"),
        (lambda s: [s], "a mapping is needed, got list"),
        (lambda s: {**s, "state": []}, "'state' is a mapping, got list"),
        (lambda s: {**s, "state": {0: 1.0}}, "the state of parameter 0 is a mapping, got float"),
        (lambda s: {**s, "param_groups": {}}, "'param_groups' is a list, got dict"),
        (lambda s: {**s, "param_groups": [3]}, "group 0 is a mapping, got int"),
        (lambda s: {**s, "param_groups": [{"params": 0}]}, "'params' of group 0 is a list of numbers, got int"),
    ],
)
@pytest.mark.parametrize("make", [SGD, gg.optim.LBFGS])
def test_what_has_not_the_form_of_a_state_is_refused(make: Any, change: Any, says: str) -> None:
    optimizer = make([leaf(1.0)])
    before = repr(optimizer)
    with pytest.raises(TypeError, match=f"{make.__name__}.load_state_dict: {says}"):
        optimizer.load_state_dict(change(optimizer.state_dict()))
    assert repr(optimizer) == before


def test_complex_memories_of_a_real_parameter_are_refused() -> None:
    p = with_gradient(leaf(1.0), 1.0)
    optimizer = SGD([p], momentum=0.9)
    optimizer.step()
    state = optimizer.state_dict()
    state["state"][0]["momentum_buffer"] = gg.tensor([1j])
    with pytest.raises(ValueError, match=r"momentum_buffer of parameter 0 has another dtype[\s\S]*got: complex"):
        optimizer.load_state_dict(state)
    assert optimizer.state[p]["momentum_buffer"].tolist() == [1.0]


def test_a_closure_is_a_function() -> None:
    p = with_gradient(leaf(1.0), 1.0)
    with pytest.raises(TypeError, match=r"SGD\.step: the closure is a function, got Tensor"):
        SGD([p]).step(p)  # type: ignore[arg-type]
    assert p.item() == 1.0


def test_a_copy_with_its_model_is_independent() -> None:
    p = leaf(1.0)
    optimizer = SGD([p], lr=0.5, momentum=0.9)
    with_gradient(p, 1.0)
    optimizer.step()
    twin = copy.deepcopy(optimizer)
    moved = twin.param_groups[0]["params"][0]
    with_gradient(moved, 1.0)
    twin.step()
    assert (p.item(), moved.item()) == (0.5, pytest.approx(0.5 - 0.5 * 1.9))


def test_an_optimizer_that_says_nothing_is_told() -> None:
    with pytest.raises(NotImplementedError, match="doesn't say how a parameter moves"):
        Optimizer([with_gradient(leaf(1.0), 1.0)], {"lr": 0.1}).step()


def test_repr_shows_the_groups() -> None:
    assert repr(SGD([leaf(1.0), leaf(2.0)], lr=0.1)) == (
        "SGD(\n  group 0: 2 parameters, lr=0.1, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, "
        "maximize=False\n)"
    )


def test_an_order_that_differs_from_run_to_run_is_refused() -> None:
    with pytest.raises(TypeError, match=r"SGD: params is a set[\s\S]*hint: a list"):
        SGD({leaf(1.0), leaf(2.0)})


def test_what_a_schedule_keeps_in_a_group_is_saved_and_what_says_how_torch_computes_is_not() -> None:
    p = with_gradient(leaf(1.0), 1.0)
    optimizer = SGD([p], lr=0.1)
    state = optimizer.state_dict()
    state["param_groups"][0].update(initial_lr=0.5, foreach=None, fused=True, differentiable=False)
    optimizer.load_state_dict(state)
    assert optimizer.state_dict()["param_groups"][0]["initial_lr"] == 0.5
    assert not {"foreach", "fused", "differentiable"} & set(optimizer.param_groups[0])


def test_a_number_that_stands_for_two_parameters_is_refused() -> None:
    optimizer = SGD([{"params": [leaf(1.0)]}, {"params": [leaf(2.0)]}])
    state = optimizer.state_dict()
    state["param_groups"][1]["params"] = [0]
    with pytest.raises(ValueError, match=r"a parameter's number is there twice[\s\S]*got: \[0, 0\]"):
        optimizer.load_state_dict(state)
