"""What the tests know of indexing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _index_add(x: Any, shape: Any, key: Any) -> Any:
    # Which elements the key means, by letting it pick from a table of their numbers.
    places = np.arange(int(np.prod(shape))).reshape(shape)[key]
    return added_up(places, x, int(np.prod(shape))).reshape(shape)


def added_up(places: Any, x: Any, length: int) -> Any:
    """Zeros with values added at places; complex ones part by part."""
    parts = [np.bincount(np.ravel(places), part, length) for part in (np.real(x).ravel(), np.imag(x).ravel())]
    return parts[0] + 1j * parts[1] if np.iscomplexobj(x) else parts[0]


def _setitem(x: Any, value: Any, key: Any) -> Any:
    out = np.array(x)
    out[key] = value
    return out


def _index_put(x: Any, indices: Any, values: Any, accumulate: bool) -> Any:
    taken = np.asarray(x)[indices]
    values = np.reshape(values, np.shape(values)[max(np.ndim(values) - taken.ndim, 0) :])
    added = _index_add(np.broadcast_to(values, taken.shape), np.shape(x), indices)
    return x + added if accumulate else _setitem(x, values, indices)


FUNCTIONS: dict[str, Any] = {"index_add": _index_add, "index_put": _index_put, "setitem": _setitem}


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
        # One after the other: if two go to one place, PyTorch gives the gradient to both, though only one stays.
        places = torch.arange(x.numel()).reshape(x.shape)[tuple(map(converted, key))]
        out = x.ravel()
        value = value.reshape(value.shape[max(value.ndim - places.ndim, 0) :])
        for place, one in zip(places.ravel(), value.broadcast_to(places.shape).ravel(), strict=True):
            out = out.index_put((place,), one)
        return out.reshape(x.shape)

    def index_add(x: Any, shape: Any, key: Any) -> Any:
        # By way of the numbers of the elements that the key names.
        places = torch.arange(int(np.prod(shape))).reshape(shape)[tuple(map(converted, key))]
        return torch.zeros(int(np.prod(shape)), dtype=x.dtype).index_add(0, places.ravel(), x.ravel()).reshape(shape)

    def index_put(x: Any, values: Any, indices: Any, accumulate: bool = False) -> Any:
        if not accumulate:
            return setitem(x, values, indices)
        places = x[tuple(map(converted, indices))]  # NumPy takes leading axes of length 1 that the place doesn't have
        values = values.reshape(values.shape[max(values.ndim - places.ndim, 0) :])
        return torch.index_put(x, tuple(map(converted, indices)), values, accumulate=True)

    return {"getitem": getitem, "index_add": index_add, "index_put": index_put, "setitem": setitem}
