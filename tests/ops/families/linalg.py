"""What the tests know of products of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch
    from torch.nn import functional as F

    return {"linear": F.linear, "matmul": torch.matmul}
