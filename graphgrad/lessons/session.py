"""`Session`: somebody takes a lesson. It knows what is on the screen and has no screen of its own.

The terminal UI, the text mode and the check of a lesson drive the same session. What it shows is a pure function of the
place in the lesson, so going back is going forth from the start; only answers are kept.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from graphgrad.graph.errors import GraphgradError
from graphgrad.graph.graph import Operand
from graphgrad.lessons.expressions import ExpressionError, evaluate, fill, find_vertex
from graphgrad.lessons.lesson import Action, Beat, Lesson, LessonError, Question
from graphgrad.lessons.questions import expected, is_right, shown
from graphgrad.lessons.running import RunScope, run
from graphgrad.walk.expand import expand
from graphgrad.walk.steps import Granularity
from graphgrad.walk.trace import trace
from graphgrad.walk.walk import Cursor, Walk

__all__ = ["Asked", "Feedback", "Frame", "Score", "Session", "Shown"]

ATTEMPTS = 2
"""How many answers may be wrong before the right one is shown."""


@dataclass(slots=True)
class Frame:
    """A walk that the lesson has opened, and where it is in it.

    Attributes
    ----------
    walk, cursor
        The walk, and the place in it that the screen shows; whoever looks may move the cursor.
    title
        What the walk is of.
    pass_number
        Which pass of the code, 0 for an expansion.
    edits
        What was put in place of the leaves' own values, by name.
    """

    walk: Walk
    cursor: Cursor
    title: str
    pass_number: int = 0
    edits: dict[str, Any] = field(default_factory=dict)
    place: int = -1  # where the lesson left the cursor


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is put: with its numbers, and choices in order."""

    question: Question
    text: str
    choices: tuple[str, ...]
    hint: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """What comes of an answer.

    Attributes
    ----------
    right
        Whether the answer was right.
    closed
        Whether the question is done with; if not, it may be answered once more.
    expected, worked
        The right answer and the worked formula; empty until the question is done with.
    hint
        What helps, after a wrong answer.
    """

    right: bool
    closed: bool
    expected: str = ""
    worked: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """How many questions were answered rightly at the first attempt, of how many done with, of how many in all."""

    right: int
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Shown:
    """One beat on the screen: what was done, the text with its numbers, and the question."""

    actions: tuple[Action, ...]
    text: str
    asked: Asked | None


@dataclass(slots=True)
class _Answered:
    attempts: int = 0
    feedback: Feedback | None = None
    first_right: bool = False


