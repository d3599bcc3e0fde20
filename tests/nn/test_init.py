"""Initial values against their definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.nn import init

NO_GENERATOR: Any = 0
NO_TENSOR: Any = [[1.0, 2.0]]


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.mark.curriculum("P10.07", "P10.08")
@pytest.mark.parametrize(
    ("fill", "bound"),
    [
        (lambda t: init.uniform_(t, -0.25, 0.25, generator=rng()), 0.25),
        (lambda t: init.xavier_uniform_(t, generator=rng()), math.sqrt(6 / 500)),
        (lambda t: init.xavier_uniform_(t, gain=5 / 3, generator=rng()), 5 / 3 * math.sqrt(6 / 500)),
        (lambda t: init.kaiming_uniform_(t, generator=rng()), math.sqrt(2) * math.sqrt(3 / 300)),
        (
            lambda t: init.kaiming_uniform_(t, mode="fan_out", nonlinearity="tanh", generator=rng()),
            5 / 3 * math.sqrt(3 / 200),
        ),
        (lambda t: init.kaiming_uniform_(t, a=math.sqrt(5), generator=rng()), 1 / math.sqrt(300)),
    ],
)
def test_uniform_ones_fill_their_interval(fill: Any, bound: float) -> None:
    t = gg.zeros((200, 300))
    assert fill(t) is t
    assert np.abs(t.data).max() <= bound * (1 + 1e-6)
    assert t.data.min() < -0.999 * bound
    assert t.data.max() > 0.999 * bound
    assert t.data.std() == pytest.approx(bound / math.sqrt(3), rel=0.01)


def test_windows_count_as_inputs_and_outputs() -> None:
    t = init.kaiming_uniform_(gg.zeros((50, 4, 5, 5)), nonlinearity="linear", generator=rng())
    assert np.abs(t.data).max() == pytest.approx(math.sqrt(3 / 100), rel=1e-3)
    t = init.xavier_uniform_(gg.zeros((50, 4, 5, 5)), generator=rng())
    assert np.abs(t.data).max() == pytest.approx(math.sqrt(6 / (100 + 1250)), rel=1e-3)


def test_normal_zeros_and_ones() -> None:
    t = init.normal_(gg.zeros((200, 200)), mean=2.0, std=0.5, generator=rng())
    assert t.data.mean() == pytest.approx(2.0, abs=0.02)
    assert t.data.std() == pytest.approx(0.5, rel=0.02)
    assert init.zeros_(t).data.max() == 0.0
    assert init.ones_(t).data.min() == 1.0
    assert init.ones_(gg.tensor([4, 5])).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("arguments", "gain"),
    [
        (("linear",), 1.0),
        (("conv2d",), 1.0),
        (("sigmoid",), 1.0),
        (("tanh",), 5 / 3),
        (("relu",), math.sqrt(2)),
        (("selu",), 0.75),
        (("leaky_relu",), math.sqrt(2 / (1 + 0.01**2))),
        (("leaky_relu", 0.2), math.sqrt(2 / 1.04)),
    ],
)
def test_gains(arguments: tuple[Any, ...], gain: float) -> None:
    assert init.calculate_gain(*arguments) == pytest.approx(gain, rel=1e-15)


def test_memory_and_dtype_stay_and_the_same_generator_gives_the_same() -> None:
    t = gg.zeros((3, 2), dtype="float64", requires_grad=True)
    memory = t.data
    init.uniform_(t, generator=rng())
    assert t.data is memory
    assert t.requires_grad
    np.testing.assert_array_equal(t.data, rng().uniform(0, 1, (3, 2)))


def test_the_seed_decides() -> None:
    gg.manual_seed(5)
    first = init.normal_(gg.zeros(4)).tolist()
    assert init.normal_(gg.zeros(4)).tolist() != first
    gg.manual_seed(5)
    assert init.normal_(gg.zeros(4)).tolist() == first


def test_a_graph_notices() -> None:
    w = gg.tensor([1.0, 2.0], requires_grad=True)
    loss = gg.sum(w * w)
    init.zeros_(w)
    with pytest.raises(gg.WriteError, match="multiply needs operand a"):
        loss.backward()


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: init.xavier_uniform_(gg.zeros(3)), gg.ShapeError, "xavier_uniform_: two axes are needed"),
        (lambda: init.kaiming_uniform_(gg.zeros(3)), gg.ShapeError, "kaiming_uniform_: two axes are needed"),
        (lambda: init.kaiming_uniform_(gg.zeros((2, 2)), mode="fan"), ValueError, "mode is fan_in or fan_out"),
        (lambda: init.calculate_gain("relu6"), ValueError, r"no gain for 'relu6'[\s\S]*leaky_relu"),
        (lambda: init.uniform_(gg.tensor([1, 2])), gg.DTypeError, "uniform_: floats are needed"),
        (lambda: init.uniform_(gg.zeros(2), 1.0, -1.0), ValueError, "uniform_: a is at most b"),
        (lambda: init.uniform_(gg.zeros(2), 0.0, math.inf), ValueError, "both are finite"),
        (lambda: init.uniform_(gg.zeros(2), math.nan), ValueError, "both are finite"),
        (lambda: init.normal_(gg.zeros(2), std=-1.0), ValueError, "normal_: std is a number from 0"),
        (lambda: init.normal_(gg.zeros(2), std=math.nan), ValueError, "normal_: std is a number from 0"),
        (lambda: init.ones_(NO_TENSOR), gg.DTypeError, "ones_: a Tensor is needed, got list"),
        (lambda: init.kaiming_uniform_(NO_TENSOR), gg.DTypeError, "kaiming_uniform_: a Tensor is needed"),
        (lambda: init.zeros_(gg.ones(2, requires_grad=True) * 2), gg.WriteError, "zeros_: a leaf is needed"),
        (
            lambda: init.uniform_(gg.zeros(2), generator=NO_GENERATOR),
            gg.DTypeError,
            "generator: a numpy.random.Generator",
        ),
    ],
)
def test_what_is_refused(call: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        call()


def test_bounds_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    for nonlinearity in ("linear", "conv1d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert init.calculate_gain(nonlinearity) == pytest.approx(torch.nn.init.calculate_gain(nonlinearity), rel=1e-12)
    for fill in ("xavier_uniform_", "kaiming_uniform_"):
        ours = getattr(init, fill)(gg.zeros((300, 200)), generator=rng()).data
        theirs = getattr(torch.nn.init, fill)(torch.zeros(300, 200)).numpy()
        assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=1e-3)
