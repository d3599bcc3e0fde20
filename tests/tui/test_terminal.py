from types import SimpleNamespace

import pytest

from graphgrad.lessons import open_lesson
from graphgrad_tui import Terminal
from graphgrad_tui.state import State
from graphgrad_tui.terminal import TerminalError
from tests.tui.screens import neuron


def test_importing_the_plug_in_imports_no_textual(run_python):
    code = "import sys, graphgrad_tui; assert 'textual' not in sys.modules; graphgrad_tui.Terminal"
    code += "; assert 'textual' not in sys.modules; assert 'numba' not in sys.modules"
    run_python("-c", code)


def test_without_a_terminal_it_refuses_and_says_what_to_do(run_python):
    code = (
        "import graphgrad as gg\nfrom graphgrad_tui import Terminal\n"
        "try:\n    Terminal().show(gg.walk(gg.scalar(1.0) * 2.0))\n"
        "except RuntimeError as error:\n    print(error)\n"
    )
    said = run_python("-c", code).stdout
    assert "must go to a terminal" in said
    assert 'show("text")' in said


def test_a_dumb_terminal_is_refused(monkeypatch):
    class Stream:
        encoding = "utf-8"

        def isatty(self):
            return True

    monkeypatch.setattr("sys.__stdin__", Stream())
    monkeypatch.setattr("sys.__stdout__", Stream())
    monkeypatch.setattr("sys.__stderr__", Stream())
    monkeypatch.setenv("TERM", "dumb")
    with pytest.raises(TerminalError, match="TERM=dumb"):
        Terminal().show(neuron())
    with pytest.raises(TerminalError, match="TERM=dumb"):
        Terminal().home()


@pytest.mark.parametrize(
    ("encoding", "term", "ascii_only"),
    [("utf-8", "xterm", False), ("UTF8", "xterm", False), ("ascii", "xterm", True), ("utf-8", "linux", True)],
)
def test_ascii_where_there_is_nothing_else(monkeypatch, encoding, term, ascii_only):
    stream = SimpleNamespace(encoding=encoding)
    monkeypatch.setattr("sys.__stdout__", stream)
    monkeypatch.setenv("TERM", term)
    assert Terminal().ascii_only is ascii_only
    assert Terminal(ascii_only=True).ascii_only


def test_no_other_name():
    import graphgrad_tui

    with pytest.raises(AttributeError, match="no attribute 'Terminals'"):
        _ = graphgrad_tui.Terminals


def test_a_terminal_that_fails_says_so(monkeypatch, capsys):
    def fail(app):
        print("a traceback")
        app._return_code = 1

    monkeypatch.setattr("graphgrad_tui.app.GraphgradApp.run", fail)
    monkeypatch.setattr("graphgrad_tui.terminal._check_terminal", lambda *_: None)
    with pytest.raises(TerminalError, match="failed"):
        Terminal().show(neuron())
    assert "a traceback" in capsys.readouterr().err


def test_a_lesson_that_is_taken_alone_is_remembered(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("graphgrad_tui.terminal._check_terminal", lambda *_: None)

    def take(app):
        app.get_default_screen()._on_done("fan-out", 3, 4)

    monkeypatch.setattr("graphgrad_tui.app.GraphgradApp.run", take)
    Terminal().take(open_lesson("fan-out"))
    assert State.load().done == {"fan-out": (3, 4)}
