"""The backward pass over scalars, in Python: for graphs that are small enough to be watched.

Operands stand before results on the tape, so the pass goes down the indices of a chunk, and from later chunks to
earlier ones. Pending gradients are marked in a byte per scalar; `rfind` jumps to the next one at the speed of memory.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.autodiff.backward import run_backward
from graphgrad.autodiff.mixed import ScalarObserver, differentiate_mixed
from graphgrad.autodiff.scalar_rules import (
    _rules_of,
    apply_rule,
    detector_of_now,
    rules_of,
)
from graphgrad.autodiff.scalar_rules import check_unwritten as check_all_unwritten
from graphgrad.autodiff.scalar_sweep import compiled_backward, compiled_pays
from graphgrad.graph.bridge import chunks_below, things_below
from graphgrad.graph.errors import DTypeError, GraphError, describe
from graphgrad.graph.late import late
from graphgrad.graph.record import announce
from graphgrad.graph.scalar import Scalar, constant
from graphgrad.graph.tape import (
    DONE,
    GIVING,
    INDEX,
    NOTHING,
    PENDING,
    SLOT_SHIFT,
    Chunk,
    Place,
    check_untraced,
    end_graph,
)
from graphgrad.ops.scalars import OPCODES

__all__ = [
    "Place",
    "ScalarObserver",
    "_rules_of",
    "apply_rule",
    "check_unwritten",
    "differentiate_scalar",
    "rules_of",
    "scalar_backward",
]

_PENDING = bytes([PENDING])


def scalar_backward(root: Scalar, gradient: float = 1.0, retain_graph: bool = False) -> None:
    """Run a backward pass from a scalar; see `Scalar.backward`."""
    _check_root(root)
    hint = "take the gradient of the whole function, by value_and_grad; gg.grad inside of it is recorded"
    check_untraced(root.chunk, "backward", hint)
    try:
        seed = float(gradient)
    except (TypeError, ValueError):
        raise DTypeError(
            describe(f"backward: the gradient must be a number, got {type(gradient).__name__} {gradient!r:.40}")
        ) from None
    chunks = chunks_below(root.chunk)
    for chunk in chunks:
        if chunk.origin is not None:
            run_backward(root, root, seed, retain_graph, create_graph=False)
            return
    check_all_unwritten((root,), chunks)
    end_graph(root.chunk)
    announce(root, seed)
    detector = detector_of_now()
    if detector is None and compiled_pays(root) and compiled_backward(root, seed):
        return
    leaves: dict[Place, float] = {}
    pending = _Pending(root)
    root.chunk.grads[root.index] = seed
    try:
        with np.errstate(all="ignore"):
            while (place := pending.next()) is not None:
                contributions = _pass_on(*place, pending, leaves)
                if detector is not None:
                    _look_at(*place, contributions, detector)
    except BaseException:
        pending.abandon()
        raise
    with GIVING:
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
    roots = [(root, gradient), *others]
    found = differentiate_mixed(
        roots, targets, retain=create_graph, create_graph=create_graph, scalar_observer=observer
    )
    slopes = [found.get((target.chunk, target.index), 0.0) for target in targets]
    return [g if isinstance(g, Scalar) else constant(float(g)) for g in slopes]


def check_unwritten(root: Scalar, what: str = "backward") -> None:
    """Refuse if a leaf was written after it was used: the tape holds its new value, the results are of the old one."""
    check_all_unwritten((root,), things_below([root]), what)


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


late.scalar_backward = scalar_backward
