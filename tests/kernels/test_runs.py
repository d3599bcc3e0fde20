"""Runs of neighbouring elements: what is inside of one is changed, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from graphgrad.kernels.runs import add_run, copy_run, fill_run


@pytest.mark.parametrize("count", [0, 1, 9])
def test_what_is_inside_is_changed_and_nothing_else(count: int) -> None:
    source, before = np.arange(20.0), np.arange(100.0, 120.0)
    copied, added, filled = (before.copy() for _ in range(3))
    copy_run(copied, 3, source, 5, count)
    add_run(added, 3, source, 5, count, -2.0)
    fill_run(filled, 3, count, 0.5)
    there, given = slice(3, 3 + count), source[5 : 5 + count]
    for found, expected in ((copied, given), (added, before[there] - 2.0 * given), (filled, 0.5)):
        wanted = before.copy()
        wanted[there] = expected
        np.testing.assert_array_equal(found, wanted)
