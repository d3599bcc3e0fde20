"""What the tests know of products of arrays of any number of axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {
    "dot": np.dot,
    "inner": np.inner,
    "kron": np.kron,
    "outer": np.outer,
    "tensordot": np.tensordot,
    "vdot": np.vdot,
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def dot(a: Any, b: Any) -> Any:
        return torch.tensordot(a, b, ([-1], [max(b.ndim - 2, 0)])) if a.ndim and b.ndim else a * b

    def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
        if isinstance(axes, int):
            return torch.tensordot(a, b, axes)
        return torch.tensordot(a, b, [[one] if isinstance(one, int) else list(one) for one in axes])

    return {
        "dot": dot,
        "inner": torch.inner,
        "kron": torch.kron,
        "outer": lambda a, b: torch.outer(a.ravel(), b.ravel()),
        "tensordot": tensordot,
        "vdot": lambda a, b: torch.vdot(a.ravel(), b.ravel()),
    }
