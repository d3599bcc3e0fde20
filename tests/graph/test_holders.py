"""Who else holds a thing, or sees an array's memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphgrad.graph.holders import has_memory_of_its_own, is_held_once, is_seen_elsewhere


def test_a_thing_is_held_once_by_one_variable() -> None:
    thing = np.ones(3)
    assert is_held_once(thing)
    other: Any = thing
    assert not is_held_once(thing)
    del other
    assert is_held_once(thing)
    inside = [thing]
    assert not is_held_once(thing)
    inside.clear()
    assert is_held_once(thing)


def test_an_array_has_memory_of_its_own_if_nobody_else_sees_it() -> None:
    held = np.ones(6)
    view = held.reshape(2, 3)  # as kernels bring their results into shape
    assert has_memory_of_its_own(held)
    assert not has_memory_of_its_own(view)
    assert is_seen_elsewhere(view)
    del held
    assert has_memory_of_its_own(view)
    assert not is_seen_elsewhere(view)


@pytest.mark.parametrize(
    "see", [lambda x: x[0], lambda x: x.base, lambda x: memoryview(x.base), lambda x: x.T, lambda x: x.base.data]
)
def test_an_array_has_it_again_when_nobody_looks_any_more(see: Callable[[Any], Any]) -> None:
    view = np.ones(6).reshape(2, 3)
    other = see(view)
    assert not has_memory_of_its_own(view)
    del other
    assert has_memory_of_its_own(view)


@pytest.mark.parametrize(
    "array",
    [
        np.ones(6)[:3],  # which would keep all of it
        np.ones(1, np.complex128).real,  # and this twice as much as it is
        np.ones((2, 3)).T,
        np.ones(3)[::-1],
        np.frombuffer(bytearray(16)),
        np.frombuffer(bytearray(16)).reshape(2, 1),
        np.broadcast_to(np.ones(1), (3,)),
        np.ones(4).view(np.recarray).reshape(2, 2).view(np.ndarray),
    ],
    ids=["part", "real", "turned", "backwards", "borrowed", "borrowed and shaped", "repeated", "subclass"],
)
def test_what_others_own_or_what_is_larger_is_not_its_own(array: Any) -> None:
    assert not has_memory_of_its_own(array)
