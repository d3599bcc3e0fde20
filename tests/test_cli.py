"""The command line: what it prints, and the exit status."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import graphgrad as gg
from graphgrad import cli, doctor
from graphgrad.walk.file import from_json, save
from graphgrad.walk.trace import walk
from graphgrad.walk.walk import Walk
from tests.conftest import ROOT
from tests.lessons import parts

SQUARE = """
import sys
import graphgrad as gg
print("args", sys.argv[1:])
x = gg.scalar(3.0, name="x")
for _ in range(2):
    y = x * x
    y.backward()
    x.data -= 1.0
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "square.py").write_text(SQUARE)
    x = gg.tensor([[1.0, 2.0]], requires_grad=True, name="x")
    save(walk(gg.sum(gg.reshape(x, (2,)) * 2.0), title="saved"), "saved.json")
    (tmp_path / "picture.svg").write_text("<svg/>")
    (tmp_path / "nothing.py").write_text("")
    return tmp_path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, list(arguments))


def test_help_and_version() -> None:
    for arguments in ([], ["--help"], ["-h"]):
        done = run(*arguments)
        assert done.exit_code == 0
        assert "walk" in done.stdout
        assert "doctor" in done.stdout
    assert run("--version").stdout == f"graphgrad {gg.__version__}\n"


def test_help_imports_nothing_heavy(run_python: Any) -> None:
    code = (
        "import sys; from graphgrad.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit as exit: assert exit.code == 0\n"
        "print(sorted({'numpy', 'numba', 'scipy', 'textual', 'networkx', 'graphviz'} & set(sys.modules)))"
    )
    assert run_python("-c", code).stdout.splitlines()[-1] == "[]"


def test_the_module_is_the_command(run_python: Any, tmp_path: Path) -> None:
    (tmp_path / "square.py").write_text(SQUARE)
    done = run_python("-m", "graphgrad", "walk", "square.py", "--pass", "2", "--", "--lr", "1")
    assert done.stdout.startswith("args ['--lr', '1']\n2 backward passes")
    assert "square.py, pass 2 of 2" in done.stdout
    assert run_python("-m", "graphgrad", "walk", "absent.py", check=False).returncode == 2


# ---- walk ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("here")
def test_a_script_as_text() -> None:
    done = run("walk", "square.py", "--text", "--", "a", "--text")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "args ['a', '--text']"
    assert lines[1] == "2 backward passes; --pass N shows another"
    assert [line.split()[:4] for line in lines[2:4]] == [["pass", "1", "loss", "9"], ["pass", "2", "loss", "4"]]
    assert lines[5] == "square.py, pass 2 of 2"
    kinds = [line.split()[0] for line in lines[7:] if line]
    assert kinds == [
        *["given", "forward", "seed", "backward", "accumulate", "backward", "accumulate"],
        *["result", "gradient"],
    ]
    assert lines[-1].split()[-1] == "4"
    assert run("walk", "square.py").stdout.splitlines()[1:] == lines[1:], "without a terminal text is the default"


@pytest.mark.usefixtures("here")
def test_a_script_as_json() -> None:
    done = run("walk", "square.py", "--json", "--pass", "-1")
    assert done.exit_code == 0
    assert "args []" in done.stderr
    found = from_json(done.stdout)
    assert isinstance(found, Walk)
    assert found.title == "square.py, pass 2 of 2"
    assert found.end().value(found.graph.outputs[0].vertex) == 4.0


@pytest.mark.usefixtures("here")
def test_saved_walks_and_graphs() -> None:
    done = run("walk", "saved.json")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "saved")
    assert "forward     reshape" not in done.stdout
    every = run("walk", "saved.json", "--all-operations").stdout
    assert "forward     reshape" in every
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    save((x * 3.0).graph(), "several.json")
    save(gg.sum(x * 3.0).graph(), "one.json")
    assert "seed" not in run("walk", "several.json").stdout
    assert "seed" in run("walk", "one.json").stdout


