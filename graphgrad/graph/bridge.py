"""Where tensors and scalars meet in one graph.

The elements of a tensor, as scalars, lie in a chunk of their own: it reads no chunk and has a tensor as its origin.
A tensor that is stacked of scalars has a node whose operands are scalars. Both refer backwards only. One counter
numbers nodes and scalars, and a chunk has its numbers in a row; so to take nodes and chunks in descending order meets
everything after all that reads it, as it does among nodes alone and among chunks alone.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from graphgrad.graph.node import Node, Output, Source
from graphgrad.graph.scalar import Scalar, handle
from graphgrad.graph.tape import Chunk, Note, Place

if TYPE_CHECKING:
    from graphgrad.graph.source import Site

__all__ = [
    "Origin",
    "Thing",
    "chunks_below",
    "elements_chunk",
    "handles",
    "leaves_of",
    "nested",
    "number_of",
    "operands_of",
    "placed",
    "places_and_nodes",
    "read_by",
    "things_below",
]

Shape = tuple[int, ...]

Thing: TypeAlias = "Node | Chunk"
"""What a pass over a mixed graph takes one after the other: a node, or a chunk of scalars as a whole."""


class Origin(NamedTuple):
    """The tensor that the scalars of a chunk are the elements of, in row-major order; and where that was asked for."""

    source: Source
    shape: Shape
    scope: str
    site: Site | None

    @property
    def node(self) -> Node | None:
        """The node behind the tensor, None if that is a leaf."""
        return _node(self.source)


def elements_chunk(values: Sequence[float], opcode: int, origin: Origin, face: type[Scalar]) -> Chunk:
    """A chunk for the elements of a tensor that needs a gradient; there is one at least."""
    chunk = _filled(values, True, face)
    chunk.ops[:] = bytes([opcode]) * len(values)
    chunk.origin = origin
    return chunk


def leaves_of(values: Sequence[float], needs: bool, names: Sequence[str | None], face: type[Scalar]) -> list[Any]:
    """Leaves or constants with these values and names, all in one chunk."""
    if not values:
        return []
    chunk = _filled(values, needs, face)
    chunk.notes.update({i: Note(name) for i, name in enumerate(names) if name is not None or not needs})
    return handles(chunk)


def _filled(values: Sequence[float], needs: bool, face: type[Scalar]) -> Chunk:
    count = len(values)
    chunk = Chunk(face, needs, capacity=count)
    chunk.values = array("d", values)
    chunk.used = count
    return chunk


def handles(chunk: Chunk) -> list[Any]:
    """All scalars of a chunk."""
    return [handle(chunk, i) for i in range(chunk.used)]


def nested(flat: Sequence[Any], shape: Shape) -> Any:
    """Things in row-major order as lists within lists; of shape ``()`` the one thing itself."""
    if not shape:
        return flat[0]
    level = list(flat)
    sizes = [1]
    for length in shape[:-1]:
        sizes.append(sizes[-1] * length)
    for count, length in zip(reversed(sizes), reversed(shape), strict=True):
        level = [level[k * length : (k + 1) * length] for k in range(count)]
    return level[0]


def placed(name: str, place: Sequence[int]) -> str:
    """The name of an element: ``a[0,1]``."""
    return f"{name}[{','.join(map(str, place))}]" if place else name


# ---- ways through a graph of both kinds ------------------------------------------------------------------------------


def things_below(roots: Iterable[Source]) -> list[Thing]:
    """The nodes and chunks that the roots depend on through what needs a gradient, the latest first."""
    seen: set[Thing] = set(_things(roots))
    stack = list(seen)
    while stack:
        thing = stack.pop()
        if type(thing) is Chunk:
            below: Iterable[Any] = [read for read in thing.reads if read.needs]
            if thing.origin is not None and thing.origin.node is not None:
                below = [thing.origin.node]
        else:
            assert type(thing) is Node
            below = _things(thing.operands)
        for one in below:
            if one not in seen:
                seen.add(one)
                stack.append(one)
    return sorted(seen, key=_number, reverse=True)


def chunks_below(root: Chunk) -> list[Chunk]:
    """A chunk and all that can be got to from there by reading scalars."""
    found = [root]
    seen = {root}
    for chunk in found:  # which grows meanwhile
        for read in chunk.reads:
            if read not in seen:
                seen.add(read)
                found.append(read)
    return found


def places_and_nodes(
    roots: Iterable[Source], first: int = 0, all_of_them: bool = False
) -> dict[Node | Place, tuple[Source | Place, ...]]:
    """The nodes and scalars that lead to the roots, each with its operands, in the order in which they ran.

    Parameters
    ----------
    roots
        Tensors and scalars, as operands note them.
    first
        Only those are looked for whose number is this at least.
    all_of_them
        Whether what needs no gradient counts too.
    """
    stack = [one for one in map(_below, roots) if one is not None and number_of(one) >= first]
    found: dict[Node | Place, tuple[Source | Place, ...]] = dict.fromkeys(stack, ())
    while stack:
        thing = stack.pop()
        found[thing] = operands = operands_of(thing)
        for operand in operands:
            one = operand if type(operand) is tuple else _below(operand)  # type: ignore[arg-type]
            if one is None or one in found or number_of(one) < first:
                continue
            if all_of_them or (one[0].needs if isinstance(one, tuple) else one.needs):
                found[one] = ()
                stack.append(one)
    return dict(sorted(found.items(), key=lambda item: number_of(item[0])))


def read_by(thing: Thing) -> tuple[Source, ...]:
    """What a node was computed from, or the tensor that a chunk has the elements of."""
    if type(thing) is Node:
        return thing.operands
    assert type(thing) is Chunk
    return () if thing.origin is None else (thing.origin.source,)


def operands_of(thing: Node | Place) -> tuple[Source | Place, ...]:
    """What a node or a scalar was computed from; an element comes from its tensor."""
    if type(thing) is Node:
        return thing.operands
    assert type(thing) is tuple
    chunk, index = thing
    return (chunk.origin.source,) if chunk.origin is not None else chunk.operands(index)


def number_of(thing: Node | Place) -> int:
    """When a node or a scalar came into being."""
    return thing[0].first + thing[1] if type(thing) is tuple else thing.number  # type: ignore[union-attr]


def _below(source: Source) -> Node | Place | None:
    """The node or the place on the tape behind an operand, None for leaf tensors and numbers."""
    return (source.chunk, source.index) if isinstance(source, Scalar) else _node(source)


def _node(source: Source) -> Node | None:
    if type(source) is Output:
        return source.node
    return source if type(source) is Node else None


def _things(sources: Iterable[Source]) -> Iterator[Thing]:
    for source in sources:
        if isinstance(source, Scalar):
            if source.chunk.needs:
                yield source.chunk
        elif type(source) is Output:
            # (under recording) integers of a node whose other outputs do need a gradient lead nowhere
            if source.node.needs and source.node.dtypes[source.index].kind in "fc":
                yield source.node
        elif type(source) is Node and source.needs:
            yield source


def _number(thing: Thing) -> int:
    return thing.first if type(thing) is Chunk else thing.number  # type: ignore[union-attr]
