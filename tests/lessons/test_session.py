"""Taking a lesson: beats, actions, questions, scores, and that going back is as good as going forth."""

import pytest

from graphgrad.graph.graph import Operand
from graphgrad.lessons.expressions import find_vertex
from graphgrad.lessons.lesson import LessonError
from graphgrad.lessons.listing import catalogue, open_lesson
from graphgrad.lessons.questions import AnswerError
from graphgrad.lessons.session import Score, Session
from tests.lessons import parts

IDS = [info.id for info in catalogue()]

NEURON = """
```python
import graphgrad as gg

x = gg.scalar(2.0)
w = gg.scalar(-1.0)
p = w * x
h = gg.sigmoid(p)
y = h * h
y.backward()
before = w.grad
```
"""


def session(actions: str = "", pages: str = "") -> Session:
    return Session(parts.lesson(pages or f"\n## P\n\n```do\n{actions}\n```\n\nText.\n", NEURON))


def seen(one: Session) -> tuple[object, ...]:
    """What a screen could show."""
    frames = [(frame.title, frame.cursor.position, frame.pass_number, tuple(frame.edits)) for frame in one.frames]
    values = [array.tolist() for values in one.walk.values.values() for array in values]
    # As text, in which nan equals nan.
    return one.page, one.beat, one.title, one.shown, frames, str(values), one.is_waiting


def close_question(one: Session) -> None:
    if one.is_waiting:
        one.reveal()


@pytest.mark.parametrize("id", IDS)
def test_going_back_shows_what_was_shown(id: str) -> None:
    one = Session(open_lesson(id))
    forth = [seen(one)]
    while not one.is_over:
        close_question(one)
        if not one.advance():
            break
        forth.append(seen(one))
    back = [seen(one)]
    while one.back():
        back.append(seen(one))
    # All questions are answered by now; nothing else differs.
    assert [state[:-1] for state in reversed(back)] == [state[:-1] for state in forth]
    assert len(forth) == sum(len(page.beats) for page in one.lesson.pages)


@pytest.mark.parametrize("id", IDS)
def test_answers_as_shown_give_the_full_score(id: str) -> None:
    one = Session(open_lesson(id))
    while True:
        if one.is_waiting:
            assert one.answer(one.expected()).right
        if not one.advance():
            break
    total = len(one.lesson.questions)
    assert one.is_over
    assert one.score == Score(total, total, total)
    assert 2 <= total <= 4


def test_a_question_holds_the_lesson() -> None:
    one = Session(parts.lesson())
    assert one.is_waiting
    assert not one.is_over
    assert not one.advance()
    first = one.answer("5")
    assert (first.right, first.closed, first.expected, first.worked) == (False, False, "", "")
    assert first.hint == "Twice `x`."
    assert one.is_waiting
    second = one.answer("6")
    assert (second.right, second.closed, second.expected, second.worked) == (True, True, "6", "`2 * x` = 6")
    assert one.feedback is second
    assert one.score == Score(0, 1, 1)
    assert one.is_over
    with pytest.raises(LessonError, match="no question waits"):
        one.answer("6")


def test_two_wrong_answers_close_a_question() -> None:
    one = Session(parts.lesson())
    one.answer("1")
    last = one.answer("2")
    assert (last.right, last.closed, last.expected) == (False, True, "6")
    assert one.score == Score(0, 1, 1)


def test_what_cannot_be_read_is_no_answer() -> None:
    one = Session(parts.lesson())
    for _ in range(5):
        with pytest.raises(AnswerError):
            one.answer("six")
    assert one.answer("6").right
    assert one.score == Score(1, 1, 1)


def test_revealing_is_not_knowing() -> None:
    one = Session(parts.lesson())
    assert one.reveal().expected == "6"
    assert one.score == Score(0, 1, 1)


@pytest.mark.parametrize(
    ("actions", "kind", "name"),
    [
        ("run to p", "forward", "p"),
        ("run to end of forward", "forward", "y"),
        ("run to y\nstep 1", "seed", "y"),
        ("run to h.grad 1 of 2", "accumulate", "h"),
        ("run to h.grad", "accumulate", "h"),
        ("run to w.grad", "backward", "p"),
        ("run to end\nstep -1\nstep 1\nstep -2\nrun to y.grad", "seed", "y"),
    ],
)
def test_where_actions_lead(actions: str, kind: str, name: str) -> None:
    one = session(actions)
    step = one.cursor.step
    assert step is not None
    assert step.kind == kind
    assert one.walk.graph.vertices[step.vertex].name == name


def test_waiting_for_one_contribution_or_for_all() -> None:
    one, both = session("run to h.grad 1 of 2"), session("run to h.grad")
    assert one.cursor.moment.arrived(Operand(find_vertex(one.walk, "h"), 0)) == (1, 2)
    assert both.cursor.moment.arrived(Operand(find_vertex(both.walk, "h"), 0)) == (2, 2)


