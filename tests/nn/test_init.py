"""Initial values against their definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.writes import Lock
from graphgrad.nn import init

BAD: Any = "x"
IMAGINARY: Any = 1j
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
        (
            lambda t: init.kaiming_uniform_(t, mode="fan_avg", nonlinearity="relu", generator=rng()),
            math.sqrt(2) * math.sqrt(6 / 500),
        ),
        (lambda t: init.lecun_uniform_(t, gain=2.0, generator=rng()), 2 * math.sqrt(3 / 300)),
    ],
)
def test_uniform_ones_fill_their_interval(fill: Any, bound: float) -> None:
    t = gg.zeros((200, 300))
    assert fill(t) is t
    assert np.abs(t.data).max() <= bound * (1 + 1e-6)
    assert t.data.min() < -0.999 * bound
    assert t.data.max() > 0.999 * bound
    assert t.data.std() == pytest.approx(bound / math.sqrt(3), rel=0.01)


@pytest.mark.curriculum("P10.06", "P10.07", "P10.08")
@pytest.mark.parametrize(
    ("fill", "std"),
    [
        (lambda t: init.normal_(t, std=0.01, generator=rng()), 0.01),
        (lambda t: init.xavier_normal_(t, generator=rng()), math.sqrt(2 / 500)),
        (lambda t: init.xavier_normal_(t, gain=4.0, generator=rng()), 4 * math.sqrt(2 / 500)),
        (lambda t: init.kaiming_normal_(t, generator=rng()), math.sqrt(2 / 300)),
        (lambda t: init.kaiming_normal_(t, 0.5, "fan_out", generator=rng()), math.sqrt(2 / 1.25 / 200)),
        (
            lambda t: init.kaiming_normal_(t, mode="fan_avg", nonlinearity="relu", generator=rng()),
            math.sqrt(2) * math.sqrt(2 / 500),
        ),
        (lambda t: init.lecun_normal_(t, generator=rng()), 1 / math.sqrt(300)),
        (lambda t: init.lecun_normal_(t, gain=3.0, generator=rng()), 3 / math.sqrt(300)),
    ],
)
def test_normal_ones_have_their_deviation(fill: Any, std: float) -> None:
    t = gg.zeros((200, 300))
    assert fill(t) is t
    assert t.data.std() == pytest.approx(std, rel=0.01)
    assert abs(t.data.mean()) < 0.01 * std
    shares = [(np.abs(t.data) > k * std).mean() for k in (1, 2, 3)]  # of a normal distribution
    assert shares == pytest.approx([0.3173, 0.0455, 0.0027], abs=0.005)


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [
        (0.0, 1.0, -2.0, 2.0),
        (0.0, 0.02, -0.04, 0.04),
        (0.0, 0.02, -2.0, 2.0),
        (1.0, 2.0, 0.0, 1.5),
        (5.0, 1.0, -2.0, 2.0),
        (-3.0, 0.5, 1.0, 9.0),
        (0.0, 1.0, 40.0, 41.0),
        (0.0, 1.0, -math.inf, -6.0),
        (0.0, 1.0, 0.5, math.inf),
    ],
)
def test_what_is_left_of_a_normal_distribution(mean: float, std: float, a: float, b: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    t = init.trunc_normal_(gg.zeros(20000, dtype="float64"), mean, std, a, b, generator=rng())
    assert a <= t.data.min() <= t.data.max() <= b
    whole = stats.truncnorm((a - mean) / std, (b - mean) / std, loc=mean, scale=std)
    assert stats.kstest(t.data, whole.cdf).pvalue > 0.01
    assert t.data.mean() == pytest.approx(whole.mean(), abs=4 * whole.std() / math.sqrt(20000))
    single = init.trunc_normal_(gg.zeros(2000), mean, std, a, b, generator=rng()).data
    assert single.dtype == np.float32
    assert np.float32(a) <= single.min() <= single.max() <= np.float32(b)


@pytest.mark.parametrize("shape", [(4, 4), (3, 8), (8, 3), (5, 2, 3, 3), (40, 2, 3), (1, 6), (6, 1)])
def test_orthogonal_ones_keep_lengths(shape: tuple[int, ...]) -> None:
    t = init.orthogonal_(gg.zeros(shape, dtype="float64"), gain=1.5, generator=rng())
    matrix = t.data.reshape(shape[0], -1)
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    np.testing.assert_allclose(matrix @ matrix.T, 1.5**2 * np.eye(len(matrix)), atol=1e-12)
    assert init.orthogonal_(gg.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    ("fill", "size", "part"),
    [
        (lambda t: init.uniform_(t, -0.5, 0.5, rng()), math.sqrt(1 / 6), math.sqrt(1 / 12)),
        (lambda t: init.normal_(t, std=3.0, generator=rng()), 3.0, 3.0 / math.sqrt(2)),
        (lambda t: init.xavier_normal_(t, generator=rng()), math.sqrt(2 / 500), math.sqrt(1 / 500)),
        (lambda t: init.kaiming_uniform_(t, a=math.sqrt(5), generator=rng()), math.sqrt(2 / 900), math.sqrt(1 / 900)),
        (lambda t: init.sparse_(t, 0.0, std=3.0, generator=rng()), 3.0, 3.0 / math.sqrt(2)),
    ],
)
def test_both_parts_of_complex_numbers_are_drawn(fill: Any, size: float, part: float) -> None:
    """As PyTorch does: uniform draws for each part, normal ones of the deviation that is asked for together."""
    t = fill(gg.zeros((200, 300), dtype="complex64"))
    assert np.sqrt((np.abs(t.data) ** 2).mean()) == pytest.approx(size, rel=0.01)
    assert (t.data.real.std(), t.data.imag.std()) == pytest.approx((part, part), rel=0.01)
    assert abs((t.data.real * t.data.imag).mean()) < 0.02 * part**2


def test_a_lock_does_not_hinder_new_values() -> None:
    w = gg.ones(2, requires_grad=True)
    lock = Lock([w.data])
    init.constant_(w, 3.0)
    assert w.tolist() == [3.0, 3.0]
    assert not w.data.flags.writeable
    lock.release()


def test_every_orthogonal_matrix_is_as_likely() -> None:
    """Eigenvalues of the plain Q lean to one side; those of a fair one have the mean 0."""
    draw = rng()
    traces = [np.trace(init.orthogonal_(gg.zeros((3, 3)), generator=draw).data) for _ in range(2000)]
    assert np.mean(traces) == pytest.approx(0.0, abs=0.1)
    assert np.var(traces) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.95, 1])
def test_sparse_ones(sparsity: float) -> None:
    t = init.sparse_(gg.zeros((50, 200)), sparsity, std=0.1, generator=rng())
    zeros = t.data == 0
    assert set(zeros.sum(axis=0)) == {math.ceil(sparsity * 50)}
    if 0.0 < sparsity < 1.0:
        assert 0.5 < zeros.sum(axis=1).std() < 20.0  # other rows in each column
    if sparsity < 1:
        assert t.data[~zeros].std() == pytest.approx(0.1, rel=0.07)


def test_constants_and_the_identity() -> None:
    assert init.constant_(gg.zeros((2, 2)), 0.3).data.max() == np.float32(0.3)
    assert init.constant_(gg.tensor([4, 5]), -7).tolist() == [-7, -7]
    assert init.eye_(gg.ones((2, 3))).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert init.eye_(gg.tensor([[5], [5]])).tolist() == [[1], [0]]


def test_patterns_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    for shape, groups in (
        ((4, 4, 3), 1),
        ((6, 2, 3, 4), 1),
        ((2, 5, 3, 3), 1),
        ((6, 3, 5), 2),
        ((4, 1, 2, 3, 3), 4),
        ((6, 2, 1, 1), 3),
    ):
        ours = init.dirac_(gg.ones(shape), groups)
        np.testing.assert_array_equal(ours.data, torch.nn.init.dirac_(torch.ones(shape), groups).numpy())
    for size in ((3, 3), (2, 5), (5, 2)):
        np.testing.assert_array_equal(init.eye_(gg.ones(size)).data, torch.nn.init.eye_(torch.ones(size)).numpy())


def test_channels_pass_through_a_convolution() -> None:
    layer = gg.nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)
    init.dirac_(layer.weight, groups=2)
    x = rng().standard_normal((2, 4, 5, 5)).astype(np.float32)
    np.testing.assert_array_equal(layer(gg.asarray(x)).data, x)


def test_the_same_generator_draws_the_same() -> None:
    fills: list[Any] = [init.trunc_normal_, init.orthogonal_, lambda t, generator: init.sparse_(t, 0.5, 1.0, generator)]
    fills += [init.xavier_normal_, init.kaiming_normal_, init.lecun_normal_, init.lecun_uniform_, init.np_rnn_]
    for fill in fills:
        first, second = (fill(gg.zeros((5, 5)), generator=rng()).data for _ in range(2))
        np.testing.assert_array_equal(first, second)
        gg.manual_seed(2)
        third = fill(gg.zeros((5, 5)), generator=None).data
        assert (first != third).any()
        gg.manual_seed(2)
        np.testing.assert_array_equal(fill(gg.zeros((5, 5)), generator=None).data, third)


def test_all_of_torch_is_there() -> None:
    torch = pytest.importorskip("torch")
    theirs = {name for name in torch.nn.init.__all__ if name.endswith("_")} | {"calculate_gain"}
    assert theirs == set(init.__all__) - {"lecun_normal_", "lecun_uniform_", "np_rnn_"}


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
        (
            lambda: init.kaiming_uniform_(gg.zeros((2, 2)), mode="fan"),
            ValueError,
            "uniform_: mode is one of",
        ),
        (
            lambda: init.kaiming_normal_(gg.zeros((2, 2)), mode="fan"),
            ValueError,
            "normal_: mode is one of",
        ),
        (lambda: init.calculate_gain("leaky_relu", BAD), ValueError, "param is a finite number"),
        (lambda: init.xavier_normal_(gg.zeros(3)), gg.ShapeError, "xavier_normal_: two axes are needed"),
        (lambda: init.lecun_normal_(gg.zeros(3)), gg.ShapeError, "lecun_normal_: two axes are needed"),
        (lambda: init.lecun_uniform_(gg.zeros(3)), gg.ShapeError, "lecun_uniform_: two axes are needed"),
        (lambda: init.orthogonal_(gg.zeros(3)), gg.ShapeError, "orthogonal_: two axes are needed"),
        (lambda: init.orthogonal_(gg.zeros((3, 3)), math.nan), ValueError, "gain is a finite number"),
        (lambda: init.eye_(gg.zeros(3)), gg.ShapeError, "eye_: 2 axes are needed"),
        (lambda: init.dirac_(gg.zeros((3, 3))), gg.ShapeError, "dirac_: 3 or 4 or 5 axes are needed"),
        (lambda: init.dirac_(gg.zeros((3, 3, 3)), 2), gg.ShapeError, "groups divides the first axis"),
        (lambda: init.dirac_(gg.zeros((3, 3, 3)), 0), gg.ShapeError, "groups divides the first axis"),
        (lambda: init.sparse_(gg.zeros((3, 3, 3)), 0.5), gg.ShapeError, "sparse_: 2 axes are needed"),
        (lambda: init.sparse_(gg.zeros((3, 3)), 1.5), ValueError, "sparsity is a finite number from 0 to 1"),
        (lambda: init.sparse_(gg.zeros((3, 3)), -0.5), ValueError, "sparsity is a finite number from 0"),
        (lambda: init.sparse_(gg.zeros((3, 3)), 0.5, std=-1.0), ValueError, "std is a finite number from 0"),
        (lambda: init.np_rnn_(gg.zeros((2, 3))), gg.ShapeError, "np_rnn_: a square matrix is needed"),
        (lambda: init.trunc_normal_(gg.zeros(3), std=0.0), ValueError, "std is above 0, and a below b"),
        (lambda: init.trunc_normal_(gg.zeros(3), a=2.0, b=2.0), ValueError, "std is above 0, and a below b"),
        (lambda: init.trunc_normal_(gg.zeros(3), mean=math.inf), ValueError, "mean is a finite number"),
        (lambda: init.trunc_normal_(gg.tensor([1])), gg.DTypeError, "trunc_normal_: floats are needed"),
        (lambda: init.constant_(gg.zeros(3), BAD), ValueError, "constant_: val is a number"),
        (lambda: init.constant_(gg.tensor([1]), 0.5), gg.DTypeError, "constant_: floats are needed"),
        (lambda: init.calculate_gain("relu6"), ValueError, r"no gain for 'relu6'[\s\S]*leaky_relu"),
        (lambda: init.uniform_(gg.tensor([1, 2])), gg.DTypeError, "uniform_: floats are needed"),
        (lambda: init.uniform_(gg.zeros(2), 1.0, -1.0), ValueError, "uniform_: a is at most b"),
        (lambda: init.uniform_(gg.zeros(2), 0.0, math.inf), ValueError, "both are finite"),
        (lambda: init.uniform_(gg.zeros(2), math.nan), ValueError, "both are finite"),
        (lambda: init.normal_(gg.zeros(2), std=-1.0), ValueError, "normal_: std is a finite number from 0"),
        (lambda: init.normal_(gg.zeros(2), std=math.nan), ValueError, "normal_: std is a finite number from 0"),
        (lambda: init.normal_(gg.zeros(2), BAD), ValueError, "normal_: mean is a finite number"),
        (lambda: init.uniform_(gg.zeros(2), BAD), ValueError, "uniform_: a is at most b"),
        (lambda: init.trunc_normal_(gg.zeros(2), a=BAD), ValueError, "std is above 0, and a below b"),
        (
            lambda: init.xavier_uniform_(gg.zeros((2, 2)), -1.0),
            ValueError,
            "xavier_uniform_: gain is a finite number from",
        ),
        (
            lambda: init.xavier_normal_(gg.zeros((2, 2)), BAD),
            ValueError,
            "xavier_normal_: gain is a finite number from 0",
        ),
        (
            lambda: init.lecun_uniform_(gg.zeros((2, 2)), BAD),
            ValueError,
            "lecun_uniform_: gain is a finite number from 0",
        ),
        (
            lambda: init.lecun_normal_(gg.zeros((2, 2)), -1.0),
            ValueError,
            "lecun_normal_: gain is a finite number from 0",
        ),
        (lambda: init.kaiming_normal_(gg.zeros((2, 2)), mode=NO_TENSOR), ValueError, "kaiming_normal_: mode is one of"),
        (lambda: init.calculate_gain(NO_TENSOR), ValueError, "there is no gain for"),
        (lambda: init.constant_(gg.zeros(2, dtype="complex64"), IMAGINARY), ValueError, "val is a real number"),
        (
            lambda: init.orthogonal_(gg.zeros((2, 2), dtype="complex64")),
            gg.DTypeError,
            "orthogonal_: floats are needed",
        ),
        (lambda: init.np_rnn_(gg.zeros((2, 2), dtype="complex64")), gg.DTypeError, "np_rnn_: floats are needed"),
        (lambda: init.trunc_normal_(gg.zeros(2, dtype="complex64")), gg.DTypeError, "trunc_normal_: floats are needed"),
        (lambda: init.normal_(gg.asarray(np.broadcast_to(1.0, (2, 2)))), gg.WriteError, "normal_: .* is read-only"),
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
