"""The example of a sweep: on a cluster of two processes, which it starts and ends itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "sweep.py"


def test_it_shows_the_trials_and_goes_on_from_its_journal(run_python: Any, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    done = run_python(str(SCRIPT), "--trials", "3", "--journal", "j")
    head, *rows = [line.split() for line in done.stdout.split("\n\n")[0].splitlines()]
    assert head == ["trial", "loss", "lr", "hidden"]
    losses = [float(row[1]) for row in rows]
    assert len(losses) == 3
    assert losses == sorted(losses)
    assert re.search(r"best: \{'lr': [\d.e-]+, 'hidden': \d+\}", done.stdout)
    assert len((tmp_path / "j").read_text(encoding="utf-8").splitlines()) == 1 + 3


def test_without_dask_it_says_what_to_install(run_python: Any, tmp_path: Path) -> None:
    code = "import runpy, sys; sys.modules['distributed'] = None; runpy.run_path(sys.argv.pop(), run_name='__main__')"
    done = run_python("-c", code, str(SCRIPT), check=False)
    assert done.returncode == 1
    assert "pip install 'graphgrad[sweep]'" in done.stderr
    assert "Traceback" not in done.stderr
