"""Curves drawn in characters: for terminals, pipes and logs."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from graphgrad.graph.checks import check_count
from graphgrad.graph.errors import describe
from graphgrad.train.callbacks import Callback
from graphgrad.train.history import is_number
from graphgrad.view.numbers import number

if TYPE_CHECKING:
    from graphgrad.train.training import Fit

__all__ = ["Plot", "plot_history"]

MARKS, ASCII_MARKS = "•×+o*#", "x+o*#%"
BOTH, ASCII_BOTH = "◆", "@"
NARROWEST, LOWEST = 20, 2


def plot_history(
    history: Mapping[str, Any],
    *names: str,
    width: int | None = None,
    height: int = 12,
    log: bool = False,
    ascii_only: bool = False,
) -> str:
    """Draw numbers over epochs, in characters.

    Parameters
    ----------
    history
        Numbers by name, an entry for each epoch: a `History`, or lists, or arrays.
    *names
        Which to draw; by default the losses, ``loss`` and ``val_loss``, or all there are.
    width
        How wide the picture is, in characters, 20 at least; by default as the terminal, and at most 100.
    height
        How many lines the curves have, 2 at least.
    log
        Whether the axis is logarithmic: each line a factor. Numbers from 0 down have no place there.
    ascii_only
        Whether to draw with ASCII alone.

    Returns
    -------
    str
        Some lines. Of epochs that share a column, their mean is drawn; NaN and infinities are counted below.

    Raises
    ------
    KeyError
        If there is no such number.
    ValueError
        If the picture would be too small.

    Examples
    --------
    >>> from graphgrad.train import plot_history
    >>> print(plot_history({"loss": [8.0, 4.0, 2.0, 1.0]}, width=24, height=4))
    8 │•
      │
      │      •
    1 │            •     •
      └───────────────────
       1                 4
      • loss (epochs 1 to 4)
    """
    chosen = list(names) or [name for name in ("loss", "val_loss") if name in history] or list(history)
    _check_names(chosen, history)
    _check_size(width, height)
    if width is None:
        width = max(min(shutil.get_terminal_size().columns - 1, 100), NARROWEST)
    curves = {name: [_place(value, log) for value in history[name]] for name in chosen}
    epochs = max(map(len, curves.values()), default=0)
    seen = [value for curve in curves.values() for value in curve if value is not None]
    if not seen:
        return "nothing to plot"
    low, high = min(seen), max(seen)
    if low == high:
        around = max(0.5, abs(low) / 2)  # a half of a huge number more, or it would be the same one
        low, high = max(low - around, -sys.float_info.max), min(high + around, sys.float_info.max)
    labels = [number(_power(end) if log else end, 3) for end in (high, low)]
    margin = max(map(len, labels)) + 1
    columns = min(width - margin - 1, max(_spread(epochs), 1))
    marks, both, bar, corner, line = (
        (ASCII_MARKS, ASCII_BOTH, "|", "+", "-") if ascii_only else (MARKS, BOTH, "│", "└", "─")
    )
    grid = [[" "] * columns for _ in range(height)]
    for curve, mark in zip(curves.values(), _cycled(marks), strict=False):
        for column, value in _columns(curve, epochs, columns):
            row = round((high / 2 - value / 2) / (high / 2 - low / 2) * (height - 1))  # halves don't overflow
            there = grid[row][column]
            grid[row][column] = mark if there in (" ", mark) else both
    lines = []
    for i, cells in enumerate(grid):
        label = labels[0] if i == 0 else labels[1] if i == height - 1 else ""
        lines.append(f"{label:>{margin - 1}} {bar}{''.join(cells)}".rstrip())
    lines.append(" " * margin + corner + line * columns)
    last = str(epochs)
    lines.append(" " * (margin + 1) + ("1" + last.rjust(columns - 1) if columns > len(last) else "1"))
    legend = [f"{mark} {name}" for name, mark in zip(curves, _cycled(marks), strict=False)]
    if len(curves) > 1 and any(both in cells for cells in grid):
        legend.append(f"{both} several")
    legend[-1] += f" (epochs 1 to {epochs}{', logarithmic' if log else ''})"
    lines += [" " * margin + line for line in joined(legend, width - margin)]
    for name, curve in curves.items():
        lost = sum(value is None for value in curve)
        if lost:
            lines.append(" " * margin + f"{name}: {lost} of {len(curve)} epochs have no number to draw")
    return "\n".join(lines)


def _check_names(names: Sequence[str], history: Mapping[str, Any]) -> None:
    for name in names:
        if name not in history:
            raise KeyError(describe(f"plot: there is no {name!r}", f"there are: {', '.join(history) or 'none'}"))


def _check_size(width: int | None, height: int) -> None:
    check_count("plot", "height", height, LOWEST)
    if width is not None:
        check_count("plot", "width", width, NARROWEST)


def _place(value: Any, log: bool) -> float | None:
    if not is_number(value) or not math.isfinite(value) or (log and value <= 0):
        return None
    return math.log10(value) if log else float(value)


def _power(exponent: float) -> float:
    return math.inf if exponent > sys.float_info.max_10_exp + 0.25 else 10.0**exponent


def joined(facts: Sequence[str], width: int) -> list[str]:
    """Facts in as few lines as hold them: none is torn apart."""
    lines: list[str] = []
    for fact in facts:
        if lines and len(lines[-1]) + 2 + len(fact) <= width:
            lines[-1] += "  " + fact
        else:
            lines.append(fact)
    return lines


def _spread(epochs: int) -> int:
    """How many columns so many epochs take where there is room: some each, up to a dense curve."""
    return max(1, (epochs - 1) * max(1, min(6, 60 // max(epochs, 1))) + 1)


def _cycled(marks: str) -> str:
    return marks * 10


def _columns(curve: Sequence[float | None], epochs: int, columns: int) -> list[tuple[int, float]]:
    """Each column with the mean of what falls into it."""
    sums: dict[int, list[float]] = {}
    for i, value in enumerate(curve):
        if value is not None:
            column = 0 if epochs == 1 else round(i * (columns - 1) / (epochs - 1))
            sums.setdefault(column, []).append(value)
    return [(column, sum(value / len(values) for value in values)) for column, values in sums.items()]


class Plot(Callback):
    """Print the curves of the losses, or of other numbers, when the training ends (P08.06).

    Parameters
    ----------
    *names
        What to draw; by default the losses.
    every
        After how many epochs to print, too; None for the end alone.
    file
        Where to; by default the standard output.
    width, height, log
        As in `plot_history`. It draws with ASCII alone where the stream can't write more.

    Raises
    ------
    ValueError
        If the picture would be too small.
    KeyError
        If the first epoch ends without such a number.
    """

    order = 101

    def __init__(
        self,
        *names: str,
        every: int | None = None,
        file: TextIO | None = None,
        width: int | None = None,
        height: int = 12,
        log: bool = False,
    ) -> None:
        _check_size(width, height)
        self.names, self.file = names, file
        self.every = None if every is None else check_count("Plot", "every", every)
        self.options: dict[str, Any] = {"width": width, "height": height, "log": log}

    def on_epoch_end(self, fit: Fit) -> None:
        """Print, if it is time."""
        _check_names(self.names, fit.history)  # now, and not after the last epoch
        if self.every is not None and (fit.epoch + 1) % self.every == 0 and fit.epoch + 1 < fit.epochs:
            self._print(fit)

    def on_fit_end(self, fit: Fit) -> None:
        """Print."""
        if fit.history.rows:
            self._print(fit)

    def _print(self, fit: Fit) -> None:
        stream = sys.stdout if self.file is None else self.file
        encoding = getattr(stream, "encoding", None) or "utf-8"
        ascii_only = not _can_write(MARKS + BOTH + "│└─", encoding)
        stream.write(plot_history(fit.history, *self.names, **self.options, ascii_only=ascii_only) + "\n")
        stream.flush()


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
