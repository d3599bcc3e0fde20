"""Forward mode of every operation, over all its samples: against its backward rules, to the second order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.operation import Op
from graphgrad.ops import TABLE
from tests.ops.declared import DIFFERENTIABLE, Case, each_case, each_op

CLOSE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-10}


def function_of(case: Case) -> tuple[Callable[..., tuple[gg.Tensor, ...]], list[gg.Tensor]]:
    """The operation as a function of the operands that can move, giving what is made of floats; and these operands."""
    operands = case.tensors(needs=())

    def function(*moving: Any) -> tuple[gg.Tensor, ...]:
        given: list[Any] = list(operands)
        for i, one in zip(case.differentiable, moving, strict=True):
            given[i] = one
        return tuple(result for result in case.run(given) if result.dtype.kind in "fc")

    return function, [operands[i] for i in case.differentiable]


def random_like(tensors: Sequence[gg.Tensor], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [
        np.asarray(rng.normal(size=one.shape) + (1j * rng.normal(size=one.shape) if one.dtype.kind == "c" else 0.0))
        for one in tensors
    ]


def dot(ones: Sequence[Any], others: Sequence[Any]) -> float:
    """The sum of the products; complex numbers count as pairs of real ones."""
    return sum(float(np.sum(np.conj(a) * np.asarray(b)).real) for a, b in zip(ones, others, strict=True))


def values(tensors: Sequence[gg.Tensor]) -> list[np.ndarray]:
    return [one.data for one in tensors]


@each_case(DIFFERENTIABLE)
def test_it_is_the_transpose_of_the_backward_rules(case: Case) -> None:
    """⟨u, J t⟩ = ⟨Jᵀ u, t⟩ for random u and t."""
    function, x = function_of(case)
    t = random_like(x, 0)
    with np.errstate(all="ignore"):
        results, moved = gg.jvp(function, x, t)
        u = random_like(results, 1)
        _, pullback = gg.vjp(function, *x)
        assert dot(u, values(moved)) == pytest.approx(dot(values(pullback(tuple(u))), t), rel=1e-9, abs=1e-9)
    for result, one in zip(results, moved, strict=True):
        assert (one.shape, one.dtype) == (result.shape, result.dtype)
        assert not one.requires_grad


@each_case(DIFFERENTIABLE)
def test_each_operand_by_itself(case: Case) -> None:
    function, x = function_of(case)
    t = random_like(x, 0)
    with np.errstate(all="ignore"):
        _, along = gg.linearize(function, *x)
        together = along(*t)
        parts = [gg.jvp(function, x, [one if i == k else None for i, one in enumerate(t)])[1] for k in range(len(x))]
    for k, whole in enumerate(together):
        np.testing.assert_allclose(sum(part[k].data for part in parts), whole.data, **CLOSE)


@each_case(DIFFERENTIABLE)
def test_float32_stays(case: Case) -> None:
    function, x = function_of(case)
    single = [gg.tensor(one.data, dtype="complex64" if one.dtype.kind == "c" else "float32") for one in x]
    with np.errstate(all="ignore"):
        results, moved = gg.jvp(function, single, random_like(x, 0))
    assert [one.dtype for one in moved] == [one.dtype for one in results]


@each_case(case for case in DIFFERENTIABLE if all(case.operands[i].size for i in case.differentiable))
def test_second_derivatives_in_all_four_ways(case: Case) -> None:
    """⟨u, ∂²f[t, s]⟩: forward over forward, forward over reverse, reverse over forward and reverse over reverse."""
    function, x = function_of(case)
    t, s = random_like(x, 0), random_like(x, 1)
    several = tuple(range(len(x)))
    with np.errstate(all="ignore"):
        u = random_like(function(*x), 2)

        def slope(*at: Any) -> gg.Tensor:
            return total(gg.jvp(function, at, t)[1], u)

        def slope_by_reverse(*at: Any) -> gg.Tensor:
            return total(gg.vjp(function, *at)[1](tuple(u)), t)

        found = [
            gg.jvp(slope, x, s)[1].item(),
            gg.jvp(slope_by_reverse, x, s)[1].item(),
            dot(values(gg.grad(slope, several)(*x)), s),
            dot(values(gg.grad(slope_by_reverse, several)(*x)), s),
        ]
    np.testing.assert_allclose(found[:3], [found[3]] * 3, rtol=1e-8, atol=1e-9)


def total(tensors: Sequence[gg.Tensor], weights: Sequence[Any]) -> gg.Tensor:
    """`dot` as an operation."""
    parts = [gg.sum(gg.real(one * gg.conj(weight))) for one, weight in zip(tensors, weights, strict=True)]
    found = parts[0]
    for part in parts[1:]:
        found = found + part
    return found


# ---- which way -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("add", "derived"),
        ("tanh", "derived"),
        ("power", "derived"),
        ("where", "derived"),
        ("matmul", "native"),
        ("linear", "native"),
        ("conv2d", "native"),
        ("conv_transpose1d", "native"),
        ("sum", "native"),
        ("reshape", "native"),
        ("concat", "native"),
        ("split", "native"),
        ("getitem", "native"),
        ("max", "double reverse"),
        ("softmax", "double reverse"),
        ("sign", "none"),
        ("less", "none"),
        ("stop_gradient", "none"),
    ],
)
def test_the_reference_says_how(name: str, mode: str) -> None:
    assert TABLE[name].forward_mode == mode


@each_op()
def test_every_operation_has_a_forward_mode_that_fits(op: Op) -> None:
    mode = op.forward_mode
    assert (mode == "none") == (not op.differentiable)
    if op.linear:
        assert mode == "native"
    elif op.by_expansion:
        assert mode == "derived"
        assert op.expand is not None


def test_composites_are_derived_from_their_expansion() -> None:
    found = [op for op in TABLE.values() if op.by_expansion]
    assert found
    assert {op.forward_mode for op in found} <= {"derived", "native"}
