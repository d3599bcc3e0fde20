"""Recording: keep every operation, with the place in the user's code that called it."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from graphgrad.graph.failure import FailedOperation, graph_until
from graphgrad.graph.mode import MODE, Mode
from graphgrad.graph.source import INSIDE, Site, call_site, mark
from graphgrad.graph.writes import CLOCK, last_write

if TYPE_CHECKING:
    from contextvars import Token

    from graphgrad.graph.node import Node, Output
    from graphgrad.graph.operation import Op
    from graphgrad.graph.scalar import Scalar
    from graphgrad.graph.tensor import Tensor

__all__ = ["Recording", "announce", "names_at", "record", "report"]

# Operators and operations are called through these rooms; anything else of the package is a function of its own.
_PLUMBING = (*(os.path.join(INSIDE[0], room) + os.sep for room in ("graph", "ops")), *INSIDE[1:])


class Recording:
    """What happened inside a `record` block.

    Attributes
    ----------
    nodes
        Every operation that ran, in order, those without any gradient too.
    failed
        The last operation that raised, with the graph up to it; None if none did.
    on_pass
        Is told of every backward pass: what it starts from, and the upstream gradient, None for 1.
    on_failure
        Is told of every operation that raised.
    """

    def __init__(
        self,
        on_pass: Callable[[Tensor | Scalar, Any], None] | None = None,
        on_failure: Callable[[FailedOperation], None] | None = None,
    ) -> None:
        self.nodes: list[Node] = []
        self.failed: FailedOperation | None = None
        self.on_pass = on_pass
        self.on_failure = on_failure
        # By id, since comparing tensors is elementwise; the reference tells whether the id is still that tensor's.
        self._origins: dict[int, tuple[weakref.ref[Tensor], Node | Output]] = {}

    def node(self, node: Node, outputs: tuple[Tensor, ...], sources: tuple[Node | Output, ...]) -> None:
        """Take note of a node that just ran, and name its results after the variables that they are assigned to."""
        node.site = call_site()
        self.keep(node, outputs)
        names = names_at(node.site, len(outputs))
        if len(outputs) == 1:
            node.name = names[0]
        for tensor, source, name in zip(outputs, sources, names, strict=True):
            tensor.name = name
            self.remember(tensor, source)

    def keep(self, node: Node, outputs: tuple[Tensor, ...]) -> None:
        """Keep a node. A recording that does otherwise overrides this; `node` looks at who called it."""
        self.nodes.append(node)

    def scalar(self, scalar: Scalar) -> None:
        """A scalar was just computed; the tape keeps it, and the place too."""

    def raised(self, op: Op, operands: Sequence[Any], error: Exception) -> None:
        """Keep an operation that raised, under the name that its result would have had."""
        site = call_site()
        graph = graph_until(op, operands, error, name=names_at(site, 1)[0], scope=MODE.get().scope, site=site)
        self.failed = FailedOperation(error, graph)
        if self.on_failure is not None:
            self.on_failure(self.failed)

    def remember(self, tensor: Tensor, source: Node | Output) -> None:
        """Keep where a tensor came from, for as long as it lives."""
        key = id(tensor)
        weak_self = weakref.ref(self)  # the entries belong to the recording, they must not keep it alive

        def forget(ref: weakref.ref[Tensor]) -> None:
            # An id is used again after a tensor dies, so an entry goes only with the tensor that made it.
            recording = weak_self()
            if recording is not None and key in recording._origins and recording._origins[key][0] is ref:
                del recording._origins[key]

        self._origins[key] = weakref.ref(tensor, forget), source

    def written(self, target: Tensor, result: Tensor) -> None:
        """Take note that `target` was overwritten by `result` and stands for it from now on."""
        known = self._origins.get(id(result))
        if known is not None:
            known[1].epoch = CLOCK.epoch  # the write that put it there doesn't make it stale
            self.remember(target, known[1])

    def leaf(self, tensor: Tensor) -> None:
        """Name a tensor that the user's code just made, unless it has a name."""
        if tensor.name is None:
            tensor.name = names_at(call_site(), 1)[0]

    def origin(self, tensor: Tensor) -> Node | Output | None:
        """What computed a tensor that needs no gradient and therefore keeps no reference to it."""
        known = self._origins.get(id(tensor))
        if known is None or known[0]() is not tensor:
            return None
        # Written since, it no longer holds what the node computed.
        write = last_write(tensor._data)
        latest = max(tensor._written, 0 if write is None else write.epoch)
        return known[1] if latest <= known[1].epoch else None


def names_at(site: Site | None, n: int) -> tuple[str | None, ...]:
    """Names for `n` results of the call at `site`.

    An operation that some other function of the package called, such as a layer, isn't what the user's variable holds.
    """
    if site is not None and mark(_PLUMBING) == mark():
        if n == 1 and site.target is not None:
            return (site.target,)
        if len(site.targets) == n:
            return site.targets
    return (None,) * n


class record:
    """Record every operation in a block, with its source line and the names in the user's code.

    Ordinary work pays nothing for this. Inside, each operation costs some microseconds more.

    Examples
    --------
    >>> import graphgrad as gg
    >>> with gg.record() as recording:
    ...     x = gg.tensor(3.0, requires_grad=True)
    ...     y = x * x
    >>> [node.op.name for node in recording.nodes]
    ['multiply']
    """

    def __init__(self) -> None:
        self._tokens: list[Token[Mode]] = []

    def __enter__(self) -> Recording:
        mode = MODE.get()
        # Whoever listens outside hears of what happens in here too.
        recording = Recording() if mode.recorder is None else Recording(mode.recorder.on_pass, mode.recorder.on_failure)
        self._tokens.append(MODE.set(mode.but(recorder=recording)))
        return recording

    def __exit__(self, *exc_info: object) -> None:
        MODE.reset(self._tokens.pop())


def announce(result: Tensor | Scalar, gradient: Any = None) -> None:
    """Say that a backward pass ran from `result`. Each way to differentiate calls this before it gives results away.

    A pass that was refused is none; and the leaves still hold what the pass was computed with.
    """
    recorder = MODE.get().recorder
    if recorder is not None and recorder.on_pass is not None:
        recorder.on_pass(result, gradient)


def report(op: Op, operands: Sequence[Any], error: Exception) -> None:
    """Say that an operation raised. Each way to run one calls this before it lets the exception go on."""
    recorder = MODE.get().recorder
    if recorder is not None:
        recorder.raised(op, operands, error)
