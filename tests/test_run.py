"""`graphgrad run`: it learns, prints a table and a plot, and goes on after a kill as if nothing had been."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import graphgrad as gg
from graphgrad import cli
from graphgrad.models import RECIPES
from tests.conftest import ROOT
from tests.datasets.test_files import mnist_files, put


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, ["run", *arguments])


def weights(path: str | Path) -> list[Any]:
    return [value.data for value in gg.io.load_checkpoint(path)["model"].values()]


def test_models_are_listed() -> None:
    done = run()
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(RECIPES)


def test_a_run_ends_with_a_plot_and_a_table(tmp_path: Path) -> None:
    done = run("digits-mlp", "--epochs", "3")
    assert done.exit_code == 0
    assert "(epochs 1 to 3)" in done.stdout
    rows = dict(re.findall(r"^(training|validation|test) +[\d.]+ +([\d.]+)%$", done.stdout, re.MULTILINE))
    assert list(rows) == ["training", "validation", "test"]
    assert float(rows["test"]) > 85
    wrong = re.search(r"mistakes +(\d+) of 360 test samples", done.stdout)
    assert wrong
    assert 100 * (1 - int(wrong[1]) / 360) == pytest.approx(float(rows["test"]), abs=0.01)
    confused = re.search(r"^taken +(\d) for (\d) \((\d+) ×\)", done.stdout, re.MULTILINE)
    assert confused
    assert confused[1] != confused[2]
    assert max(map(len, done.stdout.replace(str(tmp_path), "").splitlines())) <= 80
    assert "parameters    17,226" in done.stdout
    path = tmp_path / "state" / "graphgrad" / "runs" / "digits-mlp.safetensors"
    assert str(path) in done.stdout
    assert path.exists()
    assert run("digits-mlp", "--epochs", "1").exit_code == 0, "a later run takes its place"


def test_no_terminal_gets_no_bar(run_python: Any) -> None:
    done = run_python("-m", "graphgrad", "run", "digits-mlp", "--epochs", "2", "--checkpoint", "a.safetensors")
    assert [line.split()[1] for line in done.stderr.splitlines()] == ["1/2", "2/2"]
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["digits-mpl"], ["digits-mpl", "did you mean digits-mlp"]),
        (["digits-mlp", "--resume"], ["nothing to go on with", "without --resume"]),
        (["digits-mlp", "--checkpoint", "mine.safetensors"], ["mine.safetensors is there already", "--resume"]),
        (["digits-mlp", "--data", "."], ["come with graphgrad"]),
        (["digits-mlp", "--epochs", "0"], ["--epochs"]),
        (["digits-mlp", "--seed", "-1"], ["--seed"]),
    ],
)
def test_misuse(arguments: list[str], words: list[str]) -> None:
    Path("mine.safetensors").write_text("kept")
    done = run(*arguments)
    assert done.exit_code == 2
    for word in words:
        assert word in done.stderr
    assert Path("mine.safetensors").read_text() == "kept"


def test_a_file_that_is_no_checkpoint() -> None:
    Path("mine.safetensors").write_text("something else")
    done = run("digits-mlp", "--checkpoint", "mine.safetensors", "--resume")
    assert done.exit_code == 1
    assert "mine.safetensors" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_checkpoint_of_another_model() -> None:
    assert run("digits-mlp", "--epochs", "1", "--checkpoint", "mine.safetensors").exit_code == 0
    before = Path("mine.safetensors").read_bytes()
    done = run("digits-cnn", "--checkpoint", "mine.safetensors", "--resume")
    assert done.exit_code == 1
    assert "Traceback" not in done.stderr
    assert Path("mine.safetensors").read_bytes() == before


def test_it_goes_on_to_the_length_that_it_had(tmp_path: Path) -> None:
    recipe = RECIPES["digits-mlp"]
    stop = type("Stop", (gg.train.Callback,), {"on_epoch_end": lambda self, fit: fit.stop("enough")})()
    assert recipe.run("run", epochs=2, callbacks=[stop], progress=False).history.epochs == 1
    done = run("digits-mlp", "--checkpoint", "run", "--resume", "--epochs", "3")
    assert done.exit_code == 1
    assert "along 2 epochs, not 3" in done.stderr
    assert recipe.run("run", resume=True, progress=False).history.epochs == 2
    with pytest.raises(ValueError, match="none is given"):
        recipe.run(resume=True)


def test_after_a_kill_it_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    epochs = 6
    assert run("digits-mlp", "--epochs", str(epochs), "--checkpoint", "whole.safetensors").exit_code == 0
    command = [sys.executable, "-m", "graphgrad", "run", "digits-mlp", "--epochs", str(epochs)]
    command += ["--checkpoint", "killed.safetensors"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tui")])}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not Path("killed.safetensors").exists():
            time.sleep(0.01)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert 0 < len(gg.io.load_checkpoint("killed.safetensors")["fit"]["history"]) < epochs
    done = run("digits-mlp", "--epochs", str(epochs), "--checkpoint", "killed.safetensors", "--resume")
    assert done.exit_code == 0
    for mine, other in zip(weights("killed.safetensors"), weights("whole.safetensors"), strict=True):
        np.testing.assert_array_equal(mine, other)


def test_files_of_a_folder(tmp_path: Path) -> None:
    folder = put(tmp_path / "files", mnist_files(train=40, test=10))
    done = run("mnist-mlp", "--data", str(folder), "--epochs", "1")
    assert done.exit_code == 0
    assert "of 10 test samples" in done.stdout
    assert "parameters    101,770" in done.stdout
    (folder / "t10k-labels-idx1-ubyte").unlink()
    done = run("mnist-mlp", "--data", str(folder), "--epochs", "1")
    assert done.exit_code == 1
    assert "t10k-labels-idx1-ubyte" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_files_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    done = run("fashion-mlp")
    assert done.exit_code == 1
    assert "graphgrad[data]" in done.stderr


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if not recipe.downloads])
def test_each_model_is_right_98_times_of_100(name: str) -> None:
    outcome = RECIPES[name].run(progress=False)
    assert outcome.test["accuracy"] > 0.98
    assert outcome.history.epochs == RECIPES[name].epochs
