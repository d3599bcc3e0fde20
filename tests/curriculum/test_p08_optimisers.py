"""Worked numbers of P08 on gradient descent, momentum and Adam; and what is misprinted about them."""

import math

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber
from tests.curriculum.values import leaf
from tests.worked import Check


def parabola(w):
    """(w - 5)²"""
    return w**2 - 10.0 * w + 25.0


def descend(optimizer, w, steps):
    """The value of w after each step down the parabola."""
    values = []
    for _ in range(steps):
        optimizer.zero_grad()
        parabola(w).backward()
        optimizer.step()
        values.append(w.item())
    return values


@pytest.mark.worked("W129")
def test_gradient_descent_on_a_parabola(example: WorkedNumber, check: Check) -> None:
    w = leaf(example.input["w0"])
    c2, c1, c0 = example.input["coef"]
    first = c2 * w**2 + c1 * w + c0
    assert first.item() == parabola(w).item()
    values = descend(gg.optim.SGD([w], lr=example.input["alpha"]), w, max(example.input["steps"]))
    check(example, {"J0": first, "w": [values[step - 1] for step in example.input["steps"]]})


@pytest.mark.worked("W130")
def test_three_steps_of_each(example: WorkedNumber, check: Check) -> None:
    given = example.input

    def trace(make):
        w = leaf(given["w0"])
        return descend(make(w), w, given["steps"])

    # With the mean of gradients in the place of their sum, a rate is 1 - β of PyTorch's.
    averaged = {"lr": given["alpha"] * (1 - given["beta"]), "momentum": given["beta"]}
    betas = given["beta"], given["beta2"]
    found = {
        "gd": trace(lambda w: gg.optim.SGD([w], lr=given["alpha"])),
        "momentum_ema": trace(lambda w: gg.optim.SGD([w], **averaged)),
        "adam": trace(lambda w: gg.optim.Adam([w], lr=given["alpha"], betas=betas, eps=given["eps"])),
    }
    check(example, found, skip=["rmsprop"])


@pytest.mark.worked("W131")
def test_momentum_as_a_sum_and_nesterov(example: WorkedNumber, check: Check) -> None:
    alpha, beta, steps = (example.input[name] for name in ("alpha", "beta", "steps"))
    w = leaf(example.input["w0"])
    momentum = descend(gg.optim.SGD([w], lr=alpha, momentum=beta), w, steps)
    # PyTorch keeps the point that looks ahead, w - β · m; its gradient is taken where it stands.
    ahead = leaf(example.input["w0"])
    optimizer = gg.optim.SGD([ahead], lr=alpha, momentum=beta, nesterov=True)
    nesterov = []
    for _ in range(steps):
        (point,) = descend(optimizer, ahead, 1)
        nesterov.append(point + alpha * beta * optimizer.state[ahead]["momentum_buffer"].item())
    check(example, {"momentum": momentum, "nesterov": nesterov})


@pytest.mark.worked("W133")
def test_the_mean_of_a_constant_gradient(example: WorkedNumber, check: Check) -> None:
    beta1 = example.input["beta1"]
    w = leaf([0.0])
    optimizer = gg.optim.Adam([w], lr=0.5, betas=(beta1, 0.999), eps=0.0)
    means, steps = [], []
    for _ in example.input["t"]:
        w.grad = gg.tensor([float(example.input["g"])], dtype="float64")
        before = w.item()
        optimizer.step()
        means.append(optimizer.state[w]["exp_avg"].item())
        steps.append((before - w.item()) / 0.5)  # m̂ / √v̂, where v̂ is the square of the constant gradient
    printed = [m / (1 - beta1) for m in means]  # E014: without the power
    check(example, {"m": means, "mhat": steps, "mhat_printed_hslu": printed})


@pytest.mark.worked("W134")
def test_the_defaults_of_adam(example: WorkedNumber, check: Check) -> None:
    options = gg.optim.Adam([leaf(0.0)]).defaults  # E016: the printed rate is 0.9
    beta1, beta2 = options["betas"]
    check(example, {"alpha": options["lr"], "beta1": beta1, "beta2": beta2, "eps": options["eps"]})


