"""Random numbers by their place: the number at a place follows from a seed and the place alone.

A sequence need not be drawn from its beginning, nor in one thread, nor kept: any part of it can be had at any time, and
is the same. That is what dropout wants, whose backward pass needs the numbers of its forward pass again.

The generator is SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014): a
counter that goes up by the golden ratio, and a function that mixes its bits. It has no state beside the counter.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["BITS", "GAMMA", "MIX_1", "MIX_2", "dropped", "key_of", "least_kept", "uniform", "words"]

Array = np.ndarray[Any, Any]

GAMMA = 0x9E3779B97F4A7C15
"""2⁶⁴ divided by the golden ratio, made odd: how far the counter goes from one place to the next."""
MIX_1, MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB

BITS = 53
"""How many bits of a word make a number from [0, 1): as many as a float64 has."""

_WORD = 2**64 - 1


def key_of(seed: int) -> int:
    """Where the counter of a seed begins; those of seeds next to each other are far apart."""
    key = 0
    while True:
        key = _mixed_number(((key ^ (seed & _WORD)) + GAMMA) & _WORD)
        seed >>= 64
        if not seed:
            return key


def _mixed_number(z: int) -> int:
    z = ((z ^ (z >> 30)) * MIX_1) & _WORD
    z = ((z ^ (z >> 27)) * MIX_2) & _WORD
    return z ^ (z >> 31)


def words(key: int, count: int) -> Array:
    """The first `count` words of 64 bits of a counter that begins at `key`."""
    z = np.arange(1, count + 1, dtype=np.uint64)
    z *= np.uint64(GAMMA)
    z += np.uint64(key)
    z ^= z >> np.uint64(30)
    z *= np.uint64(MIX_1)
    z ^= z >> np.uint64(27)
    z *= np.uint64(MIX_2)
    z ^= z >> np.uint64(31)
    return z


def _bits(seed: int, count: int) -> Array:
    z = words(key_of(seed), count)
    z >>= np.uint64(64 - BITS)
    return z


def least_kept(p: float) -> int:
    """The least of the numbers of `BITS` bits that is not below `p` when it stands for one from [0, 1)."""
    return math.ceil(math.ldexp(p, BITS))


def uniform(seed: int, shape: tuple[int, ...]) -> Array:
    """Numbers from [0, 1), in float64: that of a place follows from the seed and from how many places are before it."""
    return (_bits(seed, math.prod(shape)) * 2.0**-BITS).reshape(shape)


def dropped(x: Array, seed: int, p: float) -> Array:
    """Dropout: x / (1 - p), but 0 where `uniform` of the same seed is below `p`, a probability from 0 to 1."""
    is_kept = (_bits(seed, x.size) >= np.uint64(least_kept(p))).reshape(x.shape)
    # With p = 1 nothing is kept, and nothing to be scaled.
    return np.where(is_kept, x / (1.0 - p or 1.0), x.dtype.type(0))
