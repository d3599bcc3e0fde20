"""How an operation is called: operands and attributes by position and by name, and what is kept for backward."""

from __future__ import annotations

import gc
import inspect
import re
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.operation import Op
from graphgrad.ops import TABLE, apply
from graphgrad.ops.entry import quick
from graphgrad.ops.variants import base_and_missing
from tests.ops.declared import (
    CASES,
    DIFFERENTIABLE,
    Case,
    arguments,
    each_case,
    each_op,
    full_size,
    gradients,
    takes_any_number,
    upstream,
)

REQUIRED = inspect.Parameter.empty
WITH_ATTRIBUTES = [op for op in TABLE.values() if op.attributes]
QUICK = [op for op in TABLE.values() if quick(op)]


def operands_of(case: Case) -> list[Any]:
    """As they stand in a call: the members of a variadic operation are one argument."""
    return [list(case.operands)] if case.op.variadic else list(case.operands)


def positional(op: Op) -> list[str]:
    """The arguments that may be given by position, in order."""
    parameters = inspect.signature(op.call).parameters
    return [name for name in parameters if parameters[name].kind is not inspect.Parameter.KEYWORD_ONLY]


def by_position(op: Op, values: Mapping[str, Any], names: Iterable[str]) -> list[Any]:
    """Those arguments, in a row; of an operation that takes any number of operands one after the other, each."""
    given: list[Any] = []
    for name in names:
        if name in op.operands and takes_any_number(op):
            given.extend(values[name])
        else:
            given.append(values[name])
    return given


def whole_call(case: Case) -> tuple[Op, dict[str, Any]]:
    """The operation as it is called, and all arguments by name, None for an operand that is left out."""
    op = TABLE[base_and_missing(case.op.name)[0]]
    given = dict(zip(case.op.operands, operands_of(case), strict=True))
    return op, {**{name: given.get(name) for name in op.operands}, **op.attributes, **case.attrs}


def same(first: Any, second: Any) -> None:
    for a, b in zip(*(one if isinstance(one, tuple) else (one,) for one in (first, second)), strict=True):
        np.testing.assert_array_equal(a.data, b.data)


# ---- arguments -------------------------------------------------------------------------------------------------------


@each_case(case for case in CASES if case.op.attributes)
def test_arguments_by_position_by_name_and_left_out(case: Case) -> None:
    op, values = whole_call(case)
    expected = case.run(operands_of(case)[0] if op.variadic else case.operands)  # what has a default is left out
    names = positional(op)
    for k in range(len(names) + 1):
        by_name = {name: value for name, value in values.items() if name not in names[:k]}
        same(op.call(*by_position(op, values, names[:k]), **by_name), expected)


@each_op(op for op in WITH_ATTRIBUTES if REQUIRED in op.attributes.values())
def test_a_missing_attribute_is_named(op: Op) -> None:
    case = full_size(op)
    for name in (name for name, default in op.attributes.items() if default is REQUIRED):
        if takes_any_number(op):  # what is given by position fills the places from the first on
            given: list[Any] = []
            by_name = {op.operands[0]: list(case.operands), **case.attrs}
        else:
            given, by_name = arguments(op, operands_of(case), case.attrs)
        del by_name[name]
        with pytest.raises(TypeError, match=rf"{op.name}: needs {name}\n  signature: {op.name}\("):
            op.call(*given, **by_name)


@each_op(WITH_ATTRIBUTES)
def test_a_missing_operand_is_named(op: Op) -> None:
    case = full_size(op)
    parameters = inspect.signature(op.call).parameters
    for name in (name for name in op.operands if parameters[name].default is REQUIRED):
        operands = dict(zip(op.operands, operands_of(case), strict=True))
        del operands[name]
        with pytest.raises(TypeError, match=rf"{op.name}: needs {name}\n  signature: {op.name}\("):
            op.call(**operands, **case.attrs)


