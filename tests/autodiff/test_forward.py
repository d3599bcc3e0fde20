"""Forward mode: values and tangents, arguments, orders, nesting, scalars, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff.checkpoint import checkpoint

HERE = Path(__file__).name


def f64(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64")


def leaf(values: Any) -> gg.Tensor:
    return gg.tensor(values, dtype="float64", requires_grad=True)


def rate(f: Callable[..., Any], x: Any, t: Any = 1.0) -> Any:
    """The derivative along t."""
    return gg.jvp(f, (x,), (t,))[1]


# ---- values and tangents


CLOSED: list[tuple[str, Callable[[Any], Any], Callable[[float], float]]] = [
    ("x³", lambda x: x**3, lambda x: 3 * x * x),
    ("exp 2x", lambda x: gg.exp(2.0 * x), lambda x: 2 * math.exp(2 * x)),
    ("sin x / x", lambda x: gg.sin(x) / x, lambda x: math.cos(x) / x - math.sin(x) / x**2),
    ("x x", lambda x: x * x, lambda x: 2 * x),
    ("x", lambda x: x, lambda x: 1.0),
    ("5", lambda x: f64(5.0), lambda x: 0.0),
    ("stopped", lambda x: x * gg.stop_gradient(x), lambda x: x),
    ("detached", lambda x: x * x.detach(), lambda x: x),
    ("softmax", lambda x: gg.softmax(gg.stack([x, 2.0 * x]))[0], lambda x: -math.exp(x) / (1 + math.exp(x)) ** 2),
    ("max", lambda x: gg.max(gg.stack([x, 2.0 * x, -x])), lambda x: 2.0),
]


@pytest.mark.parametrize(("f", "slope"), [case[1:] for case in CLOSED], ids=[case[0] for case in CLOSED])
def test_closed_forms(f: Callable[[Any], Any], slope: Callable[[float], float]) -> None:
    x = 0.7
    value, tangent = gg.jvp(f, (f64(x),), (1.0,))
    assert value.item() == pytest.approx(float(f(f64(x))))
    assert tangent.item() == pytest.approx(slope(x), rel=1e-12)
    assert tangent.dtype == np.float64
    assert rate(f, f64(x), -3.0).item() == pytest.approx(-3.0 * slope(x), rel=1e-12)


def test_several_arguments_and_results() -> None:
    (y, z), (dy, dz) = gg.jvp(
        lambda a, b: (a * b, gg.sum(a)), (f64([1.0, 2.0]), f64([3.0, 4.0])), ([1.0, 0.0], [0.0, 1.0])
    )
    assert (y.tolist(), z.item()) == ([3.0, 8.0], 3.0)
    assert (dy.tolist(), dz.item()) == ([3.0, 2.0], 1.0)
    values, tangents = gg.jvp(lambda a: [a, 2.0 * a], (1.0,), (1.0,))
    assert type(values) is type(tangents) is list
    assert [one.item() for one in tangents] == [1.0, 2.0]
    assert type(gg.jvp(lambda a: (a,), (1.0,), (1.0,))[1]) is tuple


def test_arguments_of_any_form() -> None:
    for x in ([1.0, 2.0], np.array([1.0, 2.0], np.float32), gg.tensor([1.0, 2.0]), leaf([1.0, 2.0])):
        value, tangent = gg.jvp(lambda v: v * v, (x,), ([1.0, 10.0],))
        assert value.tolist() == [1.0, 4.0]
        assert tangent.tolist() == [2.0, 40.0]
        assert tangent.dtype == value.dtype
    assert rate(lambda v: v * v, 3.0).dtype == np.float32
    assert gg.jvp(lambda v: v * v, [3.0], [1.0])[1].item() == 6.0


def test_a_tangent_takes_the_dtype_of_its_primal() -> None:
    tangent = rate(lambda v: v * v, gg.tensor([3.0]), np.array([1.0]))
    assert tangent.dtype == np.float32
    assert rate(lambda v: v * v, f64([3.0]), [2]).tolist() == [12.0]
    assert rate(lambda v: v, f64([3.0]), [0.1]).tolist() == [0.1]  # without a way through float32


def test_an_argument_that_is_held() -> None:
    seen: list[Any] = []

    def f(x: Any, word: str, i: Any) -> Any:
        seen.append((word, i))
        return x[i]

    assert gg.jvp(f, ([1.0, 2.0], "word", np.array([1, 1])), ([1.0, 5.0], None, None))[1].tolist() == [5.0, 5.0]
    assert seen[0][0] == "word"
    value, tangent = gg.jvp(lambda a, b: a * b, (2.0, 3.0), (None, 1.0))
    assert (value.item(), tangent.item()) == (6.0, 2.0)
    assert gg.jvp(lambda a: a * 2.0, (f64(2.0),), (None,))[1].item() == 0.0


def test_has_aux() -> None:
    value, tangent, aux = gg.jvp(lambda x: (x * x, {"seen": float(x)}), (3.0,), (1.0,), has_aux=True)
    assert (value.item(), tangent.item(), aux) == (9.0, 6.0, {"seen": 3.0})
    value, along, aux = gg.linearize(lambda x: (x * x, "aux"), 3.0, has_aux=True)
    assert (value.item(), along(1.0).item(), aux) == (9.0, 6.0, "aux")


def test_linearize_runs_the_function_once() -> None:
    runs = []

    def f(x: Any, y: Any) -> Any:
        runs.append(1)
        return gg.sin(x) * y, x

    (value, _), along = gg.linearize(f, f64(0.5), f64(2.0))
    assert value.item() == pytest.approx(2 * math.sin(0.5))
    for t, s in ((1.0, 0.0), (0.0, 1.0), (3.0, -2.0)):
        first, second = along(t, s)
        assert first.item() == pytest.approx(2 * math.cos(0.5) * t + math.sin(0.5) * s)
        assert second.item() == t
    assert len(runs) == 1


def test_several_outputs_of_one_operation() -> None:
    x = f64([1.0, 2.0, 3.0])
    _, (da, db) = gg.jvp(lambda v: gg.split(v * v, (1, 2)), (x,), ([1.0, 1.0, 1.0],))
    assert (da.tolist(), db.tolist()) == ([2.0], [4.0, 6.0])
    assert rate(lambda v: gg.unbind(v)[1] * 3.0, x, [0.0, 1.0, 0.0]).item() == 3.0
    assert rate(lambda v: gg.unbind(v)[1] * 3.0, x, [1.0, 0.0, 1.0]).item() == 0.0


def test_what_cannot_move_is_left_out() -> None:
    """Integers beside floats, comparisons, and parts under no_grad."""

    def f(x: Any) -> Any:
        with gg.no_grad():
            scale = gg.sum(x)
        return gg.where(x > 1.5, x * scale, 0.0)

    assert rate(f, f64([1.0, 2.0]), [1.0, 1.0]).tolist() == [0.0, 3.0]


def test_the_answers_are_the_callers_own() -> None:
    x, t = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    for f in (lambda v: v, lambda v: v.reshape(2, 1), lambda v: v + 0.0):
        tangent = rate(f, x, t)
        tangent.data[...] = 9.0
        assert t.tolist() == [3.0, 4.0]
    _, (a, b) = gg.jvp(lambda v: (v * 2, v * 2), (x,), (t,))
    a.data[...] = 0.0
    assert b.tolist() == [6.0, 8.0]


def test_nothing_else_is_touched() -> None:
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    gg.jvp(lambda v: v * w, (x,), ([1.0, 1.0],))
    assert x.grad is None
    assert w.grad is None
    with gg.no_grad():
        assert rate(lambda v: v * v, 3.0).item() == 6.0
        assert not gg.is_grad_enabled()


def test_zero_sized_arguments() -> None:
    tangent = rate(lambda v: gg.exp(v), np.zeros((0, 3)), np.zeros((0, 3)))
    assert tangent.shape == (0, 3)
    assert rate(lambda v: gg.sum(v), np.zeros((0, 3)), np.zeros((0, 3))).item() == 0.0


def test_infinite_slopes_raise_no_warning() -> None:
    assert rate(gg.sqrt, f64(0.0)).item() == math.inf
    assert math.isnan(rate(lambda x: gg.sqrt(x) * 0.0, f64(0.0)).item())


def test_a_long_chain() -> None:
    def f(x: Any) -> Any:
        for _ in range(50_000):
            x = x + x * 1e-5
        return x

    assert rate(f, f64(1.0)).item() == pytest.approx((1 + 1e-5) ** 50_000)


def test_only_what_depends_on_the_arguments_is_swept() -> None:
    """What was computed before needn't even be there any more."""
    w = leaf(2.0)
    before = w * w
    before.backward()  # frees it
    assert rate(lambda x: x * before.detach(), f64(3.0)).item() == 4.0
    inner = []

    def f(x: Any) -> Any:
        y = w * w
        y.backward()
        inner.append(w.grad)
        return x * x

    assert rate(f, f64(3.0)).item() == 6.0


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda z: z * z, lambda z, t: 2 * z * t),
        (lambda z: z / (1.0 + 2.0j), lambda z, t: t / (1.0 + 2.0j)),
        (lambda z: z * gg.conj(z), lambda z, t: t * np.conj(z) + z * np.conj(t)),
        (gg.abs, lambda z, t: (np.conj(z) * t).real / np.abs(z)),
        (lambda z: gg.complex(gg.imag(z), gg.real(z)), lambda z, t: t.imag + 1j * t.real),
        (lambda z: gg.real(z) ** 2, lambda z, t: 2 * z.real * t.real),
        (lambda z: gg.sum(z @ z), lambda z, t: np.sum(2 * z * t)),
    ],
)
def test_complex_numbers(f: Any, slope: Any) -> None:
    """Tangents need no convention: they are how the numbers move, in both parts."""
    rng = np.random.default_rng(0)
    z, t, s = (rng.normal(size=3) + 1j * rng.normal(size=3) for _ in range(3))
    np.testing.assert_allclose(rate(f, gg.tensor(z), t).data, slope(z, t), rtol=1e-13)
    h = 1e-6
    second = (slope(z + h * s, t) - slope(z - h * s, t)) / (2 * h)
    np.testing.assert_allclose(rate(lambda z: rate(f, z, t), gg.tensor(z), s).data, second, rtol=1e-7, atol=1e-9)
    u = np.ones(np.shape(slope(z, t))) * (1.0 if np.isrealobj(slope(z, t)) else 1.0 - 2.0j)
    (back,) = gg.vjp(f, gg.tensor(z))[1](u)
    assert np.sum(np.conj(back.data) * t).real == pytest.approx(np.sum(np.conj(u) * slope(z, t)).real)


