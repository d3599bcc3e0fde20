"""The example of cross-validation: a line for each fold, and the spread of the scores."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "kfold.py"


def test_it_shows_each_fold_and_their_mean(run_python: Any) -> None:
    done = run_python(str(SCRIPT), "--folds", "3", "--hidden", "8")
    assert done.stderr == ""
    rows = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert [row[0] for row in rows] == ["fold", "0", "1", "2", "mean", "std", "accuracy:"]
    column = rows[0].index("accuracy")
    scores = [float(row[column]) for row in rows[1:4]]
    shown = re.search(r"accuracy: ([\d.]+)% ± ([\d.]+)%", done.stdout)
    assert shown
    assert float(shown[1]) == pytest.approx(100 * np.mean(scores), abs=0.06)
    assert float(shown[2]) == pytest.approx(100 * np.std(scores), abs=0.06)
    assert np.mean(scores) > 0.9
