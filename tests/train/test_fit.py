"""The training loop: against a bare loop, with every form of data, in the right modes, stopped and interrupted."""

from __future__ import annotations

import importlib
import os
import signal
import threading
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.nn.functional import cross_entropy, mse_loss
from tests.train.problems import SAMPLES, accuracy, bits, clouds, network, train


def noting(events: list[Any], what: Any = lambda fit, name: name) -> gg.train.Callback:
    """A callback that puts something of every event into a list."""

    def of(name: str) -> Any:
        return lambda self, fit, *rest: events.append(what(fit, name))

    methods = {name: of(name) for name in dir(gg.train.Callback) if name.startswith("on_")}
    return type("Noting", (gg.train.Callback,), methods)()


def at(event: str, action: Any) -> gg.train.Callback:
    """A callback that does one thing at one event."""
    return type("At", (gg.train.Callback,), {event: lambda self, fit, *rest: action(fit)})()


# ---- the loop


@pytest.mark.curriculum("P25.10", "P08.09", "P08.04")
def test_it_is_the_loop_that_a_person_would_write() -> None:
    model, history = train(epochs=3)
    gg.manual_seed(0)
    other = network()
    optimizer = gg.optim.Adam(other.parameters(), lr=0.05)
    loader = gg.data.DataLoader(gg.data.TensorDataset(*clouds()), batch_size=16, shuffle=True)
    losses = []
    for _ in range(3):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = cross_entropy(other(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x.data)
        losses.append(total / SAMPLES)
    assert bits(model) == bits(other)
    assert history["loss"] == losses
    assert len(history.seconds) == 3


def test_it_learns() -> None:
    model, history = train(epochs=20, metrics=accuracy)
    assert history["loss"][-1] < 0.4 < history["loss"][0]
    assert history["accuracy"][-1] > 0.85
    assert gg.train.evaluate(model, *clouds(), metrics=[accuracy])["accuracy"] > 0.85


def test_the_same_seed_gives_the_same_bits() -> None:
    options: dict[str, Any] = {"epochs": 3, "dropout": 0.3, "validation": 0.2, "metrics": accuracy}
    (one, first), (other, second) = train(**options), train(**options)
    assert bits(one) == bits(other)
    assert first.rows == second.rows
    assert bits(train(**options, generator=np.random.default_rng(5))[0]) != bits(one)
    assert bits(train(**options, shuffle=False)[0]) != bits(one)


def test_what_is_watched_changes_nothing() -> None:
    callbacks = [gg.train.AnomalyStop(), gg.train.Statistics(every=2), gg.train.LearningRateLog(), noting([])]
    assert bits(train(epochs=2)[0]) == bits(train(epochs=2, callbacks=callbacks)[0])


def test_the_events_come_in_order() -> None:
    events: list[Any] = []
    see = noting(events, lambda fit, name: (name[3:], fit.epoch, fit.batch, fit.step, fit.model.training))
    train(epochs=1, batch_size=25, validation=clouds(10), callbacks=[see])
    assert events == [
        ("fit_begin", 0, 0, 0, True),
        ("epoch_begin", 0, 0, 0, True),
        ("batch_begin", 0, 0, 0, True),
        ("after_backward", 0, 0, 0, True),
        ("batch_end", 0, 0, 1, True),
        ("batch_begin", 0, 1, 1, True),
        ("after_backward", 0, 1, 1, True),
        ("batch_end", 0, 1, 2, True),
        ("validation_begin", 0, 2, 2, True),
        ("validation_end", 0, 2, 2, True),
        ("epoch_end", 0, 2, 2, True),
        ("fit_end", 1, 2, 2, False),
    ]


# ---- modes


def test_modes_and_graphs() -> None:
    seen = []

    class Net(gg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = gg.nn.Linear(2, 3)

        def forward(self, x: Any) -> Any:
            seen.append((self.training, gg.is_grad_enabled()))
            return self.layer(x)

    model = Net()
    train(model=model, epochs=1, batch_size=SAMPLES, validation=clouds(5))
    assert seen == [(True, True), (False, False)]
    assert not model.training
    seen.clear()
    with gg.no_grad():
        train(model=model, epochs=1, batch_size=SAMPLES)
    assert seen == [(True, True)]


def test_a_frozen_part_stays_in_evaluation() -> None:
    model = gg.nn.Sequential(gg.nn.Linear(2, 4), gg.nn.BatchNorm1d(4), gg.nn.Linear(4, 3))
    before = model[1].state_dict()["running_mean"].tolist()
    train(model=model, epochs=2, validation=0.2, callbacks=[at("on_fit_begin", lambda fit: None)])
    assert model[1].state_dict()["running_mean"].tolist() != before
    before = model[1].state_dict()["running_mean"].tolist()
    train(model=model, epochs=2, validation=0.2, callbacks=[at("on_epoch_begin", lambda fit: fit.model[1].eval())])
    assert model[1].state_dict()["running_mean"].tolist() == before


# ---- data


def test_a_loader_gives_the_same_as_arrays() -> None:
    data = gg.data.TensorDataset(*clouds())
    by_arrays, _ = train(epochs=2)
    by_loader, _ = train(epochs=2, data=(gg.data.DataLoader(data, batch_size=16, shuffle=True), None))
    by_set, _ = train(epochs=2, data=(data, None))
    assert bits(by_arrays) == bits(by_loader) == bits(by_set)
    tensors, _ = train(epochs=2, data=tuple(map(gg.tensor, clouds())))
    lists, _ = train(epochs=2, data=(clouds()[0].tolist(), clouds()[1].tolist()))
    assert bits(tensors) == bits(lists) == bits(by_arrays)


class TwoInputs(gg.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = gg.nn.Linear(1, 1)

    def forward(self, a: Any, b: Any) -> Any:
        return self.layer(a) + b, a


def two_losses(outputs: Any, targets: Any) -> Any:
    return mse_loss(outputs[0], targets[0]) + mse_loss(outputs[1], targets[1])


def test_several_inputs_and_targets() -> None:
    gg.manual_seed(0)
    a = np.arange(8.0, dtype=np.float32).reshape(8, 1)
    model = TwoInputs()
    optimizer = gg.optim.SGD(model.parameters(), lr=0.01)
    options: dict[str, Any] = {"optimizer": optimizer, "progress": False, "epochs": 300, "batch_size": 4}
    seen = []

    def shapes(outputs: Any, targets: Any) -> float:
        seen.append([part.shape for part in (*outputs, *targets)])
        return 0.0

    gg.train.fit(model, (a, a), (3.0 * a, a), loss=two_losses, metrics=shapes, **options)
    assert model.layer.weight.item() == pytest.approx(2.0, abs=0.01)
    assert seen[0] == [(8, 1)] * 4
    loader = [(a, a, (3.0 * a, a))]
    gg.train.fit(model, iter(loader), loss=two_losses, **{**options, "epochs": 1})


def test_no_targets() -> None:
    model = gg.nn.Linear(2, 1)
    history = gg.train.fit(
        model,
        np.ones((4, 2), np.float32),
        loss=lambda output: gg.mean(output**2),
        optimizer=gg.optim.SGD(model.parameters(), lr=0.1),
        epochs=30,
        progress=False,
    )
    assert history["loss"][-1] < 1e-3


def test_batches_count_by_their_samples() -> None:
    x = np.array([[1.0], [1.0], [4.0]], np.float32)
    model = gg.nn.Linear(1, 1)
    history = gg.train.fit(
        model,
        x,
        loss=lambda output: gg.mean(output) * 0.0 + 1.0 * len(output.data),
        optimizer=gg.optim.SGD(model.parameters(), lr=0.1),
        batch_size=2,
        progress=False,
    )
    assert history["loss"] == [(2 * 2 + 1 * 1) / 3]


def test_validation_by_a_fraction_holds_samples_out() -> None:
    x = np.arange(20.0, dtype=np.float32).reshape(20, 1)
    trained: list[float] = []
    validated: list[float] = []

    class Net(gg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = gg.nn.Linear(1, 1)

        def forward(self, x: Any) -> Any:
            (trained if self.training else validated).extend(x.data[:, 0].tolist())
            return self.layer(x)

    model = Net()
    history = gg.train.fit(
        model,
        x,
        x,
        loss=mse_loss,
        optimizer=gg.optim.SGD(model.parameters(), lr=1e-4),
        validation=0.25,
        batch_size=4,
        epochs=2,
        progress=False,
    )
    assert (len(trained), len(validated)) == (30, 10)
    assert sorted({*trained, *validated}) == x[:, 0].tolist()
    assert validated[:5] == validated[5:]
    assert set(trained).isdisjoint(validated)
    assert list(history) == ["loss", "val_loss"]


@pytest.mark.parametrize("kind", ["pair", "loader", "set"])
def test_validation_by_other_data(kind: str) -> None:
    x, y = clouds(20)
    data = gg.data.TensorDataset(x, y)
    given = {"pair": (x, y), "loader": gg.data.DataLoader(data, batch_size=8), "set": data}[kind]
    model, history = train(epochs=2, validation=given, metrics=[accuracy])
    measured = gg.train.evaluate(model, x, y, loss=cross_entropy, metrics=accuracy)
    assert measured["loss"] == pytest.approx(history["val_loss"][-1], rel=1e-6)
    assert measured["accuracy"] == history["val_accuracy"][-1]


# ---- optimisers and schedules


def test_gradients_are_clipped() -> None:
    norms: list[Any] = []
    see = at("on_batch_end", lambda fit: norms.append(fit.grad_norm))
    rate = 0.1
    before: list[Any] = []

    def moved(fit: Any) -> None:
        now = np.concatenate([p.data.ravel() for p in fit.model.parameters()])
        if before:
            assert np.linalg.norm(now - before[-1]) <= rate * 0.01 * 1.001
        before.append(now)

    train(
        epochs=2,
        optimizer=lambda p: gg.optim.SGD(p, lr=rate),
        clip_grad_norm=0.01,
        callbacks=[see, at("on_batch_end", moved)],
    )
    assert min(norms) > 0.01, "the norm is that from before the clipping"


def test_schedules_step_by_epochs_or_batches() -> None:
    rates: list[float] = []
    see = at("on_batch_begin", lambda fit: rates.append(fit.optimizer.param_groups[0]["lr"]))
    halve = lambda optimizer: gg.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    sgd = lambda p: gg.optim.SGD(p, lr=1.0)
    train(epochs=2, batch_size=25, optimizer=sgd, scheduler=halve, callbacks=[see])
    assert rates == [1.0, 1.0, 0.5, 0.5]
    rates.clear()
    train(epochs=2, batch_size=25, optimizer=sgd, scheduler=halve, scheduler_interval="batch", callbacks=[see])
    assert rates == [1.0, 0.5, 0.25, 0.125]
    rates.clear()
    train(epochs=2, batch_size=25, optimizer=sgd, scheduler=lambda o: [halve(o), halve(o)], callbacks=[see])
    assert rates == [1.0, 1.0, 0.25, 0.25]
    rates.clear()
    cycle = lambda optimizer: gg.optim.lr_scheduler.OneCycleLR(optimizer, 0.5, total_steps=8)
    train(epochs=2, batch_size=25, optimizer=sgd, scheduler=cycle, callbacks=[see])
    assert len(set(rates)) == 4


def test_a_plateau_goes_by_the_validation() -> None:
    plateau = lambda optimizer: gg.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=0)
    frozen = {"optimizer": lambda p: gg.optim.SGD(p, lr=0.0), "scheduler": plateau}
    log = gg.train.LearningRateLog()
    _, history = train(epochs=3, validation=clouds(10), callbacks=[log], **frozen)
    assert history["lr"] == [0.0, 0.0, 0.0]
    sgd = {"optimizer": lambda p: gg.optim.SGD(p, lr=50.0), "scheduler": plateau}
    _, history = train(epochs=6, validation=clouds(10), callbacks=[log], **sgd)
    best, rate, expected = float("inf"), 50.0, []
    for loss in history["val_loss"]:
        expected.append(rate)
        if not loss < best * (1 - 1e-4):
            rate *= 0.1
        best = min(best, loss)
    assert history["lr"] == pytest.approx(expected)
    assert history["lr"][-1] < 50.0


def test_an_optimiser_that_searches_a_line_gets_its_closure() -> None:
    class Twice(gg.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            closure()
            return super().step(closure)

    told: list[float] = []
    see = at("on_after_backward", lambda fit: told.append(fit.loss))
    by_closure, _ = train(epochs=1, optimizer=lambda p: Twice(p, lr=0.1), callbacks=[see])
    plain, _ = train(epochs=1, optimizer=lambda p: gg.optim.SGD(p, lr=0.1))
    assert bits(by_closure) == bits(plain)
    assert len(told) == 4, "once for each batch"


def test_lbfgs_trains() -> None:
    _, history = train(
        epochs=5, batch_size=SAMPLES, optimizer=lambda p: gg.optim.LBFGS(p, line_search_fn="strong_wolfe")
    )
    assert history["loss"][-1] < 0.3


def test_newton_differentiates_the_loss_itself() -> None:
    x = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    model = gg.nn.Linear(2, 1)
    options: dict[str, Any] = {"loss": mse_loss, "optimizer": gg.optim.Newton(model.parameters()), "batch_size": 20}
    history = gg.train.fit(model, x, x[:, :1] - 2.0, epochs=2, progress=False, **options)
    assert history["loss"][1] < 1e-9 < history["loss"][0]
    assert model.bias is not None
    assert model.bias.item() == pytest.approx(-2.0, abs=1e-5)


def test_what_diverges_gives_no_warnings(recwarn: pytest.WarningsRecorder) -> None:
    _, history = train(epochs=4, loss=lambda o, t: gg.sum(gg.exp(o * 1e3)), validation=0.2)
    assert not np.isfinite(history["val_loss"][-1])
    gg.train.evaluate(network(), *clouds(), loss=lambda o, t: gg.mean((o * 1e30) ** 2))
    assert [str(one.message) for one in recwarn] == []


# ---- ends


def test_a_callback_stops_after_the_batch_or_the_epoch() -> None:
    events: list[Any] = []
    stop = at("on_batch_end", lambda fit: fit.stop("enough") if fit.step == 5 else None)
    _, history = train(epochs=9, batch_size=25, callbacks=[stop, noting(events)])
    assert events.count("on_batch_end") == 5
    assert (history.epochs, history.stopped, history.interrupted) == (2, "enough", False)
    assert events[-1] == "on_fit_end"
    assert "on_interrupt" not in events
    stop = at("on_epoch_end", lambda fit: fit.stop("enough") if fit.epoch == 3 else None)
    _, history = train(epochs=9, callbacks=[stop])
    assert (history.epochs, history.stopped) == (4, "enough")
    stop = at("on_batch_end", lambda fit: fit.stop("the last batch") if fit.step == 2 else None)
    assert train(epochs=9, batch_size=25, callbacks=[stop])[1].epochs == 1, "the epoch was whole"


def test_ctrl_c_stops_after_the_batch() -> None:
    steps: list[int] = []
    events: list[Any] = []

    def press(fit: Any) -> None:
        if fit.epoch == 1 and fit.batch == 0:
            os.kill(os.getpid(), signal.SIGINT)

    see = [at("on_batch_begin", press), at("on_batch_end", lambda fit: steps.append(fit.step)), noting(events)]
    model, history = train(epochs=5, batch_size=25, callbacks=see)
    assert steps == [1, 2, 3]
    assert history.epochs == 1
    assert history.interrupted
    assert history.stopped == "interrupted in epoch 2, batch 1"
    assert events[-2:] == ["on_interrupt", "on_fit_end"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not model.training


def test_a_second_ctrl_c_ends_it_at_once() -> None:
    def press(fit: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    events: list[Any] = []
    with pytest.raises(KeyboardInterrupt):
        train(epochs=5, callbacks=[noting(events), at("on_batch_begin", press)])
    assert events[-1] == "on_error"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_whoever_handles_ctrl_c_goes_on_doing_so() -> None:
    def mine(*_: Any) -> None: ...

    before = signal.signal(signal.SIGINT, mine)
    try:
        seen: list[Any] = []
        train(epochs=1, callbacks=[at("on_batch_begin", lambda fit: seen.append(signal.getsignal(signal.SIGINT)))])
        assert set(seen) == {mine}
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_thread_can_train() -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(train(epochs=1)[1]["loss"]))
    thread.start()
    thread.join()
    assert found == [train(epochs=1)[1]["loss"]]


def test_it_can_be_run_again() -> None:
    gg.manual_seed(0)
    model = network(0.2)
    stop = at("on_batch_end", lambda fit: fit.stop("enough") if fit.step in (3, 6, 8) else None)
    seen: list[int] = []
    fit = gg.train.Fit(
        model,
        *clouds(),
        loss=cross_entropy,
        optimizer=gg.optim.Adam(model.parameters(), lr=0.05),
        epochs=3,
        batch_size=16,
        metrics=accuracy,
        callbacks=[stop, at("on_fit_begin", lambda fit: seen.append(fit.resumed))],
    )
    assert [fit.run().epochs for _ in range(4)] == [0, 1, 2, 3]
    assert seen == [False, True, True, True]
    whole, history = train(epochs=3, dropout=0.2, metrics=accuracy)
    assert (bits(model), fit.history.rows) == (bits(whole), history.rows)
    fit.epochs = 4
    assert fit.run().epochs == 4
    assert bits(model) == bits(train(epochs=4, dropout=0.2)[0])


def test_an_error_is_told_and_raised() -> None:
    events: list[Any] = []

    def fail(fit: Any) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        train(callbacks=[noting(events), at("on_batch_end", fail)])
    assert events[-1] == "on_error"


def test_no_epochs() -> None:
    assert train(epochs=0)[1].rows == []


# ---- visualizers


def test_a_visualizer_shows_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    room = importlib.import_module("graphgrad.walk.visualizers")
    points = {
        "mine": EntryPoint("mine", "tests.train.shows:Shows", room.GROUP),
        "text": EntryPoint("text", "graphgrad.render.text:Text", room.GROUP),
    }
    monkeypatch.setattr(room, "visualizers", lambda: points)
    from tests.train.shows import Shows

    Shows.seen = []
    model, history = train(epochs=2, progress="mine")
    assert Shows.seen == [(0, 2), "epoch 0", "epoch 1"]
    assert history.epochs == 2
    assert bits(model) == bits(train(epochs=2)[0])
    with pytest.raises(ValueError, match="only shows walks"):
        train(progress="text")
    with pytest.raises(LookupError, match="minne"):
        train(progress="minne")


# ---- what is refused


def plateau() -> Any:
    return gg.optim.lr_scheduler.ReduceLROnPlateau(gg.optim.SGD(network().parameters(), lr=0.1))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": -1}, "epochs is a whole number from 0"),
        ({"batch_size": 0}, "batch_size is a whole number from 1"),
        ({"epochs": 1.5}, "epochs is a whole number"),
        ({"validation": 0.001}, "leaves 0 to validate, 50 to train"),
        ({"validation": 0.99}, "leaves 50 to validate"),
        ({"validation": 1.0}, "between 0 and 1"),
        ({"validation": float("nan")}, "between 0 and 1"),
        ({"validation": list(clouds())}, r"a pair \(x, y\)"),
        ({"validation": iter([clouds()]), "epochs": 2}, "validation can be gone through once only"),
        ({"validation": True}, "validation: x is arrays"),
        ({"validation": (1, 2, 3)}, r"validation is a fraction, a pair \(x, y\), or a loader"),
        ({"clip_grad_norm": 0.0}, "clip_grad_norm is a number above 0"),
        ({"clip_grad_norm": float("nan")}, "clip_grad_norm is a finite number"),
        ({"clip_grad_norm": 1.0, "optimizer": gg.optim.Newton}, "Newton has no gradients to clip"),
        ({"scheduler": lambda o: gg.optim.lr_scheduler.StepLR}, r"StepLR\(optimizer, \.\.\.\) makes one"),
        ({"scheduler": lambda o: 0.1}, "scheduler is a schedule"),
        ({"scheduler": lambda o: plateau(), "scheduler_interval": "batch"}, "schedule of another optimizer"),
        (
            {"scheduler": gg.optim.lr_scheduler.ReduceLROnPlateau, "scheduler_interval": "batch"},
            "can't step after each batch",
        ),
        ({"scheduler_interval": "week"}, "scheduler_interval"),
        ({"callbacks": [print]}, "callbacks are Callback objects"),
        ({"callbacks": [gg.train.EarlyStopping]}, r"EarlyStopping\(\) makes one"),
        ({"metrics": lambda o, t: 0}, "a lambda has no name"),
        ({"metrics": [accuracy, accuracy]}, "two are called 'accuracy'"),
        ({"metrics": [3]}, "is no metric but int"),
        ({"metrics": "acuracy"}, "no metric is called 'acuracy'\n  there are: accuracy"),
        ({"metrics": "roc_curve"}, "no metric is called"),
        ({"loss": gg.nn.CrossEntropyLoss}, r"CrossEntropyLoss\(\) makes one"),
        ({"loss": "mse"}, "loss is a function"),
        ({"optimizer": lambda p: gg.optim.Adam}, r"Adam\(model\.parameters\(\)\) makes one"),
        ({"optimizer": lambda p: gg.optim.Adam(network().parameters())}, "moves no parameter of this model"),
        ({"resume": True}, "a Checkpoint callback, and there is none"),
        ({"progress": 3}, "progress is True"),
        ({"data": (clouds()[0], clouds(40)[1])}, "arrays differ in length"),
        ({"data": (np.zeros((0, 2)), np.zeros(0))}, "there are no samples"),
        ({"data": (3, None)}, "x is arrays, a data set or a loader"),
        ({"data": (np.array(3.0), None)}, "the first axis counts the samples"),
        ({"data": (gg.data.TensorDataset(*clouds()), clouds()[1])}, "y goes with arrays"),
        ({"data": (gg.data.TensorDataset(*clouds()), None), "validation": 0.5}, "as a fraction goes with arrays"),
        ({"data": (iter([clouds()]), None), "epochs": 2}, "gone through once only"),
        ({"data": (iter([]), None)}, "there were no batches"),
        ({"data": (iter([{"x": 1}]), None)}, "a batch is a mapping"),
        ({"loss": lambda o, t: 3.0}, "a tensor of one number"),
        ({"loss": lambda o, t: o}, r"got: shape \(16, 3\)"),
    ],
)
def test_what_does_not_fit(options: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        train(**options)


def test_a_callback_that_refuses_changes_nothing() -> None:
    model = network()
    before = bits(model)
    with pytest.raises(ValueError, match="there is no validation"):
        train(model=model, callbacks=gg.train.EarlyStopping())
    assert model.training
    assert bits(model) == before


def test_a_model_that_is_none() -> None:
    with pytest.raises(gg.DTypeError, match="model is a"):
        gg.train.fit(lambda x: x, *clouds(), loss=mse_loss, optimizer=gg.optim.SGD(network().parameters()))  # type: ignore[arg-type]
