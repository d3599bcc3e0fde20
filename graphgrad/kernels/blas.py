"""BLAS from inside a kernel: matrix products of parts of arrays, with strides, and added to what is there.

SciPy's BLAS is called by the address that it gives to compiled code. `sgemm` and `dgemm` are Fortran's: they see
matrices column by column, and every argument is an address. A kernel's file holds a small function of its own around
them (see `graphgrad.kernels.jit` for why), such as `_gemm` in `graphgrad.kernels.convolution`.

Nothing here can be called where numba doesn't compile; the twins are taken then.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding  # type: ignore[import-untyped]
import scipy.linalg.cython_blas  # noqa: F401  # loads the library whose threads are counted here
from numba import types
from numba.extending import get_cython_function_address
from threadpoolctl import ThreadpoolController

__all__ = ["dgemm", "one_thread", "sgemm"]

_GEMM_ARGUMENTS = 13


def _external(name: str, arguments: int) -> Any:
    """A routine of BLAS as a function that compiled code can call.

    It is found by name, not by its address, which differs from run to run: what was compiled can be kept on disk.
    """
    symbol = f"graphgrad_{name}"
    address = get_cython_function_address("scipy.linalg.cython_blas", name)
    llvmlite.binding.add_symbol(symbol, address)
    return types.ExternalFunction(symbol, types.void(*[types.intp] * arguments))


sgemm = _external("sgemm", _GEMM_ARGUMENTS)
dgemm = _external("dgemm", _GEMM_ARGUMENTS)


class _Limit:
    """BLAS held to one thread for as long as anybody wants that.

    Two that overlap must not each put back what they found: the second found the limit of the first.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.limiter: Any = None
        self.controller: ThreadpoolController | None = None

    def begin(self) -> None:
        with self.lock:
            if not self.users:
                if self.controller is None:  # it looks through all loaded libraries: once
                    self.controller = ThreadpoolController()
                self.take_over()
                self.limiter = self.controller.limit(limits=1, user_api="blas")
            self.users += 1

    def end(self) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                self.take_over()
                self.limiter.restore_original_limits()
                self.take_over()
                self.limiter = None

    def take_over(self) -> None:
        """Let any thread set the limit: who comes last here need not be who came first, whom threadpoolctl obeys."""
        for library in [] if self.controller is None else self.controller.lib_controllers:
            clear = getattr(library, "clear_controlling_thread", None)
            if clear is not None:
                clear(force=True)


_limit = _Limit()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_limit.__init__)  # type: ignore[misc]  # who wanted it stays behind


@contextmanager
def one_thread() -> Iterator[None]:
    """Products in BLAS on the thread that asks for them, while threads of our own share out the work."""
    _limit.begin()
    try:
        yield
    finally:
        _limit.end()
