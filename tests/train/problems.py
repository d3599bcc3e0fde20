"""A small problem that everything about training is tried on."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphgrad as gg
from graphgrad.nn.functional import cross_entropy

SAMPLES = 50


def clouds(samples: int = SAMPLES) -> tuple[Any, Any]:
    """Three clouds of points in the plane, float32, and which each point belongs to, int64."""
    rng = np.random.default_rng(1)
    labels = rng.integers(3, size=samples)
    centres = np.array([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
    return (centres[labels] + rng.normal(size=(samples, 2))).astype(np.float32), labels


def network(dropout: float = 0.0) -> gg.nn.Module:
    return gg.nn.Sequential(gg.nn.Linear(2, 8), gg.nn.Tanh(), gg.nn.Dropout(dropout), gg.nn.Linear(8, 3))


def train(**options: Any) -> tuple[gg.nn.Module, gg.train.History]:
    """Train a network on the clouds: `fit` with something given for each argument that it needs."""
    gg.manual_seed(0)
    model = options.pop("model", None) or network(options.pop("dropout", 0.0))
    optimizer = options.pop("optimizer", lambda p: gg.optim.Adam(p, lr=0.05))(model.parameters())
    x, y = options.pop("data", None) or clouds()
    scheduler = options.pop("scheduler", None)
    if scheduler is not None:
        options["scheduler"] = scheduler(optimizer)
    settings = {"loss": cross_entropy, "batch_size": 16, "progress": False, **options}
    return model, gg.train.fit(model, x, y, optimizer=optimizer, **settings)


def bits(model: gg.nn.Module) -> bytes:
    """All that a model knows."""
    return b"".join(value.data.tobytes() for value in model.state_dict().values())


def accuracy(outputs: Any, targets: Any) -> Any:
    return (outputs.argmax(axis=1) == targets).mean()
