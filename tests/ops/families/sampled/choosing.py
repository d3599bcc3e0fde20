"""What the tests know of random choices among elements."""

from __future__ import annotations

from typing import Any

import numpy as np


def _choice(a: Any, size: Any, replace: bool, p: Any, axis: int, seed: int) -> Any:
    return np.random.default_rng(seed).choice(a, size, replace, p, axis)


FUNCTIONS: dict[str, Any] = {
    "choice": _choice,
    "permutation": lambda x, axis, seed: np.random.default_rng(seed).permutation(x, axis),
}
