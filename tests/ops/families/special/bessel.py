"""What the tests know of Bessel functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

FUNCTIONS: dict[str, Any] = {
    name: getattr(scipy.special, name) for name in ("i0", "i0e", "i1", "i1e", "iv", "ive", "jv", "spherical_jn")
}

LIMITS = {
    (name, value): (0.0, slope)
    for name, slope in (("i0e", None), ("i1e", 0.0), ("ive", 0.0))
    for value in (np.inf, -np.inf)
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {name: getattr(torch.special, name) for name in ("i0", "i0e", "i1", "i1e")}


EDGES: dict[str, Any] = {
    "i0": [([[0.0, 80.0, -80.0, 1e-12]], {})],
    "i0e": [([[0.0, 800.0, -800.0]], {})],
    "i1": [([[0.0, 80.0, -80.0, 1e-12]], {})],
    "i1e": [([[0.0, 800.0, -800.0]], {})],
}
