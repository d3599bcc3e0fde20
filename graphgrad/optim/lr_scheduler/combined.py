"""Schedules made of others: one after another, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from graphgrad.graph.errors import describe
from graphgrad.optim.lr_scheduler.plateau import ReduceLROnPlateau
from graphgrad.optim.lr_scheduler.scheduler import LRScheduler
from graphgrad.optim.optimizer import Optimizer

__all__ = ["ChainedScheduler", "SequentialLR"]


class _OfSchedulers(LRScheduler):
    """A schedule that has others set the rates of one optimiser."""

    _unsaved = LRScheduler._unsaved | {"_schedulers"}
    _schedulers: list[LRScheduler]

    def _take_all(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> None:
        """Check and keep the schedules and their optimiser."""
        name = type(self).__name__
        if not isinstance(schedulers, (list, tuple)) or not schedulers:
            self._refuse("schedulers is a list of at least one", schedulers)
        for i, scheduler in enumerate(schedulers):
            if not isinstance(scheduler, LRScheduler):
                raise TypeError(describe(f"{name}: schedulers[{i}] is no schedule but {type(scheduler).__name__}"))
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    describe(
                        f"{name}: schedulers[{i}] is a ReduceLROnPlateau, whose step needs a metric",
                        hint="call its step(metric) beside this schedule's step()",
                    )
                )
        self._take(schedulers[0].optimizer if optimizer is None else optimizer, -1)
        for i, scheduler in enumerate(schedulers):
            if scheduler.optimizer is not self.optimizer:
                raise ValueError(describe(f"{name}: schedulers[{i}] belongs to another optimiser"))
            if any(scheduler is other for other in schedulers[:i]):
                raise ValueError(describe(f"{name}: schedulers[{i}] is there twice"))
        self._schedulers = list(schedulers)

    def _to_initial_rates(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"]

    def _undo(self) -> None:
        for scheduler in self._schedulers:
            scheduler._undo()

    def _restart(self) -> None:
        self._to_initial_rates()
        self._begin()

    def state_dict(self) -> dict[str, Any]:
        """What it takes to go on later, with the states of the schedules inside under ``"_schedulers"``."""
        return {**super().state_dict(), "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def _read_value(self, key: str, mine: Any, theirs: Any) -> Any:
        if key != "_schedulers":
            return super()._read_value(key, mine, theirs)
        if not isinstance(theirs, (list, tuple)) or len(theirs) != len(self._schedulers):
            self._refuse_state(
                f"it has a state of each of the {len(self._schedulers)} schedules", f"got: {theirs!r:.80}"
            )
        return [scheduler._read(state) for scheduler, state in zip(self._schedulers, theirs, strict=True)]

    def _restore(self, values: dict[str, Any]) -> None:
        for scheduler, inside in zip(self._schedulers, values.pop("_schedulers"), strict=True):
            scheduler._restore(inside)
        super()._restore(values)

    def __repr__(self) -> str:
        lines = [f"  {scheduler!r}".replace("\n", "\n  ") for scheduler in self._schedulers]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


class SequentialLR(_OfSchedulers):
    """One schedule after another: warm-up, and then a decay.

    Parameters
    ----------
    optimizer
        Whose rates are set.
    schedulers
        The schedules, made for this optimiser; each begins from its first rates.
    milestones
        After how many steps the second one begins, the third, and so on.
    last_epoch
        The number of steps made before, less 1; a `state_dict` is the way to go on.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`; also if a schedule is of another optimiser or needs a metric, or the milestones don't rise.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from graphgrad.optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.8)
    >>> first, then = ConstantLR(optimizer, factor=0.1, total_iters=2), ExponentialLR(optimizer, gamma=0.5)
    >>> scheduler = SequentialLR(optimizer, [first, then], milestones=[2])
    >>> for _ in range(4):
    ...     print([round(rate, 4) for rate in scheduler.get_last_lr()])
    ...     optimizer.step()
    ...     scheduler.step()
    [0.08]
    [0.08]
    [0.8]
    [0.4]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        self._take_all(schedulers, optimizer)
        self._check_count("last_epoch", last_epoch, least=-1)
        self._milestones = self._check_milestones(milestones)
        if len(self._milestones) != len(schedulers) - 1:
            self._refuse(f"{len(schedulers)} schedules are parted by {len(schedulers) - 1} milestones", milestones)
        if any(later <= before for before, later in pairwise(self._milestones)):
            self._refuse("milestones rise", milestones)
        self.last_epoch = last_epoch + 1
        self._to_initial_rates()
        self._undo()
        self._schedulers[0]._initial_step()
        self._last_lr = self._schedulers[0].get_last_lr()

    def step(self) -> None:
        """Go on to the next rates."""
        epoch = self.last_epoch + 1
        number = bisect_right(self._milestones, epoch)
        scheduler = self._schedulers[number]
        if number > 0 and self._milestones[number - 1] == epoch:
            scheduler._restart()
        else:
            scheduler.step()
        self.last_epoch = epoch
        self._last_lr = scheduler.get_last_lr()

    def _begin(self) -> None:
        self.last_epoch = 0
        self._schedulers[0]._begin()
        self._last_lr = self._schedulers[0].get_last_lr()

    _initial_step = _begin

    def _read_value(self, key: str, mine: Any, theirs: Any) -> Any:
        if key == "_milestones" and isinstance(theirs, (list, tuple)) and len(theirs) != len(mine):
            self._refuse_state(f"it has {len(mine)} milestones", f"got: {theirs!r:.80}")
        return super()._read_value(key, mine, theirs)


class ChainedScheduler(_OfSchedulers):
    """Several schedules at once: in each step one goes on from the rates that the one before set.

    Parameters
    ----------
    schedulers
        The schedules, made for one optimiser, in their order. Those that multiply the rate, as most do, can follow
        others; those that set it, such as `LambdaLR` and `PiecewiseConstantLR`, come first.
    optimizer
        Whose rates are set, that of the schedules if left out.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`; also if a schedule is of another optimiser or needs a metric.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from graphgrad.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.8)
    >>> parts = [ConstantLR(optimizer, factor=0.1, total_iters=2), ExponentialLR(optimizer, gamma=0.5)]
    >>> scheduler = ChainedScheduler(parts)
    >>> for _ in range(4):
    ...     print([round(rate, 4) for rate in scheduler.get_last_lr()])
    ...     optimizer.step()
    ...     scheduler.step()
    [0.08]
    [0.04]
    [0.2]
    [0.1]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._take_all(schedulers, optimizer)
        self._last_lr = self._rates()

    def step(self) -> None:
        """Go on to the next rates."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._rates()

    def _begin(self) -> None:
        for scheduler in self._schedulers:
            scheduler._begin()
        self._last_lr = self._rates()

    _initial_step = _begin
