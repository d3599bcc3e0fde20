"""Worked numbers and items of P06: threshold units, the perceptron's rule, logistic and softmax regression."""

from typing import Any

import numpy as np
import pytest

import graphgrad as gg
import graphgrad.nn.functional as F
from graphgrad.lessons.curriculum import WorkedNumber
from graphgrad.optim import Perceptron
from tests.curriculum.values import const, leaf
from tests.worked import Check


def threshold(x, w, b):
    """McCulloch and Pitts' neuron, with H(0) = 1."""
    return gg.heaviside(gg.matmul(const(x), const(w)) + b, 1.0)


def unit(n):
    """A threshold unit before it learnt anything, and the rule by which it does."""
    w, b = leaf(np.zeros(n)), leaf(np.zeros(1))
    return w, b, Perceptron([w, b])


def blobs(centres, each=30, spread=0.5, seed=0):
    """Points around centres, and which they belong to."""
    rng = np.random.default_rng(seed)
    centres = np.array(centres, dtype=float)
    x = np.concatenate([centre + spread * rng.normal(size=(each, centres.shape[1])) for centre in centres])
    return x, np.repeat(np.arange(len(centres)), each)


def fitted(loss, parameters, steps=60):
    """Take parameters to the minimum of a loss."""
    optimizer = gg.optim.LBFGS(parameters, max_iter=steps, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)


@pytest.mark.worked("W105")
def test_gates(example: WorkedNumber, check: Check) -> None:
    i = example.input
    both, either = (threshold(i["X"], i["w"], i[bias]) for bias in ("b_and", "b_or"))
    check(example, {"AND": gg.astype(both, "int64"), "OR": gg.astype(either, "int64")})


@pytest.mark.worked("W106")
def test_a_net_of_gates_computes_xor(example: WorkedNumber, check: Check) -> None:
    hidden = gg.heaviside(gg.matmul(const(example.input["X"]), gg.ones((2, 2))) + const([-0.5, -1.5]), 1.0)
    either_but_not_both = gg.heaviside(gg.matmul(hidden, const([1.0, -2.0])) - 0.5, 1.0)
    check(example, {"XOR": gg.astype(either_but_not_both, "int64")})


@pytest.mark.curriculum("P06.01")
def test_gates_add_binary_numbers() -> None:
    def full_adder(a, b, carry):
        x = np.array([a, b, carry], dtype=float)
        one, two, three = (threshold(x, np.ones(3), -(k - 0.5)).item() for k in (1, 2, 3))
        return int(threshold([one, two, three], [1.0, -1.0, 1.0], -0.5).item()), int(two)

    for a in range(8):
        for b in range(8):
            carry, total = 0, 0
            for bit in range(3):
                digit, carry = full_adder(a >> bit & 1, b >> bit & 1, carry)
                total += digit << bit
            assert total + 8 * carry == a + b


@pytest.mark.worked("W115")
def test_hebbs_rule_blows_up(example: WorkedNumber, check: Check) -> None:
    """w += η x y, which climbs ½ y²."""
    i = example.input
    w, x = leaf(i["w"]), const(np.array(i["x"], dtype=float))
    optimizer = gg.optim.SGD([w], lr=i["eta"], maximize=True)
    lengths = [np.linalg.norm(w.data)]
    for _ in range(i["steps"]):
        optimizer.zero_grad()
        (0.5 * gg.dot(w, x) ** 2).backward()
        assert w.grad is not None
        np.testing.assert_allclose(w.grad.data, x.data * (w.data @ x.data))
        optimizer.step()
        lengths.append(np.linalg.norm(w.data))
    check(example, {"w_norm": lengths})


@pytest.mark.curriculum("P06.03")
def test_one_neuron_with_three_activations_and_a_bias_neuron() -> None:
    w, b, x = const([2.0, -1.0]), 0.5, const([1.0, 3.0])
    z = gg.dot(w, x) + b
    assert (gg.heaviside(z, 1.0).item(), z.item(), gg.sigmoid(z).item()) == (0.0, -0.5, pytest.approx(0.3775406688))
    with_bias_neuron = gg.dot(const([b, 2.0, -1.0]), const([1.0, 1.0, 3.0]))
    assert with_bias_neuron.item() == z.item()


@pytest.mark.worked("W107")
def test_the_perceptron_learns_and(example: WorkedNumber, check: Check) -> None:
    i = example.input
    w, b = leaf([0.0, 0.0]), leaf([0.0])
    rule = Perceptron([w, b], lr=i["alpha"])
    errors: list[int] = []
    while not errors or errors[-1]:
        errors.append(rule.learn(i["X"], i["y"]))
    check(example, {"w": w, "b": b[0], "errors": errors, "converged_epoch": len(errors)})


