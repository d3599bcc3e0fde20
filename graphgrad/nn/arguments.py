"""Arguments of layers: checked when the layer is made, by what checks them when its operation runs; and its inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.graph.create import asarray
from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError, describe
from graphgrad.graph.tensor import Tensor

__all__ = ["as_tensor", "channels", "kept"]


def kept(layer: str, prepare: Callable[[dict[str, Any]], None], **attrs: Any) -> dict[str, Any]:
    """The attributes of an operation in the form in which it keeps them.

    Raises
    ------
    ArgumentError, DTypeError
        If `prepare` refuses them; the message begins with the name of the layer.
    """
    try:
        prepare(attrs)
    except TypeError as reason:
        raise DTypeError(describe(f"{layer}: {reason}")) from None
    except ValueError as reason:
        raise ArgumentError(describe(f"{layer}: {reason}")) from None
    return attrs


def channels(layer: str, groups: int, **counts: Any) -> tuple[int, ...]:
    """Numbers of channels, each of which can be split into groups."""
    for name, count in counts.items():
        if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < 1:
            raise ShapeError(describe(f"{layer}: {name} is a whole number from 1, got {count!r}"))
        if count % groups:
            raise ShapeError(describe(f"{layer}: {name} {count} can't be split into {groups} groups"))
    return tuple(map(int, counts.values()))


def as_tensor(value: Any) -> Tensor:
    """A tensor as it is, and what else can be one."""
    return value if isinstance(value, Tensor) else asarray(value)
