"""Products of matrices within kernels: parts of arrays, turned, scaled and added."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from graphgrad.kernels.jit import compiles

if not compiles():
    pytest.skip("nothing is compiled here", allow_module_level=True)

from graphgrad.kernels.gemm import at_once, gemm, multiply, multiply_turned

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def arguments(dtype: str) -> tuple[Any, ...]:
    return np.empty(2, np.uint8), np.empty(6, np.int32), np.empty(2, dtype)


@DTYPES
def test_products_of_parts_of_arrays(dtype: str) -> None:
    rng = np.random.default_rng(0)
    sizes, flags = ((1, 1, 1), (3, 5, 2), (17, 1, 33)), itertools.product((False, True), repeat=3)
    for (m, n, k), (turn_a, turn_b, add) in itertools.product(sizes, list(flags)):
        # Each in the middle of a larger matrix, rows and columns of which are around it.
        shapes = (k, m) if turn_a else (m, k), (n, k) if turn_b else (k, n), (m, n)
        whole = [rng.normal(size=(rows + 2, columns + 3)).astype(dtype) for rows, columns in shapes]
        a, b, c = (one[1:-1, 2:-1] for one in whole)
        expected = whole[2].copy()
        product = 2.5 * (a.T if turn_a else a) @ (b.T if turn_b else b)
        expected[1:-1, 2:-1] = c + product if add else product
        told = [(one.reshape(-1), one.shape[1] + 2, one.shape[1]) for one in whole]
        gemm(arguments(dtype), turn_a, turn_b, m, n, k, 2.5, *told[0], *told[1], add, *told[2])
        np.testing.assert_allclose(whole[2], expected, rtol=1e-5, atol=1e-5)


@DTYPES
@pytest.mark.parametrize(("m", "n", "k"), [(2, 3, 4), (1, 1, 1), (20, 300, 290), (300, 290, 20), (0, 3, 2), (3, 2, 0)])
def test_products_in_several_calls(dtype: str, m: int, n: int, k: int) -> None:
    rng = np.random.default_rng(1)
    a, b, before = (rng.normal(size=shape).astype(dtype) for shape in ((m, k), (k, n), (m, n)))
    for add in (False, True):
        for function, first in ((multiply, a), (multiply_turned, np.ascontiguousarray(a.T))):
            out = before.copy()
            if not (k == 0 and not add):  # nothing is summed up then, and nothing is written
                function(first.reshape(-1), b.reshape(-1), out.reshape(-1), m, n, k, add)
                np.testing.assert_allclose(out, a @ b + (before if add else 0), rtol=1e-4, atol=1e-4)


def test_a_call_has_up_to_a_million_products_if_that_is_some_rows() -> None:
    assert at_once(20, 300 * 290) == 8
    assert at_once(2000, 1000) == 1000
    assert [at_once(rows, 1_000_000) for rows in (0, 1, 20)] == [1, 1, 20]
    assert at_once(7, 0) == 1_000_000
