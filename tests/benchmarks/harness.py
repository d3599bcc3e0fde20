"""How contenders are measured: in turn, in one process, so that they meet the same weather.

A time is a median over the rounds. Who is faster is the median of the ratios of runs that stood side by side: a busy
moment slows both, and leaves the ratio alone.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Case", "Result", "Run", "measure"]

Run = Callable[[], Any]

WARM_UP = 3  # rounds that don't count
FASTER = 0.1  # a ratio below it is told the other way round: so many times as fast


@dataclass(frozen=True)
class Case:
    """One piece of work and who does it.

    Attributes
    ----------
    name
        What is done.
    contenders
        By name a function that prepares and returns the work to time; None instead of work if it isn't installed.
    ours
        Which contender is compared with the others; empty if they don't do the same.
    ratios
        The most that our time may be, as a multiple of another contender's.
    seconds
        The most that a contender may take.
    per
        How many units one run has, and what they are, e.g. ``(1000, "operation")``.
    times_itself
        Whether a run returns its own seconds, because only a part of it counts.
    rounds
        How many runs of each contender count.
    """

    name: str
    contenders: Mapping[str, Callable[[], Run | None]]
    ours: str = ""
    ratios: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    per: tuple[int, str] = (1, "")
    times_itself: bool = False
    rounds: int = 41


@dataclass(frozen=True)
class Result:
    """The seconds of each run, by contender."""

    case: Case
    times: Mapping[str, Sequence[float]]

    def seconds(self, name: str) -> float:
        """The median of a contender's runs."""
        return statistics.median(self.times[name])

    def ratio(self, other: str) -> float:
        """Our time as a multiple of another's: the median of the ratios of runs that stood side by side."""
        pairs = zip(self.times[self.case.ours], self.times[other], strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)

    def rows(self) -> list[str]:
        """What is printed: a line for the case and one for each contender."""
        case, (units, unit) = self.case, self.case.per
        width = max(map(len, case.contenders))
        rows = [case.name]
        for name in case.contenders:
            if name not in self.times:
                rows.append(f"  {name:<{width}}  not installed")
                continue
            seconds = self.seconds(name)
            row = f"  {name:<{width}}  {amount(seconds / units):>8}" + (f" per {unit}" if unit else "")
            if name in case.seconds:
                row += f"   limit {amount(case.seconds[name] / units)}: {verdict(seconds, case.seconds[name])}"
            if case.ours and name != case.ours:
                row += f"   {case.ours} {compared(self.ratio(name))}"
            if name in case.ratios:
                limit = case.ratios[name]
                times = f"{limit:g}" if limit >= FASTER else f"{1 / limit:g} times as fast"
                row += f"   limit {times}: {verdict(self.ratio(name), limit)}"
            rows.append(row)
        return rows


def compared(ratio: float) -> str:
    """Our time as a multiple of another's, in words."""
    return f"takes {ratio:.2f} times as long" if ratio >= FASTER else f"is {1 / ratio:.3g} times as fast"


def amount(seconds: float) -> str:
    """Seconds in the unit that suits them: ``3.87 µs``, ``41 ms``."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 0.9995:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def verdict(value: float, limit: float) -> str:
    return "ok" if value <= limit else "MISSED"


def measure(case: Case, rounds: int | None = None) -> Result:
    """Run all contenders in turn, `rounds` times after a warm-up; by default as often as the case says."""
    works = {name: work for name, prepare in case.contenders.items() if (work := prepare()) is not None}
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(-WARM_UP, case.rounds if rounds is None else rounds):
        for name, work in works.items():
            gc.collect(0)
            start = time.perf_counter()
            returned = work()
            elapsed = returned if case.times_itself else time.perf_counter() - start
            if turn >= 0:
                times[name].append(elapsed)
    return Result(case, times)
