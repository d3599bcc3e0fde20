"""Checkpointing: compute again in the backward pass what the forward pass didn't keep.

A graph is executable data: a node has its operation, its operands and its attributes, random ones their seed. So
nothing has to stand in the graph for a checkpointed function, and nothing does: its operations are nodes like all
others, which pictures, walks, hooks and derivatives of any order find where they always are. They only don't keep
values. What they have instead is a place in a program: a list of the operations that ran, by number, and the values
that came from outside. When a pass gets to the last of them, the list runs again from these values, and the pass goes
on with what it gives, operation by operation, until it has left the segment.

One node for the whole function would have had to hold the function, which is no data: such a graph couldn't be saved or
walked, and calling the function a second time would print, count and draw a second time, as running statistics do in
frameworks that work so. Here Python code runs once.

The list refers to no node, for nodes refer to it: a dead graph goes by reference counting alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np

from graphgrad.autodiff.anomaly import AnomalyDetector
from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node, Output
from graphgrad.graph.operation import Op
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import CLOCK, owner

__all__ = ["checkpoint", "saved_bytes"]

Array = np.ndarray[Any, Any]
P = ParamSpec("P")
R = TypeVar("R")


def checkpoint(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function without keeping what its backward pass needs; that is computed again when the pass gets there.

    The graph then keeps what the function reads from outside (arguments, parameters, values of other operations), and
    of what happens inside no arrays at all. The price is a second forward run, just before the backward pass through
    it. For a chain of n layers, checkpointing about √n pieces of √n layers keeps O(√n) values.

    Parameters
    ----------
    function
        Any function that computes with tensors. It is called once, now.
    *args, **kwargs
        What it is called with.

    Returns
    -------
    object
        What `function` returned.

    Raises
    ------
    WriteError
        From the backward pass, if a value that the function read was written in place since.

    Notes
    -----
    The gradients are the same to the bit: the same operations run again on the same arrays; an operation that draws
    random numbers has kept its seed. Only operations run again, not the function: whatever else it does happens once.
    It may call `checkpoint` in turn, and derivatives of any order pass through it. Each pass computes what it needs
    anew, also when the graph is retained.

    What is no operation with a gradient can't be computed again and is kept, if an operation needs it: detached values,
    results of comparisons, arrays of the function's own. Scalars hold their values on the tape anyway.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = gg.tensor([0.5, 1.0], requires_grad=True)
    >>> y = gg.checkpoint(lambda t: gg.sum(gg.tanh(gg.exp(t)) ** 2), x)
    >>> y.backward()
    >>> x.grad
    tensor([0.4212, 0.0931])
    """
    if not callable(function):
        raise DTypeError(describe(f"checkpoint: a function is needed, got {type(function).__name__}"))
    mode = MODE.get()
    if not mode.grad:
        return function(*args, **kwargs)
    segment = Segment(mode.segment if isinstance(mode.segment, Segment) else None)
    token = MODE.set(mode.but(segment=segment))
    try:
        return function(*args, **kwargs)
    finally:
        MODE.reset(token)
        segment.finish()


class _Run(NamedTuple):
    """One operation that ran.

    An operand is the number of a value; or, below zero, the place of an array that was kept (-1 is the first); or a
    number of the code, in a tuple.
    """

    op: Op
    operands: tuple[int | tuple[Any], ...]
    attrs: Mapping[str, Any]
    results: range
    keep: int
    segment: int

    @property
    def saved_operands(self) -> list[int | tuple[Any]]:
        """The operands that rules read."""
        return [operand for i, operand in enumerate(self.operands) if self.keep >> i & 1]

    @property
    def saves_result(self) -> bool:
        """Whether rules read the result."""
        return bool(self.keep >> len(self.operands) & 1)


class _Part(NamedTuple):
    """What one call of `checkpoint` ran: where that begins and ends in the program, and the calls around and inside."""

    places: range
    outer: int | None
    inner: list[int]


class _Plan(NamedTuple):
    """What of a part has to run again; and the values and kept arrays from outside that it reads."""

    chosen: frozenset[int]
    values: frozenset[int]
    kept: frozenset[int]


class _Again(NamedTuple):
    """What came of running a part again: what operations had saved, and the values that the parts inside start from."""

    saved: dict[int, tuple[Any, ...]]
    values: dict[int, dict[int, Array]]