@pytest.mark.usefixtures("here")
def test_one_step() -> None:
    def known(step: int) -> dict[str, str]:
        done = run("walk", "square.py", "--pass", "1", "--step", str(step))
        assert done.exit_code == 0
        rows = [line.split() for line in done.stdout.splitlines() if line.startswith("  ") and "gradient" in line]
        return {row[0]: " ".join(row[1:]) for row in rows}

    assert known(0) == {"x": "3 gradient — (0 of 2)", "y": "— gradient —"}
    assert known(1) == {"x": "3 gradient — (0 of 2)", "y": "9 gradient —"}
    assert known(3) == {"x": "3 gradient 3 (1 of 2)", "y": "9 gradient 1"}
    assert known(6) == {"x": "3 gradient 6 (2 of 2)", "y": "9 gradient 1"}


@pytest.mark.usefixtures("here")
def test_one_step_as_json() -> None:
    found = json.loads(run("walk", "square.py", "--step", "0", "--json").stdout)
    assert (found["step"], found["of"], found["kind"]) == (0, 6, None)
    by_name = {one["name"]: one for one in found["known"]}
    assert by_name["y"]["value"] is None
    assert by_name["x"]["value"]["dtype"] == "float64"
    assert by_name["x"]["arrived"] == [0, 2]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["walk", "fanout"], "did you mean fan-out?"),
        (["walk", "fan-out", "--pass", "2"], "there is no pass 2\n  there is 1"),
        (["walk", "fan-out", "--json", "--", "x"], "only scripts take arguments"),
        (["render", "square.py"], "Missing option"),
        (["render", "square.py", "-o", "a.gif"], "expected: .svg"),
        (["render", "square.py", "-o", "a.svg", "--direction", "up"], "expected: TB or LR"),
        (["render", "square.py", "-o", "a.svg", "--step", "9"], "there is no step 9"),
        (["lessons", "P99"], "no part 'P99'"),
        (["walk"], "Missing argument"),
        (["wlk"], "No such command"),
        (["walk", "square.py", "--text", "--json"], "choose one of"),
        (["walk", "sqare.py"], "did you mean square.py?"),
        (["walk", "nothing-like-it"], "is no file"),
        (["walk", "."], "is a folder"),
        (["walk", "absent/square.py"], "did you mean square.py?"),
        (["walk", "square.py", "--pass", "3"], "there is no pass 3"),
        (["walk", "square.py", "--step", "7"], "steps: 0 to 6"),
        (["walk", "square.py", "--step", "-1"], "there is no step -1"),
        (["walk", "saved.json", "--pass", "1"], "for scripts"),
        (["walk", "saved.json", "--", "1"], "only scripts take arguments"),
        (["walk", "fan-out", "--", "1"], "only scripts take arguments"),
        (["walk", ""], "'' is no file and no lesson"),
        (["walk", "a" * 300], "is no file"),
        (["walk", "picture.svg"], "picture.svg is no script and no saved walk, by its name"),
        (["walk", "square.py", "--pass", "0"], "there is no pass 0\n  there are 2"),
        (["walk", "nothing.py", "--pass", "1"], "there is no pass 1\n  there are none"),
    ],
)
@pytest.mark.usefixtures("here")
def test_wrong_usage(arguments: list[str], says: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert says in done.stderr


def test_a_script_that_fails(here: Path) -> None:
    (here / "fails.py").write_text(
        "import graphgrad as gg\nx = gg.tensor([1.0], requires_grad=True, name='x')\ny = x * 2.0\ny @ gg.ones((2, 2))\n"
    )
    done = run("walk", "fails.py")
    assert done.exit_code == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert "fails.py" in done.stderr
    assert "The script failed: matmul" in done.stdout
    assert "forward" in done.stdout
    assert from_json(run("walk", "fails.py", "--json").stdout)


@pytest.mark.parametrize(
    ("text", "says"),
    [("print(1)\n", "empty.py: computed nothing with graphgrad"), ("raise ValueError('x')\n", "ValueError: x")],
)
def test_a_script_without_a_graph(here: Path, text: str, says: str) -> None:
    (here / "empty.py").write_text(text)
    done = run("walk", "empty.py")
    assert done.exit_code == 1
    assert says in done.stderr


def test_sys_exit_of_the_script(here: Path) -> None:
    (here / "exits.py").write_text(SQUARE + "sys.exit(3)\n")
    done = run("walk", "exits.py")
    assert done.exit_code == 1
    assert "pass 2 of 2" in done.stdout
    assert "The script exited with status 3." in done.stdout


def test_a_pass_that_a_failing_script_didnt_come_to(here: Path) -> None:
    (here / "fails.py").write_text(SQUARE + "1 / 0\n")
    assert run("walk", "fails.py", "--pass", "2").exit_code == 1
    done = run("walk", "fails.py", "--pass", "3")
    assert done.exit_code == 1
    assert done.stderr.endswith("graphgrad: there is no pass 3\n  there are 2: the script ended before\n")


def test_a_folder_is_no_suggestion(here: Path) -> None:
    (here / "folder.py").mkdir()
    done = run("walk", "folder.py")
    assert "folder.py is a folder" in done.stderr
    assert "did you mean" not in done.stderr


def test_suffixes_in_capitals(here: Path) -> None:
    os.replace(here / "saved.json", here / "SAVED.JSON")
    assert run("walk", "SAVED.JSON").stdout.startswith("saved\n")


def test_json_is_alone_on_its_stream(run_python: Any, tmp_path: Path) -> None:
    noise = "import os, subprocess\nos.write(1, b'raw')\nsubprocess.run([sys.executable, '-c', 'print(1)'])\n"
    (tmp_path / "noisy.py").write_text(SQUARE + noise + "sys.stdout.buffer.write(b'bytes')\nprint('text')\n")
    done = run_python("-m", "graphgrad", "walk", "noisy.py", "--json")
    assert isinstance(from_json(done.stdout), Walk)
    assert all(word in done.stderr for word in ("raw", "1", "bytes", "text", "args []"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")
def test_a_full_disk_is_named(environment: dict[str, str], here: Path) -> None:
    command = [sys.executable, "-m", "graphgrad", "walk", "saved.json"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment, cwd=here, check=False
        )
    assert (done.returncode, done.stderr) == (1, "graphgrad: [Errno 28] No space left on device\n")


@pytest.mark.skipif(os.name != "posix", reason="streams are closed by a shell")
@pytest.mark.parametrize("closing", [">&-", "<&-", "| head -1"])
def test_closed_streams_are_no_failure_of_ours(closing: str, environment: dict[str, str], here: Path) -> None:
    command = f"'{sys.executable}' -m graphgrad walk square.py {closing}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environment, cwd=here, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_bad_file(here: Path) -> None:
    (here / "bad.json").write_text('{"format": "graphgrad", "version": 9}')
    done = run("walk", "bad.json")
    assert done.exit_code == 1
    assert "bad.json: load: version 9" in done.stderr
    assert "  at: " not in done.stderr


def test_control_characters_dont_reach_the_terminal(here: Path) -> None:
    (here / "evil.py").write_text(
        "import graphgrad as gg\nx = gg.scalar(1.0, name='a\\x1b]0;b\\x07\\nc')\ngg.tanh(x).backward()\n"
        "raise ValueError('\\x1b[31mred')\n"
    )
    for arguments in (["--pass", "1"], ["--pass", "1", "--step", "1"], []):
        done = run("walk", "evil.py", *arguments)
        assert done.exit_code == 1
        assert not {char for char in done.stdout + done.stderr if ord(char) < 32 and char != "\n"}
    assert "\\x1b]0;b" in done.stdout + run("walk", "evil.py", "--pass", "1").stdout


def test_an_ascii_stream_gets_ascii(run_python: Any, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "square.py").write_text(SQUARE)
    environment |= {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = run_python("-m", "graphgrad", "walk", "square.py")
    assert done.stdout.isascii()
    assert "dy/dx" in done.stdout
    one = run_python("-m", "graphgrad", "walk", "square.py", "--step", "2")
    assert one.stdout.isascii()
    assert "dy/dy = 1" in one.stdout


def test_a_long_training_is_listed_in_short() -> None:
    from graphgrad.cli.walking import index
    from graphgrad.walk.script import Pass

    passes = [Pass(i, float("nan") if i == 50 else 1.0 / i, None, 3) for i in range(1, 101)]
    rows = list(index(passes))
    numbers = [int(row.split()[1]) for row in rows if row.startswith("  pass")]
    assert numbers == [*range(1, 7), 50, *range(95, 101)]
    assert rows.count("  ...") == 2
    assert list(index(passes[:1])) == []
    assert len(list(index(passes[:12]))) == 14


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """A terminal UI, and what it was asked to do."""
    visualizers = importlib.import_module("graphgrad.walk.visualizers")
    done: list[tuple[Any, ...]] = []

    class Screen:
        def show(self, walk: Walk, granularity: str) -> None:
            done.append(("show", walk.title, granularity))

        def home(self) -> None:
            done.append(("home",))

        def take(self, lesson: Any) -> None:
            done.append(("take", lesson.id))

    class Point:
        name = "tui"

        def load(self) -> type[Screen]:
            return Screen

    monkeypatch.setattr(visualizers, "visualizers", lambda: {"tui": Point()})
    return done


def sit(monkeypatch: pytest.MonkeyPatch, term: str = "xterm") -> None:
    """Make this process believe that somebody sits at a terminal."""
    monkeypatch.setenv("TERM", term)
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)


def status(*arguments: str) -> Any:
    with pytest.raises(SystemExit) as exit:
        cli.app(list(arguments))
    return exit.value.code or 0


@pytest.mark.usefixtures("here")
def test_in_a_terminal_the_terminal_ui_shows_it(
    screen: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sit(monkeypatch)
    assert status("walk", "saved.json") == 0
    assert status("walk", "saved.json", "--all-operations") == 0
    assert status() == 0
    assert status("walk", "fan-out") == 0
    assert screen == [("show", "saved", "concepts"), ("show", "saved", "operations"), ("home",), ("take", "fan-out")]
    assert capsys.readouterr().out == ""
    for arguments in (["--text"], ["--json"], ["--step", "1"]):
        assert status("walk", "saved.json", *arguments) == 0
    assert len(screen) == 4
    assert "forward" in capsys.readouterr().out


@pytest.mark.usefixtures("here")
def test_a_dumb_terminal_gets_text(
    screen: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sit(monkeypatch, "dumb")
    assert status("walk", "saved.json") == 0
    assert status() == 0
    assert screen == []
    out = capsys.readouterr().out
    assert "forward" in out
    assert "Usage" in out


def test_a_lesson_in_text_asks_whoever_sits_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def leave(prompt: str = "") -> str:
        asked.append(prompt)
        raise EOFError

    monkeypatch.setattr("builtins.input", leave)
    assert status("walk", "fan-out", "--text") == 0
    assert asked == []
    sit(monkeypatch)
    assert status("walk", "fan-out", "--text") == 0
    assert len(asked) == 1


# ---- lessons and pictures --------------------------------------------------------------------------------------------


def test_lessons_are_listed_by_part() -> None:
    every = run("lessons")
    assert every.exit_code == 0
    assert "P01  Computational graphs and autodiff" in every.stdout.splitlines()
    assert "fan-out" in every.stdout
    some = run("lessons", "p04")
    assert "softmax-cross-entropy" in some.stdout
    assert "fan-out" not in some.stdout


def test_lessons_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("lessons", "P02", "--check")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1].endswith("lessons, 0 problems")
    monkeypatch.setattr("graphgrad.lessons.check", lambda lesson: [f"{lesson.id}.md:3: wrong"], raising=False)
    done = run("lessons", "P02", "--check")
    assert done.exit_code == 1
    assert "broadcast-gradient.md:3: wrong" in done.stdout


def test_a_part_without_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphgrad.lessons.catalogue", lambda: (), raising=False)
    assert run("lessons", "P05").stdout == "there is no lesson on P05 yet\n"


def test_a_lesson_as_text() -> None:
    done = run("walk", "fan-out")
    assert done.exit_code == 0
    assert "Used twice, added twice" in done.stdout
    assert "forward     b = a + a = 1 + 1 = 2" in done.stdout
    assert "step 3 of" in run("walk", "fan-out", "--step", "3").stdout
    found = from_json(run("walk", "fan-out", "--json").stdout)
    assert isinstance(found, Walk)
    assert found.end().gradient(found.graph.leaves[0].id) == 4.0


def test_a_lesson_with_all_its_operations(here: Path) -> None:
    code = parts.CODE.replace("gg.scalar(3.0)", "gg.tensor(3.0, requires_grad=True)")
    lesson = parts.text(code=code.replace("y = x * x", "r = gg.reshape(x, ())\ny = r * r"))
    (here / "small.md").write_text(lesson, encoding="utf-8")
    assert "r = reshape(x" not in run("walk", "small.md").stdout
    assert "r = reshape(x" in run("walk", "small.md", "--all-operations").stdout


def test_a_lesson_file_that_is_none(here: Path) -> None:
    (here / "mine.md").write_text("# not a lesson\n")
    done = run("walk", "mine.md")
    assert done.exit_code == 1
    assert "mine.md" in done.stderr


@pytest.mark.parametrize("suffix", ["svg", "html", "txt", "dot"])
def test_pictures(here: Path, suffix: str) -> None:
    done = run("render", "square.py", "-o", f"out.{suffix}", "--pass", "2", "--direction", "lr", "--", "a")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == ["args ['a']", f"out.{suffix}: square.py, pass 2 of 2"]
    assert "multiply" in (here / f"out.{suffix}").read_text() or "y" in (here / f"out.{suffix}").read_text()


def test_a_picture_of_a_step(here: Path) -> None:
    for step in ("0", "6"):
        assert run("render", "square.py", "-o", f"{step}.svg", "--step", step).exit_code == 0
    assert run("render", "square.py", "-o", "end.svg").exit_code == 0
    texts = [(here / f"{name}.svg").read_text() for name in ("0", "6", "end")]
    assert len(set(texts)) >= 2
    saved = run("render", "square.py", "-o", "copy.json", "--pass", "1")
    assert saved.exit_code == 0
    assert run("walk", "copy.json").exit_code == 0


@pytest.mark.usefixtures("here")
def test_a_picture_that_cant_be_written() -> None:
    done = run("render", "square.py", "-o", "absent/out.svg")
    assert done.exit_code == 1
    assert done.stderr == "absent/out.svg can't be written: there is no folder absent\n"
    assert "args" not in done.stdout, "a script doesn't run for a picture that nobody gets"


# ---- doctor ----------------------------------------------------------------------------------------------------------


def test_doctor() -> None:
    done = run("doctor")
    assert done.exit_code == 0
    titles = [line.split("  ")[0] for line in done.stdout.splitlines()]
    for title in ("graphgrad", "Python", "packages", "extras", "terminal", "Graphviz"):
        assert title in titles
    assert f"numpy {__import__('numpy').__version__}" in done.stdout


def test_doctor_says_which_engine_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("GRAPHGRAD_RENDERER", raising=False)
    here = ["builtin"]
    monkeypatch.setattr("graphgrad.render.graphviz.available", lambda: tuple(here))
    assert doctor.graphviz().startswith("our own layout draws; install Graphviz, or pip install graphgrad[embedded]")
    monkeypatch.setenv("GRAPHGRAD_RENDERER", "dot")
    assert doctor.graphviz().startswith("our own layout draws, as GRAPHGRAD_RENDERER=dot isn't there; install")
    here.append("pygraphviz")
    assert doctor.graphviz().startswith("pygraphviz draws, as GRAPHGRAD_RENDERER=dot isn't there")
    monkeypatch.delenv("GRAPHGRAD_RENDERER")
    here[1] = "dot"
    dot = tmp_path / "dot"
    dot.write_text("#!/bin/sh\necho 'dot - graphviz version 99' >&2\n")
    dot.chmod(0o755)
    found = f"dot: {dot}, dot - graphviz version 99"
    assert doctor.graphviz() == f"our own layout draws; GRAPHGRAD_RENDERER chooses another; {found}"
    monkeypatch.setenv("GRAPHGRAD_RENDERER", "dot")
    assert doctor.graphviz().startswith("dot draws")
    monkeypatch.setenv("GRAPHGRAD_RENDERER", "neato")
    assert "no engine is called 'neato'" in doctor.graphviz()
    monkeypatch.delenv("GRAPHGRAD_RENDERER")
    dot.write_text("#!/no/such/interpreter\n")
    assert "doesn't run" in doctor.graphviz()


def test_doctor_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "version_of", lambda name: None if name == "textual" else "1.0")
    assert dict(doctor.diagnosis())["missing"].startswith("textual")


def test_doctor_knows_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {name(one) for one in project["dependencies"]} == set(doctor.PACKAGES)
    developers = ("all", "dev", "oracle", "peers")
    extras = {key: ones for key, ones in project["optional-dependencies"].items() if key not in developers}
    assert {name(one) for ones in extras.values() for one in ones} == set(doctor.EXTRAS)


def name(requirement: str) -> str:
    return requirement.partition(">")[0].partition("[")[0]


def test_doctor_looks_at_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for name, value in {"COLUMNS": "70", "LINES": "20", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    assert doctor.terminal().startswith("70 by 20 characters, 256 colours")
    assert "at least 80 by 24" in doctor.terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "NO_COLOR" in doctor.terminal()
    for columns, lines, is_small in (("80", "24", False), ("200", "20", True), ("70", "50", True)):
        monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.setenv("LINES", lines)
        assert ("at least" in doctor.terminal()) is is_small
    monkeypatch.setenv("TERM", "dumb")
    assert doctor.terminal().startswith("dumb")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False, raising=False)
    assert doctor.terminal().startswith("none")


# ---- the reference ---------------------------------------------------------------------------------------------------


def test_ops_lists_every_operation() -> None:
    done = run("ops")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{len(gg.ops.TABLE)} operations")
    assert "∂x: 1 - out²" in done.stdout


def test_ops_shows_the_page_of_one() -> None:
    done = run("ops", "tanh")
    assert done.exit_code == 0
    assert done.stdout.startswith("gg.tanh(x)\n")
    assert "P03.04" in done.stdout
    done = run("ops", "tahn")
    assert done.exit_code == 2
    assert "did you mean" in done.stderr
    assert "tanh" in done.stderr
    assert "Traceback" not in done.stderr


def test_ops_writes_the_whole_reference(here: Path) -> None:
    assert run("ops", "--markdown", "-o", "ops.md").exit_code == 0
    assert (here / "ops.md").read_text().count("\n### ") == len(gg.ops.TABLE)
    assert run("ops", "--markdown").stdout.startswith("# Operations")
    assert run("ops", "-o", "ops.md").exit_code == 2
    assert run("ops", "tanh", "--markdown").exit_code == 2
    assert run("ops", "--markdown", "-o", "absent/ops.md").exit_code == 1
