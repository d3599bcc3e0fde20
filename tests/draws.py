"""The random numbers that dropout and its like draw, written down a second time: SplitMix64, in Python's integers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_WORD = 2**64


def splitmix64(state: int, count: int) -> list[int]:
    """The first numbers of the generator, as its authors give it: a state that is added to, and mixed for each number.

    Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (OOPSLA 2014), with the constants of
    Vigna's splitmix64.c.
    """
    numbers = []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) % _WORD
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % _WORD
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % _WORD
        numbers.append(z ^ (z >> 31))
    return numbers


def random(shape: tuple[int, ...], seed: int | None) -> Any:
    """Numbers from [0, 1), of the 53 upper bits each; the seed is mixed first, so that neighbours are no neighbours."""
    count = math.prod(shape)
    start = splitmix64(seed or 0, 1)[0]
    return np.array([(z >> 11) / 2**53 for z in splitmix64(start, count)], np.float64).reshape(shape)
