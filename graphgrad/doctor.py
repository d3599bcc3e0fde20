"""What graphgrad finds on a machine: ``graphgrad doctor``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["diagnosis"]

PACKAGES = ("numpy", "scipy", "numba", "networkx", "graphviz", "textual", "safetensors", "resvg-py", "fpdf2")
EXTRAS = ("pygraphviz", "matplotlib", "scikit-learn", "onnx", "textual-serve")


def diagnosis() -> Iterator[tuple[str, str]]:
    """What matters about this machine, each with a title."""
    import platform

    from graphgrad import __version__

    yield "graphgrad", __version__
    yield "Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield "packages", ", ".join(f"{name} {found}" for name in PACKAGES if (found := version_of(name)))
    missing = [name for name in PACKAGES if not version_of(name)]
    if missing:
        yield "missing", f"{', '.join(missing)}: install them with pip"
    yield "extras", ", ".join(f"{name} {version_of(name) or 'not installed'}" for name in EXTRAS)
    yield "terminal", terminal()
    yield "Graphviz", graphviz()
    yield "numba cache", numba_cache()


def version_of(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def terminal() -> str:
    """Size, colours and encoding."""
    import shutil

    encoding = sys.stdout.encoding or "unknown"
    if not sys.stdout.isatty():
        return f"none: output goes to a file or a pipe, as text in {encoding}"
    size = shutil.get_terminal_size()
    kind = os.environ.get("TERM", "")
    if os.environ.get("NO_COLOR"):
        colours = "no colours, as NO_COLOR asks"
    elif os.environ.get("COLORTERM") in ("truecolor", "24bit"):
        colours = "16 million colours"
    else:
        colours = "256 colours" if "256" in kind else "few colours"
    small = "; at least 80 by 24 is needed" if size < (80, 24) else ""
    return f"{size.columns} by {size.lines} characters, {colours}, {encoding}{small}"


def graphviz() -> str:
    """Which engine draws, and how to get another."""
    import shutil
    import subprocess

    from graphgrad.render.graphviz import VARIABLE, available, choose

    try:
        used: str = choose(None)
    except ValueError as error:
        return str(error).splitlines()[0].replace("\n", ";")
    there = []
    dot = shutil.which("dot")
    if dot is not None:
        try:
            done = subprocess.run([dot, "-V"], capture_output=True, text=True, timeout=10, check=False)
            there.append(f"dot: {dot}, {(done.stderr or done.stdout).strip()}")
        except (OSError, subprocess.TimeoutExpired) as error:
            there.append(f"dot: {dot} doesn't run ({error}); reinstall Graphviz")
    if "pygraphviz" in available():
        there.append(f"pygraphviz: {version_of('pygraphviz')}")
    choice = f"; {VARIABLE} chooses another" if there else ""
    found = "; ".join(there) or "install Graphviz, or pip install graphgrad[embedded], for another"
    return f"{'our own layout' if used == 'builtin' else used} draws{choice}; {found}"


def numba_cache() -> str:
    """Where compiled kernels are kept, and whether they can be."""
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).parent)
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if os.access(there, os.W_OK):
        return f"{folder}, writable"
    return f"{folder} can't be written to: kernels are compiled anew in every process; set NUMBA_CACHE_DIR"
