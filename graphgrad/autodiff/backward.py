"""The backward pass over tensors.

Nodes are numbered as they run, so going down in number meets every consumer of a value before the node that computed
it: when a node's turn comes, its gradient is complete. Nothing is recursive.

A pass works on arrays. With `create_graph` the very same rules run on tensors, which records the pass as a graph of its
own; the two give the same numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, Protocol

import numpy as np

from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import DTypeError, GraphError, ShapeError, WriteError, describe
from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE, enable_grad
from graphgrad.graph.node import Node, Output, Source
from graphgrad.graph.operation import Rule
from graphgrad.graph.record import announce
from graphgrad.graph.tensor import Tensor, computed, written_at
from graphgrad.graph.writes import CLOCK, last_write
from graphgrad.ops.reductions import sum as sum_tensor
from graphgrad.ops.shaping import astype, reshape

__all__ = ["Observer", "backward", "differentiate"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
_by_number = attrgetter("number")
# Stands for the gradient of a node with several outputs, whose pieces wait under (node, index).
_PIECES: Any = object()


def backward(
    tensor: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False
) -> None:
    """Run a backward pass from `tensor` and add the gradients to the leaves' ``grad``; see `Tensor.backward`."""
    root = tensor._source
    if root is None or not tensor.requires_grad:
        raise GraphError(_no_graph(tensor))
    seed = _seed(tensor, gradient, create_graph)
    found = differentiate([(root, seed)], None, retain_graph=retain_graph, create_graph=create_graph)
    announce(tensor, seed)
    for leaf in list(found):
        assert isinstance(leaf, Tensor)
        if create_graph:
            leaf._grad = _own_tensor(found, leaf) if leaf._grad is None else leaf._grad + found.pop(leaf)
        elif leaf._grad is None:
            leaf._grad = Tensor(_own(found, leaf))
        else:
            leaf._grad = Tensor(np.asarray(leaf._grad._data + found.pop(leaf)))


def differentiate(
    roots: Sequence[tuple[Source, Any]],
    targets: Sequence[Source] | None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    observer: Observer | None = None,
) -> dict[Source, Any]:
    """The gradients of `targets`, or of all leaves that need one.

    Parameters
    ----------
    roots
        Where passes start, each with its upstream gradient: arrays, or tensors under `create_graph`.
    targets
        Leaves or computed values; None for every leaf that needs a gradient. Nodes that lead to none of them are left
        alone.
    retain_graph
        Keep what the nodes saved. Default: as `create_graph`.
    create_graph
        Record the pass, so that its results can be differentiated.
    observer
        Is told of everything that happens, as it happens. The numbers are the same to the bit.

    Returns
    -------
    dict
        The gradient of each target that the roots depend on.

    Raises
    ------
    GraphError
        If an earlier pass freed what this one needs.
    WriteError
        If a saved value was written since.
    """
    retain = create_graph if retain_graph is None else retain_graph
    order, suspects = _reachable([root for root, _ in roots])
    if targets is not None:
        order = _leading_to(order, targets)
        suspects = [node for node in suspects if node in set(order)]
    _check(suspects)
    sweep = _Sweep(targets, create_graph, observer)
    for root, seed in roots:
        sweep.add(root, seed)
        if observer is not None:
            observer.seed(root, seed)
    if create_graph:
        with enable_grad():
            sweep.run_explained(order, retain)
    elif observer is not None:
        with np.errstate(all="ignore"):
            sweep.run_explained(order, retain)
    else:
        # Once per pass: a derivative may well be infinite, and that is for the caller to see, not for a warning.
        with np.errstate(all="ignore"):
            sweep.run(order, retain)
    return sweep.results()


class Observer(Protocol):
    """Watches a pass."""

    def seed(self, root: Source, value: Any) -> None:
        """A pass starts from `root` with an upstream gradient."""

    def contribution(self, node: Node, operand: int, value: Any) -> None:
        """A node passes `value` on to one of its operands, which adds it to what it has."""


