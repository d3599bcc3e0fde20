"""Which samples are for training and which for judging: single splits, and k folds."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphgrad.data.sampler import check_labels
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.random import generator_or_default
from graphgrad.graph.tensor import Tensor

__all__ = ["KFold", "StratifiedKFold", "train_test_split"]

Array = np.ndarray[Any, Any]


def train_test_split(
    *arrays: Any,
    test_size: float | None = None,
    train_size: float | None = None,
    shuffle: bool = True,
    stratify: Sequence[Any] | Array | None = None,
    generator: np.random.Generator | None = None,
) -> list[Any]:
    """Split arrays at random into a training and a test part (P05.08, P13.18).

    Split before anything is fitted, scaling too: nothing of the test part may reach the training.

    Parameters
    ----------
    *arrays
        Arrays or tensors of equal length, lists too.
    test_size, train_size
        A fraction between 0 and 1, or a number of samples. With one of them the other part is the rest; by default a
        quarter is for the test. Fractions of the test part are rounded up, of the training part down.
    shuffle
        Whether the order is random; otherwise the training part comes first.
    stratify
        Labels: each part gets the classes in the proportions of the whole, as nearly as whole samples allow; a class of
        few may come into one part only.
    generator
        Where the order comes from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    list
        The training part and the test part of the first array, then of the second, ...

    Raises
    ------
    ShapeError
        If there are no arrays, or of different lengths.
    ValueError
        If a size is out of range, a part would be empty, a class has a single sample, or a part has room for fewer
        samples than there are classes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.iris()
    >>> X_train, X_test, t_train, t_test = gg.data.train_test_split(X, t, test_size=0.2, stratify=t)
    >>> X_train.shape, X_test.shape, [int((t_test == c).sum()) for c in range(3)]
    ((120, 4), (30, 4), [10, 10, 10])
    """
    if any(not hasattr(array, "__len__") or getattr(array, "ndim", 1) == 0 for array in arrays):
        raise ShapeError(describe("train_test_split: a number by itself has no samples"))
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise ShapeError(
            describe(f"train_test_split: arrays of one length are needed, got {sorted(lengths) or 'none'}")
        )
    (total,) = lengths
    train, test = _sizes(total, test_size, train_size)
    if stratify is None:
        order = generator_or_default(generator).permutation(total) if shuffle else np.arange(total)
        # As scikit-learn: without shuffling the test part comes last.
        parts = order[:train], order[train : train + test]
    elif not shuffle:
        raise ValueError(describe("train_test_split: a stratified split shuffles"))
    else:
        parts = _stratified(check_labels("train_test_split", stratify), total, train, test, generator)
    return [taken(array, part) for array in arrays for part in parts]


def taken(array: Any, indices: Array) -> Any:
    """Some samples of an array, a tensor or a list, as the same kind of thing."""
    if isinstance(array, Tensor):
        return Tensor(array.data[indices])
    return array[indices] if isinstance(array, np.ndarray) else [array[index] for index in indices.tolist()]


def _sizes(total: int, test_size: float | None, train_size: float | None) -> tuple[int, int]:
    """How many samples are for training, and how many for the test."""

    def count(name: str, size: float | None, rounded: Any) -> int | None:
        if size is None:
            return None
        if isinstance(size, numbers.Integral) and not isinstance(size, bool) and 0 < size < total:
            return int(size)
        if isinstance(size, numbers.Real) and not isinstance(size, numbers.Integral) and 0 < size < 1:
            return int(rounded(size * total))
        raise ValueError(
            describe(f"train_test_split: {name} is a fraction between 0 and 1, or a number below {total}, got {size!r}")
        )

    if test_size is None and train_size is None:
        test_size = 0.25
    test, train = count("test_size", test_size, math.ceil), count("train_size", train_size, math.floor)
    if test is None:
        test = total - (train or 0)
    if train is None:
        train = total - test
    if train + test > total or train < 1 or test < 1:
        raise ValueError(describe(f"train_test_split: {train} and {test} samples can't be had of {total}"))
    return train, test


def _stratified(
    labels: Array, total: int, train: int, test: int, generator: np.random.Generator | None
) -> tuple[Array, Array]:
    if len(labels) != total:
        raise ShapeError(describe(f"train_test_split: stratify has {len(labels)} labels for {total} samples"))
    draw = generator_or_default(generator)
    classes, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.min() < 2:
        raise ValueError(describe(f"train_test_split: class {classes[counts.argmin()]} has one sample, for two parts"))
    if min(train, test) < len(classes):
        raise ValueError(
            describe(f"train_test_split: {len(classes)} classes can't all be in {min(train, test)} samples")
        )
    in_train = _shares(counts, train)
    in_test = _shares(counts - in_train, test)
    parts: tuple[list[Array], list[Array]] = ([], [])
    for number in range(len(classes)):
        members = draw.permutation(np.flatnonzero(codes == number))
        parts[0].append(members[: in_train[number]])
        parts[1].append(members[in_train[number] : in_train[number] + in_test[number]])
    return draw.permutation(np.concatenate(parts[0])), draw.permutation(np.concatenate(parts[1]))


def _shares(counts: Array, wanted: int) -> Array:
    """How many of each class, `wanted` in all: shares rounded down, the rest to those that lost most."""
    exact = counts * (wanted / counts.sum())
    shares: Array = np.floor(exact).astype(np.int64)
    lost = np.argsort(shares - exact, kind="stable")
    shares[lost[: wanted - shares.sum()]] += 1
    return shares


class KFold:
    """k folds: each is held out once, the others are for training (P13.19).

    Folds are runs of samples, of which the first n mod k have one more.

    Parameters
    ----------
    n_splits
        k, from 2.
    shuffle
        Whether samples are shuffled before they are cut into folds.
    generator
        Where the order comes from; by default what `graphgrad.manual_seed` starts.

    Raises
    ------
    ValueError
        If there are fewer than 2 folds, or than k samples.

    Examples
    --------
    >>> import graphgrad as gg
    >>> for train, test in gg.data.KFold(2).split([10, 11, 12]):
    ...     train.tolist(), test.tolist()
    ([2], [0, 1])
    ([0, 1], [2])
    """

    def __init__(
        self, n_splits: int = 5, *, shuffle: bool = False, generator: np.random.Generator | None = None
    ) -> None:
        if not isinstance(n_splits, (int, np.integer)) or isinstance(n_splits, bool) or n_splits < 2:
            raise ValueError(describe(f"{type(self).__name__}: n_splits is a whole number from 2, got {n_splits!r}"))
        if generator is not None:
            generator_or_default(generator)
        self.n_splits, self.shuffle, self.generator = int(n_splits), bool(shuffle), generator

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """k, whatever the data."""
        return self.n_splits

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Array, Array]]:
        """The numbers of the samples for training and of those held out, fold by fold."""
        folds = self._folds(X, y)
        for fold in range(self.n_splits):
            yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)

    def _folds(self, X: Any, y: Any) -> Array:
        """The fold of each sample."""
        total = len(X)
        if total < self.n_splits:
            raise ValueError(describe(f"{type(self).__name__}: {self.n_splits} folds of {total} samples"))
        sizes = np.full(self.n_splits, total // self.n_splits)
        sizes[: total % self.n_splits] += 1
        folds: Array = np.repeat(np.arange(self.n_splits), sizes)
        if self.shuffle:
            folds[generator_or_default(self.generator).permutation(total)] = folds.copy()
        return folds


class StratifiedKFold(KFold):
    """k folds, in each of which the classes have the proportions of the whole (P13.19).

    A class with fewer than k samples is missing in some folds.

    Parameters
    ----------
    n_splits
        k, from 2.
    shuffle
        Whether the samples of a class are shuffled before they are dealt out.
    generator
        Where the order comes from; by default what `graphgrad.manual_seed` starts.

    Raises
    ------
    ValueError
        If there are fewer than 2 folds, or no class has k samples.

    Examples
    --------
    >>> import graphgrad as gg
    >>> for train, test in gg.data.StratifiedKFold(2).split("abcdef", [0, 0, 0, 0, 1, 1]):
    ...     train.tolist(), test.tolist()
    ([2, 3, 5], [0, 1, 4])
    ([0, 1, 4], [2, 3, 5])
    """

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Array, Array]]:
        """The numbers of the samples for training and of those held out, fold by fold."""
        if y is None:
            raise ValueError(describe("StratifiedKFold: split(X, y) needs the labels too"))
        return super().split(X, y, groups)

    def _folds(self, X: Any, y: Any) -> Array:
        labels = check_labels("StratifiedKFold", y.data if isinstance(y, Tensor) else y)
        if len(labels) != len(X):
            raise ShapeError(describe(f"StratifiedKFold: {len(labels)} labels for {len(X)} samples"))
        _, first, codes = np.unique(labels, return_index=True, return_inverse=True)
        # Classes by their first appearance, as scikit-learn numbers them.
        codes = np.argsort(np.argsort(first))[codes]
        counts = np.bincount(codes)
        if counts.max() < self.n_splits:
            raise ValueError(describe(f"StratifiedKFold: {self.n_splits} folds, no class has so many samples"))
        # Sorted by class and dealt out in turn: folds and classes both come out as even as they can.
        order = np.sort(codes)
        dealt = np.array(
            [np.bincount(order[fold :: self.n_splits], minlength=len(counts)) for fold in range(self.n_splits)]
        )
        folds = np.empty(len(codes), dtype=np.int64)
        for number in range(len(counts)):
            members = np.repeat(np.arange(self.n_splits), dealt[:, number])
            if self.shuffle:
                members = generator_or_default(self.generator).permutation(members)
            folds[codes == number] = members
        return folds
