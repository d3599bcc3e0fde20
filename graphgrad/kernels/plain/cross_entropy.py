"""Cross entropy of rows of logits, one row for each example, and the true class of each.

An example that doesn't count has the class -1: its loss is 0, and its row of the gradient holds zeros, whatever its
logits are. A row's greatest logit and the sum of the exponentials above it are all that is needed of it again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["gradient", "losses"]

Array = np.ndarray[Any, Any]


def losses(x: Array, target: Array) -> tuple[Array, Array, Array]:
    """The losses of the rows, the greatest element of each, and the sums of exp(x - greatest).

    Parameters
    ----------
    x
        Logits, (N, C).
    target
        The class of each row, (N,), integers of 64 bits; -1 for one that doesn't count.
    """
    top = np.maximum.reduce(x, axis=1, initial=-np.inf)
    powers = x - top[:, None]
    np.exp(powers, out=powers)
    total = np.add.reduce(powers, axis=1)
    true = x[np.arange(len(x)), target] if x.size else top
    found = np.log(total) + (top - true)
    if target.size and target.min() < 0:
        found[target < 0] = 0
    return found, top, total


def gradient(x: Array, target: Array, top: Array, total: Array, scale: Array) -> Array:
    """Of each row (softmax - one_hot) · scale, with what `losses` found.

    Parameters
    ----------
    x, target, top, total
        As there.
    scale
        What each loss receives, (N,).
    """
    out = x - top[:, None]
    np.exp(out, out=out)
    out *= (scale / total)[:, None]
    if x.size:
        out[np.arange(len(x)), target] -= scale
    if target.size and target.min() < 0:
        out[target < 0] = 0
    return out
