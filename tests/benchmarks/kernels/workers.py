"""The processes that do the work, all on the same processors, and never two at a time."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["LEAN", "THREADS", "Process", "processes"]

ROOT = Path(__file__).resolve().parents[3]
THREADS = 2
# For what can't be told once it runs.
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# The C library keeps what is given back to it, and mostly more than the work needs. With these, the GNU one gives large
# blocks back to the system at once: what a process has is then what it needs.
LEAN = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
# Threads of BLAS go on turning for a while after a product, in wait for the next; nobody else should be measured then.
REST = 0.03


@contextlib.contextmanager
def on_processors(count: int) -> Iterator[None]:
    """Processes that are started meanwhile have so many processors, where a process can be held to some."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Process:
    """A worker in a process of its own, to be used in a ``with`` block.

    Parameters
    ----------
    library
        What it works in.
    threads
        With how many threads, on as many processors.
    lean
        Whether memory is given back to the system as soon as it is free, which takes time.
    """

    def __init__(self, library: str, threads: int = THREADS, lean: bool = False) -> None:
        self.library = library
        with on_processors(threads):
            self.process: subprocess.Popen[str] = subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.kernels.worker", library, str(threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                cwd=ROOT,
                env={**os.environ, **dict.fromkeys(_VARIABLES, str(threads)), **(LEAN if lean else {})},
            )

    def ask(self, do: str, **order: Any) -> Any:
        """Give an order and wait for its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # its answer is missing too
            self.process.stdin.write(json.dumps({"do": do, **order}) + "\n")
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.library} has stopped at {do} {order}; what it said stands above")
        return json.loads(answer)

    def rested(self, do: str, **order: Any) -> Any:
        """The same, when all is quiet after what others did."""
        time.sleep(REST)
        return self.ask(do, **order)

    def prepare(self, work: str, sizes: Mapping[str, int]) -> bool:
        """Whether it can do this."""
        return bool(self.ask("prepare", work=work, sizes=dict(sizes)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self.process.wait()


@contextlib.contextmanager
def processes(libraries: Sequence[str], threads: int = THREADS) -> Iterator[dict[str, Process]]:
    """A process for each library."""
    with contextlib.ExitStack() as stack:
        yield {library: stack.enter_context(Process(library, threads)) for library in libraries}
