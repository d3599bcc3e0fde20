"""Convolutional layers: their numbers, gradients, lines and states are PyTorch's; and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn
from graphgrad.nn import functional

LENGTHS = (6, 5, 7)


def pair(name: str, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """A layer of ours and one of PyTorch with the same numbers."""
    torch = pytest.importorskip("torch")
    ours = getattr(nn, name)(*args, dtype="float64", **kwargs)
    theirs = getattr(torch.nn, name)(*args, dtype=torch.float64, **kwargs)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    return ours, theirs


def check_alike(ours: Any, theirs: Any, shape: tuple[int, ...], *more: Any) -> None:
    """Values and all gradients."""
    import torch

    rng = np.random.default_rng(0)
    x = rng.normal(size=shape)
    leaf, other = gg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    found, expected = ours(leaf, *more), theirs(other, *more)
    np.testing.assert_allclose(found.data, expected.detach().numpy(), rtol=1e-11, atol=1e-12)
    g = rng.normal(size=found.shape)
    found.backward(g)
    expected.backward(torch.tensor(g))
    np.testing.assert_allclose(leaf.grad.data, other.grad.numpy(), rtol=1e-10, atol=1e-12)  # type: ignore[union-attr]
    for (key, one), (name, parameter) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert key == name
        np.testing.assert_allclose(one.grad.data, parameter.grad.numpy(), rtol=1e-10, atol=1e-11)


OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"stride": 2, "padding": 1, "bias": False},
    {"dilation": 2, "groups": 2, "padding": 2},
    {"padding": "same"},
    {"padding": "valid", "stride": 3},
    *({"padding": 2, "padding_mode": mode} for mode in ("reflect", "replicate", "circular")),
    {"padding": "same", "dilation": 2, "padding_mode": "circular"},
    {"padding": "valid", "padding_mode": "reflect"},
)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")  # PyTorch copies then
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_convolutions_are_pytorchs(n: int, options: dict[str, Any]) -> None:
    ours, theirs = pair(f"Conv{n}d", 2, 4, 2, **options)
    assert repr(ours) == repr(theirs)
    check_alike(ours, theirs, (2, 2, *LENGTHS[:n]))
    check_alike(*pair(f"Conv{n}d", 2, 4, 2, **options), (2, *LENGTHS[:n]))


def test_lengths_may_differ_from_axis_to_axis() -> None:
    places = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}
    ours, theirs = pair("Conv2d", 2, 3, (3, 2), padding_mode="replicate", **places)
    assert repr(ours) == repr(theirs)
    check_alike(ours, theirs, (2, 2, 6, 5))
    assert repr(nn.Conv2d(2, 3, [3, 2], stride=[2, 1])) == "Conv2d(2, 3, kernel_size=(3, 2), stride=(2, 1))"
    assert nn.Conv2d(1, 1, np.array([3, 2])).kernel_size == (3, 2)  # type: ignore[arg-type]


TRANSPOSED: tuple[dict[str, Any], ...] = (
    {},
    {"stride": 2, "padding": 1, "output_padding": 1},
    {"dilation": 2, "groups": 2, "bias": False},
    {"stride": 3, "dilation": 2, "padding": 1},
)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("options", TRANSPOSED, ids=str)
def test_transposed_ones_are_pytorchs(n: int, options: dict[str, Any]) -> None:
    ours, theirs = pair(f"ConvTranspose{n}d", 4, 2, 3, **options)
    assert repr(ours) == repr(theirs)
    check_alike(ours, theirs, (2, 4, *LENGTHS[:n]))
    check_alike(*pair(f"ConvTranspose{n}d", 4, 2, 3, **options), (4, *LENGTHS[:n]))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_size_of_a_result_can_be_said_at_the_call(n: int) -> None:
    ours, theirs = pair(f"ConvTranspose{n}d", 2, 3, 3, stride=3, padding=1, output_padding=2)
    shape = (2, 2, *LENGTHS[:n])
    for more in (0, 1, 2):
        size = [3 * (length - 1) + 1 + more for length in LENGTHS[:n]]
        check_alike(ours, theirs, shape, size)
        np.testing.assert_array_equal(
            ours(np.ones(shape), size).data, ours(np.ones(shape), output_size=(2, 3, *size)).data
        )
        for parameter, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            parameter.grad = other.grad = None
    least = [3 * (length - 1) + 1 for length in LENGTHS[:n]]
    for wrong in ([*least[:-1], least[-1] - 1], [least[0] + 3, *least[1:]]):
        with pytest.raises(gg.ShapeError, match=rf"ConvTranspose{n}d: .* can be made of the sizes from .*, not of"):
            ours(np.ones(shape), wrong)
    with pytest.raises(gg.ShapeError, match=f"output_size has {n} lengths, or is the whole shape"):
        ours(np.ones(shape), [*least, 1, 1, 1])
    with pytest.raises(gg.DTypeError, match="output_size is made of integers, got"):
        ours(np.ones(shape), [1.5] * n)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.curriculum("P14.06")
def test_the_border_may_be_any_number(n: int) -> None:
    """Such as the mean of the data: a level image then stays level."""
    layer = getattr(nn, f"Conv{n}d")(1, 1, 3, padding="same", padding_mode="constant", padding_value=7.0)
    layer.load_state_dict({"weight": np.full((1, 1, *[3] * n), 3.0**-n), "bias": [0.0]})
    image = np.full((1, 1, *LENGTHS[:n]), 7.0)
    np.testing.assert_allclose(layer(image).data, image, rtol=1e-6)
    assert "padding_mode=constant, padding_value=7" in repr(layer)
    zeros = getattr(nn, f"Conv{n}d")(1, 1, 3, padding=1, padding_mode="constant")
    usual = getattr(nn, f"Conv{n}d")(1, 1, 3, padding=1)
    usual.load_state_dict(zeros.state_dict())
    np.testing.assert_allclose(zeros(image).data, usual(image).data, rtol=1e-6)


def test_other_borders_are_an_operation_before_it() -> None:
    x = gg.tensor(np.ones((1, 1, 4)), requires_grad=True)
    for mode, expected in (("circular", ["pad", "conv1d"]), ("zeros", ["conv1d"])):
        with gg.record() as recording:
            nn.Conv1d(1, 1, 3, padding=1, padding_mode=mode)(x)
        assert [node.op.name for node in recording.nodes if node.op is not None] == expected


@pytest.mark.parametrize(
    ("layer", "bound"),
    [
        (lambda: nn.Conv2d(12, 60, 3, groups=3), 1 / 6),
        (lambda: nn.ConvTranspose2d(60, 12, 3, groups=3), 1 / 6),
        (lambda: nn.Conv1d(25, 100, 4), 0.1),
    ],
)
def test_the_start_is_pytorchs(layer: Any, bound: float) -> None:
    gg.manual_seed(0)
    made = layer()
    for values in (made.weight.data, made.bias.data):
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.8 * bound
        assert abs(values.mean()) < 0.4 * bound
    assert made.weight.data.std() == pytest.approx(bound / np.sqrt(3), rel=0.03)
    first = made.weight.data.copy()
    made.reset_parameters(np.random.default_rng(1))
    assert (made.weight.data != first).any()
    assert {parameter.dtype.name for parameter in made.parameters()} == {"float32"}


def test_without_a_bias_there_is_none() -> None:
    layer = nn.Conv2d(1, 2, 3, bias=False)
    assert layer.bias is None
    assert list(layer.state_dict()) == ["weight"]
    np.testing.assert_array_equal(
        layer(gg.ones((1, 4, 4))).data, functional.conv2d(gg.ones((1, 4, 4)), layer.weight).data
    )


def test_a_batch_of_none_and_parameters_without_a_gradient() -> None:
    layer = nn.Conv2d(2, 3, 3)
    out = layer(gg.ones((0, 2, 5, 5)))
    assert out.shape == (0, 3, 3, 3)
    out.backward(np.ones(out.shape))
    for parameter in layer.parameters():
        assert parameter.grad is not None
        assert not parameter.grad.data.any()


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: nn.Conv1d(0, 2, 3), gg.ShapeError, "Conv1d: in_channels is a whole number from 1, got 0"),
        (lambda: nn.Conv2d(2, 2.0, 3), gg.ShapeError, "Conv2d: out_channels is a whole number from 1, got 2.0"),  # type: ignore[arg-type]
        (lambda: nn.Conv2d(3, 4, 3, groups=2), gg.ShapeError, "in_channels 3 can't be split into 2 groups"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), gg.ShapeError, "out_channels 3 can't be split into 2 groups"),
        (lambda: nn.Conv2d(2, 2, 0), gg.ArgumentError, "Conv2d: kernel_size is an integer from 1, or 2 of them"),
        (lambda: nn.Conv2d(2, 2, (3, 3, 3)), gg.ArgumentError, r"or 2 of them.* got \(3, 3, 3\)"),
        (lambda: nn.Conv3d(2, 2, 1.5), gg.DTypeError, "Conv3d: kernel_size is an integer, or one for each"),  # type: ignore[arg-type]
        (lambda: nn.Conv2d(2, 2, 3, stride=0), gg.ArgumentError, "Conv2d: stride is an integer from 1"),
        (lambda: nn.Conv2d(2, 2, 3, groups=0), gg.ArgumentError, "Conv2d: groups is an integer from 1"),
        (lambda: nn.Conv2d(2, 2, 3, padding="full"), gg.ArgumentError, "padding is 'valid', 'same' or numbers"),
        (lambda: nn.Conv2d(2, 2, 3, stride=2, padding="same"), gg.ArgumentError, "takes stride 1"),
        (lambda: nn.Conv2d(2, 2, 3, padding_mode="mean"), gg.ArgumentError, "padding_mode is one of zeros, reflect"),
        (
            lambda: nn.Conv2d(2, 2, 3, padding_value=1.0),
            gg.ArgumentError,
            "padding_value 1.0 is for padding_mode='constant', got 'zeros'",
        ),
        (
            lambda: nn.Conv2d(2, 2, 3, padding_mode="constant", padding_value="1"),  # type: ignore[arg-type]
            gg.DTypeError,
            "padding_value is a number, got '1'",
        ),
        (lambda: nn.ConvTranspose1d(2, 2, 3, padding_mode="circular"), gg.ArgumentError, "can only be 'zeros'"),
        (lambda: nn.ConvTranspose2d(2, 2, 3, output_padding=1), gg.ArgumentError, "ConvTranspose2d: output_padding"),
        (lambda: nn.ConvTranspose2d(2, 2, 3, padding="same"), gg.DTypeError, "padding is an integer"),  # type: ignore[arg-type]
    ],
)
def test_what_is_refused(make: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()


def test_an_input_that_does_not_fit_is_explained() -> None:
    with pytest.raises(gg.ShapeError, match=r"input \(1, 3, 8, 8\) has 3 channels; weight \(4, 2, 3, 3\) sees 2"):
        nn.Conv2d(2, 4, 3)(gg.ones((1, 3, 8, 8)))
    with pytest.raises(gg.ShapeError, match=r"\(2 \+ 2·0 - 3\)/1 \+ 1 = 0: the kernel doesn't fit"):
        nn.Conv1d(1, 1, 3)(gg.ones((1, 1, 2)))
