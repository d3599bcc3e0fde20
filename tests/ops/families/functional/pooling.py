"""What the tests know of pooling."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


def _length(n: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """How many windows there are: by counting those that begin early enough."""
    reach = dilation * (kernel - 1) + 1
    if not ceil_mode:
        return sum(1 for begin in range(-padding, n + padding, stride) if begin + reach <= n + padding)
    found = 1
    while found * stride - padding + reach - (n + padding) < stride and found * stride < n + padding:
        found += 1
    return found


def _sliding(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> list[list[list[int]]]:
    """For each axis and each window the elements, also those that lie beside the axis."""
    along = []
    for n, k, s, p, d in zip(x.shape[-len(kernel) :], kernel, stride, padding, dilation, strict=True):
        count = _length(n, k, s, p, d, ceil_mode)
        along.append([[i * s - p + j * d for j in range(k)] for i in range(count)])
    return along


def _adaptive(x: Any, output_size: Any) -> list[list[list[int]]]:
    along = []
    for n, size in zip(x.shape[-len(output_size) :], output_size, strict=True):
        count = n if size is None else size
        along.append([list(range(math.floor(i * n / count), math.ceil((i + 1) * n / count))) for i in range(count)])
    return along


def _pooled(x: Any, along: list[list[list[int]]], function: Callable[[Any, Any], tuple[Any, ...]]) -> tuple[Any, ...]:
    """A function of the elements of each window and of their numbers in the plane, plane by plane."""
    lengths = x.shape[-len(along) :]
    shape = tuple(map(len, along))
    planes = x.reshape(math.prod(x.shape[: -len(along)]), *lengths)
    results: list[Any] = []
    for plane in planes:
        for window in itertools.product(*along):
            inside = [
                place
                for place in itertools.product(*window)
                if all(0 <= one < n for one, n in zip(place, lengths, strict=True))
            ]
            numbers = [int(np.ravel_multi_index(place, lengths)) for place in inside]
            results.append(function(np.array([plane[place] for place in inside]), (numbers, window)))
    count = len(results[0]) if results else len(function(np.zeros(1), ([0], [[0]] * len(along))))
    return tuple(
        np.array([one[i] for one in results], np.int64 if i else x.dtype).reshape(*x.shape[: -len(along)], *shape)
        for i in range(count)
    )


def _largest(values: Any, places: Any) -> tuple[Any, Any]:
    """The first of equal ones, and the last nan: what a loop does that takes what is larger, or nan."""
    best = 0
    for i, value in enumerate(values):
        if value > values[best] or np.isnan(value):
            best = i
    return values[best], places[0][best]


def _max_pooled(x: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any) -> Any:
    return _pooled(x, _sliding(x, kernel, stride, padding, dilation, ceil_mode), _largest)


def _mean_pooled(
    x: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: Any, count_include_pad: Any, divisor: Any = None
) -> Any:
    lengths = x.shape[-len(kernel) :]

    def mean(values: Any, places: Any) -> tuple[Any]:
        if divisor is not None:
            return (values.sum() / divisor,)
        if not count_include_pad:
            return (values.mean(),)
        sizes = [
            sum(1 for one in along if one < n + p) for along, n, p in zip(places[1], lengths, padding, strict=True)
        ]
        return (values.sum() / math.prod(sizes),)

    return _pooled(x, _sliding(x, kernel, stride, padding, (1,) * len(kernel), ceil_mode), mean)[0]


def _norm_pooled(x: Any, p: Any, kernel: Any, stride: Any, ceil_mode: Any) -> Any:
    def norm(values: Any, places: Any) -> tuple[Any]:
        if math.isinf(p):
            return (np.max(np.abs(values)) if p > 0 else np.min(np.abs(values)),)
        return ((np.mean(values**p) * math.prod(kernel)) ** (1 / p),)

    none = (0,) * len(kernel)
    return _pooled(x, _sliding(x, kernel, stride, none, (1,) * len(kernel), ceil_mode), norm)[0]


def _unpooled(x: Any, indices: Any, kernel: Any, stride: Any, padding: Any, output_size: Any) -> Any:
    n = len(kernel)
    plain = [
        (length - 1) * s + k - 2 * p for length, k, s, p in zip(x.shape[-n:], kernel, stride, padding, strict=True)
    ]
    size = plain if output_size is None else output_size
    out = np.zeros((*x.shape[:-n], math.prod(size)))
    for place in np.ndindex(x.shape):
        out[(*place[:-n], indices[place])] = x[place]
    return out.reshape(*x.shape[:-n], *size)


FUNCTIONS: dict[str, Any] = {
    "adaptive_max_pooled": lambda x, size: _pooled(x, _adaptive(x, size), _largest),
    "adaptive_mean_pooled": lambda x, size: _pooled(x, _adaptive(x, size), lambda values, _: (values.mean(),))[0],
    "max_pooled": _max_pooled,
    "mean_pooled": _mean_pooled,
    "norm_pooled": _norm_pooled,
    "unpooled": _unpooled,
}


def _each(*names: str) -> Iterator[str]:
    return (f"{name.replace('*', str(n))}" for name in names for n in (1, 2, 3))


_MAX = [*_each("max_pool*d", "adaptive_max_pool*d")]
_INDICES = [f"{name}_with_indices" for name in _MAX]
_MEANS = [*_each("avg_pool*d", "adaptive_avg_pool*d", "lp_pool*d")]
NO_INTEGERS = {*_MAX, *_INDICES, *_MEANS, *_each("max_unpool*d")}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch
    from torch.nn import functional as F

    def last_stays(unpool: Any, n: int) -> Any:
        """PyTorch leaves open which of several values stays in a place, and gives all of them a gradient."""

        def unpooled(x: Any, indices: Any, **attrs: Any) -> Any:
            flat = indices.reshape(math.prod(indices.shape[:-n]), math.prod(indices.shape[-n:]))
            last = [[len(row) - 1 - row[::-1].index(place) for place in row] for row in flat.tolist()]
            winner = torch.tensor(last, dtype=torch.int64).reshape(flat.shape)
            there = torch.gather(x.reshape(flat.shape), 1, winner).reshape(x.shape)
            stays = (winner == torch.arange(flat.shape[1])).reshape(x.shape)
            return unpool(torch.where(stays, x, there.detach()), indices, **attrs)

        return unpooled

    def lp_pool1d(x: Any, norm_type: Any, kernel_size: Any, **attrs: Any) -> Any:
        """PyTorch's takes no tuple, contrary to the two others."""
        return F.lp_pool1d(x, norm_type, kernel_size[0] if isinstance(kernel_size, tuple) else kernel_size, **attrs)

    return {
        **{name: getattr(F, name) for name in (*_MAX, *_INDICES, *_MEANS)},
        "lp_pool1d": lp_pool1d,
        **{f"max_unpool{n}d": last_stays(getattr(F, f"max_unpool{n}d"), n) for n in (1, 2, 3)},
    }
