"""What the tests know of putting tensors together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {
    "column_stack": np.column_stack,
    "concat": lambda tensors, axis: np.concatenate(tensors, axis),
    "dstack": np.dstack,
    "hstack": np.hstack,
    "stack": lambda tensors, axis: np.stack(tensors, axis),
    "vstack": np.vstack,
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {
        "column_stack": torch.column_stack,
        "concat": lambda tensors, axis=0: (
            torch.concat([one.ravel() for one in tensors]) if axis is None else torch.concat(tensors, axis)
        ),
        "dstack": torch.dstack,
        "hstack": torch.hstack,
        "stack": lambda tensors, axis=0: torch.stack(tensors, axis),
        "vstack": torch.vstack,
    }
