"""Attention in plain NumPy: the twins of `graphgrad.kernels.attention`, which says what they take and give.

All scores are there at once.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from graphgrad.kernels.plain.random import dropped
from graphgrad.kernels.sums import add_up

__all__ = ["backward", "forward"]

Array = np.ndarray[Any, Any]


def _scores(query: Array, key: Array, mask: Array | None, scale: float, causal: bool) -> Array:
    scores = query * query.dtype.type(scale) @ key.mT
    if mask is not None:
        scores = scores + mask if mask.dtype.kind == "f" else np.where(mask, scores, query.dtype.type(-np.inf))
    if causal:
        scores[..., ~np.tri(*scores.shape[-2:], dtype=np.bool)] = -np.inf
    return np.asarray(scores)


def _kept(weights: Array, batch: tuple[int, ...], drop: tuple[int, float] | None) -> Array:
    """The weights, or their gradients, for all leading axes, some of them dropped."""
    if drop is None:
        return weights
    return dropped(np.broadcast_to(weights, (*batch, *weights.shape[-2:])), *drop)


def forward(
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None,
    scale: float,
    causal: bool,
    drop: tuple[int, float] | None = None,
) -> tuple[Array, tuple[Array, Array]]:
    """softmax(scale · Q Kᵀ + mask) V, and of each query the greatest score and a share of the exponentials above it."""
    batch = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    weights = _scores(query, key, mask, scale, causal)
    zero = weights.dtype.type(0)
    top = np.fmax.reduce(weights, axis=-1, keepdims=True, initial=-np.inf)  # nan stays where it is
    top[np.isneginf(top)] = zero
    weights -= top
    np.exp(weights, out=weights)
    total = np.add.reduce(weights, axis=-1, keepdims=True)
    share = np.divide(1, total, out=total, where=total != 0)
    out = _kept(weights * share, batch, drop) @ value
    top, share = (np.broadcast_to(one[..., 0], out.shape[:-1]) for one in (top, share))
    return out, (top, share)


def backward(
    g: Array,
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None,
    kept: tuple[Array, Array],
    scale: float,
    causal: bool,
    needs: Collection[str],
    drop: tuple[int, float] | None = None,
) -> dict[str, Array]:
    """The gradients of those operands, by name."""
    batch = g.shape[:-2]
    top, share = (one[..., None] for one in kept)
    weights = np.exp(_scores(query, key, mask, scale, causal) - top) * share
    found: dict[str, Array] = {}
    if "value" in needs:
        found["value"] = _kept(weights, batch, drop).mT @ g
    grads = _kept(g @ value.mT, batch, drop)
    grads -= np.add.reduce(weights * grads, axis=-1, keepdims=True)
    grads = weights * grads
    if "query" in needs:
        found["query"] = grads @ key * query.dtype.type(scale)
    if "key" in needs:
        found["key"] = grads.mT @ query * query.dtype.type(scale)
    if "mask" in needs and mask is not None:
        axes = tuple(range(grads.ndim - mask.ndim))
        axes += tuple(axis - mask.ndim for axis, n in enumerate(mask.shape) if n != grads.shape[axis - mask.ndim])
        found["mask"] = add_up(grads, axes, True).reshape(mask.shape)
    return found
