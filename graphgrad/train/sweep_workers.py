"""Where the trials of a sweep run: in this process, in processes of this machine, on a Dask cluster.

Each way gives trials as they finish, in any order. A worker that dies takes nothing along that has finished: what was
running is run again, each trial alone, so that the one that kills its worker is told from those that ran beside it.
"""

from __future__ import annotations

import time
import traceback
import uuid
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any

from graphgrad.graph.errors import GraphgradError, describe
from graphgrad.train.trials import Task, Trial, run_task

__all__ = ["ClusterError", "run_tasks"]

CONNECT, FETCH, NO_WORKERS = 15.0, 10.0, 60.0
"""For how many seconds to wait for a cluster's scheduler, for a trial that is there, and for a cluster's worker."""

RESUME = "with journal=..., the same sweep goes on with what is left"


class ClusterError(GraphgradError, RuntimeError):
    """A cluster that can't be reached, or was lost."""


def run_tasks(tasks: list[Task], n_jobs: int, cluster: Any, retries: int) -> Generator[Trial, None, None]:
    """Run tasks, and give each trial when it has finished.

    Parameters
    ----------
    tasks
        What to run.
    n_jobs
        How many processes of this machine; 1 for this one.
    cluster
        A Dask cluster or its address; None for this machine.
    retries
        How often to run a trial again whose worker died.

    Raises
    ------
    ImportError
        If the extra isn't installed; nothing is run then.
    ClusterError
        If the cluster can't be reached, or is lost.
    """
    if cluster is not None:
        return _on_cluster(tasks, cluster, retries)
    return _here(tasks) if n_jobs == 1 else _in_processes(tasks, n_jobs, retries)


def _needed(library: str, why: str) -> Any:
    try:
        return import_module(library)  # allowed: one of the two libraries below, which aren't ours
    except ImportError as error:
        raise ImportError(
            describe(
                f"{why} needs {library.partition('.')[0]}, which isn't installed",
                hint="pip install 'graphgrad[sweep]'",
            ),
            name=library,
        ) from error


def _died(task: Task, error: BaseException | None = None) -> Trial:
    """A trial without an end; what the library said of it, if anything, is its traceback."""
    told = None if error is None else "".join(traceback.format_exception(error))
    said = "WorkerDied: the process that ran it died, each time it was tried"
    return replace(task.trial, error=said, traceback=told)


# ---- here


def _here(tasks: list[Task]) -> Generator[Trial, None, None]:
    for task in tasks:
        yield run_task(task)


# ---- in processes


def _in_processes(tasks: list[Task], n_jobs: int, retries: int) -> Generator[Trial, None, None]:
    joblib = _needed("joblib", f"sweep: n_jobs={n_jobs}")
    from concurrent.futures.process import BrokenProcessPool

    # One trial at a time for each process: what was sent and hasn't come back is what runs.
    options = {"backend": "loky", "batch_size": 1, "pre_dispatch": "n_jobs", "return_as": "generator_unordered"}
    left = {task.trial.number: task for task in tasks}
    suspects: set[int] = set()  # those that were running when a process died
    broken: BaseException | None = None

    def run(count: int, some: Iterable[Task]) -> Iterator[Trial]:
        yield from joblib.Parallel(n_jobs=count, **options)(joblib.delayed(run_task)(task) for task in some)

    while len(left) > len(suspects):
        sent: list[int] = []

        def next_ones(sent: list[int] = sent) -> Iterator[Task]:
            for number in [number for number in left if number not in suspects]:
                sent.append(number)
                yield left[number]

        try:
            for trial in run(n_jobs, next_ones()):
                del left[trial.number]
                yield trial
        except BrokenProcessPool as error:
            suspects.update(number for number in list(sent) if number in left)
            broken = error
    for task in left.values():
        ended = None
        for _ in range(retries):
            try:
                # Of two processes one has nothing to do; with a single one joblib would run it in this process.
                (ended,) = run(2, [task])
            except BrokenProcessPool as error:
                broken = error
                continue
            break
        yield _died(task, broken) if ended is None else ended


