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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from sys import getrefcount
from threading import get_ident
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from graphgrad.graph.errors import GraphError, describe
from graphgrad.graph.node import take_numbers
from graphgrad.graph.writes import CLOCK

if TYPE_CHECKING:
    from graphgrad.graph.bridge import Origin
    from graphgrad.graph.source import Site

__all__ = [
    "CAPACITY",
    "DONE",
    "GIVING",
    "INDEX",
    "NOTHING",
    "PENDING",
    "SLOT_SHIFT",
    "Chunk",
    "Flat",
    "Look",
    "Note",
    "Place",
    "Trace",
    "check_untraced",
    "end_graph",
    "flatten",
    "leaves_chunk",
    "open_chunk",
    "put_number",
    "traced",
]

Array = np.ndarray[Any, Any]

CAPACITY = 1024
"""Scalars in a chunk: large enough that crossing to the next one is rare, small enough to be made in microseconds."""

SLOT_SHIFT = 32
"""An operand is ``slot << SLOT_SHIFT | index``; slot 0 is the chunk itself, slot k the k-th chunk that it reads."""

INDEX = (1 << SLOT_SHIFT) - 1
"""The bits of an operand that are the index."""

NOTHING, PENDING, DONE = 0, 1, 2
"""The state of a gradient: none arrived in any pass, on its way in this one, there."""

GIVING = threading.Lock()
"""Held while a pass adds what it found to the gradients of leaves, which passes in other threads may have too."""

