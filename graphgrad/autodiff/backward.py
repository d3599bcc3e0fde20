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
from typing import Any

import numpy as np

from graphgrad.autodiff.anomaly import AnomalyDetector, AnomalyError
from graphgrad.autodiff.mixed import ScalarObserver, ScalarSums, differentiate_mixed
from graphgrad.autodiff.sources import check_saved
from graphgrad.autodiff.sweep import Observer, Sweep, WatchedSweep
from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import DTypeError, GraphError, ShapeError, describe
from graphgrad.graph.holders import has_memory_of_its_own, is_held_once
from graphgrad.graph.hooks import ALIVE
from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node, Output, Source
from graphgrad.graph.record import announce
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import CLOCK
from graphgrad.ops.array.bridging import STACKED
from graphgrad.ops.array.shaping import astype

__all__ = ["Observer", "backward", "differentiate"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
_by_number = attrgetter("number")


def backward(
    tensor: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False
) -> None:
    """Run a backward pass from `tensor` and add the gradients to the leaves' ``grad``; see `Tensor.backward`."""
    root = tensor._source
    if root is None or not tensor.requires_grad:
        raise GraphError(_no_graph(tensor))
    run_backward(tensor, root, _seed(tensor, gradient, create_graph), retain_graph, create_graph)


def run_backward(
    result: Tensor | Scalar, root: Source, seed: Any, retain_graph: bool | None, create_graph: bool
) -> None:
    """Run a backward pass from a result, which comes from `root`, and add the gradients to the leaves' ``grad``."""
    grads = _Grads(result, seed, create_graph)
    try:
        found = differentiate([(root, seed)], None, retain_graph=retain_graph, create_graph=create_graph, grads=grads)
    except AnomalyError:
        grads.announce()  # to whoever wants to see how it came about
        raise
    grads.announce()
    for leaf in list(found):
        grads.add(found, leaf)
    if grads.scalars is not None:
        grads.scalars.give_back()


class _Grads:
    """Adds gradients to the ``grad`` of leaves; and says that a pass runs before the first of them has changed."""

    def __init__(self, root: Tensor | Scalar, seed: Any, create_graph: bool) -> None:
        self.root = root
        self.seed = seed
        self.create_graph = create_graph
        self.announced = False
        self.scalars: ScalarSums | None = None  # what scalars have received, in a pass that came to some

    def announce(self) -> None:
        """Say that the pass ran: at its end, or when a hook asks for a ``grad`` while it goes on."""
        if not self.announced:
            self.announced = True
            announce(self.root, self.seed)

    def add(self, found: dict[Any, Any], leaf: Any) -> None:
        """Move a gradient from `found` to its leaf."""
        self.announce()
        if self.create_graph:
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
    scalar_observer: ScalarObserver | None = None,
    grads: _Grads | None = None,
) -> dict[Any, Any]:
    """The gradients of `targets`, or of all leaves that need one.

    Parameters
    ----------
    roots
        Where passes start, each with its upstream gradient: arrays, or tensors under `create_graph`. Tensors without it
        let the rules run on tensors, and nothing is recorded. For scalars numbers, or scalars under `create_graph`.
    targets
        Leaves or computed values; None for every leaf that needs a gradient. Nodes that lead to none of them are left
        alone.
    retain_graph
        Keep what the nodes saved. Default: as `create_graph`.
    create_graph
        Record the pass, so that its results can be differentiated.
    observer
        Is told of everything that happens, as it happens. The numbers are the same to the bit. No hooks are called:
        what is observed is what the operations do.
    scalar_observer
        The same for what scalars pass on, if the pass comes to some.
    grads
        Takes the gradients of leaves that have a hook for that, as soon as they are complete.

    Returns
    -------
    dict
        The gradient of each target that the roots depend on; scalars stand there by their places.

    Raises
    ------
    GraphError
        If an earlier pass freed what this one needs.
    WriteError
        If a saved value was written since.
    """
    retain = create_graph if retain_graph is None else retain_graph
    sources = [root for root, _ in roots]
    order, suspects = _reachable(sources)
    if _is_mixed(order, sources if targets is None else (*sources, *targets)):
        return differentiate_mixed(
            roots,
            targets,
            retain=retain,
            create_graph=create_graph,
            observer=observer,
            scalar_observer=scalar_observer,
            grads=grads,
        )
    if targets is not None:
        leading = _leading_to(order, targets)
        order = list(leading)
        suspects = [node for node in suspects if node in leading]
    else:
        leading = {}
    check_saved(suspects)
    mode = MODE.get()
    on_tensors = create_graph or any(isinstance(seed, Tensor) for _, seed in roots)
    hooked = bool(ALIVE) and observer is None and _has_hooks(order, [root for root, _ in roots])
    # Once per pass: a derivative may well be infinite, and that is for the caller to see, not for a warning.
    with np.errstate(all="ignore"):
        if not (on_tensors or hooked or observer is not None or mode.anomaly is not None):
            sweep = Sweep(targets, leading)
            sweep.start(roots)
            sweep.run(order, retain)
            return sweep.results()
        detector = mode.anomaly if isinstance(mode.anomaly, AnomalyDetector) else None
        watched = WatchedSweep(targets, leading, on_tensors, observer, hooked, detector, grads)
        mode = mode.but(grad=create_graph, anomaly=watched.quiet)
        if on_tensors and not create_graph:  # what is no part of a graph isn't heard of by those who watch it
            mode = mode.but(recorder=None, hooks=(), segment=None)
        token = MODE.set(mode)
        try:
            watched.start(roots)
            watched.run(order, retain)
        finally:
            MODE.reset(token)
    return watched.results()


