"""What a dense layer does beside its products of matrices: a bias and an activation, and both backward.

All arrays are matrices, a row for each example. The activations here are those whose derivative follows from the value:
relu, tanh and sigmoid.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.kernels.sums import add_up

__all__ = ["ACTIVATIONS", "back", "finish"]

Array = np.ndarray[Any, Any]

ACTIVATIONS = ("relu", "tanh", "sigmoid")


def finish(out: Array, bias: Array | None, activation: str) -> None:
    """Add a bias to each row of a product, and activate it, in place."""
    if bias is not None:
        out += bias
    if activation == "relu":
        np.clip(out, 0, np.inf, out=out)
    elif activation == "tanh":
        np.tanh(out, out=out)
    else:
        np.negative(out, out=out)
        with np.errstate(over="ignore"):  # 1 / inf is the 0 that is meant
            np.exp(out, out=out)
        out += 1
        np.divide(1, out, out=out)


def back(g: Array, out: Array, activation: str) -> tuple[Array, Array]:
    """The gradient before the activation, and its sum over the rows, which is that of the bias.

    Parameters
    ----------
    g, out
        What arrives, and what `finish` made.
    """
    if activation == "relu":
        d = np.where(out <= 0, g.dtype.type(0), g)
    elif activation == "tanh":
        d = g * (1 - out * out)
    else:
        d = g * (out * (1 - out))
    return d, add_up(d, 0)
