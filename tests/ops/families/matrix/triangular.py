"""What the tests know of triangular equations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg


def _solve_triangular(a: Any, b: Any, trans: int, lower: bool, unit_diagonal: bool) -> Any:
    def solve(a: Any, b: Any) -> Any:
        return linalg.solve_triangular(a, b, trans, lower, unit_diagonal, check_finite=False)

    columns = b[:, None] if b.ndim == 1 else b
    if not columns.size or not a.size:
        shape = np.broadcast_shapes(a.shape[:-2], columns.shape[:-2])
        return np.zeros((*shape, *columns.shape[-2:]))
    solution = np.vectorize(solve, signature="(n,n),(n,k)->(n,k)")(a, columns)
    return solution[..., 0] if b.ndim == 1 else solution


FUNCTIONS: dict[str, Any] = {"solve_triangular": _solve_triangular}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def solve_triangular(a: Any, b: Any, trans: int = 0, lower: bool = False, unit_diagonal: bool = False) -> Any:
        whole, upper = (a.mT, lower) if trans else (a, not lower)
        columns = b[:, None] if b.ndim == 1 else b
        solution = torch.linalg.solve_triangular(whole, columns, upper=upper, unitriangular=unit_diagonal)
        return solution[..., 0] if b.ndim == 1 else solution

    return {"solve_triangular": solve_triangular}
