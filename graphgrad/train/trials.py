"""Trials of a sweep: one run of a function with its parameters and its seed, and the table of all."""

from __future__ import annotations

import csv
import inspect
import io
import math
import numbers
import os
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

import numpy as np

from graphgrad.files import write
from graphgrad.graph.errors import DTypeError, GraphgradError, describe
from graphgrad.graph.random import seeded
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.threads import set_num_threads
from graphgrad.train.history import is_number, sign_of
from graphgrad.view.numbers import number

__all__ = ["Task", "Trial", "TrialError", "Trials", "run_task", "seed_of", "values_of"]

SHOWN = 20  # lines of a table

_HIDDEN = ("seed", "seconds", "error")  # columns that are written, and not shown


class TrialError(GraphgradError, RuntimeError):
    """What is asked of trials that have failed."""


@dataclass(frozen=True)
class Trial:
    """One run of a sweep's function.

    Attributes
    ----------
    number
        Which one it is, from 0.
    parameters
        What the function got, by name.
    seed
        What its random numbers started with.
    score
        The number that trials are compared by; None if it failed.
    values
        All that the function returned, by name.
    error
        What went wrong, in a line; None if nothing did.
    traceback
        Where that was.
    seconds
        How long it took.
    """

    number: int
    parameters: dict[str, Any]
    seed: int
    score: float | None = None
    values: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    traceback: str | None = field(default=None, compare=False)
    seconds: float = field(default=0.0, compare=False)

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={_text(value)}" for name, value in self.parameters.items())
        return f"Trial({self.number}: {given}; {self.error or _text(self.score)})"


@dataclass(frozen=True)
class Task:
    """A trial that is to be run, as it is sent to where that happens."""

    function: Callable[..., Any]
    trial: Trial
    name: str
    """What a single number that the function returns is called."""
    threads: int | None
    wants_seed: bool

    @classmethod
    def of(cls, function: Callable[..., Any], trial: Trial, name: str, threads: int | None) -> Task:
        """The task of a trial, which gets its seed too if the function has a parameter `seed` for it."""
        try:
            wanted = "seed" in inspect.signature(function).parameters and "seed" not in trial.parameters
        except (TypeError, ValueError):  # a function of C may have no signature
            wanted = False
        return cls(function, trial, name, threads, wanted)


def run_task(task: Task) -> Trial:
    """Run a trial, wherever this process is, and write down how it went: an error too is an answer.

    Random numbers start with the trial's own seed, and sums are made by as many threads wherever it runs, so that its
    numbers depend on nothing else.
    """
    trial, begin = task.trial, time.perf_counter()
    given = {**trial.parameters, **({"seed": trial.seed} if task.wants_seed else {})}
    try:
        if task.threads is not None:
            set_num_threads(task.threads)
        with seeded(trial.seed):
            trial = replace(trial, values=values_of(task.function(**given), task.name))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is belongs to the trial
        kind = type(error).__name__
        lines = "".join(traceback.format_exception(error))
        trial = replace(trial, error=f"{kind}: {error}".removesuffix(": "), traceback=lines)
    return replace(trial, seconds=time.perf_counter() - begin)


def values_of(result: Any, name: str) -> dict[str, Any]:
    """What a function returned, by name, in plain numbers of Python.

    Raises
    ------
    DTypeError
        If it is neither a number nor a mapping to what can be written down.
    """
    if isinstance(result, Mapping):
        return {str(key): _plain(str(key), value) for key, value in result.items()}
    value = _plain(name, result)
    if not is_number(value):
        raise DTypeError(describe(f"a trial returns a number, or a mapping from names to such, got {result!r:.60}"))
    return {name: value}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, Tensor):
        value = value.data
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.item() if value.size == 1 else value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(name, one) for one in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, numbers.Real):
        return float(value)
    raise DTypeError(describe(f"a trial returns numbers, {name} is {type(value).__name__} {value!r:.60}"))


def seed_of(seed: int, number: int) -> int:
    """The seed of a trial: of the sweep's and the trial's number alone, whichever worker runs it, and when."""
    return int(np.random.SeedSequence([seed, 1, number]).generate_state(1)[0])


