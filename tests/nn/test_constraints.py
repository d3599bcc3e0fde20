"""Constraints: what is too long is shortened in place, and what isn't stays to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad import nn
from graphgrad.nn.utils import renorm_


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(("dim", "p"), [(0, 2), (1, 1), (-1, 3), (2, np.inf)])
def test_every_slice_is_at_most_as_long(dtype: str, dim: int, p: float) -> None:
    values = np.random.default_rng(0).normal(size=(4, 3, 5)).astype(dtype)
    values[:, :, 0], values[0], values[:, 1] = 0.125, -0.0625, 0.25
    w = gg.tensor(values)
    assert renorm_(w, p, dim, 1.5) is w
    assert w.dtype == dtype
    for before, after in zip(np.moveaxis(values, dim, 0), np.moveaxis(w.data, dim, 0), strict=True):
        length = np.linalg.norm(before.ravel().astype(np.float64), p)
        if length <= 1.5:
            np.testing.assert_array_equal(after, before)
        else:
            wanted = before.astype(np.float64) / length * 1.5
            np.testing.assert_allclose(after, wanted, rtol=2e-3 if dtype == "float16" else 1e-6)


def test_it_is_that_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(1).normal(size=(3, 4))
    np.testing.assert_allclose(renorm_(gg.tensor(values), 2, 1, 0.5).data, torch.tensor(values).renorm_(2, 1, 0.5))


def test_squares_that_overflow_and_slices_of_nothing() -> None:
    assert renorm_(gg.tensor([[300.0] * 4], "float16"), 2, 0, 1.0).tolist() == [[0.5] * 4]
    layer = nn.Embedding.from_pretrained(np.full((2, 4), 300.0, np.float16), max_norm=1.0)
    layer([1])
    assert layer.weight.tolist() == [[300.0] * 4, [0.5] * 4]
    assert renorm_(gg.zeros((0, 3)), 2, 0, 1.0).shape == (0, 3)
    assert renorm_(gg.ones((2, 0)), np.inf, 0, 1.0).shape == (2, 0)


def test_a_layer_stays_within_it_in_training() -> None:
    gg.manual_seed(0)
    layer = nn.Linear(3, 2)
    optimizer = gg.optim.SGD(layer.parameters(), lr=1.0)
    for _ in range(20):
        optimizer.zero_grad()
        gg.sum(-layer(gg.ones((1, 3)))).backward()
        optimizer.step()
        renorm_(layer.weight, 2, 0, 2.0)
    np.testing.assert_allclose(np.linalg.norm(layer.weight.data, axis=1), 2.0, rtol=1e-5)
    y = gg.sum(layer.weight**2)
    renorm_(layer.weight, 2, 0, 1.0)
    with pytest.raises(gg.WriteError):  # the pass would take other numbers than the result came from
        y.backward()


@pytest.mark.parametrize(
    ("args", "error", "says"),
    [
        (([1.0], 2, 0, 1.0), gg.DTypeError, "a tensor of floats is needed, got list"),
        ((gg.ones(2, "int64"), 2, 0, 1.0), gg.DTypeError, "got int64"),
        ((gg.ones(2), 0, 0, 1.0), gg.ArgumentError, "p is the order of a norm, above 0"),
        ((gg.ones(2), 2, 0, -1.0), gg.ArgumentError, "maxnorm is a length, from 0"),
        ((gg.ones(2), 2, 0, float("nan")), gg.ArgumentError, "maxnorm is a length, from 0"),
        ((gg.ones(2), 2, 0, "x"), gg.DTypeError, "maxnorm is a number"),
        ((gg.ones(2), 2, 1, 1.0), gg.ShapeError, r"dim 1 is no axis of a tensor of shape \(2,\)"),
        ((gg.ones(2), 2, 0.5, 1.0), gg.DTypeError, "dim is the number of one axis"),
        ((gg.asarray(np.broadcast_to(2.0, 3)), 2, 0, 1.0), gg.WriteError, "read-only"),
    ],
)
def test_what_it_refuses(args: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        renorm_(*args)
