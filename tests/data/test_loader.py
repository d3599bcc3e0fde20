"""The loader: its batches, its workers, its state."""

from __future__ import annotations

import copy
import json
from collections import namedtuple
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.data.workers import Task, Workers

X = np.random.default_rng(0).random((23, 1, 4, 4), dtype=np.float32)
T = np.arange(23)
DATA = gg.data.ArrayDataset(X, T)
NOISE = gg.data.GaussianNoise(sigma=0.1)


class Slow(gg.data.Dataset):
    """Samples one by one, with chance in them."""

    def __len__(self):
        return 23

    def __getitem__(self, index):
        return X[index] + gg.data.batch_generator().normal(), index


def bits(batches):
    """Batches as bytes, to be compared bit for bit."""
    return [tuple(np.asarray(part).tobytes() for part in batch) for batch in batches]


def loader(data=DATA, seed=0, **options):
    return gg.data.DataLoader(data, 5, shuffle=True, generator=np.random.default_rng(seed), **options)


def test_batches_are_tensors_and_miss_nothing() -> None:
    seen = []
    for x, t in loader():
        assert isinstance(x, gg.Tensor)
        assert x.dtype == np.float32
        assert t.dtype == np.int64
        np.testing.assert_array_equal(x.numpy(), X[t.numpy()])
        seen += t.tolist()
    assert sorted(seen) == list(range(23))
    assert seen != sorted(seen)


def test_what_comes_out_is_a_copy() -> None:
    for x, _ in gg.data.DataLoader(DATA, 23):
        x.data[:] = 0.0
    assert X.max() > 0


def test_lengths_and_the_last_batch() -> None:
    for drop_last, count, last in ((False, 5, 3), (True, 4, 5)):
        batches = list(loader(drop_last=drop_last))
        assert len(loader(drop_last=drop_last)) == len(batches) == count
        assert len(batches[-1][1]) == last
    assert [t.item() for _, t in gg.data.DataLoader(DATA)][:3] == [0, 1, 2]


def test_samples_one_by_one() -> None:
    single = list(gg.data.DataLoader(DATA, batch_size=None))
    assert len(single) == 23
    assert single[4][0].shape == (1, 4, 4)


@pytest.mark.curriculum("P05.11")
def test_each_epoch_has_its_order_and_a_seed_repeats_them() -> None:
    one, other = loader(), loader()
    epochs = [bits(one) for _ in range(3)]
    assert len({epoch[0] for epoch in epochs}) == 3
    assert [bits(other) for _ in range(3)] == epochs
    gg.manual_seed(5)
    plain = gg.data.DataLoader(DATA, 5, shuffle=True)
    first = bits(plain)
    gg.manual_seed(5)
    assert bits(plain) == first


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("data", [DATA, Slow()], ids=["arrays", "samples"])
def test_threads_change_no_bit(data, workers) -> None:
    expected = bits(loader(data, transform=NOISE))
    assert bits(loader(data, transform=NOISE, num_workers=workers)) == expected


def test_processes_change_no_bit_and_may_stay() -> None:
    data = gg.data.Subset([float(number) for number in range(12)], range(12))
    ahead = loader(data, worker_type="process", num_workers=1, persistent_workers=True)
    gg.set_default_dtype("float64")
    try:
        plain = loader(data)
        expected = [bits([[x] for x in plain]) for _ in range(2)]
        found = [bits([[x] for x in ahead])]
        stayed = ahead._workers
        second = list(ahead)
        found.append(bits([[x] for x in second]))
    finally:
        gg.set_default_dtype("float32")
    assert found == expected
    assert second[0].dtype == np.float64  # the process knows the default dtype
    assert ahead._workers is stayed
    assert stayed is not None
    stayed.close()


def test_threads_that_stay_and_when_they_do_not() -> None:
    ahead, plain = loader(num_workers=2, persistent_workers=True), loader()
    assert [bits(ahead) for _ in range(2)] == [bits(plain) for _ in range(2)]
    first = ahead._workers
    assert first is not None
    for loop in (ahead, plain):
        next(iter(loop))
    assert bits(ahead) == bits(plain)  # a loop that was left early leaves them at work
    assert ahead._workers is first
    assert copy.deepcopy(ahead)._workers is None
    ahead.transform = NOISE
    plain.transform = NOISE
    assert bits(ahead) == bits(plain)
    assert first.closed
    assert ahead._workers is not None
    ahead._workers.close()


def test_a_thread_works_as_the_loop_does() -> None:
    class Asks(Slow):
        def __getitem__(self, index):
            return gg.is_grad_enabled()

    with gg.no_grad():
        for workers in (0, 1):
            assert not any(x.numpy().any() for x in loader(Asks(), num_workers=workers))


