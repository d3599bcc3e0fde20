"""Seeds: a random operation keeps the one that it drew with, so that its graph runs again to the same numbers.

The numbers themselves aren't kept: a rule draws them again. Those that belong to elements are found by the place of the
element, by a generator that counts (see `graphgrad.kernels.plain.random`), about as quickly as they could be read.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from graphgrad.graph.random import generator_or_default
from graphgrad.kernels.choice import kernels_of
from graphgrad.kernels.plain import random as plain

__all__ = ["below_one", "dropped", "generator", "keep_seed", "uniform"]

_SEEDS = 2**32

_ENOUGH = 1 << 13
"""Below so many numbers NumPy makes them, in 0.04 ms at most: nothing is compiled for a first small network."""


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
    assert seed is not None, "a call that draws has a seed"
    return _kernels(math.prod(shape)).uniform(seed, shape)


def dropped(x: Any, seed: int | None, p: float) -> Any:
    """An array divided by 1 - p, but with 0 where `uniform` of the same seed and the array's shape is below `p`."""
    assert seed is not None, "a call that draws has a seed"
    is_half = x.dtype.itemsize < 4  # which no kernel is compiled for
    return _kernels(0 if is_half else x.size).dropped(x, seed, p)


def _kernels(count: int) -> Any:
    """What makes so many random numbers."""
    return plain if count < _ENOUGH else kernels_of("random")


def below_one(even: Any, dtype: np.dtype[Any]) -> Any:
    """Numbers from [0, 1) in a dtype; those next to 1 would be rounded to 1 in a narrow one, and log(1 - u) be -inf."""
    if dtype == np.float64:
        return even
    return np.minimum(even.astype(dtype), np.nextafter(dtype.type(1), dtype.type(0)))
