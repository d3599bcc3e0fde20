import asyncio
import sys

import pytest

from graphgrad_tui.opening import OpenError, open_walk
from graphgrad_tui.state import Recent


def script(folder, text):
    path = folder / "script.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture(autouse=True)
def _elsewhere(environment, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", environment["PYTHONPATH"])


async def test_a_script_runs_in_a_process_of_its_own(tmp_path):
    text = (
        "import os, sys\nimport graphgrad as gg\nprint('not json')\n"
        "x = gg.scalar(float(sys.argv[1]))\ny = x * x\ny.backward()\n"
        "open(__file__ + '.pid', 'w').write(str(os.getpid()))\n"
    )
    path = script(tmp_path, text)
    walk = await open_walk(Recent(path, ("3",)))
    assert [vertex.op for vertex in walk.graph.nodes] == ["multiply"]
    assert walk.end().value(walk.graph.nodes[-1].id) == 9.0
    pid = (tmp_path / "script.py.pid").read_text()
    assert pid.isdigit()
    assert "script" not in sys.modules


async def test_a_script_without_anything_to_walk_says_what_it_said(tmp_path):
    path = script(tmp_path, "raise SystemExit('\\x1b[31mbad [/] luck')")
    with pytest.raises(OpenError) as caught:
        await open_walk(Recent(path))
    assert "gave nothing to walk" in str(caught.value)
    assert "\x1b" not in str(caught.value)


async def test_a_script_that_never_ends_can_be_stopped(tmp_path):
    path = script(tmp_path, "open(__file__ + '.began', 'w').close()\nimport time\ntime.sleep(600)\n")
    task = asyncio.ensure_future(open_walk(Recent(path)))
    for _ in range(600):
        await asyncio.sleep(0.05)
        if (tmp_path / "script.py.began").exists():
            break
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 20)


@pytest.mark.parametrize("name", ["none.py", "none.json"])
async def test_no_file(tmp_path, name):
    with pytest.raises(OpenError, match="there is no file"):
        await open_walk(Recent(str(tmp_path / name)))


async def test_other_files(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(OpenError, match=r"ends in \.py"):
        await open_walk(Recent(str(tmp_path / "a.txt")))
