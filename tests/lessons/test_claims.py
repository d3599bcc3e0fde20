"""What the lessons say in words, where no expression stands behind it."""

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.lessons.listing import open_lesson
from graphgrad.lessons.session import Session


def asked_on(id: str, title: str) -> Session:
    """A session at the last beat of a page."""
    session = Session(open_lesson(id))
    page = next(i for i, page in enumerate(session.lesson.pages) if page.title == title)
    session.go(page, len(session.lesson.pages[page].beats) - 1)
    return session


def shortcut(operands: dict[str, list[str]], root: str) -> dict[str, float]:
    """The backward pass of the lesson's pseudocode, for sums."""
    grads = dict.fromkeys(operands, 0.0)
    grads[root] = 1.0

    def backward(v: str) -> None:
        for operand in operands[v]:
            grads[operand] += grads[v]
        for operand in operands[v]:
            backward(operand)

    backward(root)
    return grads


def test_the_shortcut_gives_what_the_lesson_says() -> None:
    wrong = shortcut({"a": [], "b": ["a", "a"], "c": ["b", "b"]}, "c")["a"]
    assert asked_on("fan-out", "What goes wrong").expected() == str(int(wrong)) == "8"


def test_the_shortcut_is_right_as_long_as_no_computed_value_is_used_twice() -> None:
    # A leaf that is used twice does no harm.
    assert shortcut({"a": [], "b": ["a", "a"], "c": ["b", "a"]}, "c")["a"] == 3.0


def test_gradients_are_slopes() -> None:
    def neuron(w1: float) -> float:
        return gg.sigmoid(gg.scalar(w1) * 2.0 + 2.0 * 1.0 - 4.0).item()

    walk = Session(open_lesson("sigmoid-neuron")).run.passes[0]
    (w1,) = (leaf.id for leaf in walk.graph.leaves if leaf.name == "w1")
    assert (neuron(3 + 1e-6) - neuron(3 - 1e-6)) / 2e-6 == pytest.approx(walk.end().gradient(w1), rel=1e-6)


def test_the_slope_of_a_sigmoid_is_greatest_at_zero() -> None:
    z = gg.tensor(np.linspace(-5, 5, 101), requires_grad=True)
    gg.sigmoid(z).backward(np.ones(101))
    assert z.grad is not None
    assert int(np.argmax(z.grad.data)) == 50


def test_a_batch_in_halves_leaves_the_gradient_of_the_sum() -> None:
    whole, halves = (gg.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    X = np.arange(8.0, dtype=np.float32).reshape(4, 2)
    gg.sum((X @ whole) ** 2).backward()
    gg.sum((X[:2] @ halves) ** 2).backward()
    gg.sum((X[2:] @ halves) ** 2).backward()
    assert whole.grad is not None
    assert halves.grad is not None
    assert np.array_equal(whole.grad.data, halves.grad.data)


def test_without_retain_graph_the_second_pass_fails() -> None:
    x = gg.tensor(3.0, requires_grad=True)
    y = x**3
    y.backward()
    with pytest.raises(gg.GraphError, match="freed"):
        y.backward()


def test_an_emptied_jar_teaches_nothing() -> None:
    w = gg.tensor([3.0], requires_grad=True)
    optimizer = gg.optim.SGD([w], lr=0.1)
    gg.sum(w**3).backward()
    optimizer.zero_grad()
    optimizer.step()
    assert w.data.tolist() == [3.0]


def test_the_gradient_of_the_logits_adds_up_to_nothing() -> None:
    walk = Session(open_lesson("softmax-cross-entropy")).run.passes[0]
    gradient = walk.end().gradient(walk.graph.leaves[0].id)
    assert gradient is not None
    assert gradient.sum() == pytest.approx(0.0, abs=1e-15)


def test_apart_the_very_sure_and_wrong_give_no_number() -> None:
    session = asked_on("softmax-cross-entropy", "Why fuse them, then?")
    text = session.shown[-1].text
    assert "rounded to 0, and its logarithm is -inf" in text
    assert "zero times -inf is nan" in text
    assert "the loss is nan, and [nan nan nan] comes back" in text
    outer = session.frames[0].walk
    assert float(outer.values[outer.graph.outputs[0].vertex][0]) == 1000.0


def test_shapes_that_fit_by_accident_raise_nothing() -> None:
    assert (gg.zeros((4, 1)) - gg.zeros(4)).shape == (4, 4)
