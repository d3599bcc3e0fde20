"""Seeds: a random operation keeps the one that it drew with, so that its graph runs again to the same numbers.

The numbers themselves aren't kept: a rule draws them again.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from graphgrad.graph.random import generator_or_default

__all__ = ["below_one", "generator", "keep_seed", "uniform"]

_SEEDS = 2**32


def keep_seed(attrs: dict[str, Any], draws: bool = True) -> None:
    """Bring ``seed`` into the form in which it is kept: an integer from 0, drawn if it was left out.

    Parameters
    ----------
    attrs
        The attributes of a call. A generator as ``seed`` is one to draw it from, in place of the process's.
    draws
        Whether the call needs random numbers at all; if not, the process's generator stays where it is.
    """
    seed = attrs["seed"]
    if isinstance(seed, np.random.Generator):
        attrs["seed"] = int(seed.integers(_SEEDS)) if draws else None
    elif seed is not None:
        attrs["seed"] = operator.index(seed)
        if attrs["seed"] < 0:
            raise ValueError(f"seed is an integer from 0, got {seed}")
    elif draws:
        attrs["seed"] = int(generator_or_default(None).integers(_SEEDS))


def generator(seed: int | None) -> np.random.Generator:
    """What draws with a seed that was kept."""
    assert seed is not None, "a call that draws has a seed"
    return np.random.default_rng(seed)


def uniform(seed: int | None, shape: tuple[int, ...]) -> Any:
    """Random numbers from [0, 1), in float64 whatever they are used with: the same seed, the same choice."""
    return generator(seed).random(shape)


def below_one(even: Any, dtype: np.dtype[Any]) -> Any:
    """Numbers from [0, 1) in a dtype; those next to 1 would be rounded to 1 in a narrow one, and log(1 - u) be -inf."""
    if dtype == np.float64:
        return even
    return np.minimum(even.astype(dtype), np.nextafter(dtype.type(1), dtype.type(0)))
