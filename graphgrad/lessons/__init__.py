"""The curriculum: what it asks for, the numbers that check it, and the lessons made of it.

`catalogue` lists the lessons, `open_lesson` reads one, and a `Session` takes it; `run_text` shows it as text, and
`check` says what is wrong with it. They are loaded when they are first used: the curriculum alone needs no engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from graphgrad.lessons import curriculum

if TYPE_CHECKING:
    from graphgrad.lessons.checking import Problem as Problem
    from graphgrad.lessons.checking import check as check
    from graphgrad.lessons.lesson import Lesson as Lesson
    from graphgrad.lessons.lesson import LessonError as LessonError
    from graphgrad.lessons.lesson import LessonInfo as LessonInfo
    from graphgrad.lessons.listing import catalogue as catalogue
    from graphgrad.lessons.listing import open_lesson as open_lesson
    from graphgrad.lessons.questions import AnswerError as AnswerError
    from graphgrad.lessons.session import Feedback as Feedback
    from graphgrad.lessons.session import Session as Session
    from graphgrad.lessons.text import run_text as run_text

_EXPORTS = {
    "AnswerError": "questions",
    "Feedback": "session",
    "Lesson": "lesson",
    "LessonError": "lesson",
    "LessonInfo": "lesson",
    "Problem": "checking",
    "Session": "session",
    "catalogue": "listing",
    "check": "checking",
    "open_lesson": "listing",
    "run_text": "text",
}

__all__ = ["curriculum", *_EXPORTS]  # noqa: PLE0604 - a table of names


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"graphgrad.lessons.{_EXPORTS[name]}"), name)
    globals()[name] = value
    return value
