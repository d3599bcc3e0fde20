"""The derivative rules of operations on single numbers, as passes over scalars run them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphgrad.autodiff.anomaly import AnomalyDetector
from graphgrad.graph.bridge import Thing, places_and_nodes
from graphgrad.graph.errors import WriteError, describe
from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node, Source
from graphgrad.graph.operation import Op, asked_for
from graphgrad.graph.scalar import Scalar, constant, handle
from graphgrad.graph.tape import Chunk
from graphgrad.ops.scalars import OPCODES

__all__ = ["apply_rule", "as_number", "check_unwritten", "detector_of_now", "operation_at", "quiet_rules", "rules_of"]

_RAISED = (ZeroDivisionError, OverflowError, ValueError)

Pick = Callable[[Any, Any, Any], tuple[Any, ...]]
_rules_of: dict[int, Sequence[tuple[Callable[..., Any], Pick]]] = {}


def rules_of(op: Op) -> Sequence[tuple[Callable[..., Any], Pick]]:
    """The rule of each operand on single numbers, and what picks its arguments out of (a, b, out)."""
    assert op.scalar is not None and op.opcode is not None
    rules = _rules_of.get(op.opcode)
    if rules is None:
        rules = _rules_of[op.opcode] = [
            (op.scalar.rules[operand], _picker(op, op.scalar.rules[operand])) for operand in op.operands
        ]
    return rules


def _picker(op: Op, rule: Callable[..., Any]) -> Pick:
    names = asked_for(rule)
    places = tuple(2 if name == "out" else op.operands.index(name) for name in names)
    if not places:
        return lambda a, b, out: ()
    if places == (0,):
        return lambda a, b, out: (a,)
    if places == (1,):
        return lambda a, b, out: (b,)
    if places == (2,):
        return lambda a, b, out: (out,)
    return lambda a, b, out: tuple((a, b, out)[place] for place in places)


def apply_rule(rule: Callable[..., Any], g: Any, arguments: tuple[Any, ...]) -> float:
    """A contribution; where Python's floats would raise, the IEEE value."""
    try:
        return rule(g, *arguments)  # type: ignore[no-any-return]
    except _RAISED:
        return float(rule(np.float64(g), *map(np.float64, arguments)))


def operation_at(chunk: Chunk, index: int) -> Op | None:
    """The operation that computed a scalar, None for leaves, constants, and elements of a tensor."""
    return None if chunk.origin is not None else OPCODES[chunk.ops[index]]


def as_number(value: Any, recorded: bool) -> Any:
    """What a sweep starts from: a scalar in a sweep that is recorded, a float in any other."""
    if not recorded:
        return float(value)
    return value if isinstance(value, Scalar) else constant(float(value))


def detector_of_now() -> AnomalyDetector | None:
    """What looks for anomalies, if anything does."""
    detector = MODE.get().anomaly
    return detector if isinstance(detector, AnomalyDetector) else None


@contextmanager
def quiet_rules() -> Iterator[tuple[AnomalyDetector | None, AnomalyDetector | None]]:
    """The detector that looks at what is passed on, and the one that the rules run under, which only knows where."""
    detector = detector_of_now()
    quiet = None if detector is None else detector.in_pass()
    token = MODE.set(MODE.get().but(anomaly=quiet))
    try:
        yield detector, quiet
    finally:
        MODE.reset(token)


def check_unwritten(roots: Sequence[Source], things: Iterable[Thing], what: str = "backward") -> None:
    """Refuse if a scalar leaf was written after it was used: the tape holds its new value, the results are of the old.

    Parameters
    ----------
    roots
        Where the pass starts.
    things
        The chunks and nodes that it may come to: mostly they tell that nothing was written.
    what
        The pass, for the error.

    Raises
    ------
    WriteError
        With the leaf.
    """
    for thing in things:
        if isinstance(thing, Chunk):
            chunks: Iterable[Chunk] = thing.reads
        else:
            chunks = [one.chunk for one in thing.operands if isinstance(one, Scalar)]
        for chunk in chunks:
            if chunk.last_written > thing.epoch:
                _find_written(roots, what)
                return


def _find_written(roots: Iterable[Source], what: str) -> None:
    """Refuse if one of the leaves that were written is among what the roots really depend on."""
    for thing, operands in places_and_nodes(roots, all_of_them=True).items():
        epoch = thing.epoch if isinstance(thing, Node) else thing[0].epoch
        for operand in operands:
            place = (operand.chunk, operand.index) if isinstance(operand, Scalar) else operand
            if isinstance(place, tuple) and place[0].written.get(place[1], 0) > epoch:
                where, k = place
                name = handle(where, k).name
                raise WriteError(
                    describe(
                        f"{what}: {f'leaf {name!r}' if name else 'a leaf'} was written after it was used",
                        f"its value is now {where.values[k]!r}",
                        hint="write to .data after backward(), or compute the result again",
                    )
                )
