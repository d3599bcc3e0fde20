"""The tape of single numbers, compiled: each opcode's value and derivatives, and the two passes over a tape.

A tape is flat: an opcode for each number, and the places of its operands, which are before it; the second place of an
operation with one operand is -1. Leaves and constants have the opcode 0.

The arithmetic is that of the operations' declarations, in the same order; tests hold the bits equal.
"""

# ruff: noqa: FURB136 - of nan and of the two zeros, `max` and `min` make something else than these lines

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.kernels.jit import jit
from graphgrad.kernels.opcodes import CODES

__all__ = [
    "FIRST",
    "MORE",
    "NOTHING",
    "backward",
    "backward_lanes",
    "forward",
    "forward_lanes",
    "needed",
    "plan",
]

Array = Any  # of NumPy; inside a compiled function only numba's types count

NOTHING, FIRST, MORE = 0, 1, 2
"""What is passed on to an operand: nothing, the first contribution, or one that is added to what has come."""

# fmt: off
(
    _ADD, _SUBTRACT, _MULTIPLY, _DIVIDE, _NEGATIVE, _POWER, _SQUARE, _SQRT, _ABS, _MAXIMUM, _EXP, _LOG, _LOG1P,
    _TANH, _SIGMOID, _RELU, _SOFTPLUS, _RECIPROCAL, _CBRT, _EXP2, _EXPM1, _LOG2, _LOG10, _SIN, _COS, _TAN, _ASIN,
    _ACOS, _ATAN, _HYPOT, _ATAN2, _SINH, _COSH, _ASINH, _ACOSH, _ATANH, _ERF, _SELU, _SILU, _SWISH, _MISH,
    _LOGSIGMOID, _SOFTSIGN, _RELU6, _HARDSIGMOID, _HARDSWISH, _MINIMUM,
) = CODES.values()
# fmt: on

_LN2 = math.log(2.0)
_LN10 = math.log(10.0)
_TWO_BY_ROOT_PI = 2.0 / math.sqrt(math.pi)
_SELU_SCALE = 1.0507009873554805
_SELU_LIMIT = _SELU_SCALE * 1.6732632423543772


# ---- parts of the arithmetic -----------------------------------------------------------------------------------------


@jit
def _greatest(a: float, b: float) -> float:
    """`max` as Python has it."""
    return b if b > a else a


@jit
def _least(a: float, b: float) -> float:
    """`min` as Python has it."""
    return b if b < a else a


@jit
def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


@jit
def _softplus(x: float) -> float:
    return _greatest(x, 0.0) + math.log1p(math.exp(-math.fabs(x))) if x == x else x


@jit
def _per_radius(side: float, a: float, b: float) -> float:
    radius = math.hypot(a, b)
    return side / radius / radius if radius != 0.0 else 0.0


@jit
def _silu_slope(x: float) -> float:
    s = _sigmoid(x)
    return s * (1.0 + x * (1.0 - s))


@jit
def _swish_slope(x: float, beta: float) -> float:
    s = _sigmoid(beta * x)
    return s * (1.0 + beta * x * (1.0 - s))


@jit
def _swish_slope_of_beta(x: float, beta: float) -> float:
    s = _sigmoid(beta * x)
    return x * (x * (s * (1.0 - s)))


@jit
def _mish_slope(x: float) -> float:
    t = math.tanh(_softplus(x))
    return t + x * _sigmoid(x) * (1.0 - t * t)


@jit
def _hardswish(x: float) -> float:
    x = _greatest(x, -3.0)
    return x * _least((x + 3.0) / 6.0, 1.0)


# ---- one operation ---------------------------------------------------------------------------------------------------


