"""What losses do beside their formulas: dtypes, numbers that would overflow or cancel, and how they hang together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.ops import TABLE, find

F = gg.nn.functional
REGRESSION = (
    "huber_loss",
    "l1_loss",
    "log_cosh_loss",
    "mse_loss",
    "pinball_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
)


def value_and_gradient(function: Any, values: Any, dtype: str = "float64") -> tuple[Any, Any]:
    x = gg.tensor(values, dtype=dtype, requires_grad=True)
    with np.errstate(all="ignore"):
        result = function(x)
    result.backward(np.ones(result.shape))
    assert x.grad is not None
    return result.data.tolist(), x.grad.data.tolist()


# ---- dtypes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["int64", "int8", "bool"])
@pytest.mark.parametrize("name", REGRESSION)
def test_a_target_of_integers_takes_the_dtype_of_the_input(name: str, kind: str) -> None:
    target = np.array([0, 1, 1]).astype(kind)
    for dtype in ("float32", "float64"):
        x = gg.tensor([0.3, 0.5, 1.25], dtype=dtype, requires_grad=True)
        loss = TABLE[name].call(x, target)
        exact = TABLE[name].call(x.data, target.astype(dtype))
        assert loss.dtype == dtype
        np.testing.assert_allclose(loss.data, exact.data, rtol=1e-6)
        loss.backward()
        assert x.grad is not None
        assert x.grad.dtype == dtype


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "binary_cross_entropy", "hinge_loss"])
def test_losses_of_integers_alone_are_float64(name: str) -> None:
    x = np.array([0, 1, 1], dtype="uint8")
    loss = TABLE[name].call(x, x[::-1], reduction="none")
    assert loss.dtype == np.float64
    np.testing.assert_array_equal(loss.data, TABLE[name].call(x * 1.0, x[::-1] * 1.0, reduction="none").data)


def test_bytes_do_not_wrap_around() -> None:
    x, target = np.array([1, 250], dtype="uint8"), np.array([2, 5], dtype="uint8")
    assert F.l1_loss(x, target, reduction="none").tolist() == [1.0, 245.0]
    assert F.mse_loss(x, target, reduction="none").tolist() == [1.0, 245.0**2]


@pytest.mark.parametrize("kind", ["uint8", "bool"])
@pytest.mark.parametrize(
    "name",
    ["hinge_loss", "squared_hinge_loss", "hinge_embedding_loss", "soft_margin_loss", "kl_div", "margin_ranking_loss"],
)
def test_a_target_that_has_no_minus_gives_the_same_gradient(name: str, kind: str) -> None:
    """Minus an unsigned 1 is 255, and minus a truth value is refused."""
    other = ([0.5, 0.25],) if name == "margin_ranking_loss" else ()
    loss = lambda target: value_and_gradient(
        lambda x: TABLE[name].call(x, *other, target, reduction="none"), [0.3, 0.6]
    )
    assert loss(np.array([1, 0]).astype(kind)) == loss(np.array([1.0, 0.0]))


def test_a_number_may_stand_on_either_side() -> None:
    x = gg.tensor(3.0, requires_grad=True)
    for loss, expected in ((F.mse_loss(x, 1.0), 4.0), (F.mse_loss(1.0, x), 4.0), (F.huber_loss(1, x), 1.5)):
        x.grad = None
        loss.backward()
        assert loss.item() == expected
        assert x.grad is not None
        assert loss.dtype == x.grad.dtype == np.float32


def test_a_loss_is_called_by_its_name_whatever_it_is_given() -> None:
    x, target = gg.tensor([0.5], requires_grad=True), [1.0]
    assert F.mse_loss(x, target).node.op.name == "mse_loss without weight"
    assert F.mse_loss(x, target, weight=[2.0]).node.op.name == "mse_loss"
    assert F.binary_cross_entropy_with_logits(x, target, pos_weight=2.0).node.op.missing == ("weight",)
    for name in ("mse_loss without weight", "binary_cross_entropy_with_logits without weight, pos_weight"):
        assert find(name).base == name.partition(" ")[0]


# ---- weights ---------------------------------------------------------------------------------------------------------


def test_weights_of_one_change_nothing() -> None:
    rng = np.random.default_rng(0)
    x, target, ones = rng.normal(size=(4, 3)), rng.random((4, 3)), np.ones((4, 3))
    classes = np.array([0, 2, 1, -100])
    for reduction in ("mean", "sum", "none"):
        for name in ("mse_loss", "l1_loss", "huber_loss", "binary_cross_entropy_with_logits"):
            plain = TABLE[name].call(x, target, reduction=reduction)
            np.testing.assert_allclose(TABLE[name].call(x, target, weight=ones, reduction=reduction).data, plain.data)
        for name in ("cross_entropy", "nll_loss", "focal_loss"):
            plain = TABLE[name].call(x, classes, reduction=reduction)
            weighted = TABLE[name].call(x, classes, np.ones(3), reduction=reduction)
            np.testing.assert_allclose(weighted.data, plain.data, rtol=1e-14)


def test_a_weight_is_a_number_of_copies() -> None:
    x, target = np.array([0.5, -1.0, 2.0]), np.array([0.0, 1.0, 1.0])
    copies = np.array([0, 1, 1, 2, 2, 2])
    for name in ("mse_loss", "l1_loss"):
        weighted = TABLE[name].call(x, target, weight=[1.0, 2.0, 3.0])
        assert weighted.item() == pytest.approx(TABLE[name].call(x[copies], target[copies]).item(), rel=1e-15)
    logits, classes = np.array([[0.5, 1.0], [2.0, -1.0]]), np.array([0, 1])
    weighted = F.cross_entropy(logits, classes, [1.0, 3.0])
    assert weighted.item() == pytest.approx(F.cross_entropy(logits[[0, 1, 1, 1]], classes[[0, 1, 1, 1]]).item())


def test_examples_that_are_ignored_might_as_well_not_be_there() -> None:
    rng = np.random.default_rng(1)
    logits, weight = rng.normal(size=(5, 3)), np.array([0.5, 1.0, 2.0])
    classes = np.array([0, 7, 2, 7, 1])
    there = classes != 7
    for name, attrs in (("cross_entropy", {"label_smoothing": 0.1}), ("nll_loss", {}), ("focal_loss", {})):
        for w in (None, weight):
            loss = lambda x, y, w=w, name=name, attrs=attrs: TABLE[name].call(x, y, w, ignore_index=7, **attrs)
            value, found = value_and_gradient(lambda x, loss=loss: loss(x, classes), logits)
            expected, gradient = value_and_gradient(lambda x, loss=loss: loss(x, classes[there]), logits[there])
            assert value == pytest.approx(expected, rel=1e-14)
            np.testing.assert_allclose(np.array(found)[there], gradient, rtol=1e-13)
            assert not np.array(found)[~there].any()


def test_no_weight_at_all_is_nan() -> None:
    with np.errstate(all="ignore"):
        assert math.isnan(F.mse_loss([1.0], [2.0], weight=[0.0]).item())
        assert math.isnan(F.cross_entropy([[1.0, 2.0]], [1], weight=[1.0, 0.0]).item())
        assert math.isnan(F.nll_loss([[1.0, 2.0]], [-100]).item())


@pytest.mark.parametrize(
    ("name", "attrs"),
    [
        ("hinge_loss", {"margin": "far"}),
        ("hinge_loss", {"margin": 1j}),
        ("hinge_loss", {"margin": math.nan}),
        ("huber_loss", {"delta": np.array([0.5])}),
        ("pinball_loss", {"alpha": None}),
        ("energy_hinge_loss", {"margin": "far"}),
        ("square_exponential_loss", {"beta": math.nan}),
        ("poisson_nll_loss", {"log_input": "no"}),
        ("poisson_nll_loss", {"eps": math.nan}),
        ("kl_div", {"log_target": None}),
        ("sigmoid_focal_loss", {"gamma": math.nan}),
    ],
)
def test_an_attribute_that_is_no_number_is_refused_by_its_name(name: str, attrs: dict[str, Any]) -> None:
    (key,) = attrs
    with pytest.raises((gg.ArgumentError, gg.DTypeError), match=f"{name}.*: {key} is "):
        TABLE[name].call(np.full(3, 0.5), np.full(3, 0.5), **attrs)


@pytest.mark.parametrize("delta", [np.float64(0.5), np.float32(0.5)])
def test_numpy_numbers_are_numbers(delta: Any) -> None:
    loss = F.huber_loss(gg.tensor([2.0]), [0.0], delta=delta)
    assert loss.dtype == np.float32
    assert loss.item() == 0.875


# ---- numbers that would overflow, or cancel --------------------------------------------------------------------------


def test_large_scores_do_not_overflow() -> None:
    huge = [1000.0, -1000.0]
    signs = np.array([-1.0, 1.0])
    assert value_and_gradient(lambda x: F.soft_margin_loss(x, signs, reduction="none"), huge) == (
        [1000.0, 1000.0],
        [1.0, -1.0],
    )
    assert value_and_gradient(lambda x: F.log_cosh_loss(x, np.zeros(2), reduction="none"), huge) == (
        [1000.0 - math.log(2.0)] * 2,
        [1.0, -1.0],
    )
    logits = lambda x: F.binary_cross_entropy_with_logits(x, [0.0, 1.0], pos_weight=3.0, reduction="none")
    assert value_and_gradient(logits, huge) == ([1000.0, 3000.0], [1.0, -3.0])
    assert value_and_gradient(lambda x: F.energy_log_loss(x, np.zeros(2), reduction="none"), huge) == (
        [1000.0, 0.0],
        [1.0, 0.0],
    )
    assert value_and_gradient(lambda x: F.mce_loss(x, np.zeros(2), reduction="none"), huge) == ([1.0, 0.0], [0.0, 0.0])
    assert value_and_gradient(lambda x: F.energy_nll_loss(x, np.array(0)), huge) == (2000.0, [1.0, -1.0])
    values, found = value_and_gradient(lambda x: F.sigmoid_focal_loss(x, [0.0, 1.0], alpha=-1.0), huge)
    assert values == [1000.0, 1000.0]
    assert found == [1.0, -1.0]


def test_small_numbers_keep_their_digits() -> None:
    tiny = 1e-9
    small = F.log_cosh_loss(np.array(tiny), np.array(0.0)).item()
    assert small == pytest.approx(tiny**2 / 2, rel=1e-12)
    p = math.exp(-40.0)  # of the wrong answer
    assert F.sigmoid_focal_loss(np.array(40.0), np.array(1.0), alpha=-1).item() == pytest.approx(p**3, rel=1e-12)
    assert F.focal_loss(np.array([40.0, 0.0]), np.array(0)).item() == pytest.approx(p**2 * math.log1p(p), rel=1e-6)
    assert F.mee_loss(np.array([0.0, 40.0]), np.array(0)).item() == pytest.approx(p, rel=1e-12)
    assert F.soft_margin_loss(np.array(40.0), np.array(1.0)).item() == pytest.approx(p, rel=1e-12)


def test_small_probabilities_of_a_wrong_answer_are_not_lost() -> None:
    for dtype, tiny in (("float64", 1e-20), ("float32", 1e-10)):
        p = gg.tensor([tiny], dtype=dtype)
        assert F.binary_cross_entropy(p, [0.0]).item() == pytest.approx(tiny, rel=1e-6)
    wrong = math.exp(-40.0)
    for pos_weight in (None, 2.0):
        logits = lambda x, y, w=pos_weight: F.binary_cross_entropy_with_logits(np.array(x), y, pos_weight=w).item()
        assert logits(-40.0, 0.0) == pytest.approx(wrong, rel=1e-12)
        assert logits(40.0, 1.0) == pytest.approx(wrong * (pos_weight or 1.0), rel=1e-12)


def test_what_is_exactly_right_costs_no_negative_zero() -> None:
    for loss in (
        F.binary_cross_entropy([0.0, 1.0], [0.0, 1.0], reduction="none"),
        F.cross_entropy(np.ones((2, 3)), [-100, -100], reduction="none"),
        F.cross_entropy(np.ones((2, 3)), [-100, -100], reduction="none", label_smoothing=0.5),
        F.nll_loss(np.ones((2, 3)), [-100, -100], reduction="none"),
    ):
        assert not np.signbit(loss.data).any()
        assert not loss.data.any()


@pytest.mark.filterwarnings("error")
def test_no_large_error_is_squared() -> None:
    x = gg.tensor([1e30, -1e30])
    for loss in (F.huber_loss(x, [0.0, 0.0], reduction="none"), F.smooth_l1_loss(x, [0.0, 0.0], reduction="none")):
        assert loss.tolist() == gg.abs(x).tolist()


@pytest.mark.parametrize("gamma", [0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_focal_loss_of_what_is_right_beyond_the_dtype_is_flat(gamma: float, dtype: str) -> None:
    """The probability of the wrong answer underflows to 0, where a root has an infinite slope."""
    far = 1000.0
    for loss, at in (
        (lambda x: F.focal_loss(x, [0], gamma=gamma), [[far, 0.0]]),
        (lambda x: F.sigmoid_focal_loss(x, [1.0], gamma=gamma, reduction="sum"), [far]),
    ):
        value, found = value_and_gradient(loss, at, dtype)
        assert value == 0.0
        assert not np.any(found)
        twice = gg.grad(lambda x, loss=loss: gg.sum(gg.grad(loss)(x)))(gg.tensor(at, dtype=dtype))
        assert not np.any(twice.data)


def test_what_is_ignored_may_hold_anything() -> None:
    logits = [[math.nan, math.inf, 0.0], [0.0, -math.inf, 1.0]]
    for smoothing in (0.0, 0.1):
        loss = lambda x, s=smoothing: F.cross_entropy(x, [-100, -100], reduction="sum", label_smoothing=s)
        assert value_and_gradient(loss, logits) == (0.0, [[0.0] * 3] * 2)


def test_scores_that_are_infinite() -> None:
    inf = math.inf
    embed = lambda x: F.hinge_embedding_loss(x, [1, -1, -1], reduction="none")
    assert value_and_gradient(embed, [inf, -inf, inf]) == ([inf, inf, 0.0], [1.0, -1.0, 0.0])
    rank = lambda x: F.margin_ranking_loss(x, np.zeros(2), [1, 1], reduction="none")
    assert value_and_gradient(rank, [inf, -inf]) == ([0.0, inf], [0.0, -1.0])
    assert value_and_gradient(lambda x: F.multi_margin_loss(x, 0), [inf, 1.0, 2.0]) == (0.0, [0.0] * 3)
    assert value_and_gradient(lambda x: F.multi_margin_loss(x, 0), [-inf, 1.0, 2.0])[0] == inf
    hinge = lambda x: F.energy_hinge_loss(x, np.zeros(2), reduction="none")
    assert value_and_gradient(hinge, [inf, -inf]) == ([inf, 0.0], [1.0, 0.0])
    assert value_and_gradient(lambda x: F.lvq2_loss(x, np.zeros(2), reduction="none"), [inf, -inf]) == (
        [1.0, 0.0],
        [0.0, 0.0],
    )


def test_the_slope_of_a_weight_has_all_its_derivatives_at_0() -> None:
    """A logit of 0, as every network begins with, is no kink."""
    weight = gg.tensor([1.0], dtype="float64")
    slope = lambda x: gg.sum(gg.grad(lambda w: F.binary_cross_entropy_with_logits(x, [0.5], w))(weight))
    twice = gg.grad(lambda x: gg.sum(gg.grad(slope)(x)))
    assert twice(gg.tensor([0.0], dtype="float64")).item() == pytest.approx(0.25, rel=1e-12)


def test_what_has_no_probability_adds_nothing_to_a_divergence() -> None:
    with np.errstate(divide="ignore"):
        p, log_q = np.array([0.0, 1.0]), np.log([0.0, 1.0])
        assert F.kl_div(log_q, p, reduction="sum").item() == 0.0
        assert F.kl_div(log_q, np.log(p), reduction="sum", log_target=True).item() == 0.0
        assert F.kl_div(log_q, np.array([0.5, 0.5]), reduction="sum").item() == math.inf


def test_log_n_factorial_of_no_count_has_no_slope() -> None:
    target = gg.tensor([0.0, 1.0, 3.0], dtype="float64", requires_grad=True)
    F.poisson_nll_loss(np.zeros(3), target, full=True, reduction="sum").backward()
    assert target.grad is not None
    np.testing.assert_allclose(target.grad.data, [0.0, 0.0, math.log(3.0) + 1.0 / 6.0])


# ---- how they hang together ------------------------------------------------------------------------------------------

RNG = np.random.default_rng(2)
X, T = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
CLASSES = np.array([2, 0, 1, 1])
SIGNS = np.array([[1, -1, 1], [-1, -1, 1], [1, 1, 1], [-1, 1, -1]])
ZEROS = np.zeros((4, 3))

EQUAL: dict[str, tuple[Any, Any]] = {
    "Huber is smooth L1 times delta": (
        lambda x: F.huber_loss(x, T, delta=0.5),
        lambda x: 0.5 * F.smooth_l1_loss(x, T, beta=0.5),
    ),
    "Huber with a large delta is half of MSE": (
        lambda x: F.huber_loss(x, T, delta=100.0),
        lambda x: 0.5 * F.mse_loss(x, T),
    ),
    "smooth L1 without a bottom is L1": (lambda x: F.smooth_l1_loss(x, T, beta=0.0), lambda x: F.l1_loss(x, T)),
    "pinball for the median is half of L1": (lambda x: F.pinball_loss(x, T), lambda x: 0.5 * F.l1_loss(x, T)),
    "a Gauss of variance 1 is half of MSE": (
        lambda x: F.gaussian_nll_loss(x, T, 1.0),
        lambda x: 0.5 * F.mse_loss(x, T),
    ),
    "cross entropy is NLL of log-softmax": (
        lambda x: F.cross_entropy(x, CLASSES),
        lambda x: F.nll_loss(gg.log_softmax(x), CLASSES),
    ),
    "focal without gamma is cross entropy": (
        lambda x: F.focal_loss(x, CLASSES, gamma=0.0),
        lambda x: F.cross_entropy(x, CLASSES),
    ),
    "one-hot probabilities are classes": (
        lambda x: F.cross_entropy(x, np.eye(3)[CLASSES], label_smoothing=0.2),
        lambda x: F.cross_entropy(x, CLASSES, label_smoothing=0.2),
    ),
    "smoothed labels are a mixture": (
        lambda x: F.cross_entropy(x, CLASSES, label_smoothing=0.3),
        lambda x: F.cross_entropy(x, 0.7 * np.eye(3)[CLASSES] + 0.1),
    ),
    "energies of minus the logits": (
        lambda x: F.energy_nll_loss(-x, CLASSES),
        lambda x: F.cross_entropy(x, CLASSES),
    ),
    "the perceptron at temperature 0": (
        lambda x: F.energy_nll_loss(x, CLASSES, beta=1e4),
        lambda x: F.perceptron_loss(x, CLASSES),
    ),
    "soft margin is BCE of signs": (
        lambda x: F.soft_margin_loss(x, SIGNS),
        lambda x: F.binary_cross_entropy_with_logits(x, SIGNS > 0),
    ),
    "multi-label is the mean of BCE": (
        lambda x: F.multilabel_soft_margin_loss(x, SIGNS > 0),
        lambda x: F.binary_cross_entropy_with_logits(x, SIGNS > 0),
    ),
    "a sigmoid before BCE": (
        lambda x: F.binary_cross_entropy(gg.sigmoid(x), SIGNS > 0),
        lambda x: F.binary_cross_entropy_with_logits(x, SIGNS > 0),
    ),
    "focal without gamma and alpha is BCE": (
        lambda x: F.sigmoid_focal_loss(x, SIGNS > 0, alpha=-1, gamma=0.0, reduction="mean"),
        lambda x: F.binary_cross_entropy_with_logits(x, SIGNS > 0),
    ),
    "a hinge is a ranking against 0": (
        lambda x: F.hinge_loss(x, SIGNS),
        lambda x: F.margin_ranking_loss(x, ZEROS, SIGNS, margin=1.0),
    ),
    "a hinge of energies is a hinge of their difference": (
        lambda x: F.energy_hinge_loss(x, T),
        lambda x: F.hinge_loss(x - T, -np.ones((4, 3))),
    ),
    "divergence is cross entropy minus entropy": (
        lambda x: F.kl_div(gg.log_softmax(x), np.full((4, 3), 1 / 3), reduction="batchmean"),
        lambda x: F.cross_entropy(x, np.full((4, 3), 1 / 3)) - math.log(3.0),
    ),
    "Dice of Jaccard": (
        lambda x: F.soft_dice_loss(gg.sigmoid(x), SIGNS > 0, 0.0, reduction="none"),
        lambda x: (lambda j: 1.0 - 2.0 * j / (1.0 + j))(
            1.0 - F.soft_jaccard_loss(gg.sigmoid(x), SIGNS > 0, 0.0, reduction="none")
        ),
    ),
    "contrastive pairs that are alike": (
        lambda x: F.contrastive_loss(x, T, np.ones(4, int)),
        lambda x: 3.0 * F.mse_loss(x, T),
    ),
    "a triplet with its own distance": (
        lambda x: F.triplet_margin_loss(x, T, X + 0.5, swap=True, margin=0.7),
        lambda x: F.triplet_margin_with_distance_loss(x, T, X + 0.5, swap=True, margin=0.7),
    ),
}


@pytest.mark.parametrize("what", EQUAL)
def test_losses_that_are_the_same(what: str) -> None:
    (ours, found), (theirs, expected) = (value_and_gradient(function, X) for function in EQUAL[what])
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_the_quantile_costs_least() -> None:
    target = np.random.default_rng(3).normal(size=201)
    for alpha in (0.1, 0.5, 0.9):
        costs = [F.pinball_loss(np.full(201, q), target, alpha).item() for q in np.sort(target)]
        assert np.sort(target)[int(np.argmin(costs))] == pytest.approx(np.quantile(target, alpha))


def test_the_energy_loss_alone_collapses() -> None:
    """Nothing holds the energies of wrong answers up, which the other losses do (P21.06)."""
    energies = np.array([[1.0, 2.0, 3.0]])
    _, pushed = value_and_gradient(lambda e: F.energy_loss(e, [1]), energies)
    assert pushed == [[0.0, 1.0, 0.0]]
    for loss in (F.energy_nll_loss, F.perceptron_loss, F.mee_loss):
        _, pushed = value_and_gradient(lambda e, loss=loss: loss(e, [1]), energies)
        assert pushed[0][0] < 0 < pushed[0][1]


# ---- distances of one's own ------------------------------------------------------------------------------------------


def test_any_distance_will_do() -> None:
    anchor, positive, negative = (gg.tensor(one, dtype="float64", requires_grad=True) for one in (X, T, X + 0.5))
    cosine = lambda a, b: 1.0 - gg.sum(a * b, -1) / gg.sqrt(gg.sum(a * a, -1) * gg.sum(b * b, -1))
    for swap in (False, True):
        loss = lambda a, p, n, swap=swap: F.triplet_margin_with_distance_loss(
            a, p, n, distance_function=cosine, margin=0.5, swap=swap
        )
        assert gg.gradcheck(loss, [anchor, positive, negative])
    losses = F.triplet_margin_with_distance_loss(X, T, X + 0.5, distance_function=cosine, reduction="none")
    assert losses.shape == (4,)


def test_a_distance_loss_refuses_what_the_others_do() -> None:
    loss = F.triplet_margin_with_distance_loss
    with pytest.raises(gg.ArgumentError, match="loss: reduction is one of mean, sum, none, got 'max'"):
        loss(X, X, X, reduction="max")
    with pytest.raises(gg.ArgumentError, match=r"loss: margin is above 0, got 0\.0"):
        loss(X, X, X, margin=0.0)
    with pytest.raises(gg.ShapeError, match=r"loss: all three have as many axes[\s\S]*positive: shape \(3,\)"):
        loss(X, X[0], X)


# ---- sequences -------------------------------------------------------------------------------------------------------


def test_a_long_sequence_does_not_underflow() -> None:
    log_probs = np.log(np.full((2000, 1, 2), 0.5))
    value, found = value_and_gradient(lambda x: F.ctc_loss(x, [[1]], [2000], [1]), log_probs)
    # Of 2 ** n paths n (n + 1) / 2 say the label once: it begins and ends somewhere.
    assert value == pytest.approx(2000 * math.log(2.0) - math.log(2000 * 2001 / 2), rel=1e-12)
    # At each step, one of the two is said.
    np.testing.assert_allclose(np.sum(found, axis=-1), -1.0, rtol=1e-9)


def test_what_takes_more_steps_than_there_are() -> None:
    log_probs = np.log(np.full((2, 1, 2), 0.5))
    impossible = ([[1, 1]], [2], [2])  # between equal labels there has to be a blank
    value, found = value_and_gradient(lambda x: F.ctc_loss(x, *impossible), log_probs)
    assert value == math.inf
    assert np.isnan(found).all()
    value, found = value_and_gradient(lambda x: F.ctc_loss(x, *impossible, zero_infinity=True), log_probs)
    assert value == 0.0
    assert not np.any(found)


def test_behind_a_log_softmax_the_gradient_is_what_is_said_minus_what_should_be() -> None:
    logits = np.random.default_rng(4).normal(size=(5, 2, 3))
    loss = lambda x: F.ctc_loss(gg.log_softmax(x), [[1, 2], [2, 0]], [5, 4], [2, 1], reduction="sum")
    _, found = value_and_gradient(loss, logits)
    np.testing.assert_allclose(np.sum(found, axis=-1), 0.0, atol=1e-14)
    assert not np.any(np.array(found)[4, 1])  # beyond the end of the second example
    assert gg.gradcheck(loss, gg.tensor(logits, requires_grad=True))
