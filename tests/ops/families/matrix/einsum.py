"""What the tests know of einsum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# NumPy's own, without a path: it multiplies all operands at once.
FUNCTIONS: dict[str, Any] = {"einsum": lambda subscripts, operands: np.einsum(subscripts, *operands)}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {"einsum": lambda operands, subscripts, optimize=True: torch.einsum(subscripts, *operands)}
