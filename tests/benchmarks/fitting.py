"""What `fit` costs beside the loop that a person would write: an epoch of the digits, in batches of 32.

Both train the same network on the same number of batches, with the loss of each read out. The first has no callbacks;
the second one has what a person commonly adds.
"""

from __future__ import annotations

import io

import numpy as np

import graphgrad as gg
from graphgrad.nn.functional import cross_entropy

from .harness import Case, Run

BATCH = 32
EPOCHS = 4


def _network() -> tuple[gg.nn.Module, gg.optim.Optimizer]:
    gg.manual_seed(0)
    model = gg.nn.Sequential(gg.nn.Linear(64, 32), gg.nn.ReLU(), gg.nn.Linear(32, 10))
    return model, gg.optim.Adam(model.parameters())


def bare() -> Run:
    """The loop of examples/digits_mlp.py."""
    images, labels = gg.datasets.digits("train")
    model, optimizer = _network()
    rng = np.random.default_rng(0)

    def run() -> float:
        mean = 0.0
        for _ in range(EPOCHS):
            order, total = rng.permutation(len(images)), 0.0
            for start in range(0, len(order), BATCH):
                batch = order[start : start + BATCH]
                optimizer.zero_grad()
                loss = cross_entropy(model(images[batch]), labels[batch])
                loss.backward()
                optimizer.step()
                total += loss.item() * len(batch)
            mean = total / len(images)
        return mean

    return run


def _fitted(**options: object) -> Run:
    images, labels = gg.datasets.digits("train")
    model, optimizer = _network()

    def run() -> object:
        settings = {"epochs": EPOCHS, "batch_size": BATCH, "progress": False, **options}
        return gg.train.fit(model, images, labels, loss=cross_entropy, optimizer=optimizer, **settings)  # type: ignore[arg-type]

    return run


def fitted() -> Run:
    return _fitted()


def fitted_with_callbacks() -> Run:
    return _fitted(callbacks=[gg.train.AnomalyStop(), gg.train.LearningRateLog(), gg.train.Progress(io.StringIO())])


CASES = (
    Case(
        "an epoch of digits, a network of 64-32-10, batches of 32",
        {"a bare loop": bare, "fit": fitted},
        ours="fit",
        ratios={"a bare loop": 1.05},
        per=(EPOCHS, "epoch"),
    ),
    Case(
        "the same, with a progress, an anomaly stop and a log of rates",
        {"a bare loop": bare, "fit": fitted_with_callbacks},
        ours="fit",
        per=(EPOCHS, "epoch"),
    ),
)


def check() -> None:
    """Both learn."""
    assert bare()() < 1.5
    assert fitted()()["loss"][-1] < 1.5
