"""What people see: progress, curves, tables."""

from __future__ import annotations

import io
import math
import re
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.train import History, Progress, plot_history
from graphgrad.train.evaluation import NAMED
from graphgrad.train.history import sign_of
from graphgrad.train.progress import clock
from tests.train.problems import accuracy, bits, clouds, network, train


class Screen(io.StringIO):
    """A terminal, as far as it says."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


# ---- progress


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    train(epochs=3, validation=0.2, progress=True)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert "val_loss" in lines[0]
    assert "batches/s" in lines[0]
    assert lines[0].endswith(" left")
    assert not lines[2].endswith(" left")
    assert "\x1b" not in err


def test_nothing_when_not_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    train(epochs=2, progress=False)
    assert capsys.readouterr() == ("", "")


def test_many_epochs_are_about_fifty_lines() -> None:
    stream = io.StringIO()
    train(epochs=120, data=clouds(4), progress=Progress(stream))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 40
    assert lines[-1].startswith("epoch 120/120")


def test_a_bar_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphgrad.train.progress.REFRESH", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    screen = Screen()
    model, _ = train(epochs=2, progress=Progress(screen), callbacks=[gg.train.AnomalyStop()])
    text = screen.getvalue()
    for words in ("epoch 1/2", "epoch 2/2", "batches/s", "loss", "0:00 left", "in 0:00", "━"):
        assert words in text
    assert "\x1b[?25h" in text, "the cursor is back"
    assert bits(model) == bits(train(epochs=2)[0])


def test_many_metrics_in_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    names = ["accuracy", "balanced_accuracy", "cohen_kappa", "matthews_corrcoef"]
    screen = Screen()
    train(epochs=2, validation=0.2, metrics=names, progress=Progress(screen))
    lines = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", screen.getvalue()).replace("\r", "\n").split("\n")
    assert max(map(len, lines)) <= 60
    last = "  ".join(lines).rpartition("epoch 2:")[2]
    for name in ("loss", "val_loss", *names, *(f"val_{name}" for name in names)):
        assert f" {name} " in last, "no number is cut off"


def test_what_is_printed_stays_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A bar on the standard error takes nothing from a standard output that is a file."""
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    say = type("Say", (gg.train.Callback,), {"on_epoch_end": lambda self, fit: print("mine")})()
    train(epochs=2, callbacks=[say], progress=Progress(screen))
    assert capsys.readouterr().out == "mine\nmine\n"
    assert "mine" not in screen.getvalue()


@pytest.mark.parametrize("stream", [Screen(), io.StringIO()])
def test_a_loss_that_is_no_number_is_told_once(stream: Any) -> None:
    train(epochs=3, loss=lambda outputs, targets: gg.mean(outputs) * math.nan, progress=Progress(stream))
    assert stream.getvalue().count("the loss of epoch 1 is nan") == 1
    assert "of epoch 2 is" not in stream.getvalue()


def test_a_loader_of_unknown_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphgrad.train.progress.REFRESH", 0.0)
    for stream in (Screen(), io.StringIO()):
        train(data=(iter([clouds()]), None), progress=Progress(stream))
        assert "epoch 1/1" in stream.getvalue()
        assert "left" not in stream.getvalue()


def test_why_it_stopped_is_said() -> None:
    stream = io.StringIO()
    stop = type("Stop", (gg.train.Callback,), {"on_epoch_end": lambda self, fit: fit.stop("enough [red]")})()
    train(epochs=5, callbacks=[stop], progress=Progress(stream))
    assert stream.getvalue().splitlines()[-1] == "stopped: enough [red]"


def test_an_error_gives_the_terminal_back() -> None:
    screen = Screen()

    def fail(self: Any, fit: Any) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        train(callbacks=[type("Fail", (gg.train.Callback,), {"on_batch_end": fail})()], progress=Progress(screen))
    assert screen.getvalue().endswith("\x1b[?25h")


