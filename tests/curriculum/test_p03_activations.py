"""Worked numbers of P03: Activations."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
import graphgrad.nn.functional as F
from graphgrad.lessons.curriculum import WorkedNumber
from tests.curriculum.values import const, leaf, slope
from tests.worked import Check


@pytest.mark.worked("W031")
def test_heaviside(example: WorkedNumber, check: Check) -> None:
    """Heaviside."""
    i = example.input
    check(example, {"H": gg.heaviside(const(i["z"]), 1.0)})


@pytest.mark.worked("W032")
def test_sigmoid_arr(example: WorkedNumber, check: Check) -> None:
    """Sigmoid on an array."""
    i = example.input
    check(example, {"s": gg.sigmoid(const(i["z"]))})


@pytest.mark.worked("W033")
def test_sigmoid_vals(example: WorkedNumber, check: Check) -> None:
    """Sigmoid and slope."""
    i = example.input
    check(example, {"s": gg.sigmoid(const(i["z"])), "ds": slope(gg.sigmoid, i["z"])})


@pytest.mark.worked("W034")
def test_tanh_vals(example: WorkedNumber, check: Check) -> None:
    """tanh and slope; tanh z = 2 sigma(2z) - 1."""
    i = example.input
    z = const(i["z"])
    check(example, {"t": gg.tanh(z), "dt": slope(gg.tanh, float(i["z"])), "two_sig": 2 * gg.sigmoid(2 * z) - 1})


@pytest.mark.worked("W035")
def test_act_table(example: WorkedNumber, check: Check) -> None:
    """Activation values at z=-2..2."""
    i = example.input
    z = const(i["z"])
    check(
        example,
        {
            "sigmoid": gg.sigmoid(z),
            "tanh": gg.tanh(z),
            "softplus": gg.softplus(z),
            "elu": F.elu(z, i["alpha_elu"]),
            "leaky": gg.leaky_relu(z, i["alpha_leaky"]),
            "swish": F.swish(z, i["beta"]),
            "mish": F.mish(z),
        },
    )


@pytest.mark.worked("W036")
def test_act_grads(example: WorkedNumber, check: Check) -> None:
    """Activation derivatives at z=-2..2 (swish beta=1, mish, softplus, ELU alpha=1)."""
    i = example.input
    check(
        example,
        {
            "swish": slope(F.silu, i["z"]),
            "mish": slope(F.mish, i["z"]),
            "softplus": slope(gg.softplus, i["z"]),
            "elu": slope(F.elu, i["z"]),
        },
    )


@pytest.mark.worked("W037")
def test_mish_formula(example: WorkedNumber, check: Check) -> None:
    """Mish derivative by the printed closed form e^z w / d^2."""
    i = example.input
    z = const(i["z"])
    w = gg.exp(3 * z) + 4 * gg.exp(2 * z) + (6 + 4 * z) * gg.exp(z) + 4 * (z + 1)
    closed = gg.exp(z) * w / ((gg.exp(z) + 1) ** 2 + 1) ** 2
    dm = slope(F.mish, i["z"])
    assert np.allclose(closed.numpy(), dm.numpy(), rtol=1e-12, atol=0)
    check(example, {"dm": dm})


@pytest.mark.worked("W038")
def test_swish_limits(example: WorkedNumber, check: Check) -> None:
    """Swish limits: beta=0 gives z/2, beta=100 close to ReLU."""
    i = example.input
    z = const(i["z"])
    check(example, {"beta0": F.swish(z, 0.0), "beta100": F.swish(z, 100.0)})


@pytest.mark.worked("W039")
def test_swish_beta_grad(example: WorkedNumber, check: Check) -> None:
    """Trainable Swish: dS/dbeta = z^2 sigma(bz)(1-sigma(bz))."""
    i = example.input
    z, beta = const(i["z"]), leaf([i["beta"], i["beta"]])
    gg.sum(F.swish(z, beta)).backward()
    check(example, {"db": beta.grad})


@pytest.mark.worked("W040")
def test_prelu_grad(example: WorkedNumber, check: Check) -> None:
    """PReLU: value, dx, dalpha."""
    i = example.input
    z, alpha = leaf([i["z"]]), leaf([i["alpha"]] * 3)  # one example with three channels, so that each has its slope
    y = F.prelu(z, alpha)
    gg.sum(y).backward()
    assert z.grad is not None
    check(example, {"y": y[0], "dz": z.grad[0], "dalpha": alpha.grad})


@pytest.mark.worked("W041")
def test_act_minima(example: WorkedNumber, check: Check) -> None:
    """Minima of Swish(beta=1) and Mish."""
    i = example.input
    found = {}
    functions: dict[str, Callable[[Any], Any]] = {"swish": lambda z: F.swish(z, i["beta"]), "mish": F.mish}
    for name, f in functions.items():
        z = const(-1.2)
        for _ in range(20):
            z = z - gg.grad(f)(z) / gg.grad(gg.grad(f))(z)
        found[name] = [z, f(z)]
    check(example, found)


@pytest.mark.worked("W042")
def test_selu(example: WorkedNumber, check: Check) -> None:
    """SELU(1), SELU(-1)."""
    i = example.input
    z = const(i["z"])
    y = F.selu(z)
    assert np.allclose(y.numpy(), (i["lam"] * F.elu(z, i["alpha"])).numpy(), rtol=1e-15, atol=0)
    check(example, {"y": y})


@pytest.mark.worked("W043")
def test_leaky_elu(example: WorkedNumber, check: Check) -> None:
    """Leaky ReLU(-1) at 0.01 and ELU limit -alpha."""
    i = example.input
    z = const(i["z"])
    check(
        example,
        {
            "leaky": gg.leaky_relu(z[0], i["alpha"][0]),
            "elu": F.elu(z[1], i["alpha"][1]),
        },
    )


@pytest.mark.worked("W044")
def test_softplus(example: WorkedNumber, check: Check) -> None:
    """Softplus: zeta'=sigma(z), zeta''=e^z/(1+e^z)^2."""
    i = example.input
    d1 = gg.grad(lambda v: gg.sum(gg.softplus(v)))
    check(example, {"d1": d1(leaf(i["z"])), "d2": slope(d1, i["z"])})


