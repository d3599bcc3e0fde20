"""Callbacks: early stopping, checkpoints, logs, anomalies."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from tests.train.problems import bits, clouds, network, train


class Script(gg.train.Callback):
    """Says what a number of each epoch is, and marks each epoch in the weights."""

    def __init__(self, values: list[float], name: str = "val_loss") -> None:
        self.values, self.name = values, name

    def on_epoch_end(self, fit: gg.train.Fit) -> None:
        fit.log(self.name, self.values[fit.epoch])
        next(fit.model.parameters()).data[...] = fit.epoch


def mark(model: gg.nn.Module) -> float:
    """Which epoch's weights a model has."""
    return float(next(model.parameters()).data.flat[0])


def stopped(values: list[float], name: str = "val_loss", **options: Any) -> tuple[gg.nn.Module, Any, gg.train.History]:
    stopping = gg.train.EarlyStopping(name, **options)
    model, history = train(epochs=len(values), validation=clouds(5), callbacks=[Script(values, name), stopping])
    return model, stopping, history


# ---- early stopping


@pytest.mark.curriculum("P12.11")
def test_it_stops_and_goes_back() -> None:
    model, stopping, history = stopped([5.0, 3.0, 4.0, 3.0, 2.9, 9.0, 2.9], patience=3)
    assert (stopping.best, stopping.best_epoch, stopping.stopped_epoch) == (2.9, 4, None)
    assert mark(model) == 4.0, "the best weights come back without a stop, too"
    model, stopping, history = stopped([5.0, 3.0, 4.0, 3.0, 2.9, 9.0, 2.9], patience=2)
    assert (stopping.best_epoch, stopping.stopped_epoch, history.epochs) == (1, 3, 4)
    assert history.stopped == "val_loss wasn't better for 2 epochs; the best was 3 in epoch 2"
    assert mark(model) == 1.0
    model, _, _ = stopped([5.0, 3.0, 4.0, 3.0], patience=2, restore_best=False)
    assert mark(model) == 3.0


def test_what_counts_as_better() -> None:
    assert stopped([1.0, 0.95, 0.9, 0.85, 0.8], patience=3, min_delta=0.12)[1].best_epoch == 3
    assert stopped([0.1, 0.9, 0.5, 0.5], name="val_accuracy", patience=2)[1].best_epoch == 1
    assert stopped([0.1, 0.9, 0.5, 0.5], name="val_thing", mode="min", patience=3)[1].best_epoch == 0
    _, stopping, _ = stopped([math.nan, math.nan, 1.0, math.nan], patience=3)
    assert (stopping.best, stopping.best_epoch) == (1.0, 2)
    model, stopping, history = stopped([math.nan] * 5, patience=2)
    assert (stopping.best_epoch, history.epochs, mark(model)) == (None, 2, 1.0)


def test_it_can_be_used_again() -> None:
    stopping = gg.train.EarlyStopping(patience=1)
    for _ in range(2):
        _, history = train(epochs=9, validation=clouds(5), callbacks=[Script([1.0, 2.0] + [0.0] * 9), stopping])
        assert (history.epochs, stopping.best) == (2, 1.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: gg.train.EarlyStopping("val_thing"), "its name doesn't tell"),
        (lambda: gg.train.EarlyStopping(mode="most"), "mode is"),
        (lambda: gg.train.EarlyStopping(patience=0), "patience"),
        (lambda: gg.train.EarlyStopping(min_delta=-1.0), "min_delta"),
        (lambda: gg.train.Checkpoint("x", every=0), "every"),
        (lambda: gg.train.Checkpoint("x", keep=-1), "keep"),
        (lambda: gg.train.Checkpoint("x", best_only=True, every=2), "every is 1"),
        (lambda: gg.train.EarlyStopping(min_delta=math.nan), "min_delta"),
        (lambda: gg.train.Plot(width=5), "width"),
        (lambda: gg.train.Plot(height=1), "height"),
        (lambda: gg.train.Checkpoint("x", best_only=True, monitor="val_thing"), "its name doesn't tell"),
        (lambda: gg.train.CSVLogger("x", separator="; "), "separator is one character"),
        (lambda: gg.train.Statistics(every=0), "every"),
        (lambda: gg.train.Plot(every=0), "every"),
    ],
)
def test_wrong_arguments(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_a_number_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="there is no validation"):
        train(callbacks=[gg.train.EarlyStopping()])
    with pytest.raises(ValueError, match="no number 'accuracy'\n  there are: loss"):
        train(callbacks=[gg.train.EarlyStopping("accuracy")])