class _Sweep:
    """One pass: the gradients that have not been passed on yet."""

    def __init__(self, targets: Sequence[Source] | None, recorded: bool, observer: Observer | None) -> None:
        self.pending: dict[Any, Any] = {}
        self.targets = None if targets is None else {_key(target): target for target in targets}
        self.recorded = recorded
        self.observer = observer
        self.kept: dict[Any, Any] = {}
        # Sums that this pass made itself, so that it may add to them in place.
        self.own: set[Any] = set()

    def results(self) -> dict[Source, Any]:
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
        """Pass gradients on, on arrays. The quick way, which every training step takes."""
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
            if watched or g is _PIECES:
                g = self.keep(node, g)
            saved = node.saved
            assert saved is not None
            if not retain:
                node.saved = None
            if op.joint is not None:
                self.run_joint(node, g, op.joint, saved)
                continue
            operands = node.operands
            for i, function, slot, rule in op.steps[node.needs]:
                if slot >= 0:
                    value = function(g, saved[slot])
                elif slot == -1:
                    value = function(g)
                else:
                    value = function(g, *rule.arguments(saved, _shapes(operands), node.attrs))
                source: Any = operands[i]
                if type(source) is Node:
                    if value.shape != source.shape:
                        value = _unbroadcast(value, source.shape)
                    if value.dtype is not source.dtype:
                        value = value.astype(source.dtype, copy=False)
                elif type(source) is Tensor:
                    data = source._data
                    if value.shape != data.shape:
                        value = _unbroadcast(value, data.shape)
                    if value.dtype is not data.dtype:
                        value = value.astype(data.dtype, copy=False)
                else:
                    self.add(source, _fit(value, *_layout(source)))
                    continue
                before = arrived(source)
                if before is None:
                    pending[source] = value
                elif source in own:
                    add(before, value, before)
                else:
                    self.add_to(source, before, value)

    def run_explained(self, order: Iterable[Node], retain: bool) -> None:
        """The same for whoever wants to know more: on tensors, so that the rules are recorded, or under an observer."""
        for node in order:
            g = self.pending.pop(node, None)
            if g is None:
                continue
            g = self.keep(node, g)
            saved = _as_tensors(node) if self.recorded else node.saved
            assert saved is not None
            if not retain:
                node.saved = None
            if node.op.joint is not None:
                self.run_joint(node, g, node.op.joint, saved)
                continue
            for i, function, _, rule in node.op.steps[node.needs]:
                value = function(g, *rule.arguments(saved, _shapes(node.operands), node.attrs))
                self.deliver(node, i, value)

    def run_joint(self, node: Node, g: Any, rule: Rule, saved: Sequence[Any]) -> None:
        """A rule that gives the contributions of all operands at once."""
        values = rule.function(g, *rule.arguments(saved, _shapes(node.operands), node.attrs, node.needs))
        for i, value in enumerate(values):
            if node.needs >> i & 1:
                self.deliver(node, i, value)

    def deliver(self, node: Node, i: int, value: Any) -> None:
        """Hand a contribution to operand `i`."""
        value = _fit(value, *_layout(node.operands[i]))
        if self.observer is not None:
            self.observer.contribution(node, i, value)
        self.add(node.operands[i], value)

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
        """The gradients of all outputs of a node, zeros for those that none arrived at."""
        pieces = []
        for i, (shape, dtype) in enumerate(zip(node.shapes, node.dtypes, strict=True)):
            piece = self.pending.pop((node, i), None)
            if piece is None:
                zeros = np.zeros(shape, dtype)
                piece = Tensor(zeros) if self.recorded else zeros
            pieces.append(piece)
        return pieces


def _key(source: Source) -> Any:
    return (source.node, source.index) if type(source) is Output else source


