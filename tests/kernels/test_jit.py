"""How kernels are compiled: IEEE, without fast-math, kept or not, and said once on a terminal."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from graphgrad.kernels import jit as jit_module

CODE = """
import graphgrad as gg
compiled = gg.compile_scalars(lambda x: gg.tanh(x) * 2.0)
print(compiled(0.0), compiled.value_and_grad(0.0))
"""


def test_division_by_zero_and_nan_are_those_of_ieee() -> None:
    from graphgrad.kernels.jit import compiles, jit

    @jit
    def quotient(a: float, b: float) -> float:
        return a / b

    @jit
    def same(a: float) -> bool:
        return a == a

    assert compiles()
    assert (quotient(1.0, 0.0), quotient(-1.0, 0.0)) == (math.inf, -math.inf)
    assert math.isnan(quotient(0.0, 0.0))
    assert not same(math.nan)


def test_products_and_sums_are_not_fused() -> None:
    """A fused multiply-add would keep the digits that rounding the product takes away."""
    from graphgrad.kernels.jit import jit

    @jit
    def multiply_add(a: float, b: float, c: float) -> float:
        return a * b + c

    a = 1.0 + 2.0**-30
    assert multiply_add(a, a, -(a * a)) == 0.0


def test_without_a_place_to_keep_it_a_function_is_compiled_still(monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.core import caching

    from graphgrad.kernels.jit import jit

    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])

    @jit
    def double(a: float) -> float:
        return 2.0 * a

    assert double(1.5) == 3.0


def test_no_compiler_is_wanted(run_python: Any, environment: dict[str, str]) -> None:
    environment["NUMBA_DISABLE_JIT"] = "1"
    code = "from graphgrad.kernels.jit import compiles, jit; print(compiles(), jit(compiles) is compiles)"
    assert run_python("-c", code).stdout == "False True\n"


def test_nothing_is_said_where_nobody_waits(run_python: Any, environment: dict[str, str], tmp_path: Any) -> None:
    environment["NUMBA_CACHE_DIR"] = str(tmp_path / "fresh")
    done = run_python("-c", CODE)
    assert (done.stdout, done.stderr) == ("0.0 (0.0, (2.0,))\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals here")
def test_on_a_terminal_compiling_is_said_once_and_what_is_kept_is_not_compiled(
    environment: dict[str, str], tmp_path: Any
) -> None:
    environment |= {"NUMBA_CACHE_DIR": str(tmp_path / "fresh"), "PYTHONWARNINGS": "error"}
    first, again = on_a_terminal(environment), on_a_terminal(environment)
    assert first.count("graphgrad: compiling kernels") == 1
    assert first.replace("\r\n", "\n").endswith("0.0 (0.0, (2.0,))\n")
    assert again.replace("\r\n", "\n") == "0.0 (0.0, (2.0,))\n"


def on_a_terminal(environment: dict[str, str]) -> str:
    """What a process writes that has a terminal for its output and its errors."""
    import pty
    import subprocess

    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", CODE], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other side was closed
            part = b""
        if not part:
            break
        written += part
    os.close(ours)
    assert process.wait() == 0, written.decode()
    return written.decode()


# ---- what is kept, and until when ------------------------------------------------------------------------------------

INNER = """
from kernels.constants import STEP
from kernels.jit import jit
from numba.extending import overload

@jit
def inner(x):
    return x + STEP

def over(x):
    raise NotImplementedError

@overload(over)
def _over(x):
    return lambda x: x * 1.0
"""
OUTER = """
from kernels.inner import inner, over
from kernels.jit import jit

@jit
def outer(x):
    return over(inner(x)) * 2.0
"""
ASK = "from kernels.outer import outer; print(outer(1.0), sum(outer.stats.cache_hits.values()))"


def test_what_is_kept_is_renewed_when_a_file_changes_that_it_was_made_of(
    run_python: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    """By a small house of kernels: functions, overloads and constants in files of their own, also further down."""
    environment["NUMBA_CACHE_DIR"] = str(tmp_path / "cache")
    room = tmp_path / "kernels"
    files = {
        "__init__.py": "",
        "plain/__init__.py": "",
        "plain/numbers.py": "ONE = 1.0\n",
        "constants.py": "from kernels.plain.numbers import ONE\nSTEP = ONE\n",
        "inner.py": INNER,
        "outer.py": OUTER,
        "jit.py": Path(jit_module.__file__).read_text(encoding="utf-8"),
    }
    for name, text in files.items():
        (room / name).parent.mkdir(parents=True, exist_ok=True)
        (room / name).write_text(text, encoding="utf-8")

    def ask() -> tuple[float, bool]:
        """The result, and whether it comes of what was kept."""
        result, hits = run_python("-c", ASK).stdout.split()
        return float(result), hits != "0"

    assert ask() == (4.0, False)
    assert ask() == (4.0, True)
    (room / "inner.py").write_text(INNER.replace("x + STEP", "x - STEP"), encoding="utf-8")
    assert ask() == (0.0, False)
    assert ask() == (0.0, True)
    (room / "inner.py").write_text(INNER.replace("x * 1.0", "x * 3.0"), encoding="utf-8")
    assert ask() == (12.0, False)
    (room / "plain" / "numbers.py").write_text("ONE = 2.0\n", encoding="utf-8")
    assert ask() == (18.0, False)
    assert ask() == (18.0, True)
