"""What the tests know of axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {
    "atleast_1d": lambda x: np.array(x, ndmin=1),
    "atleast_2d": lambda x: np.array(x, ndmin=2),
    "atleast_3d": np.atleast_3d,
    "expand_dims": np.expand_dims,
    "matrix_transpose": lambda x: np.einsum("...ij->...ji", x),
    "moveaxis": np.moveaxis,
    "permute_dims": np.transpose,
    "squeeze": np.squeeze,
    "swapaxes": np.swapaxes,
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def expand_dims(x: Any, axis: Any) -> Any:
        axes = axis if isinstance(axis, tuple) else (axis,)
        rank = x.ndim + len(axes)
        for at in sorted(one % rank for one in axes):
            x = torch.unsqueeze(x, at)
        return x

    return {
        "atleast_1d": torch.atleast_1d,
        "atleast_2d": torch.atleast_2d,
        "atleast_3d": torch.atleast_3d,
        "expand_dims": expand_dims,
        "matrix_transpose": lambda x: x.mT,
        "moveaxis": torch.moveaxis,
        "permute_dims": lambda x, axes=None: torch.permute(x, axes or tuple(range(x.ndim))[::-1]),
        "squeeze": lambda x, axis=None: torch.squeeze(x) if axis is None else torch.squeeze(x, axis),
        "swapaxes": lambda x, axis1, axis2: torch.swapaxes(x, axis1, axis2),
    }
