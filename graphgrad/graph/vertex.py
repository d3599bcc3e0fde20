"""The vertices of a graph as data: leaves, numbers in the code, and the results of operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from graphgrad.graph.scalar import Scalar, scalar
from graphgrad.graph.source import Site
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import CLOCK, last_write

__all__ = ["Leaf", "Operand", "Vertex"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
Leaf: TypeAlias = "Tensor | Scalar | bool | int | float"


class Operand(NamedTuple):
    """One incoming edge: a vertex, and which of its outputs."""

    vertex: int
    port: int


@dataclass(frozen=True, slots=True, eq=False)  # holds arrays and tensors, which compare elementwise
class Vertex:
    """One value, or several, of a computation: a leaf, a number in the code, or the result of an operation.

    Attributes
    ----------
    id
        Its number; negative for numbers that stand in the code, which have none.
    op
        The operation's name, None for a leaf.
    operands
        Incoming edges in order; ``x * x`` has two from the same vertex.
    attrs
        The operation's attributes.
    shapes, dtypes
        Of each output.
    requires_grad
        Whether a gradient flows here.
    name
        What the user's code calls it, None if unknown.
    scope
        The path of scopes that it was computed in.
    site
        Where in the user's code it was computed, if that was recorded.
    leaf
        For a leaf the tensor, scalar or number itself.
    error
        What an operation said that raised; it has no outputs then. None for all others.
    """

    id: int
    op: str | None
    operands: tuple[Operand, ...]
    attrs: Mapping[str, Any]
    shapes: tuple[Shape, ...]
    dtypes: tuple[np.dtype[Any], ...]
    requires_grad: bool
    name: str | None
    scope: str
    site: Site | None
    leaf: Leaf | None
    epoch: int = field(default=0, repr=False)
    error: str | None = None

    @property
    def is_leaf(self) -> bool:
        """Whether no operation computed it."""
        return self.op is None

    @property
    def is_constant(self) -> bool:
        """Whether it is a number that stands in the code."""
        return self.id < 0

    @property
    def was_written(self) -> bool:
        """Whether the values of a leaf were written since the graph used them."""
        leaf = self.leaf
        if isinstance(leaf, Scalar):
            return leaf.chunk.written.get(leaf.index, 0) > self.epoch
        if isinstance(leaf, Tensor):
            write = last_write(leaf._data)
            return leaf._written > self.epoch or (write is not None and write.epoch > self.epoch)
        return False

    def freeze(self, values: Sequence[Array] | None = None) -> Vertex:
        """The same vertex with a leaf of its own, which holds the given values, or a copy of those that it has now.

        The leaf's array, which may be the given one, can't be written any more.
        """
        shapes, dtypes, leaf = self.shapes, self.dtypes, self.leaf
        if values is not None:
            shapes, dtypes = tuple(value.shape for value in values), tuple(value.dtype for value in values)
        if isinstance(leaf, Tensor):
            array = leaf.data.copy() if values is None else values[0]
            array.flags.writeable = False
            leaf = Tensor(array, self.requires_grad, self.name)
        elif isinstance(leaf, Scalar):
            leaf = scalar(leaf.data if values is None else values[0], self.requires_grad, self.name)
        return replace(self, shapes=shapes, dtypes=dtypes, leaf=leaf, epoch=CLOCK.epoch)
