"""Where scalars live: flat chunks of opcodes, operand indices, values and gradients.

A scalar is a handle (chunk, index), so recording one operation on numbers writes four array cells instead of building
objects. A chunk holds the chunks that it reads from, never those that read from it: reference counting frees a dead
graph, chunk by chunk. Leaves and constants have chunks of their own, which read nothing; so a parameter that lives for
ever keeps no graph alive.

Every scalar of a chunk comes after all scalars of the chunks that it reads, and after those of its own chunk that it
reads: a pass down the chunks, and down the indices of each, meets every scalar after all of its readers.
"""

from __future__ import annotations

import threading
import weakref
from array import array
from typing import TYPE_CHECKING, NamedTuple

from graphgrad.graph.node import take_numbers
from graphgrad.graph.writes import CLOCK

if TYPE_CHECKING:
    from graphgrad.graph.source import Site

__all__ = [
    "CAPACITY",
    "DONE",
    "INDEX",
    "NOTHING",
    "PENDING",
    "SLOT_SHIFT",
    "Chunk",
    "Note",
    "constants_chunk",
    "leaves_chunk",
    "open_chunk",
]

CAPACITY = 1024
"""Scalars in a chunk: large enough that crossing to the next one is rare, small enough to be made in microseconds."""

SLOT_SHIFT = 32
"""An operand is ``slot << SLOT_SHIFT | index``; slot 0 is the chunk itself, slot k the k-th chunk that it reads."""

INDEX = (1 << SLOT_SHIFT) - 1
"""The bits of an operand that are the index."""

NOTHING, PENDING, DONE = 0, 1, 2
"""The state of a gradient: none arrived in any pass, on its way in this one, there."""

_ZEROS = bytes(8 * CAPACITY)
_MINUS_ONES = b"\xff" * (8 * CAPACITY)


class Note(NamedTuple):
    """What is known of a scalar beside its numbers."""

    name: str | None = None
    scope: str = ""
    site: Site | None = None


class _Slots(dict["Chunk", int]):
    """The slot of each chunk that is read, shifted to its place in an operand; a chunk is entered when first asked for.

    A chunk looks up the operand ``slots[other] | index`` for every operation that reads another one: with this, the
    whole of it runs in C.
    """

    __slots__ = ("reads",)

    def __init__(self, reads: list[Chunk]) -> None:
        super().__init__()
        self.reads = reads

    def __missing__(self, chunk: Chunk) -> int:
        self.reads.append(chunk)
        slot = self[chunk] = len(self.reads) << SLOT_SHIFT
        return slot


class Chunk:
    """A block of scalars.

    Attributes
    ----------
    ops
        Opcode of each scalar; 0 for leaves and constants.
    left, right
        Operands as slot and index; right is -1 for operations with one operand.
    values, grads, states
        The number, its gradient, and whether that has arrived.
    used
        How many scalars there are.
    first
        The number of the first one; the counter has given the whole block to this chunk.
    reads, slots
        The chunks that operands are in, from slot 1 on; and by chunk its slot, shifted to its place in an operand.
    thread
        The one thread that adds results here, by its identifier; 0 once it has begun another chunk, so that its results
        are numbered in the order in which it computed them. Always 0 for leaves and constants.
    needs
        Whether its scalars need a gradient.
    epoch
        What the clock of writes showed when its scalars were recorded; after a write, a new chunk is begun.
    written, last_written
        The epoch of the last write, for each leaf that was written, and the latest of them.
    notes
        Names and places, by index, for those that have any.
    """

    __slots__ = (
        "__weakref__",
        "epoch",
        "first",
        "grads",
        "last_written",
        "left",
        "needs",
        "notes",
        "ops",
        "reads",
        "right",
        "slots",
        "states",
        "thread",
        "used",
        "values",
        "written",
    )

    def __init__(self, needs: bool = True, thread: int = 0) -> None:
        self.ops = bytearray(CAPACITY)
        self.left = array("q", _ZEROS)
        self.right = array("q", _MINUS_ONES)
        self.values = array("d", _ZEROS)
        self.grads = array("d", _ZEROS)
        self.states = bytearray(CAPACITY)
        self.used = 0
        self.first = take_numbers(CAPACITY)
        self.reads: list[Chunk] = []
        self.slots = _Slots(self.reads)
        self.thread = thread
        self.needs = needs
        self.epoch = CLOCK.epoch
        self.written: dict[int, int] = {}
        self.last_written = 0
        self.notes: dict[int, Note] = {}

    def locate(self, operand: int) -> tuple[Chunk, int]:
        """The chunk and index that an operand stands for."""
        slot = operand >> SLOT_SHIFT
        return (self.reads[slot - 1] if slot else self), operand & INDEX

    def operands(self, index: int) -> tuple[tuple[Chunk, int], ...]:
        """Where the operands of scalar `index` are, in order."""
        if not self.ops[index]:
            return ()
        left = self.locate(self.left[index])
        return (left,) if self.right[index] < 0 else (left, self.locate(self.right[index]))

    def write(self, index: int, value: float) -> None:
        """Give a leaf another value."""
        self.values[index] = value
        CLOCK.epoch += 1
        self.written[index] = self.last_written = CLOCK.epoch

    def put(self, value: float, note: Note | None = None) -> int:
        """Add a leaf or a constant and return its index."""
        index = self.used
        self.values[index] = value
        self.used = index + 1
        if note is not None:
            self.notes[index] = note
        return index


class _Open(threading.local):
    """The chunks that this thread fills, held weakly: when no scalar is left in one, its memory goes."""

    def __init__(self) -> None:
        self.ops = self.leaves = self.constants = _gone


def _gone() -> Chunk | None:
    return None


_open = _Open()


def open_chunk(latest: Chunk) -> Chunk:
    """The chunk of this thread for an operation on operands of which the latest are in `latest`.

    Whoever records need not ask if `latest` is this thread's, has room, and nothing was written since it was begun.
    """
    chunk = _open.ops()
    if chunk is None or chunk.used == CAPACITY or chunk.epoch != CLOCK.epoch or latest.first > chunk.first:
        if chunk is not None:
            chunk.thread = 0
        chunk = Chunk(thread=threading.get_ident())
        _open.ops = weakref.ref(chunk)
    return chunk


def leaves_chunk() -> Chunk:
    """The chunk for this thread's next leaf."""
    chunk = _open.leaves()
    if chunk is None or chunk.used == CAPACITY:
        chunk = Chunk()
        _open.leaves = weakref.ref(chunk)
    return chunk


def constants_chunk() -> Chunk:
    """The chunk for this thread's next constant."""
    chunk = _open.constants()
    if chunk is None or chunk.used == CAPACITY:
        chunk = Chunk(needs=False)
        _open.constants = weakref.ref(chunk)
    return chunk
