"""What the tests know of complex numbers; `tests.ops.test_complex` has the complex operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {
    "angle": np.angle,
    "complex": lambda real, imag: real + 1j * np.asarray(imag),
    "conj": np.conj,
    "imag": np.imag,
    "real": np.real,
    "view_as_complex": lambda x: x @ np.array([1.0, 1.0j]),
    "view_as_real": lambda x: np.stack([np.real(x), np.imag(x)], -1),
}

DROPS_NAN = {"imag"}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def parts(x: Any) -> Any:
        return torch.view_as_real(x if x.is_complex() else torch.complex(x, torch.zeros_like(x)))

    return {
        "angle": torch.angle,
        "complex": lambda real, imag: torch.complex(*torch.broadcast_tensors(real, imag)),
        "conj": torch.conj_physical,
        "imag": lambda x: parts(x)[..., 1],
        "real": torch.real,
        "view_as_complex": torch.view_as_complex,
        "view_as_real": parts,
    }
