"""Everything about one value at one moment: numbers, formulas, contributions, the line of code."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from graphgrad.graph.graph import Operand
from graphgrad.view.inspect import Inspection, Shown, inspect
from graphgrad.view.names import Names
from graphgrad.view.numbers import summary, table
from graphgrad.view.text import cell_width, clean, to_ascii
from graphgrad.view.transform import DrawnBox
from graphgrad.walk.walk import Array, Moment
from graphgrad_tui.themes import DARK, Palette

__all__ = ["Inspector", "Subject"]

_OUTPUTS_SHOWN = 6
_CONTRIBUTIONS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Subject:
    """What the inspector is about.

    Attributes
    ----------
    vertex, port
        The value.
    box
        The box, if it stands for several operations.
    is_selected
        Whether the person chose it; else it is where the step happens.
    arrived
        The number of the contribution that arrived with this step, from 1; 0 if none did.
    """

    vertex: int
    port: int = 0
    box: DrawnBox | None = None
    is_selected: bool = False
    arrived: int = 0


class Inspector(VerticalScroll, can_focus=False):
    """A panel of texts about one value."""

    def __init__(self, *, ascii_only: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.ascii_only = ascii_only
        self.palette: Palette = DARK
        self._about: tuple[Moment, Subject | None, Names, Sequence[str]] | None = None
        self._width = 0

    def compose(self) -> ComposeResult:
        """One text that scrolls."""
        yield Static("", id="inspection", markup=False)

    def show(self, moment: Moment, subject: Subject | None, named: Names, notes: Sequence[str]) -> None:
        """Show a value at a moment, and notes about the walk and the picture below it."""
        before = self._about[1] if self._about is not None else None
        self._about = moment, subject, named, notes
        self.write()
        if subject is not None and (before is None or (before.vertex, before.box) != (subject.vertex, subject.box)):
            self.scroll_home(animate=False)

    def on_resize(self) -> None:
        """Lay tables out for the new width."""
        if self.size.width != self._width:
            self.write()

    def write(self) -> None:
        """Write the text again, for another width or other colours."""
        self._width = self.size.width
        if self._about is None or not self._width:
            return
        moment, subject, named, notes = self._about
        lines = list(self._lines(moment, subject, named, notes))
        if self.ascii_only:
            lines = [[(to_ascii(text), style) for text, style in line] for line in lines]
        content = Content("\n").join([Content.assemble(*line) for line in lines])
        self.query_one("#inspection", Static).update(content)

    # ---- the text ----

    def _lines(
        self, moment: Moment, subject: Subject | None, named: Names, notes: Sequence[str]
    ) -> Iterator[list[tuple[str, str]]]:
        if subject is None:
            yield from self._wrapped("Nothing has happened yet.", "bold")
            yield from self._wrapped("The leaves have their values; → takes the first step, tab selects a box.", "")
        elif subject.box is not None:
            yield from self._folded(moment, subject.box, subject.is_selected, named)
        else:
            yield from self._value(moment, subject, inspect(moment.walk, moment, subject.vertex, subject.port, named))
        for number, note in enumerate(notes):
            if not number:
                yield []
                yield self._heading("notes")
            yield from self._wrapped(f"· {clean(note)}", self.palette.quiet, "  ")

    def _value(self, moment: Moment, subject: Subject, known: Inspection) -> Iterator[list[tuple[str, str]]]:
        colours = self.palette
        symbol = to_ascii(known.symbol) if self.ascii_only else known.symbol
        what = f"{known.op} {symbol}" if symbol and symbol != known.op else known.op
        what = what or ("number in the code" if known.kind == "constant" else "leaf")
        yield [(known.name, f"bold {colours.name}"), ("  ", ""), (what, "bold" if known.op else self.palette.quiet)]
        parts = [known.type, f"in {known.scope}" if known.scope else "", "selected" if subject.is_selected else ""]
        yield from self._wrapped(", ".join(filter(None, parts)), self.palette.quiet)
        yield []
        yield from self._number("value", known.value, moment.value(known.vertex, known.port), colours.value)
        if known.arrivals or known.gradient.table:
            gradient = moment.gradient(known.vertex, known.port)
            yield from self._number("gradient", known.gradient, gradient, colours.gradient)
        if known.error:
            yield []
            yield self._heading("raised")
            for line in known.error:
                indent = " " * (len(line) - len(line.lstrip()))
                yield from self._wrapped(line.strip(), colours.bad, indent + "  ", indent)
        if known.formula:
            yield []
            yield self._heading("forward")
            yield from self._formula(known.equation or known.formula)
            for derivative in known.derivatives:
                yield from self._formula(derivative)
        if known.arrivals:
            yield []
            yield self._heading(f"gradient, {known.arrivals}")
            arrived, total = moment.arrived(Operand(known.vertex, known.port))
            # Of many the last ones: those that arrive now are among them, and so is the end of the sum.
            hidden = max(0, len(known.received) - _CONTRIBUTIONS_SHOWN)
            if hidden:
                yield [(f"  {hidden:,} before these", self.palette.quiet)]
            for one in known.received[hidden:]:
                new = one.k == subject.arrived
                count = f"{one.k} of {one.n}"
                sender = "starts here" if one.vertex is None else f"from {one.sender}"
                mark = ("> " if self.ascii_only else "► ") if new else "  "
                yield [(mark, f"bold {colours.name}"), (count, "bold"), (f"  {sender}", self.palette.quiet)]
                yield from self._formula(one.rule, "    ", "bold" if new else "")
            last = min(total, arrived + _CONTRIBUTIONS_SHOWN)
            for k in range(arrived + 1, last + 1):
                yield [(f"  {k} of {total}  —", self.palette.quiet)]
            if last < total:
                yield [(f"  and {total - last:,} more  —", self.palette.quiet)]
            if arrived > 1:
                yield [("  sum", "bold")]
                yield from self._formula(known.sum, "    ", colours.gradient)
        if known.source:
            place, _, line = known.source.partition("  ")
            yield []
            yield self._heading("code")
            yield from self._wrapped(place, self.palette.quiet)
            if line:
                yield from self._wrapped(line.strip(), "", "    ")
        if known.covers:
            yield []
            yield [("curriculum  ", self.palette.quiet), (" ".join(known.covers), self.palette.quiet)]

    def _folded(
        self, moment: Moment, box: DrawnBox, is_selected: bool, named: Names
    ) -> Iterator[list[tuple[str, str]]]:
        colours = self.palette
        graph = moment.walk.graph
        inside = [graph.vertices[id] for id in box.vertices]
        operations = [vertex for vertex in inside if not vertex.is_leaf]
        yield [(clean(box.title), f"bold {colours.name}"), ("  folded", "bold")]
        words = f"{len(operations):,} operations, {len(inside) - len(operations):,} leaves of its own"
        yield from self._wrapped(words + (", selected" if is_selected else ""), self.palette.quiet)
        yield from self._wrapped("z unfolds it", self.palette.quiet)
        yield []
        done = sum(moment.value(vertex.id) is not None for vertex in operations)
        yield [("forward   ", self.palette.quiet), (f"{done:,} of {len(operations):,} values", colours.value)]
        targets = [vertex.id for vertex in inside if moment.arrived(Operand(vertex.id, 0))[1]]
        complete = sum(moment.is_complete(id) for id in targets)
        if targets:
            yield [
                ("backward  ", self.palette.quiet),
                (f"{complete:,} of {len(targets):,} gradients", colours.gradient),
            ]
        yield []
        yield self._heading("what leaves it")
        for output in box.outputs[:_OUTPUTS_SHOWN]:
            yield [(named[output], "bold")]
            yield [("  value     ", self.palette.quiet), (summary(moment.value(*output)), colours.value)]
            if moment.arrived(output)[1]:
                yield [("  gradient  ", self.palette.quiet), (summary(moment.gradient(*output)), colours.gradient)]
        if len(box.outputs) > _OUTPUTS_SHOWN:
            yield [(f"and {len(box.outputs) - _OUTPUTS_SHOWN:,} more", self.palette.quiet)]

    # ---- parts ----

    def _number(self, what: str, shown: Shown, array: Array | None, colour: str) -> Iterator[list[tuple[str, str]]]:
        if array is not None and not np.isfinite(array).all():
            colour = self.palette.bad
        label = (f"{what:<10}", self.palette.quiet)
        if array is None or not array.ndim:
            yield [label, (shown.short, f"bold {colour}")]
            return
        lines = list(self._table(array))
        if len(lines) == 1:
            yield [label, (lines[0].strip(), f"bold {colour}")]
        else:
            yield [label]
            for line in lines:
                yield [("  " + line, f"bold {colour}")]
        if shown.statistics:
            yield from self._wrapped(shown.statistics, self.palette.quiet, "  ", "  ")

    def _table(self, array: Array) -> Iterable[str]:
        """As many columns as there is room for."""
        room = self._room() - (10 if array.ndim == 1 else 2)
        columns = 8
        lines = table(array, columns=columns)
        while columns > 2 and max(map(cell_width, lines)) > room:
            columns -= 1
            lines = table(array, columns=columns)
        return lines

    def _heading(self, text: str) -> list[tuple[str, str]]:
        line = "-" if self.ascii_only else "─"
        return [
            (f"{text} ", self.palette.quiet),
            (line * max(0, self._room() - cell_width(text) - 1), self.palette.frame),
        ]

    def _formula(self, text: str, indent: str = "", style: str = "") -> Iterator[list[tuple[str, str]]]:
        """A formula that is broken at its equal signs, so that each way of writing it stands in a line of its own."""
        head, *rest = text.split(" = ")
        if len(indent) + cell_width(text) <= self._room() or not rest:
            yield from self._wrapped(text, style, indent + "    ", indent)
            return
        first = f"{head} = {rest[0]}"
        yield from self._wrapped(first, style, indent + "    ", indent)
        for part in rest[1:]:
            yield from self._wrapped(f"= {part}", style, indent + "    ", indent + "  ")

    def _wrapped(self, text: str, style: str, indent: str = "", first: str = "") -> Iterator[list[tuple[str, str]]]:
        for line in textwrap.wrap(text, self._room(), initial_indent=first, subsequent_indent=indent):
            yield [(line, style)]

    def _room(self) -> int:
        return max(16, self.scrollable_content_region.width)
