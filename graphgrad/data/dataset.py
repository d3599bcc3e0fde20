"""What a loader takes its samples from."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from graphgrad.data.sampler import as_indices
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.random import generator_or_default
from graphgrad.graph.tensor import Tensor

__all__ = [
    "ArrayDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]

Array = np.ndarray[Any, Any]


class Dataset:
    """Samples by number: a subclass says what ``dataset[i]`` is, and how many there are (P05.08).

    A data set that has several samples at once may say so in ``__getitems__(indices)``: as a tuple of arrays, or as an
    array for samples without parts, a batch that is joined already, so that the loader never goes from sample to
    sample; as a list of samples; or None for neither.

    Examples
    --------
    >>> import graphgrad as gg
    >>> class Squares(gg.data.Dataset):
    ...     def __len__(self):
    ...         return 10
    ...
    ...     def __getitem__(self, index):
    ...         return float(index), float(index) ** 2
    >>> [x.tolist() for x, _ in gg.data.DataLoader(Squares(), batch_size=4)]
    [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0], [8.0, 9.0]]
    """

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(describe(f"{type(self).__name__}: doesn't say what a sample is, in __getitem__"))

    def __len__(self) -> int:
        raise NotImplementedError(describe(f"{type(self).__name__}: doesn't say how many samples it has, in __len__"))

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Samples in a stream: a subclass says how to go through them, in ``__iter__``.

    There is no number of samples and nothing to shuffle; each pass goes through the stream anew.

    Examples
    --------
    >>> import graphgrad as gg
    >>> class Count(gg.data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(5))
    >>> [x.tolist() for x in gg.data.DataLoader(Count(), batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __len__(self) -> int:
        raise TypeError(describe(f"{type(self).__name__}: a stream has no length"))

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(describe(f"{type(self).__name__}: doesn't say how to go through it, in __iter__"))


class TensorDataset(Dataset):
    """Arrays or tensors whose first axis counts the samples: sample i is the i-th row of each.

    Parameters
    ----------
    *tensors
        Arrays or tensors of equal length. They are shared, not copied; samples are rows of arrays, and only a loader's
        batches are tensors.

    Attributes
    ----------
    arrays
        The same as arrays of NumPy.

    Raises
    ------
    ShapeError
        If there is none, one has no axis, or lengths differ.

    Examples
    --------
    >>> import graphgrad as gg
    >>> data = gg.data.TensorDataset([[1.0, 2.0], [3.0, 4.0]], [0, 1])
    >>> x, t = data[1]
    >>> len(data), x.tolist(), int(t)
    (2, [3.0, 4.0], 1)
    """

    def __init__(self, *tensors: Any) -> None:
        name = type(self).__name__
        arrays = tuple(tensor.data if isinstance(tensor, Tensor) else np.asarray(tensor) for tensor in tensors)
        if not arrays:
            raise ShapeError(describe(f"{name}: no arrays were given"))
        if any(array.ndim == 0 for array in arrays) or len({len(array) for array in arrays}) > 1:
            shapes = ", ".join(map(str, (array.shape for array in arrays)))
            raise ShapeError(describe(f"{name}: the first axes count the samples, and must be equal", f"got: {shapes}"))
        self.arrays: tuple[Array, ...] = arrays

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(array[index] for array in self.arrays)

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitems__(self, indices: Array) -> tuple[Array, ...]:
        """Several samples at once, copied."""
        try:
            return tuple(array.take(indices, axis=0) for array in self.arrays)
        except IndexError:
            worst = max(indices, key=lambda index: abs(index + 0.5))
            raise IndexError(describe(f"{type(self).__name__}: there is no sample {worst} among {len(self)}")) from None


ArrayDataset = TensorDataset
"""The same by a name that says what it holds here."""


class Subset(Dataset):
    """Some samples of a data set, by their numbers.

    Parameters
    ----------
    dataset
        The whole.
    indices
        Which, in which order.

    Raises
    ------
    IndexError
        If one isn't there.

    Examples
    --------
    >>> import graphgrad as gg
    >>> data = gg.data.TensorDataset([10, 20, 30])
    >>> [x.tolist() for (x,) in gg.data.DataLoader(gg.data.Subset(data, [2, 0]), batch_size=2)]
    [[30, 10]]
    """

    def __init__(self, dataset: Dataset | Sequence[Any] | Array, indices: Sequence[int] | Array) -> None:
        self.dataset = dataset
        self.indices = as_indices("Subset", indices)
        length = len(dataset)
        if len(self.indices) and not -length <= self.indices.min() <= self.indices.max() < length:
            worst = self.indices.max() if self.indices.max() >= length else self.indices.min()
            raise IndexError(describe(f"Subset: there is no sample {worst} among {length}"))

    def __getitem__(self, index: Any) -> Any:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitems__(self, indices: Array) -> Any:
        """Several samples at once, if the whole has them at once."""
        return several(self.dataset, self.indices[indices])


class ConcatDataset(Dataset):
    """Data sets one after the other (P05.28); ``a + b`` makes one too.

    Parameters
    ----------
    datasets
        Each with a length.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> import graphgrad as gg
    >>> data = gg.data.TensorDataset([1, 2]) + gg.data.TensorDataset([3])
    >>> len(data), int(data[2][0])
    (3, 3)
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError(describe("ConcatDataset: no data sets were given"))
        self.cumulative_sizes = list(itertools.accumulate(len(dataset) for dataset in self.datasets))

    def __getitem__(self, index: int) -> Any:
        length = len(self)
        if not -length <= index < length:
            raise IndexError(describe(f"ConcatDataset: there is no sample {index} among {length}"))
        index %= length
        which = bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitems__(self, indices: Array) -> Any:
        """Several samples at once, if every part has them at once and in the same shape."""
        indices = np.asarray(indices)
        if not len(indices) or not 0 <= indices.min() <= indices.max() < len(self):
            return None  # one by one: they are counted from the end, or aren't there
        which = np.searchsorted(self.cumulative_sizes, indices, side="right")
        order, parts = [], []
        for number in np.unique(which):
            places = np.flatnonzero(which == number)
            start = self.cumulative_sizes[number - 1] if number else 0
            part = several(self.datasets[number], indices[places] - start)
            if not isinstance(part, (tuple, np.ndarray)):
                return None
            order.append(places)
            parts.append(part)
        bare = {isinstance(part, np.ndarray) for part in parts}
        columns = [(part,) if isinstance(part, np.ndarray) else part for part in parts]
        if len(bare) > 1 or len({tuple((array.shape[1:], array.dtype) for array in part) for part in columns}) > 1:
            return None
        back = np.argsort(np.concatenate(order))
        joined = tuple(np.concatenate(arrays).take(back, axis=0) for arrays in zip(*columns, strict=True))
        return joined[0] if True in bare else joined


