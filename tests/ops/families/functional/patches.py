"""What the tests know of patches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


def _corners(image: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Iterator[tuple[int, int]]:
    """Where each patch begins in the padded image."""
    last = [n + 2 * p - d * (k - 1) for n, k, d, p in zip(image, kernel, dilation, padding, strict=True)]
    for top in range(0, last[0], stride[0]):
        for left in range(0, last[1], stride[1]):
            yield top, left


def _patch(top: int, left: int, kernel: Any, dilation: Any) -> Any:
    """The rows and columns of a patch."""
    return np.ix_(top + dilation[0] * np.arange(kernel[0]), left + dilation[1] * np.arange(kernel[1]))


def _patches(x: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    images = x.reshape(-1, *x.shape[-3:])
    columns = []
    for top, left in _corners(x.shape[-2:], kernel, dilation, padding, stride):
        column = np.empty((len(images), images.shape[1], *kernel))
        for place in np.ndindex(column.shape[:2]):
            padded = np.pad(images[place], [(side, side) for side in padding])
            column[place] = padded[_patch(top, left, kernel, dilation)]
        columns.append(column.reshape(len(images), images.shape[1] * np.prod(kernel)))
    return np.stack(columns, axis=-1).reshape(*x.shape[:-3], -1 if x.size else columns[0].shape[1], len(columns))


def _from_patches(x: Any, size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    columns = x.reshape(*x.shape[:-2], x.shape[-2] // np.prod(kernel), *kernel, x.shape[-1])
    out = np.zeros((*columns.shape[:-3], *size))
    for place in np.ndindex(out.shape[:-2]):
        padded = np.zeros([n + 2 * side for n, side in zip(size, padding, strict=True)])
        for i, (top, left) in enumerate(_corners(size, kernel, dilation, padding, stride)):
            padded[_patch(top, left, kernel, dilation)] += columns[place][..., i]
        out[place] = padded[padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]
    return out


FUNCTIONS: dict[str, Any] = {"from_patches": _from_patches, "patches": _patches}


def counterparts() -> dict[str, Callable[..., Any]]:
    from torch.nn import functional as F

    return {"fold": F.fold, "unfold": F.unfold}
