"""Reading lessons: what is read, and what is said about lessons that aren't built as they should be."""

from pathlib import Path

import pytest

from graphgrad.lessons.lesson import LessonError, parse, parse_info
from tests.lessons import parts

BEATS = """
## Page one

Some text.

```
run to nowhere, for this is only shown
```

```do
run to y
step -2
```

More text,
on two lines.

```ask
kind = "choice"
text = "Which?"
why = "So."
[[choices]]
text = "this"
when = "y == 9"
[[choices]]
text = "that"
when = "y == 8"
```

```do
back
```

## Page two

The end.
"""


def test_a_lesson_is_read() -> None:
    lesson = parts.lesson(BEATS, more='covers = ["P01.01"]\norder = 3\n[worked.W001]\nu = "y"')
    assert (lesson.id, lesson.title, lesson.info.order, lesson.info.covers) == (
        "small",
        "A small lesson",
        3,
        ("P01.01",),
    )
    assert dict(lesson.info.worked["W001"]) == {"u": "y"}
    assert [page.title for page in lesson.pages] == ["Page one", "Page two"]
    first, second, third = lesson.pages[0].beats
    assert first.actions == ()
    assert first.text == "Some text.\n\n```\nrun to nowhere, for this is only shown\n```"
    assert [(one.kind, one.name, one.number) for one in second.actions] == [("run", "y", 0), ("step", "", -2)]
    assert second.text == "More text,\non two lines."
    assert second.question is not None
    assert [choice.when for choice in second.question.choices] == ["y == 9", "y == 8"]
    assert (third.actions[0].kind, third.text, third.question) == ("back", "", None)
    assert lesson.questions == (second.question,)


def test_lines_are_those_of_the_file() -> None:
    text = parts.text(BEATS)
    lines = text.split("\n")
    lesson = parts.lesson(BEATS)
    assert lines[lesson.code_line - 1] == "import graphgrad as gg"
    assert lesson.source.split("\n")[lesson.code_line - 1] == "import graphgrad as gg"
    assert lines[lesson.pages[0].line - 1] == "## Page one"
    assert lines[lesson.pages[0].beats[0].line - 1] == "Some text."
    action = lesson.pages[0].beats[1].actions[1]
    assert lines[action.line - 1] == "step -2"
    question = lesson.questions[0]
    assert lines[question.line - 1] == "```ask"


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("run to y", ("run", "y", "value", 0, 0, "")),
        ("run to multiply#2", ("run", "multiply#2", "value", 0, 0, "")),
        ("run to x.grad", ("run", "x", "gradient", 0, 0, "")),
        ("run to x.grad 1 of 2", ("run", "x", "gradient", 1, 2, "")),
        ("run to start", ("run", "", "start", 0, 0, "")),
        ("run to end", ("run", "", "end", 0, 0, "")),
        ("run to end of forward", ("run", "", "forward", 0, 0, "")),
        ("step 3", ("step", "", "value", 3, 0, "")),
        ("expand h", ("expand", "h", "value", 0, 0, "")),
        ("back", ("back", "", "value", 0, 0, "")),
        ("edit w1 = w1 - 0.1 * w1.grad", ("edit", "w1", "value", 0, 0, "w1 - 0.1 * w1.grad")),
        ("reset", ("reset", "", "value", 0, 0, "")),
        ("pass 2", ("pass", "", "value", 2, 0, "")),
    ],
)
def test_actions(text: str, parsed: tuple[object, ...]) -> None:
    action = parts.lesson(f"\n## P\n\n```do\n{text}\n```\n").pages[0].beats[0].actions[0]
    assert (action.kind, action.name, action.where, action.number, action.of, action.value) == parsed
    assert action.text == text


@pytest.mark.parametrize("text", ["run", "run to", "step 0", "step x", "edit w", "edit w=5", "pass 0", "jump", "Back"])
def test_no_action(text: str) -> None:
    with pytest.raises(LessonError, match=r"small\.md:\d+: .* is no action; there are: run to NAME"):
        parts.lesson(f"\n## P\n\n```do\n{text}\n```\n")


def ask(body: str) -> str:
    return f"\n## P\n\n```ask\n{body}\n```\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello", "small.md:1: a lesson begins with"),
        ('+++\nid = "small"\n', "isn't closed"),
        ("+++\nid = small\n+++\n", "front matter: "),
        ('+++\nid = "small"\n+++\n', "lacks 'title'"),
        (parts.text(more="hours = 3"), "has 'hours'; it may have id, title"),
        (parts.text(more='order = "first"'), "order is a whole number, got 'first'"),
        (parts.text(more="order = true"), "order is a whole number, got True"),
        (parts.text(more="covers = [1]"), "covers is a list of texts"),
        (parts.text(more='worked = { W001 = "u" }'), r"\[worked.W001\] gives an expression"),
        (parts.text(code=""), "has a ```python block"),
        (parts.text(pages=""), "a lesson has pages"),
        (parts.text(pages="\nHello.\n\n## P\n\nText."), "before the first page"),
        (parts.text(pages="\n# P\n\nText."), "headings are those of pages"),
        (parts.text(pages="\n### P\n\nText."), "headings are those of pages"),
        (parts.text(pages="\n## P\n\n```do\nback\n"), "never closed"),
        (parts.text(pages="\n## P\n\n```python\n1\n```\n"), "only the block before the first page"),
        (parts.text(pages=ask("kind = ")), "question: "),
        (parts.text(pages=ask('kind = "number"\ntext = "a"\nanswer = "1"')), "lacks 'why'"),
        (parts.text(pages=ask('kind = "guess"\ntext = "a"\nwhy = "b"\nanswer = "1"')), "kind is one of number, shape"),
        (parts.text(pages=ask('kind = "number"\ntext = "a"\nwhy = "b"')), "a number has 'answer'"),
        (parts.text(pages=ask('kind = "choice"\ntext = "a"\nwhy = "b"\nanswer = "1"')), "a choice has 'choices'"),
        (
            parts.text(pages=ask('kind = "choice"\ntext = "a"\nwhy = "b"\n[[choices]]\ntext = "c"')),
            "choice lacks 'when'",
        ),
        (
            parts.text(pages=ask('kind = "choice"\ntext = "a"\nwhy = "b"\n[[choices]]\ntext = "c"\nwhen = "1"')),
            "2 to 6 choices, got 1",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, says: str) -> None:
    with pytest.raises(LessonError, match=f"^small.md:\\d+: .*{says}|^{says}"):
        parse(text, Path("small.md"))


def test_the_front_matter_alone_can_be_read() -> None:
    assert parse_info(parts.text(pages="\n# broken"), Path("small.md")).title == "A small lesson"


def test_line_ends_of_windows() -> None:
    lesson = parse(parts.text().replace("\n", "\r\n"), Path("small.md"))
    assert "\r" not in lesson.code
    assert lesson.pages[0].title == "First"
