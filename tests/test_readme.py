"""The README cannot lie: what it shows is run, word for word.

- A `python` block runs as a script of its own; with `>>>` prompts it is a doctest, answers included. After
  `<!-- file: NAME -->` it is also the file of that name, which the commands find.
- In a `sh`, `bash` or `console` block every command runs, one after another in one folder; in a `console` block the
  lines that follow a `$ command` are its output and must be right (`...` stands for any text, as in a doctest).
- A block after `<!-- not run: reason -->` is only checked for syntax. The blocks after `<!-- ci: walk -->` and
  `<!-- ci: test -->` are the two set-up lines; `.ci/run` runs them.

Commands run in a folder of their own, which holds the checkout's `examples/` and those files; they find the commands
that pyproject.toml declares.
"""

import ast
import doctest
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"

PYTHON = {"python", "py", "pycon"}
SHELL = {"sh", "bash", "shell", "console"}

COMMENT = re.compile(r"\s*<!--\s*(.*?)\s*-->\s*")
FENCE = re.compile(r"(?P<indent>\s*)(?P<fence>`{3,}|~{3,})\s*(?P<language>[\w+-]*)[^`]*")


# --- taking blocks out -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the line where the fence opens, and the comment right above it."""

    language: str
    text: str
    line: int
    note: str = ""

    def __str__(self) -> str:
        return f"line {self.line}"

    @property
    def is_set_up(self) -> bool:
        return self.note in ("ci: walk", "ci: test")

    @property
    def file_name(self) -> str | None:
        """The file that the reader makes of the block."""
        return self.note.removeprefix("file:").strip() if self.note.startswith("file:") else None

    @property
    def is_run(self) -> bool:
        return not self.is_set_up and not self.note.startswith("not run")


def blocks_of(markdown: str) -> list[Block]:
    """The fenced blocks of a Markdown text; an indented block (in a list) loses its indentation."""
    blocks: list[Block] = []
    note = ""
    lines = iter(enumerate(markdown.splitlines(), start=1))
    for number, line in lines:
        if opening := FENCE.fullmatch(line):
            fence, body = opening["fence"], []
            for _, inner in lines:
                if inner.strip().startswith(fence) and not inner.strip().strip(fence[0]):
                    break
                body.append(inner)
            else:
                raise ValueError(f"the block that opens in line {number} is never closed")
            text = textwrap.dedent("\n".join(body))
            blocks.append(Block(opening["language"].lower(), text, number, note))
            note = ""
        elif comment := COMMENT.fullmatch(line):
            note = comment[1]
        elif line.strip():
            note = ""
    return blocks


@dataclass(frozen=True)
class Command:
    """One shell command, and the output that the README shows for it; None where it shows none."""

    line: str
    output: str | None = None


def commands_of(block: Block) -> list[Command]:
    """The commands of a shell block: the lines with a `$ ` prompt, or every line if none has one."""
    lines = block.text.splitlines()
    prompted = any(line.startswith("$ ") for line in lines)
    commands: list[tuple[str, list[str]]] = []
    continued = False
    for line in lines:
        starts = line.startswith("$ ") if prompted else bool(line.strip()) and not line.startswith("#")
        if continued:
            head, output = commands[-1]
            commands[-1] = (f"{head}\n{line.removeprefix('> ')}", output)
        elif starts:
            commands.append((line.removeprefix("$ ") if prompted else line, []))
        elif prompted and commands:
            commands[-1][1].append(line)
        continued = (continued or starts) and line.endswith("\\")
    return [Command(line, "\n".join(output).strip() or None) for line, output in commands]


def links_of(markdown: str) -> list[str]:
    """The targets of links and pictures that are files of the repository."""
    prose = re.sub(r"^\s*(`{3,}|~{3,}).*?^\s*\1\s*$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(\s*<?([^)\s>]+)", prose) + re.findall(r"(?:src|href|srcset)=\"([^\"\s]+)\"", prose)
    return [target.partition("#")[0] for target in targets if not re.match(r"[a-z][a-z0-9+.-]*:|#", target)]


# --- the README ------------------------------------------------------------------------------------------------------

TEXT = README.read_text(encoding="utf-8") if README.is_file() else ""
BLOCKS = blocks_of(TEXT)
PYTHON_BLOCKS = [block for block in BLOCKS if block.language in PYTHON]
SHELL_BLOCKS = [block for block in BLOCKS if block.language in SHELL]


