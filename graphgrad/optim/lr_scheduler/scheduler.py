"""What all schedules share: the rates that they began with, how far they are, and their state."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NoReturn

from graphgrad.graph.checks import check_choice, check_count, check_number, is_number
from graphgrad.graph.errors import describe
from graphgrad.optim.optimizer import Optimizer

__all__ = ["LRScheduler"]

# What PyTorch's state dicts have beside ours: marks of a step that is being made, and what follows from the rest.
_PASSED_OVER = frozenset({"_get_lr_called_within_step", "_is_initial", "mode_worse", "verbose"})
_OF_EACH_GROUP = frozenset({"_last_lr", "base_lrs", "base_momentums", "max_lrs", "max_momentums", "min_lrs"})
_WHOLE = frozenset({"_step_count", "last_epoch"})


class LRScheduler:
    """The base of schedules of the learning rate (P08.19): subclasses say in `get_lr` what the rates are now.

    A schedule sets the rates of an optimiser's groups, ``optimizer.param_groups[i]["lr"]``, when it is made and in each
    `step`, which is called after the optimiser's steps of an epoch, or after each of them: the unit is up to the
    caller. Most schedules go on from the rate that they find, so that several on one optimiser multiply.

    Parameters
    ----------
    optimizer
        Whose rates are set.
    last_epoch
        The number of steps made before, less 1: -1 to begin. To go on with an optimiser that had a schedule, whose
        groups have an ``"initial_lr"``, the number of the last step.

    Attributes
    ----------
    base_lrs
        The rates that the groups began with.
    last_epoch
        The number of steps made so far.

    Raises
    ------
    TypeError
        If `optimizer` is none.
    ValueError
        If an argument is out of range, or a group has no ``"initial_lr"`` where one is needed.

    Examples
    --------
    >>> import graphgrad as gg
    >>> class Halves(gg.optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [rate / 2**self.last_epoch for rate in self.base_lrs]
    >>> optimizer = gg.optim.SGD([gg.ones(2, requires_grad=True)], lr=0.8)
    >>> scheduler = Halves(optimizer)
    >>> for epoch in range(2):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr(), optimizer.param_groups[0]["lr"]
    ([0.2], 0.2)
    """

    _unsaved: ClassVar[frozenset[str]] = frozenset({"_is_initial", "optimizer"})

    optimizer: Optimizer
    base_lrs: list[float]
    last_epoch: int
    _is_initial: bool = False  # while the step is made that sets the first rates
    _last_lr: list[float]
    _step_count: int

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self._take(optimizer, last_epoch)
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", float(group["lr"]))
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    # ---- what a training loop calls

    def step(self) -> None:
        """Go on to the next rates."""
        self._step_count += 1
        try:
            self._update_lr()
        except BaseException:
            self._step_count -= 1
            raise

    def get_last_lr(self) -> list[float]:
        """The rates that this schedule set last, one for each group."""
        return list(self._last_lr)

    def get_lr(self) -> list[float]:
        """The rates that belong to ``last_epoch``, one for each group; subclasses define it, and `step` calls it.

        Of many schedules the result is only right inside of a step, since it goes on from the rates of the groups; see
        `get_last_lr`.
        """
        raise NotImplementedError(describe(f"{type(self).__name__}: doesn't say in get_lr what the rates are"))

    def state_dict(self) -> dict[str, Any]:
        """What it takes to go on later, as plain data that JSON can hold.

        The rates themselves are the optimiser's, so its own `state_dict` is needed too.
        """
        return {name: _plain(value) for name, value in vars(self).items() if name not in self._unsaved}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a `state_dict`: first make the schedule anew, then load the optimiser's state and this one.

        Parameters
        ----------
        state_dict
            Of a schedule of this class, for as many groups; PyTorch's will do.

        Raises
        ------
        TypeError
            If it is no mapping.
        ValueError
            If names, types or the number of groups differ; nothing is changed then.
        """
        self._restore(self._read(state_dict))

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in vars(self).items() if name[0] != "_" and name != "optimizer")
        return f"{type(self).__name__}({', '.join(shown)})"

    # ---- how a step is made

    def _initial_step(self) -> None:
        """Set the first rates."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def _update_lr(self, epoch: int | None = None) -> None:
        """Set the rates of the next step, or those of a given one, in closed form where there is one."""
        before = self.last_epoch
        self.last_epoch = before + 1 if epoch is None else epoch
        try:
            rates = self.get_lr() if epoch is None else self._get_closed_form_lr()
            if len(rates) != len(self.optimizer.param_groups):
                self._refuse_groups(len(rates))
        except BaseException:
            self.last_epoch = before
            raise
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = self._rates()

    def _get_closed_form_lr(self) -> list[float]:
        """The rates that belong to ``last_epoch``, from those at the beginning; not every schedule can tell."""
        return self.get_lr()

    def _rates(self) -> list[float]:
        """The rates as they are."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def _scaled(self, factor: float) -> list[float]:
        """The rates as they are, times a factor."""
        return [rate * factor for rate in self._rates()]

    def _base_scaled(self, factor: float) -> list[float]:
        """The rates at the beginning, times a factor."""
        return [rate * factor for rate in self.base_lrs]

    # ---- inside of another schedule

    def _undo(self) -> None:
        """Take back the step that set the first rates, for the schedule that makes it in its own time."""
        self.last_epoch -= 1

    def _begin(self) -> None:
        """Begin anew, from the rates that the groups have."""
        self.last_epoch = -1
        self._initial_step()

    def _restart(self) -> None:
        """Begin anew, from the rates that the groups had at the beginning."""
        self._update_lr(0)

    # ---- state

    def _read(self, state_dict: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes that a state dict stands for; nothing is changed."""
        name = type(self).__name__
        if not isinstance(state_dict, Mapping):
            raise TypeError(describe(f"{name}.load_state_dict: a mapping is needed, got {type(state_dict).__name__}"))
        mine = self.state_dict()
        missing = [key for key in mine if key not in state_dict]
        unexpected = [str(key) for key in state_dict if key not in mine and key not in _PASSED_OVER]
        if missing or unexpected:
            problems = [f"missing: {', '.join(missing)}"] if missing else []
            problems += [f"unexpected: {', '.join(unexpected)}"] if unexpected else []
            raise ValueError(describe(f"{name}.load_state_dict: this is no state of {name}", *problems))
        return {key: self._read_value(key, value, state_dict[key]) for key, value in mine.items()}

    def _read_value(self, key: str, mine: Any, theirs: Any) -> Any:
        """One value of a state dict, if it is such as the one that is there."""
        is_whole = key not in _WHOLE or isinstance(theirs, int)
        if not is_whole or not _fits(mine, theirs):
            self._refuse_state(f"{key} is of another kind", f"expected: such as {mine!r:.80}", f"got: {theirs!r:.80}")
        if key in _OF_EACH_GROUP and len(theirs) != len(self.optimizer.param_groups):
            self._refuse_state(
                "it is of another number of groups",
                f"expected: {len(self.optimizer.param_groups)}",
                f"got: {len(theirs)} in {key}",
            )
        return _plain(theirs)

    def _restore(self, values: dict[str, Any]) -> None:
        """Take over what was read."""
        vars(self).update(values)

    # ---- arguments

    def _take(self, optimizer: Optimizer, last_epoch: int) -> None:
        """Check and keep the optimiser that every schedule needs."""
        if not isinstance(optimizer, Optimizer):
            raise TypeError(describe(f"{type(self).__name__}: an Optimizer is needed, got {type(optimizer).__name__}"))
        self._check_count("last_epoch", last_epoch, least=-1)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch != -1 and "initial_lr" not in group:
                raise ValueError(
                    describe(
                        f"{type(self).__name__}: group {i} has no 'initial_lr', which last_epoch={last_epoch} needs",
                        hint="load the optimiser's state dict first; or begin anew, with last_epoch=-1",
                    )
                )
        self.optimizer = optimizer

    def _of_each_group(self, name: str, value: float | Sequence[float]) -> list[float]:
        """A number for each group, from one for all or from a list."""
        groups = len(self.optimizer.param_groups)
        values = list(value) if isinstance(value, (list, tuple)) else [value] * groups
        if len(values) != groups:
            self._refuse(f"{name} is a number, or a list of one for each of the {groups} groups", value)
        return [self._check_number(name, one) for one in values]

    def _check_number(self, name: str, value: Any, least: float = -math.inf, most: float = math.inf) -> float:
        """A finite number; refuse what is none, or out of a range."""
        return check_number(type(self).__name__, name, value, least, most)

    def _check_positive(self, name: str, value: Any) -> float:
        """A finite number above 0."""
        if not is_number(value) or not value > 0:
            self._refuse(f"{name} is a finite number above 0", value)
        return float(value)

    def _check_count(self, name: str, value: Any, least: int = 1) -> int:
        """A whole number; refuse what is none, or too small."""
        return check_count(type(self).__name__, name, value, least)

    def _check_milestones(self, values: Any, least: int = 1) -> list[int]:
        """Whole numbers in a list; refuse what is none."""
        return check_milestones(type(self).__name__, values, least)

    def _check_choice(self, name: str, value: str, choices: Sequence[str]) -> str:
        """One of some words; refuse others."""
        return check_choice(type(self).__name__, name, value, choices)

    def _refuse(self, reason: str, got: object) -> NoReturn:
        raise ValueError(describe(f"{type(self).__name__}: {reason}", f"got: {got!r:.80}"))

    def _refuse_state(self, reason: str, *details: str) -> NoReturn:
        raise ValueError(describe(f"{type(self).__name__}.load_state_dict: {reason}", *details))

    def _refuse_groups(self, had: int) -> NoReturn:
        raise ValueError(
            describe(
                f"{type(self).__name__}: the optimiser has other parameter groups than when the schedule was made",
                f"expected: {had}",
                f"got: {len(self.optimizer.param_groups)}",
                hint="make a schedule after the last add_param_group",
            )
        )


def check_milestones(what: str, values: Any, least: int = 1) -> list[int]:
    """Whole numbers in a list; refuse what is none."""
    try:
        found = list(values)
    except TypeError:
        raise ValueError(describe(f"{what}: milestones are a list of whole numbers", f"got: {values!r:.80}")) from None
    return [check_count(what, "a milestone", one, least) for one in found]


def _plain(value: Any) -> Any:
    """A value as data of its own: numbers of NumPy become Python's, tuples lists."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if _is_real(value):
        return int(value) if isinstance(value, numbers.Integral) else float(value)
    return value


def _fits(mine: Any, theirs: Any) -> bool:
    """Whether a value of a state dict is of the kind of the one that is there."""
    if mine is None:
        return True
    if isinstance(mine, dict):
        return (
            isinstance(theirs, Mapping)
            and mine.keys() == theirs.keys()
            and all(_fits(mine[k], theirs[k]) for k in mine)
        )
    if isinstance(mine, list):
        return isinstance(theirs, (list, tuple)) and (not mine or all(_fits(mine[0], one) for one in theirs))
    return _is_real(theirs) if _is_real(mine) else type(theirs) is type(mine)


def _is_real(value: object) -> bool:
    """Whether something is a real number, be it infinite, as the best error before there was one is in PyTorch."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
