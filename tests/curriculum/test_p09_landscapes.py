"""Worked numbers and items of P09: quadratics, conditioning, saddles, minima, and what is misprinted about them."""

import math
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber
from tests.curriculum.values import const, leaf
from tests.worked import Check


def descend(function, start, rate, steps):
    """Where gradient descent is after each step."""
    w = leaf(start)
    optimizer = gg.optim.SGD([w], lr=rate)
    places = []
    for _ in range(steps):
        optimizer.zero_grad()
        function(w).backward()
        optimizer.step()
        places.append(w.tolist())
    return places


def toy(w):
    """The identity net: two weights, the second behind the first."""
    return (0.5 - gg.tanh(w[1] * gg.tanh(0.5 * w[0]))) ** 2


def inputs(mean, cov):
    """Four samples with exactly this mean and this covariance, divided by their number."""
    signs = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    return signs @ np.linalg.cholesky(np.array(cov, dtype=float)).T + np.array(mean, dtype=float)


def linear_unit(x, y):
    """The mean squared error of a linear unit, (1/P) Σ (y - w · x)²."""
    return lambda w: gg.mean((const(y) - gg.matmul(const(x), w)) ** 2)


@pytest.mark.worked("W150")
def test_regimes_of_the_rate(example: WorkedNumber, check: Check) -> None:
    places = [descend(lambda w: w * w, float(example.input["w0"]), eta, 3) for eta in example.input["eta"]]
    curvature = gg.hessian(lambda w: w * w)(float(example.input["w0"]))
    assert curvature.item() == example.input["curvature"]
    check(example, {"w": places})


@pytest.mark.worked("W151")
def test_curvature_is_what_the_inputs_make_it(example: WorkedNumber, check: Check) -> None:
    """The Hessian of half the mean squared error; without the half it is twice that."""
    hessians = []
    for mean, cov in zip(example.input["mean"], example.input["cov"], strict=True):
        loss = linear_unit(inputs(mean, cov), np.ones(4))
        hessians.append(gg.hessian(lambda w, loss=loss: loss(w) / 2)(const([0.3, -0.2])))
        np.testing.assert_allclose(gg.hessian(loss)(const([0.3, -0.2])).data, 2 * hessians[-1].data)
    check(example, {"H": hessians})


@pytest.mark.curriculum("P09.01")
def test_gradient_and_hessian_of_a_linear_unit() -> None:
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(7, 3)), rng.normal(size=7), rng.normal(size=3)
    loss = linear_unit(x, y)
    np.testing.assert_allclose(gg.grad(loss)(const(w)).data, -2 / 7 * x.T @ (y - x @ w), rtol=1e-12)
    np.testing.assert_allclose(gg.hessian(loss)(const(w)).data, 2 / 7 * x.T @ x, rtol=1e-12)


@pytest.mark.worked("W152")
def test_conditioning_of_shifted_inputs(example: WorkedNumber, check: Check) -> None:
    loss = linear_unit(inputs([100, 100], np.eye(2)), np.zeros(4))
    hessian = gg.hessian(lambda w: loss(w) / 2)(const([0.0, 0.0]))
    np.testing.assert_allclose(hessian.data, example.input["H"])
    check(example, {"eig": gg.linalg.eigvalsh(hessian)})


@pytest.mark.worked("W153")
def test_rates_of_two_curvatures(example: WorkedNumber, check: Check) -> None:
    """Found by descending: along each axis the rate that ends in one step, and the largest that doesn't diverge."""
    h = np.array(example.input["H_diag"], dtype=float)
    best = []
    for axis in range(2):
        start = np.eye(2)[axis]
        rates = [eta for eta in (0.125, 0.25, 0.5, 1.0) if not any(descend(bowl(h), start, eta, 1)[0])]
        best.extend(rates)
    both = np.ones(2)
    stable = [eta for eta in np.arange(1, 17) / 16 if np.abs(descend(bowl(h), both, eta, 40)[-1]).max() <= 1.0]
    check(example, {"eta_opt": best, "eta_max": max(stable)})


def bowl(h):
    return lambda w: 0.5 * gg.sum(const(h) * w**2)