def several(dataset: Any, indices: Array) -> Any:
    """Several samples at once: arrays joined already, a list of samples, or None if the data set has neither."""
    if isinstance(dataset, np.ndarray):
        return dataset.take(indices, axis=0)
    get = getattr(dataset, "__getitems__", None)
    return None if get is None else get(indices)


def random_split(
    dataset: Dataset | Sequence[Any] | Array,
    lengths: Sequence[int] | Sequence[float],
    generator: np.random.Generator | None = None,
) -> list[Subset]:
    """Split a data set at random into disjoint parts (P05.08, P05.09).

    Parameters
    ----------
    dataset
        The whole.
    lengths
        How many samples each part gets; or fractions that add up to 1. Fractions are rounded down, and what is left
        over goes to the first parts, one each.
    generator
        Where the order comes from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    list of Subset

    Raises
    ------
    ValueError
        If the lengths are no such numbers, or don't add up.

    Examples
    --------
    >>> import graphgrad as gg
    >>> parts = gg.data.random_split(range(1000), [0.6, 0.2, 0.2])
    >>> [len(part) for part in parts]
    [600, 200, 200]
    """
    counts = _counts(list(lengths), len(dataset))
    order = generator_or_default(generator).permutation(len(dataset))
    ends = np.cumsum(counts)
    return [Subset(dataset, order[end - count : end]) for count, end in zip(counts, ends, strict=True)]


def _counts(lengths: list[Any], total: int) -> list[int]:
    def fail(reason: str) -> ValueError:
        return ValueError(describe(f"random_split: {reason}", f"got: {lengths}, for {total} samples"))

    if not lengths or not all(
        isinstance(n, (int, float, np.number)) and not isinstance(n, bool) and n >= 0 for n in lengths
    ):
        raise fail("lengths are numbers of samples, or fractions of them")
    if all(isinstance(n, (int, np.integer)) for n in lengths) and sum(lengths) == total:
        return [int(n) for n in lengths]
    if not math.isclose(sum(lengths), 1.0):
        raise fail("lengths add up to all samples, or to 1")
    counts = [math.floor(total * fraction) for fraction in lengths]
    for place in range(total - sum(counts)):
        counts[place % len(counts)] += 1
    return counts


Transform = Callable[[Array, np.random.Generator], Array]
"""What changes the first array of a batch: the array and where random numbers come from, to an array."""