def test_clock() -> None:
    assert [clock(s) for s in (0.4, 7, 750, 3723)] == ["0:00", "0:07", "12:30", "1:02:03"]


def test_rich_comes_only_with_a_terminal(run_python: Any) -> None:
    code = """
import sys, io, json
import graphgrad as gg
model = gg.nn.Linear(1, 1)
optimizer = gg.optim.SGD(model.parameters(), lr=0.1)
gg.train.fit(model, [[0.0]], [[1.0]], loss=gg.nn.functional.mse_loss, optimizer=optimizer,
    callbacks=[gg.train.AnomalyStop(), gg.train.LearningRateLog(), gg.train.Plot(), gg.train.Statistics()])
print(sorted({"rich", "textual", "safetensors", "scipy", "numba", "sklearn", "joblib", "networkx"} & set(sys.modules)))
"""
    assert run_python("-c", code).stdout.splitlines()[-1] == "[]"


# ---- curves


def test_a_curve_by_hand() -> None:
    picture = plot_history({"loss": [4.0, 2.0, 0.0], "val_loss": [4.0, 3.0, 2.0]}, width=30, height=5)
    assert picture.splitlines() == [
        "4 │◆",
        "  │      ×",
        "  │      •     ×",
        "  │",
        "0 │            •",
        "  └─────────────",
        "   1           3",
        "  • loss  × val_loss",
        "  ◆ several (epochs 1 to 3)",
    ]
    plain = plot_history({"loss": [4.0, 2.0]}, width=30, height=2, ascii_only=True)
    assert plain.isascii()


def test_curves_of_odd_numbers() -> None:
    assert plot_history({"loss": []}, width=40) == "nothing to plot"
    assert plot_history({"loss": [math.nan]}, width=40) == "nothing to plot"
    picture = plot_history({"loss": [1.0, math.nan, math.inf, None, 1.0]}, width=40)
    assert "loss: 3 of 5 epochs have no number to draw" in picture
    assert "1.5 │" in picture
    assert "loss: 1 of 2 epochs" in plot_history({"loss": [0.0, 1.0]}, width=40, log=True)
    assert "•" in plot_history({"loss": [3.0]}, width=40)
    assert "•" in plot_history({"loss": np.array([3.0, 2.0], np.float32)}, width=40)
    for huge in ([1e30, 1e30], [1e308, -1e308], [1.7e308] * 300, [-1e300]):
        assert plot_history({"loss": huge}, width=40, height=5).count("│") == 5
    for tiny in ([5e-324, 1e308], [1.7e308]):
        assert "nothing" not in plot_history({"loss": tiny}, width=40, log=True)


@pytest.mark.parametrize("epochs", [1, 2, 7, 60, 5000])
def test_every_width_is_kept(epochs: int) -> None:
    for width in (26, 33, 80):
        curves = {"loss": np.linspace(1e6, -1e-6, epochs).tolist(), "val_loss": [1.0] * epochs}
        lines = plot_history(curves, width=width, height=6).splitlines()
        assert max(map(len, lines)) <= width + 9, "the legend's last part is never torn apart"
        assert all(len(line) <= width for line in lines[:8])
        assert lines[0].strip().startswith("1e+06")


def test_a_logarithmic_axis_is_a_line_for_a_factor() -> None:
    picture = plot_history({"loss": [1000.0, 100.0, 10.0, 1.0]}, width=40, height=4, log=True).splitlines()
    assert [line.rstrip()[-1] for line in picture[:4]] == ["•"] * 4
    assert picture[0].startswith("1000 │")
    assert picture[3].lstrip().startswith("1 │")


