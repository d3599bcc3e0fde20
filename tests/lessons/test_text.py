"""Lessons as text: complete, with every number, and interactive where somebody reads."""

from collections.abc import Callable, Iterator

import pytest

from graphgrad.lessons import curriculum
from graphgrad.lessons.listing import catalogue, open_lesson
from graphgrad.lessons.session import Session
from graphgrad.lessons.text import run_text, wrapped
from graphgrad.view.captions import caption
from graphgrad.view.numbers import number
from tests.lessons import parts


def written(id: str) -> str:
    lines: list[str] = []
    run_text(Session(open_lesson(id)), write=lines.append)
    return "\n".join(lines)


@pytest.mark.worked("W003")
def test_the_neuron_shows_every_number_of_its_worked_example() -> None:
    text = written("sigmoid-neuron")
    steps = [line for line in text.split("\n") if line.startswith(("  forward ", "  backward ", "  seed "))]
    shown = " ".join(steps).replace("(", " ").replace(")", " ").split()
    for name, value in curriculum.worked("W003").expected.items():
        assert number(value) in shown, name


@pytest.mark.parametrize("id", [info.id for info in catalogue()])
def test_every_step_of_the_first_pass_is_written_once(id: str) -> None:
    text = written(id)
    walk = Session(open_lesson(id)).run.passes[0]
    for step in walk.visible():
        assert text.count(f"\n  {caption(walk, step)}\n") >= 1
    assert text.count("{") == text.count("}") == 0


@pytest.mark.parametrize("id", [info.id for info in catalogue()])
def test_every_page_and_question_is_there(id: str) -> None:
    lesson = open_lesson(id)
    text = written(id)
    places = [text.index(f"\n{page.title}\n{'-' * len(page.title)}") for page in lesson.pages]
    assert places == sorted(places)
    assert text.count("\n  ? ") == text.count("The answer: ") == len(lesson.questions)
    for line in lesson.code.splitlines():
        assert line in text


def test_steps_come_after_the_heading_of_their_page() -> None:
    text = written("sigmoid-neuron")
    assert text.index("\nStart at the end\n") < text.index("> step 1") < text.index("  seed ")


def test_the_rest_of_a_walk_is_written_at_the_end() -> None:
    lines: list[str] = []
    run_text(Session(parts.lesson()), write=lines.append)
    text = "\n".join(lines)
    assert "The rest of the walk" in text
    assert "accumulate  x: 2 of 2, ∂y/∂x = 3 + 3 = 6" in text
    assert lines[-1] == "  x               value 3                        gradient 6"


def test_what_is_left_of_an_expansion_is_written_when_the_lesson_leaves_it() -> None:
    lines: list[str] = []
    code = parts.CODE.replace("x * x", "gg.sigmoid(x)")
    pages = "\n## P\n\n```do\nexpand y\nrun to exp\n```\n\nText.\n\n```do\nback\n```\n\nMore.\n"
    run_text(Session(parts.lesson(pages, code)), write=lines.append)
    assert "The rest of the walk" in "\n".join(lines)
    inner = [line.split()[0] for line in lines[: lines.index("> back")] if line.startswith("  ") and line.strip()]
    assert inner.count("forward") == inner.count("backward") == 4
    assert lines.index("> back") > max(i for i, line in enumerate(lines) if "exp → negative" in line)


def typing(*lines: str) -> Callable[[str], str]:
    source: Iterator[str] = iter(lines)

    def read(prompt: str) -> str:
        try:
            return next(source)
        except StopIteration:
            raise EOFError from None

    return read


def taken(*lines: str) -> str:
    out: list[str] = []
    run_text(Session(parts.lesson(parts.PAGES + "\n## Second\n\nThe end.\n")), typing(*lines), out.append)
    return "\n".join(out)


def test_a_reader_answers() -> None:
    text = taken("6", "", "")
    assert "Right. 6" in text
    assert "You got 1 of 1 right at the first attempt." in text


def test_a_reader_errs() -> None:
    text = taken("six", "5", "6", "", "")
    assert "'six' is no number" in text
    assert "Not yet. Twice `x`. Try once more." in text
    assert "You got 0 of 1" in text
    assert "Not quite: it is 6" in taken("5", "7")
    assert "It is 6" in taken("?")


@pytest.mark.parametrize("lines", [(), ("q",), ("6", "q"), ("6",)])
def test_a_reader_leaves(lines: tuple[str, ...]) -> None:
    text = taken(*lines)
    assert "The end." not in text
    assert "You got" not in text


def test_wrapped() -> None:
    text = (
        "A line\nand more words.\n\n- a point that is long\n- another\n\n```\ncode  stays as it is, however long\n```\n"
    )
    assert wrapped(text, 16) == [
        "A line and more",
        "words.",
        "",
        "- a point that",
        "  is long",
        "- another",
        "",
        "    code  stays as it is, however long",
    ]
    assert wrapped("") == []
