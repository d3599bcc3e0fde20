"""The graph: a scene in character cells that scrolls, with colours and marks for what is going on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from graphgrad.view import paint
from graphgrad.view.picture import Label, Picture, State
from graphgrad.view.scene import Key, PlacedBox
from graphgrad.view.text import cell_width, fit, to_ascii
from graphgrad_tui.themes import DARK, FAULTS, LEGEND, MARKS, Palette

__all__ = ["Anchor", "GraphCanvas"]

_AROUND = Size(2, 1)
_EMPHASIS = ("active", "returned", "carried", "waiting")
_SELECTED = ("◄", "<")
_BAD = "!"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A box, and where it is to stand on the screen."""

    key: Key
    place: Offset


class GraphCanvas(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows a picture. It scrolls only when it must: a step that stays in view moves nothing."""

    # The base class would swallow the arrow keys, with which one steps.
    DEFAULT_CSS = """
    GraphCanvas { background: $background; scrollbar-size: 1 1; }
    """

    class Clicked(Message):
        """A box was clicked; None for a click beside all of them."""

        def __init__(self, key: Key | None) -> None:
            self.key = key
            super().__init__()

    def __init__(self, *, ascii_only: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.ascii_only = ascii_only
        self._gradient_sign = to_ascii("∂ ") if ascii_only else "∂ "
        self._picture: Picture | None = None
        self._palette = DARK
        self._selected: Key | None = None
        self._pad = Offset(0, 0)
        self._styles: dict[str, Style] = {}
        self._rows: list[Strip] = []
        self._legend: list[Strip] = []
        self._rows_of: tuple[int, int, int, int] | None = None

    # ---- what is shown ----

    @property
    def picture(self) -> Picture | None:
        """What is shown."""
        return self._picture

    @property
    def viewport(self) -> Size:
        """How many cells there are to show it."""
        return self.scrollable_content_region.size

    def draw(self, picture: Picture, selected: Key | None, anchor: Anchor | None = None) -> None:
        """Show a picture.

        Parameters
        ----------
        picture
            What is to be shown. With the scene that is shown already, nothing moves.
        selected
            The box that is marked.
        anchor
            With another scene: what stays where it is on the screen. Without one the picture is centred.
        """
        moved = self._picture is None or picture.scene is not self._picture.scene
        self._picture, self._selected = picture, selected
        if moved:
            self._arrange(anchor)
        self._repaint()

    def set_palette(self, palette: Palette) -> None:
        """Use the colours of another theme."""
        self._palette = palette
        self._styles.clear()
        self._repaint()

    def _repaint(self) -> None:
        self._rows_of = None
        self.refresh()

    # ---- the camera ----

    def _content(self) -> Size:
        scene = self._picture.scene if self._picture is not None else None
        return Size(scene.width + 2 * _AROUND.width, scene.height + 2 * _AROUND.height) if scene else Size(0, 0)

    def _free(self) -> Size:
        """The room that is left beside a picture that is smaller than the view."""
        content, size = self._content(), self.container_size
        return Size(max(0, size.width - content.width), max(0, size.height - content.height))

    def _arrange(self, anchor: Anchor | None) -> None:
        """Place a new scene: in the middle, or with one of its boxes where the anchor says."""
        self.virtual_size = self._content()
        free = self._free()
        self._pad = Offset(free.width // 2, free.height // 2)
        box = self._box(anchor.key) if anchor is not None else None
        if anchor is None or box is None:
            self._scroll(Offset(0, 0))
            return
        wanted = anchor.place - Offset(box.x + _AROUND.width, box.y + _AROUND.height)
        self._pad = Offset(min(max(wanted.x, 0), free.width), min(max(wanted.y, 0), free.height))
        self._scroll(self._pad - wanted)

    def _scroll(self, to: Offset) -> None:
        self.scroll_to(to.x, to.y, animate=False, force=True)
        self._rows_of = None

    def _box(self, key: Key) -> PlacedBox | None:
        return self._picture.scene.box.get(key) if self._picture is not None else None

    def place_of(self, key: Key) -> Offset | None:
        """Where a box stands on the screen, from the corner of this widget; None if the picture lacks it."""
        box = self._box(key)
        return Offset(box.x, box.y) + self._origin() if box is not None else None

    def _origin(self) -> Offset:
        """Where the scene's corner stands on the screen."""
        return Offset(_AROUND.width, _AROUND.height) + self._pad - self.scroll_offset

    def on_resize(self, event: events.Resize) -> None:
        """Keep a picture that fits in the middle, and one that doesn't where it is."""
        if self._picture is None:
            return
        free = self._free()
        self._pad = Offset(free.width // 2, free.height // 2)
        self._repaint()

    def reveal(self, keys: Iterable[Key], *, centre: bool = False) -> None:
        """Bring boxes into view; if they can't all be seen, the first of them.

        Parameters
        ----------
        keys
            The most important first.
        centre
            Whether to bring them to the middle although they can be seen.
        """
        boxes = [box for box in map(self._box, keys) if box is not None]
        view = self.viewport
        if not boxes or not view.width or not view.height:
            return
        around = Region.from_union([self._region(box) for box in boxes])
        if around.width > view.width or around.height > view.height:
            around = self._region(boxes[0])
        to = Offset(
            _camera(self.scroll_offset.x, view.width, around.x, around.width, 4, centre),
            _camera(self.scroll_offset.y, view.height, around.y, around.height, 2, centre),
        )
        if to != self.scroll_offset:
            self._scroll(to)

    def _region(self, box: PlacedBox) -> Region:
        """Where a box stands in the whole, which scrolls."""
        x, y = box.x + _AROUND.width + self._pad.x, box.y + _AROUND.height + self._pad.y
        return Region(x, y, box.width, box.height)

    def pan(self, x: int, y: int) -> None:
        """Move the view by so many cells."""
        self._scroll(self.scroll_offset + Offset(x, y))

    def on_click(self, event: events.Click) -> None:
        """Tell which box was clicked."""
        if self._picture is None:
            return
        place = event.get_content_offset(self)
        if place is not None:
            x, y = place - self._origin()
            box = self._picture.scene.box_at(x, y)
            self.post_message(self.Clicked(box.key if box is not None else None))

    # ---- painting ----

    def render_line(self, y: int) -> Strip:
        """One row of the view."""
        size = self.size
        corner = Offset(0, 0) - self._origin()
        window = (corner.x, corner.y, size.width, size.height)
        if self._rows_of != window:
            self._rows, self._rows_of = list(self._paint(window)), window
            self._legend = self._legend_rows(size.width)
        below = y - (size.height - len(self._legend))
        if below >= 0:
            return self._legend[below]
        return self._rows[y] if y < len(self._rows) else Strip.blank(size.width, self._style(""))

    def _legend_rows(self, width: int) -> list[Strip]:
        """What the marks mean, in rows that the picture doesn't need; what they have no room for is left out."""
        if self._picture is None:
            return []
        free = max(0, self._free().height - self._pad.y - 1)
        labels = self._picture.labels.values()
        faults = {label.state for label in labels} | {"bad" for label in labels if label.bad}
        entries = [(state, words) for state, words in LEGEND.items() if state not in FAULTS or state in faults]
        rows: list[list[tuple[State, str]]] = []
        for state, words in entries:
            # Into the first row that has room for it.
            need = _legend_width(words)
            row = next((row for row in rows if need <= width - 1 - sum(_legend_width(w) for _, w in row)), None)
            if row is not None:
                row.append((state, words))
            elif len(rows) < free and need <= width - 1:
                rows.append([(state, words)])
        return [self._legend_row(row, width) for row in rows]

    def _legend_row(self, entries: Iterable[tuple[State, str]], width: int) -> Strip:
        quiet = Style(color=self._palette.quiet, bgcolor=self.rich_style.bgcolor)
        segments = [Segment(" ", quiet)]
        for state, words in entries:
            mark = MARKS[state][self.ascii_only]
            segments += [Segment(f" {mark} ", self._style(f"{state}/")), Segment(f" {words}  ", quiet)]
        return Strip(segments).crop_extend(0, width, quiet)

    def _paint(self, window: tuple[int, int, int, int]) -> Iterator[Strip]:
        if self._picture is None or not window[2] or not window[3]:
            return
        picture = self._picture
        boxes = [box for box in picture.scene.boxes if _meets(box, window)]
        rows = paint.paint(
            picture.scene,
            {box.key: self._label(box, picture.labels[box.key]) for box in boxes},
            picture.links,
            emphasis=_EMPHASIS,
            heavy=("active",),
            ascii_only=self.ascii_only,
            window=window,
        )
        marks = self._marks(boxes, picture.labels)
        ports = self._ports(picture)
        for y, row in enumerate(rows, window[1]):
            yield Strip(list(self._segments(row, window[0], y, marks, ports)), window[2])

    def _label(self, box: PlacedBox, label: Label) -> paint.Label:
        flags = "s" * (box.key == self._selected) + "g" * label.ghost + "f" * label.folded
        lines = label.lines
        if self.ascii_only:
            lines = tuple(_ascii(line, box.width - 2) for line in lines)
        return paint.Label(lines, f"{label.state}/{flags}")

    def _marks(self, boxes: Iterable[PlacedBox], labels: Mapping[Key, Label]) -> dict[tuple[int, int], tuple[str, str]]:
        """What stands at the ends of boxes, with its style."""
        marks: dict[tuple[int, int], tuple[str, str]] = {}
        for box in boxes:
            label = labels[box.key]
            mark = MARKS[label.state][self.ascii_only]
            # A border keeps its corners.
            inset = int(box.height > 2)
            left, right = box.x + inset, box.x + box.width - 1 - inset
            if mark != " ":
                marks[left, box.y] = mark, f"{label.state}/m"
            if label.bad and label.state != "bad":
                marks[right, box.y] = _BAD, f"{label.state}/m"
            elif box.key == self._selected:
                marks[right, box.y] = _SELECTED[self.ascii_only], "selected"
            if box.key == self._selected and not inset:
                marks.update({(right, box.y + row): (" ", "selected") for row in range(1, box.height)})
        return marks

    def _ports(self, picture: Picture) -> dict[tuple[int, int], str]:
        """Where links meet a border, and the style of the border: arrows stand on its ground, and not on a hole."""
        ports: dict[tuple[int, int], str] = {}
        for route in picture.scene.routes:
            for key, place in ((route.tail, route.points[0]), (route.head, route.points[-1])):
                if picture.scene.box[key].height > 2:
                    ports[place] = f"{picture.labels[key].state}/-edge"
        return ports

    def _segments(
        self,
        row: list[paint.Run],
        x: int,
        y: int,
        marks: Mapping[tuple[int, int], tuple[str, str]],
        ports: Mapping[tuple[int, int], str],
    ) -> Iterator[Segment]:
        for text, name in row:
            style = self._style(name)
            if name.endswith("-edge"):
                yield from self._edge(text, name, x, y, marks)
            elif "/" in name:
                yield from self._words(text, name, style)
            else:
                yield Segment(text, self._style(ports[x, y]) if (x, y) in ports else style)
            x += cell_width(text)

    def _edge(
        self, text: str, name: str, x: int, y: int, marks: Mapping[tuple[int, int], tuple[str, str]]
    ) -> Iterator[Segment]:
        """The end of a box, or a border, with the marks that stand there."""
        style = self._style(name)
        # The ends of a pill are part of its ground, so that a mark has room there.
        text = " " if text in (paint.UNICODE.pill[0], paint.UNICODE.pill[1]) else text
        start = 0
        for i in range(len(text)):
            found = marks.get((x + i, y))
            if found is None:
                continue
            if text[start:i]:
                yield Segment(text[start:i], style)
            yield Segment(found[0], self._style(found[1]))
            start = i + 1
        if text[start:]:
            yield Segment(text[start:], style)

    def _words(self, text: str, name: str, style: Style) -> Iterator[Segment]:
        """A line of a box: the gradient in its colour, the value after its name in bold."""
        # A value may be called d, but then something follows it.
        is_gradient = text.strip().startswith(self._gradient_sign) and " = " not in text
        if is_gradient and not name.startswith("constant"):
            yield Segment(text, self._style(f"{name}/gradient"))
            return
        head, equals, value = text.partition(" = ")
        yield Segment(head + equals, style)
        if value:
            yield Segment(value, style + _BOLD)

    def _style(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = self._make_style(name)
        return style

    def _make_style(self, name: str) -> Style:
        ground = self.rich_style.bgcolor
        colours = self._palette
        if name.endswith("-edge"):
            ink = colours.boxes[name.partition("/")[0]]  # type: ignore[index]
            return Style(color=ink.edge, bgcolor=ink.fill)
        if "/" in name:
            state, flags, *line = name.split("/")
            ink = colours.boxes[state]  # type: ignore[index]
            if flags == "m":
                return Style(color=ink.edge, bgcolor=ink.fill, bold=True)
            selected = "s" in flags
            return Style(
                color=ink.gradient if line else ink.text,
                bgcolor=ink.fill,
                bold=selected or state == "current" or None,
                italic="g" in flags or None,
            )
        if name == "selected":
            return Style(color="#ffffff" if colours is not DARK else "#00201a", bgcolor=colours.selected, bold=True)
        if name == "frame":
            return Style(color=colours.frame, bgcolor=ground)
        if name == "frame-title":
            return Style(color=colours.frame_title, bgcolor=ground, bold=True)
        if name in colours.links:
            return Style(color=colours.links[name], bgcolor=ground, bold=name == "active" or None)  # type: ignore[index]
        return Style(bgcolor=ground)


_BOLD = Style(bold=True)


def _legend_width(words: str) -> int:
    """A mark with a blank on either side, a blank, the words, and two blanks."""
    return len(words) + 6


def _meets(box: PlacedBox, window: tuple[int, int, int, int]) -> bool:
    x, y, width, height = window
    return box.x < x + width and x < box.x + box.width and box.y < y + height and y < box.y + box.height


def _camera(now: int, view: int, start: int, length: int, margin: int, centre: bool) -> int:
    """Where to scroll so that an interval is in view, at some distance from the edge; where it is, if it is already."""
    margin = max(0, min(margin, (view - length) // 2))
    middle = start + length // 2 - view // 2
    low, high = start + length + margin - view, start - margin
    if centre or not now - view // 2 <= max(low, min(now, high)) <= now + view // 2:
        return max(0, middle)
    return max(0, min(max(now, low), high))


def _ascii(text: str, width: int) -> str:
    """A label in ASCII; a symbol that gets too long by that gives way to the name after it."""
    plain = to_ascii(text)
    if cell_width(plain) > width:
        head, _, rest = text.partition(" ")
        if rest and not head.isascii() and head != "∂":
            plain = to_ascii(rest)
    return fit(plain, width, "~")