def test_what_cannot_be_plotted() -> None:
    with pytest.raises(KeyError, match="there are: loss"):
        plot_history({"loss": [1.0]}, "lost")
    with pytest.raises(ValueError, match="width is a whole number from 20"):
        plot_history({"loss": [1.0]}, width=5)
    with pytest.raises(ValueError, match="height is a whole number from 2"):
        plot_history({"loss": [1.0]}, height=1)
    epochs: list[int] = []
    note = type("Note", (gg.train.Callback,), {"on_epoch_end": lambda self, fit: epochs.append(fit.epoch)})()
    with pytest.raises(KeyError, match="there are: loss"):
        train(epochs=5, callbacks=[note, gg.train.Plot("lost")])
    assert epochs == [0], "it isn't found out at the end only"


def test_a_terminal_narrower_than_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "9")
    assert "•" in plot_history({"loss": [3.0]})


def test_the_callback_prints_what_the_stream_can_write() -> None:
    class Old(io.StringIO):
        encoding = "ascii"

    for stream, is_ascii in ((Old(), True), (io.StringIO(), False)):
        train(epochs=4, callbacks=[gg.train.Plot(every=2, file=stream, width=40)])
        text = stream.getvalue()
        assert text.isascii() == is_ascii
        assert text.count("(epochs 1 to 2)") == 1
        assert text.count("(epochs 1 to 4)") == 1


# ---- histories


def test_a_history_is_a_mapping() -> None:
    history = History([{"loss": 2.0}, {"loss": 1.0, "lr": 0.1}, {"loss": math.nan, "confusion": [[1, 0], [0, 1]]}])
    assert list(history) == ["loss", "lr", "confusion"]
    assert history["lr"] == [None, 0.1, None]
    assert history.best("loss") == (1, 1.0)
    assert len(history) == 3
    assert "lr" in history
    assert "accuracy" not in history
    assert repr(history).splitlines()[0].split() == ["epoch", "loss", "lr"]
    with pytest.raises(KeyError, match="there are: loss, lr, confusion"):
        history["accuracy"]
    with pytest.raises(ValueError, match="no number in any epoch"):
        history.best("confusion", "max")
    assert "loss" in history.plot(width=40)


# ---- statistics


@pytest.mark.curriculum("P25.08")
def test_statistics_by_hand() -> None:
    model = gg.nn.Linear(2, 1, bias=False)
    model.load_state_dict({"weight": [[3.0, 4.0]]})
    model.weight.grad = gg.tensor([[0.0, 2.0]])
    (row,) = gg.train.weight_statistics(model, {"weight": np.array([[3.0, 0.0]])})
    assert (row.weight_norm, row.weight_mean, row.weight_std, row.weight_zeros) == (5.0, 3.5, 0.5, 0.0)
    assert (row.gradient_norm, row.gradient_mean, row.gradient_zeros) == (2.0, 1.0, 0.5)
    assert (row.update_norm, row.update_ratio) == (4.0, 4.0 / 3.0)
    model.weight.grad = gg.tensor([[math.nan, math.inf]])
    (row,) = gg.train.weight_statistics(model, {"weight": np.zeros((1, 2))})
    assert row.gradient_norm is not None
    assert math.isnan(row.gradient_norm)
    assert row.update_ratio == math.inf


def test_statistics_along_a_training() -> None:
    statistics = gg.train.Statistics(every=3)
    rate = 0.5
    train(epochs=2, optimizer=lambda p: gg.optim.SGD(p, lr=rate), clip_grad_norm=None, callbacks=[statistics])
    assert statistics.steps == [1, 4, 7]
    for record in statistics.records:
        assert [row.name for row in record] == ["0.weight", "0.bias", "3.weight", "3.bias"]
        for row in record:
            assert row.gradient_norm is not None
            assert row.update_norm == pytest.approx(rate * row.gradient_norm, rel=1e-4)
    ratios = statistics.over_time("0.weight")["update_ratio"]
    assert len(ratios) == 3
    assert "0.weight" in statistics.table()
    with pytest.raises(KeyError, match=r"there are: 0\.weight"):
        statistics.over_time("weight")


