"""The digits that come with the package."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

import graphgrad as gg


def test_shapes_dtypes_and_ranges() -> None:
    images, labels = gg.datasets.digits()
    assert (images.shape, images.dtype, labels.shape, labels.dtype) == ((1797, 64), np.float32, (1797,), np.int64)
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert np.array_equal(images * 16, np.round(images * 16))
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    # The first image, a zero: its rows as the original file has them.
    assert (images[0].reshape(8, 8)[0] * 16).tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert labels[:10].tolist() == list(range(10))


def test_the_split_has_every_image_once_and_every_digit_often() -> None:
    whole, all_labels = gg.datasets.digits()
    parts = [gg.datasets.digits("train"), gg.datasets.digits("test")]
    assert [len(labels) for _, labels in parts] == [1437, 360]
    rows = np.concatenate([np.column_stack([images * 16, labels]) for images, labels in parts])
    expected = np.column_stack([whole * 16, all_labels])
    assert np.array_equal(rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)])
    assert not np.array_equal(rows, expected)
    for _, labels in parts:
        assert np.bincount(labels).min() > 0.07 * len(labels)


def test_the_split_is_fixed() -> None:
    assert gg.datasets.digits("train")[1][:8].tolist() == [6, 6, 6, 2, 5, 6, 6, 2]
    assert gg.datasets.digits("test")[1][-8:].tolist() == [2, 3, 9, 6, 2, 2, 9, 3]


def test_what_is_returned_belongs_to_the_caller() -> None:
    images, _ = gg.datasets.digits()
    images[:] = 5.0
    assert gg.datasets.digits()[0].max() == 1.0


def test_another_split_is_refused() -> None:
    with pytest.raises(ValueError, match="split is 'train', 'test' or None, got 'validation'"):
        gg.datasets.digits("validation")


def test_source_and_licence_stand_beside_the_data() -> None:
    text = (resources.files("graphgrad.datasets") / "data" / "digits.txt").read_text(encoding="utf-8")
    for part in ("Alpaydin", "Kaynak", "1998", "10.24432/C50P49", "CC BY 4.0", "creativecommons.org/licenses/by/4.0"):
        assert part in text


def test_the_values_are_those_of_scikit_learn() -> None:
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    bunch = sklearn_datasets.load_digits()
    images, labels = gg.datasets.digits()
    assert np.array_equal(images * 16, bunch.data)
    assert np.array_equal(labels, bunch.target)
