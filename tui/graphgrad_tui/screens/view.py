"""What every screen with a walk shows: the graph, the inspector, the timeline and the caption, at one moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import Literal

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.theme import Theme

from graphgrad.view.drawing import Drawing
from graphgrad.view.picture import Look, Picture
from graphgrad.view.scene import Key
from graphgrad.view.transform import DrawnBox
from graphgrad.walk.steps import Granularity
from graphgrad.walk.walk import Moment, Walk
from graphgrad_tui import looks
from graphgrad_tui.keys import Where
from graphgrad_tui.plain import use_plain_bars
from graphgrad_tui.themes import Palette, palette
from graphgrad_tui.widgets.bars import CaptionBar, KeyBar, Passage, Timeline, TitleBar
from graphgrad_tui.widgets.graph_canvas import Anchor, GraphCanvas
from graphgrad_tui.widgets.inspector import Inspector, Subject

__all__ = ["NARROW", "Panels", "WalkView"]

Panels = Literal["both", "graph", "side"]

NARROW = 100
_WIDE = 160
_NARROW_INSPECTOR = 34
_START = "Nothing has happened yet: the leaves have their values. Press → for the first step."


class WalkView(Screen[None]):
    """Shows a walk at the place where its cursor stands.

    Parameters
    ----------
    walk
        What is shown.
    trail
        The titles of the walks that it was expanded from.
    look, granularity, step
        How it is shown to begin with; `step` counts from 1, as on the screen.
    ascii_only
        For a terminal that shows nothing else.
    """

    WHERE: Where = "walk"

    def __init__(
        self,
        walk: Walk,
        trail: Sequence[str] = (),
        *,
        look: Look | None = None,
        granularity: Granularity = "concepts",
        step: int | None = None,
        ascii_only: bool = False,
    ) -> None:
        super().__init__()
        self.ascii_only = ascii_only
        self.trail = tuple(trail)
        self.chosen = look
        self.look = look or Look(plumbing=granularity == "operations")
        self.cursor = walk.cursor(granularity)
        if step is not None:
            self.cursor.go(step - 1)
        self.drawing: Drawing | None = None
        self.selected: tuple[int, Key] | None = None
        self.is_laying_out = True
        self.panels: Panels = "both"
        self._passages_of: tuple[tuple[Walk, Granularity], Sequence[Passage]] | None = None

    @property
    def walk(self) -> Walk:
        """What is shown."""
        return self.cursor.walk

    @property
    def title_text(self) -> str:
        """What the walk is called."""
        return self.walk.title or "a walk"

    # ---- the parts ----

    def compose(self) -> ComposeResult:
        """Title; graph and inspector; timeline, caption and keys."""
        yield TitleBar(ascii_only=self.ascii_only, id="title")
        with Horizontal(id="body"):
            yield GraphCanvas(ascii_only=self.ascii_only, id="canvas")
            with Vertical(id="side"):
                yield from self.compose_side()
        yield Timeline(ascii_only=self.ascii_only, id="timeline")
        yield CaptionBar(ascii_only=self.ascii_only, id="caption")
        yield KeyBar(self.WHERE, ascii_only=self.ascii_only, id="keys")

    def compose_side(self) -> ComposeResult:
        """What stands beside the graph."""
        yield Inspector(ascii_only=self.ascii_only, id="inspector")

    def on_mount(self) -> None:
        """Draw as soon as it is known how much room there is."""
        if self.ascii_only:
            use_plain_bars(self)
        self.app.theme_changed_signal.subscribe(self, self._use_theme)
        self._use_theme(self.app.current_theme)
        self.canvas.focus()
        self.call_after_refresh(self.open_walk, self.walk)

    @property
    def canvas(self) -> GraphCanvas:
        """The graph."""
        return self.query_one(GraphCanvas)

    @property
    def colours(self) -> Palette:
        """The colours of the theme."""
        return palette(self.app.current_theme.dark)

    def _use_theme(self, theme: Theme) -> None:
        colours = palette(theme.dark)
        self.canvas.set_palette(colours)
        for bar in (self.query_one(TitleBar), self.query_one(Timeline), self.query_one(KeyBar)):
            bar.palette = colours
            bar.refresh()
        inspector = self.query_one(Inspector)
        inspector.palette = colours
        inspector.write()
        if self.drawing is not None:
            self.refresh_walk(follow=False)

    # ---- laying out ----

    def open_walk(self, walk: Walk) -> None:
        """Show a walk from the place where the cursor stands."""
        if walk is not self.walk:
            self.cursor = walk.cursor(self.cursor.granularity)
        self.selected = None
        if self.drawing is None:
            self.query_one(CaptionBar).say("", f"Laying out {len(self.walk.graph):,} values …", "")
        room = self.size.width - 4, self.canvas.size.height - 2
        if self.size.width >= NARROW:
            room = self.canvas.size.width - 4, room[1]
        self.lay_out(None, first=room)

    @work(exclusive=True, group="layout")
    async def lay_out(self, vertex: int | None, *, first: tuple[int, int] | None = None, fit: bool = False) -> None:
        """Lay the graph out under the look, away from the thread that paints; a vertex stays where it is."""
        self.is_laying_out = True
        walk, look, before = self.walk, self.look, self.drawing
        if first is not None:
            make = looks.first_drawing if self.chosen is None else _plain
            drawing = await asyncio.to_thread(make, walk, look, *first)
        elif fit:
            view = self.canvas.container_size
            drawing = await asyncio.to_thread(looks.fitting, walk, look, view.width - 4, view.height - 2)
        else:
            same = before if before is not None and before.look.direction == look.direction else None
            drawing = await asyncio.to_thread(Drawing.of, walk, look, same)
        self.look = drawing.look
        anchor = self._anchor(drawing, vertex)
        self.drawing = drawing
        if self.selected is not None:
            id, key = self.selected
            self.selected = (id, key if key in drawing.scene.box else drawing.box_of(id))
        if first is not None or before is None:
            self._choose_panels()
        self.refresh_walk(anchor=anchor)
        if vertex is not None:
            self.canvas.reveal(drawing.boxes_of(vertex)[:1])
        self.is_laying_out = False

    def _anchor(self, drawing: Drawing, vertex: int | None) -> Anchor | None:
        """Where a vertex's box is on the screen now, to be kept there by a new drawing."""
        if self.drawing is None or vertex is None:
            return None
        place = self.canvas.place_of(self.box_key(vertex))
        return None if place is None else Anchor(drawing.box_of(vertex), place)

    def scope_of(self, vertex: int) -> str:
        """The scope in which a vertex was computed; for a leaf, that of its first reader."""
        graph = self.walk.graph
        if not graph.vertices[vertex].is_leaf:
            return graph.vertices[vertex].scope
        readers = (one for one in graph.nodes if any(operand.vertex == vertex for operand in one.operands))
        return next((one.scope for one in readers), "")

    def box_key(self, vertex: int) -> Key:
        """The box that shows a vertex: of several the selected one."""
        assert self.drawing is not None
        return self.selected[1] if self.selected and self.selected[0] == vertex else self.drawing.box_of(vertex)

    def change_look(self, look: Look) -> None:
        if look != self.look:
            self.look = look
            self.lay_out(self.focus_vertex())

    # ---- showing a moment ----

    @property
    def moment(self) -> Moment:
        """What is known here."""
        return self.cursor.moment

    def picture(self) -> Picture | None:
        """What is seen."""
        return self.drawing.at(self.moment, self.cursor.granularity) if self.drawing is not None else None

    def refresh_walk(self, *, anchor: Anchor | None = None, follow: bool = True) -> None:
        """Show the moment at which the cursor stands."""
        picture = self.picture()
        if picture is None or self.drawing is None:
            return
        self.canvas.draw(picture, self.selected[1] if self.selected else None, anchor)
        if follow and self.selected is None:
            self.canvas.reveal(happening(picture))
        subject = self.subject()
        notes = list(dict.fromkeys([*self.walk.notes, *picture.notes]))
        self.query_one(Inspector).show(self.moment, subject, self.drawing.names, notes)
        self._say(picture)

    def _say(self, picture: Picture) -> None:
        granularity = "concepts" if self.cursor.granularity == "concepts" else "all operations"
        look = f"{looks.describe_look(self.look)}, {granularity}"
        self.query_one(TitleBar).say([*self.trail, self.title_text], look)
        passages = self._passages()
        self.query_one(Timeline).say(passages, self.cursor.position, self.play_state)
        step = self.cursor.step
        caption = self.query_one(CaptionBar)
        if step is None:
            caption.say("", _START if len(self.cursor) else "Nothing is computed here: this is a leaf.", "")
        else:
            colour = self.colours.value if step.phase == "forward" else self.colours.gradient
            if step.kind == "failed":
                colour = self.colours.bad
            caption.say(step.kind, picture.caption.removeprefix(step.kind).strip(), colour)

    def _passages(self) -> Sequence[Passage]:
        """The passes and their lengths, which only another walk or granularity changes."""
        key = self.walk, self.cursor.granularity
        if self._passages_of is None or self._passages_of[0] != key:
            steps = self.walk.steps
            phases = groupby(steps[i].phase for i in self.walk.visible(self.cursor.granularity))
            self._passages_of = key, [Passage(name, sum(1 for _ in group)) for name, group in phases]
        return self._passages_of[1]

    @property
    def play_state(self) -> str:
        """Whether it plays, for the timeline."""
        return ""

    def subject(self) -> Subject | None:
        """What the inspector is about: what was selected, or what this step changes."""
        step = self.cursor.step
        arrived = step.k if step is not None else 0
        if self.selected is not None and self.drawing is not None:
            id, key = self.selected
            box = next((box for box in self.drawn_boxes if box.key == key and box.folded), None)
            is_target = step is not None and step.target is not None and step.target.vertex == id
            return Subject(id, 0, box, True, arrived if is_target else 0)
        if step is None:
            return None
        if step.target is not None:
            return Subject(step.target.vertex, step.target.port, arrived=arrived)
        return Subject(step.vertex)

    @property
    def drawn_boxes(self) -> Sequence[DrawnBox]:
        """The boxes that are drawn, in the order of computation."""
        return self.drawing.drawn.boxes if self.drawing is not None else ()

    def focus_vertex(self) -> int | None:
        """What keys are about: what was selected, or where the step happens."""
        if self.selected is not None:
            return self.selected[0]
        return self.cursor.step.vertex if self.cursor.step is not None else None

    # ---- panels ----

    def on_resize(self, event: events.Resize) -> None:
        """Give the inspector a place of its own where the screen is narrow."""
        if self.drawing is not None:
            self._choose_panels()
            # The panels get their sizes after this one.
            self.call_after_refresh(self.refresh_walk)

    def _choose_panels(self) -> None:
        self.set_class(self.size.width < NARROW, "-narrow")
        self.set_class(self.size.width >= _WIDE, "-wide")
        self.show_panels(self.panels_that_fit())

    def panels_that_fit(self) -> Panels:
        """Both panels, or on a narrow screen the graph alone if it needs all of it."""
        fits = self.drawing is None or self.drawing.scene.width + 4 <= self.size.width - _NARROW_INSPECTOR
        return "both" if self.size.width >= NARROW or fits else "graph"

    def show_panels(self, which: Panels) -> None:
        self.panels = which
        self.set_class(which == "graph", "-graph-only")
        self.set_class(which == "side", "-side-only")


def _plain(walk: Walk, look: Look, width: int, height: int) -> Drawing:
    """The drawing that was asked for, whatever the room."""
    return Drawing.of(walk, look)


def happening(picture: Picture) -> list[Key]:
    """The boxes at which the step happens, and then those that take part."""
    current = [key for key, label in picture.labels.items() if label.state in ("current", "failed")]
    return current + [key for key, label in picture.labels.items() if label.state == "operand"]
