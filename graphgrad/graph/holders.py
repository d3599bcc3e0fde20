"""Who else holds a thing, or sees an array's memory.

How many references a question makes is Python's own business, and another one in other versions: it is measured.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

__all__ = ["has_memory_of_its_own", "is_held_once", "is_seen_elsewhere"]

Array = np.ndarray[Any, Any]


def _references(thing: object) -> int:
    return sys.getrefcount(thing)


def _references_to_one() -> int:
    """How many references are counted to what one variable holds."""
    thing = object()
    return _references(thing)


def _references_to_memory(array: Array) -> int:
    return sys.getrefcount(array.base)


_HELD_ONCE = _references_to_one()
_SEEN_ONCE = _references_to_memory(np.empty(2)[:1])


def is_held_once(thing: object) -> bool:
    """Whether nothing refers to a thing but the variable that it is asked with."""
    return sys.getrefcount(thing) <= _HELD_ONCE


def is_seen_elsewhere(array: Array) -> bool:
    """Whether anything else looks at the memory of an array that doesn't own it.

    NumPy sets ``base`` on copies of its own making too; but then nothing else refers to the owner.
    """
    return array.base is not None and _references_to_memory(array) > _SEEN_ONCE


def has_memory_of_its_own(array: Array) -> bool:
    """Whether nobody else sees an array's memory, and none is kept beside it, once nobody else has the array itself.

    It owns the memory; or the owner is as large, and nobody has it: that is how kernels bring results into shape.
    """
    if array.flags.owndata:
        return True
    return (
        type(array.base) is np.ndarray
        and array.base.flags.owndata
        and array.base.nbytes == array.nbytes
        and array.flags.c_contiguous
        and not is_seen_elsewhere(array)
    )
