"""What losses are made of: reductions on arrays and on tensors, checks, samples.

A loss compares an input with a target, element by element or example by example, and reduces the single losses to
their mean, to their sum, or not at all. Its formula is that of one element; a test and a picture put the reduction
around it. Shapes have to be the same: broadcasting would silently compare every prediction with every target.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.graph.tensor import Tensor
from graphgrad.kernels.sums import add_up
from graphgrad.ops.array.arithmetic import equal, power
from graphgrad.ops.array.reductions import mean, sum
from graphgrad.ops.array.selection import where
from graphgrad.ops.array.shaping import astype
from graphgrad.ops.attributes import keep_numbers
from graphgrad.ops.samples import array, sample

__all__ = [
    "ABOVE_ZERO",
    "ANY_NUMBER",
    "BAD_REDUCTION",
    "NOT_BELOW_ZERO",
    "REDUCTIONS",
    "UNEVEN",
    "alike",
    "alike_weighted",
    "broadcasts_into",
    "check_number",
    "cost",
    "faded",
    "in_floats",
    "pairs",
    "per_loss",
    "prepare",
    "prepare_with",
    "reduce",
    "reduced",
    "reduction_only",
    "shapes_of",
    "signs",
    "values_of",
]

Shape = tuple[int, ...]
REDUCTIONS = ("mean", "sum", "none")


# ---- reductions ------------------------------------------------------------------------------------------------------


def prepare(attrs: dict[str, Any]) -> None:
    """Refuse a reduction that is none."""
    if attrs["reduction"] not in REDUCTIONS:
        raise ValueError(f"reduction is one of {', '.join(REDUCTIONS)}, got {attrs['reduction']!r}")


Check: TypeAlias = tuple[Callable[[Any], bool], str]
"""Whether a number will do as an attribute, and what is wanted, in words."""

ANY_NUMBER: Check = (lambda value: True, "a number")
ABOVE_ZERO: Check = (lambda value: value > 0, "above 0")
NOT_BELOW_ZERO: Check = (lambda value: value >= 0, "not below 0")


def prepare_with(**checks: Check) -> Callable[[dict[str, Any]], None]:
    """The same for a loss with other attributes that are numbers, by name."""

    def prepare_all(attrs: dict[str, Any]) -> None:
        prepare(attrs)
        for name, check in checks.items():
            check_number(attrs, name, check)

    return prepare_all


def check_number(attrs: dict[str, Any], name: str, check: Check) -> None:
    """Refuse an attribute that is no number, or none that will do."""
    keep_numbers(attrs, name)
    is_good, wanted = check
    if math.isnan(attrs[name]) or not is_good(attrs[name]):
        raise ValueError(f"{name} is {wanted}, got {attrs[name]!r}")


def reduce(losses: Any, reduction: str, divisor: Any = None) -> Any:
    """The mean, the sum, or the losses themselves, on arrays; `divisor` is what a mean divides by if not their number.

    A mean of nothing is nan, as everywhere.
    """
    if reduction == "none":
        return losses
    total = add_up(losses)
    return total if reduction == "sum" else total / (losses.size if divisor is None else divisor)


def reduced(losses: Any, reduction: str, divisor: Any = None) -> Any:
    """The same on tensors, for expansions."""
    if reduction == "none":
        return losses
    if reduction == "sum":
        return sum(losses)
    return mean(losses) if divisor is None else sum(losses) / divisor


def per_loss(g: Any, divisor: Any, reduction: str) -> Any:
    """The gradient of each single loss from that of the result; `divisor` is what a mean divides by."""
    return g / divisor if reduction == "mean" else g


# ---- operands --------------------------------------------------------------------------------------------------------


def in_floats(*operands: Any) -> Sequence[Any]:
    """Operands, arrays or tensors, in the floating dtype that they have together; None stays.

    Integers and bools, such as a target may have, take the dtype of the floats beside them, and float64 if there are
    none: a float32 prediction stays one.
    """
    dtype = getattr(operands[0], "dtype", None)
    if (
        dtype is not None
        and dtype.kind == "f"
        and all(one is None or getattr(one, "dtype", 0) == dtype for one in operands)
    ):
        return operands
    floats = [one.dtype for one in operands if isinstance(one, (np.ndarray, Tensor)) and one.dtype.kind == "f"]
    dtype = np.result_type(*floats) if floats else np.dtype(np.float64)
    return [None if one is None else _in_dtype(one, dtype) for one in operands]


def _in_dtype(operand: Any, dtype: np.dtype[Any]) -> Any:
    if isinstance(operand, Tensor):
        return operand if operand.dtype == dtype else astype(operand, dtype)
    # By the array's own method, which arrays of single numbers that are to be recorded have one of.
    return operand.astype(dtype, copy=False) if isinstance(operand, np.ndarray) else np.asarray(operand, dtype)


def faded(wrong: Any, gamma: float) -> Any:
    """The factor of a focal loss, a probability to the power of `gamma`, on tensors.

    A probability of 0, which is one too small for its dtype, gives 0 and has no slope; that of the power alone would be
    infinite, and nan when it is multiplied by the slope of the probability, which is 0 too.
    """
    is_gone = equal(wrong, 0.0)
    return where(is_gone, 0.0, power(where(is_gone, 1.0, wrong), gamma))


def values_of(operand: Any) -> Any:
    """The values of an operand that no gradient can reach, such as classes, where a rule or an expansion gets it."""
    return operand.data if isinstance(operand, Tensor) else np.asarray(operand)


def shapes_of(*operands: Any) -> list[Any]:
    """The shapes of operands; that of a number is (), that of one that is missing None."""
    return [None if one is None else getattr(one, "shape", ()) for one in operands]


# ---- shapes ----------------------------------------------------------------------------------------------------------


def alike(*shapes: Shape, reduction: str, names: Sequence[str] = ("input", "target"), **_: Any) -> Shape:
    """The shape rule of a loss of single elements: one shape for all operands."""
    if shapes.count(shapes[0]) != len(shapes):
        told = [f"{name} {shape}" for name, shape in zip(names, shapes, strict=True)]
        raise ValueError(
            f"{', '.join(told[:-1])} and {told[-1]} must have the same shape: broadcasting would compare "
            "each element with several"
        )
    return shapes[0] if reduction == "none" else ()


def alike_weighted(input: Shape, target: Shape, weight: Shape | None = None, /, **attrs: Any) -> Shape:
    """The same with a weight for each element, which may be missing."""
    shape = alike(input, target, **attrs)
    if weight is not None and weight != input:
        raise ValueError(f"weight {weight} must have the shape of input, {input}")
    return shape


def broadcasts_into(name: str, shape: Shape | None, input: Shape) -> None:
    """Refuse a weight that doesn't broadcast to the shape of the input."""
    if shape is None:
        return
    fits = len(shape) <= len(input) and all(
        have in (1, want) for have, want in zip(shape[::-1], input[::-1], strict=False)
    )
    if not fits:
        raise ValueError(f"{name} {shape} must broadcast to the shape of input, {input}")


