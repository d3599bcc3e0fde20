"""When were which values written? The book that keeps saved values honest.

Backward needs the values that forward saved. NumPy arrays can be written in place at any time, so a write has to be
noticed; but ordinary operations must not pay for it. So there is one process-wide clock that ticks at every write: a
node remembers what it showed when the node was made (one integer). As long as the clock still shows that, nothing was
written and nothing has to be looked up. Otherwise the last write to the array that owns the memory decides.

Writes that pass by this book, such as ``t.data[0] = 1.0``, can be made to fail: a `Lock` makes arrays read-only.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from graphgrad.graph.source import Mark, mark

__all__ = ["CLOCK", "Lock", "Write", "is_locked", "last_write", "owner", "unlocked", "wrote"]

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


def wrote(array: Array, place: Mark | None = None) -> int:
    """Note that the memory behind `array` was just written, here if no place is given; returns the new epoch."""
    base = owner(array)
    key = id(base)
    CLOCK.epoch += 1
    known = _last.get(key)
    ref = known[0] if known is not None and known[0]() is base else _until_it_dies(base)
    _last[key] = ref, Write(CLOCK.epoch, place or mark())
    return CLOCK.epoch


def _until_it_dies(base: Array) -> weakref.ref[Array]:
    """A reference that takes the array's entry with it."""
    key = id(base)

    def forget(ref: weakref.ref[Array]) -> None:
        # An id is used again after an array dies, so an entry is dropped only by the array that made it.
        entry = _last.get(key)
        if entry is not None and entry[0] is ref:
            del _last[key]

    return weakref.ref(base, forget)


def last_write(array: Array) -> Write | None:
    """The last noted write to the memory behind `array`, None if there was none."""
    base = owner(array)
    entry = _last.get(id(base))
    return entry[1] if entry is not None and entry[0]() is base else None


# ---- locks -----------------------------------------------------------------------------------------------------------

_guard = threading.RLock()
_locks: dict[int, int] = {}  # by identity, how many locks an array has: each of them keeps it alive


class Lock:
    """Keeps arrays, and those that own their memory, read-only until it is released or nobody refers to it.

    An array that was read-only before stays so. Views that were made earlier can't be helped: NumPy asks each array for
    itself.
    """

    __slots__ = ("__weakref__", "_arrays")

    def __init__(self, arrays: Sequence[Array]) -> None:
        with _guard:
            self._arrays = [array for array in arrays if array.flags.writeable or id(array) in _locks]
            for array in self._arrays:
                for one in {id(array): array, id(owner(array)): owner(array)}.values():
                    _locks[id(one)] = _locks.get(id(one), 0) + 1
                    one.flags.writeable = False

    def release(self) -> None:
        """Make the arrays writeable again, unless they have other locks."""
        with _guard:
            while self._arrays:
                array = self._arrays.pop()
                for one in {id(array): array, id(owner(array)): owner(array)}.values():
                    _locks[id(one)] -= 1
                    if not _locks[id(one)]:
                        del _locks[id(one)]
                        _set_writeable(one)

    def __del__(self) -> None:
        self.release()


def _set_writeable(array: Array) -> None:
    """Make an array writeable. NumPy allows that only while the one that owns the memory is."""
    base = owner(array)
    before = base.flags.writeable
    base.flags.writeable = True
    array.flags.writeable = True
    base.flags.writeable = before or base is array


def is_locked(array: Array) -> bool:
    """Whether an array is read-only because of a lock, on itself or on the memory that it was made to look at."""
    if id(array) in _locks:
        return True
    apart = all(stride or length < 2 for stride, length in zip(array.strides, array.shape, strict=True))
    return apart and id(owner(array)) in _locks  # one that repeats its elements is read-only anyway


@contextmanager
def unlocked(array: Array) -> Iterator[None]:
    """Let an array be written in spite of locks, by somebody who then tells `wrote`."""
    locked = is_locked(array)
    if locked:
        _set_writeable(array)
    try:
        yield
    finally:
        if locked:
            array.flags.writeable = False
