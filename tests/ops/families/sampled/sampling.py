"""What the tests know of random numbers: NumPy's generators, which draw the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def drawn(name: str) -> Callable[..., Any]:
    """A distribution as NumPy has it, with the parameters first, then the size and the seed."""

    def draw(*arguments: Any) -> Any:
        *parameters, size, seed = arguments
        return getattr(np.random.default_rng(seed), name)(*parameters, size)

    return draw


def _uniform(low: Any, high: Any, size: Any, seed: int) -> Any:
    # NumPy's refuses nan.
    shape = np.broadcast_shapes(np.shape(low), np.shape(high)) if size is None else size
    return low + (high - low) * np.random.default_rng(seed).random(shape)


def _cauchy(loc: Any, scale: Any, size: Any, seed: int) -> Any:
    shape = np.broadcast_shapes(np.shape(loc), np.shape(scale)) if size is None else size
    return loc + scale * np.random.default_rng(seed).standard_cauchy(shape)


_NUMPYS = ("exponential", "gumbel", "laplace", "logistic", "lognormal", "normal", "pareto", "rayleigh", "weibull")

FUNCTIONS: dict[str, Any] = {**{name: drawn(name) for name in _NUMPYS}, "cauchy": _cauchy, "uniform": _uniform}

# Of whole numbers as parameters the draws are of the default dtype.
NO_INTEGERS = {*_NUMPYS, "cauchy", "uniform"}
