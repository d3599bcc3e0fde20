"""Samples joined to batches, and sequences padded."""

from __future__ import annotations

import numpy as np
import pytest

import graphgrad as gg

collate = gg.data.default_collate


def test_parts_are_joined_by_their_kind() -> None:
    batch = collate(
        [{"x": np.ones(2, "float32"), "t": 1, "name": "a"}, {"x": np.zeros(2, "float32"), "t": 2, "name": "b"}]
    )
    assert batch["x"].tolist() == [[1.0, 1.0], [0.0, 0.0]]
    assert (batch["x"].dtype, batch["t"].dtype, batch["name"]) == (np.float32, np.int64, ["a", "b"])
    assert collate([1.5, 2.5]).dtype == np.float32
    assert collate([np.float64(1.5)]).dtype == np.float64
    assert collate([True, False]).dtype == np.bool_
    assert collate([gg.tensor([1.0]), gg.tensor([2.0])]).shape == (2, 1)
    assert [part.tolist() for part in collate([(1, [2, 3]), (4, [5, 6])])[1]] == [[2, 5], [3, 6]]


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ([], "one sample at least"),
        ([object()], "can't join samples of object"),
        ([np.ones(2), np.ones(3)], r"differ in shape: \(2,\), \(3,\)"),
        ([(1, 2), (1,)], "different numbers of parts"),
        ([{"a": 1}, {"b": 1}], "different keys"),
        ([1, None], "can't join samples of NoneType, int"),
        ([np.float32(1.0), None], "can't join samples of NoneType, float32"),
        ([2**70], "can't join samples of int"),
    ],
)
def test_what_cannot_be_joined(batch, message) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        collate(batch)


SEQUENCES = [np.arange(6.0).reshape(3, 2), np.ones((1, 2)), np.zeros((0, 2))]


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_is_pytorchs(batch_first, side) -> None:
    padded = gg.data.pad_sequence(SEQUENCES, batch_first, -1.0, side)
    rows = padded if batch_first else padded.swapaxes(0, 1)
    for row, sequence in zip(rows, SEQUENCES, strict=True):
        content = row[: len(sequence)] if side == "right" else row[3 - len(sequence) :]
        np.testing.assert_array_equal(content, sequence)
        assert (row == -1.0).all(axis=1).sum() == 3 - len(sequence)
    torch = pytest.importorskip("torch")
    tensors = [torch.from_numpy(sequence) for sequence in SEQUENCES]
    theirs = torch.nn.utils.rnn.pad_sequence(tensors, batch_first, -1.0, side)
    np.testing.assert_array_equal(padded, theirs.numpy())


@pytest.mark.parametrize(
    ("sequences", "dtype"),
    [
        ([[1, 2], [3]], "int64"),
        ([[], [3]], "int64"),
        ([[], []], "int64"),
        ([[1, 2], [1.5]], "float32"),
        ([[], [1.5]], "float32"),
        ([np.zeros(0, "float32"), np.ones(2, "float32")], "float32"),
        ([np.zeros(0, "float64"), np.ones(2, "float32")], "float32"),
        ([np.ones(1, "float64"), [1.5]], "float64"),
        ([np.ones(1, "uint8"), np.ones(2, "uint8")], "uint8"),
    ],
)
def test_floats_stay_what_they_are(sequences, dtype) -> None:
    assert gg.data.pad_sequence(sequences).dtype == dtype


def test_cutting_and_padding_at_either_end() -> None:
    both = [[4], [5, 6, 7, 8]]
    assert gg.data.pad_sequences(both, 3, padding="post", truncating="post").tolist() == [[4, 0, 0], [5, 6, 7]]
    assert gg.data.pad_sequences(both, value=9).tolist() == [[9, 9, 9, 4], [5, 6, 7, 8]]
    assert gg.data.pad_sequences([[], [1]]).tolist() == [[0], [1]]
    assert gg.data.pad_sequences(both, 0).shape == (2, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gg.data.pad_sequence([]), "got: none"),
        (lambda: gg.data.pad_sequence([np.ones((2, 2)), np.ones((2, 3))]), "equal shape but for their length"),
        (lambda: gg.data.pad_sequence([[1]], padding_side="up"), "'right' or 'left'"),
        (lambda: gg.data.pad_sequences([[1]], padding="mid"), "'pre' or 'post'"),
        (lambda: gg.data.pad_sequences([[1]], maxlen=-1), "whole number from 0"),
        (lambda: gg.data.pad_sequence([[1]], padding_value=0.5), "0.5 can't pad sequences of int64"),
        (lambda: gg.data.pad_sequences([[1]], value=0.5), "0.5 can't pad sequences of int32"),
        (lambda: gg.data.PadCollate(padding_side="up"), "PadCollate: padding_side is 'right' or 'left'"),
    ],
)
def test_what_cannot_be_padded(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_batches_of_sequences_of_like_length() -> None:
    rng = np.random.default_rng(0)
    texts = [(rng.integers(1, 9, size=n), n % 2) for n in rng.integers(1, 30, size=40)]
    buckets = gg.data.BucketSampler([len(text) for text, _ in texts], 8, generator=rng)
    seen = 0
    for x, t, lengths in gg.data.DataLoader(texts, batch_sampler=buckets, collate_fn=gg.data.PadCollate()):
        assert x.shape == (len(t), max(lengths.tolist()))
        assert ((x.numpy() > 0).sum(axis=1) == lengths.numpy()).all()
        assert (lengths.numpy() % 2 == t.numpy()).all()
        seen += len(t)
    assert seen == 40
    with pytest.raises(gg.ShapeError, match="no part of the samples is a sequence"):
        gg.data.PadCollate()([(1, 2)])
