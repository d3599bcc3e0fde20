"""Text as numbers."""

from __future__ import annotations

import numpy as np
import pytest

import graphgrad as gg

text = gg.datasets.sonnets


def test_words_and_marks() -> None:
    assert gg.data.tokenize("Don't stop: well-known, O!") == ["Don't", "stop", ":", "well-known", ",", "O", "!"]
    assert gg.data.tokenize("Über ALLES", lower=True) == ["über", "alles"]
    assert gg.data.tokenize("") == []


def test_characters_there_and_back() -> None:
    vocabulary = gg.data.Vocabulary(text(), order="sorted")
    numbers = vocabulary.encode(text())
    assert numbers.dtype == np.int64
    assert vocabulary.decode(numbers) == text()
    assert vocabulary.tokens == sorted(set(text()))


@pytest.mark.curriculum("P05.20")
def test_which_tokens_are_taken_in() -> None:
    words = ["b", "a", "b", "c", "c", "c", "d"]
    assert gg.data.Vocabulary(words).tokens == ["b", "a", "c", "d"]
    assert gg.data.Vocabulary(words, order="frequency").tokens == ["c", "b", "a", "d"]
    assert gg.data.Vocabulary(words, min_freq=2).tokens == ["b", "c"]
    limited = gg.data.Vocabulary([words], specials=("<pad>", "<unk>"), unk="<unk>", max_tokens=4)
    assert limited.tokens == ["<pad>", "<unk>", "b", "c"]
    assert limited.encode(["a", "b", "zebra"]).tolist() == [1, 2, 1]
    assert limited.decode([3, 1]) == ["c", "<unk>"]
    assert "a" not in limited
    assert limited["b"] == 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gg.data.Vocabulary("ab", order="random"), gg.ArgumentError, "order is one of"),
        (lambda: gg.data.Vocabulary("ab", unk="?"), gg.ArgumentError, "is no token"),
        (lambda: gg.data.Vocabulary("ab", specials=["x", "x"]), gg.ArgumentError, "there twice"),
        (lambda: gg.data.Vocabulary("ab", specials="<pad>"), gg.ArgumentError, "specials is a list"),
        (lambda: gg.data.Vocabulary(["ab", ["cd"]]), gg.ArgumentError, r"a token is a text, got list \['cd'\]"),
        (lambda: gg.data.Vocabulary([1, 2]), gg.ArgumentError, "a token is a text, got int 1"),  # type: ignore[list-item]
        (lambda: gg.data.Vocabulary("ab", min_freq=0), ValueError, "min_freq is a whole number from 1"),
        (lambda: gg.data.Vocabulary("ab", max_tokens=2.5), ValueError, "max_tokens is a whole number from 1"),  # type: ignore[arg-type]
        (lambda: gg.data.Vocabulary("ab").decode([0.5]), gg.ArgumentError, "whole numbers from 0 are needed"),
        (lambda: gg.data.Vocabulary("ab").encode("abc"), gg.ArgumentError, "'c' is unknown"),
        (lambda: gg.data.Vocabulary("ab").decode([2]), gg.ArgumentError, "tokens 0 to 1"),
        (lambda: gg.data.batchify([1, 2], 3), gg.ShapeError, "not even one row of 3"),
        (lambda: gg.data.batchify([1, 2], 0), ValueError, "batch_size is a whole number from 1"),
        (lambda: gg.data.bptt_windows(np.ones((1, 4)), 2), gg.ShapeError, "two rows of columns"),
        (lambda: gg.data.sliding_windows([1, 2], 2), gg.ShapeError, "nothing comes after 2"),
    ],
)
def test_what_cannot_be(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.curriculum("P18.08", "P19.04")
@pytest.mark.parametrize("length", [1, 3, 5, 100])
def test_windows_follow_each_other(length) -> None:
    stream = np.arange(50)
    columns = gg.data.batchify(stream, 3)
    assert columns[:, 1].tolist() == list(range(16, 32))
    windows = list(gg.data.bptt_windows(columns, length))
    np.testing.assert_array_equal(np.concatenate([x for x, _ in windows]), columns[:-1])
    np.testing.assert_array_equal(np.concatenate([y for _, y in windows]), columns[1:])
    data = gg.data.BPTTDataset(stream, 3, length)
    loaded = list(gg.data.DataLoader(data, batch_size=None))
    assert len(data) == len(loaded) == len(windows)
    for (x, y), (a, b) in zip(loaded, windows, strict=True):
        np.testing.assert_array_equal(x.numpy(), a)
        np.testing.assert_array_equal(y.numpy(), b)
    with pytest.raises(IndexError, match="no window"):
        data[len(data)]


def test_sliding_windows() -> None:
    x, y = gg.data.sliding_windows(np.arange(10), 4, step=3)
    assert (x.tolist(), y.tolist()) == ([[0, 1, 2, 3], [3, 4, 5, 6]], [4, 7])
