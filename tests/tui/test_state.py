import json
import os
from pathlib import Path

import pytest

from graphgrad_tui.state import MOST_RECENT, Recent, State, state_path


def test_what_is_saved_is_loaded(tmp_path):
    path = tmp_path / "deep" / "state.json"
    state = State(path)
    state.finished("fan-out", 2, 4)
    state.opened(Recent("/a.py", ("--fast", "3")))
    state.save()
    again = State.load(path)
    assert (again.done, again.recent, again.problem) == ({"fan-out": (2, 4)}, [Recent("/a.py", ("--fast", "3"))], "")
    assert [one.name for one in path.parent.iterdir()] == ["state.json"], "nothing temporary is left"


def test_no_file_is_no_problem(tmp_path):
    assert State.load(tmp_path / "none.json").problem == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 2, "done": {}, "recent": []}',
        '{"version": 1, "done": {"a": [5, 4]}, "recent": []}',
        '{"version": 1, "done": {"a": "12"}, "recent": []}',
        '{"version": 1, "done": {}, "recent": [{"path": 3, "arguments": []}]}',
        '{"version": 1, "done": {}}',
        "[" * 100_000,
        "\udcff",
    ],
)
def test_a_damaged_file_is_put_aside(tmp_path, text):
    path = tmp_path / "state.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    state = State.load(path)
    assert "damaged" in state.problem
    assert (state.done, state.recent) == ({}, [])
    assert [one.name for one in tmp_path.iterdir()] == ["state.damaged.json"]
    state.save()
    assert State.load(path).problem == ""


def test_a_file_that_is_listed_twice_is_remembered_once(tmp_path):
    path = tmp_path / "state.json"
    recent = [{"path": f"/{i % 20}.py", "arguments": []} for i in range(40)]
    path.write_text(json.dumps({"version": 1, "done": {}, "recent": recent}))
    state = State.load(path)
    assert not state.problem
    assert [one.path for one in state.recent] == [f"/{i}.py" for i in range(MOST_RECENT)]


def test_a_file_that_cannot_be_read_is_not_replaced(tmp_path):
    path = tmp_path / "state.json"
    path.mkdir()
    (path / "precious").touch()
    state = State.load(path)
    assert "can't be read" in state.problem
    state.save()
    assert (tmp_path / "state.damaged.json" / "precious").exists()
    assert State.load(path).problem == ""


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "state.json"
    state = State(path)
    state.finished("a", 1, 1)
    state.save()

    def refuse(*_):
        raise OSError(28, "No space left on device")

    state.finished("b", 1, 1)
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        state.save()
    assert list(json.loads(path.read_text())["done"]) == ["a"]
    assert len(list(tmp_path.iterdir())) == 1


def test_the_best_score_counts():
    state = State(Path("unused"))
    for right in (1, 3, 2):
        state.finished("a", right, 4)
    assert state.done == {"a": (3, 4)}


def test_recent_files_come_last_first_and_once():
    state = State(Path("unused"))
    for i in range(MOST_RECENT + 5):
        state.opened(Recent(f"/{i}.py"))
    state.opened(Recent("/10.py", ("x",)))
    assert len(state.recent) == MOST_RECENT
    assert state.recent[0] == Recent("/10.py", ("x",))
    assert [one.path for one in state.recent].count("/10.py") == 1
    state.forget("/10.py")
    assert "/10.py" not in [one.path for one in state.recent]


def test_where_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_path() == tmp_path / "graphgrad" / "terminal.json"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert state_path() == tmp_path / "home" / ".local" / "state" / "graphgrad" / "terminal.json"
