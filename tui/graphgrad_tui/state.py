"""What the terminal UI remembers: the lessons that are done, and the files that were opened lately."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphgrad.files import state_folder, write

__all__ = ["Recent", "State", "state_path"]

VERSION = 1
MOST_RECENT = 12


def state_path() -> Path:
    """The state file: below ``XDG_STATE_HOME``, or where that is by default."""
    return state_folder() / "terminal.json"


@dataclass(frozen=True, slots=True)
class Recent:
    """A script or a saved walk, with the arguments that it had."""

    path: str
    arguments: tuple[str, ...] = ()


@dataclass(slots=True)
class State:
    """What is remembered, and the file that it is in.

    Attributes
    ----------
    path
        The file.
    done
        By a lesson's id, how many of its questions were answered rightly at the first attempt, and of how many.
    recent
        The last first.
    problem
        What was wrong with the file, for the person to know; empty if nothing was.
    """

    path: Path
    done: dict[str, tuple[int, int]] = field(default_factory=dict)
    recent: list[Recent] = field(default_factory=list)
    problem: str = ""

    @classmethod
    def load(cls, path: Path | None = None) -> State:
        """Read the state file. One that can't be read is put aside, and nothing is remembered then."""
        path = path or state_path()
        state = cls(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            state._take(content)
        except FileNotFoundError:
            pass
        except OSError as error:
            state.problem = f"{path} can't be read ({error.strerror}): done lessons and recent files aren't known"
            # Else the next lesson that is done would replace it.
            state._put_aside()
        except (ValueError, TypeError, KeyError, RecursionError):
            state.done, state.recent = {}, []
            state.problem = f"{path} was damaged: done lessons and recent files are forgotten"
            state._put_aside()
        return state

    def _take(self, content: Any) -> None:
        if content["version"] != VERSION:
            raise ValueError(f"version {content['version']!r}")
        for id, (right, total) in content["done"].items():
            if not (type(right) is int and type(total) is int and 0 <= right <= total):
                raise ValueError(f"score {right!r} of {total!r}")
            self.done[id] = right, total
        found: list[Recent] = []
        for one in content["recent"]:
            path, arguments = one["path"], tuple(one["arguments"])
            if not all(isinstance(text, str) for text in (path, *arguments)):
                raise TypeError("a path and its arguments are texts")
            found.append(Recent(path, arguments))
        for recent in reversed(found):
            self.opened(recent)

    def _put_aside(self) -> None:
        aside = self.path.with_suffix(".damaged.json")
        try:
            os.replace(self.path, aside)
        except OSError:
            return
        self.problem += f"; the old file is {aside.name}"

    def save(self) -> None:
        """Write the state file, whole or not at all.

        Raises
        ------
        OSError
            If that can't be done.
        """
        content = {
            "version": VERSION,
            "done": {id: list(score) for id, score in sorted(self.done.items())},
            "recent": [{"path": one.path, "arguments": list(one.arguments)} for one in self.recent],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write(self.path, json.dumps(content, indent=1) + "\n")

    def finished(self, lesson: str, right: int, total: int) -> None:
        """Remember that a lesson is done; of several times the best counts."""
        before = self.done.get(lesson)
        if before is None or before[1] != total or right > before[0]:
            self.done[lesson] = right, total

    def opened(self, recent: Recent) -> None:
        """Remember that a file was opened."""
        self.recent = [recent, *(one for one in self.recent if one.path != recent.path)][:MOST_RECENT]

    def forget(self, path: str) -> None:
        """Remember a file no more."""
        self.recent = [one for one in self.recent if one.path != path]
