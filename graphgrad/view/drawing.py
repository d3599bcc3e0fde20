"""A graph laid out once, and its picture at any moment of a walk."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from graphgrad.graph.graph import Graph, Operand
from graphgrad.view.captions import caption
from graphgrad.view.folding import Edge
from graphgrad.view.labels import Known, Timeline, Wording
from graphgrad.view.layout import Box, Link, layout
from graphgrad.view.names import names
from graphgrad.view.picture import Label, LinkState, Look, Picture, State
from graphgrad.view.scene import Key, Scene
from graphgrad.view.text import clean
from graphgrad.view.transform import Drawn, DrawnBox, DrawnLink, transform
from graphgrad.walk.steps import GRANULARITIES, Granularity, Step
from graphgrad.walk.walk import Moment, Walk

__all__ = ["Drawing"]

_NEVER = 1 << 62


@dataclass(slots=True)
class _BoxTimes:
    """From which steps on a box is what: everything that its state depends on."""

    value: int
    gradients: tuple[Sequence[int], ...]
    first_gradient: int
    last_gradient: int
    bad: int
    failed: int
    labels: dict[tuple[Known, State, bool], Label] = field(default_factory=dict)


@dataclass(slots=True)
class _LinkTimes:
    carried: int
    returned: int


class Drawing:
    """A graph laid out under a look.

    Make one with `Drawing.of`; it never changes. `at` gives its picture at a moment: boxes and links stay where they
    are, words and states change.

    Attributes
    ----------
    graph, walk, look
        What is drawn, and how; `walk` is None for a graph that isn't walked.
    names
        What its values are called.
    scene
        Where everything is.
    drawn
        Which boxes and links there are, and what they stand for.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from graphgrad.walk.trace import walk
    >>> x = gg.scalar(3.0, name="x")
    >>> steps = walk(x * x)
    >>> drawing = Drawing.of(steps)
    >>> picture = drawing.at(steps.at(0))
    >>> [label.lines for label in picture.labels.values()]
    [('x = 3', '∂ —'), ('multiply = 9', '∂ —')]
    >>> [label.state for label in picture.labels.values()]
    ['operand', 'current']
    """

    def __init__(self, wording: Wording, drawn: Drawn, scene: Scene) -> None:
        self.graph, self.look, self.names = wording.graph, wording.look, wording.named
        self.drawn, self.scene = drawn, scene
        self._wording = wording
        self._timeline = wording.timeline
        self.walk = self._timeline.walk if self._timeline is not None else None
        self._notes = (*map(clean, self.walk.notes if self.walk is not None else ()), *drawn.notes)
        self._box = {box.key: box for box in drawn.boxes}
        # An edge that was bridged belongs to the link of every reader behind it.
        self._links_of: dict[Edge, list[DrawnLink]] = {}
        for link in drawn.links:
            for edge in link.edges:
                self._links_of.setdefault(edge, []).append(link)
        self._box_times = {box.key: self._times(box) for box in drawn.boxes}
        passed_on = self._timeline.passed_on if self._timeline is not None else {}
        self._link_times = {link.key: self._times_of_link(link, passed_on) for link in drawn.links}
        self._visible = {one: self.walk.visible(one) if self.walk else () for one in GRANULARITIES}

    @classmethod
    def of(cls, source: Walk | Graph, look: Look | None = None, previous: Drawing | None = None) -> Self:
        """Draw a walk, or a graph without any numbers.

        Parameters
        ----------
        source
            A walk or a graph, of any size.
        look
            What the person chose; see `Look`.
        previous
            An earlier drawing: what is in both stays where it was, as far as that costs nothing.
        """
        look = look or Look()
        graph = source.graph if isinstance(source, Walk) else source
        named = names(graph)
        drawn = transform(graph, look, named)
        wording = Wording(graph, named, look, Timeline(source) if isinstance(source, Walk) else None)
        boxes = [
            Box(box.key, *wording.size(box), group=tuple(map(clean, box.group)) if look.frames else ())
            for box in drawn.boxes
        ]
        links = [Link(link.key, link.tail, link.head, link.port, link.tail_port) for link in drawn.links]
        scene = layout(
            boxes,
            links,
            direction=look.direction,
            frames=look.frames and any(box.group for box in drawn.boxes),
            previous=previous.scene if previous is not None else None,
        )
        return cls(wording, drawn, scene)

    def boxes_of(self, vertex: int) -> tuple[Key, ...]:
        """The boxes that show a vertex: several for a leaf that is drawn once for each reader."""
        return self.drawn.places[vertex]

    def box_of(self, vertex: int) -> Key:
        """The box that shows a vertex; of several the first.

        Raises
        ------
        KeyError
            If the graph has no such vertex.
        """
        return self.drawn.places[vertex][0]

    def vertices_in(self, box: Key) -> tuple[int, ...]:
        """The ids of the vertices that a box stands for."""
        return self._box[box].vertices

    def at(self, moment: Moment | None = None, granularity: Granularity = "concepts") -> Picture:
        """The picture at a moment.

        Parameters
        ----------
        moment
            Of this drawing's walk. None for everything that is known, with nothing going on.
        granularity
            Which steps count as the one that happens: at ``"concepts"`` operations that only rearrange are passed over.
        """
        now = _NEVER - 1 if moment is None else moment.step
        happened = None
        if self.walk is not None and moment is not None:
            visible = self._visible[granularity]
            place = bisect.bisect_right(visible, now) - 1
            happened = visible[place] if place >= 0 else None
        step = self.walk.steps[happened] if self.walk is not None and happened is not None else None
        active = self._active(step) if step is not None else ()
        current, operands = self._touched(step, active)
        labels = {box.key: self._label(box, now, current, operands) for box in self.drawn.boxes}
        links = {link.key: self._link_state(link.key, now) for link in self.drawn.links}
        links.update(dict.fromkeys((link.key for link in active), "active"))
        return Picture(
            self.scene,
            labels,
            links,
            clean(self.walk.title) if self.walk is not None else "",
            "" if self.walk is None or happened is None else caption(self.walk, happened, self.names),
            self._notes,
        )

    # ---- what happens at a step ----

    def _active(self, step: Step) -> tuple[DrawnLink, ...]:
        """The links along which something goes at a step."""
        edges: Iterable[Edge] = ()
        if step.phase == "forward":
            edges = ((step.vertex, i) for i in range(len(self.graph.vertices[step.vertex].operands)))
        elif step.contribution is not None and self.walk is not None:
            one = self.walk.contributions[step.contribution]
            edges = ((one.vertex, one.operand),)
        return tuple(link for edge in edges for link in self._links_of.get(edge, ()))

    def _touched(self, step: Step | None, active: tuple[DrawnLink, ...]) -> tuple[set[Key], set[Key]]:
        """The boxes at which a step happens, and those that it reads from or passes on to."""
        if step is None:
            return set(), set()
        tails = {link.tail for link in active}
        places = set(self.drawn.places[step.vertex])
        if step.kind == "accumulate":
            # Of the ghosts of a leaf the one through which this contribution came.
            return places & tails or places, set()
        return places, tails - places

    # ---- states ----

    def _label(self, box: DrawnBox, now: int, current: set[Key], operands: set[Key]) -> Label:
        times = self._box_times[box.key]
        bad = times.bad <= now
        state: State
        if times.failed <= now:
            state = "failed"
        elif box.key in current:
            state = "current"
        elif bad:
            state = "bad"
        elif box.key in operands:
            state = "operand"
        elif times.first_gradient <= now:
            state = "gradient" if times.last_gradient <= now else "partial"
        elif box.kind == "constant":
            state = "constant"
        elif box.kind == "leaf":
            state = "leaf"
        else:
            state = "ready" if times.value <= now else "waiting"
        known = (times.value <= now, tuple(bisect.bisect_right(arrivals, now) for arrivals in times.gradients))
        label = times.labels.get((known, state, bad))
        if label is None:
            label = Label(self._wording.lines(box, known), state, bad, box.ghost, box.folded)
            times.labels[known, state, bad] = label
        return label

    def _link_state(self, key: Key, now: int) -> LinkState:
        times = self._link_times[key]
        return "returned" if times.returned <= now else "carried" if times.carried <= now else "waiting"

    def _times(self, box: DrawnBox) -> _BoxTimes:
        timeline = self._timeline
        vertices = [self.graph.vertices[id] for id in box.vertices]
        raised = [vertex.id for vertex in vertices if vertex.error is not None]
        if timeline is None:
            failed = -1 if raised else _NEVER
            return _BoxTimes(-1, ((),) * len(box.outputs), _NEVER, _NEVER, _NEVER, failed)
        targets = (Operand(vertex.id, port) for vertex in vertices for port in range(len(vertex.shapes)))
        arrivals = [timeline.gradients[target] for target in targets if target in timeline.gradients]
        bad = (timeline.bad_from(vertex.id, len(vertex.shapes)) for vertex in vertices)
        return _BoxTimes(
            max((timeline.values.get(id, -1) for id in box.vertices), default=-1),
            tuple(timeline.gradients.get(output, []) for output in box.outputs),
            min((steps[0] for steps in arrivals), default=_NEVER),
            max((steps[-1] for steps in arrivals), default=_NEVER),
            min((step for step in bad if step is not None), default=_NEVER),
            min((timeline.values[id] for id in raised), default=_NEVER),
        )

    def _times_of_link(self, link: DrawnLink, passed_on: Mapping[Edge, int]) -> _LinkTimes:
        if self._timeline is None:
            return _LinkTimes(-1, _NEVER)
        carried = min(self._timeline.values.get(vertex, -1) for vertex, _ in link.edges)
        returned = [passed_on[edge] for edge in link.edges if edge in passed_on]
        return _LinkTimes(carried, max(returned, default=_NEVER))
