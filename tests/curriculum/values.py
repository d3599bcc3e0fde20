"""What the worked numbers are computed with: float64 tensors, slopes and Jacobians."""

from collections.abc import Callable
from typing import Any

import numpy as np

import graphgrad as gg


def leaf(value: Any) -> gg.Tensor:
    """A float64 leaf that needs a gradient."""
    return gg.tensor(value, dtype="float64", requires_grad=True)


def const(value: Any) -> gg.Tensor:
    """A float64 leaf that needs none."""
    return gg.tensor(value, dtype="float64")


def slope(f: Callable[[Any], Any], x: Any) -> gg.Tensor:
    """The derivative of an elementwise function at every element."""
    return gg.grad(lambda v: gg.sum(f(v)))(leaf(x))


def jacobian(f: Callable[[Any], Any], x: Any) -> list[Any]:
    """Row i: the gradient of output i, from vectors to vectors."""
    x = leaf(x)
    y = f(x)
    rows = []
    for i in range(y.shape[0]):
        x.grad = None
        y.backward(np.eye(y.shape[0])[i], retain_graph=True)
        rows.append(x.grad)
    return rows
