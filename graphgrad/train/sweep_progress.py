"""How far a sweep is, shown in a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

__all__ = ["Bar"]


class Bar:
    """A bar on the standard error while a sweep runs; nothing where that is no terminal.

    Parameters
    ----------
    what
        What is being done.
    total
        How many trials there are.
    wanted
        Whether to show it at all.
    """

    def __init__(self, what: str, total: int, wanted: bool) -> None:
        self._progress: Any = None
        self._failed = 0
        if wanted and total and sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[failed]}"),
                console=Console(stderr=True),
            )
            self._task = self._progress.add_task(what.replace("_", " "), total=total, failed="")

    def __enter__(self) -> Bar:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def advance(self, count: int, error: str | None = None) -> None:
        """Say that so many trials more have finished, the last of them maybe with an error."""
        if self._progress is None:
            return
        self._failed += error is not None
        failed = f"{self._failed} failed" if self._failed else ""
        self._progress.update(self._task, advance=count, failed=failed)
