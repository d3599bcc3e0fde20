"""Worked numbers and items of P10: initial values, and gradients that vanish or explode."""

import math

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber
from graphgrad.nn import init
from graphgrad.nn.init.matrices import normalized_positive_definite
from tests.curriculum.values import const, leaf
from tests.worked import Check


def rng(seed=0):
    return np.random.default_rng(seed)


def weight(*shape):
    return gg.zeros(shape, dtype="float64", requires_grad=True)


def norms_of_gradients(depth, fill, activation, width=50):
    """The norm of each layer's gradient, the first layer's first, in a deep net without biases."""
    draw = rng(1)
    weights = [fill(weight(width, width), generator=draw) for _ in range(depth)]
    values = const(draw.standard_normal((20, width)))
    for w in weights:
        values = activation(values @ w.T)
    gg.sum(values**2).backward()
    return [float(np.linalg.norm(w.grad.data)) for w in weights]


# ---- products over depth


@pytest.mark.curriculum("P10.01", "P10.02", "P10.03")
@pytest.mark.worked("W160")
def test_products_over_depth(example: WorkedNumber, check: Check) -> None:
    def slope(factor, n):
        x = leaf(0.0)
        y = x
        for _ in range(n):
            y = y * factor
        y.backward()
        assert x.grad is not None
        return x.grad.item()

    x = leaf(0.0)
    gg.sigmoid(x).backward()
    assert x.grad is not None
    small, big, tiny = (slope(*pair) for pair in zip(example.input["factor"], example.input["n"], strict=True))
    assert x.grad.item() == example.input["factor"][0]  # the largest slope of the sigmoid
    check(example, {"sig10": small, "log10_big": math.log10(big), "log10_small": math.log10(tiny)})


@pytest.mark.curriculum("P10.01")
def test_e009_the_derivative_of_the_last_layer_is_in_the_product_once() -> None:
    w = [leaf(2.0), leaf(2.0)]
    hidden = gg.asarray(1.0, dtype="float64") * w[0]
    out = hidden * w[1]
    (out**2 / 2.0).backward()
    assert w[0].grad is not None
    assert (w[0].grad.item(), out.item()) == (1.0 * w[1].item() * out.item(), 4.0)
    assert (2 * 2, 2 * 2 * (2 * 2)) == (4, 16)  # and what it is when the product counts twice


@pytest.mark.curriculum("P10.02", "P10.03")
def test_e104_e153_e154_gradients_vanish_and_explode() -> None:
    powers = [1.5**149, 0.5**149, 0.25**10]
    np.testing.assert_allclose(powers, [1.72821e26, 1.4013e-45, 9.53674e-07], rtol=1e-5)
    vanishing = norms_of_gradients(10, init.xavier_normal_, gg.sigmoid)
    assert vanishing[0] < 1e-4 * vanishing[-1]  # of the first layer, not of the last

    def large(tensor, generator):
        return init.normal_(tensor, std=1.0, generator=generator)

    exploding = norms_of_gradients(10, large, gg.relu)
    assert exploding[0] > 1e6
    w = weight(2)
    w.grad = gg.tensor([exploding[0], 0.0], dtype="float64")
    gg.nn.utils.clip_grad_norm_([w], 1.0)
    assert w.grad.tolist() == pytest.approx([1.0, 0.0])


@pytest.mark.curriculum("P10.04")
def test_remedies() -> None:
    """Weights of the right size, and an activation that doesn't saturate, keep gradients alive in 20 layers."""

    def he(tensor, generator):
        return init.kaiming_normal_(tensor, nonlinearity="relu", generator=generator)

    first, *_, last = norms_of_gradients(20, he, gg.relu)
    assert 0.1 < first / last < 10.0
    first, *_, last = norms_of_gradients(20, init.xavier_normal_, gg.sigmoid)
    assert first / last < 1e-9
    first, *_, last = norms_of_gradients(20, init.orthogonal_, lambda x: x)
    assert first / last == pytest.approx(1.0, rel=0.3)


