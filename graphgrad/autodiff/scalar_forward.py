"""Forward mode over scalars: one sweep up the tape, pushing tangents through the rules.

An operation on single numbers has a derivative that is a number, and a number is its own transpose: the rules of the
backward pass serve as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.autodiff.scalar_backward import Place, apply_rule, as_number, check_unwritten, quiet_rules, rules_of
from graphgrad.graph.scalar import Scalar, constant, handle
from graphgrad.graph.tape import Note
from graphgrad.ops.scalars import OPCODES

__all__ = ["push_scalars"]

_NO_NOTE = Note()


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
    with np.errstate(all="ignore"), quiet_rules() as (detector, quiet):
        above = _operands_above(results, min((one.number for one in inputs), default=0))
        for place, places in above.items():
            chunk, index = place
            op = OPCODES[chunk.ops[index]]
            if op is None:
                continue
            if quiet is not None:
                quiet.where = chunk.notes.get(index, _NO_NOTE).site
            values = [handle(*below) if recorded else below[0].values[below[1]] for below in places]
            out = handle(chunk, index) if recorded else chunk.values[index]
            total = None
            for below, (rule, pick) in zip(places, rules_of(op), strict=True):
                tangent = moved.get(below)
                if tangent is not None:
                    arguments = pick(values[0], values[-1], out)
                    part = rule(tangent, *arguments) if recorded else apply_rule(rule, tangent, arguments)
                    total = part if total is None else total + part
            if total is None:
                continue
            moved[place] = total
            if detector is not None:
                come = [None if below not in moved else float(moved[below]) for below in places]
                detector.pushed_scalar(op, chunk, index, come, float(total))
    found = [moved.get((one.chunk, one.index), 0.0) for one in results]
    return [one if isinstance(one, Scalar) else constant(float(one)) for one in found]


def _operands_above(results: Sequence[Scalar], first: int) -> dict[Place, tuple[Place, ...]]:
    """The places from number `first` on that lead to results, each with its operands, which come before it."""
    stack = [(one.chunk, one.index) for one in results if one.requires_grad]
    found: dict[Place, tuple[Place, ...]] = dict.fromkeys(stack, ())
    while stack:
        place = stack.pop()
        operands = found[place] = place[0].operands(place[1])
        for one in operands:
            below, i = one
            if below.needs and below.first + i >= first and one not in found:
                found[one] = ()
                stack.append(one)
    return dict(sorted(found.items(), key=lambda item: item[0][0].first + item[0][1]))
