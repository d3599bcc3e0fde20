"""Writing in place: ``t += v``, ``t[i] = v`` and their kind.

Views share storage, as in NumPy. What that means for gradients:

- a leaf that needs a gradient may be written inside `no_grad` only: nothing could say what its old values were for;
- a computed tensor takes the new values and a new node, as if the name had been assigned anew;
- a view that needs a gradient can't be written: the tensor that it looks at would change behind its node's back.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, ShapeError, WriteError, describe
from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node
from graphgrad.graph.tensor import Tensor, check_unwritten, computed
from graphgrad.graph.writes import CLOCK, wrote
from graphgrad.ops.declare import OpFunction

__all__ = ["write_in_place"]


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
    if recording and target.requires_grad and _is_view(target):
        raise WriteError(
            describe(
                f"{name} in place: {target._title()} is a view, made by {target.node.op.name}",  # type: ignore[union-attr]
                hint="write to the tensor that it is a view of, or to a copy of it (t * 1)",
            )
        )
    # The old values are about to be overwritten, and the rule for them may need them: the operation gets a copy.
    before = target._data.copy()
    operand = Tensor(before) if target._source is None else computed(before, target._source)
    if target._source is not None:
        check_unwritten(target, f"{name} in place")
    result = function(operand, value, **attrs)
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
    np.copyto(target._data, result._data, casting="same_kind")
    target._written = wrote(target._data)
    if result.requires_grad:
        source = result._source
        assert isinstance(source, Node)
        source.epoch = CLOCK.epoch
        target._source = source
        target._needs = True
    recorder = MODE.get().recorder
    if recorder is not None:
        recorder.written(target, result)
    return target


def _is_view(tensor: Tensor) -> bool:
    node = tensor.node
    return node is not None and node.op.view and tensor._data.base is not None


late.write_in_place = write_in_place
