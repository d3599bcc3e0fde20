"""A script whose matrix product has wrong shapes after three good operations, from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from graphgrad import cli
from graphgrad.walk.file import from_json
from graphgrad.walk.walk import Walk

BAD = """
import graphgrad as gg

x = gg.tensor([[1.0, 2.0], [3.0, 4.0]], name="x")
w1 = gg.tensor([[0.5, -1.0, 2.0], [1.5, 0.5, -0.5]], requires_grad=True, name="w1")
w2 = gg.tensor([[1.0], [2.0]], requires_grad=True, name="w2")
z = x @ w1
h = gg.tanh(z)
s = h * 0.5
y = s @ w2
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.py").write_text(BAD)
    return lambda *arguments: CliRunner().invoke(cli.app, list(arguments))


def test_it_is_told_in_text(run: Any) -> None:
    done = run("walk", "bad.py", "--text")
    assert done.exit_code == 1
    assert "line 10, in <module>\n    y = s @ w2\n" in done.stderr
    assert "forward     s = h · 0.5" in done.stdout
    assert "failed      y = s @ w2: matmul: the last axis of a (3) must be" in done.stdout
    assert "b: 'w2' shape (2, 1), float32" in done.stdout


def test_its_walk_can_be_opened_again(run: Any) -> None:
    done = run("walk", "bad.py", "--json")
    assert done.exit_code == 1
    found = from_json(done.stdout)
    assert isinstance(found, Walk)
    assert found.graph.failed is not None
    Path("saved.json").write_text(done.stdout)
    again = run("walk", "saved.json", "--text")
    assert again.exit_code == 0
    assert again.stdout == run("walk", "bad.py", "--text").stdout


def test_what_is_known_when_it_failed(run: Any) -> None:
    lines = run("walk", "bad.py", "--step", "4").stdout.splitlines()
    assert lines[-1].split() == ["y", "—", "gradient", "—"]
    known = json.loads(run("walk", "bad.py", "--step", "4", "--json").stdout)["known"]
    assert [one["name"] for one in known if one["error"]] == ["y"]
    assert known[-1]["value"] is None


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "dot", "html", "txt", "json"])
def test_it_is_drawn(run: Any, suffix: str) -> None:
    done = run("render", "bad.py", "-o", f"x.{suffix}")
    assert done.exit_code == 1
    assert "ShapeError" in done.stderr
    data = Path(f"x.{suffix}").read_bytes()
    if suffix not in ("png", "pdf"):
        mark = {"svg": "s-failed", "dot": "@ y = —", "html": "s-failed", "txt": "✗ @ y = —", "json": '"error":"matmul'}
        assert mark[suffix] in data.decode("utf-8")