@pytest.mark.worked("W154")
def test_the_saddle_of_the_toy(example: WorkedNumber, check: Check) -> None:
    w = const([float(value) for value in example.input["W"]])
    hessian = gg.hessian(toy)(w)
    eigenvalues = np.linalg.eigvalsh(hessian.data)
    check(example, {"L": toy(w), "grad": gg.grad(toy)(w), "H": hessian, "eig": eigenvalues})


@pytest.mark.curriculum("P09.08")
@pytest.mark.worked("W155")
def test_the_minima_of_the_toy(example: WorkedNumber, check: Check) -> None:
    """Both are as good, and which is found depends on where one begins."""
    check(example, {"L": [toy(const(w)) for w in example.input["W"]]})
    right, left = (descend(toy, [sign * 0.8, sign * 0.6], 0.5, 400)[-1] for sign in (1.0, -1.0))
    assert right == [-value for value in left]
    assert toy(const(right)).item() == pytest.approx(0.0, abs=1e-12)
    assert np.tanh(right[1] * np.tanh(0.5 * right[0])) == pytest.approx(0.5)


@pytest.mark.worked("W156")
def test_newton_is_there_at_once(example: WorkedNumber, check: Check) -> None:
    hessian, start = const(np.array(example.input["H"], dtype=float)), [float(v) for v in example.input["w"]]

    def energy(w):
        return 0.5 * gg.dot(w, gg.matmul(hessian, w))

    w = leaf(start)
    gg.optim.Newton([w]).step(lambda: energy(w))
    check(example, {"newton": w, "gd": descend(energy, start, example.input["eta"], 1)[0]})


@pytest.mark.worked("W157")
def test_the_expansion_is_exact_with_its_half(example: WorkedNumber, check: Check) -> None:
    hessian, d = np.array(example.input["H"], dtype=float), np.array(example.input["d"], dtype=float)
    best = np.array([0.7, -1.2])
    x = inputs([0, 0], np.diag([1, 4]))
    loss = linear_unit(x, x @ best)
    np.testing.assert_allclose(gg.hessian(loss)(const(best)).data, hessian, atol=1e-12)
    risen = loss(const(best + d)).item() - loss(const(best)).item()
    check(example, {"half": risen, "printed": d @ hessian @ d})


@pytest.mark.curriculum("P09.03")
def test_a_quadratic_in_the_axes_of_its_hessian() -> None:
    """There each parameter descends by itself, by 1 - η λ in each step; and the gradient is across the level set."""
    hessian = np.array([[3.0, 1.0], [1.0, 2.0]])
    eigenvalues, axes = np.linalg.eigh(hessian)
    start = np.array([1.0, -2.0])

    def energy(w):
        return 0.5 * gg.dot(w, gg.matmul(const(hessian), w))

    places = descend(energy, start, 0.2, 5)
    np.testing.assert_allclose(axes.T @ places[-1], (1 - 0.2 * eigenvalues) ** 5 * (axes.T @ start), rtol=1e-12)
    gradient = gg.grad(energy)(const(start)).data
    along = np.array([-gradient[1], gradient[0]])
    assert gg.jvp(energy, (const(start),), (const(along),))[1].item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.curriculum("P09.04")
def test_whitened_inputs_have_one_rate_for_all() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 2)) * [1.0, 20.0] + [50.0, -3.0]
    centred = x - x.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred / len(x))
    white = centred @ axes / np.sqrt(variances)
    best = np.array([0.3, -0.8])
    for data, steps_needed in ((white, 1), (x, 1000)):
        loss = linear_unit(data, data @ best)
        largest = np.linalg.eigvalsh(gg.hessian(loss)(const(best)).data)[-1]
        places = descend(loss, [0.0, 0.0], 1 / largest, 100 if steps_needed > 1 else 1)
        arrived = np.abs(np.array(places[-1]) - best).max() < 1e-9
        assert arrived == (steps_needed == 1)


@pytest.mark.curriculum("P09.05")
def test_a_narrow_valley_makes_descent_zigzag() -> None:
    narrow = descend(bowl([1.0, 25.0]), [10.0, 1.0], 0.075, 20)
    signs = np.sign(np.array(narrow)[:, 1])
    assert (signs[1:] == -signs[:-1]).all()
    round_ = descend(bowl([1.0, 1.0]), [10.0, 1.0], 0.075, 20)
    assert (np.array(round_) > 0).all()