@each_op(WITH_ATTRIBUTES)
def test_an_unknown_argument_is_named_with_the_signature(op: Op) -> None:
    given, by_name = arguments(op, operands_of(full_size(op)), full_size(op).attrs)
    with pytest.raises(TypeError, match=rf"{op.name}: has no argument 'axes_'\n  signature: {op.name}\(") as caught:
        op.call(*given, **by_name, axes_=1)
    assert all(name in str(caught.value) for name in (*op.operands, *op.attributes))


@each_op(WITH_ATTRIBUTES)
def test_an_argument_given_twice_is_refused(op: Op) -> None:
    values, names = whole_call(full_size(op))[1], positional(op)
    for k, name in enumerate(names, start=1):
        by_name = {one: value for one, value in values.items() if one not in names[:k]}
        with pytest.raises(TypeError, match=rf"{op.name}: got {name} twice"):
            op.call(*by_position(op, values, names[:k]), **by_name, **{name: values[name]})


@each_op(op for op in WITH_ATTRIBUTES if not takes_any_number(op))
def test_too_many_positional_arguments_are_counted(op: Op) -> None:
    values, names = whole_call(full_size(op))[1], positional(op)
    by_name = {name: value for name, value in values.items() if name not in names}
    with pytest.raises(TypeError, match=f"{op.name}: takes {len(names)} arguments by position, got {len(names) + 1}"):
        op.call(*(values[name] for name in names), 1, **by_name)


@each_op(QUICK)
def test_operations_without_attributes_take_their_operands_by_position(op: Op) -> None:
    operands = operands_of(full_size(op))
    for given in (operands[:-1], [*operands, operands[0]]):
        with pytest.raises(TypeError):
            op.call(*given)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: gg.sum(x, axis=0.5),
        lambda x: gg.max(x, axis=(0, 1.0)),
        lambda x: gg.softmax(x, axis=0.5),
        lambda x: gg.reshape(x, (2.0, 2)),
        lambda x: gg.reshape(x, 4.5),
        lambda x: gg.reshape(x, None),
        lambda x: gg.broadcast_to(x, (1.5, 2, 2)),
        lambda x: gg.permute_dims(x, (1.2, 0)),
        lambda x: gg.split(x, 1.5),
        lambda x: gg.split(x, (1.0, 1.0)),
    ],
)
def test_lengths_and_axes_are_not_rounded(call: Any) -> None:
    with pytest.raises(gg.GraphgradError):
        call(gg.zeros((2, 2)))


FLAGS = [
    (op, name)
    for op in TABLE.values()
    for name in op.attributes
    if inspect.signature(op.call).parameters[name].annotation in (bool, "bool")
]


@pytest.mark.parametrize(("op", "flag"), FLAGS, ids=[f"{op.name}-{flag}" for op, flag in FLAGS])
def test_what_is_on_or_off_is_no_text_and_no_number(op: Op, flag: str) -> None:
    case = full_size(op)
    given, by_name = arguments(op, operands_of(case), case.attrs)
    for wrong in ("no", 0.5, 2, None, [True], 1j):
        with pytest.raises(gg.DTypeError, match=rf"{op.name}: {flag} is True or False, got "):
            op.call(*given, **{**by_name, flag: wrong})
    wanted = case.attrs.get(flag, op.attributes[flag])
    for same_to_numpy in (int(wanted), np.int64(wanted), np.bool_(wanted)):
        with gg.record() as recording:
            op.call(*given, **{**by_name, flag: same_to_numpy})
        assert recording.nodes[-1].attrs[flag] is wanted


def test_a_length_beyond_all_memory_is_refused() -> None:
    with pytest.raises(gg.ArgumentError, match="unfold: "):
        gg.nn.functional.unfold(gg.zeros((1, 1, 3, 3)), 2, stride=10**30)