def test_there_is_a_readme() -> None:
    assert README.is_file(), f"{README} is missing: it is the project's first page, and holds the two set-up lines"
    assert [block for block in PYTHON_BLOCKS if block.is_run], "README.md shows no Python that is run"


@pytest.mark.parametrize("note", ["ci: walk", "ci: test"])
def test_each_set_up_line_stands_there_once(note: str) -> None:
    blocks = [block for block in BLOCKS if block.note == note]
    assert len(blocks) == 1, f"README.md must have one block that directly follows <!-- {note} -->, not {len(blocks)}"
    assert blocks[0].language in SHELL
    assert len(commands_of(blocks[0])) == 1


def test_every_block_names_its_language() -> None:
    assert [f"{block}" for block in BLOCKS if not block.language] == []


def test_what_is_not_run_says_why() -> None:
    unexplained = [f"{b}: <!-- {b.note} -->" for b in BLOCKS if re.fullmatch(r"not run\W*", b.note)]
    assert unexplained == []
    unknown = [f"{b}: <!-- {b.note} -->" for b in BLOCKS if b.note.startswith("ci") and not b.is_set_up]
    assert unknown == []


def test_python_that_is_not_run_is_python() -> None:
    for block in PYTHON_BLOCKS:
        if not block.is_run and ">>>" not in block.text:
            ast.parse("\n" * block.line + block.text, filename="README.md")


