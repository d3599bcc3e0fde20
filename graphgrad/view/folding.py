"""Which operations are drawn as one box: scopes that are folded, and runs of a graph that is too large.

Folded operations always follow each other in the order of computation. That keeps the drawn graph free of cycles
whatever the scopes look like, and makes each call of a layer a box of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from graphgrad.graph.graph import Graph, Operand, Vertex
from graphgrad.ops.declare import lookup
from graphgrad.view.picture import Look
from graphgrad.view.scene import Key

__all__ = ["Bridges", "Edge", "Unit", "fold", "scope_parts"]

Edge = tuple[int, int]
"""A vertex that reads, and the number of the operand."""


class Bridges:
    """Where operands come from once the operations that only rearrange values are left out.

    The graph's outputs are drawn in any case, and so is what brings several values together, and what raised.
    """

    def __init__(self, graph: Graph, keep_all: bool) -> None:
        self.source: dict[int, Operand] = {}
        self._before: dict[int, int | None] = {}
        if keep_all:
            return
        outputs = {output.vertex for output in graph.outputs}
        for vertex in graph.nodes:
            op = lookup(vertex.op)
            if vertex.error is not None or vertex.id in outputs:
                continue
            if op is not None and op.plumbing and len(vertex.operands) == 1:
                below = vertex.operands[0]
                self._before[vertex.id] = below.vertex if below.vertex in self.source else None
                self.source[vertex.id] = self.source.get(below.vertex, below)

    def __call__(self, operand: Operand) -> Operand:
        """The value that is drawn as this operand."""
        return self.source.get(operand.vertex, operand)

    def edges(self, reader: int, number: int, operand: Operand) -> Iterator[Edge]:
        """The edge of an operand, and those that were bridged on its way."""
        yield reader, number
        place = operand.vertex if operand.vertex in self.source else None
        while place is not None:
            yield place, 0
            place = self._before[place]


@dataclass(slots=True)
class Unit:
    """Operations that are drawn as one box."""

    kind: Literal["operation", "scope", "range"]
    members: list[Vertex]
    path: str = ""

    @property
    def key(self) -> Key:
        """What the box is called in the scene."""
        first = self.members[0].id
        return first if self.kind == "operation" else f"{self.kind}:{first}"

    @property
    def group(self) -> tuple[str, ...]:
        """The scopes around the box."""
        if self.kind == "scope":
            return scope_parts(self.path)[:-1]
        paths = {member.scope for member in self.members}
        return common_parts([scope_parts(path) for path in paths])


def scope_parts(scope: str) -> tuple[str, ...]:
    """The levels of a scope path."""
    return tuple(scope.split(".")) if scope else ()


def common_parts(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The levels that all of some paths begin with."""
    low, high = min(paths), max(paths)
    same = 0
    while same < min(len(low), len(high)) and low[same] == high[same]:
        same += 1
    return low[:same]


def fold(graph: Graph, bridges: Bridges, look: Look) -> tuple[list[Unit], list[str]]:
    """Gather the operations of a graph into units, in the order of computation.

    Returns
    -------
    units, notes
        No more units than there is room for, and what was folded beyond the person's wish.
    """
    leaves = {vertex.id for vertex in graph if vertex.is_leaf}
    operations = [vertex for vertex in graph.nodes if vertex.id not in bridges.source]
    # With its leaves beside it, an operation takes more than one box.
    weight = {
        vertex.id: 1 + len({bridges(operand).vertex for operand in vertex.operands} & leaves) for vertex in operations
    }
    units = _fold_scopes(operations, look.folded)
    notes = []
    if _total(units, weight) > look.most:
        for folded in _deepest_first(operations, look.folded):
            units = _fold_scopes(operations, folded)
            if _total(units, weight) <= look.most:
                break
        if any(unit.kind == "scope" and unit.path not in look.folded for unit in units):
            notes.append("scopes are folded to make room")
    if _total(units, weight) > look.most:
        units = _fold_ranges(units, weight, look)
        hidden = sum(len(unit.members) for unit in units if unit.kind == "range")
        notes.append(f"{hidden:,} operations are folded to make room")
    return units, notes


def _weight(unit: Unit, weight: Mapping[int, int]) -> int:
    return weight[unit.members[0].id] if unit.kind == "operation" else 1


def _total(units: Sequence[Unit], weight: Mapping[int, int]) -> int:
    return sum(_weight(unit, weight) for unit in units)


def _fold_scopes(operations: Sequence[Vertex], folded: frozenset[str]) -> list[Unit]:
    """One unit per operation, and one per run of operations in a folded scope."""
    outermost: dict[str, str | None] = {}
    units: list[Unit] = []
    for vertex in operations:
        scope = vertex.scope
        if scope not in outermost:
            parts = scope_parts(scope)
            prefixes = (".".join(parts[: i + 1]) for i in range(len(parts)))
            outermost[scope] = next((prefix for prefix in prefixes if prefix in folded), None)
        path = outermost[scope]
        if path is None:
            units.append(Unit("operation", [vertex]))
        elif units and units[-1].kind == "scope" and units[-1].path == path:
            units[-1].members.append(vertex)
        else:
            units.append(Unit("scope", [vertex], path))
    return units


def _deepest_first(operations: Sequence[Vertex], folded: frozenset[str]) -> Iterator[frozenset[str]]:
    """Sets of scopes to fold: all at the greatest depth, then all from the depth above on, and so on."""
    scopes = {scope_parts(vertex.scope) for vertex in operations}
    for depth in range(max(map(len, scopes), default=0), 0, -1):
        yield folded | {".".join(scope[:depth]) for scope in scopes if len(scope) >= depth}


def _fold_ranges(units: Sequence[Unit], weight: Mapping[int, int], look: Look) -> list[Unit]:
    """Keep the first and the last units, and those around the vertex that the person looks at; fold the rest."""
    size = [_weight(unit, weight) for unit in units]
    centre = None
    if look.around is not None:
        centre = next((i for i, unit in enumerate(units) if any(v.id >= look.around for v in unit.members)), None)
    # Two or three windows, and a box for what lies between them.
    share = max(1, (look.most - 2) // (2 if centre is None else 3))
    kept = [*_window(size, 0, 1, share), *_window(size, len(units) - 1, -1, share)]
    if centre is not None:
        kept += [*_window(size, centre, 1, share // 2), *_window(size, centre, -1, share // 2)]
    shown = set(kept)
    result: list[Unit] = []
    for i, unit in enumerate(units):
        if i in shown:
            result.append(unit)
        elif result and result[-1].kind == "range":
            result[-1].members += unit.members
        else:
            result.append(Unit("range", list(unit.members)))
    return result


def _window(size: Sequence[int], start: int, step: int, room: int) -> Iterator[int]:
    place = start
    while 0 <= place < len(size):
        room -= size[place]
        if room < 0:
            return
        yield place
        place += step
