"""The record of one operation, as the engine keeps it: lean, and pointing backwards only."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from graphgrad.graph.operation import Op
    from graphgrad.graph.source import Site
    from graphgrad.graph.tensor import Tensor

__all__ = ["Node", "Output", "Source", "next_number", "take_numbers"]

Array = np.ndarray[Any, Any]

_numbers = itertools.count()
next_number = _numbers.__next__


def take_numbers(n: int) -> int:
    """Take `n` numbers in a row from the one counter and return the first.

    The loop runs inside C without giving way to another thread, so the block has no gaps.
    """
    return next(itertools.islice(_numbers, n - 1, None)) - (n - 1)


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
        needed; None altogether once `backward` has freed it.
    needs
        Bit i is set if operand i needs a gradient.
    shape, dtype
        Of its output; for an operation with several outputs a tuple of theirs. `shapes` and `dtypes` are always tuples.
    scope
        The path of scopes that it ran in, such as ``"encoder.0"``.
    epoch
        What the clock of writes showed.
    site
        Where in the user's code it was called; only under recording.
    """

    __slots__ = (
        "attrs",
        "dtype",
        "epoch",
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
    saved: tuple[Any, ...] | None
    needs: int
    shape: Any
    dtype: Any
    scope: str
    epoch: int
    site: Site | None

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each output."""
        return self.shape if self.op.outputs is None else (self.shape,)

    @property
    def dtypes(self) -> tuple[np.dtype[Any], ...]:
        """The dtype of each output."""
        return self.dtype if self.op.outputs is None else (self.dtype,)

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


Source: TypeAlias = "Node | Output | Tensor | bool | int | float"
"""Where an operand came from: the only output of a node, one of several, a leaf tensor, or a number in the code.

A number stays a Python number, so that it takes part in arithmetic as weakly as NumPy lets Python numbers do.
"""
