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
    """All families, room by room, arithmetic first; every operation of the table is in one.

    Examples
    --------
    >>> first = families()[0]
    >>> first.title, first.place, first.ops[0].name
    ('Arithmetic, powers and comparisons, element by element with broadcasting', 'gg', 'add')
    """
    order = {op: i for i, op in enumerate(TABLE.values())}
    found = []
    for module in _modules():
        offered = [getattr(getattr(module, name), "op", None) for name in module.__all__]
        ops = sorted({op for op in offered if op in order}, key=order.__getitem__)
        if ops:
            title = (module.__doc__ or "").strip().splitlines()[0].partition(":")[0].partition(". ")[0].rstrip(".")
            place = ".".join(filter(None, ["gg", getattr(module, "NAMESPACE", "")]))
            found.append(Family(title, place, tuple(ops)))
    return found


_ROOMS = ("array", "matrix", "special", "spectra", "sampled", "functional")
"""The rooms of families, in the order in which they are told of."""


def _modules() -> Iterator[ModuleType]:
    here = __name__.rpartition(".")[0]
    for room in _ROOMS:
        inside = [name for name in sys.modules if name.startswith(f"{here}.{room}.")]
        for name in sorted(inside, key=lambda name: (not name.endswith(".arithmetic"), name)):
            yield sys.modules[name]