def _is_mixed(order: Iterable[Node], ends: Iterable[Source]) -> bool:
    """Whether there are scalars at an end of a pass, or on the way."""
    for node in order:
        if node.op is STACKED:
            return True
    return any(isinstance(end, Scalar) for end in ends)


def _has_hooks(order: Iterable[Node], roots: Iterable[Source]) -> bool:
    """Whether there are hooks anywhere on the way."""
    return any(getattr(root, "_hooks", None) for root in roots) or any(
        getattr(node, "hooks", None) or any(getattr(source, "_hooks", None) for source in node.operands)
        for node in order
    )


def _reachable(roots: Iterable[Source]) -> tuple[list[Node], list[Node]]:
    """The nodes that the roots depend on through operands that need a gradient, the latest first.

    And those of them that a closer look is needed at: freed, or older than the last write to any array.
    """
    epoch = CLOCK.epoch
    stack: list[Any] = [root.node if type(root) is Output else root for root in roots]
    stack = [node for node in stack if type(node) is Node]
    seen = set(stack)
    suspects = []
    while stack:
        node = stack.pop()
        if node.epoch != epoch or node.saved is None:
            suspects.append(node)
        for source in node.operands:
            if type(source) is Output:
                if source.node.dtypes[source.index].kind not in "fc":
                    continue  # (under recording) integers of a node whose other outputs do need a gradient
                source = source.node
            # What needs no gradient is a leaf, a number, or (under recording) a node whose `needs` is 0.
            if type(source) is Node and source not in seen and source.needs:
                seen.add(source)
                stack.append(source)
    return sorted(seen, key=_by_number, reverse=True), suspects


def _leading_to(order: Sequence[Node], targets: Iterable[Source]) -> dict[Node, int]:
    """Those of the nodes, given and returned latest first, through which a gradient gets to one of the targets.

    With each the operands, as bits, that it gets on to: none for a target that leads to no other.
    """
    wanted: set[Any] = {target.node if type(target) is Output else target for target in targets}
    leading: dict[Node, int] = {}
    for node in reversed(order):
        bits = 0
        for i, source in enumerate(node.operands):
            if node.needs >> i & 1 and (source.node if type(source) is Output else source) in wanted:
                bits |= 1 << i
        if bits or node in wanted:
            wanted.add(node)
            leading[node] = bits
    return dict(reversed(leading.items()))


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
        if tensor.dtype.kind == "c":
            raise DTypeError(
                describe(
                    f"backward: {tensor._title()} is complex, {tensor.dtype}; which way it is to grow isn't said",
                    "expected: a real number, or backward(gradient)",
                    hint="make a real number of it, e.g. gg.abs(z), or give the upstream gradient, dL/dRe + i dL/dIm",
                )
            )
        seed = Tensor(np.ones(tensor.shape, tensor.dtype))
    elif isinstance(gradient, Tensor):
        seed = gradient
    else:
        # Python floats go straight to the tensor's dtype, not by way of the default one, which may have fewer digits.
        seed = Tensor(as_array(gradient, copy=False, what="backward: gradient"))
        if not isinstance(gradient, (np.ndarray, np.generic)) and seed.dtype.kind == "f":
            seed = Tensor(as_array(gradient, tensor.dtype, copy=False, what="backward: gradient"))
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


def _own(found: dict[Source, Any], leaf: Tensor) -> Array:
    """A leaf's new gradient as an array that nothing else refers to, so that its owner may write to it.

    Contributions are passed around uncopied: both operands of a sum get the same array. What is left with one reference
    when it leaves the pass can't be anybody else's, so only the others are copied.
    """
    array = np.asarray(found.pop(leaf))
    alone = is_held_once(array) and has_memory_of_its_own(array)
    return array if alone and array.flags.writeable else array.copy()


def _own_tensor(found: dict[Source, Any], leaf: Tensor) -> Tensor:
    """The same for a recorded pass, where the copy is a node, so that the gradient can still be differentiated."""
    value: Tensor = found.pop(leaf)
    alone = is_held_once(value) and sys.getrefcount(value._data) == 2  # the tensor, and the argument of the question
    if alone and value._data.base is None and value._data.flags.writeable:
        return value
    copy: Tensor = astype(value, value.dtype)
    return copy


late.backward = backward
late.differentiate = differentiate