@pytest.mark.worked("W108")
def test_the_perceptron_never_learns_xor(example: WorkedNumber, check: Check) -> None:
    i = example.input
    w, b = leaf([0.0, 0.0]), leaf([0.0])
    rule = Perceptron([w, b], lr=i["alpha"])
    errors = [rule.learn(i["X"], i["y"]) for _ in range(20)]
    check(example, {"converged": 0 in errors, "min_errors": min(errors), "last": errors[-3:]})


@pytest.mark.curriculum("P06.06")
def test_no_threshold_unit_is_xor_and_the_rule_goes_round_in_circles() -> None:
    x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    steps = np.linspace(-2, 2, 17)
    best = max(
        np.sum(threshold(x, [w1, w2], b).data == y) for w1 in steps for w2 in steps for b in steps
    )  # a line through the plane is right for three at most
    assert best == 3
    w, b, rule = unit(2)
    places = []
    for _ in range(20):
        rule.learn(x, y)
        places.append((*w.tolist(), *b.tolist()))
    assert len(set(places)) < 20


@pytest.mark.curriculum("P06.05")
def test_solutions_of_the_perceptron_are_neither_unique_nor_the_best() -> None:
    x, y = blobs([[2.0, 2.0], [-2.0, -2.0]])
    found, rates = [], (1.0, 0.1)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(x))
        for rate in rates:
            w, b = leaf(np.zeros(2)), leaf(np.zeros(1))
            rule = Perceptron([w, b], lr=rate)
            epochs = 0
            while rule.learn(x[order], y[order]):
                epochs += 1
            assert epochs < 50
            found.append(np.append(w.data, b.data) / np.linalg.norm(w.data))
    for one, other in zip(found[::2], found[1::2], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)  # from zeros, a rate only scales
    assert np.abs(found[0] - found[2]).max() > 1e-3  # another order, another solution


@pytest.mark.curriculum("P06.04")
def test_each_correction_turns_the_line_towards_the_sample() -> None:
    x, y = blobs([[1.5, 0.0], [-1.5, 0.0]], each=10)
    w, b, rule = unit(2)
    for sample, target in zip(x, y, strict=True):
        before = (w.data @ sample + b.data).item()
        wrong = rule.learn([sample], [target])
        moved = (w.data @ sample + b.data).item() - before
        assert moved == pytest.approx((2 * target - 1) * wrong * (sample @ sample + 1))


@pytest.mark.worked("W113")
def test_the_widest_corridor(example: WorkedNumber, check: Check) -> None:
    """The linear SVM finds it: ½‖w‖² + C Σ max(0, 1 - y f). Another separator's is narrower."""
    x, y = np.array([example.input["pos"], example.input["neg"]], dtype=float), const([1.0, -1.0])
    w, b = leaf([0.3, 0.1]), leaf(0.2)
    optimizer = gg.optim.SGD([w, b], lr=0.005)
    for _ in range(1500):
        optimizer.zero_grad()
        scores = gg.matmul(const(x), w) + b
        (0.5 * gg.sum(w**2) + 5.0 * F.hinge_loss(scores, y, reduction="sum")).backward()
        optimizer.step()
    np.testing.assert_allclose(w.data, 0.5, atol=0.04)  # the hinge makes it tremble
    assert abs(b.item()) < 0.04

    def corridor(w):
        supports = x @ np.array(w, dtype=float) / np.linalg.norm(w)
        return supports[0] - supports[1]

    best = np.round(w.data, 1)
    assert 2 / np.linalg.norm(best) == pytest.approx(corridor(best))
    check(example, {"width": corridor(best), "pla_width": corridor(example.input["pla"])})


@pytest.mark.curriculum("P06.08")
def test_units_for_exclusive_classes_and_softmax_which_is_better() -> None:
    x, y = blobs([[2.5, 0.0], [-2.0, 2.0], [-2.0, -2.0]], spread=0.6)
    layer = gg.nn.Linear(2, 3, dtype="float64")
    rule = Perceptron(layer.parameters())
    for _ in range(100):
        if not rule.learn(x, np.eye(3)[y]):
            break
    answers = rule.predict(x).data
    assert (answers.argmax(axis=1) == y).mean() > 0.95
    undecided = rule.predict(np.random.default_rng(0).uniform(-4, 4, (200, 2))).data.sum(axis=1) != 1
    assert undecided.any()  # none of the units fires there, or several do
    probabilities = gg.softmax(layer(const(x)), axis=1).data
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


@pytest.mark.worked("W112")
def test_class_1_only_above_a_half(example: WorkedNumber, check: Check) -> None:
    check(example, {"y": gg.astype(const(example.input["h"]) > 0.5, "int64")})


