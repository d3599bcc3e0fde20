"""Callbacks that write down how a training goes."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from graphgrad.files import write
from graphgrad.graph.checks import check_count
from graphgrad.graph.errors import describe
from graphgrad.train.callbacks.base import Callback
from graphgrad.train.callbacks.stopping import check_monitor, monitored
from graphgrad.train.history import sign_of

if TYPE_CHECKING:
    from graphgrad.train.training import Fit

__all__ = ["CSVLogger", "Checkpoint", "LearningRateLog"]


class Checkpoint(Callback):
    """Save the training after each epoch, so that it can go on as if it had never stopped (P25.07).

    The file appears whole or not at all: killed at any moment, the last good one is there. A training that ^C stops in
    the middle of an epoch is saved there, too, and goes on with the next batch.

    Parameters
    ----------
    path
        The file, commonly with the suffix ``.safetensors``; its folder is made if it isn't there.
    every
        After how many epochs to save; the last one is always saved.
    best_only
        Whether to save only when `monitor` is better than ever before.
    monitor
        The number that says which epoch is best.
    mode
        ``"min"`` if less is better, ``"max"`` if more is; ``"auto"`` knows the common names.
    keep
        How many earlier ones to keep; see `graphgrad.io.save_checkpoint`.

    Attributes
    ----------
    best, best_epoch
        The best value, and the index of its epoch, from 0; None without `best_only`, and before the first epoch.

    Examples
    --------
    >>> import os, tempfile
    >>> import graphgrad as gg
    >>> def train(folder, epochs):
    ...     _ = gg.manual_seed(0)
    ...     model = gg.nn.Linear(1, 1)
    ...     gg.train.fit(
    ...         model,
    ...         [[0.0], [1.0], [2.0]],
    ...         [[1.0], [3.0], [5.0]],
    ...         loss=gg.nn.functional.mse_loss,
    ...         optimizer=gg.optim.Adam(model.parameters(), lr=0.1),
    ...         epochs=epochs,
    ...         batch_size=2,
    ...         callbacks=[gg.train.Checkpoint(os.path.join(folder, "run.safetensors"))],
    ...         resume=True,
    ...         progress=False,
    ...     )
    ...     return model.weight.item()
    >>> with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
    ...     _ = train(one, 2)
    ...     train(one, 5) == train(other, 5)  # with a break after two epochs, and without
    True
    """

    order = 100

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        every: int = 1,
        best_only: bool = False,
        monitor: str = "val_loss",
        mode: str = "auto",
        keep: int = 0,
    ) -> None:
        self.path = Path(path)
        self.every, self.keep = check_count("Checkpoint", "every", every), check_count("Checkpoint", "keep", keep, 0)
        self.best_only = best_only
        if best_only:
            if every != 1:
                raise ValueError(describe(f"Checkpoint: best_only looks at each epoch, so every is 1, got {every}"))
            self.order = 99  # what it saved last is known to the checkpoints that a training goes on from
        self.monitor = monitor
        self.sign = sign_of(monitor, mode) if best_only else 1
        self.best: float | None = None
        self.best_epoch: int | None = None

    def on_fit_begin(self, fit: Fit) -> None:
        """Make the folder now: it would be a pity after an hour."""
        if self.best_only:
            check_monitor("Checkpoint", self.monitor, fit)
        if not fit.resumed:
            self.best = self.best_epoch = None
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def on_epoch_end(self, fit: Fit) -> None:
        """Save."""
        if self.best_only:
            value = monitored("Checkpoint", self.monitor, fit)
            if value != value or (self.best is not None and self.sign * (self.best - value) <= 0):
                return
            self.best, self.best_epoch = value, fit.epoch
        elif (fit.epoch + 1) % self.every and fit.epoch + 1 < fit.epochs and fit.stop_reason is None:
            return
        fit.save(self.path, keep=self.keep)

    def on_interrupt(self, fit: Fit) -> None:
        """Save in the middle of the epoch."""
        if not self.best_only:
            fit.save(self.path, keep=self.keep)

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        return {"best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where it was."""
        self.best, self.best_epoch = state_dict["best"], state_dict["best_epoch"]


