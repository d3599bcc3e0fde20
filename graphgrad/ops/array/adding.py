"""Adding and assigning at an index: what is named several times receives all of it, or keeps the last.

``np.add.at`` does this for any key, at its best only for one index array over one axis. The keys that gradients of
lookups have are brought to that form here (5 to 10 times as fast for rows of a table), and those that name every
element at most once, as masks do, are simply assigned.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["add_at", "added_at", "assign", "is_basic", "last_of_each", "of_rank"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
Key = tuple[Any, ...]

_ALL = slice(None)
# Below this the overhead of looking for repeated places is more than what it saves.
_FEW = 64


def is_basic(key: Key) -> bool:
    """Whether a key holds no index array, so that it names every element once."""
    return not any(isinstance(part, np.ndarray) for part in key)


def added_at(shape: Shape, key: Key, values: Any) -> Array:
    """Zeros of a shape with values added at a key; the shape of the values is what the key takes."""
    out = np.zeros(shape, values.dtype)
    if not _add_repeated(out, key, values):
        out[key] = values
    return out


def add_at(out: Array, key: Key, values: Any) -> None:
    """Add values at a key to an array in row-major order, in place; their shape is what the key takes."""
    if not _add_repeated(out, key, values):
        out[key] += values


def _add_repeated(out: Array, key: Key, values: Any) -> bool:
    """Do so if the key may name an element twice; False if it doesn't, and nothing was done."""
    if is_basic(key) or _is_mask(key):
        return False
    flat = _flat_places(out.shape, key) if out.ndim > 1 and values.size >= _FEW else None
    if flat is None:
        np.add.at(out, key, values)
        return True
    if flat.after > 1 and np.bincount(flat.index, minlength=flat.length).max() <= 1:
        return False
    np.add.at(out.reshape(-1), flat.of_all_elements(), values.reshape(-1))
    return True


def assign(out: Array, key: Key, values: Any) -> None:
    """Write values to what a key names. Of several for one element the last stays, in row-major order.

    NumPy walks through index arrays in the order that suits the memory of all arrays, and so promises nothing; but it
    goes row by row if they are all laid out so, as index arrays in keys are.
    """
    rank = np.ndim(values)
    if not is_basic(key) and not _is_mask(key):
        place = out[key].shape
        values = np.ascontiguousarray(np.broadcast_to(of_rank(values, len(place)), place))
    elif rank > 1 or (rank and is_basic(key)):  # what a mask takes has one axis at least
        values = of_rank(values, np.ndim(out[key]))
    out[key] = values


def of_rank(values: Any, rank: int) -> Array:
    """Values without the axes of length 1 in front that they have more than their place."""
    squeezed: Array = np.squeeze(values, tuple(range(np.ndim(values) - rank)))
    return squeezed


def last_of_each(shape: Shape, key: Key) -> Array | None:
    """Which of the elements that a key names keep what is assigned to them, because none after them is the same one.

    None if all do.
    """
    if is_basic(key) or _is_mask(key):
        return None
    order = np.empty(shape, np.intp)
    taken = order[key]
    numbers = np.arange(taken.size).reshape(taken.shape)
    order[key] = numbers
    last: Array = order[key] == numbers
    return None if last.all() else last


def _is_mask(key: Key) -> bool:
    """Whether all index arrays are masks, which name no element twice."""
    return all(part.dtype == np.bool for part in key if isinstance(part, np.ndarray))


class _Rows:
    """Places of whole rows: an index into an axis of `length`, between `before` and `after` elements of other axes."""

    def __init__(self, before: int, length: int, after: int, index: Array) -> None:
        self.before = before
        self.length = length
        self.after = after
        self.index = index

    def of_all_elements(self) -> Array:
        starts = (np.arange(self.before)[:, None] * self.length + self.index) * self.after
        return starts.reshape(-1) if self.after == 1 else (starts[..., None] + np.arange(self.after)).reshape(-1)


def _flat_places(shape: Shape, key: Key) -> _Rows | None:
    """What a key names as rows along one axis, for the commonest kinds of keys: one array, or one for each axis."""
    arrays = [part for part in key if isinstance(part, np.ndarray)]
    if len(arrays) == 1 and all(isinstance(part, np.ndarray) or part == _ALL for part in key):
        axis = next(i for i, part in enumerate(key) if isinstance(part, np.ndarray))
        index = _from_zero(arrays[0], shape[axis])
        return _Rows(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]), index.reshape(-1))
    if len(key) == len(shape) and all(isinstance(part, int) or _is_integers(part) for part in key):
        places: Any = 0
        for part, length in zip(key, shape, strict=True):
            places = places * length + _from_zero(np.asarray(part), length)
        return _Rows(1, math.prod(shape), 1, places.reshape(-1))
    return None


def _is_integers(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype != np.bool


def _from_zero(index: Array, length: int) -> Array:
    index = index.astype(np.intp, copy=False)
    return np.where(index < 0, index + length, index)
