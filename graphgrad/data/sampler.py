"""In which order a loader goes through a data set."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.random import generator_or_default
from graphgrad.graph.tensor import Tensor

__all__ = [
    "BatchSampler",
    "BucketSampler",
    "ClassBalancedSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

Array = np.ndarray[Any, Any]


class Sampler:
    """An order of numbers of samples: a subclass draws a whole epoch's in `draw`.

    A subclass as PyTorch has them, which goes through its numbers in ``__iter__``, will do too.

    Parameters
    ----------
    generator
        Where the order comes from. Without one a loader gives what it starts each epoch with, so that its state says
        all there is to say of the order; and ``iter(sampler)`` takes what `graphgrad.manual_seed` starts.
    """

    generator: np.random.Generator | None = None

    def __init__(self, generator: np.random.Generator | None = None) -> None:
        if generator is not None:
            generator_or_default(generator)
        self.generator = generator

    def draw(self, generator: np.random.Generator) -> Any:
        """The numbers of an epoch's samples, in order: an array; of batches, arrays in a row."""
        if type(self).__iter__ is Sampler.__iter__:
            raise NotImplementedError(describe(f"{type(self).__name__}: doesn't say how an order is drawn, in draw"))
        return list(self)

    def __iter__(self) -> Iterator[Any]:
        return iter([np.asarray(place).tolist() for place in drawn(self, generator_or_default(None))])

    def __len__(self) -> int:
        raise NotImplementedError(describe(f"{type(self).__name__}: doesn't say how many it draws, in __len__"))

    def state_dict(self) -> dict[str, Any]:
        """What has to be remembered for the same order again: the state of a generator of its own, if it has one."""
        return {} if self.generator is None else {"generator": self.generator.bit_generator.state}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go back to where `state_dict` was taken.

        Raises
        ------
        ValueError
            If a generator was given to one of the two samplers only, or another kind of generator.
        """
        if ("generator" in state_dict) != (self.generator is not None):
            raise ValueError(
                describe(f"{type(self).__name__}: a generator of its own was given to one of the two samplers only")
            )
        if self.generator is not None:
            put_back(type(self).__name__, self.generator, state_dict["generator"])


class SequentialSampler(Sampler):
    """One sample after the other.

    Examples
    --------
    >>> import graphgrad as gg
    >>> list(gg.data.SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        super().__init__()
        self.data_source = data_source

    def draw(self, generator: np.random.Generator) -> Array:
        return np.arange(len(self.data_source))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """Every sample once, in random order (P05.11); or samples drawn with replacement.

    Parameters
    ----------
    data_source
        What has the samples.
    replacement
        Whether a sample may come again before the others came.
    num_samples
        How many an epoch has; by default as many as there are.
    generator
        See `Sampler`.

    Raises
    ------
    ValueError
        If `num_samples` is no number from 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> sorted(gg.data.RandomSampler("abc"))
    [0, 1, 2]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.data_source, self.replacement = data_source, bool(replacement)
        self._number = None if num_samples is None else check_count("RandomSampler", "num_samples", num_samples)

    @property
    def num_samples(self) -> int:
        """How many samples an epoch has."""
        return len(self.data_source) if self._number is None else self._number

    def draw(self, generator: np.random.Generator) -> Array:
        total, wanted = len(self.data_source), self.num_samples
        if total == 0:
            return np.arange(0)
        if self.replacement:
            return generator.integers(total, size=wanted)
        rounds = [generator.permutation(total) for _ in range(-(-wanted // total))]
        return rounds[0][:wanted] if len(rounds) == 1 else np.concatenate(rounds)[:wanted]

    def __len__(self) -> int:
        return self.num_samples if len(self.data_source) else 0


class SubsetRandomSampler(Sampler):
    """Some samples, by their numbers, each once in random order.

    Raises
    ------
    IndexError
        If they aren't whole numbers in a row.

    Examples
    --------
    >>> import graphgrad as gg
    >>> sorted(gg.data.SubsetRandomSampler([7, 3, 5]))
    [3, 5, 7]
    """

    def __init__(self, indices: Sequence[int] | Array, generator: np.random.Generator | None = None) -> None:
        super().__init__(generator)
        self.indices = as_indices("SubsetRandomSampler", indices)

    def draw(self, generator: np.random.Generator) -> Array:
        return generator.permutation(self.indices)

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """Samples drawn with given weights: sample i comes with the probability wᵢ / Σw (P05.12, P05.13).

    With weights of 1 / (size of its class), every class comes as often as the others, see `class_weights`; with the
    losses of the samples, see `update`, what is hard comes more often.

    Parameters
    ----------
    weights
        One for each sample, from 0; they need not add up to 1.
    num_samples
        How many an epoch has.
    replacement
        Whether a sample may come again; without it, `num_samples` of the samples with weights above 0 come, once each.
    generator
        See `Sampler`.

    Raises
    ------
    ValueError
        If weights aren't finite numbers from 0 of which one is above 0, or there are too few for no replacement.

    Examples
    --------
    >>> import graphgrad as gg
    >>> t = [0, 0, 0, 1]
    >>> sampler = gg.data.WeightedRandomSampler(gg.data.class_weights(t), num_samples=1000)
    >>> 0.4 < sum(t[i] for i in sampler) / 1000 < 0.6
    True
    """

    def __init__(
        self,
        weights: Sequence[float] | Array,
        num_samples: int,
        replacement: bool = True,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.num_samples = check_count("WeightedRandomSampler", "num_samples", num_samples)
        self.replacement = bool(replacement)
        self.weights = self._checked(weights)
        self._updated = False

    def _checked(self, weights: Any) -> Array:
        array = np.array(weights.data if isinstance(weights, Tensor) else weights, dtype=np.float64)
        if array.ndim != 1 or not (np.isfinite(array).all() and (array >= 0).all()):
            raise ValueError(describe("WeightedRandomSampler: weights are finite numbers from 0, in a row"))
        usable = np.count_nonzero(array)
        if usable == 0:
            raise ValueError(describe("WeightedRandomSampler: no weight is above 0"))
        if not self.replacement and usable < self.num_samples:
            raise ValueError(
                describe(
                    f"WeightedRandomSampler: {self.num_samples} samples are wanted, {usable} have a weight above 0",
                    hint="replacement=True draws samples again",
                )
            )
        return array

    def update(self, weights: Any, indices: Any = None) -> None:
        """Give samples other weights from the next epoch on: all of them, or those of `indices`.

        Emphasis on hard examples (P05.13) gives each sample the loss that it had when it came last. Samples that are
        wrongly labelled or can't be learnt come ever more often then; a floor under the losses keeps the easy ones in.

        Parameters
        ----------
        weights
            As many as there are samples, or `indices`.
        indices
            The numbers of samples.

        Raises
        ------
        ValueError
            If they are no weights, see above, or not as many; nothing is changed then.
        IndexError
            If there is no such sample.

        Examples
        --------
        >>> import graphgrad as gg
        >>> sampler = gg.data.WeightedRandomSampler([1.0, 1.0, 1.0], num_samples=4)
        >>> sampler.update([0.0, 9.0], indices=[0, 2])
        >>> sampler.weights.tolist()
        [0.0, 1.0, 9.0]
        """
        places = np.arange(len(self.weights)) if indices is None else as_indices("WeightedRandomSampler", indices)
        given = np.asarray(weights.data if isinstance(weights, Tensor) else weights)
        if given.shape != places.shape:
            raise ShapeError(describe(f"WeightedRandomSampler: {len(places)} weights are needed, got {given.shape}"))
        changed = self.weights.copy()
        changed[places] = given
        self.weights = self._checked(changed)
        self._updated = True

    def draw(self, generator: np.random.Generator) -> Array:
        share = self.weights / self.weights.max()  # first, so that no sum overflows
        return generator.choice(len(share), self.num_samples, replace=self.replacement, p=share / share.sum())

    def state_dict(self) -> dict[str, Any]:
        """The state of a generator of its own, and the weights if they were updated."""
        weights = {"weights": self.weights.tolist()} if self._updated else {}
        return {**super().state_dict(), **weights}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go back to where `state_dict` was taken."""
        super().load_state_dict(state_dict)
        if "weights" in state_dict:
            self.update(state_dict["weights"])

    def __len__(self) -> int:
        return self.num_samples


class ClassBalancedSampler(Sampler):
    """Pick a class, then the next sample of it (P05.12): each class has its own order and its own place in it.

    A class that is exhausted is shuffled anew and starts again, so that no sample is left out to balance the classes.
    An epoch starts all of them anew.

    Parameters
    ----------
    labels
        The class of each sample.
    num_samples
        How many an epoch has; by default as many as there are.
    shuffle
        Whether classes come at random, and samples of a class too; otherwise in turn, as they are.
    generator
        See `Sampler`.

    Raises
    ------
    ValueError
        If there are no labels.

    Examples
    --------
    >>> import graphgrad as gg
    >>> list(gg.data.ClassBalancedSampler([0, 0, 0, 1], num_samples=6, shuffle=False))
    [0, 3, 1, 3, 2, 3]
    """

    def __init__(
        self,
        labels: Sequence[Any] | Array,
        num_samples: int | None = None,
        shuffle: bool = True,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.labels = check_labels("ClassBalancedSampler", labels)
        self.shuffle = bool(shuffle)
        wanted = len(self.labels) if num_samples is None else num_samples
        self.num_samples = check_count("ClassBalancedSampler", "num_samples", wanted)

    def draw(self, generator: np.random.Generator) -> Array:
        classes, codes = np.unique(self.labels, return_inverse=True)
        if self.shuffle:
            turns = generator.integers(len(classes), size=self.num_samples)
        else:
            turns = np.arange(self.num_samples) % len(classes)
        drawn = np.empty(self.num_samples, dtype=np.int64)
        for number in range(len(classes)):
            members, places = np.flatnonzero(codes == number), np.flatnonzero(turns == number)
            rounds = -(-len(places) // len(members))
            orders = [generator.permutation(members) if self.shuffle else members for _ in range(rounds)]
            if orders:
                drawn[places] = np.concatenate(orders)[: len(places)]
        return drawn

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """Numbers of samples in batches.

    Parameters
    ----------
    sampler
        The order: a sampler, or anything to go through again and again.
    batch_size
        How many a batch has.
    drop_last
        Whether a last batch of fewer is left out.

    Raises
    ------
    ValueError
        If `batch_size` is no number from 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> list(gg.data.BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Sampler | Iterable[int], batch_size: int, drop_last: bool) -> None:
        super().__init__(None)
        self.sampler = sampler
        self.batch_size = check_count("BatchSampler", "batch_size", batch_size)
        self.drop_last = bool(drop_last)

    def draw(self, generator: np.random.Generator) -> list[Array]:
        return cut(drawn(self.sampler, generator), self.batch_size, self.drop_last)

    def __len__(self) -> int:
        return batch_count(len(self.sampler), self.batch_size, self.drop_last)  # type: ignore[arg-type]

    def state_dict(self) -> dict[str, Any]:
        """That of the order."""
        return self.sampler.state_dict() if isinstance(self.sampler, Sampler) else {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go back to where `state_dict` was taken."""
        if isinstance(self.sampler, Sampler):
            self.sampler.load_state_dict(state_dict)


class BucketSampler(Sampler):
    """Batches of samples of about the same length, so that little is padded (P05.20).

    Samples are shuffled, cut into pools of `pool` batches, sorted by length within a pool and cut into batches there;
    at last the batches are shuffled. It is a loader's ``batch_sampler``.

    Parameters
    ----------
    lengths
        Of each sample.
    batch_size
        How many a batch has.
    shuffle
        Whether to shuffle; otherwise all samples are sorted.
    drop_last
        Whether a last batch of fewer is left out.
    pool
        How many batches are sorted together: more for less padding, fewer for more chance.
    generator
        See `Sampler`.

    Raises
    ------
    ValueError
        If lengths aren't numbers in a row, or a count is none from 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> list(gg.data.BucketSampler([5, 1, 4, 2], batch_size=2, shuffle=False))
    [[1, 3], [2, 0]]
    """

    def __init__(
        self,
        lengths: Sequence[float] | Array,
        batch_size: int,
        shuffle: bool = True,
        drop_last: bool = False,
        pool: int = 100,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.lengths = np.asarray(lengths)
        if self.lengths.ndim != 1 or self.lengths.dtype.kind not in "iuf":
            raise ValueError(describe("BucketSampler: lengths are numbers in a row", f"got: {lengths!r:.80}"))
        self.batch_size = check_count("BucketSampler", "batch_size", batch_size)
        self.pool = check_count("BucketSampler", "pool", pool)
        self.shuffle, self.drop_last = bool(shuffle), bool(drop_last)

    def draw(self, generator: np.random.Generator) -> list[Array]:
        if not self.shuffle:
            return cut(np.argsort(self.lengths, kind="stable"), self.batch_size, self.drop_last)
        order = generator.permutation(len(self.lengths))
        batches: list[Array] = []
        for pool in cut(order, self.batch_size * self.pool, drop_last=False):
            batches += cut(pool[np.argsort(self.lengths[pool], kind="stable")], self.batch_size, self.drop_last)
        return [batches[number] for number in generator.permutation(len(batches))]

    def __len__(self) -> int:
        # Pools hold whole batches, but for the last one.
        return batch_count(len(self.lengths), self.batch_size, self.drop_last)


# --- what samplers share ----------------------------------------------------------------------------------------------


def drawn(sampler: Any, generator: np.random.Generator) -> Any:
    """An epoch's order: of a sampler, from its generator or another one, or of what is gone through."""
    return sampler.draw(sampler.generator or generator) if isinstance(sampler, Sampler) else list(sampler)


def cut(order: Any, size: int, drop_last: bool) -> list[Array]:
    """Pieces of equal size; the last one may be smaller, or is left out."""
    order = as_indices("sampler", order)
    return [order[start : start + size] for start in range(0, batch_count(len(order), size, drop_last) * size, size)]


def batch_count(samples: int, batch_size: int, drop_last: bool) -> int:
    """How many mini-batches an epoch has (P05.10): ⌈N / B⌉, or ⌊N / B⌋ if the last one is left out."""
    return samples // batch_size if drop_last else -(-samples // batch_size)


def as_indices(who: str, values: Any) -> Array:
    """Numbers of samples, int64, in a row."""
    try:
        array = np.asarray(values)
    except ValueError:  # rows of unequal length
        array = np.empty((0, 0))
    if array.shape == (0,):
        return array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise IndexError(describe(f"{who}: numbers of samples are whole, and in a row", f"got: {values!r:.80}"))
    return array.astype(np.int64, copy=False)


def put_back(who: str, generator: np.random.Generator, state: Any) -> None:
    """Give a generator the state that it, or one of its kind, had."""
    try:
        generator.bit_generator.state = state
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(describe(f"{who}: the state's generator doesn't fit: {error}")) from None


def check_count(who: str, name: str, value: object) -> int:
    """A whole number from 1."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(describe(f"{who}: {name} is a whole number from 1, got {value!r}"))
    return int(value)


def check_labels(who: str, labels: Sequence[Any] | Array) -> Array:
    """Labels in a row, at least one."""
    array = np.asarray(labels)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(describe(f"{who}: labels are one for each sample, in a row", f"got: shape {array.shape}"))
    return array
