"""Schedules that both libraries follow: how each is made, from either library's names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

STEPS = 100
RATES = (0.1, 0.02)  # of the two parameter groups


def wave(t: float) -> float:
    """Something to multiply rates with."""
    return 1.0 / (1.0 + 0.3 * (t % 7))


def grow(t: float) -> float:
    """Something else."""
    return 0.97 + 0.001 * (t % 50)


def metric(t: int) -> float:
    """An error that falls, waits, jumps and falls again; exact in binary."""
    return 4.0 / (1 + t // 9) + (t * 7 % 5) / 64.0


def warm_up(s: Any, o: Any) -> Any:
    parts = [s.LinearLR(o, start_factor=0.1, total_iters=10), s.CosineAnnealingLR(o, T_max=60)]
    return s.SequentialLR(o, [*parts, s.ConstantLR(o, factor=0.01, total_iters=1000)], milestones=[10, 70])


def sequence(s: Any, o: Any) -> Any:
    parts = [s.ExponentialLR(o, 0.9), s.StepLR(o, 5), s.LambdaLR(o, wave), s.PolynomialLR(o, 20, power=2.0)]
    parts += [s.CosineAnnealingWarmRestarts(o, 6), s.MultiStepLR(o, [3, 9])]
    return s.SequentialLR(o, parts, milestones=[7, 21, 33, 60, 88])


def chain(s: Any, o: Any) -> Any:
    parts = [s.ConstantLR(o, factor=0.1, total_iters=5), s.ExponentialLR(o, gamma=0.95)]
    return s.ChainedScheduler([*parts, s.CosineAnnealingLR(o, T_max=30), s.MultiStepLR(o, [20, 40])])


def chain_of_functions(s: Any, o: Any) -> Any:
    parts = [s.LambdaLR(o, wave), s.MultiplicativeLR(o, grow), s.LinearLR(o, 0.5, 0.25, total_iters=40)]
    return s.ChainedScheduler(parts, optimizer=o)


SCHEDULES: Mapping[str, Callable[[Any, Any], Any]] = {
    "lambda": lambda s, o: s.LambdaLR(o, [wave, grow]),
    "lambda_one": lambda s, o: s.LambdaLR(o, wave),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, [wave, grow]),
    "step": lambda s, o: s.StepLR(o, 30),
    "step_gamma": lambda s, o: s.StepLR(o, step_size=7, gamma=0.8),
    "multi_step": lambda s, o: s.MultiStepLR(o, [30, 30, 60, 91]),
    "multi_step_gamma": lambda s, o: s.MultiStepLR(o, milestones=(5, 50), gamma=0.3),
    "constant": lambda s, o: s.ConstantLR(o),
    "constant_long": lambda s, o: s.ConstantLR(o, factor=0.4, total_iters=42),
    "linear": lambda s, o: s.LinearLR(o),
    "linear_down": lambda s, o: s.LinearLR(o, start_factor=1.0, end_factor=0.0, total_iters=80),
    "linear_long": lambda s, o: s.LinearLR(o, start_factor=1e-3, end_factor=0.7, total_iters=64),
    "exponential": lambda s, o: s.ExponentialLR(o, gamma=0.95),
    "polynomial": lambda s, o: s.PolynomialLR(o),
    "polynomial_power": lambda s, o: s.PolynomialLR(o, total_iters=90, power=2.5),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, T_max=30),
    "cosine_least": lambda s, o: s.CosineAnnealingLR(o, 33, eta_min=0.01),
    "cosine_one": lambda s, o: s.CosineAnnealingLR(o, T_max=1),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 13),
    "restarts_longer": lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=5, T_mult=2, eta_min=1e-3),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, 0.1, step_size_up=11),
    "cyclic_groups": lambda s, o: s.CyclicLR(o, [0.01, 0.02], [0.1, 0.4], step_size_up=7, step_size_down=12),
    "cyclic_halved": lambda s, o: s.CyclicLR(
        o, 0.01, 0.1, step_size_up=9, mode="triangular2", base_momentum=0.7, max_momentum=0.95
    ),
    "cyclic_range": lambda s, o: s.CyclicLR(o, 0.01, 0.1, step_size_up=9, mode="exp_range", gamma=0.98),
    "cyclic_function": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 8, scale_fn=wave, scale_mode="iterations"),
    "cyclic_rate_only": lambda s, o: s.CyclicLR(o, 0.01, 0.1, step_size_up=9, cycle_momentum=False),
    "one_cycle": lambda s, o: s.OneCycleLR(o, 0.3, total_steps=STEPS + 1),
    "one_cycle_linear": lambda s, o: s.OneCycleLR(
        o, [0.3, 0.1], epochs=11, steps_per_epoch=10, pct_start=0.25, anneal_strategy="linear", div_factor=10.0
    ),
    "one_cycle_three": lambda s, o: s.OneCycleLR(
        o, 0.3, total_steps=120, three_phase=True, base_momentum=0.8, max_momentum=0.9, final_div_factor=100.0
    ),
    "one_cycle_rate_only": lambda s, o: s.OneCycleLR(o, 0.3, total_steps=110, cycle_momentum=False),
    "plateau": lambda s, o: s.ReduceLROnPlateau(o, patience=3, factor=0.5),
    "plateau_absolute": lambda s, o: s.ReduceLROnPlateau(
        o, factor=0.7, patience=2, threshold=0.01, threshold_mode="abs", cooldown=4, min_lr=[1e-3, 5e-3]
    ),
    "plateau_max": lambda s, o: s.ReduceLROnPlateau(o, mode="max", patience=5, min_lr=1e-4, eps=1e-3),
    "warm_up": warm_up,
    "sequence": sequence,
    "chain": chain,
    "chain_of_functions": chain_of_functions,
}


def groups(tensors: Any) -> list[dict[str, Any]]:
    return [{"params": [tensor], "lr": rate} for tensor, rate in zip(tensors, RATES, strict=True)]


def state(optimizer: Any) -> list[float]:
    """The rates and the momentum of the groups."""
    momenta = (group["momentum"] if "momentum" in group else group["betas"][0] for group in optimizer.param_groups)
    return [group["lr"] for group in optimizer.param_groups] + list(momenta)


def step(scheduler: Any, name: str, t: int) -> None:
    if name.startswith("plateau"):
        scheduler.step(metric(t))
    else:
        scheduler.step()


def follow(optimizer: Any, schedules: Any, name: str, after_each: Callable[[Any], None] | None = None) -> Array:
    """The rates and the momentum at first and after each step: one row each."""
    scheduler = SCHEDULES[name](schedules, optimizer)
    rows = [state(optimizer)]
    for t in range(STEPS):
        optimizer.step()
        step(scheduler, name, t)
        rows.append(state(optimizer))
        if after_each is not None:
            after_each(scheduler)
    return np.array(rows, dtype=np.float64)
