"""A process that does works in one library: ``python -m tests.benchmarks.kernels.worker LIBRARY THREADS``.

One library in a process: thread pools of several would get in each other's way, and memory could not be told apart.
Orders and answers are lines of JSON.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import json
import os
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from tests.benchmarks.harness import Run

from .work import OURS, TORCH, Work
from .works import BY_NAME

__all__ = ["Worker", "main", "peak_growth"]

LEAST_RUNS = 3
STEPS = 3  # after so many, whatever is kept from one to the next is there
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # what /proc/self/clear_refs is told, see proc(5)


class Worker:
    """Does what it is ordered.

    Parameters
    ----------
    library
        The library that it works in.
    threads
        With how many threads it computes, as far as a library can be told; JAX takes the processors that it has.
    """

    def __init__(self, library: str, threads: int) -> None:
        self.library = library
        use_threads(library, threads)
        self.work: Run | None = None

    def obey(self, order: Mapping[str, Any]) -> Any:
        """Call the method that an order names, with its other entries."""
        return getattr(self, f"do_{order['do']}")(**{name: value for name, value in order.items() if name != "do"})

    def do_prepare(self, work: str, sizes: Mapping[str, int]) -> bool:
        """Prepare a work, in place of the one before; whether the library is installed."""
        self.work = None
        gc.collect()
        self.work = BY_NAME[work].prepare(self.library, sizes)
        return self.work is not None

    def do_save(self, work: str, path: str) -> int:
        """Do what was prepared once, and write what came of it to a file; how many arrays that is."""
        assert self.work is not None
        arrays = BY_NAME[work].results(self.work)
        np.savez(path, *arrays)
        return len(arrays)

    def do_time(self, seconds: float) -> dict[str, float]:
        """Do the work for about so many seconds: those that it took, and those that processors worked for it."""
        assert self.work is not None
        self.work()  # brings its memory back into the caches, which others have used since
        walls: list[float] = []
        cpu = time.process_time()
        start = last = time.perf_counter()
        while len(walls) < LEAST_RUNS or last - start < seconds:
            self.work()
            now = time.perf_counter()
            walls.append(now - last)
            last = now
        return {"wall": statistics.median(walls), "cpu": (time.process_time() - cpu) / len(walls), "runs": len(walls)}

    def do_memory(self, work: str) -> int | None:
        """By how many bytes a training step raises the most memory that this process ever had."""
        found = BY_NAME[work]
        return peak_growth(found, self.library)

    def do_cost(self) -> int:
        """What the arithmetic says that a run forward costs, in operations on numbers."""
        assert self.library == OURS
        assert self.work is not None
        from graphgrad.ops import find

        total = 0
        graph = self.work()[0].graph()
        for vertex in graph.nodes:
            shapes = [graph.vertices[operand.vertex].shapes[operand.port] for operand in vertex.operands]
            op = find(vertex.op)
            total += op.cost(shapes, **vertex.attrs) if op.variadic else op.cost(*shapes, **vertex.attrs)
        return total


def smaller(work: Work) -> dict[str, int]:
    """The same work at half the size: it takes the same ways through the code."""
    return {name: max(size // 2, 1) if name == work.grows else size for name, size in work.sizes.items()}


def peak_growth(work: Work, library: str) -> int | None:
    """By how many bytes the peak of this process's memory lies above what it had before a training step.

    The same work at half the size goes before: libraries are loaded then, and kernels compiled. What the step starts
    from, inputs and parameters, is there before it; what it makes, gradients among it, isn't. A new process for each.
    """
    before = work.prepare(library, smaller(work))
    if before is None:
        return None
    for _ in range(STEPS):
        before()
    del before
    run = work.prepare(library, work.sizes)
    assert run is not None
    gc.collect()
    _give_back()
    start = _memory("VmRSS", reset=True)
    for _ in range(STEPS):
        run()
    return _memory("VmHWM") - start


def _give_back() -> None:
    """Let the C library give memory back that it holds for later, where it can."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # not the GNU one
        return


def _memory(entry: str, reset: bool = False) -> int:
    """The memory that this process has (VmRSS), or ever had (VmHWM) since a reset; in bytes.

    Where there is no /proc both are the most that it ever had: growth is then what goes beyond all of the past.
    """
    if reset and _CLEAR.exists():
        _CLEAR.write_text(_RESET_PEAK)
    if _STATUS.exists():
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        return int(lines[entry].split()[0]) * 1024
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def use_threads(library: str, threads: int) -> None:
    """Have a library compute with so many threads."""
    if library == OURS:
        import graphgrad as gg

        gg.set_num_threads(threads)
    elif library == TORCH and importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(threads)


def main(library: str, threads: int, orders: TextIO, answers: TextIO) -> None:
    """Obey until there are no more orders."""
    worker = Worker(library, threads)
    for line in orders:
        print(json.dumps(worker.obey(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    # What a library prints must not stand between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    main(sys.argv[1], int(sys.argv[2]), sys.stdin, answers)
