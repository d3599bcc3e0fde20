"""Pooling layers: their numbers, gradients and lines are PyTorch's; and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn

LENGTHS = (7, 6, 5)


def values(n: int) -> Any:
    """Numbers that differ, so that there is one maximum."""
    shape = (2, 3, *LENGTHS[:n])
    return np.random.default_rng(0).permutation(int(np.prod(shape))).reshape(shape) / 7.0


def check_alike(ours: Any, theirs: Any, x: Any, with_indices: bool = False) -> None:
    """The line, values, indices and the gradient, of a batch and of one example."""
    import torch

    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == []
    for one in (x, x[0]):
        leaf, other = gg.tensor(one, requires_grad=True), torch.tensor(one, requires_grad=True)
        found, expected = ours(leaf), theirs(other)
        if with_indices:
            (found, indices), (expected, places) = found, expected
            np.testing.assert_array_equal(indices.data, places.numpy())
        np.testing.assert_allclose(found.data, expected.detach().numpy(), rtol=1e-12)
        g = np.random.default_rng(1).normal(size=found.shape)
        found.backward(g)
        expected.backward(torch.tensor(g))
        assert leaf.grad is not None
        assert other.grad is not None
        np.testing.assert_allclose(leaf.grad.data, other.grad.numpy(), rtol=1e-11, atol=1e-13)


SLIDING: tuple[tuple[str, tuple[Any, ...], dict[str, Any]], ...] = (
    ("MaxPool", (2,), {}),
    ("MaxPool", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}),
    ("MaxPool", (2,), {"stride": 1, "dilation": 2}),
    ("AvgPool", (2,), {}),
    ("AvgPool", (3,), {"stride": 2, "padding": 1, "count_include_pad": False}),
    ("AvgPool", (2, 3, 1, True), {}),
    ("LPPool", (2, 2), {}),
    ("LPPool", (1.5, 3), {"stride": 2, "ceil_mode": True}),
    ("AdaptiveAvgPool", (1,), {}),
    ("AdaptiveAvgPool", (3,), {}),
    ("AdaptiveMaxPool", (2,), {}),
)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize(("name", "args", "kwargs"), SLIDING, ids=str)
def test_they_are_pytorchs(n: int, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = (getattr(room, f"{name}{n}d")(*args, **kwargs) for room in (nn, torch.nn))
    check_alike(ours, theirs, values(n))


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("MaxPool2d", ((3, 2),), {"stride": (2, 1), "padding": (1, 0)}),
        ("MaxPool3d", ((1, 2, 3),), {}),
        ("AvgPool1d", ((3,),), {"stride": (2,)}),
        ("AvgPool2d", ((3, 2),), {"divisor_override": 5}),
        ("AvgPool3d", ((1, 2, 3), (1, 2, 2), 0, False, True, 2), {}),
        ("LPPool2d", (2, (2, 3)), {}),
        ("AdaptiveAvgPool2d", ((None, 2),), {}),
        ("AdaptiveMaxPool3d", ((2, None, 1),), {}),
    ],
    ids=str,
)
def test_lengths_may_differ_from_axis_to_axis(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = (getattr(room, name)(*args, **kwargs) for room in (nn, torch.nn))
    check_alike(ours, theirs, values(int(name[-2])))


def test_lists_will_do() -> None:
    assert repr(nn.MaxPool2d([3, 2])) == repr(nn.MaxPool2d((3, 2)))
    x = values(2)
    np.testing.assert_array_equal(nn.AdaptiveAvgPool2d([2, 3])(x).data, nn.AdaptiveAvgPool2d((2, 3))(x).data)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_maxima_and_their_indices(n: int) -> None:
    torch = pytest.importorskip("torch")
    for name, args in ((f"MaxPool{n}d", (2, None, 1)), (f"AdaptiveMaxPool{n}d", (3,))):
        ours, theirs = (getattr(room, name)(*args, return_indices=True) for room in (nn, torch.nn))
        check_alike(ours, theirs, values(n), with_indices=True)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("args", [(2,), (3, 2), (3, 2, 1)])
def test_unpooling_is_pytorchs(n: int, args: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    x = values(n)
    rooms = (nn, torch.nn)
    ours, theirs = (getattr(room, f"MaxUnpool{n}d")(*args) for room in rooms)
    assert repr(ours) == repr(theirs)
    pooled = [getattr(room, f"MaxPool{n}d")(*args, return_indices=True) for room in rooms]
    (maxima, indices), (others, places) = pooled[0](gg.tensor(x)), pooled[1](torch.tensor(x))
    for size in (x.shape, x.shape[2:]):
        found, expected = ours(maxima, indices, output_size=size), theirs(others, places, output_size=size)
        np.testing.assert_array_equal(found.data, expected.numpy())
    whole = np.random.default_rng(2).normal(size=(2, 3, *[7 if args[0] == 3 else 6] * n))  # windows cover all of it
    (maxima, indices), (others, places) = pooled[0](gg.tensor(whole)), pooled[1](torch.tensor(whole))
    np.testing.assert_array_equal(ours(maxima, indices).data, theirs(others, places).numpy())


def test_global_pooling_is_adaptive_to_one() -> None:
    x = values(2)
    np.testing.assert_allclose(nn.AdaptiveAvgPool2d(1)(x).data[..., 0, 0], x.mean(axis=(2, 3)))
    np.testing.assert_array_equal(nn.AdaptiveMaxPool2d(1)(x).data[..., 0, 0], x.max(axis=(2, 3)))


def test_in_a_row_with_convolutions() -> None:
    """LeNet's first layers."""
    model = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.AvgPool2d(2))
    assert model(gg.ones((2, 1, 32, 32))).shape == (2, 16, 5, 5)
    assert list(model.state_dict()) == ["0.weight", "0.bias", "3.weight", "3.bias"]


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: nn.MaxPool2d(0), gg.ArgumentError, "MaxPool2d: kernel_size is an integer from 1"),
        (lambda: nn.MaxPool2d((2, 2, 2)), gg.ArgumentError, "MaxPool2d: kernel_size is an integer from 1, or 2"),
        (lambda: nn.MaxPool1d(2, padding=2), gg.ArgumentError, "MaxPool1d: padding is at most half of what a window"),
        (lambda: nn.MaxPool1d(2, ceil_mode="no"), gg.DTypeError, "MaxPool1d: ceil_mode is True or False"),  # type: ignore[arg-type]
        (lambda: nn.MaxPool1d(2, return_indices="no"), gg.DTypeError, "return_indices is True or False"),  # type: ignore[arg-type]
        (lambda: nn.AdaptiveMaxPool1d(2, return_indices=2), gg.DTypeError, "return_indices is True or False"),  # type: ignore[arg-type]
        (lambda: nn.MaxUnpool3d(2.0), gg.DTypeError, "MaxUnpool3d: kernel_size is an integer"),  # type: ignore[arg-type]
        (lambda: nn.AvgPool2d(2, divisor_override=0), gg.ArgumentError, "AvgPool2d: divisor_override"),
        (lambda: nn.LPPool1d(0, 2), gg.ArgumentError, "LPPool1d: norm_type is the exponent"),
        (lambda: nn.AdaptiveAvgPool3d(-1), gg.ArgumentError, "AdaptiveAvgPool3d: output_size is an integer from 0"),
    ],
)
def test_what_is_refused(make: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()


def test_an_input_that_does_not_fit_is_explained() -> None:
    with pytest.raises(gg.ShapeError, match=r"no window fits: .*\(4 \+ 2 \* 0 - 1 \* \(5 - 1\) - 1\) / 5\) \+ 1 = 0"):
        nn.MaxPool2d(5)(gg.ones((1, 1, 4, 4)))
