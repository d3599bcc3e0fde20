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
from graphgrad.graph.record import names_at, report
from graphgrad.graph.scalar import Scalar, as_float, constant, handle
from graphgrad.graph.source import call_site
from graphgrad.graph.tape import CAPACITY, Chunk, Note, Place, open_chunk, put_number
from graphgrad.graph.writes import CLOCK
from graphgrad.kernels.opcodes import CODES

__all__ = ["OPCODES", "apply_forward", "give_operators", "register", "scalar_entry"]

OPCODES: list[Op | None] = [None] * (1 + len(CODES))
"""The operations by opcode; 0 marks leaves and constants."""

_mode = MODE.get
_new: Callable[[type[Scalar]], Scalar] = Scalar.__new__
_MOST = 1 << 53  # an integer below this fits a float
_RAISED = (ZeroDivisionError, OverflowError, ValueError)


def register(op: Op) -> None:
    """Give an operation that runs on single numbers its opcode; that of one without a kernel comes after the others."""
    code = CODES.get(op.name, len(OPCODES))
    if code > 255:
        raise TypeError(f"{op.name}: the tape holds opcodes in one byte, all 255 are taken")
    op.opcode = code
    if code < len(OPCODES):
        OPCODES[code] = op
    else:
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
        if not (mode.grad and source.needs):
            return _aside(value, op, (x,))
        chunk = source
        k = chunk.used
        if k == CAPACITY or chunk.thread != get_ident() or chunk.epoch != CLOCK.epoch:
            chunk = open_chunk(chunk)
            k = chunk.used
        chunk.ops[k] = code
        chunk.left[k] = i if source is chunk else chunk.slots[source] | i
        chunk.values[k] = value
        chunk.used = k + 1
        made = _new(chunk.face)
        made.chunk = chunk
        made.index = k
        if not mode.plain:
            _note(chunk, k)
            _watched(made, op, (x,))
        return made

    return call


def _binary(op: Op) -> Callable[[Any, Any], Scalar]:
    assert op.scalar is not None and op.opcode is not None
    forward, code = op.scalar.forward, op.opcode

    def call(a: Any, b: Any, /) -> Scalar:
        kind, other = type(a), type(b)
        if kind is other:
            left, right = a.chunk, b.chunk
            i, j = a.index, b.index
        elif other is float or (other is int and -_MOST < b < _MOST):
            left, i = a.chunk, a.index
            right, j = put_number(left, b)
        elif kind is float or (kind is int and -_MOST < a < _MOST):
            right, j = b.chunk, b.index
            left, i = put_number(right, a)
        else:
            left, i, right, j = _places(op, a, b)
            if left.face is not right.face:
                return _of_two_kinds(op, a, b)
        try:
            value = forward(left.values[i], right.values[j])
        except _RAISED:
            value = ieee(op.forward, left.values[i], right.values[j])
        mode = _mode()
        if not (mode.grad and (left.needs or right.needs)):
            return _aside(value, op, (a, b))
        chunk = left if left.first > right.first else right
        k = chunk.used
        if k == CAPACITY or chunk.thread != get_ident() or chunk.epoch != CLOCK.epoch:
            chunk = open_chunk(chunk)
            k = chunk.used
        chunk.ops[k] = code
        chunk.left[k] = i if left is chunk else chunk.slots[left] | i
        chunk.right[k] = j if right is chunk else chunk.slots[right] | j
        chunk.values[k] = value
        chunk.used = k + 1
        made = _new(chunk.face)
        made.chunk = chunk
        made.index = k
        if not mode.plain:
            _note(chunk, k)
            _watched(made, op, (a, b))
        return made

    return call


_OPERATORS = {
    "add": ("__add__", "__radd__"),
    "subtract": ("__sub__", "__rsub__"),
    "multiply": ("__mul__", "__rmul__"),
    "divide": ("__truediv__", "__rtruediv__"),
    "power": ("__pow__", "__rpow__"),
    "negative": ("__neg__",),
    "abs": ("__abs__",),
}


