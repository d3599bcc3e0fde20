"""Expressions: what they mean, what they refuse, and that nothing in them can do harm."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.lessons.expressions import FUNCTIONS, ExpressionError, WalkScope, evaluate, fill, find_vertex, show
from graphgrad.walk.trace import walk


@pytest.fixture
def scope() -> WalkScope:
    with gg.record():
        x = gg.scalar(2.0)
        w = gg.scalar(-3.0)
        p = w * x
        h = gg.sigmoid(p + p)
    return WalkScope(walk(h))


@pytest.fixture
def tensors() -> WalkScope:
    with gg.record():
        M = gg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        b = gg.tensor([10.0, 20.0], requires_grad=True)
        out = M + b
        loss = gg.sum(out * out)
    return WalkScope(walk(loss))


def test_names_values_and_gradients(scope: WalkScope) -> None:
    h = 1 / (1 + np.exp(12))
    assert evaluate("p", scope) == -6.0
    assert type(evaluate("p", scope)) is float
    assert evaluate("h", scope) == pytest.approx(h)
    assert evaluate("w.grad", scope) == pytest.approx(h * (1 - h) * 2 * 2)
    assert evaluate("p.parts[0] + p.parts[1] == p.grad and len(p.parts) == 2", scope) is True
    assert evaluate("w * x + 1", scope) == -5.0
    assert evaluate("add", scope) == -12.0  # nobody named it


def test_what_is_inside(scope: WalkScope) -> None:
    assert evaluate("h.inside.exp", scope) == pytest.approx(np.exp(12))
    assert evaluate("close(h.inside.x.grad, add.grad)", scope) is True
    assert evaluate("exp(1) > 2.7", scope) is True  # a function keeps its name beside a value of the same


def test_arrays(tensors: WalkScope) -> None:
    assert evaluate("out.shape", tensors) == (2, 2)
    assert evaluate("b.grad", tensors).tolist() == [48.0, 92.0]
    assert evaluate("b.grad == sum(out.grad, axis=0)", tensors) is True
    assert evaluate("(M + b)[1][0]", tensors) == 13.0
    assert evaluate("M[0, 1]", tensors) == 2.0
    assert evaluate("M @ (1, 1)", tensors).tolist() == [3.0, 7.0]
    assert evaluate("M == b", tensors) is False
    assert evaluate("(b * 2).shape", tensors) == (2,)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 / 4", 0.25),
        ("2 ** 10", 1024),
        ("2 ** -1", 0.5),
        ("-3 + 7 % 4", 0),
        ("7 // 2", 3),
        ("1 < 2 <= 2 != 3", True),
        ("not 1 == 2 or 1 > 2", True),
        ("one_hot(1, 3)[1]", 1.0),
        ("sum((1, 2, 3))", 6),
        ("sigmoid(0.0)", 0.5),
        ("softmax((1.0, 1.0))[0]", 0.5),
        ("'a' in 'cat' and 'x' not in 'cat'", True),
        ("1 / 0", np.inf),
        ("9 ** 9 ** 9 ** 9", np.inf),
    ],
)
def test_arithmetic(text: str, value: object) -> None:
    assert evaluate(text) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no expression"),
        ("1 +", "no expression"),
        ("x = 1", "no expression"),
        ("1; 2", "no expression"),
        ("q", "not the name 'q'"),
        ("__import__('os')", "no function __import__"),
        ("(1).__class__", "only values of the walk"),
        ("(lambda: 1)()", "lessons don't have"),
        ("[i for i in (1, 2)]", "lessons don't have"),
        ("f'{1}'", "lessons don't have"),
        ("exp.__call__(1)", "lessons don't have"),
        ("sum((1, 2), where=0)", "takes axis and keepdims"),
        ("sum(*(1, 2))", "lessons don't have"),
        ("'a' * 1000000", "text is no number"),
        ("1 is 1", "lessons compare"),
        ("(1, 2)[0:1]", "an index is a number"),
        ("(1, 2)[5]", "has no value"),
        ("1 // 0", "has no value"),
        ("one_hot(1, 10 ** 9)", "1 to 100"),
        ("1 @ 2", "has no value"),
        ("1" * 201, "at most 200"),
        ("1j", "lessons don't have"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=says.replace("(", r"\(")):
        evaluate(text)


def test_unknown_names_are_met_with_known_ones(scope: WalkScope) -> None:
    with pytest.raises(ExpressionError, match="nothing here is called 'hh'; did you mean h"):
        evaluate("hh", scope)
    with pytest.raises(ExpressionError, match=r"'h' has no \.data; it has \.grad"):
        evaluate("h.data", scope)
    with pytest.raises(ExpressionError, match="no expansion"):
        evaluate("p.inside.x", scope)
    with pytest.raises(ExpressionError, match="say what inside"):
        evaluate("h.inside + 1", scope)


def test_no_gradient_is_no_zero() -> None:
    with gg.record():
        x, c = gg.tensor(2.0, requires_grad=True), gg.tensor(5.0)
        y = x * c
    with pytest.raises(ExpressionError, match="no gradient arrives at 'c'"):
        evaluate("c.grad", WalkScope(walk(y)))


@given(st.text(max_size=60))
def test_no_text_does_any_harm(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        evaluate(text)


@given(st.text(alphabet="0123456789+-*/%@()[],. <>=abexplogsum_'\\", max_size=40))
def test_no_arithmetic_does_any_harm(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        evaluate(text)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_answer_or_refuse(name: str) -> None:
    for arguments in ("", "2", "(1, 2)", "(1, 2), (1, 2)", "1, 3", "'a'"):
        try:
            evaluate(f"{name}({arguments})")
        except ExpressionError:
            continue


def test_show() -> None:
    assert show(0.035325412) == "0.03533"
    assert show(True) == "True"
    assert show((2,)) == "(2,)"
    assert show(()) == "()"
    assert show(np.array([0.5, -2.0])) == "[0.5 -2]"
    assert show(0.035325412, ".2e") == "3.53e-02"
    assert show(0.1 + 0.2, "full") == "0.30000000000000004"
    assert show("a\x1b[31m") == "a\\x1b[31m"
    assert show(None) == "—"
    for form in ("d", ">10", "1000000f", "x"):
        with pytest.raises(ExpressionError, match="no format"):
            show(1.0, form)


def test_fill(scope: WalkScope) -> None:
    assert fill("p is {p}, {{p}}, {p:.1f}; {1 == 1}.", scope) == "p is -6, {p}, -6.0; True."
    assert fill(r"in \10 steps", scope) == "in 10 steps"
    for text in ("{p", "p}", "{p}}"):
        with pytest.raises(ExpressionError, match="without its other half"):
            fill(text, scope)
    with pytest.raises(ExpressionError, match="no expression"):
        fill("{}", scope)


def test_find_vertex(scope: WalkScope) -> None:
    graph = scope.walk.graph
    assert graph.vertices[find_vertex(scope.walk, "h")].op == "sigmoid"
    with pytest.raises(ExpressionError, match="nothing here is called 'z'"):
        find_vertex(scope.walk, "z")
