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


async def test_what_a_script_started_is_stopped_with_it(tmp_path):
    child = "import os, time; open('child', 'w').write(str(os.getpid())); time.sleep(600)"
    text = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])\n"
    path = script(tmp_path, f"import os\nos.chdir({str(tmp_path)!r})\n{text}")
    task = asyncio.ensure_future(open_walk(Recent(path)))
    child_file = tmp_path / "child"
    while not child_file.exists() or not child_file.read_text():
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 20)
    pid = int(child_file.read_text())
    for _ in range(500):
        if not is_running(pid):
            break
        await asyncio.sleep(0.02)
    assert not is_running(pid)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_of_what_a_script_says_the_last_is_kept(tmp_path):
    text = "import sys\nfor i in range(200_000): sys.stderr.write(f'line {i}\\n')\nraise SystemExit('the end')"
    with pytest.raises(OpenError) as caught:
        await open_walk(Recent(script(tmp_path, text)))
    assert "the end" in str(caught.value)
    assert len(str(caught.value)) < 2_000


async def test_a_file_beside_a_script_does_not_stand_in_for_a_module_of_python(tmp_path, monkeypatch):
    (tmp_path / "numbers.py").write_text("raise SystemExit('the wrong numbers')")
    (tmp_path / "scripts").mkdir()
    monkeypatch.chdir(tmp_path)
    path = script(tmp_path / "scripts", "import graphgrad as gg\nx = gg.scalar(2.0)\n(x * x).backward()\n")
    assert (await open_walk(Recent(path))).end()


@pytest.mark.parametrize("name", ["none.py", "none.json"])
async def test_no_file(tmp_path, name):
    with pytest.raises(OpenError, match="there is no file"):
        await open_walk(Recent(str(tmp_path / name)))


async def test_other_files(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(OpenError, match=r"ends in \.py"):
        await open_walk(Recent(str(tmp_path / "a.txt")))
