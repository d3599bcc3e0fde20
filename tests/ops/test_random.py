"""Random numbers: seeds, dtypes, sizes, that distributions are the right ones, and what is drawn again."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

import graphgrad as gg
from graphgrad.ops import TABLE

R: Any = gg.random

# An operation, its parameters, and the distribution as SciPy has it.
CONTINUOUS: dict[str, tuple[dict[str, float], Any]] = {
    "beta": ({"a": 0.4, "b": 2.5}, stats.beta(0.4, 2.5)),
    "cauchy": ({"loc": -1.0, "scale": 2.0}, stats.cauchy(-1.0, 2.0)),
    "chisquare": ({"df": 3.0}, stats.chi2(3.0)),
    "exponential": ({"scale": 0.7}, stats.expon(0.0, 0.7)),
    "gamma": ({"a": 2.5, "scale": 0.5}, stats.gamma(2.5, scale=0.5)),
    "gumbel": ({"loc": 1.0, "scale": 2.0}, stats.gumbel_r(1.0, 2.0)),
    "laplace": ({"loc": 1.0, "scale": 2.0}, stats.laplace(1.0, 2.0)),
    "logistic": ({"loc": 1.0, "scale": 2.0}, stats.logistic(1.0, 2.0)),
    "lognormal": ({"mean": 0.5, "sigma": 0.8}, stats.lognorm(0.8, scale=np.exp(0.5))),
    "normal": ({"loc": 1.0, "scale": 2.0}, stats.norm(1.0, 2.0)),
    "pareto": ({"a": 2.0}, stats.lomax(2.0)),
    "rayleigh": ({"scale": 1.5}, stats.rayleigh(0.0, 1.5)),
    "standard_gamma": ({"a": 0.3}, stats.gamma(0.3)),
    "standard_t": ({"df": 4.0}, stats.t(4.0)),
    "uniform": ({"low": -2.0, "high": 3.0}, stats.uniform(-2.0, 5.0)),
    "weibull": ({"a": 1.5}, stats.weibull_min(1.5)),
}
DISCRETE: dict[str, tuple[dict[str, float], Any]] = {
    "bernoulli": ({"p": 0.3}, stats.bernoulli(0.3)),
    "binomial": ({"n": 7, "p": 0.3}, stats.binom(7, 0.3)),
    "geometric": ({"p": 0.3}, stats.geom(0.3)),
    "negative_binomial": ({"n": 3.5, "p": 0.4}, stats.nbinom(3.5, 0.4)),
    "poisson": ({"lam": 2.5}, stats.poisson(2.5)),
}
DRAWS = {**CONTINUOUS, **DISCRETE}


# ---- distributions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONTINUOUS)
def test_draws_are_of_their_distribution(name: str) -> None:
    parameters, expected = CONTINUOUS[name]
    wide = {key: gg.tensor(value, dtype="float64") for key, value in parameters.items()}
    values = getattr(R, name)(**wide, size=4000, seed=11).numpy()
    assert stats.kstest(values, expected.cdf).pvalue > 0.001
    # Not of one with slightly other parameters.
    assert stats.kstest(values * 1.2 + 0.1, expected.cdf).pvalue < 0.001


@pytest.mark.parametrize("name", DISCRETE)
def test_whole_numbers_come_as_often_as_they_should(name: str) -> None:
    parameters, expected = DISCRETE[name]
    values = getattr(R, name)(**parameters, size=20000, seed=5).numpy()
    for k in range(5):
        probability = expected.pmf(k)
        spread = np.sqrt(probability * (1.0 - probability) / values.size)
        assert abs(np.mean(values == k) - probability) < 4.0 * spread + 1e-12


def test_shares_are_of_their_distribution() -> None:
    alpha = np.array([0.5, 2.0, 4.0])
    values = R.dirichlet(gg.tensor(alpha), size=4000, seed=2).numpy()
    np.testing.assert_allclose(values.sum(-1), 1.0, rtol=1e-12)
    for i, one in enumerate(alpha):
        assert stats.kstest(values[:, i], stats.beta(one, alpha.sum() - one).cdf).pvalue > 0.001


def test_classes_come_with_the_probabilities_of_a_softmax() -> None:
    logits = np.array([[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]])
    values = R.categorical(logits, size=20000, seed=3).numpy()
    assert values.shape == (20000, 2)
    for row in range(2):
        frequencies = np.bincount(values[:, row], minlength=3) / 20000
        np.testing.assert_allclose(frequencies, gg.softmax(logits).numpy()[row], atol=0.012)


def test_counts_of_outcomes_add_up() -> None:
    values = R.multinomial(50, [0.5, 0.25, 0.25], size=300, seed=1).numpy()
    assert (values.sum(-1) == 50).all()
    np.testing.assert_allclose(values.mean(0), [25.0, 12.5, 12.5], atol=1.0)


@pytest.mark.parametrize("a", [1e-3, 0.05])
def test_shares_of_tiny_parameters_are_finite(a: float) -> None:
    p = gg.tensor(np.full(200, a), requires_grad=True)
    values = R.beta(p, a, seed=0)
    assert np.isfinite(values.numpy()).all()
    gg.sum(values).backward()
    assert p.grad is not None
    assert np.isfinite(p.grad.numpy()).all()


# ---- gradients -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters", "mean_slopes"),
    [
        ("normal", {"loc": 1.0, "scale": 2.0}, {"loc": 1.0, "scale": 0.0}),
        ("gamma", {"a": 2.0, "scale": 3.0}, {"a": 3.0, "scale": 2.0}),
        ("beta", {"a": 2.0, "b": 3.0}, {"a": 3.0 / 25.0, "b": -2.0 / 25.0}),
        ("standard_gamma", {"a": 0.3}, {"a": 1.0}),
        ("exponential", {"scale": 2.0}, {"scale": 1.0}),
        ("uniform", {"low": 0.0, "high": 2.0}, {"low": 0.5, "high": 0.5}),
        ("lognormal", {"mean": 0.1, "sigma": 0.5}, {"mean": np.exp(0.225), "sigma": 0.5 * np.exp(0.225)}),
    ],
)
def test_the_mean_of_gradients_is_the_gradient_of_the_mean(
    name: str, parameters: dict[str, float], mean_slopes: dict[str, float]
) -> None:
    leaves = {key: gg.tensor(value, dtype="float64", requires_grad=True) for key, value in parameters.items()}
    gg.mean(getattr(R, name)(**leaves, size=20000, seed=4)).backward()
    for key, slope in mean_slopes.items():
        grad = leaves[key].grad
        assert grad is not None
        assert grad.item() == pytest.approx(slope, abs=0.05)


@pytest.mark.parametrize("name", DISCRETE)
def test_whole_numbers_pass_no_gradient(name: str) -> None:
    parameters = {key: gg.tensor(float(value), requires_grad=True) for key, value in DISCRETE[name][0].items()}
    result = getattr(R, name)(**parameters, seed=0)
    assert not result.requires_grad
    assert not TABLE[name].differentiable
    assert "No gradient passes" in TABLE[name].doc.partition("\n\n")[0]


def test_a_spread_of_nothing_still_has_a_gradient() -> None:
    scale = gg.tensor(np.zeros(3), requires_grad=True)
    gg.sum(R.normal(1.0, scale, seed=0)).backward()
    assert scale.grad is not None
    np.testing.assert_array_equal(scale.grad.numpy(), np.random.default_rng(0).standard_normal(3))


@pytest.mark.parametrize("a", [0.01, 1.0, 30.0, 1e4])
def test_a_gamma_draw_moves_as_its_distribution_does(a: float) -> None:
    x = stats.gamma(a).ppf([0.001, 0.3, 0.9, 0.999])
    step = a * 1e-5
    expected = (stats.gamma(a + step).ppf(stats.gamma(a).cdf(x)) - stats.gamma(a - step).ppf(stats.gamma(a).cdf(x))) / (
        2 * step
    )
    found = R.random_gamma_grad(gg.tensor(np.full(4, a)), gg.tensor(x)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-300)


def test_a_gamma_draw_moves_so_in_the_upper_tail_too() -> None:
    x = np.array([0.5, 3.0, 5.9, 6.1, 20.0, 36.0, 500.0])
    expected = np.log(x) + np.euler_gamma + np.exp(x) * special.exp1(x)  # for a = 1
    np.testing.assert_allclose(R.random_gamma_grad(np.ones(7), x).data, expected, rtol=1e-12)
    # With one series for all, this would take hours.
    far = R.random_gamma_grad(1.0, np.array(1e12)).item()
    assert far == pytest.approx(np.log(1e12) + np.euler_gamma, rel=1e-12)
    for a in (30.0, 1e4):
        tail, step = np.array([1e-4, 1e-7, 1e-12]), a * 1e-5
        slope = (stats.gamma(a + step).isf(tail) - stats.gamma(a - step).isf(tail)) / (2 * step)
        np.testing.assert_allclose(R.random_gamma_grad(a, stats.gamma(a).isf(tail)).data, slope, rtol=1e-6)


def test_a_gamma_draw_of_nothing_stays() -> None:
    with np.errstate(all="ignore"):
        assert R.random_gamma_grad([1.0, 0.0], [0.0, 0.0]).tolist() == [0.0, 0.0]
        assert np.isnan(R.random_gamma_grad([-1.0, np.nan, 1.0], [1.0, 1.0, -1.0]).numpy()).all()


# ---- seeds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DRAWS)
def test_the_process_repeats_after_its_seed(name: str) -> None:
    draw, parameters = getattr(R, name), DRAWS[name][0]
    gg.manual_seed(3)
    first, other = draw(**parameters, size=40), draw(**parameters, size=40)
    gg.manual_seed(3)
    np.testing.assert_array_equal(draw(**parameters, size=40).data, first.data)
    assert not np.array_equal(first.data, other.data)
    one, same = (draw(**parameters, size=40, seed=np.random.default_rng(8)) for _ in range(2))
    np.testing.assert_array_equal(one.data, same.data)


@pytest.mark.parametrize("name", [*CONTINUOUS, "choice", "permutation"])
def test_a_graph_runs_again_to_the_same_numbers(name: str) -> None:
    if name in DRAWS:
        leaves = {key: gg.tensor(value, requires_grad=True, name=key) for key, value in DRAWS[name][0].items()}
        result = getattr(R, name)(**leaves, size=(2, 3))
    else:
        leaves = {"x": gg.tensor(np.arange(6.0), requires_grad=True, name="x")}
        result = getattr(R, name)(leaves["x"])
    graph = result.graph()
    np.testing.assert_array_equal(graph.run().data, result.data)
    assert all(type(vertex.attrs.get("seed", 0)) is int for vertex in graph.nodes)


def test_a_seed_means_the_same_numbers_in_every_dtype() -> None:
    for name, (parameters, _) in CONTINUOUS.items():
        wide, narrow = (
            getattr(R, name)(
                **{key: gg.tensor(value, dtype=dtype) for key, value in parameters.items()}, size=9, seed=1
            )
            for dtype in ("float64", "float32")
        )
        assert (wide.dtype, narrow.dtype) == ("float64", "float32")
        np.testing.assert_allclose(narrow.data, wide.data, rtol=2e-4, atol=1e-6)


def test_numbers_without_a_dtype_draw_in_the_default_one() -> None:
    assert R.normal().dtype == np.float32
    assert R.normal(0, 1, 3).dtype == np.float32
    assert R.normal([0, 1]).dtype == R.normal([0, 1], 2).dtype == R.normal([0, 1], 2.0).dtype == np.float32
    assert R.gamma(2, gg.tensor(1.0, dtype="float64")).dtype == np.float64
    assert R.beta(gg.tensor([1, 2]), gg.tensor(2.0, dtype="float64")).dtype == np.float64


@pytest.mark.parametrize("seed", [-1, 0.5, "a"])
def test_a_seed_that_is_none_is_refused(seed: Any) -> None:
    with pytest.raises((gg.ArgumentError, gg.DTypeError), match="normal: "):
        R.normal(seed=seed)


# ---- choices ---------------------------------------------------------------------------------------------------------


def test_choices_of_a_number_are_numbers() -> None:
    assert sorted(R.choice(5, 5, replace=False, seed=0).tolist()) == [0, 1, 2, 3, 4]
    assert R.choice(gg.tensor(3)).shape == ()
    assert sorted(R.permutation(4, seed=1).tolist()) == [0, 1, 2, 3]
    assert R.permutation(0).shape == (0,)
    assert R.choice(3, 1000, p=gg.tensor([0.0, 1.0, 0.0])).tolist() == [1] * 1000


def test_probabilities_of_a_narrow_dtype_may_add_up_to_one_roughly() -> None:
    for dtype in ("float32", "float16"):
        assert R.choice(3, p=gg.tensor(np.full(3, 1 / 3), dtype=dtype), seed=0).item() in (0, 1, 2)
    with pytest.raises(gg.ArgumentError, match=r"choice: [Pp]robabilities do not sum to 1"):
        R.choice(3, p=np.full(3, 1 / 3, "float32").astype("float64"))


def test_chosen_elements_receive_the_gradient() -> None:
    x = gg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    chosen = R.choice(x, 50, seed=6)
    gg.sum(chosen).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [chosen.tolist().count(value) for value in (1.0, 2.0, 3.0)]


def test_a_permutation_keeps_members_together() -> None:
    x = np.arange(12.0).reshape(4, 3)
    rows = R.permutation(x, seed=0).numpy()
    assert sorted(map(tuple, rows)) == sorted(map(tuple, x))
    columns = R.permutation(x, axis=1, seed=0).numpy()
    assert sorted(map(tuple, columns.T)) == sorted(map(tuple, x.T))


# ---- leaves ----------------------------------------------------------------------------------------------------------


def test_leaves_are_drawn_from_the_generator() -> None:
    gg.manual_seed(1)
    rng = np.random.default_rng(1)
    np.testing.assert_array_equal(R.random((2, 2), "float64").data, rng.random((2, 2)))
    np.testing.assert_array_equal(R.standard_normal(3, "float64").data, rng.standard_normal(3))
    np.testing.assert_array_equal(R.rand(3, dtype="float64").data, rng.random(3))
    np.testing.assert_array_equal(R.randn(2, 1, dtype="float64").data, rng.standard_normal((2, 1)))
    np.testing.assert_array_equal(R.standard_exponential(3).data, rng.standard_exponential(3).astype("float32"))
    np.testing.assert_array_equal(R.standard_cauchy(3).data, rng.standard_cauchy(3).astype("float32"))
    np.testing.assert_array_equal(R.integers(5, size=4).data, rng.integers(5, size=4))
    np.testing.assert_array_equal(R.integers(2, 5, 4, endpoint=True).data, rng.integers(2, 5, 4, endpoint=True))
    np.testing.assert_array_equal(R.randint(2, 5, (4,)).data, rng.integers(2, 5, 4))
    np.testing.assert_array_equal(R.randint(5, (4,)).data, rng.integers(5, size=4))
    np.testing.assert_array_equal(R.randperm(6).data, rng.permutation(6))
    own = np.random.default_rng(9)
    np.testing.assert_array_equal(R.rand(2, generator=own, dtype="float64").data, np.random.default_rng(9).random(2))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_no_number_below_one_is_rounded_to_one(dtype: str) -> None:
    next_to_one = types.SimpleNamespace(random=lambda size: np.full(size, np.nextafter(1.0, 0.0)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np.random, "default_rng", lambda seed: next_to_one)
        draw = R.uniform(gg.tensor(0.0, dtype=dtype), 1.0, size=3, seed=0)
    assert draw.dtype == dtype
    assert (draw.data < 1.0).all()
    assert (R.random(50000, "float16", generator=np.random.default_rng(0)).data < 1.0).all()


def test_integers_hold_all_that_may_be_drawn() -> None:
    assert R.integers(0, 255, 50, dtype="uint8", endpoint=True).dtype == np.uint8
    assert R.integers(2**63 - 1, size=2).shape == (2,)
    for low, high, dtype in ((0, 300, "uint8"), (-1, 5, "uint8"), (0, 2**64 - 1, "uint64"), (-129, 0, "int8")):
        with pytest.raises(gg.ArgumentError, match=f"integers: {dtype} goes from .* doesn't fit"):
            R.integers(low, high, dtype=dtype)


def test_leaves_have_names_and_gradients() -> None:
    w = R.randn(2, 3, requires_grad=True, name="w")
    assert (w.shape, w.requires_grad, w.name, w.is_leaf) == ((2, 3), True, "w", True)
    assert w.dtype == np.float32
    assert R.random().shape == ()
    assert R.integers(3, dtype="uint8").dtype == np.uint8


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: R.random(-1), gg.ShapeError, "random: "),
        (lambda: R.rand(2.5), gg.ShapeError, "random: "),
        (lambda: R.randn(3, dtype="int64"), gg.DTypeError, "a floating dtype is needed, got int64"),
        (lambda: R.integers(0), gg.ArgumentError, "there is none from 0 to -1"),
        (lambda: R.integers(3, 3), gg.ArgumentError, "there is none from 3 to 2"),
        (lambda: R.integers(3, dtype="float32"), gg.DTypeError, "an integer dtype is needed"),
        (lambda: R.integers(3, size="a"), gg.ShapeError, "integers: "),
        (lambda: R.integers(0.5, 3), gg.DTypeError, "integers: low is a whole number, got 0.5"),
        (lambda: R.randperm(2.5), gg.DTypeError, "randperm: n is a whole number, got 2.5"),
        (lambda: R.randperm(-3), gg.ArgumentError, "randperm: n must not be negative, got -3"),
        (lambda: R.rand(2, generator=7), gg.DTypeError, "generator: "),
    ],
)
def test_what_cannot_be_drawn_is_refused(call: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        call()


def test_the_room_offers_every_random_operation() -> None:
    public = {name for name in R.__all__ if hasattr(getattr(R, name), "op")}
    assert {TABLE[name].name for name in public} == public
    assert {name for name, op in TABLE.items() if "seed" in op.attributes and hasattr(R, name)} == public - {
        "random_gamma_grad"
    }
