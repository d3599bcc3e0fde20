"""How kernels are compiled: without fast-math, with IEEE division, kept on disk, and said once where a person waits."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core import config, event

__all__ = ["compiles", "jit", "say_nothing"]

F = TypeVar("F", bound=Callable[..., Any])


def compiles() -> bool:
    """Whether numba compiles at all; ``NUMBA_DISABLE_JIT=1`` says no, and then the ways without kernels are taken."""
    return not getattr(config, "DISABLE_JIT", 0)


def jit(function: F) -> F:
    """
    Compile a function of numbers and arrays when it is first called, and keep what was compiled on disk.

    Sums stay in their order and products unfused, so that a kernel gives the bits that Python gives; dividing by zero
    gives what IEEE 754 says. The interpreter's lock is released while it runs.

    A function that it calls has to stand in the same file: what is kept on disk is renewed when its own file changes.
    """
    try:
        return cast("F", numba.njit(error_model="numpy", nogil=True, cache=True)(function))
    except RuntimeError:  # there is no place where it could be kept: a read-only installation without a home
        return cast("F", numba.njit(error_model="numpy", nogil=True)(function))


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
