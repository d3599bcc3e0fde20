"""One sweep upwards over nodes that are given as they ran: how results move when what they were computed from does.

Each node learns how its result moves from how its operands do. That takes one of four ways, of which
`Op.forward_mode` tells:

- a linear operation runs on the tangents themselves;
- where each element of the result depends on one element of each operand, the Jacobian is diagonal and its own
  transpose: what the rule does to a gradient on the way down, it does to a tangent on the way up;
- an operation whose derivative is that of its expansion pushes the tangents through the expansion;
- for any other, the rule is a linear function of the gradient, and passing back through that function gives the
  transpose of the transpose (the double reverse: J. Townsend, "A new trick for calculating Jacobian vector products",
  2017).

So no operation needs a forward rule of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import numpy as np

from graphgrad.autodiff.anomaly import AnomalyDetector
from graphgrad.autodiff.backward import differentiate
from graphgrad.autodiff.sources import as_tensors, cast, check_saved, fit, layout, saved_by, shapes_of
from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node, Output, Source
from graphgrad.graph.operation import Op
from graphgrad.graph.tensor import Tensor, source_of
from graphgrad.graph.writes import CLOCK
from graphgrad.ops.array.shaping import broadcast_to, identity
from graphgrad.ops.variants import without

__all__ = ["TangentSweep", "nodes_above"]

_by_number = attrgetter("number")


def nodes_above(results: Iterable[Source], first: int) -> list[Node]:
    """The nodes from number `first` on that lead to results through operands which need a gradient, as they ran."""
    stack: list[Any] = [source.node if type(source) is Output else source for source in results]
    stack = [node for node in stack if type(node) is Node and node.needs and node.number >= first]
    seen = set(stack)
    while stack:
        for source in stack.pop().operands:
            if type(source) is Output:
                source = source.node
            if type(source) is Node and source.needs and source.number >= first and source not in seen:
                seen.add(source)
                stack.append(source)
    return sorted(seen, key=_by_number)


class TangentSweep:
    """One sweep upwards: the tangents of everything that it has met.

    Parameters
    ----------
    recorded
        Whether the sweep is to be differentiated again: it then runs on tensors with their places in the graph.
    on_tensors
        Whether tangents are tensors. They are if the sweep is recorded, or if they stand for many examples; otherwise
        they are arrays.
    """

    def __init__(self, recorded: bool, on_tensors: bool) -> None:
        self.recorded = recorded
        self.on_tensors = on_tensors
        self.tangents: dict[Any, Any] = {}
        self.memory: dict[Any, Any] = {}  # what a checkpoint computed again
        anomaly = MODE.get().anomaly
        self.detector = anomaly if isinstance(anomaly, AnomalyDetector) else None
        self.quiet = None if self.detector is None else self.detector.in_pass()

    def start(self, source: Source, tangent: Any) -> None:
        """Let a source move by `tangent`."""
        self.tangents[_key(source)] = tangent

    def arrived(self, source: Source) -> Any:
        """How a source moves, None if it doesn't."""
        return self.tangents.get(_key(source))

    def run(self, nodes: Sequence[Node]) -> None:
        """Push the tangents through nodes, which are given as they ran."""
        tangents = self.tangents
        get = tangents.get
        epoch = CLOCK.epoch
        detector = self.detector
        with self.mode(grad=self.recorded):
            for node in nodes:
                moved = [
                    get((source.node, source.index) if type(source) is Output else source) for source in node.operands
                ]
                for tangent in moved:
                    if tangent is not None:
                        break
                else:
                    continue
                if node.saved is None or node.epoch != epoch:
                    check_saved([node], "jvp")
                if self.quiet is not None:
                    self.quiet.where = node.site
                op = node.op
                if op.elementwise and op.rules and not op.linear and (op.complex != "own" or _is_real(node, moved)):
                    result = self.push_along_diagonal(node, moved, op)
                    tangents[node] = result if result.dtype is node.dtype else _cast(result, node.dtype)
                    if detector is not None:
                        detector.pushed(node, moved, (result,))
                    continue
                result = self.push(node, moved)
                if detector is not None:
                    detector.pushed(node, moved, result if op.outputs is None else (result,))
                if op.outputs is None:
                    for i, (one, dtype) in enumerate(zip(result, node.dtypes, strict=True)):
                        if one is not None and dtype.kind in "fc":
                            tangents[node, i] = _cast(one, dtype)
                elif result is not None:
                    tangents[node] = _cast(result, node.dtype)

    @contextmanager
    def mode(self, grad: bool) -> Iterator[None]:
        """What is no part of the graph isn't heard of by those who watch it; and infinities are for the caller."""
        mode = MODE.get().but(grad=grad, anomaly=self.quiet)  # the sweep looks for itself, and knows more
        if not self.recorded:
            mode = mode.but(recorder=None, hooks=(), anomaly=None, segment=None)
        token = MODE.set(mode)
        try:
            with np.errstate(all="ignore"):
                yield
        finally:
            MODE.reset(token)

    def saved(self, node: Node) -> tuple[Any, ...]:
        """What a node saved: arrays, or tensors if tangents are."""
        saved = node.saved
        if type(saved) is not tuple:
            saved = saved_by(node, self.memory)
        if self.recorded:
            return as_tensors(node, saved)
        return tuple(map(_as_leaf, saved)) if self.on_tensors else saved

    def push_along_diagonal(self, node: Node, moved: Sequence[Any], op: Op) -> Any:
        """The rules run on the tangents: a diagonal is its own transpose."""
        saved, shape = self.saved(node), node.shape
        total = None
        for i, function, slot, rule in op.steps[node.needs]:
            tangent = moved[i]
            if tangent is None:
                continue
            if tangent.shape != shape:
                tangent = (broadcast_to if self.on_tensors else np.broadcast_to)(tangent, shape)
            if slot >= 0:
                part = function(tangent, saved[slot])
            elif slot == -1:
                part = function(tangent)
            else:
                part = function(tangent, *rule.arguments(saved, shapes_of(node.operands), node.attrs))
            total = part if total is None else total + part
        return total

    def push(self, node: Node, moved: Sequence[Any]) -> Any:
        """How a node's result moves: one tangent, or a sequence for several outputs; None for what doesn't."""
        op = node.op
        saved = self.saved(node)
        if op.linear:
            result = self.push_linear(node, moved, saved)
            if result is not None:
                return result
        if op.complex == "holomorphic" and op.declared.elementwise and op.rules:
            # Backwards the complex derivative is conjugated; as it was declared, the operation has it without that.
            return self.push_along_diagonal(node, moved, op.declared)
        if op.by_expansion and op.expand is not None:
            return self.push_through_expansion(node, moved, saved, op.expand)
        return self.push_by_double_reverse(node, moved, saved)

    def push_linear(self, node: Node, moved: Sequence[Any], saved: Sequence[Any]) -> Any:
        """The operation run on the tangents; None if it didn't save an operand that is held meanwhile."""
        op = node.op
        if op.linear == "together":
            operands = []
            for i, (source, tangent) in enumerate(zip(node.operands, moved, strict=True)):
                if tangent is not None:
                    operands.append(tangent)
                elif op.joint is None and op.operands[i] not in op.rules:
                    operands.append(saved[i])  # such as the places that values are taken from
                else:
                    operands.append(self.zero(source))
            return self.run_again(node, operands, op)
        # What may be left out, a bias, is added: it goes along with the first of the factors, and if none moves with 0.
        added = [i for i, name in enumerate(op.operands) if name in op.neutral]
        factors = [i for i in range(len(moved)) if i not in added]
        moving: list[int | None] = [i for i in factors if moved[i] is not None]
        total = None
        for k in moving or [None]:
            along = [i for i in added if moved[i] is not None and total is None]
            if k is None:
                held = [self.zero(node.operands[i]) for i in factors]
            else:
                held = [moved[i] if i == k else saved[i] for i in factors]
            given = dict(zip([*factors, *along], [*held, *(moved[i] for i in along)], strict=True))
            missing = [op.operands[i] for i in added if i not in along]
            part = self.run_again(node, [given[i] for i in sorted(given)], without(op, missing) if missing else op)
            if part is None:
                return None
            total = part if total is None else total + part
        return total

    def zero(self, source: Source) -> Any:
        """How an operand moves that doesn't."""
        if isinstance(source, (bool, int, float)):
            return 0.0
        shape, dtype = layout(source)
        zeros = np.zeros(shape, dtype)
        return Tensor(zeros) if self.on_tensors else zeros

    def run_again(self, node: Node, operands: list[Any], op: Op) -> Any:
        """An operation on other operands; None if one of them was not saved."""
        if any(one is None for one in operands):
            return None
        if self.on_tensors:
            return op.run(operands, node.attrs)
        return op.forward(operands, **node.attrs) if op.variadic else op.forward(*operands, **node.attrs)

    def push_through_expansion(
        self, node: Node, moved: Sequence[Any], saved: Sequence[Any], expand: Callable[..., Any]
    ) -> Any:
        """Run an operation's expansion on what it saved, and push the tangents through that."""
        with self.mode(grad=True):
            inputs = [
                value if tangent is None else self.movable(value)
                for value, tangent in zip(map(_as_leaf, saved[:-1]), moved, strict=True)
            ]
            result = expand(inputs, **node.attrs) if node.op.variadic else expand(*inputs, **node.attrs)
        inner = TangentSweep(self.recorded, self.on_tensors)
        moving = [(one, tangent) for one, tangent in zip(inputs, moved, strict=True) if tangent is not None]
        for one, tangent in moving:
            inner.start(source_of(one), tangent)
        outs = [source_of(one) for one in (result if isinstance(result, tuple) else (result,))]
        inner.run(nodes_above(outs, min(one.number for one, _ in moving)))
        tangents = [inner.arrived(out) for out in outs]
        return tangents if node.op.outputs is None else tangents[0]

    def movable(self, value: Tensor) -> Tensor:
        """An operand for an expansion, with a place of its own: x may well be given twice."""
        if self.recorded and value.requires_grad:
            moved: Tensor = identity(value)
            return moved
        return Tensor(value.data, requires_grad=True)

    def push_by_double_reverse(self, node: Node, moved: Sequence[Any], saved: Sequence[Any]) -> Any:
        """Pass back through the rule as a function of the gradient, which is linear: any gradient will do."""
        op = node.op
        with self.mode(grad=True):
            seeds = [
                Tensor(np.zeros(shape, dtype), requires_grad=True) if dtype.kind in "fc" else None
                for shape, dtype in zip(node.shapes, node.dtypes, strict=True)
            ]
            contributions = _contributions(node, seeds, tuple(map(_as_leaf, saved)), _bits(moved))
            roots: list[tuple[Source, Any]] = []
            for source, contribution, tangent in zip(node.operands, contributions, moved, strict=True):
                if tangent is not None and isinstance(contribution, Tensor) and contribution.requires_grad:
                    roots.append((source_of(fit(contribution, *layout(source))), tangent))
            targets: list[Source] = [seed for seed in seeds if seed is not None]
            found = differentiate(roots, targets, create_graph=self.recorded) if roots else {}
        tangents = [None if seed is None else found.get(seed) for seed in seeds]
        return tangents if op.outputs is None else tangents[0]


