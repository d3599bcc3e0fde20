"""The backward pass over scalars, in Python: for graphs that are small enough to be watched.

Operands stand before results on the tape, so the pass goes down the indices of a chunk, and from later chunks to
earlier ones. Pending gradients are marked in a byte per scalar; `rfind` jumps to the next one at the speed of memory.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from graphgrad.autodiff.anomaly import AnomalyDetector
from graphgrad.graph.errors import DTypeError, GraphError, WriteError, describe
from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE
from graphgrad.graph.operation import Op, asked_for
from graphgrad.graph.record import announce
from graphgrad.graph.scalar import Scalar, constant, handle
from graphgrad.graph.tape import DONE, INDEX, NOTHING, PENDING, SLOT_SHIFT, Chunk, Note
from graphgrad.ops.scalars import OPCODES

__all__ = [
    "Place",
    "ScalarObserver",
    "apply_rule",
    "as_number",
    "check_unwritten",
    "differentiate_scalar",
    "quiet_rules",
    "rules_of",
    "scalar_backward",
]

_RAISED = (ZeroDivisionError, OverflowError, ValueError)
_PENDING = bytes([PENDING])
_NO_NOTE = Note()

Place = tuple[Chunk, int]


def scalar_backward(root: Scalar, gradient: float = 1.0) -> None:
    """Run a backward pass from a scalar; see `Scalar.backward`."""
    _check_root(root)
    try:
        seed = float(gradient)
    except (TypeError, ValueError):
        raise DTypeError(
            describe(f"backward: the gradient must be a number, got {type(gradient).__name__} {gradient!r:.40}")
        ) from None
    check_unwritten(root)
    announce(root, seed)
    leaves: dict[Place, float] = {}
    pending = _Pending(root)
    root.chunk.grads[root.index] = seed
    detector = _detector()
    try:
        with np.errstate(all="ignore"):
            while (place := pending.next()) is not None:
                contributions = _pass_on(*place, pending, leaves)
                if detector is not None:
                    _look_at(*place, contributions, detector)
    except BaseException:
        pending.abandon()
        raise
    for (chunk, index), g in leaves.items():
        chunk.grads[index] = g if chunk.states[index] == NOTHING else chunk.grads[index] + g
        chunk.states[index] = DONE


class _Pending:
    """The scalars whose gradient is complete or on its way, the latest first."""

    def __init__(self, root: Scalar) -> None:
        self.chunk = root.chunk
        self.end = root.index + 1
        self.later: list[tuple[int, Chunk]] = []
        self.waiting: set[int] = set()
        root.chunk.states[root.index] = PENDING

    def wait(self, chunk: Chunk) -> None:
        """Come to a chunk that the present one reads, when its turn is."""
        if chunk.first not in self.waiting:
            self.waiting.add(chunk.first)
            heapq.heappush(self.later, (-chunk.first, chunk))

    def next(self) -> Place | None:
        """The latest scalar with a pending gradient, which is then complete; None when the pass is over."""
        while True:
            index = self.chunk.states.rfind(_PENDING, 0, self.end)
            if index >= 0:
                self.end = index
                self.chunk.states[index] = DONE
                return self.chunk, index
            if not self.later:
                return None
            self.chunk = heapq.heappop(self.later)[1]
            self.end = self.chunk.used

    def abandon(self) -> None:
        """Forget what is on its way, so that the next pass doesn't take it for its own."""
        for chunk in (self.chunk, *(chunk for _, chunk in self.later)):
            chunk.states[:] = chunk.states.replace(_PENDING, bytes([NOTHING]))


def _detector() -> AnomalyDetector | None:
    """What looks for anomalies, if anything does."""
    detector = MODE.get().anomaly
    return detector if isinstance(detector, AnomalyDetector) else None


def _look_at(chunk: Chunk, index: int, contributions: Sequence[tuple[Chunk, int, float]], detector: Any) -> None:
    op = OPCODES[chunk.ops[index]]
    assert op is not None
    needed = [i for i, (where, _) in enumerate(chunk.operands(index)) if where.needs]
    for i, (_, _, value) in zip(needed, contributions, strict=True):
        detector.passed_scalar(op, chunk, index, chunk.grads[index], value, i)


def _pass_on(
    chunk: Chunk, index: int, pending: _Pending, leaves: dict[Place, float]
) -> Sequence[tuple[Chunk, int, float]]:
    """Add a scalar's contributions to its operands, and return them."""
    g = chunk.grads[index]
    op = OPCODES[chunk.ops[index]]
    assert op is not None
    out = chunk.values[index]
    rules = rules_of(op)
    left, i = _place(chunk, chunk.left[index])
    if len(rules) == 1:
        function, pick = rules[0]
        contributions = [(left, i, apply_rule(function, g, pick(left.values[i], None, out)))] if left.needs else []
    else:
        right, j = _place(chunk, chunk.right[index])
        a, b = left.values[i], right.values[j]
        contributions = []
        if left.needs:
            contributions.append((left, i, apply_rule(rules[0][0], g, rules[0][1](a, b, out))))
        if right.needs:
            contributions.append((right, j, apply_rule(rules[1][0], g, rules[1][1](a, b, out))))
    for where, k, value in contributions:
        if not where.ops[k]:
            leaves[where, k] = leaves[where, k] + value if (where, k) in leaves else value
        elif where.states[k] == PENDING:
            where.grads[k] += value
        else:
            where.grads[k] = value
            where.states[k] = PENDING
            if where is not chunk:
                pending.wait(where)
    return contributions