@pytest.mark.curriculum("P09.06")
def test_kinds_of_critical_points() -> None:
    surfaces = {
        "minimum": lambda w: gg.sum(w**2),
        "maximum": lambda w: -gg.sum(w**2),
        "saddle": lambda w: w[0] ** 2 - w[1] ** 2,
        "monkey's": lambda w: w[0] ** 3 - 3 * w[0] * w[1] ** 2,
    }
    found = {}
    for name, surface in surfaces.items():
        origin = const([0.0, 0.0])
        assert gg.grad(surface)(origin).tolist() == pytest.approx([0.0, 0.0])
        found[name] = np.sign(np.linalg.eigvalsh(gg.hessian(surface)(origin).data)).tolist()
    assert found == {"minimum": [1, 1], "maximum": [-1, -1], "saddle": [-1, 1], "monkey's": [0, 0]}


@pytest.mark.curriculum("P09.06")
def test_in_many_dimensions_most_critical_points_are_saddles() -> None:
    rng = np.random.default_rng(0)

    def share(d):
        matrices = rng.normal(size=(300, d, d))
        eigenvalues = np.linalg.eigvalsh(matrices + matrices.transpose(0, 2, 1))
        return np.mean((eigenvalues[:, 0] < 0) & (eigenvalues[:, -1] > 0))

    assert share(1) == 0.0
    assert share(2) < share(4) < share(8)
    assert share(8) == 1.0


@pytest.mark.curriculum("P09.07")
def test_the_toy_without_tanh_is_solved_by_2_and_a_half() -> None:
    assert (0.5 * 2.0) * 0.5 == 0.5
    assert toy(const([2.0, 0.5])).item() == pytest.approx(0.0186597, abs=1e-7)  # with it, it isn't


@pytest.mark.curriculum("P09.09")
def test_the_landscape_of_a_mini_batch_is_another_one() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 2)), rng.normal(size=40)
    minima = []
    for rows in (slice(None), slice(0, 20), slice(20, 40)):
        w = leaf([0.0, 0.0])
        gg.optim.Newton([w]).step(partial(linear_unit(x[rows], y[rows]), w))
        minima.append(w.data)
    assert np.abs(minima[1] - minima[2]).max() > 0.05
    assert np.abs(minima[0] - minima[1]).max() > 0.01


def direction_like(model, rng):
    """A random direction whose filters are as long as those of the model; none for biases."""
    found = []
    for parameter in model.parameters():
        noise = rng.normal(size=parameter.shape)
        if parameter.ndim < 2:
            found.append(np.zeros(parameter.shape))
            continue
        axes = tuple(range(1, parameter.ndim))
        lengths = [np.sqrt(np.sum(array**2, axis=axes, keepdims=True)) for array in (parameter.data, noise)]
        found.append(noise * lengths[0] / lengths[1])
    return found