# ---- orders and nesting


def test_orders_of_forward_mode() -> None:
    f = lambda x: gg.exp(2.0 * x)
    order = f
    for n in range(1, 6):
        order = (lambda inner: lambda x: rate(inner, x))(order)
        assert order(f64(0.3)).item() == pytest.approx(2.0**n * math.exp(0.6), rel=1e-10)


@pytest.mark.parametrize("modes", ["ff", "fr", "rf", "rr", "frf", "rfr", "ffr", "rrf"])
def test_modes_mix(modes: str) -> None:
    """d/dx of x⁵, again and again, forwards and in reverse."""
    f: Callable[[Any], Any] = lambda x: x**5
    for mode in modes:
        f = gg.grad(f) if mode == "r" else (lambda inner: lambda x: rate(inner, x))(f)
    n = len(modes)
    for x in (f64(1.3), gg.scalar(1.3)):
        assert float(f(x)) == pytest.approx(math.perm(5, n) * 1.3 ** (5 - n), rel=1e-10)


def test_perturbation_confusion() -> None:
    """d/dx [x · d/dy (x + y)] is 1, and 2 for whoever takes the inner variable for the outer one."""
    for x in (f64(3.0), gg.scalar(3.0)):
        one = gg.scalar(1.0) if isinstance(x, gg.Scalar) else f64(1.0)
        assert float(rate(lambda x, one=one: x * rate(lambda y: x + y, one), x)) == 1.0
        assert float(rate(lambda x, one=one: x * gg.grad(lambda y: x + y)(one), x)) == 1.0
        assert float(gg.grad(lambda x, one=one: x * rate(lambda y: x + y, one))(x)) == 1.0


