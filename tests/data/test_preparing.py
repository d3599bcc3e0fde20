"""Splits, folds, scaling and codes, against scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphgrad as gg

ORACLE = dict(np.load(Path(__file__).resolve().parents[1] / "oracle" / "data.npz", allow_pickle=False))
X, NEW, LABELS = ORACLE["X"], ORACLE["new"], ORACLE["labels"]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- scaling ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "scaler"),
    [
        ("standard", gg.data.StandardScaler()),
        ("minmax", gg.data.MinMaxScaler((-1, 1))),
        ("clipped", gg.data.MinMaxScaler(clip=True)),
    ],
)
def test_scaling_is_scikit_learns(name, scaler) -> None:
    scaled = scaler.fit(X).transform(NEW)
    np.testing.assert_allclose(scaled, ORACLE[name], rtol=1e-10, atol=1e-12)
    if name != "clipped":
        np.testing.assert_allclose(scaler.inverse_transform(scaled), NEW, rtol=1e-10)
    other = type(scaler)()
    other.load_state_dict(scaler.state_dict())
    np.testing.assert_array_equal(other.inverse_transform(NEW[:1]), type(scaler)().fit(X).inverse_transform(NEW[:1]))


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_norms_are_scikit_learns(norm) -> None:
    np.testing.assert_allclose(gg.data.normalize(NEW, norm), ORACLE[f"normalize_{norm}"], rtol=1e-12)
    assert gg.data.normalize(np.zeros((1, 3)), norm).tolist() == [[0.0, 0.0, 0.0]]


def test_test_data_changes_no_statistics() -> None:
    scaler = gg.data.StandardScaler().fit(X)
    before = {name: value.copy() for name, value in scaler.state_dict().items()}
    scaler.transform(NEW)
    assert all(np.array_equal(before[name], value) for name, value in scaler.state_dict().items())


def test_dtypes_and_tensors_come_back() -> None:
    scaler = gg.data.StandardScaler().fit(X)
    assert scaler.transform(X.astype(np.float32)).dtype == np.float32
    assert scaler.transform(np.ones((2, 4), dtype=np.uint8)).dtype == np.float32
    assert isinstance(scaler.transform(gg.tensor(X)), gg.Tensor)


@pytest.mark.curriculum("P05.16")
def test_images_per_channel_over_all_pixels() -> None:
    images = rng().normal(size=(50, 3, 4, 4)) * np.array([1.0, 2.0, 3.0])[:, None, None] + 5.0
    scaler = gg.data.StandardScaler(axis=(0, 2, 3)).fit(images)
    assert scaler.mean_.shape == (1, 3, 1, 1)
    scaled = scaler.transform(images)
    np.testing.assert_allclose(scaled.mean(axis=(0, 2, 3)), 0.0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=(0, 2, 3)), 1.0)
    assert not np.allclose(scaled.std(axis=0), 1.0)
    assert scaler.transform(images[:1, :, :2]).shape == (1, 3, 2, 4)


@pytest.mark.curriculum("P09.04")
@pytest.mark.parametrize("method", ["pca", "zca"])
def test_whitening(method) -> None:
    features = X[:, :3]
    white = gg.data.Whitening(method).fit(features)
    done = white.transform(features)
    np.testing.assert_allclose(done.T @ done / len(done), np.eye(3), atol=1e-9)
    np.testing.assert_allclose(white.inverse_transform(done), features, rtol=1e-9)
    if method == "pca":
        np.testing.assert_allclose(np.abs(white.transform(NEW[:, :3])), ORACLE["whitened"], rtol=1e-9)
    else:
        np.testing.assert_allclose(white.matrix_, white.matrix_.T)


def test_whitening_needs_every_direction() -> None:
    with pytest.raises(gg.ArgumentError, match="doesn't vary in every direction"):
        gg.data.Whitening().fit(X)
    damped = gg.data.Whitening(epsilon=1e-3).fit_transform(X)
    assert np.isfinite(damped).all()


def test_scaling_before_fitting_and_of_other_shapes() -> None:
    for scaler in (gg.data.StandardScaler(), gg.data.MinMaxScaler(), gg.data.Whitening(epsilon=1.0)):
        with pytest.raises(gg.GraphError, match="transform before fit"):
            scaler.transform(X)
        with pytest.raises(gg.ShapeError, match="fit needs samples with features"):
            scaler.fit(X[:, 0])
        with pytest.raises(gg.ShapeError, match="fit needs real numbers"):
            scaler.fit([["a"]])
        scaler.fit(X)
        with pytest.raises(gg.ShapeError, match=r"expected: \(n, 4\)"):
            scaler.transform(X[:, :3])
        with pytest.raises(gg.ArgumentError, match="the state is another one's"):
            scaler.load_state_dict({"mean": 0.0})
    with pytest.raises(gg.ArgumentError, match="feature_range goes up"):
        gg.data.MinMaxScaler((1, 0))
    with pytest.raises(gg.ArgumentError, match="'pca' or 'zca'"):
        gg.data.Whitening("ica")
    with pytest.raises(gg.ArgumentError, match="norm is one of l2, l1, max"):
        gg.data.normalize(X, "l3")


def test_scalers_that_cannot_be() -> None:
    single = gg.data.StandardScaler().fit(X[:, :1])
    with pytest.raises(gg.ShapeError, match=r"expected: \(n, 1\)"):
        single.transform(X)  # a feature of its own isn't stretched over four
    for axis in (1, "0", (0, True), ()):
        with pytest.raises(gg.ArgumentError, match="axis is 0, the samples"):
            gg.data.StandardScaler(axis=axis)  # type: ignore[arg-type]
    with pytest.raises(gg.ShapeError, match=r"axis=\(0, 2\) of data"):
        gg.data.MinMaxScaler(axis=(0, 2)).fit(X)
    torn = X.copy()
    torn[3, 2], torn[4, 0] = np.nan, np.inf
    for scaler in (gg.data.StandardScaler(), gg.data.MinMaxScaler(), gg.data.Whitening()):
        with pytest.raises(gg.ArgumentError, match=r"got: nan at \(3, 2\), and 2 such in all"):
            scaler.fit(torn)
        with pytest.raises(gg.ShapeError, match="samples with features"):
            scaler.fit(X[:, :0])
    kept = single.mean_
    with pytest.raises(ValueError, match="could not convert"):
        single.load_state_dict({**single.state_dict(), "scale_": "x"})
    assert single.mean_ is kept
    for call in (lambda: gg.data.normalize([3.0, 4.0]), lambda: gg.data.normalize([["a"]])):
        with pytest.raises(gg.ShapeError, match="a table of real numbers"):
            call()
    with pytest.raises(gg.ArgumentError, match="axis is 1 for samples"):
        gg.data.normalize(X, axis=2)


def test_a_state_is_a_copy_and_axes_count_from_the_end_too() -> None:
    scaler, other = gg.data.StandardScaler().fit(X), gg.data.StandardScaler()
    other.load_state_dict(scaler.state_dict())
    scaler.mean_ += 1.0
    assert not np.array_equal(other.mean_, scaler.mean_)
    images = rng().normal(size=(6, 3, 4, 4))
    by_end = gg.data.StandardScaler(axis=(0, -2, -1)).fit_transform(images)
    np.testing.assert_array_equal(by_end, gg.data.StandardScaler(axis=(0, 2, 3)).fit_transform(images))


def test_scikit_learn_says_the_same_today() -> None:
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    np.testing.assert_allclose(preprocessing.StandardScaler().fit(X).transform(NEW), ORACLE["standard"], rtol=1e-10)


# --- splits -----------------------------------------------------------------------------------------------------------


def test_sizes_of_parts_are_scikit_learns() -> None:
    cases = [(n, size) for n in (10, 33, 150) for size in (0.33, 0.25, 0.5, 7)]
    for (n, size), expected in zip(cases, ORACLE["sizes"].tolist(), strict=True):
        parts = gg.data.train_test_split(np.arange(n), test_size=size)
        assert [len(part) for part in parts] == expected
        assert sorted(np.concatenate(parts).tolist()) == list(range(n))


@pytest.mark.curriculum("P05.08")
def test_arrays_are_split_alike() -> None:
    a, b, c, _, e, f = gg.data.train_test_split(X, gg.tensor(X), list(range(13)), generator=rng())
    np.testing.assert_array_equal(a, c.numpy())
    np.testing.assert_array_equal(b, X[f])
    np.testing.assert_array_equal(a, X[e])
    again = gg.data.train_test_split(X, generator=rng())[0]
    np.testing.assert_array_equal(a, again)
    first, last = gg.data.train_test_split(X, shuffle=False, train_size=0.7)
    np.testing.assert_array_equal(np.concatenate([first, last]), X)


def test_classes_keep_their_shares() -> None:
    t = np.repeat([0, 1, 2], [60, 30, 10])
    places, train, test = np.arange(100), *gg.data.train_test_split(np.arange(100), test_size=0.2, stratify=t)
    assert np.bincount(t[train]).tolist() == [48, 24, 8]
    assert np.bincount(t[test]).tolist() == [12, 6, 2]
    assert sorted([*train, *test]) == places.tolist()
    odd = [0, 0, 0, 1, 1, 1]  # what one part has more of a class, the other has less
    halves = gg.data.train_test_split(np.arange(6), test_size=3, stratify=odd)
    assert sorted(np.concatenate(halves).tolist()) == list(range(6))
    small, rest = gg.data.train_test_split(np.arange(100), train_size=10, test_size=20, stratify=t)
    assert (len(small), len(rest), len({*small, *rest})) == (10, 20, 30)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test_size": 1.5}, "a fraction between 0 and 1"),
        ({"test_size": 13}, "a number below 13"),
        ({"test_size": 0}, "a fraction between 0 and 1"),
        ({"test_size": True}, "a fraction between 0 and 1"),
        ({"test_size": 0.9, "train_size": 0.5}, "can't be had of 13"),
        ({"stratify": LABELS, "shuffle": False}, "a stratified split shuffles"),
        ({"stratify": LABELS[:5]}, "5 labels for 13 samples"),
        ({"stratify": [*[0] * 12, 1]}, "class 1 has one sample"),
        ({"stratify": LABELS, "test_size": 2}, "can't all be in 2 samples"),
    ],
)
def test_splits_that_cannot_be(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        gg.data.train_test_split(X, **options)


def test_splits_of_what_has_no_samples() -> None:
    with pytest.raises(gg.ShapeError, match="arrays of one length"):
        gg.data.train_test_split(X, LABELS[:3])
    with pytest.raises(gg.ShapeError, match="a number by itself"):
        gg.data.train_test_split(np.float32(1.0))


@pytest.mark.curriculum("P13.19")
@pytest.mark.parametrize(("name", "folds"), [("kfold", gg.data.KFold(4)), ("stratified", gg.data.StratifiedKFold(3))])
def test_folds_are_scikit_learns(name, folds) -> None:
    found = np.full(13, -1)
    for number, (train, test) in enumerate(folds.split(X, LABELS)):
        assert sorted([*train, *test]) == list(range(13))
        found[test] = number
    assert found.tolist() == ORACLE[name].tolist()
    assert folds.get_n_splits() == max(found) + 1


def test_classes_are_numbered_by_their_first_appearance() -> None:
    labels = ORACLE["reversed_labels"]
    for number, (_, test) in enumerate(gg.data.StratifiedKFold(3).split(labels, labels)):
        assert test.tolist() == np.flatnonzero(ORACLE["reversed"] == number).tolist()


def test_shuffled_folds() -> None:
    t = np.repeat([0, 1], [40, 20])
    tests = [test for _, test in gg.data.StratifiedKFold(4, shuffle=True, generator=rng()).split(t, t)]
    assert sorted(np.concatenate(tests).tolist()) == list(range(60))
    assert [np.bincount(t[test]).tolist() for test in tests] == [[10, 5]] * 4
    assert tests[0].tolist() != list(range(15))
    plain = [test for _, test in gg.data.KFold(4, shuffle=True, generator=rng()).split(t)]
    assert sorted(np.concatenate(plain).tolist()) == list(range(60))
    again = [test for _, test in gg.data.KFold(4, shuffle=True, generator=rng()).split(t)]
    assert all(np.array_equal(a, b) for a, b in zip(plain, again, strict=True))


def test_folds_that_cannot_be() -> None:
    for call, message in (
        (lambda: gg.data.KFold(1), "n_splits is a whole number from 2"),
        (lambda: next(gg.data.KFold(14).split(X)), "14 folds of 13 samples"),
        (lambda: next(gg.data.StratifiedKFold(8).split(X, LABELS)), "no class has so many"),
        (lambda: gg.data.StratifiedKFold(2).split(X), "needs the labels too"),
        (lambda: next(gg.data.StratifiedKFold(2).split(X, LABELS[:4])), "4 labels for 13 samples"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


# --- codes ------------------------------------------------------------------------------------------------------------


def test_codes_and_back() -> None:
    assert gg.data.one_hot(np.array([[0], [2]])).shape == (2, 1, 3)
    assert gg.data.one_hot([], 3).shape == (0, 3)
    encoder = gg.data.LabelEncoder(["b", "a"])
    assert encoder.transform(["a", "b"]).tolist() == [1, 0]
    for call, message in (
        (lambda: gg.data.one_hot([3], 3), "3 is none of the classes 0 to 2"),
        (lambda: gg.data.one_hot([-1], 3), "-1 is none of the classes"),
        (lambda: gg.data.one_hot([0.5]), "whole numbers from 0 are needed, got float64"),
        (lambda: gg.data.multi_hot([[0, 3]], 3), "not all of the classes"),
        (lambda: encoder.transform(["c"]), "'c'.* is none of the classes"),
        (lambda: encoder.inverse_transform([2]), "classes 0 to 1"),
        (lambda: encoder.transform([1]), "1 is none of the classes"),
        (lambda: gg.data.LabelEncoder(["a", "a"]), "there twice"),
        (lambda: gg.data.LabelEncoder([]), "there are no classes"),
        (lambda: gg.data.LabelEncoder().fit([]), "there are no classes"),
        (lambda: gg.data.class_weights([0, 2]), "class 1 has no samples"),
        (lambda: gg.data.class_weights([-1]), "whole numbers from 0, got -1"),
    ):
        with pytest.raises(gg.ArgumentError, match=message):
            call()
    for count in (-1, 2.5, 0):
        with pytest.raises(ValueError, match="num_classes is a whole number from 1"):
            gg.data.one_hot([0, 1], count)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="num_classes is a whole number from 1"):
            gg.data.multi_hot([[0], [1]], count)  # type: ignore[arg-type]
    with pytest.raises(gg.GraphError, match="no classes yet"):
        gg.data.LabelEncoder().transform(["a"])


@pytest.mark.curriculum("P05.12")
def test_weights_that_balance() -> None:
    t = np.array([0, 0, 0, 1, 2, 2])
    weights = gg.data.class_weights(t)
    assert [weights[t == c].sum() for c in range(3)] == pytest.approx([2.0, 2.0, 2.0])
    assert gg.data.class_weights(t, per_sample=False).dtype == np.float32
