"""What the tests know of pixels and channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _pixel_shuffle(x: Any, r: int) -> Any:
    *others, channels, height, width = x.shape
    out = np.empty((*others, channels // r**2, height * r, width * r))
    for i in range(r):
        for j in range(r):
            out[..., i::r, j::r] = x[..., i * r + j :: r * r, :, :]
    return out


def _pixel_unshuffle(x: Any, r: int) -> Any:
    *others, channels, height, width = x.shape
    out = np.empty((*others, channels * r**2, height // r, width // r))
    for i in range(r):
        for j in range(r):
            out[..., i * r + j :: r * r, :, :] = x[..., i::r, j::r]
    return out


def _channel_shuffle(x: Any, groups: int) -> Any:
    n = x.shape[1]
    return x[:, [first + k for k in range(n // groups) for first in range(0, n, n // groups)]]


FUNCTIONS: dict[str, Any] = {
    "channel_shuffle": _channel_shuffle,
    "pixel_shuffle": _pixel_shuffle,
    "pixel_unshuffle": _pixel_unshuffle,
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    F = torch.nn.functional

    def shuffled(x: Any, r: int) -> Any:
        """PyTorch's derivatives fail for images without elements."""
        return x.reshape(_pixel_shuffle(x.detach().numpy(), r).shape)

    def unshuffled(x: Any, r: int) -> Any:
        return x.reshape(_pixel_unshuffle(x.detach().numpy(), r).shape)

    return {
        "channel_shuffle": F.channel_shuffle,
        "pixel_shuffle": lambda x, upscale_factor: (F.pixel_shuffle if x.numel() else shuffled)(x, upscale_factor),
        "pixel_unshuffle": lambda x, downscale_factor: (F.pixel_unshuffle if x.numel() else unshuffled)(
            x, downscale_factor
        ),
    }
