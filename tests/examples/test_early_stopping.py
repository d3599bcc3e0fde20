"""The example that stops early: it stops long before its last epoch, and keeps the best weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "early_stopping.py"


def test_it_stops_and_keeps_the_best(run_python: Any) -> None:
    first, again = (run_python(str(SCRIPT)) for _ in range(2))
    assert first.stderr == ""
    assert first.stdout == again.stdout
    last, best = map(int, re.findall(r"\d+", first.stdout.splitlines()[0]))
    assert last == best + 20 < 200
    training, validation, best_validation, test = map(float, re.findall(r"\d\.\d+", first.stdout))
    assert training < best_validation < validation
    assert test < 0.6
