"""BLAS from inside a kernel: parts of matrices, turned and added; kept on disk; and its threads."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from graphgrad.kernels import blas
from graphgrad.kernels.blas import one_thread
from graphgrad.kernels.jit import compiles, jit

compiled = pytest.mark.skipif(not compiles(), reason="nothing is compiled here")


if compiles():

    @jit
    def by_sgemm(a: Any, b: Any, c: Any, letters: Any, sizes: Any, factors: Any) -> None:
        at, i, f = letters.ctypes.data, sizes.ctypes.data, factors.ctypes.data
        blas.sgemm(at, at + 1, i, i + 4, i + 8, f, a.ctypes.data, i + 12, b.ctypes.data, i + 16, f + 4, c.ctypes.data,
                   i + 20)  # fmt: skip

    @jit
    def by_dgemm(a: Any, b: Any, c: Any, letters: Any, sizes: Any, factors: Any) -> None:
        at, i, f = letters.ctypes.data, sizes.ctypes.data, factors.ctypes.data
        blas.dgemm(at, at + 1, i, i + 4, i + 8, f, a.ctypes.data, i + 12, b.ctypes.data, i + 16, f + 8, c.ctypes.data,
                   i + 20)  # fmt: skip


@compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("turn_a", "turn_b"), list(itertools.product((False, True), repeat=2)))
def test_products_of_parts_of_matrices(dtype: str, turn_a: bool, turn_b: bool) -> None:
    rng = np.random.default_rng(0)
    for m, n, k in ((1, 1, 1), (3, 5, 2), (17, 1, 33)):
        # Column by column, each inside of a larger matrix.
        a = rng.normal(size=(k, m) if turn_a else (m, k)).astype(dtype)
        b = rng.normal(size=(n, k) if turn_b else (k, n)).astype(dtype)
        wide = [np.zeros((one.shape[0] + 2, one.shape[1]), dtype, order="F") for one in (a, b, np.empty((m, n)))]
        wide[0][: a.shape[0]], wide[1][: b.shape[0]] = a, b
        before = rng.normal(size=(m, n)).astype(dtype)
        wide[2][:m] = before
        letters = np.array([ord("T" if turn else "N") for turn in (turn_a, turn_b)], np.uint8)
        sizes = np.array([m, n, k, *(len(one) for one in wide)], np.int32)
        call = by_sgemm if dtype == "float32" else by_dgemm
        inner_a, inner_b, inner_c = (one.ravel(order="K") for one in wide)
        call(inner_a, inner_b, inner_c, letters, sizes, np.array([2.0, -0.5], dtype))
        expected = 2.0 * (a.T if turn_a else a) @ (b.T if turn_b else b) - 0.5 * before
        np.testing.assert_allclose(wide[2][:m], expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(wide[2][m:], 0.0)


KEPT = """
import numpy as np
from graphgrad.kernels import convolution, convolution_columns
x, w = np.ones((1, 1, 4), "float32"), np.ones((1, 1, 2), "float32")
print(convolution.forward(x, w, None, (3,), (1,), (0,), (1,), 1).tolist())
print(sum(convolution_columns.forward.stats.cache_hits.values()))
"""


@compiled
def test_what_was_compiled_is_kept_on_disk(run_python: Any, environment: dict[str, str], tmp_path: Any) -> None:
    """Another process finds BLAS at another address, and by its name."""
    environment["NUMBA_CACHE_DIR"] = str(tmp_path / "cache")
    first, second = (run_python("-c", KEPT).stdout.splitlines() for _ in range(2))
    assert first == ["[[[2.0, 2.0, 2.0]]]", "0"]
    assert second == ["[[[2.0, 2.0, 2.0]]]", "1"]


# ---- threads ---------------------------------------------------------------------------------------------------------


def threads() -> list[int]:
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


def test_one_thread_for_as_long_as_anybody_wants_it() -> None:
    before = threads()
    assert before
    inside, leave, left = threading.Event(), threading.Event(), threading.Event()

    def other() -> None:
        with one_thread():
            inside.set()
            leave.wait(10)
        left.set()

    with one_thread():
        assert set(threads()) == {1}
        worker = threading.Thread(target=other)
        worker.start()
        assert inside.wait(10)
    assert set(threads()) == {1}
    leave.set()
    assert left.wait(10)
    worker.join()
    assert threads() == before


def test_it_is_given_back_after_an_error() -> None:
    before = threads()
    with pytest.raises(ZeroDivisionError), one_thread():
        1 / 0  # noqa: B018
    assert threads() == before
