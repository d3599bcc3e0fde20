"""What is printed: three tables, and whether the targets are met."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tests.benchmarks.harness import verdict

from .measuring import Growth, Memory, Times
from .work import OURS, TORCH

__all__ = ["GEOMETRIC_MEAN", "MEMORY", "RECURRENT", "WORST", "growths", "memories", "summary", "table", "times"]

GEOMETRIC_MEAN, WORST, RECURRENT, MEMORY = 1.0, 1.5, 0.9, 1.3
GROWTH = 1.25  # beyond what the arithmetic says: caches are left behind where a size doubles

ABSENT = "-"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their contents, the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for row in (head, *rows):
        first, *others = (
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *others]).rstrip())
    return "\n".join(lines)


def _number(value: float | None, digits: int = 2) -> str:
    return ABSENT if value is None else f"{value:.{digits}f}"


def times(found: Sequence[Times]) -> str:
    """Milliseconds by library, and our time as a multiple of PyTorch's."""
    named: dict[str, None] = {}
    for one in found:
        named.update(dict.fromkeys(one.work.names()))
    names = list(named)
    rows = []
    for one in found:
        milliseconds = [_number(one.milliseconds(name)) for name in names]
        rows.append([one.work.name, *milliseconds, _number(one.ratio()), _number(one.ratio_alone())])
    return table(["milliseconds a run, forward and backward", *names, "ours : torch", "with one thread"], rows)


def memories(found: Sequence[Memory]) -> str:
    """Megabytes by library, and ours as a multiple of PyTorch's."""
    rows = []
    for one in found:
        megabytes = [_number(one.bytes[name] / 1e6 if name in one.bytes else None, 1) for name in (OURS, TORCH)]
        ratio = one.ratio()
        rows.append([one.work.name, *megabytes, _number(ratio), ABSENT if ratio is None else verdict(ratio, MEMORY)])
    return table(["megabytes that a step adds to the peak", OURS, TORCH, "ours : torch", f"limit {MEMORY:g}"], rows)


def growths(found: Sequence[Growth]) -> str:
    """By how much arithmetic and times grow when a size is doubled."""
    rows = [
        [
            f"{one.work.name}, {one.size} doubled",
            f"x {one.arithmetic:.2f}",
            f"x {one.time:.2f}",
            ABSENT if one.theirs is None else f"x {one.theirs:.2f}",
            verdict(one.time / one.arithmetic, GROWTH),
        ]
        for one in found
    ]
    return table(["growth", "arithmetic", OURS, TORCH, f"limit {GROWTH:g} times the arithmetic"], rows)


def summary(found: Sequence[Times]) -> str:
    """The targets, and whether they are met; empty without PyTorch."""
    ratios = {one.work.name: ratio for one in found if (ratio := one.ratio()) is not None}
    if not ratios:
        return ""
    worst = max(ratios, key=lambda name: ratios[name])
    lines = [
        "our time as a multiple of torch eager's",
        _target("geometric mean", statistics.geometric_mean(ratios.values()), GEOMETRIC_MEAN),
        _target(f"worst, {worst}", ratios[worst], WORST),
    ]
    recurrent = [ratios[one.work.name] for one in found if one.work.recurrent and one.work.name in ratios]
    if recurrent:
        lines.append(_target("geometric mean of recurrent layers", statistics.geometric_mean(recurrent), RECURRENT))
    return "\n".join(lines)


def _target(what: str, ratio: float, limit: float) -> str:
    return f"  {what}: {ratio:.2f}   limit {limit:g}: {verdict(ratio, limit)}"
