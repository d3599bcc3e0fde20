"""What the tests know of the error function, normal probabilities and entropies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special

FUNCTIONS: dict[str, Any] = {name: getattr(scipy.special, name) for name in ("erf", "erfc", "erfcx", "erfinv", "ndtr")}

LIMITS = {("entr", -np.inf): (-np.inf, None), ("erfcx", np.inf): (0.0, 0.0)}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    names = "entr erf erfc erfcx erfinv log_ndtr logit ndtr ndtri"
    return {name: getattr(torch.special, name) for name in names.split()}


EDGES: dict[str, Any] = {
    "entr": [([[0.0, 1.0, 1e-30]], {})],
    "erf": [([[30.0, -30.0, 1e-12, 0.0]], {})],
    "erfc": [([[20.0, -30.0, 1e-12, 0.0]], {})],
    "erfinv": [([[1.0, -1.0, 1e-12]], {})],
    "log_ndtr": [([[-40.0, 0.0, 8.0, 40.0]], {})],
    "logit": [([[0.0, 1.0, 1e-12]], {})],
    "ndtr": [([[-30.0, 30.0, 0.0]], {})],
    "ndtri": [([[0.0, 1.0, 1e-6]], {})],
}
