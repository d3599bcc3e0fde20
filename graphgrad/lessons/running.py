"""Running the code of a lesson: under recording, as a script runs, with its backward passes kept as walks."""

from __future__ import annotations

import contextlib
import io
import linecache
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.abc import ExecutionLoader
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np

from graphgrad.graph.graph import Graph
from graphgrad.graph.mode import MODE, Mode
from graphgrad.graph.record import Recording
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tensor import Tensor
from graphgrad.lessons.expressions import ExpressionError, WalkScope, unknown
from graphgrad.lessons.lesson import Lesson, LessonError
from graphgrad.walk.trace import check_unwritten, trace
from graphgrad.walk.walk import Walk

__all__ = ["LessonRun", "RunScope", "run"]


@dataclass(frozen=True, slots=True)
class LessonRun:
    """What the code of a lesson did.

    Attributes
    ----------
    passes
        The walk of each backward pass, in order; at least one.
    variables
        The code's variables that hold numbers, arrays or texts, as they are at its end.
    """

    passes: tuple[Walk, ...]
    variables: Mapping[str, Any]


class _Loader(ExecutionLoader):
    """Gives Python the code of a lesson as it would a script's: the import system compiles and runs it."""

    def __init__(self, lesson: Lesson) -> None:
        self.lesson = lesson

    def get_source(self, fullname: str) -> str:
        return self.lesson.source

    def get_filename(self, fullname: str) -> str:
        return self.lesson.filename


class RunScope:
    """What names mean in a lesson: the values of the open walks, from the inside out, then the code's variables.

    ``original`` is the walk of the first pass as the code has it, without any edit.
    """

    def __init__(self, walks: Sequence[Walk], lesson_run: LessonRun, is_edited: bool = False) -> None:
        self.walks = tuple(walks)
        self.run = lesson_run
        self.is_edited = is_edited

    def __getitem__(self, name: str) -> Any:
        for walk in self.walks:
            if name in WalkScope(walk).names():
                return WalkScope(walk)[name]
        if name == "original":
            return WalkScope(self.run.passes[0])
        if name not in self.run.variables:
            raise ExpressionError(unknown(name, self.names()))
        if self.is_edited:
            raise ExpressionError(f"{name!r} is a variable of the code, which didn't see the edit; reset first")
        return self.run.variables[name]

    def names(self) -> Sequence[str]:
        """Every name that means something."""
        found = [name for walk in self.walks for name in WalkScope(walk).names()]
        return list(dict.fromkeys([*found, *self.run.variables, "original"]))


def run(lesson: Lesson) -> LessonRun:
    """Run the code of a lesson.

    Raises
    ------
    LessonError
        If the code raises, with its line in the lesson; or if it makes no backward pass.

    Examples
    --------
    >>> from graphgrad.lessons import open_lesson
    >>> from graphgrad.lessons.running import run
    >>> len(run(open_lesson("backward-twice")).passes)
    3
    """
    walks: list[Walk] = []

    def passing(result: Tensor | Scalar, gradient: Any) -> None:
        graph = Graph.of(result)
        check_unwritten(graph)
        upstream = gradient.data if isinstance(gradient, Tensor) else gradient
        walks.append(trace(graph, upstream))

    # Source lines are read through linecache, which has the code on the lines that it has in the lesson.
    lines = lesson.source.splitlines(keepends=True)
    linecache.cache[lesson.filename] = len(lesson.source), None, lines, lesson.filename
    module = ModuleType("__main__")
    token = MODE.set(Mode(True, Recording(passing), ""))
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # the screen is the lesson's: it shows what its code computes
            _Loader(lesson).exec_module(module)
    except (Exception, SystemExit) as error:
        raise LessonError(_complaint(lesson, error)) from error
    finally:
        MODE.reset(token)
    if not walks:
        raise LessonError(
            f"{lesson.filename}:{lesson.code_line}: the code makes no backward pass, so nothing is walked"
        )
    several = len(walks) > 1
    passes = (
        replace(walk, title=f"{lesson.title}, pass {number} of {len(walks)}" if several else lesson.title)
        for number, walk in enumerate(walks, 1)
    )
    return LessonRun(tuple(passes), MappingProxyType(_variables(module)))


def _complaint(lesson: Lesson, error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == lesson.filename]
    line = error.lineno if isinstance(error, SyntaxError) else frames[-1].lineno if frames else lesson.code_line
    return f"{lesson.filename}:{line}: the code raises {type(error).__name__}: {error}"


def _variables(module: ModuleType) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in vars(module).items():
        if name.startswith("_"):
            continue
        if isinstance(value, Tensor):
            found[name] = np.array(value.data)
        elif isinstance(value, Scalar):
            found[name] = value.data
        elif isinstance(value, (bool, int, float, str)):
            found[name] = value
        elif isinstance(value, np.ndarray):
            found[name] = value.copy()
    return found
