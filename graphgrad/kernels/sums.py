"""Sums of many numbers, in an order in which they keep their digits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["TOGETHER", "add_up"]

Array = np.ndarray[Any, Any]
Axes = int | Sequence[int] | None

TOGETHER = 256
"""How many numbers are added up one after the other."""
_FEW = 2 * TOGETHER
"""So many NumPy may add up one after the other: blocks would take longer."""
_ENOUGH = 16
"""With so many at a time, what is left to add up takes next to no time."""
_WIDE = 1024
"""How many neighbours are added to as many others in one go: rows are put side by side until they are so wide."""
_SIDE_BY_SIDE = 16, 1024
"""From how many neighbours on, and up to how many, einsum adds them up: some at a time, in a third of the time."""
_MANY = 1 << 14
"""And of how many numbers in all."""

_reduce: Any = np.add.reduce  # whose stubs know `keepdims` as a literal only


def add_up(x: Array, axes: Axes = None, keepdims: bool = False) -> Any:
    """The sum over some axes or all, as ``np.add.reduce`` gives it, but of many numbers with all their digits.

    NumPy adds up in pairs what lies side by side, and one row after the other. A float32 that is added to the sum of
    100,000 like it loses most of its digits: the gradient of a bias would be right to 3 digits only. Here many rows are
    added up in blocks, and then the sums of the blocks. Half precision is added up in single.

    Parameters
    ----------
    axes
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were added up, with length 1.
    """
    kind = x.dtype.char
    if kind == "e":
        return add_up(x.astype(np.float32), axes, keepdims).astype(np.float16)
    if x.size >= _MANY and kind in "fd" and x.flags.c_contiguous:
        run = _neighbours(x.shape, axes)
        if run:
            return _add_up_neighbours(x, axes, keepdims, run)
    if x.size > _FEW and kind in "fdgFDG":
        first = _first(x, axes)
        if first is not None:
            return _add_up_blocks(x, axes, keepdims, *first)
    return _reduce(x, axis=axes, keepdims=keepdims)


def _wanted(ndim: int, axes: Axes) -> Sequence[int]:
    if axes is None:
        return range(ndim)
    return (axes % ndim,) if isinstance(axes, int) else [axis % ndim for axis in axes]


def _neighbours(shape: tuple[int, ...], axes: Axes) -> int:
    """How many of the last axes are added up, if not all, and if einsum is quicker with them."""
    ndim = len(shape)
    wanted = _wanted(ndim, axes)
    run, count, (least, most) = 0, 1, _SIDE_BY_SIDE
    while run < ndim and ndim - 1 - run in wanted:
        run += 1
        count *= shape[-run]
    is_quick = run < ndim and least <= count and (count <= most or count % most == 0)
    return run if is_quick and _are_right(ndim, axes) else 0


def _are_right(ndim: int, axes: Axes) -> bool:
    """Whether there are these axes, each named once; what NumPy says otherwise is said by NumPy."""
    if axes is None:
        return True
    named = [axes] if isinstance(axes, int) else axes
    return all(-ndim <= axis < ndim for axis in named) and len({axis % ndim for axis in named}) == len(named)


def _add_up_neighbours(x: Array, axes: Axes, keepdims: bool, run: int) -> Any:
    """The sum over the last axes, by einsum, and then over the others."""
    ndim, before = x.ndim, x.shape[: x.ndim - run]
    count = math.prod(x.shape[ndim - run :])
    sums = np.einsum("ip->i", x.reshape(-1, min(count, _SIDE_BY_SIDE[1])))
    if count > _SIDE_BY_SIDE[1]:
        sums = _reduce(sums.reshape(-1, count // _SIDE_BY_SIDE[1]), axis=1)
    others = tuple(axis for axis in _wanted(ndim, axes) if axis < ndim - run)
    found = sums.reshape(before)
    if others:
        found = add_up(found, others, keepdims)
    return found.reshape(*found.shape, *[1] * run) if keepdims else found


def _first(x: Array, axes: Axes) -> tuple[list[int], int, int, int] | None:
    """What to add up first: whole axes, and blocks of one more; None if NumPy may add up all at once.

    Of that axis so many rows, and so many side by side, make a block; 0 if it isn't its turn yet.
    """
    shape, ndim = x.shape, x.ndim
    wanted = _wanted(ndim, axes)
    if ndim == len(wanted) and x.flags.c_contiguous:
        return None
    count = 1
    for axis in wanted:
        count *= shape[axis]
    if count <= _FEW:
        return None
    strides = x.strides
    # From the inner axis to the outer one in memory, as NumPy goes through them.
    order = sorted((i for i in range(ndim - 1, -1, -1) if shape[i] > 1), key=lambda i: abs(strides[i]))
    # The axes that lie side by side, all added up or all kept; there NumPy's order isn't known if numbers are repeated.
    is_inner = order[0] in wanted and strides[order[0]] != 0
    run, width, after = 0, 1, strides[order[0]]
    for i in order:
        if (i in wanted) != is_inner or strides[i] != after:
            break
        run, width, after = run + 1, width * shape[i], after * shape[i]
    # A run that is added up is added up in pairs, however long; what is kept doesn't count.
    whole, count = order[:run] if is_inner else [], 1
    for i in order[run:] if is_inner else order:
        if i not in wanted:
            continue
        length = shape[i]
        if count * length > (_FEW if count == 1 else TOGETHER):
            if count >= _ENOUGH:
                return whole, i, 0, 0
            lanes = 1
            if count == 1 and not is_inner and strides[i] == after:
                lanes = max(1, min(_WIDE // width, length // _ENOUGH))
            blocks = -(-length * count // (TOGETHER * lanes))
            return whole, i, length // (blocks * lanes), lanes
        whole.append(i)
        count *= length
    return None


def _add_up_blocks(x: Array, axes: Axes, keepdims: bool, whole: list[int], axis: int, length: int, lanes: int) -> Any:
    """The sum of the sums over the axes `whole` and over blocks of one more, and of the rest that fills none."""
    if not length:
        return add_up(_reduce(x, axis=tuple(whole), keepdims=True), axes, keepdims)
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    count = x.shape[axis] // (length * lanes)
    full = count * length * lanes
    part = (slice(None),) * axis
    # An axis is split without a copy, whatever the strides.
    blocks = x[(*part, slice(full))].reshape(*before, count, length, lanes, *after)
    sums = _reduce(blocks, axis=(*[i + 2 * (i > axis) for i in whole], axis + 1), keepdims=True)
    shape = sums.shape
    total = add_up(sums.reshape(*shape[:axis], count * lanes, *shape[axis + 3 :]), axes, keepdims)
    if full < x.shape[axis]:
        total = total + add_up(x[(*part, slice(full, None))], axes, keepdims)
    return total
