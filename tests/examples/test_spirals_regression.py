"""What a line can't do, and a hidden layer can: two examples that a newcomer copies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_spirals_need_a_hidden_layer(run_python: Any) -> None:
    done = run_python(str(EXAMPLES / "spirals.py"))
    found = {name: float(percent) for name, percent in re.findall(r"^(\w+) +([\d.]+)%$", done.stdout, re.MULTILINE)}
    assert 40 < found["linear"] < 65
    assert found["ReLU"] > 90
    assert "\x1b" not in done.stderr, "no bar where there is no terminal"


def test_a_curve_needs_one_too(run_python: Any) -> None:
    found = dict(re.findall(r"^(\w+) +R² ([\d.-]+)", run_python(str(EXAMPLES / "regression.py")).stdout, re.MULTILINE))
    assert 0.5 < float(found["line"]) < 0.85
    assert float(found["tanh"]) > 0.88
