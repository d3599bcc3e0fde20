"""Random programs: forward mode, Jacobians and vmap against backward passes, differences and loops."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphgrad as gg

Step = tuple[str, int, int]

STEPS = [
    "add",
    "mul",
    "div",
    "tanh",
    "softmax",
    "sum",
    "sumk",
    "max",
    "mean",
    "flip",
    "pick",
    "split",
    "stack",
    "where",
    "matmul",
]
PROGRAMS = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=7)
SHAPES: list[tuple[int, ...]] = [(), (3,), (1,), (2, 3), (2, 1)]
STARTS = st.lists(st.sampled_from(SHAPES), min_size=1, max_size=2)
SCALAR_STEPS = st.lists(
    st.tuples(st.sampled_from(["+", "*", "/", "tanh", "exp", "max"]), st.integers(0, 20), st.integers(0, 20)),
    min_size=1,
    max_size=12,
)


def run(program: list[Step], starts: list[Any]) -> Any:
    """Each step computes something of two of the values before it."""
    values = list(starts)
    for op, i, j in program:
        a, b = values[i % len(values)], values[j % len(values)]
        if len(np.broadcast_shapes(*({a.shape, b.shape} if fits(a, b) else {a.shape}))) > 3:
            b = gg.sum(b)
        values.append(gg.tanh(step(op, a, b if fits(a, b) else gg.sum(b))))
    return values[-1]


def fits(a: Any, b: Any) -> bool:
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return False
    return True


def step(op: str, a: Any, b: Any) -> Any:
    match op:
        case "add":
            return a + b
        case "mul":
            return a * b
        case "div":
            return a / (1.0 + b * b)
        case "softmax":
            return gg.softmax(a * 2.0) if a.ndim else gg.sin(a)
        case "sum":
            return gg.sum(a, axis=-1) if a.ndim else a * 3.0
        case "sumk":
            return gg.sum(a, axis=0, keepdims=True) if a.ndim else -a
        case "max":
            return gg.max(a * 1.5) + b
        case "mean":
            return gg.mean(a) - a
        case "flip":
            return a[::-1] if a.ndim else a[None]
        case "pick":
            return a[np.array([0, -1, 0])] if a.ndim else a * a
        case "split":
            return gg.split(a, 1)[0] if a.ndim else a + 1.0
        case "stack":
            return gg.stack([a, gg.exp(-a * a)]) if a.ndim < 3 else a
        case "where":
            return gg.where(a > 0.1, a * a, a)
        case "matmul":
            return a @ gg.reshape(b, (-1,))[: a.shape[-1]] if a.ndim and b.size >= a.shape[-1] else gg.cos(a)
        case _:
            return gg.sin(a)


def points(shapes: list[tuple[int, ...]], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.normal(size=shape)) for shape in shapes]


def function(program: list[Step]) -> Callable[..., Any]:
    return lambda *starts: run(program, list(starts))


@given(PROGRAMS, STARTS)
def test_both_directions_give_the_same_product(program: list[Step], shapes: list[tuple[int, ...]]) -> None:
    f, x, t = function(program), points(shapes, 0), points(shapes, 1)
    value, moved = gg.jvp(f, x, t)
    u = np.random.default_rng(2).normal(size=value.shape)
    _, pullback = gg.vjp(f, *x)
    back = sum(float(np.sum(one.data * along)) for one, along in zip(pullback(u), t, strict=True))
    assert float(np.sum(u * moved.data)) == pytest.approx(back, rel=1e-9, abs=1e-10)


@given(PROGRAMS, STARTS)
def test_a_tangent_against_a_difference(program: list[Step], shapes: list[tuple[int, ...]]) -> None:
    f, x, t = function(program), points(shapes, 3), points(shapes, 4)
    _, moved = gg.jvp(f, x, t)
    h = 1e-6
    up, down = (f(*(gg.tensor(a + side * b) for a, b in zip(x, t, strict=True))).data for side in (h, -h))
    np.testing.assert_allclose(moved.data, (up - down) / (2 * h), rtol=1e-5, atol=1e-6)


@given(PROGRAMS, STARTS)
def test_jacobians_by_rows_and_by_columns_agree(program: list[Step], shapes: list[tuple[int, ...]]) -> None:
    f, x = function(program), points(shapes, 5)
    everything = tuple(range(len(x)))
    for by_rows, by_columns, one in zip(gg.jacrev(f, everything)(*x), gg.jacfwd(f, everything)(*x), x, strict=True):
        assert by_rows.shape == by_columns.shape
        assert by_rows.shape[by_rows.ndim - one.ndim :] == one.shape
        np.testing.assert_allclose(by_rows.data, by_columns.data, rtol=1e-9, atol=1e-11)


@given(PROGRAMS, STARTS)
def test_second_derivatives_agree_and_are_symmetric(program: list[Step], shapes: list[tuple[int, ...]]) -> None:
    f, x, t, s = function(program), points(shapes, 6), points(shapes, 7), points(shapes, 8)
    total = lambda *starts: gg.sum(f(*starts))
    everything = tuple(range(len(x)))
    along = lambda v: gg.jvp(gg.grad(total, everything), x, v)[1]
    first = sum(float(np.sum(a.data * b)) for a, b in zip(along(t), s, strict=True))
    second = sum(float(np.sum(a.data * b)) for a, b in zip(along(s), t, strict=True))
    assert first == pytest.approx(second, rel=1e-8, abs=1e-9)
    twice = gg.jvp(lambda *starts: gg.jvp(total, starts, t)[1], x, s)[1]
    assert twice.item() == pytest.approx(first, rel=1e-8, abs=1e-9)


@given(PROGRAMS, STARTS)
def test_vmap_is_a_loop(program: list[Step], shapes: list[tuple[int, ...]]) -> None:
    f = function(program)
    examples = [points(shapes, seed) for seed in range(10, 13)]
    whole = [np.stack(ones) for ones in zip(*examples, strict=True)]
    expected = np.stack([f(*map(gg.tensor, one)).data for one in examples])
    np.testing.assert_allclose(gg.vmap(f)(*whole).data, expected, rtol=1e-11, atol=1e-12)
    # The second argument, if there is one, the same for all.
    axes = (0, *[None] * (len(shapes) - 1))
    shared = list(map(gg.tensor, examples[0][1:]))
    expected = np.stack([f(gg.tensor(one[0]), *shared).data for one in examples])
    np.testing.assert_allclose(gg.vmap(f, in_axes=axes)(whole[0], *shared).data, expected, rtol=1e-11, atol=1e-12)


@given(PROGRAMS, STARTS)
def test_vmap_of_derivatives_is_a_loop(program: list[Step], shapes: list[tuple[int, ...]]) -> None:
    total = lambda *starts: gg.sum(run(program, list(starts)))
    examples = [points(shapes, seed) for seed in range(20, 23)]
    whole = [np.stack(ones) for ones in zip(*examples, strict=True)]
    everything = tuple(range(len(shapes)))
    for of_each in (gg.grad(total, everything), lambda *x: gg.jvp(total, x, [one * one for one in x])[1:]):
        found = gg.vmap(of_each)(*whole)
        expected = [of_each(*map(gg.tensor, one)) for one in examples]
        for i, one in enumerate(found):
            np.testing.assert_allclose(one.data, np.stack([e[i].data for e in expected]), rtol=1e-9, atol=1e-11)


@given(PROGRAMS, STARTS)
def test_a_gradient_through_vmap_is_that_of_a_loop(program: list[Step], shapes: list[tuple[int, ...]]) -> None:
    f = function(program)
    examples = [points(shapes, seed) for seed in range(30, 33)]
    whole = tuple(np.stack(ones) for ones in zip(*examples, strict=True))
    everything = tuple(range(len(shapes)))
    found = gg.grad(lambda *x: gg.sum(gg.vmap(f)(*x) ** 2), everything)(*whole)

    def by_loop(*x: Any) -> Any:
        parts = [gg.sum(f(*(one[k] for one in x)) ** 2) for k in range(3)]
        return functools.reduce(lambda a, b: a + b, parts)

    for ours, theirs in zip(found, gg.grad(by_loop, everything)(*whole), strict=True):
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-9, atol=1e-11)


def scalar_program(program: list[Step], starts: list[Any]) -> Any:
    values = list(starts)
    for op, i, j in program:
        values.append(scalar_step(op, values[i % len(values)], values[j % len(values)]))
    return values[-1]


def scalar_step(op: str, a: Any, b: Any) -> Any:
    match op:
        case "+":
            return a + b
        case "*":
            return gg.tanh(a) * b
        case "/":
            return a / (b * b + 1.0)
        case "exp":
            return gg.exp(gg.tanh(a))
        case "max":
            return gg.maximum(a, 0.3 * b)
        case _:
            return gg.tanh(a)


@given(SCALAR_STEPS)
def test_scalars_and_tensors_agree(program: list[Step]) -> None:
    start, direction = [0.6, -1.3], [1.0, -0.5]
    f = lambda *x: scalar_program(program, list(x))
    numbers = gg.jvp(f, list(map(gg.scalar, start)), direction)
    tensors = gg.jvp(f, [gg.tensor(one, dtype="float64") for one in start], direction)
    for ours, theirs in zip(numbers, tensors, strict=True):
        assert ours.data == pytest.approx(theirs.item(), rel=1e-11, abs=1e-13)
    slopes = [one.data for one in gg.vjp(f, *map(gg.scalar, start))[1](1.0)]
    assert numbers[1].data == pytest.approx(np.dot(slopes, direction), rel=1e-10, abs=1e-12)