@pytest.mark.worked("W135")
def test_momentum_under_a_constant_gradient(example: WorkedNumber, check: Check) -> None:
    given = example.input

    def last_step(momentum):
        w = leaf([0.0])
        optimizer = gg.optim.SGD([w], lr=given["gamma"], momentum=momentum)
        for _ in range(given["n"]):
            before = w.item()
            w.grad = gg.tensor([float(given["g"])], dtype="float64")
            optimizer.step()
        return w.item() - before

    check(example, {"step": last_step(given["beta"]), "step_beta0": last_step(0.0)})


@pytest.mark.worked("W176")
def test_decay_through_the_gradient_is_a_shrinking(example: WorkedNumber, check: Check) -> None:
    given = example.input
    decay = given["lam"] / given["m"]
    w, shrunk = leaf([given["w"]]), leaf([given["w"] * (1 - given["alpha"] * decay)])
    for one, options in ((w, {"weight_decay": decay}), (shrunk, {})):
        one.grad = gg.tensor([given["g"]], dtype="float64")
        gg.optim.SGD([one], lr=given["alpha"], **options).step()
    check(example, {"via_grad": w[0], "via_shrink": shrunk[0]})


def test_e013_the_look_ahead_is_against_the_momentum() -> None:
    def traced(sign):
        w = m = 0.0
        for _ in range(3):
            point = leaf(w + sign * 0.9 * m)
            parabola(point).backward()
            assert point.grad is not None
            m = 0.9 * m + 0.1 * point.grad.item()
            w -= m
        return round(w, 4)

    ahead = leaf(0.0)
    optimizer = gg.optim.SGD([ahead], lr=0.1, momentum=0.9, nesterov=True)
    point = descend(optimizer, ahead, 3)[-1]
    ours = point + 0.1 * 0.9 * optimizer.state[ahead]["momentum_buffer"].item()
    assert (traced(-1), traced(+1)) == (4.1104, 5.3344)
    assert ours == pytest.approx(4.1104)


def test_e015_the_gradient_is_in_the_step_of_adam_once() -> None:
    w = leaf([0.0])
    w.grad = gg.tensor([0.01], dtype="float64")
    gg.optim.Adam([w], lr=0.1).step()
    assert -w.item() == pytest.approx(0.0999999, abs=1e-10)
    assert -w.item() * 0.01 == pytest.approx(0.000999999, abs=1e-12)  # as printed


def test_e057_a_step_without_gradient_still_decays() -> None:
    w = leaf(np.ones(1))
    optimizer = gg.optim.SGD([w], lr=1e-3, weight_decay=1e-5)
    for _ in range(1000):
        gg.sum(w * w).backward()
        optimizer.zero_grad(set_to_none=False)  # in the wrong place: the step finds zeros
        optimizer.step()
    assert 1.0 - w.item() == pytest.approx(9.99995e-06, rel=1e-6)


def test_e110_the_average_takes_in_what_it_lets_go_of() -> None:
    w = leaf(0.0)
    (value,) = descend(gg.optim.SGD([w], lr=0.1 * (1 - 0.9), momentum=0.9), w, 1)
    assert value / 0.1 == pytest.approx(0.1 * 10)  # printed: 1.9 · 10


def test_e111_each_average_is_corrected_with_its_own_beta() -> None:
    w = leaf([0.0])
    w.grad = gg.tensor([1.0], dtype="float64")
    optimizer = gg.optim.Adam([w], lr=1.0, eps=0.0)
    optimizer.step()
    m, v = (optimizer.state[w][name].item() for name in ("exp_avg", "exp_avg_sq"))
    assert (m / (1 - 0.9), m / (1 - 0.999)) == (pytest.approx(1.0), pytest.approx(100.0))
    assert -w.item() == pytest.approx(m / (1 - 0.9) / math.sqrt(v / (1 - 0.999)))