class Session:
    """Somebody takes a lesson.

    Attributes
    ----------
    lesson, run
        The lesson, and what its code did.
    page, beat
        Where in the lesson: both from 0.
    frames
        The walks that are open: the lesson's own, and on top of it expansions.
    on_action
        Is told of each action of the lesson when it was done.

    Raises
    ------
    LessonError
        If the code fails, or an action or expression of the lesson can't be done; `graphgrad.lessons.check` finds all
        of these beforehand.

    Examples
    --------
    >>> from graphgrad.lessons import Session, open_lesson
    >>> session = Session(open_lesson("fan-out"))
    >>> while session.asked is None:
    ...     _ = session.advance()
    >>> session.advance()  # the question comes first
    False
    >>> session.answer("3").right
    False
    >>> session.answer("2").worked
    '∂c/∂b = 1 + 1 = 2: one contribution for each use, added.'
    >>> session.score
    Score(right=0, done=1, total=4)
    """

    def __init__(self, lesson: Lesson, granularity: Granularity = "concepts") -> None:
        self.lesson = lesson
        self.run = run(lesson)
        self._granularity: Granularity = granularity
        self._answered: dict[tuple[int, int], _Answered] = {}
        self._inner: dict[tuple[Walk, int], Walk] = {}
        self.frames: list[Frame] = []
        self._shown: list[Shown] = []
        self.on_action: Callable[[Action], None] | None = None
        self.page = self.beat = 0
        self.go(0)

    # ---- where we are ----

    @property
    def frame(self) -> Frame:
        """The walk on top."""
        return self.frames[-1]

    @property
    def walk(self) -> Walk:
        return self.frame.walk

    @property
    def cursor(self) -> Cursor:
        return self.frame.cursor

    @property
    def title(self) -> str:
        """The heading of the page."""
        return self.lesson.pages[self.page].title

    @property
    def shown(self) -> tuple[Shown, ...]:
        """What is on the page so far."""
        return tuple(self._shown)

    @property
    def asked(self) -> Asked | None:
        """The question of this beat, answered or not."""
        return self._shown[-1].asked

    @property
    def feedback(self) -> Feedback | None:
        """What came of the last answer to it."""
        return self._answer_here().feedback

    @property
    def is_waiting(self) -> bool:
        """Whether a question wants an answer before the lesson goes on."""
        feedback = self.feedback
        return self.asked is not None and not (feedback is not None and feedback.closed)

    @property
    def is_over(self) -> bool:
        """Whether everything has been shown and answered."""
        return self._next() is None and not self.is_waiting

    @property
    def score(self) -> Score:
        done = [one for one in self._answered.values() if one.feedback is not None and one.feedback.closed]
        return Score(sum(one.first_right for one in done), len(done), len(self.lesson.questions))

    @property
    def scope(self) -> RunScope:
        """What names in expressions mean here."""
        walks = [frame.walk for frame in reversed(self.frames)]
        return RunScope(walks, self.run, bool(self.frames[0].edits))

    # ---- going on and back ----

    def advance(self) -> bool:
        """Go on to the next beat, on the next page if need be.

        Returns
        -------
        bool
            False if there is none, or a question waits.
        """
        following = self._next()
        if following is None or self.is_waiting:
            return False
        self._enter(*following)
        return True

    def back(self) -> bool:
        """Go back by one beat; False at the start."""
        before = [place for place in self._places() if place < (self.page, self.beat)]
        if not before:
            return False
        self.go(*before[-1])
        return True

    def go(self, page: int, beat: int = 0) -> None:
        """Go to a place in the lesson, whatever was answered.

        Raises
        ------
        IndexError
            If there is no such place.
        """
        if (page, beat) not in self._places():
            raise IndexError(f"the lesson has no beat {beat} on page {page}")
        self.frames = [self._base(1)]
        for place in self._places():
            self._enter(*place)
            if place == (page, beat):
                return

    def _places(self) -> list[tuple[int, int]]:
        return [(i, j) for i, page in enumerate(self.lesson.pages) for j in range(len(page.beats))]

    def _next(self) -> tuple[int, int] | None:
        return next((place for place in self._places() if place > (self.page, self.beat)), None)

    def _enter(self, page: int, beat: int) -> None:
        one = self.lesson.pages[page].beats[beat]
        self.page, self.beat = page, beat
        for action in one.actions:
            try:
                self.act(action)
            except GraphgradError as error:
                self._fail(action.line, f"{action.text}: {error}", error)
            if self.on_action is not None:
                self.on_action(action)
        new = self._composed(one)
        self._shown = [new] if beat == 0 else [*self._shown, new]

    def _composed(self, beat: Beat) -> Shown:
        scope, question = self.scope, beat.question
        try:
            text = fill(beat.text, scope)
            if question is None:
                return Shown(beat.actions, text, None)
            choices = tuple(fill(choice.text, scope) for choice in question.choices)
            asked = Asked(question, fill(question.text, scope), choices, fill(question.hint, scope))
            return Shown(beat.actions, text, asked)
        except ExpressionError as error:
            self._fail(beat.line, str(error), error)

    def _fail(self, line: int, what: str, error: Exception) -> NoReturn:
        raise LessonError(f"{self.lesson.info.path.name}:{line}: {what}") from error

    # ---- actions ----

    def act(self, action: Action) -> None:
        """Do what an action of a lesson says; it starts from where the lesson left the cursor.

        Raises
        ------
        LessonError, ExpressionError, GraphgradError
            If that can't be done here.
        """
        frame = self.frame
        frame.cursor.go(frame.place)
        match action.kind:
            case "run":
                frame.cursor.go(self._position(action))
            case "step":
                wanted = frame.cursor.position + action.number
                if not -1 <= wanted < len(frame.cursor):
                    raise LessonError(f"that is step {wanted} of {len(frame.cursor)}")
                frame.cursor.go(wanted)
            case "expand":
                self.open(find_vertex(frame.walk, action.name), action.name)
            case "back":
                self.close()
            case "edit":
                self.edit(action.name, evaluate(action.value, self.scope))
            case "reset":
                self._only_frame()
                self.frames = [self._base(self.frames[0].pass_number)]
            case "pass":
                if action.number > len(self.run.passes):
                    raise LessonError(f"the code makes {len(self.run.passes)} passes")
                self.frames = [self._base(action.number)]
        self.frame.place = self.frame.cursor.position

    def open(self, vertex: int, title: str = "") -> None:
        """Expand an operation of the walk on top; the cursor of the expansion is before its first step.

        Raises
        ------
        GraphError
            If it has no expansion.
        """
        outer = self.walk
        inner = self._inner.get((outer, vertex))
        if inner is None:
            inner = self._inner[outer, vertex] = expand(outer, vertex)
        self.frames.append(Frame(inner, inner.cursor(self._granularity), inner.title or title))

    def close(self) -> None:
        """Go back from an expansion to the walk that it was opened from.

        Raises
        ------
        LessonError
            If no expansion is open.
        """
        if len(self.frames) == 1:
            raise LessonError("no expansion is open")
        self.frames.pop()

    def edit(self, name: str, value: Any) -> None:
        """Give a leaf of the lesson's own walk another value, and run everything again; the cursor stays where it is.

        Raises
        ------
        LessonError
            If an expansion is open, or there is no such leaf.
        """
        self._only_frame()
        frame = self.frames[0]
        original = self.run.passes[frame.pass_number - 1]
        leaves = {leaf.name: leaf for leaf in original.graph.leaves}
        if name not in leaves:
            raise LessonError(f"{name!r} is no leaf; leaves are {', '.join(str(leaf) for leaf in leaves)}")
        edits = {**frame.edits, name: value}
        feeds = {leaves[one].id: given for one, given in edits.items()}
        gradients = [original.seeds.get(output) for output in original.graph.outputs]
        walk = trace(original.graph, gradients[0], feeds, original.title)
        cursor = walk.cursor(self._granularity)
        cursor.go(frame.cursor.position)
        self.frames = [Frame(walk, cursor, frame.title, frame.pass_number, edits)]

    def _only_frame(self) -> None:
        if len(self.frames) > 1:
            raise LessonError("an expansion is open; go back first")

    def _base(self, number: int) -> Frame:
        walk = self.run.passes[number - 1]
        return Frame(walk, walk.cursor(self._granularity), walk.title, number)

    def _position(self, action: Action) -> int:
        """The position of the cursor once what an action waits for is there."""
        walk, cursor = self.walk, self.cursor
        if action.where == "start":
            return -1
        if action.where == "end":
            return len(cursor) - 1
        if action.where == "forward":
            wanted = [i for i, step in enumerate(walk.steps) if step.phase == "forward"]
        else:
            vertex = find_vertex(walk, action.name)
            if action.where == "value":
                wanted = [i for i, step in enumerate(walk.steps) if (step.kind, step.vertex) == ("forward", vertex)]
                if not wanted:
                    raise LessonError(f"{action.name!r} is a leaf: its value is there from the start")
            else:
                wanted = self._arrivals(walk, vertex, action)
        return bisect.bisect_left(walk.visible(cursor.granularity), wanted[-1])

    @staticmethod
    def _arrivals(walk: Walk, vertex: int, action: Action) -> list[int]:
        steps = [(i, step) for i, step in enumerate(walk.steps) if step.target == Operand(vertex, 0)]
        if not steps:
            raise LessonError(f"no gradient arrives at {action.name!r}")
        n = steps[-1][1].n
        if action.of and (action.of != n or action.number > n):
            raise LessonError(f"{n} contributions arrive at {action.name!r}")
        k = action.number or n
        return [i for i, step in steps if step.k <= k]

    # ---- questions ----

    def answer(self, text: str) -> Feedback:
        """Answer the question of this beat.

        Raises
        ------
        AnswerError
            If the answer can't be read: that doesn't count as one.
        LessonError
            If no question waits.
        """
        question, right = self._expected()
        answered = self._answer_here()
        is_correct = is_right(question, right, text)
        answered.attempts += 1
        answered.first_right = is_correct and answered.attempts == 1
        if is_correct or answered.attempts >= ATTEMPTS:
            return self._closed(answered, question, right, is_correct)
        asked = self.asked
        answered.feedback = Feedback(False, False, hint=asked.hint if asked is not None else "")
        return answered.feedback

    def reveal(self) -> Feedback:
        """Show the answer of the question of this beat; it counts as not known.

        Raises
        ------
        LessonError
            If no question waits.
        """
        question, right = self._expected()
        return self._closed(self._answer_here(), question, right, False)

    def expected(self) -> str:
        """The right answer to the question of this beat, as it would be typed.

        Raises
        ------
        LessonError
            If there is no question.
        """
        asked = self.asked
        if asked is None:
            raise LessonError("no question is asked here")
        return shown(asked.question, expected(asked.question, self.scope))

    def _expected(self) -> tuple[Question, Any]:
        asked = self.asked
        if asked is None or not self.is_waiting:
            raise LessonError("no question waits for an answer")
        try:
            return asked.question, expected(asked.question, self.scope)
        except ExpressionError as error:
            self._fail(asked.question.line, str(error), error)

    def _closed(self, answered: _Answered, question: Question, right: Any, is_correct: bool) -> Feedback:
        try:
            worked = fill(question.why, self.scope)
        except ExpressionError as error:
            self._fail(question.line, str(error), error)
        answered.feedback = Feedback(is_correct, True, shown(question, right), worked)
        return answered.feedback

    def _answer_here(self) -> _Answered:
        return self._answered.setdefault((self.page, self.beat), _Answered())
