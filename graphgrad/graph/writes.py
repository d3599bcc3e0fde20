"""When were which values written? The book that keeps saved values honest.

Backward needs the values that forward saved. NumPy arrays can be written in place at any time, so a write has to be
noticed; but ordinary operations must not pay for it. So there is one process-wide clock that ticks at every write: a
node remembers what it showed when the node was made (one integer). As long as the clock still shows that, nothing was
written and nothing has to be looked up. Otherwise the last write to the array that owns the memory decides.
"""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

import numpy as np

from graphgrad.graph.source import Mark, mark

__all__ = ["CLOCK", "Write", "last_write", "owner", "wrote"]

Array = np.ndarray[Any, Any]


class Clock:
    """The number of writes so far, in ``epoch``."""

    __slots__ = ("epoch",)

    def __init__(self) -> None:
        self.epoch = 0


class Write(NamedTuple):
    """The last write to an array: the epoch that it began, and the place in the user's code."""

    epoch: int
    mark: Mark | None


CLOCK = Clock()
_last: dict[int, tuple[weakref.ref[Array], Write]] = {}


def owner(array: Array) -> Array:
    """The array that owns the memory which `array` looks at."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def wrote(array: Array) -> int:
    """Note that the memory behind `array` was just written; returns the new epoch."""
    base = owner(array)
    key = id(base)
    CLOCK.epoch += 1

    def forget(ref: weakref.ref[Array]) -> None:
        # An id is used again after an array dies, so an entry is dropped only by the array that made it.
        entry = _last.get(key)
        if entry is not None and entry[0] is ref:
            del _last[key]

    known = _last.get(key)
    ref = known[0] if known is not None and known[0]() is base else weakref.ref(base, forget)
    _last[key] = ref, Write(CLOCK.epoch, mark())
    return CLOCK.epoch


def last_write(array: Array) -> Write | None:
    """The last noted write to the memory behind `array`, None if there was none."""
    base = owner(array)
    entry = _last.get(id(base))
    return entry[1] if entry is not None and entry[0]() is base else None
