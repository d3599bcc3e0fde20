"""One pass over nodes that are given latest first: the gradients that are on their way, and how they are passed on.

There are two, which give the same numbers to the bit. `Sweep` is the quick one, on arrays, which every training step
takes. `WatchedSweep` is for whoever wants more of a pass: to record it, to observe it, to have hooks called in it, or
to look for anomalies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from graphgrad.autodiff import hooks
from graphgrad.autodiff.anomaly import AnomalyDetector
from graphgrad.autodiff.sources import as_tensors, cast, check_saved, fit, layout, saved_by, shapes_of, unbroadcast
from graphgrad.graph.bridge import Thing, read_by
from graphgrad.graph.hooks import Hooks
from graphgrad.graph.node import Node, Output, Source
from graphgrad.graph.operation import Rule
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import CLOCK

__all__ = ["Accumulator", "Observer", "Sweep", "WatchedSweep"]

# Stands for the gradient of a node with several outputs, whose pieces wait under (node, index).
_PIECES: Any = object()


class Observer(Protocol):
    """Watches a pass."""

    def seed(self, root: Source, value: Any) -> None:
        """A pass starts from `root` with an upstream gradient."""

    def contribution(self, node: Node, operand: int, value: Any) -> None:
        """A node passes `value` on to one of its operands, which adds it to what it has."""


class Accumulator(Protocol):
    """Takes the gradients of leaves."""

    def add(self, found: dict[Any, Any], leaf: Tensor) -> None:
        """Move a gradient from `found` to the leaf's ``grad``."""


