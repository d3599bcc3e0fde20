"""What the tests must know of each family of operations beside its declarations: rooms and files are the
package's.

A family's file may hold:

- ``FUNCTIONS``: what a formula may call, from NumPy and SciPy, by name;
- ``READINGS``: how a formula is read that speaks of one example where an operand holds several;
- ``DIVISORS``: likewise, what the mean of such a loss divides the sum by, if that isn't the number of losses;
- ``counterparts()``: PyTorch's way to compute each operation, on its tensors, with attributes as graphgrad has them;
- ``EDGES``: operands where the mathematics leaves a choice, or the computer has to take care, to ask PyTorch about;
- ``COARSE``: (operation, number of the case, dtype) where PyTorch itself is off, with the tolerance;
- ``LIMITS``: (operation, inf or -inf) where the formula or the local derivative as written is nan, with the two limits
  that are meant, None where what is written says it;
- ``NO_BOOLS``, ``NO_INTEGERS``, ``DROPS_NAN``: names of operations that refuse bools, that integers make no sense for,
  and that may give a number where an operand is nan;
- ``ONLY_INTEGERS``, ``WIDENS``: names of operations that refuse floats, and whose result is of float64 in any case;
- ``OPEN_SHAPES``: names of operations the shape of whose result depends on the values of the operands;
- ``SYMMETRIC``: names of operations on symmetric matrices that read one triangle, and whose gradient is that of a
  function of symmetric matrices: differences are taken along those.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

__all__ = [
    "COARSE",
    "DIVISORS",
    "DROPS_NAN",
    "EDGES",
    "FUNCTIONS",
    "LIMITS",
    "NO_BOOLS",
    "NO_INTEGERS",
    "ONLY_INTEGERS",
    "OPEN_SHAPES",
    "READINGS",
    "SYMMETRIC",
    "WIDENS",
    "counterparts",
]

_FAMILIES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(__path__, f"{__name__}.")
    if not module.ispkg
]


def _merged(name: str) -> dict[Any, Any]:
    merged: dict[Any, Any] = {}
    for family in _FAMILIES:
        for key, value in getattr(family, name, {}).items():
            if key in merged and merged[key] is not value:
                raise TypeError(f"{family.__name__}: {name} has {key!r} a second time")
            merged[key] = value
    return merged


def _united(name: str) -> frozenset[str]:
    return frozenset().union(*(getattr(family, name, ()) for family in _FAMILIES))


FUNCTIONS: dict[str, Callable[..., Any]] = _merged("FUNCTIONS")
READINGS: dict[str, Callable[..., Any]] = _merged("READINGS")
DIVISORS: dict[str, Callable[..., Any]] = _merged("DIVISORS")
EDGES: dict[str, list[tuple[list[Any], dict[str, Any]]]] = _merged("EDGES")
COARSE: dict[tuple[str, int, str], dict[str, float]] = _merged("COARSE")
LIMITS: dict[tuple[str, float], tuple[float | None, float | None]] = _merged("LIMITS")
NO_BOOLS = _united("NO_BOOLS")
NO_INTEGERS = _united("NO_INTEGERS")
DROPS_NAN = _united("DROPS_NAN")
ONLY_INTEGERS = _united("ONLY_INTEGERS")
WIDENS = _united("WIDENS")
OPEN_SHAPES = _united("OPEN_SHAPES")
SYMMETRIC = _united("SYMMETRIC")


def counterparts() -> dict[str, Callable[..., Any]]:
    """PyTorch's functions by the names of the operations; needs PyTorch."""
    found: dict[str, Callable[..., Any]] = {}
    for family in _FAMILIES:
        if hasattr(family, "counterparts"):
            found.update(family.counterparts())
    return found
