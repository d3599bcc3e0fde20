"""What the tests know of Fourier transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
_SEVERAL = ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn")


def _of_numpy(name: str) -> Callable[..., Any]:
    """NumPy's function, which sums rounding errors in another order than SciPy's."""

    def transform(x: Any, norm: Any, **given: Any) -> Any:
        if given.get("s") is not None and given["axes"] is None:
            given["axes"] = tuple(range(-len(given["s"]), 0))
        return getattr(np.fft, name)(x, **given, norm=norm)

    return transform


FUNCTIONS: dict[str, Any] = {
    **{name: _of_numpy(name) for name in (*_ONE, *_SEVERAL)},
    "fftshift": np.fft.fftshift,
    "ifftshift": np.fft.ifftshift,
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def one(name: str) -> Callable[..., Any]:
        function = getattr(torch.fft, name)
        return lambda x, n=None, axis=-1, norm=None: function(x, n, axis, norm).resolve_conj()

    def several(name: str) -> Callable[..., Any]:
        function = getattr(torch.fft, name)
        default = (-2, -1) if name.endswith("2") else None
        return lambda x, s=None, axes=default, norm=None: function(x, s, axes, norm)

    def shift(name: str) -> Callable[..., Any]:
        return lambda x, axes=None: getattr(torch.fft, name)(x, axes)

    return {
        **{name: one(name) for name in _ONE},
        **{name: several(name) for name in _SEVERAL},
        **{name: shift(name) for name in ("fftshift", "ifftshift")},
    }
