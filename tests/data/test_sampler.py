"""Orders in which samples come."""

from __future__ import annotations

import numpy as np
import pytest

import graphgrad as gg


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_random_orders_have_every_sample_once() -> None:
    sampler = gg.data.RandomSampler(range(100), generator=rng())
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second
    assert list(gg.data.RandomSampler(range(100), generator=rng())) == first
    gg.manual_seed(1)
    drawn = list(gg.data.RandomSampler(range(100)))
    gg.manual_seed(1)
    assert list(gg.data.RandomSampler(range(100))) == drawn


def test_more_samples_than_there_are() -> None:
    drawn = list(gg.data.RandomSampler(range(4), num_samples=10, generator=rng()))
    assert sorted(drawn[:4]) == sorted(drawn[4:8]) == [0, 1, 2, 3]
    again = list(gg.data.RandomSampler(range(3), replacement=True, num_samples=3000, generator=rng()))
    assert np.bincount(again).min() > 900


def test_an_empty_set_has_an_empty_order() -> None:
    assert list(gg.data.RandomSampler([])) == list(gg.data.SequentialSampler([])) == []


def test_weights_are_probabilities() -> None:
    drawn = list(gg.data.WeightedRandomSampler([1.0, 0.0, 3.0], 4000, generator=rng()))
    counts = np.bincount(drawn, minlength=3)
    assert counts[1] == 0
    assert counts[2] / 4000 == pytest.approx(0.75, abs=0.03)
    once = gg.data.WeightedRandomSampler([1.0, 0.0, 3.0], 2, replacement=False, generator=rng())
    assert sorted(once) == [0, 2]


@pytest.mark.parametrize("weights", [[-1.0, 2.0], [np.nan, 1.0], [0.0, 0.0], [[1.0]], [np.inf, 1.0]])
def test_weights_that_are_none(weights) -> None:
    with pytest.raises(ValueError, match="WeightedRandomSampler: "):
        gg.data.WeightedRandomSampler(weights, 2)


def test_too_few_for_no_replacement() -> None:
    with pytest.raises(ValueError, match="3 samples are wanted, 2 have a weight above 0"):
        gg.data.WeightedRandomSampler([1.0, 1.0, 0.0], 3, replacement=False)


@pytest.mark.curriculum("P05.12")
def test_classes_come_equally_often_and_no_sample_is_left_out() -> None:
    labels = np.repeat([0, 1], [90, 10])
    drawn = np.array(list(gg.data.ClassBalancedSampler(labels, 400, generator=rng())))
    share = labels[drawn].mean()
    assert 0.42 < share < 0.58
    counts = np.bincount(drawn, minlength=100)
    # A class starts again only when each of its samples came.
    for members in (counts[:90], counts[90:]):
        assert members.max() - members.min() <= 1
    assert counts.min() >= 1
    first = drawn[drawn < 90][:90]
    assert not (np.diff(first) > 0).all()  # shuffled within the class too


def test_batches() -> None:
    assert list(gg.data.BatchSampler(gg.data.SequentialSampler(range(5)), 2, True)) == [[0, 1], [2, 3]]
    assert len(gg.data.BatchSampler(range(5), 2, False)) == 3
    with pytest.raises(ValueError, match="batch_size is a whole number from 1, got 0"):
        gg.data.BatchSampler(range(5), 0, False)


@pytest.mark.curriculum("P05.20")
def test_buckets_pad_little_and_miss_nothing() -> None:
    lengths = rng().integers(1, 200, size=1003)
    sampler = gg.data.BucketSampler(lengths, 16, pool=20, generator=rng())
    batches = list(sampler)
    assert len(batches) == len(sampler) == 63
    assert sorted(place for batch in batches for place in batch) == list(range(1003))

    def padded(batches):
        return sum(lengths[batch].max() * len(batch) for batch in batches) / lengths.sum()

    plain = list(gg.data.BatchSampler(gg.data.RandomSampler(lengths, generator=rng()), 16, False))
    assert padded(batches) < 1.12 < 1.7 < padded(plain)
    assert batches != list(sampler)
    short = gg.data.BucketSampler(lengths, 16, drop_last=True, pool=20)
    assert len(list(short)) == len(short) == 62
    with pytest.raises(ValueError, match="lengths are numbers in a row"):
        gg.data.BucketSampler(np.ones((1, 1)), 2)


def test_the_state_of_a_sampler_of_its_own_generator() -> None:
    sampler = gg.data.RandomSampler(range(50), generator=rng())
    state = sampler.state_dict()
    first = list(sampler)
    assert list(sampler) != first
    sampler.load_state_dict(state)
    assert list(sampler) == first
    assert gg.data.RandomSampler(range(5)).state_dict() == {}


def test_labels_are_in_a_row() -> None:
    with pytest.raises(ValueError, match="labels are one for each sample"):
        gg.data.ClassBalancedSampler([])


@pytest.mark.curriculum("P05.13")
def test_hard_samples_come_more_often() -> None:
    logits = gg.tensor([[4.0, 0.0], [0.0, 0.0], [0.0, 4.0]], requires_grad=True)
    losses = gg.nn.functional.cross_entropy(logits, gg.tensor([0, 0, 0]), reduction="none")
    sampler = gg.data.WeightedRandomSampler(np.ones(3), 6000, generator=rng())
    before = np.bincount(list(sampler))
    sampler.update(losses)
    after = np.bincount(list(sampler))
    share = np.log1p(np.exp([-4.0, 0.0, 4.0]))
    np.testing.assert_allclose(before / 6000, 1 / 3, atol=0.02)
    np.testing.assert_allclose(after / 6000, share / share.sum(), atol=0.02)
    sampler.update([0.0], [2])
    assert set(sampler) == {0, 1}
    for weights, places, error, message in (
        ([1.0], None, ValueError, "3 weights are needed"),
        ([np.nan], [0], ValueError, "finite numbers from 0"),
        ([1.0], [5], IndexError, "out of bounds"),
        ([1.0], [0.5], IndexError, "whole, and in a row"),
    ):
        kept = sampler.weights.copy()
        with pytest.raises(error, match=message):
            sampler.update(weights, places)
        np.testing.assert_array_equal(sampler.weights, kept)


def test_the_largest_weights() -> None:
    assert set(gg.data.WeightedRandomSampler([1e308, 1e308], 50, generator=rng())) == {0, 1}


def test_a_state_of_another_sampler() -> None:
    own, plain = gg.data.RandomSampler("abc", generator=rng()), gg.data.RandomSampler("abc")
    for one, state in ((own, plain.state_dict()), (plain, own.state_dict())):
        with pytest.raises(ValueError, match="one of the two samplers only"):
            one.load_state_dict(state)
    with pytest.raises(ValueError, match="the state's generator doesn't fit"):
        own.load_state_dict({"generator": {"bit_generator": "MT19937"}})
    with pytest.raises(NotImplementedError, match="how an order is drawn"):
        list(gg.data.Sampler())
    with pytest.raises(IndexError, match="whole, and in a row"):
        gg.data.SubsetRandomSampler([0.5])  # type: ignore[list-item]
