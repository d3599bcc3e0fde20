"""Writing in place: ``t += v``, ``t[i] = v`` and their kind.

Views share storage, as in NumPy. What that means for gradients:

- a leaf that needs a gradient may be written inside `no_grad` only: nothing could say what its old values were for;
- a computed tensor takes the new values and a new node, as if the name had been assigned anew;
- a view that needs a gradient can't be written: the tensor that it looks at would change behind its node's back. But
  ``t[i] += v`` can be recorded, since Python assigns the changed part to ``t[i]`` again.

Where nothing is recorded, values are written and nothing else: an element then costs no copy of the whole.
"""

from __future__ import annotations

import dis
import functools
import sys
from types import CodeType
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, ShapeError, WriteError, describe
from graphgrad.graph.holders import is_seen_elsewhere
from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE, Mode
from graphgrad.graph.node import Node, next_number
from graphgrad.graph.source import mark
from graphgrad.graph.tensor import Tensor, check_unwritten, computed
from graphgrad.graph.writes import CLOCK, is_locked, unlocked, wrote
from graphgrad.ops.array.adding import assign
from graphgrad.ops.array.indexing import prepare_key, setitem
from graphgrad.ops.declare import OpFunction
from graphgrad.ops.refusals import explain

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
    mode = MODE.get()
    if mode.grad and target.requires_grad and target.is_leaf:
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
    if not _records(mode, target, value):
        return _write_values(target, function, value, attrs)
    # The old values are about to be overwritten, and a rule may need them: the operation gets a copy.
    before = target._data.copy()
    operand = Tensor(before) if target._source is None else computed(before, target._source)
    result: Tensor = function(operand, value, **attrs)
    _check_fits(target, result, name)
    source = result._source
    if isinstance(source, Node) and isinstance(source.saved, tuple):
        # What the rules will read must not be what is overwritten now: `h *= h` saves the memory of h itself.
        source.saved = tuple(
            kept.copy() if isinstance(kept, np.ndarray) and np.may_share_memory(kept, target._data) else kept
            for kept in source.saved
        )
    if mode.grad and (target.requires_grad or result.requires_grad) and is_seen_elsewhere(target._data):
        if _is_passing(target) and _stores_element():
            return result  # t[i] += v: Python is about to assign this to t[i], and that records it
        raise WriteError(
            describe(
                f"{name} in place: {target._title()} is a view, whose memory another tensor looks at too",
                hint="write to the tensor that it is a view of, as in t[...] = t[...] + ..., or to a copy (t * 1)",
            )
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
    elif mode.grad and target.requires_grad:  # t //= 2: no gradient passes, its values are constants from now on
        target._source, target._needs, target._number = None, False, next_number()
    if mode.recorder is not None:
        mode.recorder.written(target, result)
    return target


def _records(mode: Mode, target: Tensor, value: Any) -> bool:
    """Whether a write has to be an operation, because a graph or somebody who looks on is to know of it."""
    if mode.recorder is not None or mode.hooks or mode.anomaly is not None:
        return True
    if any(isinstance(one, Tensor) and type(one) is not Tensor for one in (target, value)):
        return True  # one example of many
    return mode.grad and (target.requires_grad or (isinstance(value, Tensor) and value.requires_grad))


def _write_values(target: Tensor, function: OpFunction, value: Any, attrs: dict[str, Any]) -> Tensor:
    """Write without an operation in any graph."""
    if function is setitem and _is_plain(value, target._data.dtype):
        _assign(target, value, attrs["key"])
    else:
        result: Tensor = function(target, value, **attrs)
        _check_fits(target, result, function.op.name)
        with unlocked(target._data):
            np.copyto(target._data, result._data, casting="same_kind")
    target._written = wrote(target._data)
    return target


def _is_plain(value: Any, dtype: np.dtype[Any]) -> bool:
    """Whether a value goes into elements of a dtype without any question."""
    if isinstance(value, (float, int)):
        return dtype.kind in "fc"
    return isinstance(value, (Tensor, np.ndarray)) and (
        value.dtype == dtype or (dtype.kind in "fc" and value.dtype.kind in "fiub")
    )


def _assign(target: Tensor, value: Any, key: Any) -> None:
    """What `setitem` does, without a copy of the elements that stay."""
    attrs = {"key": key}
    try:
        prepare_key(attrs)
        values = value._data if isinstance(value, Tensor) else np.asarray(value)
        if np.may_share_memory(values, target._data):
            values = values.copy()
        with unlocked(target._data):
            assign(target._data, attrs["key"], values)
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        explain(setitem.op, [target, value], attrs, error)


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
    """Whether the user's code is at an augmented assignment to an element, such as ``t[i] += v``.

    Python runs that as ``part = t[i]; part += v; t[i] = part``. Only here may a write to a view be left undone.
    """
    place = mark()
    return place is not None and _stores_next(*place)


@functools.lru_cache(maxsize=1024)
def _stores_next(code: CodeType, last: int) -> bool:
    after = (step.opname for step in dis.get_instructions(code) if step.offset > last)
    return next((name for name in after if name not in ("CACHE", "SWAP")), "") == "STORE_SUBSCR"


# ---- who else refers to it: how many references that makes is Python's own business, so it is measured ---------------


class _Probe:
    """Has a part that is changed in place and assigned again, by as many calls as that of a tensor."""

    holders = 0

    def __getitem__(self, key: int) -> _Probe:
        return _Probe()

    def __setitem__(self, key: int, part: _Probe) -> None:
        self.holders = part.holders

    def __iadd__(self, other: int) -> _Probe:
        return _probed(self)


def _probed(target: _Probe) -> _Probe:
    target.holders = _references(target)
    return target


def _references(part: Any) -> int:
    return sys.getrefcount(part)


_probe = _Probe()
_probe[0] += 0


def _is_passing(part: Tensor) -> bool:
    """Whether only Python itself holds a tensor, on the way from ``t[i]`` back to it: no variable does, and no list."""
    return sys.getrefcount(part) <= _probe.holders


late.write_in_place = write_in_place
