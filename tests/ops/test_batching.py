"""Every operation under `vmap`, over all its samples: what a loop over the examples gives, in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff import batching
from graphgrad.ops import TABLE
from tests.ops.declared import CASES, DIFFERENTIABLE, Case, each_case
from tests.ops.test_forward_mode import function_of

CLOSE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-11}
EXAMPLES = 3


def patterns(n: int) -> list[tuple[bool, ...]]:
    """Which operands have examples: all of them, or one."""
    alone = [tuple(i == k for i in range(n)) for k in range(n)]
    return alone if n == 1 else [(True,) * n, *alone]


def examples_of(operand: np.ndarray, k: int) -> np.ndarray:
    """The same choices for all examples, but other floats."""
    return operand * (1.0 + 0.01 * k) if operand.dtype.kind == "f" else operand


def same(ours: Sequence[gg.Tensor], theirs: Sequence[Sequence[gg.Tensor]]) -> None:
    """The results of all examples against those of each."""
    for j, one in enumerate(ours):
        expected = np.stack([result[j].data for result in theirs])
        assert (one.shape, one.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(one.data, expected, **CLOSE)


# Probabilities that add up to 1 are no others' multiples.
ONE_FOR_ALL = {"multinomial"}


@each_case(case for case in CASES if case.op.name not in ONE_FOR_ALL)
def test_all_examples_at_once_are_what_a_loop_gives(case: Case) -> None:
    n = len(case.operands)
    for which in patterns(n):
        rows = [
            [examples_of(one, k) if of else one for one, of in zip(case.operands, which, strict=True)]
            for k in range(EXAMPLES)
        ]
        whole = [
            gg.tensor(np.stack([row[i] for row in rows]) if of else one)
            for i, (one, of) in enumerate(zip(case.operands, which, strict=True))
        ]
        with np.errstate(all="ignore"):
            expected = [case.run(list(map(gg.tensor, row))) for row in rows]
            if len({tuple(one.shape for one in results) for results in expected}) > 1:
                continue  # such as the nonzero elements
            found = gg.vmap(lambda *operands: case.run(operands), in_axes=tuple(0 if of else None for of in which))(
                *whole
            )
        same(found, expected)


@each_case(DIFFERENTIABLE)
def test_backward_rules_run_on_many_gradients_at_once(case: Case) -> None:
    function, x = function_of(case)
    rng = np.random.default_rng(0)
    with np.errstate(all="ignore"):
        results, pullback = gg.vjp(function, *x)
        seeds = [rng.normal(size=(EXAMPLES, *one.shape)) for one in results]
        found = gg.vmap(lambda *u: pullback(u))(*seeds)
        same(found, [pullback(tuple(one[k] for one in seeds)) for k in range(EXAMPLES)])


@each_case(DIFFERENTIABLE)
def test_tangents_are_pushed_many_at_once(case: Case) -> None:
    function, x = function_of(case)
    rng = np.random.default_rng(0)
    with np.errstate(all="ignore"):
        _, along = gg.linearize(function, *x)
        tangents = [rng.normal(size=(EXAMPLES, *one.shape)) for one in x]
        found = gg.vmap(along)(*tangents)
        same(found, [along(*(one[k] for one in tangents)) for k in range(EXAMPLES)])


# ---- without a loop --------------------------------------------------------------------------------------------------


@pytest.fixture
def loops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations that ran on one example after another."""
    names: list[str] = []
    one_by_one = batching._one_by_one

    def noting(batch: Any) -> Any:
        names.append(batch.op.name)
        return one_by_one(batch)

    monkeypatch.setattr(batching, "_one_by_one", noting)
    return names


# Operations with one operand and an axis that are run in a loop where no axis is given, which means all of them.
# And those that draw: with one seed, every example gets the same choice.
LOOP = {"sliding_window_view", "overlap_add", "cummax", "cummin", "choice", "permutation"}
# Those that have a rule of their own.
RULED = {
    *("reshape", "ravel", "flatten", "unflatten", "squeeze", "expand_dims", "broadcast_to", "permute_dims", "tile"),
    *("matrix_transpose", "moveaxis", "swapaxes", "tril", "triu", "atleast_1d", "atleast_2d", "atleast_3d"),
    *("stack", "concat", "hstack", "vstack", "dstack", "column_stack", "flipud", "fliplr"),
    *("cholesky", "det", "eigh", "inv", "lu", "qr", "slogdet", "svd", "svdvals"),
    *("matmul", "linear", "getitem", "setitem", "index_add", "index_put", "gather"),
}


def has_rule(case: Case) -> bool:
    op = case.op
    along = (op.variadic or len(op.operands) == 1) and "axis" in op.attributes and op.name not in LOOP
    return op.elementwise or op.by_expansion or along or op.name in RULED


@each_case(filter(has_rule, DIFFERENTIABLE))
def test_it_runs_without_a_loop(case: Case, loops: list[str]) -> None:
    rows = [[examples_of(one, k) for one in case.operands] for k in range(EXAMPLES)]
    with np.errstate(all="ignore"):
        gg.vmap(lambda *operands: case.run(operands))(*(gg.tensor(np.stack(one)) for one in zip(*rows, strict=True)))
    assert loops == []


def test_the_named_operations_are_declared() -> None:
    assert set(TABLE) >= LOOP | RULED


def test_a_loop_is_seen(loops: list[str]) -> None:
    gg.vmap(TABLE["diag"].call)(np.ones((2, 3)))
    assert loops == ["diag"]