class Sweep:
    """One pass: the gradients that have not been passed on yet.

    Parameters
    ----------
    targets
        What gradients are wanted of, None for all leaves.
    leading
        With targets, for each node the operands, as bits, that a gradient is wanted for.
    """

    on_tensors = False

    def __init__(self, targets: Sequence[Source] | None, leading: Mapping[Node, int]) -> None:
        self.pending: dict[Any, Any] = {}
        self.targets = None if targets is None else {_key(target): target for target in targets}
        self.leading = leading
        self.kept: dict[Any, Any] = {}
        # Sums that this pass made itself, so that it may add to them in place.
        self.own: set[Any] = set()
        self.memory: dict[Any, Any] = {}  # what a checkpoint computed again

    def start(self, roots: Iterable[tuple[Source, Any]]) -> None:
        """Give the values that the pass starts from their upstream gradients."""
        for root, seed in roots:
            self.add(root, seed)

    def results(self) -> dict[Source, Any]:
        """The gradients of targets, or of leaves, that have arrived."""
        found = {**self.kept, **{source: value for source, value in self.pending.items() if type(source) is Tensor}}
        if self.targets is None:
            return found
        return {self.targets[key]: value for key, value in found.items() if key in self.targets}

    def add(self, source: Source, value: Any) -> None:
        """Add a contribution that already has the shape and dtype of what it is for."""
        key: Any = source
        if type(source) is Output:
            key = source.node, source.index
            self.pending[source.node] = _PIECES
        before = self.pending.get(key)
        if before is None:
            self.pending[key] = value
        else:
            self.add_to(key, before, value)

    def add_to(self, key: Any, before: Any, value: Any) -> None:
        """Add another contribution to what has arrived before."""
        if key in self.own:
            np.add(before, value, out=before)
        else:
            total = self.pending[key] = before + value
            if type(total) is np.ndarray:
                self.own.add(key)

    def run(self, order: Iterable[Node], retain: bool) -> None:
        """Pass gradients on, on arrays."""
        pending = self.pending
        arrived = pending.get
        take = pending.pop
        own = self.own
        add = np.add
        watched = self.targets is not None
        for node in order:
            g = take(node, None)
            if g is None:
                continue
            op = node.op
            needs = node.needs
            if watched or g is _PIECES:
                g = self.keep(node, g)
                needs = self.needs(node)
                if not needs:
                    continue
            saved: Any = node.saved
            if type(saved) is not tuple:
                saved = saved_by(node, self.memory)
            if not retain:
                node.saved = None
            if op.joint is not None:
                for i, value in self.run_joint(node, g, op.joint, saved, needs):
                    self.add(node.operands[i], fit(value, *layout(node.operands[i])))
                continue
            operands = node.operands
            for i, function, slot, rule in op.steps[needs]:
                if slot >= 0:
                    value = function(g, saved[slot])
                elif slot == -1:
                    value = function(g)
                else:
                    value = function(g, *rule.arguments(saved, shapes_of(operands), node.attrs))
                source: Any = operands[i]
                if type(source) is Node:
                    if value.shape != source.shape:
                        value = unbroadcast(value, source.shape)
                    if value.dtype is not source.dtype:
                        value = cast(value, source.dtype)
                elif type(source) is Tensor:
                    data = source._data
                    if value.shape != data.shape:
                        value = unbroadcast(value, data.shape)
                    if value.dtype is not data.dtype:
                        value = cast(value, data.dtype)
                else:
                    self.add(source, fit(value, *layout(source)))
                    continue
                before = arrived(source)
                if before is None:
                    pending[source] = value
                elif source in own:
                    add(before, value, before)
                else:
                    self.add_to(source, before, value)

    def needs(self, node: Node) -> int:
        """The operands that a gradient is wanted for, as bits."""
        return node.needs if self.targets is None else self.leading[node]

    def run_joint(self, node: Node, g: Any, rule: Rule, saved: Sequence[Any], needs: int) -> Iterator[tuple[int, Any]]:
        """A rule that gives the contributions of all operands at once: those that are wanted, with their places."""
        values = rule.function(g, *rule.arguments(saved, shapes_of(node.operands), node.attrs, needs))
        for i, value in enumerate(values):
            if needs >> i & 1:
                yield i, value

    def keep(self, node: Node, g: Any) -> Any:
        """A node's complete gradient, of all its outputs if it has several; kept if somebody asked for it."""
        if g is _PIECES:
            g = self.collect(node)
        if self.targets:
            if node in self.targets:
                self.kept[node] = g
            elif node.op.outputs is None:
                for i, piece in enumerate(g):
                    if (node, i) in self.targets:
                        self.kept[node, i] = piece
        return g

    def collect(self, node: Node) -> list[Any]:
        """The gradients of all outputs of a node: zeros where none arrived, None where none can, at integers."""
        pieces: list[Any] = []
        for i, (shape, dtype) in enumerate(zip(node.shapes, node.dtypes, strict=True)):
            piece = self.pending.pop((node, i), None)
            if piece is None and dtype.kind in "fc":
                zeros = np.zeros(shape, dtype)
                piece = Tensor(zeros) if self.on_tensors else zeros
            pieces.append(piece)
        return pieces


