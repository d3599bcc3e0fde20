"""What the tests know of normalisations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _group_normalized(x: Any, groups: int, eps: float) -> Any:
    """Each group of each example for itself."""
    out = np.empty_like(x)
    size = x.shape[1] // groups
    for example in range(len(x)):
        for group in range(groups):
            where = (example, slice(group * size, (group + 1) * size))
            out[where] = (x[where] - x[where].mean()) / np.sqrt(x[where].var() + eps)
    return out


def _mean_of_neighbours(x: Any, size: int) -> Any:
    """Over the channels, from size // 2 before to (size - 1) // 2 after; zeros beyond the ends."""
    out = np.zeros_like(x)
    for channel in range(x.shape[1]):
        first = max(channel - size // 2, 0)
        out[:, channel] = x[:, first : channel + (size - 1) // 2 + 1].sum(axis=1) / size
    return out


def _channel(x: Any) -> Any:
    """The number of the channel of each element, on axis 1."""
    return np.arange(x.shape[1]).reshape(-1, *[1] * (x.ndim - 2))


def _all_but_channels(x: Any) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


FUNCTIONS: dict[str, Any] = {
    "channel": _channel,
    "epsilon": lambda eps: np.finfo(np.float64).eps if eps is None else eps,
    "group_normalized": _group_normalized,
    "last": lambda shape: tuple(range(-len(shape), 0)),
    "mean_of_channels": lambda x: np.mean(x, axis=_all_but_channels(x), keepdims=True),
    "mean_of_neighbours": _mean_of_neighbours,
    "mean_of_places": lambda x: np.mean(x, axis=tuple(range(2, x.ndim)), keepdims=True),
    "var_of_channels": lambda x: np.var(x, axis=_all_but_channels(x), keepdims=True),
    "var_of_places": lambda x: np.var(x, axis=tuple(range(2, x.ndim)), keepdims=True),
}


NO_INTEGERS = {"batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    F = torch.nn.functional

    def by_running(x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
        """PyTorch gives running statistics no gradient; they are constants in its modules."""
        one = lambda values: values.reshape(-1, *[1] * (x.ndim - 2))
        return (x - one(mean)) / (one(var) + eps).sqrt() * one(weight) + one(bias)

    def without_elements(x: Any, weight: Any, bias: Any, eps: float) -> Any:
        """PyTorch has no gradient for the weights of an input without elements."""
        zeros = torch.zeros(x.shape[1], dtype=x.dtype)
        one = torch.ones(x.shape[1], dtype=x.dtype)
        return by_running(x, zeros, one, one if weight is None else weight, zeros if bias is None else bias, eps)

    def local_response_norm(x: Any, **attrs: Any) -> Any:
        return F.local_response_norm(x, **attrs) if x.ndim > 2 else F.local_response_norm(x[..., None], **attrs)[..., 0]

    def by_own(function: Any, x: Any, weight: Any, bias: Any, momentum: float, eps: float) -> Any:
        if not x.numel():
            return without_elements(x, weight, bias, eps)
        return function(x, None, None, weight, bias, True, momentum, eps)

    def batch_norm(
        x: Any, mean: Any, var: Any, w: Any, b: Any, training: bool = False, momentum: float = 0.1, eps: float = 1e-5
    ) -> Any:
        if training:
            return by_own(F.batch_norm, x, w, b, momentum, eps)
        return by_running(x, mean, var, w, b, eps)

    def instance_norm(
        x: Any,
        mean: Any,
        var: Any,
        w: Any,
        b: Any,
        use_input_stats: bool = True,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Any:
        if use_input_stats:
            return by_own(F.instance_norm, x, w, b, momentum, eps)
        return by_running(x, mean, var, w, b, eps)

    return {
        "batch_norm": batch_norm,
        "instance_norm": instance_norm,
        "group_norm": lambda x, weight, bias, num_groups, eps=1e-5: F.group_norm(x, num_groups, weight, bias, eps),
        "layer_norm": lambda x, w, b, normalized_shape, eps=1e-5: F.layer_norm(x, normalized_shape, w, b, eps),
        "local_response_norm": local_response_norm,
        "rms_norm": lambda x, weight, normalized_shape, eps=None: F.rms_norm(x, normalized_shape, weight, eps),
    }
