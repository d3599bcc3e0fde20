"""Painting a scene into rows of text: box-drawing characters or plain ASCII, with a style class for every run.

Style classes are names that mean nothing here; the terminal, SVG or HTML renderer gives them their colours.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from graphgrad.view.scene import Frame, Key, PlacedBox, Point, Scene

__all__ = ["Glyphs", "Label", "Run", "cell_width", "fit", "paint", "to_text"]

Run = tuple[str, str]

_N, _E, _S, _W = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of a picture. ``light`` and ``heavy`` are indexed by the sum of N = 1, E = 2, S = 4, W = 8."""

    light: str
    heavy: str
    frame: str  # horizontal, vertical, then the corners NW, NE, SW, SE
    box: str
    pill: str  # left and right end
    down: str
    right: str
    ellipsis: str


UNICODE = Glyphs(
    light=" ╵╶╰╷│╭├╴╯─┴╮┤┬┼",
    heavy=" ╹╺┗╻┃┏┣╸┛━┻┓┫┳╋",
    frame="╌┆┌┐└┘",
    box="─│╭╮╰╯",
    pill="▐▌",
    down="▼",
    right="▶",
    ellipsis="…",
)
ASCII = Glyphs(
    light=" |-+||++-+-+++++",
    heavy=" #=#####=#=#####",
    frame=".:....",
    box="-|++++",
    pill="[]",
    down="v",
    right=">",
    ellipsis="~",
)


@dataclass(frozen=True, slots=True)
class Label:
    """The lines of a box's text, and its style class; the ends or the border have the class ``style + "-edge"``."""

    lines: Sequence[str]
    style: str = "box"


def _clean(text: str) -> str:
    """Drop what has no place in a cell: control and formatting characters, and selectors of emoji forms."""
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp") and c != "\ufe0f")


def _clusters(text: str) -> list[tuple[str, int]]:
    """Split a clean text into what stands in one place, with the cells it takes."""
    clusters: list[tuple[str, int]] = []
    for char in text:
        if unicodedata.category(char) in ("Mn", "Me"):
            if clusters:
                clusters[-1] = (clusters[-1][0] + char, clusters[-1][1])
        else:
            clusters.append((char, 2 if unicodedata.east_asian_width(char) in "WF" else 1))
    return clusters


def cell_width(text: str) -> int:
    r"""Return the terminal cells that a text takes: two for wide East Asian characters, none for combining marks.

    Examples
    --------
    >>> cell_width("∂L/∂w"), cell_width("重み"), cell_width("y\u0304")
    (5, 4, 1)
    """
    if text.isascii() and text.isprintable():
        return len(text)
    return sum(width for _, width in _clusters(_clean(text)))


def fit(text: str, width: int, ellipsis: str = "…") -> str:
    """Return the text cut to ``width`` cells, with an ellipsis where something was cut.

    Examples
    --------
    >>> fit("matmul 0.35", 8)
    'matmul …'
    """
    if text.isascii() and text.isprintable() and len(text) <= width:
        return text
    clusters = _clusters(_clean(text))
    if sum(cells for _, cells in clusters) <= width:
        return "".join(cluster for cluster, _ in clusters)
    kept, room = "", width - len(ellipsis)
    for cluster, cells in clusters:
        if cells > room:
            break
        kept, room = kept + cluster, room - cells
    return (kept + ellipsis)[:width] if width < 1 + len(ellipsis) else kept + ellipsis


@dataclass(slots=True)
class _Canvas:
    """A window of cells, each with its character and style class; the second cell of a wide character is empty."""

    x: int
    y: int
    width: int
    height: int
    chars: list[list[str]] = field(default_factory=list)
    styles: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chars = [[" "] * self.width for _ in range(self.height)]
        self.styles = [[""] * self.width for _ in range(self.height)]

    def put(self, x: int, y: int, char: str, style: str) -> None:
        column, row = x - self.x, y - self.y
        if 0 <= column < self.width and 0 <= row < self.height:
            self.chars[row][column] = char
            self.styles[row][column] = style

    def write(self, x: int, y: int, text: str, style: str) -> None:
        for cluster, cells in _clusters(text):
            if cells == 2 and not self.x <= x < self.x + self.width - 1:
                # Half a wide character at the window's edge would shift the whole row.
                self.put(x, y, " ", style)
                self.put(x + 1, y, " ", style)
            else:
                self.put(x, y, cluster, style)
                if cells == 2:
                    self.put(x + 1, y, "", style)
            x += cells

    def meets(self, x: int, y: int, width: int, height: int) -> bool:
        return x < self.x + self.width and self.x < x + width and y < self.y + self.height and self.y < y + height

    def rows(self) -> list[list[Run]]:
        rows = []
        for chars, styles in zip(self.chars, self.styles, strict=True):
            runs: list[Run] = []
            start = 0
            for end in range(1, self.width + 1):
                if end == self.width or styles[end] != styles[start]:
                    runs.append(("".join(chars[start:end]), styles[start]))
                    start = end
            rows.append(runs)
        return rows


