"""`Lesson`: what a lesson is made of, and how it is read from its file.

A lesson is one Markdown file::

    +++
    id = "sigmoid-neuron"            # front matter, in TOML
    ...
    [worked.W003]                    # a worked number, and the expressions that must give its values
    h = "h"
    +++

    ```python
    ...                              # the code that is walked
    ```

    ## The first page

    Text with numbers that the engine computes: {h}, {w1.grad}.

    ```do
    run to h
    ```

    ```ask
    kind = "number"
    text = "What will `w1.grad` be?"
    answer = "w1.grad"
    why = "..."
    ```

A ``do`` block begins a new beat: whoever reads has come to the end of the text before, and asks for what follows. An
``ask`` block ends one. `graphgrad.lessons.checking.check` says what is wrong with a lesson.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NoReturn

from graphgrad.graph.errors import GraphgradError

__all__ = [
    "Action",
    "Beat",
    "Choice",
    "Lesson",
    "LessonError",
    "LessonInfo",
    "Page",
    "Question",
    "QuestionKind",
    "parse",
    "parse_info",
]

ActionKind = Literal["run", "step", "expand", "back", "edit", "reset", "pass"]
QuestionKind = Literal["number", "shape", "choice"]
Where = Literal["value", "gradient", "start", "end", "forward"]


class LessonError(GraphgradError, ValueError):
    """A lesson that can't be read or run; the message begins with its file and line."""