# ---- equal weights


def two_layers(w1, w2):
    """The gradients of both weights in a net of tanh and sigmoid, from the mean of two binary cross entropies."""
    w1, w2 = leaf(w1), leaf(w2)
    out = gg.sigmoid(w2 @ gg.tanh(w1 @ const(np.eye(2))))
    gg.nn.functional.binary_cross_entropy(out, const([[1.0, 0.0]])).backward()
    return {"dW1": w1.grad, "dW2": w2.grad}


@pytest.mark.curriculum("P10.05")
@pytest.mark.worked("W161", "W162", "W163")
def test_equal_weights_stay_equal_and_zeros_stay_zeros(example: WorkedNumber, check: Check) -> None:
    check(example, two_layers(example.input["W1"], example.input["W2"]))


@pytest.mark.curriculum("P10.05")
def test_a_second_weight_of_zeros_learns_and_then_the_first_does() -> None:
    w1, w2 = leaf([[0.1, 0.2], [0.3, 0.4]]), init.zeros_(weight(1, 2))
    optimizer = gg.optim.SGD([w1, w2], lr=1.0)
    moved = []
    for _ in range(2):
        optimizer.zero_grad()
        before = w1.data.copy()
        out = gg.sigmoid(w2 @ gg.tanh(w1 @ const(np.eye(2))))
        gg.nn.functional.binary_cross_entropy(out, const([[1.0, 0.0]])).backward()
        optimizer.step()
        moved.append(bool((w1.data != before).any()))
    assert moved == [False, True]


@pytest.mark.curriculum("P10.05")
def test_constant_weights_never_part() -> None:
    w1, w2 = init.constant_(weight(3, 2), 0.5), init.constant_(weight(1, 3), 0.5)
    optimizer = gg.optim.SGD([w1, w2], lr=0.5)
    x, y = const(rng().standard_normal((2, 10))), const(rng(1).standard_normal((1, 10)))
    for _ in range(20):
        optimizer.zero_grad()
        gg.nn.functional.mse_loss(w2 @ gg.tanh(w1 @ x), y).backward()
        optimizer.step()
    assert (w1.data == w1.data[0]).all()
    assert w1.data[0, 0] != 0.5


@pytest.mark.curriculum("P10.06")
def test_e099_small_random_weights_have_both_signs() -> None:
    drawn = init.normal_(gg.zeros(1000), std=0.01, generator=rng()).data
    assert drawn.std() == pytest.approx(0.01, rel=0.05)
    assert drawn.min() < 0 < drawn.max()
    assert init.uniform_(gg.zeros(1000), generator=rng()).data.min() >= 0
    assert float(rng().standard_normal(1000).min()) == pytest.approx(-3.89942, rel=1e-5)


# ---- the right size


@pytest.mark.curriculum("P10.07", "P10.08")
@pytest.mark.worked("W158")
def test_bounds_and_deviations_by_both_fans(example: WorkedNumber, check: Check) -> None:
    shape = example.input["n_out"], example.input["n_in"]
    bounds, deviations = {}, {}
    he = {"mode": "fan_avg", "nonlinearity": "relu"}

    def width(fill, **options):
        """What the uniform draws are within, to more digits than any number of draws can tell."""
        drawn = fill(weight(*shape), generator=rng(), **options).data
        return float(drawn.reshape(-1)[0] / (2.0 * rng().random() - 1.0))

    def deviation(fill, **options):
        drawn = fill(weight(*shape), generator=rng(), **options).data
        return float(drawn.reshape(-1)[0] / rng().standard_normal())

    bounds = {"r": width(init.xavier_uniform_), "he_r": width(init.kaiming_uniform_, **he)}
    deviations = {"std": deviation(init.xavier_normal_), "he_std": deviation(init.kaiming_normal_, **he)}
    assert width(init.xavier_uniform_, gain=math.sqrt(2.0)) == pytest.approx(bounds["he_r"])
    check(example, {**bounds, **deviations, "var": deviations["std"] ** 2})