def test_workers_that_end_and_data_that_cannot_be_sent() -> None:
    workers = Workers(Task(DATA, None, None, False), 1, processes=False)
    broken: Future = Future()
    broken.set_exception(BrokenProcessPool("gone"))
    with pytest.raises(RuntimeError, match="a worker process ended before its batch was done"):
        workers.result(broken)
    assert workers.closed
    with pytest.raises(TypeError, match="can't be sent to processes"):
        list(loader(worker_type="process", num_workers=1, collate_fn=lambda batch: batch))


def test_an_error_in_a_worker_is_raised_here() -> None:
    class Broken(Slow):
        def __getitem__(self, index):
            if index == 11:
                raise OSError("sample 11 is torn")
            return index

    for workers in (0, 2):
        with pytest.raises(OSError, match="sample 11 is torn"):
            list(loader(Broken(), num_workers=workers))


def test_a_loop_left_early_leaves_no_thread_at_work() -> None:
    import threading

    iterator = iter(loader(num_workers=2))
    next(iterator)
    iterator.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("graphgrad-data")]


# --- the state --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [True, False], ids=["own generator", "the process's"])
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [0, 2, 5], ids=["before the first", "in the middle", "after the last"])
def test_a_resumed_epoch_has_the_same_bits(own, workers, stop) -> None:
    def make():
        generator = np.random.default_rng(3) if own else None
        return gg.data.DataLoader(DATA, 5, shuffle=True, transform=NOISE, num_workers=workers, generator=generator)

    process = gg.manual_seed(7)
    through = make()
    bits(through)
    states, batches = [(through.state_dict(), process.bit_generator.state)], []
    for batch in through:
        process.normal()  # as dropout draws
        states.append((through.state_dict(), process.bit_generator.state))
        batches += bits([batch])
    following = bits(through)

    state, drawn = states[stop]
    process = gg.manual_seed(99)
    process.bit_generator.state = drawn
    resumed = make()
    resumed.load_state_dict(json.loads(json.dumps(state)))
    rest = []
    for batch in resumed:
        process.normal()
        rest += bits([batch])
    if stop == 0:  # the epoch before was done: nothing of it is left, and the next one begins
        assert rest == []
        for batch in resumed:
            process.normal()
            rest += bits([batch])
    assert rest == batches[stop:]
    assert bits(resumed) == following
    assert resumed.epoch == through.epoch


@pytest.mark.parametrize(
    "sampler",
    [
        lambda: {"sampler": gg.data.WeightedRandomSampler(np.ones(23), 23, generator=np.random.default_rng(1))},
        lambda: {"batch_sampler": gg.data.BucketSampler(T, 4, pool=2, generator=np.random.default_rng(1))},
        lambda: {"batch_sampler": gg.data.BatchSampler(gg.data.RandomSampler(T), 4, False)},
        lambda: {"sampler": gg.data.ClassBalancedSampler(T % 3)},
    ],
    ids=["weighted", "buckets", "batches", "balanced"],
)
def test_samplers_resume_too(sampler) -> None:
    def make():
        return gg.data.DataLoader(DATA, generator=np.random.default_rng(0), **sampler())

    through = make()
    bits(through)
    iterator = iter(through)
    next(iterator)
    state = json.loads(json.dumps(through.state_dict()))
    rest, following = bits(iterator), bits(through)
    resumed = make()
    resumed.load_state_dict(state)
    assert bits(resumed) == rest
    assert bits(resumed) == following


@pytest.mark.curriculum("P05.13")
def test_weights_that_follow_the_losses_resume_too() -> None:
    def make():
        sampler = gg.data.WeightedRandomSampler(np.ones(23), 23, generator=np.random.default_rng(1))
        return gg.data.DataLoader(DATA, 5, sampler=sampler, generator=np.random.default_rng(0))

    def run(loader, into):
        for _, t in loader:
            loader.sampler.update(1.0 + t.numpy() + loader.position, t.numpy())
            into.append((t.tolist(), json.dumps(loader.state_dict())))

    whole: list = []
    rest: list = []
    through = make()
    run(through, whole)
    run(through, whole)
    resumed = make()
    resumed.load_state_dict(json.loads(whole[1][1]))
    assert json.dumps(resumed.state_dict()) == whole[1][1]
    run(resumed, rest)
    run(resumed, rest)
    assert rest == whole[2:]


def test_a_state_of_another_loader_is_refused() -> None:
    state = loader().state_dict()
    cases = [
        (gg.data.DataLoader(DATA, 4, generator=np.random.default_rng(0)), state, "batch_size differs"),
        (loader(gg.data.ArrayDataset(X[:9])), state, "samples differs"),
        (loader(), {**state, "position": -1}, "position is no number"),
        (loader(), {**state, "seed": "x"}, "seed is no number"),
        (loader(), {**state, "generator": {"bit_generator": "MT19937"}}, "generator doesn't fit"),
        (loader(), {}, "the state lacks"),
        (loader(), {**state, "order": None}, "order is no mapping"),
        (loader(), {**state, "sampler": {"generator": {}}}, "one of the two samplers only"),
        (loader(), {k: v for k, v in state.items() if k != "generator"}, "one of the loaders only"),
    ]
    for target, given, message in cases:
        before = target.state_dict()
        with pytest.raises(ValueError, match=message):
            target.load_state_dict(given)
        assert target.state_dict() == before