@jit
def _value(code: int, a: float, b: float) -> float:
    """The value of an operation."""
    if code == _ADD:
        return a + b
    if code == _SUBTRACT:
        return a - b
    if code == _MULTIPLY:
        return a * b
    if code == _DIVIDE:
        return a / b
    if code == _NEGATIVE:
        return -a
    if code == _POWER:
        return math.pow(a, b)
    if code == _SQUARE:
        return a * a
    if code == _SQRT:
        return math.sqrt(a)
    if code == _ABS:
        return math.fabs(a)
    if code == _MAXIMUM:
        return a if a > b or a != a else b
    if code == _MINIMUM:
        return a if a < b or a != a else b
    if code == _EXP:
        return math.exp(a)
    if code == _LOG:
        return math.log(a)
    if code == _LOG1P:
        return math.log1p(a)
    if code == _TANH:
        return math.tanh(a)
    if code == _SIGMOID:
        return _sigmoid(a)
    if code == _RELU:
        return 0.0 if a <= 0.0 else a
    if code == _SOFTPLUS:
        return _softplus(a)
    if code == _RECIPROCAL:
        return 1.0 / a
    if code == _CBRT:
        return float(np.cbrt(a))
    if code == _EXP2:
        return math.exp2(a)
    if code == _EXPM1:
        return math.expm1(a)
    if code == _LOG2:
        return math.log2(a)
    if code == _LOG10:
        return math.log10(a)
    if code == _SIN:
        return math.sin(a)
    if code == _COS:
        return math.cos(a)
    if code == _TAN:
        return math.tan(a)
    if code == _ASIN:
        return math.asin(a)
    if code == _ACOS:
        return math.acos(a)
    if code == _ATAN:
        return math.atan(a)
    if code == _HYPOT:
        return math.hypot(a, b)
    if code == _ATAN2:
        return math.atan2(a, b)
    if code == _SINH:
        return math.sinh(a)
    if code == _COSH:
        return math.cosh(a)
    if code == _ASINH:
        return math.asinh(a)
    if code == _ACOSH:
        return math.acosh(a)
    if code == _ATANH:
        return math.atanh(a)
    if code == _ERF:
        return math.erf(a)
    if code == _SELU:
        return _SELU_SCALE * a if a > 0.0 else _SELU_LIMIT * math.expm1(a)
    if code == _SILU:
        return a * _sigmoid(a)
    if code == _SWISH:
        return a * _sigmoid(b * a)
    if code == _MISH:
        return a * math.tanh(_softplus(a))
    if code == _LOGSIGMOID:
        return -_softplus(-a)
    if code == _SOFTSIGN:
        return a / (1.0 + math.fabs(a))
    if code == _RELU6:
        return 0.0 if a <= 0.0 else 6.0 if a >= 6.0 else a
    if code == _HARDSIGMOID:
        return _least(_greatest((a + 3.0) / 6.0, 0.0), 1.0)
    if code == _HARDSWISH:
        return _hardswish(a)
    return math.nan  # no opcode comes here


