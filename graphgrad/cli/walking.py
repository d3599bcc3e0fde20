"""``graphgrad walk`` and ``graphgrad render``."""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphgrad.cli.application import app
from graphgrad.cli.speaking import FAILED, complain, fail, is_terminal, misuse, on_screen, say, without_place

if TYPE_CHECKING:
    from graphgrad.lessons.lesson import Lesson
    from graphgrad.view.picture import Look
    from graphgrad.walk.script import Pass, ScriptRun
    from graphgrad.walk.steps import Granularity
    from graphgrad.walk.walk import Walk

__all__ = ["render", "walk"]

SCRIPTS = (".py", ".pyw", "")
"""What the names of scripts end in."""
ONLY_SCRIPTS = "only scripts take arguments"

Target = Annotated[
    str, typer.Argument(metavar="TARGET", help="A lesson's id, a Python script, or a saved graph or walk (.json).")
]
Arguments = Annotated[
    list[str] | None, typer.Argument(metavar="-- ARGUMENTS", help="The script's own arguments, after --.")
]
Number = Annotated[
    int | None,
    typer.Option(
        "--pass", help="Which backward pass, from 1, or from the end if negative. Default: the last, a lesson's first."
    ),
]


@app.command()
def walk(
    target: Target,
    arguments: Arguments = None,
    as_text: Annotated[bool, typer.Option("--text", help="Print every step.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the walk as JSON, which can be opened again.")] = False,
    step: Annotated[
        int | None, typer.Option(help="Print what is known after this step; 0 for before the first.")
    ] = None,
    number: Number = None,
    all_operations: Annotated[
        bool, typer.Option("--all-operations", help="Print reshaping and broadcasting too.")
    ] = False,
) -> None:
    """Walk through a computation, forward and backward, step by step.

    A script runs as it is, and every backward pass that it makes can be walked.
    """
    if as_text and as_json:
        misuse("choose one of --text and --json")
    found = find_target(target)
    granularity: Granularity = "operations" if all_operations else "concepts"
    if not isinstance(found, Path) and not as_json and step is None and number is None:
        if arguments:
            misuse(ONLY_SCRIPTS)
        take(found, as_text, granularity)
        return
    shown, failed = walked(found, arguments or [], number, quiet=as_json, listed=not as_json)
    check_step(shown, step)
    from graphgrad.render.state import state_json, state_lines
    from graphgrad.walk.file import to_json

    if as_json:
        print(to_json(shown) if step is None else state_json(shown, step))
    elif step is not None:
        for line in state_lines(shown, step):
            say(line)
    else:
        from graphgrad.render.text import Text

        show = None if as_text else on_screen("show")
        (show or Text().show)(shown, granularity=granularity)
    raise typer.Exit(FAILED if failed else 0)


@app.command()
def render(
    target: Target,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file; its suffix says what is written.")],
    arguments: Arguments = None,
    step: Annotated[
        int | None, typer.Option(help="Draw what is known after this step; 0 for before the first.")
    ] = None,
    number: Number = None,
    direction: Annotated[str, typer.Option(help="TB from top to bottom, LR from left to right.")] = "",
) -> None:
    """Write a picture (.svg .png .pdf), a page (.html), text (.txt), or data (.dot .json) of a computation."""
    from graphgrad.render import FORMATS
    from graphgrad.render import render as draw

    kind = suffix(output).removeprefix(".")
    if kind not in FORMATS:
        misuse(f"{output} ends in no known suffix", f"expected: {' '.join(f'.{one}' for one in FORMATS)}")
    if direction.upper() not in ("", "TB", "LR"):
        misuse(f"there is no direction {direction}", "expected: TB or LR")
    if not output.parent.is_dir():  # said before a script runs for an hour
        fail(f"{output} can't be written: there is no folder {output.parent}")
    shown, failed = walked(find_target(target), arguments or [], number, quiet=False, listed=False)
    check_step(shown, step)
    try:
        options: dict[str, Any] = {} if step is None else {"step": step - 1}
        draw(shown, output, look=look(direction.upper(), kind), **options)
    except OSError as error:
        fail(f"{output} can't be written: {error.strerror or error}")
    say(f"{output}: {shown.title}" if shown.title else str(output))
    raise typer.Exit(FAILED if failed else 0)


def look(direction: str, kind: str) -> Look | None:
    """How a picture is drawn, if it isn't as usual; a page can be moved about in, so it may be larger."""
    from graphgrad.view.picture import Look

    if not direction:
        return None
    return Look(direction="LR" if direction == "LR" else "TB", most=400 if kind == "html" else 150)


def check_step(shown: Walk, step: int | None) -> None:
    if step is not None and not 0 <= step <= len(shown.steps):
        misuse(f"there is no step {step}", f"steps: 0 to {len(shown.steps)}")


