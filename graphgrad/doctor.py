"""What graphgrad finds on a machine: ``graphgrad doctor``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

__all__ = ["diagnosis"]

PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "networkx",
    "opt_einsum",
    "threadpoolctl",
    "safetensors",
    "graphviz",
    "resvg-py",
    "fpdf2",
    "textual",
    "typer",
)
"""What graphgrad needs."""
EXTRAS = ("pygraphviz", "matplotlib", "scikit-learn", "pooch", "onnx", "dask", "joblib", "textual-serve", "Pillow")
"""What it can use, if it is there."""
SMALLEST = 80, 24


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
    if kind == "dumb":
        return "dumb, as TERM says: walks and lessons are printed as text"
    if os.environ.get("NO_COLOR"):
        colours = "no colours, as NO_COLOR asks"
    elif os.environ.get("COLORTERM") in ("truecolor", "24bit"):
        colours = "16 million colours"
    else:
        colours = "256 colours" if "256" in kind else "few colours"
    is_small = size.columns < SMALLEST[0] or size.lines < SMALLEST[1]
    small = f"; at least {SMALLEST[0]} by {SMALLEST[1]} is needed" if is_small else ""
    return f"{size.columns} by {size.lines} characters, {colours}, {encoding}{small}"


def graphviz() -> str:
    """Which engine draws, and how to get another."""
    import shutil
    import subprocess

    from graphgrad.render.graphviz import VARIABLE, available, choose

    try:
        asked = choose(None)
    except ValueError as error:
        return str(error).splitlines()[0]
    engines = available()
    there = []
    dot = shutil.which("dot")
    if dot is not None:
        try:
            done = subprocess.run([dot, "-V"], capture_output=True, text=True, timeout=10, check=False)
            there.append(f"dot: {dot}, {(done.stderr or done.stdout).strip()}")
        except (OSError, subprocess.TimeoutExpired) as error:
            there.append(f"dot: {dot} doesn't run ({error}); reinstall Graphviz")
    if "pygraphviz" in engines:
        there.append(f"pygraphviz: {version_of('pygraphviz')}")
    # Whoever asks for dot gets pygraphviz where there is no dot.
    used = asked if asked in engines else "pygraphviz" if "pygraphviz" in engines else "builtin"
    says = f"{'our own layout' if used == 'builtin' else used} draws"
    if used != asked:
        says += f", as {VARIABLE}={asked} isn't there"
    elif there:
        says += f"; {VARIABLE} chooses another"
    found = "; ".join(there) or "install Graphviz, or pip install graphgrad[embedded], for another"
    return f"{says}; {found}"
