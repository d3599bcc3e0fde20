"""What kernels keep: values beside a result, and memory to be used again."""

from __future__ import annotations

import numpy as np

from graphgrad.kernels.buffers import Buffers
from graphgrad.kernels.reserve import Reserve


def test_values_are_taken_once() -> None:
    reserve, result = Reserve(), np.ones(2)
    reserve.keep(result, "values")
    assert reserve.take(np.ones(2)) is None
    assert reserve.take(result) == "values"
    assert reserve.take(result) is None


def test_values_go_with_the_result() -> None:
    reserve, result = Reserve(), np.ones(2)
    reserve.keep(result, "values")
    view = result[:1]
    del result
    assert len(reserve) == 1
    del view
    assert len(reserve) == 0


def test_values_kept_again_take_the_place_of_those_before() -> None:
    reserve, result = Reserve(), np.ones(2)
    reserve.keep(result, "old")
    reserve.keep(result, "new")
    assert reserve.take(result) == "new"
    del result
    assert len(reserve) == 0


def test_memory_is_used_again_by_size_and_dtype() -> None:
    buffers = Buffers(1000)
    first = buffers.take((2, 3), np.float32)
    first[...] = 7
    buffers.give(first)
    assert buffers.bytes == 24
    assert not np.shares_memory(buffers.take((2, 3), np.float64), first)
    assert not np.shares_memory(buffers.take((2, 2), np.float32), first)
    again = buffers.take((6,), np.float32)
    assert again.shape == (6,)
    assert np.shares_memory(again, first)
    assert buffers.bytes == 0


def test_no_more_memory_is_kept_than_was_said() -> None:
    buffers = Buffers(100)
    buffers.give(np.empty(10), np.empty(10), np.empty(0), np.empty(13))
    assert buffers.bytes == 80
    assert not buffers.take((0,), np.float64).size


def test_sizes_that_nobody_asks_for_any_more_make_room() -> None:
    buffers = Buffers(100)
    first, second, third = np.empty(5), np.empty(6), np.empty(7)
    buffers.give(first, second)
    buffers.give(buffers.take((5,), np.float64))
    buffers.give(third)
    assert buffers.bytes == 40 + 56
    assert np.shares_memory(buffers.take((5,), np.float64), first)
    assert np.shares_memory(buffers.take((7,), np.float64), third)
    assert not np.shares_memory(buffers.take((6,), np.float64), second)
    assert buffers.bytes == 0
