"""What the tests know of convolution and cross-correlation: the double sum over both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _convolve(a: Any, v: Any, mode: str) -> Any:
    sizes = list(zip(np.shape(a), np.shape(v), strict=True))
    full = np.zeros([n + m - 1 for n, m in sizes])
    for at in np.ndindex(*np.shape(a)):
        for by in np.ndindex(*np.shape(v)):
            full[tuple(np.add(at, by))] += a[at] * v[by]
    for axis, pair in enumerate(sizes):
        short, long = min(pair), max(pair)
        start = {"full": 0, "same": (short - 1) // 2, "valid": short - 1}[mode]
        count = {"full": sum(pair) - 1, "same": long, "valid": long - short + 1}[mode]
        full = np.take(full, range(start, start + count), axis)
    return full


def _correlate(a: Any, v: Any, mode: str) -> Any:
    if mode != "full" and np.size(v) > np.size(a):
        return np.flip(_correlate(v, a, mode))
    return _convolve(a, np.flip(v), mode)


FUNCTIONS: dict[str, Any] = {"convolve": _convolve, "correlate": _correlate}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def flipped(x: Any) -> Any:
        return torch.flip(x, tuple(range(x.ndim)))

    def convolve(a: Any, v: Any, mode: str = "full") -> Any:
        if v.numel() > a.numel():
            a, v = v, a
        full = getattr(torch.nn.functional, f"conv{a.ndim}d")(
            a[None, None], flipped(v)[None, None], padding=[m - 1 for m in v.shape]
        )[0, 0]
        for axis, (n, m) in enumerate(zip(a.shape, v.shape, strict=True)):
            start = {"full": 0, "same": (m - 1) // 2, "valid": m - 1}[mode]
            count = {"full": n + m - 1, "same": n, "valid": n - m + 1}[mode]
            full = full.narrow(axis, start, count)
        return full

    def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
        if mode != "full" and v.numel() > a.numel():
            return flipped(convolve(v, flipped(a), mode))
        return convolve(a, flipped(v), mode)

    return {"convolve": convolve, "correlate": correlate}
