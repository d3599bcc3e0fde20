"""The compiled arithmetic of single numbers: the bits of the declarations, and each kernel on a tape made by hand."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphgrad.autodiff import plain_tape
from graphgrad.autodiff.scalar_rules import apply_rule, rules_of
from graphgrad.graph.operation import Op
from graphgrad.kernels import scalar_tape
from graphgrad.kernels.opcodes import CODES
from graphgrad.ops import TABLE
from graphgrad.ops.scalars import OPCODES, apply_forward

# fmt: off
EDGES = [
    0.0, 1.0, 2.0, 0.5, 3.0, 6.0, math.inf, math.nan, 1e308, 1e-308, 5e-324, 1e-17, 1e200, 709.0, 710.0, 745.0, 746.0,
    1000.0, 1.5, 0.1, 1 - 2**-53, 1 + 2**-52, 20.0, 40.0, 1e15, 2.0**53, math.pi,
]
# fmt: on
EDGES += [-value for value in EDGES]
GRADIENTS = [1.0, -1.7, 0.0, -0.0, math.inf, math.nan]
numbers = st.one_of(st.sampled_from(EDGES), st.floats(), st.floats(-10, 10))


def bits(value: float) -> bytes:
    """Equal for the same number: any nan is nan, and the two zeros are two."""
    return b"nan" if math.isnan(value) else struct.pack("d", value)


def in_kernel() -> list[Op]:
    return [TABLE[name] for name in CODES]


def test_each_operation_on_single_numbers_has_a_kernel_code_and_each_code_an_operation() -> None:
    assert {name for name, op in TABLE.items() if op.scalar is not None} == set(CODES)
    for name, code in CODES.items():
        op = OPCODES[code]
        assert op is TABLE[name]
        assert op.opcode == code
    assert sorted(CODES.values()) == list(range(1, len(CODES) + 1))


def check(op: Op, a: float, b: float, g: float) -> None:
    """The value and the derivatives of an operation: those of the declaration, to the last bit."""
    assert op.opcode is not None
    out = apply_forward(op, *(a, b)[: len(op.operands)])
    assert bits(scalar_tape._value(op.opcode, a, b)) == bits(out), (op.name, a, b)
    slopes = (scalar_tape._slope_left, scalar_tape._slope_right)
    for slope, (rule, pick) in zip(slopes, rules_of(op), strict=False):
        with np.errstate(all="ignore"):
            expected = apply_rule(rule, g, pick(a, b, out))
        assert bits(slope(op.opcode, g, a, b, out)) == bits(expected), (op.name, slope, g, a, b)


@pytest.mark.parametrize("op", in_kernel(), ids=lambda op: op.name)
def test_at_the_edges_the_bits_are_those_of_the_declaration(op: Op) -> None:
    for k, a in enumerate(EDGES):
        for b in EDGES if len(op.operands) == 2 else EDGES[:1]:
            check(op, a, b, GRADIENTS[k % len(GRADIENTS)])


@given(st.sampled_from(in_kernel()), numbers, numbers, numbers)
def test_anywhere_the_bits_are_those_of_the_declaration(op: Op, a: float, b: float, g: float) -> None:
    check(op, a, b, g)


@pytest.mark.parametrize("op", in_kernel(), ids=lambda op: op.name)
def test_side_by_side_the_bits_are_the_same(op: Op) -> None:
    """The commonest operations have loops of their own there."""
    pairs = np.array([(a, b) for a in EDGES for b in (EDGES if len(op.operands) == 2 else EDGES[:1])])
    codes = np.array([0, 0, op.opcode], np.uint8)
    left, right = np.array([0, 0, 0], np.int32), np.array([-1, -1, 1 if len(op.operands) == 2 else -1], np.int32)
    to_left, to_right = np.array([0, 0, scalar_tape.FIRST], np.uint8), np.zeros(3, np.uint8)
    if len(op.operands) == 2:
        to_right[2] = scalar_tape.MORE
    values, grads = np.zeros((3, len(pairs))), np.full((3, len(pairs)), 0.5)
    values[:2] = pairs.T
    grads[2] = np.resize(GRADIENTS, len(pairs))
    alone, its_grads = values.copy(), grads.copy()
    scalar_tape.forward_lanes(codes, left, right, values)
    scalar_tape.backward_lanes(codes, left, right, values, to_left, to_right, grads)
    for lane in range(len(pairs)):
        one, slopes = alone[:, lane].copy(), its_grads[:, lane].copy()
        scalar_tape.forward(codes, left, right, one)
        scalar_tape.backward(codes, left, right, one, to_left, to_right, slopes)
        assert [bits(x) for x in values[:, lane]] == [bits(x) for x in one], pairs[lane]
        assert [bits(x) for x in grads[:, lane]] == [bits(x) for x in slopes], pairs[lane]


def test_no_code_but_those_known_gives_a_value() -> None:
    for code in (len(CODES) + 1, 255):
        assert math.isnan(scalar_tape._value(code, 1.0, 1.0))
        assert math.isnan(scalar_tape._slope_left(code, 1.0, 1.0, 1.0, 1.0))
    assert math.isnan(scalar_tape._slope_right(CODES["exp"], 1.0, 1.0, 1.0, 1.0))


# ---- tapes made by hand: x, y, x * y, tanh(x * y), (x * y) + x


def tape() -> tuple[Any, Any, Any]:
    codes = np.array([0, 0, CODES["multiply"], CODES["tanh"], CODES["add"]], np.uint8)
    left = np.array([0, 0, 0, 2, 2], np.int32)
    right = np.array([-1, -1, 1, -1, 0], np.int32)
    return codes, left, right


def test_what_a_result_needs() -> None:
    wanted = np.array([0, 0, 0, 1, 0], np.uint8)
    scalar_tape.needed(*tape(), wanted)
    assert wanted.tolist() == [1, 1, 1, 1, 0]


def test_the_plan_of_a_pass() -> None:
    nothing, first, more = scalar_tape.NOTHING, scalar_tape.FIRST, scalar_tape.MORE
    reached = np.array([0, 0, 0, 0, 1], np.uint8)
    to_left, to_right = np.full(5, 9, np.uint8), np.full(5, 9, np.uint8)
    scalar_tape.plan(*tape(), np.array([1, 0, 1, 1, 1], np.uint8), reached, to_left, to_right)
    assert to_left.tolist() == [nothing, nothing, more, nothing, first]
    assert to_right.tolist() == [nothing, nothing, nothing, nothing, first]
    assert reached.tolist() == [1, 0, 1, 0, 1]


@pytest.mark.parametrize("passes", [scalar_tape, plain_tape])
def test_both_passes_over_one_input_and_over_several(passes: Any) -> None:
    xs, ys = np.array([0.5, -2.0, 0.0]), np.array([3.0, 0.25, math.inf])
    values, grads = np.full((5, 3), math.nan), np.full((5, 3), math.nan)
    values[0], values[1] = xs, ys
    reached = np.array([0, 0, 0, 1, 1], np.uint8)
    to_left, to_right = np.empty(5, np.uint8), np.empty(5, np.uint8)
    scalar_tape.plan(*tape(), np.ones(5, np.uint8), reached, to_left, to_right)
    passes.forward_lanes(*tape(), values)
    grads[3:] = 1.0
    passes.backward_lanes(*tape(), values, to_left, to_right, grads)
    for lane, (x, y) in enumerate(zip(xs.tolist(), ys.tolist(), strict=True)):
        out = math.tanh(x * y)
        assert values[:, lane].tolist() == pytest.approx([x, y, x * y, out, x * y + x], nan_ok=True)
        at_product = 1.0 + (1.0 - out * out)
        slopes = [1.0 + at_product * y, at_product * x]
        assert grads[:2, lane].tolist() == pytest.approx(slopes, nan_ok=True)
        alone, its_grads = np.zeros(5), np.zeros(5)
        alone[:2] = x, y
        passes.forward(*tape(), alone)
        its_grads[3:] = 1.0
        passes.backward(*tape(), alone, to_left, to_right, its_grads)
        assert [bits(one) for one in alone] == [bits(one) for one in values[:, lane]]
        assert [bits(one) for one in its_grads[:2]] == [bits(one) for one in grads[:2, lane]]
