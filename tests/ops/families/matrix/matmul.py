"""What the tests know of products of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {"matmul": torch.matmul}
