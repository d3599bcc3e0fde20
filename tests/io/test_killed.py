"""Killed at any moment, the last good checkpoint loads."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

import graphgrad as gg

WRITER = Path(__file__).with_name("writer.py")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, to be quick")


@pytest.mark.parametrize("keep", [0, 2])
def test_a_writer_is_killed_at_random_moments(keep: int, tmp_path: Path, run_python: Any) -> None:
    done = run_python(str(WRITER), str(tmp_path), "24", str(keep))
    rounds, written, _ = map(int, done.stdout.split())
    assert rounds == 24
    assert written > 0, "nobody came so far as to write one"
    names = {"run.safetensors", *(f"run.{n}.safetensors" for n in range(1, keep + 1))}
    assert {path.name for path in tmp_path.iterdir() if path.name[0] != "."} <= names


def test_what_a_killed_writer_left_is_cleared_away_later(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    old, young = (tmp_path / f".run.safetensors.{digit * 32}" for digit in "0a")
    stranger = tmp_path / ".run.safetensors.mine"
    for one in (old, young, stranger):
        one.write_bytes(b"half of it")
    day_ago = time.time() - 86400
    os.utime(old, (day_ago, day_ago))
    os.utime(stranger, (day_ago, day_ago))
    gg.io.save_checkpoint(path, epoch=1)
    assert {one.name for one in tmp_path.iterdir()} == {path.name, young.name, stranger.name}
