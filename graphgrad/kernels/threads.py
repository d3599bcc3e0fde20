"""Work in parallel: on threads, since kernels let go of the interpreter's lock.

Who shares out work takes part in it: a thread that sleeps is awake after 30 to 200 µs, in which one who is awake has
often done all. Nobody is given an item in advance; each takes the next one when it is ready. Two threads were measured
to be quicker than one where one takes half a millisecond or more, and kernels share out no less.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["in_parallel", "processors", "share_among", "shares"]

T = TypeVar("T")
R = TypeVar("R")

_wanted: int | None = None


def processors() -> int:
    """How many threads share work: as many as were asked for, else one for each processor this process may use."""
    if _wanted is not None:
        return _wanted
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share_among(count: int) -> None:
    """Share work among so many threads from now on, the one that shares it out among them."""
    global _wanted
    _wanted = count


def shares(count: int) -> list[range]:
    """Split the numbers from 0 to `count` evenly, a range for each thread; none is empty."""
    parts = min(count, processors())
    return [range(count * k // parts, count * (k + 1) // parts) for k in range(parts)]


class _Job:
    """Items to be worked through by whoever has time."""

    def __init__(self, function: Callable[[Any], Any], items: Sequence[Any]) -> None:
        self.function = function
        self.items = items
        self.results: list[Any] = [None] * len(items)
        self.errors: dict[int, BaseException] = {}
        self.next = itertools.count()  # taking a number from it can't be interrupted by another thread
        self.lock = threading.Lock()
        self.helpers = 0  # who are at work besides the one who waits for it
        self.over = False  # there is nothing left to begin with
        self.done = threading.Event()

    def work(self) -> None:
        """Take items for as long as there are any."""
        for k in self.next:
            if k >= len(self.items) or self.errors:  # after an error the results are for nobody
                return
            try:
                self.results[k] = self.function(self.items[k])
            except BaseException as error:  # noqa: BLE001  # raised again by the one who waits
                self.errors[k] = error

    def help(self) -> None:
        """Take items in another thread than that of the one who waits."""
        with self.lock:
            if self.over:
                return
            self.helpers += 1
        self.work()
        with self.lock:
            self.helpers -= 1
            if self.over and not self.helpers:
                self.done.set()

    def close(self) -> bool:
        """Let nobody begin any more; whether somebody is still at work."""
        with self.lock:
            self.over = True
            return self.helpers > 0

    def wait(self) -> None:
        """Wait for those who are at work, and only then be interrupted: they write where the caller will read."""
        interruption = None
        while not self.done.is_set():
            try:
                self.done.wait()
            except BaseException as error:  # noqa: BLE001  # raised when all is done
                interruption = error
        if interruption is not None:
            raise interruption


class _Pool:
    """The threads that wait for work, made when there is some."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.threads = 0
        self.jobs: SimpleQueue[_Job] = SimpleQueue()
        self.here = threading.local()

    def run(self, job: _Job, helpers: int) -> None:
        """Do a job in this thread and as many others."""
        if self.threads < helpers:
            self._begin(helpers)
        for _ in range(helpers):
            self.jobs.put(job)
        self.here.works = True
        try:
            job.work()
        except BaseException as error:  # noqa: BLE001  # an interruption between two items; raised by the caller
            job.errors[len(job.items)] = error
        finally:
            self.here.works = False
            if job.close():
                job.wait()

    def works_here(self) -> bool:
        """Whether this thread is at work that was shared out."""
        return getattr(self.here, "works", False)

    def _begin(self, threads: int) -> None:
        with self.lock:
            for number in range(self.threads, threads):
                threading.Thread(target=self._wait_for_work, name=f"graphgrad_{number}", daemon=True).start()
            self.threads = max(self.threads, threads)

    def _wait_for_work(self) -> None:
        self.here.works = True
        while True:
            job = self.jobs.get()
            job.help()
            del job  # nor is what it holds kept while waiting


_pool = _Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.__init__)  # type: ignore[misc]  # the threads stay behind in the parent


def in_parallel(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Call a function with each item, in as many threads as share work, this one among them; results in order.

    Inside of a call there is no more to share out, and the items come one after the other. After an error no further
    item is begun, and nothing runs any more when it is raised.
    """
    if len(items) < 2 or processors() == 1 or _pool.works_here():
        return [function(item) for item in items]
    job = _Job(function, items)
    _pool.run(job, min(len(items), processors()) - 1)
    if job.errors:
        raise job.errors[min(job.errors)]
    return job.results
