"""Errata of P04, and of losses in other parts."""

import math

import numpy as np
import pytest
from scipy import special

import graphgrad as gg
import graphgrad.nn.functional as F
from tests.curriculum.misprints import check_misprint, of_loss
from tests.curriculum.values import const


def softmax_loss(z):
    return special.logsumexp(z) - z[2]


def logistic_loss(z):
    return np.log1p(np.exp(-z))


Q = np.array([0.9, 0.1])
P = np.array([0.5, 0.5])

MISPRINTS = {
    # The gradient of the likelihood of a yes, y = 1; an intermediate line has lost the factor y/h - (1-y)/(1-h).
    "E003": of_loss(
        logistic_loss,
        lambda z: -special.expit(z) * (1 - special.expit(z)),
        lambda z: F.binary_cross_entropy_with_logits(z, 1.0),
        math.log(9.0),
    ),
    # Class 2 is right; the last lines have h_y where the gradient of logit j has h_j.
    "E006": of_loss(
        softmax_loss,
        lambda z: -(np.eye(3)[2] - special.softmax(z)[2]),
        lambda z: F.cross_entropy(z, 2),
        [1.0, 2.0, 3.0],
    ),
    # (σ(x) - 1)² is flat nowhere, least of all at -1.
    "E021": of_loss(
        lambda x: (special.expit(x) - 1) ** 2,
        lambda x: np.where(x == -1, 0.0, -2 * special.expit(x) * (1 - special.expit(x)) ** 2),
        lambda x: F.mse_loss(gg.sigmoid(x), 1.0),
        -1.0,
    ),
    # The softmax of the right logit alone is 1.
    "E086": of_loss(
        softmax_loss,
        lambda z: np.eye(3)[2] * (special.softmax(z[2:])[0] - 1),
        lambda z: F.cross_entropy(z, 2),
        [1.0, 2.0, 3.0],
    ),
    # The class of y is 2; a sum over i beside the index c counts its loss once for every probability.
    "E085": of_loss(
        lambda z: -np.sum(np.log(special.softmax(z))),
        lambda z: special.softmax(z) - np.eye(3)[2],
        lambda z: F.cross_entropy(z, 2),
        [1.0, 2.0, 3.0],
    ),
    # The standard normal density for d = 1; the exponent d/2 covers the 2 too.
    "E137": of_loss(
        lambda x: np.exp(-(x**2) / 2) / (2 * np.pi**0.5),
        lambda x: -x * np.exp(-(x**2) / 2) / (2 * np.pi) ** 0.5,
        lambda x: gg.exp(-F.gaussian_nll_loss(x, 0.0, 1.0, full=True)),
        0.7,
    ),
    # P(y | x) with noise of σ = 2; printed without the 1/2.
    "E146": of_loss(
        lambda f: (1 - f) ** 2 / 4,
        lambda f: -(1 - f) / 4,
        lambda f: F.gaussian_nll_loss(f, 1.0, 4.0),
        0.0,
    ),
    # The loss of a one-hot y; printed without the minus.
    "E147": of_loss(np.log, lambda f: -1 / f, lambda f: F.nll_loss(gg.log(gg.stack([1 - f, f])), 1), 0.8),
    # y = 0.75; printed with a parenthesis too late.
    "E148": of_loss(
        lambda f: -0.75 * np.log(f + 0.25) * np.log(1 - f),
        lambda f: (f - 0.75) / (f * (1 - f)),
        lambda f: F.binary_cross_entropy(f, 0.75),
        0.2,
    ),
    # The integral over everything doesn't depend on where one is.
    "E133": of_loss(lambda x: 0.0 * x + 1.0, lambda x: np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), gg.ndtr, 0.0),
    # D(α) is smallest at √(π/2): it has no slope there, but has one at √(2/π).
    "E141": of_loss(
        lambda a: np.sqrt(2 / np.pi) * a - np.log(a),
        lambda a: np.where(a == np.sqrt(2 / np.pi), 0.0, np.sqrt(2 / np.pi) - 1 / a),
        lambda a: np.sqrt(2 / np.pi) * a - gg.log(a),
        math.sqrt(2 / math.pi),
    ),
    # The square-square loss of energies; a wrong answer has to be pushed up, not down.
    "E043": of_loss(
        lambda other: 1.5**2 - np.maximum(0, 1 - other) ** 2,
        lambda other: -2 * np.maximum(0, 1 - other),
        lambda other: F.square_square_loss(1.5, other),
        0.2,
    ),
    # Far beyond the margin nothing pushes any more.
    "E128": of_loss(
        lambda d: 1 - d + 0.2,
        lambda d: np.where(d < 1.2, -1.0, 0.0),
        lambda d: F.margin_ranking_loss(d, 1.0, 1, 0.2),
        4.0,
    ),
}


