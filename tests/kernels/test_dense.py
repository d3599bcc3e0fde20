"""Dense layers with their activation: kernel, twin, the two operations in its place, and PyTorch."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from scipy import special

import graphgrad as gg
from graphgrad.kernels.jit import compiles
from graphgrad.kernels.plain import dense as plain
from graphgrad.ops.masks import unless

operation = importlib.import_module("graphgrad.ops.functional.dense")
F = gg.nn.functional

if compiles():
    from graphgrad.kernels import dense as compiled
else:
    compiled = plain  # type: ignore[misc]

BOTH = pytest.mark.parametrize("kernels", [compiled, plain], ids=["compiled", "plain"])
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
FUNCTIONS = {"relu": lambda x: np.where(x < 0, 0, x), "tanh": np.tanh, "sigmoid": special.expit}
SLOPES = {
    "relu": lambda y: np.where(y <= 0, 0, 1),
    "tanh": lambda y: 1 - y * y,
    "sigmoid": lambda y: y * (1 - y),
}


@BOTH
@DTYPES
@pytest.mark.parametrize("activation", plain.ACTIVATIONS)
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (5, 7), (33, 40), (3, 0)])
def test_both_passes(shape: tuple[int, int], activation: str, dtype: str, kernels: Any) -> None:
    rng = np.random.default_rng(0)
    x, g, bias = (rng.normal(size=size).astype(dtype) for size in (shape, shape, shape[1]))
    close: Any = {"rtol": 1e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-13, "atol": 1e-14}
    for b in (bias, None, np.repeat(bias, 2)[::2]):
        out = x.copy()
        kernels.finish(out, b, activation)
        np.testing.assert_allclose(out, FUNCTIONS[activation](x if b is None else x + b), **close)
    for way in (g, np.asfortranarray(g), np.repeat(g, 2, 1)[:, ::2]):
        d, total = kernels.back(way, out, activation)
        expected = g * SLOPES[activation](out)
        assert d.dtype == total.dtype == dtype
        np.testing.assert_allclose(d, expected, **close)
        np.testing.assert_allclose(total, expected.sum(0), rtol=1e-5, atol=1e-5)


@BOTH
@pytest.mark.parametrize("activation", plain.ACTIVATIONS)
def test_not_a_number_stays_one(activation: str, kernels: Any) -> None:
    out = np.array([[np.nan, 1.0, -np.inf, np.inf]], "float32")
    kernels.finish(out, np.zeros(4, "float32"), activation)
    assert np.isnan(out[0, 0])
    assert not np.isnan(out[0, 1:]).any()
    d, total = kernels.back(np.array([[1.0, np.nan, 1.0, 1.0]], "float32"), out, activation)
    assert np.isnan(d[0, 1])
    assert np.isnan(total[1])
    if activation == "relu":
        assert d[0, [0, 2, 3]].tolist() == [1.0, 0.0, 1.0]


@BOTH
@pytest.mark.parametrize("count", [255, 256, 257, 70_000])
def test_the_sum_of_many_rows_loses_no_digits(count: int, kernels: Any) -> None:
    """One float32 after the other would be right to 3 digits only."""
    g = np.full((count, 3), 0.1, "float32")
    _, total = kernels.back(g, np.ones_like(g), "relu")
    np.testing.assert_allclose(total, count * float(g[0, 0]), rtol=1e-5)
    for activation in (None, "relu", "gelu"):
        leaves = [gg.tensor(np.full(shape, 5.0, "float32"), requires_grad=True) for shape in ((count, 2), (3, 2), 3)]
        y = F.linear(*leaves) if activation is None else F.dense(*leaves, activation)
        y.backward(g)
        assert leaves[2].grad is not None
        np.testing.assert_allclose(leaves[2].grad.data, count * float(g[0, 0]), rtol=1e-5)


# ---- the operation ---------------------------------------------------------------------------------------------------


@pytest.fixture(params=["few", "many"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """By NumPy, or by the kernels however few results there are."""
    monkeypatch.setattr(operation, "_ENOUGH", 10**9 if request.param == "few" else 0)
    return str(request.param)


def operands(leading: tuple[int, ...], dtype: str) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(dtype) for shape in ((*leading, 5), (4, 5), (4,))]


@DTYPES
@pytest.mark.parametrize("activation", [None, "relu", "tanh", "sigmoid", "gelu", "silu"])
@pytest.mark.parametrize("leading", [(), (3,), (2, 3), (0,), (2, 0)])
def test_it_is_linear_and_the_activation(
    leading: tuple[int, ...], activation: str | None, dtype: str, way: str
) -> None:
    results = []
    g = np.random.default_rng(1).normal(size=(*leading, 4)).astype(dtype)
    for fused in (True, False):
        x, w, b = leaves = [gg.tensor(one, requires_grad=True) for one in operands(leading, dtype)]
        if fused:
            y = F.dense(x, w, b, activation)
        else:
            y = F.linear(x, w, b)
            y = y if activation is None else getattr(F, activation)(y)
        y.backward(g)
        results.append([y.data, *(one.grad.data for one in leaves)])  # type: ignore[union-attr]
    for ours, theirs in zip(*results, strict=True):
        assert ours.dtype == theirs.dtype == dtype
        np.testing.assert_allclose(ours, theirs, rtol=2e-6 if dtype == "float32" else 1e-13, atol=1e-6)


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu", "silu"])
def test_derivatives_of_both_orders(activation: str, has_bias: bool, way: str) -> None:
    leaves = [gg.tensor(one, requires_grad=True) for one in operands((3,), "float64")]
    given = leaves if has_bias else leaves[:2]
    assert gg.gradcheck(lambda *one: F.dense(*one, activation=activation), given)
    assert gg.gradgradcheck(lambda *one: F.dense(*one, activation=activation), given)


@DTYPES
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_recorded_pass_and_a_second_one_give_the_same_bits(activation: str, dtype: str, way: str) -> None:
    leaves = [gg.tensor(one, requires_grad=True) for one in operands((6,), dtype)]
    y = F.dense(*leaves, activation=activation)
    found = []
    for how in ({"retain_graph": True}, {"retain_graph": True}, {"create_graph": True}):
        for one in leaves:
            one.grad = None
        y.backward(np.ones(y.shape, dtype), **how)
        found.append([one.grad.data for one in leaves])  # type: ignore[union-attr]
    for again in found[1:]:
        for ours, theirs in zip(again, found[0], strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_it_is_one_node_that_is_zoomed_into() -> None:
    x, w, b = (gg.tensor(one, requires_grad=True) for one in operands((3,), "float32"))
    y = F.dense(x, w, b, activation="relu")
    assert y.node is not None
    assert y.node.op.name == "dense"
    with gg.record() as recording:
        y.node.op.expand(x, w, b, activation="relu")
    assert [node.op.name for node in recording.nodes] == ["linear", "relu"]


def test_operands_of_different_dtypes() -> None:
    x, w, b = operands((3,), "float32")
    y = F.dense(x, w, b.astype("float64"), "relu")
    assert y.dtype == np.float64
    np.testing.assert_allclose(y.data, F.relu(F.linear(x, w, b)).data, rtol=1e-5, atol=1e-6)


# ---- its parts by themselves -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 1, 3, 5), (0, 2, 5)])
def test_many_axes_are_one_product(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, w, b = (gg.tensor(rng.normal(size=size), requires_grad=True) for size in (shape, (4, 5), (4,)))
    for one in (x, gg.permute_dims(gg.permute_dims(x, tuple(range(x.ndim))[::-1]), tuple(range(x.ndim))[::-1])):
        for leaf in (x, w, b):
            leaf.grad = None
        y, g = F.linear(one, w, b), rng.normal(size=(*shape[:-1], 4))
        np.testing.assert_allclose(y.data, np.einsum("...i,oi->...o", x.data, w.data) + b.data, rtol=1e-12)
        y.backward(g)
        assert x.grad is not None
        np.testing.assert_allclose(x.grad.data, np.einsum("...o,oi->...i", g, w.data), rtol=1e-12)


def test_the_bias_is_added_to_no_array_of_the_callers() -> None:
    x, w, b = operands((3,), "float32")
    before = [one.copy() for one in (x, w, b)]
    F.linear(x, w, b)
    F.dense(x, w, b, activation="relu")
    for one, same in zip((x, w, b), before, strict=True):
        np.testing.assert_array_equal(one, same)


@DTYPES
@pytest.mark.parametrize("shape", [(), (3,), (7, 400), (5000,)])
def test_what_stops_a_gradient_does_so_to_the_bit(shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(0)
    g, stopped = rng.normal(size=shape).astype(dtype), np.asarray(rng.random(shape) < 0.5)
    if g.size > 20:
        g.flat[:6] = np.nan, np.inf, -np.inf, np.nan, np.inf, -0.0
    for one, where in ((g, stopped), (np.asfortranarray(g), np.asfortranarray(stopped)), (g.T, stopped.T)):
        found = unless(where, one)
        assert found.dtype == dtype
        assert np.ascontiguousarray(found).tobytes() == np.ascontiguousarray(np.where(where, 0.0, one)).tobytes()


@DTYPES
def test_a_large_rectifier_is_a_small_one(dtype: str) -> None:
    x = np.random.default_rng(0).normal(size=5000).astype(dtype)
    x[:4] = np.nan, np.inf, -np.inf, 0.0
    y = gg.relu(x)
    np.testing.assert_array_equal(y.data, np.concatenate([gg.relu(x[i : i + 100]).data for i in range(0, 5000, 100)]))
    assert y.dtype == dtype
