"""The operations by family: the files that declare them, each with a title and the place where it offers them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

from graphgrad.graph.operation import Op
from graphgrad.ops.declare import TABLE

__all__ = ["Family", "families"]


class Family(NamedTuple):
    """Operations that are declared together.

    Attributes
    ----------
    title
        What they have in common: the beginning of their file's description.
    place
        Where they are offered, such as ``"gg.nn.functional"``: the file's ``NAMESPACE``, ``gg`` if it names none.
    ops
        In the order of declaration.
    """

    title: str
    place: str
    ops: tuple[Op, ...]


def families() -> list[Family]:
    """All families, in the order of their first declarations; every operation of the table is in one.

    Examples
    --------
    >>> first = families()[0]
    >>> first.title, first.place, first.ops[0].name
    ('Arithmetic, powers and comparisons, element by element with broadcasting', 'gg', 'add')
    """
    order = {op: i for i, op in enumerate(TABLE.values())}
    found = []
    for module in _modules():
        offered = [getattr(getattr(module, name), "op", None) for name in getattr(module, "__all__", ())]
        ops = sorted({op for op in offered if op in order}, key=order.__getitem__)
        if ops:
            title = (module.__doc__ or "").strip().splitlines()[0].partition(":")[0].partition(". ")[0].rstrip(".")
            place = ".".join(filter(None, ["gg", getattr(module, "NAMESPACE", "")]))
            found.append(Family(title, place, tuple(ops)))
    return sorted(found, key=lambda family: order[family.ops[0]])


_SPACES = ("fft", "linalg", "random")
"""Modules that offer what others declare."""


def _modules() -> Iterator[ModuleType]:
    here = __name__.rpartition(".")[0] + "."
    others = {__name__, *(here + space for space in _SPACES)}
    return (module for name, module in sorted(sys.modules.items()) if name.startswith(here) and name not in others)
