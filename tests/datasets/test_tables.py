"""The tables that come with the package."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

import graphgrad as gg

TABLES = {"iris": (150, 4), "wine": (178, 13), "breast_cancer": (569, 30), "diabetes": (442, 10)}


@pytest.mark.parametrize(("name", "shape"), TABLES.items())
def test_shapes_and_copies(name, shape) -> None:
    X, _ = gg.datasets.load(name)
    assert X.shape == shape
    X[:] = 0.0
    assert gg.datasets.load(name)[0].any()


def test_known_rows() -> None:
    # Fisher's 35th flower, which the repository's file has wrong.
    np.testing.assert_allclose(gg.datasets.iris()[0][34], [4.9, 3.1, 1.5, 0.2], rtol=1e-6)
    assert np.bincount(gg.datasets.wine()[1]).tolist() == [59, 71, 48]
    X, t = gg.datasets.diabetes()
    np.testing.assert_allclose((X.astype(np.float64) ** 2).sum(axis=0), 1.0, rtol=1e-6)
    np.testing.assert_allclose(X.mean(axis=0), 0.0, atol=1e-7)
    assert (t.min(), t.max()) == (25.0, 346.0)
    assert gg.datasets.diabetes(scaled=False)[0][:, 0].max() == 79


def test_sources_and_licences_stand_beside_the_data() -> None:
    folder = resources.files("graphgrad.datasets") / "data"
    text = (folder / "tables.txt").read_text(encoding="utf-8")
    for part in ("C56C76", "C5PC7J", "C5DW2B", "Least Angle Regression", "CC BY 4.0", "BSD 3-Clause"):
        assert part in text
    assert "Public domain" in (folder / "sonnets_source.txt").read_text(encoding="utf-8")


def test_the_values_are_those_of_scikit_learn() -> None:
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    for name in TABLES:
        bunch = getattr(sklearn_datasets, f"load_{name}")()
        X, t = gg.datasets.load(name)
        np.testing.assert_allclose(X, bunch.data, rtol=1e-6, atol=1e-7)
        assert np.array_equal(t.ravel(), bunch.target)
    raw = sklearn_datasets.load_diabetes(scaled=False)
    np.testing.assert_allclose(gg.datasets.diabetes(scaled=False)[0], raw.data, rtol=1e-6)
