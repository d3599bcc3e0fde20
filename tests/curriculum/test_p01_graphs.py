"""Worked numbers of P01: Computational graphs and autodiff."""

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber
from tests.curriculum.values import const, leaf, slope
from tests.worked import Check


@pytest.mark.worked("W001")
def test_abc(example: WorkedNumber, check: Check) -> None:
    """Computation graph J = 3(a + bc): forward u=bc, v=a+u, J=3v and all dvar."""
    i = example.input
    a, b, c = (gg.scalar(i[k]) for k in "abc")
    u = b * c
    v = a + u
    J = 3 * v
    J.backward()
    check(example, {"u": u, "v": v, "J": J, "dv": v.grad, "du": u.grad, "da": a.grad, "db": b.grad, "dc": c.grad})


@pytest.mark.worked("W002")
def test_abc_nudge(example: WorkedNumber, check: Check) -> None:
    """Nudge check of J = 3(a + bc)."""
    i = example.input
    a, b, c = gg.unbind(const(i["points"]), axis=1)
    check(example, {"J": 3 * (a + b * c)})


@pytest.mark.worked("W003")
def test_siggraph(example: WorkedNumber, check: Check) -> None:
    """Atomic sigmoid-neuron graph h = 1/(1+exp(-(w1 x1 + w2 x2 + b))), exact forward and backward."""
    i = example.input
    w1, x1, w2, x2, b = (gg.scalar(i[k]) for k in ("w1", "x1", "w2", "x2", "b"))
    z = w1 * x1 + w2 * x2 + b
    neg = -z
    e = gg.exp(neg)
    one = 1 + e
    h = 1 / one
    h.backward()
    check(
        example,
        {
            "z": z,
            "neg_z": neg,
            "exp": e,
            "one_plus": one,
            "h": h,
            "dw1": w1.grad,
            "dx1": x1.grad,
            "dw2": w2.grad,
            "dx2": x2.grad,
            "db": b.grad,
        },
    )


@pytest.mark.worked("W004")
def test_siggraph_printed(example: WorkedNumber, check: Check) -> None:
    """Same graph, node-by-node values as printed (4 digits, with accumulated rounding)."""
    i = example.input
    w1, x1, w2, x2, b = (gg.scalar(i[k]) for k in ("w1", "x1", "w2", "x2", "b"))
    z = w1 * x1 + w2 * x2 + b
    neg = -z
    one = 1 + gg.exp(neg)
    h = 1 / one
    h.backward()
    check(
        example,
        {
            "dh": h.grad,
            "d_recip": one.grad,
            "d_exp": neg.grad,
            "d_z": z.grad,
            "dw1": w1.grad,
            "dx1": x1.grad,
            "dw2": w2.grad,
            "dx2": x2.grad,
            "db": b.grad,
        },
    )


@pytest.mark.worked("W005")
def test_metanode(example: WorkedNumber, check: Check) -> None:
    """Fused sigmoid node equals its atomic sub-graph (value and gradient)."""
    i = example.input
    fused, atomic = gg.sigmoid, lambda z: 1 / (1 + gg.exp(-z))
    assert np.allclose(atomic(const(i["z"])).numpy(), fused(const(i["z"])).numpy(), rtol=0, atol=1e-15)
    assert np.allclose(slope(atomic, i["z"]).numpy(), slope(fused, i["z"]).numpy(), rtol=0, atol=1e-15)
    check(example, {"s": fused(const(i["z"])), "ds": slope(fused, i["z"])})


@pytest.mark.worked("W006")
def test_chain_sqrt(example: WorkedNumber, check: Check) -> None:
    """Chain rule f = sqrt(1+x^2), f' = x/sqrt(1+x^2)."""
    i = example.input
    f = lambda x: gg.sqrt(1 + x**2)
    check(example, {"f": f(const(i["x"])), "df": slope(f, i["x"])})


@pytest.mark.worked("W007")
def test_fanout(example: WorkedNumber, check: Check) -> None:
    """Fan-out sum: z = h1(x) h2(x), h1=x^2, h2=sin x."""
    x = gg.scalar(example.input["x"])
    z = x**2 * gg.sin(x)
    z.backward()
    check(example, {"z": z, "dz": x.grad})


@pytest.mark.worked("W008")
def test_detach(example: WorkedNumber, check: Check) -> None:
    """detach: z=w.x; z1=detach(z); z2=(w*z1).x; backward."""
    i = example.input
    x, w = leaf(i["x"]), leaf(i["w"])
    z1 = (w @ x).detach()
    ((w * z1) @ x).backward()
    assert z1.grad is None
    check(example, {"w_grad": w.grad, "x_grad": x.grad})


@pytest.mark.worked("W009")
def test_nodetach(example: WorkedNumber, check: Check) -> None:
    """Same graph without detach: x.grad and w.grad double at w=1."""
    i = example.input
    x, w = leaf(i["x"]), leaf(i["w"])
    ((w * (w @ x)) @ x).backward()
    check(example, {"w_grad": w.grad, "x_grad": x.grad})


@pytest.mark.worked("W010")
def test_vjp(example: WorkedNumber, check: Check) -> None:
    """Vector-Jacobian product y=(x1 x2, x1+x2, x1^2), y.backward(h) = h J."""
    i = example.input
    x = leaf(i["x"])
    gg.stack([x[0] * x[1], x[0] + x[1], x[0] ** 2]).backward(i["h"])
    check(example, {"x_grad": x.grad})


@pytest.mark.worked("W011")
def test_accumulate(example: WorkedNumber, check: Check) -> None:
    """Gradient accumulation: y=3x^2, backward twice, zero_grad, backward."""
    i = example.input
    x, grads = leaf(i["x"]), []
    for zero in (False, False, True):
        if zero:
            x.grad = None
        (3 * x**2).backward()
        assert x.grad is not None
        grads.append(float(x.grad))
    check(example, {"grads": grads})


@pytest.mark.worked("W012")
def test_gradcheck(example: WorkedNumber, check: Check) -> None:
    """Two-sided vs one-sided difference of theta^3 at theta=1."""
    i = example.input
    f, t, e = lambda x: x**3, i["theta"], const(i["eps"])
    check(example, {"central": (f(t + e) - f(t - e)) / (2 * e), "forward": (f(t + e) - f(t)) / e})


@pytest.mark.worked("W013")
def test_gradcheck_ratio(example: WorkedNumber, check: Check) -> None:
    """Gradient-check ratio norm(da-d)/(norm(da)+norm(d)) and verdict bands."""
    i = example.input
    norm = lambda v: gg.sqrt(gg.sum(v * v))
    a, d = const(i["dapprox"]), const(i["d"])
    check(example, {"ratio": norm(a - d) / (norm(a) + norm(d))})


@pytest.mark.worked("W014")
def test_taylor_decrease(example: WorkedNumber, check: Check) -> None:
    """Linearised vs actual decrease of J=w^2-10w+25 from w=0."""
    i = example.input
    J = lambda w: w**2 - 10 * w + 25
    w, alpha = leaf(float(i["w0"])), const(i["alpha"])
    g = gg.grad(J)(w)
    check(example, {"predicted": alpha * g**2, "actual": J(w) - J(w - alpha * g)})
