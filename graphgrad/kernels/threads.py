"""Work in parallel: on threads, since kernels let go of the interpreter's lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_parallel", "processors", "shares"]

T = TypeVar("T")
R = TypeVar("R")


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shares(count: int) -> list[range]:
    """Split the numbers from 0 to `count` evenly, a range for each processor; none is empty."""
    parts = min(count, processors())
    return [range(count * k // parts, count * (k + 1) // parts) for k in range(parts)]


class _Pool:
    """The threads that wait for work, made when there is some."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.executor: ThreadPoolExecutor | None = None
        self.here = threading.local()

    def get(self) -> ThreadPoolExecutor:
        with self.lock:
            if self.executor is None:
                self.executor = ThreadPoolExecutor(processors(), "graphgrad", initializer=self._begin)
            return self.executor

    def _begin(self) -> None:
        self.here.works = True

    def works_here(self) -> bool:
        """Whether this is one of the threads."""
        return getattr(self.here, "works", False)


_pool = _Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.__init__)  # type: ignore[misc]  # the threads stay behind in the parent


def in_parallel(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Call a function with each item, on as many processors as there are; the results in the order of the items.

    Inside of a call there is no more to share out, and the items come one after the other.
    """
    if len(items) < 2 or processors() == 1 or _pool.works_here():
        return [function(item) for item in items]
    return list(_pool.get().map(function, items))
