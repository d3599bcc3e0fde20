"""Trials that worker processes run: they import this file."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import graphgrad as gg
from tests.train.problems import clouds, network


def trained(lr: float, hidden: int = 8) -> dict[str, Any]:
    """A short training, with everything random that there is."""
    x, t = clouds(40)
    model = gg.nn.Sequential(gg.nn.Linear(2, hidden), gg.nn.Dropout(0.2), gg.nn.ReLU(), gg.nn.Linear(hidden, 3))
    optimizer = gg.optim.Adam(model.parameters(), lr=lr)
    gg.train.fit(model, x, t, loss=gg.nn.functional.cross_entropy, optimizer=optimizer, epochs=2, progress=False)
    return gg.train.evaluate(model, x, t, loss=gg.nn.functional.cross_entropy)


def judged(train: Any, test: Any) -> dict[str, Any]:
    """Train on a fold, and measure on what is held out."""
    model = network()
    optimizer = gg.optim.Adam(model.parameters(), lr=0.05)
    loss = gg.nn.functional.cross_entropy
    gg.train.fit(model, *train, loss=loss, optimizer=optimizer, epochs=3, progress=False)
    return gg.train.evaluate(model, *test, loss=loss)


def dying(i: int, folder: str, once: int = -1, always: int = -1) -> int:
    """Says in a file that it ran, then kills its process, once or each time it is tried."""
    with open(Path(folder) / f"ran-{i}", "a", encoding="utf-8") as file:
        file.write("x")
    time.sleep(0.02)
    if i == always or (i == once and (Path(folder) / f"ran-{i}").read_text(encoding="utf-8") == "x"):
        os.kill(os.getpid(), signal.SIGKILL)
    return i
