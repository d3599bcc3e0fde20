"""Worked numbers of P12 on early stopping."""

from __future__ import annotations

import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber
from tests.train.problems import clouds, train
from tests.worked import Check


class Told(gg.train.Callback):
    def __init__(self, values: list[float]) -> None:
        self.values = values

    def on_epoch_end(self, fit: gg.train.Fit) -> None:
        fit.log("val_loss", self.values[fit.epoch])
        next(fit.model.parameters()).data[...] = fit.epoch


@pytest.mark.worked("W180")
@pytest.mark.curriculum("P12.11", "P25.07")
def test_early_stopping(example: WorkedNumber, check: Check) -> None:
    values = example.input["val"]
    stopping = gg.train.EarlyStopping(patience=example.input["patience"])
    model, _ = train(epochs=len(values), validation=clouds(5), callbacks=[Told(values), stopping])
    found = {"best_epoch": stopping.best_epoch, "best": stopping.best, "stopped_after": stopping.stopped_epoch}
    check(example, found)
    assert model[0].weight.data.flat[0] == stopping.best_epoch  # type: ignore[index]
