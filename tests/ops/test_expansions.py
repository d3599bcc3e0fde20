"""A fused operation and its expansion into simpler ones: the same value, the same gradients, of any order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.operation import Op
from tests.ops.declared import (
    CASES,
    CLOSE,
    OPS,
    Case,
    assert_close,
    each_case,
    each_op,
    gradients,
    run,
    upstream,
    weighted,
)

EXPANDED = [case for case in CASES if case.op.expand is not None]


def expansion(case: Case, operands: Any) -> tuple[Any, ...]:
    assert case.op.expand is not None
    return run(case.op.expand, case.op, operands, case.node().attrs)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@each_case(EXPANDED)
def test_expansion_has_the_same_value_and_gradients(case: Case, dtype: str) -> None:
    fused, simple = case.tensors(dtype), case.tensors(dtype)
    results, parts = case.run(fused), expansion(case, simple)
    tolerance = {name: 20 * value for name, value in CLOSE[dtype].items()}
    for ours, theirs in zip(parts, results, strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        assert_close(ours.data, theirs.data, tolerance)
    weights = upstream(results)
    found, expected = gradients(parts, simple, weights), gradients(results, fused, weights)
    for simple_gradient, gradient in zip(found, expected, strict=True):
        assert simple_gradient.dtype == gradient.dtype
        assert_close(simple_gradient, gradient, tolerance)


@each_case(EXPANDED)
def test_expansion_has_the_same_second_derivatives(case: Case) -> None:
    both = []
    for function in (case.run, lambda operands: expansion(case, operands)):
        leaves = case.tensors()
        results = function(leaves)
        total = weighted(results, upstream(results))
        total.backward(create_graph=True)
        wanted = [leaves[i] for i in case.differentiable]
        first = []
        for leaf in wanted:
            assert leaf.grad is not None
            first.append(leaf.grad)
            leaf.grad = None
        # One more weighted sum, so that every element of every Hessian row takes part; + leaf keeps it connected.
        again = [one + 0.0 * leaf for one, leaf in zip(first, wanted, strict=True)]
        both.append(gradients(again, leaves, upstream(again, seed=1)))
    for ours, theirs in zip(*both, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)


@each_op(op for op in OPS if op.expand is not None)
def test_expansion_is_made_of_other_operations(op: Op) -> None:
    case = next(case for case in EXPANDED if case.op is op and case.operands[0].size > 1)
    with gg.record() as recording:
        expansion(case, case.tensors())
    names = [node.op.name for node in recording.nodes]
    assert len(names) > 1 or op.name == "relu", "an expansion into one operation explains little"
    assert op.name not in names


@each_case(EXPANDED)
def test_expansion_is_made_for_any_operand_that_needs_no_gradient(case: Case) -> None:
    constant = case.tensors(needs=())
    for ours, theirs in zip(expansion(case, constant), case.run(constant), strict=True):
        assert not ours.requires_grad
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-10, atol=1e-12)
