"""Random graphs: both engines against a plain reverse mode, against differences, and against each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg

BINARY = ["+", "-", "*", "/"]
UNARY = ["neg", "tanh", "exp", "sigmoid", "square", "log", "sqrt", "pow3", "scale", "shift", "rdiv"]
Step = tuple[str, int, int]

START = [0.6, -1.3, 0.25]


def slopes(op: str, a: float, b: float) -> tuple[float, tuple[float, float]]:
    """The value and both local derivatives, written out from the textbook; no operation leaves a tame range."""
    if op == "+":
        return a + b, (1.0, 1.0)
    if op == "-":
        return a - b, (1.0, -1.0)
    if op == "*":
        return a * b, (b, a)
    if op == "/":
        d = b * b + 1.0
        return a / d, (1.0 / d, -2.0 * a * b / (d * d))
    if op == "neg":
        return -a, (-1.0, 0.0)
    if op == "tanh":
        return math.tanh(a), (1 - math.tanh(a) ** 2, 0.0)
    if op == "exp":
        t = math.tanh(a)
        return math.exp(t), (math.exp(t) * (1 - t * t), 0.0)
    if op == "sigmoid":
        s = 1 / (1 + math.exp(-max(min(a, 500.0), -500.0)))
        return s, (s * (1 - s), 0.0)
    if op == "square":
        return math.tanh(a) ** 2, (2 * math.tanh(a) * (1 - math.tanh(a) ** 2), 0.0)
    if op == "log":
        return math.log(a * a + 1), (2 * a / (a * a + 1), 0.0)
    if op == "sqrt":
        return math.sqrt(a * a + 1), (a / math.sqrt(a * a + 1), 0.0)
    if op == "pow3":
        t = math.tanh(a)
        return t**3, (3 * t * t * (1 - t * t), 0.0)
    if op == "scale":
        return 0.5 * a, (0.5, 0.0)
    if op == "shift":
        return a - 2.0, (1.0, 0.0)
    assert op == "rdiv"
    return 1.5 / (a * a + 1), (-3.0 * a / (a * a + 1) ** 2, 0.0)


def engine(op: str, a: Any, b: Any) -> Any:
    """The same with graphgrad, on tensors or scalars."""
    return {
        "+": lambda: a + b,
        "-": lambda: a - b,
        "*": lambda: a * b,
        "/": lambda: a / (b * b + 1.0),
        "neg": lambda: -a,
        "tanh": lambda: gg.tanh(a),
        "exp": lambda: gg.exp(gg.tanh(a)),
        "sigmoid": lambda: gg.sigmoid(a),
        "square": lambda: gg.square(gg.tanh(a)),
        "log": lambda: gg.log(a * a + 1.0),
        "sqrt": lambda: gg.sqrt(a * a + 1.0),
        "pow3": lambda: gg.tanh(a) ** 3,
        "scale": lambda: 0.5 * a,
        "shift": lambda: a - 2.0,
        "rdiv": lambda: 1.5 / (a * a + 1.0),
    }[op]()


steps = st.lists(
    st.tuples(st.sampled_from(BINARY + UNARY), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=25
)


def reference(program: list[Step], start: list[float] = START) -> tuple[float, list[float], list[float]]:
    """A reverse mode in ten lines: the value, the gradient of each start, and of each step."""
    values = list(start)
    edges: list[list[tuple[int, float]]] = [[] for _ in start]
    for op, i, j in program:
        i, j = i % len(values), j % len(values)
        value, (da, db) = slopes(op, values[i], values[j])
        values.append(value)
        edges.append([(i, da), (j, db)] if op in BINARY else [(i, da)])
    gradients = [0.0] * len(values)
    gradients[-1] = 1.0
    for k in range(len(values) - 1, -1, -1):
        for i, slope in edges[k]:
            gradients[i] += gradients[k] * slope
    return values[-1], gradients[: len(start)], gradients[len(start) :]


def run(program: list[Step], leaves: list[Any]) -> list[Any]:
    values = list(leaves)
    for op, i, j in program:
        values.append(engine(op, values[i % len(values)], values[j % len(values)]))
    return values[len(leaves) :]


def tame(program: list[Step]) -> bool:
    """Whether no number on the way is so large that rounding speaks louder than the rules."""
    values = list(START)
    for op, i, j in program:
        values.append(slopes(op, values[i % len(values)], values[j % len(values)])[0])
    return all(abs(value) < 1e3 for value in values)


def tensors() -> list[gg.Tensor]:
    return [gg.tensor(value, dtype="float64", requires_grad=True) for value in START]


def grads_of(leaves: list[gg.Tensor]) -> list[float]:
    return [0.0 if leaf.grad is None else leaf.grad.item() for leaf in leaves]


@given(steps)
def test_random_graphs_of_tensors(program: list[Step]) -> None:
    value, expected, _ = reference(program)
    leaves = tensors()
    y = run(program, leaves)[-1]
    y.backward()
    if tame(program):
        assert y.item() == pytest.approx(value, rel=1e-9, abs=1e-12)
        assert grads_of(leaves) == pytest.approx(expected, rel=1e-7, abs=1e-9)


@given(steps)
def test_random_graphs_of_scalars(program: list[Step]) -> None:
    value, expected, inner = reference(program)
    leaves = [gg.scalar(start) for start in START]
    results = run(program, leaves)
    results[-1].backward()
    if tame(program):
        assert results[-1].data == pytest.approx(value, rel=1e-9, abs=1e-12)
        assert [leaf.grad or 0.0 for leaf in leaves] == pytest.approx(expected, rel=1e-7, abs=1e-9)
        assert [one.grad or 0.0 for one in results] == pytest.approx(inner, rel=1e-7, abs=1e-9)


@given(steps)
def test_both_engines_agree(program: list[Step]) -> None:
    leaves, numbers = tensors(), [gg.scalar(start) for start in START]
    y, s = run(program, list(leaves))[-1], run(program, numbers)[-1]
    y.backward()
    s.backward()
    if tame(program):
        assert y.item() == pytest.approx(s.data, rel=1e-11, abs=1e-13)
        assert grads_of(leaves) == pytest.approx([one.grad or 0.0 for one in numbers], rel=1e-8, abs=1e-10)
    assert [one.grad is None for one in leaves] == [one.grad is None for one in numbers]


@given(steps)
def test_a_recorded_pass_gives_the_same_bits(program: list[Step]) -> None:
    plain, recorded, named = tensors(), tensors(), tensors()
    run(program, list(plain))[-1].backward()
    run(program, list(recorded))[-1].backward(create_graph=True)
    with gg.record(), gg.scope("any"):
        run(program, list(named))[-1].backward()
    assert np.array_equal(grads_of(plain), grads_of(recorded), equal_nan=True)
    assert np.array_equal(grads_of(plain), grads_of(named), equal_nan=True)


@given(steps)
def test_passes_repeat_and_accumulate(program: list[Step]) -> None:
    leaves, numbers = tensors(), [gg.scalar(start) for start in START]
    y, s = run(program, list(leaves))[-1], run(program, numbers)[-1]
    y.backward(retain_graph=True)
    s.backward()
    once, once_s = grads_of(leaves), [one.grad for one in numbers]
    y.backward()
    s.backward()
    assert np.array_equal(grads_of(leaves), 2 * np.array(once), equal_nan=True)
    for one, first in zip(numbers, once_s, strict=True):
        assert (one.grad is None) == (first is None)
        assert first is None or math.isnan(first) or one.grad == 2 * first


def gradient_difference(program: list[Step], direction: list[float], h: float = 1e-5) -> list[float]:
    """The central difference of the reference's gradients along a direction."""
    sides = []
    for sign in (1.0, -1.0):
        moved = [start + sign * h * d for start, d in zip(START, direction, strict=True)]
        sides.append(reference(program, moved)[1])
    return [(plus - minus) / (2 * h) for plus, minus in zip(*sides, strict=True)]


