"""Checking a lesson: it is taken from end to end without a screen, and its claims are held against the engine."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphgrad.graph.errors import GraphgradError
from graphgrad.lessons import curriculum
from graphgrad.lessons.expressions import ExpressionError, evaluate, find_vertex, pieces
from graphgrad.lessons.lesson import Lesson, LessonError, Page, Question
from graphgrad.lessons.questions import LETTERS, AnswerError, expected, is_right, shown
from graphgrad.lessons.session import Session
from graphgrad.lessons.text import wrapped

__all__ = ["PAGE_ROWS", "PAGE_WIDTH", "Problem", "check", "literals"]

PAGE_WIDTH, PAGE_ROWS = 38, 22
"""How large a page may be: what a terminal of 80×24 has beside the graph."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a lesson.

    Attributes
    ----------
    file, line
        Where.
    message
        What, and how to mend it.
    """

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


def check(lesson: Lesson) -> tuple[Problem, ...]:
    """Everything that is wrong with a lesson; nothing if it may be given to learners.

    Its code runs; every expression has a value, every action a target and every question an answer, which is accepted
    as it is shown, while others are refused; ids exist, and worked numbers come out; pages fit beside a graph; and no
    number stands in a text as digits, where it could be wrong.

    Examples
    --------
    >>> from graphgrad.lessons import check, open_lesson
    >>> check(open_lesson("sigmoid-neuron"))
    ()
    """
    problems = [*_front_matter(lesson), *_texts(lesson)]
    try:
        session = Session(lesson)
        problems += [(1, message) for message in _worked(lesson, session)]
        problems += _taken(session)
    except LessonError as error:
        line, message = _placed(str(error))
        problems.append((line, message))
    return tuple(Problem(lesson.info.path.name, line, message) for line, message in sorted(set(problems)))


Found = tuple[int, str]


def _placed(message: str) -> Found:
    found = re.match(r"[^\n]*?\.md:(\d+): ", message)
    return (int(found[1]), message[found.end() :]) if found else (1, message)


# ---- front matter ----------------------------------------------------------------------------------------------------


def _front_matter(lesson: Lesson) -> Iterator[Found]:
    info = lesson.info
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", info.id):
        yield 1, f"id: small letters, digits and hyphens, got {info.id!r}"
    if info.id != info.path.stem:
        yield 1, f"id {info.id!r} differs from the name of the file"
    if not 1 <= info.minutes <= 60:
        yield 1, f"minutes: 1 to 60, got {info.minutes}"
    if len(info.goals) > 4:
        yield 1, f"goals: four at most, got {len(info.goals)}"
    for ask, ids in ((curriculum.part, (info.part,)), (curriculum.item, info.covers), (curriculum.worked, info.worked)):
        for id in ids:
            try:
                ask(id)
            except curriculum.UnknownIdError as error:
                yield 1, str(error)
    if not lesson.questions:
        yield 1, "nothing is asked; a lesson lets its reader predict at least one number"


def _worked(lesson: Lesson, session: Session) -> Iterator[str]:
    for id, expressions in lesson.info.worked.items():
        try:
            example = curriculum.worked(id)
        except curriculum.UnknownIdError:
            continue
        known = {**example.input, **example.expected}
        for key in example.expected.keys() - expressions.keys():
            yield f"worked.{id}: nothing gives {key!r}"
        for key, text in expressions.items():
            if key not in known:
                yield f"worked.{id}: it has no {key!r}; it has {', '.join(known)}"
                continue
            try:
                value = evaluate(text, session.scope)
            except ExpressionError as error:
                yield f"worked.{id}.{key}: {error}"
                continue
            if not _agrees(value, known[key], example.tolerance):
                yield f"worked.{id}.{key}: expected {_short(known[key])}, got {_short(value)}"


def _agrees(value: Any, wanted: Any, tolerance: float) -> bool:
    """Equality within the tolerance of a worked number, or of the precision that the lesson's code computes in."""
    if isinstance(wanted, str | bool | Mapping) or isinstance(value, str | bool):
        return bool(value == wanted)
    try:
        a, b = np.asarray(value), np.asarray(wanted, np.float64)
    except ValueError:
        return False
    # An array says in which precision it was computed; a number doesn't, and may come from a tensor too.
    slack = max(tolerance, 1e-6)
    with np.errstate(all="ignore"):
        return a.shape == b.shape and bool(np.all(np.isclose(a, b, rtol=slack, atol=slack, equal_nan=True)))


def _short(value: Any) -> str:
    text = str(value.tolist() if isinstance(value, np.ndarray) else value)
    return text if len(text) <= 80 else text[:77] + "..."


# ---- texts -----------------------------------------------------------------------------------------------------------

