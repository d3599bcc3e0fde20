"""Rates that fall by a factor, now and then or in every step."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from graphgrad.optim.lr_scheduler.scheduler import LRScheduler
from graphgrad.optim.optimizer import Optimizer

__all__ = ["ExponentialLR", "MultiStepLR", "PiecewiseConstantLR", "StepLR"]


class StepLR(LRScheduler):
    """Multiply the rate by γ every `step_size` steps.

    Parameters
    ----------
    optimizer
        Whose rates are set.
    step_size
        For how many steps a rate stays.
    gamma
        γ.
    last_epoch
        See `LRScheduler`.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.5)
    >>> scheduler = gg.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for _ in range(4):
    ...     print(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    [0.5]
    [0.5]
    [0.25]
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = self._check_count("step_size", step_size)
        self.gamma = self._check_number("gamma", gamma, 0.0)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates that belong to ``last_epoch``, from those before."""
        falls = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return self._scaled(self.gamma) if falls else self._rates()

    def _get_closed_form_lr(self) -> list[float]:
        return self._base_scaled(self.gamma ** (self.last_epoch // self.step_size))


class MultiStepLR(LRScheduler):
    """Multiply the rate by γ after given numbers of steps.

    Parameters
    ----------
    optimizer
        Whose rates are set.
    milestones
        The numbers of steps; one that is there twice counts twice.
    gamma
        γ.
    last_epoch
        See `LRScheduler`.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`.

    Notes
    -----
    The piecewise constant rates 0.1 in epochs 1 to 100, 0.01 to 300, 0.001 to 500 (P08.20) are those of
    ``milestones=[100, 300], gamma=0.1``, from ``lr=0.1``; `PiecewiseConstantLR` takes the rates themselves.

    Examples
    --------
    >>> import graphgrad as gg
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.5)
    >>> scheduler = gg.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
    >>> for _ in range(4):
    ...     print(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    [0.5]
    [0.25]
    [0.25]
    [0.125]
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = sorted(self._check_milestones(milestones, least=0))
        self.gamma = self._check_number("gamma", gamma, 0.0)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates that belong to ``last_epoch``, from those before."""
        times = self.milestones.count(self.last_epoch)
        return self._scaled(self.gamma**times) if times else self._rates()

    def _get_closed_form_lr(self) -> list[float]:
        return self._base_scaled(self.gamma ** bisect_right(self.milestones, self.last_epoch))

    def _read_value(self, key: str, mine: Any, theirs: Any) -> Any:
        if key == "milestones" and isinstance(theirs, Mapping):  # PyTorch counts how often each is there
            try:
                theirs = sorted(int(milestone) for milestone, times in theirs.items() for _ in range(times))
            except (TypeError, ValueError):
                self._refuse_state("milestones are whole numbers", f"got: {theirs!r:.80}")
        if key == "milestones" and not (
            isinstance(theirs, (list, tuple))
            and all(type(one) is int for one in theirs)
            and sorted(theirs) == list(theirs)
        ):
            self._refuse_state("milestones are whole numbers in order", f"got: {theirs!r:.80}")
        return super()._read_value(key, mine, theirs)


class PiecewiseConstantLR(LRScheduler):
    """A rate for each stretch of steps, as a table gives them (P08.20).

    Parameters
    ----------
    optimizer
        Whose rates are set.
    milestones
        After how many steps the second rate begins, the third, and so on.
    values
        The rates, one more than milestones: a number for all groups, or a list of one for each.
    last_epoch
        See `LRScheduler`.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`; also if the milestones don't rise, or the number of rates is another one.

    Notes
    -----
    The rates are set, not multiplied: in a `ChainedScheduler` it comes first. With a step after each epoch, epoch
    number e, counted from 1, is learned with the rate after e - 1 steps.

    Examples
    --------
    >>> import graphgrad as gg
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.1)
    >>> scheduler = gg.optim.lr_scheduler.PiecewiseConstantLR(optimizer, [1, 3], [0.1, 0.01, 0.001])
    >>> for _ in range(4):
    ...     print(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    [0.1]
    [0.01]
    [0.01]
    [0.001]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Sequence[int],
        values: Sequence[float | Sequence[float]],
        last_epoch: int = -1,
    ) -> None:
        self._take(optimizer, last_epoch)
        self.milestones = self._check_milestones(milestones)
        if any(later <= before for before, later in pairwise(self.milestones)):
            self._refuse("milestones rise", milestones)
        if not isinstance(values, (list, tuple)):
            self._refuse("values are a list of rates", values)
        if len(values) != len(self.milestones) + 1:
            self._refuse(f"{len(self.milestones)} milestones part {len(self.milestones) + 1} values", values)
        self.values = [self._of_each_group("a value", value) for value in values]
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates that belong to ``last_epoch``."""
        return list(self.values[bisect_right(self.milestones, self.last_epoch)])

    def _read(self, state_dict: Mapping[str, Any]) -> dict[str, Any]:
        values = super()._read(state_dict)
        if len(values["values"]) != len(values["milestones"]) + 1:
            self._refuse_state("it has one value more than milestones", f"got: {values['values']!r:.80}")
        return values


class ExponentialLR(LRScheduler):
    """Multiply the rate by γ in each step: γ₀ · γᵗ (P08.22).

    Parameters
    ----------
    optimizer
        Whose rates are set.
    gamma
        γ. The decay γ₀ · exp(-t / T) is that of ``gamma=math.exp(-1 / T)``.
    last_epoch
        See `LRScheduler`.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.5)
    >>> scheduler = gg.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> optimizer.step(), scheduler.step(), scheduler.step()
    (None, None, None)
    >>> scheduler.get_last_lr()
    [0.125]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = self._check_number("gamma", gamma, 0.0)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates that belong to ``last_epoch``, from those before."""
        return self._rates() if self._is_initial else self._scaled(self.gamma)

    def _get_closed_form_lr(self) -> list[float]:
        return self._base_scaled(self.gamma**self.last_epoch)
