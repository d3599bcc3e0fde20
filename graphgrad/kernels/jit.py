"""How kernels are compiled: without fast-math, with IEEE division, kept on disk, and said once where a person waits."""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import caching, config, event
from numba.extending import overload

__all__ = ["compiles", "in_any_order", "jit", "say_nothing"]

F = TypeVar("F", bound=Callable[..., Any])


def compiles() -> bool:
    """Whether numba compiles at all; ``NUMBA_DISABLE_JIT=1`` says no, and then the ways without kernels are taken."""
    return not getattr(config, "DISABLE_JIT", 0)


def jit(function: F) -> F:
    """
    Compile a function of numbers and arrays when it is first called, and keep what was compiled on disk.

    Sums stay in their order and products unfused, so that a kernel gives the bits that Python gives; dividing by zero
    gives what IEEE 754 says. The interpreter's lock is released while it runs.

    What it calls may stand in any file of `graphgrad.kernels`: what is kept is renewed when one of them changes.
    """
    compiled: Any = numba.njit(error_model="numpy", nogil=True)(function)
    if compiles():
        with suppress(RuntimeError):  # there is no place to keep it: a read-only installation without a home
            compiled._cache = _Kept(function)  # type: ignore[no-untyped-call]
    return cast("F", compiled)


def in_any_order(function: F) -> F:
    """
    Let compiled functions take a function in, with sums in lanes, and products and sums in one go.

    So sums over runs are as quick as the processor is, in an order of its own. Not a number and infinity stay what they
    are.
    """

    @functools.wraps(function)
    def implementation(*_: Any) -> Any:
        return function

    overload(function, jit_options={"error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"}})(implementation)
    return function


# ---- what is kept ----------------------------------------------------------------------------------------------------
# numba renews what it kept of a function when the function's own file changes, though compiled into it is what it calls
# and the constants that it reads, which stand in other files too. `NUMBA_CACHE_LOCATOR_CLASSES`, by which numba lets
# others tell files apart, would be for all functions of a process; the following is for kernels only.


@functools.cache
def _stamp() -> str:
    """A number that is another one when any file of the kernels, or of their twins, is another one."""
    found = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        text = path.read_bytes()
        found.update(f"{path.relative_to(folder).as_posix()} {len(text)} ".encode() + text)
    return found.hexdigest()


class _Place:
    """Where something is kept, as numba has it, and since which state of all files of the kernels."""

    def __init__(self, place: Any) -> None:
        self._place = place

    def __getattr__(self, name: str) -> Any:
        return getattr(self._place, name)

    def get_source_stamp(self) -> Any:
        return self._place.get_source_stamp(), _stamp()


class _Implementation(caching.CompileResultCacheImpl):
    @property
    def locator(self) -> Any:
        return _Place(super().locator)


class _Kept(caching.FunctionCache):
    _impl_class = _Implementation


# ---- what is said ----------------------------------------------------------------------------------------------------


class _FirstCompilation(event.Listener):
    """Says once what is waited for, on a terminal only: the first compilation takes seconds."""

    said = False

    def on_start(self, event: Any) -> None:
        ours = event.data["dispatcher"].py_func.__module__.startswith("graphgrad.")
        if ours and not self.said and sys.stderr is not None and sys.stderr.isatty():
            self.said = True
            sys.stderr.write("graphgrad: compiling kernels, which takes some seconds once; they are kept\n")

    def on_end(self, event: Any) -> None:
        """Nothing is said at the end: what was waited for goes on."""


_first = _FirstCompilation()
event.register("numba:compile", _first)  # type: ignore[no-untyped-call]


def say_nothing() -> None:
    """Say nothing of the first compilation: somebody tells more about it."""
    _first.said = True
