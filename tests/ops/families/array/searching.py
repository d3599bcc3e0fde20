"""What the tests know of questions about elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {
    "all": np.all,
    "any": np.any,
    "argmax": np.argmax,
    "argmin": np.argmin,
    "count_nonzero": np.count_nonzero,
    "digitize": np.digitize,
    "searchsorted": np.searchsorted,
}

# Rounded to integers, the sorted values or the edges may be out of order, or the same.
NO_INTEGERS = {"digitize", "searchsorted"}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {
        "argmax": lambda x, axis=None, keepdims=False: torch.argmax(x, axis, keepdims),
        "argmin": lambda x, axis=None, keepdims=False: torch.argmin(x, axis, keepdims),
        "searchsorted": lambda a, v, side="left": torch.searchsorted(a, v.contiguous(), side=side),
    }
