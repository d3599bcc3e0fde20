"""Averages of weights."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.optim.swa_utils import SWALR, AveragedModel, get_ema_avg_fn, update_bn

PLACES = (1.0, -0.8, 0.9)


def layer() -> gg.nn.Linear:
    return gg.nn.Linear(1, 1, bias=False, dtype="float64")


def averaged_over(places: Any, **options: Any) -> AveragedModel:
    model = layer()
    averaged = AveragedModel(model, **options)
    for place in places:
        model.weight.data = np.array([[place]])
        averaged.update_parameters(model)
    return averaged


@pytest.mark.curriculum("P08.25")
def test_the_mean_and_the_exponential_average() -> None:
    mean, forgetting = averaged_over(PLACES), averaged_over(PLACES, avg_fn=get_ema_avg_fn(0.75))
    assert mean.module.weight.item() == pytest.approx(np.mean(PLACES), rel=1e-15)
    assert forgetting.module.weight.item() == pytest.approx(0.75 * (0.75 * 1.0 - 0.25 * 0.8) + 0.25 * 0.9, rel=1e-15)
    assert mean.n_averaged.item() == 3


@pytest.mark.curriculum("P08.10")
def test_an_exponential_average_begins_where_the_weights_are() -> None:
    assert averaged_over([5.0] * 3, avg_fn=get_ema_avg_fn(0.9)).module.weight.item() == pytest.approx(5.0)
    with pytest.raises(ValueError, match=r"decay is a finite number from 0 to 1\n  got: 1.5"):
        get_ema_avg_fn(1.5)


def test_it_is_a_copy_with_a_state_of_torchs_keys() -> None:
    torch = pytest.importorskip("torch")
    model: Any = gg.nn.Sequential(gg.nn.Linear(2, 3), gg.nn.BatchNorm1d(3))
    averaged = AveragedModel(model)
    theirs = torch.optim.swa_utils.AveragedModel(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)))
    assert set(averaged.state_dict()) == set(theirs.state_dict())
    weight = model[0].weight
    weight.data = weight.data + 1.0
    assert np.abs(averaged.module[0].weight.data - weight.data).min() > 0.5


@pytest.mark.parametrize("use_buffers", [False, True])
def test_buffers_are_taken_over_or_averaged(use_buffers: bool) -> None:
    model = gg.nn.BatchNorm1d(1, momentum=1.0)
    averaged = AveragedModel(model, use_buffers=use_buffers)
    for value in (2.0, 6.0):
        model(gg.tensor([[value], [value]]))
        averaged.update_parameters(model)
    assert averaged.module.running_mean.item() == (4.0 if use_buffers else 6.0)
    assert averaged.module.num_batches_tracked.item() == 2


def test_statistics_are_gathered_anew_as_means_over_batches() -> None:
    model = gg.nn.Sequential(gg.nn.BatchNorm1d(1), gg.nn.Dropout(0.5)).eval()
    model(gg.tensor([[100.0], [200.0]]))
    update_bn([(gg.tensor([[1.0], [3.0]]), "label"), gg.tensor([[5.0], [7.0]])], model)
    first: Any = model[0]
    assert first.running_mean.tolist() == [4.0]
    assert (first.momentum, first.training, model.training) == (0.1, False, False)


def test_what_is_refused() -> None:
    no_model: Any = [gg.ones(2)]
    with pytest.raises(TypeError, match="AveragedModel: a module is needed, got list"):
        AveragedModel(no_model)
    with pytest.raises(TypeError, match="update_bn: a module is needed, got list"):
        update_bn([], no_model)
    with pytest.raises(TypeError, match="update_parameters: a module is needed, got list"):
        averaged_over(PLACES).update_parameters(no_model)
    with pytest.raises(TypeError, match="avg_fn is a function, got int"):
        AveragedModel(layer(), avg_fn=3)  # type: ignore[arg-type]
    averaged = averaged_over(PLACES)
    with pytest.raises(gg.ShapeError, match=r"other parameters than the averaged one[\s\S]*expected: .*\(1, 1\)"):
        averaged.update_parameters(gg.nn.Linear(2, 1, bias=False))
    assert averaged.n_averaged.item() == 3


# ---- the rates at which weights are averaged


def two_groups() -> gg.optim.SGD:
    groups = [{"params": [gg.ones(1, requires_grad=True)], "lr": rate} for rate in (0.5, 0.02)]
    return gg.optim.SGD(groups)


def led(optimizer: Any, schedules: Any, swa: Any, options: Any, steps_before: int = 0) -> list[list[float]]:
    """The rates, with another schedule for the first steps."""
    before, scheduler = schedules.ExponentialLR(optimizer, 0.9), swa(optimizer, **options)
    optimizer.step()
    found = []
    for step in range(12):
        found.append([group["lr"] for group in optimizer.param_groups])
        (before if step < steps_before else scheduler).step()
    return found


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("steps", [0, 1, 4])
def test_rates_are_led_to_another_one(steps: int, strategy: str) -> None:
    options = {"swa_lr": [0.1, 0.3], "anneal_epochs": steps, "anneal_strategy": strategy}
    ours = led(two_groups(), gg.optim.lr_scheduler, SWALR, options)
    way = np.minimum(np.arange(12.0) / steps, 1.0) if steps else np.ones(12)
    way = way if strategy == "linear" else (1 - np.cos(np.pi * way)) / 2
    expected = np.outer(1 - way, [0.5, 0.02]) + np.outer(way, [0.1, 0.3])
    np.testing.assert_allclose(ours, expected, rtol=1e-12)
    torch = pytest.importorskip("torch")
    groups = [{"params": [torch.ones(1, requires_grad=True)], "lr": rate} for rate in (0.5, 0.02)]
    theirs = torch.optim.SGD(groups)
    for before in (0, 3):
        for group, rate in zip(theirs.param_groups, (0.5, 0.02), strict=True):
            group["lr"] = group["initial_lr"] = rate
        np.testing.assert_allclose(
            led(two_groups(), gg.optim.lr_scheduler, SWALR, options, before),
            led(theirs, torch.optim.lr_scheduler, torch.optim.swa_utils.SWALR, options, before),
            rtol=1e-12,
        )


def test_a_way_to_other_rates_resumes_bit_for_bit() -> None:
    optimizer, again = two_groups(), two_groups()
    scheduler = SWALR(optimizer, 0.1, anneal_epochs=7)
    for _ in range(3):
        scheduler.step()
    resumed = SWALR(again, 0.9, anneal_epochs=2, anneal_strategy="linear")
    again.load_state_dict(json.loads(json.dumps(optimizer.state_dict())))
    resumed.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    for _ in range(6):
        scheduler.step()
        resumed.step()
        assert scheduler.get_last_lr() == resumed.get_last_lr()
    assert resumed.get_last_lr() == [0.1, 0.1]


def test_rates_that_are_refused() -> None:
    wrong: list[tuple[Any, str]] = [
        ({"swa_lr": [0.1]}, "swa_lr is a number, or a list of one for each of the 2 groups"),
        ({"swa_lr": 0.1, "anneal_epochs": -1}, "anneal_epochs is a whole number from 0"),
        ({"swa_lr": 0.1, "anneal_strategy": "step"}, "anneal_strategy is one of cos, linear"),
    ]
    for options, says in wrong:
        optimizer = two_groups()
        with pytest.raises(ValueError, match=f"SWALR: {says}"):
            SWALR(optimizer, **options)
        assert "swa_lr" not in optimizer.param_groups[0]
    scheduler = SWALR(optimizer, 0.1)
    with pytest.raises(ValueError, match="_anneal_strategy is cos or linear"):
        scheduler.load_state_dict({**scheduler.state_dict(), "_anneal_strategy": "step"})
    optimizer.add_param_group({"params": [gg.ones(1, requires_grad=True)]})
    with pytest.raises(ValueError, match="other parameter groups than when the schedule was made"):
        scheduler.step()