class WatchedSweep(Sweep):
    """A pass that more is wanted of.

    Parameters
    ----------
    targets, leading
        As for `Sweep`.
    on_tensors
        Whether the rules run on tensors, so that they may be recorded.
    observer
        Is told of everything.
    hooked
        Whether there are hooks.
    detector
        Looks at every number.
    grads
        Takes the gradients of leaves that have a hook for that.
    """

    def __init__(
        self,
        targets: Sequence[Source] | None,
        leading: Mapping[Node, int],
        on_tensors: bool,
        observer: Observer | None,
        hooked: bool,
        detector: AnomalyDetector | None,
        grads: Accumulator | None,
    ) -> None:
        super().__init__(targets, leading)
        self.on_tensors = on_tensors
        self.observer = observer
        self.hooked = hooked
        self.detector = detector
        self.quiet = None if detector is None else detector.in_pass()
        self.grads = grads
        self.infinite: set[Any] = set()  # what an infinity came to that no operation of this pass made

    def start(self, roots: Iterable[tuple[Source, Any]]) -> None:
        for root, seed in roots:
            self.add(root, seed)
            self.infinite.add(_key(root))
            if self.observer is not None:
                self.observer.seed(root, seed)

    def run(self, order: Iterable[Node], retain: bool) -> None:
        epoch = CLOCK.epoch
        order = list(order)
        complete = self.last_readers(order)
        self.finish(complete.get(None, ()))
        for node in order:
            g = self.pending.pop(node, None)
            if g is not None:
                if CLOCK.epoch != epoch:
                    check_saved([node])  # a hook has written to something
                self.pass_on(node, g, retain)
            self.finish(complete.get(node, ()))

    def pass_on(self, node: Node, g: Any, retain: bool) -> None:
        """All that happens at one node."""
        found = hooks.of(node) if self.hooked else None
        g = self.keep(node, self.arrive(node, g, found))
        if not self.needs(node):
            return
        if found is not None:
            g = hooks.before_node(found, g)
        saved = saved_by(node, self.memory)
        if self.on_tensors:
            saved = as_tensors(node, saved)
        if not retain:
            node.saved = None
        received: Iterable[tuple[int, Any]] = self.received(node, g, saved)
        if found is not None:
            received = hooks.after_node(found, node, list(received), g)
            if not retain:
                found.drop()
        for i, value in received:
            if self.observer is not None:
                self.observer.contribution(node, i, value)
            self.add(node.operands[i], value)

    def arrive(self, node: Node, g: Any, found: Hooks | None) -> Any:
        """A node's complete gradient, after the hooks on its values."""
        if g is not _PIECES:
            return self.look_at(node, node, 0, g, found)
        for i in range(len(node.shapes)):
            if (node, i) in self.pending:
                self.pending[node, i] = self.look_at(node, Output(node, i), i, self.pending[node, i], found)
        return g

    def look_at(self, place: Node | Tensor, source: Source, index: int, g: Any, found: Hooks | None) -> Any:
        """A complete gradient, of an output or a leaf, after its hooks."""
        if found is not None:
            g = hooks.on_value(found, place, index, g)
        if self.detector is not None:
            self.detector.arrived(source, g, _key(source) in self.infinite)
        return g

    def received(self, node: Node, g: Any, saved: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """What the operands of a node receive, by their places, in their shapes and dtypes."""
        if self.quiet is not None:
            self.quiet.where = node.site
        values: Iterable[tuple[int, Any]]
        if node.op.joint is not None:
            values = self.run_joint(node, g, node.op.joint, saved, self.needs(node))
        else:
            values = (
                (i, function(g, *rule.arguments(saved, shapes_of(node.operands), node.attrs)))
                for i, function, _, rule in node.op.steps[self.needs(node)]
            )
        for i, value in values:
            value = fit(value, *layout(node.operands[i]))
            if self.detector is not None and self.detector.passed(node, i, value, g, saved):
                self.infinite.add(_key(node.operands[i]))
            yield i, value

    def last_readers(self, order: Sequence[Thing]) -> dict[Thing | None, list[Tensor]]:
        """The leaves whose gradient is wanted, by the node or chunk after which it is complete; None: before all."""
        if not (self.hooked or self.detector is not None):
            return {}
        last: dict[Tensor, Thing | None] = {source: None for source in self.pending if type(source) is Tensor}
        for thing in order:
            for i, source in enumerate(read_by(thing)):
                if type(source) is Tensor and (type(thing) is not Node or self.needs(thing) >> i & 1):
                    last.pop(source, None)  # so that it goes to the end, where its last reader is
                    last[source] = thing
        complete: dict[Thing | None, list[Tensor]] = {}
        for leaf, reader in last.items():
            if self.targets is None or leaf in self.targets:
                complete.setdefault(reader, []).append(leaf)
        return complete

    def allow_infinite(self, source: Source) -> None:
        """An infinity may arrive there from elsewhere."""
        self.infinite.add(_key(source))

    def finish(self, leaves: Iterable[Tensor]) -> None:
        """All that happens at leaves that everything has arrived at."""
        for leaf in leaves:
            if leaf not in self.pending:
                continue
            found = hooks.of(leaf) if self.hooked else None
            self.pending[leaf] = self.look_at(leaf, leaf, 0, self.pending[leaf], found)
            if found is not None and found.accumulated and self.grads is not None:
                self.grads.add(self.pending, leaf)
                for hook in found.accumulated.hooks():
                    hook(leaf)


def _key(source: Source) -> Any:
    return (source.node, source.index) if type(source) is Output else source