_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`[^`\n]*[A-Za-z_][^`\n]*`")
_NUMBER = re.compile(r"(?<![\w\\.])[-+−]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?")
_YEAR = re.compile(r"1[89]\d\d|20\d\d")


def literals(text: str) -> list[str]:
    r"""The numbers that stand in a text as digits.

    Years, names such as W1, code in backticks that has letters, and digits after a backslash are none.

    Examples
    --------
    >>> literals("In 1986, `w1 = 2` gave 0.5; {h} is \\2 times W1, or 7.")
    ['0.5', '7']
    """
    text = _SPAN.sub(" ", _FENCED.sub(" ", text))
    plain = "".join(" " if code is not None else piece for piece, code, _ in pieces(text))
    return [found for found in _NUMBER.findall(plain) if not _YEAR.fullmatch(found)]


def _texts(lesson: Lesson) -> Iterator[Found]:
    info = lesson.info
    for line, what, text in [(1, "title", info.title), *((1, "goals", goal) for goal in info.goals), *_written(lesson)]:
        try:
            found = literals(text)
        except ExpressionError as error:
            yield line, str(error)
            continue
        for one in found:
            yield line, f"{what}: {one!r} is written as digits; let the engine say it, {{...}}, or escape it: \\{one}"


def _written(lesson: Lesson) -> Iterator[tuple[int, str, str]]:
    for page in lesson.pages:
        yield page.line, "title", page.title
        for beat in page.beats:
            yield beat.line, "text", beat.text
            question = beat.question
            if question is not None:
                for what, text in (("question", question.text), ("hint", question.hint), ("why", question.why)):
                    yield question.line, what, text
                for choice in question.choices:
                    yield question.line, "choice", choice.text


# ---- taking it -------------------------------------------------------------------------------------------------------


def _taken(session: Session) -> Iterator[Found]:
    """Take the lesson, and say what is wrong on the way; what can't be done at all raises."""
    pages = session.lesson.pages
    while True:
        page = pages[session.page]
        if session.asked is not None:
            yield from _question(session, session.asked.question)
        if session.beat == len(page.beats) - 1:
            yield from _size(session, page)
        if not session.advance():
            break
    if len(session.frames) > 1:
        yield page.line, "the lesson ends inside an expansion; go back first"


def _size(session: Session, page: Page) -> Iterator[Found]:
    """Whether everything on a page fits beside a graph."""
    rows = 2
    widest = 0
    for beat in session.shown:
        texts = [beat.text] if beat.text else []
        if beat.asked is not None:
            texts.append(beat.asked.text)
            rows += sum(len(wrapped(f"- a) {choice}", PAGE_WIDTH)) for choice in beat.asked.choices)
        for text in texts:
            lines = wrapped(text, PAGE_WIDTH)
            rows += len(lines) + 1  # an empty line, or the one for the answer
            widest = max(widest, *map(len, lines))
    if widest > PAGE_WIDTH:
        yield page.line, f"a line of {widest} columns can't be wrapped, at most {PAGE_WIDTH}"
    if rows > PAGE_ROWS:
        yield page.line, f"the page takes {rows} rows of {PAGE_WIDTH} columns, at most {PAGE_ROWS}; make it two pages"
    feedback = session.feedback
    if feedback is not None and len(wrapped(feedback.worked, PAGE_WIDTH)) > PAGE_ROWS // 2:
        yield page.line, f"why: at most {PAGE_ROWS // 2} rows"


def _question(session: Session, question: Question) -> Iterator[Found]:
    try:
        right = expected(question, session.scope)
        typed = shown(question, right)
        if not is_right(question, right, typed):
            yield question.line, f"the answer {typed} isn't accepted as it is shown"
        wrong = _wrong(question, right)
        if is_right(question, right, wrong):
            yield question.line, f"a wrong answer, {wrong}, is accepted"
        if _is_on_screen(session, question.answer):
            yield question.line, f"{question.answer} can be seen already; let the cursor wait before it"
    except (ExpressionError, AnswerError) as error:
        yield question.line, str(error)
    # Whoever doesn't know gets the worked formula, so this computes it.
    session.reveal()


def _wrong(question: Question, right: Any) -> str:
    if question.kind == "choice":
        return LETTERS[(right + 1) % len(question.choices)]
    if question.kind == "shape":
        return str((*right, 2))
    return " ".join(str(_off(float(one))) for one in np.ravel(right))


def _off(right: float) -> float:
    """A number that is far from another."""
    return right + max(1.0, abs(right)) if math.isfinite(right) else 0.0


def _is_on_screen(session: Session, answer: str) -> bool:
    """Whether the answer is a value or a gradient that has arrived at this moment."""
    name, _, attribute = answer.partition(".")
    if attribute not in ("", "grad"):
        return False
    try:
        vertex = find_vertex(session.walk, name)
    except GraphgradError:
        return False
    moment = session.cursor.moment
    return moment.is_complete(vertex) if attribute else moment.value(vertex) is not None
