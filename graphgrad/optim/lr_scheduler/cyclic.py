"""Rates that rise and fall, with momentum the other way round: cyclic ones, and the one cycle."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

from graphgrad.graph.errors import describe
from graphgrad.optim.lr_scheduler.scheduler import LRScheduler
from graphgrad.optim.optimizer import Optimizer

__all__ = ["CyclicLR", "OneCycleLR"]

_MODES = ("triangular", "triangular2", "exp_range")
_SCALE_MODES = ("cycle", "iterations")


class _WithMomentum(LRScheduler):
    """A schedule that may move momentum too: an option ``momentum`` of the groups, or the first of ``betas``."""

    cycle_momentum: bool
    use_beta1: bool

    def _find_momentum(self, base: Any, largest: Any) -> tuple[list[float], list[float]]:
        """The smallest and largest momentum of each group."""
        defaults = self.optimizer.defaults
        if "momentum" not in defaults and "betas" not in defaults:
            raise ValueError(
                describe(
                    f"{type(self).__name__}: {type(self.optimizer).__name__} has no momentum that could be cycled",
                    "expected: an option momentum or betas",
                    hint="cycle_momentum=False leaves it alone",
                )
            )
        self.use_beta1 = "betas" in defaults
        return self._of_each_group("base_momentum", base), self._of_each_group("max_momentum", largest)

    def _begin_momentum(self, smallest: Sequence[float], largest: Sequence[float]) -> None:
        """Put the largest momentum into the groups, where both are kept."""
        for group, low, high in zip(self.optimizer.param_groups, smallest, largest, strict=True):
            self._set_momentum(group, high)
            group["max_momentum"] = high
            group["base_momentum"] = low

    def _set_momentum(self, group: dict[str, Any], momentum: float) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(_WithMomentum):
    """Let the rate rise and fall along lines between two values, step by step.

    Parameters
    ----------
    optimizer
        Whose rates are set.
    base_lr, max_lr
        The smallest and the largest rate: a number, or a list of one for each group.
    step_size_up
        How many steps a rise takes.
    step_size_down
        How many a fall takes, as many if left out.
    mode
        How the height of cycle number c, or after t steps, is scaled: ``"triangular"``: not at all, ``"triangular2"``:
        halved with each cycle, ½ᶜ⁻¹; ``"exp_range"``: by `gamma`ᵗ.
    gamma
        For ``"exp_range"``.
    scale_fn
        A function of c or t in the place of `mode`. It isn't saved in a `state_dict`.
    scale_mode
        Whether `scale_fn` takes the number of the cycle, ``"cycle"``, or of steps, ``"iterations"``.
    cycle_momentum
        Whether momentum falls while the rate rises.
    base_momentum, max_momentum
        The smallest and the largest momentum: a number, or a list of one for each group.
    last_epoch
        See `LRScheduler`.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`; also if momentum is to be cycled and the optimiser has none.

    Notes
    -----
    Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.

    Examples
    --------
    >>> import graphgrad as gg
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.1)
    >>> scheduler = gg.optim.lr_scheduler.CyclicLR(optimizer, 0.25, 1.0, step_size_up=2, step_size_down=1)
    >>> for _ in range(4):
    ...     print(round(scheduler.get_last_lr()[0], 4), round(optimizer.param_groups[0]["momentum"], 4))
    ...     optimizer.step()
    ...     scheduler.step()
    0.25 0.9
    0.625 0.85
    1.0 0.8
    0.25 0.9
    """

    _unsaved = LRScheduler._unsaved | {"_scale_fn_custom"}

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self._take(optimizer, last_epoch)
        base_lrs = self._of_each_group("base_lr", base_lr)
        self.max_lrs = self._of_each_group("max_lr", max_lr)
        up = float(self._check_count("step_size_up", step_size_up))
        self.total_size = up + (up if step_size_down is None else self._check_count("step_size_down", step_size_down))
        self.step_ratio = up / self.total_size
        if scale_fn is None:
            self._check_choice("mode", mode, _MODES)
            scale_mode = "iterations" if mode == "exp_range" else "cycle"
        elif not callable(scale_fn):
            self._refuse("scale_fn is a function", scale_fn)
        self.mode = mode
        self.gamma = self._check_number("gamma", gamma, 0.0)
        self._scale_fn_custom = scale_fn
        self.scale_mode = self._check_choice("scale_mode", scale_mode, _SCALE_MODES)
        self.cycle_momentum = bool(cycle_momentum)
        if self.cycle_momentum:
            self.base_momentums, self.max_momentums = self._find_momentum(base_momentum, max_momentum)
        if last_epoch == -1:
            for rate, group in zip(base_lrs, optimizer.param_groups, strict=True):
                group["lr"] = rate
            if self.cycle_momentum:
                self._begin_momentum(self.base_momentums, self.max_momentums)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """How the height of cycle number x, or after x steps, is scaled."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return math.pow(2.0, 1 - x)
        return math.pow(self.gamma, x) if self.mode == "exp_range" else 1.0

    def get_lr(self) -> list[float]:
        """The rates that belong to ``last_epoch``; momentum is set as well."""
        groups = self.optimizer.param_groups
        if len(self.max_lrs) != len(groups):
            self._refuse_groups(len(self.max_lrs))
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        way = 1.0 + self.last_epoch / self.total_size - cycle
        height = way / self.step_ratio if way <= self.step_ratio else (way - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, low, high in zip(groups, self.base_momentums, self.max_momentums, strict=True):
                self._set_momentum(group, high - (high - low) * height * scale)
        pairs = zip(self.base_lrs, self.max_lrs, strict=True)
        return [low + (high - low) * height * scale for low, high in pairs]

    def state_dict(self) -> dict[str, Any]:
        """What it takes to go on later; a `scale_fn` is not saved, unless it is an object with attributes."""
        kept, custom = None, self._scale_fn_custom
        if custom is not None and not isinstance(custom, FunctionType):
            kept = dict(getattr(custom, "__dict__", {}))
        return {**super().state_dict(), "_scale_fn_custom": kept}

    def _read_value(self, key: str, mine: Any, theirs: Any) -> Any:
        if key == "_scale_fn_custom":
            if theirs is not None and not (isinstance(theirs, Mapping) and hasattr(self._scale_fn_custom, "__dict__")):
                self._refuse_state("_scale_fn_custom holds attributes of a scale_fn by name", f"got: {theirs!r:.80}")
            return theirs
        for name, choices in (("mode", _MODES), ("scale_mode", _SCALE_MODES)):
            if key == name and theirs not in choices and self._scale_fn_custom is None:
                self._refuse_state(f"{name} is one of {', '.join(choices)}", f"got: {theirs!r:.80}")
        return super()._read_value(key, mine, theirs)

    def _restore(self, values: dict[str, Any]) -> None:
        kept = values.pop("_scale_fn_custom")
        if kept is not None:
            vars(self._scale_fn_custom).update(kept)
        super()._restore(values)


class OneCycleLR(_WithMomentum):
    """Let the rate rise from a small value to a large one and fall to a tiny one, once within a training.

    Parameters
    ----------
    optimizer
        Whose rates are set.
    max_lr
        The largest rate: a number, or a list of one for each group.
    total_steps
        How many steps the cycle has. It can be left out if `epochs` and `steps_per_epoch` are there.
    epochs, steps_per_epoch
        Its factors.
    pct_start
        Which part of the cycle the rise takes, from 0 to 1.
    anneal_strategy
        How one value goes over into another: ``"cos"``, half a cosine, or ``"linear"``.
    cycle_momentum
        Whether momentum falls while the rate rises, and rises while it falls.
    base_momentum, max_momentum
        The smallest and the largest momentum: a number, or a list of one for each group.
    div_factor
        The rate begins at `max_lr` / `div_factor`.
    final_div_factor
        It ends at the first rate / `final_div_factor`.
    three_phase
        Whether the rate falls as fast as it rose, to where it began, before it falls to the last one.
    last_epoch
        See `LRScheduler`.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`; also if momentum is to be cycled and the optimiser has none. A step
        beyond that after the last one raises ValueError, and changes nothing.

    Notes
    -----
    It is stepped after each update; the step after the last one leaves rates and momentum where the cycle ends, where
    PyTorch goes on along the curve, below 0 with ``"linear"``. Smith and Topin, "Super-Convergence: Very Fast Training
    of Neural Networks Using Large Learning Rates", 2018.

    Examples
    --------
    >>> import graphgrad as gg
    >>> optimizer = gg.optim.Adam([gg.ones(2, requires_grad=True)])
    >>> scheduler = gg.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=5, pct_start=0.4)
    >>> for _ in range(4):
    ...     optimizer.step()
    ...     scheduler.step()
    ...     print(round(scheduler.get_last_lr()[0], 4), round(optimizer.param_groups[0]["betas"][0], 4))
    1.0 0.85
    0.75 0.875
    0.25 0.925
    0.0 0.95
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self._take(optimizer, last_epoch)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                self._refuse("total_steps is needed, or both epochs and steps_per_epoch", (epochs, steps_per_epoch))
            total_steps = self._check_count("epochs", epochs) * self._check_count("steps_per_epoch", steps_per_epoch)
        self.total_steps = self._check_count("total_steps", total_steps)
        pct_start = self._check_number("pct_start", pct_start, 0.0, 1.0)
        div_factor = self._check_positive("div_factor", div_factor)
        final_div_factor = self._check_positive("final_div_factor", final_div_factor)
        max_lrs = self._of_each_group("max_lr", max_lr)
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = self._check_choice("anneal_strategy", anneal_strategy, ("cos", "linear"))
        self.cycle_momentum = bool(cycle_momentum)
        smallest, largest = self._find_momentum(base_momentum, max_momentum) if self.cycle_momentum else ([], [])
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, max_lrs, strict=True):
                group["initial_lr"] = rate / div_factor
                group["max_lr"] = rate
                group["min_lr"] = group["initial_lr"] / final_div_factor
            if self.cycle_momentum:
                self._begin_momentum(smallest, largest)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates that belong to ``last_epoch``; momentum is set as well."""
        if self.last_epoch > self.total_steps:
            raise ValueError(
                describe(
                    f"OneCycleLR: the cycle is over, it has {self.total_steps} steps",
                    hint="total_steps is the number of all steps: of epochs times that of batches",
                )
            )
        groups = self.optimizer.param_groups
        if any("max_lr" not in group for group in groups):
            self._refuse_groups(len(self.base_lrs))
        begin = 0.0
        for phase in self._schedule_phases:
            end = phase["end_step"]
            if self.last_epoch <= end or phase is self._schedule_phases[-1]:
                break
            begin = end
        # A rise of one step, or a cycle of one, is over before it begins; and after the cycle all stays as it was.
        way = min(1.0, (self.last_epoch - begin) / (end - begin)) if end != begin else 1.0
        if self.cycle_momentum:
            for group in groups:
                low, high = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._anneal(low, high, way))
        return [self._anneal(group[phase["start_lr"]], group[phase["end_lr"]], way) for group in groups]

    def _anneal(self, start: float, end: float, way: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * way + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * way) + 1)

    def _read_value(self, key: str, mine: Any, theirs: Any) -> Any:
        values = super()._read_value(key, mine, theirs)
        if key == "_anneal_func_type" and values not in ("cos", "linear"):
            self._refuse_state("_anneal_func_type is cos or linear", f"got: {values!r:.80}")
        if key == "_schedule_phases":
            known = {"initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum"}
            if not values or any({*phase.values()} - {phase["end_step"]} - known for phase in values):
                self._refuse_state("_schedule_phases go from one kept rate to another", f"got: {theirs!r:.80}")
        return values


def _phases(total_steps: int, pct_start: float, three_phase: bool) -> list[dict[str, Any]]:
    """The stretches of the cycle: the step at which each ends, and which of a group's values it leads over."""
    rise, last = pct_start * total_steps - 1, total_steps - 1
    if three_phase:
        stretches = [(rise, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
        stretches += [(2 * pct_start * total_steps - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum")]
        stretches += [(last, "initial_lr", "min_lr", "max_momentum", "max_momentum")]
    else:
        stretches = [(rise, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
        stretches += [(last, "max_lr", "min_lr", "base_momentum", "max_momentum")]
    names = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
    return [dict(zip(names, stretch, strict=True)) for stretch in stretches]
