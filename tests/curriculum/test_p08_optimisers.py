"""Worked numbers and items of P08 on optimisers; and what is misprinted about them."""

import itertools
import math

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber
from tests.curriculum.values import leaf
from tests.worked import Check


def parabola(w):
    """(w - 5)²"""
    return w**2 - 10.0 * w + 25.0


def descend(optimizer, w, steps):
    """The value of w after each step down the parabola."""
    values = []
    for _ in range(steps):
        optimizer.zero_grad()
        parabola(w).backward()
        optimizer.step()
        values.append(w.item())
    return values


@pytest.mark.worked("W129")
def test_gradient_descent_on_a_parabola(example: WorkedNumber, check: Check) -> None:
    w = leaf(example.input["w0"])
    c2, c1, c0 = example.input["coef"]
    first = c2 * w**2 + c1 * w + c0
    assert first.item() == parabola(w).item()
    values = descend(gg.optim.SGD([w], lr=example.input["alpha"]), w, max(example.input["steps"]))
    check(example, {"J0": first, "w": [values[step - 1] for step in example.input["steps"]]})


@pytest.mark.worked("W130")
def test_three_steps_of_each(example: WorkedNumber, check: Check) -> None:
    given = example.input

    def trace(make):
        w = leaf(given["w0"])
        return descend(make(w), w, given["steps"])

    # With the mean of gradients in the place of their sum, a rate is 1 - β of PyTorch's.
    averaged = {"lr": given["alpha"] * (1 - given["beta"]), "momentum": given["beta"]}
    betas = given["beta"], given["beta2"]
    found = {
        "gd": trace(lambda w: gg.optim.SGD([w], lr=given["alpha"])),
        "momentum_ema": trace(lambda w: gg.optim.SGD([w], **averaged)),
        "adam": trace(lambda w: gg.optim.Adam([w], lr=given["alpha"], betas=betas, eps=given["eps"])),
    }
    found["rmsprop"] = trace(lambda w: gg.optim.RMSprop([w], lr=given["alpha"], alpha=given["beta"], eps=given["eps"]))
    check(example, found)


@pytest.mark.worked("W131")
def test_momentum_as_a_sum_and_nesterov(example: WorkedNumber, check: Check) -> None:
    alpha, beta, steps = (example.input[name] for name in ("alpha", "beta", "steps"))
    w = leaf(example.input["w0"])
    momentum = descend(gg.optim.SGD([w], lr=alpha, momentum=beta), w, steps)
    # PyTorch keeps the point that looks ahead, w - β · m; its gradient is taken where it stands.
    ahead = leaf(example.input["w0"])
    optimizer = gg.optim.SGD([ahead], lr=alpha, momentum=beta, nesterov=True)
    nesterov = []
    for _ in range(steps):
        (point,) = descend(optimizer, ahead, 1)
        nesterov.append(point + alpha * beta * optimizer.state[ahead]["momentum_buffer"].item())
    check(example, {"momentum": momentum, "nesterov": nesterov})


@pytest.mark.worked("W132")
def test_three_steps_of_adagrad(example: WorkedNumber, check: Check) -> None:
    given = example.input
    w = leaf(given["w0"])
    optimizer = gg.optim.Adagrad([w], lr=given["alpha"], eps=given["eps"])
    check(example, {"adagrad": descend(optimizer, w, given["steps"])})


@pytest.mark.worked("W133")
def test_the_mean_of_a_constant_gradient(example: WorkedNumber, check: Check) -> None:
    beta1 = example.input["beta1"]
    w = leaf([0.0])
    optimizer = gg.optim.Adam([w], lr=0.5, betas=(beta1, 0.999), eps=0.0)
    means, steps = [], []
    for _ in example.input["t"]:
        w.grad = gg.tensor([float(example.input["g"])], dtype="float64")
        before = w.item()
        optimizer.step()
        means.append(optimizer.state[w]["exp_avg"].item())
        steps.append((before - w.item()) / 0.5)  # m̂ / √v̂, where v̂ is the square of the constant gradient
    printed = [m / (1 - beta1) for m in means]  # E014: without the power
    check(example, {"m": means, "mhat": steps, "mhat_printed_hslu": printed})


@pytest.mark.worked("W134")
def test_the_defaults_of_adam(example: WorkedNumber, check: Check) -> None:
    options = gg.optim.Adam([leaf(0.0)]).defaults  # E016: the printed rate is 0.9
    beta1, beta2 = options["betas"]
    check(example, {"alpha": options["lr"], "beta1": beta1, "beta2": beta2, "eps": options["eps"]})