small = st.lists(
    st.tuples(
        st.sampled_from(["+", "*", "tanh", "sigmoid", "neg", "scale", "log"]), st.integers(0, 9), st.integers(0, 9)
    ),
    min_size=1,
    max_size=8,
)


@given(small)
def test_second_derivatives(program: list[Step]) -> None:
    """The product of the Hessian with a direction, by differentiating a recorded pass, against differences."""
    direction = [1.0, -0.5, 2.0]
    leaves = tensors()
    run(program, list(leaves))[-1].backward(create_graph=True)
    total: Any = None
    for leaf, d in zip(leaves, direction, strict=True):
        if leaf.grad is not None:
            total = leaf.grad * d if total is None else total + leaf.grad * d
        leaf.grad = None
    exact = [0.0] * len(leaves)
    if total is not None and total.requires_grad:
        total.backward()
        exact = grads_of(leaves)
    if tame(program):
        numerical = gradient_difference(program, direction)
        assert exact == pytest.approx(numerical, rel=1e-4, abs=1e-5)


# ---- arrays

SHAPES: list[tuple[int, ...]] = [(), (1,), (3,), (2, 1), (2, 3), (1, 3)]
ARRAY_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "mul", "tanh", "sum0", "sumk", "mean", "T", "flip", "pick", "split", "stack", "where"]),
        st.integers(0, 20),
        st.integers(0, 20),
    ),
    min_size=1,
    max_size=10,
)


