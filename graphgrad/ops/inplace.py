"""Writing in place: ``t += v``, ``t[i] = v`` and their kind.

Views share storage, as in NumPy. What that means for gradients:

- a leaf that needs a gradient may be written inside `no_grad` only: nothing could say what its old values were for;
- a computed tensor takes the new values and a new node, as if the name had been assigned anew;
- a view that needs a gradient can't be written: the tensor that it looks at would change behind its node's back.
"""

from __future__ import annotations

import dis
import sys
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, ShapeError, WriteError, describe
from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node
from graphgrad.graph.source import mark
from graphgrad.graph.tensor import Tensor, check_unwritten, computed
from graphgrad.graph.writes import CLOCK, is_locked, unlocked, wrote
from graphgrad.ops.declare import OpFunction

__all__ = ["write_in_place"]

Array = np.ndarray[Any, Any]


def write_in_place(target: Tensor, function: OpFunction, value: Any, **attrs: Any) -> Tensor:
    """Replace the values of `target` by those of ``function(target, value, **attrs)``, in its own memory.

    Raises
    ------
    WriteError
        If `target` is a leaf that needs a gradient and grad mode is on, or a view that needs one.
    ShapeError, DTypeError
        If the result has another shape, or a dtype that `target` can't hold.
    """
    name = function.op.name
    recording = MODE.get().grad
    if recording and target.requires_grad and target.is_leaf:
        raise WriteError(
            describe(
                f"{name} in place: {target._title()} is a leaf that needs a gradient",
                hint="update parameters inside gg.no_grad(), or write to the array: t.data -= ...",
            )
        )
    if not target._data.flags.writeable and not is_locked(target._data):
        raise WriteError(
            describe(
                f"{name} in place: {target._title()} is read-only: several of its elements may be one in memory",
                hint="write to a copy: gg.tensor(t.data), or compute a new tensor",
            )
        )
    if target._source is not None:
        check_unwritten(target, f"{name} in place")
    # The old values are about to be overwritten, and a rule may need them: the operation gets a copy.
    before = target._data.copy()
    operand = Tensor(before) if target._source is None else computed(before, target._source)
    result: Tensor = function(operand, value, **attrs)
    _check_fits(target, result, name)
    if recording and (target.requires_grad or result.requires_grad) and _is_view(target._data):
        if not target.requires_grad and _stores_element():
            return result  # t[i] += w: Python is about to assign this to t[i], and that records it
        raise WriteError(
            describe(
                f"{name} in place: {target._title()} is a view, whose memory another tensor looks at too",
                hint="write to the tensor that it is a view of, as in t[...] = t[...] + ..., or to a copy (t * 1)",
            )
        )
    source = result._source
    if isinstance(source, Node) and isinstance(source.saved, tuple):
        # What the rules will read must not be what is overwritten now: `h *= h` saves the memory of h itself.
        source.saved = tuple(
            kept.copy() if isinstance(kept, np.ndarray) and np.may_share_memory(kept, target._data) else kept
            for kept in source.saved
        )
    with unlocked(target._data):  # what a graph needs of it is looked up in the book of writes
        np.copyto(target._data, result._data, casting="same_kind")
    target._written = wrote(target._data)
    if isinstance(source, Node):
        source.epoch = CLOCK.epoch
        source.name = target.name or source.name
        retained = target.retains_grad
        target._source = source
        target._needs = True
        if retained:
            target.retain_grad()  # of its values now; hooks stay with the values that they were registered for
    recorder = MODE.get().recorder
    if recorder is not None:
        recorder.written(target, result)
    return target


def _check_fits(target: Tensor, result: Tensor, name: str) -> None:
    if result.shape != target.shape:
        raise ShapeError(
            describe(
                f"{name} in place: the result has shape {result.shape}",
                f"expected: {target.shape}, the shape of what is written",
                hint="write t = t + ... to make a new tensor",
            )
        )
    if not np.can_cast(result.dtype, target.dtype, "same_kind"):
        raise DTypeError(
            describe(f"{name} in place: a result of dtype {result.dtype} can't be written to {target.dtype}")
        )


def _stores_element() -> bool:
    """Whether the user's code is at an augmented assignment to an element, such as ``t[i] += w``.

    Python runs that as ``part = t[i]; part += w; t[i] = part``. Only here may a write to a view be left undone.
    """
    place = mark()
    if place is None:
        return False
    code, last = place
    after = (step.opname for step in dis.get_instructions(code) if step.offset > last)
    return next((name for name in after if name not in ("CACHE", "SWAP")), "") == "STORE_SUBSCR"


def _is_view(array: Array) -> bool:
    """Whether anything else looks at the memory of an array that doesn't own it.

    NumPy sets ``base`` on copies of its own making too; but then nothing else refers to the owner.
    """
    base = array.base
    if base is None:
        return False
    return sys.getrefcount(base) > 3  # by the array, by the variable, and by this question


late.write_in_place = write_in_place
