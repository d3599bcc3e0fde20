"""Operands brought to one floating dtype, for functions that aren't NumPy's own; and the functions that SciPy has."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["as_floats", "special"]


def as_floats(*operands: Any) -> list[Any]:
    """The operands as arrays of the dtype that they have together; float64 for integers and bools.

    A Python number among them promotes nothing, as everywhere.
    """
    dtype = np.result_type(*operands)
    if dtype.kind != "f":
        dtype = np.dtype(np.float64)
    return [np.asarray(operand, dtype) for operand in operands]


def special(name: str, *operands: Any) -> Any:
    """A function of `scipy.special` on arrays, in their dtype; SciPy is imported when one is first wanted."""
    import scipy.special

    arrays = as_floats(*operands)
    result = getattr(scipy.special, name)(*arrays)
    return result.astype(arrays[0].dtype, copy=False)
