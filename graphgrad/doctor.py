"""What graphgrad finds on a machine: ``graphgrad doctor``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

__all__ = ["diagnosis", "warm_kernels"]

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
    if not missing:
        yield "threads", threads()
        yield "kernels", kernels()
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


def threads() -> str:
    """How many threads compute, and those of BLAS."""
    from graphgrad.graph.threads import get_num_threads
    from graphgrad.kernels.blas_threads import blas_libraries

    libraries = ", ".join(f"{name} with {count}" for name, count in blas_libraries())
    return f"{get_num_threads()}; BLAS of NumPy and SciPy: {libraries or 'of a kind whose threads nobody can count'}"


def kernels() -> str:
    """Whether kernels are compiled, and where they are kept."""
    from graphgrad.kernels.guards import guards_hold
    from graphgrad.kernels.jit import compiles

    if not compiles():
        return "not compiled, as NUMBA_DISABLE_JIT says: all is computed in plain NumPy"
    path = guards_hold.stats.cache_path  # type: ignore[attr-defined]  # of a function that numba made of it
    if path is None:
        return "compiled by each process anew, as there is no place to keep them; NUMBA_CACHE_DIR names one"
    return f"compiled when they are first used, and kept in {path}; --warm compiles all now"


def warm_kernels(say: Callable[[str], None], complain: Callable[[str], None]) -> bool:
    """Compile all kernels, and say how that goes: in a line that changes on a terminal, else in one for each kind.

    Returns
    -------
    bool
        Whether all could be compiled.
    """
    import shutil
    import time

    from graphgrad.kernels.guards import guards_hold
    from graphgrad.kernels.jit import compiles
    from graphgrad.warming import WORK, warm

    if not compiles():
        say("nothing to compile, as NUMBA_DISABLE_JIT says")
        return True
    begun, compiled, is_well = time.perf_counter(), 0, True
    numbers = {name: number for number, name in enumerate(WORK, 1)}
    on_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def show(text: str = "") -> None:
        if on_terminal:
            sys.stderr.write(f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}")
            sys.stderr.flush()

    def watch(name: str, dtype: str, kernel: str) -> None:
        seconds = time.perf_counter() - begun
        what = kernel.removeprefix("graphgrad.kernels.")
        show(f"compiling {name} for {dtype} ({numbers[name]} of {len(WORK)}), {seconds:.0f} s so far: {what}")

    for one in warm(watch):
        compiled += one.compiled
        show()
        if one.error is not None:
            is_well = False
            reason = str(one.error).strip().partition("\n")[0]
            where = f", in {one.kernel}" if one.kernel else ""
            complain(f"{one.name} for {one.dtype} failed{where}: {type(one.error).__name__}: {reason}")
        elif not on_terminal:
            say(f"{one.name} for {one.dtype}: {one.compiled} compiled, {one.seconds:.1f} s")
    path = guards_hold.stats.cache_path  # type: ignore[attr-defined]
    place = "kept nowhere, as there is no place that can be written to" if path is None else f"kept in {path}"
    found = f"{compiled} functions compiled" if compiled else "all functions had been compiled before"
    say(f"{found}, in {time.perf_counter() - begun:.1f} s; {place}")
    return is_well


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
