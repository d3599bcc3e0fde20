"""A network for digits that both libraries train from the same start on the same batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import graphgrad as gg

Array = np.ndarray[Any, Any]

SIZES = (64, 16, 10)
STEPS = 100
BATCH = 32
OPTIONS: dict[str, Any] = {"lr": 0.1, "momentum": 0.9}


def start() -> dict[str, Array]:
    """The initial parameters, exact in binary, so that every machine has the same."""
    n_in, n_hidden, n_out = SIZES
    state = np.random.RandomState(1)  # the numbers of this old generator are promised never to change
    shapes = {"0.weight": (n_hidden, n_in), "0.bias": (n_hidden,), "2.weight": (n_out, n_hidden), "2.bias": (n_out,)}
    return {path: state.randint(-64, 65, shape) / 512.0 for path, shape in shapes.items()}


def batches() -> Iterator[tuple[Array, Array]]:
    """Images as float64 and labels, in the order of the data."""
    images, labels = gg.datasets.digits()
    for step in range(STEPS):
        rows = slice(step * BATCH % 1760, step * BATCH % 1760 + BATCH)
        yield images[rows].astype(np.float64), labels[rows]


def network(dtype: str = "float64") -> gg.nn.Sequential:
    """The network at its start."""
    n_in, n_hidden, n_out = SIZES
    model = gg.nn.Sequential(
        gg.nn.Linear(n_in, n_hidden, dtype=dtype), gg.nn.ReLU(), gg.nn.Linear(n_hidden, n_out, dtype=dtype)
    )
    model.load_state_dict(start())
    return model
