"""The command line: ``graphgrad walk``, ``render``, ``lessons``, ``ops``, ``doctor``, and the terminal UI without any.

Everything works without a terminal too, for pipes, continuous integration and screen readers. Exit status: 0 done, 1
the user's script or data failed, or the output can't be written, 2 wrong usage. What a command needs is imported when
it runs, so that help is quick.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from graphgrad.lessons.lesson import Lesson
    from graphgrad.view.picture import Look
    from graphgrad.walk.script import Pass, ScriptRun
    from graphgrad.walk.steps import Granularity
    from graphgrad.walk.walk import Walk

__all__ = ["app", "main"]

FAILED = 1
MISUSED = 2

SCRIPTS = (".py", ".pyw", "")
"""What the names of scripts end in."""
ONLY_SCRIPTS = "only scripts take arguments"

app = typer.Typer(
    name="graphgrad",
    help="See how deep learning computes: every value, every gradient, step by step.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line."""
    nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open as long as the process is there
    # A stream that whoever started this process has closed isn't there at all.
    sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except OSError as error:  # such as a full disk; a pipe that is closed early has ended quietly by now
        print(f"graphgrad: {error}", file=sys.stderr)
        sys.stdout = nowhere  # so that nothing is tried again on the way out
        sys.exit(FAILED)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Set out from here."""
    if version:
        from graphgrad import __version__

        say(f"graphgrad {__version__}")
    elif context.invoked_subcommand is None:
        home = on_screen("home")
        if home is None:
            say(context.get_help())
        else:
            home()


# ---- walk ------------------------------------------------------------------------------------------------------------

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


def is_terminal() -> bool:
    """Whether somebody sits at a terminal, one that can be drawn on."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def on_screen(does: str) -> Callable[..., Any] | None:
    """What the terminal UI does under a name; None if there is no terminal, or no such UI."""
    from graphgrad.walk.visualizers import find_visualizer, visualizers

    if not is_terminal() or "tui" not in visualizers():
        return None
    return getattr(find_visualizer("tui")(), does, None)


# ---- lessons ---------------------------------------------------------------------------------------------------------


@app.command()
def lessons(
    part: Annotated[str, typer.Argument(help="A part of the curriculum, such as P01.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Say what is wrong with them.")] = False,
) -> None:
    """List the lessons. `graphgrad walk ID` takes one."""
    from graphgrad.lessons import catalogue, curriculum, open_lesson
    from graphgrad.lessons import check as problems_of

    if part:
        try:
            part = curriculum.part(part.upper()).id
        except curriculum.UnknownIdError as error:
            misuse(str(error))
    found = [info for info in catalogue() if part in ("", info.part)]
    width = max((len(info.id) for info in found), default=0)
    heading = ""
    for info in found:
        if info.part != heading:
            heading = info.part
            say(f"{heading}  {curriculum.part(heading).name}")
        say(f"  {info.id:<{width}}  {info.title}, {info.minutes} min")
    if not found:
        say(f"there is no lesson on {part} yet")
    wrong = [problem for info in found for problem in problems_of(open_lesson(info.id))] if check else []
    for problem in wrong:
        say(str(problem))
    if check:
        say(f"{len(found)} lessons, {len(wrong)} problem{'' if len(wrong) == 1 else 's'}")
    raise typer.Exit(FAILED if wrong else 0)


# ---- the reference ---------------------------------------------------------------------------------------------------


@app.command()
def ops(
    name: Annotated[str, typer.Argument(help="An operation, such as tanh.")] = "",
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Write the whole reference as Markdown.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file, with --markdown.")] = None,
) -> None:
    """List every operation with formula and derivative, or show the page of one."""
    from graphgrad.files import write
    from graphgrad.lessons import curriculum
    from graphgrad.ops import find
    from graphgrad.render.reference import markdown, page_lines, table_lines

    def title(id: str) -> str:
        return curriculum.item(id).name

    if output is not None and not as_markdown:
        misuse("--output is for --markdown")
    if as_markdown and name:
        misuse("--markdown writes the whole reference, not the page of one operation")
    width = max(shutil.get_terminal_size((120, 24)).columns, 60)
    if as_markdown:
        lines: Iterator[str] = markdown(title)
    elif name:
        try:
            lines = page_lines(find(name), title, width)
        except LookupError as error:
            misuse(without_place(error))
    else:
        lines = table_lines(width)
    if output is None:
        for line in lines:
            say(line)
        return
    try:
        write(output, "\n".join([*lines, ""]).encode())
    except OSError as error:
        fail(f"{output} can't be written: {error.strerror or error}")
    say(str(output))


# ---- doctor ----------------------------------------------------------------------------------------------------------


@app.command()
def doctor(
    warm: Annotated[bool, typer.Option("--warm", help="Compile all kernels now, so that nobody waits later.")] = False,
) -> None:
    """Say what graphgrad finds on this machine, and what it will use."""
    from graphgrad.doctor import diagnosis, warm_kernels

    for title, found in diagnosis():
        say(f"{title:<13}{found}")
    if warm and not warm_kernels(say, complain):
        raise typer.Exit(FAILED)


# ---- what everything is said with ------------------------------------------------------------------------------------


def say(text: str, to: Any = None) -> None:
    """Print text that may have come from anybody, on a stream of any encoding."""
    from graphgrad.view.text import clean, to_ascii

    stream = to or sys.stdout
    for line in text.split("\n"):
        line = clean(line)
        try:
            line.encode(stream.encoding or "ascii")
        except UnicodeEncodeError:
            line = to_ascii(line)
        print(line, file=stream)


def complain(text: str) -> None:
    """Print on the stream of errors."""
    sys.stdout.flush()
    say(text.rstrip("\n"), sys.stderr)


def fail(text: str) -> NoReturn:
    """End because the user's script or data failed."""
    complain(text)
    raise typer.Exit(FAILED)


def without_place(error: Exception) -> str:
    """What an error says, but for the line that called: here that is the command's own."""
    return "\n".join(line for line in str(error).split("\n") if not line.startswith("  at: "))


def misuse(what: str, *details: str) -> NoReturn:
    """End because the command was used wrongly."""
    complain("\n".join([f"graphgrad: {what}", *(f"  {detail}" for detail in details)]))
    raise typer.Exit(MISUSED)
