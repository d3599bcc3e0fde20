"""Arrays as kernels are compiled for."""

from __future__ import annotations

import numpy as np
import pytest

from graphgrad.kernels.arrays import in_order


def read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


def shifted(x: np.ndarray) -> np.ndarray:
    """The same at an address that its numbers shouldn't begin at."""
    memory = np.zeros(x.nbytes + 1, np.uint8)
    found = memory[1:].view(x.dtype).reshape(x.shape)
    found[...] = x
    return found


def test_what_is_in_order_is_seen_as_it_is() -> None:
    x = np.arange(6.0).reshape(2, 3)
    assert np.shares_memory(in_order(x), x)
    assert in_order(x).shape == (6,)


@pytest.mark.parametrize("change", [np.transpose, lambda x: x[:, ::-1], lambda x: x[:, :2], read_only, shifted])
def test_what_is_not_is_copied(change: object) -> None:
    x = change(np.arange(12.0).reshape(3, 4))  # type: ignore[operator]
    found = in_order(x)
    assert not np.shares_memory(found, x)
    assert found.flags.carray
    assert found.tolist() == x.ravel().tolist()