def give_operators() -> None:
    """Make the operations the operators of `Scalar`.

    Its own would call them through a slot, which is a fifth of the time that it takes to record an operation.
    """
    for op in OPCODES:
        if op is not None and op.name in _OPERATORS:
            entry = scalar_entry(op)
            setattr(late, f"scalar_{op.name}", entry)
            operator, *reflected = _OPERATORS[op.name]
            setattr(Scalar, operator, entry)
            for name in reflected:
                setattr(Scalar, name, _reflected(entry))


def _reflected(entry: Callable[..., Scalar]) -> Callable[..., Scalar]:
    def call(b: Any, a: Any, /) -> Scalar:
        return entry(a, b)

    return call


def _places(op: Op, a: Any, b: Any) -> tuple[Chunk, int, Chunk, int]:
    """Where two operands are, of which one may be a number that stands in the code."""
    try:
        left, i = (a.chunk, a.index) if isinstance(a, Scalar) else _number(op, a, b.chunk)
        right, j = (b.chunk, b.index) if isinstance(b, Scalar) else _number(op, b, a.chunk)
    except Exception as error:
        report(op, (a, b), error)
        raise
    return left, i, right, j


def _of_two_kinds(op: Op, a: Scalar, b: Scalar) -> Scalar:
    """The result for two kinds of scalars: it is of the more special kind, whichever was there first."""
    assert op.opcode is not None
    left, right = a.chunk, b.chunk
    face = left.face if issubclass(left.face, right.face) else right.face
    value = apply_forward(op, left.values[a.index], right.values[b.index])
    mode = _mode()
    if not (mode.grad and (left.needs or right.needs)):
        return _aside(value, op, (a, b))
    chunk = open_chunk(left if left.first > right.first else right, face=face)
    k = chunk.used
    chunk.ops[k] = op.opcode
    chunk.left[k] = a.index if left is chunk else chunk.slots[left] | a.index
    chunk.right[k] = b.index if right is chunk else chunk.slots[right] | b.index
    chunk.values[k] = value
    chunk.used = k + 1
    made = handle(chunk, k)
    if not mode.plain:
        _note(chunk, k)
        _watched(made, op, (a, b))
    return made


def _number(op: Op, value: Any, reader: Chunk) -> Place:
    if type(value) is not float:
        if not isinstance(value, (bool, int, float, np.floating, np.integer)):
            raise DTypeError(
                describe(
                    f"{op.name}: a Scalar takes part with scalars and numbers, not with {type(value).__name__}",
                    hint="use gg.tensor(value, requires_grad=True) for a number among tensors",
                )
            )
        value = as_float(value, op.name)
    return put_number(reader, value)


def _aside(value: float, op: Op, operands: tuple[Any, ...]) -> Scalar:
    """A result that nothing is recorded of, so a constant."""
    scalars = [one for one in operands if isinstance(one, Scalar)]
    for one in scalars:
        # For who records a function to replay it, this is a look at a value: the result doesn't follow it.
        if one.chunk.trace is not None and one.chunk.needs:
            one.chunk.trace.looked("same", (one.chunk, one.index), one.chunk.values[one.index])
    faces = [one.chunk.face for one in scalars]
    result = constant(value, faces[-1] if issubclass(faces[-1], faces[0]) else faces[0])
    return result if MODE.get().fast else _watched(result, op, operands)


def _note(chunk: Chunk, index: int) -> None:
    """Keep the scope and, for those who watch, the place and the name."""
    mode = _mode()
    site = call_site() if mode.recorder is not None else None if mode.anomaly is None else mode.anomaly.site()
    chunk.notes[index] = Note(names_at(site, 1)[0], mode.scope, site)
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


def apply_forward(op: Op, *values: float) -> float:
    """The value of an operation on floats; where Python's would raise, that of IEEE 754."""
    assert op.scalar is not None
    try:
        return op.scalar.forward(*values)
    except _RAISED:
        return ieee(op.forward, *values)


def ieee(forward: Callable[..., Any], *values: Any) -> float:
    """The value that IEEE 754 gives where Python raises."""
    with np.errstate(all="ignore"):
        return float(forward(*map(np.float64, values)))


def _opcode_name(code: int) -> str:
    op = OPCODES[code]
    assert op is not None, "0 marks leaves and constants, which no operation computed"
    return op.name


late.opcode_name = _opcode_name
