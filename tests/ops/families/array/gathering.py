"""What the tests know of looking elements up, and of putting them somewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _lines(x: Any, indices: Any, axis: int | None) -> tuple[Any, Any, int]:
    """`x` and `indices` broadcast against each other but for `axis`."""
    if axis is None:
        return np.ravel(x), indices, 0
    at = axis % x.ndim
    whole = [max(a, b) if 0 not in (a, b) else 0 for a, b in zip(x.shape, indices.shape, strict=True)]
    wide_x = np.broadcast_to(x, [n if i == at else whole[i] for i, n in enumerate(x.shape)])
    wide = np.broadcast_to(indices, [n if i == at else whole[i] for i, n in enumerate(indices.shape)])
    return wide_x, wide, at


def _take_along_axis(x: Any, indices: Any, axis: int | None) -> Any:
    x, indices, at = _lines(x, indices, axis)
    out = np.empty(indices.shape, x.dtype)
    for place in np.ndindex(indices.shape):
        out[place] = x[(*place[:at], indices[place], *place[at + 1 :])]
    return out


def _put_along_axis(x: Any, indices: Any, values: Any, axis: int | None) -> Any:
    out, wide, at = _lines(x, indices, axis)
    out = out.copy()
    values = np.broadcast_to(values, wide.shape)
    for place in np.ndindex(wide.shape):
        out[(*place[:at], wide[place], *place[at + 1 :])] = values[place]
    return out.reshape(x.shape)


def _scatter(add: bool) -> Callable[..., Any]:
    def scatter(x: Any, axis: int, index: Any, src: Any) -> Any:
        out = x.copy()
        at = axis % x.ndim
        for place in np.ndindex(index.shape):
            to = (*place[:at], index[place], *place[at + 1 :])
            one = src[place] if np.ndim(src) else src
            out[to] = out[to] + one if add else one
        return out

    return scatter


def _gather(x: Any, axis: int, index: Any) -> Any:
    at = axis % x.ndim
    out = np.empty(index.shape, x.dtype)
    for place in np.ndindex(index.shape):
        out[place] = x[(*place[:at], index[place], *place[at + 1 :])]
    return out


FUNCTIONS: dict[str, Any] = {
    "gather": _gather,
    "index_select": lambda x, axis, index: np.take(x, np.atleast_1d(index), axis),
    "put_along_axis": _put_along_axis,
    "scatter": _scatter(add=False),
    "scatter_add": _scatter(add=True),
    "take": np.take,
    "take_along_axis": _take_along_axis,
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def take(x: Any, indices: Any, axis: int | None = None) -> Any:
        if axis is None:
            return torch.take(x, indices)
        rows = torch.index_select(x, axis, indices.ravel() % x.shape[axis])
        return rows.unflatten(axis, indices.shape) if indices.ndim else rows.squeeze(axis)

    def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Any:
        return torch.take_along_dim(x, indices % (x.numel() if axis is None else x.shape[axis]), axis)

    def scatter(x: Any, index: Any, src: Any, axis: int) -> Any:
        # One after the other: if two go to one place, PyTorch gives the gradient to both, though only one stays.
        numbers = torch.arange(x.numel()).reshape(x.shape)
        room = [slice(None) if i == axis % x.ndim else slice(n) for i, n in enumerate(index.shape)]
        places = torch.gather(numbers[tuple(room)], axis, index)
        values = src[tuple(map(slice, index.shape))] if src.ndim else src.expand(index.shape)
        out = x.ravel() + 0.0 * src.sum()  # in the graph even if nothing goes anywhere
        for place, one in zip(places.ravel(), values.ravel(), strict=True):
            out = out.index_put((place,), one)
        return out.reshape(x.shape)

    def scatter_add(x: Any, index: Any, src: Any, axis: int) -> Any:
        # Of a longer source PyTorch can't work out the gradient.
        values = src[tuple(map(slice, index.shape))] if src.ndim else src.expand(index.shape)
        return torch.scatter_add(x, axis, index, values)

    def put_along_axis(x: Any, indices: Any, values: Any, axis: int | None) -> Any:
        if axis is None:
            return put_along_axis(x.ravel(), indices, values, 0).reshape(x.shape)
        whole = [indices.shape[i] if i == axis % x.ndim else n for i, n in enumerate(x.shape)]
        return scatter(x, indices.expand(whole) % x.shape[axis], values.expand(whole), axis)

    return {
        "gather": lambda x, index, axis: torch.gather(x, axis, index),
        "index_select": lambda x, index, axis: torch.index_select(x, axis, index % x.shape[axis]),
        "put_along_axis": put_along_axis,
        "scatter": scatter,
        "scatter_add": scatter_add,
        "take": take,
        "take_along_axis": take_along_axis,
    }
