"""What the tests know of attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from tests import draws


def _heads(x: Any, query: Any, grouped: bool) -> Any:
    """The heads of keys or values, one for each of the queries'."""
    return np.repeat(x, query.shape[-3] // x.shape[-3], axis=-3) if grouped else x


def _weights(
    query: Any, key: Any, mask: Any, dropout_p: float, is_causal: bool, scale: float | None, seed: int | None
) -> Any:
    key = _heads(key, query, query.ndim > 2 and key.shape[-3] != query.shape[-3])
    scores = query @ np.swapaxes(key, -1, -2) * (query.shape[-1] ** -0.5 if scale is None else scale)
    mask = np.asarray(mask)
    scores = np.where(mask, scores, -np.inf) if mask.dtype == np.bool else scores + mask
    if is_causal:
        rows, columns = np.indices(scores.shape[-2:])
        scores = np.where(rows >= columns, scores, -np.inf)
    blind = np.all(scores == -np.inf, axis=-1, keepdims=True)
    weights = np.where(blind, 0.0, special.softmax(np.where(blind, 0.0, scores), axis=-1))
    if dropout_p:
        weights = np.where(draws.random(weights.shape, seed) < dropout_p, 0, weights / (1 - dropout_p))
    return weights


FUNCTIONS: dict[str, Any] = {"attention_weights": _weights, "heads": _heads}


# A mask of integers could mean either of two things.
NO_INTEGERS = {"scaled_dot_product_attention"}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def attention(
        query: Any, key: Any, value: Any, mask: Any, dropout_p: float = 0.0, seed: int | None = None, **attrs: Any
    ) -> Any:
        function = torch.nn.functional.scaled_dot_product_attention
        if not dropout_p:
            return function(query, key, value, mask, **attrs)
        # PyTorch draws another mask: its own weights, as the attention to unit vectors, with ours.
        weights = function(
            query, key, torch.eye(key.shape[-2], dtype=key.dtype).expand(*key.shape[:-1], -1), mask, **attrs
        )
        kept = draws.random(tuple(weights.shape), seed) >= dropout_p
        return weights * torch.tensor(kept).to(weights.dtype).div(1 - dropout_p) @ value

    return {"scaled_dot_product_attention": attention}
