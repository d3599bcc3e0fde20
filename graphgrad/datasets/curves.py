"""Generated sets for regression: a value, or several, and what depends on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.data.sampler import check_count
from graphgrad.datasets.planar import check_noise
from graphgrad.graph.random import generator_or_default

__all__ = ["cubic", "linear", "seasonal_trend", "sine", "x_sin_x"]

Array = np.ndarray[Any, Any]


def linear(
    n_samples: int = 100,
    n_features: int = 1,
    noise: float = 0.1,
    *,
    generator: np.random.Generator | None = None,
) -> tuple[Array, Array]:
    """Generate a linear dependence: y = x · w + b + noise, with w = (1, 2, ..., d) and b = −1.

    Parameters
    ----------
    n_samples, n_features
        n and d; features are normal, with mean 0 and variance 1.
    noise
        Standard deviation of normal noise.
    generator
        Where it comes from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    X, y : ndarray
        float32, shapes (n, d) and (n, 1).

    Examples
    --------
    >>> import graphgrad as gg
    >>> X, y = gg.datasets.linear(50, 2, noise=0.0)
    >>> bool(abs(X[:, 0] + 2 * X[:, 1] - 1 - y[:, 0]).max() < 1e-5)
    True
    """
    draw = generator_or_default(generator)
    X = draw.normal(
        size=(check_count("linear", "n_samples", n_samples), check_count("linear", "n_features", n_features))
    )
    y = X @ np.arange(1.0, n_features + 1.0) - 1.0
    y += check_noise("linear", noise) * draw.normal(size=n_samples)
    return _columns(X, y)


def sine(
    n_samples: int = 100, noise: float = 0.0, *, generator: np.random.Generator | None = None
) -> tuple[Array, Array]:
    """Generate a period of the sine: y = sin x + noise, for x from −π to π.

    Parameters
    ----------
    n_samples
        How many points, equally spaced.
    noise
        Standard deviation of normal noise.
    generator
        Where it comes from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    x, y : ndarray
        float32, both of shape (n_samples, 1).

    Examples
    --------
    >>> import graphgrad as gg
    >>> x, y = gg.datasets.sine(5)
    >>> y.round(3).ravel().tolist()
    [-0.0, -1.0, 0.0, 1.0, 0.0]
    """
    x = np.linspace(-np.pi, np.pi, check_count("sine", "n_samples", n_samples))
    y = np.sin(x) + check_noise("sine", noise) * generator_or_default(generator).normal(size=n_samples)
    return _columns(x, y)


def cubic(
    n_samples: int = 100, noise: float = 0.3, *, generator: np.random.Generator | None = None
) -> tuple[Array, Array]:
    """Generate the course's regression set: y = x³ + noise · U(0, 1), for x from −1 to 1 (P05.26).

    The noise is uniform from 0: its mean is not 0 but 0.15, as in the course.

    Parameters
    ----------
    n_samples
        How many points, equally spaced.
    noise
        The largest noise.
    generator
        Where it comes from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    x, y : ndarray
        float32, both of shape (n_samples, 1).

    Examples
    --------
    >>> import graphgrad as gg
    >>> x, y = gg.datasets.cubic(3, noise=0.0)
    >>> x.ravel().tolist(), y.ravel().tolist()
    ([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0])
    """
    x = np.linspace(-1.0, 1.0, check_count("cubic", "n_samples", n_samples))
    y = x**3 + check_noise("cubic", noise) * generator_or_default(generator).random(n_samples)
    return _columns(x, y)


def x_sin_x(n_samples: int = 20, *, generator: np.random.Generator | None = None) -> tuple[Array, Array]:
    """Generate few points of y = x sin x, for uncertainty where there are none (P22.07).

    Parameters
    ----------
    n_samples
        How many points, at random between −5 and 5, sorted.
    generator
        Where they come from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    x, y : ndarray
        float32, both of shape (n_samples, 1).

    Examples
    --------
    >>> import graphgrad as gg
    >>> x, y = gg.datasets.x_sin_x()
    >>> x.shape, bool(abs(x).max() <= 5)
    ((20, 1), True)
    """
    draw = generator_or_default(generator)
    x = np.sort((draw.random(check_count("x_sin_x", "n_samples", n_samples)) - 0.5) * 10.0)
    return _columns(x, x * np.sin(x))


def seasonal_trend(
    n_samples: int = 200, noise: float = 0.05, *, generator: np.random.Generator | None = None
) -> tuple[Array, Array]:
    """Generate a trend with seasons, as the carbon dioxide in the air has them: a stand-in for it (P05.23).

    With t from 0 to 16 years, a trend 1.3 t + 0.02 t² and seasons 3 sin 2πt + 0.6 sin 4πt. Time and value are
    normalised to mean 0 and variance 1. It is made by this formula alone: nothing in it was measured.

    Parameters
    ----------
    n_samples
        How many points, equally spaced.
    noise
        Standard deviation of normal noise, after the value was normalised.
    generator
        Where it comes from; by default what `graphgrad.manual_seed` starts.

    Returns
    -------
    x, y : ndarray
        float32, both of shape (n_samples, 1).

    Examples
    --------
    >>> import graphgrad as gg
    >>> x, y = gg.datasets.seasonal_trend(noise=0.0)
    >>> x.shape, abs(round(float(y.mean()), 4)), round(float(y.std()), 4)
    ((200, 1), 0.0, 1.0)
    """
    t = np.linspace(0.0, 16.0, check_count("seasonal_trend", "n_samples", n_samples))
    value = 1.3 * t + 0.02 * t**2 + 3.0 * np.sin(2 * np.pi * t) + 0.6 * np.sin(4 * np.pi * t)
    x, y = ((array - array.mean()) / max(array.std(), 1e-12) for array in (t, value))
    y = y + check_noise("seasonal_trend", noise) * generator_or_default(generator).normal(size=n_samples)
    return _columns(x, y)


def _columns(x: Array, y: Array) -> tuple[Array, Array]:
    """As float32; a value for each sample is a column, as a model with one output gives it."""
    return x.reshape(len(x), -1).astype(np.float32), y[:, None].astype(np.float32)
