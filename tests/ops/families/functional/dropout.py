"""What the tests know of dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests import draws


def _channels(x: Any, seed: int | None, spatial: int) -> Any:
    """A random number for each channel, whose axes are the last ones."""
    return draws.random((*x.shape[:-spatial], *[1] * spatial), seed)


def _features(x: Any, seed: int | None) -> Any:
    """A random number for each channel, which has all axes but the first two."""
    return draws.random((*x.shape[:2], *[1] * (x.ndim - 2)), seed)


FUNCTIONS: dict[str, Any] = {"random_channels": _channels, "random_features": _features}

DROPS_NAN = {"alpha_dropout", "dropout"}  # that is what they do


def counterparts() -> dict[str, Callable[..., Any]]:
    """PyTorch draws other masks, and has no way to be told which: its own arithmetic with ours."""
    import torch

    def kept(shape: Any, p: float, seed: int, dtype: Any) -> Any:
        return torch.tensor(draws.random(tuple(shape), seed) >= p).to(dtype)

    def zeros(mask: Callable[[Any], Any]) -> Callable[..., Any]:
        def dropout(x: Any, p: float = 0.5, training: bool = True, seed: int = 0) -> Any:
            return x * kept(mask(x.shape), p, seed, x.dtype).div(1 - p) if training else x

        return dropout

    def saturated(mask: Callable[[Any], Any]) -> Callable[..., Any]:
        def dropout(x: Any, p: float = 0.5, training: bool = False, seed: int = 0) -> Any:
            if not training:
                return x
            alpha = 1.7580993408473766
            a = 1.0 / np.sqrt((alpha * alpha * p + 1) * (1 - p))
            noise = kept(mask(x.shape), p, seed, x.dtype)
            return x * (noise * a) + (noise - 1) * (alpha * a) + alpha * a * p

        return dropout

    return {
        "alpha_dropout": saturated(lambda shape: shape),
        "dropout": zeros(lambda shape: shape),
        "dropout1d": zeros(lambda shape: (*shape[:-1], 1)),
        "dropout2d": zeros(lambda shape: (*shape[:-2], 1, 1)),
        "dropout3d": zeros(lambda shape: (*shape[:-3], 1, 1, 1)),
        "feature_alpha_dropout": saturated(lambda shape: (*shape[:2], *[1] * (len(shape) - 2))),
    }
