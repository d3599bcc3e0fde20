"""The record of one operation, as the engine keeps it: lean, and pointing backwards only."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from graphgrad.graph.hooks import Hook, Hooks, RemovableHandle, on_node

if TYPE_CHECKING:
    from graphgrad.graph.operation import Op
    from graphgrad.graph.scalar import Scalar
    from graphgrad.graph.source import Site
    from graphgrad.graph.tensor import Tensor

__all__ = ["Node", "Output", "Recomputed", "Source", "next_number", "take_numbers"]

Array = np.ndarray[Any, Any]

_numbers = itertools.count()
next_number = _numbers.__next__


def take_numbers(n: int) -> int:
    """Take `n` numbers in a row from the one counter and return the first.

    The loop runs inside C without giving way to another thread, so the block has no gaps.
    """
    return next(itertools.islice(_numbers, n - 1, None)) - (n - 1)


class Recomputed(Protocol):
    """Stands in a node for values that it didn't save; see `graphgrad.autodiff.checkpoint`."""

    def restore(self, memory: dict[Any, Any]) -> tuple[Any, ...]:
        """The values, computed again. `memory` belongs to one pass, and holds what else was computed on the way."""

    def kept(self) -> Iterator[tuple[Array, int]]:
        """The arrays that they are computed from, each with what the clock of writes showed when it was read."""


class Node:
    """One operation that ran.

    Nodes refer to their operands and never to their consumers, so a graph is freed as soon as its last result is, by
    reference counting alone. The number only ever counts up: descending numbers are a backward order, and no two nodes
    of a process ever share one.

    Attributes
    ----------
    number
        When it ran, as a count over all nodes, leaves and scalars of the process.
    name
        What the user's code calls its result, None if unknown.
    op
        The operation's declaration.
    operands
        Where each operand came from, in order; ``x * x`` has two. See `Source`.
    attrs
        The operation's attributes, such as ``axis``.
    saved
        What the derivative rules will read: a slot per operand and a last one for the result, None where it isn't
        needed; None altogether once `backward` has freed it. Under `checkpoint`, what computes it again.
    needs
        Bit i is set if operand i needs a gradient.
    shape, dtype
        Of its output; for an operation with several outputs a tuple of theirs. `shapes` and `dtypes` are always tuples.
    scope
        The path of scopes that it ran in, such as ``"encoder.0"``.
    epoch
        What the clock of writes showed.
    site
        Where in the user's code it was called; only under recording and `detect_anomaly`.
    hooks
        What users hung on it; the slot is empty, without even a None, until the first.
    """

    __slots__ = (
        "attrs",
        "dtype",
        "epoch",
        "hooks",
        "name",
        "needs",
        "number",
        "op",
        "operands",
        "saved",
        "scope",
        "shape",
        "site",
    )

    number: int
    name: str | None
    op: Op
    operands: tuple[Source, ...]
    attrs: Mapping[str, Any]
    saved: tuple[Any, ...] | Recomputed | None
    needs: int
    shape: Any
    dtype: Any
    scope: str
    epoch: int
    site: Site | None
    hooks: Hooks

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each output."""
        return self.shape if self.op.outputs is None else (self.shape,)

    @property
    def dtypes(self) -> tuple[np.dtype[Any], ...]:
        """The dtype of each output."""
        return self.dtype if self.op.outputs is None else (self.dtype,)

    def register_prehook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(grad_outputs)`` whenever a backward pass is about to pass a gradient on through this node.

        Parameters
        ----------
        hook
            Gets a tuple with the gradient of each output, and returns None, or a tuple to go on with instead.

        Returns
        -------
        RemovableHandle
            Whose ``remove()`` takes the hook off.

        Raises
        ------
        GraphError
            If no gradient comes by here.

        Examples
        --------
        >>> import graphgrad as gg
        >>> x = gg.tensor([1.0, 2.0], requires_grad=True)
        >>> y = x * 3
        >>> handle = y.node.register_prehook(lambda grad_outputs: (grad_outputs[0] * 10,))
        >>> gg.sum(y).backward()
        >>> x.grad
        tensor([30., 30.])
        """
        return on_node(self, hook, before=True)

    def register_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(grad_inputs, grad_outputs)`` whenever a backward pass has gone through this node.

        Parameters
        ----------
        hook
            Gets a tuple with what each operand receives, None for those that need no gradient, and a tuple with the
            gradient of each output. It returns None, or a tuple to pass on instead of the first.

        Returns
        -------
        RemovableHandle
            Whose ``remove()`` takes the hook off.

        Raises
        ------
        GraphError
            If no gradient comes by here.

        Examples
        --------
        >>> import graphgrad as gg
        >>> x = gg.tensor([1.0, 2.0], requires_grad=True)
        >>> y = gg.tanh(x)
        >>> handle = y.node.register_hook(lambda grad_inputs, grad_outputs: print(grad_inputs, grad_outputs))
        >>> gg.sum(y).backward()
        (tensor([0.42  , 0.0707]),) (tensor([1., 1.]),)
        """
        return on_node(self, hook, before=False)

    def __repr__(self) -> str:
        shapes = ", ".join(map(str, self.shapes))
        return f"<Node {self.number} {self.op.name} -> {shapes}>"


class Output:
    """One of several outputs of a node: what a tensor from `split` or `unbind` came from."""

    __slots__ = ("index", "node")

    def __init__(self, node: Node, index: int) -> None:
        self.node = node
        self.index = index

    @property
    def epoch(self) -> int:
        """What the clock of writes showed when the node ran."""
        return self.node.epoch

    @epoch.setter
    def epoch(self, value: int) -> None:
        self.node.epoch = value


Source: TypeAlias = "Node | Output | Tensor | Scalar | bool | int | float"
"""Where an operand came from: the only output of a node, one of several, a leaf tensor, or a number in the code.

A tensor that was stacked of scalars has these for operands, and nothing else does.

A number stays a Python number, so that it takes part in arithmetic as weakly as NumPy lets Python numbers do.
"""
