"""NumPy's own functions on tensors: those with a twin run it, the others refuse and say what to do."""

from __future__ import annotations

import inspect
import operator
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.ops import entry
from tests.ops.declared import CASES, Case, arguments, each_case, gradients, upstream

TWINS = {function.op.name: ours for ours, function in entry.NUMPY_TWINS.items()}  # type: ignore[attr-defined]


def has_the_arguments(numpys: Any, case: Case) -> bool:
    """Whether NumPy's function can be called as the case has it: its `sort` can't descend."""
    try:
        parameters = inspect.signature(numpys).parameters
    except ValueError:
        return True  # it doesn't tell; the call will
    return set(case.attrs) <= set(parameters) or any(one.kind is one.VAR_KEYWORD for one in parameters.values())


COVERED = [case for case in CASES if case.op.name in TWINS and has_the_arguments(TWINS[case.op.name], case)]


@each_case(COVERED)
def test_numpys_function_is_the_operation(case: Case) -> None:
    ours, theirs = case.tensors(), case.tensors()
    numpys = TWINS[case.op.name]
    with np.errstate(all="ignore"):
        expected = case.run(ours)
        given, by_name = arguments(case.op, [theirs] if case.op.variadic else theirs, case.attrs)
        result = numpys(*given, **by_name)
    results = result if isinstance(result, tuple) else (result,)
    for one, its in zip(results, expected, strict=True):
        assert type(one) is gg.Tensor
        np.testing.assert_array_equal(one.data, its.data)
    if case.differentiable:
        weights = upstream(expected)
        for x, y in zip(gradients(results, theirs, weights), gradients(expected, ours, weights), strict=True):
            np.testing.assert_array_equal(x, y)


# NumPy's name for a function, if the operation goes by its other one.
OTHER_NAMES = {
    "absolute": "abs",
    "amax": "max",
    "amin": "min",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "around": "round",
    "concatenate": "concat",
    "cumulative_prod": "cumprod",
    "cumulative_sum": "cumsum",
    "degrees": "rad2deg",
    "conjugate": "conj",
    "fix": "trunc",
    "invert": "bitwise_not",
    "left_shift": "bitwise_left_shift",
    "radians": "deg2rad",
    "right_shift": "bitwise_right_shift",
    "rint": "round",
    "transpose": "permute_dims",
    "unstack": "unbind",
}


@pytest.mark.parametrize("function", entry.NUMPY_TWINS, ids=lambda function: f"np.{function.__name__}")
def test_a_twin_is_the_operation_of_that_name(function: Any) -> None:
    twin: Any = entry.NUMPY_TWINS[function]
    assert twin.op.name == OTHER_NAMES.get(function.__name__, function.__name__)
    assert twin is twin.op.call


OTHER_ARGUMENTS = {"cumulative_prod", "cumulative_sum", "rint"}
"""NumPy's names that graphgrad doesn't offer, since they take other arguments than the operation that runs them."""


@pytest.mark.parametrize("name", [name for name in OTHER_NAMES if name not in OTHER_ARGUMENTS])
def test_numpys_other_names_are_offered_too(name: str) -> None:
    assert getattr(gg, name).op.name == OTHER_NAMES[name]


OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "@": operator.matmul,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
ARRAY = np.array([[1.5, 0.5], [2.0, 3.0]])
OTHER = np.array([[2.5, 0.5], [1.0, 0.25]])


@pytest.mark.parametrize("symbol", OPERATORS)
def test_an_array_either_side_of_an_operator(symbol: str) -> None:
    function = OPERATORS[symbol]
    for left, right in ((ARRAY, gg.tensor(OTHER)), (gg.tensor(ARRAY), OTHER), (gg.tensor(ARRAY), gg.tensor(OTHER))):
        result = function(left, right)
        assert type(result) is gg.Tensor
        np.testing.assert_allclose(result.data, function(ARRAY, OTHER), rtol=1e-15)


@pytest.mark.parametrize(
    "number", [2.0, 2, np.float64(2.0), np.float32(2.0), np.int64(2)], ids=lambda n: type(n).__name__
)
@pytest.mark.parametrize("symbol", [symbol for symbol in OPERATORS if symbol != "@"])
def test_a_number_either_side_of_an_operator(symbol: str, number: Any) -> None:
    function = OPERATORS[symbol]
    x = gg.tensor(ARRAY, dtype="float32", requires_grad=True)
    for result, expected in (
        (function(x, number), function(ARRAY.astype("float32"), 2.0)),
        (function(number, x), function(2.0, ARRAY.astype("float32"))),
    ):
        assert type(result) is gg.Tensor
        assert result.dtype == expected.dtype
        np.testing.assert_allclose(result.data, expected, rtol=1e-6)
        assert result.requires_grad is (expected.dtype.kind == "f")


