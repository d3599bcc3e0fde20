"""Graphviz, where there is one: the system's ``dot``, or the one inside the pygraphviz package.

Either runs in a process of its own, with a time limit and with the package's font; what it has to say on its standard
error reaches no screen. Where neither is to be had, or it fails, the caller draws with the built-in layout.
"""

from __future__ import annotations

import difflib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

from graphgrad.graph.errors import describe
from graphgrad.render.fonts import REGULAR

__all__ = ["ENGINES", "VARIABLE", "Engine", "available", "choose", "draw"]

Engine = Literal["builtin", "dot", "pygraphviz"]
ENGINES: tuple[Engine, ...] = ("builtin", "dot", "pygraphviz")
VARIABLE = "GRAPHGRAD_RENDERER"
"""The environment variable that says which engine draws where the call doesn't."""

SECONDS = 20.0
MOST = 1_500
"""The most boxes that Graphviz is asked to lay out: beyond, its time grows out of hand."""


def choose(engine: str | None) -> Engine:
    """The engine that was asked for: by the call, else by the environment, else the built-in one.

    Raises
    ------
    ValueError
        If there is no such engine.
    """
    asked = engine if engine is not None else os.environ.get(VARIABLE, "") or "builtin"
    if asked in ENGINES:
        return asked
    near = difflib.get_close_matches(str(asked), ENGINES, n=1)
    raise ValueError(
        describe(
            f"render: no engine is called {asked!r}",
            f"expected: {', '.join(ENGINES)}",
            "got: " + ("the argument engine" if engine is not None else f"the environment variable {VARIABLE}"),
            hint=f"did you mean {near[0]!r}?" if near else "",
        )
    )


def available() -> tuple[Engine, ...]:
    """The engines that this machine has, the preferred one first after the built-in one."""
    found: list[Engine] = ["builtin"]
    if shutil.which("dot") is not None:
        found.append("dot")
    if importlib.util.find_spec("pygraphviz") is not None:
        found.append("pygraphviz")
    return tuple(found)


def draw(dot: str, kind: Literal["svg", "pdf"], engine: Engine, boxes: int, seconds: float = SECONDS) -> bytes | None:
    """Let Graphviz draw a graph.

    Parameters
    ----------
    dot
        The graph in DOT.
    kind
        What to draw.
    engine
        ``"dot"``: the system's Graphviz, else that of pygraphviz; ``"pygraphviz"``: only the latter.
    boxes
        How many boxes there are.
    seconds
        How long it may take.

    Returns
    -------
    bytes or None
        The file; None, after a warning that says why, if no Graphviz could draw it.
    """
    if boxes > MOST:
        _warn(f"{boxes:,} boxes are more than the {MOST:,} that Graphviz is asked to lay out")
        return None
    here = available()
    engines = [one for one in ("dot", "pygraphviz") if one in here and one in (engine, "pygraphviz")]
    if not engines:
        _warn("Graphviz isn't installed: `pip install graphgrad[embedded]` brings one")
        return None
    reason = ""
    for one in engines:
        done = _run(_command(one, kind), dot, seconds)
        if isinstance(done, bytes):
            return done
        reason = f"{one} {done}"
    _warn(reason)
    return None


def _warn(reason: str) -> None:
    warnings.warn(f"render: {reason}; the built-in layout drew the picture instead", RuntimeWarning, stacklevel=2)


def _command(engine: str, kind: str) -> list[str]:
    if engine == "dot":
        from graphviz.backend import dot_command

        return [str(part) for part in dot_command.command("dot", kind)]
    return [sys.executable, "-m", "graphgrad.render.embedded", kind]


def _run(command: list[str], dot: str, seconds: float) -> bytes | str:
    """What a command writes, or in words why it failed."""
    with _fonts() as environment:
        try:
            done = subprocess.run(
                command, input=dot.encode(), capture_output=True, timeout=seconds, env=environment, check=False
            )
        except subprocess.TimeoutExpired:
            return f"took longer than {seconds:g} seconds"
        except OSError as error:
            return f"can't be run: {error.strerror}"
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return f"failed: {said[-1] if said else f'exit code {done.returncode}'}"
    return done.stdout or "wrote nothing"


@contextmanager
def _fonts() -> Iterator[dict[str, str]]:
    """An environment in which Graphviz finds the package's font, and no other, whatever the machine has."""
    with tempfile.TemporaryDirectory(prefix="graphgrad-") as folder:
        # A copy, since some versions of fontconfig leave a file of their own in every folder that they read.
        shutil.copyfile(REGULAR, Path(folder) / REGULAR.name)
        file = Path(folder) / "fonts.conf"
        places = f"<dir>{escape(folder)}</dir><cachedir>{escape(folder)}</cachedir>"
        file.write_text(f'<?xml version="1.0"?><fontconfig>{places}</fontconfig>', encoding="utf-8")
        yield {**os.environ, "FONTCONFIG_FILE": str(file)}