def test_an_inner_tangent_at_the_outer_variable() -> None:
    # d/dx [x · (d/dy (x y²) at y = x)] = d/dx [2x³] = 6x²
    for x in (f64(2.0), gg.scalar(2.0)):
        assert float(rate(lambda x: x * rate(lambda y: x * y * y, x), x)) == 24.0


def test_a_tangent_that_depends_on_what_is_differentiated() -> None:
    g = gg.grad(lambda x: gg.sum(gg.jvp(lambda v: v**3, (x,), (x,))[1]))(f64([1.0, 2.0]))  # 3x³
    assert g.tolist() == [9.0, 36.0]


def test_parameters_get_their_gradient_through_a_tangent() -> None:
    w = leaf(3.0)
    value, tangent = gg.jvp(lambda x: w * w * x, (f64(2.0),), (1.0,))
    assert value.requires_grad
    assert tangent.requires_grad
    (value + tangent).backward()
    assert w.grad is not None
    assert w.grad.item() == 2 * 3 * 2 + 2 * 3
    assert not gg.jvp(lambda x: x * x, (f64(2.0),), (1.0,))[1].requires_grad
    with gg.no_grad():
        value, tangent = gg.jvp(lambda x: w * w * x, (f64(2.0),), (1.0,))
    assert not value.requires_grad
    assert not tangent.requires_grad
    assert tangent.item() == 9.0


