"""Attributes: the arguments of an operation that are no tensors, checked before they are kept.

For `prepare` of a declaration. Without a check Python would take ``"no"`` for true and ``float`` the text ``"0.5"``,
and NumPy would put a text or None among the numbers. A tensor is left to the entry, which refuses it with a hint.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from graphgrad.graph.tensor import Tensor

__all__ = ["keep_flags", "keep_integers", "keep_numbers"]


def keep_numbers(attrs: dict[str, Any], *names: str) -> None:
    """Keep attributes as Python's numbers, and refuse what is no real number."""
    for name in names:
        value = _plain(attrs[name])
        if not isinstance(value, (bool, int, float, Tensor)):
            raise TypeError(f"{name} is a number, got {value!r:.60}")
        attrs[name] = value


def keep_integers(attrs: dict[str, Any], *names: str, least: int | None = None) -> None:
    """Keep attributes as Python's integers, and refuse what is none or is below `least`."""
    for name in names:
        try:
            value = int(operator.index(attrs[name]))  # of which True isn't one, and is kept as 1
        except TypeError:
            raise TypeError(f"{name} is an integer, got {attrs[name]!r:.60}") from None
        if least is not None and value < least:
            raise ValueError(f"{name} is an integer from {least}, got {value}")
        attrs[name] = value


def keep_flags(attrs: dict[str, Any], *names: str) -> None:
    """Keep attributes as bools, and refuse what is neither that nor 0 or 1."""
    for name in names:
        value = _plain(attrs[name])
        if isinstance(value, int) and value in (0, 1):
            value = bool(value)
        elif not isinstance(value, Tensor):
            raise TypeError(f"{name} is True or False, got {value!r:.60}")
        attrs[name] = value


def _plain(value: Any) -> Any:
    """NumPy's single numbers as Python's."""
    return value.item() if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0 else value
