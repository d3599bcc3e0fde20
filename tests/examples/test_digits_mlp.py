"""The first example that a newcomer copies: it learns, repeats, and ends with one digit's backward pass."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "digits_mlp.py"


def accuracy(text: str) -> float:
    found = re.search(r"test accuracy: ([\d.]+)%", text)
    assert found, text
    return float(found[1]) / 100


def test_it_learns_and_shows_a_mistake(run_python: Any) -> None:
    done = run_python(str(SCRIPT), "--epochs", "10")
    assert done.stderr == ""  # no progress bar where there is no terminal
    assert accuracy(done.stdout) > 0.95
    shown = re.search(r"true label (\d), prediction (\d), loss ([\d.]+)", done.stdout)
    assert shown
    assert shown[1] != shown[2]
    percents = [float(text) for text in re.findall(r"^  \d +([\d.]+)%", done.stdout, re.MULTILINE)]
    assert len(percents) == 10
    assert sum(percents) == pytest.approx(100.0, abs=0.1)
    assert np.argmax(percents) == int(shown[2])
    assert -np.log(percents[int(shown[1])] / 100) == pytest.approx(float(shown[3]), rel=0.05)
    rows = done.stdout.split("\n\n")[1].splitlines()
    assert len(rows) == 8
    assert all(len(row) == 16 and set(row) <= set(" ░▒▓█") for row in rows)
    assert "graphgrad walk examples/digits_mlp.py" in done.stdout


def test_the_seed_decides_everything(run_python: Any) -> None:
    first, again, other = (run_python(str(SCRIPT), "--epochs", "2", "--seed", seed).stdout for seed in ("1", "1", "2"))
    assert first == again
    assert first != other


def test_its_last_backward_pass_is_that_of_one_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[gg.Tensor] = []
    backward = gg.Tensor.backward

    def noted(loss: gg.Tensor, *args: Any, **kwargs: Any) -> None:
        passes.append(loss)
        backward(loss, *args, **kwargs)

    monkeypatch.setattr(gg.Tensor, "backward", noted)
    monkeypatch.setattr("sys.argv", [str(SCRIPT), "--epochs", "1"])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert len(passes) == 45 + 1
    ops = [vertex for vertex in passes[-1].graph().vertices.values() if vertex.op is not None]
    assert [(vertex.op, vertex.scope, vertex.shapes) for vertex in ops] == [
        ("linear", "0", ((1, 32),)),
        ("relu", "1", ((1, 32),)),
        ("linear", "2", ((1, 10),)),
        ("cross_entropy without weight", "", ((),)),
    ]
