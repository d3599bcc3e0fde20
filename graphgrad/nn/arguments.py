"""Arguments of layers: checked when the layer is made, by what checks them when its operation runs; and its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphgrad.graph.create import asarray
from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.attributes import keep_flags, keep_numbers
from graphgrad.ops.functional import loss_parts

__all__ = [
    "as_tensor",
    "channels",
    "check",
    "keep_softplus",
    "keep_triplet",
    "kept",
    "lengths",
    "named_pairs",
    "not_in_place",
]


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


def check(layer: Any, operation: Any, **attrs: Any) -> None:
    """Refuse attributes when a layer is made, as its operation would when it runs.

    Parameters
    ----------
    layer
        The layer, whose name begins the message.
    operation
        A function of `graphgrad.nn.functional` that is one operation.
    attrs
        Those of its attributes that the layer has; the others are at their defaults.

    Raises
    ------
    ArgumentError, DTypeError
        If the operation refuses them.
    """
    kept(type(layer).__name__, operation.keep, **{**operation.op.attributes, **attrs})


def not_in_place(layer: str, inplace: bool) -> bool:
    """The argument ``inplace``, which is False: an operation gives a new tensor."""
    if inplace is not False:
        raise ArgumentError(
            describe(
                f"{layer}: inplace is False, got {inplace!r}",
                "the graph keeps the values from before, which the backward pass and a walk need",
            )
        )
    return inplace


def lengths(layer: str, least: int, **counts: Any) -> tuple[int, ...]:
    """Whole numbers from a least one, of which something is made."""
    for name, count in counts.items():
        if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < least:
            raise ShapeError(describe(f"{layer}: {name} is a whole number from {least}, got {count!r:.60}"))
    return tuple(map(int, counts.values()))


def channels(layer: str, groups: int, **counts: Any) -> tuple[int, ...]:
    """Numbers of channels, each of which can be split into groups."""
    checked = lengths(layer, 1, **counts)
    for name, count in zip(counts, checked, strict=True):
        if count % groups:
            raise ShapeError(describe(f"{layer}: {name} {count} can't be split into {groups} groups"))
    return checked


def named_pairs(title: str, held: str, given: Any) -> list[tuple[str, Any]]:
    """What a dictionary of modules or parameters is given: a mapping, or pairs, of names and values."""
    try:
        pairs = [(name, value) for name, value in (given.items() if isinstance(given, Mapping) else given)]
    except (TypeError, ValueError):
        kind = type(given).__name__
        raise DTypeError(
            describe(f"{title}: a mapping of names to {held}, or pairs of both, is needed, got {kind}")
        ) from None
    for name, _ in pairs:
        if not isinstance(name, str):
            raise DTypeError(describe(f"{title}: a name is text, got {name!r:.60}"))
    return pairs


def as_tensor(value: Any) -> Tensor:
    """A tensor as it is, and what else can be one."""
    return value if isinstance(value, Tensor) else asarray(value)


# ---- of functions that are several operations ------------------------------------------------------------------------


def keep_softplus(attrs: dict[str, Any]) -> None:
    """Refuse what `graphgrad.nn.functional.softplus` can't be computed with."""
    keep_numbers(attrs, "beta", "threshold")
    if attrs["beta"] == 0:
        raise ValueError("beta isn't 0, which nothing can be divided by")


def keep_triplet(attrs: dict[str, Any]) -> None:
    """Refuse what `graphgrad.nn.functional.triplet_margin_with_distance_loss` can't be computed with."""
    loss_parts.prepare(attrs)
    loss_parts.check_number(attrs, "margin", loss_parts.ABOVE_ZERO)
    keep_flags(attrs, "swap")
    if not (attrs["distance_function"] is None or callable(attrs["distance_function"])):
        raise TypeError(f"distance_function is a function, got {attrs['distance_function']!r:.60}")
