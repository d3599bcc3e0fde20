"""What a training left behind: its losses and metrics, epoch by epoch."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.view.numbers import number

__all__ = ["History"]

_HIGHER = (
    *("acc", "auc", "auroc", "f1", "fbeta", "precision", "recall", "specificity", "top", "iou", "jaccard", "dice"),
    *("score", "r2", "kappa", "matthews"),
)
_LOWER = ("loss", "error", "perplexity", "mse", "mae", "entropy", "distance", "brier", "nll")


class History(Mapping[str, list[Any]]):
    """The losses and metrics of each epoch, by name (P25.06).

    ``history["loss"]`` is a list with an entry for each whole epoch; None where there was no such number.

    Attributes
    ----------
    rows
        A dict for each epoch.
    seconds
        How long each epoch took that this process trained.
    stopped
        Why the training ended before its last epoch; None if it didn't.
    interrupted
        Whether that was a person, with ^C.

    Examples
    --------
    >>> from graphgrad.train import History
    >>> history = History(
    ...     [{"loss": 0.9, "val_loss": 1.0}, {"loss": 0.5, "val_loss": 0.7}, {"loss": 0.3, "val_loss": 0.8}]
    ... )
    >>> history["val_loss"], history.best("val_loss")
    ([1.0, 0.7, 0.8], (1, 0.7))
    >>> history
    epoch  loss  val_loss
        1   0.9         1
        2   0.5       0.7
        3   0.3       0.8
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        self.rows: list[dict[str, Any]] = [dict(row) for row in rows]
        self.seconds: list[float] = []
        self.stopped: str | None = None
        self.interrupted = False

    @property
    def epochs(self) -> int:
        """How many whole epochs there were."""
        return len(self.rows)

    def best(self, name: str, mode: str = "auto") -> tuple[int, float]:
        """The best value of a number, and the index of its epoch: the first of them, if there are several.

        Parameters
        ----------
        name
            Such as ``"val_loss"``.
        mode
            ``"min"`` if less is better, ``"max"`` if more is; ``"auto"`` knows the common names.

        Raises
        ------
        KeyError
            If no epoch has such a number.
        ValueError
            If all of them are NaN, or `mode` isn't known.
        """
        sign = sign_of(name, mode)
        found = [(i, v) for i, v in enumerate(self[name]) if is_number(v) and not math.isnan(v)]
        if not found:
            raise ValueError(describe(f"History.best: {name} is no number in any epoch"))
        return min(found, key=lambda pair: sign * pair[1])

    def plot(self, *names: str, **options: Any) -> str:
        """The curves drawn in characters; see `graphgrad.train.plot_history`."""
        from graphgrad.train.plot import plot_history

        return plot_history(self, *names, **options)

    def __getitem__(self, name: str) -> list[Any]:
        values = [row.get(name) for row in self.rows]
        if not any(name in row for row in self.rows):
            raise KeyError(describe(f"History: there is no {name!r}", f"there are: {', '.join(self) or 'none'}"))
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for row in self.rows for name in row))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return any(name in row for row in self.rows)

    def __repr__(self) -> str:
        names = [name for name in self if any(is_number(value) for value in self[name])]
        table = [["epoch", *names]]
        for i, row in enumerate(self.rows, 1):
            table.append([str(i), *(number(v) if is_number(v := row.get(name)) else "—" for name in names)])
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        return "\n".join([*lines, *([f"stopped: {self.stopped}"] if self.stopped else [])])


def is_number(value: object) -> bool:
    """Whether something is a real number, of Python or NumPy, NaN and infinities too; True and False are none."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def plain(what: str, value: Any) -> Any:
    """A value as it is written down: a number of Python, or nested lists of them.

    Raises
    ------
    DTypeError
        If it is something else.
    """
    if isinstance(value, Tensor):
        value = value.data
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.item() if value.size == 1 else value.tolist()
    if not isinstance(value, (bool, int, float, list)):
        raise DTypeError(describe(f"{what}: a number is needed, or an array of them, got {value!r:.60}"))
    return value


def sign_of(name: str, mode: str) -> int:
    """1 if less of a number is better, -1 if more is.

    Raises
    ------
    ValueError
        If the mode isn't known, or the name doesn't tell.
    """
    if mode in ("min", "max"):
        return 1 if mode == "min" else -1
    if mode != "auto":
        raise ValueError(describe(f"mode is 'min', 'max' or 'auto', got {mode!r}"))
    plain = name.lower().removeprefix("val_")
    if any(part in plain for part in _LOWER):
        return 1
    if any(part in plain for part in _HIGHER):
        return -1
    raise ValueError(
        describe(f"is more or less of {name!r} better?", hint="give mode='min' or mode='max'; its name doesn't tell")
    )
