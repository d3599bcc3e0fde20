"""How a leaf's memory is filled, and how many inputs and outputs a weight has."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.graph.checks import check_writeable
from graphgrad.graph.errors import DTypeError, ShapeError, WriteError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import unlocked, wrote

__all__ = ["ANY", "Array", "check_axes", "fans", "fill", "normal", "uniform"]

Array = np.ndarray[Any, Any]

ANY = "biufc"
"""The kinds of all dtypes of numbers."""


def fans(tensor: Tensor, what: str) -> tuple[int, int]:
    """How many values each output sums over, and how many outputs each input goes to."""
    _check_tensor(tensor, what)
    if tensor.ndim < 2:
        raise ShapeError(
            describe(f"{what}: two axes are needed to count inputs and outputs", f"got: shape {tensor.shape}")
        )
    n_out, n_in, *window = tensor.shape
    return n_in * math.prod(window), n_out * math.prod(window)


def _check_tensor(tensor: object, what: str) -> None:
    if not isinstance(tensor, Tensor):
        raise DTypeError(describe(f"{what}: a Tensor is needed, got {type(tensor).__name__}"))


def fill(tensor: Tensor, what: str, draw: Callable[[], Any], kinds: str = "fc") -> Tensor:
    """Write what `draw` gives; the leaf keeps its memory and its dtype, which is of one of NumPy's `kinds`."""
    _check_tensor(tensor, what)
    if not tensor.is_leaf:
        raise WriteError(describe(f"{what}: a leaf is needed, {tensor._title()} was computed"))
    if tensor.dtype.kind not in kinds:
        raise DTypeError(describe(f"{what}: floats are needed, {tensor._title()} has dtype {tensor.dtype}"))
    check_writeable(what, [tensor])
    values = draw()
    with unlocked(tensor.data):
        tensor.data[...] = values
    wrote(tensor.data)
    return tensor


def uniform(rng: np.random.Generator, tensor: Tensor, low: float, high: float) -> Array:
    """Uniform draws, for complex numbers of both parts."""
    values = rng.uniform(low, high, tensor.shape)
    return values + 1j * rng.uniform(low, high, tensor.shape) if tensor.dtype.kind == "c" else values


def normal(rng: np.random.Generator, tensor: Tensor, mean: float, std: float) -> Array:
    """Normal draws; of complex numbers both parts have the mean, and together the variance std²."""
    if tensor.dtype.kind != "c":
        return rng.normal(mean, std, tensor.shape)
    part = std / math.sqrt(2.0)
    return rng.normal(mean, part, tensor.shape) + 1j * rng.normal(mean, part, tensor.shape)


def check_axes(tensor: Tensor, what: str, *counts: int) -> None:
    """Refuse a tensor that has another number of axes."""
    _check_tensor(tensor, what)
    if tensor.ndim not in counts:
        wanted = " or ".join(map(str, counts))
        raise ShapeError(describe(f"{what}: {wanted} axes are needed", f"got: shape {tensor.shape}"))
