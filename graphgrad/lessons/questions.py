"""Reading what a learner answers, and judging it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import GraphgradError
from graphgrad.lessons.expressions import ExpressionError, Scope, evaluate, show
from graphgrad.lessons.lesson import Question
from graphgrad.view.numbers import number, tolerance

__all__ = ["LETTERS", "AnswerError", "expected", "is_right", "shown"]

LETTERS = "abcdef"
"""What the choices of a question are called."""


class AnswerError(GraphgradError, ValueError):
    """An answer that can't be read; it doesn't count as one."""


def expected(question: Question, scope: Scope) -> Any:
    """The right answer: a number, an array, a shape, or the place of the right choice.

    Raises
    ------
    ExpressionError
        If it has none, or of several choices not exactly one is right.
    """
    if question.kind == "choice":
        right = [place for place, choice in enumerate(question.choices) if evaluate(choice.when, scope) is True]
        if len(right) != 1:
            raise ExpressionError(
                f"exactly one choice must be right, got {', '.join(LETTERS[i] for i in right) or 'none'}"
            )
        return right[0]
    answer = evaluate(question.answer, scope)
    if question.kind == "shape":
        if not (isinstance(answer, tuple) and all(type(one) is int for one in answer)):
            raise ExpressionError(f"{question.answer!r} is no shape, got {show(answer)}")
        return answer
    if isinstance(answer, (str, tuple, bool)):
        raise ExpressionError(f"{question.answer!r} is no number and no array of numbers, got {show(answer)}")
    if isinstance(answer, np.ndarray) and not 0 < answer.size <= 12:
        raise ExpressionError(f"{question.answer!r} has {answer.size} elements; nobody types more than 12")
    return answer


def shown(question: Question, right: Any) -> str:
    """The right answer as it is shown, and as it may be typed."""
    return LETTERS[right] if question.kind == "choice" else show(right)


def is_right(question: Question, right: Any, typed: str) -> bool:
    """Whether an answer is right.

    Numbers may be written as arithmetic, ``1/4``, and be off as far as `graphgrad.view.numbers.tolerance` says. Arrays
    and shapes may be written with or without brackets and commas, choices by letter or number.

    Raises
    ------
    AnswerError
        If it can't be read.
    """
    typed = typed.strip()
    if not typed:
        raise AnswerError("an answer is needed")
    match question.kind:
        case "choice":
            return bool(_choice(typed, len(question.choices)) == right)
        case "shape":
            return bool(_shape(typed) == right)
    if isinstance(right, np.ndarray):
        numbers = _numbers(typed)
        if len(numbers) != right.size:
            raise AnswerError(f"{right.size} numbers are needed, got {len(numbers)}")
        return all(_is_near(a, b) for a, b in zip(numbers, right.flat, strict=True))
    return _is_near(_number(typed), right)


def _is_near(typed: float, wanted: Any) -> bool:
    text = number(wanted)
    right: float = float(wanted)
    if not math.isfinite(right):
        return typed == right or (math.isnan(typed) and math.isnan(right))
    slack = tolerance(text) * (1 + 1e-9)  # what lies exactly on the edge isn't lost to rounding
    return min(abs(typed - float(text)), abs(typed - right)) <= slack


_NAMED = {"inf": math.inf, "+inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def _number(text: str) -> float:
    if text.casefold() in _NAMED:
        return _NAMED[text.casefold()]
    try:
        value = evaluate(text.replace("−", "-").replace("·", "*").replace("×", "*").replace("^", "**"))
    except ExpressionError:
        raise AnswerError(f"{text!r} is no number; write one such as 0.25, or arithmetic such as 1/4") from None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise AnswerError(f"{text!r} is no number; write one such as 0.25, or arithmetic such as 1/4")
    return float(value)


def _parts(text: str) -> Sequence[str]:
    return re.sub(r"[\[\](),;×x]", " ", text).split()


def _numbers(text: str) -> list[float]:
    return [_number(part) for part in _parts(text)]


def _shape(text: str) -> tuple[int, ...]:
    parts = _parts(text)
    if not all(part.isdecimal() for part in parts):
        raise AnswerError(f"{text!r} is no shape; write one such as (2, 3), or () for a single number")
    return tuple(map(int, parts))


def _choice(text: str, count: int) -> int:
    letter = text.casefold().strip("().")
    place = int(letter) - 1 if letter.isdecimal() else LETTERS.find(letter) if len(letter) == 1 else -1
    if not 0 <= place < count:
        raise AnswerError(f"{text!r} is none of the choices {', '.join(LETTERS[:count])}")
    return place