@pytest.mark.worked("W135")
def test_momentum_under_a_constant_gradient(example: WorkedNumber, check: Check) -> None:
    given = example.input

    def last_step(momentum):
        w = leaf([0.0])
        optimizer = gg.optim.SGD([w], lr=given["gamma"], momentum=momentum)
        for _ in range(given["n"]):
            before = w.item()
            w.grad = gg.tensor([float(given["g"])], dtype="float64")
            optimizer.step()
        return w.item() - before

    check(example, {"step": last_step(given["beta"]), "step_beta0": last_step(0.0)})


@pytest.mark.worked("W136")
def test_an_average_and_its_correction(example: WorkedNumber, check: Check) -> None:
    """Adam's mean of gradients is one; with β₂ = 0, a step is that mean, corrected, over the size of the gradient."""
    means, corrected = [], []
    for beta in example.input["beta"]:
        w = leaf([0.0])
        optimizer = gg.optim.Adam([w], lr=1.0, betas=(beta, 0.0), eps=0.0)
        for theta in example.input["theta"]:
            before = w.item()
            w.grad = gg.tensor([float(theta)], dtype="float64")
            optimizer.step()
            means.append(optimizer.state[w]["exp_avg"].item())
            corrected.append((before - w.item()) * theta)
    check(example, {"V": means[:3], "corr": corrected[:3], "corr98": corrected[3:]})


@pytest.mark.worked("W137", "W138")
def test_the_window_of_an_average(example: WorkedNumber, check: Check) -> None:
    """Under gradients of 1 momentum grows to the length of the window, 1 / (1 - β)."""

    def window(beta):
        w = leaf([0.0])
        optimizer = gg.optim.SGD([w], lr=1.0, momentum=beta)
        w.grad = gg.tensor([1.0], dtype="float64")
        optimizer.step()
        optimizer.load_state_dict({**optimizer.state_dict(), "state": {0: {"momentum_buffer": [1.0 / (1.0 - beta)]}}})
        optimizer.step()  # it stays there
        return optimizer.state[w]["momentum_buffer"].item()

    if example.id == "W138":
        check(example, {"n": [[window(beta) for beta in pair] for pair in example.input["pairs"]]})
        return
    w = leaf([0.0])
    optimizer = gg.optim.SGD([w], momentum=0.9)
    for step in range(11):
        w.grad = gg.tensor([float(step == 0)], dtype="float64")
        optimizer.step()
    left = optimizer.state[w]["momentum_buffer"].item()
    check(example, {"n": [window(beta) for beta in example.input["beta"]], "p": left, "inv_e": math.exp(-1.0)})


@pytest.mark.worked("W145")
def test_the_gradient_of_samples_is_unbiased(example: WorkedNumber, check: Check) -> None:
    x, y = (gg.tensor(example.input[name], dtype="float64") for name in ("x", "y"))

    def slope(indices):
        """The gradient of the mean over samples."""
        w = leaf(example.input["w"])
        (gg.nn.functional.mse_loss(w * x[indices], y[indices]) / 2).backward()
        assert w.grad is not None
        return w.grad.item()

    def spread(size):
        """The variance over all mini-batches that can be drawn with replacement."""
        return np.var([slope(list(batch)) for batch in itertools.product(range(4), repeat=size)])

    check(
        example,
        {
            "grads": [slope([i]) for i in range(4)],
            "mean": slope([0, 1, 2, 3]),
            "var": spread(1),
            "var2": spread(2),
            "var4": spread(4),
            "mean_10_copies": slope([0, 1, 2, 3] * 10),
        },
    )


@pytest.mark.worked("W148")
def test_the_average_of_places(example: WorkedNumber, check: Check) -> None:
    given = example.input["w"]
    model = gg.nn.Linear(1, 1, bias=False, dtype="float64")
    averaged = gg.optim.swa_utils.AveragedModel(model)
    for place in given:
        model.weight.data = np.array([[place]])
        averaged.update_parameters(model)
    check(example, {"last": model.weight[0, 0], "avg": averaged.module.weight[0, 0]})


@pytest.mark.curriculum("P08.02", "P08.04")
@pytest.mark.worked("W111")
def test_a_batch_in_parts_gives_the_gradient_of_the_whole(example: WorkedNumber, check: Check) -> None:
    """P08.07 too: workers that average the gradients of equal chunks take the step of the whole batch."""
    x, y = np.array(example.input["X"], dtype=float).T, np.array(example.input["Y"], dtype=float).T

    def gradients(rows):
        w, b = leaf(example.input["w"]), leaf([float(example.input["b"])])
        z = gg.matmul(x[rows], w) + b
        loss = gg.nn.functional.binary_cross_entropy_with_logits(z, gg.tensor(y[rows]))
        loss.backward()
        return gg.sigmoid(z), loss, w.grad, b.grad

    scores, loss, dw, db = gradients(slice(None))
    parts = [gradients([i]) for i in range(3)]
    np.testing.assert_allclose(np.mean([part[2].data for part in parts], axis=0), dw.data, rtol=1e-12)
    np.testing.assert_allclose(np.mean([part[3].data for part in parts], axis=0), db.data, rtol=1e-12)
    check(example, {"A": scores[:, 0], "J": loss, "dw": dw, "db": db[0]})


