"""How far a training is: a bar in a terminal, lines elsewhere."""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

from graphgrad.train.callbacks import Callback
from graphgrad.train.history import is_number
from graphgrad.train.plot import joined
from graphgrad.view.numbers import number

if TYPE_CHECKING:
    from graphgrad.train.training import Fit

__all__ = ["Progress"]

REFRESH = 0.1  # seconds; drawing takes about a millisecond
LINES = 50


class Progress(Callback):
    """Show how far a training is: rate, loss, the last epoch's numbers, time left.

    In a terminal that is a line with a bar, and below it the numbers of the last whole epoch. Elsewhere, in a pipe or a
    file, there is a line for each epoch, or for every few of them, about 50 in all.

    Parameters
    ----------
    file
        Where to; by default the standard error.
    """

    order = 100

    def __init__(self, file: TextIO | None = None) -> None:
        self.file = file
        self._live: Any = None

    def on_fit_begin(self, fit: Fit) -> None:
        """Draw for the first time."""
        self._began = time.perf_counter()
        self._steps = 0
        self._last: list[str] = []
        self._first = fit.epoch
        self._done = fit.batch if fit.midway else 0
        self._warned = False
        self._stream = stream = sys.stderr if self.file is None else self.file
        self._terminal = stream is not None and bool(getattr(stream, "isatty", lambda: False)())
        if fit.resumed:
            self._print(f"goes on after {fit.epoch} of {fit.epochs} epochs")
        if self._terminal:
            self._open(fit)
            self._next = self._began + REFRESH

    def on_batch_end(self, fit: Fit) -> None:
        """Draw, if the last time is long enough ago."""
        self._steps += 1
        if self._terminal and (now := time.perf_counter()) >= self._next:
            self._next = now + REFRESH
            self._draw(fit, now)

    def on_epoch_end(self, fit: Fit) -> None:
        """Draw the epoch's numbers."""
        now, last = time.perf_counter(), fit.epoch + 1 == fit.epochs
        self._last = [f"{name} {number(value)}" for name, value in fit.logs.items() if is_number(value)]
        if not self._warned and not math.isfinite(fit.logs["loss"]):
            self._warned = True
            self._print(f"the loss of epoch {fit.epoch + 1} is {fit.logs['loss']}: the callback AnomalyStop says why")
        if self._terminal:
            self._draw(fit, now)
        elif last or not (fit.epoch + 1) % max(1, math.ceil(fit.epochs / LINES)):
            facts = [f"epoch {fit.epoch + 1}/{fit.epochs}", *self._last, self._rate(now)]
            self._print("  ".join(facts + ([] if last else self._left(fit, now))))

    def on_fit_end(self, fit: Fit) -> None:
        """Draw for the last time, and say why it stopped."""
        self._close(fit)
        if fit.stop_reason is not None:
            self._print(f"stopped: {fit.stop_reason}")

    def on_error(self, fit: Fit, error: BaseException) -> None:
        """Give the terminal back."""
        self._close(fit)

    # ---- drawing

    def _open(self, fit: Fit) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar
        from rich.table import Column

        console = Console(file=self._stream)
        self._bar = Bar(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
            BarColumn(bar_width=20, table_column=Column(min_width=10)),
            TextColumn("{task.fields[facts]}", markup=False, table_column=Column(no_wrap=True)),
            console=console,
        )
        total = None if fit.batches is None else fit.batches * fit.epochs
        self._task = self._bar.add_task(self._where(fit), total=total, facts="")
        # It draws when it is told to: no thread of its own comes in between. What is printed meanwhile comes out above
        # it, but what goes into a file or a pipe stays there.
        self._live = Live(
            self._bar, console=console, auto_refresh=False, redirect_stdout=bool(sys.stdout and sys.stdout.isatty())
        )
        self._live.start(refresh=True)

    def _draw(self, fit: Fit, now: float, time_left: bool = True) -> None:
        if self._live is None:
            return
        from rich.console import Group
        from rich.text import Text

        done = self._first * (fit.batches or 0) + self._done + self._steps
        facts = [f"loss {number(fit.loss)}"] if self._steps else []
        facts += [self._rate(now), *(self._left(fit, now) if time_left else [f"in {clock(now - self._began)}"])]
        self._bar.update(self._task, completed=done, description=self._where(fit), facts="  ".join(facts))
        width = self._live.console.width - 1
        last = joined([f"epoch {fit.history.epochs}:  {self._last[0]}", *self._last[1:]], width) if self._last else []
        self._live.update(Group(self._bar, *(Text(line, no_wrap=True) for line in last)), refresh=True)

    def _close(self, fit: Fit) -> None:
        if self._live is not None:
            self._draw(fit, time.perf_counter(), time_left=False)
            self._live.stop()
            self._live = None

    def _print(self, line: str) -> None:
        if self._stream is None:  # a program without a standard error
            return
        if self._live is not None:
            self._live.console.print(line, markup=False, highlight=False)
            return
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._stream.write(line.encode(encoding, "replace").decode(encoding) + "\n")
        self._stream.flush()

    # ---- facts

    def _where(self, fit: Fit) -> str:
        return f"epoch {min(fit.epoch + 1, fit.epochs)}/{fit.epochs}"

    def _rate(self, now: float) -> str:
        seconds = max(now - self._began, 1e-9)
        rate = self._steps / seconds
        return f"{rate:.3g} batches/s" if rate < 1000 else f"{rate:.0f} batches/s"

    def _left(self, fit: Fit, now: float) -> list[str]:
        """The time left, as hours, minutes and seconds; nothing while nobody can tell."""
        if fit.batches is None or not self._steps:
            return []
        to_come = fit.batches * (fit.epochs - self._first) - self._done - self._steps
        return [f"{clock((now - self._began) / self._steps * max(to_come, 0))} left"]


def clock(seconds: float) -> str:
    """A span of time as people say it: ``0:07``, ``12:30``, ``1:02:03``."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
