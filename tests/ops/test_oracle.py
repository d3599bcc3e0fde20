"""Values and gradients against PyTorch's: as tests/oracle holds them, and from a PyTorch if there is one."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.ops import TABLE
from graphgrad.ops.variants import base_and_missing
from tests.ops.declared import CASES, Case, assert_close, each_case, gradients
from tests.ops.families import COARSE, EDGES
from tests.oracle.make_oracle import DTYPES, ask, edge_cases, read, upstream

KNOWN = {(one["name"], one["index"], one["dtype"]): one for one in read()}
NOW = {(case.op.name, case.index): case for case in (*CASES, *edge_cases())}
# Operations that came after the file aren't in it; all cases of those that are in it have to be.
ASKED = {name for name, _, _ in KNOWN}
BOTH = pytest.mark.parametrize("dtype", DTYPES)
EACH = each_case(NOW[name, i] for name, i, dtype in KNOWN if (name, i) in NOW and dtype == DTYPES[0])

TOLERANCE = {"float64": {"rtol": 1e-10, "atol": 1e-12}, "float32": {"rtol": 3e-5, "atol": 3e-6}}


def check(case: Case, operands: Sequence[Any], weights: Any, values: Any, expected: Any, dtype: str) -> None:
    leaves = Case(case.op, case.index, tuple(operands), case.attrs).tensors(dtype)
    with np.errstate(all="ignore"):
        results = case.run(leaves)
    assert len(results) == len(values)
    for ours, theirs in zip(results, values, strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        assert_close(ours.data, theirs, TOLERANCE[dtype], "value")
    if case.differentiable:
        tolerance = COARSE.get((case.op.name, case.index, dtype), TOLERANCE[dtype])
        found = gradients(results, leaves, [one.astype(ours.dtype) for one, ours in zip(weights, results, strict=True)])
        for i, gradient, theirs in zip(case.differentiable, found, expected, strict=True):
            assert gradient.dtype == theirs.dtype
            assert_close(gradient, theirs, tolerance, f"gradient for operand {i}")


@BOTH
@EACH
def test_as_the_oracle_says(case: Case, dtype: str) -> None:
    known = KNOWN[case.op.name, case.index, dtype]
    check(case, known["operands"], known["weights"], known["values"], known["gradients"], dtype)


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed; the extra `oracle` has it")
@BOTH
@EACH
def test_as_pytorch_says(case: Case, dtype: str) -> None:
    weights = upstream(case)
    values, expected = ask(case, case.operands, weights, dtype)
    check(case, case.operands, weights, values, expected, dtype)


def test_the_oracle_is_of_todays_samples() -> None:
    """Run `python -m tests.oracle.make_oracle` if this fails."""
    assert {(name, i) for name, i, _ in KNOWN} == {(name, i) for name, i in NOW if name in ASKED}
    assert {dtype for _, _, dtype in KNOWN} == set(DTYPES)
    for (name, i, _), known in KNOWN.items():
        for ours, theirs in zip(NOW[name, i].operands, known["operands"], strict=True):
            # Not to the last bit: another machine's logarithm may round another way.
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, err_msg=f"operands of {name} {i}")


def test_the_oracle_knows_the_operations_of_its_edges() -> None:
    assert set(EDGES) <= ASKED
    assert {base_and_missing(name)[0] for name in ASKED} <= set(TABLE)
    assert len(ASKED) >= 320  # the answers of two operations in three are kept


def test_a_wrong_value_or_gradient_is_seen() -> None:
    case = NOW["tanh", 0]
    known = KNOWN["tanh", 0, "float64"]
    for wrong in ("values", "gradients"):
        told = {**known, wrong: [one * (1.0 + 1e-8) for one in known[wrong]]}
        with pytest.raises(AssertionError):
            check(case, told["operands"], told["weights"], told["values"], told["gradients"], "float64")
    assert gg.tanh is case.op.call