def test_ends_of_a_walk() -> None:
    assert session("run to end\nrun to start").cursor.position == -1
    one = session("run to end")
    assert one.cursor.position == len(one.cursor) - 1


def test_steps_start_where_the_lesson_left_the_cursor() -> None:
    one = session(pages="\n## P\n\n```do\nrun to p\n```\n\nText.\n\n```do\nstep 1\n```\n\nMore.\n")
    one.cursor.go(4)  # somebody looks around
    one.advance()
    step = one.cursor.step
    assert step is not None
    assert (step.kind, one.walk.graph.vertices[step.vertex].name) == ("forward", "h")


def test_expanding_and_going_back() -> None:
    one = session("run to h\nexpand h\nrun to end")
    assert len(one.frames) == 2
    assert one.walk.title == "sigmoid 'h', expanded"
    assert one.cursor.position == len(one.cursor) - 1
    again = session("run to h\nexpand h\nrun to end\nback")
    assert len(again.frames) == 1
    step = again.cursor.step
    assert step is not None
    assert again.walk.graph.vertices[step.vertex].name == "h"


def test_names_inside_an_expansion_come_first() -> None:
    one = session(pages="\n## P\n\n{x}, {h}\n\n```do\nexpand h\n```\n\n{x}, {h}, {negative}\n")
    assert one.shown[-1].text.split(", ")[0] == "2"
    one.advance()
    # The sigmoid calls its own operand x; what only the outer walk has is still to be had.
    assert one.shown[-1].text.split(", ")[0] == "-2"
    assert one.shown[-1].text.split(", ")[2] == "2"


def test_editing_runs_everything_again() -> None:
    one = session("run to end\nedit w = 1")
    assert one.frame.edits == {"w": 1}
    assert one.cursor.position == len(one.cursor) - 1
    (h,) = (vertex.id for vertex in one.walk.graph if vertex.name == "h")
    assert one.walk.values[h][0] == pytest.approx(0.880797078)
    assert one.run.passes[0].values[h][0] == pytest.approx(0.119202922)
    both = session("edit w = 1\nedit x = w + 3")
    assert both.frame.edits == {"w": 1, "x": 4.0}
    assert session("edit w = 1\nreset").walk is not both.walk
    undone = session("edit w = 1\nreset")
    assert undone.walk is undone.run.passes[0]


def test_an_edit_can_be_a_step_of_learning() -> None:
    one = session("edit w = w - 0.5 * w.grad")
    w = find_vertex(one.walk, "w")
    gradient = one.run.passes[0].end().gradient(w)
    assert gradient is not None
    assert one.walk.values[w][0] == -1.0 - 0.5 * gradient


@pytest.mark.parametrize(
    ("actions", "says"),
    [
        ("run to q", "nothing here is called 'q'"),
        ("run to x", "'x' is a leaf"),
        ("run to h.grad 1 of 3", "2 contributions arrive at 'h'"),
        ("run to h.grad 3 of 2", "2 contributions arrive at 'h'"),
        ("step 99", "that is step 98 of"),
        ("step -1", "that is step -2 of"),
        ("expand p", "has no expansion"),
        ("expand x", "has no expansion"),
        ("back", "no expansion is open"),
        ("edit p = 1", "'p' is no leaf; leaves are x, w"),
        ("edit w = before + nothing", "nothing here is called 'nothing'"),
        ("edit w = 1\nedit x = before", "didn't see the edit"),
        ("expand h\nedit w = 1", "go back first"),
        ("expand h\nreset", "go back first"),
        ("pass 2", "the code makes 1 passes"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_line(actions: str, says: str) -> None:
    with pytest.raises(LessonError, match=rf"(?s)^small\.md:\d+: .*{says}"):
        session(actions)


def test_passes() -> None:
    one = Session(open_lesson("backward-twice"))
    page = next(i for i, page in enumerate(one.lesson.pages) if page.title == "Empty it")
    one.go(page, 1)
    assert one.frame.pass_number == 3
    assert one.walk is one.run.passes[2]


def test_going_anywhere_and_nowhere() -> None:
    one = Session(open_lesson("fan-out"))
    one.go(3)
    assert one.title == one.lesson.pages[3].title
    for place in ((99, 0), (0, 99), (-1, 0)):
        with pytest.raises(IndexError, match="has no beat"):
            one.go(*place)
    one.go(0)
    assert not one.back()


def test_answers_survive_going_back() -> None:
    one = session(pages=parts.PAGES.replace("x.grad", "w.grad") + "\n## Second\n\nText.\n")
    one.reveal()
    one.advance()
    one.back()
    assert not one.is_waiting
    assert one.score.done == 1
