"""A training that test_resume.py kills and goes on with: ``python resuming.py FOLDER EPOCHS``.

It has all that remembers something: dropout, momentum, a schedule, a held out part, callbacks. Prints a line for each
epoch, and at last a digest of all that came out.
"""

from __future__ import annotations

import hashlib
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np

import graphgrad as gg
from graphgrad.nn.functional import cross_entropy

SEED = 3


class Told(gg.train.Callback):
    order = 200  # after the checkpoint

    def on_epoch_end(self, fit: gg.train.Fit) -> None:
        print("epoch", fit.epoch, flush=True)


class Mean:
    """A metric that gathers by itself."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, outputs: Any, targets: Any) -> None:
        self.total, self.count = self.total + float(outputs.sum()), self.count + outputs.size

    def compute(self) -> float:
        return self.total / self.count


def accuracy(outputs: Any, targets: Any) -> Any:
    return (outputs.argmax(axis=1) == targets).mean()


def build(folder: Path, epochs: int, *extra: gg.train.Callback, **options: Any) -> gg.train.Fit:
    gg.manual_seed(SEED)
    random.seed(SEED)  # nobody draws from these two, but a checkpoint has them
    np.random.seed(SEED)  # noqa: NPY002
    x, y = gg.datasets.digits("test")
    model = gg.nn.Sequential(
        gg.nn.Linear(64, 16), gg.nn.BatchNorm1d(16), gg.nn.ReLU(), gg.nn.Dropout(0.2), gg.nn.Linear(16, 10)
    )
    optimizer = gg.optim.Adam(model.parameters(), lr=0.01, amsgrad=True)
    callbacks = [
        gg.train.Checkpoint(folder / "run.safetensors"),
        gg.train.EarlyStopping(patience=6),
        gg.train.LearningRateLog(),
        gg.train.CSVLogger(folder / "run.csv"),
        gg.train.Statistics(every=7),
        *extra,
    ]
    settings = {"validation": 0.25, "metrics": [accuracy, Mean()], "resume": True, **options}
    return gg.train.Fit(
        model,
        x,
        y,
        loss=cross_entropy,
        optimizer=optimizer,
        epochs=epochs,
        callbacks=callbacks,
        scheduler=gg.optim.lr_scheduler.StepLR(optimizer, 2, 0.9),
        clip_grad_norm=1.0,
        **settings,
    )


def outcome(fit: gg.train.Fit) -> str:
    """A digest of all that came out of a training: weights, optimiser, history, files, and the next random numbers."""
    digest = hashlib.sha256()
    path = fit.save(fit.callbacks[-1].path.with_name("outcome.safetensors"))  # type: ignore[attr-defined]
    digest.update(path.read_bytes())  # with where the random numbers stand
    digest.update((path.parent / "run.csv").read_bytes())
    return digest.hexdigest()


def checkpoint_last(fit: gg.train.Fit) -> None:
    fit.callbacks.sort(key=lambda callback: isinstance(callback, gg.train.Checkpoint))


if __name__ == "__main__":
    training = build(Path(sys.argv[1]), int(sys.argv[2]), Told())
    training.run()
    checkpoint_last(training)
    print("outcome", outcome(training))