def _place(chunk: Chunk, operand: int) -> Place:
    slot = operand >> SLOT_SHIFT
    return (chunk.reads[slot - 1], operand & INDEX) if slot else (chunk, operand)


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


def as_number(value: Any, recorded: bool) -> Any:
    """What a sweep starts from: a scalar in a sweep that is recorded, a float in any other."""
    if not recorded:
        return float(value)
    return value if isinstance(value, Scalar) else constant(value)


class ScalarObserver(Protocol):
    """Watches a pass over scalars."""

    def contribution(self, number: int, operand: int, value: float) -> None:
        """The scalar of that number passes `value` on to one of its operands."""


def differentiate_scalar(
    root: Scalar,
    targets: Sequence[Scalar],
    create_graph: bool = False,
    gradient: Any = 1.0,
    observer: ScalarObserver | None = None,
    others: Sequence[tuple[Scalar, Any]] = (),
) -> list[Any]:
    """The derivatives of `root` for each of `targets`, as scalars; no ``grad`` is touched.

    With `create_graph` the rules run on scalars, so that the results can be differentiated again. The pass may start
    from `others` as well, each with its upstream gradient.
    """
    for start, _ in ((root, gradient), *others):
        check_unwritten(start)
    number: Callable[[Chunk, int], Any] = handle if create_graph else (lambda chunk, index: chunk.values[index])
    wanted = {(target.chunk, target.index) for target in targets}
    sums: dict[Place, Any] = {}
    for start, seed in ((root, gradient), *others):
        place = start.chunk, start.index
        sums[place] = sums[place] + seed if place in sums else as_number(seed, create_graph)
    queue = [(-(chunk.first + index), chunk, index) for chunk, index in sums]
    heapq.heapify(queue)
    kept: dict[Place, Any] = {}
    with np.errstate(all="ignore"), quiet_rules() as (detector, quiet):
        while queue:
            _, chunk, index = heapq.heappop(queue)
            g = sums.pop((chunk, index))
            if (chunk, index) in wanted:
                kept[chunk, index] = g
            op = OPCODES[chunk.ops[index]]
            if op is None:
                continue
            places = chunk.operands(index)
            values = [number(*place) for place in places]
            out = number(chunk, index)
            if quiet is not None:
                quiet.where = chunk.notes.get(index, _NO_NOTE).site
            for i, ((where, k), (rule, pick)) in enumerate(zip(places, rules_of(op), strict=True)):
                if not where.needs:
                    continue
                arguments = pick(values[0], values[-1], out)
                value = rule(g, *arguments) if create_graph else apply_rule(rule, g, arguments)
                if observer is not None:
                    observer.contribution(chunk.first + index, i, value)
                if detector is not None:
                    detector.passed_scalar(op, chunk, index, float(g), float(value), i)
                if (where, k) in sums:
                    sums[where, k] = sums[where, k] + value
                else:
                    sums[where, k] = value
                    heapq.heappush(queue, (-(where.first + k), where, k))
    zero = [kept.get((target.chunk, target.index), 0.0) for target in targets]
    return [g if isinstance(g, Scalar) else constant(float(g)) for g in zero]


@contextmanager
def quiet_rules() -> Iterator[tuple[AnomalyDetector | None, AnomalyDetector | None]]:
    """The detector that looks at what is passed on, and the one that the rules run under, which only knows where."""
    detector = _detector()
    quiet = None if detector is None else detector.in_pass()
    token = MODE.set(MODE.get().but(anomaly=quiet))
    try:
        yield detector, quiet
    finally:
        MODE.reset(token)


def _check_root(root: Scalar) -> None:
    if root.is_leaf:
        if root.requires_grad:
            message = "backward: this scalar is a leaf, nothing was computed to get it"
        else:
            message = "backward: this scalar is a constant: nothing that it was computed from needs a gradient"
        raise GraphError(
            describe(
                message, f"value: {root.data!r}", hint="call backward() on a result computed from gg.scalar leaves"
            )
        )


def check_unwritten(root: Scalar, what: str = "backward") -> None:
    """Refuse if a leaf was written after it was used: the tape holds its new value, the results are of the old one."""
    if not _written_since_read(root.chunk):
        return
    stack: list[Place] = [(root.chunk, root.index)]
    seen = set(stack)
    while stack:
        chunk, index = stack.pop()
        for place in chunk.operands(index):
            where, k = place
            if where.written.get(k, 0) > chunk.epoch:
                name = handle(where, k).name
                raise WriteError(
                    describe(
                        f"{what}: {f'leaf {name!r}' if name else 'a leaf'} was written after it was used",
                        f"its value is now {where.values[k]!r}",
                        hint="write to .data after backward(), or compute the result again",
                    )
                )
            if place not in seen and where.ops[k]:
                seen.add(place)
                stack.append(place)


def _written_since_read(root: Chunk) -> bool:
    """Whether a chunk that can be got to holds a leaf written later than one that reads it; mostly none does."""
    stack = [root]
    seen = {id(root)}
    while stack:
        chunk = stack.pop()
        for read in chunk.reads:
            if read.last_written > chunk.epoch:
                return True
            if id(read) not in seen:
                seen.add(id(read))
                stack.append(read)
    return False


late.scalar_backward = scalar_backward
