"""The backward pass over scalars, compiled: for graphs that are too large to be watched.

It gives the bits of the pass in Python. It works on a copy, laid out flat, so two threads that differentiate graphs
with common leaves at the same time don't get into each other's way.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tape import DONE, GIVING, NOTHING, Chunk, Flat, flatten
from graphgrad.kernels.opcodes import CODES

__all__ = ["compiled_backward", "compiled_pays", "compiled_segment", "pays"]

Array = np.ndarray[Any, Any]

_WORTH_LOADING = 300_000
"""How many scalars a process passes through in Python before it loads the compiled pass.

That is 0.6 seconds of Python, at 1.8 to 2.3 µs a scalar. To load numba and what it has kept takes 0.7 seconds, to
compile the first time 3: whoever differentiates a small graph, or a few, never waits for that.
"""

_SMALL = 50
"""How many scalars are left to Python even when the compiled pass is loaded.

Both ways take 50 µs for 25 scalars; for 100 they take 185 and 55, for 10,000 they take 18,000 and 360. The count is of
whole chunks, so that of a small graph may be too large by up to a thousand, which cost 20 µs when compiled.
"""


class _Work:
    """How many scalars this process has passed through in Python."""

    passed = 0


def compiled_pays(root: Scalar) -> bool:
    """Whether the pass from `root` is better compiled; called once for each pass."""
    return pays(_size(root))


def pays(size: int) -> bool:
    """Whether a pass over about so many scalars is better compiled."""
    if "graphgrad.kernels.scalar_tape" not in sys.modules:
        _Work.passed += size
        if _Work.passed <= _WORTH_LOADING:
            return False
    if size <= _SMALL:
        return False
    from graphgrad.kernels.jit import compiles

    return compiles()


def _size(root: Scalar) -> int:
    """About how many scalars a pass meets: all in the chunks with results that can be got to."""
    size = root.index + 1
    seen = {root.chunk}
    stack = [root.chunk]
    while stack:
        for read in stack.pop().reads:
            if read.reads and read not in seen:
                seen.add(read)
                stack.append(read)
                size += read.used
    return size


def compiled_backward(root: Scalar, seed: float) -> bool:
    """Run a pass and write the gradients; False, and nothing is done, if a scalar's operation has no kernel."""
    from graphgrad.kernels import scalar_tape

    flat = flatten([root.chunk])
    if flat.codes.max() > len(CODES):
        return False
    start = flat.place(root.chunk, root.index)
    reached = np.zeros_like(flat.codes)
    reached[start] = 1
    to_left, to_right = np.empty_like(reached), np.empty_like(reached)
    grads = np.empty_like(flat.values)
    grads[start] = seed
    tape = flat.codes, flat.left, flat.right
    scalar_tape.plan(*tape, flat.needs, reached, to_left, to_right)
    scalar_tape.backward(*tape, flat.values, to_left, to_right, grads)
    with GIVING, np.errstate(all="ignore"):
        _give_back(flat, grads, reached)
    return True


def _give_back(flat: Flat, grads: Array, reached: Array) -> None:
    """Write gradients to where scalars look for them: leaves add them up, results have the last."""
    for chunk, part in flat.parts.items():
        arrived = np.flatnonzero(reached[part])
        if arrived.size:
            new = grads[part][arrived]
            old, states = np.frombuffer(chunk.grads), np.frombuffer(chunk.states, np.uint8)
            if not chunk.reads:
                new = np.where(states[arrived] == NOTHING, new, old[arrived] + new)
            old[arrived] = new
            states[arrived] = DONE


def compiled_segment(sums: dict[Chunk, dict[int, float]], chunks: Sequence[Chunk]) -> bool:
    """Pass on what has arrived at the scalars of some chunks, between which there are only scalars.

    Parameters
    ----------
    sums
        What has arrived, by chunk and index; what arrives further is added.
    chunks
        All of them have operations. What they read beside each other is none of this.

    Returns
    -------
    bool
        False, and nothing is done, if a scalar's operation has no kernel.
    """
    from graphgrad.kernels import scalar_tape

    flat = flatten(chunks, shallow=True)
    if flat.codes.max() > len(CODES):
        return False
    reached = np.zeros_like(flat.codes)
    to_left, to_right = np.empty_like(reached), np.empty_like(reached)
    grads = np.empty_like(flat.values)
    for chunk, part in flat.parts.items():
        before = sums.get(chunk)
        if before:
            places = part.start + np.fromiter(before.keys(), np.int64, len(before))
            reached[places] = 1
            grads[places] = np.fromiter(before.values(), np.float64, len(before))
    tape = flat.codes, flat.left, flat.right
    scalar_tape.plan(*tape, flat.needs, reached, to_left, to_right)
    scalar_tape.backward(*tape, flat.values, to_left, to_right, grads)
    for chunk, part in flat.parts.items():
        arrived = np.flatnonzero(reached[part])
        if arrived.size:
            sums[chunk] = dict(zip(arrived.tolist(), grads[part][arrived].tolist(), strict=True))
    return True
