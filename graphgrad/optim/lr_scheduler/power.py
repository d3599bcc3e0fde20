"""Rates that fall as a power of the steps made so far: 1/t decay, and warm-up with 1/√t."""

from __future__ import annotations

import math

from graphgrad.optim.lr_scheduler.scheduler import LRScheduler
from graphgrad.optim.optimizer import Optimizer

__all__ = ["InverseSqrtLR", "InverseTimeLR", "PowerLR"]


class _ByFactor(LRScheduler):
    """The first rate times a factor that is never 0, so that it goes on from the rate before and can be chained."""

    def factor(self, t: int) -> float:
        """What the first rate is multiplied by after t steps."""
        raise NotImplementedError

    def get_lr(self) -> list[float]:
        """The rates that belong to ``last_epoch``, from those before."""
        if self.last_epoch == 0:
            return self._scaled(self.factor(0))
        if self._is_initial:
            return self._rates()
        return self._scaled(self.factor(self.last_epoch) / self.factor(self.last_epoch - 1))

    def _get_closed_form_lr(self) -> list[float]:
        return self._base_scaled(self.factor(self.last_epoch))


class PowerLR(_ByFactor):
    """Power scheduling: γ₀ · (1 + t / T)⁻ᶜ (P08.23).

    Parameters
    ----------
    optimizer
        Whose rates are set.
    T
        After how many steps the rate is γ₀ / 2ᶜ.
    c
        The power; 1 gives γ₀, γ₀/2, γ₀/3, ... after 0, T, 2 T, ... steps.
    last_epoch
        See `LRScheduler`.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.1)
    >>> scheduler = gg.optim.lr_scheduler.PowerLR(optimizer, T=10)
    >>> scheduler.factor(10), scheduler.factor(30)
    (0.5, 0.25)
    """

    def __init__(self, optimizer: Optimizer, T: float, c: float = 1.0, last_epoch: int = -1) -> None:
        self.T = self._check_positive("T", T)
        self.c = self._check_number("c", c, 0.0)
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        """What the first rate is multiplied by after t steps."""
        return math.pow(1.0 + t / self.T, -self.c)


class InverseTimeLR(_ByFactor):
    """1/t decay: γ₀ / (1 + decay_rate · t / decay_steps) (P08.23).

    Parameters
    ----------
    optimizer
        Whose rates are set.
    decay_rate
        From 0; by how many times γ₀ the denominator grows within `decay_steps`.
    decay_steps
        The unit of time. With a step after each update, the number of updates of an epoch counts in epochs.
    staircase
        Whether only whole units count, so that the rate falls in stairs.
    last_epoch
        See `LRScheduler`.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`.

    Notes
    -----
    Keras' ``InverseTimeDecay``, which has `decay_steps` first; its older ``decay`` argument of optimisers is
    `decay_rate`, with a step after each update.

    Examples
    --------
    >>> import graphgrad as gg
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.2)
    >>> scheduler = gg.optim.lr_scheduler.InverseTimeLR(optimizer, decay_rate=1.0)
    >>> for _ in range(3):
    ...     print([round(rate, 4) for rate in scheduler.get_last_lr()])
    ...     optimizer.step()
    ...     scheduler.step()
    [0.2]
    [0.1]
    [0.0667]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        decay_rate: float,
        decay_steps: int = 1,
        staircase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.decay_rate = self._check_number("decay_rate", decay_rate, 0.0)
        self.decay_steps = self._check_count("decay_steps", decay_steps)
        self.staircase = bool(staircase)
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        """What the first rate is multiplied by after t steps."""
        units = t // self.decay_steps if self.staircase else t / self.decay_steps
        return 1.0 / (1.0 + self.decay_rate * units)


class InverseSqrtLR(_ByFactor):
    """Warm up along a line for some steps, then decay with 1/√t: γ₀ · min(n / W, √(W / n)), where n = t + 1.

    Parameters
    ----------
    optimizer
        Whose rates are set; γ₀ is the largest rate.
    warmup_steps
        W: the n-th step with n = W has the rate γ₀.
    last_epoch
        See `LRScheduler`.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`.

    Notes
    -----
    With γ₀ = 1 / √(d · W) these are the rates d^-0.5 · min(n^-0.5, n · W^-1.5) of a Transformer of width d: Vaswani et
    al., "Attention Is All You Need", 2017, often called Noam.

    Examples
    --------
    >>> import graphgrad as gg
    >>> optimizer = gg.optim.Adam([gg.ones(2, requires_grad=True)], lr=0.8)
    >>> scheduler = gg.optim.lr_scheduler.InverseSqrtLR(optimizer, warmup_steps=4)
    >>> [scheduler.factor(t) for t in (0, 1, 3, 15)]
    [0.25, 0.5, 1.0, 0.5]
    """

    def __init__(self, optimizer: Optimizer, warmup_steps: int, last_epoch: int = -1) -> None:
        self.warmup_steps = self._check_count("warmup_steps", warmup_steps)
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        """What the first rate is multiplied by after t steps."""
        n = t + 1
        return min(n / self.warmup_steps, math.sqrt(self.warmup_steps / n))