# --- other ways -------------------------------------------------------------------------------------------------------


class Count(gg.data.IterableDataset):
    def __iter__(self):
        return iter(range(5))


def test_streams() -> None:
    assert [x.tolist() for x in gg.data.DataLoader(Count(), 2)] == [[0, 1], [2, 3], [4]]
    assert [x.tolist() for x in gg.data.DataLoader(Count(), 2, drop_last=True)] == [[0, 1], [2, 3]]
    assert list(gg.data.DataLoader(Count(), None)) == [0, 1, 2, 3, 4]
    stream = gg.data.DataLoader(Count(), 2)
    iterator = iter(stream)
    next(iterator)
    resumed = gg.data.DataLoader(Count(), 2)
    resumed.load_state_dict(stream.state_dict())
    assert [x.tolist() for x in resumed] == [[2, 3], [4]]
    with pytest.raises(TypeError, match="a stream has no length"):
        len(stream)


def test_a_collate_function_and_named_tuples() -> None:
    assert list(gg.data.DataLoader("abc", 2, collate_fn="".join)) == ["ab", "c"]
    Pair = namedtuple("Pair", "x t")
    (batch,) = gg.data.DataLoader([Pair(1.0, "a"), Pair(2.0, "b")], 2)
    assert batch.x.tolist() == [1.0, 2.0]
    assert batch.x.dtype == np.float32
    assert batch.t == ["a", "b"]


def test_a_transform_of_what_is_no_array() -> None:
    with pytest.raises(gg.DTypeError, match="transform changes arrays, a batch begins with str"):
        list(gg.data.DataLoader(["a"], transform=NOISE))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shuffle": True, "sampler": [0]}, "either sampler or shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler stands in the place"),
        ({"batch_size": None, "drop_last": True}, "no last one to drop"),
        ({"batch_size": 0}, "batch_size is a whole number from 1"),
        ({"num_workers": -1}, "num_workers is a whole number from 0"),
        ({"worker_type": "fibre"}, "'thread' or 'process'"),
        ({"generator": 0}, "numpy.random.Generator"),
        ({"persistent_workers": True}, "num_workers above 0"),
        ({"prefetch_factor": 0}, "prefetch_factor is a whole number from 1"),
        ({"collate_fn": 3}, "collate_fn is called, int can't be"),
        ({"transform": "flip"}, "transform is called, str can't be"),
    ],
)
def test_arguments_that_exclude_each_other(options, message) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        gg.data.DataLoader(DATA, **options)


def test_a_stream_is_not_shuffled() -> None:
    with pytest.raises(ValueError, match="no shuffle"):
        gg.data.DataLoader(Count(), shuffle=True)
    with pytest.raises(ValueError, match="num_workers=0"):
        gg.data.DataLoader(Count(), num_workers=1)


def test_a_generator_has_no_numbered_samples() -> None:
    with pytest.raises(TypeError, match="samples are taken by number, generator has none"):
        gg.data.DataLoader(x for x in X)  # type: ignore[arg-type]
    assert list(Count()) == [0, 1, 2, 3, 4]


def test_growing_batches() -> None:
    growing = loader()
    assert len(list(growing)) == 5
    growing.batch_size = 12
    assert len(growing) == len(list(growing)) == 2


def test_counts_of_numpy_and_what_goes_by_name() -> None:
    json.dumps(gg.data.DataLoader(DATA, np.int64(2)).state_dict())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="positional"):
        gg.data.DataLoader(DATA, 2, False, None, None, 0, None, True)  # type: ignore[call-arg]


def test_samplers_of_other_makes() -> None:
    class Backwards(gg.data.Sampler):
        """As PyTorch has them: no generator, no draw."""

        def __init__(self):
            pass

        def __iter__(self):
            return iter(range(22, -1, -1))

        def __len__(self):
            return 23

    assert next(t.tolist() for _, t in gg.data.DataLoader(DATA, 8, sampler=Backwards())) == list(range(22, 14, -1))
    assert next(iter(gg.data.BatchSampler(Backwards(), 3, True))) == [22, 21, 20]
    # Several numbers at a time, for a data set that takes them.
    several = gg.data.BatchSampler(range(5), 2, False)
    assert [t.tolist() for _, t in gg.data.DataLoader(DATA, None, sampler=several)] == [[0, 1], [2, 3], [4]]
    for wrong in ([0.5], [[1, 2], [3]]):
        with pytest.raises(IndexError, match="whole, and in a row"):
            list(gg.data.DataLoader(DATA, 2, sampler=wrong))  # type: ignore[arg-type]
    with pytest.raises(IndexError, match="whole, and in a row"):
        list(gg.data.DataLoader(DATA, batch_sampler=[[0.5]]))  # type: ignore[list-item]
