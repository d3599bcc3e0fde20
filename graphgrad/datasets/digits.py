"""Handwritten digits, small enough to come with the package."""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np

from graphgrad.graph.errors import describe

__all__ = ["digits"]

Array = np.ndarray[Any, Any]

_SPLITS = {"train": slice(1437), "test": slice(1437, None)}  # of the shuffled order


def digits(split: str | None = None) -> tuple[Array, Array]:
    """Load 1797 images of handwritten digits, 8 × 8 pixels each.

    This is the test part of the UCI data set "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak,
    1998 (https://doi.org/10.24432/C50P49, CC BY 4.0), as scikit-learn offers it too.

    Parameters
    ----------
    split
        None for all images in scikit-learn's order; ``"train"`` for 1437 and ``"test"`` for the other 360, in a fixed
        shuffled order that comes with the data. Both hold digits of the same 13 writers.

    Returns
    -------
    images : ndarray
        float32, shape (n, 64): the rows of pixels one after the other, 0.0 for paper and 1.0 for ink.
    labels : ndarray
        int64, shape (n,): the digits.

    Raises
    ------
    ValueError
        If there is no such split.

    Examples
    --------
    >>> import graphgrad as gg
    >>> images, labels = gg.datasets.digits("train")
    >>> images.shape, labels[:4].tolist()
    ((1437, 64), [6, 6, 6, 2])
    """
    if split is not None and split not in _SPLITS:
        raise ValueError(describe(f"digits: split is 'train', 'test' or None, got {split!r}"))
    source = resources.files("graphgrad.datasets") / "data" / "digits.npz"
    with resources.as_file(source) as path, np.load(path, allow_pickle=False) as data:
        chosen = slice(None) if split is None else data["order"][_SPLITS[split]]
        images, labels = data["images"][chosen], data["labels"][chosen]
    return images.astype(np.float32) / np.float32(16.0), labels.astype(np.int64)
