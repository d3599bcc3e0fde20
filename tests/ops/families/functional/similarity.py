"""What the tests know of similarities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def counterparts() -> dict[str, Callable[..., Any]]:
    from torch.nn import functional as F

    return {
        "cosine_similarity": F.cosine_similarity,
        "normalize": F.normalize,
        "pairwise_distance": F.pairwise_distance,
    }


_ZEROS, _NEAR = [[0.0, 0.0, 0.0], [1.0, 2.0, -2.0]], [[0.0, 0.0, 0.0], [1.0, 2.0, 2.0]]
_ORDERS = (0.5, 1.0, 2.0, 3.0, np.inf)
EDGES: dict[str, Any] = {
    "cosine_similarity": [([_ZEROS, [[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]], {})],
    "normalize": [([_ZEROS], {"p": p}) for p in _ORDERS],
    "pairwise_distance": [([_ZEROS, _NEAR], {"p": p, "eps": eps}) for p in _ORDERS for eps in (1e-6, 0.0)],
}
