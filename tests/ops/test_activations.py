"""Activations beyond what every operation is tested for: kinks, tails, minima, seeds, straight-through, PyTorch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import graphgrad as gg
from tests.ops.test_shapes import agree

F = gg.nn.functional


def value_and_gradient(function: Any, values: Any, dtype: str = "float64") -> tuple[Any, Any]:
    x = gg.tensor(values, dtype=dtype, requires_grad=True)
    result = function(x)
    result.backward(np.ones(result.shape))
    assert x.grad is not None
    return result.data.tolist(), x.grad.data.tolist()


# ---- a derivative is chosen ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "kinks", "slopes"),
    [
        (lambda x: F.elu(x, 0.5), [0.0], [0.5]),
        (lambda x: F.celu(x, 0.5), [0.0], [1.0]),
        (F.selu, [0.0], [1.0507009873554805 * 1.6732632423543772]),
        (F.relu6, [0.0, 6.0], [0.0, 0.0]),
        (F.hardtanh, [-1.0, 1.0], [0.0, 0.0]),
        (F.hardsigmoid, [-3.0, 3.0], [0.0, 0.0]),
        (F.hardswish, [-3.0, 3.0], [0.0, 1.0]),
        (F.softshrink, [-0.5, 0.5], [0.0, 0.0]),
        (F.hardshrink, [-0.5, 0.5], [0.0, 0.0]),
        (lambda x: F.threshold(x, 1.0, 0.0), [1.0], [0.0]),
        (lambda x: F.prelu(x, 0.25), [0.0], [0.25]),
        (lambda x: F.rrelu(x, 0.1, 0.3), [0.0], [0.2]),
        (F.softsign, [0.0], [1.0]),
    ],
)
def test_slopes_at_kinks(function: Any, kinks: list[float], slopes: list[float]) -> None:
    np.testing.assert_allclose(value_and_gradient(function, kinks)[1], slopes, rtol=1e-15)
    if kinks == [0.0]:
        np.testing.assert_allclose(value_and_gradient(function, [-0.0])[1], slopes, rtol=1e-15)


@pytest.mark.parametrize("function", [F.elu, F.celu, F.selu])
def test_the_second_derivative_at_zero_is_that_from_below(function: Any) -> None:
    x = gg.tensor(0.0, dtype="float64", requires_grad=True)
    below = gg.tensor(-1e-12, dtype="float64", requires_grad=True)
    twice = gg.grad(gg.grad(function))
    assert twice(x).item() == pytest.approx(twice(below).item(), rel=1e-9)
    assert twice(x).item() > 0.5


# ---- tails and large numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_small_results_keep_their_digits(dtype: str) -> None:
    rtol = 1e-5 if dtype == "float32" else 1e-13
    x = np.array([-80.0, -40.0, -20.0, -5.0], dtype)
    exact = x.astype("float64")
    for function, expected in (
        (gg.sigmoid, special.expit(exact)),
        (F.silu, exact * special.expit(exact)),
        (lambda x: F.swish(x, 1.0), exact * special.expit(exact)),
        (F.mish, exact * np.tanh(np.log1p(np.exp(exact)))),
        (lambda x: F.logsigmoid(-x), -np.log1p(np.exp(exact))),
    ):
        np.testing.assert_allclose(function(gg.tensor(x)).data, expected, rtol=rtol)
    x = np.array([-8.0, -5.0, -3.0], dtype)
    exact = x.astype("float64")
    np.testing.assert_allclose(F.gelu(gg.tensor(x)).data, exact * special.erfc(-exact / math.sqrt(2.0)) / 2, rtol=rtol)
    tiny = np.array([1e-3, -1e-2, 0.1], dtype)
    exact = tiny.astype("float64")
    series = exact**3 / 3 - 2 * exact**5 / 15 + 17 * exact**7 / 315 - 62 * exact**9 / 2835 + 1382 * exact**11 / 155925
    np.testing.assert_allclose(F.tanhshrink(gg.tensor(tiny)).data, series, rtol=max(rtol, 1e-11))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.filterwarnings("error")
def test_large_numbers_do_not_overflow(dtype: str) -> None:
    huge = [1000.0, -1000.0]
    one, nothing = [1000.0, 0.0], ([1.0, 0.0])
    for function in (F.silu, F.mish, F.gelu, F.hardswish, lambda x: F.gelu(x, approximate="tanh")):
        assert value_and_gradient(function, huge, dtype) == (one, nothing)
    assert value_and_gradient(lambda x: F.swish(x, 3.0), huge, dtype) == (one, nothing)
    assert value_and_gradient(F.elu, huge, dtype) == ([1000.0, -1.0], nothing)
    assert value_and_gradient(F.celu, huge, dtype) == ([1000.0, -1.0], nothing)
    assert value_and_gradient(F.logsigmoid, huge, dtype) == ([0.0, -1000.0], [0.0, 1.0])
    assert value_and_gradient(F.bipolar_sigmoid, huge, dtype) == ([1.0, -1.0], [0.0, 0.0])
    assert value_and_gradient(F.gaussian, huge, dtype) == ([0.0, 0.0], [0.0, 0.0])
    assert value_and_gradient(F.tanhshrink, huge, dtype) == ([999.0, -999.0], [1.0, 1.0])
    assert value_and_gradient(F.softmin, huge, dtype) == ([0.0, 1.0], [0.0, 0.0])
    assert value_and_gradient(lambda x: F.glu(gg.concat([x, x])), huge, dtype) == (one, nothing)


def test_hard_forms_of_infinity() -> None:
    infinite = gg.tensor([math.inf, -math.inf])
    assert F.hardswish(infinite).tolist() == [math.inf, 0.0]
    assert F.hardsigmoid(infinite).tolist() == [1.0, 0.0]
    assert F.hardtanh(infinite).tolist() == [1.0, -1.0]


# ---- what is said of them --------------------------------------------------------------------------------------------


def test_relatives() -> None:
    x = gg.tensor(np.linspace(-4.0, 4.0, 33))
    close = lambda a, b: np.testing.assert_allclose(a.data, b.data, rtol=1e-12, atol=1e-14)
    close(F.silu(x), F.swish(x, 1.0))
    close(F.swish(x, 0.0), x / 2.0)
    close(F.swish(x, 1e6), gg.relu(x))
    close(F.bipolar_sigmoid(x), 2.0 * gg.sigmoid(x) - 1.0)
    close(F.logsigmoid(x), gg.log(gg.sigmoid(x)))
    close(F.selu(x), 1.0507009873554805 * F.elu(x, 1.6732632423543772))
    close(F.hardswish(x), x * F.relu6(x + 3.0) / 6.0)
    close(F.celu(x), F.elu(x))
    close(F.softmin(x), gg.softmax(-x))
    close(F.prelu(x, 0.01), gg.leaky_relu(x))
    close(F.threshold(x, 0.0, 0.0), gg.relu(x))
    close(F.maxout(gg.stack([x, 0.0 * x], 1), 2)[:, 0], gg.relu(x))
    close(F.glu(gg.concat([x, x])), F.silu(x))
    assert F.lecun_tanh(gg.tensor(1.0, dtype="float64")).item() == pytest.approx(1.0, abs=1e-4)


def test_selu_keeps_mean_and_variance() -> None:
    rng = np.random.default_rng(0)
    x = gg.tensor(rng.normal(size=(1000, 200)))
    for _ in range(8):
        x = F.selu(x @ (rng.normal(size=(200, 200)) / math.sqrt(200.0)))
    assert abs(x.data.mean()) < 0.1
    assert x.data.var() == pytest.approx(1.0, abs=0.15)


def test_prelu_learns_one_slope_for_each_channel() -> None:
    x = gg.tensor([[-1.0, -2.0, 3.0], [-4.0, 5.0, -6.0]], dtype="float64", requires_grad=True)
    for weight, expected in (([0.1, 0.2, 0.3], [-5.0, -2.0, -6.0]), ([0.5], [-13.0]), (0.5, -13.0)):
        w = gg.tensor(weight, dtype="float64", requires_grad=True)
        gg.sum(F.prelu(x, w)).backward()
        assert w.grad is not None
        assert w.grad.tolist() == expected
    single = gg.tensor([0.5], requires_grad=True)
    F.prelu(gg.tensor(-2.0), single).backward()
    assert single.grad is not None
    assert single.grad.tolist() == [-2.0]


def test_softplus_with_beta_and_threshold() -> None:
    x = gg.tensor([-2.0, 0.0, 0.5, 30.0], dtype="float64", requires_grad=True)
    for beta in (0.5, 1.0, 3.0):
        np.testing.assert_allclose(F.softplus(x, beta).data, np.logaddexp(0.0, beta * x.data) / beta, rtol=1e-14)
    result = F.softplus(x, 2.0, threshold=0.5)
    expected = np.where(x.data * 2.0 > 0.5, x.data, np.logaddexp(0.0, 2.0 * x.data) / 2.0)
    np.testing.assert_allclose(result.data, expected, rtol=1e-14)
    gg.sum(result).backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, np.where(x.data * 2.0 > 0.5, 1.0, special.expit(2.0 * x.data)), rtol=1e-14)
    plain = F.softplus(x)
    assert plain.node is not None
    assert plain.node.op is gg.softplus.op
    assert F.softplus(gg.scalar(0.0)).data == math.log(2.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_squares_of_large_inputs_do_not_overflow(dtype: str) -> None:
    huge = 1e20 if dtype == "float32" else 1e200
    x = gg.tensor([huge, -huge, 50.0, -50.0], dtype=dtype, requires_grad=True)
    gg.sum(F.gelu(x, approximate="tanh")).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 0.0, 1.0, 0.0]
    beta = gg.tensor(1.0, dtype=dtype, requires_grad=True)
    gg.sum(F.swish(x.detach(), beta)).backward()
    assert beta.grad is not None
    assert beta.grad.item() == pytest.approx(0.0, abs=1e-18)


def test_a_number_as_slope_promotes_nothing() -> None:
    for x in (gg.tensor(-2.0), gg.tensor([-2.0]), gg.tensor([[-2.0]])):
        assert F.prelu(x, 0.25).dtype == x.dtype == np.float32


def test_the_smallest_integer_has_a_logarithm_of_its_sigmoid() -> None:
    np.testing.assert_allclose(F.logsigmoid(np.array([-128, 127], "int8")).data, [-128.0, -math.exp(-127.0)])


# ---- random ones -----------------------------------------------------------------------------------------------------


def test_rrelu_draws_slopes_from_its_interval() -> None:
    x = gg.tensor(-np.ones(20_000), requires_grad=True)
    gg.manual_seed(0)
    y = F.rrelu(x, 0.2, 0.6, training=True)
    assert -0.6 <= y.data.min() < -0.59
    assert -0.21 < y.data.max() <= -0.2
    assert y.data.mean() == pytest.approx(-0.4, abs=0.005)
    gg.sum(y).backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, -y.data)  # the same slopes backward as forward
    assert F.rrelu(gg.ones(3), training=True).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "function", [lambda x: F.rrelu(x, training=True), F.gumbel_softmax, lambda x: F.gumbel_softmax(x, hard=True)]
)
def test_a_draw_is_new_each_time_and_the_graph_keeps_it(function: Any) -> None:
    x = gg.tensor(-np.ones((50, 4)), requires_grad=True)
    gg.manual_seed(3)
    first, second = function(x), function(x)
    assert not np.array_equal(first.data, second.data)
    np.testing.assert_array_equal(first.graph().run().data, first.data)
    np.testing.assert_array_equal(first.graph().run().data, first.data)
    gg.manual_seed(3)
    np.testing.assert_array_equal(function(x).data, first.data)


def test_nothing_is_drawn_outside_training() -> None:
    expected = gg.manual_seed(5).random()
    generator = gg.manual_seed(5)
    F.rrelu(gg.ones(3))
    F.dropout(gg.ones(3), training=False)
    assert generator.random() == expected
    F.dropout(gg.ones(3))
    assert generator.random() != np.random.default_rng(5).random(2)[1]


def test_gumbel_softmax_chooses_with_the_probabilities_of_softmax() -> None:
    logits = np.log(np.array([0.2, 0.5, 0.3]))
    choices = F.gumbel_softmax(np.tile(logits, (20_000, 1)), hard=True, seed=0)
    assert set(np.unique(choices.data)) == {0.0, 1.0}
    np.testing.assert_array_equal(choices.data.sum(-1), 1.0)
    np.testing.assert_allclose(choices.data.mean(0), [0.2, 0.5, 0.3], atol=0.01)


def test_a_hard_choice_passes_the_gradient_of_the_soft_one() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    weights = np.random.default_rng(1).normal(size=(3, 4))
    found = []
    for hard in (False, True):
        leaf = gg.tensor(x, requires_grad=True)
        y = F.gumbel_softmax(leaf, 0.7, hard, seed=2)
        y.backward(weights)
        assert leaf.grad is not None
        found.append(leaf.grad.data)
        assert (np.sort(y.data)[:, -1] == 1.0).all() == hard
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("shape", [(3, 4), (0, 4), (2, 0)])
def test_a_zoom_into_a_hard_choice_shows_the_same(shape: tuple[int, ...]) -> None:
    expand = F.gumbel_softmax.op.expand
    assert expand is not None
    x, weights = (np.random.default_rng(seed).normal(size=shape) for seed in (0, 1))
    attrs = {"tau": 0.7, "hard": True, "dim": 0 if shape[1] else 1, "seed": 2}
    found = []
    for function in (F.gumbel_softmax, expand):
        leaf = gg.tensor(x, requires_grad=True)
        y = function(leaf, **attrs)
        y.backward(weights)
        assert leaf.grad is not None
        found.append((y.data, leaf.grad.data))
    np.testing.assert_allclose(found[1][0], found[0][0], atol=1e-15)
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-13)


def test_a_small_temperature_is_near_to_one_hot() -> None:
    y = F.gumbel_softmax(np.zeros((100, 5)), 0.001, seed=0)
    hard = F.gumbel_softmax(np.zeros((100, 5)), 0.001, True, seed=0)
    np.testing.assert_allclose(y.data, hard.data, atol=0.05)
    assert F.gumbel_softmax(np.zeros((0, 5)), hard=True).shape == (0, 5)


# ---- shapes ----------------------------------------------------------------------------------------------------------

shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)


@given(shape=shapes, dim=st.integers(-4, 3), pieces=st.integers(1, 3))
def test_shape_rules_along_an_axis(shape: tuple[int, ...], dim: int, pieces: int) -> None:
    agree("glu", [np.zeros(shape)], dim=dim)
    agree("softmin", [np.zeros(shape)], dim=dim)
    agree("gumbel_softmax", [np.zeros(shape)], dim=dim, seed=0)
    agree("maxout", [np.zeros(shape)], dim=dim, num_pieces=pieces)


@given(shape=shapes, weight=st.sampled_from([(), (1,), (2,), (3,), (1, 1)]), alike=st.booleans())
def test_the_shape_rule_of_prelu(shape: tuple[int, ...], weight: tuple[int, ...], alike: bool) -> None:
    agree("prelu", [np.zeros(shape), np.zeros(shape[1:2] if alike else weight)])


@given(shape=st.lists(st.integers(0, 3), max_size=6).map(tuple))
def test_shape_rules_of_dropout(shape: tuple[int, ...]) -> None:
    for name in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"):
        agree(name, [np.zeros(shape)], training=True, seed=0)


# ---- attributes ------------------------------------------------------------------------------------------------------


def test_numpy_numbers_as_attributes_promote_nothing() -> None:
    x = gg.tensor([-1.0, 2.0], dtype="float32", requires_grad=True)
    third = np.float64(1.0) / 3.0
    calls = [F.elu(x, third), gg.leaky_relu(x, third), F.softshrink(x, third), F.hardtanh(x, -third, third)]
    for result in [*calls, F.rrelu(x, third, third), F.dropout(x, third), F.threshold(x, third, third)]:
        assert result.dtype == np.float32
        assert result.node is not None
        assert all(type(value) in (float, int, bool, type(None)) for value in result.node.attrs.values())


def test_there_is_no_inplace() -> None:
    for function in (F.elu, F.hardtanh, F.rrelu, F.dropout):
        with pytest.raises(TypeError, match="has no argument 'inplace'"):
            function(gg.ones(2), inplace=True)
