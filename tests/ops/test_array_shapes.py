"""Shape rules of the operations on arrays, over random shapes and attributes: the same shape, and the same refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ops.test_shapes import agree, axes, lengths, shapes, zeros

Shape = tuple[int, ...]

some_axes = st.none() | axes | st.lists(axes, max_size=3).map(tuple)
steps = st.integers(-3, 3)


@given(shape=shapes, axis=some_axes)
def test_flip(shape: Shape, axis: Any) -> None:
    agree("flip", [zeros(shape)], axis=axis)
    for name in ("fliplr", "flipud", "ravel", "matrix_transpose", "atleast_1d", "atleast_2d", "atleast_3d"):
        agree(name, [zeros(shape)])


@given(shape=shapes, shift=steps | st.lists(steps, max_size=3).map(tuple), axis=some_axes)
def test_roll(shape: Shape, shift: Any, axis: Any) -> None:
    agree("roll", [zeros(shape)], shift=shift, axis=axis)


@given(shape=shapes, k=steps, plane=st.lists(axes, min_size=1, max_size=3).map(tuple))
def test_rot90(shape: Shape, k: int, plane: Any) -> None:
    agree("rot90", [zeros(shape)], k=k, axes=plane)


@given(shape=shapes, first=axes, second=axes)
def test_swapaxes_and_flatten(shape: Shape, first: int, second: int) -> None:
    agree("swapaxes", [zeros(shape)], axis1=first, axis2=second)
    agree("flatten", [zeros(shape)], start_axis=first, end_axis=second)


@given(shape=shapes, source=axes | st.lists(axes, max_size=3).map(tuple), destination=axes | st.lists(axes).map(tuple))
def test_moveaxis(shape: Shape, source: Any, destination: Any) -> None:
    agree("moveaxis", [zeros(shape)], source=source, destination=destination)


@given(shape=shapes, axis=axes, parts=st.lists(st.integers(-1, 3), max_size=3).map(tuple))
def test_unflatten(shape: Shape, axis: int, parts: Shape) -> None:
    agree("unflatten", [zeros(shape)], axis=axis, shape=parts)
    if -len(shape) <= axis < len(shape):
        agree("unflatten", [zeros(shape)], axis=axis, shape=(1, shape[axis], 1))


@given(shape=shapes, reps=st.lists(st.integers(-1, 3), max_size=4).map(tuple))
def test_tile(shape: Shape, reps: Shape) -> None:
    agree("tile", [zeros(shape)], reps=reps)


@given(shape=shapes, axis=st.none() | axes, counts=lengths | st.lists(lengths, max_size=3).map(np.array))
def test_repeat(shape: Shape, axis: int | None, counts: Any) -> None:
    one_count = isinstance(counts, np.ndarray) and counts.size == 1
    agree("repeat", [zeros(shape)], repeats=int(counts[0]) if one_count else counts, axis=axis)


@given(shape=shapes, axis=axes, n=st.integers(-1, 5), places=st.lists(st.integers(-4, 4), max_size=3).map(tuple))
def test_splitting(shape: Shape, axis: int, n: int, places: Shape) -> None:
    agree("chunk", [zeros(shape)], chunks=n, axis=axis)
    agree("array_split", [zeros(shape)], indices_or_sections=n, axis=axis)
    agree("array_split", [zeros(shape)], indices_or_sections=places, axis=axis)


@pytest.mark.parametrize("name", ["hstack", "vstack", "dstack", "column_stack"])
@given(several=st.lists(shapes, min_size=1, max_size=3), alike=st.booleans())
def test_stacking(name: str, several: list[Shape], alike: bool) -> None:
    agree(name, [zeros(shape) for shape in ([several[0]] * len(several) if alike else several)])


pairs = st.tuples(lengths, lengths)


@given(
    shape=shapes,
    width=lengths | pairs | st.lists(pairs, max_size=3).map(tuple),
    mode=st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]),
)
def test_pad(shape: Shape, width: Any, mode: str) -> None:
    agree("pad", [zeros(shape)], pad_width=width, mode=mode)


@given(shape=shapes, offset=steps, axis1=axes, axis2=axes)
def test_diagonals(shape: Shape, offset: int, axis1: int, axis2: int) -> None:
    agree("diagonal", [zeros(shape)], offset=offset, axis1=axis1, axis2=axis2)
    agree("diag_embed", [zeros(shape)], offset=offset, axis1=axis1, axis2=axis2)
    for name in ("diag", "diagflat", "tril", "triu"):
        agree(name, [zeros(shape)], k=offset)


@given(
    shape=st.lists(st.integers(0, 5), max_size=3).map(tuple),
    window=st.lists(st.integers(1, 4), max_size=3).map(tuple),
    axis=st.none() | st.lists(axes, max_size=3).map(tuple),
)
def test_windows(shape: Shape, window: Shape, axis: Any) -> None:
    agree("sliding_window_view", [zeros(shape)], window_shape=window, axis=axis)
    agree("overlap_add", [zeros((*shape, *window))], window_shape=window, axis=axis)


@given(shape=shapes, index=shapes, axis=axes, like=st.booleans())
def test_lookups(shape: Shape, index: Shape, axis: int, like: bool) -> None:
    if like:  # random shapes seldom fit
        index = shape
    if all(shape):  # of nothing, nothing can be looked up
        numbers = np.zeros(index, int)
        agree("take", [zeros(shape), numbers], axis=axis)
        agree("take", [zeros(shape), numbers], axis=None)
        agree("index_select", [zeros(shape), numbers], axis=axis)
        agree("take_along_axis", [zeros(shape), numbers], axis=axis)
        agree("put_along_axis", [zeros(shape), numbers, np.zeros(index)], axis=axis)
        agree("gather", [zeros(shape), numbers], axis=axis)
        for name in ("scatter", "scatter_add"):
            agree(name, [zeros(shape), numbers, np.zeros(index)], axis=axis)
            agree(name, [zeros(shape), numbers, np.zeros(shape)], axis=axis)


@given(mean=shapes, spread=shapes, size=st.none() | shapes)
def test_draws(mean: Shape, spread: Shape, size: Shape | None) -> None:
    agree("normal", [zeros(mean), np.ones(spread)], size=size, seed=0)
    agree("standard_gamma", [np.ones(mean)], size=size, seed=0)
    agree("dirichlet", [np.ones(mean)], size=size, seed=0)


@given(shape=shapes, axis=axes, size=st.none() | shapes)
def test_choices(shape: Shape, axis: int, size: Shape | None) -> None:
    if shape:
        agree("permutation", [zeros(shape)], axis=axis, seed=0)
    if shape and all(shape):
        agree("choice", [zeros(shape)], size=size, axis=axis, seed=0)
    agree("categorical", [zeros(shape)], size=size, axis=axis, seed=0)
