"""Products of matrices: the same as NumPy's, with BLAS on one thread where several gain little."""

from __future__ import annotations

import itertools
from contextlib import nullcontext

import numpy as np
import pytest

from graphgrad.kernels.blas_threads import blas_libraries, use_threads
from graphgrad.kernels.products import product

SIZES = (1, 30, 100)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_products_are_numpys(dtype: str) -> None:
    rng = np.random.default_rng(0)
    for rows, inner, columns in itertools.product(SIZES, repeat=3):
        a, b = rng.integers(-9, 9, (rows, inner)).astype(dtype), rng.integers(-9, 9, (columns, inner)).astype(dtype)
        for left in (a, a[0]):
            out = product(left, b.T)
            assert out.dtype == dtype
            np.testing.assert_array_equal(out, left @ b.T)  # whole numbers, so that no order of sums matters
    np.testing.assert_array_equal(product(a, b[0]), a @ b[0])


@pytest.mark.parametrize(("size", "held"), [(30, 0), (100, 1), (300, 0)])
def test_blas_is_held_to_one_thread_for_small_products(monkeypatch: pytest.MonkeyPatch, size: int, held: int) -> None:
    times = []

    class Held(nullcontext[None]):
        def __init__(self) -> None:
            super().__init__()
            times.append(self)

    monkeypatch.setattr("graphgrad.kernels.blas_threads.one_thread", Held)
    product(np.ones((size, size)), np.ones((size, size)))
    assert len(times) == held


def test_blas_has_its_threads_again_afterwards() -> None:
    before = max(count for _, count in blas_libraries())
    use_threads(2)
    try:
        product(np.ones((100, 100)), np.ones((100, 100)))
        assert {count for _, count in blas_libraries()} == {2}
    finally:
        use_threads(before)