def _reachable(roots: Iterable[Source]) -> tuple[list[Node], list[Node]]:
    """The nodes that the roots depend on through operands that need a gradient, the latest first.

    And those of them that a closer look is needed at: freed, or older than the last write to any array.
    """
    epoch = CLOCK.epoch
    stack: list[Any] = [root.node if type(root) is Output else root for root in roots if type(root) is not Tensor]
    seen = set(stack)
    suspects = []
    while stack:
        node = stack.pop()
        if node.epoch != epoch or node.saved is None:
            suspects.append(node)
        for source in node.operands:
            if type(source) is Output:
                source = source.node
            # What needs no gradient is a leaf, a number, or (under recording) a node whose `needs` is 0.
            if type(source) is Node and source not in seen and source.needs:
                seen.add(source)
                stack.append(source)
    return sorted(seen, key=_by_number, reverse=True), suspects


def _leading_to(order: Sequence[Node], targets: Iterable[Source]) -> list[Node]:
    """Those of the nodes, given and returned latest first, through which a gradient gets to one of the targets."""
    wanted: set[Any] = {target.node if type(target) is Output else target for target in targets}
    useful = []
    for node in reversed(order):
        leads = node in wanted
        for i, source in enumerate(node.operands):
            if node.needs >> i & 1 and (source.node if type(source) is Output else source) in wanted:
                leads = True
                break
        if leads:
            wanted.add(node)
            useful.append(node)
    useful.reverse()
    return useful


def _check(suspects: Iterable[Node]) -> None:
    """Refuse before anything has changed: freed nodes, and saved values that were written."""
    for node in suspects:
        saved = node.saved
        if saved is None:
            raise GraphError(
                describe(
                    f"backward: an earlier pass freed what {node.op.name} had saved",
                    made_at=node.site,
                    hint="give retain_graph=True to the earlier backward(), or compute the value again",
                )
            )
        for i, value in enumerate(saved):
            for array in value if isinstance(value, tuple) else (value,):
                if not isinstance(array, np.ndarray):
                    continue
                write = last_write(array)
                if write is not None and write.epoch > node.epoch:
                    raise WriteError(_overwritten(node, i, array, written_at(write.mark)))


def _overwritten(node: Node, slot: int, array: Array, written: Sequence[str]) -> str:
    op = node.op
    what = f"operand {op.operands[slot]}" if slot < len(op.operands) and not op.variadic else "its result"
    return describe(
        f"backward: {op.name} needs {what} (shape {array.shape}) as it was, but it was written in place since",
        *written,
        made_at=node.site,
        hint="write t = t + ... instead of t += ..., or write after backward()",
    )


def _no_graph(tensor: Tensor) -> str:
    if tensor.is_leaf and tensor.requires_grad:
        return describe(
            f"backward: {tensor._title()} is a leaf, nothing was computed to get it",
            hint="call backward() on a result that was computed from it",
        )
    return describe(
        f"backward: {tensor._title()} has no graph",
        "either nothing that it was computed from has requires_grad=True, or it was computed under gg.no_grad()",
        hint="gg.tensor(..., requires_grad=True) makes a leaf that collects a gradient",
    )


def _seed(tensor: Tensor, gradient: Any, create_graph: bool) -> Any:
    """The upstream gradient of the tensor that a pass starts from."""
    if create_graph and not MODE.get().grad:
        raise GraphError(describe("backward: create_graph=True records the pass, which gg.no_grad() forbids"))
    if gradient is None:
        if tensor.size != 1:
            raise ShapeError(
                describe(
                    f"backward: {tensor._title()} has {tensor.size} elements, not one",
                    "expected: a tensor of one element, or backward(gradient)",
                    hint="reduce it first, e.g. gg.sum(y).backward(), or give the upstream gradient of its shape",
                )
            )
        seed = Tensor(np.ones(tensor.shape, tensor.dtype))
    elif isinstance(gradient, Tensor):
        seed = gradient
    else:
        seed = Tensor(as_array(gradient, copy=False, what="backward: gradient"))
    if seed.shape != tensor.shape:
        raise ShapeError(
            describe(
                "backward: the gradient has the shape of what is differentiated",
                f"expected: {tensor.shape}",
                f"got: {seed.shape}",
            )
        )
    if seed.dtype != tensor.dtype:
        if seed.dtype.kind == "c":
            raise DTypeError(describe(f"backward: the gradient must be real, got {seed.dtype}"))
        seed = astype(seed, tensor.dtype)
    return seed if create_graph else seed.data


