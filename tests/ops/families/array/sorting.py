"""What the tests know of sorting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def _along(function: Callable[[list[float]], Sequence[float]]) -> Callable[..., Any]:
    """A function of one line as a function of all along an axis."""

    def called(x: Any, axis: Any) -> Any:
        x, axis = (np.ravel(x), 0) if axis is None else (np.asarray(x), axis)
        return np.apply_along_axis(lambda line: np.array(function(line.tolist())), axis, x) if x.size else x

    return called


def order(line: list[float], descending: bool) -> list[int]:
    """Where the elements come from in sorted order."""
    # nan counts as the largest.
    return sorted(range(len(line)), key=lambda i: (line[i] != line[i], line[i]), reverse=descending)


def _sort(x: Any, axis: Any, descending: bool) -> Any:
    return _along(lambda line: [line[i] for i in order(line, descending)])(x, axis)


def _argsort(x: Any, axis: Any, descending: bool) -> Any:
    return _along(lambda line: order(line, descending))(x, axis)


def _parts(line: list[float], kth: Any) -> list[int]:
    """From place to place: all that sorting puts between two of them, as they stand."""
    sorted_ = order(line, False)
    found: list[int] = []
    places = sorted({one % len(line) for one in ((kth,) if isinstance(kth, int) else kth)})
    for place, following in zip([-1, *places], [*places, len(line)], strict=True):
        found += sorted_[place : place + 1] if place >= 0 else []
        found += sorted(sorted_[place + 1 : following])
    return found


def _argpartition(x: Any, kth: Any, axis: Any) -> Any:
    return _along(lambda line: _parts(line, kth))(x, axis)


def _partition(x: Any, kth: Any, axis: Any) -> Any:
    return _along(lambda line: [line[i] for i in _parts(line, kth)])(x, axis)


FUNCTIONS: dict[str, Any] = {
    "argpartition": _argpartition,
    "argsort": _argsort,
    "partition": _partition,
    "sort": _sort,
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def sort(x: Any, axis: Any, descending: bool, stable: bool) -> Any:
        x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
        return torch.sort(x, dim=axis, descending=descending, stable=stable)

    def pick(i: int) -> Callable[..., Any]:
        return lambda x, axis=-1, descending=False, stable=True: sort(x, axis, descending, stable)[i]

    return {"argsort": pick(1), "sort": pick(0)}


_TIES = [[2.0, 1.0, 2.0, 1.0, 2.0]]
_UNKNOWN = [[2.0, np.nan, 1.0, np.inf, np.nan, -np.inf]]

EDGES: dict[str, Any] = {
    name: [(operands, {"descending": down}) for operands in (_TIES, _UNKNOWN) for down in (False, True)]
    for name in ("argsort", "sort")
}