# ---- checkpoints


@pytest.mark.curriculum("P25.07")
def test_the_best_alone_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "best.safetensors"
    values = [3.0, math.nan, 2.0, 2.0, 4.0]
    checkpoint = gg.train.Checkpoint(path, best_only=True)
    train(epochs=5, validation=clouds(5), callbacks=[checkpoint, Script(values)])
    found = gg.io.load_checkpoint(path)
    assert found["fit"]["epoch"] == 3
    assert found["model"]["0.weight"].data.flat[0] == 2.0
    assert (checkpoint.best, checkpoint.best_epoch) == (2.0, 2)
    assert dict(map(tuple, found["fit"]["callbacks"]))["Checkpoint"] == {"best": 2.0, "best_epoch": 2}


def test_some_are_saved_and_the_last(tmp_path: Path) -> None:
    epochs: list[int] = []

    class Saved(gg.train.Checkpoint):
        def on_epoch_end(self, fit: gg.train.Fit) -> None:
            self.path.unlink(missing_ok=True)
            super().on_epoch_end(fit)
            if self.path.exists():
                epochs.append(gg.io.load_checkpoint(self.path)["fit"]["epoch"])

    train(epochs=5, callbacks=[Saved(tmp_path / "run", every=2)])
    assert epochs == [2, 4, 5]
    train(epochs=3, callbacks=[gg.train.Checkpoint(tmp_path / "kept", keep=1)])
    assert [gg.io.load_checkpoint(tmp_path / name)["fit"]["epoch"] for name in ("kept", "kept.1")] == [3, 2]


def test_the_last_and_the_best_side_by_side(tmp_path: Path) -> None:
    """It goes on from the last; and the best that is saved afterwards has to be better than the best before."""
    values = [3.0, 1.0, 2.0, 5.0]

    def go(epochs: int) -> tuple[gg.nn.Module, gg.train.History]:
        best = gg.train.Checkpoint(tmp_path / "best", best_only=True)
        return train(
            epochs=epochs,
            validation=clouds(5),
            callbacks=[Script(values), gg.train.Checkpoint(tmp_path / "last"), best],
            resume=True,
        )

    go(2)
    assert gg.io.load_checkpoint(tmp_path / "best")["fit"]["epoch"] == 2
    go(3)
    _, history = go(4)
    assert history["val_loss"] == values
    assert len(history.seconds) == 1, "from the last, not from the best, which is an epoch older"
    assert gg.io.load_checkpoint(tmp_path / "best")["fit"]["epoch"] == 2
    (tmp_path / "last").unlink()
    assert go(3)[1].epochs == 3


def test_what_is_logged_is_a_plain_number() -> None:
    log = type("Log", (gg.train.Callback,), {"on_epoch_end": lambda self, fit: fit.log("it", np.float32(0.5))})()
    _, history = train(callbacks=log)
    assert type(history["it"][0]) is float
    assert "it" in repr(history)
    log = type("Log", (gg.train.Callback,), {"on_epoch_end": lambda self, fit: fit.log("it", "text")})()
    with pytest.raises(gg.DTypeError, match=r"Fit\.log: it: a number is needed"):
        train(callbacks=log)


def test_a_checkpoint_holds_what_is_promised(tmp_path: Path) -> None:
    model, history = train(
        epochs=2,
        scheduler=lambda o: gg.optim.lr_scheduler.StepLR(o, 1),
        callbacks=[gg.train.Checkpoint(tmp_path / "run")],
    )
    found = gg.io.load_checkpoint(tmp_path / "run")
    assert list(found) == ["model", "optimizer", "scheduler", "loader", "fit"]
    assert found["fit"]["history"] == history.rows
    assert (found["fit"]["epoch"], found["fit"]["step"], found["fit"]["midway"]) == (2, 8, None)
    other = network()
    other.load_state_dict(found["model"])
    assert bits(other) == bits(model)