@pytest.mark.parametrize("id", MISPRINTS)
def test_the_printed_formula_fails_the_check_and_ours_passes(id: str) -> None:
    check_misprint(id, MISPRINTS[id])


# Those whose values differ: what is right, and what the printed formula gives.


def test_e003_the_factor_that_was_lost() -> None:
    z, h = math.log(9.0), 0.9
    dz = gg.grad(lambda z: F.binary_cross_entropy_with_logits(z, 1.0))(const(z))
    assert -dz.item() == pytest.approx(0.1)
    assert h * (1 - h) == pytest.approx(0.09)


def test_e006_and_e086_the_softmax_of_all_logits() -> None:
    dz = gg.grad(lambda z: F.cross_entropy(z, 2))(const([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(dz.data, [0.0900306, 0.2447285, -0.3347590], rtol=1e-6)
    assert dz[2].item() + 1 == pytest.approx(0.665241, rel=1e-5)  # printed for the first logit as well


def test_e085_one_term_is_left_of_the_sum() -> None:
    """The sum over classes, of y_c log S_c, has one index for both."""
    z, y = const([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 1.0])
    s = special.softmax(z.data)
    assert F.cross_entropy(z, 2).item() == pytest.approx(-sum(y[c] * math.log(s[c]) for c in range(3)))
    assert -sum(y[2] * math.log(s[i]) for i in range(3)) == pytest.approx(4.2228, rel=1e-4)  # printed


def test_e066_log_softmax_alone_is_no_cross_entropy() -> None:
    z = const([1.0, 2.0, 3.0])
    assert F.cross_entropy(z, 2).item() == F.nll_loss(gg.log_softmax(z), 2).item() != gg.log_softmax(z)[2].item()


def test_e090_the_loss_of_several_labels_is_not_that_of_several_classes() -> None:
    """What Caffe calls SigmoidCrossEntropyLoss has an answer for each class, the multinomial one for all of them."""
    z, y = const([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 1.0])
    labels = F.binary_cross_entropy_with_logits(z, y, reduction="sum").item()
    assert labels == pytest.approx(-np.sum(np.log(np.where(y == 1, special.expit(z.data), special.expit(-z.data)))))
    assert F.cross_entropy(z, 2).item() == pytest.approx(0.407606, rel=1e-5)
    assert labels == pytest.approx(3.488777, rel=1e-5)


def test_e139_a_divergence_is_one_from_another_distribution() -> None:
    """D(p, 1) is printed, which is no divergence but minus the entropy: below 0."""
    assert F.kl_div(np.log(np.ones(2)), P, reduction="sum").item() == pytest.approx(-math.log(2.0))
    assert F.kl_div(np.log(Q), P, reduction="sum").item() > 0.0


def test_e138_a_divergence_is_never_negative() -> None:
    assert F.kl_div(np.log(Q), P, reduction="sum").item() == pytest.approx(0.510826, rel=1e-5)
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(4), 500), rng.dirichlet(np.ones(4), 500)
    assert np.all(F.kl_div(np.log(q), p, reduction="none").data.sum(axis=1) >= 0)
    np.testing.assert_allclose(F.kl_div(np.log(p), p, reduction="none").data.sum(axis=1), 0.0, atol=1e-15)


def test_e140_an_entropy_of_a_density_may_be_negative() -> None:
    narrow = F.gaussian_nll_loss(0.0, 0.1, 0.1**2, full=True)  # at one σ the loss is its mean
    assert narrow.item() == pytest.approx(-0.883647, rel=1e-5)


def test_e141_the_laplace_density_nearest_to_a_normal_one() -> None:
    d = lambda a: np.sqrt(2 / np.pi) * a - np.log(a) + 0.5 * np.log(2 / np.pi) - 0.5
    right, printed, b = d(np.sqrt(np.pi / 2)), d(np.sqrt(2 / np.pi)), d(1 / 0.86)
    assert [round(float(one), 5) for one in (right, printed, b)] == [0.04842, 0.13662, 0.05116]
    assert right < min(printed, b)


def test_e146_half_of_the_squared_error() -> None:
    of_noise = lambda r: F.gaussian_nll_loss(np.array(r), 0.0, 4.0).item() - F.gaussian_nll_loss(0.0, 0.0, 4.0).item()
    assert of_noise(1.0) == pytest.approx(0.125)
    assert 1.0 / 2.0**2 == 0.25  # printed


def test_e147_a_loss_is_positive() -> None:
    f = np.log([0.2, 0.8])
    assert F.nll_loss(f, 1).item() == pytest.approx(0.223144, rel=1e-5)
    assert sum(np.array([0.0, 1.0]) * f) == pytest.approx(-0.223144, rel=1e-5)  # printed


def test_e148_the_parentheses() -> None:
    y, f = 1.0, 0.2
    assert F.binary_cross_entropy(np.array(f), y).item() == pytest.approx(1.60944, rel=1e-5)
    assert -y * math.log(f + (1 - y)) * math.log(1 - f) == pytest.approx(-0.359136, rel=1e-5)  # printed


def test_e150_most_of_the_loss_is_the_backgrounds() -> None:
    log_p = np.log(np.full((100, 2), 0.5))
    losses = F.nll_loss(log_p, np.repeat([0, 1], [90, 10]), reduction="none").data
    assert losses[:90].sum() / losses.sum() == pytest.approx(0.9)


def test_e137_the_density_has_an_integral_of_1() -> None:
    density = np.exp(-F.gaussian_nll_loss(np.zeros(1), np.zeros(1), 1.0, full=True).item())
    assert density == pytest.approx(0.398942, rel=1e-5)
    assert 1 / (2 * math.pi**0.5) == pytest.approx(0.282095, rel=1e-5)  # printed, for d = 1
    x = np.linspace(-10.0, 10.0, 20_001)
    densities = np.exp(-F.gaussian_nll_loss(x, np.zeros_like(x), 1.0, full=True, reduction="none").data)
    assert densities.sum() * (x[1] - x[0]) == pytest.approx(1.0)


def test_e135_a_product_of_marginals_is_independence() -> None:
    """The product rule needs the conditional; what is printed holds only if the divergence between both is 0."""
    joint = np.array([[0.4, 0.1], [0.1, 0.4]])
    marginals = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    conditional = joint / joint.sum(axis=0)
    np.testing.assert_allclose(conditional * joint.sum(axis=0), joint)
    assert (joint[0, 0], marginals[0, 0]) == (0.4, 0.25)
    assert F.kl_div(np.log(marginals), joint, reduction="sum").item() > 0.1


def test_e136_bayes_rule() -> None:
    joint = np.array([[0.4, 0.1], [0.2, 0.3]])  # rows x, columns y
    p_x, p_y = joint.sum(axis=1), joint.sum(axis=0)
    x_given_y, y_given_x = joint / p_y, joint / p_x[:, None]
    np.testing.assert_allclose(x_given_y * p_y / p_x[:, None], y_given_x)
    assert not np.allclose(y_given_x * p_x[:, None] / p_y, y_given_x)  # printed


def test_e142_the_mean_of_the_square() -> None:
    x = np.random.default_rng(1).normal(scale=2.0, size=200_000)
    assert F.mse_loss(x, np.zeros_like(x)).item() == pytest.approx(4.0, rel=0.02)
    assert abs(x.mean()) < 0.05  # printed: E(X) = σ²


def test_e043_a_wrong_answer_is_pushed_up() -> None:
    right = [F.square_square_loss(1.5, other).item() for other in (0.2, 0.8)]
    printed = [1.5**2 - max(0, 1 - other) ** 2 for other in (0.2, 0.8)]
    assert [*right, *printed] == pytest.approx([2.89, 2.29, 1.61, 2.21])
    assert right[0] > right[1]
    assert printed[0] < printed[1]


def test_e128_and_e129_a_triplet_that_is_right_costs_nothing() -> None:
    loss = lambda d_ap, d_an: F.margin_ranking_loss(np.array(d_an), d_ap, 1, 0.2).item()
    assert loss(1.0, 4.0) == 0.0
    printed = 1 - 4 + 0.2
    assert printed == pytest.approx(-2.8)
    assert loss(1.0, 1.1) > 0.0  # a hard one
