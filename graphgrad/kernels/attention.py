"""Attention in blocks of queries: the scores of a block stay in the cache, and none are kept (Dao et al., 2022).

A problem is one set of queries with its keys and values: one head of one example. A block of its queries is multiplied
by all keys, masked, made a softmax in two sweeps, and multiplied by the values; what is kept for the backward pass is
each softmax's greatest score and its denominator. The backward pass computes the weights of a block again from these.
Their usual short form, greatest score + log(denominator), would lose the denominator beside a large score: of keys that
a mask of -1e9 hides all alike, each would get the whole weight.

Problems, or parts of one where there are few, are shared out over the processors; `graphgrad.kernels.attention_blocks`
computes them. Beyond operands and results that takes, for each processor, a copy of one problem's keys and values and
their gradients, and two blocks of scores, of `_BLOCK` elements unless `_ROWS` queries have more.
"""

from __future__ import annotations

import functools
import itertools
import math
import threading
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from graphgrad.kernels import attention_blocks
from graphgrad.kernels.blas import one_thread
from graphgrad.kernels.plain.random import key_of, least_kept
from graphgrad.kernels.threads import in_parallel, processors, shares

__all__ = ["backward", "forward"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
Part = tuple[int, int, int, int]
"""The first problem and the one behind the last, and the same of the queries in each."""

# ---- how the work is shared out --------------------------------------------------------------------------------------

_BLOCK = 1 << 17
"""How many scores there are at a time: they and their gradients are to stay in a second-level cache."""
_ROWS = 16
"""But not fewer queries than these: a vector of them."""
_CAUSAL = 32
"""Nor more than these, where each sees the keys before it: a block is spared all keys behind its last query."""
_SMALL = 1 << 23
"""Up to so many products one thread is done before others have begun."""
_KEPT = 1 << 24
"""Up to so many bytes of work memory are kept by each thread: fresh memory costs a page fault every 4 KiB."""


def forward(
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None,
    scale: float,
    causal: bool,
    drop: tuple[int, float] | None = None,
) -> tuple[Array, tuple[Array, Array]]:
    """
    softmax(scale · Q Kᵀ + mask) V.

    Parameters
    ----------
    query, key, value
        Shapes (..., L, d), (..., S, d) and (..., S, dv), whose leading axes broadcast; float32 or float64, all of them.
    mask
        Broadcasts to (..., L, S): bools, False where a query doesn't see a key; or floats of the same dtype, which are
        added to the scores; or None.
    scale
        What the products are multiplied by.
    causal
        Whether query i sees the keys up to i only.
    drop
        A seed and a probability: which weights are dropped is that of `graphgrad.kernels.random.dropped` for all of
        them, of shape (..., L, S). None drops none.

    Returns
    -------
    out : ndarray
        Shape (..., L, dv), zeros for a query that sees nothing; in memory the axes follow each other as in `query`.
    kept : tuple of ndarray
        Twice the shape (..., L): of each query its greatest score, and one divided by the sum of exp(score - greatest);
        both are 0 for a query that sees nothing.
    """
    batch = _batch(query, key, value)
    plan = _Plan(batch, query, key, value, causal)
    out = _like((*batch, plan.n_q, plan.wide), query)
    kept = np.empty(plan.count * plan.n_q, query.dtype), np.empty(plan.count * plan.n_q, query.dtype)
    operands = tuple(_strided(one, batch) for one in (query, key, value))
    masks, dropping = _masks(mask, batch, query.dtype), _dropping(drop)
    into = _strided(out, batch)
    n_k, width, wide, most = plan.n_k, plan.width, plan.wide, plan.most

    def run(part: Part) -> None:
        room = _room(query.dtype, n_k * width, n_k * wide, most * width, most * n_k, most * wide, most, most)
        attention_blocks.forward(plan.sizes, scale, causal, part, operands, masks, dropping, (into, kept), room)

    plan.share(run)
    top, share = (one.reshape(*batch, plan.n_q) for one in kept)
    return out, (top, share)


def backward(
    g: Array,
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None,
    kept: tuple[Array, Array],
    scale: float,
    causal: bool,
    needs: Collection[str],
    drop: tuple[int, float] | None = None,
) -> dict[str, Array]:
    """
    The gradients of `forward`.

    Parameters
    ----------
    g
        The gradient of the result.
    query, key, value, mask, scale, causal, drop
        As in `forward`.
    kept
        What that gave.
    needs
        For which of ``"query"``, ``"key"``, ``"value"`` and ``"mask"`` gradients are wanted.

    Returns
    -------
    dict
        The gradients by name; of query, key and value with all leading axes, that of the mask in its own shape.
    """
    batch = _batch(query, key, value)
    plan = _Plan(batch, query, key, value, causal)
    n_k, width, wide, most = plan.n_k, plan.width, plan.wide, plan.most
    operands = tuple(_strided(one, batch) for one in (query, key, value, g))
    masks, dropping = _masks(mask, batch, query.dtype), _dropping(drop)
    nothing = _nothing(query.dtype)
    d_query = _like((*batch, plan.n_q, width), query) if "query" in needs else None
    top, share = (one.reshape(-1) for one in kept)
    # Where a problem is shared out, each part has keys and values of its own, to be added up.
    rows = sorted({part[2] for part in plan.parts})
    d_key = [_like((*batch, n_k, width), key) for _ in rows] if "key" in needs else None
    d_value = [_like((*batch, n_k, wide), value) for _ in rows] if "value" in needs else None

    def run(part: Part) -> Array | None:
        copy = rows.index(part[2])
        room = _room(
            query.dtype, n_k * width, n_k * wide, n_k * width, n_k * wide, most * max(width, wide),
            most * max(width, wide), most * n_k, most * n_k, most,
        )  # fmt: skip
        d_mask = np.zeros(mask.shape, mask.dtype) if "mask" in needs and mask is not None else None
        found = (
            nothing if d_query is None else _strided(d_query, batch),
            nothing if d_key is None else _strided(d_key[copy], batch),
            nothing if d_value is None else _strided(d_value[copy], batch),
            nothing if d_mask is None else _strided(_wide(d_mask), batch),
        )
        attention_blocks.backward(plan.sizes, scale, causal, part, operands, masks, dropping, (top, share), found, room)
        return d_mask

    d_masks = plan.share(run)
    total = {"query": d_query, "key": _total(d_key), "value": _total(d_value), "mask": _total(d_masks)}
    return {name: one for name in needs if (one := total[name]) is not None}


def _total(parts: Sequence[Array | None] | None) -> Array | None:
    """The sum of what each part found, if they found anything, in their order: the same bits each time."""
    if not parts or parts[0] is None:
        return None
    total = parts[0]
    for one in parts[1:]:
        total += one
    return total


class _Plan:
    """How much there is to do, and who does what."""

    def __init__(self, batch: Shape, query: Array, key: Array, value: Array, causal: bool) -> None:
        self.count = math.prod(batch)
        self.n_q, self.width = query.shape[-2:]
        self.n_k, self.wide = value.shape[-2:]
        most = min(_BLOCK // self.n_k, _CAUSAL) if causal else _BLOCK // self.n_k
        self.most = min(max(most, _ROWS), self.n_q)
        self.sizes = (self.n_q, self.n_k, self.width, self.wide, self.most)
        self.products = self.count * self.n_q * self.n_k * (self.width + self.wide)
        self.parts = self._parts()

    def _parts(self) -> list[Part]:
        """Ranges of problems and of their queries."""
        if self.products <= _SMALL or processors() == 1:
            return [(0, self.count, 0, self.n_q)]
        if self.count >= processors():
            return [(one.start, one.stop, 0, self.n_q) for one in shares(self.count)]
        return [(n, n + 1, one.start, one.stop) for n in range(self.count) for one in shares(self.n_q)]

    def share(self, run: Callable[[Part], Any]) -> list[Any]:
        with one_thread():
            return in_parallel(run, self.parts)


def _dropping(drop: tuple[int, float] | None) -> tuple[Any, Any, float]:
    """Where the counter begins, the least number that isn't dropped, and what the others are divided by."""
    if drop is None:
        return np.uint64(0), np.uint64(0), 1.0
    seed, p = drop
    return np.uint64(key_of(seed)), np.uint64(least_kept(p)), 1.0 - p or 1.0


# ---- arrays ----------------------------------------------------------------------------------------------------------


def _batch(*arrays: Array) -> Shape:
    """The leading axes that arrays have together, at least one."""
    shapes = [one.shape[:-2] for one in arrays]
    return shapes[0] if shapes.count(shapes[0]) == len(shapes) else np.broadcast_shapes(*shapes)


def _like(shape: Shape, model: Array) -> Array:
    """An array whose axes follow each other in memory as those of another."""
    if model.ndim != len(shape):
        return np.empty(shape, model.dtype)
    order = sorted(range(len(shape)), key=lambda axis: -model.strides[axis])
    back = sorted(range(len(shape)), key=order.__getitem__)
    return np.empty([shape[axis] for axis in order], model.dtype).transpose(back)


_Strided = tuple[Array, Array, Shape]


def _strided(array: Array, batch: Shape) -> _Strided:
    """An array as memory, where in it each problem begins, and the steps of rows and columns; 0 along axes of one."""
    size, strides, flags = array.itemsize, array.strides, array.flags
    plain = flags.writeable and flags.aligned  # for arrays of another kind all would be compiled once more
    if not plain or (not flags.c_contiguous and any(step < 0 or step % size for step in strides)):
        array = array.copy()
        strides = array.strides
    steps = tuple([step // size if n > 1 else 0 for n, step in zip(array.shape, strides, strict=True)])
    if array.flags.c_contiguous:
        memory = array.reshape(-1)
    else:
        span = sum([(n - 1) * step for n, step in zip(array.shape, steps, strict=True)]) + 1 if array.size else 0
        memory = as_strided(array, (span,), (size,))
    return memory, _starts(array.shape[:-2], steps[:-2], batch), steps[-2:]


@functools.lru_cache(64)
def _starts(shape: Shape, steps: Shape, batch: Shape) -> Array:
    starts = np.zeros((), np.int64)
    for n, step in zip(shape, steps, strict=True):
        starts = np.add.outer(starts, np.arange(n) * step)
    return np.array(np.broadcast_to(starts, batch)).reshape(-1)


def _nothing(dtype: Any) -> _Strided:
    return np.empty(0, dtype), np.zeros(1, np.int64), (0, 0)


def _masks(mask: Array | None, batch: Shape, dtype: Any) -> tuple[_Strided, _Strided]:
    """A mask of bools and one of floats, one of them or both empty."""
    if mask is None:
        return _nothing(np.bool), _nothing(dtype)
    found = _strided(_wide(mask), batch)
    return (found, _nothing(dtype)) if mask.dtype == np.bool else (_nothing(np.bool), found)


def _wide(mask: Array) -> Array:
    """With two axes at least."""
    return mask.reshape(*[1] * (2 - mask.ndim), *mask.shape)


_own = threading.local()


def _room(dtype: Any, *counts: int) -> tuple[Any, ...]:
    """Memory of this thread to work in, and what arguments of BLAS stand in."""
    kept = getattr(_own, dtype.char, None)
    if kept is None:
        kept = [np.empty(0, dtype), (np.empty(2, np.uint8), np.empty(6, np.int32), np.empty(2, dtype))]
        setattr(_own, dtype.char, kept)
    ends = list(itertools.accumulate([count + 15 & -16 for count in counts]))
    memory: Array = kept[0]
    if memory.size < ends[-1]:
        memory = np.empty(ends[-1], dtype)
        if memory.nbytes <= _KEPT:
            kept[0] = memory
    return *[memory[end - count : end] for end, count in zip(ends, counts, strict=True)], kept[1]
