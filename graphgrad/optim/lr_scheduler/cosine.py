"""Rates that follow a cosine, with restarts or without."""

from __future__ import annotations

import math

from graphgrad.optim.lr_scheduler.scheduler import LRScheduler
from graphgrad.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]


class CosineAnnealingLR(LRScheduler):
    """Lower the rate along half a cosine: η_min + ½ (γ₀ - η_min) (1 + cos(π t / T_max)).

    Parameters
    ----------
    optimizer
        Whose rates are set.
    T_max
        After how many steps the rate is `eta_min`; after as many more it is γ₀ again.
    eta_min
        The smallest rate.
    last_epoch
        See `LRScheduler`.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`.

    Notes
    -----
    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, without the restarts.

    Examples
    --------
    >>> import graphgrad as gg
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.8)
    >>> scheduler = gg.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> for _ in range(3):
    ...     print([round(rate, 4) for rate in scheduler.get_last_lr()])
    ...     optimizer.step()
    ...     scheduler.step()
    [0.8]
    [0.4]
    [0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = self._check_count("T_max", T_max)
        self.eta_min = self._check_number("eta_min", eta_min, 0.0)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates that belong to ``last_epoch``, from those before."""
        if self._is_initial:
            return self._rates()
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # out of the valley, where no factor leads
            if len(self.base_lrs) != len(self.optimizer.param_groups):
                self._refuse_groups(len(self.base_lrs))
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [
                rate + (base - self.eta_min) * rise for rate, base in zip(self._rates(), self.base_lrs, strict=True)
            ]
        now, before = (1 + math.cos(math.pi * t / self.T_max) for t in (self.last_epoch, self.last_epoch - 1))
        return [now / before * (rate - self.eta_min) + self.eta_min for rate in self._rates()]

    def _get_closed_form_lr(self) -> list[float]:
        return [_between(self.eta_min, base, self.last_epoch / self.T_max) for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Lower the rate along half a cosine, again and again: η_min + ½ (γ₀ - η_min) (1 + cos(π T_cur / T_i)).

    Parameters
    ----------
    optimizer
        Whose rates are set.
    T_0
        After how many steps the rate is γ₀ again for the first time.
    T_mult
        How many times as long each period is as the one before.
    eta_min
        The smallest rate, which is approached and not reached.
    last_epoch
        See `LRScheduler`.

    Attributes
    ----------
    T_i
        The length of this period.
    T_cur
        How much of it is over.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`.

    Notes
    -----
    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.

    Examples
    --------
    >>> import graphgrad as gg
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.8)
    >>> scheduler = gg.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2)
    >>> for _ in range(4):
    ...     print([round(rate, 4) for rate in scheduler.get_last_lr()])
    ...     optimizer.step()
    ...     scheduler.step()
    [0.8]
    [0.4]
    [0.8]
    [0.6828]
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_0 = self.T_i = self._check_count("T_0", T_0)
        self.T_mult = self._check_count("T_mult", T_mult)
        self.eta_min = self._check_number("eta_min", eta_min, 0.0)
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates that belong to ``T_cur`` and ``T_i``."""
        return [_between(self.eta_min, base, self.T_cur / self.T_i) for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next rates, or to those of a time.

        Parameters
        ----------
        epoch
            From 0, may be a fraction: ``scheduler.step(epoch + i / batches)`` after batch number i of an epoch.

        Raises
        ------
        ValueError
            If `epoch` is negative.
        """
        if epoch is None and self.last_epoch >= 0:
            cur, length, last = self.T_cur + 1, self.T_i, self.last_epoch + 1
            if cur >= length:
                cur, length = cur % length, length * self.T_mult
        else:
            time = 0 if epoch is None else epoch
            self._check_number("epoch", time, 0.0)
            cur, length, last = *self._place(time), math.floor(time)
        before = self.T_cur, self.T_i, self.last_epoch
        self.T_cur, self.T_i = cur, length
        self.last_epoch = last - 1  # from where the step leads to it
        try:
            self._update_lr()
        except BaseException:
            self.T_cur, self.T_i, self.last_epoch = before
            raise

    def _place(self, time: float) -> tuple[float, int]:
        """How much of the period at a time is over, and how long it is."""
        if self.T_mult == 1:
            return time % self.T_0, self.T_0
        length, start = self.T_0, 0
        while time >= start + length:
            start, length = start + length, length * self.T_mult
        return time - start, length

    def _restart(self) -> None:
        self.T_cur, self.T_i = 0, self.T_0
        super()._restart()


def _between(low: float, high: float, way: float) -> float:
    """Where half a cosine from `high` to `low` is after a part of the way."""
    return low + (high - low) * (1 + math.cos(math.pi * way)) / 2
