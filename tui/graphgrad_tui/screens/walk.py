"""The walk screen: what the keys do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.binding import BindingType
from textual.timer import Timer

from graphgrad.graph.errors import GraphgradError
from graphgrad.view.text import clean
from graphgrad.walk.expand import Way, expand, scalars, ways
from graphgrad.walk.walk import Walk
from graphgrad_tui import finding, looks
from graphgrad_tui.exports import export
from graphgrad_tui.keys import Where, bindings
from graphgrad_tui.screens.dialogs import Ask, Search, close
from graphgrad_tui.screens.view import NARROW, WalkView, happening
from graphgrad_tui.widgets.bars import Timeline
from graphgrad_tui.widgets.graph_canvas import GraphCanvas
from graphgrad_tui.widgets.inspector import Inspector

__all__ = ["WalkScreen"]

_SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
_PAN = (8, 4)


class WalkScreen(WalkView):
    """Steps through a walk."""

    WHERE: Where = "walk"
    BINDINGS: ClassVar[list[BindingType]] = bindings("walk")

    _timer: Timer | None = None
    _speed = _SPEEDS.index(1.0)

    # ---- steps ----

    def go(self, position: int) -> None:
        """Go to a position; -1 is before the first step."""
        self.cursor.go(position)
        self.refresh_walk()

    def action_step(self, by: int) -> None:
        """Go on or back."""
        self.go(self.cursor.position + by)

    def action_phase(self, by: int) -> None:
        """Go to an end of the pass."""
        self.cursor.next_phase() if by > 0 else self.cursor.previous_phase()
        self.refresh_walk()

    def action_first(self) -> None:
        """Go before the first step."""
        self.go(-1)

    def action_last(self) -> None:
        """Go to the last step."""
        self.go(len(self.cursor))

    @on(Timeline.Went)
    def _went(self, event: Timeline.Went) -> None:
        self.go(event.position)

    async def action_goto(self) -> None:
        """Ask where to go."""
        hint = f"a step, 0 to {len(self.cursor)}; +3 or -3; a name; or name.grad"

        drawing = self.drawing
        if drawing is None:
            return

        def position(text: str) -> int | str:
            return finding.position(self.cursor, drawing.names, text)

        def check(text: str) -> str:
            found = position(text)
            return found if isinstance(found, str) else ""

        def go(text: str | None) -> None:
            found = position(text) if text is not None else None
            if isinstance(found, int):
                self.selected = None
                self.go(found)

        await self.app.push_screen(Ask("Go to", hint, check), go)

    def action_granularity(self) -> None:
        """Show concepts, or all operations."""
        concepts = self.cursor.granularity == "concepts"
        self.cursor.granularity = "operations" if concepts else "concepts"
        self.notify("all operations are steps" if concepts else "concepts are steps", markup=False, timeout=2)
        if self.look.plumbing != concepts:
            self.change_look(replace(self.look, plumbing=concepts))
        self.refresh_walk()

    # ---- playing ----

    @property
    def play_state(self) -> str:
        """Whether it plays, and how fast."""
        speed = f"x{_SPEEDS[self._speed]:g}"
        if self._timer is not None:
            return ("play " if self.ascii_only else "► ") + speed
        usual = _SPEEDS[self._speed] == 1.0
        return "paused" * (self.size.width >= NARROW) + ("" if usual else f" {speed}")

    def action_play(self) -> None:
        """Play or pause; from the end begin again."""
        if self._timer is not None:
            self.pause()
        else:
            if self.cursor.position >= len(self.cursor) - 1:
                self.cursor.go(-1)
            self._run()
        self.refresh_walk()

    def action_speed(self, by: int) -> None:
        """Play faster or slower."""
        self._speed = max(0, min(self._speed + by, len(_SPEEDS) - 1))
        if self._timer is not None:
            self._run()
        self.refresh_walk()

    def _run(self) -> None:
        self.pause()
        self._timer = self.set_interval(1 / _SPEEDS[self._speed], self._tick)

    def pause(self) -> None:
        """Stop playing."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _tick(self) -> None:
        self.cursor.next()
        if self.cursor.position >= len(self.cursor) - 1:
            self.pause()
        self.refresh_walk()

    def on_screen_suspend(self) -> None:
        """Nothing plays below another screen."""
        self.pause()
        self.refresh_walk(follow=False)

    # ---- the picture ----

    def select(self, vertex: int | None) -> None:
        """Select the box of a vertex; None for none."""
        self.selected = (vertex, self.drawing.box_of(vertex)) if vertex is not None and self.drawing else None
        self.refresh_walk()
        if self.selected is not None:
            self.canvas.reveal([self.selected[1]])

    def action_select(self, by: int) -> None:
        """Select the next box in the order of computation."""
        boxes = self.drawn_boxes
        picture = self.canvas.picture
        if not boxes or picture is None:
            return
        keys = [box.key for box in boxes]
        if self.selected is not None:
            at = keys.index(self.selected[1]) + by
        else:
            current = [key for key in happening(picture)[:1] if key in keys]
            at = keys.index(current[0]) if current else (0 if by > 0 else -1)
        box = boxes[at % len(boxes)]
        self.selected = box.vertices[-1] if box.folded else box.vertices[0], box.key
        self.refresh_walk()
        self.canvas.reveal([box.key])

    @on(GraphCanvas.Clicked)
    def _clicked(self, event: GraphCanvas.Clicked) -> None:
        box = next((box for box in self.drawn_boxes if box.key == event.key), None)
        self.selected = None if box is None else (box.vertices[-1] if box.folded else box.vertices[0], box.key)
        self.refresh_walk(follow=False)

    def action_pan(self, x: int, y: int) -> None:
        """Move the view."""
        self.canvas.pan(x * _PAN[0], y * _PAN[1])

    def action_centre(self) -> None:
        """Bring what it is about to the middle."""
        picture = self.canvas.picture
        if picture is not None:
            keys = [self.selected[1]] if self.selected is not None else happening(picture)[:1]
            self.canvas.reveal(keys, centre=True)

    def action_fit(self) -> None:
        """Choose a look that fits; the graph has to be there to see it."""
        if not self.canvas.display:
            self.show_panels("graph")
        self.call_after_refresh(self.lay_out, None, fit=True)

    def action_direction(self) -> None:
        """Turn the picture."""
        self.change_look(replace(self.look, direction="LR" if self.look.direction == "TB" else "TB"))

    def action_preset(self) -> None:
        """Let boxes say something else."""
        at = looks.PRESETS.index(self.look.preset)
        self.change_look(replace(self.look, preset=looks.PRESETS[(at + 1) % len(looks.PRESETS)]))

    def action_fold(self) -> None:
        """Fold the scope of what it is about, or unfold it."""
        vertex = self.focus_vertex()
        if vertex is None or self.drawing is None:
            self.tell("select a box first: tab")
            return
        key = self.box_key(vertex)
        box = next(box for box in self.drawn_boxes if box.key == key)
        scope = self.scope_of(vertex)
        if box.kind == "range":
            self.change_look(replace(self.look, around=vertex))
        elif box.kind == "scope":
            self.change_look(looks.unfold_one(self.look, scope))
        elif scope:
            self.change_look(looks.fold(self.look, scope))
        else:
            self.tell(f"{clean(self.drawing.names[vertex])} is in no scope: there is nothing to fold")

    def action_fold_others(self) -> None:
        """Fold all scopes but that of what it is about; again, unfold all."""
        vertex = self.focus_vertex()
        if not looks.scopes(self.walk.graph):
            self.tell("this graph has no scopes: there is nothing to fold")
            return
        scope = self.scope_of(vertex) if vertex is not None else ""
        self.change_look(looks.fold_others(self.look, self.walk.graph, scope))

    async def action_search(self) -> None:
        """Ask what to look for, and select it."""
        drawing = self.drawing
        if drawing is None:
            return

        def show(vertex: int | None) -> None:
            if vertex is not None:
                self.find(vertex)

        def search(text: str) -> Sequence[finding.Found]:
            return finding.find(self.walk, drawing.names, text)

        await self.app.push_screen(Search(search, ascii_only=self.ascii_only), show)

    def find(self, vertex: int) -> None:
        """Select a vertex, unfolded if it was folded."""
        assert self.drawing is not None
        look = looks.unfold_to(self.look, self.scope_of(vertex))
        key = self.drawing.box_of(vertex)
        if look == self.look and any(box.key == key and box.folded for box in self.drawn_boxes):
            look = replace(look, around=vertex)
        self.select(vertex)
        self.change_look(look)

    # ---- a closer look ----

    def action_panels(self) -> None:
        """Show the inspector, or the graph alone; on a narrow screen one or the other."""
        if self.size.width >= NARROW:
            self.show_panels("graph" if self.panels == "both" else "both")
        else:
            self.show_panels(self.panels_that_fit() if self.panels == "side" else "side")
        self.call_after_refresh(self.refresh_walk)

    def action_scroll_inspector(self, by: int) -> None:
        """Scroll the inspector by a page."""
        inspector = self.query_one(Inspector)
        inspector.scroll_relative(y=by * max(1, inspector.size.height - 2), animate=False)

    @work(exclusive=True, group="expand")
    async def action_expand(self, way: Way | None = None) -> None:
        """Open an operation as a walk of its own."""
        subject = self.subject()
        if subject is None or self.drawing is None:
            self.tell("select an operation first: tab")
            return
        # At a step back the inspector shows what receives; what is opened is the operation that passes on.
        vertex = self.focus_vertex()
        assert vertex is not None
        name = clean(self.drawing.names[vertex])
        walk = self.walk
        possible = await asyncio.to_thread(ways, walk, vertex)
        way = way or (possible[0] if possible else None)
        if way is None or way not in possible:
            self.tell(f"{name} is {_why_not(walk, vertex, way)}")
            return
        try:
            inner = await asyncio.to_thread(expand if way == "expand" else scalars, walk, vertex)
        except GraphgradError as error:
            self.tell(str(error), problem=True)
            return
        await self.app.push_screen(self.inner_screen(inner))

    def inner_screen(self, inner: Walk) -> WalkScreen:
        """The screen of an expanded walk."""
        trail = (*self.trail, self.title_text)
        return WalkScreen(inner, trail, granularity=self.cursor.granularity, ascii_only=self.ascii_only)

    def action_leave(self) -> None:
        """Give up the selection; without one, leave this screen if there is another below."""
        if self.selected is not None:
            self.select(None)
        elif len(self.app.screen_stack) > 1:
            close(self)
        else:
            self.tell("ctrl+q leaves graphgrad")

    @work(exclusive=True, group="export")
    async def action_export(self) -> None:
        """Write what is seen to a file."""
        picture = self.picture()
        if picture is None:
            return
        try:
            path = await asyncio.to_thread(export, picture, self.moment.phase, self.cursor.position + 1, Path.cwd())
        except OSError as error:
            self.tell(f"the picture could not be written: {error.strerror or error}", problem=True)
        else:
            self.tell(f"written to {clean(str(path))}")

    def tell(self, text: str, *, problem: bool = False) -> None:
        """Say something in a corner of the screen."""
        self.notify(text, severity="error" if problem else "information", markup=False, timeout=6 if problem else 4)


def _why_not(walk: Walk, vertex: int, way: Way | None) -> str:
    one = walk.graph.vertices[vertex]
    if one.is_leaf:
        return "a leaf: nothing was computed to get it"
    if one.error is not None:
        return "what raised an error: nothing was computed there"
    if way == "scalars":
        return "not made of single numbers, or of too many"
    return "as simple as operations get: there is nothing inside"
