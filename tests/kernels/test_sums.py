"""Sums of many numbers: their digits, whatever the order."""

from __future__ import annotations

import numpy as np
import pytest

from graphgrad.kernels.sums import TOGETHER, sum_of_channels, sum_of_rows


@pytest.mark.parametrize("rows", [0, 1, TOGETHER, TOGETHER + 1, 7 * TOGETHER + 3, 100_000])
def test_rows_keep_their_digits(rows: int) -> None:
    x = np.random.default_rng(0).uniform(0.5, 1.5, (rows, 3)).astype(np.float32)
    found = sum_of_rows(x)
    assert (found.dtype, found.shape) == (np.float32, (3,))
    np.testing.assert_allclose(found, x.sum(0, dtype=np.float64), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "object"])
@pytest.mark.parametrize("shape", [(2, 3, 5), (1, 4, 1024), (2, 2, 1025), (700, 2, 9), (3, 1, 1), (0, 3, 5), (4, 0, 5)])
def test_channels(shape: tuple[int, int, int], dtype: str) -> None:
    x = np.random.default_rng(0).uniform(0.5, 1.5, shape).astype(dtype)
    found = sum_of_channels(x)
    assert (found.dtype, found.shape) == (x.dtype, (shape[1],))
    close = {"float32": 1e-6, "float16": 2e-3}.get(dtype, 1e-13)
    np.testing.assert_allclose(found.astype(np.float64), x.astype(np.float64).sum((0, 2)), rtol=close)


@pytest.mark.parametrize(("examples", "places"), [(300, 1024), (300, 4096), (2, 50_000)])
@pytest.mark.parametrize("order", ["first", "last"])
def test_channels_of_like_numbers_keep_their_digits(order: str, examples: int, places: int) -> None:
    shape = (examples, 2, places) if order == "first" else (examples, places, 2)
    x = np.full(shape, 0.1, np.float32)
    found = sum_of_channels(x if order == "first" else x.swapaxes(1, 2))
    np.testing.assert_allclose(found, examples * places * float(np.float32(0.1)), rtol=4e-6)


def test_what_is_not_in_order_and_not_finite() -> None:
    x = np.random.default_rng(0).normal(size=(5, 6, 4)).transpose(2, 0, 1)[::-1, :, ::2]
    np.testing.assert_allclose(sum_of_channels(x), x.sum((0, 2)), rtol=1e-13)
    whole = np.zeros((2, 3, 4))
    whole[1, 0, 2], whole[0, 1, 0] = np.nan, np.inf
    assert np.isnan(sum_of_channels(whole)[0])
    assert sum_of_channels(whole).tolist()[1:] == [np.inf, 0.0]
