"""BLAS from inside a kernel: matrix products of parts of arrays, with strides, and added to what is there.

SciPy's BLAS is called by the address that it gives to compiled code. `sgemm` and `dgemm` are Fortran's: they see
matrices column by column, and every argument is an address. `graphgrad.kernels.gemm` holds what kernels call.

Nothing here can be called where numba doesn't compile; the twins are taken then.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding  # type: ignore[import-untyped]
from numba import types
from numba.extending import get_cython_function_address

from graphgrad.kernels.blas_threads import one_thread

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
