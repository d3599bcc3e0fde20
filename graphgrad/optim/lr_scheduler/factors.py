"""Rates from a function of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from graphgrad.optim.lr_scheduler.scheduler import LRScheduler
from graphgrad.optim.optimizer import Optimizer

__all__ = ["LambdaLR", "MultiplicativeLR"]

Factor = Callable[[int], float]


class _OfFunctions(LRScheduler):
    """A schedule by functions, one for each group.

    Functions are code, which no state dict has; of a callable object of a class of its own it has the attributes.
    """

    _unsaved = LRScheduler._unsaved | {"lr_lambdas"}

    def __init__(self, optimizer: Optimizer, lr_lambda: Factor | list[Factor], last_epoch: int = -1) -> None:
        self._take(optimizer, last_epoch)
        groups = len(optimizer.param_groups)
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups
        if len(self.lr_lambdas) != groups or not all(map(callable, self.lr_lambdas)):
            self._refuse(f"lr_lambda is a function, or a list of one for each of the {groups} groups", lr_lambda)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """What it takes to go on later: plain data, if what callable objects hold is.

        Functions and lambdas are not saved, only the attributes of callable objects of a class of their own: the
        schedule that loads the state is made with the same functions.
        """
        kept = [None if isinstance(f, FunctionType) else dict(getattr(f, "__dict__", {})) for f in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": kept}

    def _read(self, state_dict: Mapping[str, Any]) -> dict[str, Any]:
        values = super()._read(state_dict)
        kept = state_dict["lr_lambdas"]
        if not isinstance(kept, (list, tuple)) or len(kept) != len(self.lr_lambdas):
            self._refuse_state(
                f"lr_lambdas has one entry for each of {len(self.lr_lambdas)} groups", f"got: {kept!r:.80}"
            )
        for one, function in zip(kept, self.lr_lambdas, strict=True):
            if one is not None and (not isinstance(one, Mapping) or not hasattr(function, "__dict__")):
                self._refuse_state("lr_lambdas holds attributes by name, or None", f"got: {one!r:.80}")
        return {**values, "lr_lambdas": kept}

    def _restore(self, values: dict[str, Any]) -> None:
        for kept, function in zip(values.pop("lr_lambdas"), self.lr_lambdas, strict=True):
            if kept is not None:
                vars(function).update(kept)
        super()._restore(values)

    def _read_value(self, key: str, mine: Any, theirs: Any) -> Any:
        return theirs if key == "lr_lambdas" else super()._read_value(key, mine, theirs)


class LambdaLR(_OfFunctions):
    """The first rate times a function of the number of steps: γ₀ · f(t).

    Parameters
    ----------
    optimizer
        Whose rates are set.
    lr_lambda
        f, or a list of one for each group. Functions are not saved in a `state_dict`.
    last_epoch
        See `LRScheduler`.

    Raises
    ------
    TypeError, ValueError
        As `LRScheduler`; also if `lr_lambda` isn't what it should be.

    Examples
    --------
    >>> import graphgrad as gg
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.5)
    >>> scheduler = gg.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + t))
    >>> optimizer.step(), scheduler.step()
    (None, None)
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def get_lr(self) -> list[float]:
        """The rates that belong to ``last_epoch``."""
        if len(self.lr_lambdas) != len(self.optimizer.param_groups):
            self._refuse_groups(len(self.lr_lambdas))
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [float(rate * f(self.last_epoch)) for rate, f in pairs]


class MultiplicativeLR(_OfFunctions):
    """The last rate times a function of the number of steps: γₜ = γₜ₋₁ · f(t).

    Parameters
    ----------
    optimizer
        Whose rates are set.
    lr_lambda
        f, or a list of one for each group. Functions are not saved in a `state_dict`.
    last_epoch
        See `LRScheduler`.

    Raises
    ------
    TypeError, ValueError
        As `LambdaLR`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.5)
    >>> scheduler = gg.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda t: 0.5)
    >>> optimizer.step(), scheduler.step()
    (None, None)
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def get_lr(self) -> list[float]:
        """The rates that belong to ``last_epoch``, from those before."""
        if self._is_initial:
            return self._rates()
        if len(self.lr_lambdas) != len(self.optimizer.param_groups):
            self._refuse_groups(len(self.lr_lambdas))
        pairs = zip(self._rates(), self.lr_lambdas, strict=True)
        return [float(rate * f(self.last_epoch)) for rate, f in pairs]
