"""Sweeps: the same function with many parameters, on this machine or a cluster, and nothing finished is ever lost."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict, Unpack

import numpy as np

from graphgrad.graph.checks import check_count
from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.random import generator_or_default
from graphgrad.graph.threads import get_num_threads, set_num_threads
from graphgrad.train.history import is_number, sign_of
from graphgrad.train.journal import Journal, encoded
from graphgrad.train.spaces import plain
from graphgrad.train.sweep_progress import Bar
from graphgrad.train.sweep_workers import run_tasks
from graphgrad.train.trials import Task, Trial, Trials, seed_of

__all__ = ["SweepOptions", "Sweeper", "name_of", "sweep"]


class SweepOptions(TypedDict, total=False):
    """How trials are run: what `sweep` and all that is built on it take by keyword."""

    seed: int | None
    n_jobs: int
    cluster: Any
    journal: str | os.PathLike[str] | None
    retries: int
    retry_failed: bool
    threads: int | None
    progress: bool
    callback: Callable[[Trial], object] | None


def sweep(
    function: Callable[..., Any],
    parameters: Iterable[Mapping[str, Any]],
    *,
    monitor: str = "score",
    mode: str = "auto",
    **options: Unpack[SweepOptions],
) -> Trials:
    """Run a function with each of many parameters; `grid_search` and others make those.

    Each trial's random numbers start with a seed of its own, which comes from the sweep's seed and the trial's number:
    neither the order nor the number of workers changes a bit of the results. A trial that raises an error is written
    down with it, and the sweep goes on.

    Parameters
    ----------
    function
        Called as ``function(**parameters)``. Returns a score, or a mapping from names to numbers, such as what
        `evaluate` returns. It gets its seed too if it has a parameter `seed`: graphgrad's random numbers start with it
        already, those of ``np.random``, ``random`` and other libraries don't.
    parameters
        For each trial its parameters by name.
    monitor
        Which number trials are compared by; a single one that is returned gets this name.
    mode
        ``"min"`` if less is better, ``"max"`` if more is; ``"auto"`` knows the common names, and a ``"score"`` is
        better if it is more.
    seed
        The sweep's; by default the journal's if it has begun, else drawn from what `graphgrad.manual_seed` starts.
    n_jobs
        How many processes of this machine work on it; -1 for one for each processor, 1 for this process itself. Without
        a `cluster` only.
    cluster
        A Dask cluster's address, such as ``"tcp://10.0.0.5:8786"``, or the cluster itself; its workers need the same
        graphgrad, and none of this machine's files.
    journal
        A file that gets each finished trial. Given the same one, a sweep that was stopped or killed goes on with
        what is left. It knows the function by its name only: one that computes something else needs another file.
    retries
        How often a trial whose worker died is run again, alone, before it counts as failed. A Dask cluster repeats it
        by itself before that, as often as its ``distributed.scheduler.allowed-failures`` says. With 0, trials that ran
        beside one that killed its worker fail too.
    retry_failed
        Whether trials that the journal has an error of are run again.
    threads
        How many threads a trial computes with: sums may differ in their last bits with their number. None leaves it
        alone.
    progress
        Whether to show a bar in a terminal.
    callback
        Called in this process with each trial as it finishes.

    Returns
    -------
    Trials
        All trials, in the order of the parameters.

    Raises
    ------
    ImportError
        If several processes are wanted, or a cluster, and the extra ``sweep`` isn't installed.
    JournalError
        If the journal can't be read, or is of another sweep; nothing is changed then.
    ValueError, DTypeError
        If arguments don't fit; nothing is run then.
    ClusterError
        If the cluster can't be reached, or is lost.

    Examples
    --------
    >>> import graphgrad as gg
    >>> def noisy(x):
    ...     return {"error": abs(x - 3) + 0.1 * float(gg.random.uniform(size=()))}
    >>> trials = gg.train.sweep(noisy, [{"x": 1}, {"x": 3}, {"x": 6}], monitor="error", seed=0)
    >>> trials.best.parameters, trials == gg.train.sweep(noisy, [{"x": 1}, {"x": 3}, {"x": 6}], monitor="error", seed=0)
    ({'x': 3}, True)
    """
    listed = [_checked(given) for given in _each(parameters)]
    with Sweeper("sweep", function, monitor, mode, options) as sweeper:
        return sweeper.run(listed)


def _each(parameters: Any) -> Iterable[Any]:
    if isinstance(parameters, (Mapping, str)) or not isinstance(parameters, Iterable):
        raise DTypeError(
            describe(
                f"sweep: parameters is a list with a mapping for each trial, got {parameters!r:.60}",
                hint="grid_search tries each combination of lists of values",
            )
        )
    return parameters


def _checked(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise DTypeError(describe(f"sweep: a trial's parameters are a mapping from their names, got {given!r:.60}"))
    return plain(given)


class Sweeper:
    """A sweep under way, which may get its trials in several rounds.

    Parameters
    ----------
    what
        Who asks, for messages.
    function, monitor, mode
        As in `sweep`. A monitor of None is for results that aren't compared.
    options
        As in `sweep`.
    """

    def __init__(
        self, what: str, function: Callable[..., Any], monitor: str | None, mode: str, options: SweepOptions
    ) -> None:
        unknown = set(options) - set(SweepOptions.__annotations__)
        if unknown:
            raise TypeError(describe(f"{what}: there is no argument {', '.join(sorted(unknown))}"))
        if not callable(function):
            raise DTypeError(describe(f"{what}: a function is needed, got {type(function).__name__} {function!r:.40}"))
        if monitor is not None:
            if not isinstance(monitor, str):
                raise DTypeError(describe(f"{what}: monitor is the name of a number, got {monitor!r:.60}"))
            sign_of(monitor, mode)
        callback = options.get("callback")
        if callback is not None and not callable(callback):
            raise DTypeError(describe(f"{what}: callback is a function of a trial, got {callback!r:.60}"))
        self.what, self.function, self.monitor, self.mode, self.options = what, function, monitor, mode, options
        self.retries = check_count(what, "retries", options.get("retries", 1), 0)
        threads = options.get("threads", 1)
        self.threads = None if threads is None else check_count(what, "threads", threads, 1)
        self.n_jobs = options.get("n_jobs", 1)
        if isinstance(self.n_jobs, bool) or not isinstance(self.n_jobs, (int, np.integer)) or self.n_jobs == 0:
            raise ValueError(
                describe(f"{what}: n_jobs is a number of processes, or -1 for all processors, got {self.n_jobs!r}")
            )
        if self.n_jobs != 1 and options.get("cluster") is not None:
            raise ValueError(describe(f"{what}: trials run on the cluster or in n_jobs processes here, not on both"))
        seed = options.get("seed")
        if seed is not None:
            seed = check_count(what, "seed", seed, 0)
        path = options.get("journal")
        self.journal = None if path is None else Journal(path)
        if seed is None:
            known = self.journal.seed if self.journal is not None else None
            seed = known if known is not None else int(generator_or_default(None).integers(2**32))
        self.seed = seed
        self.trials: list[Trial] = []

    def __enter__(self) -> Sweeper:
        return self

    def __exit__(self, *error: object) -> None:
        if self.journal is not None:
            self.journal.close()

    def run(
        self, parameters: list[dict[str, Any]], total: int | None = None, seeds: Sequence[int] | None = None
    ) -> Trials:
        """Run a round of trials, and return those of all rounds.

        Parameters
        ----------
        parameters
            Those of the trials, which are numbered on from the round before.
        total
            How many there will be in all rounds, for the bar.
        seeds
            For each trial the number that its seed comes from; by default its own, so that no two are alike.
        """
        first = len(self.trials)
        numbers = range(first, first + len(parameters))
        planned = [
            Trial(number, given, seed_of(self.seed, stream))
            for number, given, stream in zip(numbers, parameters, seeds or numbers, strict=True)
        ]
        finished = self._known(planned)
        waiting = [
            Task.of(self.function, trial, self.monitor or "score", self.threads)
            for trial in planned
            if trial.number not in finished
        ]
        callback = self.options.get("callback")
        threads = get_num_threads()
        with Bar(self.what, total or first + len(planned), self.options.get("progress", True)) as bar:
            bar.advance(first + len(finished))
            running = run_tasks(waiting, int(self.n_jobs), self.options.get("cluster"), self.retries)
            try:
                for ended in running:
                    if self.journal is not None:
                        self.journal.append(ended)
                    finished[ended.number] = self._scored(ended)
                    bar.advance(1, finished[ended.number].error)
                    if callback is not None:
                        callback(finished[ended.number])
            finally:
                running.close()
                if get_num_threads() != threads:  # trials of this process have set their own
                    set_num_threads(threads)
        # With what this process made of the parameters, not with what came back from another one.
        self.trials += [replace(finished[one.number], parameters=one.parameters) for one in planned]
        return Trials(self.trials, self.monitor or "score", self.mode if self.monitor else "max", self.seed)

    def _known(self, planned: list[Trial]) -> dict[int, Trial]:
        """The trials that the journal has, after all has been checked; then it is open for more."""
        if self.journal is None:
            return {}
        for trial in planned:
            encoded(trial.parameters)
        found = {trial.number: self.journal.finished(trial) for trial in planned}
        if not self.trials:
            self.journal.begin(self.seed, name_of(self.function))
        again = self.options.get("retry_failed", False)
        return {n: self._scored(one) for n, one in found.items() if one is not None and not (again and one.error)}

    def _scored(self, trial: Trial) -> Trial:
        """A trial with the number that it is compared by."""
        if trial.error is not None or self.monitor is None:
            return trial
        score: Any = trial.values.get(self.monitor)
        if is_number(score):
            return replace(trial, score=float(score))
        there = ", ".join(trial.values) or "nothing"
        return replace(trial, error=f"it returned no number {self.monitor!r}, but {there}")


def name_of(function: Any) -> str:
    """What a journal calls a function."""
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__qualname__", type(function).__qualname__))
