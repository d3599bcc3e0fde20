"""Operations on single numbers give what they give on float64 tensors, for any float; they never raise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.operation import Op
from tests.ops.declared import OPS, arguments, each_op, full_size

ORDINARY = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 3.0, -3.0)
EXTREME = (1e-300, -1e-300, 5e-324, 1e300, -1e300, 710.0, -746.0, math.inf, -math.inf, math.nan)
SPECIAL = (*ORDINARY, *EXTREME)
RANDOM = tuple(float(x) for x in np.random.default_rng(0).normal(size=12) * 2.0)
NUMBERS = (*SPECIAL, *RANDOM)

FORMS = [op for op in OPS if op.scalar is not None]
UNARY = [op for op in FORMS if len(op.operands) == 1]
BINARY = [op for op in FORMS if len(op.operands) == 2]
FORMLESS = [op for op in OPS if op.scalar is None and op.on_scalars is None]


def same(ours: float, theirs: float) -> bool:
    if math.isnan(ours) or math.isnan(theirs):
        return math.isnan(ours) and math.isnan(theirs)
    return ours == theirs or math.isclose(ours, theirs, rel_tol=1e-12, abs_tol=1e-320)


def with_scalars(op: Op, values: tuple[float, ...]) -> list[float]:
    """The value and the derivative for each operand."""
    leaves = [gg.scalar(value) for value in values]
    result = op.call(*leaves)
    result.backward()
    assert all(type(leaf.grad) is float for leaf in leaves)
    assert type(result.data) is float
    return [result.data, *(leaf.grad for leaf in leaves)]  # type: ignore[list-item]


def with_tensors(op: Op, values: tuple[float, ...]) -> list[float]:
    leaves = [gg.tensor(value, dtype="float64", requires_grad=True) for value in values]
    with np.errstate(all="ignore"):
        result = op.call(*leaves)
    result.backward()
    return [result.item(), *(leaf.grad.item() for leaf in leaves if leaf.grad is not None)]


# NumPy takes the square root for the exponent 0.5, which is nan there; IEEE 754 and Python say inf.
NUMPYS_OWN = {("power", (-math.inf, 0.5))}


def compare(op: Op, values: tuple[float, ...]) -> list[str]:
    if (op.name, values) in NUMPYS_OWN:
        return []
    ours, theirs = with_scalars(op, values), with_tensors(op, values)
    what = ["value", *(f"gradient for {operand}" for operand in op.operands)]
    return [
        f"{op.name}{values}: {name} {x!r}, of a tensor {y!r}"
        for name, x, y in zip(what, ours, theirs, strict=True)
        if not same(x, y)
    ]


def test_there_are_forms() -> None:
    assert {"add", "multiply", "power", "tanh", "relu"} <= {op.name for op in FORMS}


@pytest.mark.parametrize("x", NUMBERS)
@each_op(UNARY)
def test_one_operand(op: Op, x: float) -> None:
    assert compare(op, (x,)) == []


@pytest.mark.parametrize("a", NUMBERS)
@each_op(BINARY)
def test_two_operands(op: Op, a: float) -> None:
    assert [complaint for b in NUMBERS for complaint in compare(op, (a, b))] == []


@each_op(BINARY)
def test_one_scalar_in_both_places(op: Op) -> None:
    for value in RANDOM:
        x = gg.scalar(value)
        op.call(x, x).backward()
        _, a, b = with_scalars(op, (value, value))
        assert x.grad is not None
        assert same(x.grad, a + b)


# ---- derivatives of derivatives --------------------------------------------------------------------------------------


def second(function: Any, values: list[Any], i: int, j: int) -> float:
    with np.errstate(all="ignore"):  # some have no value there
        return gg.grad(gg.grad(function, i), j)(*values).item()


@each_op(FORMS)
def test_second_order_equals_that_of_tensors(op: Op) -> None:
    n = len(op.operands)
    rng = np.random.default_rng(1)
    for _ in range(6):
        values = rng.uniform(0.2, 2.5, n)  # where all of them are smooth
        for i in range(n):
            for j in range(n):
                ours = second(op.call, [gg.scalar(value) for value in values], i, j)
                theirs = second(op.call, [gg.tensor(value, dtype="float64") for value in values], i, j)
                assert same(ours, theirs), (values, i, j, ours, theirs)


@each_op(UNARY)
def test_third_order_equals_that_of_tensors(op: Op) -> None:
    third = gg.grad(gg.grad(gg.grad(op.call)))
    for value in (0.3, 1.7):
        with np.errstate(all="ignore"):
            assert same(third(gg.scalar(value)).data, third(gg.tensor(value, dtype="float64")).item())


@each_op(FORMS)
def test_second_order_never_raises(op: Op) -> None:
    n = len(op.operands)
    pairs = [(a, b) for a in SPECIAL for b in SPECIAL] if n == 2 else [(a,) for a in SPECIAL]
    for values in pairs:
        for i in range(n):
            result = gg.grad(gg.grad(op.call, i), i)(*map(gg.scalar, values))
            assert isinstance(result, gg.Scalar)


# ---- what may stand beside a Scalar ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", [2, 2.0, True, np.float32(2.0), np.float64(2.0), np.int64(2)], ids=lambda n: type(n).__name__
)
@each_op(BINARY)
def test_a_number_beside_a_scalar(op: Op, number: Any) -> None:
    x = gg.scalar(1.5)
    for values, result in (((1.5, float(number)), op.call(x, number)), ((float(number), 1.5), op.call(number, x))):
        x.grad = None
        result.backward()
        expected = with_scalars(op, values)
        assert result.data == expected[0]
        assert x.grad == expected[1 if values[0] == 1.5 else 2]


@pytest.mark.parametrize(
    "other", [gg.tensor(1.0), np.ones(2), [1.0], "1", None, 1j], ids=lambda other: type(other).__name__
)
@each_op(BINARY)
def test_anything_else_beside_a_scalar_is_refused(op: Op, other: Any) -> None:
    for operands in ((gg.scalar(1.0), other), (other, gg.scalar(1.0))):
        with pytest.raises(gg.DTypeError, match=f"{op.name}: a Scalar takes part with scalars and numbers, not with"):
            op.call(*operands)


@each_op(FORMLESS)
def test_operations_without_a_form_say_so(op: Op) -> None:
    x = gg.scalar(1.0)
    given, by_name = arguments(op, [[x]] if op.variadic else [x for _ in op.operands], full_size(op).attrs)
    with pytest.raises(gg.DTypeError, match=rf"^{op.name}: .*Scalar"):
        op.call(*given, **by_name)


def test_constants_pass_no_gradient() -> None:
    x = gg.scalar(3.0, requires_grad=False)
    y = gg.tanh(x * 2.0)
    assert not y.requires_grad
    assert y.data == math.tanh(6.0)
    with gg.no_grad():
        assert not gg.exp(gg.scalar(1.0)).requires_grad
