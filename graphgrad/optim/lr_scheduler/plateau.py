"""Rates that fall when a number stops getting better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, SupportsFloat

from graphgrad.graph.errors import describe
from graphgrad.optim.lr_scheduler.scheduler import LRScheduler
from graphgrad.optim.optimizer import Optimizer

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """Multiply the rate by a factor when a metric hasn't got better for some steps (P08.21).

    Parameters
    ----------
    optimizer
        Whose rates are set.
    mode
        Whether smaller is better, ``"min"``, as for an error, or larger, ``"max"``, as for an accuracy.
    factor
        From 0 and below 1.
    patience
        How many steps without a better value are let pass: with 0 the first one already lowers the rate.
    threshold
        By how much a value has to be better, so as to count.
    threshold_mode
        Whether `threshold` is a part of the best value so far, ``"rel"``, or a difference, ``"abs"``.
    cooldown
        For how many steps after a fall none are counted.
    min_lr
        Below which the rate doesn't fall: a number, or a list of one for each group.
    eps
        A fall by no more than this isn't made.

    Attributes
    ----------
    best
        The best value so far.
    num_bad_epochs
        How many steps there were since then.
    cooldown_counter
        How many steps of the cooldown are left.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`.

    Notes
    -----
    A NaN is no better value. Keras counts its ``patience`` from 1: what is 1 there is 0 here.

    Examples
    --------
    >>> import graphgrad as gg
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.5)
    >>> scheduler = gg.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for error in (1.0, 0.8, 0.9, 0.85):
    ...     optimizer.step()
    ...     scheduler.step(error)
    ...     print(scheduler.get_last_lr())
    [0.5]
    [0.5]
    [0.5]
    [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        self._take(optimizer, -1)
        self.factor = self._check_number("factor", factor, 0.0, 1.0)
        if factor == 1:
            self._refuse("factor is below 1", factor)
        self.min_lrs = self._of_each_group("min_lr", min_lr)
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else float(min_lr)
        self.patience = self._check_count("patience", patience, least=0)
        self.cooldown = self._check_count("cooldown", cooldown, least=0)
        self.eps = self._check_number("eps", eps, 0.0)
        self.mode = self._check_choice("mode", mode, ("min", "max"))
        self.threshold = self._check_number("threshold", threshold, 0.0)
        self.threshold_mode = self._check_choice("threshold_mode", threshold_mode, ("rel", "abs"))
        self.last_epoch = 0
        self.best = self._worst()
        self.cooldown_counter = 0
        self.num_bad_epochs = 0
        self._last_lr = self._rates()

    @property
    def in_cooldown(self) -> bool:
        """Whether steps are not counted, since the rate fell not long ago."""
        return self.cooldown_counter > 0

    def step(self, metrics: SupportsFloat) -> None:  # type: ignore[override]  # what it goes by has to be told
        """Take note of a value, and lower the rates if it is time.

        Parameters
        ----------
        metrics
            A number, or a tensor of one: an error of validation, after each epoch.

        Raises
        ------
        TypeError
            If it is no number.
        ValueError
            If the optimiser got a group for which `min_lr` has no value.
        """
        try:
            current = float(metrics)
        except (TypeError, ValueError) as error:
            raise TypeError(
                describe(f"ReduceLROnPlateau.step: a number is needed, got {type(metrics).__name__}")
            ) from error
        groups = self.optimizer.param_groups
        if len(self.min_lrs) != len(groups):
            if self.default_min_lr is None:
                self._refuse_groups(len(self.min_lrs))
            self.min_lrs = [self.default_min_lr] * len(groups)
        self.last_epoch += 1
        if self._is_better(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group, least in zip(groups, self.min_lrs, strict=True):
                old = float(group["lr"])
                new = max(old * self.factor, least)
                if old - new > self.eps:
                    group["lr"] = new
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = self._rates()

    def _is_better(self, value: float) -> bool:
        sign = 1.0 if self.mode == "max" else -1.0
        if self.threshold_mode == "rel":
            bound = self.best * (1.0 + sign * self.threshold)
        else:
            bound = self.best + sign * self.threshold
        return value > bound if self.mode == "max" else value < bound

    def _worst(self) -> float:
        return -math.inf if self.mode == "max" else math.inf

    def state_dict(self) -> dict[str, Any]:
        """What it takes to go on later, as plain data that JSON can hold; ``best`` is None before there is one."""
        return {**super().state_dict(), "best": None if math.isinf(self.best) else self.best}

    def _read(self, state_dict: Mapping[str, Any]) -> dict[str, Any]:
        values = super()._read(state_dict)
        for key, choices in (("mode", ("min", "max")), ("threshold_mode", ("rel", "abs"))):
            if values[key] not in choices:
                self._refuse_state(f"{key} is one of {', '.join(choices)}", f"got: {values[key]!r:.80}")
        return values

    def _read_value(self, key: str, mine: Any, theirs: Any) -> Any:
        if key in ("best", "default_min_lr"):
            return None if theirs is None else super()._read_value(key, 0.0, theirs)
        return super()._read_value(key, mine, theirs)

    def _restore(self, values: dict[str, Any]) -> None:
        super()._restore(values)
        if values["best"] is None:
            self.best = self._worst()