@pytest.mark.curriculum("P09.10")
def test_a_picture_of_a_landscape() -> None:
    """The loss on a plane of two filter-normalised directions: lowest where the training ended, and of any scale.

    Scaling a layer up and the next one down changes nothing of a ReLU net, nor of its picture.
    """
    gg.manual_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    y = gg.tensor((x[:, :1] * x[:, 1:] > 0).astype(float))
    model: Any = gg.nn.Sequential(
        gg.nn.Linear(2, 12, dtype="float64"), gg.nn.ReLU(), gg.nn.Linear(12, 1, bias=False, dtype="float64")
    )
    loss = lambda: gg.nn.functional.binary_cross_entropy_with_logits(model(x), y)
    optimizer = gg.optim.LBFGS(model.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = loss() + 1e-3 * sum(gg.sum(p**2) for p in model.parameters())
        value.backward()
        return value

    optimizer.step(closure)

    def picture(directions):
        kept = [p.data.copy() for p in model.parameters()]
        rows: list[list[float]] = []
        with gg.no_grad():
            for a in np.linspace(-1.0, 1.0, 5):
                rows.append([])
                for b in np.linspace(-1.0, 1.0, 5):
                    for p, one, first, second in zip(model.parameters(), kept, *directions, strict=True):
                        p.data = one + a * first + b * second
                    rows[-1].append(loss().item())
            for p, one in zip(model.parameters(), kept, strict=True):
                p.data = one
        return np.array(rows)

    surface = picture([direction_like(model, np.random.default_rng(seed)) for seed in (1, 2)])
    assert surface.argmin() == 12  # the middle
    assert surface.max() > 2 * surface.min()
    first, second = model[0], model[2]
    first.weight.data, first.bias.data = first.weight.data * 10, first.bias.data * 10
    second.weight.data = second.weight.data / 10
    scaled = picture([direction_like(model, np.random.default_rng(seed)) for seed in (1, 2)])
    np.testing.assert_allclose(scaled, surface, rtol=1e-9)


@pytest.mark.curriculum("P09.12")
def test_sharp_minima_lose_more_when_the_loss_is_shifted() -> None:
    """A large rate cannot settle in the sharp one, and goes over to the wide one."""

    def valleys(w):
        return gg.minimum(50.0 * (w + 1.0) ** 2, 0.5 * (w - 2.0) ** 2)

    sharp, wide = (descend(valleys, start, rate, 200)[-1] for start, rate in ((-1.1, 0.005), (2.5, 0.5)))
    assert (sharp, wide) == (pytest.approx(-1.0), pytest.approx(2.0))
    lost = [valleys(const(place + 0.1)).item() - valleys(const(place)).item() for place in (sharp, wide)]
    assert lost[0] == pytest.approx(100 * lost[1])
    assert descend(valleys, -1.1, 0.5, 200)[-1] == pytest.approx(2.0)


@pytest.mark.curriculum("P09.13")
def test_descent_on_a_bowl_goes_down_and_ends_in_the_middle() -> None:
    places = descend(bowl([1.0, 3.0]), [2.0, -1.0], 0.2, 60)
    values = [bowl([1.0, 3.0])(const(place)).item() for place in places]
    assert all(after < before for before, after in pairwise(values))
    assert np.abs(places[-1]).max() < 1e-5


# ---- what is misprinted ----------------------------------------------------------------------------------------------


def test_e034_with_the_printed_factor_every_entry_doubles() -> None:
    loss = linear_unit(inputs([0, 0], np.diag([1, 4])), np.zeros(4))
    assert np.diag(gg.hessian(loss)(const([0.0, 0.0])).data).tolist() == pytest.approx([2.0, 8.0])


def test_e035_the_expansion_has_a_half() -> None:
    energy = lambda w: 2.0 * (w - 1.0) ** 2
    risen = energy(1.0 + 1e-3) - energy(1.0)
    curvature = gg.hessian(energy)(1.0).item()
    assert (risen, 0.5 * curvature * 1e-6, curvature * 1e-6) == pytest.approx((2e-6, 2e-6, 4e-6))


def test_e036_a_curvature_of_4_is_stable_below_a_half() -> None:
    energy = lambda w: 2.0 * w * w
    ends = [abs(descend(energy, 1.0, rate, 20)[-1]) for rate in (0.4, 0.6)]
    assert ends == pytest.approx([3.65616e-05, 836.683], rel=1e-5)


def test_e037_the_eigenvalues_are_20001_and_1() -> None:
    loss = linear_unit(inputs([100, 100], np.eye(2)), np.zeros(4))
    hessian = gg.hessian(lambda w: loss(w) / 2)(const([0.0, 0.0]))
    assert np.linalg.eigvalsh(hessian.data).round().tolist() == [1.0, 20001.0]


def test_e055_the_saddle_has_one_direction_of_each_kind() -> None:
    assert np.linalg.eigvalsh(gg.hessian(toy)(const([0.0, 0.0])).data).tolist() == pytest.approx([-0.5, 0.5])


def test_e112_it_is_high_dimensions_where_minima_are_unlikely() -> None:
    assert 0.5**2 == 0.25
    assert math.isclose(0.5**100, 7.88861e-31, rel_tol=1e-5)