def test_a_tangent_that_needs_a_gradient() -> None:
    t = leaf(1.0)
    rate(lambda x: x**3, f64(2.0), t).backward()
    assert t.grad is not None
    assert t.grad.item() == 12.0


def test_checkpointed_parts() -> None:
    f = lambda x: checkpoint(lambda v: gg.tanh(gg.sin(v) * v), x) * 2.0
    plain = lambda x: gg.tanh(gg.sin(x) * x) * 2.0
    x, t = f64([0.3, 1.2]), [1.0, -2.0]
    np.testing.assert_array_equal(rate(f, x, t).data, rate(plain, x, t).data)
    np.testing.assert_allclose(
        gg.jacfwd(gg.grad(lambda v: gg.sum(f(v))))(x).data, gg.hessian(lambda v: gg.sum(plain(v)))(x).data, rtol=1e-13
    )


# ---- scalars


def test_scalars() -> None:
    a, b = gg.scalar(2.0), gg.scalar(3.0)
    value, tangent = gg.jvp(lambda a, b: a * b + gg.tanh(a), (a, b), (1.0, 10.0))
    assert isinstance(value, gg.Scalar)
    assert isinstance(tangent, gg.Scalar)
    assert value.data == pytest.approx(6 + math.tanh(2.0))
    assert tangent.data == pytest.approx(3 + 20 + 1 - math.tanh(2.0) ** 2)
    assert gg.jvp(lambda a, b: (a, a * b), (a, b), (1.0, gg.scalar(2.0)))[1][1].data == 3 + 4
    assert a.grad is None
    assert rate(lambda a: gg.scalar(5.0), a).data == 0.0
    assert rate(lambda a: a, a, 7.0).data == 7.0
    assert rate(lambda a: a / 0.0, gg.scalar(1.0)).data == math.inf


def test_scalar_parameters_and_tangents() -> None:
    w, t = gg.scalar(3.0), gg.scalar(2.0)
    rate(lambda x: w * x * x, gg.scalar(2.0), t).backward()
    assert (w.grad, t.grad) == (8.0, 12.0)


def test_a_long_chain_of_scalars() -> None:
    def f(x: Any) -> Any:
        for _ in range(5_000):
            x = x + x * 1e-4
        return x

    assert rate(f, gg.scalar(1.0)).data == pytest.approx((1 + 1e-4) ** 5_000)


