"""What the tests know of counting."""

from __future__ import annotations

from typing import Any

import numpy as np


def _histogram(x: Any, bins: Any, range: Any, density: bool) -> Any:
    return tuple(np.histogram(x, bins, range, density))


OPEN_SHAPES = {"bincount", "bincount without weights", "unique", "unique_counts", "unique_inverse"}

# It takes nothing else.
NO_INTEGERS = {"bincount", "bincount without weights"}

FUNCTIONS: dict[str, Any] = {
    "bincount": np.bincount,
    "histogram": _histogram,
    "unique": np.unique,
    "unique_counts": lambda x: tuple(np.unique_counts(x)),
    "unique_inverse": lambda x: tuple(np.unique_inverse(x)),
}
