"""Rates that go from one value to another within some steps: warm-up, and polynomial decay."""

from __future__ import annotations

from graphgrad.optim.lr_scheduler.scheduler import LRScheduler
from graphgrad.optim.optimizer import Optimizer

__all__ = ["ConstantLR", "LinearLR", "PolynomialLR"]


class ConstantLR(LRScheduler):
    """Multiply the rate by a factor for some steps, and then no more.

    Parameters
    ----------
    optimizer
        Whose rates are set.
    factor
        From 0 to 1.
    total_iters
        After how many steps the whole rate comes.
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
    >>> scheduler = gg.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> for _ in range(3):
    ...     print(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    [0.25]
    [0.25]
    [0.5]
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        self.factor = self._check_number("factor", factor, 0.0, 1.0)
        self.total_iters = self._check_count("total_iters", total_iters, least=0)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates that belong to ``last_epoch``, from those before."""
        if self.last_epoch == 0:
            return self._scaled(self.factor)
        if self.last_epoch != self.total_iters:
            return self._rates()
        # From a rate of 0 no factor leads back.
        return self._scaled(1.0 / self.factor) if self.factor else list(self.base_lrs)

    def _get_closed_form_lr(self) -> list[float]:
        return self._base_scaled(self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor))


class LinearLR(LRScheduler):
    """Multiply the rate by a factor that goes from one value to another along a line: warm-up.

    Parameters
    ----------
    optimizer
        Whose rates are set.
    start_factor
        The factor at first, above 0 and up to 1.
    end_factor
        The factor in the end, from 0 to 1.
    total_iters
        After how many steps it is reached.
    last_epoch
        See `LRScheduler`.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`.

    Examples
    --------
    A warm-up of 2 steps before a cosine of 4:

    >>> import graphgrad as gg
    >>> from graphgrad.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.8)
    >>> warm_up, cosine = LinearLR(optimizer, 0.5, total_iters=2), CosineAnnealingLR(optimizer, T_max=4)
    >>> scheduler = SequentialLR(optimizer, [warm_up, cosine], milestones=[2])
    >>> for _ in range(5):
    ...     print([round(rate, 4) for rate in scheduler.get_last_lr()])
    ...     optimizer.step()
    ...     scheduler.step()
    [0.4]
    [0.6]
    [0.8]
    [0.6828]
    [0.4]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor = self._check_number("start_factor", start_factor, 0.0, 1.0)
        self.end_factor = self._check_number("end_factor", end_factor, 0.0, 1.0)
        self.total_iters = self._check_count("total_iters", total_iters)
        if start_factor == 0:
            self._refuse("start_factor is above 0, since each rate is a multiple of the one before", start_factor)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates that belong to ``last_epoch``, from those before."""
        if self.last_epoch == 0:
            return self._scaled(self.start_factor)
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._rates()
        slope = self.end_factor - self.start_factor
        factor = 1.0 + slope / (self.total_iters * self.start_factor + (self.last_epoch - 1) * slope)
        return self._scaled(max(0.0, factor))  # rounding may lead below a last rate of 0

    def _get_closed_form_lr(self) -> list[float]:
        way = (self.end_factor - self.start_factor) * min(self.total_iters, self.last_epoch) / self.total_iters
        return self._base_scaled(self.start_factor + way)


class PolynomialLR(LRScheduler):
    """Decay the rate to 0 as a power of the steps that are left: γ₀ · (1 - t / total_iters)ᵖ.

    Parameters
    ----------
    optimizer
        Whose rates are set.
    total_iters
        After how many steps it is 0.
    power
        p; 1 is a line.
    last_epoch
        See `LRScheduler`.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`.

    See Also
    --------
    PowerLR : a power of the steps made so far, which never reaches 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.8)
    >>> scheduler = gg.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4, power=2.0)
    >>> optimizer.step(), scheduler.step(), scheduler.step()
    (None, None, None)
    >>> round(scheduler.get_last_lr()[0], 4)
    0.2
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters = self._check_count("total_iters", total_iters)
        self.power = self._check_number("power", power, 0.0)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates that belong to ``last_epoch``, from those before."""
        if self._is_initial or self.last_epoch > self.total_iters:
            return self._rates()
        left, left_before = (1.0 - t / self.total_iters for t in (self.last_epoch, self.last_epoch - 1))
        return self._scaled((left / left_before) ** self.power)

    def _get_closed_form_lr(self) -> list[float]:
        return self._base_scaled((1.0 - min(self.total_iters, self.last_epoch) / self.total_iters) ** self.power)
