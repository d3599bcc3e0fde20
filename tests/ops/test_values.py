"""The values: each operation against its own formula, in every dtype, layout and shape that an operand may have."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.operation import Op
from tests.ops.declared import (
    CASES,
    CLOSE,
    DIFFERENTIABLE,
    ELEMENTWISE,
    OPS,
    Case,
    assert_close,
    each_case,
    each_op,
    evaluate,
    formula_value,
    full_size,
    gradients,
    named,
    unbroadcast,
    upstream,
)
from tests.ops.families import DROPS_NAN, LIMITS, NO_BOOLS, NO_INTEGERS, ONLY_INTEGERS, OPEN_SHAPES, WIDENS

LOCAL = [case for case in CASES if case.op.local]
FLOATING = [op for op in ELEMENTWISE if op.name not in ONLY_INTEGERS]
BINARY = [op for op in FLOATING if len(op.operands) == 2]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@each_case()
def test_value_is_the_formulas(case: Case, dtype: str) -> None:
    operands = case.arrays(dtype)
    results = case.run(operands)
    expected = formula_value(
        case, [one.astype("float64") if one.dtype == dtype else one for one in operands], attrs(case)
    )
    assert len(results) == len(expected)
    for ours, theirs in zip(results, expected, strict=True):
        assert ours.shape == np.shape(theirs)
        assert_close(ours.data, theirs, CLOSE[dtype])


def attrs(case: Case) -> Any:
    return case.node().attrs


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@each_case(LOCAL)
def test_local_derivative_is_the_gradient_for_ones(case: Case, dtype: str) -> None:
    leaves = case.tensors(dtype)
    (result,) = case.run(leaves)
    found = gradients([result], leaves, [np.ones(result.shape, result.dtype)])
    operands = case.arrays("float64") if dtype == "float64" else [one.data.astype("float64") for one in leaves]
    names = {**named(case, operands, attrs(case)), "out": result.data.astype("float64")}
    for i, gradient in zip(case.differentiable, found, strict=True):
        local = np.broadcast_to(evaluate(case.op.local[case.op.operands[i]], names), result.shape)
        assert_close(gradient, unbroadcast(local, operands[i].shape), CLOSE[dtype])


@each_case()
def test_shape_rule_is_the_shape(case: Case) -> None:
    shapes = [operand.shape for operand in case.operands]
    node = case.node()
    rule = case.op.shape(shapes, **node.attrs) if case.op.variadic else case.op.shape(*shapes, **node.attrs)
    expected = tuple(result.shape for result in case.run(case.tensors()))
    assert node.shapes == expected
    if rule is None:
        assert case.op.name in OPEN_SHAPES
    else:
        assert (rule if case.op.outputs is None else (rule,)) == expected


@each_op(op for op in OPS if op.name in OPEN_SHAPES)
def test_a_shape_that_is_left_open_depends_on_the_values(op: Op) -> None:
    case = full_size(op)
    alike = Case(op, 0, tuple(np.full_like(one, one.flat[0]) for one in case.operands), case.attrs)
    shapes, others = ([result.shape for result in one.run(one.arrays())] for one in (case, alike))
    assert shapes != others


# ---- dtypes ----------------------------------------------------------------------------------------------------------


@each_case(case for case in DIFFERENTIABLE if case.op.name != "astype")
def test_float32_stays_float32(case: Case) -> None:
    leaves = case.tensors("float32")
    results = case.run(leaves)
    floats = {result.data.real.dtype for result in results if result.dtype.kind not in "iub"}
    assert floats == {np.dtype("float64" if case.op.name in WIDENS else "float32")}
    exact = case.tensors("float64")
    weights = upstream(results)
    found = gradients(results, leaves, weights)
    expected = gradients(case.run(exact), exact, weights)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


@each_case(case for case in DIFFERENTIABLE if len(case.differentiable) > 1)
def test_each_gradient_has_the_dtype_of_its_operand(case: Case) -> None:
    for wide in case.differentiable:
        leaves = [
            gg.tensor(one, dtype="float64" if i == wide else "float32", requires_grad=True)
            if one.dtype.kind == "f"
            else one
            for i, one in enumerate(case.operands)
        ]
        results = case.run(leaves)
        wanted = leaves[0].dtype if case.op.name == "setitem" else np.dtype("float64")
        assert {result.data.real.dtype for result in results if result.dtype.kind not in "iub"} == {wanted}
        weights = upstream(results)
        checked = [leaf for leaf in leaves if isinstance(leaf, gg.Tensor)]
        found = gradients(results, checked, weights)
        assert [one.dtype for one in found] == [leaf.dtype for leaf in checked]
        exact = case.tensors("float64")
        for ours, theirs in zip(found, gradients(case.run(exact), exact, weights), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


NUMBERS = [2.0, 2, True, np.float64(2.0), np.float32(2.0), np.float16(2.0), np.int64(2), np.int8(2), np.bool(True)]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: f"{type(number).__name__}({number})")
@each_op(BINARY)
def test_a_number_promotes_nothing(op: Op, number: Any) -> None:
    for dtype in ("float32", "float64"):
        x = gg.tensor([0.5, 1.5], dtype=dtype, requires_grad=True)
        same = gg.tensor(float(number), dtype=dtype)
        pairs = ((x, number, op.call(x, same)), (number, x, op.call(same, x)))
        for operand, (left, right, expected) in zip(op.operands, pairs, strict=True):
            result = op.call(left, right)
            assert result.dtype == expected.dtype
            np.testing.assert_allclose(result.data, expected.data, rtol=1e-6)
            if op.joint is not None or operand in op.rules:
                x.grad = None
                gg.sum(result).backward()
                assert x.grad is not None
                assert x.grad.dtype == dtype
                ours, x.grad = x.grad, None
                gg.sum(expected).backward()
                np.testing.assert_allclose(ours.data, x.grad.data, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["int64", "int8", "uint8", "bool"])
@each_op(FLOATING)
def test_integers_and_bools_are_taken_as_numbers(op: Op, dtype: str) -> None:
    case = full_size(op)
    values = np.array([1, 2, 3, 1]).astype(dtype)
    operands = [values.copy() for _ in case.operands]
    if dtype == "bool" and op.name in NO_BOOLS:
        with pytest.raises(gg.DTypeError, match=op.name):
            case.run(operands)
        return
    with np.errstate(all="ignore"):  # 2 has no arcsine
        (result,) = case.run([gg.tensor(one) for one in operands])
        (expected,) = case.run([one.astype("float64") for one in operands])
    assert not result.requires_grad
    np.testing.assert_allclose(
        result.data, expected.data.astype(result.dtype), rtol=2e-3 if result.dtype == np.float16 else 1e-6
    )


@pytest.mark.parametrize("dtype", ["int64", "int8", "uint8", "bool"])
@each_op(op for op in ELEMENTWISE if op.name in ONLY_INTEGERS)
def test_operations_on_integers_keep_them_and_refuse_floats(op: Op, dtype: str) -> None:
    case = full_size(op)
    whole = [np.array([1, 2, 3, 1]).astype(dtype) for _ in case.operands]
    (result,) = case.run(whole)
    (expected,) = formula_value(case, whole, attrs(case))
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result.data, expected)
    for i in range(len(whole)):
        operands = [one.astype("float32") if k == i else one for k, one in enumerate(whole)]
        with pytest.raises(gg.DTypeError, match=op.name):
            case.run(operands)


@pytest.mark.parametrize("dtype", ["int64", "uint8"])
@each_case(case for case in CASES if case.op not in ELEMENTWISE and case.op.base not in NO_INTEGERS)
def test_integers_of_any_shape_are_taken_as_numbers(case: Case, dtype: str) -> None:
    operands = [np.asarray(abs(one * 2.0) + 0.5, dtype) if one.dtype.kind == "f" else one for one in case.operands]
    floats = [
        np.asarray(one, "float64") if was.dtype.kind == "f" else one
        for one, was in zip(operands, case.operands, strict=True)
    ]
    tolerance = 2e-2 if dtype == "uint8" else 1e-9  # NumPy computes the exponential of a byte in float16
    for ours, theirs in zip(case.run(operands), case.run(floats), strict=True):
        assert not ours.requires_grad
        np.testing.assert_allclose(ours.data, theirs.data, rtol=tolerance, atol=tolerance)


@each_op(op for op in ELEMENTWISE if len(op.operands) > 1 and op.differentiable)
def test_a_gradient_reaches_the_float_beside_integers(op: Op) -> None:
    case = full_size(op)
    for i in case.differentiable:
        operands: list[Any] = [np.array([1, 2, 3]) for _ in case.operands]
        x = operands[i] = gg.tensor([0.5, 1.5, 2.5], dtype="float32", requires_grad=True)
        (result,) = case.run(operands)
        (found,) = gradients([result], [x], [np.ones(3)])
        assert found.dtype == np.float32
        floats = [np.array([1.0, 2.0, 3.0]) for _ in case.operands]
        y: Any = gg.tensor([0.5, 1.5, 2.5], dtype="float64", requires_grad=True)
        (exact,) = case.run([y if k == i else one for k, one in enumerate(floats)])
        np.testing.assert_allclose(found, gradients([exact], [y], [np.ones(3)])[0], rtol=1e-5)


# ---- broadcasting ----------------------------------------------------------------------------------------------------

SHAPES: tuple[tuple[int, ...], ...] = ((), (3,), (1,), (2, 3), (2, 1), (1, 3), (1, 1), (4, 1, 3), (0, 3), (2, 0, 1))


def fits(shapes: Any) -> bool:
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


@each_op(ELEMENTWISE)
def test_broadcasting_is_repeating_and_adding_up(op: Op) -> None:
    case = full_size(op)
    n = len(case.operands)
    choices = itertools.product(SHAPES, repeat=n) if n < 3 else itertools.permutations(SHAPES, n)
    for shapes in filter(fits, choices):
        operands = [np.resize(one, shape) for one, shape in zip(case.operands, shapes, strict=True)]
        small = Case(op, 0, tuple(operands), case.attrs)
        whole = np.broadcast_shapes(*shapes)
        large = Case(op, 0, tuple(np.broadcast_to(one, whole).copy() for one in operands), case.attrs)
        leaves, repeated = small.tensors(), large.tensors()
        (result,), (expected,) = small.run(leaves), large.run(repeated)
        assert result.shape == whole == op.shape(*shapes)
        np.testing.assert_array_equal(result.data, expected.data, err_msg=str(small))
        if case.differentiable:
            weights = upstream([expected])
            found = gradients([result], leaves, weights)
            theirs = gradients([expected], repeated, weights)
            for i, ours, all_copies in zip(case.differentiable, found, theirs, strict=True):
                assert ours.shape == shapes[i]
                np.testing.assert_allclose(
                    ours, unbroadcast(all_copies, shapes[i]), rtol=1e-12, atol=1e-12, err_msg=str(small)
                )


# ---- layouts ---------------------------------------------------------------------------------------------------------


def strided(array: Any) -> Any:
    """The same values, every second element of a larger array, in column-major order."""
    if not array.ndim:
        return np.stack([array, array])[1:].reshape(())
    room = np.empty(tuple(2 * n for n in array.shape), array.dtype, order="F")
    view = room[(slice(None, None, 2),) * array.ndim]
    view[...] = array
    return view


def reversed_strides(array: Any) -> Any:
    """The same values, in memory from the last to the first."""
    back = (slice(None, None, -1),) * array.ndim
    return array[back].copy()[back]


def repeated(array: Any) -> Any:
    """The same values, read-only."""
    view = array.view()
    view.flags.writeable = False
    return view


@pytest.mark.parametrize("layout", [strided, reversed_strides, repeated])
@each_case()
def test_layout_makes_no_difference(case: Case, layout: Any) -> None:
    plain = case.tensors()
    other = [gg.asarray(layout(one.data), requires_grad=one.requires_grad) for one in plain]  # keeps the strides
    for x, y in zip(plain, other, strict=True):
        np.testing.assert_array_equal(x.data, y.data)
    results, theirs = case.run(plain), case.run(other)
    for x, y in zip(results, theirs, strict=True):
        np.testing.assert_allclose(y.data, x.data, rtol=1e-13, atol=1e-14)
    if case.differentiable:
        weights = upstream(results)
        expected = gradients(results, plain, weights)
        if case.op.outputs is None:
            found = gradients(theirs, other, weights)
        else:
            theirs[0].backward(layout(weights[0]))
            found = [leaf.grad.data for leaf in other if leaf.grad is not None]
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-14)


@each_case()
def test_operands_are_left_as_they_are(case: Case) -> None:
    leaves = case.tensors()
    before = [leaf.data.copy() for leaf in leaves]
    results = case.run(leaves)
    if case.differentiable:
        gradients(results, leaves, upstream(results))
    for leaf, values in zip(leaves, before, strict=True):
        np.testing.assert_array_equal(leaf.data, values)


@each_case()
def test_only_views_share_memory(case: Case) -> None:
    leaves = case.tensors()
    for result in case.run(leaves):
        if any(np.may_share_memory(result.data, leaf.data) for leaf in leaves):
            assert case.op.view


@each_case(case for case in CASES if case.op.view)
def test_a_view_is_an_array_of_its_own(case: Case) -> None:
    """Or nothing would tell a write in place that another tensor has the same memory."""
    leaves = case.tensors()
    for result in case.run(leaves):
        assert not any(result.data is leaf.data for leaf in leaves)


# ---- nan and infinity ------------------------------------------------------------------------------------------------


@each_case(case for case in DIFFERENTIABLE if all(case.operands[i].size for i in case.differentiable))
def test_nan_in_is_nan_out(case: Case) -> None:
    for i in case.differentiable:
        operands = [one.copy() for one in case.arrays()]
        operands[i].flat[operands[i].size // 2] = np.nan
        with np.errstate(all="ignore"):
            results = case.run(operands)
            expected = formula_value(case, operands, attrs(case))
        for ours, theirs in zip(results, expected, strict=True):
            np.testing.assert_allclose(ours.data, theirs, rtol=1e-10, atol=1e-10, equal_nan=True)
        if case.op in ELEMENTWISE and case.op.name not in DROPS_NAN:
            reached = np.broadcast_to(np.isnan(operands[i]), results[0].shape)
            np.testing.assert_array_equal(np.isnan(results[0].data), reached)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@each_op(op for op in FLOATING if len(op.operands) == 1)
def test_infinity_goes_to_the_limit(op: Op, value: float) -> None:
    case = Case(op, 0, (np.full(3, value),), full_size(op).attrs)
    (leaf,) = case.tensors()
    with np.errstate(all="ignore"):
        (result,) = case.run([leaf])
        (expected,) = formula_value(case, case.operands, attrs(case))
        value_meant, slope_meant = LIMITS.get((op.name, value), (None, None))
        np.testing.assert_array_equal(result.data, limit(expected, value_meant))
        if op.local:
            (found,) = gradients([result], [leaf], [np.ones(3)])
            names = {**named(case, case.operands, attrs(case)), "out": result.data}
            local = limit(evaluate(op.local[op.operands[0]], names), slope_meant)
            np.testing.assert_array_equal(found, np.broadcast_to(local, (3,)))


def limit(written: Any, meant: float | None) -> Any:
    assert meant is None or np.isnan(written).all(), "what is written says it all and needs no entry in LIMITS"
    return written if meant is None else np.full_like(written, meant)
