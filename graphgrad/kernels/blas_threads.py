"""How many threads BLAS uses: NumPy's and SciPy's, which are two libraries with threads of their own."""

from __future__ import annotations

import itertools
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["blas_libraries", "one_thread", "use_threads"]


_SCIPYS = "scipy.linalg.cython_blas"
"""What loads SciPy's library, which takes long: whoever needs it imports that, and a product of NumPy's doesn't."""


class _Threads:
    """BLAS held to one thread for as long as anybody wants that, to what was asked for otherwise.

    Two that overlap must not each put back what they found: the second found the limit of the first.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.found: list[Any] | None = None
        self.with_scipy = False
        self.getters: list[Callable[[], int]] = []
        self.setters: list[Callable[[int], Any]] = []
        self.users = 0
        self.otherwise: list[int] = []
        self.wanted: int | None = None

    def libraries(self) -> list[Any]:
        """The libraries that are there. They are looked for once, since it takes long, and again when SciPy's came."""
        if self.found is None or (not self.with_scipy and _SCIPYS in sys.modules and not self.users):
            from threadpoolctl import ThreadpoolController

            self.with_scipy = _SCIPYS in sys.modules
            self.found = ThreadpoolController().select(user_api="blas").lib_controllers
            self.getters = [_function(library, "get") for library in self.found]
            self.setters = [_function(library, "set") for library in self.found]
            if self.wanted is not None:
                self.set([self.wanted] * len(self.found))
        return self.found

    def begin(self) -> None:
        with self.lock:
            if not self.users:
                self.libraries()
                self.otherwise = [ask() for ask in self.getters]
                self.set([1] * len(self.otherwise))
            self.users += 1

    def end(self) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                self.set(self.otherwise)

    def use(self, count: int) -> None:
        with self.lock:
            self.wanted = count
            self.otherwise = [count] * len(self.libraries())
            if not self.users:
                self.set(self.otherwise)

    def set(self, counts: list[int]) -> None:
        for use, count in zip(self.setters, counts, strict=True):
            use(count)


def _function(library: Any, what: str) -> Callable[..., Any]:
    """What gets or sets a library's number of threads, whichever thread calls it.

    Of several threads threadpoolctl lets only one set that of OpenBLAS, and the others silently not. Its function is
    called by name here, which takes 0.2 µs, and not 3.
    """
    if library.internal_api == "openblas" and library.threading_layer != "openmp":
        for prefix, suffix in itertools.product(("", "scipy_"), ("", "64_", "_64")):
            function = getattr(library.dynlib, f"{prefix}openblas_{what}_num_threads{suffix}", None)
            if function is not None:
                return function  # type: ignore[no-any-return]
    return getattr(library, f"{what}_num_threads")  # type: ignore[no-any-return]


_threads = _Threads()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.__init__)  # type: ignore[misc]  # who wanted one stays behind


def blas_libraries() -> list[tuple[str, int]]:
    """The libraries by name and version, each with its number of threads."""
    import scipy.linalg.cython_blas  # noqa: F401

    with _threads.lock:
        found = [
            (f"{one.internal_api} {one.version or ''}".strip(), one.get_num_threads()) for one in _threads.libraries()
        ]
    return found


def use_threads(count: int) -> None:
    """Products in BLAS on so many threads from now on, but for those that hold it to one."""
    _threads.use(count)


class one_thread:  # read as a function: `with one_thread():`, and quicker than a generator
    """Products in BLAS on the thread that asks for them, while threads of our own share out the work."""

    def __enter__(self) -> None:
        _threads.begin()

    def __exit__(self, *_: object) -> None:
        _threads.end()
