"""Opening scripts and saved walks. A script runs in a process of its own: its code never runs in that of the UI."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

from graphgrad.graph.errors import GraphgradError, describe
from graphgrad.view.text import clean
from graphgrad.walk.file import from_json, load
from graphgrad.walk.trace import trace
from graphgrad.walk.walk import Walk
from graphgrad_tui.state import Recent

__all__ = ["OpenError", "open_walk"]

_SHOWN_LINES = 12
_SHOWN_BYTES = 16_384


class OpenError(GraphgradError):
    """A script or a file that gave no walk."""


async def open_walk(recent: Recent) -> Walk:
    """The walk of a script, or the one that was saved in a file.

    Raises
    ------
    OpenError
        If there is no such file, it holds no walk, or the script failed before there was anything to walk.
    """
    path = os.path.expanduser(recent.path)
    if not os.path.isfile(path):
        raise OpenError(f"there is no file {clean(recent.path)}")
    if path.endswith(".json"):
        return await asyncio.to_thread(_saved, path)
    if not path.endswith(".py"):
        raise OpenError("a script ends in .py, a saved walk in .json")
    return await _run(path, recent.arguments)


def _saved(path: str) -> Walk:
    try:
        found = load(path)
        if isinstance(found, Walk):
            return found
        shapes = [found.vertices[output.vertex].shapes[output.port] for output in found.outputs]
        # Where several numbers come out, nobody said what gradient to start with.
        return trace(found, title=os.path.basename(path), backward=shapes == [()])
    except (GraphgradError, OSError) as error:
        raise OpenError(str(error)) from error


async def _run(path: str, arguments: tuple[str, ...]) -> Walk:
    """Run a script under ``graphgrad walk --json``, which writes its walk."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # a random.py in this folder is not to stand in for Python's own
        "-m",
        "graphgrad",
        "walk",
        path,
        "--json",
        *(("--", *arguments) if arguments else ()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # with what it starts it can be stopped at once; and the terminal is none of its own
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        written, said = await asyncio.gather(process.stdout.read(), _tail(process.stderr))
        await process.wait()
    except asyncio.CancelledError:
        _kill(process)
        await process.wait()
        raise
    if written.strip():
        try:
            found = await asyncio.to_thread(from_json, written)
        except GraphgradError as error:
            raise OpenError(str(error)) from error
        if isinstance(found, Walk):
            return found
    lines = said.decode("utf-8", "replace").strip().splitlines()[-_SHOWN_LINES:]
    raise OpenError(describe(f"{clean(os.path.basename(path))} gave nothing to walk", *(clean(line) for line in lines)))


async def _tail(stream: asyncio.StreamReader) -> bytes:
    """The last of what comes, however much it is."""
    said = b""
    while chunk := await stream.read(_SHOWN_BYTES):
        said = (said + chunk)[-_SHOWN_BYTES:]
    return said


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
