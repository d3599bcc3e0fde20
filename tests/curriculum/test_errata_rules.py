"""Errata of P01 and P02: rules of derivatives, and what happens to gradients."""

import numpy as np
import pytest
from scipy import special

import graphgrad as gg
from tests.curriculum.misprints import Misprint, check_misprint
from tests.curriculum.values import jacobian, leaf

W = np.array([[0.5, -1.0, 0.25], [1.0, 0.75, -0.5], [0.0, 0.5, 1.5]])

MISPRINTS = {
    # The gradient of log softmax takes the sum over all upstream gradients; the slide has one of them.
    "E029": Misprint(
        lambda x: x - special.logsumexp(x),
        lambda g, x: g - np.exp(x) / np.sum(np.exp(x)) * g,
        lambda x: gg.log_softmax(x, 0),
    ),
    # A sum passes the gradient of its output on to each input; the slide passes on the output itself.
    "E030": Misprint(lambda x: x + 1.0, lambda g, x: x + 1.0, lambda x: x + 1.0),
    # δ_ij, which is 1 on the diagonal alone; δ_jj would be 1 everywhere.
    "E084": Misprint(
        special.softmax,
        lambda g, x: np.exp(x) / np.sum(np.exp(x)) * np.sum(g * (1.0 - np.exp(x) / np.sum(np.exp(x)))),
        lambda x: gg.softmax(x, 0),
    ),
    # A difference that is not divided by its step.
    "E002": Misprint(lambda x: x**2, lambda g, x: g * ((x + 0.001) ** 2 - x**2), lambda x: x**2),
    # z[l] depends on a[l-1]; with a[l] below the ∂ there is only the way back through the activation.
    "E008": Misprint(
        lambda a: np.tanh(W @ a),
        lambda g, a: g * (1 - np.tanh(W @ a) ** 2) / (1 - np.tanh(W @ a) ** 2),
        lambda a: gg.tanh(W @ a),
    ),
    # In w_2 · x_2 the weight receives x_2 = 1, and not x_1 = 2.
    "E022": Misprint(lambda w: w * 1.0, lambda g, w: g * 2.0, lambda w: w * 1.0, 2.0),
    # One w on two ways, w · 1 + w · 3: the contributions are added, not averaged.
    "E056": Misprint(lambda w: w * 1.0 + w * 3.0, lambda g, w: g * (1.0 + 3.0) / 2, lambda w: w * 1.0 + w * 3.0),
    # Two modules, X_1 = X_0² and X_2 = sin X_1; the first one's own derivative is wanted, the last one's is printed.
    "E064": Misprint(lambda x: np.sin(x**2), lambda g, x: g * np.cos(x**2) * np.cos(x), lambda x: gg.sin(x**2)),
}


@pytest.mark.parametrize("id", MISPRINTS)
def test_the_printed_rule_fails_the_check_and_ours_passes(id: str) -> None:
    check_misprint(id, MISPRINTS[id])


def test_e022_the_last_product() -> None:
    w2, x2 = gg.scalar(2.0), gg.scalar(1.0)
    z = 3.0 * 2.0 + w2 * x2 - 4.0
    gg.sigmoid(z).backward()
    assert w2.grad == pytest.approx(0.01766 * 1.0, abs=1e-5)
    assert x2.grad == pytest.approx(0.01766 * 2.0, abs=1e-5)


def test_e063_a_gradient_has_the_shape_of_what_it_belongs_to() -> None:
    """Rows are printed as columns. Here neither is laid down: the update needs no transpose."""
    for shape in ((3,), (1, 3), (3, 1)):
        w = leaf(np.ones(shape))
        gg.sum(w * w).backward()
        assert w.grad is not None
        assert w.grad.shape == shape


def test_e065_the_weights_are_the_jacobian_of_the_product() -> None:
    """The weights are called "a Jacobian matrix W": they are that of W x for x, which nobody had to work out."""
    np.testing.assert_allclose([row.data for row in jacobian(lambda x: W @ x, [0.3, -0.4, 1.2])], W)


def test_e056_gradients_add_up_and_are_not_averaged() -> None:
    w = leaf([1.0, 2.0])
    for x in ([1.0, 0.0], [0.0, 3.0]):
        gg.sum(w * np.array(x)).backward()
    assert w.grad is not None
    np.testing.assert_array_equal(w.grad.data, [1.0, 3.0])


def test_e057_without_gradients_weight_decay_still_shrinks() -> None:
    w = leaf([1.0, -2.0])
    optimizer = gg.optim.SGD([w], lr=0.1, weight_decay=0.5)
    gg.sum(w * 3.0).backward()
    optimizer.zero_grad(set_to_none=False)
    optimizer.step()
    np.testing.assert_allclose(w.data, [0.95, -1.9])