@pytest.mark.curriculum("P10.07", "P10.08")
@pytest.mark.worked("W159")
def test_deviations_by_the_inputs(example: WorkedNumber, check: Check) -> None:
    shape = 1, example.input["n"]
    first = rng().standard_normal()
    he = init.kaiming_normal_(weight(*shape), nonlinearity="relu", generator=rng())
    lecun = init.lecun_normal_(weight(*shape), generator=rng())
    linear = init.kaiming_normal_(weight(*shape), nonlinearity="linear", generator=rng())
    np.testing.assert_array_equal(lecun.data, linear.data)
    check(example, {"he": he.data[0, 0] / first, "xavier": lecun.data[0, 0] / first})


@pytest.mark.curriculum("P10.07")
def test_e010_the_factor_4_belongs_to_the_logistic_function() -> None:
    """With gain 4 half of the units of tanh are saturated; the logistic function is tanh with z / 4 at its middle."""
    z = rng().standard_normal(10**5)
    shares = [float(np.mean(np.abs(np.tanh(gain * z)) > 0.99).round(3)) for gain in (1, 4)]
    assert shares == [0.008, 0.508]
    w = init.xavier_normal_(weight(200, 300), gain=4.0, generator=rng())
    assert w.data.std() == pytest.approx(4.0 * math.sqrt(2 / 500), rel=0.01)
    slopes = []
    for function in (gg.tanh, gg.sigmoid):
        x = leaf(0.0)
        function(x).backward()
        assert x.grad is not None
        slopes.append(x.grad.item())
    assert slopes == [1.0, 0.25]


@pytest.mark.curriculum("P10.08")
def test_e105_a_deviation_is_the_root_of_a_variance() -> None:
    w = init.kaiming_normal_(weight(500, 784), nonlinearity="relu", generator=rng())
    assert w.data.std() == pytest.approx(0.0505076, rel=0.01)
    assert w.data.var() == pytest.approx(0.00255102, rel=0.01)


@pytest.mark.curriculum("P10.09")
@pytest.mark.worked("W164")
def test_the_variance_of_a_weighted_sum(example: WorkedNumber, check: Check) -> None:
    n = example.input["N"]
    x = weight(n)
    variances = []
    for size in (1 / math.sqrt(n), 1.0):
        # The variance of a sum of inputs of variance 1 is the squared length of its gradient.
        x.grad = None
        gg.sum(x * init.constant_(weight(n), size)).backward()
        assert x.grad is not None
        variances.append(float((x.grad.data**2).sum()))
    check(example, {"var_scaled": variances[0], "var_unit": variances[1]})


@pytest.mark.curriculum("P10.09")
def test_activations_keep_their_size_through_the_layers() -> None:
    def spread(fill, activation):
        draw = rng(2)
        values = const(draw.standard_normal((200, 100)))
        found = []
        for _ in range(8):
            values = activation(values @ fill(weight(100, 100), generator=draw).T)
            found.append(float((values.data**2).mean()))
        return found

    np.testing.assert_allclose(spread(init.lecun_normal_, lambda x: x), 1.0, atol=0.4)
    np.testing.assert_allclose(spread(init.lecun_uniform_, lambda x: x), 1.0, atol=0.4)
    he = spread(lambda t, generator: init.kaiming_normal_(t, nonlinearity="relu", generator=generator), gg.relu)
    np.testing.assert_allclose(he, 1.0, atol=0.5)
    assert spread(lambda t, generator: init.normal_(t, std=0.01, generator=generator), gg.tanh)[-1] < 1e-12


