"""The derivatives of every operation over all its samples, to the third order, and both ways to run a pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from tests.ops.declared import DIFFERENTIABLE, ELEMENTWISE, Case, each_case, gradients, upstream, weighted, within

# Below these the derivative of the next order is a difference quotient of numbers that are themselves exact.
FIRST: dict[str, Any] = {"eps": 1e-6, "atol": 1e-7, "rtol": 1e-5}
SECOND: dict[str, Any] = {"eps": 1e-5, "atol": 1e-6, "rtol": 1e-4}

UNARY = [case for case in DIFFERENTIABLE if case.op in ELEMENTWISE and len(case.op.operands) == 1]


def on_differentiable(case: Case, leaves: Sequence[Any]) -> Any:
    """The operation as a function of the operands that can receive a gradient; the others are fixed."""

    def function(*wanted: Any) -> tuple[gg.Tensor, ...]:
        operands = list(leaves)
        for i, one in zip(case.differentiable, wanted, strict=True):
            operands[i] = within(case, one)
        return case.run(operands)

    return function


def wanted(case: Case, leaves: Sequence[Any]) -> list[Any]:
    return [leaves[i] for i in case.differentiable]


@each_case(DIFFERENTIABLE)
def test_first_order(case: Case) -> None:
    leaves = case.tensors()
    assert gg.gradcheck(on_differentiable(case, leaves), wanted(case, leaves), **FIRST)


def gradient_function(case: Case, leaves: Sequence[Any]) -> Any:
    """The gradients as a function of the same operands, and of the upstream gradient."""
    function = on_differentiable(case, leaves)
    n = len(case.differentiable)

    def gradient(*arguments: Any) -> Any:
        return gg.grad(lambda *xs: weighted(function(*xs), arguments[n:]), argnums=tuple(range(n)))(*arguments[:n])

    return gradient


@each_case(DIFFERENTIABLE)
def test_second_order(case: Case) -> None:
    leaves = case.tensors()
    weights = [gg.tensor(one, requires_grad=one.dtype.kind == "f") for one in upstream(case.run(leaves))]
    assert gg.gradcheck(gradient_function(case, leaves), [*wanted(case, leaves), *weights], **SECOND)


@each_case(UNARY)
def test_third_order_of_one_operand(case: Case) -> None:
    leaves = case.tensors()
    function = on_differentiable(case, leaves)
    once = gg.grad(lambda x: gg.sum(function(x)[0]))
    twice = gg.grad(lambda x: gg.sum(once(x) * np.linspace(0.5, 1.5, x.size).reshape(x.shape)))
    assert gg.gradcheck(twice, wanted(case, leaves), **SECOND)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@each_case(DIFFERENTIABLE)
def test_a_recorded_pass_gives_the_same_bits(case: Case, dtype: str) -> None:
    plain, recorded = case.tensors(dtype), case.tensors(dtype)
    results = case.run(plain)
    weights = upstream(results)
    expected = gradients(results, plain, weights)
    found = gradients(case.run(recorded), recorded, weights, create_graph=True)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


@each_case(case for case in DIFFERENTIABLE if len(case.differentiable) > 1)
def test_one_operand_alone_gets_the_same_gradient(case: Case) -> None:
    together = case.tensors()
    results = case.run(together)
    weights = upstream(results)
    expected = dict(zip(case.differentiable, gradients(results, together, weights), strict=True))
    for i in case.differentiable:
        leaves = case.tensors(needs=(i,))
        (found,) = gradients(case.run(leaves), leaves, weights)
        np.testing.assert_array_equal(found, expected[i])


@each_case(case for case in DIFFERENTIABLE if len({case.operands[i].shape for i in case.differentiable}) == 1)
def test_one_tensor_in_every_place_gets_the_sum(case: Case) -> None:
    first = case.operands[case.differentiable[0]]
    operands = tuple(first if i in case.differentiable else one for i, one in enumerate(case.operands))
    same = Case(case.op, case.index, operands, case.attrs)
    apart = same.tensors()
    x = gg.tensor(first, requires_grad=True)
    leaves = [x if i in case.differentiable else one for i, one in enumerate(operands)]
    with np.errstate(all="ignore"):  # what fits the first place, such as a logarithm, need not fit the others
        results, together = same.run(apart), same.run(leaves)
    weights = upstream(results)
    expected = sum(gradients(results, apart, weights))
    (found,) = gradients(together, [x], weights)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


@each_case(case for case in DIFFERENTIABLE if case.op.outputs is None)
def test_outputs_that_are_not_used_give_zeros(case: Case) -> None:
    for k in (k for k, one in enumerate(case.run(case.tensors())) if one.requires_grad):
        leaves = case.tensors()
        results = case.run(leaves)
        weight = upstream(results)[k]
        weights = [weight if i == k else np.zeros(one.shape) for i, one in enumerate(results)]
        expected = gradients(results, leaves, weights)
        again = case.tensors()
        found = gradients([case.run(again)[k]], again, [weight])
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_gradient_on_its_way_has_the_dtype_of_what_was_computed(create_graph: bool) -> None:
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=100).astype("float32"), rng.normal(size=100)
    x = gg.tensor(values, requires_grad=True)
    gg.sum(gg.exp(x) * weights).backward(create_graph=create_graph)  # a float32 node between float64 ones
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, weights.astype("float32") * np.exp(values))


@each_case(DIFFERENTIABLE)
def test_without_grad_nothing_is_recorded(case: Case) -> None:
    with gg.no_grad():
        assert not any(one.requires_grad or one.node for one in case.run(case.tensors()))
    assert not any(one.requires_grad or one.node for one in case.run(case.tensors(needs=())))
