"""P12: penalties in each convention, weight decay, and dropout as it should and shouldn't be."""

import math

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn
from graphgrad.lessons.curriculum import WorkedNumber
from tests.curriculum.values import const, leaf
from tests.worked import Check

F = nn.functional


def with_gradient(penalty, w):
    """The value of a penalty, and its gradient."""
    w = leaf(w)
    value = penalty(w)
    value.backward()
    return value, w.grad


# ---- penalties -------------------------------------------------------------------------------------------------------


@pytest.mark.curriculum("P12.02")
@pytest.mark.worked("W174")
def test_the_penalty_of_squares_over_examples(example: WorkedNumber, check: Check) -> None:
    lam, m = example.input["lam"], example.input["m"]
    weights = [leaf(example.input[name]) for name in ("W1", "W2")]
    norms = [gg.sum(w**2) for w in weights]
    cost = lam / (2 * m) * (norms[0] + norms[1])
    cost.backward()
    check(example, {"F": norms, "cost": cost, "dW2": weights[1].grad})


@pytest.mark.curriculum("P12.02", "P12.03")
@pytest.mark.worked("W175")
def test_the_conventions_of_penalties(example: WorkedNumber, check: Check) -> None:
    w, lam, m = (example.input[name] for name in ("w", "lam", "m"))
    found = {}
    factors = {"hslu": lam, "nyu": lam / 2, "coursera": lam / (2 * m)}
    for name, factor in factors.items():
        found[f"{name}_l2"], found[f"{name}_l2_grad"] = with_gradient(lambda w, f=factor: f * gg.sum(w**2), w)
    found["hslu_l1"], slope = with_gradient(lambda w: lam * gg.sum(gg.abs(w)), w)
    found["coursera_l1"], _ = with_gradient(lambda w: lam / m * gg.sum(gg.abs(w)), w)
    found["l1_sign"] = slope / lam
    check(example, found)


@pytest.mark.curriculum("P12.02")
def test_weight_decay_of_an_optimiser_is_half_lambda_times_the_squares() -> None:
    lam, ends = 0.3, []
    for by_optimizer in (True, False):
        w = leaf([2.0, -1.0])
        optimizer = gg.optim.SGD([w], lr=0.1, momentum=0.9, weight_decay=lam if by_optimizer else 0.0)
        for _ in range(5):
            optimizer.zero_grad()
            loss = gg.sum((w - 1.0) ** 2)
            (loss if by_optimizer else loss + lam / 2 * gg.sum(w**2)).backward()
            optimizer.step()
        ends.append(w.data)
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-12)


@pytest.mark.curriculum("P12.03")
def test_the_absolute_penalty_makes_weights_sparse_and_rests_at_zero() -> None:
    _, slope = with_gradient(lambda w: gg.sum(gg.abs(w)), [0.0, -2.0, 3.0])
    assert slope.tolist() == [0.0, -1.0, 1.0]
    rng = np.random.default_rng(0)
    x = const(rng.normal(size=(60, 8)))
    t = x @ const([[3.0], [-2.0], [0], [0], [0], [0], [0], [0]])
    sizes = {}
    for name, penalty in (("l1", gg.abs), ("l2", gg.square)):
        layer = nn.Linear(8, 1, bias=False, dtype="float64", generator=rng)
        optimizer = gg.optim.SGD(layer.parameters(), lr=0.02)
        for _ in range(400):
            optimizer.zero_grad()
            (F.mse_loss(layer(x), t) + 0.5 * gg.sum(penalty(layer.weight))).backward()
            optimizer.step()
        sizes[name] = np.abs(layer.weight.data[0])
    assert (sizes["l1"][2:] < 0.02).all()
    assert sizes["l2"][2:].max() > 0.02
    assert (sizes["l1"][:2] > 1.5).all()


@pytest.mark.curriculum("P12.04")
def test_the_corners_of_a_diamond_and_the_roundness_of_a_circle() -> None:
    best, ellipse = const([1.0, 0.2]), const([[2.0, 0.6], [0.6, 1.0]])  # where the error is least, and its shape

    def least(shrink):
        w = const([0.0, 0.0])
        for _ in range(400):
            w = shrink(w - 0.1 * (ellipse @ (w - best)))  # downhill, and then towards the middle
        return w.data

    corner, round_ = least(nn.Softshrink(0.1 * 0.5)), least(lambda w: w / (1.0 + 0.1 * 0.5))
    assert corner[1] == 0.0
    assert corner[0] > 0.5
    # Where the error's slope and the penalty's meet: of length lambda along the axis, and along w.
    np.testing.assert_allclose((ellipse @ (best - const(corner))).data[0], 0.5, rtol=1e-9)
    np.testing.assert_allclose((ellipse @ (best - const(round_))).data, 0.5 * round_, rtol=1e-9)
    assert np.abs(round_).min() > 0.1
    points = [[3.0, -4.0], [0.3, -0.4]]
    fields = [with_gradient(lambda w, p=p: gg.sum(p(w)), points)[1].data for p in (gg.abs, lambda w: w * w / 2.0)]
    assert fields[0].tolist() == [[1.0, -1.0], [1.0, -1.0]]  # as strong near the middle as far from it
    np.testing.assert_array_equal(fields[1], points)


