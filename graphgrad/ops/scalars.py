"""Operations on single numbers: the way onto the tape, and a float arithmetic that never raises.

Python raises for 1.0 / 0.0, log(-1.0) and exp(1000.0); IEEE 754 has answers for all of them, and a graph should show
those. So the plain float function runs first, for it is quick; when it raises, the operation runs in NumPy's float64.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Any, NoReturn

import numpy as np

from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.hooks import call_forward_hooks
from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node
from graphgrad.graph.operation import Op
from graphgrad.graph.record import report
from graphgrad.graph.scalar import Scalar, as_float, constant, handle
from graphgrad.graph.source import call_site
from graphgrad.graph.tape import CAPACITY, Chunk, Note, constants_chunk, open_chunk
from graphgrad.graph.writes import CLOCK

__all__ = ["OPCODES", "register", "scalar_entry"]

OPCODES: list[Op | None] = [None]
"""The operations by opcode; 0 marks leaves and constants."""

_mode = MODE.get
_new = Scalar.__new__
_RAISED = (ZeroDivisionError, OverflowError, ValueError)


def register(op: Op) -> None:
    """Give an operation that runs on single numbers its opcode."""
    if len(OPCODES) > 255:
        raise TypeError(f"{op.name}: the tape holds opcodes in one byte, all 255 are taken")
    op.opcode = len(OPCODES)
    OPCODES.append(op)


def scalar_entry(op: Op) -> Callable[..., Scalar]:
    """The function that runs `op` on scalars; one that refuses if the operation has no form for single numbers."""
    if op.scalar is None:

        def refuse(*operands: Any) -> NoReturn:
            hint = "use tensors: gg.tensor(value, requires_grad=True)"
            error = DTypeError(describe(f"{op.name}: doesn't run on a Scalar", hint=hint))
            report(op, operands, error)
            raise error

        return refuse
    return _unary(op) if len(op.operands) == 1 else _binary(op)


def _unary(op: Op) -> Callable[[Any], Scalar]:
    assert op.scalar is not None and op.opcode is not None
    forward, code = op.scalar.forward, op.opcode

    def call(x: Any, /) -> Scalar:
        source, i = x.chunk, x.index
        try:
            value = forward(source.values[i])
        except _RAISED:
            value = ieee(op.forward, source.values[i])
        mode = _mode()
        if not (source.needs and mode.grad):
            return constant(value) if mode.fast else _watched(constant(value), op, (x,))
        chunk = source
        if chunk.thread != get_ident() or chunk.used == CAPACITY or chunk.epoch != CLOCK.epoch:
            chunk = open_chunk(chunk)
        k = chunk.used
        chunk.ops[k] = code
        chunk.left[k] = i if source is chunk else chunk.slots[source] | i
        chunk.values[k] = value
        chunk.used = k + 1
        made = _new(Scalar)
        made.chunk = chunk
        made.index = k
        if mode.scope or not mode.fast:
            _note(chunk, k)
            _watched(made, op, (x,))
        return made

    return call


def _binary(op: Op) -> Callable[[Any, Any], Scalar]:
    assert op.scalar is not None and op.opcode is not None
    forward, code = op.scalar.forward, op.opcode

    def call(a: Any, b: Any, /) -> Scalar:
        try:
            if type(a) is Scalar:
                left, i = a.chunk, a.index
            else:
                left, i = _number(op, a)
            if type(b) is Scalar:
                right, j = b.chunk, b.index
            else:
                right, j = _number(op, b)
        except Exception as error:
            report(op, (a, b), error)
            raise
        try:
            value = forward(left.values[i], right.values[j])
        except _RAISED:
            value = ieee(op.forward, left.values[i], right.values[j])
        mode = _mode()
        if not ((left.needs or right.needs) and mode.grad):
            return constant(value) if mode.fast else _watched(constant(value), op, (a, b))
        chunk = left if left.first > right.first else right
        if chunk.thread != get_ident() or chunk.used == CAPACITY or chunk.epoch != CLOCK.epoch:
            chunk = open_chunk(chunk)
        k = chunk.used
        chunk.ops[k] = code
        chunk.left[k] = i if left is chunk else chunk.slots[left] | i
        chunk.right[k] = j if right is chunk else chunk.slots[right] | j
        chunk.values[k] = value
        chunk.used = k + 1
        made = _new(Scalar)
        made.chunk = chunk
        made.index = k
        if mode.scope or not mode.fast:
            _note(chunk, k)
            _watched(made, op, (a, b))
        return made

    return call


def _number(op: Op, value: Any) -> tuple[Chunk, int]:
    """The place of a number that stands in the code beside a scalar."""
    if type(value) is not float:
        if not isinstance(value, (bool, int, float, np.floating, np.integer)):
            raise DTypeError(
                describe(
                    f"{op.name}: a Scalar takes part with scalars and numbers, not with {type(value).__name__}",
                    hint="use gg.tensor(value, requires_grad=True) for a number among tensors",
                )
            )
        value = as_float(value, op.name)
    chunk = constants_chunk()
    return chunk, chunk.put(value)


def _note(chunk: Chunk, index: int) -> None:
    """Keep the scope and, for those who watch, the place and the name."""
    mode = _mode()
    site = call_site() if mode.recorder is not None else None if mode.anomaly is None else mode.anomaly.site()
    chunk.notes[index] = Note(None if site is None else site.target, mode.scope, site)
    if mode.recorder is not None:
        mode.recorder.scalar(handle(chunk, index))


def _watched(result: Scalar, op: Op, operands: tuple[Any, ...]) -> Scalar:
    """A result, after those have seen it that look for anomalies or hang on every operation."""
    mode = _mode()
    if mode.anomaly is not None:
        try:
            mode.anomaly.check_scalar(op, operands, result.data)
        except Exception as error:
            report(op, operands, error)
            raise
    if mode.hooks:
        call_forward_hooks(_described(result, op, operands, mode.scope), operands, (result,))
    return result


def _described(result: Scalar, op: Op, operands: tuple[Any, ...], scope: str) -> Node:
    """An operation on single numbers as a node: the tape has none. No gradient comes by at this one."""
    node = Node()
    node.number, node.name, node.op, node.scope = result.number, None, op, scope
    node.operands = tuple(one.data if isinstance(one, Scalar) else one for one in operands)
    node.attrs, node.saved, node.needs = {}, None, 0
    node.shape, node.dtype = (), np.dtype("float64")
    node.epoch, node.site = CLOCK.epoch, None
    return node


def ieee(forward: Callable[..., Any], *values: Any) -> float:
    """The value that IEEE 754 gives where Python raises."""
    with np.errstate(all="ignore"):
        return float(forward(*map(np.float64, values)))


def _opcode_name(code: int) -> str:
    op = OPCODES[code]
    assert op is not None, "0 marks leaves and constants, which no operation computed"
    return op.name


late.opcode_name = _opcode_name
