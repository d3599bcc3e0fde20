"""Products of matrices of layers."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["product"]

_TINY = 1 << 18
"""Up to so many multiplications OpenBLAS uses one thread by itself."""
_SMALL = 1 << 22
"""Up to so many, two threads gain less than 0.1 ms."""


def product(a: Any, b: Any) -> Any:
    """The product of two matrices, as ``a @ b`` has it; a small one in BLAS on the thread that asks.

    A thread of BLAS that has done its part keeps its processor busy for some 30 ms, waiting for another product.
    Kernels that share out work just then find fewer processors than there are: a convolution took twice as long so.
    And where other programs run, a product waits until both of its threads have got a processor: one of 0.05 ms was
    seen to take 30.
    """
    if type(a) is not np.ndarray or type(b) is not np.ndarray or b.ndim != 2:
        return a @ b
    if not _TINY < a.size * b.shape[1] <= _SMALL:
        return a @ b
    from graphgrad.kernels.blas_threads import one_thread

    with one_thread():
        return a @ b
