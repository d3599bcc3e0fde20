"""What the tests know of the powers of a vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {"vander": np.vander}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
        # Its own writes in place what it then needs to pass back.
        powers = torch.stack([x**k for k in range(x.numel() if N is None else N)], 1)
        return powers if increasing else powers.flip(1)

    return {"vander": vander}