class Trials(Sequence[Trial]):
    """All trials of a sweep, in their order; as text, a table with the best on top.

    Attributes
    ----------
    monitor
        The name of the score.
    mode
        ``"min"`` if less of it is better, ``"max"`` if more is.
    seed
        The sweep's.

    Examples
    --------
    >>> import graphgrad as gg
    >>> trials = gg.train.grid_search(lambda x, y: (x - 2) ** 2 + y, {"x": [1, 2, 4], "y": [0.5]}, mode="min")
    >>> trials
    trial  score  x    y
        1    0.5  2  0.5
        0    1.5  1  0.5
        2    4.5  4  0.5
    >>> trials.best.parameters
    {'x': 2, 'y': 0.5}
    """

    def __init__(self, trials: Sequence[Trial], monitor: str = "score", mode: str = "auto", seed: int = 0) -> None:
        self._trials = list(trials)
        self._sign = sign_of(monitor, mode)
        self.monitor, self.mode, self.seed = monitor, "min" if self._sign == 1 else "max", seed

    @property
    def best(self) -> Trial:
        """The trial with the best score; of several, the first.

        Raises
        ------
        TrialError
            If no trial has a score.
        """
        first = self.sorted()[:1]
        if not first or _missing(first[0].score):
            raise TrialError(
                describe(
                    f"of {len(self)} trials none has a {self.monitor}",
                    *(f"trial {trial.number}: {trial.error or _text(trial.score)}" for trial in first),
                )
            )
        return first[0]

    @property
    def failed(self) -> list[Trial]:
        """The trials that ended in an error."""
        return [trial for trial in self._trials if trial.error is not None]

    def sorted(self) -> list[Trial]:
        """The trials by their score, the best first; then those without one, and those that failed."""

        def key(trial: Trial) -> tuple[int, float, int]:
            if trial.error is not None:
                return 2, 0.0, trial.number
            if _missing(trial.score):
                return 1, 0.0, trial.number
            return 0, self._sign * float(trial.score or 0.0), trial.number

        return sorted(self._trials, key=key)

    def rows(self) -> list[dict[str, Any]]:
        """The table, the best first: a dict for each trial, all with the same keys."""
        results = dict.fromkeys([self.monitor, *(name for trial in self._trials for name in trial.values)])
        given = dict.fromkeys(name for trial in self._trials for name in trial.parameters)
        # A parameter with the name of a result stays apart from it, and so does what every trial has.
        parameters = {name: f"parameter_{name}" if name in results else name for name in given}
        taken = {*results, *parameters.values()}
        own = {name: f"trial_{name}" if name in taken else name for name in ("trial", *_HIDDEN)}
        return [
            {
                own["trial"]: trial.number,
                **{name: trial.values.get(name) for name in results},
                **{column: trial.parameters.get(name) for name, column in parameters.items()},
                **{own[name]: getattr(trial, name) for name in _HIDDEN},
            }
            for trial in self.sorted()
        ]

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """Write the table as CSV: into a file, or as a text if there is none.

        Numbers are written in full. What isn't there is empty.
        """
        rows, text = self.rows(), io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(list(rows[0]) if rows else ["trial", self.monitor])
        for row in rows:
            writer.writerow([_cell(value) for value in row.values()])
        if path is None:
            return text.getvalue()
        write(path, text.getvalue())
        return None

    @overload
    def __getitem__(self, index: int) -> Trial: ...
    @overload
    def __getitem__(self, index: slice) -> list[Trial]: ...
    def __getitem__(self, index: int | slice) -> Trial | list[Trial]:
        return self._trials[index]

    def __len__(self) -> int:
        return len(self._trials)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Trials):
            return NotImplemented
        return (self._trials, self.monitor, self.mode) == (other._trials, other.monitor, other.mode)

    __hash__ = None  # type: ignore[assignment]  # as a list

    def __repr__(self) -> str:
        rows = self.rows()
        names = list(rows[0])[: -len(_HIDDEN)] if rows else ["trial", self.monitor]
        table = [names, *([_text(row[name]) for name in names] for row in rows[:SHOWN])]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        for i, trial in enumerate(self.sorted()[:SHOWN], 1):
            if trial.error is not None:
                lines[i] += f"  {trial.error.partition(chr(10))[0]:.80}"
        more = [f"... and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
        return "\n".join([*(line.rstrip() for line in lines), *more])


def _missing(score: float | None) -> bool:
    return score is None or math.isnan(score)


def _text(value: Any) -> str:
    if value is None:
        return "—"
    if is_number(value):
        return number(value)
    return str(getattr(value, "__name__", value))


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(getattr(value, "__name__", value))
