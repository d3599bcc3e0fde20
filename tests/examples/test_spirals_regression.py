"""What a line can't do, and a hidden layer can: two examples that a newcomer copies."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_spirals_need_a_hidden_layer(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "spirals.py"), run_name="__main__")
    done = capsys.readouterr()
    found = {name: float(percent) for name, percent in re.findall(r"^(\w+) +([\d.]+)%$", done.out, re.MULTILINE)}
    assert 40 < found["linear"] < 65
    assert found["ReLU"] > 90
    assert "\x1b" not in done.err, "no bar where there is no terminal"


def test_a_curve_needs_one_too(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "regression.py"), run_name="__main__")
    found = dict(re.findall(r"^(\w+) +R² ([\d.-]+)", capsys.readouterr().out, re.MULTILINE))
    assert 0.5 < float(found["line"]) < 0.85
    assert float(found["tanh"]) > 0.88
