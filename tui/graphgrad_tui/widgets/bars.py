"""The rows around the graph: title, timeline, caption and keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Static

from graphgrad.view.text import cell_width, clean, fit, to_ascii
from graphgrad_tui.keys import Where, footer, shown
from graphgrad_tui.themes import DARK, Palette

__all__ = ["CaptionBar", "KeyBar", "Passage", "Timeline", "TitleBar"]


class TitleBar(Static):
    """What is shown on the left, how it is shown on the right."""

    def __init__(self, *, ascii_only: bool = False, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self.ascii_only = ascii_only
        self.palette: Palette = DARK
        self._words: tuple[Sequence[str], str] = ((), "")

    def say(self, path: Sequence[str], look: str = "") -> None:
        """Show a path of titles, the last of them in bold, and words about the view."""
        self._words = path, look
        self._write()

    def on_resize(self, event: events.Resize) -> None:
        """Cut titles to what there is room for."""
        self._write()

    def _write(self) -> None:
        path, look = self._words
        arrow = " > " if self.ascii_only else " › "
        plain = [to_ascii(clean(one)) if self.ascii_only else clean(one) for one in path]
        width = max(0, self.size.width - 2)
        look = look if cell_width(look) + sum(map(cell_width, plain)) + 3 * len(plain) + 12 <= width else ""
        before = "graphgrad" + "".join(arrow + one for one in plain[:-1]) + arrow if plain else "graphgrad"
        last = plain[-1] if plain else ""
        room = width - cell_width(look) - 2
        if cell_width(before + last) > room and len(plain) > 1:
            before = ("..." if self.ascii_only else "…") + arrow
        last = fit(last, max(4, room - cell_width(before)), "~" if self.ascii_only else "…")
        gap = max(1, width - cell_width(before + last) - cell_width(look))
        quiet = self.palette.quiet
        self.update(Content.assemble((before, quiet), (last, "bold"), " " * gap, (look, quiet)))


@dataclass(frozen=True, slots=True)
class Passage:
    """A pass in the timeline: its name, and how many steps it has."""

    name: str
    steps: int


class Timeline(Widget):
    """The passes with the place in them; a click goes there."""

    DEFAULT_CSS = "Timeline { height: 1; }"

    class Went(Message):
        """A position was clicked."""

        def __init__(self, position: int) -> None:
            self.position = position
            super().__init__()

    def __init__(self, *, ascii_only: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.ascii_only = ascii_only
        self.passages: Sequence[Passage] = ()
        self.position = -1
        self.state = ""
        self.palette: Palette = DARK
        self._tracks: list[tuple[int, int, int, int]] = []

    def say(self, passages: Sequence[Passage], position: int, state: str) -> None:
        """Show the passes, the place (-1 before the first step), and whether it plays."""
        self.passages, self.position, self.state = passages, position, state
        self.refresh()

    def render(self) -> Content:
        """One row: each pass as a track of its length in steps."""
        done, left, here = ("=", "-", "O") if self.ascii_only else ("━", "─", "●")
        total = sum(one.steps for one in self.passages)
        state = to_ascii(self.state) if self.ascii_only else self.state
        count = f"{self.position + 1}/{total}"
        count = f"{count:>{2 * len(str(total)) + 1}} {state}"
        names = sum(len(one.name) + 3 for one in self.passages)
        room = max(self.size.width - names - cell_width(count) - 2, 2 * len(self.passages))
        widths = [max(2, round(room * one.steps / max(total, 1))) for one in self.passages]
        while sum(widths) > room and max(widths, default=0) > 2:
            widths[widths.index(max(widths))] -= 1
        parts: list[tuple[str, str]] = []
        self._tracks.clear()
        x, first = 1, 0
        parts.append((" ", ""))
        for i, (one, width) in enumerate(zip(self.passages, widths, strict=True)):
            colour = self.palette.gradient if one.name.startswith("back") else self.palette.value
            inside = self.position - first
            is_here = 0 <= inside < one.steps or (i == 0 and inside < 0)
            parts.append((f"{one.name} ", f"bold {colour}" if is_here else self.palette.quiet))
            x += len(one.name) + 1
            self._tracks.append((x, width, first, one.steps))
            knob = min(width - 1, max(0, int((inside + 1) * width / max(one.steps, 1)) - (inside >= 0)))
            if inside >= one.steps:
                parts.append((done * width, colour))
            elif not is_here:
                parts.append((left * width, self.palette.frame))
            else:
                parts += [(done * knob, colour), (here, f"bold {self.palette.name}")]
                parts.append((left * (width - knob - 1), self.palette.frame))
            parts.append(("  ", ""))
            x += width + 2
            first += one.steps
        parts.append((count, "bold"))
        return Content.assemble(*parts)

    def on_click(self, event: events.Click) -> None:
        """Go to the step that was clicked."""
        for x, width, first, steps in self._tracks:
            if x <= event.x < x + width:
                self.post_message(self.Went(first + min(steps - 1, int((event.x - x + 0.5) * steps / width))))


class CaptionBar(Static):
    """What happens at this step, in one sentence of numbers."""

    def __init__(self, *, ascii_only: bool = False, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self.ascii_only = ascii_only

    def say(self, kind: str, text: str, colour: str) -> None:
        """Show what kind of step this is, and what it does."""
        if self.ascii_only:
            text = to_ascii(text)
        badge = f" {kind} " if kind else ""
        self.update(Content.assemble((badge, f"bold reverse {colour}"), "  " if kind else "", text))


class KeyBar(Widget):
    """The most important keys, as many as there is room for; a click does what the key does."""

    DEFAULT_CSS = "KeyBar { height: 1; }"

    def __init__(self, where: Where, *, ascii_only: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.where: Where = where
        self.ascii_only = ascii_only
        self.palette: Palette = DARK
        # Keys are no hyperlinks: no underlines.
        self.auto_links = False

    def say(self, where: Where) -> None:
        """Show the keys of another place."""
        if where != self.where:
            self.where = where
            self.refresh()

    def render(self) -> Content:
        """Keys in bold, what they do beside them."""
        parts: list[Content] = []
        room = self.size.width - 1
        for key in footer(self.where):
            name = shown(key.keys[0], self.ascii_only)
            if cell_width(name) + len(key.label) + 3 > room:
                continue
            room -= cell_width(name) + len(key.label) + 3
            owner = "focused" if self.where == "answer" else "screen"
            action = key.action if "." in key.action.partition("(")[0] else f"{owner}.{key.action}"
            one = Content.assemble((name, f"bold {self.palette.value}"), (f" {key.label}", self.palette.quiet))
            parts += [Content(" "), one.stylize(Style.from_meta({"@click": action})), Content(" ")]
        return Content("").join(parts)
