"""The check: graphgrad's own lessons pass it, and every kind of mistake is found."""

from dataclasses import replace
from pathlib import Path

import pytest

from graphgrad.lessons.checking import PAGE_ROWS, check, literals
from graphgrad.lessons.listing import FOLDER, catalogue, open_lesson
from tests.lessons import parts


@pytest.mark.parametrize("id", [info.id for info in catalogue()])
def test_the_lessons_are_sound(id: str) -> None:
    assert [str(problem) for problem in check(open_lesson(id))] == []


def test_the_small_lesson_is_sound() -> None:
    assert check(parts.lesson()) == ()


def messages(pages: str = parts.PAGES, code: str = parts.CODE, more: str = "", name: str = "small.md") -> list[str]:
    return [str(problem) for problem in check(parts.lesson(pages, code, more, name))]


ASK = parts.PAGES
ABC_CODE = """
```python
import graphgrad as gg

a, b, c = gg.scalar(5.0), gg.scalar(3.0), gg.scalar(2.0)
u = b * c
v = a + u
J = 3 * v
J.backward()
```
"""
ABC_PAGES = '\n## P\n\n```ask\nkind = "number"\ntext = "What?"\nanswer = "c.grad"\nwhy = "{c.grad}"\n```\n'
ABC_WORKED = """[worked.W001]
u = "u"
v = "v"
J = "J"
dv = "v.grad"
du = "u.grad"
da = "a.grad"
db = "b.grad"
dc = "c.grad\""""


def test_worked_numbers_are_held_against_the_walk() -> None:
    assert messages(ABC_PAGES, ABC_CODE, ABC_WORKED) == []
    wrong = messages(ABC_PAGES, ABC_CODE.replace("3 * v", "4 * v"), ABC_WORKED)
    assert "small.md:1: worked.W001.J: expected 33, got 44.0" in wrong
    assert len(wrong) == 6


def test_every_worked_number_needs_an_expression() -> None:
    partial = ABC_WORKED.replace('dc = "c.grad"', 'x = "c"')
    found = messages(ABC_PAGES, ABC_CODE, partial)
    assert "small.md:1: worked.W001: nothing gives 'dc'" in found
    assert any("worked.W001: it has no 'x'; it has a, b, c" in one for one in found)
    broken = messages(ABC_PAGES, ABC_CODE, ABC_WORKED.replace('"u.grad"', '"w.grad"'))
    assert any("worked.W001.du: in 'w.grad': nothing here is called 'w'" in one for one in broken)


@pytest.mark.parametrize(
    ("pages", "says"),
    [
        ("\n## P\n\n{q}\n" + ASK, "nothing here is called 'q'"),
        ("\n## P\n\n{x +}\n" + ASK, "no expression"),
        ("\n## P\n\n{x\n" + ASK, "a brace without its other half"),
        ("\n## P\n\nIt is 9.\n" + ASK, "text: '9' is written as digits"),
        ("\n## Page 2\n\nText.\n" + ASK, "title: '2' is written as digits"),
        ("\n## P\n\n```do\nrun to q\n```\n" + ASK, "run to q: nothing here is called 'q'"),
        ("\n## P\n\n```do\nback\n```\n" + ASK, "no expansion is open"),
        ("\n## P\n\nText.\n", "nothing is asked"),
        (ASK.replace('"Twice `x`."', '"It is 6."'), "hint: '6' is written as digits"),
        (ASK.replace('"Twice `x`."', '"{q}"'), "nothing here is called 'q'"),
        (ASK.replace("= {2 * x}", "= {q}"), "nothing here is called 'q'"),
        (ASK.replace("= {2 * x}", "= 6"), "why: '6' is written as digits"),
        (ASK.replace('"x.grad"', '"q.grad"'), "nothing here is called 'q'"),
        (ASK.replace('"x.grad"', '"x.shape"'), "no number"),
        (ASK.replace('"x.grad"', '"x"'), "x can be seen already"),
        (ASK.replace("\n## First\n", "\n## First\n\n```do\nrun to x.grad\n```\n"), "x.grad can be seen already"),
        ("\n## P\n\n" + "word " * 200 + "\n" + ASK, f"at most {PAGE_ROWS}; make it two pages"),
        ("\n## P\n\n" + "w" * 50 + "\n" + ASK, "a line of 50 columns can't be wrapped"),
        (ASK.replace('"`2 * x` = {2 * x}"', '"' + "word " * 200 + '"'), "why: at most"),
    ],
)
def test_mistakes_in_pages_are_found(pages: str, says: str) -> None:
    found = messages(pages)
    assert len(found) == 1, found
    assert says in found[0]
    assert found[0].startswith("small.md:")


CHOICE = """
## P

```ask
kind = "choice"
text = "Which?"
why = "So."
[[choices]]
text = "this"
when = "{a}"
[[choices]]
text = "that"
when = "{b}"
```
"""


def test_exactly_one_choice_is_right() -> None:
    def found(a: str, b: str) -> list[str]:
        return messages(CHOICE.replace("{a}", a).replace("{b}", b))

    assert found("y == 9", "y == 8") == []
    assert "exactly one choice must be right, got none" in found("y == 7", "y == 8")[0]
    assert "exactly one choice must be right, got a, b" in found("y > 1", "y == 9")[0]


@pytest.mark.parametrize("right", ["-10", "-1", "0", "1 / 0", "1 / 0 - 1 / 0", "(1e9, -1) * (1, 1)"])
def test_no_right_answer_is_taken_for_a_wrong_one(right: str) -> None:
    assert messages(ABC_PAGES.replace("c.grad", right)) == []


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('covers = ["P01.99"]', "the curriculum has no item 'P01.99'"),
        ('covers = ["P1.1"]', "did you mean P01.01?"),
        ('[worked.W999]\na = "1"', "no worked number 'W999'"),
    ],
)
def test_ids_must_exist(more: str, says: str) -> None:
    (found,) = messages(more=more)
    assert says in found


def test_front_matter_is_held_against_the_file() -> None:
    lesson = parts.lesson()
    for change, says in (
        ({"id": "Small_1"}, "small letters, digits and hyphens"),
        ({"path": Path("other.md")}, "differs from the name of the file"),
        ({"minutes": 0}, "minutes: 1 to 60"),
        ({"goals": ("a", "b", "c", "d", "e")}, "goals: four at most"),
        ({"part": "P99"}, "no part 'P99'"),
        ({"title": "Lesson 1"}, "title: '1' is written as digits"),
        ({"goals": ("count to 3",)}, "goals: '3' is written as digits"),
    ):
        found = check(replace(lesson, info=replace(lesson.info, **change)))
        assert any(says in str(problem) for problem in found), says


def test_code_that_fails_is_found_with_its_line() -> None:
    (found,) = messages(code=parts.CODE.replace("x * x", "x * z"))
    lesson = parts.lesson()
    assert found.startswith(f"small.md:{lesson.code_line + 3}: the code raises NameError")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain", []),
        ("{h:.2f} and {2 * x}", []),
        ("W1, x1, P01.08, float32", []),
        ("in 1986 and 2024", []),
        ("x² and 4.5, then -3, 1e-5 and 7", ["4.5", "-3", "1e-5", "7"]),
        ("`w1 = 2`", []),
        ("`27`", ["27"]),
        ("`(2, 3)`", ["2", "3"]),
        ("\\27 and \\0.5", []),
        ("```\nx = 5\n```\n", []),
        ("3000", ["3000"]),
    ],
)
def test_literals(text: str, found: list[str]) -> None:
    assert literals(text) == found


def test_files_and_ids_agree() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == {info.id for info in catalogue()}