def _contributions(node: Node, seeds: Sequence[Any], saved: tuple[Any, ...], needs: int) -> Sequence[Any]:
    """What the rule makes of upstream gradients, for each operand."""
    op, shapes = node.op, shapes_of(node.operands)
    g = list(seeds) if op.outputs is None else seeds[0]
    if op.joint is not None:
        joint: Sequence[Any] = op.joint.function(g, *op.joint.arguments(saved, shapes, node.attrs, needs))
        return joint
    contributions: list[Any] = [None] * len(node.operands)
    for i, function, _, rule in op.steps[needs]:
        contributions[i] = function(g, *rule.arguments(saved, shapes, node.attrs))
    return contributions


def _is_real(node: Node, moved: Sequence[Any]) -> bool:
    """Whether the result and all operands that move are real. Of complex numbers the transpose is not the adjoint."""
    return node.dtype.kind != "c" and "c" not in [one.dtype.kind for one in moved if one is not None]


def _bits(moved: Sequence[Any]) -> int:
    return sum(1 << i for i, tangent in enumerate(moved) if tangent is not None)


def _as_leaf(value: Any) -> Any:
    """A saved array as a tensor outside the graph; numbers, and what is a tensor, as they are."""
    if isinstance(value, np.ndarray):
        return Tensor(value)
    return tuple(map(_as_leaf, value)) if isinstance(value, tuple) else value


def _cast(tangent: Any, dtype: np.dtype[Any]) -> Any:
    return tangent if tangent.dtype == dtype else cast(tangent, dtype)


def _key(source: Source) -> Any:
    return (source.node, source.index) if type(source) is Output else source
