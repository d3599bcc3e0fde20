"""What the tests know of the gamma function and its relatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special


def _polygamma(n: Any, x: Any) -> Any:
    # SciPy says inf at -inf, where there is no limit.
    return np.where(np.equal(x, -np.inf), np.nan, scipy.special.polygamma(n, x))


def _multigammaln(a: Any, d: int) -> Any:
    inside = np.greater(a, 0.5 * (d - 1))
    return np.where(inside, scipy.special.multigammaln(np.where(inside, a, d), d), np.nan)


FUNCTIONS: dict[str, Any] = {
    "digamma": scipy.special.digamma,
    "gammaln": scipy.special.gammaln,
    "multigammaln": _multigammaln,
    "polygamma": _polygamma,
    "zeta": scipy.special.zeta,
}


def counterparts() -> dict[str, Callable[..., Any]]:
    """Without polygamma, of which PyTorch has nine digits."""
    import torch

    return {
        "digamma": torch.special.digamma,
        "gammaln": torch.special.gammaln,
        "multigammaln": lambda a, d: torch.special.multigammaln(a, d),
        "zeta": lambda q, x: torch.special.zeta(torch.tensor(x, dtype=q.dtype), q),
    }


# The derivative of digamma is such a one.
COARSE = {("digamma", i, "float64"): {"rtol": 1e-8, "atol": 1e-12} for i in (0, 1, 2, 4, 1000)}

EDGES: dict[str, Any] = {
    "digamma": [([[-0.5, -2.25, 1e-3, 1e4]], {})],
    "gammaln": [([[-0.5, -2.25, 1e-3, 1e4, 0.0]], {})],
}