@pytest.mark.worked("W176")
def test_decay_through_the_gradient_is_a_shrinking(example: WorkedNumber, check: Check) -> None:
    given = example.input
    decay = given["lam"] / given["m"]
    w, shrunk = leaf([given["w"]]), leaf([given["w"] * (1 - given["alpha"] * decay)])
    for one, options in ((w, {"weight_decay": decay}), (shrunk, {})):
        one.grad = gg.tensor([given["g"]], dtype="float64")
        gg.optim.SGD([one], lr=given["alpha"], **options).step()
    check(example, {"via_grad": w[0], "via_shrink": shrunk[0]})


SURFACES = {
    "bowl": (lambda w: gg.sum(w**2), 0.1),
    "ravine": (lambda w: 0.5 * w[0] ** 2 + 12.5 * w[1] ** 2, 0.05),
    "saddle": (lambda w: 0.5 * w[0] ** 2 - 0.5 * w[1] ** 2, 0.05),
}


@pytest.mark.curriculum("P08.16", "P09.06")
@pytest.mark.parametrize("surface", SURFACES)
def test_the_same_start_for_every_optimiser(surface: str) -> None:
    """All go down; on the saddle those that adapt are the first to leave, and momentum leaves before descent does."""
    function, rate = SURFACES[surface]
    makers = {
        "descent": lambda w: gg.optim.SGD([w], lr=rate),
        "momentum": lambda w: gg.optim.SGD([w], lr=rate, momentum=0.9),
        "nesterov": lambda w: gg.optim.SGD([w], lr=rate, momentum=0.9, nesterov=True),
        "rmsprop": lambda w: gg.optim.RMSprop([w], lr=rate, alpha=0.9),
        "adam": lambda w: gg.optim.Adam([w], lr=rate),
    }
    values = {}
    for name, make in makers.items():
        w = leaf([2.0, 1e-3])
        optimizer = make(w)
        begun = function(w).item()
        for _ in range(60):
            optimizer.zero_grad()
            function(w).backward()
            optimizer.step()
        values[name] = function(w).item()
        assert values[name] < begun
    if surface == "saddle":
        assert values["descent"] > 0 > values["momentum"]
        assert max(values["rmsprop"], values["adam"]) < 0
    if surface == "ravine":
        assert values["nesterov"] < values["descent"]


@pytest.mark.curriculum("P08.03", "P08.06", "P09.11")
def test_single_samples_never_settle_and_batches_do() -> None:
    """The last steps of gradient descent on all samples stand still; those on one wander, and on ten less."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    y = 2.0 * x + rng.normal(size=200)

    def wandering(size):
        w, places = leaf(0.0), []
        optimizer = gg.optim.SGD([w], lr=0.1)
        for _ in range(400):
            rows = np.arange(200) if size == 200 else rng.integers(200, size=size)
            optimizer.zero_grad()
            gg.nn.functional.mse_loss(w * x[rows], gg.tensor(y[rows])).backward()
            optimizer.step()
            places.append(w.item())
        best = (x @ y) / (x @ x)
        assert abs(np.mean(places[100:]) - best) < 0.1
        return np.std(places[100:])

    one, ten, all_of_them = wandering(1), wandering(10), wandering(200)
    assert all_of_them < 1e-8 < ten < one / 2


@pytest.mark.curriculum("P08.08")
def test_an_optimiser_follows_what_it_learns_when_that_drifts() -> None:
    rng = np.random.default_rng(1)
    w = leaf(0.0)
    optimizer = gg.optim.SGD([w], lr=0.2)
    errors = []
    for t in range(300):
        slope = 3.0 * t / 300.0
        x = rng.normal()
        optimizer.zero_grad()
        ((w * x - slope * x) ** 2).backward()
        optimizer.step()
        errors.append(abs(w.item() - slope))
    assert max(errors[50:]) < 0.2


def test_momentum_as_an_average_starts_with_its_share() -> None:
    """The two conventions differ by a rate of 1 - β, from the first step on. Dampening doesn't: its first is whole."""
    gradients = (1.0, -2.0, 0.5)
    w, dampened, v, place = leaf([0.0]), leaf([0.0]), 0.0, 0.0
    average = gg.optim.SGD([w], lr=0.1 * (1 - 0.9), momentum=0.9)
    other = gg.optim.SGD([dampened], lr=0.1, momentum=0.9, dampening=0.9)
    for g in gradients:
        v = 0.9 * v + (1 - 0.9) * g
        place -= 0.1 * v
        for one, optimizer in ((w, average), (dampened, other)):
            one.grad = gg.tensor([g], dtype="float64")
            optimizer.step()
    assert w.item() == pytest.approx(place, rel=1e-13)
    assert abs(dampened.item() - place) > 0.1