def _layout(source: Source) -> tuple[Shape, np.dtype[Any]]:
    """The shape and dtype of what an operand stands for."""
    if type(source) is Node:
        return source.shape, source.dtype
    if type(source) is Output:
        return source.node.shapes[source.index], source.node.dtypes[source.index]
    assert type(source) is Tensor
    return source._data.shape, source._data.dtype


def _shapes(operands: Sequence[Source]) -> list[Shape]:
    return [() if isinstance(source, (bool, int, float)) else _layout(source)[0] for source in operands]


def _expanded_axes(have: Shape, want: Shape) -> tuple[int, ...]:
    """The axes along which broadcasting repeated an operand."""
    lead = len(have) - len(want)
    return (*range(lead), *(lead + i for i, n in enumerate(want) if n == 1 and have[lead + i] != 1))


def _unbroadcast(value: Any, shape: Shape) -> Any:
    """Undo broadcasting, here for all rules: an operand that was repeated receives the sum over its copies."""
    axes = _expanded_axes(value.shape, shape)
    if axes:
        value = np.add.reduce(value, axis=axes, keepdims=True)
    return value if value.shape == shape else np.reshape(value, shape)


def _fit(value: Any, shape: Shape, dtype: np.dtype[Any]) -> Any:
    """A contribution in the shape and dtype of its operand, on arrays or tensors."""
    if not isinstance(value, Tensor):
        if value.shape != shape:
            value = _unbroadcast(value, shape)
        return value if value.dtype == dtype else value.astype(dtype)
    if value.shape != shape:
        axes = _expanded_axes(value.shape, shape)
        if axes:
            value = sum_tensor(value, axes, True)
        value = reshape(value, shape)
    return value if value.dtype == dtype else astype(value, dtype)


def _as_tensors(node: Node) -> tuple[Any, ...]:
    """What a node saved, as tensors with their places in the graph, so that rules can be differentiated."""
    assert node.saved is not None
    n = len(node.operands)
    values: list[Any] = []
    for source, value in zip(node.operands, node.saved[:n], strict=True):
        if value is None or isinstance(source, (bool, int, float)):
            values.append(value)
        elif isinstance(source, Tensor):
            # The array that was saved, even if the leaf was given another one since.
            values.append(source if source._data is value else _leaf_then(source, value))
        else:
            values.append(computed(value, source))
    result = node.saved[n]
    if result is None:
        values.append(None)
    elif isinstance(result, tuple):
        values.append(tuple(computed(piece, Output(node, i)) for i, piece in enumerate(result)))
    else:
        values.append(computed(result, node))
    return tuple(values)


def _leaf_then(leaf: Tensor, value: Array) -> Tensor:
    raise WriteError(
        describe(
            f"backward: {leaf._title()} got new values since the graph was recorded",
            f"shape {value.shape}",
            hint="with create_graph=True the gradient is a function of the old ones; call backward() before writing",
        )
    )


def _own(found: dict[Source, Any], leaf: Tensor) -> Array:
    """A leaf's new gradient as an array that nothing else refers to, so that its owner may write to it.

    Contributions are passed around uncopied: both operands of a sum get the same array. What is left with one reference
    when it leaves the pass can't be anybody else's, so only the others are copied.
    """
    array = np.asarray(found.pop(leaf))
    alone = sys.getrefcount(array) == 2  # the variable, and the argument of the question
    return array if alone and array.base is None and array.flags.writeable else array.copy()


def _own_tensor(found: dict[Source, Any], leaf: Tensor) -> Tensor:
    """The same for a recorded pass, where the copy is a node, so that the gradient can still be differentiated."""
    value: Tensor = found.pop(leaf)
    alone = sys.getrefcount(value) == 2 and sys.getrefcount(value._data) == 2
    if alone and value._data.base is None and value._data.flags.writeable:
        return value
    copy: Tensor = astype(value, value.dtype)
    return copy


late.backward = backward
late.differentiate = differentiate
