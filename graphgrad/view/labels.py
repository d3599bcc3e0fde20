"""What boxes say: their lines at any time of a walk, and the room that the longest of them needs."""

from __future__ import annotations

import cmath
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from graphgrad.graph.graph import Graph, Operand
from graphgrad.ops.declare import lookup
from graphgrad.view.names import Names
from graphgrad.view.numbers import MISSING, elements, number, shape_text, spread
from graphgrad.view.picture import Look
from graphgrad.view.text import cell_width, fit
from graphgrad.view.transform import DrawnBox
from graphgrad.walk.walk import Array, Walk

__all__ = ["Known", "Timeline", "Wording"]

LONGEST = 36
_ELEMENTS = 24

Known = tuple[bool, tuple[int, ...]]
"""What a box can show: whether its value is there, and how many contributions to the gradient of each output are."""


class Timeline:
    """When everything in a walk arrives, as step numbers, so that a state is a matter of comparisons.

    Attributes
    ----------
    values
        When each operation has its value, or raised.
    gradients
        When the contributions to each value's gradient arrive.
    passed_on
        When an operation, by id, passes a contribution on to one of its operands, by number.
    """

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.values: dict[int, int] = {}
        self.gradients: dict[Operand, list[int]] = {}
        self.passed_on: dict[tuple[int, int], int] = {}
        for i, step in enumerate(walk.steps):
            if step.phase == "forward":
                self.values[step.vertex] = i
            elif step.kind != "accumulate" and step.target is not None:
                self.gradients.setdefault(step.target, []).append(i)
                if step.operand is not None:
                    self.passed_on[step.vertex, step.operand] = i

    def gradient(self, target: Operand, k: int) -> Array | None:
        """The sum of the first `k` contributions to a gradient."""
        return self.walk.at(self.gradients[target][k - 1]).gradient(*target) if k else None

    def bad_from(self, vertex: int, ports: int) -> int | None:
        """The step from which on a value or a gradient of a vertex is nan or infinite; None if never."""
        found = []
        if not all(map(_is_finite, self.walk.values.get(vertex, ()))):
            found.append(self.values.get(vertex, -1))
        for port in range(ports):
            target = Operand(vertex, port)
            arrivals = self.gradients.get(target, ())
            # A sum that is bad once stays so.
            counts = range(1, len(arrivals) + 1)
            first = bisect_left(counts, True, key=lambda k: not _is_finite(self.gradient(target, k)))
            found += arrivals[first : first + 1]
        return min(found, default=None)


def _is_finite(array: Array | None) -> bool:
    if array is None or array.dtype.kind not in "fc":
        return True
    # Graphs of single numbers have very many of them.
    return bool(np.isfinite(array).all()) if array.ndim else cmath.isfinite(array.item())


@dataclass(frozen=True, slots=True)
class Wording:
    """Puts into words what a box shows under a look."""

    graph: Graph
    named: Names
    look: Look
    timeline: Timeline | None
    _gradient_rooms: dict[tuple[Operand, ...], int] = field(default_factory=dict, init=False, repr=False)

    def lines(self, box: DrawnBox, known: Known) -> tuple[str, ...]:
        """The lines of a box; their number doesn't depend on what is known."""
        return tuple(fit(line, LONGEST) for line in self._lines(box, known))

    def size(self, box: DrawnBox) -> tuple[int, int]:
        """Width and height in cells, with room for whatever the box says in the whole walk."""
        nothing = (0,) * len(box.outputs)
        told = [*self.lines(box, (False, nothing)), *self.lines(box, (True, nothing))]
        rows = len(told) // 2
        longest = max(map(cell_width, told))
        if self._shows_gradient(box):
            longest = max(longest, min(self._gradient_room(box), LONGEST))
        # A constant is a mere number in the text of its reader.
        room = 2 if box.kind == "constant" else 4
        return longest + room, rows + 2 if rows > 2 or box.folded else rows

    def _gradient_room(self, box: DrawnBox) -> int:
        """The cells of the longest line about a box's gradient. The ghosts of a leaf share the search for it."""
        room = self._gradient_rooms.get(box.outputs)
        if room is None:
            arrivals = [self._arrivals(output) for output in box.outputs]
            counts = [(k,) for k in range(1, arrivals[0] + 1)] if len(arrivals) == 1 else [tuple(arrivals)]
            room = max(cell_width(f"∂ {self._gradient(box, (True, count))}") for count in counts)
            self._gradient_rooms[box.outputs] = room
        return room

    def _lines(self, box: DrawnBox, known: Known) -> Iterator[str]:
        if box.kind == "constant":
            yield self.named[box.vertices[0]]
            return
        value = self._value(box, known) if self.look.preset != "name" else ""
        if box.folded:
            yield box.title
            yield box.detail
            if value:
                yield value
        else:
            yield f"{self._head(box.vertices[0])} {value}".rstrip()
        if self._shows_gradient(box):
            yield f"∂ {self._gradient(box, known)}"

    def _head(self, id: int) -> str:
        """The operation's symbol and the name of the result; the operation alone if nobody named that."""
        vertex = self.graph.vertices[id]
        name = self.named[id]
        op = lookup(vertex.op)
        return f"{op.symbol} {name}" if op is not None and vertex.name else name

    def _value(self, box: DrawnBox, known: Known) -> str:
        if self.graph.vertices[box.vertices[0]].error is not None and not box.folded:
            return f"= {MISSING}"
        shapes = [self.graph.vertices[output.vertex].shapes[output.port] for output in box.outputs]
        if self.timeline is None or self.look.preset in ("shape", "gradient") or len(shapes) != 1:
            wanted = self.look.preset != "gradient" or len(shapes) > 1
            return " ".join(map(shape_text, shapes)) if wanted and len(shapes) < 4 else ""
        if not known[0]:
            return f"= {MISSING}" if shapes[0] == () else f"{shape_text(shapes[0])} {MISSING}"
        array = self.timeline.walk.values[box.outputs[0].vertex][box.outputs[0].port]
        if not array.ndim:
            return f"= {number(array)}"
        short = elements(array, _ELEMENTS)
        return f"= {short}" if short is not None else f"{shape_text(array.shape)} {spread(array)}"

    def _arrivals(self, output: Operand) -> int:
        """How many contributions to a gradient there are in the whole walk."""
        return len(self.timeline.gradients.get(output, ())) if self.timeline is not None else 0

    def _shows_gradient(self, box: DrawnBox) -> bool:
        return self.look.preset in ("gradient", "both") and any(map(self._arrivals, box.outputs))

    def _gradient(self, box: DrawnBox, known: Known) -> str:
        assert self.timeline is not None
        arrivals = [self._arrivals(output) for output in box.outputs]
        if len(arrivals) > 1:
            complete = sum(k == n > 0 for k, n in zip(known[1], arrivals, strict=True))
            return f"{complete} of {len(arrivals)} outputs" if any(known[1]) else MISSING
        array = self.timeline.gradient(box.outputs[0], known[1][0])
        if array is None:
            return MISSING
        text = elements(array, _ELEMENTS) or spread(array)
        k, n = known[1][0], arrivals[0]
        return f"{text} ({k}/{n})" if k < n else text
