"""The journal of a sweep: a line of JSON for each finished trial, on the disk before the sweep goes on."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from graphgrad.graph.errors import DTypeError, GraphgradError, describe
from graphgrad.train.trials import Trial

__all__ = ["Journal", "JournalError", "encoded"]

FORMAT, VERSION = "graphgrad sweep", 1

PREFIX = f'{{"format": "{FORMAT}"'.encode()
"""How each journal begins."""


class JournalError(GraphgradError, ValueError):
    """A journal that can't be read, or that is of another sweep."""


class Journal:
    """Finished trials in a file: a sweep that was killed goes on with what is left.

    The first line says which sweep it is. A line that was cut off in the middle, at the end, is of a trial that never
    finished: it is taken away. Nothing is ever overwritten, so a trial may have several lines, and the last one holds.

    Parameters
    ----------
    path
        The file; it and its folder are made if they aren't there.

    Attributes
    ----------
    seed, function
        What the first line says of the sweep; None in a new journal.
    trials
        The trials by number, with parameters as the file has them.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.seed: int | None = None
        self.function: str | None = None
        self.trials: dict[int, Trial] = {}
        self._file: BinaryIO | None = None
        self._end = 0
        if self.path.exists():
            self._read()

    def _read(self) -> None:
        content = self.path.read_bytes()
        self._end = content.rfind(b"\n") + 1
        lines = content[: self._end].splitlines()
        if not lines:
            if not PREFIX.startswith(content[: len(PREFIX)]):
                raise JournalError(describe(f"{self.path}: this is no journal of a sweep; nothing was changed"))
            return
        head = self._parsed(lines[0], 1)
        if head.get("format") != FORMAT:
            raise JournalError(describe(f"{self.path}: this is no journal of a sweep; nothing was changed"))
        if head.get("version") != VERSION:
            raise JournalError(
                describe(
                    f"{self.path}: a journal of version {head.get('version')!r}",
                    f"expected: {VERSION}",
                    hint="a newer graphgrad wrote it",
                )
            )
        self.seed, self.function = head.get("seed"), head.get("function")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise JournalError(describe(f"{self.path}, line 1: seed is a whole number, got {self.seed!r}"))
        for place, line in enumerate(lines[1:], 2):
            trial = self._trial(self._parsed(line, place), place)
            self.trials[trial.number] = trial

    def _parsed(self, line: bytes, place: int) -> dict[str, Any]:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise JournalError(
                describe(
                    f"{self.path}, line {place}: this is no line of a journal; nothing was changed",
                    f"got: {line[:60]!r}",
                )
            )
        return found

    def _trial(self, record: dict[str, Any], place: int) -> Trial:
        kinds: dict[str, Any] = {
            "trial": int,
            "parameters": dict,
            "seed": int,
            "values": dict,
            "error": (str, type(None)),
            "traceback": (str, type(None)),
            "seconds": (int, float),
        }
        for name, kind in kinds.items():
            if name not in record or not isinstance(record[name], kind) or isinstance(record[name], bool):
                raise JournalError(
                    describe(f"{self.path}, line {place}: {name} is missing or wrong", f"got: {record.get(name)!r:.60}")
                )
        return Trial(
            record["trial"],
            record["parameters"],
            record["seed"],
            values=self._values(record["values"], place),
            error=record["error"],
            traceback=record["traceback"],
            seconds=float(record["seconds"]),
        )

    def _values(self, found: dict[str, Any], place: int) -> dict[str, Any]:
        try:
            return {name: _decoded(value) for name, value in found.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise JournalError(
                describe(f"{self.path}, line {place}: values is missing or wrong", f"got: {found!r:.60}")
            ) from error

    def begin(self, seed: int, function: str) -> None:
        """Open the file for writing: with a first line, or after checking that it is the same sweep's.

        Raises
        ------
        JournalError
            If it is another one's.
        """
        if self.seed is not None and (self.seed, self.function) != (seed, function):
            raise JournalError(
                describe(
                    f"{self.path}: this journal is of another sweep; nothing was changed",
                    f"its function: {self.function}, seed {self.seed}",
                    f"this sweep's: {function}, seed {seed}",
                    hint="another file starts anew",
                )
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "ab")  # noqa: SIM115 - closed when the sweep ends
        self._file.truncate(self._end)
        if self.seed is None:
            self._write({"format": FORMAT, "version": VERSION, "seed": seed, "function": function})
            self.seed, self.function = seed, function

    def finished(self, trial: Trial) -> Trial | None:
        """What the file has of a trial that is about to be run; None if it has nothing.

        Raises
        ------
        JournalError
            If that trial had other parameters.
        """
        found = self.trials.get(trial.number)
        if found is None:
            return None
        mine = encoded(trial.parameters)
        if (found.parameters, found.seed) != (mine, trial.seed):
            raise JournalError(
                describe(
                    f"{self.path}: this journal is of another sweep: its trial {trial.number} is another",
                    f"its parameters: {found.parameters}",
                    f"this sweep's: {mine}",
                    hint="another file starts anew",
                )
            )
        return Trial(
            trial.number,
            trial.parameters,
            trial.seed,
            values=found.values,
            error=found.error,
            traceback=found.traceback,
            seconds=found.seconds,
        )

    def append(self, trial: Trial) -> None:
        """Write a finished trial, and wait until the disk has it."""
        self._write(
            {
                "trial": trial.number,
                "parameters": encoded(trial.parameters),
                "seed": trial.seed,
                "values": encoded(trial.values),
                "error": trial.error,
                "traceback": trial.traceback,
                "seconds": trial.seconds,
            }
        )

    def _write(self, record: Mapping[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps(record, allow_nan=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def encoded(value: Any) -> Any:
    """A value as JSON has it: functions and classes as their names, NaN and infinities as ``{"number": "nan"}``.

    Raises
    ------
    DTypeError
        If JSON has no word for it.
    """
    if isinstance(value, Mapping):
        return {str(name): encoded(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [encoded(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": repr(float(value))}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    name = getattr(value, "__qualname__", None)
    if isinstance(name, str) and callable(value):
        return f"{getattr(value, '__module__', '')}.{name}"
    raise DTypeError(
        describe(
            f"a journal has no word for {type(value).__name__} {value!r:.60}",
            hint="give numbers, texts, lists of them, or functions with a name as parameters",
        )
    )


def _decoded(value: Any) -> Any:
    """What a trial returned: no mapping in it but those of `encoded`."""
    if isinstance(value, dict):
        return float(value["number"])
    return [_decoded(one) for one in value] if isinstance(value, list) else value
