"""Worked numbers of P07, P11, P20 and P25 that check items of P01 and P02: graphs, modes, shapes, indexing."""

from itertools import pairwise

import numpy as np
import pytest

import graphgrad as gg
import graphgrad.nn.functional as F
from graphgrad.lessons.curriculum import WorkedNumber
from tests.curriculum.values import const, leaf
from tests.worked import Check


@pytest.mark.worked("W116")
def test_two_layers(example: WorkedNumber, check: Check) -> None:
    """Two-layer tanh/sigmoid net, samples as columns: every gradient, with 1/m from the mean."""
    i = example.input
    W1, b1, W2, b2 = (leaf(np.array(i[name]) * 1.0) for name in ("W1", "b1", "W2", "b2"))
    A1 = gg.tanh(W1 @ const(i["X"]) + b1)
    Z2 = W2 @ A1 + b2
    J = F.binary_cross_entropy_with_logits(Z2, const(i["Y"]))
    J.backward()
    check(
        example,
        {
            "A1": A1,
            "A2": gg.sigmoid(Z2)[0],
            "J": J,
            "dW2": W2.grad,
            "db2": b2.grad,
            "dW1": W1.grad,
            "db1": b1.grad,
        },
    )


@pytest.mark.worked("W117")
def test_shapes_of_layers(example: WorkedNumber, check: Check) -> None:
    """Matrix-shape rules and parameter count: W is (n_l, n_l-1), b (n_l); Z and A keep the m examples."""
    n, m = example.input["n"], example.input["m"]
    layers = [gg.nn.Linear(inputs, outputs) for inputs, outputs in pairwise(n)]
    model = gg.nn.Sequential(*layers)
    check(
        example,
        {
            "W": [layer.weight.shape for layer in layers],
            "params": sum(one.data.size for one in model.parameters()),
        },
    )
    assert [one.shape for one in model.parameters()][1::2] == [(outputs,) for outputs in n[1:]]
    assert model(gg.zeros((m, n[0]))).shape == (m, n[-1])


@pytest.mark.worked("W171")
def test_running_statistics(example: WorkedNumber, check: Check) -> None:
    """Running mean and variance by an exponential average, whose new part has the weight m."""
    i = example.input
    mean, var = np.full(1, i["init"][0] * 1.0), np.full(1, i["init"][1] * 1.0)
    unbiased, biased = var.copy(), const(var)
    for batch in np.array(i["batches"]) * 1.0:
        F.batch_norm(batch[:, None], mean, unbiased, training=True, momentum=i["m"])
        biased = (1 - i["m"]) * biased + i["m"] * gg.var(const(batch))
    check(example, {"mean": mean[0], "var": biased[0]})
    # As in PyTorch, what is kept is the unbiased variance: 2 and 8 of these batches, where the biased ones are 1 and 4.
    assert unbiased[0] == pytest.approx(0.9 * (0.9 * 1.0 + 0.1 * 2.0) + 0.1 * 8.0)
    x = np.array([[2.0]])
    centred = F.batch_norm(x, mean, unbiased, training=False, eps=0.0) * np.sqrt(unbiased) + mean
    np.testing.assert_allclose(centred.data, x)  # in evaluation nothing moves, and one example will do


class Sampled(gg.nn.Module):
    """Draws a code around mu in training, and takes mu itself in evaluation."""

    def forward(self, mu, logvar, eps):
        return mu + eps * gg.exp(0.5 * logvar) if self.training else mu


@pytest.mark.worked("W289")
def test_reparameterisation(example: WorkedNumber, check: Check) -> None:
    """z = mu + eps exp(logvar / 2): gradients for both, none for the noise; in evaluation z = mu."""
    i = example.input
    mu, logvar, eps = leaf(i["mu"]), leaf(float(i["logvar"])), const(float(i["eps"]))
    model = Sampled()
    z = model(mu, logvar, eps)
    z.backward()
    assert eps.grad is None
    model.eval()
    check(example, {"z": z, "dmu": mu.grad, "dlogvar": logvar.grad, "z_eval": model(mu, logvar, eps)})


@pytest.mark.worked("W336")
def test_indexing(example: WorkedNumber, check: Check) -> None:
    """Matrix indexing: an element keeps its parent, and the gradient finds the way back."""
    m = leaf(np.array(example.input["m"]) * 1.0)
    check(example, {"m02": m[0, 2], "col1": m[:, 1], "col1_keep": m[:, [1]], "t": m.T})
    assert m[0][2].item() == m[0, 2].item()
    m[0, 2].backward()
    assert m.grad is not None
    assert m.grad.tolist() == [[0.0, 0.0, 1.0, 0.0], [0.0] * 4]
