"""`Walk`: a forward and a backward pass with every number, and what is known at each step of them.

Nothing is stored per step. A value is known from the step on at which it arrived, and a gradient is the sum of the
contributions that have arrived; so what is shown at a step is a pure function of the walk and the step's number, and
going back costs as little as going forth.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from graphgrad.graph.errors import describe
from graphgrad.graph.graph import Graph, Operand
from graphgrad.walk.steps import GRANULARITIES, Granularity, Phase, Step, is_plumbing, list_steps
from graphgrad.walk.visualizers import find_visualizer

__all__ = ["Contribution", "Cursor", "Moment", "Walk"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """What a vertex passed back to one of its operands.

    Attributes
    ----------
    vertex, operand
        Who passed it on, and to which of its operands.
    value
        The contribution, in the shape of the operand.
    """

    vertex: int
    operand: int
    value: Array


@dataclass(frozen=True, eq=False)
class Walk:
    """A forward pass and, if a gradient was wanted, a backward pass, with all their numbers.

    Get one with `graphgrad.walk`, from a script or from a file.

    Attributes
    ----------
    graph
        The computation.
    values
        By vertex the value of each output; nothing for an operation that raised.
    seeds
        The outputs that the backward pass starts from with their upstream gradients; empty for a forward pass alone.
    contributions
        In order of arrival.
    title
        What is walked, in a few words.
    notes
        What else one should know about it, a sentence each.
    """

    graph: Graph
    values: Mapping[int, tuple[Array, ...]]
    seeds: Mapping[Operand, Array]
    contributions: tuple[Contribution, ...]
    title: str = ""
    notes: tuple[str, ...] = ()
    _sums: dict[Operand, list[Array]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for target, seed in self.seeds.items():
            self._sums[target] = [seed]
        for one in self.contributions:
            sums = self._sums.setdefault(self.graph.vertices[one.vertex].operands[one.operand], [])
            # The order of the engine's own sum, so these are its numbers to the bit.
            sums.append(np.asarray(sums[-1] + one.value) if sums else one.value)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every step at the granularity of operations."""
        return list_steps(self.graph, [(one.vertex, one.operand) for one in self.contributions], tuple(self.seeds))

    @cached_property
    def _at(self) -> tuple[dict[int, int], dict[Operand, list[int]]]:
        """At which step each value arrives, and each contribution to a target."""
        values: dict[int, int] = {}
        arrivals: dict[Operand, list[int]] = {}
        for i, step in enumerate(self.steps):
            if step.phase == "forward":
                values[step.vertex] = i if step.kind == "forward" else len(self.steps)  # never
            elif step.kind != "accumulate" and step.target is not None:
                arrivals.setdefault(step.target, []).append(i)
        return values, arrivals

    def at(self, step: int) -> Moment:
        """What is known once step number `step` has happened; -1 for before the first."""
        if not -1 <= step < len(self.steps):
            raise IndexError(describe(f"walk: there is no step {step}", f"expected: -1 to {len(self.steps) - 1}"))
        return Moment(self, step)

    def end(self) -> Moment:
        """What is known when everything has happened."""
        return Moment(self, len(self.steps) - 1)

    def visible(self, granularity: Granularity = "concepts") -> tuple[int, ...]:
        """The numbers of the steps that are shown at a granularity.

        Raises
        ------
        ValueError
            If there is no such granularity.
        """
        if granularity not in GRANULARITIES:
            got = f"got: {granularity!r:.40}"
            raise ValueError(describe("walk: no such granularity", f"expected: {', '.join(GRANULARITIES)}", got))
        if granularity == "operations":
            return tuple(range(len(self.steps)))
        shown = tuple(i for i, step in enumerate(self.steps) if self._is_concept(step))
        return shown or tuple(range(len(self.steps)))

    def _is_concept(self, step: Step) -> bool:
        return step.kind in ("seed", "failed") or not is_plumbing(self.graph.vertices[step.vertex].op)

    def contributions_to(self, target: Operand) -> tuple[int, ...]:
        """Which contributions go to a value, in order of arrival."""
        return tuple(self._received.get(target, ()))

    @cached_property
    def _received(self) -> dict[Operand, list[int]]:
        """The contributions by the value that they go to."""
        received: dict[Operand, list[int]] = {}
        for i, one in enumerate(self.contributions):
            received.setdefault(self.graph.vertices[one.vertex].operands[one.operand], []).append(i)
        return received

    def cursor(self, granularity: Granularity = "concepts") -> Cursor:
        """A place in this walk, before the first step."""
        return Cursor(self, granularity)

    def show(self, visualizer: str = "tui", *args: Any, **options: Any) -> Any:
        """Show this walk with a registered visualizer: ``"tui"``, ``"text"``, or a third party's.

        Raises
        ------
        LookupError
            If no visualizer has that name.
        """
        return find_visualizer(visualizer)().show(self, *args, **options)


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known of a walk after one of its steps.

    A value or a gradient that has not arrived is None: not zero.
    """

    walk: Walk
    step: int

    @property
    def happened(self) -> Step | None:
        """The step itself, None before the first."""
        return self.walk.steps[self.step] if self.step >= 0 else None

    @property
    def phase(self) -> Phase | None:
        """The pass that is under way."""
        happened = self.happened
        return None if happened is None else happened.phase

    def value(self, vertex: int, port: int = 0) -> Array | None:
        """The value of an output; those of leaves are there from the start."""
        arrived = self.walk._at[0].get(vertex, -1)
        return self.walk.values[vertex][port] if arrived <= self.step else None

    def arrived(self, target: Operand) -> tuple[int, int]:
        """How many contributions to a value's gradient have arrived, and how many there will be."""
        arrivals = self.walk._at[1].get(target, ())
        return bisect.bisect_right(arrivals, self.step), len(arrivals)

    def gradient(self, vertex: int, port: int = 0) -> Array | None:
        """The gradient of an output, as far as it has arrived."""
        target = Operand(vertex, port)
        k, _ = self.arrived(target)
        return self.walk._sums[target][k - 1] if k else None

    def is_complete(self, vertex: int, port: int = 0) -> bool:
        """Whether all contributions to an output's gradient have arrived."""
        k, n = self.arrived(Operand(vertex, port))
        return 0 < n == k


