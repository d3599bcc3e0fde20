"""Data sets, each with its source and its licence: bundled, generated, downloaded.

Each is a function that returns ``(X, t)``: float32 samples, int64 classes or float32 values. `names` lists them.
"""

from __future__ import annotations

from graphgrad.datasets.catalogue import load, names
from graphgrad.datasets.cifar import CIFAR10_CLASSES, cifar10
from graphgrad.datasets.curves import cubic, linear, seasonal_trend, sine, x_sin_x
from graphgrad.datasets.digits import digits
from graphgrad.datasets.idx import read_idx
from graphgrad.datasets.manifolds import circle_manifold, gaussian_cloud, parabola, swiss_roll
from graphgrad.datasets.mnist import fashion_mnist, mnist
from graphgrad.datasets.planar import blobs, circles, moons, spirals, xor
from graphgrad.datasets.sequences import (
    TEMPORAL_ORDER,
    adding_problem,
    echo_signal,
    motion,
    parity,
    temporal_order,
)
from graphgrad.datasets.tables import breast_cancer, diabetes, iris, wine
from graphgrad.datasets.texts import sonnets

__all__ = [
    "CIFAR10_CLASSES",
    "TEMPORAL_ORDER",
    "adding_problem",
    "blobs",
    "breast_cancer",
    "cifar10",
    "circle_manifold",
    "circles",
    "cubic",
    "diabetes",
    "digits",
    "echo_signal",
    "fashion_mnist",
    "gaussian_cloud",
    "iris",
    "linear",
    "load",
    "mnist",
    "moons",
    "motion",
    "names",
    "parabola",
    "parity",
    "read_idx",
    "seasonal_trend",
    "sine",
    "sonnets",
    "spirals",
    "swiss_roll",
    "temporal_order",
    "wine",
    "x_sin_x",
    "xor",
]
