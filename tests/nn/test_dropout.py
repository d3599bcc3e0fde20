"""Dropout as modules: what is dropped in training, nothing in evaluation, and PyTorch's face."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn

SHAPES: dict[str, tuple[int, ...]] = {
    "Dropout": (40, 50),
    "Dropout1d": (40, 50, 3),
    "Dropout2d": (40, 50, 2, 2),
    "Dropout3d": (40, 50, 1, 2, 2),
    "AlphaDropout": (40, 50),
    "FeatureAlphaDropout": (40, 50, 3),
}
EACH = pytest.mark.parametrize("name", SHAPES)


def make(name: str, *args: Any, **kwargs: Any) -> nn.Module:
    layer: nn.Module = getattr(nn, name)(*args, **kwargs)
    return layer


@pytest.mark.curriculum("P12.07", "P12.08", "P12.09")
@EACH
def test_it_drops_in_training_alone(name: str) -> None:
    x = gg.tensor(np.random.default_rng(0).normal(size=SHAPES[name]), requires_grad=True)
    layer = make(name, 0.3)
    gg.manual_seed(0)
    y = layer(x)
    assert y.node is not None
    seed = y.node.attrs["seed"]
    function = getattr(gg.nn.functional, y.node.op.name)
    np.testing.assert_array_equal(y.data, function(x, 0.3, True, seed=seed).data)
    assert 0.2 < np.mean(y.data == y.data.flat[np.argmax(y.data == np.median(y.data))]) < 0.4 or "Alpha" in name
    assert not np.array_equal(layer(x).data, y.data)
    layer.eval()
    np.testing.assert_array_equal(layer(x).data, x.data)
    assert layer.train()(x).node.attrs["p"] == 0.3
    assert not list(layer.parameters())
    assert layer.state_dict() == {}


@EACH
def test_its_line_is_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    for args in ((), (0.25,)):
        assert repr(make(name, *args)) == repr(getattr(torch.nn, name)(*args))


@EACH
def test_what_it_does_not_take(name: str) -> None:
    with pytest.raises(gg.ArgumentError, match=f"{name}: p is a probability from 0 to 1, got 1.5"):
        make(name, 1.5)
    with pytest.raises(gg.DTypeError, match=f"{name}: p is a number"):
        make(name, "0.5")
    with pytest.raises(gg.ArgumentError, match=f"{name}: inplace is False, got True"):
        make(name, 0.5, True)


def test_in_a_network_both_passes_drop_the_same() -> None:
    gg.manual_seed(1)
    x = gg.ones((200,), requires_grad=True)
    y = nn.Sequential(nn.Dropout(0.5))(x)
    y.backward(np.ones(200, "float32"))
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, y.data)
    assert 60 < (y.data == 0).sum() < 140
