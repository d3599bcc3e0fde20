"""Linear algebra under NumPy's names: ``gg.linalg.inv(a)``; the operations are declared in files of their own."""

from __future__ import annotations

from graphgrad.ops.array.aggregates import vector_norm
from graphgrad.ops.array.axes import matrix_transpose
from graphgrad.ops.matrix.decompositions import cholesky, lu, qr
from graphgrad.ops.matrix.determinants import det, logdet, slogdet
from graphgrad.ops.matrix.least_squares import lstsq, matrix_rank, pinv
from graphgrad.ops.matrix.matmul import matmul
from graphgrad.ops.matrix.matrix_functions import expm, matrix_exp, matrix_power, multi_dot
from graphgrad.ops.matrix.norms import cond, matrix_norm, norm
from graphgrad.ops.matrix.products import outer, tensordot
from graphgrad.ops.matrix.solving import inv, solve, tensorinv, tensorsolve
from graphgrad.ops.matrix.spectral import eigh, eigvalsh, svd, svdvals
from graphgrad.ops.matrix.triangular import solve_triangular
from graphgrad.ops.matrix.vectors import cross, vecdot

__all__ = [
    "cholesky",
    "cond",
    "cross",
    "det",
    "eigh",
    "eigvalsh",
    "expm",
    "inv",
    "logdet",
    "lstsq",
    "lu",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensordot",
    "tensorinv",
    "tensorsolve",
    "vecdot",
    "vector_norm",
]
