"""What the tests know of indexing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _index_add(x: Any, shape: Any, key: Any) -> Any:
    # Which elements the key means, by letting it pick from a table of their numbers.
    places = np.arange(int(np.prod(shape))).reshape(shape)[key]
    return np.bincount(np.ravel(places), np.ravel(x), int(np.prod(shape))).reshape(shape)


def _setitem(x: Any, value: Any, key: Any) -> Any:
    out = np.array(x)
    out[key] = value
    return out


FUNCTIONS: dict[str, Any] = {"index_add": _index_add, "setitem": _setitem}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def converted(part: Any) -> Any:
        return torch.as_tensor(part) if isinstance(part, np.ndarray) else part

    def getitem(x: Any, key: Any) -> Any:
        for place, part in enumerate(key):  # PyTorch has no negative steps
            if isinstance(part, slice) and part.step is not None and part.step < 0:
                assert part == slice(None, None, -1)
                x = torch.flip(x, (place,))
                key = (*key[:place], slice(None), *key[place + 1 :])
        return x[tuple(map(converted, key))]

    def setitem(x: Any, value: Any, key: Any) -> Any:
        out = x.clone()
        out[tuple(map(converted, key))] = value
        return out

    def index_add(x: Any, shape: Any, key: Any) -> Any:
        # By way of the numbers of the elements that the key names.
        places = torch.arange(int(np.prod(shape))).reshape(shape)[tuple(map(converted, key))]
        return torch.zeros(int(np.prod(shape)), dtype=x.dtype).index_add(0, places.ravel(), x.ravel()).reshape(shape)

    return {"getitem": getitem, "index_add": index_add, "setitem": setitem}
