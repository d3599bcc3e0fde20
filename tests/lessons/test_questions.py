"""Answers: what is accepted, what is refused, and what can't be read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphgrad.lessons.expressions import ExpressionError
from graphgrad.lessons.lesson import Choice, Question, QuestionKind
from graphgrad.lessons.questions import AnswerError, expected, is_right, shown
from graphgrad.lessons.running import LessonRun, RunScope

NUMBER = Question("number", "?", "!", answer="n")
SHAPE = Question("shape", "?", "!", answer="n.shape")
CHOICE = Question("choice", "?", "!", choices=(Choice("a", "n == 1"), Choice("b", "n == 2"), Choice("c", "n > 2")))


def scope(value: object) -> RunScope:
    return RunScope((), LessonRun((), {"n": value}))


@pytest.mark.parametrize(
    "typed", ["0.03533", "0.0353", "0.035325412", "3.53e-2", " 0.01766*2 ", "0.01766 · 2", ".0353"]
)
def test_numbers_near_enough(typed: str) -> None:
    assert is_right(NUMBER, 0.035325412, typed)


@pytest.mark.parametrize("typed", ["0.035", "0.0176", "-0.0353", "0", "35.3", "nan", "inf"])
def test_numbers_not_near_enough(typed: str) -> None:
    assert not is_right(NUMBER, 0.035325412, typed)


@pytest.mark.parametrize("typed", ["27", "27.0", "3^3", "3**3", "3 × 9", "+27"])
def test_whole_numbers(typed: str) -> None:
    assert is_right(NUMBER, 27.0, typed)
    assert not is_right(NUMBER, 54.0, typed)


@pytest.mark.parametrize("typed", ["−4", "-4"])
def test_both_minus_signs(typed: str) -> None:
    assert is_right(NUMBER, -4.0, typed)


@pytest.mark.parametrize(
    "typed", ["", "  ", "four", "x1", "n", "1 2", "'4'", "True", "(1, 2)", "4,5", "__import__('os')"]
)
def test_no_number(typed: str) -> None:
    with pytest.raises(AnswerError):
        is_right(NUMBER, 4.0, typed)


def test_infinity_and_nan_are_numbers() -> None:
    assert is_right(NUMBER, np.inf, "inf")
    assert is_right(NUMBER, -np.inf, "-inf")
    assert is_right(NUMBER, np.nan, "NaN")
    assert not is_right(NUMBER, np.inf, "1e300")
    assert not is_right(NUMBER, np.nan, "0")


@pytest.mark.parametrize("typed", ["5 7 9", "[5, 7, 9]", "(5,7,9)", "5; 7; 9", "[[5 7 9]]"])
def test_arrays(typed: str) -> None:
    assert is_right(NUMBER, np.array([5.0, 7.0, 9.0]), typed)
    assert is_right(NUMBER, np.array([[5.0, 7.0, 9.0]]), typed)
    assert not is_right(NUMBER, np.array([5.0, 7.0, 9.1]), typed)
    with pytest.raises(AnswerError, match="2 numbers are needed, got 3"):
        is_right(NUMBER, np.array([5.0, 7.0]), typed)


@pytest.mark.parametrize("typed", ["(2, 3)", "2, 3", "2 3", "2x3", "[2,3]", "2 × 3"])
def test_shapes(typed: str) -> None:
    assert is_right(SHAPE, (2, 3), typed)
    assert not is_right(SHAPE, (3, 2), typed)
    assert not is_right(SHAPE, (2, 3, 1), typed)


def test_the_shape_of_a_single_number() -> None:
    assert is_right(SHAPE, (), "()")
    assert is_right(SHAPE, (3,), "3")
    for typed in ("", "two", "(a,)", "2.5", "-1"):
        with pytest.raises(AnswerError):
            is_right(SHAPE, (), typed)


def test_choices() -> None:
    assert expected(CHOICE, scope(2)) == 1
    for typed in ("b", "B", "(b)", "b.", "2"):
        assert is_right(CHOICE, 1, typed)
    assert not is_right(CHOICE, 1, "a")
    for typed in ("d", "0", "4", "bb", "?", ""):
        with pytest.raises(AnswerError):
            is_right(CHOICE, 1, typed)
    with pytest.raises(ExpressionError, match="exactly one choice must be right, got none"):
        expected(CHOICE, scope(0))
    both = Question("choice", "?", "!", choices=(Choice("a", "n > 1"), Choice("b", "n > 2")))
    with pytest.raises(ExpressionError, match="got a, b"):
        expected(both, scope(3))


@pytest.mark.parametrize(
    ("kind", "answer", "value", "says"),
    [
        ("number", "n", "text", "no number"),
        ("number", "n == 1", 1, "no number"),
        ("number", "n", np.zeros(13), "13 elements"),
        ("number", "n.shape", np.zeros(3), "no number"),
        ("shape", "n", 2.0, "no shape"),
    ],
)
def test_answers_that_are_none(kind: QuestionKind, answer: str, value: object, says: str) -> None:
    with pytest.raises(ExpressionError, match=says):
        expected(Question(kind, "?", "!", answer=answer), scope(value))


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_what_is_shown_is_accepted(value: float) -> None:
    assert is_right(NUMBER, value, shown(NUMBER, value))


@given(st.lists(st.integers(0, 50), max_size=4))
def test_shapes_as_shown_are_accepted(lengths: list[int]) -> None:
    assert is_right(SHAPE, tuple(lengths), shown(SHAPE, tuple(lengths)))


@given(st.text(max_size=30))
def test_no_answer_does_any_harm(typed: str) -> None:
    for question, right in ((NUMBER, 4.0), (NUMBER, np.ones(2)), (SHAPE, (2,)), (CHOICE, 0)):
        try:
            is_right(question, right, typed)
        except AnswerError:
            continue