@pytest.mark.curriculum("P12.06")
def test_a_penalty_that_starts_late_and_rises() -> None:
    x, t = const([[1.0, 0.5], [0.5, 1.0]]), const([[1.0], [-1.0]])
    layer = nn.Linear(2, 1, bias=False, dtype="float64")
    layer.load_state_dict({"weight": [[0.0, 0.0]]})
    optimizer = gg.optim.SGD(layer.parameters(), lr=0.1)
    sizes = []
    for epoch in range(300):
        optimizer.param_groups[0]["weight_decay"] = min(max(0.0, (epoch - 200) / 50), 1.0)
        optimizer.zero_grad()
        F.mse_loss(layer(x), t).backward()
        optimizer.step()
        sizes.append(float(np.linalg.norm(layer.weight.data)))
    assert sizes[:201] == sorted(sizes[:201])  # nothing holds it back
    np.testing.assert_allclose(sizes[200], math.hypot(2.0, 2.0), rtol=1e-2)  # where x w is t
    assert (np.diff(sizes[201:]) < 0).all()
    # With weight decay 1 the least of the mean of squares, whose slope is x'(x w - t).
    gram = x.data.T @ x.data
    ridge = np.linalg.solve(gram + np.eye(2), x.data.T @ t.data)
    np.testing.assert_allclose(layer.weight.data, ridge.T, rtol=1e-2)


@pytest.mark.curriculum("P12.05")
def test_small_weights_make_a_nearly_linear_net() -> None:
    z = const(np.linspace(-2, 2, 9))
    bend = [float(np.abs(np.diff(gg.tanh(size * z).data / size, 2)).max()) for size in (1.0, 0.1)]
    assert bend[1] < bend[0] / 20


@pytest.mark.curriculum("P12.02")
def test_biases_are_not_decayed_by_parameter_groups() -> None:
    layer = nn.Linear(2, 1, dtype="float64")
    layer.load_state_dict({"weight": [[1.0, 1.0]], "bias": [1.0]})
    groups = [{"params": [layer.weight], "weight_decay": 0.5}, {"params": [layer.bias]}]
    optimizer = gg.optim.SGD(groups, lr=0.1)
    layer(const([[0.0, 0.0]])).backward([[0.0]])
    optimizer.step()
    assert (layer.weight.tolist(), layer.bias.tolist()) == ([[0.95, 0.95]], [1.0])  # type: ignore[union-attr]


# ---- dropout ---------------------------------------------------------------------------------------------------------


@pytest.mark.curriculum("P12.07")
@pytest.mark.worked("W178")
def test_a_mask_of_normal_numbers_keeps_another_share(example: WorkedNumber, check: Check) -> None:
    keep = example.input["keep"]
    rate = 0.5 * (1.0 + gg.erf(const(keep / math.sqrt(2.0))))
    check(example, {"rate": rate})
    assert rate.item() / keep == pytest.approx(0.9852, abs=5e-5)  # what inverted dropout then scales the mean by
    draws = np.random.default_rng(0)
    assert np.mean(draws.standard_normal(40_000) < keep) == pytest.approx(rate.item(), abs=0.01)
    assert np.mean(draws.random(40_000) < keep) == pytest.approx(keep, abs=0.01)


@pytest.mark.curriculum("P12.08")
def test_dropout_keeps_the_mean_and_rests_in_evaluation() -> None:
    gg.manual_seed(0)
    model = nn.Sequential(nn.Dropout(0.2), nn.Identity(), nn.Dropout(0.5))
    x = gg.ones(20_000)
    y = model(x).data
    assert y.mean() == pytest.approx(1.0, abs=0.03)
    assert (y == 0).mean() == pytest.approx(1 - 0.8 * 0.5, abs=0.02)
    assert (model.eval()(x).data == 1.0).all()


@pytest.mark.curriculum("P12.09")
def test_alpha_dropout_keeps_mean_and_variance_of_selu() -> None:
    gg.manual_seed(0)
    x = gg.tensor(np.random.default_rng(0).normal(size=50_000))
    y = nn.AlphaDropout(0.2)(nn.SELU()(x)).data
    assert (y.mean(), y.std()) == (pytest.approx(0.0, abs=0.03), pytest.approx(1.0, abs=0.03))
    images = nn.Dropout2d(0.5)(gg.ones((50, 4, 3, 3))).data
    assert set(images.mean(axis=(2, 3)).ravel().tolist()) == {0.0, 2.0}  # whole channels


@pytest.mark.curriculum("P12.10")
def test_one_mask_for_all_steps() -> None:
    gg.manual_seed(0)
    steps, layer = gg.ones((5, 2, 8)), nn.Dropout(0.5)
    mask = layer(gg.ones((1, 2, 8)))
    assert ((steps * mask).data == mask.data).all()
    assert not (layer(steps).data == layer(steps).data[:1]).all()