def reduction_only(examples: Shape, reduction: str) -> Shape:
    """The shape of a loss for each of `examples`, reduced."""
    return examples if reduction == "none" else ()


# ---- samples ---------------------------------------------------------------------------------------------------------

BAD_REDUCTION: Mapping[str, Any] = {"reduction": "average"}

UNEVEN = (
    ErrorSample((np.zeros((3, 1)), np.zeros(3)), {}, ShapeError, "must have the same shape"),
    ErrorSample((np.zeros(3), np.zeros(3)), BAD_REDUCTION, ArgumentError, "one of mean, sum, none"),
)
"""What every loss of two operands of one shape refuses."""


def pairs(
    rng: np.random.Generator,
    input: tuple[float, float] = (-2.0, 2.0),
    target: tuple[float, float] = (-2.0, 2.0),
    *,
    optional: int = 0,
    **attrs: Any,
) -> Iterator[Sample]:
    """Samples for a loss of single elements: several axes and each reduction, one, none, empty.

    Parameters
    ----------
    input, target
        The intervals that they are drawn from.
    optional
        How many optional operands there are, of which none is given.
    """
    for shape, reduction in (((2, 3), "mean"), ((4,), "sum"), ((2, 2), "none"), ((), "mean")):
        of_both = (array(rng, *shape, low=low, high=high) for low, high in (input, target))
        yield sample(*of_both, *[None] * optional, reduction=reduction, **attrs)
    yield sample(np.zeros((0, 3)), np.zeros((0, 3)), *[None] * optional, reduction="sum", **attrs)


def signs(rng: np.random.Generator, shape: Shape) -> Any:
    """Targets of 1 and -1."""
    return np.asarray(rng.choice([-1, 1], shape))


def cost(n: int) -> Callable[..., int]:
    """The cost of a loss that does `n` things for each element of its first operand."""
    return lambda input, *_, **__: n * math.prod(input)
