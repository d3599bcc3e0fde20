"""Times, memory and growth: what is asked of the workers, and what their answers come to."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .attending import attention_work
from .convolutional import conv2d_work
from .dense import layer_norm_work
from .recurrent import lstm_work
from .work import OURS, TORCH, Work
from .workers import Process

__all__ = ["DOUBLED", "Growth", "Memory", "Times", "compare", "growth", "memory", "times"]

ROUNDS = 15
TURN = 0.05  # seconds that one library works before it is another's turn
# How far results may lie apart, as a part of the largest number in them. They are sums of thousands of float32 products
# in any order, and what a training step moves is a small difference of such numbers.
TOLERANCE, TOLERANCE_MOVED = 1e-4, 3e-3


@dataclass(frozen=True)
class Times:
    """What a run took, by library, in each round.

    Attributes
    ----------
    work
        What was done.
    seconds
        The time that passed.
    cpu_seconds
        The time that processors worked for it, all together.
    alone_seconds
        The time that a single processor worked for it, with one thread. Others who use the machine make this little
        longer, while threads that wait for each other make a busy machine look busier than it is.
    """

    work: Work
    seconds: Mapping[str, Sequence[float]]
    cpu_seconds: Mapping[str, Sequence[float]]
    alone_seconds: Mapping[str, Sequence[float]]

    def milliseconds(self, name: str) -> float | None:
        """The median of a library's rounds, None if it can't do this."""
        return statistics.median(self.seconds[name]) * 1e3 if name in self.seconds else None

    def ratio(self) -> float | None:
        """Our time as a multiple of PyTorch's: the median of the ratios of turns that stood side by side."""
        return _ratio(self.seconds)

    def ratio_alone(self) -> float | None:
        """The same of the time of a processor with one thread."""
        return _ratio(self.alone_seconds)


def _ratio(seconds: Mapping[str, Sequence[float]]) -> float | None:
    if TORCH not in seconds:
        return None
    return statistics.median(ours / theirs for ours, theirs in zip(seconds[OURS], seconds[TORCH], strict=True))


@dataclass(frozen=True)
class Memory:
    """By how many bytes a training step raises the peak of a process's memory, by library."""

    work: Work
    bytes: Mapping[str, int]

    def ratio(self) -> float | None:
        """Ours as a multiple of PyTorch's."""
        return self.bytes[OURS] / self.bytes[TORCH] if self.bytes.get(TORCH) else None


@dataclass(frozen=True)
class Growth:
    """What doubling a size does.

    Attributes
    ----------
    work, size
        Of which work which size.
    arithmetic
        How many times as many operations on numbers that makes, as the operations declare them.
    time
        How many times as long it takes.
    theirs
        How many times as long PyTorch takes; None without it. Where twice as much leaves a cache behind, that is more
        than the arithmetic says.
    """

    work: Work
    size: str
    arithmetic: float
    time: float
    theirs: float | None = None


# A work, and which of its sizes are doubled at once, by what they are called.
DOUBLED: tuple[tuple[Work, Mapping[str, Sequence[str]]], ...] = (
    (conv2d_work, {"batch": ("batch",), "channels": ("channels",), "both lengths": ("length",)}),
    (lstm_work, {"batch": ("batch",), "features": ("features", "hidden"), "length": ("length",)}),
    (attention_work, {"batch": ("batch",), "features": ("features",), "length": ("length",)}),
    (layer_norm_work, {"batch": ("batch",), "features": ("features",), "length": ("length",)}),
)


def compare(work: Work, workers: Mapping[str, Process]) -> list[str]:
    """Have a work done by all that can do it, and see that the same comes of it; who that is.

    Raises
    ------
    AssertionError
        If something else comes of it.
    """
    able = [name for name in work.names() if name in workers and workers[name].prepare(work.name, work.sizes)]
    with tempfile.TemporaryDirectory() as folder:
        results = {name: _results(workers[name], work, Path(folder) / f"{i}.npz") for i, name in enumerate(able)}
    for name in able[1:]:
        for i, (found, wanted) in enumerate(zip(results[OURS], results[name], strict=True)):
            about = f"{work.name}: result {i} of {OURS} beside {name}"
            assert found.shape == wanted.shape, f"{about}: {found.shape}, {wanted.shape}"
            most = float(np.max(np.abs(wanted), initial=0.0))
            apart = float(np.max(np.abs(found - wanted), initial=0.0))
            tolerance = TOLERANCE_MOVED if work.moved else TOLERANCE
            assert apart <= tolerance * most, f"{about}: {apart:.2g} apart, where the largest number is {most:.2g}"
    return able


def _results(worker: Process, work: Work, path: Path) -> list[Any]:
    count = worker.ask("save", work=work.name, path=str(path))
    with np.load(path) as arrays:
        return [arrays[f"arr_{i}"] for i in range(count)]


def times(work: Work, workers: Mapping[str, Process], alone: Mapping[str, Process], rounds: int | None = None) -> Times:
    """Let all that can do it take turns, and those that have one thread too."""
    able = {name: workers[name] for name in compare(work, workers)}
    alone = {name: process for name, process in alone.items() if process.prepare(work.name, work.sizes)}
    processes = [*able.values(), *alone.values()]
    for process in processes:
        process.ask("time", seconds=TURN)  # what is compiled or set up late
    taken: dict[Process, list[Any]] = {process: [] for process in processes}
    for turn in range(rounds or ROUNDS):
        for process in processes if turn % 2 else reversed(processes):
            taken[process].append(process.rested("time", seconds=TURN))

    def of(group: Mapping[str, Process], entry: str) -> dict[str, list[float]]:
        return {name: [turn[entry] for turn in taken[process]] for name, process in group.items()}

    return Times(work, of(able, "wall"), of(able, "cpu"), of(alone, "cpu"))


def memory(work: Work, libraries: Sequence[str]) -> Memory:
    """What a step needs, in a new process for each library."""
    found = {}
    for name in libraries:
        with Process(name, lean=True) as process:
            grown = process.ask("memory", work=work.name)
        if grown is not None:
            found[name] = grown
    return Memory(work, found)


def growth(
    work: Work, sizes: Sequence[str], called: str, pairs: Mapping[str, Sequence[Process]], rounds: int | None = None
) -> Growth:
    """What it does to a work when sizes are doubled, measured side by side with it as it is, in two processes each."""
    doubled = {name: size * 2 if name in sizes else size for name, size in work.sizes.items()}
    able = {}
    for name, pair in pairs.items():
        if all(process.prepare(work.name, given) for process, given in zip(pair, (work.sizes, doubled), strict=True)):
            able[name] = pair
            for process in pair:
                process.ask("time", seconds=TURN)
    costs = [process.ask("cost") for process in able[OURS]]
    ratios: dict[str, list[float]] = {name: [] for name in able}
    for _ in range(rounds or ROUNDS):
        for name, pair in able.items():
            once, twice = (process.rested("time", seconds=TURN)["wall"] for process in pair)
            ratios[name].append(twice / once)
    found = {name: statistics.median(some) for name, some in ratios.items()}
    return Growth(work, called, costs[1] / costs[0], found[OURS], found.get(TORCH))
