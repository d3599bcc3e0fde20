"""Generated sets: their formulas, shapes and seeds."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import graphgrad as gg

REGRESSION = {"adding_problem", "cubic", "linear", "seasonal_trend", "sine", "x_sin_x", "diabetes"}
REGRESSION |= {"circle_manifold", "gaussian_cloud", "parabola", "swiss_roll"}  # where a point lies


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_every_set_is_listed_once_and_documented() -> None:
    kinds = [gg.datasets.names(kind) for kind in ("bundled", "generated", "downloaded")]
    assert gg.datasets.names() == sorted(name for names in kinds for name in names)
    assert len(set(gg.datasets.names())) == len(gg.datasets.names())
    for name in gg.datasets.names():
        function = getattr(gg.datasets, name)
        assert name in gg.datasets.__all__
        assert "Returns\n" in (inspect.getdoc(function) or "")
    with pytest.raises(gg.ArgumentError, match="kind is one of"):
        gg.datasets.names("drawn")


@pytest.mark.parametrize("name", [*gg.datasets.names("bundled"), *gg.datasets.names("generated")])
def test_shapes_dtypes_and_seeds(name) -> None:
    takes = inspect.signature(getattr(gg.datasets, name)).parameters
    options: dict[str, Any] = {
        "echo_signal": {"length": 50},
        "motion": {"n_samples": 12},
        "temporal_order": {"n_samples": 40},
    }.get(name, {})
    if "noise" in takes:
        options["noise"] = 0.1

    def made(seed):
        return gg.datasets.load(name, **options, **({"generator": rng(seed)} if "generator" in takes else {}))

    X, t = made(0)
    assert X.dtype == np.float32
    assert len(X) == len(t)
    assert np.isfinite(X).all()
    if name == "echo_signal":
        assert (t.dtype, t.shape) == (np.float32, X.shape)
    elif name in REGRESSION:
        assert (t.dtype, t.shape) == (np.float32, (len(X), 1))
    else:
        assert (t.dtype, t.shape) == (np.int64, (len(X),))
        assert np.unique(t).tolist() == list(range(t.max() + 1))
    again = made(0)
    assert X.tobytes() == again[0].tobytes()
    assert t.tobytes() == again[1].tobytes()
    if "generator" in takes:
        assert X.tobytes() + t.tobytes() != made(1)[0].tobytes() + made(1)[1].tobytes()
        gg.manual_seed(3)
        drawn = gg.datasets.load(name, **options)
        gg.manual_seed(3)
        assert drawn[0].tobytes() == gg.datasets.load(name, **options)[0].tobytes()


def test_a_name_that_is_none() -> None:
    with pytest.raises(gg.ArgumentError, match="did you mean moons"):
        gg.datasets.load("moon")


def test_noise_is_not_negative() -> None:
    for name in ("spirals", "moons", "circles", "xor", "cubic", "sine", "linear", "parabola", "motion"):
        with pytest.raises(gg.ArgumentError, match="noise is a number from 0"):
            gg.datasets.load(name, noise=-1.0)
        with pytest.raises(ValueError, match="n_samples is a whole number from 1"):
            gg.datasets.load(name, n_samples=0)


def test_moons_and_circles_are_scikit_learns() -> None:
    make = pytest.importorskip("sklearn.datasets")
    for n in (10, 11):
        for ours, theirs in (
            (gg.datasets.moons(n), make.make_moons(n, shuffle=False)),
            (gg.datasets.circles(n, factor=0.3), make.make_circles(n, shuffle=False, factor=0.3)),
        ):
            np.testing.assert_allclose(ours[0], theirs[0], atol=1e-6)
            assert ours[1].tolist() == theirs[1].tolist()


@pytest.mark.curriculum("P05.25")
def test_spirals_wind() -> None:
    X, t = gg.datasets.spirals(100, 4, 0.2, generator=rng())
    radius = np.linspace(0, 1, 100)
    np.testing.assert_allclose(np.hypot(X[:, 0], X[:, 1]), np.tile(radius, 4), atol=1e-6)
    assert np.bincount(t).tolist() == [100] * 4
    # The noise is in the angle, whatever the radius.
    angles = np.unwrap(np.arctan2(X[t == 0][10:, 0], X[t == 0][10:, 1]))
    assert (angles - np.pi * radius[10:]).std() == pytest.approx(0.2, rel=0.3)


def test_blobs_lie_around_their_centres() -> None:
    X, t = gg.datasets.blobs(3000, [[0, 0, 5], [9, 9, 0]], cluster_std=2.0, generator=rng())
    for c, centre in enumerate([[0, 0, 5], [9, 9, 0]]):
        np.testing.assert_allclose(X[t == c].mean(axis=0), centre, atol=0.2)
        np.testing.assert_allclose(X[t == c].std(axis=0), 2.0, atol=0.1)
    X, t = gg.datasets.blobs(7, 3, n_features=5)
    assert (X.shape, np.bincount(t).tolist()) == ((7, 5), [3, 2, 2])
    with pytest.raises(gg.ShapeError, match="centers of shape"):
        gg.datasets.load("blobs", centers=[1.0, 2.0])
    for options, message in (
        ({"cluster_std": -1}, "cluster_std is a number from 0"),
        ({"center_box": (3, 1)}, "center_box goes up"),
        ({"n_features": 0}, "n_features is a whole number from 1"),
    ):
        with pytest.raises(ValueError, match=message):
            gg.datasets.load("blobs", **options)
    for noise in (np.inf, np.nan, "much"):
        with pytest.raises(gg.ArgumentError, match="noise is a number from 0"):
            gg.datasets.load("moons", noise=noise)


@pytest.mark.curriculum("P05.27")
def test_the_gaussian_cloud() -> None:
    X, t = gg.datasets.gaussian_cloud(generator=rng())
    assert X.shape == (1000, 2)
    np.testing.assert_allclose(X.mean(axis=0), 0.0, atol=0.1)
    np.testing.assert_allclose(np.cov(X.T), np.eye(2), atol=0.1)
    np.testing.assert_array_equal(t[:, 0], X[:, 0])  # what it is coloured by


@pytest.mark.curriculum("P19.01")
@pytest.mark.parametrize("difficulty", gg.datasets.TEMPORAL_ORDER)
def test_the_temporal_order_task(difficulty) -> None:
    (shortest, longest), first, second = gg.datasets.TEMPORAL_ORDER[difficulty]
    X, t = gg.datasets.temporal_order(200, difficulty, generator=rng())
    assert X.shape == (200, longest + 1, 8)
    seen = set()
    for rows, label in zip(X, t, strict=True):
        length = int(rows.any(axis=1).sum())
        assert shortest <= length <= longest
        assert not rows[:-length].any()  # zeros come first
        symbols = ["XYabcdBE"[place] for place in rows[-length:].argmax(axis=1)]
        assert rows.sum() == length
        assert (symbols[0], symbols[-1]) == ("B", "E")
        signals = [(place, s) for place, s in enumerate(symbols) if s in "XY"]
        assert [s for _, s in signals] == [*("XX", "XY", "YX", "YY")[label]]
        for (place, _), (low, high) in zip(signals, (first, second), strict=True):
            assert low <= place <= high
            seen.add(place)
    assert {*first, *second} <= seen or difficulty not in ("easy", "normal")
    assert np.bincount(t).min() > 25


def test_temporal_order_that_is_none() -> None:
    with pytest.raises(gg.ArgumentError, match="difficulty is one of easy"):
        gg.datasets.temporal_order(1, "trivial")
    with pytest.raises(gg.ArgumentError, match="length is 8 at least"):
        gg.datasets.temporal_order(1, length=7)
    assert gg.datasets.temporal_order(1, length=20)[0].shape == (1, 20, 8)


@pytest.mark.curriculum("P19.03")
def test_the_echo_of_bits() -> None:
    X, t = gg.datasets.echo_signal(3, 1000, 7, generator=rng())
    assert set(np.unique(X)) == {0.0, 1.0}
    assert 0.45 < X.mean() < 0.55
    np.testing.assert_array_equal(t[:, 7:], X[:, :-7])
    assert not t[:, :7].any()
    assert not gg.datasets.echo_signal(1, 5, 9)[1].any()
    with pytest.raises(gg.ArgumentError, match="echo_step is a whole number from 0"):
        gg.datasets.echo_signal(1, 5, -1)


def test_the_adding_problem() -> None:
    X, t = gg.datasets.adding_problem(2000, 11, generator=rng())
    marks = X[..., 1]
    assert (marks.sum(axis=1) == 2).all()
    assert (marks[:, :5].sum(axis=1) == 1).all()
    assert marks.any(axis=0).all()
    np.testing.assert_allclose((X[..., 0] * marks).sum(axis=1), t[:, 0], rtol=1e-6)
    assert ((t - 1) ** 2).mean() == pytest.approx(1 / 6, rel=0.1)
    with pytest.raises(gg.ArgumentError, match="length is 2 at least"):
        gg.datasets.adding_problem(1, 1)


def test_parity() -> None:
    X, t = gg.datasets.parity(5)
    assert X.shape == (32, 5)
    assert len(np.unique(X, axis=0)) == 32
    assert (t == X.sum(axis=1) % 2).all()
    with pytest.raises(gg.ArgumentError, match="20 bits at most"):
        gg.datasets.parity(21)


@pytest.mark.worked("W310")
def test_x_sin_x(example, check) -> None:
    x, y = gg.datasets.x_sin_x(500, generator=rng())
    given = np.array(example.input["x"])
    near = np.abs(x - given).argmin(axis=0)
    np.testing.assert_allclose(y[near, 0], example.expected["y"], atol=0.1)
    np.testing.assert_allclose(y, x * np.sin(x), rtol=1e-5, atol=1e-6)
    check(example, {"y": given * np.sin(given)})


@pytest.mark.curriculum("P05.23")
def test_activities_can_be_told_apart() -> None:
    X, t = gg.datasets.motion(120, generator=rng())
    assert X.shape == (120, 128, 9)
    moving = np.abs(np.diff(X, axis=1)).mean(axis=(1, 2))
    assert X[t < 3].std() > 1.5 * X[t > 2].std()
    assert moving[t < 3].min() > 0
    at_rest = [X[t == c][:, :, 6:].mean(axis=(0, 1)).argmax() for c in (3, 4, 5)]
    assert at_rest == [0, 1, 2]


@pytest.mark.curriculum("P05.23")
def test_the_sonnets() -> None:
    text = gg.datasets.sonnets()
    poems = text.strip().split("\n\n")
    assert [len(poem.splitlines()) for poem in poems] == [14] * 50
    assert poems[17].startswith("Shall I compare thee to a summer's day?")
    assert text.isascii()
    assert text == text.replace("\r", "").replace("  ", " ")
    assert (len(text), len(set(text))) == (30837, 58)
