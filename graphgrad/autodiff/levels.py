"""Tensors that stand for one example of many: what a function sees that `vmap` runs once for all examples.

Such a tensor has the shape of one example and hides an axis of examples in front. Each `vmap` that is running has a
level; where one runs inside another, a tensor of the inner level may hold a tensor of the outer one, and so on down to
an ordinary tensor that holds the values of all examples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NoReturn

import numpy as np

from graphgrad.graph.errors import GraphError, describe
from graphgrad.graph.late import late
from graphgrad.graph.mode import enable_grad
from graphgrad.graph.node import next_number
from graphgrad.graph.operation import Op
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.axes import permute_dims
from graphgrad.ops.array.shaping import broadcast_to

__all__ = [
    "ACTIVE",
    "Batched",
    "ExampleNeeded",
    "Level",
    "after_sweep",
    "bottom",
    "for_sweep",
    "later_levels",
    "levels_of",
    "spread",
    "wrapped",
]


class Level:
    """One `vmap` that is running, or has ended: how many examples it has, and its number among all that ever ran."""

    __slots__ = ("number", "running", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.running = True
        self.number = next_number()


ACTIVE: ContextVar[tuple[Level, ...]] = ContextVar("graphgrad vmap levels", default=())
"""The levels that are running, the outermost first."""


class ExampleNeeded(BaseException):
    """Somebody asked for the values of one example: the function has to be run example after example.

    No error, and therefore none that a function under `vmap` could catch by accident.
    """

    def __init__(self, level: Level) -> None:
        super().__init__()
        self.level = level


class Batched(Tensor):
    """A tensor that stands for any one of `level.size` examples.

    Attributes
    ----------
    inner
        All examples, along its first axis.
    level
        The `vmap` that this axis is of.
    """

    __slots__ = ("inner", "level")

    def __init__(self, inner: Tensor, level: Level) -> None:
        self.inner = inner
        self.level = level

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inner.shape[1:]

    @property
    def ndim(self) -> int:
        return self.inner.ndim - 1

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.inner.dtype

    @property
    def name(self) -> str | None:
        return self.inner.name

    @name.setter
    def name(self, value: str | None) -> None:
        self.inner.name = value

    @property
    def requires_grad(self) -> bool:
        return self.inner.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self._needed()

    def detach(self) -> Tensor:
        return Batched(self.inner.detach(), self.level)

    def apply(self, op: Op, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
        """Run an operation that has this among its operands on all examples."""
        return late.apply_batched(op, operands, attrs)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError(describe("len: a tensor of shape () has no length"))
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError(describe("iteration: a tensor of shape () has no elements to go through"))
        return iter(late.unbind(self))

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func is np.shape:
            return args[0].shape
        if func is np.ndim:
            return args[0].ndim
        return super().__array_function__(func, types, args, kwargs)

    def __repr__(self) -> str:
        return f"<one of {self.level.size} examples: tensor of shape {self.shape}, {self.dtype}>"

    def _title(self) -> str:
        name = f"tensor {self.name!r}" if self.name else "a tensor"
        return f"{name} of shape {self.shape}, one of {self.level.size} examples"

    def _needed(self) -> NoReturn:
        """Say that the values of one example, or its place in the graph, are asked for."""
        if self.level.running:
            raise ExampleNeeded(self.level)
        raise GraphError(
            describe(
                f"vmap: {self._title()}, was kept until after the vmap that it is from",
                hint="return it from the function, and take it from the result",
            )
        )

    # One example has neither values nor a place in the graph of its own. These are slots of a tensor; there the base
    # class, and everything that works on tensors, would look.
    _data = property(_needed)
    _source = property(_needed)
    _grad = property(_needed)
    _written = property(_needed)
    _number = property(_needed)
    _name = property(_needed)
    _needs = property(lambda self: self.inner.requires_grad)


def levels_of(tensor: Tensor) -> tuple[Level, ...]:
    """The levels that a tensor has an axis for, the outermost first."""
    found: list[Level] = []
    while isinstance(tensor, Batched):
        found.append(tensor.level)
        tensor = tensor.inner
    return tuple(reversed(found))


def bottom(tensor: Tensor) -> Tensor:
    """The ordinary tensor that holds the values of all examples, with an axis in front for each level."""
    while isinstance(tensor, Batched):
        tensor = tensor.inner
    return tensor


def wrapped(tensor: Tensor, levels: Sequence[Level]) -> Tensor:
    """A tensor whose first axes are the examples of `levels`, the outermost first, as one of those examples."""
    for level in levels:
        tensor = Batched(tensor, level)
    return tensor


def spread(tensor: Tensor, levels: Sequence[Level]) -> Tensor:
    """The same tensor with an axis for each of `levels`, repeated where it is the same for all examples."""
    if not levels:
        return tensor
    *outer, level = levels
    if isinstance(tensor, Batched) and tensor.level is level:
        inner = tensor.inner
    else:
        inner = broadcast_to(tensor, (level.size, *tensor.shape))
    return Batched(spread(inner, outer), level)


# A sweep runs over what was recorded while some levels were running, whose axes are ordinary ones to it. What it starts
# from may stand for more examples, if a `vmap` that began later runs the sweep for all of them at once.


def for_sweep(tensor: Tensor, levels: Sequence[Level], later: Sequence[Level]) -> Tensor:
    """What a sweep starts from, with the axes of `levels` as ordinary ones and those of `later` hidden."""
    with enable_grad():
        whole = bottom(spread(tensor, (*levels, *later)))
        return wrapped(_exchanged(whole, len(levels), len(later)), later)


def after_sweep(tensor: Tensor, levels: Sequence[Level], later: Sequence[Level]) -> Tensor:
    """What a sweep gave, with the axes of all levels hidden."""
    with enable_grad():
        whole = bottom(spread(tensor, later))
        return wrapped(_exchanged(whole, len(later), len(levels)), (*levels, *later))


def later_levels(tensors: Iterable[Tensor], levels: Sequence[Level]) -> tuple[Level, ...]:
    """The levels that are running, and that `tensors` have an axis for, beside the given ones."""
    found = {level for tensor in tensors for level in levels_of(tensor)}.difference(levels)
    return tuple(level for level in ACTIVE.get() if level in found)


def _exchanged(tensor: Tensor, first: int, second: int) -> Tensor:
    """The first axes moved behind the second ones."""
    if not (first and second):
        return tensor
    both = first + second
    moved: Tensor = permute_dims(tensor, (*range(first, both), *range(first), *range(both, tensor.ndim)))
    return moved
