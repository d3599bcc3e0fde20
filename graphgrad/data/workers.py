"""Fetching batches: where they are wanted, or ahead in threads or processes, in the same order and to the same bits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from itertools import islice
from pickle import PicklingError  # allowed: the name of an error; nothing is unpickled here
from typing import Any

import numpy as np

from graphgrad.data.collate import collate, rebuilt
from graphgrad.data.dataset import Subset, TensorDataset, Transform, several
from graphgrad.graph.dtypes import get_default_dtype, set_default_dtype
from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.random import generator_or_default
from graphgrad.graph.tensor import Tensor

__all__ = ["Task", "Workers", "batch_generator", "fetched"]

Array = np.ndarray[Any, Any]

_generator: ContextVar[np.random.Generator | None] = ContextVar("batch_generator", default=None)


def batch_generator() -> np.random.Generator:
    """Where the random numbers of the batch that is being fetched come from.

    A data set that draws in its ``__getitem__`` takes them from here: they depend on the epoch's seed and the batch's
    number alone, so that workers, their number and a resumed epoch change nothing. Elsewhere it is what
    `graphgrad.manual_seed` starts.

    Examples
    --------
    >>> import graphgrad as gg
    >>> class Noisy(gg.data.Dataset):
    ...     def __len__(self):
    ...         return 4
    ...
    ...     def __getitem__(self, index):
    ...         return index + gg.data.batch_generator().normal()
    >>> def epoch(workers):
    ...     gg.manual_seed(0)
    ...     loader = gg.data.DataLoader(Noisy(), batch_size=2, num_workers=workers)
    ...     return [x.tolist() for x in loader]
    >>> epoch(0) == epoch(2)
    True
    """
    return generator_or_default(_generator.get())


@dataclass
class Task:
    """What to do for a batch."""

    dataset: Any
    collate_fn: Callable[[list[Any]], Any] | None
    transform: Transform | None
    single: bool
    """Whether a batch is one sample, as it is."""

    @property
    def is_plain(self) -> bool:
        """Whether batches are cut out of arrays, and nothing else is done to them, so that nothing can be random."""
        whole = self.dataset
        while type(whole) is Subset:
            whole = whole.dataset
        return type(whole) is TensorDataset and not self.single and self.transform is None and self.collate_fn is None

    def fetch(self, indices: Any, generator: np.random.Generator) -> Any:
        """A batch by the numbers of its samples."""
        token = _generator.set(generator)
        try:
            if self.single:
                # A sampler may hand out several numbers at a time, for a data set that takes them.
                return self.finished(self.dataset[int(indices) if np.ndim(indices) == 0 else indices], generator)
            if self.collate_fn is None:
                found = several(self.dataset, indices)
                if isinstance(found, (tuple, np.ndarray)):
                    return self.transformed(list(found) if isinstance(found, tuple) else found, generator)
                if found is not None:
                    return self.finished(found, generator)
            samples = [self.dataset[index] for index in indices.tolist()]
            return self.finished(samples, generator)
        finally:
            _generator.reset(token)

    def finished(self, samples: Any, generator: np.random.Generator) -> Any:
        """Samples joined and transformed; a single one is transformed only."""
        joined = samples if self.single else collate(samples) if self.collate_fn is None else self.collate_fn(samples)
        return self.transformed(joined, generator)

    def transformed(self, batch: Any, generator: np.random.Generator) -> Any:
        """The batch, its first array changed."""
        if self.transform is None:
            return batch
        if isinstance(batch, (tuple, list)) and batch:
            return rebuilt(batch, [self._changed(batch[0], generator), *batch[1:]])
        return self._changed(batch, generator)

    def _changed(self, value: Any, generator: np.random.Generator) -> Any:
        assert self.transform is not None
        if isinstance(value, Tensor):
            return Tensor(self.transform(value.data, generator))
        if isinstance(value, np.ndarray):
            return self.transform(value, generator)
        raise DTypeError(describe(f"DataLoader: transform changes arrays, a batch begins with {type(value).__name__}"))


def fetched(
    task: Task, order: Sequence[Any], seed: int, start: int, workers: Workers | None, ahead: int
) -> Iterator[Any]:
    """The batches of an order, from number `start` on, each with a generator of its own."""
    numbered = enumerate(order, start)
    if workers is None:
        if task.is_plain:  # a generator for each batch would take longer than cutting it out
            yield from (list(task.dataset.__getitems__(indices)) for _, indices in numbered)
            return
        for number, indices in numbered:
            yield task.fetch(indices, np.random.default_rng([seed, 1 + number]))
        return
    waiting: deque[Future[Any]] = deque()
    try:
        for number, indices in islice(numbered, workers.count * ahead):
            waiting.append(workers.submit(indices, [seed, 1 + number]))
        while waiting:
            batch = workers.result(waiting.popleft())
            for number, indices in islice(numbered, 1):
                waiting.append(workers.submit(indices, [seed, 1 + number]))
            yield batch
    finally:  # a loop that is left early, or an error
        for future in waiting:
            future.cancel()


class Workers:
    """Threads or processes that fetch batches of one task."""

    def __init__(self, task: Task, count: int, processes: bool) -> None:
        self.task, self.count, self.processes = task, count, processes
        self.dtype, self.closed = get_default_dtype(), False
        self.executor: Executor
        if processes:
            from multiprocessing import get_context

            # A fresh interpreter: forking one that has threads, as numba and BLAS have, may hang.
            self.executor = ProcessPoolExecutor(
                count, get_context("spawn"), initializer=_remember, initargs=(task, self.dtype)
            )
        else:
            self.executor = ThreadPoolExecutor(count, thread_name_prefix="graphgrad-data")

    def serves(self, task: Task, count: int, processes: bool) -> bool:
        """Whether these are the workers that a loader wants now: it, and what it goes through, may have changed."""
        same = all(
            getattr(task, part) is getattr(self.task, part) for part in ("dataset", "collate_fn", "transform", "single")
        )
        settings = (count, processes, get_default_dtype(), False)
        return same and settings == (self.count, self.processes, self.dtype, self.closed)

    def submit(self, indices: Any, seed: list[int]) -> Future[Any]:
        """Ask for a batch."""
        if not self.processes:
            # In the caller's context: whether graphs are recorded, say, is the same in the thread.
            return self.executor.submit(copy_context().run, _fetch, self.task, indices, seed)
        try:
            return self.executor.submit(_remembered, indices, seed)
        except BrokenExecutor as error:
            raise self._broken() from error
        except (PicklingError, AttributeError, TypeError) as error:
            self.close()
            raise TypeError(
                describe(
                    f"DataLoader: the data set can't be sent to processes: {error}",
                    hint="worker_type='thread' needs nothing to be picklable; lambdas and local classes aren't",
                )
            ) from error

    def result(self, future: Future[Any]) -> Any:
        """Wait for a batch."""
        try:
            return future.result()
        except BrokenExecutor as error:
            raise self._broken() from error

    def close(self) -> None:
        """End the workers, when what they are at is done."""
        self.closed = True
        self.executor.shutdown(wait=True, cancel_futures=True)

    def _broken(self) -> RuntimeError:
        self.close()
        return RuntimeError(
            describe(
                "DataLoader: a worker process ended before its batch was done",
                hint="it may have run out of memory; and a script that starts processes begins its work below "
                'if __name__ == "__main__":',
            )
        )


def _fetch(task: Task, indices: Any, seed: list[int]) -> Any:
    return task.fetch(indices, np.random.default_rng(seed))


_task: Task | None = None


def _remember(task: Task, dtype: np.dtype[Any]) -> None:
    """In a new process: what it will be asked for, so that the data set is sent once only."""
    global _task
    _task = task
    set_default_dtype(dtype)


def _remembered(indices: Any, seed: list[int]) -> Any:
    assert _task is not None
    return _fetch(_task, indices, seed)
