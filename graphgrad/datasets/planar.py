"""Generated sets of points in the plane, in classes that a straight line can't part."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.data.sampler import check_count
from graphgrad.graph.errors import ArgumentError, ShapeError, describe
from graphgrad.graph.random import generator_or_default

__all__ = ["blobs", "circles", "moons", "spirals", "xor"]

Array = np.ndarray[Any, Any]


def spirals(
    n_samples: int = 1000,
    n_classes: int = 3,
    noise: float = 0.0,
    *,
    generator: np.random.Generator | None = None,
) -> tuple[Array, Array]:
    """Generate spirals, one a class, that wind around each other (P05.25).

    X_c(t) = t · [sin φ, cos φ] with φ = 2π/C · (2t + c − 1) + noise, for t from 0 to 1 and c = 1, ..., C. The notes
    have another form too, with 2t + c + 1, which only gives the classes other numbers.

    Parameters
    ----------
    n_samples
        Of each class.
    n_classes
        C.
    noise
        Standard deviation of the angle; the course takes 0 or 0.33.
    generator
        Where the noise comes from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    X : ndarray
        float32, shape (n_samples · n_classes, 2), class by class, each from the centre outwards.
    t : ndarray
        int64: the class.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.spirals(3)
    >>> round(float(X[1, 1]), 4), t.tolist()
    (-0.25, [0, 0, 0, 1, 1, 1, 2, 2, 2])
    """
    check_count("spirals", "n_samples", n_samples)
    check_count("spirals", "n_classes", n_classes)
    time = np.linspace(0.0, 1.0, n_samples)
    classes = np.repeat(np.arange(n_classes), n_samples)
    radius = np.tile(time, n_classes)
    jitter = check_noise("spirals", noise) * generator_or_default(generator).normal(size=radius.shape)
    return spiral(radius, classes + 1, n_classes, jitter).astype(np.float32), classes


def spiral(time: Any, number: Any, n_classes: int, noise: Any = 0.0) -> Array:
    """The point of spiral `number`, from 1, at a time from 0 to 1, float64 (P05.25).

    Examples
    --------
    >>> from graphgrad.datasets.planar import spiral
    >>> spiral(0.5, 1, 2).round(6).tolist()
    [0.0, -0.5]
    """
    angle = 2 * np.pi / n_classes * (2 * np.asarray(time) + number - 1) + noise
    points: Array = np.asarray(time)[..., None] * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    return points


def moons(
    n_samples: int = 100, noise: float = 0.0, *, generator: np.random.Generator | None = None
) -> tuple[Array, Array]:
    """Generate two half circles that reach into each other, as scikit-learn's ``make_moons`` without shuffling.

    Parameters
    ----------
    n_samples
        Of both together; the first moon gets half of them, rounded down.
    noise
        Standard deviation of normal noise.
    generator
        Where the noise comes from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    X : ndarray
        float32, shape (n_samples, 2).
    t : ndarray
        int64: 0 for the upper moon, 1 for the lower one.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.moons(4)
    >>> X.round(2).tolist(), t.tolist()
    ([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.5], [2.0, 0.5]], [0, 0, 1, 1])
    """
    check_count("moons", "n_samples", n_samples)
    first = np.linspace(0.0, np.pi, n_samples // 2)
    second = np.linspace(0.0, np.pi, n_samples - n_samples // 2)
    upper = np.stack([np.cos(first), np.sin(first)], axis=1)
    lower = np.stack([1.0 - np.cos(second), 0.5 - np.sin(second)], axis=1)
    X = np.concatenate([upper, lower])
    X += check_noise("moons", noise) * generator_or_default(generator).normal(size=X.shape)
    return X.astype(np.float32), np.repeat([0, 1], [len(first), len(second)])


def circles(
    n_samples: int = 100, noise: float = 0.0, factor: float = 0.8, *, generator: np.random.Generator | None = None
) -> tuple[Array, Array]:
    """Generate a circle in a circle, as scikit-learn's ``make_circles`` without shuffling.

    Parameters
    ----------
    n_samples
        Of both together; the outer one gets half of them, rounded down.
    noise
        Standard deviation of normal noise.
    factor
        The inner radius; the outer one is 1.
    generator
        Where the noise comes from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    X : ndarray
        float32, shape (n_samples, 2).
    t : ndarray
        int64: 0 for the outer circle, 1 for the inner one.

    Raises
    ------
    ArgumentError
        If `factor` isn't between 0 and 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.circles(4, factor=0.5)
    >>> abs(X.round(2)).tolist(), t.tolist()
    ([[1.0, 0.0], [1.0, 0.0], [0.5, 0.0], [0.5, 0.0]], [0, 0, 1, 1])
    """
    check_count("circles", "n_samples", n_samples)
    if not 0 <= factor < 1:
        raise ArgumentError(describe(f"circles: factor is from 0 and below 1, got {factor!r}"))
    counts = n_samples // 2, n_samples - n_samples // 2
    rings = []
    for count, radius in zip(counts, (1.0, factor), strict=True):
        angle = np.linspace(0.0, 2 * np.pi, count, endpoint=False)
        rings.append(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    X = np.concatenate(rings)
    X += check_noise("circles", noise) * generator_or_default(generator).normal(size=X.shape)
    return X.astype(np.float32), np.repeat([0, 1], counts)


def blobs(
    n_samples: int = 100,
    centers: int | Sequence[Sequence[float]] = 3,
    n_features: int = 2,
    cluster_std: float = 1.0,
    center_box: tuple[float, float] = (-10.0, 10.0),
    *,
    generator: np.random.Generator | None = None,
) -> tuple[Array, Array]:
    """Generate normal clouds, one a class, by scikit-learn's ``make_blobs`` without shuffling.

    Parameters
    ----------
    n_samples
        Of all together; the first classes get one more where they don't come out even.
    centers
        The centres, shape (classes, features); or how many are drawn from `center_box`.
    n_features
        How many, for centres that are drawn.
    cluster_std
        Standard deviation of the clouds.
    center_box
        Between what values centres are drawn.
    generator
        Where they come from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    X : ndarray
        float32, shape (n_samples, features).
    t : ndarray
        int64: the class.

    Raises
    ------
    ShapeError
        If centres aren't points.
    ArgumentError
        If `cluster_std` is negative, or `center_box` goes down.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.blobs(5, centers=[[0, 0], [9, 9]], cluster_std=0)
    >>> X[:, 0].tolist(), t.tolist()
    ([0.0, 0.0, 0.0, 9.0, 9.0], [0, 0, 0, 1, 1])
    """
    check_count("blobs", "n_samples", n_samples)
    check_count("blobs", "n_features", n_features)
    check_noise("blobs", cluster_std, "cluster_std")
    if not -np.inf < center_box[0] <= center_box[1] < np.inf:
        raise ArgumentError(describe(f"blobs: center_box goes up, got {center_box!r}"))
    draw = generator_or_default(generator)
    if isinstance(centers, (int, np.integer)):
        points = draw.uniform(*center_box, size=(check_count("blobs", "centers", centers), n_features))
    else:
        points = np.asarray(centers, dtype=np.float64)
    if points.ndim != 2 or len(points) == 0:
        raise ShapeError(describe(f"blobs: centers of shape (classes, features) are needed, got {points.shape}"))
    counts = np.full(len(points), n_samples // len(points))
    counts[: n_samples % len(points)] += 1
    t = np.repeat(np.arange(len(points)), counts)
    X = points[t] + cluster_std * draw.normal(size=(n_samples, points.shape[1]))
    return X.astype(np.float32), t


def xor(n_samples: int = 4, noise: float = 0.0, *, generator: np.random.Generator | None = None) -> tuple[Array, Array]:
    """Generate the corners of a square by exclusive or, which no straight line parts (P06.06).

    Parameters
    ----------
    n_samples
        Of all together: the corners (0, 0), (0, 1), (1, 0), (1, 1) in turn.
    noise
        Standard deviation of normal noise.
    generator
        Where the noise comes from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    X : ndarray
        float32, shape (n_samples, 2).
    t : ndarray
        int64: 1 where one of the two is 1, and not the other.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.xor()
    >>> X.tolist(), t.tolist()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    number = np.arange(check_count("xor", "n_samples", n_samples)) % 4
    corners = np.stack([number // 2, number % 2], axis=1)
    X = corners + check_noise("xor", noise) * generator_or_default(generator).normal(size=corners.shape)
    return X.astype(np.float32), corners[:, 0] ^ corners[:, 1]


def check_noise(who: str, noise: float, name: str = "noise") -> float:
    """A standard deviation: a finite number from 0."""
    if not isinstance(noise, numbers.Real) or not 0 <= noise < np.inf:
        raise ArgumentError(describe(f"{who}: {name} is a number from 0, got {noise!r}"))
    return float(noise)
