"""Random computations, for tests that have to hold for any."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import graphgrad as gg
from graphgrad.graph.graph import Operand
from graphgrad.walk.walk import Walk

Array = np.ndarray[Any, Any]

UNARY = (gg.tanh, gg.sigmoid, gg.relu, gg.exp, gg.negative, gg.square, gg.softplus)
BINARY = (gg.add, gg.subtract, gg.multiply, gg.maximum)


@st.composite
def scalar_programs(draw: st.DrawFn) -> tuple[list[gg.Scalar], gg.Scalar]:
    """Named scalar leaves, and a result that at least one of them leads to."""
    numbers = st.floats(-2, 2, allow_nan=False).map(lambda x: round(x, 3))
    leaves = [gg.scalar(draw(numbers), name=f"v{i}") for i in range(draw(st.integers(1, 3)))]
    known = list(leaves)
    for _ in range(draw(st.integers(1, 12))):
        known.append(_step(draw, known, numbers))
    return leaves, known[-1] * leaves[0] + known[-1]


@st.composite
def tensor_programs(draw: st.DrawFn, dtype: str = "float32") -> tuple[list[gg.Tensor], gg.Tensor]:
    """Named leaves of several shapes that broadcast, and a single number computed from them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    shapes = draw(st.lists(st.sampled_from([(2, 3), (3,), (2, 1), ()]), min_size=1, max_size=3))
    leaves = [
        gg.tensor(rng.normal(size=shape).astype(dtype), requires_grad=i == 0 or draw(st.booleans()), name=f"v{i}")
        for i, shape in enumerate(shapes)
    ]
    # Some programs grow beyond the largest number, and that is as good a walk as any.
    with np.errstate(all="ignore"):
        known: list[Any] = [leaves[0] * gg.tensor(rng.normal(size=(2, 3)).astype(dtype)), *leaves]
        for _ in range(draw(st.integers(1, 10))):
            made = _step(draw, known, st.floats(-2, 2, allow_nan=False))
            if made.shape == (2, 3):
                way = draw(st.integers(0, 4))
                if way == 0:
                    top, bottom = gg.split(made, 1)
                    made = top * bottom + bottom
                elif way == 1:
                    made = gg.reshape(made.T, (2, 3))
                elif way == 2:
                    made = made[np.array([0, 1, 1])]
                    made = made[:2]
            known.append(made)
        return leaves, gg.sum(known[-1] * leaves[0]) + gg.mean(known[-1])


def _step(draw: st.DrawFn, known: list[Any], numbers: st.SearchStrategy[float]) -> Any:
    if draw(st.booleans()):
        return draw(st.sampled_from(UNARY))(draw(st.sampled_from(known)))
    b = draw(st.one_of(st.sampled_from(known), numbers))
    return draw(st.sampled_from(BINARY))(draw(st.sampled_from(known)), b)


def places(walk: Walk) -> list[Operand]:
    """Every output of every vertex."""
    return [Operand(vertex.id, port) for vertex in walk.graph for port in range(len(vertex.shapes))]


def same_bits(a: Array | None, b: Array | None) -> bool:
    """Whether two arrays, or Nones, are the same to the bit."""
    if a is None or b is None:
        return a is b
    return (a.shape, a.dtype, a.tobytes()) == (b.shape, b.dtype, b.tobytes())


def everything(walk: Walk, step: int) -> list[tuple[Any, ...]]:
    """All that is known after a step."""
    moment = walk.at(step)
    return [
        (place, _bytes(moment.value(*place)), _bytes(moment.gradient(*place)), moment.arrived(place))
        for place in places(walk)
    ]


def _bytes(array: Array | None) -> tuple[Any, ...] | None:
    return None if array is None else (array.shape, array.dtype.name, array.tobytes())