def test_e013_the_look_ahead_is_against_the_momentum() -> None:
    def traced(sign):
        w = m = 0.0
        for _ in range(3):
            point = leaf(w + sign * 0.9 * m)
            parabola(point).backward()
            assert point.grad is not None
            m = 0.9 * m + 0.1 * point.grad.item()
            w -= m
        return round(w, 4)

    ahead = leaf(0.0)
    optimizer = gg.optim.SGD([ahead], lr=0.1, momentum=0.9, nesterov=True)
    point = descend(optimizer, ahead, 3)[-1]
    ours = point + 0.1 * 0.9 * optimizer.state[ahead]["momentum_buffer"].item()
    assert (traced(-1), traced(+1)) == (4.1104, 5.3344)
    assert ours == pytest.approx(4.1104)


def test_e015_the_gradient_is_in_the_step_of_adam_once() -> None:
    w = leaf([0.0])
    w.grad = gg.tensor([0.01], dtype="float64")
    gg.optim.Adam([w], lr=0.1).step()
    assert -w.item() == pytest.approx(0.0999999, abs=1e-10)
    assert -w.item() * 0.01 == pytest.approx(0.000999999, abs=1e-12)  # as printed


def test_e057_a_step_without_gradient_still_decays() -> None:
    w = leaf(np.ones(1))
    optimizer = gg.optim.SGD([w], lr=1e-3, weight_decay=1e-5)
    for _ in range(1000):
        gg.sum(w * w).backward()
        optimizer.zero_grad(set_to_none=False)  # in the wrong place: the step finds zeros
        optimizer.step()
    assert 1.0 - w.item() == pytest.approx(9.99995e-06, rel=1e-6)


def test_e110_the_average_takes_in_what_it_lets_go_of() -> None:
    w = leaf(0.0)
    (value,) = descend(gg.optim.SGD([w], lr=0.1 * (1 - 0.9), momentum=0.9), w, 1)
    assert value / 0.1 == pytest.approx(0.1 * 10)  # printed: 1.9 · 10


def test_e111_each_average_is_corrected_with_its_own_beta() -> None:
    w = leaf([0.0])
    w.grad = gg.tensor([1.0], dtype="float64")
    optimizer = gg.optim.Adam([w], lr=1.0, eps=0.0)
    optimizer.step()
    m, v = (optimizer.state[w][name].item() for name in ("exp_avg", "exp_avg_sq"))
    assert (m / (1 - 0.9), m / (1 - 0.999)) == (pytest.approx(1.0), pytest.approx(100.0))
    assert -w.item() == pytest.approx(m / (1 - 0.9) / math.sqrt(v / (1 - 0.999)))


def test_e004_a_sum_over_a_batch_is_b_times_the_mean() -> None:
    steps = []
    for reduce in (gg.mean, gg.sum):
        w = leaf(0.0)
        reduce(w * gg.tensor([-0.5, 0.5, 3.0], dtype="float64")).backward()
        gg.optim.SGD([w], lr=0.1).step()
        steps.append(w.item())
    assert steps == pytest.approx([-0.1, -0.3])


def test_e109_an_average_adds_what_it_takes_in() -> None:
    w = leaf([0.0])
    optimizer = gg.optim.Adam([w], betas=(0.9, 0.999))
    for theta in (40.0, 49.0):
        w.grad = gg.tensor([theta], dtype="float64")
        optimizer.step()
    assert optimizer.state[w]["exp_avg"].item() == pytest.approx(8.5)
    assert pytest.approx(4.9) == (1 - 0.9) * 49  # as printed


def test_e151_a_step_is_the_rate_times_the_gradient() -> None:
    steps = []
    for rate in (0.1, 1.0):  # 1, as printed
        w = leaf(5.0)
        (w * 10.0).backward()
        gg.optim.SGD([w], lr=rate).step()
        steps.append(w.item())
    assert steps == [4.0, -5.0]
