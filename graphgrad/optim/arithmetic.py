"""What many optimisers compute with the arrays of a parameter, in the order of operations that PyTorch takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.kernels.plain.optimiser_steps import flat

__all__ = ["Array", "blocks", "count", "lerp", "options"]

Array = np.ndarray[Any, Any]

_BLOCK = 1 << 15
"""How many numbers are computed with at a time: 128 KB of float32."""


def options(group: Mapping[str, Any], *names: str) -> tuple[float, ...]:
    """Options as Python's floats, since a NumPy float64 would turn float32 arrays into float64 ones."""
    return tuple(float(group[name]) for name in names)


def count(states: Sequence[dict[str, Any]]) -> list[int]:
    """Count a step of each parameter, and return which it is, from 1."""
    for state in states:
        state["step"] = state.get("step", 0) + 1
    return [state["step"] for state in states]


def blocks(
    parameters: Sequence[Array], gradients: Sequence[Array], group: Mapping[str, Any], *memories: Sequence[Array]
) -> Iterator[tuple[Any, ...]]:
    """Which parameter it is, some of its numbers, the direction to leave, and what is remembered of them, all in a row.

    A parameter comes in several blocks if it is large, so that whatever is computed of a block stays in the cache.
    Numbers and memories are views, to be written. Complex numbers are two real ones each. The direction is that of the
    gradient, of its negative for ``maximize``, and has the decay of weights in it, unless that is decoupled; it is not
    to be written.
    """
    decay = 0.0 if group.get("decoupled_weight_decay") else float(group.get("weight_decay", 0.0))
    for k, arrays in enumerate(zip(parameters, gradients, *memories, strict=True)):
        whole = [flat(array) for array in arrays]
        for begin in range(0, whole[0].size, _BLOCK):
            p, g, *own = (row[begin : begin + _BLOCK] for row in whole)
            if group["maximize"]:
                g = -g
            if decay:
                g = g + decay * p
            yield k, p, g, *own


def lerp(mean: Array, new: Array, weight: float) -> None:
    """Move a mean towards something new: mean = (1 - weight) · mean + weight · new, in place.

    Whichever of the two weighs more is the one that is moved, so that a weight of 1 gives the new one exactly.
    """
    if weight < 0.5:
        mean += weight * (new - mean)
    else:
        np.subtract(new, (1.0 - weight) * (new - mean), out=mean)