# ---- refusals


def test_wrong_arguments() -> None:
    f = lambda *x: x[0]
    wrong: tuple[tuple[Any, Any], ...] = ((f64(1.0), (1.0,)), ((1.0,), f64(1.0)), ((1.0,), 1.0))
    for primals, tangents in wrong:
        with pytest.raises(TypeError, match=r"must be a tuple or a list(.|\n)*hint: jvp\(f, \(x,\), \(t,\)\)"):
            gg.jvp(f, primals, tangents)
    with pytest.raises(TypeError, match="got 1 primals, and 2 tangents"):
        gg.jvp(f, (1.0,), (1.0, 1.0))
    _, along = gg.linearize(f, 1.0)
    with pytest.raises(TypeError, match="got 2 tangents for 1 primals"):
        along(1.0, 1.0)


def test_a_tangent_of_another_shape() -> None:
    with pytest.raises(gg.ShapeError, match=r"tangent 0(.|\n)*expected: \(2,\)(.|\n)*got: \(3,\)") as caught:
        gg.jvp(lambda x: x, ([1.0, 2.0],), ([1.0, 2.0, 3.0],))  # here
    assert HERE in str(caught.value)
    assert "# here" in str(caught.value)
    with pytest.raises(gg.ShapeError, match=r"tangent 0"):
        rate(lambda x: x, [1.0, 2.0], 1.0)


@pytest.mark.parametrize("argument", [3, [1, 2], True])
def test_an_argument_without_a_derivative(argument: Any) -> None:
    with pytest.raises(gg.DTypeError, match=r"jvp: argument 0 holds (int64|bool)"):
        rate(lambda x: x, argument, argument)


def test_results_that_are_no_tensors() -> None:
    with pytest.raises(
        gg.DTypeError, match="jvp: the function must return a tensor or a Scalar, or a tuple of them, got float"
    ):
        rate(lambda x: float(x), 1.0)
    with pytest.raises(gg.DTypeError, match=r"got NoneType(.|\n)*use graphgrad's operations"):
        rate(lambda x: (x, None), 1.0)
    with pytest.raises(gg.DTypeError, match=r"must return floats, got bool(.|\n)*has_aux"):
        rate(lambda x: x > 0, 1.0)
    with pytest.raises(gg.DTypeError, match="has_aux=True the function must return a pair, got Tensor"):
        gg.jvp(lambda x: x, (1.0,), (1.0,), has_aux=True)


def test_arguments_of_both_kinds() -> None:
    value, moved = gg.jvp(lambda a, b: gg.stack([a * a, a]) * b, (gg.scalar(3.0), 2.0), (1.0, 10.0))
    assert (value.tolist(), moved.tolist()) == ([18.0, 6.0], [2 * 3 * 2 + 90.0, 2 + 30.0])
    with pytest.raises(gg.DTypeError, match="the tangent of a scalar is a number"):
        rate(lambda a: a, gg.scalar(1.0), [1.0, 2.0])


def test_a_value_written_in_place() -> None:
    def f(x: Any) -> Any:
        y = x * 2.0
        z = y * y
        y += 1.0
        return z

    with pytest.raises(gg.WriteError, match="jvp: multiply needs operand a"):
        rate(f, f64([1.0, 2.0]), [1.0, 1.0])


def test_an_inner_pass_that_freed_what_is_needed() -> None:
    def f(x: Any) -> Any:
        y = x * x
        y.backward()
        return y

    with pytest.raises(gg.GraphError, match="jvp: an earlier pass freed what multiply had saved"):
        rate(f, leaf(3.0))


# ---- who watches


def test_a_sweep_is_no_backward_pass_and_is_not_recorded() -> None:
    passes: list[Any] = []
    with gg.record() as recording:
        recording.on_pass = lambda *told: passes.append(told)
        rate(lambda x: gg.softmax(x * 2.0), f64([1.0, 2.0]), [1.0, 0.0])
    assert passes == []
    assert [node.op.name for node in recording.nodes] == ["multiply", "softmax"]