class LearningRateLog(Callback):
    """Write the learning rate of each epoch into its numbers: ``lr``, or ``lr_0``, ``lr_1`` of groups that differ.

    It is the rate that the epoch began with; a schedule by batches changes it on the way.
    """

    def __init__(self) -> None:
        self._rates: list[float] = []

    def on_epoch_begin(self, fit: Fit) -> None:
        """Look."""
        self._rates = [float(group["lr"]) for group in fit.optimizer.param_groups]

    def on_epoch_end(self, fit: Fit) -> None:
        """Write down."""
        if len(set(self._rates)) == 1:
            fit.log("lr", self._rates[0])
        else:
            for i, rate in enumerate(self._rates):
                fit.log(f"lr_{i}", rate)

    def state_dict(self) -> dict[str, Any]:
        """The rates of an epoch that isn't over."""
        return {"rates": self._rates}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where it was."""
        self._rates = list(state_dict["rates"])


class CSVLogger(Callback):
    """Write a line for each epoch into a CSV file: its number, from 1, and all its numbers, in full.

    A file that is there is written anew; a training that goes on from a checkpoint begins it with the epochs before.

    Parameters
    ----------
    path
        The file; its folder is made if it isn't there.
    separator
        What stands between the values: one character.

    Raises
    ------
    ValueError
        If the separator is anything else.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import graphgrad as gg
    >>> model = gg.nn.Linear(1, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "run.csv"
    ...     history = gg.train.fit(
    ...         model,
    ...         [[0.0], [1.0]],
    ...         [[1.0], [3.0]],
    ...         loss=gg.nn.functional.mse_loss,
    ...         optimizer=gg.optim.SGD(model.parameters(), lr=0.1),
    ...         epochs=2,
    ...         callbacks=[gg.train.CSVLogger(path), gg.train.LearningRateLog()],
    ...         progress=False,
    ...     )
    ...     [line.split(",")[0::2] for line in path.read_text().split()]
    [['epoch', 'lr'], ['1', '0.1'], ['2', '0.1']]
    """

    order = 100

    def __init__(self, path: str | os.PathLike[str], separator: str = ",") -> None:
        if not isinstance(separator, str) or len(separator) != 1 or separator in '\r\n"':
            raise ValueError(describe(f"CSVLogger: separator is one character, got {separator!r:.40}"))
        self.path, self.separator = Path(path), separator
        self._file: TextIO | None = None
        self._names: list[str] = []

    def on_fit_begin(self, fit: Fit) -> None:
        """Write what is known already."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._write(fit)

    def on_epoch_end(self, fit: Fit) -> None:
        """Add a line; or begin anew with more columns, where there are more."""
        if self._file is None or set(fit.logs) - set(self._names):
            self._write(fit)
        else:
            self._file.write(self._line([fit.epoch + 1, *(fit.logs.get(name, "") for name in self._names)]))
            self._file.flush()

    def on_fit_end(self, fit: Fit) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def on_error(self, fit: Fit, error: BaseException) -> None:
        """Close the file."""
        self.on_fit_end(fit)

    def _write(self, fit: Fit) -> None:
        self.on_fit_end(fit)
        self._names = list(fit.history)
        if not self._names:  # nothing is known yet, and what an earlier training left isn't ours
            self.path.unlink(missing_ok=True)
            return
        lines = [self._line(["epoch", *self._names])]
        for number, row in enumerate(fit.history.rows, 1):
            lines.append(self._line([number, *(row.get(name, "") for name in self._names)]))
        write(self.path, "".join(lines))
        self._file = open(self.path, "a", encoding="utf-8", newline="")  # noqa: SIM115 - closed when the training ends

    def _line(self, values: list[Any]) -> str:
        text = io.StringIO()
        csv.writer(text, delimiter=self.separator, lineterminator="\n").writerow(values)
        return text.getvalue()
