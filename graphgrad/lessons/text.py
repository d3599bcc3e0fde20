"""A lesson as plain text: for pipes, for screen readers, and for whoever has no other screen."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

from graphgrad.lessons.lesson import Action
from graphgrad.lessons.questions import LETTERS, AnswerError
from graphgrad.lessons.session import Asked, Feedback, Frame, Session
from graphgrad.view.captions import caption
from graphgrad.view.names import names
from graphgrad.view.numbers import shape_text, summary
from graphgrad.walk.walk import Walk

__all__ = ["run_text", "wrapped"]

WIDTH = 78


def wrapped(text: str, width: int = WIDTH) -> list[str]:
    r"""The lines of a lesson's text: paragraphs and lists wrapped, blocks of code as they are.

    Examples
    --------
    >>> wrapped("One two\nthree four.\n\n- five six seven", 12)
    ['One two', 'three four.', '', '- five six', '  seven']
    """
    lines: list[str] = []
    paragraph: list[str] = []
    in_code = False

    def flush() -> None:
        if paragraph:
            indent = "  " if paragraph[0].startswith("- ") else ""
            lines.extend(
                textwrap.wrap(
                    " ".join(paragraph), width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
                )
            )
            paragraph.clear()

    for line in text.split("\n"):
        if line.startswith("```"):
            flush()
            in_code = not in_code
        elif in_code:
            lines.append(f"    {line}".rstrip())
        elif not line.strip():
            flush()
            if lines and lines[-1]:
                lines.append("")
        else:
            if line.startswith("- "):
                flush()
            paragraph.append(line.strip())
    flush()
    while lines and not lines[-1]:
        lines.pop()
    return lines


def run_text(session: Session, read: Callable[[str], str] | None = None, write: Callable[[str], None] = print) -> None:
    """Take a lesson in text: every step of both passes with its numbers, and the pages where they belong.

    A walk's steps are written when the lesson comes by them. Those that it jumps to are written with all before them,
    and what is left of a walk when the lesson leaves it is written then, so none is missing.

    Parameters
    ----------
    session
        At its start.
    read
        Asks for a line, such as `input`; without it nobody answers, and questions are written with their answers.
    write
        Takes a line, or several.

    Examples
    --------
    >>> from graphgrad.lessons import Session, open_lesson, run_text
    >>> lines = []
    >>> run_text(Session(open_lesson("sigmoid-neuron")), write=lines.append)
    >>> [line for line in lines if line.startswith("  forward")][0].split()
    ['forward', 'p', '=', 'w1', '·', 'x1', '=', '3', '·', '2', '=', '6']
    """
    _Text(session, read, write).run()


class _Text:
    def __init__(self, session: Session, read: Callable[[str], str] | None, write: Callable[[str], None]) -> None:
        self.session = session
        self.read = read
        self.write = write
        self.frame = session.frame
        self.written: dict[Walk, int] = {}  # up to which position the steps of a walk were written
        self.page = -1

    def run(self) -> None:
        session = self.session
        self.opening()
        session.on_action = self.acted
        try:
            session.go(0)
            while self.beat() and session.advance():
                pass
            if session.is_over:
                self.closing()
        finally:
            session.on_action = None

    # ---- before and after ----

    def opening(self) -> None:
        lesson = self.session.lesson
        self.write(f"{lesson.title}\n{'=' * len(lesson.title)}")
        self.write(f"{lesson.info.part}, about {lesson.info.minutes} min. Afterwards you can:")
        for goal in lesson.info.goals:
            self.lines(f"- {goal}")
        self.write("")
        numbered = enumerate(lesson.code.rstrip("\n").split("\n"), lesson.code_line)
        for number, line in numbered:
            self.write(f"  {number:>3}  {line}".rstrip())

    def closing(self) -> None:
        base = self.session.frames[0]
        first = self.session.run.passes[0]
        cursor = first.cursor(base.cursor.granularity)
        if self.written.get(first, -1) < len(cursor) - 1:
            self.heading("The rest of the walk", "-")
            self.steps(Frame(first, cursor, base.title), len(cursor) - 1)
        self.heading("Where it ends", "-")
        self.gradients(first)
        score = self.session.score
        if self.read is not None:
            self.write(f"\nYou got {score.right} of {score.total} right at the first attempt.")

    def gradients(self, walk: Walk) -> None:
        """Each leaf with its value and its gradient."""
        end, named = walk.end(), names(walk.graph)
        for leaf in walk.graph.leaves:
            shape = shape_text(walk.values[leaf.id][0].shape)
            value, gradient = summary(end.value(leaf.id)), summary(end.gradient(leaf.id))
            self.write(f"  {named[leaf.id]:<6} {shape:<8} value {value:<24} gradient {gradient}".rstrip())

    # ---- beats ----

    def beat(self) -> bool:
        """Write what is new; False if the reader leaves."""
        session = self.session
        self.page_heading()
        new = session.shown[-1]
        if new.text:
            self.write("")
            self.lines(new.text)
        if new.asked is not None and not self.question(new.asked):
            return False
        return session.is_over or self.ask("\n[Enter goes on, q leaves] ") is not None

    def page_heading(self) -> None:
        if self.page != self.session.page:
            self.page = self.session.page
            self.heading(self.session.title, "-")

    def question(self, asked: Asked) -> bool:
        self.write("")
        self.lines(f"? {asked.text}")
        for letter, choice in zip(LETTERS, asked.choices, strict=False):
            self.lines(f"- {letter}) {choice}")
        session = self.session
        if self.read is None:
            self.feedback(session.reveal(), "The answer:")
            return True
        while session.is_waiting:
            typed = self.ask("Your answer (? shows it): ")
            if typed is None:
                return False
            try:
                if typed.strip() == "?":
                    self.feedback(session.reveal(), "It is")
                else:
                    self.feedback(session.answer(typed), "Not quite: it is")
            except AnswerError as error:
                self.write(f"  {error}")
        return True

    def feedback(self, feedback: Feedback, otherwise: str) -> None:
        """Say what came of an answer; `otherwise` leads to the right one if it wasn't given."""
        if not feedback.closed:
            self.lines(" ".join(filter(None, ("Not yet.", feedback.hint, "Try once more."))))
            return
        self.lines(f"{'Right.' if feedback.right else otherwise} {feedback.expected}")
        self.lines(feedback.worked)

    def ask(self, prompt: str) -> str | None:
        """What the reader types, None if that is to leave; empty if nobody reads."""
        if self.read is None:
            return ""
        try:
            typed = self.read(prompt)
        except EOFError:
            return None
        return None if typed.strip().casefold() == "q" else typed

    # ---- steps ----

    def acted(self, action: Action) -> None:
        """An action was done: write the steps on which it went."""
        frame, before = self.session.frame, self.frame
        self.page_heading()
        if frame is not before and before.walk is not frame.walk and before.pass_number == 0:
            self.steps(before, len(before.cursor) - 1)
        self.write("")
        self.write(f"> {action.text}")
        if action.kind == "expand":
            self.write(f"  {frame.title}:")
        if action.kind == "edit":
            self.written[frame.walk] = len(frame.cursor) - 1  # everything was there already, with other numbers
            self.gradients(frame.walk)
        self.steps(frame, frame.cursor.position)
        self.frame = frame

    def steps(self, frame: Frame, last: int) -> None:
        """Write the steps of a walk up to a position, without those that were written already."""
        first = self.written.get(frame.walk, -1) + 1
        if first > last:
            return
        named = names(frame.walk.graph)
        visible = frame.walk.visible(frame.cursor.granularity)
        for position in range(first, last + 1):
            self.write(f"  {caption(frame.walk, visible[position], named)}")
        self.written[frame.walk] = last

    # ---- lines ----

    def heading(self, text: str, rule: str) -> None:
        self.write(f"\n{text}\n{rule * len(text)}")

    def lines(self, text: str) -> None:
        for line in self._indented(wrapped(text, WIDTH - 2)):
            self.write(line)

    @staticmethod
    def _indented(lines: Sequence[str]) -> Sequence[str]:
        return [f"  {line}".rstrip() for line in lines]