@pytest.mark.worked("W045")
def test_softplus_overflow(example: WorkedNumber, check: Check) -> None:
    """Softplus overflow: naive log(1+exp(z)) is inf past z~709.78 in float64; stable max(z,0)+log1p(exp(-abs z))."""
    i = example.input
    z = const(i["z"])
    with np.errstate(over="ignore"):
        naive = gg.log(1 + gg.exp(z))
    check(example, {"naive": naive, "stable": gg.softplus(z)})


@pytest.mark.worked("W046")
def test_softmax_unstable(example: WorkedNumber, check: Check) -> None:
    """Naive softmax overflow."""
    i = example.input
    z = const(i["z"])
    with np.errstate(over="ignore", invalid="ignore"):
        e = gg.exp(z)
        naive = e / gg.sum(e)
    check(example, {"naive": naive})


@pytest.mark.worked("W047")
def test_softmax_stable(example: WorkedNumber, check: Check) -> None:
    """Stable softmax (subtract max)."""
    i = example.input
    check(example, {"S": gg.softmax(const(i["z"]))})


@pytest.mark.worked("W048")
def test_softmax_shift(example: WorkedNumber, check: Check) -> None:
    """Shift invariance."""
    i = example.input
    check(example, {"S": [gg.softmax(const(i["z"]) + beta) for beta in i["beta"]]})


@pytest.mark.worked("W049")
def test_softmax_temp(example: WorkedNumber, check: Check) -> None:
    """Temperature: alpha 1,2,5,10; soft maximum S(az).z."""
    i = example.input
    z = const(i["z"])
    S = [gg.softmax(a * z) for a in i["alpha"]]
    check(example, {"S10": S[-1], "softmaxval": gg.stack([s @ z for s in S])})


@pytest.mark.worked("W050")
def test_softmax_coursera(example: WorkedNumber, check: Check) -> None:
    """Softmax of [5,2,-1,3] with intermediate t=e^z."""
    i = example.input
    z = const(i["z"])
    check(example, {"t": gg.exp(z), "sum": gg.sum(gg.exp(z)), "a": gg.softmax(z)})


