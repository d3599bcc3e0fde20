"""Weighted sums of scalars, recorded in one go: what a neuron computes, node by node as the expressions record it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, islice, repeat
from operator import mul, or_
from threading import get_ident
from typing import Any

from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.mode import MODE
from graphgrad.graph.scalar import handle
from graphgrad.graph.tape import CAPACITY, Chunk, open_chunk
from graphgrad.graph.writes import CLOCK
from graphgrad.kernels.opcodes import CODES

__all__ = ["weighted_sums"]

_PAIR = bytes([CODES["multiply"], CODES["add"]])
_PLACES = array("q", range(-1, CAPACITY))


def weighted_sums(rows: Sequence[Sequence[Any]], inputs: Sequence[Any], starts: Sequence[Any]) -> list[Any]:
    """For each row of weights ``start + row[0] * inputs[0] + row[1] * inputs[1] + ...``, from left to right.

    The graph is that of the expressions: product and sum in turn, row by row. Where nobody watches the operations one
    by one they are recorded as a whole, in about half the time.

    Parameters
    ----------
    rows
        The weights: in each row one for each input.
    inputs
        Scalars or numbers.
    starts
        A scalar or number for each row.

    Raises
    ------
    ShapeError
        If a row has more or fewer weights than there are inputs, or there isn't a start for each row.
    """
    count = len(inputs)
    if len(starts) != len(rows):
        raise ShapeError(describe(f"weighted sums: a start is needed for each of {len(rows)} rows, got {len(starts)}"))
    wrong = next((row for row in rows if len(row) != count), None)
    if wrong is not None:
        raise ShapeError(
            describe("weighted sums: an input is needed for each weight", f"expected: {len(wrong)}, got: {count}")
        )
    together = CAPACITY // (2 * count) if count else 0
    sums: list[Any] = []
    for k in range(0, len(rows), max(together, 1)):
        part = slice(k, k + max(together, 1))
        whole = _operands(rows[part], inputs, starts[part]) if together and MODE.get().plain else None
        if whole is not None:
            sums += _as_a_whole(*whole)
        else:
            sums += map(_one_by_one, rows[part], repeat(inputs), starts[part])
    return sums


def _one_by_one(weights: Sequence[Any], inputs: Sequence[Any], start: Any) -> Any:
    for weight, one in zip(weights, inputs, strict=True):
        start = start + weight * one
    return start


def _operands(
    rows: Sequence[Sequence[Any]], inputs: Sequence[Any], starts: Sequence[Any]
) -> tuple[_Operands, _Operands, _Operands] | None:
    """Where all operands are; None if there is a number among them, or they can't be recorded as a whole."""
    try:
        weights, values, begins = _Operands(chain.from_iterable(rows)), _Operands(inputs), _Operands(starts)
    except AttributeError:
        return None
    if not all(chunk.needs for chunk in weights.used):
        return None  # a product that needs no gradient is a constant
    faces = {chunk.face for chunk in weights.used | values.used | begins.used}
    return (weights, values, begins) if len(faces) == 1 else None


def _as_a_whole(weights: _Operands, values: _Operands, begins: _Operands) -> list[Any]:
    count, rows = len(values.chunks), len(begins.chunks)
    pairs = rows * count
    chunk = _with_room(max(weights.used | values.used | begins.used, key=_first), 2 * pairs)
    products = list(map(mul, weights.numbers(), values.numbers() * rows))
    sums: list[float] = []
    for r, begin in enumerate(begins.numbers()):
        sums += islice(accumulate(products[r * count : (r + 1) * count], initial=begin), 1, None)
    k = chunk.used
    end = k + 2 * pairs
    before = _PLACES[k : end - 1 : 2]  # k - 1, k + 1, ...
    before[::count] = begins.operands(chunk)
    chunk.ops[k:end] = _PAIR * pairs
    chunk.left[k:end:2] = weights.operands(chunk)
    chunk.right[k:end:2] = values.operands(chunk) * rows
    chunk.values[k:end:2] = array("d", products)
    chunk.left[k + 1 : end : 2] = before
    chunk.right[k + 1 : end : 2] = _PLACES[k + 1 : end + 1 : 2]  # k, k + 2, ...
    chunk.values[k + 1 : end : 2] = array("d", sums)
    chunk.used = end
    return [handle(chunk, last) for last in range(k + 2 * count - 1, end, 2 * count)]


class _Operands:
    """Where some scalars are; mostly all in one chunk, which makes it quick."""

    def __init__(self, scalars: Iterable[Any]) -> None:
        scalars = list(scalars)
        self.chunks: list[Chunk] = [one.chunk for one in scalars]
        self.indices: list[int] = [one.index for one in scalars]
        self.used = set(self.chunks)

    def numbers(self) -> list[float]:
        if len(self.used) == 1:
            return list(map(self.chunks[0].values.__getitem__, self.indices))
        return [chunk.values[i] for chunk, i in zip(self.chunks, self.indices, strict=True)]

    def operands(self, reader: Chunk) -> array[int]:
        """As `reader` writes them."""
        slots = {chunk: 0 if chunk is reader else reader.slots[chunk] for chunk in self.used}
        if len(slots) == 1:
            slot = slots[self.chunks[0]]
            return array("q", list(map(slot.__or__, self.indices)) if slot else self.indices)
        return array("q", list(map(or_, map(slots.__getitem__, self.chunks), self.indices)))


def _first(chunk: Chunk) -> int:
    return chunk.first


def _with_room(latest: Chunk, room: int) -> Chunk:
    if latest.thread != get_ident() or latest.used + room > CAPACITY or latest.epoch != CLOCK.epoch:
        return open_chunk(latest, room)
    return latest