@pytest.mark.curriculum("P06.09")
def test_logistic_regression_learns_probabilities() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 1))
    y = (rng.random((2000, 1)) < 1 / (1 + np.exp(-(1.5 * x - 0.5)))).astype(float)
    w, b = leaf([[0.0]]), leaf([0.0])
    fitted(lambda: F.binary_cross_entropy_with_logits(gg.matmul(const(x), w) + b, const(y)), [w, b])
    assert w.item() == pytest.approx(1.5, abs=0.2)
    assert b.item() == pytest.approx(-0.5, abs=0.15)


@pytest.mark.curriculum("P06.10")
def test_the_graph_of_logistic_regression() -> None:
    x1, x2, w1, w2, b, y = (gg.scalar(v) for v in (1.0, -2.0, 0.3, 0.7, 0.1, 1.0))
    z = w1 * x1 + w2 * x2 + b
    a = gg.sigmoid(z)
    loss = -(y * gg.log(a) + (1.0 - y) * gg.log(1.0 - a))
    loss.backward()
    value = a.item()
    assert a.grad == pytest.approx(-1.0 / value)
    assert z.grad == pytest.approx(value - 1.0)
    assert (w1.grad, w2.grad, b.grad) == pytest.approx((value - 1.0, -2.0 * (value - 1.0), value - 1.0))


@pytest.mark.worked("W111")
def test_three_forms_of_logistic_regression(example: WorkedNumber, check: Check) -> None:
    """Loops over samples and features, over samples, and none."""
    i = example.input
    X, Y = np.array(i["X"], dtype=float), np.array(i["Y"], dtype=float)
    w, b, m = np.array(i["w"], dtype=float), float(i["b"]), X.shape[1]
    sigmoid = lambda z: 1.0 / (1.0 + np.exp(-z))
    J, dw, db = 0.0, np.zeros(2), 0.0
    half = np.zeros((2, 1))
    for k in range(m):
        a = sigmoid(sum(w[j, 0] * X[j, k] for j in range(2)) + b)
        J -= Y[0, k] * np.log(a) + (1 - Y[0, k]) * np.log(1 - a)
        for j in range(2):
            dw[j] += X[j, k] * (a - Y[0, k])
        db += a - Y[0, k]
        half += X[:, k : k + 1] * (a - Y[0, k])
    loops = J / m, dw / m, db / m
    A = sigmoid(w.T @ X + b)
    vectorised = (X @ (A - Y).T / m, np.sum(A - Y) / m)
    weight, bias = leaf(w), leaf(b)
    Z = gg.matmul(gg.transpose(weight), const(X)) + bias
    loss = F.binary_cross_entropy_with_logits(Z, const(Y))
    loss.backward()
    assert weight.grad is not None
    assert bias.grad is not None
    np.testing.assert_allclose(loss.item(), loops[0], rtol=1e-12)
    for gradient in (loops[1], half[:, 0] / m, vectorised[0][:, 0]):
        np.testing.assert_allclose(weight.grad.data[:, 0], gradient, rtol=1e-12)
    for gradient in (loops[2], vectorised[1]):
        np.testing.assert_allclose(bias.grad.item(), gradient, rtol=1e-10)
    check(example, {"A": gg.sigmoid(Z)[0], "J": loss, "dw": weight.grad, "db": bias.grad})


@pytest.mark.curriculum("P06.12")
def test_cross_entropy_of_one_layer_is_convex() -> None:
    """No curvature is negative, anywhere; and from any start, zeros too, the same minimum is found."""
    x, y = blobs([[1.0, 0.0], [-1.0, 0.5]], spread=1.0)
    x1 = const(np.column_stack([x, np.ones(len(x))]))
    loss = lambda w: F.binary_cross_entropy_with_logits(gg.matmul(x1, w), const(y.astype(float)))
    rng = np.random.default_rng(1)
    for _ in range(10):
        eigenvalues = np.linalg.eigvalsh(gg.hessian(loss)(const(3 * rng.normal(size=3))).data)
        assert eigenvalues.min() > -1e-12
    ends = []
    for start in (np.zeros(3), rng.normal(size=3), [3.0, -2.0, 1.0]):
        w = leaf(start)
        fitted(lambda w=w: loss(w), [w])
        ends.append(w.data)
    np.testing.assert_allclose(ends[1:], [ends[0]] * 2, atol=1e-3)