class _Program:
    """What ran in an outermost call of `checkpoint` and in those inside it, and the arrays that came from outside.

    Running a part again gives the values that the parts inside start from, and no more of them: these run again when
    the pass gets to them.
    """

    def __init__(self) -> None:
        self.runs: list[_Run] = []
        self.parts: list[_Part] = []
        self.plans: dict[int, _Plan] = {}
        self.values = 0
        self.kept: Any = []  # arrays: a list that grows; when all has run a tuple, with None for what nothing needs
        self.epochs: list[int] = []
        # While the functions run: the number of each value, and the place of each kept array by its identity.
        self.numbers: dict[Any, int] = {}
        self.places: dict[int, int] = {}

    # ---- while the functions run

    def note(self, segment: int, node: Node, arrays: Sequence[Any], result: Any) -> int:
        """Take note of an operation that ran; its place."""
        keys: list[Any] = [(node, i) for i in range(len(result))] if isinstance(result, tuple) else [node]
        results = range(self.values, self.values + len(keys))
        operands = tuple(map(self.operand, node.operands, arrays))
        self.runs.append(_Run(node.op, operands, node.attrs, results, node.op.keeps(node.needs), segment))
        self.numbers.update(zip(keys, results, strict=True))
        self.values = results.stop
        return len(self.runs) - 1

    def operand(self, source: Any, array: Any) -> int | tuple[Any]:
        """Where an operand is found when all of it runs again."""
        if not isinstance(array, np.ndarray):
            return (array,)
        if isinstance(source, (Node, Output)):
            number = self.numbers.get((source.node, source.index) if isinstance(source, Output) else source)
            if number is not None:
                return number
        place = self.places.get(id(array))
        if place is None:
            place = self.places[id(array)] = len(self.kept)
            self.kept.append(array)
            self.epochs.append(CLOCK.epoch)
        return -1 - place

    def finish(self) -> None:
        """Forget the nodes, which refer to this, and the arrays that nothing needs."""
        self.numbers.clear()
        self.places.clear()
        needed: frozenset[int] = frozenset().union(*(self.plan(i).kept for i in range(len(self.parts))))
        self.kept = tuple(array if place in needed else None for place, array in enumerate(self.kept))
        detector = MODE.get().anomaly
        if isinstance(detector, AnomalyDetector):
            self.kept = detector.locked(self.kept)

    # ---- when a pass comes by

    def places_of(self, part: int) -> range:
        """Where the operations of a part stand; a part that isn't over yet ends where the program does."""
        places = self.parts[part].places
        return places if places.stop >= 0 else range(places.start, len(self.runs))

    def plan(self, part: int) -> _Plan:
        """What has to run again: whatever computes a value that was saved, or that a part inside starts from."""
        found = self.plans.get(part)
        if found is not None:
            return found
        runs, places = self.runs, self.places_of(part)
        wanted: set[int] = set()
        kept: set[int] = set()

        def read(operands: Sequence[int | tuple[Any]]) -> None:
            for operand in operands:
                if isinstance(operand, int):
                    wanted.add(operand) if operand >= 0 else kept.add(-1 - operand)

        for k in places:
            if runs[k].segment == part:
                read(runs[k].saved_operands)
                if runs[k].saves_result:
                    wanted.update(runs[k].results)
        for one in self.parts[part].inner:
            wanted |= self.plan(one).values
        chosen = set()
        for k in reversed(places):
            if not wanted.isdisjoint(runs[k].results):
                chosen.add(k)
                wanted.difference_update(runs[k].results)
                read(runs[k].operands)
        plan = _Plan(frozenset(chosen), frozenset(wanted), frozenset(kept))
        if self.parts[part].places.stop >= 0:
            self.plans[part] = plan
        return plan

    def again(self, part: int, memory: dict[Any, Any]) -> _Again:
        """Run a part again, once in each pass."""
        found: _Again | None = memory.get((self, part))
        if found is None:
            outer = self.parts[part].outer
            values = {} if outer is None else self.again(outer, memory).values.pop(part)
            found = memory[self, part] = self.run(part, values)
        return found

    def run(self, part: int, values: dict[int, Array]) -> _Again:
        """Run what is chosen, starting from the values that were computed before; each goes with its last reader."""
        runs, places, chosen = self.runs, self.places_of(part), self.plan(part).chosen
        inner = {self.places_of(one).start: one for one in self.parts[part].inner if self.places_of(one)}
        last: dict[int, int] = {}
        for k in places:
            read = runs[k].operands if k in chosen else runs[k].saved_operands if runs[k].segment == part else ()
            last.update((one, k) for one in (*read, *runs[k].results) if isinstance(one, int))
            if k in inner:
                last.update((one, k) for one in self.plan(inner[k]).values)
        ending: dict[int, list[int]] = {}
        for value, k in last.items():
            ending.setdefault(k, []).append(value)
        found = _Again({}, {})
        for k in places:
            run = runs[k]
            if k in inner:
                found.values[inner[k]] = {value: values[value] for value in self.plan(inner[k]).values}
            outs: tuple[Array, ...] = ()
            if k in chosen:
                arrays = [self.value(operand, values) for operand in run.operands]
                result = (
                    run.op.forward(arrays, **run.attrs) if run.op.variadic else run.op.forward(*arrays, **run.attrs)
                )
                outs = tuple(map(np.asarray, result)) if run.op.outputs is None else (np.asarray(result),)
                values.update(zip(run.results, outs, strict=True))
            if run.segment == part:
                saved = [self.value(one, values) if run.keep >> i & 1 else None for i, one in enumerate(run.operands)]
                found.saved[k] = (*saved, (outs if run.op.outputs is None else outs[0]) if run.saves_result else None)
            for value in ending.get(k, ()):
                values.pop(value, None)
        return found

    def value(self, operand: int | tuple[Any], values: Mapping[int, Array]) -> Any:
        """What an operand stands for."""
        if isinstance(operand, tuple):
            return operand[0]
        return values[operand] if operand >= 0 else self.kept[-1 - operand]


