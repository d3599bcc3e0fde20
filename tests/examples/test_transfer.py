"""The example that loads weights: features of other digits help where there are few images."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import graphgrad as gg

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "transfer.py"


def test_learned_features_help(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(SCRIPT), run_name="__main__")
    done = capsys.readouterr()
    assert done.err == ""
    found = dict(re.findall(r"^([a-z ]+): ([\d.]+)% of the digits 5 to 9", done.out, re.MULTILINE))
    assert list(found) == ["random features", "learned features"]
    assert float(found["learned features"]) > float(found["random features"]) + 5
    assert "Trainable params: 325\nNon-trainable params: 1,248" in done.out


def test_only_the_new_head_is_trained() -> None:
    example = runpy.run_path(str(SCRIPT))
    gg.manual_seed(0)
    model = example["network"]()
    model[0].requires_grad_(False)
    before = [one.data.copy() for one in model.parameters()]
    example["train"](model, np.ones((4, 64), dtype="float32"), np.array([0, 1, 2, 3]), 1)
    kept = [np.array_equal(one.data, old) for one, old in zip(model.parameters(), before, strict=True)]
    assert kept == [True] * 4 + [False] * 2
