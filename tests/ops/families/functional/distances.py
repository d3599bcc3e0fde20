"""What the tests know of distances between all pairs of vectors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def _cdist(x1: Any, x2: Any, p: float) -> Any:
    differences = np.abs(x1[..., :, None, :] - x2[..., None, :, :])
    if p == 0:
        return np.sum(differences != 0, -1, dtype=float)
    if math.isinf(p):
        return np.max(differences, -1, initial=0.0)
    return np.sum(differences**p, -1) ** (1 / p)


def _pdist(x: Any, p: float) -> Any:
    return _cdist(x, x, p)[np.triu_indices(len(x), 1)]


FUNCTIONS: dict[str, Any] = {"cdist": _cdist, "pdist": _pdist}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def cdist(x1: Any, x2: Any, p: float = 2.0) -> Any:
        # Not by a product of matrices, which costs digits.
        return torch.cdist(x1, x2, p, compute_mode="donot_use_mm_for_euclid_dist")

    return {"cdist": cdist, "pdist": torch.pdist}


_SETS = [[[1.0, 2.0], [1.0, 2.0], [0.0, 2.0]]]

EDGES: dict[str, Any] = {
    "cdist": [([_SETS[0], [[1.0, 2.0]]], {"p": p}) for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)],
    "pdist": [(_SETS, {"p": p}) for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)],
}