@dataclass(frozen=True, slots=True)
class Action:
    """What happens on the screen.

    Attributes
    ----------
    kind
        ``run`` to a place, ``step`` on or back, ``expand`` an operation and go ``back`` from there, ``edit`` a leaf and
        ``reset`` that, or go to another ``pass`` of the code.
    text
        As it is written in the lesson.
    line
        Where.
    name
        The value that it is about.
    where
        For ``run``: to the value, to its gradient, or to an end of the walk.
    number, of
        How many steps; which pass; for ``run`` to a gradient the contribution, and of how many, 0 for all of them.
    value
        For ``edit``: the expression.
    """

    kind: ActionKind
    text: str
    line: int
    name: str = ""
    where: Where = "value"
    number: int = 0
    of: int = 0
    value: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several answers, and the expression that is true if it is the right one."""

    text: str
    when: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question that is asked before the answer is shown.

    Attributes
    ----------
    kind
        Whether the answer is a number (or several), a shape, or one of the choices.
    text, hint, why
        The question; what helps after a wrong answer; the worked formula that is shown at the end. All have expressions
        in braces.
    answer
        The expression that gives the answer; empty for choices.
    choices
        For ``"choice"``.
    line
        Where it stands in the lesson.
    """

    kind: QuestionKind
    text: str
    why: str
    hint: str = ""
    answer: str = ""
    choices: tuple[Choice, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class Beat:
    """What comes at once: first actions, then a text, then perhaps a question."""

    actions: tuple[Action, ...] = ()
    text: str = ""
    question: Question | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """What stands under one heading."""

    title: str
    beats: tuple[Beat, ...]
    line: int = 0


@dataclass(frozen=True, slots=True)
class LessonInfo:
    """What the front matter of a lesson says.

    Attributes
    ----------
    id, title
        Such as ``"sigmoid-neuron"``, which is the name of its file too.
    part
        The id of the part of the curriculum that it belongs to.
    goals
        What one can do afterwards, a sentence each.
    covers
        The ids of curriculum items.
    minutes
        How long it takes, about.
    order
        Its place within the part.
    worked
        By the id of a worked number: for each of its expected values, and as many inputs, the expression that gives it.
    path
        The lesson's file.
    """

    id: str
    title: str
    part: str
    goals: tuple[str, ...]
    minutes: int
    covers: tuple[str, ...] = ()
    order: int = 0
    worked: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    path: Path = Path()


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson.

    Attributes
    ----------
    info
        Its front matter.
    code
        The code that is walked.
    code_line
        The line of the file on which the code begins.
    pages
        In order.
    filename
        What source lines and tracebacks call the file.
    """

    info: LessonInfo
    code: str
    code_line: int
    pages: tuple[Page, ...]
    filename: str

    @property
    def id(self) -> str:
        return self.info.id

    @property
    def title(self) -> str:
        return self.info.title

    @property
    def questions(self) -> tuple[Question, ...]:
        """All questions, in order."""
        return tuple(beat.question for page in self.pages for beat in page.beats if beat.question is not None)

    @property
    def source(self) -> str:
        """The code on the lines that it has in the file."""
        return "\n" * (self.code_line - 1) + self.code


# ---- reading ---------------------------------------------------------------------------------------------------------

_MARK = "+++"
_FENCE = re.compile(r"(`{3,})\s*([\w-]*)\s*")
_INFO: Mapping[str, type] = {
    "id": str,
    "title": str,
    "part": str,
    "goals": list,
    "minutes": int,
    "covers": list,
    "order": int,
    "worked": dict,
}
_TYPES: Mapping[type, str] = {str: "a text", int: "a whole number", list: "a list", dict: "a table"}
_NEEDED = ("id", "title", "part", "goals", "minutes")
_QUESTION: Mapping[str, type] = {"kind": str, "text": str, "why": str, "hint": str, "answer": str, "choices": list}
_CHOICE: Mapping[str, type] = {"text": str, "when": str}
_KINDS: Mapping[str, str] = {"number": "answer", "shape": "answer", "choice": "choices"}

_ACTIONS: Sequence[tuple[ActionKind, str]] = (
    ("run", r"run to (?P<where>start|end of forward|end)"),
    ("run", r"run to (?P<name>[^\s=.]+)(?P<grad>\.grad( (?P<number>[1-9]\d?) of (?P<of>[1-9]\d?))?)?"),
    ("step", r"step (?P<number>-?[1-9]\d{0,3})"),
    ("expand", r"expand (?P<name>[^\s=]+)"),
    ("back", r"back"),
    ("edit", r"edit (?P<name>[^\s=]+) = (?P<value>.+)"),
    ("reset", r"reset"),
    ("pass", r"pass (?P<number>[1-9]\d{0,3})"),
)
_WHERE: Mapping[str, Where] = {"start": "start", "end": "end", "end of forward": "forward"}


@dataclass
class _Source:
    """The text of a lesson, and its name for complaints."""

    path: Path
    lines: list[str]

    def fail(self, line: int, what: str) -> NoReturn:
        raise LessonError(f"{self.path.name}:{line}: {what}")

    def toml(self, text: str, line: int, what: str) -> dict[str, Any]:
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self.fail(line, f"{what}: {error}")

    def fields(self, given: Any, known: Mapping[str, type], needed: Sequence[str], line: int, what: str) -> None:
        """Hold a table against the keys that it may have, and those that it must have."""
        if not isinstance(given, dict):
            self.fail(line, f"{what} is a table with {', '.join(known)}")
        for key, value in given.items():
            if key not in known:
                self.fail(line, f"{what} has {key!r}; it may have {', '.join(known)}")
            if type(value) is not known[key]:
                self.fail(line, f"{what}: {key} is {_TYPES[known[key]]}, got {value!r:.40}")
        for key in needed:
            if not given.get(key):
                self.fail(line, f"{what} lacks {key!r}")


def parse_info(text: str, path: Path) -> LessonInfo:
    """Read the front matter of a lesson; of `text` no more is looked at.

    Raises
    ------
    LessonError
        If there is none, or something is wrong with it.
    """
    return _front_matter(_Source(path, text.split("\n")))[0]


def parse(text: str, path: Path, filename: str | None = None) -> Lesson:
    """Read a lesson.

    Parameters
    ----------
    text
        What its file holds.
    path
        The file.
    filename
        What source lines and tracebacks call it; the path if not given.

    Raises
    ------
    LessonError
        If the text isn't built as a lesson is.
    """
    source = _Source(path, text.replace("\r\n", "\n").split("\n"))
    info, at = _front_matter(source)
    code: tuple[str, int] | None = None
    pages: list[Page] = []
    title, title_line = "", 0
    parts: list[tuple[str, str, int]] = []

    def close() -> None:
        if title:
            pages.append(Page(title, tuple(_beats(source, parts)), title_line))
        parts.clear()

    for kind, body, line in _blocks(source, at):
        if kind == "heading":
            close()
            title, title_line = body, line
        elif code is None and kind == "python" and not title:
            code = body, line + 1
        elif not title:
            source.fail(line, "before the first page, which begins with `## Title`, there is the python block alone")
        else:
            parts.append((kind, body, line))
    close()
    if code is None:
        source.fail(at, "a lesson has a ```python block with the code that is walked, before its first page")
    if not pages:
        source.fail(len(source.lines), "a lesson has pages; each begins with `## Title`")
    return Lesson(info, code[0], code[1], tuple(pages), filename or str(path))


def _front_matter(source: _Source) -> tuple[LessonInfo, int]:
    """The front matter, and the line after it."""
    if source.lines[0].strip() != _MARK:
        source.fail(1, f"a lesson begins with {_MARK}, its front matter in TOML, and {_MARK}")
    end = next((i for i, line in enumerate(source.lines[1:], 1) if line.strip() == _MARK), None)
    if end is None:
        source.fail(1, f"the front matter isn't closed by {_MARK}")
    given = source.toml("\n".join(source.lines[1:end]), 1, "front matter")
    source.fields(given, _INFO, _NEEDED, 1, "front matter")
    for key in ("goals", "covers"):
        if not all(isinstance(one, str) for one in given.get(key, [])):
            source.fail(1, f"front matter: {key} is a list of texts")
    worked: dict[str, Mapping[str, str]] = {}
    for id, table in given.get("worked", {}).items():
        if not isinstance(table, dict) or not all(isinstance(one, str) for one in table.values()):
            source.fail(1, f"front matter: [worked.{id}] gives an expression, a text, for each value")
        worked[id] = MappingProxyType(table)
    return (
        LessonInfo(
            id=given["id"],
            title=given["title"],
            part=given["part"],
            goals=tuple(given["goals"]),
            minutes=given["minutes"],
            covers=tuple(given.get("covers", [])),
            order=given.get("order", 0),
            worked=MappingProxyType(worked),
            path=source.path,
        ),
        end + 1,
    )


def _blocks(source: _Source, start: int) -> Iterator[tuple[str, str, int]]:
    """Headings, fenced blocks that mean something, and texts between them, each with its line from 1."""
    text: list[str] = []
    text_line = 0
    at = start

    def flush() -> Iterator[tuple[str, str, int]]:
        whole = "\n".join(text).strip("\n")
        text.clear()
        if whole.strip():
            yield "text", whole, text_line

    while at < len(source.lines):
        line = source.lines[at]
        opening = _FENCE.fullmatch(line)
        if opening is not None:
            end = next((i for i in range(at + 1, len(source.lines)) if source.lines[i].rstrip() == opening[1]), None)
            if end is None:
                source.fail(at + 1, "this block is never closed")
            inner = source.lines[at + 1 : end]
            if opening[2] in ("do", "ask", "python"):
                yield from flush()
                yield opening[2], "\n".join(inner) + "\n", at + 1
            else:  # shown as it is
                text_line = text_line if text else at + 1
                text += source.lines[at : end + 1]
            at = end + 1
            continue
        if line.startswith("#"):
            yield from flush()
            if not line.startswith("## ") or not line[3:].strip():
                source.fail(at + 1, "headings are those of pages: `## Title`")
            yield "heading", line[3:].strip(), at + 1
        else:
            text_line = text_line if any(map(str.strip, text)) else at + 1
            text.append(line)
        at += 1
    yield from flush()


def _beats(source: _Source, parts: Sequence[tuple[str, str, int]]) -> Iterator[Beat]:
    actions: list[Action] = []
    text: list[str] = []
    first = 0
    for kind, body, line in parts:
        if kind == "python":
            source.fail(line, "only the block before the first page is walked; code that is shown has no `python` here")
        if kind == "do" and text:
            yield Beat(tuple(actions), "\n\n".join(text), None, first)
            actions, text, first = [], [], 0
        first = first or line
        if kind == "do":
            lines = body.rstrip("\n").split("\n")
            actions += [_action(source, one.strip(), line + 1 + i) for i, one in enumerate(lines) if one.strip()]
        elif kind == "text":
            text.append(body)
        else:
            yield Beat(tuple(actions), "\n\n".join(text), _question(source, body, line), first)
            actions, text, first = [], [], 0
    if actions or text:
        yield Beat(tuple(actions), "\n\n".join(text), None, first)


def _action(source: _Source, text: str, line: int) -> Action:
    for kind, pattern in _ACTIONS:
        found = re.fullmatch(pattern, text)
        if found is None:
            continue
        parts = found.groupdict()
        where: Where = "gradient" if parts.get("grad") else _WHERE.get(parts.get("where") or "", "value")
        number, of = int(parts.get("number") or 0), int(parts.get("of") or 0)
        return Action(kind, text, line, parts.get("name") or "", where, number, of, parts.get("value") or "")
    source.fail(
        line,
        f"{text!r} is no action; there are: run to NAME, run to NAME.grad, run to NAME.grad 1 of 2, run to start,"
        " run to end, run to end of forward, step N, expand NAME, back, edit NAME = VALUE, reset, pass N",
    )


def _question(source: _Source, body: str, line: int) -> Question:
    given = source.toml(body, line, "question")
    source.fields(given, _QUESTION, ("kind", "text", "why"), line, "question")
    if given["kind"] not in _KINDS:
        source.fail(line, f"question: kind is one of {', '.join(_KINDS)}, got {given['kind']!r}")
    wanted = _KINDS[given["kind"]]
    if not given.get(wanted) or len({"answer", "choices"} & given.keys()) != 1:
        source.fail(line, f"question: a {given['kind']} has {wanted!r}, and not the other of answer and choices")
    choices = []
    for one in given.get("choices", []):
        source.fields(one, _CHOICE, ("text", "when"), line, "choice")
        choices.append(Choice(one["text"], one["when"]))
    if given["kind"] == "choice" and not 2 <= len(choices) <= 6:
        source.fail(line, f"question: 2 to 6 choices, got {len(choices)}")
    return Question(
        given["kind"],
        given["text"],
        given["why"],
        given.get("hint", ""),
        given.get("answer", ""),
        tuple(choices),
        line,
    )
