"""Batches that grow while one learns: the other way to take the noise out of steps."""

from __future__ import annotations

import math
import numbers
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from graphgrad.graph.checks import check_count, is_number
from graphgrad.graph.errors import describe
from graphgrad.optim.lr_scheduler.scheduler import check_milestones

__all__ = ["MultiStepBS", "StepBS"]


class _BatchSize:
    """A schedule of the batch size of a loader: subclasses say by which power of γ it has grown."""

    def __init__(self, dataloader: Any, gamma: float, max_batch_size: int | None) -> None:
        name = type(self).__name__
        self._holder = _holder(dataloader, name)
        if not is_number(gamma) or gamma <= 0:
            raise ValueError(describe(f"{name}: gamma is a finite number above 0", f"got: {gamma!r:.80}"))
        if max_batch_size is not None:
            max_batch_size = check_count(name, "max_batch_size", max_batch_size)
        self.gamma: float = float(gamma)
        self.max_batch_size: int | None = max_batch_size
        self.base_batch_size: int = int(self._holder.batch_size)
        self.last_epoch: int = 0

    def growths(self, epoch: int) -> int:
        """How many times the batch has grown after some steps."""
        raise NotImplementedError

    def step(self) -> None:
        """Go on to the next size, for the batches of the next pass over the loader."""
        size = self._size(self.last_epoch + 1)
        self.last_epoch += 1
        self._holder.batch_size = size

    def get_last_bs(self) -> int:
        """The size that was set last."""
        return int(self._holder.batch_size)

    def _size(self, epoch: int) -> int:
        """The size after some steps."""
        most = sys.maxsize if self.max_batch_size is None else self.max_batch_size
        growths = self.growths(epoch)
        if growths * math.log(self.gamma) >= math.log(most / self.base_batch_size):  # the power may exceed any float
            return most
        return max(1, round(self.base_batch_size * self.gamma**growths))

    def state_dict(self) -> dict[str, Any]:
        """What it takes to go on later, as plain data that JSON can hold."""
        return {"base_batch_size": self.base_batch_size, "last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a `state_dict`; the loader gets the size that it says.

        Raises
        ------
        ValueError
            If it is none of this schedule; nothing is changed then.
        """
        name = f"{type(self).__name__}.load_state_dict"
        if not isinstance(state_dict, Mapping) or set(state_dict) != set(self.state_dict()):
            raise ValueError(
                describe(
                    f"{name}: another state", f"expected: {', '.join(self.state_dict())}", f"got: {state_dict!r:.80}"
                )
            )
        size = check_count(name, "base_batch_size", state_dict["base_batch_size"])
        self.base_batch_size, self.last_epoch = size, check_count(name, "last_epoch", state_dict["last_epoch"], least=0)
        self._holder.batch_size = self._size(self.last_epoch)

    def __repr__(self) -> str:
        shown = ", ".join(f"{key}={value!r}" for key, value in vars(self).items() if key[0] != "_")
        return f"{type(self).__name__}({shown})"


class StepBS(_BatchSize):
    """Multiply the batch size by γ every `step_size` steps (P08.24).

    The variance of a batch's gradient falls with its size, as the noise of steps does with the rate: where a schedule
    would divide the rate by γ, the batch may grow by γ as well, and epochs have fewer and longer steps.

    Parameters
    ----------
    dataloader
        A loader with a ``batch_sampler`` that has a ``batch_size``; or anything whose ``batch_size`` can be set.
    step_size
        For how many steps, as a rule epochs, a size stays.
    gamma
        γ.
    max_batch_size
        The largest size; as large as it gets if left out.

    Raises
    ------
    TypeError
        If `dataloader` has no batch size.
    ValueError
        If an argument is out of range.

    Notes
    -----
    Smith, Kindermans, Ying and Le, "Don't Decay the Learning Rate, Increase the Batch Size", 2018.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from types import SimpleNamespace
    >>> loader = SimpleNamespace(batch_size=32)
    >>> scheduler = gg.optim.lr_scheduler.StepBS(loader, step_size=2, max_batch_size=100)
    >>> for _ in range(5):
    ...     scheduler.step()
    ...     print(loader.batch_size)
    32
    64
    64
    100
    100
    """

    def __init__(self, dataloader: Any, step_size: int, gamma: float = 2.0, max_batch_size: int | None = None) -> None:
        step_size = check_count(type(self).__name__, "step_size", step_size)
        super().__init__(dataloader, gamma, max_batch_size)
        self.step_size = step_size

    def growths(self, epoch: int) -> int:
        """How many times the batch has grown after some steps."""
        return epoch // self.step_size


class MultiStepBS(_BatchSize):
    """Multiply the batch size by γ after given numbers of steps (P08.24); otherwise as `StepBS`.

    Parameters
    ----------
    dataloader
        See `StepBS`.
    milestones
        The numbers of steps; one that is there twice counts twice.
    gamma
        γ.
    max_batch_size
        See `StepBS`.

    Raises
    ------
    TypeError, ValueError
        As `StepBS`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from types import SimpleNamespace
    >>> loader = SimpleNamespace(batch_size=32)
    >>> scheduler = gg.optim.lr_scheduler.MultiStepBS(loader, milestones=[1, 3])
    >>> for _ in range(4):
    ...     scheduler.step()
    ...     print(loader.batch_size)
    64
    64
    128
    128
    """

    def __init__(
        self, dataloader: Any, milestones: Iterable[int], gamma: float = 2.0, max_batch_size: int | None = None
    ) -> None:
        steps = sorted(check_milestones(type(self).__name__, milestones))
        super().__init__(dataloader, gamma, max_batch_size)
        self.milestones = steps

    def growths(self, epoch: int) -> int:
        """How many times the batch has grown after some steps."""
        return sum(milestone <= epoch for milestone in self.milestones)


def _holder(dataloader: Any, name: str) -> Any:
    """What holds the batch size: the sampler of batches of a loader, or the object itself."""
    for holder in (getattr(dataloader, "batch_sampler", None), dataloader):
        if isinstance(getattr(holder, "batch_size", None), numbers.Integral):
            return holder
    raise TypeError(
        describe(
            f"{name}: {type(dataloader).__name__} has no batch_size",
            hint="give a DataLoader that makes batches, its batch_sampler, or any object with a batch_size",
        )
    )