@pytest.mark.worked("W051")
def test_softmax2(example: WorkedNumber, check: Check) -> None:
    """Two-class softmax = sigmoid of the logit difference."""
    i = example.input
    z = const(i["z"])
    p1 = gg.softmax(z, axis=1)[:, 0]
    assert np.allclose(p1.numpy(), gg.sigmoid(z[:, 0] - z[:, 1]).numpy(), rtol=1e-14, atol=0)
    check(example, {"p1": p1})


@pytest.mark.worked("W052")
def test_sig_slope_product(example: WorkedNumber, check: Check) -> None:
    """Maximum sigmoid slope 1/4 and its n-layer product."""
    i = example.input
    quarter = slope(gg.sigmoid, 0.0)
    check(example, {"prod": quarter ** const(i["n"])})


@pytest.mark.worked("W053")
def test_nonconvex_c1(example: WorkedNumber, check: Check) -> None:
    """c1(x)=(sigma(x)-1)^2: slope never 0, curvature changes sign at -ln 2."""
    i = example.input
    d1 = gg.grad(lambda x: gg.sum((gg.sigmoid(x) - 1) ** 2))
    check(example, {"d1": d1(leaf(i["x"])), "d2": slope(d1, i["x"])})


@pytest.mark.worked("W054")
def test_convex_c2(example: WorkedNumber, check: Check) -> None:
    """c2(w) logistic loss: dc2/dw=-x((y-1)e^{wx}+y)/(1+e^{wx}), d2=x^2 e^{wx}/(1+e^{wx})^2."""
    i = example.input
    x, y, w = gg.unbind(const(i["xyw"]), axis=1)
    d1 = gg.grad(lambda w: F.binary_cross_entropy_with_logits(w * x, y, reduction="sum"))
    check(example, {"d1": d1(w), "d2": slope(d1, w.numpy())})


@pytest.mark.worked("W055")
def test_saturation(example: WorkedNumber, check: Check) -> None:
    """Confident and wrong (z=-10, y=1): gradient of 0.5(a-y)^2 vs BCE."""
    i = example.input
    y = const(float(i["y"]))
    check(
        example,
        {
            "mse": slope(lambda z: 0.5 * (gg.sigmoid(z) - y) ** 2, float(i["z"])),
            "bce": slope(lambda z: F.binary_cross_entropy_with_logits(z, y), float(i["z"])),
        },
    )


@pytest.mark.worked("W056")
def test_dead_relu(example: WorkedNumber, check: Check) -> None:
    """Dead ReLU: negative for all data gives zero gradient; bias 0.1 keeps small pre-activations alive."""
    i = example.input
    x, w = const(i["x"]), leaf(i["w"])
    gg.sum(gg.relu(w * x + i["b_dead"])).backward()
    check(example, {"grad_w_dead": w.grad, "active_alive": (w * x + i["b_alive"]) > 0})


@pytest.mark.worked("W057")
def test_sig_sym(example: WorkedNumber, check: Check) -> None:
    """Sigmoid symmetry phi(-a)=1-phi(a)."""
    i = example.input
    a = const(i["a"])
    check(example, {"neg": gg.sigmoid(-a), "one_minus": 1 - gg.sigmoid(a)})


@pytest.mark.worked("W121")
def test_step_pos(example: WorkedNumber, check: Check) -> None:
    """A sigmoid as a smooth step: where it is, and that it sharpens to the unit step (P03.23)."""
    i = example.input
    check(example, {"s": -i["b"] / i["w"], "y": gg.sigmoid(const(float(i["w"])) * i["x"] + i["b"])})
    z = const([-0.1, 0.1])
    gaps = [gg.max(gg.abs(gg.sigmoid(k * z) - gg.heaviside(z, 0.5))).item() for k in (1, 3, 10, 50)]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 0.01


@pytest.mark.worked("W125")
def test_polynomial(example: WorkedNumber, check: Check) -> None:
    """The polynomial non-linearity of P03.15: squares and products."""
    x1, x2 = gg.unbind(const(example.input["x"]))
    check(example, {"phi": gg.stack([const(1.0), x1, x2, gg.square(x1), gg.square(x2), gg.multiply(x1, x2)])})
