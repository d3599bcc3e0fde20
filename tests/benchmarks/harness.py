"""How contenders are measured: in turn, in one process, so that they meet the same weather; ratios of medians count."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Case", "Result", "measure"]

Run = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """One piece of work and who does it.

    Attributes
    ----------
    name
        What is done.
    contenders
        By name a function that prepares and returns the work to time; None instead of work if it isn't installed.
    limits
        The most that our median may be, as a multiple of another contender's.
    per
        How many units one run has, and what they are, e.g. ``(1000, "operation")``.
    ours
        Which contender is compared with the others.
    times_itself
        Whether a run returns its own seconds, because only a part of it counts.
    """

    name: str
    contenders: Mapping[str, Callable[[], Run | None]]
    limits: Mapping[str, float] = field(default_factory=dict)
    per: tuple[int, str] = (1, "run")
    ours: str = "graphgrad"
    times_itself: bool = False


@dataclass(frozen=True)
class Result:
    """Median seconds of a run by contender, and all times."""

    case: Case
    seconds: Mapping[str, float]
    times: Mapping[str, Sequence[float]]

    def ratio(self, other: str) -> float | None:
        """Our median as a multiple of another's: the median of the ratios of runs that stood side by side."""
        ours, theirs = self.times[self.case.ours], self.times.get(other)
        if not theirs:
            return None
        return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))

    def rows(self) -> list[str]:
        units, unit = self.case.per
        lines = [self.case.name]
        for name, seconds in self.seconds.items():
            ratio = self.ratio(name)
            limit = self.case.limits.get(name)
            verdict = (
                "" if limit is None or ratio is None else f"  limit {limit:g}: {'ok' if ratio <= limit else 'MISSED'}"
            )
            shown = "" if name == self.case.ours or ratio is None else f"ours is {ratio:5.2f} times this{verdict}"
            lines.append(f"  {name:<24}{seconds / units * 1e6:10.3f} µs a {unit:<12}{shown}")
        return lines


def measure(case: Case, rounds: int = 41, warmup: int = 5) -> Result:
    """Run all contenders in turn, `rounds` times after a warm-up."""
    works = {name: work for name, prepare in case.contenders.items() if (work := prepare()) is not None}
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(warmup + rounds):
        for name, work in works.items():
            gc.collect(0)
            start = time.perf_counter()
            returned = work()
            elapsed = returned if case.times_itself else time.perf_counter() - start
            if turn >= warmup:
                times[name].append(elapsed)
    return Result(case, {name: statistics.median(taken) for name, taken in times.items()}, times)
