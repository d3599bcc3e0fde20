"""The screen is the terminal UI's alone: what code prints or warns of while it is open stays away from it."""

import os
import pty
import select
import sys
import time

import pytest

SCRIPT = """
import os, sys, threading, time, warnings
import graphgrad as gg
from graphgrad_tui import Terminal

def talk():
    for _ in range(200):
        print("PRINTED")
        sys.stderr.write("SAID\\n")
        warnings.warn("WARNED", stacklevel=1)
        time.sleep(0.01)

walk = gg.walk(gg.sigmoid(gg.scalar(2.0, name="x")), title="quiet please")
threading.Thread(target=talk, daemon=True).start()
Terminal().show(walk)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_prints_and_warnings_do_not_reach_the_screen(tmp_path, environment):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, str(script)], {**environment, "TERM": "xterm-256color"})
    shown, asked = b"", False
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        shown += chunk
        begin = shown.find(b"\x1b[?1049h")
        if not asked and begin >= 0 and b"Nothing has happened" in shown:
            time.sleep(0.5)
            os.write(terminal, b"\x11")
            asked = True
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert asked
    assert os.waitstatus_to_exitcode(status) == 0
    screen = shown[shown.index(b"\x1b[?1049h") : shown.index(b"\x1b[?1049l")]
    assert b"quiet please" in screen
    for said in (b"PRINTED", b"SAID", b"WARNED"):
        assert said not in screen