def paint(
    scene: Scene,
    labels: Mapping[Key, Label],
    links: Mapping[Key, str] | None = None,
    *,
    emphasis: Sequence[str] = (),
    heavy: Collection[str] = (),
    arrows: bool | None = None,
    ascii_only: bool = False,
    window: tuple[int, int, int, int] | None = None,
) -> list[list[Run]]:
    """Paint a scene.

    Links of one value join (``├``, ``┬``); where links of different values cross, the vertical one runs over the
    horizontal one (``─│─``), and no other character stands for a crossing.

    Parameters
    ----------
    scene : Scene
        The picture's geometry.
    labels : mapping of box key to Label
        The texts of the boxes. A box of three rows or more gets a border; a lower one is a pill.
    links : mapping of link key to str, optional
        The style classes of links, ``"link"`` where none is given.
    emphasis : sequence of str
        Style classes of links from the most important down: where links share a cell, the first of them wins.
    heavy : collection of str
        Style classes of links that are drawn with heavy lines, so that colour isn't the only mark.
    arrows : bool, optional
        Whether an arrow head marks the end of a link: on the border of its head, or before a pill where the link's last
        cell is straight. By default not before pills in a picture that runs from top to bottom, where it says nothing.
    ascii_only : bool
        Whether to draw with ``| - +`` and brackets. Labels stay as they are.
    window : (x, y, width, height), optional
        The part of the scene to be painted; all of it by default.

    Returns
    -------
    list of list of (text, style class)
        The runs of each row. The texts of a row are as wide as the window, in cells. Frames have the classes
        ``"frame"`` and ``"frame-title"``, blank cells ``""``.
    """
    glyphs = ASCII if ascii_only else UNICODE
    canvas = _Canvas(*(window or (0, 0, scene.width, scene.height)))
    for frame in scene.frames:
        if canvas.meets(frame.x, frame.y, frame.width, frame.height):
            _paint_frame(canvas, frame, glyphs)
    marks = _paint_links(canvas, scene, links or {}, glyphs, emphasis, heavy, arrows)
    for frame in scene.frames:
        if canvas.meets(frame.x, frame.y, frame.width, 1):
            _paint_title(canvas, frame, glyphs)
    for box in scene.boxes:
        if canvas.meets(box.x, box.y, box.width, box.height):
            _paint_box(canvas, box, labels.get(box.key, Label((str(box.key),))), glyphs)
            if box.height > 2 and arrows is not False:
                for (x, y), (char, style) in marks.get(box.key, {}).items():
                    canvas.put(x, y, char, style)
    return canvas.rows()


def to_text(
    scene: Scene,
    labels: Mapping[Key, Label],
    *,
    arrows: bool | None = None,
    ascii_only: bool = False,
    window: tuple[int, int, int, int] | None = None,
) -> str:
    """Paint a scene as plain text, a line per row, without blanks at the ends of lines."""
    rows = paint(scene, labels, arrows=arrows, ascii_only=ascii_only, window=window)
    return "\n".join("".join(text for text, _ in row).rstrip() for row in rows)


def _paint_border(canvas: _Canvas, x: int, y: int, width: int, height: int, glyphs: str, style: str) -> None:
    right, bottom = x + width - 1, y + height - 1
    for column in range(max(x, canvas.x), min(right, canvas.x + canvas.width) + 1):
        canvas.put(column, y, glyphs[0], style)
        canvas.put(column, bottom, glyphs[0], style)
    for row in range(max(y, canvas.y), min(bottom, canvas.y + canvas.height) + 1):
        canvas.put(x, row, glyphs[1], style)
        canvas.put(right, row, glyphs[1], style)
    for (column, row), char in zip(((x, y), (right, y), (x, bottom), (right, bottom)), glyphs[2:], strict=True):
        canvas.put(column, row, char, style)


def _paint_frame(canvas: _Canvas, frame: Frame, glyphs: Glyphs) -> None:
    _paint_border(canvas, frame.x, frame.y, frame.width, frame.height, glyphs.frame, "frame")


def _paint_title(canvas: _Canvas, frame: Frame, glyphs: Glyphs) -> None:
    """Write the title into the top of the frame where no link passes: whole if it fits, else where most of it fits."""
    row = frame.y - canvas.y
    if not 0 <= row < canvas.height:
        return
    low, high = max(frame.x + 1, canvas.x), min(frame.x + frame.width - 1, canvas.x + canvas.width)
    free = [canvas.styles[row][column - canvas.x] == "frame" for column in range(low, high)]
    wanted = cell_width(frame.title) + 2
    best, room, run = low, 0, 0
    for i, is_free in enumerate(free):
        run = run + 1 if is_free else 0
        if run > room:
            best, room = low + i - run + 1, run
            if room == wanted:
                break
    if room >= wanted or room > 3:
        canvas.write(best, frame.y, f" {fit(frame.title, room - 2, glyphs.ellipsis)} ", "frame-title")


