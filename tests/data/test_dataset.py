"""Data sets, their parts and their joins."""

from __future__ import annotations

import numpy as np
import pytest

import graphgrad as gg

X = np.arange(20.0, dtype=np.float32).reshape(10, 2)
T = np.arange(10)


class Squares(gg.data.Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, index):
        return index**2


def test_rows_of_arrays_and_of_tensors() -> None:
    for data in (gg.data.ArrayDataset(X, T), gg.data.TensorDataset(gg.asarray(X), gg.asarray(T))):
        assert len(data) == 10
        x, t = data[3]
        assert (x.tolist(), t) == ([6.0, 7.0], 3)
        images, labels = data.__getitems__(np.array([3, 1]))
        assert (images.tolist(), labels.tolist()) == ([[6.0, 7.0], [2.0, 3.0]], [3, 1])
    assert gg.data.ArrayDataset(X).arrays[0] is X  # shared


@pytest.mark.parametrize("arrays", [(), (X, T[:9]), (X, np.float32(1.0))])
def test_arrays_of_different_lengths_are_refused(arrays) -> None:
    with pytest.raises(gg.ShapeError, match=r"Dataset: "):
        gg.data.ArrayDataset(*arrays)


def test_a_subset_of_a_subset() -> None:
    part = gg.data.Subset(gg.data.Subset(gg.data.ArrayDataset(X, T), [9, 7, 5]), [2, 0])
    assert [int(part[i][1]) for i in range(len(part))] == [5, 9]
    batch = part.__getitems__(np.array([1]))
    assert batch is not None
    assert batch[1].tolist() == [9]
    assert gg.data.Subset(Squares(), [3]).__getitems__(np.array([0])) is None
    assert len(gg.data.Subset(X, [])) == 0


@pytest.mark.parametrize("indices", [[10], [-11], [0.5], [[1]]])
def test_a_subset_of_what_is_not_there(indices) -> None:
    with pytest.raises(IndexError, match="Subset: "):
        gg.data.Subset(gg.data.ArrayDataset(X), indices)


def test_sets_one_after_the_other() -> None:
    a, b = gg.data.ArrayDataset(X[:3], T[:3]), gg.data.ArrayDataset(X[3:], T[3:])
    joined = a + b
    assert [int(joined[i][1]) for i in (0, 2, 3, 9, -1)] == [0, 2, 3, 9, 9]
    batch = joined.__getitems__(np.array([9, 0, 3, 2]))
    assert batch is not None
    assert (batch[1].tolist(), batch[0][:, 0].tolist()) == ([9, 0, 3, 2], [18.0, 0.0, 6.0, 4.0])
    assert (a + Squares()).__getitems__(np.array([0, 5])) is None
    with pytest.raises(IndexError, match="no sample 10 among 10"):
        joined[10]
    with pytest.raises(ValueError, match="no data sets"):
        gg.data.ConcatDataset([])


@pytest.mark.parametrize(
    ("lengths", "expected"), [([7, 3], [7, 3]), ([0.5, 0.5], [5, 5]), ([0.33, 0.33, 0.34], [4, 3, 3])]
)
def test_random_parts(lengths, expected) -> None:
    parts = gg.data.random_split(gg.data.ArrayDataset(X, T), lengths, np.random.default_rng(0))
    assert [len(part) for part in parts] == expected
    assert sorted(int(part[i][1]) for part in parts for i in range(len(part))) == list(range(10))


@pytest.mark.parametrize("lengths", [[5, 4], [0.5, 0.4], [], [-1, 11], ["5", "5"], [True, 9]])
def test_lengths_that_do_not_add_up(lengths) -> None:
    with pytest.raises(ValueError, match="random_split: lengths"):
        gg.data.random_split(range(10), lengths)


def test_a_set_says_what_it_lacks() -> None:
    for call in (lambda: gg.data.Dataset()[0], lambda: len(gg.data.Dataset()), lambda: iter(gg.data.IterableDataset())):
        with pytest.raises(NotImplementedError, match="Dataset: doesn't say"):
            call()


def test_fractions_are_split_as_pytorch_does() -> None:
    torch = pytest.importorskip("torch")
    for total in (7, 10, 103):
        for shares in ([0.6, 0.2, 0.2], [0.1, 0.9], [1 / 3, 1 / 3, 1 / 3]):
            theirs = torch.utils.data.random_split(range(total), shares)
            assert [len(p) for p in gg.data.random_split(range(total), shares)] == [len(p) for p in theirs]


def test_several_samples_at_once_by_pytorchs_hook() -> None:
    class Listed(Squares):
        def __getitems__(self, indices):
            return [-(int(i) ** 2) for i in indices]

    for data in (Listed(), gg.data.Subset(Listed(), range(10))):
        assert [x.tolist() for x in gg.data.DataLoader(data, 6)] == [[0, -1, -4, -9, -16, -25], [-36, -49, -64, -81]]
    assert [x.shape for x in gg.data.DataLoader(X, 6)] == [(6, 2), (4, 2)]
    assert [x.shape for (x,) in gg.data.DataLoader(gg.data.Subset(gg.data.ArrayDataset(X), [1, 2]), 2)] == [(2, 2)]
    with pytest.raises(IndexError, match="no sample 99 among 10"):
        list(gg.data.DataLoader(gg.data.ArrayDataset(X), 2, sampler=[0, 99]))


def test_a_subset_of_an_array() -> None:
    batches = [x.tolist() for x in gg.data.DataLoader(gg.data.Subset(T, [9, 2, 4]), 2)]
    assert batches == [[9, 2], [4]]


def test_arrays_without_parts_one_after_the_other() -> None:
    whole = gg.data.ConcatDataset([X[:3], X[3:]])  # type: ignore[list-item]
    for data in (whole, gg.data.Subset(whole, range(10)), gg.data.Subset(X, range(10))):
        batches = list(gg.data.DataLoader(data, 4))
        np.testing.assert_array_equal(np.concatenate([x.numpy() for x in batches]), X)
        found = data.__getitems__(np.arange(2))  # joined already
        assert isinstance(found, np.ndarray)
    mixed = gg.data.ConcatDataset([X[:3], gg.data.ArrayDataset(X[3:])])  # type: ignore[list-item]
    assert mixed.__getitems__(np.array([0, 5])) is None


@pytest.mark.curriculum("P05.28")
def test_noise_is_mixed_with_clean_signals_and_added_to_the_set() -> None:
    rng = np.random.default_rng(0)
    clean, noises = rng.normal(size=(60, 16)), rng.normal(size=(3, 16))
    mixed = clean + 0.5 * noises[np.arange(60) % 3]
    both = gg.data.ArrayDataset(clean) + gg.data.ArrayDataset(mixed)
    (batch,) = next(iter(gg.data.DataLoader(both, 120)))
    added = (batch.numpy()[60:] - batch.numpy()[:60]) / 0.5
    # The risk: of 60 new samples there are but 3 kinds of noise, which a model can learn by heart.
    assert len(np.unique(added.round(6), axis=0)) == 3
    assert np.linalg.matrix_rank(added) == 3
