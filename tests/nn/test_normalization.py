"""Layers that normalise: their numbers, gradients, state and lines are PyTorch's; worked numbers; what they refuse."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn
from graphgrad.lessons.curriculum import WorkedNumber
from tests.curriculum.values import const, leaf
from tests.worked import Check

F = nn.functional
SHAPES = {"1": (4, 6, 5), "2": (3, 6, 4, 3), "3": (2, 6, 3, 2, 2)}

LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("LayerNorm", (5,), {}, (4, 6, 5)),
    ("LayerNorm", ([6, 5],), {"eps": 0.1, "bias": False}, (4, 6, 5)),
    ("LayerNorm", (5, 1e-3, False), {}, (4, 5)),
    ("RMSNorm", (5,), {}, (4, 6, 5)),
    ("RMSNorm", ((6, 5), 0.1), {"elementwise_affine": False}, (4, 6, 5)),
    ("GroupNorm", (3, 6), {}, (4, 6, 5)),
    ("GroupNorm", (2, 6, 0.1), {"bias": False}, (4, 6)),
    ("GroupNorm", (1, 6), {"affine": False}, (2, 6, 3, 4)),
    ("LocalResponseNorm", (3,), {"alpha": 0.5, "k": 2.0}, (4, 6, 5)),
    ("BatchNorm1d", (6,), {}, (9, 6)),
    *(
        (f"{kind}Norm{n}d", (6,), options, SHAPES[n])
        for n in "123"
        for kind in ("Batch", "Instance")
        for options in (
            {},
            {"affine": kind == "Instance", "eps": 0.1},
            {"track_running_stats": kind == "Instance", "momentum": 0.3},
            {"affine": True, "track_running_stats": True, "bias": False},
        )
    ),
    ("BatchNorm2d", (6,), {"momentum": None}, SHAPES["2"]),
    ("InstanceNorm1d", (6,), {}, (6, 5)),
    ("InstanceNorm2d", (6,), {"affine": True, "track_running_stats": True}, (6, 4, 3)),
]


@pytest.mark.curriculum("P11.12")
@pytest.mark.parametrize(("name", "args", "kwargs", "shape"), LAYERS, ids=str)
def test_they_are_pytorchs(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    theirs = getattr(torch.nn, name)(*args, **kwargs).double()
    ours: Any = getattr(nn, name)(*args, **kwargs, **({} if name == "LocalResponseNorm" else {"dtype": "float64"}))
    assert repr(ours) == repr(theirs)
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    for key, value in ours.state_dict().items():  # both begin alike
        assert (value.shape, str(value.dtype)) == (
            tuple(state[key].shape),
            str(state[key].dtype).removeprefix("torch."),
        )
        np.testing.assert_array_equal(value.data, state[key].numpy())
    for value in state.values():
        if value.is_floating_point():
            value.copy_(torch.tensor(rng.uniform(0.5, 1.5, tuple(value.shape))))
    ours.load_state_dict({key: value.numpy() for key, value in state.items()})
    for training in (True, True, True, False):
        ours.train(training)
        theirs.train(training)
        x, g = rng.normal(1.0, 2.0, shape), rng.normal(size=shape)
        mine, other = gg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        found, expected = ours(mine), theirs(other)
        np.testing.assert_allclose(found.data, expected.detach().numpy(), rtol=1e-11, atol=1e-12)
        found.backward(g)
        expected.backward(torch.tensor(g))
        assert mine.grad is not None
        np.testing.assert_allclose(mine.grad.data, other.grad.numpy(), rtol=1e-10, atol=1e-12)
    for (key, one), (_, its) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert one.grad is not None
        np.testing.assert_allclose(one.grad.data, its.grad.numpy(), rtol=1e-10, atol=1e-12, err_msg=key)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key].data, value.numpy(), rtol=1e-12, err_msg=key)


# ---- worked numbers --------------------------------------------------------------------------------------------------


@pytest.mark.worked("W167")
@pytest.mark.curriculum("P11.01")
def test_batch_norm_of_four_numbers(example: WorkedNumber, check: Check) -> None:
    z = const(example.input["z"])
    layer = nn.BatchNorm1d(1, eps=example.input["eps"], momentum=1.0, dtype="float64")
    out = layer(z.reshape((4, 1)))
    assert layer.running_mean is not None
    assert layer.running_var is not None
    # What is kept is the unbiased variance, divided by 3 and not by 4.
    check(example, {"mu": layer.running_mean[0], "var": layer.running_var[0] * 3.0 / 4.0, "out": out[:, 0]})


@pytest.mark.worked("W168")
@pytest.mark.curriculum("P11.01")
def test_eps_stands_under_the_root(example: WorkedNumber, check: Check) -> None:
    z, eps = const(example.input["z"]), example.input["eps"]
    under = F.batch_norm(z.reshape((2, 1)), training=True, eps=eps)[1, 0]
    beside = (z[1] - gg.mean(z)) / (gg.std(z) + eps)
    check(example, {"sqrt_form": under, "sigma_form": beside})


@pytest.mark.worked("W169")
@pytest.mark.curriculum("P11.02")
def test_batch_norm_can_undo_itself(example: WorkedNumber, check: Check) -> None:
    z = const(example.input["z"])
    layer = nn.BatchNorm1d(1, eps=example.input["eps"], dtype="float64")
    root = np.sqrt(z.data.var() + layer.eps)
    layer.load_state_dict({"weight": np.array([root]), "bias": np.array([z.data.mean()])}, strict=False)
    check(example, {"out": layer(z.reshape((4, 1)))[:, 0]})


@pytest.mark.worked("W170")
@pytest.mark.curriculum("P11.04")
def test_batch_norm_back(example: WorkedNumber, check: Check) -> None:
    i = example.input
    z, gamma, beta = leaf(np.array(i["z"])[:, None] * 1.0), leaf([i["gamma"]]), leaf([i["beta"]])
    F.batch_norm(z, None, None, gamma, beta, training=True, eps=i["eps"]).backward(np.array(i["g"])[:, None] * 1.0)
    assert z.grad is not None
    assert gamma.grad is not None
    assert beta.grad is not None
    check(example, {"dz": z.grad[:, 0], "dgamma": gamma.grad[0], "dbeta": beta.grad[0]})
    assert np.sum(z.grad.data) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.worked("W172")
@pytest.mark.curriculum("P11.03")
def test_a_bias_before_batch_norm_is_cancelled(example: WorkedNumber, check: Check) -> None:
    z = const(example.input["z"]).reshape((4, 1))
    without, with_bias = (
        F.batch_norm(one, training=True, eps=example.input["eps"]) for one in (z, z + example.input["b"])
    )
    check(example, {"maxdiff": gg.max(gg.abs(with_bias - without))})


# ---- running averages ------------------------------------------------------------------------------------------------


@pytest.mark.curriculum("P11.05")
def test_in_evaluation_the_averages_take_the_place_of_the_batch() -> None:
    layer = nn.BatchNorm1d(2)
    x = np.random.default_rng(0).normal(5.0, 3.0, (400, 2)).astype("float32")
    for _ in range(100):
        layer(x)
    assert layer.num_batches_tracked is not None
    assert layer.num_batches_tracked.item() == 100
    layer.eval()
    one = layer(x[:1])  # one example will do
    np.testing.assert_allclose(one.data, (x[:1] - x.mean(0)) / x.std(0), rtol=1e-2)
    assert layer.num_batches_tracked.item() == 100
    layer.reset_running_stats()
    assert [one.tolist() for one in layer.buffers()] == [[0.0] * 2, [1.0] * 2, 0]


def test_a_batch_that_is_refused_is_not_counted() -> None:
    layer = nn.BatchNorm1d(2)
    for bad in (np.ones((1, 2)), np.ones((3, 3))):
        with pytest.raises(gg.ShapeError):
            layer(bad)
    assert [one.tolist() for one in layer.buffers()] == [[0.0] * 2, [1.0] * 2, 0]


def test_averages_are_moved_without_a_graph_too() -> None:
    layer = nn.BatchNorm1d(1, momentum=0.5)
    with gg.no_grad():
        layer([[1.0], [3.0]])
    assert layer.running_mean is not None
    assert layer.running_mean.tolist() == [1.0]


def test_averages_are_state_and_no_parameters() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    assert [path for path, _ in model.named_parameters()] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert [path for path, _ in model.named_buffers()] == ["1.running_mean", "1.running_var", "1.num_batches_tracked"]
    assert model[1].running_mean.name == "1.running_mean"  # type: ignore[attr-defined]
    other = copy.deepcopy(model)
    model(np.random.default_rng(0).normal(size=(5, 2)).astype("float32"))
    state = model.state_dict()
    assert list(state)[4:] == ["1.running_mean", "1.running_var", "1.num_batches_tracked"]
    assert state["1.num_batches_tracked"].item() == 1
    assert other.state_dict()["1.num_batches_tracked"].item() == 0
    other.load_state_dict(state)
    np.testing.assert_array_equal(other.state_dict()["1.running_var"].data, state["1.running_var"].data)
    assert not any(one.requires_grad for one in other.buffers())


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape", "says"),
    [
        (nn.BatchNorm1d(2), (2, 2, 2, 2), r"input \(2, 2, 2, 2\) has 4 axes[\s\S]*\(N, C\) or \(N, C, L\)"),
        (nn.BatchNorm2d(2), (3, 2), r"BatchNorm2d: input \(3, 2\) has 2 axes[\s\S]*\(N, C, H, W\)"),
        (nn.BatchNorm3d(2), (3, 2, 2, 2), r"\(N, C, D, H, W\)"),
        (nn.InstanceNorm1d(2), (2,), r"\(C, L\) or \(N, C, L\)"),
        (nn.BatchNorm2d(2), (3, 4, 2, 2), "running_mean has one number for each of the 4 channels"),
        (nn.BatchNorm1d(2), (1, 2), "it takes several to have a variance"),
        (nn.InstanceNorm2d(2), (3, 2, 1, 1), "it takes several to have a variance"),
        (nn.LayerNorm((3, 4)), (2, 4, 3), r"normalized_shape \(3, 4\) must be the lengths of the last axes"),
        (nn.GroupNorm(2, 4), (2, 6), "weight has one number for each of the 6 channels"),
    ],
    ids=str,
)
def test_inputs_that_do_not_fit(layer: Any, shape: tuple[int, ...], says: str) -> None:
    with pytest.raises(gg.ShapeError, match=says):
        layer(gg.ones(shape))


@pytest.mark.parametrize(
    ("layer", "arguments", "error", "says"),
    [
        ("LayerNorm", (-1,), gg.ShapeError, "normalized_shape is a length or several, got -1"),
        ("LayerNorm", ((),), gg.ShapeError, "normalized_shape is a length or several"),
        ("RMSNorm", (2.5,), gg.ShapeError, "RMSNorm: normalized_shape"),
        ("GroupNorm", (3, 4), gg.ShapeError, "num_groups 3 must divide num_channels 4"),
        ("GroupNorm", (0, 4), gg.ShapeError, "num_groups 0 must divide num_channels 4"),
        ("BatchNorm1d", (2.5,), gg.ShapeError, "BatchNorm1d: num_features is a whole number from 0, got 2.5"),
        ("BatchNorm2d", (2, -1.0), gg.ArgumentError, "BatchNorm2d: eps .* from 0 on, got -1.0"),
        ("LayerNorm", (2, "a"), gg.DTypeError, "LayerNorm: eps is a number"),
        ("BatchNorm2d", (2, 1e-5, "a"), gg.DTypeError, "BatchNorm2d: momentum is a number"),
    ],
)
def test_arguments_that_will_not_do(layer: str, arguments: tuple[Any, ...], error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        getattr(nn, layer)(*arguments)
