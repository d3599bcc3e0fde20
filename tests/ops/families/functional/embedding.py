"""What the tests know of embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def counterparts() -> dict[str, Callable[..., Any]]:
    from torch.nn import functional as F

    return {"embedding": F.embedding}