@jit
def _slope_left(code: int, g: float, a: float, b: float, out: float) -> float:
    """What an operation passes on to its first operand of the gradient `g` of its result."""
    if code == _ADD:
        return g
    if code == _SUBTRACT:
        return g
    if code == _MULTIPLY:
        return g * b
    if code == _DIVIDE:
        return g / b
    if code == _NEGATIVE:
        return -g
    if code == _POWER:
        return 0.0 if b == 0.0 else g * (b * math.pow(a, b - 1.0))
    if code == _SQUARE:
        return g * (2.0 * a)
    if code == _SQRT:
        return g * (0.5 / out)
    if code == _ABS:
        return g * (1.0 if a > 0.0 else -1.0 if a < 0.0 else 0.0 * a)
    if code == _MAXIMUM:
        return 0.0 if a < b else g * 0.5 if a == b else g
    if code == _MINIMUM:
        return 0.0 if a > b else g * 0.5 if a == b else g
    if code == _EXP:
        return g * out
    if code == _LOG:
        return g / a
    if code == _LOG1P:
        return g / (1.0 + a)
    if code == _TANH:
        return g * (1.0 - out * out)
    if code == _SIGMOID:
        return g * (out * (1.0 - out))
    if code == _RELU:
        return 0.0 if a <= 0.0 else g
    if code == _SOFTPLUS:
        return g * _sigmoid(a)
    if code == _RECIPROCAL:
        return g * -(out * out)
    if code == _CBRT:
        return g / (3.0 * (out * out))
    if code == _EXP2:
        return g * (out * _LN2)
    if code == _EXPM1:
        return g * math.exp(a)
    if code == _LOG2:
        return g / (a * _LN2)
    if code == _LOG10:
        return g / (a * _LN10)
    if code == _SIN:
        return g * math.cos(a)
    if code == _COS:
        return g * -math.sin(a)
    if code == _TAN:
        return g * (1.0 + out * out)
    if code == _ASIN:
        return g / math.sqrt((1.0 - a) * (1.0 + a))
    if code == _ACOS:
        return -g / math.sqrt((1.0 - a) * (1.0 + a))
    if code == _ATAN:
        return g / (1.0 + a * a)
    if code == _HYPOT:
        return g * (a / out if out != 0.0 else 0.0)
    if code == _ATAN2:
        return g * _per_radius(b, a, b)
    if code == _SINH:
        return g * math.cosh(a)
    if code == _COSH:
        return g * math.sinh(a)
    if code == _ASINH:
        return g / math.hypot(a, 1.0)
    if code == _ACOSH:
        return g / (math.sqrt(a - 1.0) * math.sqrt(a + 1.0))
    if code == _ATANH:
        return g / ((1.0 - a) * (1.0 + a))
    if code == _ERF:
        return g * (_TWO_BY_ROOT_PI * math.exp(-(a * a)))
    if code == _SELU:
        return g * _SELU_SCALE if a > 0.0 else g * (_SELU_LIMIT * math.exp(a))
    if code == _SILU:
        return g * _silu_slope(a)
    if code == _SWISH:
        return g * _swish_slope(a, b)
    if code == _MISH:
        return g * _mish_slope(a)
    if code == _LOGSIGMOID:
        return g * _sigmoid(0.0 - a)
    if code == _SOFTSIGN:
        return g / ((1.0 + math.fabs(a)) * (1.0 + math.fabs(a)))
    if code == _RELU6:
        return 0.0 if a <= 0.0 or a >= 6.0 else g
    if code == _HARDSIGMOID:
        return 0.0 if a <= -3.0 or a >= 3.0 else g / 6.0
    if code == _HARDSWISH:
        return 0.0 if a <= -3.0 else g if a >= 3.0 else g * (a / 3.0 + 0.5)
    return math.nan  # no opcode comes here


@jit
def _slope_right(code: int, g: float, a: float, b: float, out: float) -> float:
    """What an operation passes on to its second operand."""
    if code == _ADD:
        return g
    if code == _SUBTRACT:
        return -g
    if code == _MULTIPLY:
        return g * a
    if code == _DIVIDE:
        return -g * out / b
    if code == _POWER:
        return 0.0 if out == 0.0 or (a == 0.0 and out == 1.0) else g * (out * math.log(a))
    if code == _MAXIMUM:
        return 0.0 if a > b else g * 0.5 if a == b else g
    if code == _MINIMUM:
        return 0.0 if a < b else g * 0.5 if a == b else g
    if code == _HYPOT:
        return g * (b / out if out != 0.0 else 0.0)
    if code == _ATAN2:
        return g * _per_radius(-a, a, b)
    if code == _SWISH:
        return g * _swish_slope_of_beta(a, b)
    return math.nan  # no opcode comes here


# ---- one tape --------------------------------------------------------------------------------------------------------


@jit
def forward(codes: Array, left: Array, right: Array, values: Array) -> None:
    """Compute all values from those of leaves and constants."""
    for k in range(codes.size):
        code = codes[k]
        if code:
            values[k] = _value(code, values[left[k]], values[right[k]])


@jit
def plan(
    codes: Array, left: Array, right: Array, needs: Array, reached: Array, to_left: Array, to_right: Array
) -> None:
    """
    See what a backward pass has to pass on, and to whom it comes first.

    Parameters
    ----------
    needs
        Whether each number needs a gradient.
    reached
        1 where passes start; at the end, 1 wherever a gradient arrives.
    to_left, to_right
        For each operand `NOTHING`, `FIRST` or `MORE`, to be filled.
    """
    for k in range(codes.size - 1, -1, -1):
        to_left[k] = to_right[k] = NOTHING
        if not codes[k] or not reached[k]:
            continue
        i, j = left[k], right[k]
        if needs[i]:
            to_left[k] = MORE if reached[i] else FIRST
            reached[i] = 1
        if j >= 0 and needs[j]:
            to_right[k] = MORE if reached[j] else FIRST
            reached[j] = 1


