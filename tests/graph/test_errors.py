"""Error texts: what was wrong, the facts, the user's line, and a hint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.errors import describe

HERE = Path(__file__).name


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (gg.ShapeError, ValueError),
        (gg.DTypeError, TypeError),
        (gg.GraphError, RuntimeError),
        (gg.WriteError, gg.GraphError),
        (gg.GradcheckError, AssertionError),
    ],
)
def test_errors_are_of_two_families(ours: type[Exception], theirs: type[Exception]) -> None:
    assert issubclass(ours, gg.GraphgradError)
    assert issubclass(ours, theirs)


def test_the_shape_of_a_message() -> None:
    lines = describe("op: what", "one: 1", "two: 2", hint="do that").splitlines()  # asked here
    assert lines[:3] == ["op: what", "  one: 1", "  two: 2"]
    assert lines[3].startswith("  at: ")
    assert HERE in lines[3]
    assert lines[3].endswith('hint="do that").splitlines()  # asked here')
    assert lines[4:] == ["  hint: do that"]
    assert "hint" not in describe("op: what").splitlines()[-1].split(":")[0]


def test_the_line_where_a_node_was_made() -> None:
    x = gg.tensor(1.0, requires_grad=True)
    with gg.record():
        y = x * x  # made
    assert y.node is not None
    text = describe("what", made_at=y.node.site)
    assert "made at: " in text
    assert "y = x * x  # made" in text


x1 = gg.tensor([1.0, 2.0], requires_grad=True, name="x1")
MATRIX = gg.tensor(np.ones((2, 3)), name="matrix")


def leaf_backward() -> None:
    x1.backward()  # user line


def constant_backward() -> None:
    MATRIX.backward()  # user line


def vector_backward() -> None:
    (x1 * 2).backward()  # user line


def shape_of_gradient() -> None:
    (x1 * 2).backward([1.0, 2.0, 3.0])  # user line


def no_grad_backward() -> None:
    with gg.no_grad():
        y = gg.sum(x1)
    y.backward()  # user line


def twice() -> None:
    y = gg.sum(x1 + 1)
    y.backward()
    y.backward()  # user line


def mismatch() -> None:
    MATRIX @ MATRIX  # user line


def broadcast() -> None:
    x1 + MATRIX  # user line


def item() -> None:
    x1.item()  # user line


def truth() -> None:
    bool(MATRIX)  # user line


def transposed() -> None:
    x1.mT  # user line  # noqa: B018


def in_place() -> None:
    x1.__iadd__(1)  # user line


def made_of_text() -> None:
    gg.tensor(["a"])  # user line


def through_the_standard_library() -> None:
    sorted([MATRIX, MATRIX])  # user line


def scalar_leaf() -> None:
    gg.scalar(1.0).backward()  # user line


def numpy_function() -> None:
    np.linalg.eig(x1)  # user line


CASES: list[tuple[Callable[[], None], type[Exception], list[str]]] = [
    (leaf_backward, gg.GraphError, ["tensor 'x1' of shape (2,) is a leaf", "hint: call backward() on a result"]),
    (constant_backward, gg.GraphError, ["tensor 'matrix'", "has no graph", "hint: gg.tensor(..., requires_grad=True)"]),
    (vector_backward, gg.ShapeError, ["2 elements", "expected: a tensor of one element", "hint: reduce it first"]),
    (shape_of_gradient, gg.ShapeError, ["expected: (2,)", "got: (3,)"]),
    (no_grad_backward, gg.GraphError, ["has no graph", "computed under gg.no_grad()", "hint:"]),
    (twice, gg.GraphError, ["an earlier pass freed what", "hint: give retain_graph=True"]),
    (mismatch, gg.ShapeError, ["matmul: the last axis of a (3)", "a: 'matrix' shape (2, 3), float64"]),
    (broadcast, gg.ShapeError, ["add: ", "don't broadcast", "a: 'x1' shape (2,), float32", "b: 'matrix' shape (2, 3)"]),
    (item, gg.ShapeError, ["item: one element is needed", "(2,)"]),
    (truth, ValueError, ["6 elements", "hint: compare the elements"]),
    (transposed, gg.ShapeError, ["mT: two axes are needed", "has 1"]),
    (in_place, gg.WriteError, ["add in place", "hint: update parameters inside gg.no_grad()"]),
    (made_of_text, gg.DTypeError, ["not numbers", "expected: bool, integers, floats or complex numbers", "hint:"]),
    (through_the_standard_library, ValueError, ["truth value"]),
    (scalar_leaf, gg.GraphError, ["this scalar is a leaf", "value: 1.0", "hint:"]),
    (numpy_function, gg.DTypeError, ["np.eig", "hint: run it on the values"]),
]


@pytest.mark.parametrize(("call", "error", "texts"), CASES, ids=[case[0].__name__ for case in CASES])
def test_an_error_holds_the_users_line(call: Callable[[], None], error: type[Exception], texts: list[str]) -> None:
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert f"{HERE}:" in message
    assert "# user line" in message
    for text in texts:
        assert text in message
    assert call is twice or x1.grad is None
    x1.grad = None