def _paint_box(canvas: _Canvas, box: PlacedBox, label: Label, glyphs: Glyphs) -> None:
    edge = label.style + "-edge"
    framed = box.height > 2
    if framed:
        _paint_border(canvas, box.x, box.y, box.width, box.height, glyphs.box, edge)
    inside = range(box.y + framed, box.y + box.height - framed)
    skip = (len(inside) - len(label.lines)) // 2
    room = box.width - 2
    for row in inside:
        number = row - inside.start - max(skip, 0)
        text = label.lines[number] if 0 <= number < len(label.lines) else ""
        if room < 1:
            canvas.write(box.x, row, _centred(text, box.width, glyphs), label.style)
            continue
        if not framed:
            canvas.put(box.x, row, glyphs.pill[0], edge)
            canvas.put(box.x + box.width - 1, row, glyphs.pill[1], edge)
        canvas.write(box.x + 1, row, _centred(text, room, glyphs), label.style)


def _centred(text: str, width: int, glyphs: Glyphs) -> str:
    text = fit(text, width, glyphs.ellipsis)
    blank = width - cell_width(text)
    return " " * (blank // 2) + text + " " * (blank - blank // 2)


def _paint_links(
    canvas: _Canvas,
    scene: Scene,
    links: Mapping[Key, str],
    glyphs: Glyphs,
    emphasis: Sequence[str],
    heavy: Collection[str],
    arrows: bool | None,
) -> dict[Key, dict[Point, Run]]:
    """Paint the links; return the marks at the borders of boxes, which are to be painted over the boxes."""
    strength = {style: i for i, style in enumerate(emphasis)}
    masks: dict[Point, dict[tuple[Key, int], int]] = {}
    best: dict[Point, tuple[int, str, tuple[Key, int]]] = {}
    marks: dict[Key, dict[Point, Run]] = {}
    for route in scene.routes:
        (ax, ay), (bx, by) = route.points[0], route.points[-1]
        xs, ys = [x for x, _ in route.points], [y for _, y in route.points]
        if not canvas.meets(min(xs), min(ys), max(xs) - min(xs) + 1, max(ys) - min(ys) + 1):
            continue
        style = links.get(route.key, "link")
        rank = strength.get(style, len(strength))
        net = route.net
        for cell, mask in _masks(route.points):
            own = masks.setdefault(cell, {})
            own[net] = own.get(net, 0) | mask
            held = best.get(cell)
            # At a crossing the vertical line is the visible one, so it gives the style as well.
            if held is None or (mask & (_N | _S) if held[2] != net else rank < held[0]):
                best[cell] = (rank, style, net)
        vertical = scene.direction == "TB"
        marks.setdefault(route.tail, {})[ax, ay] = (glyphs.light[14 if vertical else 7], style)
        marks.setdefault(route.head, {})[bx, by] = (glyphs.down if vertical else glyphs.right, style)
    ends: dict[Point, int] = {}
    for route in scene.routes:
        ends[route.points[0]] = ends[route.points[-1]] = 1
    for (x, y), own in masks.items():
        if (x, y) in ends:
            continue
        _, style, net = best[x, y]
        lines = glyphs.heavy if style in heavy else glyphs.light
        canvas.put(x, y, lines[own[net]], style)
    if arrows or (arrows is None and scene.direction == "LR"):
        straight, step_x, step_y = (_N | _S, 0, -1) if scene.direction == "TB" else (_E | _W, -1, 0)
        for route in scene.routes:
            x, y = route.points[-1][0] + step_x, route.points[-1][1] + step_y
            own = masks.get((x, y), {})
            if scene.box[route.head].height < 3 and own == {route.net: straight} and (x, y) not in ends:
                canvas.put(x, y, glyphs.down if scene.direction == "TB" else glyphs.right, best[x, y][1])
    return marks


def _masks(points: Sequence[Point]) -> list[tuple[Point, int]]:
    """Return every cell of a route with the sides on which the line leaves it."""
    cells: list[tuple[Point, int]] = [(points[0], 0)]
    for (x, y), (to_x, to_y) in pairwise(points):
        step_x, step_y = (to_x > x) - (to_x < x), (to_y > y) - (to_y < y)
        ahead, behind = (_E, _W) if step_x > 0 else (_W, _E) if step_x < 0 else (_S, _N) if step_y > 0 else (_N, _S)
        while (x, y) != (to_x, to_y):
            cells[-1] = (cells[-1][0], cells[-1][1] | ahead)
            x, y = x + step_x, y + step_y
            cells.append(((x, y), behind))
    return cells