# ---- logs


def test_rates_are_logged() -> None:
    log = gg.train.LearningRateLog()
    halve = lambda optimizer: gg.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    _, history = train(epochs=3, optimizer=lambda p: gg.optim.SGD(p, lr=1.0), scheduler=halve, callbacks=[log])
    assert history["lr"] == [1.0, 0.5, 0.25]
    groups = lambda p: gg.optim.SGD([{"params": q, "lr": 0.1 * (i + 1)} for i, q in enumerate(p)])
    _, history = train(epochs=1, optimizer=groups, callbacks=[log])
    assert history.rows[0] | {"loss": 0} == {"loss": 0, "lr_0": 0.1, "lr_1": 0.2, "lr_2": 0.1 * 3, "lr_3": 0.4}


def test_a_file_gets_a_line_for_each_epoch(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "run.csv"
    lines: list[int] = []

    class Look(gg.train.Callback):
        order = 200

        def on_epoch_end(self, fit: gg.train.Fit) -> None:
            lines.append(len(path.read_text().splitlines()))
            if fit.epoch == 1:
                fit.log("late", 7.0)  # too late for this epoch's line: the next one begins anew

    _, history = train(epochs=4, validation=0.2, callbacks=[gg.train.CSVLogger(path), Look()])
    assert lines == [2, 3, 4, 5]
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    for row, logs in zip(rows, history.rows, strict=True):
        assert float(row["loss"]) == logs["loss"]
        assert float(row["val_loss"]) == logs["val_loss"]


def test_a_file_gets_new_columns(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text("of another time\n")
    late = type(
        "Late", (gg.train.Callback,), {"on_epoch_end": lambda self, fit: fit.epoch and fit.log("late, though", 1)}
    )()
    train(epochs=2, callbacks=[gg.train.CSVLogger(path), late])
    lines = path.read_text().splitlines()
    assert lines[0] == 'epoch,loss,"late, though"'
    assert lines[1].endswith(",")
    assert lines[2].endswith(",1")


# ---- anomalies


def nan_at(step: int) -> Any:
    """A loss that is NaN at one step."""
    calls = [0]

    def loss(outputs: Any, targets: Any) -> Any:
        calls[0] += 1
        value = gg.nn.functional.cross_entropy(outputs, targets)
        return value * math.nan if calls[0] == step else value

    return loss


def test_a_nan_stops_before_the_step() -> None:
    stop = gg.train.AnomalyStop()
    model, history = train(epochs=3, loss=nan_at(7), callbacks=[stop])
    assert history.stopped == stop.report
    assert stop.report is not None
    lines = stop.report.splitlines()
    assert lines[0] == "the loss is nan in epoch 2, batch 3; its step was not made"
    assert "0.weight (16 of 16), 0.bias (8 of 8)" in lines[1]
    assert lines[2] == "  weights that aren't finite: none"
    assert "detect_anomaly" in lines[3]
    assert history.epochs == 1
    assert all(np.isfinite(p.data).all() for p in model.parameters())
    other, _ = train(
        epochs=3,
        callbacks=[
            type("Stop", (gg.train.Callback,), {"on_batch_end": lambda self, fit: fit.step == 6 and fit.stop("x")})()
        ],
    )
    assert bits(model) == bits(other), "the weights are those after six steps"


def test_an_infinite_gradient_is_seen_when_asked_for() -> None:
    def loss(outputs: Any, targets: Any) -> Any:
        return gg.sum(gg.sqrt(gg.abs(outputs - outputs)))

    _, history = train(loss=loss, callbacks=[gg.train.AnomalyStop(gradients=True)])
    assert history.stopped is not None
    assert history.stopped.startswith("a gradient isn't finite in epoch 1, batch 1")


def test_weights_that_were_bad_already_are_named() -> None:
    model = network()
    dict(model.named_parameters())["3.bias"].data[1] = math.inf
    stop = gg.train.AnomalyStop()
    train(model=model, loss=lambda outputs, targets: gg.mean(outputs), callbacks=[stop])
    assert stop.report is not None
    assert "weights that aren't finite: 3.bias (1 of 3)" in stop.report
    assert "hint" not in stop.report
