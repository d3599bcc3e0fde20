"""What the tests know of matrices without an inverse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.ops.families.matrix.spectral import finite_only


def _pinv(x: Any, rtol: float | None) -> Any:
    bound = max(x.shape[-2:]) * np.finfo(x.dtype).eps if rtol is None else rtol
    return finite_only(lambda one: np.linalg.pinv(one, rtol=bound))(x)


def _lstsq(a: Any, b: Any, rcond: float | None) -> tuple[Any, ...]:
    columns = b[:, None] if b.ndim == 1 else b
    x = _pinv(a, rcond) @ columns
    residuals = np.sum((a @ x - columns) ** 2, -2)
    s = finite_only(lambda one: np.linalg.svd(one, compute_uv=False))(a)
    rank = np.sum(s > (max(a.shape[-2:]) * 2.3e-16 if rcond is None else rcond) * s[..., :1], -1)
    return x[..., 0] if b.ndim == 1 else x, residuals, rank, s


FUNCTIONS: dict[str, Any] = {
    "lstsq": _lstsq,
    "matrix_rank": lambda x, rtol: np.linalg.matrix_rank(x, rtol=rtol),
    "pinv": _pinv,
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
        columns = b[:, None] if b.ndim == 1 else b
        x = torch.linalg.pinv(a, rtol=rcond) @ columns
        residuals = ((a @ x - columns) ** 2).sum(-2)
        rank, s = torch.linalg.matrix_rank(a, rtol=rcond), torch.linalg.svdvals(a)
        return x[..., 0] if b.ndim == 1 else x, residuals, rank, s

    return {
        "lstsq": lstsq,
        "matrix_rank": lambda x, rtol=None: torch.linalg.matrix_rank(x, rtol=rtol),
        "pinv": lambda x, rtol=None: torch.linalg.pinv(x, rtol=rtol),
    }


# Where the rank is less than it could be.
EDGES: dict[str, Any] = {"pinv": [([[[1.0, 2.0], [2.0, 4.0]]], {}), ([[[0.0, 0.0], [0.0, 0.0]]], {})]}
