"""What the tests know of activations along an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special


def _half(x: Any, which: int, dim: int) -> Any:
    return np.split(x, 2, dim)[which]


def _pieces(x: Any, num_pieces: int, dim: int) -> Any:
    """The pieces of each unit on an axis of their own, the last."""
    units = np.moveaxis(x, dim, -1)
    grouped = units.reshape(*units.shape[:-1], -1 if units.size else units.shape[-1] // num_pieces, num_pieces)
    return np.moveaxis(grouped, -2, dim % x.ndim)


def _gumbel(x: Any, seed: int) -> Any:
    return np.random.default_rng(seed).gumbel(size=x.shape)


FUNCTIONS: dict[str, Any] = {
    "first_half": lambda x, dim: _half(x, 0, dim),
    "gumbel_noise": _gumbel,
    "largest": lambda x, dim: (x == x.max(dim, keepdims=True)) * 1.0 if x.size else x,
    "pieces": _pieces,
    "second_half": lambda x, dim: _half(x, 1, dim),
    "softmax": lambda x, dim: special.softmax(x, dim) if x.size else x,
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch
    from torch.nn import functional as F

    def gumbel_softmax(x: Any, tau: float = 1, hard: bool = False, dim: int = -1, seed: int = 0) -> Any:
        # PyTorch draws other noise, and has no way to be told which; with `hard`, the way it is done there.
        soft = ((x + torch.tensor(_gumbel(x, seed)).to(x.dtype)) / tau).softmax(dim)
        if not hard:
            return soft
        choice = torch.zeros_like(x).scatter_(dim, soft.argmax(dim, keepdim=True), 1.0)
        return choice - soft.detach() + soft

    def maxout(x: Any, num_pieces: int, dim: int = -1) -> Any:
        return torch.amax(x.unflatten(dim, (x.shape[dim] // num_pieces, num_pieces)), dim % x.ndim + 1)

    return {
        "glu": F.glu,
        "gumbel_softmax": gumbel_softmax,
        "maxout": maxout,
        "softmin": lambda x, dim=-1: F.softmin(x, dim),
    }


_LOGITS = [[0.0, 800.0, -800.0], [1.0, 1.0, 1.0]]
EDGES: dict[str, Any] = {
    "glu": [([[[1.0, 2.0, 3.0, 0.0, 800.0, -800.0]]], {})],
    "gumbel_softmax": [
        ([_LOGITS], {"hard": True, "seed": 5}),
        ([_LOGITS], {"hard": True, "tau": 0.5, "dim": 0, "seed": 6}),
    ],
    "maxout": [([[[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]], {"num_pieces": 3})],
    "softmin": [([_LOGITS], {})],
}
