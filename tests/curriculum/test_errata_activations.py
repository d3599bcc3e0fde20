"""Errata of P03."""

import numpy as np
import pytest
from scipy import special

import graphgrad as gg
import graphgrad.nn.functional as F
from tests.curriculum.misprints import Misprint, check_misprint
from tests.curriculum.values import const, slope

POINTS = [-2.0, -0.5, 0.25, 1.0, 1.5]


def to_softmax(g, z):
    """What the logits receive."""
    p = special.softmax(z)
    return p * (g - np.sum(g * p))


MISPRINTS = {
    # The derivative of softplus, which is the sigmoid; this is smaller by 1.
    "E020": Misprint(lambda z: np.logaddexp(0.0, z), lambda g, z: -g / (1 + np.exp(z)), gg.softplus, POINTS),
    # What is printed for tanh(x) is tanh(x / 2).
    "E028": Misprint(lambda x: 2 / (1 + np.exp(-x)) - 1, lambda g, x: g * (1 - np.tanh(x) ** 2), gg.tanh, POINTS),
    # A step on the way to tanh(z), with a minus for a plus and without the - 1.
    "E083": Misprint(lambda z: 2 / (1 - np.exp(-2 * z)), lambda g, z: g * (1 - np.tanh(z) ** 2), gg.tanh, POINTS),
    # The classes count from 0; a sum from 1 leaves the first one out.
    "E062": Misprint(lambda z: np.exp(z) / np.sum(np.exp(z[1:])), to_softmax, gg.softmax),
    # A sum "from i = i" has one term: every class has all of the probability.
    "E115": Misprint(lambda z: np.exp(z) / np.exp(z), to_softmax, gg.softmax),
}


@pytest.mark.parametrize("id", MISPRINTS)
def test_the_printed_formula_fails_the_check_and_ours_passes(id: str) -> None:
    check_misprint(id, MISPRINTS[id])


def test_e020_the_derivative_of_softplus() -> None:
    """E020: -1 / (1 + e^z) is printed; right is the sigmoid, which is larger by 1."""
    assert slope(gg.softplus, 1.5).item() == pytest.approx(0.817574, abs=1e-6)
    assert -1.0 / (1.0 + np.exp(1.5)) == pytest.approx(-0.182426, abs=1e-6)


def test_e028_tanh_by_the_sigmoid() -> None:
    """E028: 2 / (1 + exp(-x)) - 1 is printed for tanh(x); it is tanh(x / 2), the bipolar sigmoid."""
    x = const(1.0)
    assert gg.tanh(x).item() == pytest.approx((2.0 * gg.sigmoid(2.0 * x) - 1.0).item(), rel=1e-14)
    assert gg.tanh(x).item() == pytest.approx(0.761594, abs=1e-6)
    assert F.bipolar_sigmoid(x).item() == pytest.approx(0.462117, abs=1e-6)


def test_e083_the_steps_to_tanh() -> None:
    """E083: 2 / (1 - e^-2z) is printed on the way; right is 2 / (1 + e^-2z) - 1."""
    z = const(1.0)
    assert gg.tanh(z).item() == pytest.approx((2.0 / (1.0 + gg.exp(-2.0 * z)) - 1.0).item(), rel=1e-14)
    assert (2.0 / (1.0 - gg.exp(-2.0 * z))).item() == pytest.approx(2.31304, abs=1e-5)


def test_e087_elu_is_an_exponential() -> None:
    """E087: a "log curve" is printed; below zero ELU is an exponential that ends at -alpha."""
    assert F.elu(const(-2.0)).item() == pytest.approx(-0.864665, abs=1e-6)
    assert F.elu(const(-50.0)).item() == pytest.approx(-1.0, abs=1e-15)


def test_e089_softmax_leaves_its_input_alone() -> None:
    """E089: ``x -= max(x)`` is printed, which overwrites the caller's array."""
    x = np.array([20.0, 134.0, 854.0])
    for function in (gg.softmax, gg.log_softmax, F.softmin):
        function(x)
        function(gg.asarray(x))
        assert x.tolist() == [20.0, 134.0, 854.0]


def test_e005_softmax_is_over_the_classes_and_no_more() -> None:
    """E005: sums from 0 to K are printed, K + 1 terms; there are K classes, from 0 to K - 1."""
    z = const([1.0, 2.0, 3.0])
    p = gg.softmax(z)
    assert p.shape == (3,)
    assert gg.sum(p).item() == pytest.approx(1.0, rel=1e-15)
    assert p[0].item() == pytest.approx((gg.exp(z[0]) / gg.sum(gg.exp(z))).item(), rel=1e-14)


def test_e145_a_large_logit_is_large_beside_the_others_only() -> None:
    """E145: a large logit is said to give a probability near 1; only if the others are smaller."""
    assert gg.softmax(const([10.0, 10.0])).tolist() == [0.5, 0.5]


def test_e144_e093_the_slope_of_the_sigmoid() -> None:
    """E144: (0, 1) is printed for the slope, it is in (0, 1/4]. E093: far out it is near 0, never 0."""
    slopes = slope(gg.sigmoid, np.linspace(-30.0, 30.0, 601)).numpy()
    assert slopes.max() == 0.25
    assert slopes.min() > 0.0
    assert slope(gg.sigmoid, 10.0).item() == pytest.approx(4.53958e-05, rel=1e-5)


def test_e012_which_activations_saturate() -> None:
    """E012: ReLU, leaky ReLU and ELU are listed as what to avoid; it is sigmoid and tanh whose slopes multiply to 0."""
    deep = lambda function, x: slope(function, x).item() ** 10
    assert deep(gg.sigmoid, 0.0) == pytest.approx(9.53674e-07, rel=1e-5)
    assert [deep(function, 2.0) for function in (gg.relu, gg.leaky_relu, F.elu)] == [1.0, 1.0, 1.0]
    assert deep(gg.tanh, 2.0) < 1e-11
