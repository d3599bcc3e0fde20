"""Where `fit` takes its batches from: arrays, a data set or a loader, all as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from graphgrad.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset
from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.graph.random import generator_or_default
from graphgrad.graph.tensor import Tensor

__all__ = ["Batches", "batches_of", "is_data", "size_of", "split_off"]

Array = np.ndarray[Any, Any]


class Batches:
    """Goes through a loader and says of each batch what goes into the model, and what into the loss.

    Parameters
    ----------
    loader
        What is gone through, anew in each epoch.
    inputs
        How many parts of a batch go into the model; None for all but the last.

    Attributes
    ----------
    resumed
        Whether the loader was put back to where an epoch had ended.
    skip
        How many batches of the next epoch to pass over.
    """

    def __init__(self, loader: Any, inputs: int | None = None) -> None:
        self.loader = loader
        self.inputs = inputs
        self.resumed = False
        self.skip = 0

    @property
    def count(self) -> int | None:
        """How many batches an epoch has; None if nobody knows."""
        try:
            return len(self.loader)
        except TypeError:
            return None

    def __iter__(self) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]]:
        empty, skip, self.skip = True, self.skip, 0
        for batch in islice(self.loader, skip, None):
            empty = False
            yield self.split(batch)
        # A loader whose state is that of the end of an epoch first hands out what is left of it: nothing.
        if empty and self.resumed:
            yield from map(self.split, self.loader)

    def split(self, batch: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """The operands of the model, and those of the loss after the model's result."""
        if isinstance(batch, Mapping):
            raise DTypeError(
                describe(
                    f"fit: a batch is a mapping, of {', '.join(map(str, batch))}",
                    "expected: (inputs, targets)",
                    hint="collate_fn=... or an own loader can order them",
                )
            )
        if not isinstance(batch, (tuple, list)):
            return (batch,), ()
        if self.inputs is None:
            if len(batch) < 2:
                return tuple(batch), ()
            first = batch[0] if len(batch) == 2 else batch[:-1]
            return tuple(first) if isinstance(first, (tuple, list)) else (first,), (batch[-1],)
        rest = tuple(batch[self.inputs :])
        return tuple(batch[: self.inputs]), (rest if len(rest) < 2 else (rest,))


def is_data(x: Any) -> bool:
    """Whether something is arrays, and not a loader or a data set."""
    return isinstance(x, (np.ndarray, Tensor, list, tuple)) or hasattr(x, "__array__")


def batches_of(
    what: str, x: Any, y: Any, batch_size: int, shuffle: bool, generator: np.random.Generator | None
) -> Batches:
    """Make batches of arrays, a data set or a loader.

    Raises
    ------
    DTypeError
        If it is none of them.
    ShapeError
        If arrays differ in length.
    """
    if is_data(x):
        xs = [_samples(f"{what}: x", one) for one in (x if isinstance(x, tuple) else (x,))]
        ys = [] if y is None else [_samples(f"{what}: y", one) for one in (y if isinstance(y, tuple) else (y,))]
        lengths = {len(array) for array in (*xs, *ys)}
        if len(lengths) > 1 or lengths == {0}:
            shapes = [f"{name}: {' '.join(str(a.shape) for a in arrays)}" for name, arrays in (("x", xs), ("y", ys))]
            raise ShapeError(
                describe(
                    f"{what}: there are no samples" if lengths == {0} else f"{what}: arrays differ in length",
                    *shapes,
                    hint="a tuple is several inputs" if isinstance(x, tuple) else "",
                )
            )
        loader = DataLoader(TensorDataset(*xs, *ys), batch_size, shuffle, generator=generator)
        return Batches(loader, len(xs))
    if y is not None:
        raise DTypeError(describe(f"{what}: y goes with arrays; a loader brings its own targets"))
    if isinstance(x, Dataset):
        streams = isinstance(x, IterableDataset)
        return Batches(DataLoader(x, batch_size, None if streams else shuffle, generator=generator))
    if not hasattr(x, "__iter__"):
        raise DTypeError(describe(f"{what}: x is arrays, a data set or a loader, got {type(x).__name__}"))
    return Batches(x)


def _samples(what: str, data: Any) -> Array:
    array = as_array(data.data if isinstance(data, Tensor) else data, copy=False, what=what)
    if array.ndim == 0:
        raise ShapeError(describe(f"{what}: the first axis counts the samples, got a single number"))
    return array


def split_off(
    batches: Batches, fraction: float, batch_size: int, shuffle: bool, generator: np.random.Generator | None
) -> Batches:
    """Take a random part of the samples away, and return it as batches of its own.

    Raises
    ------
    ValueError
        If either part would be empty.
    """
    whole = batches.loader.dataset
    count = len(whole)
    if not 0.0 < fraction < 1.0:
        raise ValueError(describe(f"fit: validation as a fraction is between 0 and 1, got {fraction}"))
    held = round(count * fraction)
    if not 0 < held < count:
        raise ValueError(
            describe(
                f"fit: validation={fraction} of {count} samples leaves {held} to validate, {count - held} to train"
            )
        )
    order = generator_or_default(generator).permutation(count)
    # As they were: without shuffling, samples come in their own order.
    rest, part = Subset(whole, np.sort(order[held:])), Subset(whole, np.sort(order[:held]))
    batches.loader = DataLoader(rest, batch_size, shuffle, generator=generator)
    return Batches(DataLoader(part, batch_size, False), batches.inputs)


def size_of(inputs: tuple[Any, ...]) -> int:
    """How many samples a batch has."""
    shape = getattr(inputs[0], "shape", None)
    if shape is None:
        return len(inputs[0]) if hasattr(inputs[0], "__len__") else 1
    return int(shape[0]) if len(shape) else 1
