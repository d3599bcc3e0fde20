"""Batches of a data set, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.data.collate import to_tensors
from graphgrad.data.dataset import Dataset, IterableDataset, Transform
from graphgrad.data.sampler import (
    RandomSampler,
    Sampler,
    SequentialSampler,
    as_indices,
    batch_count,
    check_count,
    cut,
    drawn,
    put_back,
)
from graphgrad.data.workers import Task, Workers, fetched
from graphgrad.graph.errors import describe
from graphgrad.graph.random import generator_or_default

__all__ = ["DataLoader"]

Array = np.ndarray[Any, Any]


class DataLoader:
    """Go through a data set in mini-batches, again and again (P05.10, P05.11).

    Each ``for`` loop over it is an epoch of ⌈N / batch_size⌉ batches. A batch of a set of arrays is cut out of them at
    once; other samples are fetched one by one and joined. Batches hold tensors.

    All that is random in an epoch, its order and its augmentation, comes from one seed that is drawn when the epoch
    begins, and batch k's augmentation from that seed and k: it is the same with any number of workers.

    Parameters
    ----------
    dataset
        A `Dataset`, or anything with a length and numbered samples; an `IterableDataset` for streams.
    batch_size
        How many samples a batch has; None for samples as they are, one by one. It may be changed between epochs.
    shuffle
        Whether each epoch has an order of its own.
    sampler
        The order in which samples come, in the place of `shuffle`.
    batch_sampler
        Which samples make up each batch, in the place of `batch_size`, `shuffle`, `sampler` and `drop_last`.
    num_workers
        How many workers fetch batches ahead; with 0 they are fetched when they are wanted.
    collate_fn
        Joins a list of samples to a batch; by default `default_collate`.
    drop_last
        Whether a last batch of fewer samples is left out.
    generator
        Where the seed of each epoch comes from; by default what `graphgrad.manual_seed` starts.
    transform
        Changes the first array of each batch, as augmentation does: called with the array and a generator.
    worker_type
        ``"thread"``; or ``"process"`` for samples that cost much Python: the data set, `collate_fn` and `transform`
        must be picklable, and are sent to each process when it starts; a script begins its work below
        ``if __name__ == "__main__":`` then.
    prefetch_factor
        How many batches each worker is ahead.
    persistent_workers
        Whether workers stay for the next epoch. Processes take seconds to start; what changes in the data set
        meanwhile doesn't reach those that stay.

    Attributes
    ----------
    position
        How many batches of the running epoch were handed out.
    epoch
        How many epochs have begun.

    Raises
    ------
    ValueError
        If arguments exclude each other, or a number is out of range.

    Notes
    -----
    `state_dict` tells where the loader is, also in the middle of an epoch; after `load_state_dict` the next loop hands
    out what is left of that epoch, bit for bit: nothing, if the epoch was through. A stream, and a sampler that isn't a
    `Sampler`, is gone through again and what was handed out is skipped: exact if it goes the same way twice.

    Names and defaults are those of PyTorch's loader, but for `worker_type`, threads where PyTorch takes processes, and
    `transform`. All after `collate_fn` go by name: PyTorch has ``pin_memory`` there, which has no use here.

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> X, t = np.arange(10.0, dtype="float32").reshape(5, 2), np.arange(5)
    >>> loader = gg.data.DataLoader(gg.data.ArrayDataset(X, t), batch_size=2)
    >>> len(loader), [labels.tolist() for _, labels in loader]
    (3, [[0, 1], [2, 3], [4]])
    """

    def __init__(
        self,
        dataset: Dataset | Sequence[Any] | Array,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler | Iterable[int] | None = None,
        batch_sampler: Sampler | Iterable[Sequence[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        *,
        drop_last: bool = False,
        generator: np.random.Generator | None = None,
        transform: Transform | None = None,
        worker_type: str = "thread",
        prefetch_factor: int = 2,
        persistent_workers: bool = False,
    ) -> None:
        streams = isinstance(dataset, IterableDataset)
        if not streams and not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
            raise TypeError(
                describe(
                    f"DataLoader: samples are taken by number, {type(dataset).__name__} has none",
                    hint="list(...) takes them all; a subclass of IterableDataset is gone through as a stream",
                )
            )
        if streams and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError(describe("DataLoader: a stream comes as it is: no shuffle, no sampler, no batch_sampler"))
        if streams and num_workers:
            raise ValueError(describe("DataLoader: a stream is read by one only: num_workers=0"))
        if sampler is not None and shuffle:
            raise ValueError(describe("DataLoader: either sampler or shuffle says the order, not both"))
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
            raise ValueError(
                describe("DataLoader: batch_sampler stands in the place of batch_size, shuffle, sampler and drop_last")
            )
        if batch_size is None and drop_last and batch_sampler is None:
            raise ValueError(describe("DataLoader: without batches, batch_size=None, there is no last one to drop"))
        if not isinstance(num_workers, (int, np.integer)) or isinstance(num_workers, bool) or num_workers < 0:
            raise ValueError(describe(f"DataLoader: num_workers is a whole number from 0, got {num_workers!r}"))
        if worker_type not in ("thread", "process"):
            raise ValueError(describe(f"DataLoader: worker_type is 'thread' or 'process', got {worker_type!r}"))
        if persistent_workers and num_workers == 0:
            raise ValueError(describe("DataLoader: persistent_workers needs workers: num_workers above 0"))
        for name, function in (("collate_fn", collate_fn), ("transform", transform)):
            if function is not None and not callable(function):
                raise TypeError(describe(f"DataLoader: {name} is called, {type(function).__name__} can't be"))
        if generator is not None:
            generator_or_default(generator)
        self.dataset: Any = dataset
        self.batch_size: int | None = None
        if batch_sampler is None and batch_size is not None:
            self.batch_size = check_count("DataLoader", "batch_size", batch_size)
        self.drop_last = bool(drop_last)
        self.sampler: Any = sampler
        if sampler is None and batch_sampler is None and not streams:
            self.sampler = RandomSampler(self.dataset) if shuffle else SequentialSampler(self.dataset)
        self.batch_sampler: Any = batch_sampler
        self.num_workers, self.worker_type = int(num_workers), worker_type
        self.prefetch_factor = check_count("DataLoader", "prefetch_factor", prefetch_factor)
        self.collate_fn, self.transform, self.generator = collate_fn, transform, generator
        self.persistent_workers = bool(persistent_workers)
        self._workers: Workers | None = None  # those that stay
        self.position = self.epoch = 0
        self._seed: int | None = None
        self._order: dict[str, Any] = {}  # the sampler's state when the epoch began
        self._later: dict[str, Any] | None = None  # that of the loader which goes on here, after it drew

    # ---- an epoch

    def __len__(self) -> int:
        """How many batches an epoch has."""
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        if self.sampler is None:
            raise TypeError(describe("DataLoader: a stream has no length"))
        if self.batch_size is None:
            return len(self.sampler)
        return batch_count(len(self.sampler), self.batch_size, self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        sampler, later = self._stateful(), self._later
        if later is None:
            self._order = sampler.state_dict() if sampler is not None else {}
            self._seed = int(generator_or_default(self.generator).integers(2**63))
            self.position = 0
            self.epoch += 1
        elif sampler is not None:
            sampler.load_state_dict(self._order)
        assert self._seed is not None
        if self._is_stream():
            batches = self._streamed(self._seed, self.position)
        else:
            order = self._batches(np.random.default_rng([self._seed, 0]))[self.position :]
            batches = self._fetched(order, self._seed, self.position)
        if later is not None:
            self._later = None
            if sampler is not None:
                sampler.load_state_dict(later)
        return self._handed_out(batches, self.position)

    def _handed_out(self, batches: Iterator[Any], skip: int) -> Iterator[Any]:
        for number, batch in enumerate(batches, skip + 1):
            self.position = number
            yield to_tensors(batch) if self.collate_fn is None else batch

    def _fetched(self, order: Sequence[Any], seed: int, skip: int) -> Iterator[Any]:
        """The batches of an order, by those who are to fetch them."""
        single = self.batch_size is None and self.batch_sampler is None
        task = Task(self.dataset, self.collate_fn, self.transform, single)
        if self.num_workers == 0:
            yield from fetched(task, order, seed, skip, None, self.prefetch_factor)
            return
        wanted = (task, self.num_workers, self.worker_type == "process")
        workers = self._workers
        if workers is None or not workers.serves(*wanted):
            if workers is not None:
                workers.close()
            workers = Workers(*wanted)
        self._workers = workers if self.persistent_workers else None
        try:
            yield from fetched(task, order, seed, skip, workers, self.prefetch_factor)
        finally:
            if not self.persistent_workers:
                workers.close()

    def __getstate__(self) -> dict[str, Any]:
        """For a copy, which has workers of its own."""
        return {**vars(self), "_workers": None}

    def _batches(self, generator: np.random.Generator) -> Any:
        """Which samples each batch has, in order: of an epoch that begins."""
        if self.batch_sampler is not None:
            return [as_indices("batch_sampler", batch) for batch in drawn(self.batch_sampler, generator)]
        order = drawn(self.sampler, generator)
        if self.batch_size is None:
            return order
        return cut(order, check_count("DataLoader", "batch_size", self.batch_size), self.drop_last)

    def _streamed(self, seed: int, skip: int) -> Iterator[Any]:
        """The batches of a stream."""
        if self.batch_size is None:
            batches = ((sample, False) for sample in self.dataset)
        else:
            batches = ((batch, True) for batch in grouped(self.dataset, self.batch_size, self.drop_last))
        for number, (batch, joined) in enumerate(batches):
            if number >= skip:
                task = Task((), self.collate_fn, self.transform, not joined)
                yield task.finished(batch, np.random.default_rng([seed, 1 + number]))

    def _is_stream(self) -> bool:
        return self.sampler is None and self.batch_sampler is None

    # ---- where it is

    def _stateful(self) -> Any:
        """The sampler, if it has a state."""
        sampler = self.batch_sampler if self.batch_sampler is not None else self.sampler
        return sampler if hasattr(sampler, "state_dict") and hasattr(sampler, "load_state_dict") else None

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is: enough to go on from there, in numbers and texts that a JSON file takes.

        Taken in the body of a loop, it counts the batch in hand as done.
        """
        sampler, now = self._stateful(), self._later
        if now is None:
            now = sampler.state_dict() if sampler is not None else {}
        state: dict[str, Any] = {
            "epoch": self.epoch,
            "position": self.position,
            "seed": self._seed,
            "batch_size": self.batch_size,
            "samples": None if self._is_stream() else len(self.dataset),
            "order": self._order,
            "sampler": now,
        }
        if self.generator is not None:
            state["generator"] = self.generator.bit_generator.state
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go to where `state_dict` was taken: the next loop hands out the rest of that epoch.

        Raises
        ------
        ValueError
            If it is no such state, or that of a loader with other batches or another number of samples; nothing is
            changed then.
        """
        own = self.state_dict()
        missing = sorted(own.keys() - state_dict.keys())
        if missing:
            raise ValueError(
                describe(
                    f"DataLoader: the state lacks {', '.join(missing)}",
                    hint="generator=... was given to one of the loaders only" if missing == ["generator"] else "",
                )
            )
        for name in ("batch_size", "samples"):
            if state_dict[name] != own[name]:
                raise ValueError(
                    describe(
                        f"DataLoader: the state is that of another loader: {name} differs",
                        f"expected: {own[name]}",
                        f"got: {state_dict[name]}",
                    )
                )
        seed = state_dict["seed"]
        for name in ("epoch", "position", "seed"):
            value = state_dict[name]
            if (not isinstance(value, int) or value < 0) and (name != "seed" or value is not None):
                raise ValueError(describe(f"DataLoader: the state's {name} is no number from 0: {value!r}"))
        for name in ("order", "sampler"):
            if not isinstance(state_dict[name], Mapping):
                raise ValueError(describe(f"DataLoader: the state's {name} is no mapping: {state_dict[name]!r:.80}"))
        if ("generator" in state_dict["sampler"]) != ("generator" in own["sampler"]):
            raise ValueError(describe("DataLoader: a generator of its own was given to one of the two samplers only"))
        if self.generator is not None:
            put_back("DataLoader", self.generator, state_dict["generator"])
        self.epoch, self.position = state_dict["epoch"], state_dict["position"]
        self._seed, self._order = seed, dict(state_dict["order"])
        self._later = None if seed is None else dict(state_dict["sampler"])


def grouped(samples: Iterable[Any], size: int, drop_last: bool) -> Iterator[list[Any]]:
    """Samples of a stream in lists of equal length; the last one may be shorter, or is left out."""
    batch: list[Any] = []
    for sample in samples:
        batch.append(sample)
        if len(batch) == size:
            yield batch
            batch = []
    if batch and not drop_last:
        yield batch