_OWN_REFERENCES = 3
"""How many references there are to an open chunk that nobody holds, while the question is asked."""

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
    face
        The class of the handles to its scalars.
    ops
        Opcode of each scalar; 0 for leaves and constants.
    left, right
        Operands as slot and index; right is -1 for operations with one operand.
    values, grads, states
        The number, its gradient, and whether that has arrived.
    used
        How many scalars there are.
    before
        How many were recorded before, in chunks that this one may go on from.
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
    numbers
        The chunk that got the last number that stood in the code beside one of its results; None before any.
    notes
        Names and places, by index, for those that have any.
    trace
        What takes note of every look at a value, while a function is recorded to be replayed; mostly None.
    origin
        The tensor whose elements its scalars are; mostly None. See `graphgrad.graph.bridge`.
    """

    __slots__ = (
        "__weakref__",
        "before",
        "epoch",
        "face",
        "first",
        "grads",
        "last_written",
        "left",
        "needs",
        "notes",
        "numbers",
        "ops",
        "origin",
        "reads",
        "right",
        "slots",
        "states",
        "thread",
        "trace",
        "used",
        "values",
        "written",
    )

    def __init__(self, face: type[Any], needs: bool = True, thread: int = 0, capacity: int = CAPACITY) -> None:
        zeros, ones = (_ZEROS, _MINUS_ONES) if capacity == CAPACITY else (bytes(8 * capacity), b"\xff" * (8 * capacity))
        self.face = face
        self.ops = bytearray(capacity)
        self.left = array("q", zeros)
        self.right = array("q", ones)
        self.values = array("d", zeros)
        self.grads = array("d", zeros)
        self.states = bytearray(capacity)
        self.used = 0
        self.before = 0
        self.first = take_numbers(capacity)
        self.reads: list[Chunk] = []
        self.slots = _Slots(self.reads)
        self.thread = thread
        self.needs = needs
        self.epoch = CLOCK.epoch
        self.written: dict[int, int] = {}
        self.last_written = 0
        self.numbers: Chunk | None = None
        self.notes: dict[int, Note] = {}
        self.trace = _open.trace
        self.origin: Origin | None = None

    def locate(self, operand: int) -> tuple[Chunk, int]:
        """The chunk and index that an operand stands for."""
        slot = operand >> SLOT_SHIFT
        return (self.reads[slot - 1] if slot else self), operand & INDEX

    def operands(self, index: int) -> tuple[tuple[Chunk, int], ...]:
        """Where the operands of scalar `index` are, in order."""
        if not self.ops[index] or self.origin is not None:
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


Place = tuple[Chunk, int]


class Look(NamedTuple):
    """A question that a function asked about two numbers, and the answer by which it went on.

    Attributes
    ----------
    question
        How they compare: ``"less"``, ``"less_equal"`` or ``"equal"``; or what was read of the left one, which is the
        right one: ``"same"`` for its value, ``"whole"`` for that without its fraction.
    left, right
        Their places on the tape.
    answer
        True where something was read.
    """

    question: str
    left: Place
    right: Place
    answer: bool


class Trace:
    """Takes note of what a function looks at, while it is recorded to be replayed; see `graphgrad.compile_scalars`.

    Attributes
    ----------
    looks
        What it looked at, in order.
    open
        Whether the function is still running.
    """

    __slots__ = ("looks", "open")

    def __init__(self) -> None:
        self.looks: list[Look] = []
        self.open = True

    def looked(self, question: str, left: Place | float, right: Place | float, answer: bool = True) -> None:
        """Take note of a question about two numbers, of which those that have no place on the tape get one."""
        if self.open:
            self.looks.append(Look(question, _placed(left), _placed(right), answer))


def _placed(number: Place | float) -> Place:
    if isinstance(number, tuple):
        return number
    chunk = leaves_chunk(object, needs=False)  # nobody gets a handle to it
    return chunk, chunk.put(number)


class _Open(threading.local):
    """The chunks that this thread fills, held weakly: when no scalar is left in one, its memory goes.

    Leaves and constants have a chunk for each class of handles, and for whether they need a gradient.
    """

    def __init__(self) -> None:
        self.ops = _gone
        self.leaves: dict[tuple[type[Any], bool], Callable[[], Chunk | None]] = {}
        self.trace: Trace | None = None


def _gone() -> Chunk | None:
    return None


_open = _Open()


@contextmanager
def traced() -> Iterator[Trace]:
    """Give this thread chunks of its own for a while, and take note of every look at a value in them.

    What was seen has to be taken before the end: the chunks and their trace would keep each other alive.
    """
    before = _open.ops, _open.leaves, _open.trace
    trace = Trace()
    _open.ops, _open.leaves, _open.trace = _gone, {}, trace
    try:
        yield trace
    finally:
        trace.open = False
        trace.looks = []
        chunk = _open.ops()
        if chunk is not None:
            chunk.thread = 0
        _open.ops, _open.leaves, _open.trace = before


def check_untraced(chunk: Chunk, what: str, hint: str) -> None:
    """Refuse what a replay can't repeat, if a function that uses this chunk is being recorded.

    Raises
    ------
    GraphError
        If it is.
    """
    if chunk.trace is not None and chunk.trace.open:
        raise GraphError(
            describe(f"{what}: compile_scalars is recording this function, and a replay couldn't repeat it", hint=hint)
        )


def open_chunk(latest: Chunk, room: int = 1, face: type[Any] | None = None) -> Chunk:
    """The chunk of this thread for operations on operands of which the latest are in `latest`.

    Its handles are of the class `face`; if none is given, of that of `latest`.

    Whoever records need not ask if `latest` is this thread's, has room for the operations, and nothing was written
    since it was begun.
    """
    chunk = _open.ops()
    face = face or latest.face
    begins = chunk is None or (not latest.reads and _is_at_an_end(chunk))
    if (
        chunk is None
        or begins
        or chunk.used + room > CAPACITY
        or chunk.epoch != CLOCK.epoch
        or latest.first > chunk.first
        or face is not chunk.face
    ):
        made = Chunk(face, thread=get_ident())
        if chunk is not None:
            chunk.thread = 0
            made.before = 0 if begins else chunk.before + chunk.used
        chunk = made
        _open.ops = weakref.ref(chunk)
    return chunk


def _is_at_an_end(chunk: Chunk) -> bool:
    """Whether a graph has probably ended in a chunk, which another one now begins in.

    If it did, it would keep the first alive, as that keeps the one before: a loop that computes one graph after the
    other would keep them all. But a graph too may begin again and again, as a sum over examples does; so it is only
    supposed to be at an end if no more than one of its results is held, and that once in half a chunk: chunks aren't
    begun for a few scalars.
    """
    held = getrefcount(chunk) - _OWN_REFERENCES
    return held <= 1 and chunk.before + chunk.used > CAPACITY // 2 and _continues(chunk)


def _continues(chunk: Chunk) -> bool:
    """Whether a chunk reads results of others."""
    return any(read.reads for read in chunk.reads)


def end_graph(root: Chunk) -> None:
    """Let what this thread records next keep nothing alive of a graph that ends here, as most do with a pass."""
    if root.thread == get_ident() and _continues(root):
        root.thread = 0
        _open.ops = _gone


def leaves_chunk(face: type[Any], needs: bool) -> Chunk:
    """The chunk for this thread's next leaf, or its next constant, that is to have handles of a class."""
    chunk = _open.leaves.get((face, needs), _gone)()
    if chunk is None or chunk.used == CAPACITY:
        chunk = Chunk(face, needs)
        _open.leaves[face, needs] = weakref.ref(chunk)
    return chunk