def test_gradients_flow_from_an_array_on_the_left() -> None:
    x = gg.tensor(OTHER, requires_grad=True)
    gg.sum(ARRAY * x - ARRAY / x).backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, ARRAY + ARRAY / OTHER**2, rtol=1e-14)


def test_tensors_and_arrays_are_joined_together() -> None:
    x = gg.tensor([1.0, 2.0], dtype="float64", requires_grad=True)
    joined = np.concatenate([x, np.array([3.0])])
    assert joined.tolist() == [1.0, 2.0, 3.0]
    gg.sum(np.stack([x, x]) * np.array([[1.0, 2.0], [3.0, 4.0]])).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [4.0, 6.0]
    chosen: Any = np.where(np.array([True, False]), x, 0.0)
    assert chosen.tolist() == [1.0, 0.0]
    assert chosen.requires_grad


def test_questions_are_answered_with_values() -> None:
    x: Any = gg.tensor([[1.0, 2.0]], requires_grad=True)
    assert np.shape(x) == (1, 2)
    assert np.ndim(x) == 2
    assert np.size(x) == 2
    assert np.allclose(x, x.data)
    assert np.array_equal(x, np.array([[1.0, 2.0]]))
    assert np.isclose(x, [[1.0, 3.0]]).tolist() == [[True, False]]
    assert np.shares_memory(x, x.data)
    assert np.result_type(x, np.float64(1.0)) == np.float64
    assert np.array2string(x) == "[[1. 2.]]"


def test_an_array_of_a_tensor_holds_its_values() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    assert np.asarray(x) is not None
    assert np.asarray(x).tolist() == [1.0, 2.0]
    assert np.asarray(x, dtype="float64").dtype == np.float64
    assert not np.shares_memory(np.array(x), x.data)
    assert np.shares_memory(np.asarray(x), x.data)


@pytest.mark.parametrize("function", [np.spacing, np.fabs, np.modf, np.frexp])
def test_a_ufunc_without_a_twin_is_refused(function: Any) -> None:
    name = function.__name__
    with pytest.raises(gg.DTypeError, match=rf"np\.{name}: this call has no operation[\s\S]*hint: .*t\.numpy\(\)"):
        function(gg.zeros(2))


@pytest.mark.parametrize("function", [np.lexsort, np.nanargmax, np.poly, np.roots, np.sort_complex, np.trim_zeros])
def test_a_function_without_a_twin_is_refused(function: Any) -> None:
    name = function.__name__
    with pytest.raises(
        gg.DTypeError, match=rf"np\.{name}: there is no such operation[\s\S]*np\.{name}\(t\.numpy\(\)\)"
    ):
        function(gg.zeros(2))


@pytest.mark.parametrize("method", ["reduce", "accumulate"])
def test_methods_of_ufuncs_are_refused(method: str) -> None:
    with pytest.raises(gg.DTypeError, match=rf"np\.add: this call[\s\S]*method: {method}"):
        getattr(np.add, method)(gg.zeros(2))


def test_arguments_that_no_operation_has_are_refused() -> None:
    x = gg.zeros((2, 2))
    with pytest.raises(gg.DTypeError, match=r"np\.add: this call[\s\S]*arguments: where"):
        np.add(x, 1.0, where=np.array([True, False]))
    with pytest.raises(gg.DTypeError, match=r"np\.exp: this call[\s\S]*arguments: dtype"):
        np.exp(x, dtype="float64")
    with pytest.raises(TypeError, match="sum: has no argument 'dtype'"):
        np.sum(x, dtype="float64")
    with pytest.raises(TypeError, match="reshape: has no argument 'order'"):
        np.reshape(x, (4,), order="F")
    with pytest.raises(gg.DTypeError, match=r"np\.add: this call"):
        np.add(np.ones(2), np.ones(2), out=gg.zeros(2))  # type: ignore[call-overload]


def test_writing_to_an_array_leaves_the_graph() -> None:
    x = gg.tensor([1.0, 2.0], dtype="float64", requires_grad=True)
    array = np.array([10.0, 20.0])
    same = array
    array -= x
    assert type(array) is np.ndarray
    assert same is array
    assert array.tolist() == [9.0, 18.0]
    np.multiply(x, 2.0, out=array)
    assert array.tolist() == [2.0, 4.0]


def test_writing_to_an_array_that_a_graph_needs_is_noticed() -> None:
    values = np.array([1.0, 2.0])
    w = gg.asarray(values, requires_grad=True)
    y = gg.sum(w * w)
    values -= gg.tensor([0.5, 0.5], dtype="float64")
    with pytest.raises(gg.WriteError, match="multiply needs operand"):
        y.backward()
