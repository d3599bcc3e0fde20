"""Worked numbers and items of P08 on learning rates that change, batches that grow, and clipping."""

import math

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber
from graphgrad.optim import lr_scheduler
from tests.curriculum.values import leaf
from tests.worked import Check


def sgd(lr):
    return gg.optim.SGD([leaf([0.0])], lr=lr)


def rates(scheduler, steps):
    """The rate at first and after each step."""
    found = scheduler.get_last_lr()
    for _ in range(steps):
        scheduler.optimizer.step()
        scheduler.step()
        found += scheduler.get_last_lr()
    return found


def at(scheduler, times):
    found = rates(scheduler, max(times))
    return [found[time] for time in times]


@pytest.mark.curriculum("P08.17", "P08.18")
def test_a_constant_rate_is_too_small_right_or_too_large() -> None:
    def last(rate):
        w = leaf(1.0)
        optimizer = gg.optim.SGD([w], lr=rate)
        for _ in range(20):
            optimizer.zero_grad()
            (w * w).backward()
            optimizer.step()
        return abs(w.item())

    assert last(0.5) == 0.0  # 1 / E''
    assert last(0.1) == pytest.approx(0.8**20)
    assert last(1.0) == 1.0
    assert last(1.1) == pytest.approx(1.2**20)


@pytest.mark.curriculum("P08.19", "P08.23")
@pytest.mark.worked("W140")
def test_inverse_time_decay(example: WorkedNumber, check: Check) -> None:
    given = example.input
    alone = at(lr_scheduler.InverseTimeLR(sgd(given["alpha0"]), given["decay"]), given["epoch"])
    assert alone == pytest.approx(at(lr_scheduler.PowerLR(sgd(given["alpha0"]), 1 / given["decay"]), given["epoch"]))
    check(example, {"alpha": alone})


@pytest.mark.curriculum("P08.22")
@pytest.mark.worked("W141")
def test_exponential_decay_by_epochs(example: WorkedNumber, check: Check) -> None:
    given = example.input
    check(example, {"alpha": at(lr_scheduler.ExponentialLR(sgd(given["alpha0"]), given["n"]), given["epoch"])})


@pytest.mark.curriculum("P08.19", "P08.22", "P08.23")
@pytest.mark.worked("W142")
def test_exponential_and_power_decay(example: WorkedNumber, check: Check) -> None:
    given = example.input
    gamma = math.exp(-1 / given["T"])
    found = {
        "exp": at(lr_scheduler.ExponentialLR(sgd(given["alpha0"]), gamma), given["t"]),
        "power": at(lr_scheduler.PowerLR(sgd(given["alpha0"]), given["T"], c=1.0), given["t"]),
    }
    check(example, found)


@pytest.mark.curriculum("P08.20")
@pytest.mark.worked("W143")
def test_piecewise_constant_rates(example: WorkedNumber, check: Check) -> None:
    epochs = example.input["epoch"]
    pieces = lr_scheduler.PiecewiseConstantLR(sgd(0.1), [100, 300], [0.1, 0.01, 0.001])
    by_epoch = [None, *rates(pieces, 499)]  # epochs count from 1
    milestones = lr_scheduler.MultiStepLR(sgd(0.1), [100, 300], gamma=0.1)
    assert by_epoch[1:] == pytest.approx(rates(milestones, 499))
    check(example, {"rate": [by_epoch[epoch] for epoch in epochs]})


def test_e017_the_blank_rate_goes_on_with_the_pattern() -> None:
    pieces = rates(lr_scheduler.MultiStepLR(sgd(0.1), [100, 300], gamma=0.1), 499)
    assert (pieces[99], pieces[299], pieces[300], pieces[499]) == pytest.approx((0.1, 0.01, 0.001, 0.001))


@pytest.mark.curriculum("P08.21")
@pytest.mark.worked("W144")
def test_reduce_on_plateau(example: WorkedNumber, check: Check) -> None:
    given = example.input
    # The first epoch that is no better lowers the rate: Keras calls that a patience of 1, PyTorch of 0.
    scheduler = lr_scheduler.ReduceLROnPlateau(sgd(given["lr0"]), factor=given["factor"], patience=0, threshold=0.0)
    found = []
    for error in given["val"]:
        scheduler.step(error)
        found += scheduler.get_last_lr()
    check(example, {"lr": found})


@pytest.mark.curriculum("P08.24")
def test_the_noise_falls_as_batches_grow() -> None:
    """The variance of a mean of b draws is the one of a draw over b, so twice the batch is half the noise (W145)."""
    x, y = np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0, 4.0, 5.0, 9.0])
    rng = np.random.default_rng(0)

    class Sampler:
        batch_size = 1

    sampler = Sampler()
    scheduler = lr_scheduler.StepBS(sampler, step_size=1)
    variances = []
    for _ in range(3):
        drawn = rng.integers(0, 4, (20000, sampler.batch_size))
        w = leaf(np.full(drawn.shape, 0.5))
        gg.sum(0.5 * (w * x[drawn] - y[drawn]) ** 2).backward()
        assert w.grad is not None
        variances.append(w.grad.data.mean(axis=1).var())
        scheduler.step()
    np.testing.assert_allclose(variances, [100.875, 50.4375, 25.21875], rtol=0.05)


@pytest.mark.curriculum("P08.26")
@pytest.mark.worked("W147")
def test_clipping_by_norm(example: WorkedNumber, check: Check) -> None:
    clipped = []
    for gradient in example.input["g"]:
        w = leaf([0.0, 0.0])
        w.grad = gg.tensor(gradient, dtype="float64")
        gg.nn.utils.clip_grad_norm_([w], example.input["tau"], eps=0.0)
        clipped.append(w.grad)
    check(example, {"out": clipped})


@pytest.mark.curriculum("P08.23")
@pytest.mark.worked("W149")
def test_decay_with_each_update(example: WorkedNumber, check: Check) -> None:
    given = example.input
    optimizer = sgd(given["lr"])
    scheduler = lr_scheduler.InverseTimeLR(optimizer, given["decay"])
    found = [scheduler.get_last_lr()[0]]
    # It goes on from the rate before: one step at the end of a million.
    optimizer.param_groups[0]["lr"] = given["lr"] * scheduler.factor(given["t"][1] - 1)
    scheduler.last_epoch = given["t"][1] - 1
    scheduler.step()
    check(example, {"lr": found + scheduler.get_last_lr()})
