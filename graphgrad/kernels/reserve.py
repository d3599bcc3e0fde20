"""What a forward kernel leaves for its backward kernel, beside its results."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

__all__ = ["Reserve"]

Array = np.ndarray[Any, Any]


class Reserve:
    """Values of a forward run, found by the array that came of it, for as long as that lives.

    They are taken once: the backward kernel may write to them. Whoever finds none, after a second pass or where a graph
    runs again, computes them again.
    """

    def __init__(self) -> None:
        self._kept: dict[int, tuple[weakref.ref[Array], Any]] = {}

    def keep(self, result: Array, values: Any) -> None:
        """Keep values until they are taken, or the result is gone."""
        key, kept = id(result), self._kept

        def forget(ref: weakref.ref[Array]) -> None:
            # An id is used again after an array dies, so an entry goes only with the array that made it.
            if key in kept and kept[key][0] is ref:
                del kept[key]

        kept[key] = weakref.ref(result, forget), values

    def take(self, result: Array) -> Any:
        """The values that belong to a result, None if there are none (any more)."""
        ref, values = self._kept.get(id(result), (None, None))
        if ref is None or ref() is not result:
            return None
        del self._kept[id(result)]
        return values

    def __len__(self) -> int:
        return len(self._kept)
