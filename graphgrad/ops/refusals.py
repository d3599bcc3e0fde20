"""What an operation says when operands don't fit: which one, its shape and dtype, and what was expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, GraphgradError, ShapeError, describe
from graphgrad.graph.operation import Op
from graphgrad.graph.tensor import Tensor

__all__ = ["REFUSALS", "explain", "is_complex", "place_of", "refuse_complex"]

REFUSALS = (TypeError, ValueError, IndexError, OverflowError)
"""What NumPy raises when operands don't fit; anything else isn't about the operands and goes through as it is."""


def place_of(op: Op, i: int) -> str:
    """What the declaration calls operand `i`: ``b``, or ``tensors[1]`` of a variadic operation."""
    return f"{op.operands[0]}[{i}]" if op.variadic else op.operands[i]


def refuse_complex(op: Op, operands: Sequence[Any]) -> NoReturn:
    """Say that an operation takes real numbers only."""
    given = [(place_of(op, i), one) for i, one in enumerate(operands) if is_complex(one)]
    raise DTypeError(
        describe(
            f"{op.name}: complex numbers are not supported here",
            *(f"{place}: shape {one.shape}, {one.dtype}" for place, one in given),
            hint="make them real first: gg.real(z), gg.imag(z), gg.abs(z) or gg.angle(z)",
        )
    )


def is_complex(operand: Any) -> bool:
    """Whether an operand is a tensor or an array of complex numbers."""
    return isinstance(operand, (Tensor, np.ndarray)) and operand.dtype.kind == "c"


def explain(
    op: Op, operands: Sequence[Any], attrs: Mapping[str, Any], error: Exception, *, of_attributes: bool = False
) -> NoReturn:
    """Raise the good message for what NumPy refused: which operand, which shapes, expected what.

    With `of_attributes` an attribute was refused, before any operand was looked at: the shapes are not in question.
    """
    if isinstance(error, GraphgradError):
        raise error
    if not op.complex and any(map(is_complex, operands)):
        refuse_complex(op, operands)
    details = [f"{place_of(op, i)}:{_described(operand)}" for i, operand in enumerate(operands)]
    details += [f"{name}: {value!r:.60}" for name, value in attrs.items()]
    if not of_attributes:
        shapes = [None if operand is None else getattr(operand, "shape", ()) for operand in operands]
        try:
            op.shape(shapes, **attrs) if op.variadic else op.shape(*shapes, **attrs)
        except ValueError as reason:
            raise ShapeError(describe(f"{op.name}: {reason}", *details)) from None
        except (TypeError, IndexError, AttributeError, OverflowError):
            pass  # the rule can't read these attributes at all: what was said first is nearer to the cause
    # The shapes fit, so what was refused is a type, or a value.
    kind = DTypeError if isinstance(error, TypeError) else ArgumentError
    raise kind(describe(f"{op.name}: {error}", *details)) from None


def _described(operand: Any) -> str:
    if not isinstance(operand, (Tensor, np.ndarray)):
        return f" {operand!r:.60}"
    name = f" {operand.name!r}" if isinstance(operand, Tensor) and operand.name else ""
    return f"{name} shape {operand.shape}, {operand.dtype}"
