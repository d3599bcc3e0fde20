"""What the tests know of similarities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def counterparts() -> dict[str, Callable[..., Any]]:
    from torch.nn import functional as F

    return {
        "cosine_similarity": F.cosine_similarity,
        "normalize": F.normalize,
        "pairwise_distance": F.pairwise_distance,
    }