def put_number(reader: Chunk, value: float) -> Place:
    """Give a number that stands in the code a place, for an operation on a scalar of `reader`."""
    chunk = reader.numbers
    if chunk is None or reader.thread != get_ident() or chunk.used == CAPACITY:
        chunk = leaves_chunk(reader.face, needs=False)
        if reader.thread == get_ident():  # else another thread might put its numbers there at the same time
            reader.numbers = chunk
    index = chunk.used
    chunk.values[index] = value
    chunk.used = index + 1
    return chunk, index


class Flat(NamedTuple):
    """Chunks one behind the other, operands as places in the whole: what compiled passes run over.

    Attributes
    ----------
    parts
        The chunks in the order of their scalars, and which part of the whole each takes.
    codes, left, right
        Opcode and operands of each scalar; where there is no second operand -1, and any place for leaves.
    values
        A copy.
    needs
        1 for each that needs a gradient, else 0.
    """

    parts: dict[Chunk, slice]
    codes: Array
    left: Array
    right: Array
    values: Array
    needs: Array

    def place(self, chunk: Chunk, index: int) -> int:
        """Where a scalar is."""
        return int(self.parts[chunk].start) + index


def flatten(roots: Iterable[Chunk], shallow: bool = False) -> Flat:
    """Lay out chunks, at least one, and all that they read, in the order in which their scalars came into being.

    If `shallow`, what they read is laid out as leaves, and what that reads isn't laid out.
    """
    found = set(roots)
    stack = list(found)
    leaves = {read for chunk in stack for read in chunk.reads if read not in found} if shallow else set()
    found |= leaves
    while stack and not shallow:
        for read in stack.pop().reads:
            if read not in found:
                found.add(read)
                stack.append(read)
    chunks = sorted(found, key=lambda chunk: chunk.first)
    sizes = [chunk.used for chunk in chunks]
    ends = list(accumulate(sizes))
    parts = {chunk: slice(end - n, end) for chunk, n, end in zip(chunks, sizes, ends, strict=True)}
    # What a slot stands for, for all chunks in one table: a chunk's own start, then those of the chunks that it reads.
    table = np.array(
        [parts[one].start if one in parts else 0 for chunk in chunks for one in (chunk, *chunk.reads)], np.int64
    )
    rows = np.repeat(list(accumulate((1 + len(chunk.reads) for chunk in chunks[:-1]), initial=0)), sizes)

    def places(operands: Array) -> Array:
        found: Array = table[rows + (operands >> SLOT_SHIFT)] + (operands & INDEX)
        return found.astype(np.int32)

    right = _joined([chunk.right for chunk in chunks], sizes, np.int64)
    alone = right < 0
    return Flat(
        parts,
        codes=_joined([bytes(chunk.used) if chunk in leaves else chunk.ops for chunk in chunks], sizes, np.uint8),
        left=places(_joined([chunk.left for chunk in chunks], sizes, np.int64)),
        right=np.where(alone, np.int32(-1), places(np.where(alone, 0, right))),
        values=_joined([chunk.values for chunk in chunks], sizes, np.float64),
        needs=np.repeat(np.array([chunk.needs for chunk in chunks], np.uint8), sizes),
    )


def _joined(columns: list[Any], sizes: list[int], dtype: type) -> Array:
    return np.concatenate([np.frombuffer(column, dtype, n) for column, n in zip(columns, sizes, strict=True)])