class Cursor:
    """A place in a walk that moves both ways over the steps of a granularity.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = gg.scalar(3.0, name="x")
    >>> cursor = gg.walk(x * x).cursor()
    >>> [cursor.next().happened.kind for _ in range(len(cursor))]
    ['forward', 'seed', 'backward', 'accumulate', 'backward', 'accumulate']
    >>> cursor.back().happened.kind
    'backward'
    """

    def __init__(self, walk: Walk, granularity: Granularity = "concepts") -> None:
        self.walk = walk
        self._granularity = granularity
        self._visible = walk.visible(granularity)
        self.position = -1

    def __len__(self) -> int:
        """How many steps there are."""
        return len(self._visible)

    @property
    def granularity(self) -> Granularity:
        """Whether every operation is a step, or those that only rearrange are passed over."""
        return self._granularity

    @granularity.setter
    def granularity(self, value: Granularity) -> None:
        step = self.moment.step
        self._visible = self.walk.visible(value)
        self._granularity = value
        self.position = bisect.bisect_right(self._visible, step) - 1

    @property
    def moment(self) -> Moment:
        """What is known here. Steps that were passed over have happened too."""
        if self.position < 0:
            return self.walk.at(-1)
        if self.position == len(self._visible) - 1:
            return self.walk.end()
        return self.walk.at(self._visible[self.position])

    @property
    def step(self) -> Step | None:
        """The step that the cursor stands on, None before the first."""
        return self.walk.steps[self._visible[self.position]] if self.position >= 0 else None

    def next(self) -> Moment:
        """Go one step on; at the end stay there."""
        return self.go(self.position + 1)

    def back(self) -> Moment:
        """Go one step back; at the start stay there."""
        return self.go(self.position - 1)

    def go(self, position: int) -> Moment:
        """Go to a position, -1 for before the first step; beyond an end, to that end."""
        self.position = max(-1, min(position, len(self) - 1))
        return self.moment

    def phase_starts(self) -> list[int]:
        """The positions before each phase begins, and the end: where `[` and `]` lead to."""
        starts = [-1]
        for position, number in enumerate(self._visible):
            if position and self.walk.steps[number].phase != self.walk.steps[self._visible[position - 1]].phase:
                starts.append(position - 1)
        starts.append(len(self) - 1)
        return sorted(set(starts))

    def next_phase(self) -> Moment:
        """Go to the end of the phase."""
        return self.go(next((start for start in self.phase_starts() if start > self.position), len(self) - 1))

    def previous_phase(self) -> Moment:
        """Go to the start of the phase, or if already there, of the one before."""
        return self.go(max((start for start in self.phase_starts() if start < self.position), default=-1))

    def find(self, vertex: int) -> int | None:
        """The nearest position at which something happens to a vertex, None if nothing ever does."""
        places = [i for i, number in enumerate(self._visible) if self.walk.steps[number].vertex == vertex]
        return min(places, key=lambda place: abs(place - self.position), default=None)