def test_every_link_leads_somewhere() -> None:
    assert [target for target in links_of(TEXT) if not (ROOT / target).exists()] == []


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with a copy of examples/ and the reader's own files, in which a reader could be standing."""
    folder = tmp_path / "workplace"
    folder.mkdir()
    for block in BLOCKS:
        if name := block.file_name:
            (folder / name).write_text(block.text + "\n", encoding="utf-8")
    if (ROOT / "examples").is_dir():
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def environment_with_commands(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment in which the project's commands run from this checkout, whatever is installed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    for name, target in scripts.items():
        module, _, function = target.partition(":")
        script = f"#!{sys.executable}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
        (folder / name).write_text(script, encoding="utf-8")
        (folder / name).chmod(0o755)
    path = f"{folder}:{Path(sys.executable).parent}:{environment['PATH']}"
    return environment | {"PATH": path}


def run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Both streams of a command that must succeed, as one text."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    if done.returncode != 0:
        pytest.fail(f"exit status {done.returncode} of {command[-1]}\n{done.stdout}", pytrace=False)
    return done.stdout


def run_python_block(block: Block, folder: Path, environment: dict[str, str]) -> None:
    if ">>>" in block.text:
        (folder / "block.txt").write_text(block.text + "\n", encoding="utf-8")
        run([sys.executable, "-m", "doctest", "-o", "ELLIPSIS", "block.txt"], folder, environment)
    else:
        # As many empty lines as stand above it: a traceback then names the line of the README.
        (folder / "README.md.py").write_text("\n" * block.line + block.text + "\n", encoding="utf-8")
        run([sys.executable, "README.md.py"], folder, environment)


def run_shell_block(block: Block, folder: Path, environment: dict[str, str]) -> None:
    for command in commands_of(block):
        got = run(["bash", "-euo", "pipefail", "-c", command.line], folder, environment)
        if command.output is None:
            continue
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        if not doctest.OutputChecker().check_output(command.output + "\n", got.strip() + "\n", flags):
            pytest.fail(f"$ {command.line}\nREADME.md shows:\n{command.output}\nit prints:\n{got}", pytrace=False)


@pytest.mark.parametrize("block", [b for b in PYTHON_BLOCKS if b.is_run], ids=str)
def test_python_runs(block: Block, workplace: Path, environment: dict[str, str]) -> None:
    run_python_block(block, workplace, environment)


@pytest.mark.parametrize("block", [b for b in SHELL_BLOCKS if b.is_run], ids=str)
def test_commands_run(block: Block, workplace: Path, environment_with_commands: dict[str, str]) -> None:
    run_shell_block(block, workplace, environment_with_commands)


# --- the machinery sees what it should -------------------------------------------------------------------------------

SAMPLE = """\
# Title

<!-- ci: walk -->
```sh
first && second
```

<!-- not run: opens a window -->

```python
show()
```
Words. <!-- not run: not right above a block -->

```python
a = 1

b = 2
```

1. In a list:

   ~~~Console
   $ ls
   ```
   ~~~

````text
```python
not_a_block()
```
````
"""


def test_blocks_are_taken_out() -> None:
    assert blocks_of(SAMPLE) == [
        Block("sh", "first && second", 4, "ci: walk"),
        Block("python", "show()", 10, "not run: opens a window"),
        Block("python", "a = 1\n\nb = 2", 15),
        Block("console", "$ ls\n```", 23),
        Block("text", "```python\nnot_a_block()\n```", 28),
    ]
    assert [block.is_run for block in blocks_of(SAMPLE)] == [False, False, True, True, True]
    assert [block.is_set_up for block in blocks_of(SAMPLE)] == [True, False, False, False, False]


def test_words_between_a_note_and_a_block_part_them() -> None:
    (block,) = blocks_of("<!-- not run: reason -->\nWords.\n```python\na\n```\n")
    assert block.is_run


def test_a_note_holds_for_one_block() -> None:
    first, second = blocks_of("<!-- not run: reason -->\n```python\na\n```\n```python\nb\n```\n")
    assert (first.is_run, second.is_run) == (False, True)


def test_a_block_can_be_a_file() -> None:
    named, other = blocks_of("<!-- file: a.py -->\n```python\na\n```\n```python\nb\n```\n")
    assert (named.file_name, named.is_run, other.file_name) == ("a.py", True, None)


def test_an_open_block_is_refused() -> None:
    with pytest.raises(ValueError, match="opens in line 2 is never closed"):
        blocks_of("\n```python\na = 1\n")


def test_commands_without_prompts() -> None:
    block = Block("sh", "# first look\nls -l\n\ngraphgrad render a.py \\\n  -o a.svg\n", 1)
    assert commands_of(block) == [Command("ls -l"), Command("graphgrad render a.py \\\n  -o a.svg")]


def test_commands_with_prompts_and_output() -> None:
    block = Block("console", "$ echo a\na\n\n$ true\n$ echo \\\n> b c\nb c\n", 1)
    assert commands_of(block) == [Command("echo a", "a"), Command("true"), Command("echo \\\nb c", "b c")]


def test_links_are_taken_out() -> None:
    text = (
        '[a](docs/a.md#part) ![p](<pic.png>) <img src="b.svg"> [w](https://x.org) [h](#here)\n```\n[no](no.md)\n```\n'
    )
    assert links_of(text) == ["docs/a.md", "pic.png", "b.svg"]


@pytest.mark.parametrize("text", ["x = 1\nassert x == 2", ">>> 1 + 1\n3", "import graphgrad.no_such_room"])
def test_a_python_block_that_lies_is_seen(text: str, tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(pytest.fail.Exception, match="exit status 1"):
        run_python_block(Block("python", text, 7), tmp_path, environment)


def test_a_traceback_names_the_line_of_the_readme(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(pytest.fail.Exception, match=r'README\.md\.py", line 9'):
        run_python_block(Block("python", "x = 1\nx / 0", 7), tmp_path, environment)


@pytest.mark.parametrize("text", ["x = 1\nassert x == 1", ">>> 1 + 1\n2\n>>> print('abc')\na...c"])
def test_a_python_block_that_is_right_passes(text: str, tmp_path: Path, environment: dict[str, str]) -> None:
    run_python_block(Block("python", text, 7), tmp_path, environment)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("true\nfalse\ntrue", "exit status 1 of false"),
        ("false | true", "exit status 1"),
        ("$ no-such-command", "exit status 127"),
        ("$ echo one\ntwo", "it prints:\none"),
    ],
)
def test_a_shell_block_that_lies_is_seen(
    text: str, complaint: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    with pytest.raises(pytest.fail.Exception, match=re.escape(complaint)):
        run_shell_block(Block("sh", text, 1), tmp_path, environment)


def test_a_shell_block_that_is_right_passes(tmp_path: Path, environment: dict[str, str]) -> None:
    block = Block("console", "$ echo one > file\n$ cat file; echo 2.5 s\none\n... s", 1)
    run_shell_block(block, tmp_path, environment)


def test_the_commands_of_the_project_are_found(environment_with_commands: dict[str, str], tmp_path: Path) -> None:
    found: Any = shutil.which("graphgrad", path=environment_with_commands["PATH"])
    assert Path(found).is_relative_to(tmp_path)
