"""Class numbers as vectors. `graphgrad.nn.functional` offers this."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.ops.attributes import keep_integers
from graphgrad.ops.declare import Array, op
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import free

NAMESPACE = "nn.functional"
__all__ = ["one_hot"]

Shape = tuple[int, ...]


def _hot(tensor: Shape, /, num_classes: int) -> Shape | None:
    return None if num_classes == -1 else (*tensor, num_classes)


@op(
    formula="one_hot({tensor}, {num_classes})",
    shape=_hot,
    cost=free,
    samples=lambda rng: [
        sample(np.array([0, 2, 1])),
        sample(rng.integers(0, 3, 4), num_classes=3),
        sample(rng.integers(0, 3, (2, 2)), num_classes=5),
        sample(np.array(2), num_classes=3),
        sample(np.zeros((0,), int), num_classes=2),
    ],
    errors=(
        ErrorSample((np.array([0, 3]),), {"num_classes": 3}, ArgumentError, "classes go from 0 to 2, got 3"),
        ErrorSample((np.array([-1]),), {"num_classes": 3}, ArgumentError, "classes go from 0 to 2, got -1"),
        ErrorSample((np.array([0.0]),), {"num_classes": 3}, DTypeError, "classes are integers"),
        ErrorSample((np.array([0]),), {"num_classes": 0}, ArgumentError, "at least 1"),
    ),
    prepare=lambda attrs: keep_integers(attrs, "num_classes"),
    covers=("P02.18", "P05.19"),
)
def one_hot(tensor: Array, num_classes: int = -1) -> Any:
    """
    Class numbers as vectors of zeros with a one. No gradient passes: class numbers don't change by small steps.

    Parameters
    ----------
    tensor
        Integers from 0.
    num_classes
        How long the vectors are; -1 for the largest number and one.

    Returns
    -------
    Tensor
        Integers, the classes along a new last axis. ``astype("float32")`` makes targets of them.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.one_hot([2, 0], num_classes=3)
    tensor([[0, 0, 1],
            [1, 0, 0]])
    """
    if tensor.dtype.kind not in "iu" and tensor.size:
        raise TypeError(f"classes are integers, got {tensor.dtype}")
    if num_classes == -1:
        if not tensor.size:
            raise ValueError("num_classes is needed where there is no class number")
        num_classes = int(tensor.max()) + 1
    if num_classes < 1:
        raise ValueError(f"num_classes is at least 1, or -1, got {num_classes}")
    if tensor.size:
        lowest, highest = tensor.min(), tensor.max()
        if lowest < 0 or highest >= num_classes:
            raise ValueError(f"classes go from 0 to {num_classes - 1}, got {lowest if lowest < 0 else highest}")
    return (tensor[..., None] == np.arange(num_classes)).astype(np.int64)