class Segment:
    """One call of `checkpoint`, while its function runs."""

    def __init__(self, outer: Segment | None) -> None:
        self.outer = outer
        self.program: _Program = _Program() if outer is None else outer.program
        self.number = len(self.program.parts)
        start = len(self.program.runs)
        # The end isn't known yet, and so is before the beginning.
        self.program.parts.append(_Part(range(start, -1), None if outer is None else outer.number, []))
        if outer is not None:
            self.program.parts[outer.number].inner.append(self.number)

    def recomputed(self, node: Node, arrays: Sequence[Any], result: Any) -> _Recomputed:
        """Take note of an operation that ran; see `graphgrad.graph.mode.Segment`."""
        return _Recomputed(self.program, self.number, self.program.note(self.number, node, arrays, result))

    def finish(self) -> None:
        """The function has returned, or raised."""
        parts = self.program.parts
        part = parts[self.number]
        parts[self.number] = part._replace(places=range(part.places.start, len(self.program.runs)))
        if self.outer is None:
            self.program.finish()


class _Recomputed:
    """What a node has in place of saved values; see `graphgrad.graph.node.Recomputed`."""

    __slots__ = ("_part", "_place", "_program")

    def __init__(self, program: _Program, part: int, place: int) -> None:
        self._program = program
        self._part = part
        self._place = place

    def restore(self, memory: dict[Any, Any]) -> tuple[Any, ...]:
        """The values; the pass alone has them from now on."""
        return self._program.again(self._part, memory).saved.pop(self._place)

    def kept(self) -> Iterator[tuple[Array, int]]:
        """What came from outside, each with the epoch when it was first read."""
        for array, epoch in zip(self._program.kept, self._program.epochs, strict=True):
            if array is not None:
                yield array, epoch


def saved_bytes(*results: Tensor) -> int:
    """How many bytes the graphs of some tensors keep for their backward pass.

    Memory that several nodes share counts once, and that of leaves not at all: it is there anyway.

    Parameters
    ----------
    *results
        Tensors that were computed.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = gg.tensor([0.5, 1.0], requires_grad=True)
    >>> y = gg.tanh(gg.exp(x))
    >>> gg.saved_bytes(y)  # two float32 numbers of exp, two of tanh
    16
    """
    found: dict[int, int] = {}
    leaves: set[int] = set()
    nodes = list(dict.fromkeys(result.node for result in results if result.node is not None))
    seen = set(nodes)
    for node in nodes:  # which grows meanwhile
        saved = node.saved
        if isinstance(saved, tuple):
            arrays = [one for value in saved for one in (value if isinstance(value, tuple) else (value,))]
        else:
            arrays = [] if saved is None else [array for array, _ in saved.kept()]
        found.update((id(owner(one)), owner(one).nbytes) for one in arrays if isinstance(one, np.ndarray))
        for source in node.operands:
            below = source.node if isinstance(source, Output) else source
            if isinstance(below, Tensor):
                leaves.add(id(owner(below._data)))
            elif isinstance(below, Node) and below not in seen:
                seen.add(below)
                nodes.append(below)
    return sum(size for array, size in found.items() if array not in leaves)