def find_target(target: str) -> Path | Lesson:
    """The file or the lesson that a target names; with a suggestion if there is none."""
    from graphgrad.lessons import LessonError, catalogue, open_lesson

    path = Path(target)
    expected = "expected: a lesson's id, a Python script, or a saved graph or walk (.json)"
    if os.path.isfile(path) and suffix(path) != ".md":
        if suffix(path) not in (*SCRIPTS, ".json"):
            misuse(f"{target} is no script and no saved walk, by its name", expected)
        return path
    try:
        return open_lesson(target)
    except LookupError:
        pass
    except LessonError as error:
        fail(without_place(error))
    folder = path.parent if os.path.isdir(path.parent) else Path()
    there = [one for one in folder.iterdir() if suffix(one) in (".py", ".json", ".md") and one.is_file()]
    names = {one.name: str(one) for one in there} | {info.id: info.id for info in catalogue()}
    near = [names[name] for name in difflib.get_close_matches(path.name, names, n=3)]
    what = "is a folder" if target and os.path.isdir(path) else "is no file and no lesson"
    misuse(f"{target or repr(target)} {what}", expected, *([f"did you mean {' or '.join(near)}?"] if near else []))


def suffix(path: Path) -> str:
    return path.suffix.lower()


def take(lesson: Lesson, as_text: bool, granularity: Granularity) -> None:
    """Take a lesson, on the screen or in text; its questions are put to whoever sits there, if anybody does."""
    from graphgrad.graph.errors import GraphgradError
    from graphgrad.lessons import Session, run_text

    on = None if as_text else on_screen("take")
    try:
        if on is not None:
            on(lesson)
        else:
            run_text(Session(lesson, granularity), read=input if is_terminal() else None, write=say)
    except GraphgradError as error:
        fail(without_place(error))
    except (EOFError, KeyboardInterrupt):
        say("")


def walked(
    found: Path | Lesson, arguments: list[str], number: int | None, quiet: bool, listed: bool
) -> tuple[Walk, bool]:
    """The walk of a target, and whether something failed on the way.

    Parameters
    ----------
    number
        Which pass.
    quiet, listed
        Whether a script's output goes to the other stream, and whether its passes are listed.
    """
    if not isinstance(found, Path) or suffix(found) == ".json":
        if arguments:
            misuse(ONLY_SCRIPTS)
        return (open_saved(found, number) if isinstance(found, Path) else walk_of_lesson(found, number)), False
    run = run_script(found, arguments, number, quiet)
    shown = walk_of_script(run, number)
    if listed:
        for line in index(run.passes):
            say(line)
    return shown, run.exit_code != 0


def open_saved(path: Path, number: int | None) -> Walk:
    """The walk in a file; a graph is walked."""
    from graphgrad.graph.errors import GraphgradError
    from graphgrad.walk.file import load
    from graphgrad.walk.trace import trace
    from graphgrad.walk.walk import Walk

    if number is not None:
        misuse("a file holds one pass; --pass is for scripts and lessons")
    try:
        found = load(path)
        if isinstance(found, Walk):
            return found
        ends = [found.vertices[output.vertex].shapes[output.port] for output in found.outputs]
        # Where several numbers come out, nobody said what gradient to start with.
        return trace(found, title=path.name, backward=ends == [()])
    except (GraphgradError, OSError) as error:
        fail(f"{path}: {without_place(error)}")


def walk_of_lesson(lesson: Lesson, number: int | None) -> Walk:
    from graphgrad.graph.errors import GraphgradError
    from graphgrad.lessons import Session

    try:
        passes = Session(lesson).run.passes
    except GraphgradError as error:
        fail(without_place(error))
    check_pass(number, len(passes))
    return passes[0 if number is None else number - 1 if number > 0 else number]


def run_script(path: Path, arguments: list[str], number: int | None, quiet: bool) -> ScriptRun:
    """Run a script, with its output on the other stream if ours is for a program."""
    from graphgrad.walk.script import record_script

    with aside() if quiet else contextlib.nullcontext():
        run = record_script(path, arguments, () if number is None else (number,))
    if run.error is not None:
        complain(run.error.traceback)
    return run


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """Send what is printed to the other stream, and what child processes and libraries in C print too."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def walk_of_script(run: ScriptRun, number: int | None) -> Walk:
    from graphgrad.graph.errors import GraphgradError

    check_pass(number, len(run.passes), has_failed=run.exit_code != 0)
    try:
        return run.walk(number)
    except GraphgradError as error:
        fail(without_place(error))


def check_pass(number: int | None, count: int, has_failed: bool = False) -> None:
    """End if there is no such pass; the script is to blame if it failed before it came to it."""
    if number is None or 0 < abs(number) <= count:
        return
    what, there = f"there is no pass {number}", "there is 1" if count == 1 else f"there are {count or 'none'}"
    if has_failed and number:
        fail(f"graphgrad: {what}\n  {there}: the script ended before")
    misuse(what, there)


def index(passes: list[Pass], most: int = 12) -> Iterator[str]:
    """The passes that a script made: all, or the first and the last ones and those with a loss that isn't finite."""
    if len(passes) < 2:
        return
    half = most // 2
    strange = [one for one in passes[half:-half] if one.loss is not None and one.loss - one.loss != 0.0]
    shown = passes if len(passes) <= most else [*passes[:half], *strange[:half], *passes[-half:]]
    yield f"{len(passes)} backward passes; --pass N shows another"
    before = 0
    for one in shown:
        if one.number > before + 1:
            yield "  ..."
        before = one.number
        loss = "" if one.loss is None else f"loss {one.loss:<12.6g}"
        line = "" if one.site is None else f"line {one.site.line}"
        yield f"  pass {one.number:<6} {loss:<18}{line:<12}{one.nodes} operation{'s' * (one.nodes != 1)}"
    yield ""
