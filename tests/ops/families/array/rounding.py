"""What the tests know of rounding, remainders and bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _clip(x: Any, min: Any, max: Any) -> Any:
    raised = x if min is None else np.maximum(x, min)
    return raised if max is None else np.minimum(raised, max)


FUNCTIONS: dict[str, Any] = {
    "ceil": np.ceil,
    "clip": _clip,
    "floor": np.floor,
    "fmax": np.fmax,
    "fmin": np.fmin,
    "isfinite": np.isfinite,
    "nan_to_num": np.nan_to_num,
    "round": np.round,
    "signbit": np.signbit,
    "trunc": np.trunc,
}

NO_BOOLS = {"frac"}
DROPS_NAN = {"float_power", "fmax", "fmin", "heaviside", "nan_to_num"}
WIDENS = {"float_power"}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    names = "ceil copysign float_power floor floor_divide fmax fmin fmod frac nan_to_num remainder trunc"
    found: dict[str, Callable[..., Any]] = {name: getattr(torch, name) for name in names.split()}
    found["round"] = lambda x, decimals=0: torch.round(x, decimals=decimals)
    found["clip"] = lambda x, min=None, max=None: x.clone() if min is None and max is None else torch.clip(x, min, max)
    return found


_SPECIAL = [np.nan, np.inf, -np.inf, 1.0]
EDGES: dict[str, Any] = {
    "ceil": [([[-0.5, 2.0, np.inf]], {})],
    "clip": [([[-1.0, 1.0, 2.0, -2.0, 0.0]], {"min": -1.0, "max": 1.0}), ([[0.0, 1.0]], {"min": 2.0, "max": -2.0})],
    "copysign": [([[0.0, -0.0, 2.0, -2.0], [-1.0, 1.0, -0.0, 0.0]], {})],
    "floor": [([[-0.5, 2.0, np.inf]], {})],
    "fmax": [([[1.0, 2.0, np.nan, 2.0, np.nan], [1.0, 3.0, 2.0, np.nan, np.nan]], {})],
    "fmin": [([[1.0, 2.0, np.nan, 2.0, np.nan], [1.0, 3.0, 2.0, np.nan, np.nan]], {})],
    "fmod": [([[6.0, -6.0, 7.0, -7.0], [3.0, 3.0, -3.0, 2.0]], {})],
    "frac": [([[2.0, -2.0, 0.0]], {})],
    "nan_to_num": [([_SPECIAL], {}), ([_SPECIAL], {"nan": 5.0, "posinf": 6.0, "neginf": 7.0})],
    "remainder": [([[6.0, -6.0, 7.0, -7.0], [3.0, 3.0, -3.0, 2.0]], {})],
    "round": [([[0.5, 1.5, -0.5, 2.5]], {})],
    "trunc": [([[-0.5, 2.0, np.inf]], {})],
}
