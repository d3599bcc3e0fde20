"""The application that the commands belong to."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from graphgrad.cli.speaking import FAILED, on_screen, say

__all__ = ["app", "main"]

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
