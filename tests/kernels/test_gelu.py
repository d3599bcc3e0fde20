"""The Gaussian error linear unit: kernel and twin, exact along the whole line, the operation, and PyTorch."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
import pytest
from scipy import special

import graphgrad as gg
from graphgrad.kernels.jit import compiles
from graphgrad.kernels.plain import gelu as plain

operation = importlib.import_module("graphgrad.ops.functional.activations")
F = gg.nn.functional

if compiles():
    from graphgrad.kernels import gelu as compiled
else:
    compiled = plain  # type: ignore[misc]
of_kernels = pytest.mark.skipif(not compiles(), reason="nothing is compiled here")

BOTH = pytest.mark.parametrize("kernels", [compiled, plain], ids=["compiled", "plain"])
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
FORMS = pytest.mark.parametrize("approximate", ["none", "tanh"])
CLOSE: dict[str, Any] = {"float32": {"rtol": 2e-5, "atol": 1e-35}, "float64": {"rtol": 1e-12, "atol": 1e-303}}
"""The exponential of kernels is 0 where it would be no normal number, and with the hyperbolic tangent it is used."""
FAR = {"float32": 14.6, "float64": 38.7}
"""Where a slope is nothing."""


def line(dtype: str, count: int = 20_000) -> Any:
    rng = np.random.default_rng(0)
    small = np.logspace(math.log10(np.finfo(dtype).smallest_subnormal), 1, 500)
    parts = rng.normal(size=count), rng.uniform(-FAR[dtype], FAR[dtype], count), small, -small, [0.0, -0.0]
    return np.concatenate(parts).astype(dtype)


def by_formula(x: Any) -> tuple[Any, Any, Any, Any]:
    """Value and slope in float64, and of which size their parts are, with all digits of the tail."""
    x = x.astype("float64")
    t = np.abs(x)
    short = t.astype("float32").astype("float64")  # the square is exact
    bell = np.exp(-0.5 * short * short) * np.exp(-0.5 * (t - short) * (t + short))
    tail, of_density = bell * special.erfcx(t / math.sqrt(2.0)) / 2, bell * t / math.sqrt(2.0 * math.pi)
    below = x < 0
    whole = np.where(below, tail, 1 - tail)
    return x * whole, np.where(below, tail - of_density, 1 - tail + of_density), np.abs(x * whole), whole + of_density


@of_kernels
@DTYPES
def test_they_are_exact_along_the_whole_line(dtype: str) -> None:
    """In float32 they are rounded once; in float64 the reference has an error of its own."""
    x = line(dtype)
    found = compiled.values(x, "none"), compiled.gradient(np.ones_like(x), x, "none")
    value, slope, value_size, slope_size = by_formula(x)
    units = 0.51 if dtype == "float32" else 10
    for ours, exact, size in zip(found, (value, slope), (value_size, slope_size), strict=True):
        assert ours.dtype == dtype
        unit = np.spacing(np.maximum(size.astype(dtype), np.finfo(dtype).smallest_normal)).astype("float64")
        normal = size > 1e-300  # the reference loses its digits where its bell curve isn't a normal number
        assert (np.abs(ours - exact) <= units * unit)[normal].all()
        np.testing.assert_allclose(ours[~normal], exact[~normal], rtol=1e-6, atol=1e-315)


@of_kernels
def test_what_is_less_than_normal_numbers_keeps_the_digits_there_are() -> None:
    """The bell curve at these places is no normal number, though the slope is one; at the last it is nothing at all."""
    x = np.array([-38.0, -37.8, -38.6])
    log_size = -x * x / 2 - 0.5 * math.log(2 * math.pi)
    more = np.array([special.erfcx(-one / math.sqrt(2)) * math.sqrt(math.pi / 2) for one in x])
    values, slopes = compiled.values(x, "none"), compiled.gradient(np.ones(3), x, "none")
    np.testing.assert_allclose(values, -np.exp(log_size + np.log(-x * more)), rtol=1e-10, atol=1e-323)
    np.testing.assert_allclose(slopes, -np.exp(log_size + np.log(-x - more)), rtol=1e-10, atol=1e-323)
    assert (values[:2] != 0).all()
    x = np.array([-13.5, -14.0, -14.6], "float32")
    value, slope, *_ = by_formula(x)
    np.testing.assert_array_equal(compiled.values(x, "none"), value.astype("float32"))
    np.testing.assert_array_equal(compiled.gradient(np.ones_like(x), x, "none"), slope.astype("float32"))


@DTYPES
@FORMS
def test_kernel_and_twin_are_one(approximate: str, dtype: str) -> None:
    x = line(dtype)
    g = np.random.default_rng(1).normal(size=x.size).astype(dtype)
    np.testing.assert_allclose(compiled.values(x, approximate), plain.values(x, approximate), **CLOSE[dtype])
    ours, theirs = (kernels.gradient(g, x, approximate) for kernels in (compiled, plain))
    assert ours.dtype == theirs.dtype == dtype
    zero = np.abs(x + 0.7518) < 0.1  # of the slope
    np.testing.assert_allclose(ours[~zero], theirs[~zero], **CLOSE[dtype])
    np.testing.assert_allclose(ours[zero], theirs[zero], atol=float(4 * np.finfo(dtype).eps))


@BOTH
@DTYPES
@FORMS
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_no_number_and_what_has_no_end(approximate: str, dtype: str, kernels: Any) -> None:
    """At -inf the value is inf · 0, which is nan, as in the expansion and with PyTorch."""
    most = float(np.finfo(dtype).max)
    x = np.array([math.nan, math.inf, -math.inf, most, -most, 1000.0, -1000.0, 0.0, -0.0], dtype)
    values = kernels.values(x, approximate)
    np.testing.assert_array_equal(
        values, np.array([math.nan, math.inf, math.nan, *x[3:4], -0.0, 1000.0, -0.0, 0, 0], dtype)
    )
    assert np.signbit(values[[4, 6, 8]]).all()
    assert not np.signbit(values[7])
    ends = [math.nan, math.nan] if approximate == "none" else [1.0, 0.0]
    expected = np.array([math.nan, *ends, 1.0, 0.0, 1.0, 0.0, 0.5, 0.5], dtype)
    np.testing.assert_array_equal(kernels.gradient(np.ones_like(x), x, approximate), expected)
    passed = kernels.gradient(np.full_like(x, math.nan), x, approximate)
    assert np.isnan(passed).all()


@BOTH
@FORMS
@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (3, 5), (2, 3, 7)])
def test_shapes(shape: tuple[int, ...], approximate: str, kernels: Any) -> None:
    x = np.ones(shape, "float32")
    assert np.shape(kernels.values(x, approximate)) == np.shape(kernels.gradient(x, x, approximate)) == shape


@BOTH
def test_other_layouts(kernels: Any) -> None:
    x = np.random.default_rng(0).normal(size=(9, 5))
    frozen = x.copy()
    frozen.flags.writeable = False
    values, gradient = plain.values(x, "none"), plain.gradient(x, x, "none")
    for one in (np.asfortranarray(x), np.repeat(x, 2, 1)[:, ::2], frozen, x[::-1][::-1]):
        np.testing.assert_allclose(kernels.values(one, "none"), values, rtol=1e-13)
        for g in (x, one):
            np.testing.assert_allclose(kernels.gradient(g, one, "none"), gradient, rtol=1e-12, atol=1e-15)
    ones = np.broadcast_to(1.0, x.shape)
    np.testing.assert_allclose(
        kernels.gradient(ones, x, "none"), plain.gradient(np.ones_like(x), x, "none"), rtol=1e-12
    )


@of_kernels
@FORMS
def test_threads_give_the_same_bits(approximate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(3, 70_001)).astype("float32")
    alone = compiled.values(x, approximate), compiled.gradient(x, x, approximate)
    monkeypatch.setattr(compiled, "_ENOUGH", 1)
    assert x.size % compiled._BLOCK
    np.testing.assert_array_equal(compiled.values(x, approximate), alone[0])
    np.testing.assert_array_equal(compiled.gradient(x, x, approximate), alone[1])


# ---- the operation ---------------------------------------------------------------------------------------------------


@pytest.fixture(params=["few", "many"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """By NumPy, or by the kernels however few numbers there are."""
    monkeypatch.setattr(operation, "_ENOUGH", 10**9 if request.param == "few" else 0)
    return str(request.param)


@of_kernels
def test_many_numbers_are_left_to_the_kernels() -> None:
    assert operation._kernels(np.ones(operation._ENOUGH, "float32")) is compiled
    assert operation._kernels(np.ones(operation._ENOUGH - 1, "float32")) is plain
    assert operation._kernels(np.ones(operation._ENOUGH, "float16")) is plain


@DTYPES
@FORMS
def test_it_is_pytorchs_and_that_of_its_expansion(approximate: str, dtype: str, way: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    a, g = 3 * rng.normal(size=(2, 7, 5)).astype(dtype), rng.normal(size=(2, 7, 5)).astype(dtype)
    ours, theirs = gg.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    again = gg.tensor(a, requires_grad=True)
    y, expected = F.gelu(ours, approximate=approximate), torch.nn.functional.gelu(theirs, approximate=approximate)
    assert F.gelu.op.expand is not None
    expanded = F.gelu.op.expand(again, approximate=approximate)
    y.backward(g)
    expected.backward(torch.tensor(g))
    expanded.backward(g)
    assert ours.grad is not None
    assert again.grad is not None
    assert y.dtype == ours.grad.dtype == dtype
    close: Any = {"rtol": 1e-5, "atol": 2e-6} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-14}
    for value, gradient in ((expected.detach().numpy(), theirs.grad.numpy()), (expanded.data, again.grad.data)):
        np.testing.assert_allclose(y.data, value, **close)
        np.testing.assert_allclose(ours.grad.data, gradient, **close)


@FORMS
def test_derivatives_of_both_orders_and_forward_mode(approximate: str, way: str) -> None:
    x = gg.tensor(np.random.default_rng(0).normal(size=(3, 4)), requires_grad=True)
    function = lambda x: F.gelu(x, approximate=approximate)
    assert gg.gradcheck(function, (x,))
    assert gg.gradgradcheck(function, (x,))
    v = gg.tensor(np.random.default_rng(1).normal(size=(3, 4)))
    _, tangent = gg.jvp(function, (x.detach(),), (v,))
    (gradient,) = gg.vjp(function, x.detach())[1](v)
    np.testing.assert_allclose(tangent.data, gradient.data, rtol=1e-12, atol=1e-15)


def test_many_gradients_of_one_input(way: str) -> None:
    """The gradients that arrive have an axis more than the input has."""
    x = gg.tensor(np.linspace(-2.0, 2.0, 5))
    slopes = gg.jacobian(F.gelu)(x)
    np.testing.assert_allclose(slopes.data, np.diag(by_formula(x.data)[1]), rtol=1e-6, atol=1e-15)


def test_integers_and_half_floats(way: str) -> None:
    assert F.gelu(np.array([-1, 0, 1])).dtype == np.float64
    np.testing.assert_allclose(F.gelu(np.array([-1, 0, 1])).data, by_formula(np.array([-1, 0, 1]))[0], rtol=1e-15)
    assert F.gelu(np.ones(3, "float16")).dtype == np.float16


@DTYPES
def test_a_dense_layer_has_it(dtype: str, way: str) -> None:
    rng = np.random.default_rng(0)
    x, w, b = (rng.normal(size=shape).astype(dtype) for shape in ((6, 3), (4, 3), (4,)))
    one, other = ([gg.tensor(array, requires_grad=True) for array in (x, w, b)] for _ in range(2))
    gg.sum(F.dense(*one, "gelu")).backward()
    gg.sum(F.gelu(F.linear(*other))).backward()
    for a, c in zip(one, other, strict=True):
        assert a.grad is not None
        assert c.grad is not None
        np.testing.assert_allclose(a.grad.data, c.grad.data, rtol=1e-5)