@jit
def backward(
    codes: Array, left: Array, right: Array, values: Array, to_left: Array, to_right: Array, grads: Array
) -> None:
    """Pass the gradients on that stand where the pass starts, as `plan` says."""
    for k in range(codes.size - 1, -1, -1):
        first, second = to_left[k], to_right[k]
        if first == NOTHING and second == NOTHING:
            continue
        code, g, out = codes[k], grads[k], values[k]
        i, j = left[k], right[k]
        a, b = values[i], values[j]
        if first == FIRST:
            grads[i] = _slope_left(code, g, a, b, out)
        elif first == MORE:
            grads[i] += _slope_left(code, g, a, b, out)
        if second == FIRST:
            grads[j] = _slope_right(code, g, a, b, out)
        elif second == MORE:
            grads[j] += _slope_right(code, g, a, b, out)


@jit
def needed(codes: Array, left: Array, right: Array, wanted: Array) -> None:
    """Mark with 1, beside what is wanted, all that this is computed from."""
    for k in range(codes.size - 1, -1, -1):
        if wanted[k] and codes[k]:
            wanted[left[k]] = 1
            if right[k] >= 0:
                wanted[right[k]] = 1


# ---- many inputs side by side ----------------------------------------------------------------------------------------


@jit
def forward_lanes(codes: Array, left: Array, right: Array, values: Array) -> None:
    """`forward` for several inputs at once: `values` has a column for each, and each row of it is one number's."""
    lanes = values.shape[1]
    for k in range(codes.size):
        code, i, j = codes[k], left[k], right[k]
        # The commonest have loops of their own, which the compiler turns into vector instructions.
        if code == _ADD:
            for lane in range(lanes):
                values[k, lane] = values[i, lane] + values[j, lane]
        elif code == _MULTIPLY:
            for lane in range(lanes):
                values[k, lane] = values[i, lane] * values[j, lane]
        elif code == _SUBTRACT:
            for lane in range(lanes):
                values[k, lane] = values[i, lane] - values[j, lane]
        elif code == _RELU:
            for lane in range(lanes):
                a = values[i, lane]
                values[k, lane] = 0.0 if a <= 0.0 else a
        elif code:
            for lane in range(lanes):
                values[k, lane] = _value(code, values[i, lane], values[j, lane])


@jit
def _give(grads: Array, target: int, share: Array, to: int) -> None:
    """Add what is passed on to a number's gradients."""
    if to == FIRST:
        for lane in range(share.size):
            grads[target, lane] = share[lane]
    else:
        for lane in range(share.size):
            grads[target, lane] += share[lane]


@jit
def backward_lanes(
    codes: Array, left: Array, right: Array, values: Array, to_left: Array, to_right: Array, grads: Array
) -> None:
    """`backward` for several inputs at once."""
    lanes = values.shape[1]
    share = np.empty(lanes)
    for k in range(codes.size - 1, -1, -1):
        code, i, j = codes[k], left[k], right[k]
        if to_left[k] != NOTHING:
            if code in (_ADD, _SUBTRACT):
                for lane in range(lanes):
                    share[lane] = grads[k, lane]
            elif code == _MULTIPLY:
                for lane in range(lanes):
                    share[lane] = grads[k, lane] * values[j, lane]
            elif code == _RELU:
                for lane in range(lanes):
                    share[lane] = 0.0 if values[i, lane] <= 0.0 else grads[k, lane]
            elif code == _TANH:
                for lane in range(lanes):
                    out = values[k, lane]
                    share[lane] = grads[k, lane] * (1.0 - out * out)
            else:
                for lane in range(lanes):
                    share[lane] = _slope_left(code, grads[k, lane], values[i, lane], values[j, lane], values[k, lane])
            _give(grads, i, share, to_left[k])
        if to_right[k] != NOTHING:
            if code == _ADD:
                for lane in range(lanes):
                    share[lane] = grads[k, lane]
            elif code == _MULTIPLY:
                for lane in range(lanes):
                    share[lane] = grads[k, lane] * values[i, lane]
            else:
                for lane in range(lanes):
                    share[lane] = _slope_right(code, grads[k, lane], values[i, lane], values[j, lane], values[k, lane])
            _give(grads, j, share, to_right[k])
