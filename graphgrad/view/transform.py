"""From a graph to what is drawn of it: folded boxes, plumbing left out, leaves beside their readers.

Every box and link knows the vertices and edges that it stands for, so a picture of a part still tells of the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from graphgrad.graph.graph import Graph, Operand, Vertex
from graphgrad.ops.variants import base_and_missing
from graphgrad.view.folding import Bridges, Edge, Unit, common_parts, fold, scope_parts
from graphgrad.view.names import Names
from graphgrad.view.picture import Look
from graphgrad.view.scene import Key
from graphgrad.view.text import clean

__all__ = ["Drawn", "DrawnBox", "DrawnLink", "transform"]

GHOSTS_FROM = 25
"""From how many boxes on leaves are drawn once for each reader, unless the look says otherwise."""

_OPS_NAMED = 4


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """A box of the picture.

    Attributes
    ----------
    key
        The vertex's id; for a ghost, a scope or a range a text.
    kind
        What it stands for; a range is a run of operations of a graph that is too large.
    vertices
        The ids of what is in it, in order: the vertex itself, or the folded operations and the leaves that they alone
        read.
    outputs
        The values that leave it.
    group
        The scopes around it.
    title, detail
        Of a scope or a range: its name, and what is inside.
    ghost
        Whether the leaf is drawn in other places too.
    """

    key: Key
    kind: Literal["operation", "leaf", "constant", "scope", "range"]
    vertices: tuple[int, ...]
    outputs: tuple[Operand, ...]
    group: tuple[str, ...]
    title: str = ""
    detail: str = ""
    ghost: bool = False

    @property
    def folded(self) -> bool:
        """Whether it stands for several operations."""
        return self.kind in ("scope", "range")


@dataclass(frozen=True, slots=True)
class DrawnLink:
    """A link of the picture, with the edges (reader, operand's number) of the graph that it stands for."""

    key: Key
    tail: Key
    head: Key
    port: int
    tail_port: int
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is drawn of a graph.

    Attributes
    ----------
    boxes, links
        Leaves and operations, in the order of computation.
    places
        The boxes that show a vertex. A leaf may be shown in several; an operation that isn't drawn is shown where its
        value comes from.
    notes
        What is left out or drawn more than once.
    """

    boxes: tuple[DrawnBox, ...]
    links: tuple[DrawnLink, ...]
    places: Mapping[int, tuple[Key, ...]]
    notes: tuple[str, ...]


def transform(graph: Graph, look: Look, named: Names) -> Drawn:
    """Decide what is drawn of a graph under a look.

    Parameters
    ----------
    graph
        Of any size; what goes beyond ``look.most`` boxes is folded.
    look
        What the person chose.
    named
        The names of the graph's values.
    """
    bridges = Bridges(graph, look.plumbing)
    units, notes = fold(graph, bridges, look)
    return _Picture(graph, look, named, bridges, units).drawn(notes)


class _Picture:
    """The work of `transform`: places for leaves, then links, then boxes."""

    def __init__(self, graph: Graph, look: Look, named: Names, bridges: Bridges, units: Sequence[Unit]) -> None:
        self.graph, self.look, self.named, self.bridges, self.units = graph, look, named, bridges, units
        self.unit_of = {member.id: i for i, unit in enumerate(units) for member in unit.members}
        self.readers = self._readers()
        self.inside = {id for id, readers in self.readers.items() if self._is_inside(graph.vertices[id], readers)}
        self.ghosts = self._ghosts()
        self.ports: dict[Key, dict[Operand, int]] = {}
        self.calls: dict[str, list[Key]] = {}
        for unit in units:
            if unit.kind == "scope":
                self.calls.setdefault(unit.path, []).append(unit.key)

    def _readers(self) -> dict[int, list[int]]:
        """The units that read each leaf, in order."""
        readers: dict[int, list[int]] = {vertex.id: [] for vertex in self.graph if vertex.is_leaf}
        for i, unit in enumerate(self.units):
            for member in unit.members:
                for operand in member.operands:
                    known = readers.get(self.bridges(operand).vertex)
                    if known is not None and (not known or known[-1] != i):
                        known.append(i)
        return readers

    def _is_inside(self, leaf: Vertex, readers: Sequence[int]) -> bool:
        """Whether a leaf belongs to what is folded: a parameter or a number that nothing else reads."""
        kinds = {self.units[i].kind for i in readers}
        return kinds == {"range"} or (
            bool(kinds) and "operation" not in kinds and (leaf.requires_grad or leaf.is_constant)
        )

    def _ghosts(self) -> set[int]:
        shared = {id for id, readers in self.readers.items() if len(readers) > 1 and id not in self.inside}
        wanted = self.look.ghosts
        if wanted is None:
            wanted = len(self.units) + len(self.readers) - len(self.inside) >= GHOSTS_FROM
        return shared if wanted else set()

    def _leaf_key(self, id: int, unit: int) -> Key | None:
        """The box of a leaf that a unit reads; None if it isn't drawn there."""
        if id in self.inside:
            return None
        if id not in self.ghosts:
            return id
        # A ghost at a range would say nothing: hundreds of leaves may enter there.
        return None if self.units[unit].kind == "range" else f"{id}@{self.units[unit].key}"

    def drawn(self, notes: list[str]) -> Drawn:
        links = self._links()
        boxes: dict[Key, DrawnBox] = {}
        places: dict[int, list[Key]] = {}
        for i, unit in enumerate(self.units):
            leaves = {self.bridges(operand).vertex: None for member in unit.members for operand in member.operands}
            within = []
            for id in leaves:
                if id not in self.readers:
                    continue
                key = self._leaf_key(id, i)
                if key is None:
                    within.append(id)
                    places.setdefault(id, []).append(unit.key)
                elif key not in boxes:
                    boxes[key] = self._leaf_box(id, key, unit)
                    places.setdefault(id, []).append(key)
            boxes[unit.key] = self._unit_box(unit, within)
            for member in unit.members:
                places[member.id] = [unit.key]
        for id, readers in self.readers.items():
            if not readers:
                boxes[id] = self._leaf_box(id, id, None)
                places[id] = [id]
        for id, source in self.bridges.source.items():
            if source.vertex in places:
                places[id] = places[source.vertex]
        if self.ghosts:
            shown = [self.named[id] for id in self.ghosts]
            more = f" and {len(shown) - _OPS_NAMED} more" if len(shown) > _OPS_NAMED else ""
            notes.append(f"drawn once for each reader: {', '.join(shown[:_OPS_NAMED])}{more}")
        if self.bridges.source:
            count = len(self.bridges.source)
            notes.append(f"{count:,} operation{'s' * (count > 1)} that only rearrange{'s' * (count == 1)} not drawn")
        return Drawn(
            tuple(boxes.values()),
            tuple(links),
            {id: tuple(dict.fromkeys(keys)) for id, keys in places.items()},
            tuple(notes),
        )

    # ---- links ----

    def _links(self) -> list[DrawnLink]:
        links: list[DrawnLink] = []
        for i, unit in enumerate(self.units):
            bundles: dict[tuple[Key, int], list[Edge]] = {}
            for member in unit.members:
                for number, operand in enumerate(member.operands):
                    source = self.bridges(operand)
                    tail, port = self._tail(source, i)
                    if tail is None or tail == unit.key:
                        continue
                    edges = list(self.bridges.edges(member.id, number, operand))
                    if unit.kind == "operation":
                        links.append(DrawnLink(f"{member.id}.{number}", tail, unit.key, number, port, tuple(edges)))
                    else:
                        bundles.setdefault((tail, port), []).extend(edges)
            for number, ((tail, port), edges) in enumerate(bundles.items()):
                links.append(DrawnLink(f"{unit.key}.{number}", tail, unit.key, number, port, tuple(edges)))
        return links

    def _tail(self, source: Operand, reader: int) -> tuple[Key | None, int]:
        """The box that a value comes from, and which of the box's outputs it is."""
        if source.vertex in self.readers:
            return self._leaf_key(source.vertex, reader), 0
        unit = self.units[self.unit_of[source.vertex]]
        if unit.kind == "operation":
            return unit.key, source.port
        if self.unit_of[source.vertex] == reader:
            return unit.key, 0
        ports = self.ports.setdefault(unit.key, {})
        return unit.key, ports.setdefault(source, len(ports))

    # ---- boxes ----

    def _leaf_box(self, id: int, key: Key, reader: Unit | None) -> DrawnBox:
        vertex = self.graph.vertices[id]
        group: tuple[str, ...] = ()
        if key != id and reader is not None and vertex.requires_grad:
            group = reader.group
        elif vertex.is_constant or vertex.requires_grad:
            # A parameter stands in its layer; what is only read comes from outside.
            groups = [self.units[i].group for i in self.readers[id]]
            group = common_parts(groups) if groups else ()
        kind: Literal["constant", "leaf"] = "constant" if vertex.is_constant else "leaf"
        return DrawnBox(key, kind, (id,), (Operand(id, 0),), group, ghost=id in self.ghosts)

    def _unit_box(self, unit: Unit, leaves: Sequence[int]) -> DrawnBox:
        if unit.kind == "operation":
            vertex = unit.members[0]
            outputs = tuple(Operand(vertex.id, port) for port in range(len(vertex.shapes)))
            return DrawnBox(unit.key, "operation", (vertex.id,), outputs, unit.group)
        ids = {member.id for member in unit.members}
        own = [output for output in map(self.bridges, self.graph.outputs) if output.vertex in ids]
        outputs = tuple(dict.fromkeys([*self.ports.get(unit.key, {}), *own]))
        if unit.kind == "range":
            distinct = list(dict.fromkeys(map(_called, unit.members)))
            title = f"{len(unit.members):,} operations"
            detail = " ".join(distinct[:3]) + (" …" if len(distinct) > 3 else "")
        else:
            title, detail = self._scope_title(unit, leaves), self._contents(unit)
        return DrawnBox(unit.key, unit.kind, (*leaves, *ids), outputs, unit.group, title, detail)

    def _scope_title(self, unit: Unit, leaves: Sequence[int]) -> str:
        """The last level of the path, with how often the same parameters were applied, and which call this is."""
        title = clean(scope_parts(unit.path)[-1])
        times = self._times(unit, leaves)
        if times > 1:
            title += f" ×{times}"
        calls = self.calls[unit.path]
        if len(calls) > 1:
            title += f" ({calls.index(unit.key) + 1} of {len(calls)})"
        return title

    def _times(self, unit: Unit, leaves: Sequence[int]) -> int:
        """How often a scope ran in this unit: its operations repeat, and every round reads the same parameters."""
        parameters = {id for id in leaves if self.graph.vertices[id].requires_grad}
        reads = [
            tuple(source.vertex for source in map(self.bridges, member.operands) if source.vertex in parameters)
            for member in unit.members
        ]
        counts = Counter(id for row in reads for id in row)
        times = min(counts.values(), default=1)
        if times < 2 or len(unit.members) % times:
            return 1
        period = len(unit.members) // times
        rounds = [(member.op, row) for member, row in zip(unit.members, reads, strict=True)]
        return times if all(rounds[i] == rounds[i % period] for i in range(len(rounds))) else 1

    def _contents(self, unit: Unit) -> str:
        """What is inside: the first of several distinct parts that are built alike, or the operations."""
        depth = len(scope_parts(unit.path))
        parts: dict[str, list[str]] = {}
        for member in unit.members:
            rest = scope_parts(member.scope)[depth:]
            if not rest:
                return _listed([*map(_called, unit.members)])
            parts.setdefault(rest[0], []).append(_called(member))
        first = next(iter(parts))
        if len(parts) > 1 and all(ops == parts[first] for ops in parts.values()):
            return f"{clean(first)} +{len(parts) - 1} more"
        return _listed([*map(_called, unit.members)])


def _called(vertex: Vertex) -> str:
    return base_and_missing(vertex.op or "")[0]


def _listed(ops: Sequence[str]) -> str:
    """How many operations there are, and the first distinct ones."""
    distinct = list(dict.fromkeys(ops))
    text = " ".join(distinct[:3]) + (" …" if len(distinct) > 3 else "")
    return text if len(ops) == len(distinct) <= 3 else f"{len(ops):,} ops: {text}"
