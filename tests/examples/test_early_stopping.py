"""The example that stops early: it stops long before its last epoch, and keeps the best weights."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "early_stopping.py"


def test_it_stops_and_keeps_the_best(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(SCRIPT), run_name="__main__")
    first = capsys.readouterr()
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert first == capsys.readouterr()
    assert first.err == ""
    last, best = map(int, re.findall(r"\d+", first.out.splitlines()[0]))
    assert last == best + 20 < 200
    training, validation, best_validation, test = map(float, re.findall(r"\d\.\d+", first.out))
    assert training < best_validation < validation
    assert test < 0.6
