"""Memory that large arrays leave behind is used again."""

from __future__ import annotations

import platform
from typing import Any

import pytest

FAULTS = """
import resource, sys
import numpy as np
from graphgrad.kernels.memory import keep_freed_memory
if len(sys.argv) > 1:
    keep_freed_memory()

def work():
    a = np.ones(1 << 18)
    b = a + 1.0
    return float((a * b)[0])

work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator, which has ways of its own")
def test_large_arrays_take_the_memory_of_those_before(run_python: Any) -> None:
    pages = 10 * 3 * (2 << 20) // 4096
    given_back = int(run_python("-c", FAULTS).stdout)
    kept = int(run_python("-c", FAULTS, "keep").stdout)
    assert kept < pages / 100
    assert kept < given_back / 10