def test_numpys_integers_are_axes_and_lengths() -> None:
    x, two = gg.zeros((2, 1, 2), requires_grad=True), np.int64(2)
    for result in (gg.sum(x, axis=two), gg.reshape(x, (two, two)), gg.squeeze(x, np.int64(1)), gg.split(x, two)[0]):
        assert result.node is not None
        kept = result.node.attrs.values()
        assert all(type(value) in (int, tuple, bool) or result.node.op.name == "squeeze" for value in kept)


def test_a_reduction_that_there_is_none_of_is_refused() -> None:
    for name in ("mse_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy"):
        with pytest.raises(gg.ArgumentError, match=f"{name}: reduction is one of mean, sum, none, got 'max'"):
            TABLE[name].call(np.zeros((1, 2)), np.zeros((1, 2)), reduction="max")


# ---- the quick way and the general way -------------------------------------------------------------------------------


@each_case()
def test_all_ways_to_run_give_the_same_bits(case: Case) -> None:
    leaves = case.tensors()
    results = case.run(leaves)
    with gg.no_grad():
        same(case.run(case.tensors()), results)
    same(case.run(case.arrays()), results)
    with gg.record():
        recorded = case.tensors()
        noted = case.run(recorded)
    same(noted, results)
    general = apply(case.op, case.tensors(), case.node().attrs)
    same(general, results if case.op.outputs is None else results[0])
    if case.differentiable:
        weights = upstream(results)
        for x, y in zip(gradients(results, leaves, weights), gradients(noted, recorded, weights), strict=True):
            np.testing.assert_array_equal(x, y)


@each_case()
def test_nested_lists_are_tensors_of_the_default_dtype(case: Case) -> None:
    if any(operand.size == 0 and operand.dtype.kind != "f" for operand in case.operands):
        return  # an empty list holds floats
    lists = [operand.tolist() for operand in case.operands]
    if any(np.shape(one) != operand.shape for one, operand in zip(lists, case.operands, strict=True)):
        return  # a list can't say that an axis after an empty one has length 3
    results = case.run(lists)
    expected = case.run(case.tensors("float32", needs=()))
    for ours, theirs in zip(results, expected, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-6, atol=1e-6)


# ---- what is kept ----------------------------------------------------------------------------------------------------


def subsets(case: Case) -> list[tuple[int, ...]]:
    places = case.differentiable
    return [tuple(i for k, i in enumerate(places) if bits >> k & 1) for bits in range(1, 1 << min(len(places), 3))]


@each_case(DIFFERENTIABLE)
def test_exactly_what_the_wanted_rules_name_is_kept(case: Case) -> None:
    op = case.op
    for needs in subsets(case):
        (node,) = {one.node for one in case.run(case.tensors(needs=needs)) if one.requires_grad}
        assert node is not None
        assert isinstance(node.saved, tuple)
        rules = [op.joint] if op.joint is not None else [op.rules[op.operands[i]] for i in needs]
        wanted = {name for rule in rules for name in list(inspect.signature(rule.function).parameters)[1:]}
        names = [op.operands[0]] * len(case.operands) if op.variadic else list(op.operands)
        kept = [name for name, value in zip([*names, "out"], node.saved, strict=True) if value is not None]
        assert kept == [name for name in [*names, "out"] if name in wanted]


@each_case(DIFFERENTIABLE)
def test_a_pass_frees_what_was_kept(case: Case) -> None:
    leaves = case.tensors()
    results = case.run(leaves)
    nodes = [one.node for one in results if one.requires_grad]
    gradients(results, leaves, upstream(results))
    assert all(node is not None and node.saved is None for node in nodes)


@pytest.mark.parametrize("name", ["multiply", "divide", "matmul", "power"])
def test_a_partner_that_no_gradient_needs_is_let_go(name: str) -> None:
    case = full_size(TABLE[name])
    a, b = case.arrays()
    leaf = gg.tensor(a, requires_grad=True)
    other = gg.tensor(b)
    middle = leaf * 1.0  # its values are needed by nobody: only the rule of b names a
    kept = weakref.ref(middle.data)
    result = TABLE[name].call(middle, other)
    del middle
    gc.collect()
    if name == "power":
        assert kept() is not None  # the derivative of a ** b for a names a
    else:
        assert kept() is None
    gg.sum(result).backward()
    assert leaf.grad is not None


