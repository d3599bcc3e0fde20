"""What the commands say, and how they end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import typer

__all__ = ["FAILED", "MISUSED", "complain", "fail", "is_terminal", "misuse", "on_screen", "say", "without_place"]

FAILED = 1
MISUSED = 2


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


# ---- the terminal ---------------------------------------------------------------------------------------------------


def is_terminal() -> bool:
    """Whether somebody sits at a terminal, one that can be drawn on."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def on_screen(does: str) -> Callable[..., Any] | None:
    """What the terminal UI does under a name; None if there is no terminal, or no such UI."""
    from graphgrad.walk.visualizers import find_visualizer, visualizers

    if not is_terminal() or "tui" not in visualizers():
        return None
    return getattr(find_visualizer("tui")(), does, None)
