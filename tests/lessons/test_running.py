"""Running a lesson's code: passes become walks, lines are the lesson's, and the process is left as it was."""

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.mode import MODE
from graphgrad.lessons.expressions import ExpressionError, evaluate
from graphgrad.lessons.lesson import LessonError
from graphgrad.lessons.running import RunScope, run
from tests.lessons import parts


def code(body: str) -> str:
    return f"\n```python\nimport graphgrad as gg\n{body}\n```\n"


def test_the_walk_of_a_lesson() -> None:
    lesson = parts.lesson()
    done = run(lesson)
    (walk,) = done.passes
    node = walk.graph.nodes[0]
    assert walk.title == "A small lesson"
    assert node.name == "y"
    assert node.site is not None
    assert (node.site.file, node.site.line, node.site.text) == ("small.md", lesson.code_line + 3, "x * x")
    assert parts.text().split("\n")[node.site.line - 1] == "y = x * x"
    assert done.variables == {"x": 3.0, "y": 9.0, "after": 6.0}


def test_every_pass_is_kept_and_a_refused_one_isnt() -> None:
    body = """x = gg.tensor(2.0, requires_grad=True)
y = x * x
y.backward()
try:
    y.backward()
except gg.GraphError as error:
    text = str(error)
z = gg.tensor([1.0, 1.0], requires_grad=True) * x
z.backward([1.0, 10.0])"""
    done = run(parts.lesson(code=code(body)))
    assert [walk.title for walk in done.passes] == ["A small lesson, pass 1 of 2", "A small lesson, pass 2 of 2"]
    first, second = done.passes
    assert first.end().gradient(first.graph.leaves[0].id) == 4.0
    assert second.seeds[second.graph.outputs[0]].tolist() == [1.0, 10.0]
    assert "freed" in done.variables["text"]


def test_an_update_after_the_pass_doesnt_change_the_walk() -> None:
    body = """w = gg.scalar(3.0)
y = w * w
y.backward()
w.data = w.data - 0.5 * w.grad"""
    done = run(parts.lesson(code=code(body)))
    assert evaluate("w", RunScope(done.passes, done)) == 3.0
    assert done.variables["w"] == 0.0


def test_a_walk_that_would_be_another_one_is_refused() -> None:
    body = """x = gg.tensor(3.0, requires_grad=True)
y = x + 1.0
with gg.no_grad():
    x.data = 5.0
y.backward()"""
    with pytest.raises(LessonError, match="leaf 'x' was written since"):
        run(parts.lesson(code=code(body)))


def test_what_it_prints_doesnt_disturb_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    run(parts.lesson(code=code("y = gg.scalar(1.0) * 2\ny.backward()\nprint('hello')")))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        ("1 / 0", 2, "ZeroDivisionError: division by zero"),
        ("def f():\n    raise ValueError('no')\nf()", 3, "ValueError: no"),
        ("x = = 1", 2, "SyntaxError"),
        ("raise SystemExit(3)", 2, "SystemExit: 3"),
        ("x = gg.scalar(1.0)", 1, "makes no backward pass"),
    ],
)
def test_code_that_fails_is_named_by_its_line(body: str, line: int, says: str) -> None:
    lesson = parts.lesson(code=code(body))
    before = MODE.get()
    with pytest.raises(LessonError, match=rf"^small\.md:{lesson.code_line + line - 1}: .*{says}"):
        run(lesson)
    assert MODE.get() is before


def test_variables_are_copies_of_numbers_only() -> None:
    body = """import numpy as np
array = np.arange(3.0)
t = gg.tensor([1.0, 2.0], requires_grad=True)
y = gg.sum(t * t)
y.backward()
grads = t.grad
flag, word, _hidden, function = True, "w", 1, len"""
    done = run(parts.lesson(code=code(body)))
    assert set(done.variables) == {"array", "t", "y", "grads", "flag", "word"}
    assert done.variables["grads"].tolist() == [2.0, 4.0]
    assert isinstance(done.variables["y"], np.ndarray)


def test_names_of_walks_come_before_variables() -> None:
    done = run(parts.lesson())
    scope = RunScope(done.passes, done)
    assert evaluate("x.grad == after", scope) is True
    assert evaluate("original.x.grad", scope) == 6.0
    with pytest.raises(ExpressionError, match="did you mean after"):
        evaluate("aftr", scope)
    with pytest.raises(ExpressionError, match="didn't see the edit"):
        evaluate("after", RunScope(done.passes, done, is_edited=True))


def test_a_lesson_leaves_no_trace() -> None:
    run(parts.lesson())
    with gg.record() as recording:
        gg.tensor(1.0) + 1.0
    assert len(recording.nodes) == 1