def array_program(program: list[Step], leaves: list[Any]) -> Any:
    values = list(leaves)
    for op, i, j in program:
        a, b = values[i % len(values)], values[j % len(values)]
        try:
            np.broadcast_shapes(a.shape, b.shape)
            other = b
        except ValueError:
            other = gg.sum(b)
        if op == "add":
            c = a + other
        elif op == "mul":
            c = gg.tanh(a) * gg.tanh(other)
        elif op == "tanh":
            c = gg.tanh(a)
        elif op in ("sum0", "sumk"):
            c = gg.sum(a, axis=-1, keepdims=op == "sumk") if a.ndim else a * 2
        elif op == "mean":
            c = gg.mean(a) + a
        elif op == "T":
            c = a.T
        elif op == "flip":
            c = a[::-1] if a.ndim else a[None]
        elif op == "pick":
            c = a[np.array([0, -1, 0])] if a.ndim else a * a
        elif op == "split":
            c = gg.split(a, 1)[-1] if a.ndim else -a
        elif op == "stack":
            c = gg.stack([a, gg.tanh(a)]) if a.ndim < 3 else a
        else:
            c = gg.where(a.data > 0, gg.tanh(a), gg.tanh(a) * 0.1)
        values.append(c)
    return gg.sum(gg.tanh(values[-1])) + gg.mean(values[len(leaves)])


@given(ARRAY_STEPS, st.lists(st.sampled_from(SHAPES), min_size=2, max_size=3))
def test_random_graphs_of_arrays(program: list[Step], shapes: list[tuple[int, ...]]) -> None:
    """The gradient along a random direction against a central difference."""
    rng = np.random.default_rng(len(program) * 100 + len(shapes))
    start = [rng.normal(size=shape) for shape in shapes]
    directions = [rng.normal(size=shape) for shape in shapes]
    leaves = [gg.tensor(values, requires_grad=True) for values in start]
    y = array_program(program, leaves)
    y.backward()
    slope = sum(
        float(np.sum(leaf.grad.data * d))
        for leaf, d in zip(leaves, directions, strict=True)
        if leaf.grad is not None  # the program may not use it
    )
    h = 1e-6
    with gg.no_grad():
        up, down = (
            array_program(program, [gg.tensor(v + sign * h * d) for v, d in zip(start, directions, strict=True)]).item()
            for sign in (1.0, -1.0)
        )
    assert slope == pytest.approx((up - down) / (2 * h), rel=1e-5, abs=1e-6)
    for leaf, values in zip(leaves, start, strict=True):
        assert np.array_equal(leaf.data, values)
        if leaf.grad is not None:
            assert leaf.grad.shape == leaf.shape