# ---- on a cluster


def _on_cluster(tasks: list[Task], cluster: Any, retries: int) -> Generator[Trial, None, None]:
    # Not through joblib's own backend for Dask: that waits for ever when a trial's worker has died too often.
    distributed = _needed("distributed", "sweep: a cluster")
    with _client(distributed, cluster) as client:
        runs = _Runs(distributed, client)
        waiting, suspects = deque(tasks), list[Task]()
        while waiting or runs.running:
            # As many as there are processors, and a few more, so that none waits for this process.
            room = 2 + sum(client.ncores().values())
            while waiting and len(runs.running) < room:
                runs.submit(waiting.popleft())
            for task, trial in runs.ended():
                if trial is None:
                    suspects.append(task)
                else:
                    yield trial
        for task in suspects:
            ended = None
            for _ in range(retries):
                runs.submit(task)
                while runs.running:
                    ended = next((trial for _, trial in runs.ended()), None)
                if ended is not None:
                    break
            yield _died(task) if ended is None else ended


class _Runs:
    """Trials that are on their way on a cluster."""

    def __init__(self, distributed: Any, client: Any) -> None:
        self.distributed, self.client = distributed, client
        self.running: dict[Any, Task] = {}
        self.seen = time.monotonic()

    def submit(self, task: Task) -> None:
        key = f"graphgrad-trial-{task.trial.number}-{uuid.uuid4().hex}"
        self.running[self.client.submit(run_task, task, key=key, pure=False)] = task

    def ended(self) -> list[tuple[Task, Trial | None]]:
        """What ended, after waiting for a moment: a trial, or None if its worker died."""
        try:
            with self.client.as_current():
                done = self.distributed.wait(list(self.running), timeout=1.0, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            if self.client.ncores():
                self.seen = time.monotonic()
            elif time.monotonic() - self.seen > NO_WORKERS:
                raise ClusterError(
                    describe(f"sweep: the cluster has had no worker for {NO_WORKERS:g} seconds", hint=RESUME)
                ) from None
            return []
        except CancelledError:
            if self.client.status != "running":  # the cluster is gone
                raise
            done = {future for future in self.running if future.status != "pending"}
        self.seen = time.monotonic()
        ended: list[tuple[Task, Trial | None]] = []
        for future in done:
            try:
                trial = self._result(future)
            except TimeoutError:  # the worker that had it died just now, and the cluster runs the trial again
                continue
            ended.append((self.running.pop(future), trial))
            future.release()  # else the cluster would compute it again, should the worker that has it die
        return ended

    def _result(self, future: Any) -> Trial | None:
        if future.status == "finished":
            return future.result(timeout=FETCH)  # type: ignore[no-any-return]
        if future.status != "error":  # "cancelled" or "lost": its worker died with what there was of it
            return None
        error = future.exception(timeout=FETCH)
        if isinstance(error, self.distributed.KilledWorker):
            return None
        raise ClusterError(
            describe(
                f"sweep: the cluster's workers can't run a trial: {type(error).__name__}: {error}",
                hint="they need the same Python, the same graphgrad, and the modules that the function is from",
            )
        ) from error


@contextmanager
def _client(distributed: Any, cluster: Any) -> Iterator[Any]:
    """A connection to a cluster; what is still running is called off when it is closed."""
    try:
        client = distributed.Client(cluster, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ClusterError(
            describe(
                f"sweep: there is no cluster at {cluster!r:.80}",
                f"{type(error).__name__}: {error}",
                hint="`dask scheduler` starts one and prints its address, `dask worker ADDRESS` a worker of it",
            )
        ) from error
    with client:
        try:
            yield client
        except (OSError, CancelledError) as error:
            raise ClusterError(
                describe("sweep: the cluster was lost", f"{type(error).__name__}: {error}", hint=RESUME)
            ) from error
