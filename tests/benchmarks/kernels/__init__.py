"""Layers, networks and an optimiser's step, side by side with PyTorch: time, memory and growth.

All libraries compute the same, in float32, from the same arrays, forward and backward, with two threads on two
processors. Each works in a process of its own, and they take turns: what disturbs the machine disturbs all of them. A
ratio is the median of those of turns that stood side by side; where others use the processors too, that of the
processor's time with one thread says more than that of the time that passed with two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from . import measuring, tables
from .work import OURS, TORCH, Work
from .workers import THREADS, processes
from .works import WORKS

__all__ = ["WORKS", "check", "run"]


def run(rounds: int | None = None, containing: str = "") -> list[dict[str, Any]]:
    """Measure all works whose name contains a text, print the tables, and return what was measured."""
    works = [work for work in WORKS if containing in work.name]
    if not works:
        return []
    print(f"kernels with {THREADS} threads on as many processors, float32\n", flush=True)
    times = _times(works, rounds)
    print(tables.times(times), tables.summary(times), sep="\n\n", flush=True)
    memory = [measuring.memory(work, (OURS, TORCH)) for work in _told("memory", works)]
    print("", tables.memories(memory), sep="\n", flush=True)
    growth = _growth(works, rounds)
    if growth:
        print("", tables.growths(growth), sep="\n", flush=True)
    return [
        *(
            {
                "case": one.work.name,
                "threads": THREADS,
                "seconds": one.seconds,
                "cpu_seconds": one.cpu_seconds,
                "one_thread_cpu_seconds": one.alone_seconds,
            }
            for one in times
        ),
        *({"case": one.work.name, "peak_bytes": one.bytes} for one in memory),
        *(
            {
                "case": one.work.name,
                "doubled": one.size,
                "arithmetic": one.arithmetic,
                "time": one.time,
                "torch_time": one.theirs,
            }
            for one in growth
        ),
    ]


def _told(what: str, works: Sequence[Work]) -> Iterator[Work]:
    """The works in turn, each said to whoever waits: all of them take minutes."""
    for i, work in enumerate(works, 1):
        print(f"{what}, {i} of {len(works)}: {work.name}", file=sys.stderr)
        yield work


def check() -> None:
    """All that can do a work come to the same."""
    with processes(_names(WORKS)) as workers:
        for work in WORKS:
            measuring.compare(work, workers)


def _names(works: Sequence[Work]) -> list[str]:
    return list(dict.fromkeys(name for work in works for name in work.names()))


def _times(works: Sequence[Work], rounds: int | None) -> list[measuring.Times]:
    with processes(_names(works)) as workers, processes((OURS, TORCH), threads=1) as alone:
        return [measuring.times(work, workers, alone, rounds) for work in _told("time", works)]


def _growth(works: Sequence[Work], rounds: int | None) -> list[measuring.Growth]:
    libraries = (OURS, TORCH)
    with processes(libraries) as once, processes(libraries) as twice:
        pairs = {name: (once[name], twice[name]) for name in libraries}
        return [
            measuring.growth(work, sizes, called, pairs, rounds)
            for work, doubled in measuring.DOUBLED
            if work in works
            for called, sizes in doubled.items()
        ]
