"""Walks that every renderer is shown."""

from collections.abc import Callable

import pytest

import graphgrad as gg
from graphgrad.graph.mode import scope
from graphgrad.walk.trace import walk
from graphgrad.walk.walk import Walk

HOSTILE = (
    "</script><script>alert(1)</script>",
    "]]>",
    '"quoted" & <b>',
    "back\\slash\\N\\l",
    "[/][@click=app.quit]x[/]",
    "{data} {title}",
    "a\x00b\x1b[31mc\x07",
    "line\nfeed\r\ttab",
    "\u202eright to left\u2066",
    "\u2028separator",
    "重み",
    "--><!--",
    "𝛼 and \ud800",
)


@pytest.fixture(scope="session")
def neuron() -> Walk:
    """W003: x = (2, 1), w = (3, 2), b = -4."""
    x1, x2 = gg.scalar(2.0, name="x1"), gg.scalar(1.0, name="x2")
    w1, w2, b = gg.scalar(3.0, name="w1"), gg.scalar(2.0, name="w2"), gg.scalar(-4.0, name="b")
    return walk(gg.sigmoid(w1 * x1 + w2 * x2 + b), title="A sigmoid neuron")


@pytest.fixture(scope="session")
def square() -> Walk:
    x = gg.scalar(3.0, name="x")
    return walk(x * x, title="A square")


@pytest.fixture(scope="session")
def layers() -> Walk:
    """Tensors in two scopes."""
    x = gg.tensor([[1.0, -2.0], [0.5, 4.0]], dtype="float64", name="X")
    w = gg.tensor([[0.3, 0.2], [-0.1, 0.7]], dtype="float64", requires_grad=True, name="W")
    b = gg.tensor([0.1, 0.2], dtype="float64", requires_grad=True, name="b")
    with scope("encoder"), scope("linear"):
        h = x @ w + b
    with scope("head"):
        y = gg.relu(h)
    return walk(gg.sum(y * y), title="Two layers")


@pytest.fixture(scope="session")
def broken() -> Walk:
    """A gradient that is infinite, and values that aren't numbers."""
    x = gg.scalar(0.0, name="x")
    return walk(gg.log(x) * x, title="Not a number")


@pytest.fixture(scope="session")
def walk_named() -> Callable[[str], Walk]:
    """A walk whose leaf, title and scope bear a name."""

    def make(name: str) -> Walk:
        x = gg.scalar(3.0, name=name)
        with scope(name.replace(".", "")):
            y = x * x + 1.0
        return walk(y, title=name)

    return make
