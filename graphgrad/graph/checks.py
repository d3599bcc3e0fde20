"""Plain arguments: numbers within a range, counts, words of a list, tensors to be written."""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection, Iterable
from typing import Any

from graphgrad.graph.errors import WriteError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import is_locked

__all__ = ["check_choice", "check_count", "check_number", "check_writeable", "is_number"]


def is_number(value: object) -> bool:
    """Whether something is a finite real number, of Python or NumPy; True and False are none."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def check_number(what: str, name: str, value: Any, least: float = -math.inf, most: float = math.inf) -> float:
    """A finite number within a range, as Python's float; refuse what is none.

    Parameters
    ----------
    what, name
        Who takes the argument, and its name, for the message.
    value
        The argument.
    least, most
        The range; both are in it.

    Raises
    ------
    ValueError
        If it is no such number.

    Examples
    --------
    >>> check_number("SGD", "lr", 1, least=0.0)
    1.0
    """
    if not is_number(value) or not least <= value <= most:
        interval = f" from {least:g}" * (least > -math.inf) + f" to {most:g}" * (most < math.inf)
        raise ValueError(describe(f"{what}: {name} is a finite number{interval}", f"got: {value!r:.80}"))
    return float(value)


def check_count(what: str, name: str, value: Any, least: int = 1) -> int:
    """A whole number, not too small, as Python's int; refuse what is none.

    Raises
    ------
    ValueError
        If it is no such number.
    """
    if not isinstance(value, numbers.Integral) or not is_number(value) or int(value) < least:
        raise ValueError(describe(f"{what}: {name} is a whole number from {least}", f"got: {value!r:.80}"))
    return int(value)


def check_choice(what: str, name: str, value: Any, choices: Collection[str]) -> str:
    """One of some words; refuse others.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(describe(f"{what}: {name} is one of {', '.join(choices)}", f"got: {value!r:.80}"))
    return value


def check_writeable(what: str, tensors: Iterable[Tensor]) -> None:
    """Refuse tensors whose memory is read-only; a lock is no hindrance for a write that is noted.

    Raises
    ------
    WriteError
        If one is.
    """
    for tensor in tensors:
        if not tensor.data.flags.writeable and not is_locked(tensor.data):
            raise WriteError(
                describe(
                    f"{what}: {tensor._title()} is read-only",
                    hint="gg.tensor(...) copies what it is given, gg.asarray(...) shares it",
                )
            )
