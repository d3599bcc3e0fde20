"""Forward mode over scalars: one sweep up the tape, pushing tangents through the rules.

An operation on single numbers has a derivative that is a number, and a number is its own transpose: the rules of the
backward pass serve as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.autodiff.scalar_backward import Place, apply_rule, as_number, check_unwritten, rules_of
from graphgrad.graph.scalar import Scalar, constant, handle
from graphgrad.ops.scalars import OPCODES

__all__ = ["push_scalars"]


def push_scalars(
    results: Sequence[Scalar], inputs: Sequence[Scalar], tangents: Sequence[Any], recorded: bool
) -> list[Scalar]:
    """How results move when the inputs move by `tangents`, which are numbers or scalars.

    Parameters
    ----------
    results, inputs
        What was computed, and from what.
    tangents
        One for each input.
    recorded
        Whether the sweep runs on scalars, so that its results can be differentiated again.
    """
    for result in results:
        check_unwritten(result, "jvp")
    moved: dict[Place, Any] = {}
    for one, tangent in zip(inputs, tangents, strict=True):
        place = one.chunk, one.index
        start = as_number(tangent, recorded)
        moved[place] = moved[place] + start if place in moved else start
    with np.errstate(all="ignore"):
        for chunk, index in _places_above(results, min((one.number for one in inputs), default=0)):
            op = OPCODES[chunk.ops[index]]
            if op is None:
                continue
            places = chunk.operands(index)
            arriving = [moved.get(place) for place in places]
            if all(tangent is None for tangent in arriving):
                continue
            values = [handle(*place) if recorded else place[0].values[place[1]] for place in places]
            out = handle(chunk, index) if recorded else chunk.values[index]
            total = None
            for tangent, (rule, pick) in zip(arriving, rules_of(op), strict=True):
                if tangent is not None:
                    arguments = pick(values[0], values[-1], out)
                    part = rule(tangent, *arguments) if recorded else apply_rule(rule, tangent, arguments)
                    total = part if total is None else total + part
            moved[chunk, index] = total
    found = [moved.get((one.chunk, one.index), 0.0) for one in results]
    return [one if isinstance(one, Scalar) else constant(float(one)) for one in found]


def _places_above(results: Sequence[Scalar], first: int) -> list[Place]:
    """The places from number `first` on that lead to results, operands before what reads them."""
    stack = [(one.chunk, one.index) for one in results if one.requires_grad]
    seen = set(stack)
    while stack:
        chunk, index = stack.pop()
        for place in chunk.operands(index):
            below, i = place
            if below.needs and below.first + i >= first and place not in seen:
                seen.add(place)
                stack.append(place)
    return sorted(seen, key=lambda place: place[0].first + place[1])
