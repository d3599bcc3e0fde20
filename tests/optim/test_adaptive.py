"""Adagrad, Adadelta, RMSprop and Adam's relatives by hand, and where formulas differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.optim import ASGD, Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, Optimizer, RAdam, RMSprop, Rprop


def leaf(*values: float) -> gg.Tensor:
    return gg.tensor(list(values), dtype="float64", requires_grad=True)


def walked(make: Any, gradients: Sequence[float], **options: Any) -> tuple[list[float], Optimizer]:
    """Where a number that starts at 1 is after each step along gradients."""
    p = leaf(1.0)
    optimizer: Optimizer = make([p], **options)
    places = []
    for gradient in gradients:
        p.grad = gg.tensor([gradient], dtype="float64")
        optimizer.step()
        places.append(p.item())
    return places, optimizer


def state(optimizer: Optimizer, key: str) -> Any:
    value = next(iter(optimizer.state.values()))[key]
    return value.item() if isinstance(value, np.ndarray) else value


@pytest.mark.curriculum("P08.15")
def test_adagrad_divides_by_all_that_was() -> None:
    (first, second), optimizer = walked(Adagrad, (3.0, -4.0), lr=0.1, eps=0.0, lr_decay=0.5)
    assert first == pytest.approx(1.0 - 0.1)
    assert second == pytest.approx(0.9 + 0.1 / 1.5 * 4.0 / 5.0)
    assert state(optimizer, "sum") == 25.0


def test_adagrad_begins_with_what_is_asked_for_in_complex_numbers_too() -> None:
    p = gg.tensor(np.array([1.0 + 1.0j]), requires_grad=True)
    p.grad = gg.tensor(np.array([3.0 + 0.0j]))
    optimizer = Adagrad([p], lr=1.0, initial_accumulator_value=16.0)
    optimizer.step()
    assert optimizer.state[p]["sum"].tolist() == [25.0 + 16.0j]
    assert p.item() == pytest.approx(0.4 + 1.0j)


@pytest.mark.parametrize(("make", "mean"), [(Adagrad, 4.0), (RMSprop, 0.04)])
@pytest.mark.parametrize("inside", [False, True])
def test_epsilon_outside_the_root_and_inside(make: Any, mean: float, inside: bool) -> None:
    (place,), _ = walked(make, (2.0,), lr=0.1, eps=0.25, eps_in_sqrt=inside)
    scale = math.sqrt(mean + 0.25) if inside else math.sqrt(mean) + 0.25
    assert place == pytest.approx(1.0 - 0.1 * 2.0 / scale, rel=1e-14)


@pytest.mark.parametrize("make", [Adagrad, RMSprop])
def test_a_state_dict_without_our_option_takes_its_default(make: Any) -> None:
    _, optimizer = walked(make, (2.0,))
    group = optimizer.state_dict()["param_groups"][0]
    assert group.pop("eps_in_sqrt") is False
    _, other = walked(make, (1.0,), eps_in_sqrt=True)
    other.load_state_dict({"state": optimizer.state_dict()["state"], "param_groups": [{**group, "foreach": None}]})
    assert other.param_groups[0]["eps_in_sqrt"] is True
    assert "foreach" not in other.param_groups[0]


def test_adadelta_by_hand() -> None:
    (first, second), optimizer = walked(Adadelta, (2.0, 1.0), rho=0.75, eps=0.01, lr=0.5)
    step = math.sqrt(0.01) / math.sqrt(1.0 + 0.01) * 2.0
    assert first == pytest.approx(1.0 - 0.5 * step, rel=1e-14)
    v, u = 0.75 * 1.0 + 0.25 * 1.0, 0.25 * step**2
    assert second == pytest.approx(first - 0.5 * math.sqrt(u + 0.01) / math.sqrt(v + 0.01), rel=1e-14)
    assert state(optimizer, "square_avg") == pytest.approx(v)


@pytest.mark.curriculum("P08.13")
def test_rmsprop_by_hand_with_momentum_and_centred() -> None:
    options = {"lr": 0.1, "alpha": 0.75, "eps": 0.5, "momentum": 0.5, "centered": True}
    (first, second), optimizer = walked(RMSprop, (2.0, 4.0), **options)
    b = 2.0 / (math.sqrt(1.0 - 0.5**2) + 0.5)
    assert first == pytest.approx(1.0 - 0.1 * b, rel=1e-14)
    v, m = 0.75 * 1.0 + 0.25 * 16.0, 0.75 * 0.5 + 0.25 * 4.0
    b = 0.5 * b + 4.0 / (math.sqrt(v - m**2) + 0.5)
    assert second == pytest.approx(first - 0.1 * b, rel=1e-14)
    assert state(optimizer, "grad_avg") == pytest.approx(m)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_variance_is_never_negative(dtype: str) -> None:
    """Of a gradient that stays the same it is 0 but for rounding, of which PyTorch takes the root: NaN."""
    p = gg.zeros(4, dtype=dtype, requires_grad=True)
    optimizer = RMSprop([p], lr=1e-3, alpha=0.5, eps=1.0, centered=True)
    p.grad = gg.tensor([0.1, 0.3, 0.7, -1.1], dtype=dtype)
    for _ in range(100):
        before = p.data.copy()
        optimizer.step()
    np.testing.assert_allclose(p.data - before, -1e-3 * p.grad.data, rtol=1e-3)
    p.grad = gg.tensor([math.nan, 0.3, 0.7, -1.1], dtype=dtype)
    optimizer.step()
    assert np.isnan(p.data).tolist() == [True, False, False, False]


def test_rmsprop_remembers_only_what_it_needs() -> None:
    _, optimizer = walked(RMSprop, (2.0,))
    assert set(next(iter(optimizer.state.values()))) == {"step", "square_avg"}


@pytest.mark.parametrize(("make", "option"), [(RMSprop, "alpha"), (Adadelta, "rho")])
def test_a_share_that_is_kept_is_at_most_1(make: Any, option: str) -> None:
    make([leaf(1.0)], **{option: 1.0})
    with pytest.raises(ValueError, match=rf"{option} is a number from 0 to 1[\s\S]*got: 1.1"):
        make([leaf(1.0)], **{option: 1.1})


@pytest.mark.curriculum("P08.14")
def test_adamw_is_adam_with_decay_by_itself() -> None:
    places, optimizer = walked(AdamW, (2.0, -1.0, 3.0), lr=0.1, weight_decay=0.5)
    options = {"lr": 0.1, "weight_decay": 0.5, "decoupled_weight_decay": True}
    assert places == walked(Adam, (2.0, -1.0, 3.0), **options)[0]
    assert optimizer.defaults["decoupled_weight_decay"] is True
    assert AdamW([leaf(1.0)]).defaults["weight_decay"] == 0.01
    with pytest.raises(ValueError, match="AdamW: the decay is decoupled"):
        AdamW([{"params": [leaf(1.0)], "decoupled_weight_decay": False}])


def test_nadam_by_hand() -> None:
    (place,), optimizer = walked(NAdam, (2.0,), lr=0.1, betas=(0.8, 0.9), eps=0.01, momentum_decay=0.5)
    mu, ahead = 0.8 * (1 - 0.5 * 0.96**0.5), 0.8 * (1 - 0.5 * 0.96)
    m, root = 0.2 * 2.0, 2.0  # √(0.1 · 4 / 0.1)
    step = 0.1 * ((1 - mu) / (1 - mu) * 2.0 + ahead / (1 - mu * ahead) * m) / (root + 0.01)
    assert place == pytest.approx(1.0 - step, rel=1e-14)
    assert state(optimizer, "mu_product") == pytest.approx(mu)


def test_radam_begins_with_momentum_and_goes_on_with_adam() -> None:
    places, _ = walked(RAdam, [1.0] * 6, lr=0.1)
    np.testing.assert_allclose(-np.diff([1.0, *places])[:5], 0.1, rtol=1e-12)  # the corrected mean of ones is 1
    longest, t = 2 / 0.001 - 1, 6
    length = longest - 2 * t * 0.999**t / (1 - 0.999**t)
    assert length > 5
    r = math.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
    assert places[4] - places[5] == pytest.approx(0.1 * r, rel=1e-6)


def test_adamax_divides_by_the_largest_of_late() -> None:
    (first, second), optimizer = walked(Adamax, (4.0, 1.0), lr=0.1, betas=(0.5, 0.75), eps=0.0)
    assert first == pytest.approx(1.0 - 0.1)
    assert state(optimizer, "exp_inf") == 3.0
    assert second == pytest.approx(first - 0.1 / 0.75 * 1.5 / 3.0)


@pytest.mark.curriculum("P08.25")
def test_asgd_averages_from_t0_on() -> None:
    gradients = [1.0, -3.0, 2.0, -1.0, 2.0]
    places, optimizer = walked(ASGD, gradients, lr=0.1, lambd=0.0, t0=2)
    assert state(optimizer, "ax") == pytest.approx(np.mean(places[3:]), rel=1e-14)
    assert (state(optimizer, "step"), state(optimizer, "mu"), state(optimizer, "eta")) == (5, 1 / 3, 0.1)


def test_asgd_lowers_its_rate() -> None:
    (first, second), _ = walked(ASGD, (1.0, 1.0), lr=0.5, lambd=0.2, alpha=0.5)
    assert first == pytest.approx(1.0 * (1 - 0.2 * 0.5) - 0.5)
    eta = 0.5 / math.sqrt(1 + 0.2 * 0.5 * 1)
    assert second == pytest.approx(first * (1 - 0.2 * eta) - eta)


def test_rprop_grows_shrinks_and_waits() -> None:
    places, optimizer = walked(Rprop, (5.0, 0.01, -3.0, -1.0, 0.0), lr=0.1)
    np.testing.assert_allclose(-np.diff([1.0, *places]), [0.1, 0.12, 0.0, -0.06, 0.0], rtol=1e-12, atol=1e-15)
    assert state(optimizer, "step_size") == pytest.approx(0.06)


def test_rprop_sees_the_signs_of_gradients_whose_product_is_0() -> None:
    places, _ = walked(Rprop, (1e-200, 1e-200), lr=0.1)
    assert places[1] == pytest.approx(1.0 - 0.1 - 0.12)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"etas": (0.5, 0.9)}, "etas are one above 0 and below 1, and one above 1"),
        ({"etas": (0.0, 1.2)}, "etas are one above 0"),
        ({"etas": 1.2}, "etas are two numbers"),
        ({"step_sizes": (1.0, 0.1)}, "step_sizes are the smallest and the largest"),
        ({"step_sizes": (-1.0, 0.1)}, "step_sizes are two numbers"),
        ({"lr": -1.0}, "lr is a number from 0"),
    ],
)
def test_what_rprop_refuses(options: Any, says: str) -> None:
    with pytest.raises(ValueError, match=f"Rprop: {says}"):
        Rprop([leaf(1.0)], **options)


@pytest.mark.parametrize("make", [Adagrad, Adadelta, RMSprop, NAdam, RAdam, Adamax, ASGD, Rprop])
def test_nan_stays_where_it_is_and_warns_nobody(make: Any) -> None:
    p = leaf(1.0, 1.0, 1.0)
    optimizer = make([p])
    for _ in range(8):
        p.grad = gg.tensor([1.0, math.nan, 0.0], dtype="float64")
        optimizer.step()
    assert np.isnan(p.data).tolist() == [False, True, False]
    assert p.data[2] == pytest.approx(1.0, abs=1e-3)
