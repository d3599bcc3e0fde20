"""A training that goes on from a checkpoint gives the bits of one that was never stopped."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.io import CheckpointError
from graphgrad.nn.functional import cross_entropy
from tests.train import resuming
from tests.train.problems import bits, clouds, network, train

SCRIPT = Path(__file__).with_name("resuming.py")


def run(folder: Path, epochs: int, *extra: Any, **options: Any) -> gg.train.Fit:
    folder.mkdir(exist_ok=True)
    fit = resuming.build(folder, epochs, *extra, **options)
    fit.run()
    return fit


def outcome(fit: gg.train.Fit) -> str:
    resuming.checkpoint_last(fit)
    return resuming.outcome(fit)


class Press(gg.train.Callback):
    """Presses ^C in the middle of an epoch."""

    def __init__(self, *steps: int) -> None:
        self.steps = steps

    def on_batch_begin(self, fit: gg.train.Fit) -> None:
        if fit.step in self.steps:
            self.steps = tuple(step for step in self.steps if step != fit.step)
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a disk does in its own time is no matter here: no power fails."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.mark.curriculum("P25.07")
@pytest.mark.parametrize("breaks", [[1], [3], [2, 4]])
def test_after_whole_epochs(breaks: list[int], tmp_path: Path) -> None:
    whole = outcome(run(tmp_path / "whole", 6))
    for epochs in breaks:
        assert run(tmp_path / "parts", epochs).history.epochs == epochs
    assert outcome(run(tmp_path / "parts", 6)) == whole


def test_after_ctrl_c_in_the_middle(tmp_path: Path) -> None:
    whole = outcome(run(tmp_path / "whole", 4, resuming.Told()))
    first = run(tmp_path / "parts", 4, Press(12))
    assert first.history.interrupted
    assert first.history.epochs == 1
    second = run(tmp_path / "parts", 4, Press(13, 20))
    assert (second.history.epochs, second.step) == (1, 14)
    last = run(tmp_path / "parts", 4, resuming.Told())
    assert last.history.epochs == 4
    assert outcome(last) == whole


def test_early_stopping_goes_on_counting(tmp_path: Path) -> None:
    options = {"validation": clouds(12), "optimizer": lambda p: gg.optim.SGD(p, lr=3.0)}

    def go(folder: str, epochs: int) -> tuple[bytes, gg.train.EarlyStopping, gg.train.History]:
        stopping = gg.train.EarlyStopping(patience=3)
        checkpoint = gg.train.Checkpoint(tmp_path / folder / "run")
        model, history = train(epochs=epochs, callbacks=[stopping, checkpoint], resume=True, **options)
        return bits(model), stopping, history

    weights, stopping, history = go("whole", 100)
    stopped = stopping.stopped_epoch
    assert stopped is not None
    assert stopped < 99
    for epochs in (1, stopped - 1, stopped + 1):
        go(f"parts {stopped}", epochs)
    again, other, resumed = go(f"parts {stopped}", 100)
    assert (again, other.best_epoch, other.stopped_epoch) == (weights, stopping.best_epoch, stopped)
    assert resumed.rows == history.rows
    once_more, other, _ = go(f"parts {stopped}", 200)  # it had stopped, and stays stopped
    assert (once_more, other.stopped_epoch) == (weights, stopped)


def test_after_sigkill(tmp_path: Path, environment: dict[str, str]) -> None:
    rng = random.Random(1)
    epochs = 8
    whole = outcome(run(tmp_path / "whole", epochs, resuming.Told()))
    command = [sys.executable, str(SCRIPT), str(tmp_path), str(epochs)]
    seen: list[str] = []
    for last in (rng.randrange(3), None):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            for line in process.stdout:
                seen.append(line)
                if last is not None and line == f"epoch {last}\n":
                    break
            else:
                break
            process.kill()
    assert process.returncode == 0
    assert seen[-1] == f"outcome {whole}\n"
    counted = [int(line.split()[1]) for line in seen[:-1]]
    assert counted == sorted(counted), "it went on, and didn't begin anew"


@pytest.fixture
def environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.path.join(root, "tui")])}


def test_a_loader_without_state_goes_on_too(tmp_path: Path) -> None:
    x, y = clouds()

    class Loader:
        """Its order comes from what manual_seed started."""

        def __len__(self) -> int:
            return 5

        def __iter__(self) -> Any:
            order = gg.random.randperm(50).data.reshape(5, 10)
            return ((x[rows], y[rows]) for rows in order)

    def go(folder: str, epochs: int) -> bytes:
        checkpoint = gg.train.Checkpoint(tmp_path / folder / "run")
        return bits(train(data=(Loader(), None), dropout=0.2, epochs=epochs, callbacks=[checkpoint], resume=True)[0])

    whole = go("whole", 5)
    go("parts", 2)
    assert go("parts", 5) == whole


def test_a_loader_of_samplers_and_batch_sizes_goes_on_too(tmp_path: Path) -> None:
    def go(folder: str, epochs: int) -> bytes:
        gg.manual_seed(0)
        model = network(0.2)
        optimizer = gg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        loader = gg.data.DataLoader(
            gg.data.TensorDataset(*clouds()), batch_size=5, shuffle=True, generator=np.random.default_rng(8)
        )
        gg.train.fit(
            model,
            loader,
            loss=cross_entropy,
            optimizer=optimizer,
            epochs=epochs,
            scheduler=gg.optim.lr_scheduler.StepBS(loader, 2, 2),
            callbacks=[gg.train.Checkpoint(tmp_path / folder / "run")],
            resume=True,
            progress=False,
        )
        return bits(model)

    whole = go("whole", 6)
    go("parts", 3)
    go("parts", 4)
    assert go("parts", 6) == whole


def test_a_file_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "run"
    train(epochs=2, callbacks=[gg.train.Checkpoint(path)])
    model, history = train(epochs=3, resume=path)
    assert bits(model) == bits(train(epochs=3)[0])
    assert history.epochs == 3
    assert gg.io.load_checkpoint(path)["fit"]["epoch"] == 2
    assert train(epochs=2, resume=path)[1].epochs == 2, "nothing is left to do"
    with pytest.raises(FileNotFoundError):
        train(resume=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"optimizer": lambda p: gg.optim.SGD(p, lr=0.1)}, "optimizer doesn't fit"),
        ({"model": gg.nn.Linear(2, 3)}, "model doesn't fit"),
        ({"data": clouds(40)}, "doesn't fit"),
        ({"validation": 0.2}, "doesn't fit"),
        ({"scheduler": lambda o: gg.optim.lr_scheduler.StepLR(o, 1)}, "no part 'scheduler'"),
    ],
)
def test_another_training_is_refused_and_nothing_changes(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = tmp_path / "run"
    train(epochs=1, callbacks=[gg.train.Checkpoint(path)])
    model = options.pop("model", network())
    before = bits(model)
    with pytest.raises(CheckpointError, match=words):
        train(model=model, epochs=2, resume=path, **options)
    assert bits(model) == before


def test_a_part_that_was_held_out_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "run"
    train(epochs=1, validation=0.2, callbacks=[gg.train.Checkpoint(path)])
    with pytest.raises(CheckpointError, match="held out a part"):
        train(epochs=2, resume=path, data=clouds(40))
    with pytest.raises(CheckpointError, match="doesn't fit"):
        train(epochs=2, resume=path, validation=0.4)