@pytest.mark.curriculum("P10.10")
def test_a_start_of_the_right_size_learns_earlier() -> None:
    """Flatten-Dense(100, relu)-Dense(10), SGD 0.1, batch 128: weights of 0.001 and those of Glorot."""
    x, t = gg.datasets.digits()
    x, t = np.asarray(x)[:1024].reshape(1024, -1), np.asarray(t)[:1024]
    x = (x / x.max()).astype(np.float32)

    def losses(fill):
        draw = rng(3)
        hidden, out = gg.nn.Linear(64, 100), gg.nn.Linear(100, 10)
        model = gg.nn.Sequential(hidden, gg.nn.ReLU(), out)
        for layer in (hidden, out):
            assert layer.bias is not None
            fill(layer.weight, generator=draw)
            init.zeros_(layer.bias)
        optimizer = gg.optim.SGD(model.parameters(), lr=0.1)
        found = []
        for _ in range(6):
            for start in range(0, 1024, 128):
                optimizer.zero_grad()
                loss = gg.nn.functional.cross_entropy(model(x[start : start + 128]), t[start : start + 128])
                loss.backward()
                optimizer.step()
            found.append(loss.item())
        return found

    small = losses(lambda w, generator: init.normal_(w, std=0.001, generator=generator))
    glorot = losses(init.xavier_uniform_)
    assert small[2] > 2.2  # log 10 = 2.303: nothing was learned yet
    assert all(g < s - 0.1 for g, s in zip(glorot, small, strict=True))


# ---- recurrent weights


@pytest.mark.curriculum("P10.11")
def test_an_irnn_keeps_its_state() -> None:
    cell = gg.nn.RNNCell(2, 3, bias=False, nonlinearity="relu")
    init.eye_(cell.weight_hh)
    state = gg.tensor([1.0, 0.0, 2.5])
    for _ in range(50):  # without input
        state = gg.relu(cell.weight_hh @ state)
    assert state.tolist() == [1.0, 0.0, 2.5]


@pytest.mark.curriculum("P10.12")
@pytest.mark.worked("W165")
def test_the_weight_of_an_np_rnn(example: WorkedNumber, check: Check) -> None:
    matrix = normalized_positive_definite(np.array(example.input["R"], dtype=float))
    assert example.input["N"] == matrix.shape[0]
    check(example, {"W": matrix, "lmax": float(np.linalg.eigvalsh(matrix)[-1])})


@pytest.mark.curriculum("P10.12")
def test_an_np_rnn_keeps_one_direction_and_forgets_the_others() -> None:
    w = init.np_rnn_(weight(6, 6), generator=rng()).data
    values, vectors = np.linalg.eigh(w)
    assert values[-1] == pytest.approx(1.0)
    assert 0.0 < values[0] < values[-2] < 1.0
    np.testing.assert_allclose(np.linalg.matrix_power(w, 500), np.outer(vectors[:, -1], vectors[:, -1]), atol=1e-6)


@pytest.mark.curriculum("P10.13")
def test_a_trained_encoder_as_a_start() -> None:
    draw = rng(5)
    x = np.tanh(draw.standard_normal((40, 2)) @ draw.standard_normal((2, 6))).astype(np.float32)
    gg.manual_seed(5)
    encoder = gg.nn.Sequential(gg.nn.Linear(6, 3), gg.nn.Tanh())
    autoencoder = gg.nn.Sequential(encoder, gg.nn.Linear(3, 6))
    optimizer = gg.optim.Adam(autoencoder.parameters(), lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        gg.nn.functional.mse_loss(autoencoder(x), x).backward()
        optimizer.step()
    classifier = gg.nn.Sequential(gg.nn.Sequential(gg.nn.Linear(6, 3), gg.nn.Tanh()), gg.nn.Linear(3, 2))
    classifier[0].load_state_dict(encoder.state_dict())
    np.testing.assert_array_equal(classifier[0](x).data, encoder(x).data)
    decoded = autoencoder[1](classifier[0](x))
    assert gg.nn.functional.mse_loss(decoded, x).item() < 0.2 * float(x.var())