@pytest.mark.curriculum("P06.13")
def test_one_against_the_rest() -> None:
    x, y = blobs([[2.0, 0.0], [-2.0, 2.0], [-2.0, -2.0]])
    x = const(x)
    scores = []
    for k in range(3):
        w, b, target = leaf([0.0, 0.0]), leaf([0.0]), const((y == k).astype(float))
        fitted(
            lambda w=w, b=b, target=target: (
                F.binary_cross_entropy_with_logits(gg.matmul(x, w) + b, target) + 1e-3 * gg.sum(w**2)
            ),
            [w, b],
        )
        scores.append(gg.sigmoid(gg.matmul(x, w) + b).data)
    together = np.stack(scores, axis=1)
    assert (together.argmax(axis=1) == y).mean() == 1.0
    assert np.abs(together.sum(axis=1) - 1.0).max() > 0.01  # they aren't probabilities of one choice


@pytest.mark.curriculum("P06.14")
def test_softmax_regression() -> None:
    x, y = blobs([[2.0, 0.0], [-2.0, 2.0], [-2.0, -2.0]])
    layer = gg.nn.Linear(2, 3, dtype="float64")
    for parameter in layer.parameters():
        parameter.data = np.zeros_like(parameter.data)
    first = F.cross_entropy(layer(const(x)), gg.tensor(y))
    assert first.item() == pytest.approx(np.log(3.0))
    first.backward()
    assert layer.weight.grad is not None
    expected = np.mean((np.full((90, 3), 1 / 3) - np.eye(3)[y])[:, :, None] * x[:, None, :], axis=0)
    np.testing.assert_allclose(layer.weight.grad.data, expected, rtol=1e-12, atol=1e-15)
    fitted(lambda: F.cross_entropy(layer(const(x)), gg.tensor(y)), list(layer.parameters()), steps=30)
    assert (layer(const(x)).data.argmax(axis=1) == y).all()


@pytest.mark.curriculum("P06.15")
def test_prices_of_houses() -> None:
    """One neuron, price = relu(w · size + b); and a net with hidden features of size, bedrooms, zip code and wealth."""
    size = np.linspace(0.0, 3.0, 40)[:, None]
    price = np.maximum(2.0 * size - 1.0, 0.0)
    neuron: Any = gg.nn.Sequential(gg.nn.Linear(1, 1, dtype="float64"), gg.nn.ReLU())
    neuron[0].weight.data, neuron[0].bias.data = np.ones((1, 1)), np.zeros(1)
    optimizer = gg.optim.Adam(neuron.parameters(), lr=0.05)
    for _ in range(600):
        optimizer.zero_grad()
        F.mse_loss(neuron(const(size)), const(price)).backward()
        optimizer.step()
    assert neuron[0].weight.item() == pytest.approx(2.0, abs=0.02)
    assert neuron[0].bias.item() == pytest.approx(-1.0, abs=0.03)
    rng = np.random.default_rng(0)
    houses = rng.random((80, 4))
    family, walk, school = houses[:, 0] + houses[:, 1], houses[:, 2], np.maximum(houses[:, 2] + houses[:, 3] - 0.8, 0)
    worth = const((family + 0.5 * walk + 2.0 * school)[:, None])
    gg.manual_seed(0)
    net: Any = gg.nn.Sequential(
        gg.nn.Linear(4, 6, dtype="float64"), gg.nn.ReLU(), gg.nn.Linear(6, 1, dtype="float64"), gg.nn.ReLU()
    )
    net[2].bias.data = np.ones(1)
    fitted(lambda: F.mse_loss(net(const(houses)), worth), list(net.parameters()), steps=80)
    line, *_ = np.linalg.lstsq(np.column_stack([houses, np.ones(80)]), worth.data, rcond=None)
    of_line = np.mean((np.column_stack([houses, np.ones(80)]) @ line - worth.data) ** 2)
    assert F.mse_loss(net(const(houses)), worth).item() < 0.2 * of_line


# ---- what is misprinted ----------------------------------------------------------------------------------------------


def test_e094_the_minimum_need_not_be_0() -> None:
    w = leaf(2.0)
    gg.optim.Newton([w]).step(lambda: w**2 + 1.0)
    assert (w.item(), (w**2 + 1.0).item()) == (0.0, 1.0)


def test_e096_a_slope_is_a_product() -> None:
    x, dz = 2.0, -0.9
    w = leaf(0.0)
    (w * x).backward(dz)
    assert w.grad is not None
    assert w.grad.item() == pytest.approx(-1.8)
    assert x - dz == pytest.approx(2.9)  # as printed


def test_e097_the_gradient_of_a_batch_is_a_matrix_product() -> None:
    x, dz = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.5, -0.5]])
    w = leaf([[0.0], [0.0]])
    gg.matmul(gg.transpose(w), const(x)).backward(dz / 2)
    assert w.grad is not None
    assert w.grad.tolist() == [[-0.25], [-0.25]]
    assert (x * dz / 2).tolist() == [[0.25, -0.5], [0.75, -1.0]]  # as printed
