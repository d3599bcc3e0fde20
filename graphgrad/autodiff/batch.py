"""An operation on one example of many, as `vmap` has to run it: its operands, of one example and with all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from graphgrad.autodiff.levels import Batched, Level
from graphgrad.graph.operation import Op
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.reductions import mean, sum
from graphgrad.ops.array.shaping import broadcast_to, reshape
from graphgrad.ops.running import apply

__all__ = ["NO", "Batch", "each", "further_back", "reduced", "whole_of", "with_rank"]

Shape = tuple[int, ...]

# A length that no axis has, for asking shape rules: an axis of examples must come out where it went in.
_UNLIKELY = 999_983
NO: Any = NotImplemented
"""What a rule gives where it doesn't apply."""


class Batch:
    """An operation on operands of which some have an axis of examples in front.

    Attributes
    ----------
    operands
        As the function under `vmap` sees them.
    whole
        With all examples.
    batched
        Which of them have the axis.
    shapes
        Of one example; numbers have none.
    expected
        The shape of the result for one example, several for several outputs, None if that depends on values.
    """

    def __init__(self, op: Op, operands: Sequence[Any], attrs: dict[str, Any], level: Level) -> None:
        self.op = op
        self.operands = operands
        self.attrs = attrs
        self.level = level
        self.size = level.size
        self.batched = [isinstance(one, Batched) and one.level is level for one in operands]
        self.whole = [one.inner if mine else one for one, mine in zip(operands, self.batched, strict=True)]
        self.shapes = [one.shape if isinstance(one, Tensor) else () for one in operands]
        self.expected = self.shape_of(self.shapes, attrs)

    def shape_of(self, shapes: Sequence[Shape], attrs: dict[str, Any]) -> Any:
        """What the shape rule says."""
        return self.op.shape(shapes, **attrs) if self.op.variadic else self.op.shape(*shapes, **attrs)

    def run(self, operands: Sequence[Any], **attrs: Any) -> Any:
        """The operation on all examples, with some attributes changed."""
        return apply(self.op, operands, {**self.attrs, **attrs})

    def tensor(self, i: int) -> Tensor:
        """An operand of one example as a tensor; a number in the dtype that it would take on beside the others."""
        one = self.operands[i]
        if isinstance(one, Tensor):
            return one
        return Tensor(np.asarray(one, np.result_type(one, *(x.dtype for x in self.operands if isinstance(x, Tensor)))))

    def spread(self, i: int) -> Tensor:
        """An operand with the axis of the examples, repeated along it if it is the same for all."""
        if self.batched[i]:
            return self.whole[i]  # type: ignore[no-any-return]
        return broadcast_to(self.tensor(i), (self.size, *self.shapes[i]))  # type: ignore[no-any-return]

    def aligned(self) -> list[Any]:
        """The operands with as many axes as the longest of them, so that those of the examples meet."""
        rank = max(map(len, self.shapes))
        return [with_rank(one, rank) if mine else one for one, mine in zip(self.whole, self.batched, strict=True)]

    def keeps_examples(self, attrs: dict[str, Any], batched: Iterable[bool]) -> bool:
        """Whether the shape rule takes an axis of examples in front through to the front of the result."""
        shapes = [(_UNLIKELY, *shape) if mine else shape for shape, mine in zip(self.shapes, batched, strict=True)]
        try:
            found = self.shape_of(shapes, attrs)
        except (ValueError, TypeError, IndexError):
            return False
        if self.op.outputs is None:
            return [(_UNLIKELY, *shape) for shape in self.expected] == list(found)
        return bool((_UNLIKELY, *self.expected) == found)


def each(change: Callable[[Any], Any], result: Any) -> Any:
    """A result, or each of several, changed."""
    return tuple(map(change, result)) if isinstance(result, tuple) else change(result)


def whole_of(batch: Batch, result: Any) -> Any:
    """All examples of a result that other operations computed under the same `vmap`."""

    def whole(one: Tensor) -> Tensor:
        if isinstance(one, Batched) and one.level is batch.level:
            return one.inner
        return broadcast_to(one, (batch.size, *one.shape))  # type: ignore[no-any-return]

    return each(whole, result)


def with_rank(x: Tensor, rank: int) -> Tensor:
    """All examples with so many axes each: new ones, of length 1, go before those that an example has."""
    missing = rank + 1 - x.ndim
    return x if missing <= 0 else reshape(x, (x.shape[0], *(1,) * missing, *x.shape[1:]))


def further_back(axis: Any) -> Any:
    """An axis, or several, behind that of the examples; those counted from the end stay."""
    if isinstance(axis, tuple):
        return tuple(map(further_back, axis))
    return axis if axis < 0 else axis + 1


def reduced(losses: Tensor, reduction: str) -> Any:
    """Losses of all examples, reduced for each by itself."""
    axes = tuple(range(1, losses.ndim))
    return losses if reduction == "none" or not axes else (sum if reduction == "sum" else mean)(losses, axes)
