"""Cross entropy where the classes lie apart: of logits (examples, classes, places), as images and sequences have them.

An example's places lie side by side in memory, and each has its own loss. The true probability of a class is
`share` · t + `even`: t is 1 at the class of a place and 0 elsewhere, or stands in a table of the logits' shape; and
`even` is what smoothing gives to all classes. The loss is the sum over the classes of weight · probability ·
(log(Σ exp) - logit). A place that doesn't count has the class -1: its loss is 0, and so is its gradient, whatever its
logits are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["gradient", "losses"]

Array = np.ndarray[Any, Any]


def _table(target: Array, x: Array, share: float, even: float) -> Array:
    """The true probabilities of all classes."""
    if target.dtype.kind == "f":
        return target * share + even
    table = np.full(x.shape, even, x.dtype)
    examples, places = np.nonzero(target >= 0)
    table[examples, target[examples, places], places] += share
    return table


def losses(x: Array, target: Array, weight: Array, share: float, even: float) -> tuple[Array, Array, Array]:
    """The losses of the places, the greatest logit of each, and what their softmax has to be multiplied by, divided.

    The gradient of a loss is exp(x - greatest) · factor - weight · probability. The factor is the sum of weight ·
    probability over the classes, divided by that of exp(x - greatest).

    Parameters
    ----------
    x
        Logits, (N, C, P).
    target
        The class of each place, (N, P), integers of 64 bits, -1 for one that doesn't count; or a table, (N, C, P).
    weight
        How much each class counts, (C,).
    share, even
        What probabilities are made of, see above.
    """
    top = np.maximum.reduce(x, axis=1, initial=-np.inf)
    powers = x - top[:, None]
    np.exp(powers, out=powers)
    total = np.add.reduce(powers, axis=1)
    truth = _table(target, x, share, even)
    truth *= weight[:, None]
    mass = np.add.reduce(truth, axis=1)
    if target.dtype.kind == "f" or even:
        away = top[:, None] - x
        away *= truth
        found = np.add.reduce(away, axis=1)
    else:  # what a class of probability 0 has for a logit, which may be -inf, is not asked
        true = np.maximum(target, 0)[:, None]
        found = share * weight[true[:, 0]] * (top - np.take_along_axis(x, true, 1)[:, 0])
    found += mass * np.log(total)
    factor = mass / total
    if target.dtype.kind != "f":
        found[target < 0] = 0
        factor[target < 0] = 0
    return found, top, factor


def gradient(
    x: Array, target: Array, weight: Array, share: float, even: float, top: Array, factor: Array, scale: Array
) -> Array:
    """Of each place (exp(x - greatest) · factor - weight · probability) · scale, with what `losses` found.

    Parameters
    ----------
    x, target, weight, share, even, top, factor
        As there.
    scale
        What each loss receives, (N, P).
    """
    out = x - top[:, None]
    np.exp(out, out=out)
    out *= factor[:, None]
    truth = _table(target, x, share, even)
    truth *= weight[:, None]
    out -= truth
    out *= scale[:, None]
    if target.dtype.kind != "f":
        np.copyto(out, 0, where=(target < 0)[:, None])
    return out