@pytest.mark.parametrize(
    ("name", "needs", "kept"),
    [
        ("add", (0, 1), ()),
        ("multiply", (0,), (1,)),
        ("multiply", (1,), (0,)),
        ("multiply", (0, 1), (0, 1)),
        ("divide", (0,), (1,)),
        ("divide", (1,), (1, 2)),
        ("matmul", (0,), (1,)),
        ("matmul", (1,), (0,)),
        ("tanh", (0,), (1,)),
        ("relu", (0,), (1,)),
        ("sum", (0,), ()),
        ("mean", (0,), ()),
        ("reshape", (0,), ()),
        ("where", (1, 2), (0,)),
        ("softmax", (0,), (1,)),
        ("concat", (0, 1), ()),
        ("setitem", (0, 1), ()),
    ],
)
def test_some_of_what_is_kept(name: str, needs: tuple[int, ...], kept: tuple[int, ...]) -> None:
    case = full_size(TABLE[name])
    node = case.run(case.tensors(needs=needs))[0].node
    assert node is not None
    assert isinstance(node.saved, tuple)
    assert tuple(i for i, value in enumerate(node.saved) if value is not None) == kept


def test_a_step_to_integers_or_bools_ends_the_gradient() -> None:
    x = gg.tensor([1.5, -2.5], requires_grad=True)
    for result in (x > 0.0, x.astype("int64"), x.astype("bool"), gg.sign(x), x == x):
        assert not result.requires_grad
        assert result.is_leaf


def test_an_operation_is_shown_by_its_signature() -> None:
    assert repr(TABLE["sum"]) == "<Op sum(x, axis, keepdims)>"
    assert re.fullmatch(r"<Node \d+ tanh -> \(2,\)>", repr(gg.tanh(gg.zeros(2, requires_grad=True)).node))


def test_a_list_of_tensors_that_need_gradients_is_refused() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(gg.DTypeError, match=r"add: a: a list of tensors that need gradients[\s\S]*gg.stack\(tensors\)"):
        gg.add([x, x], 1.0)
    assert gg.add([x.detach(), x.detach()], 1.0).tolist() == [[2.0, 3.0], [2.0, 3.0]]
    assert gg.stack([x, x]).requires_grad


@each_op(op for op in TABLE.values() if not op.complex)
def test_complex_numbers_are_refused_of_many_examples_too(op: Op) -> None:
    case = full_size(op)
    examples = [np.stack([one, one]).astype("complex128") for one in case.operands]
    with pytest.raises(gg.DTypeError, match=f"^{re.escape(op.name)}: complex numbers are not supported"):
        gg.vmap(lambda *operands: case.run(operands))(*examples)


# ---- the shorter way of operations with attributes -------------------------------------------------------------------


@each_case(case for case in DIFFERENTIABLE if case.op.outputs == 1)
def test_the_shorter_way_makes_the_node_that_the_general_way_makes(case: Case) -> None:
    operands = case.tensors()
    seen: list[tuple[Any, ...]] = []
    (short,) = case.run(operands)
    with gg.record():  # not the fast mode: whatever is run goes the general way
        (general,) = case.run(operands)
    for result in (short, general):
        node = result.node
        assert node is not None
        assert isinstance(node.saved, tuple)
        kept = [None if one is None else np.asarray(one).tobytes() for one in node.saved]
        seen.append((node.op.name, node.needs, node.shape, node.dtype, node.scope, len(node.operands), kept))
        assert result.numpy().tobytes() == short.numpy().tobytes()
    assert seen[0] == seen[1]
