"""The command line: ``graphgrad walk``, ``render``, ``run``, ``lessons``, ``ops``, ``doctor``, or the terminal UI.

Everything works without a terminal too, for pipes, continuous integration and screen readers. Exit status: 0 done, 1
the user's script or data failed, or the output can't be written, 2 wrong usage, 130 stopped by ^C. What a command needs
is imported when it runs, so that help is quick.
"""

from __future__ import annotations

# Each adds its commands, and the help lists them in this order.
# isort: off
from graphgrad.cli import walking  # noqa: F401
from graphgrad.cli import running  # noqa: F401
from graphgrad.cli import reading  # noqa: F401

# isort: on
from graphgrad.cli.application import app, main

__all__ = ["app", "main"]