def test_a_layer_that_learns_nothing_is_seen() -> None:
    model = gg.nn.Sequential(gg.nn.Linear(2, 8), gg.nn.ReLU(), gg.nn.Linear(8, 3))
    dict(model.named_parameters())["0.bias"].data[...] = -100.0  # every unit is dead
    statistics = gg.train.Statistics()
    train(model=model, callbacks=[statistics])
    first = statistics.records[0][0]
    assert (first.gradient_zeros, first.update_ratio) == (1.0, 0.0)
    assert statistics.table().splitlines()[1].split()[-2:] == ["100%", "0"]


# ---- measuring


def test_metrics_are_of_the_whole_epoch() -> None:
    """A mean over batches would be something else."""

    def largest(outputs: Any, targets: Any) -> Any:
        assert isinstance(outputs, np.ndarray)
        return {"of": outputs.max(), "at": gg.tensor(float(outputs.argmax()))}

    class Gather:
        def __init__(self) -> None:
            self.reset()

        def reset(self) -> None:
            self.seen: list[int] = []

        def update(self, outputs: Any, targets: Any) -> None:
            self.seen.append(len(targets))

        def compute(self) -> list[int]:
            return self.seen

    model = network()
    x, y = clouds(20)
    found = gg.train.evaluate(model, x, y, metrics=[largest, Gather()], batch_size=8)
    outputs = gg.train.predict(model, x, batch_size=7).data
    assert found["gather"] == [8, 8, 4]
    assert found["largest_of"] == pytest.approx(outputs.max(), rel=1e-6)
    assert found["largest_at"] == outputs.argmax()


@pytest.mark.parametrize("name", NAMED)
def test_a_metric_can_be_named(name: str) -> None:
    class Same(gg.nn.Module):
        def forward(self, x: Any) -> Any:
            return x

    rng = np.random.default_rng(0)
    first = rng.uniform(size=40)
    targets: Any = rng.integers(2, size=40)
    outputs = first if name in ("r2", "roc_auc", "average_precision") else np.stack([1.0 - first, first], axis=1)
    if name == "top_k_accuracy":  # among five classes; the best 2 of 2 are all
        outputs = rng.normal(size=(40, 5))
    if name.endswith("_error"):
        targets = outputs**2
    by_name = gg.train.evaluate(Same(), outputs, targets, metrics=name)
    by_function = gg.train.evaluate(Same(), outputs, targets, metrics=[getattr(gg.train.metrics, name)])
    assert by_name == by_function
    assert all(math.isfinite(value) for value in by_name.values())
    assert all(key.startswith(name) for key in by_name)
    for key in by_name:
        sign_of(key, "auto")  # whether more is better is known of all of them


def test_predictions_that_cannot_be_joined() -> None:
    class Pair(gg.nn.Module):
        def forward(self, x: Any) -> Any:
            return x, x

    class Mean(gg.nn.Module):
        def forward(self, x: Any) -> Any:
            return gg.mean(x)

    for model, got in ((Pair(), "tuple"), (Mean(), r"shape \(\)")):
        with pytest.raises(gg.ShapeError, match=f"one tensor for each batch.*\n  got: {got}"):
            gg.train.predict(model, clouds()[0])
    with pytest.raises(gg.ShapeError, match="no batches"):
        gg.train.predict(network(), iter([]))
    with pytest.raises(gg.ShapeError, match="a tensor of one number"):
        gg.train.evaluate(network(), *clouds(), loss=lambda o, t: 3.0)


def test_outputs_that_cannot_be_joined() -> None:
    class Net(gg.nn.Module):
        def forward(self, x: Any) -> Any:
            return x

    batches = [(np.zeros((2, 3)), np.zeros(2)), (np.zeros((2, 4)), np.zeros(2))]

    class Loader:
        def __iter__(self) -> Any:
            return iter(batches)

    with pytest.raises(gg.ShapeError, match="update, compute and reset"):
        gg.train.evaluate(Net(), Loader(), metrics=accuracy)
    assert gg.train.evaluate(Net(), Loader(), loss=lambda o, t: gg.mean(o)) == {"loss": 0.0}
