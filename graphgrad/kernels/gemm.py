"""Products of matrices within kernels, by BLAS."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.kernels.blas import dgemm, sgemm
from graphgrad.kernels.jit import jit

__all__ = ["at_once", "gemm", "multiply", "multiply_turned"]


@jit
def gemm(
    arguments: Any,
    turn_a: bool,
    turn_b: bool,
    m: int,
    n: int,
    k: int,
    factor: float,
    a: Any,
    start_a: int,
    step_a: int,
    b: Any,
    start_b: int,
    step_b: int,
    add: bool,
    c: Any,
    start_c: int,
    step_c: int,
) -> None:
    """C = factor · A B, or added to C, for parts of arrays: A is m by k, B is k by n, each as it is or to be turned.

    A part begins at an element of the array's memory, and its rows are a step apart; one that is to be turned
    (transposed) stands there with its columns in the place of rows. Fortran, which counts columns first, sees all of
    them transposed, and computes Cᵀ = Bᵀ Aᵀ. What it is told stands in ``arguments``: two uint8, six int32 and two
    numbers of the dtype.
    """
    letters, integers, factors = arguments
    letters[0] = 84 if turn_b else 78  # T and N
    letters[1] = 84 if turn_a else 78
    integers[0], integers[1], integers[2] = n, m, k
    integers[3], integers[4], integers[5] = step_b, step_a, step_c
    factors[0] = factor
    factors[1] = 1.0 if add else 0.0
    at, i, f = letters.ctypes.data, integers.ctypes.data, factors.ctypes.data
    wide = c.itemsize
    pointer_a = a.ctypes.data + start_a * wide
    pointer_b = b.ctypes.data + start_b * wide
    pointer_c = c.ctypes.data + start_c * wide
    if wide == 4:
        sgemm(at, at + 1, i, i + 4, i + 8, f, pointer_b, i + 12, pointer_a, i + 16, f + wide, pointer_c, i + 20)
    else:
        dgemm(at, at + 1, i, i + 4, i + 8, f, pointer_b, i + 12, pointer_a, i + 16, f + wide, pointer_c, i + 20)


# ---- of small matrices, one after the other in memory ----------------------------------------------------------------


@jit
def at_once(rows: int, products: int) -> int:
    """How many rows to multiply in one call, with so many products each.

    OpenBLAS packs matrices before it multiplies them, but up to a million products it doesn't, which is quicker by up
    to a half. (Where it never does, some more calls cost little.)
    """
    few = 1000000 // max(products, 1)
    return max(rows, 1) if few < 8 else few // 8 * 8


@jit
def multiply(a: Any, b: Any, c: Any, m: int, n: int, k: int, add: bool) -> None:
    """C = A B or C += A B, with A (m, k), B (k, n)."""
    arguments = np.empty(2, np.uint8), np.empty(6, np.int32), np.empty(2, a.dtype)
    rows = at_once(m, n * k)
    for at in range(0, m, rows):
        gemm(arguments, False, False, min(rows, m - at), n, k, 1.0, a, at * k, k, b, 0, n, add, c, at * n, n)


@jit
def multiply_turned(a: Any, b: Any, c: Any, m: int, n: int, k: int, add: bool) -> None:
    """C = Aᵀ B or C += Aᵀ B, with A (k, m), B (k, n): the gradient of weights."""
    arguments = np.empty(2, np.uint8), np.empty(6, np.int32), np.empty(2, a.dtype)
    rows = at_once(k, m * n)
    for at in range(0, k, rows):
        more = add or at > 0
        gemm(arguments, True, False, m, n, min(rows, k - at), 1.0, a, at * m, m, b, at * n, n, more, c, 0, n)
