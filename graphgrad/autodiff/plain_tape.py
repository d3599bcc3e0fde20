"""The two passes over a flat tape in Python, from the operations' declarations: what the compiled passes are held to.

They also serve where nothing is compiled, and for operations that no kernel knows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.autodiff.scalar_rules import apply_rule, rules_of
from graphgrad.graph.operation import Op
from graphgrad.kernels.scalar_tape import FIRST, NOTHING
from graphgrad.ops.scalars import OPCODES, apply_forward

__all__ = ["backward", "backward_lanes", "forward", "forward_lanes"]

Array = np.ndarray[Any, Any]


def forward(codes: Array, left: Array, right: Array, values: Array) -> None:
    """Compute all values from those of leaves and constants."""
    for k in np.flatnonzero(codes):
        op = _op(codes[k])
        operands = (left[k], right[k])[: len(op.operands)]
        values[k] = apply_forward(op, *(float(values[i]) for i in operands))


def backward(
    codes: Array, left: Array, right: Array, values: Array, to_left: Array, to_right: Array, grads: Array
) -> None:
    """Pass the gradients on that stand where the pass starts."""
    with np.errstate(all="ignore"):
        for k in range(codes.size - 1, -1, -1):
            ways = ((to_left[k], left[k]), (to_right[k], right[k]))
            for i, (to, target) in enumerate(ways):
                if to == NOTHING:
                    continue
                a, b = float(values[left[k]]), float(values[right[k]])
                rule, pick = rules_of(_op(codes[k]))[i]
                share = apply_rule(rule, float(grads[k]), pick(a, b, float(values[k])))
                grads[target] = share if to == FIRST else grads[target] + share


def forward_lanes(codes: Array, left: Array, right: Array, values: Array) -> None:
    """`forward` for several inputs, each in a column."""
    for lane in range(values.shape[1]):
        forward(codes, left, right, values[:, lane])


def backward_lanes(
    codes: Array, left: Array, right: Array, values: Array, to_left: Array, to_right: Array, grads: Array
) -> None:
    """`backward` for several inputs, each in a column."""
    for lane in range(values.shape[1]):
        backward(codes, left, right, values[:, lane], to_left, to_right, grads[:, lane])


def _op(code: int) -> Op:
    op = OPCODES[code]
    assert op is not None, "0 marks leaves and constants"
    return op
