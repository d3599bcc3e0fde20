"""Generated points near sets of fewer dimensions than their space, and where on them they lie."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.data.sampler import check_count
from graphgrad.datasets.planar import check_noise
from graphgrad.graph.random import generator_or_default

__all__ = ["circle_manifold", "gaussian_cloud", "parabola", "swiss_roll"]

Array = np.ndarray[Any, Any]


def parabola(
    n_samples: int = 200, noise: float = 0.0, *, generator: np.random.Generator | None = None
) -> tuple[Array, Array]:
    """Generate points on the parabola y₂ = y₁², for y₁ uniform between −1 and 1 (P21.02).

    Parameters
    ----------
    n_samples
        How many points.
    noise
        Standard deviation of normal noise, on both.
    generator
        Where they come from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    X : ndarray
        float32, shape (n_samples, 2).
    t : ndarray
        float32, shape (n_samples, 1): y₁ before the noise.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.parabola()
    >>> bool(abs(X[:, 0] ** 2 - X[:, 1]).max() < 1e-6)
    True
    """
    draw = generator_or_default(generator)
    t = draw.uniform(-1.0, 1.0, check_count("parabola", "n_samples", n_samples))
    return _near(np.stack([t, t**2], axis=1), t, check_noise("parabola", noise), draw)


def circle_manifold(
    n_samples: int = 200, noise: float = 0.0, radius: float = 1.0, *, generator: np.random.Generator | None = None
) -> tuple[Array, Array]:
    """Generate points on a circle around the origin (P21.02).

    Parameters
    ----------
    n_samples
        How many points.
    noise
        Standard deviation of normal noise, on both coordinates.
    radius
        Of the circle.
    generator
        Where they come from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    X : ndarray
        float32, shape (n_samples, 2).
    t : ndarray
        float32, shape (n_samples, 1): the angle, from 0 to 2π.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.circle_manifold(radius=2.0)
    >>> bool(abs((X**2).sum(axis=1) - 4).max() < 1e-5)
    True
    """
    draw = generator_or_default(generator)
    t = draw.uniform(0.0, 2 * np.pi, check_count("circle_manifold", "n_samples", n_samples))
    points = radius * np.stack([np.cos(t), np.sin(t)], axis=1)
    return _near(points, t, check_noise("circle_manifold", noise), draw)


def swiss_roll(
    n_samples: int = 1000, noise: float = 0.0, *, generator: np.random.Generator | None = None
) -> tuple[Array, Array]:
    """Generate points on a rolled up sheet, by the formula of scikit-learn's ``make_swiss_roll`` (P07.14).

    Parameters
    ----------
    n_samples
        How many points.
    noise
        Standard deviation of normal noise.
    generator
        Where they come from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    X : ndarray
        float32, shape (n_samples, 3).
    t : ndarray
        float32, shape (n_samples, 1): the place along the roll, from 1.5π to 4.5π.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.swiss_roll()
    >>> bool(abs((X[:, 0] ** 2 + X[:, 2] ** 2) ** 0.5 - t[:, 0]).max() < 1e-4)
    True
    """
    draw = generator_or_default(generator)
    t = 1.5 * np.pi * (1 + 2 * draw.random(check_count("swiss_roll", "n_samples", n_samples)))
    points = np.stack([t * np.cos(t), 21 * draw.random(n_samples), t * np.sin(t)], axis=1)
    return _near(points, t, check_noise("swiss_roll", noise), draw)


def gaussian_cloud(
    n_samples: int = 1000, n_features: int = 2, *, generator: np.random.Generator | None = None
) -> tuple[Array, Array]:
    """Generate a cloud of normal points with mean 0 and variance 1, coloured by the first coordinate (P05.27).

    Parameters
    ----------
    n_samples, n_features
        How many points, in how many dimensions.
    generator
        Where they come from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    X : ndarray
        float32, shape (n_samples, n_features).
    t : ndarray
        float32, shape (n_samples, 1): the first coordinate, to colour by.

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, t = gg.datasets.gaussian_cloud()
    >>> X.shape, bool((t[:, 0] == X[:, 0]).all())
    ((1000, 2), True)
    """
    check_count("gaussian_cloud", "n_features", n_features)
    X = generator_or_default(generator).normal(size=(check_count("gaussian_cloud", "n_samples", n_samples), n_features))
    return X.astype(np.float32), X[:, :1].astype(np.float32)


def _near(points: Array, t: Array, noise: float, draw: np.random.Generator) -> tuple[Array, Array]:
    X = points + noise * draw.normal(size=points.shape)
    return X.astype(np.float32), t[:, None].astype(np.float32)
