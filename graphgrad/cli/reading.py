"""What can be read: ``graphgrad lessons``, ``ops``, ``doctor``."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from graphgrad.cli.application import app
from graphgrad.cli.speaking import FAILED, complain, fail, misuse, say, without_place

__all__ = ["doctor", "lessons", "ops"]


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
