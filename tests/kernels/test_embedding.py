"""The gradient of a table of which rows were looked up: kernel, twin, and the operation that uses them."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.kernels.jit import compiles
from graphgrad.kernels.plain import embedding as plain

operation = importlib.import_module("graphgrad.ops.functional.embedding")

if compiles():
    from graphgrad.kernels import embedding as compiled
else:
    compiled = plain  # type: ignore[misc]

BOTH = pytest.mark.parametrize("kernels", [compiled, plain], ids=["compiled", "plain"])


@BOTH
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("places", "width", "count"), [(0, 3, 4), (1, 1, 1), (7, 5, 3), (40, 33, 9), (5, 0, 2)])
def test_each_row_is_the_sum_over_its_places(places: int, width: int, count: int, dtype: str, kernels: Any) -> None:
    rng = np.random.default_rng(0)
    g, rows = rng.normal(size=(places, width)).astype(dtype), rng.integers(0, count, places)
    expected = np.zeros((count, width), dtype)
    for one, row in zip(g, rows, strict=True):
        expected[row] += one  # in the order of the places, so that it is the same to the bit
    for way in (g, np.asfortranarray(g), np.repeat(g, 2, 1)[:, ::2], np.broadcast_to(g[None], (1, *g.shape))[0]):
        found = kernels.add_rows(way, rows, count)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected)


@BOTH
def test_numbers_that_are_no_row_go_nowhere(kernels: Any) -> None:
    g = np.array([[1.0], [2.0], [np.nan], [8.0]])
    found = kernels.add_rows(g, np.array([1, -1, 2, 10**12]), 2)
    assert found.tolist() == [[0.0], [1.0]]


@BOTH
def test_not_a_number_stays_in_its_row(kernels: Any) -> None:
    found = kernels.add_rows(np.array([[np.nan], [2.0], [1.0]]), np.array([0, 1, 0]), 2)
    np.testing.assert_array_equal(found, [[np.nan], [2.0]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "options", [{}, {"padding_idx": 3}, {"scale_grad_by_freq": True}, {"scale_grad_by_freq": True, "padding_idx": -1}]
)
def test_it_is_pytorchs(options: dict[str, Any], dtype: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    table, rows = rng.normal(size=(50, 24)).astype(dtype), rng.integers(0, 50, (20, 11))
    g = rng.normal(size=(20, 11, 24)).astype(dtype)
    assert g.size > operation._ENOUGH
    ours, theirs = gg.tensor(table, requires_grad=True), torch.tensor(table, requires_grad=True)
    y = gg.nn.functional.embedding(rows, ours, **options)
    torch.nn.functional.embedding(torch.tensor(rows), theirs, **options).backward(torch.tensor(g))
    grads: list[Any] = []
    for create_graph in (False, True):
        ours.grad = None
        y.backward(g, retain_graph=True, create_graph=create_graph)
        assert ours.grad is not None
        grads.append(ours.grad.data)
    np.testing.assert_array_equal(grads[0], grads[1])
    np.testing.assert_allclose(grads[0], theirs.grad.numpy(), rtol=1e-5, atol=1e-5)
