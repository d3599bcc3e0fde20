"""Sums, means and what is made of them: many numbers keep their digits, and every way to compute them the same bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphgrad as gg

ROWS = 100_000

# What adds up over the leading axis, and its value for uniform numbers, in double precision.
SUMS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sum": (lambda x: gg.sum(x, axis=0), lambda x: x.sum(0)),
    "sum of some columns": (lambda x: gg.sum(x[:, :2]), lambda x: x[:, :2].sum()),
    "mean": (lambda x: gg.mean(x, axis=0), lambda x: x.mean(0)),
    "var": (lambda x: gg.var(x, axis=0), lambda x: x.var(0)),
    "std": (lambda x: gg.std(x, axis=0, keepdims=True), lambda x: x.std(0, keepdims=True)),
    "vector_norm": (lambda x: gg.vector_norm(x, axis=0), lambda x: np.sqrt((x * x).sum(0))),
    "logsumexp": (lambda x: gg.exp(gg.logsumexp(x, axis=0)), lambda x: np.exp(x).sum(0)),
    "softmax": (lambda x: ROWS * gg.softmax(x, axis=0)[:9], lambda x: (ROWS * np.exp(x) / np.exp(x).sum(0))[:9]),
    "nanmean": (lambda x: gg.nanmean(x, axis=0), lambda x: x.mean(0)),
    "NumPy's sum": (lambda x: np.sum(x, axis=0), lambda x: x.sum(0)),
    "a method": (lambda x: x.mean(0), lambda x: x.mean(0)),
}


def numbers(dtype: str = "float32") -> Any:
    return np.random.default_rng(0).uniform(0.5, 1.5, (ROWS, 3)).astype(dtype)


@pytest.mark.parametrize("name", SUMS)
def test_many_numbers_keep_their_digits(name: str) -> None:
    function, exact = SUMS[name]
    found = function(gg.tensor(numbers()))
    assert found.dtype == np.float32
    # What logsumexp finds is a logarithm near 12, of which the last digit is 1e-6.
    np.testing.assert_allclose(found.data, exact(numbers("float64")), rtol=1e-5 if name == "logsumexp" else 3e-6)


@pytest.mark.parametrize("name", SUMS)
def test_a_graph_that_runs_again_gives_the_same_bits(name: str) -> None:
    function, _ = SUMS[name]
    x = gg.tensor(numbers(), requires_grad=True)
    plain = function(x)
    graph = gg.walk(gg.sum(function(x) * function(x))).graph
    assert graph.run().item() == gg.sum(plain * plain).item()


@pytest.mark.parametrize("function", [lambda x, b: x + b, lambda x, b: x * b, lambda x, b: b / x], ids="+*/")
def test_a_number_that_was_repeated_gets_its_whole_gradient(function: Callable[[Any, Any], Any]) -> None:
    def gradient(dtype: str, shape: tuple[int, ...], create_graph: bool = False) -> Any:
        x, b = gg.tensor(numbers(dtype)), gg.tensor(np.full(shape, 1.0, dtype), requires_grad=True)
        y = function(x, b)
        y.backward(gg.tensor(numbers(dtype)), create_graph=create_graph)
        assert b.grad is not None
        return b.grad.data

    for shape in ((3,), (1, 3), (ROWS, 1), (1, 1), ()):
        found = gradient("float32", shape)
        assert (found.dtype, found.shape) == (np.float32, shape)
        np.testing.assert_allclose(found, gradient("float64", shape), rtol=3e-6)
        np.testing.assert_array_equal(gradient("float32", shape, create_graph=True), found)


@pytest.mark.parametrize("shape", [(ROWS, 3), (200, ROWS // 200, 3)])
def test_a_bias_gets_the_same_bits_written_by_hand(shape: tuple[int, ...]) -> None:
    w = np.eye(3, dtype=np.float32)
    upstream = gg.tensor(numbers().reshape(shape))
    found = []
    for layer in (lambda x, b: x @ gg.tensor(w) + b, lambda x, b: gg.nn.functional.linear(x, gg.tensor(w), b)):
        b = gg.zeros(3, dtype="float32", requires_grad=True)
        layer(gg.tensor(numbers().reshape(shape)), b).backward(upstream)
        assert b.grad is not None
        found.append(b.grad.data)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[0], numbers("float64").sum(0), rtol=3e-6)


def test_half_precision_is_rounded_once() -> None:
    x = np.full((3000, 2), 1.1, np.float16)
    assert gg.sum(x, axis=0).data.tolist() == [np.float16(3000 * float(np.float16(1.1)))] * 2
