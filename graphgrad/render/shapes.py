"""A picture as shapes: rounded boxes, lines with gaps where they cross, frames and runs of text, in pixels.

Whatever writes an image draws these shapes and decides nothing by itself, so that an SVG, a PDF and a page show the
same picture. All of it follows from the character cells of the scene; nothing is measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from graphgrad.render.fonts import shown
from graphgrad.render.theme import CELL_HEIGHT, CELL_WIDTH, LINKS
from graphgrad.view.picture import Label, LinkState, Picture, State
from graphgrad.view.scene import Frame, Key, PlacedBox, Point, Route, Scene
from graphgrad.view.text import cell_width, fit
from graphgrad.walk.steps import Phase

__all__ = ["BoxShape", "Command", "FrameShape", "LinkShape", "Role", "Run", "Shapes", "Triangle", "box_runs", "shapes"]

Command = tuple[Literal["M", "L", "Q"], float, float] | tuple[Literal["M", "L", "Q"], float, float, float, float]
"""A part of a line, as SVG has it: move to, line to, and a curve with its control point."""
Triangle = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
Role = Literal["name", "value", "gradient", "plain"]

LINE = 18.0
"""From one line of a box's text to the next."""
BASELINE = 4.8
"""From the middle of a line of text down to the letters' feet."""
CARD = 4.0
"""How far the card behind a folded box stands out."""
_INSET_ACROSS = 0.4
_INSET_DOWN = 0.7
_FRAME = 0.15
_FRAME_ROUND = 10.0
_ROUND = 5.0
_GAP = 3.4
_HEAD = 6.5
_STRENGTH = {state: i for i, state in enumerate(LINKS)}
_SHAPE = re.compile(r" (?=\(\d*,?(?: \d+,?)*\)(?: |$))")


@dataclass(frozen=True, slots=True)
class Run:
    """Text of one look: where it begins, its baseline, and how wide it is."""

    text: str
    x: float
    y: float
    width: float
    role: Role


@dataclass(frozen=True, slots=True)
class BoxShape:
    """A box: its rectangle, the radius of its corners, what it says and how it stands."""

    key: Key
    x: float
    y: float
    width: float
    height: float
    radius: float
    state: State
    bad: bool
    ghost: bool
    folded: bool
    runs: tuple[Run, ...]
    text: str


@dataclass(frozen=True, slots=True)
class LinkShape:
    """A link: the strokes of its line, and the triangles that point ahead, and back to where a gradient goes."""

    key: Key
    state: LinkState
    returning: bool
    line: tuple[Command, ...]
    head: Triangle
    back: Triangle


@dataclass(frozen=True, slots=True)
class FrameShape:
    """The frame of a scope: its rectangle, and its border, open at the top where the title stands."""

    x: float
    y: float
    width: float
    height: float
    radius: float
    border: tuple[Command, ...]
    title: Run | None


@dataclass(frozen=True, slots=True)
class Shapes:
    """All shapes of a scene, in the order in which they are drawn."""

    width: float
    height: float
    frames: tuple[FrameShape, ...]
    links: tuple[LinkShape, ...]
    boxes: tuple[BoxShape, ...]


def shapes(picture: Picture, phase: Phase | None = None) -> Shapes:
    """Turn a picture into shapes.

    Parameters
    ----------
    picture
        What is to be drawn. Its weakest links come first, so that the others are seen where they share cells.
    phase
        The pass that is under way: going back, what happens on a link goes from its head to its tail.
    """
    scene = picture.scene
    links = []
    for route in scene.routes:
        state = picture.links.get(route.key, "waiting")
        returning = state == "returned" or (state == "active" and phase == "backward")
        card = CARD if picture.labels[route.tail].folded else 0.0
        links.append(_link(scene, route, state, returning, card))
    links.sort(key=lambda link: _STRENGTH[link.state])
    return Shapes(
        scene.width * CELL_WIDTH,
        scene.height * CELL_HEIGHT,
        tuple(_frames(scene)),
        tuple(links),
        tuple(_box(box, picture.labels[box.key]) for box in scene.boxes),
    )


# ---- boxes -----------------------------------------------------------------------------------------------------------


def _rectangle(box: PlacedBox) -> tuple[float, float, float, float]:
    """The corners of a box. One of three rows or more has its border within its outermost cells."""
    across, down = (_INSET_ACROSS, _INSET_DOWN) if box.height > 2 else (0.0, 0.0)
    return (
        (box.x + across) * CELL_WIDTH,
        (box.y + down) * CELL_HEIGHT,
        (box.x + box.width - across) * CELL_WIDTH,
        (box.y + box.height - down) * CELL_HEIGHT,
    )


def _box(box: PlacedBox, label: Label) -> BoxShape:
    left, top, right, bottom = _rectangle(box)
    return BoxShape(
        box.key,
        left,
        top,
        right - left,
        bottom - top,
        (bottom - top) / 2 if box.height == 1 else 9.0,
        label.state,
        label.bad,
        label.ghost,
        label.folded,
        box_runs(box, label.lines),
        "\n".join(map(shown, label.lines)),
    )


def box_runs(box: PlacedBox, lines: Sequence[str]) -> tuple[Run, ...]:
    """The text of a box, each line in its middle; what is longer than the box is cut with an ellipsis."""
    left, top, right, bottom = _rectangle(box)
    middle, room = (left + right) / 2, box.width - (2 if box.width > 2 else 0)
    y = (top + bottom) / 2 - (len(lines) - 1) * LINE / 2 + BASELINE
    return tuple(run for i, line in enumerate(lines) for run in _line(line, i == 0, middle, y + i * LINE, room))


def _line(line: str, first: bool, middle: float, y: float, room: int) -> Iterator[Run]:
    line = _fitted(shown(line), first, room)
    x = middle - cell_width(line) * CELL_WIDTH / 2
    for text, role in _roles(line, first):
        width = cell_width(text) * CELL_WIDTH
        # Blanks at the ends are left out: an image may drop them, and stretch the rest to their place.
        if text.strip():
            before = (len(text) - len(text.lstrip())) * CELL_WIDTH
            yield Run(text.strip(), x + before, y, cell_width(text.strip()) * CELL_WIDTH, role)
        x += width


def _fitted(line: str, first: bool, room: int) -> str:
    """The line as far as there is room: escapes can make a name longer than its box. The name is cut, not the value."""
    if cell_width(line) <= room:
        return line
    (name, _), *value = _roles(line, first)
    rest = "".join(text for text, _ in value)
    return fit(name, room - cell_width(rest)) + rest if cell_width(rest) < room - 1 else fit(line, room)


def _roles(line: str, first: bool) -> tuple[tuple[str, Role], ...]:
    """The name, the value and the gradient on a line, told apart."""
    if not first:
        return ((line, "gradient" if line.startswith("∂ ") else "plain"),)
    name, equals, value = line.rpartition(" = ")
    if equals:
        return (name, "name"), (equals + value, "value")
    split = _SHAPE.search(line)
    if split:
        return (line[: split.start()], "name"), (line[split.start() :], "value")
    return ((line, "name"),)


# ---- links -----------------------------------------------------------------------------------------------------------


def _link(scene: Scene, route: Route, state: LinkState, returning: bool, card: float) -> LinkShape:
    corners = [((x + 0.5) * CELL_WIDTH, (y + 0.5) * CELL_HEIGHT) for x, y in route.points]
    _, _, right, bottom = _rectangle(scene.box[route.tail])
    right, bottom = right + card, bottom + card
    left, top, _, _ = _rectangle(scene.box[route.head])
    half = _HEAD * 0.55
    (tail_x, tail_y), (x, y) = corners[0], corners[-1]
    head: Triangle
    back: Triangle
    if scene.direction == "TB":
        corners[0], corners[-1] = (tail_x, bottom), (x, top)
        head = ((x - half, top - _HEAD), (x + half, top - _HEAD), (x, top))
        back = ((tail_x - half, bottom + _HEAD), (tail_x + half, bottom + _HEAD), (tail_x, bottom))
    else:
        corners[0], corners[-1] = (right, tail_y), (left, y)
        head = ((left - _HEAD, y - half), (left - _HEAD, y + half), (left, y))
        back = ((right + _HEAD, tail_y - half), (right + _HEAD, tail_y + half), (right, tail_y))
    return LinkShape(route.key, state, returning, tuple(_rounded(corners, _crossed(scene, route))), head, back)


def _crossed(scene: Scene, route: Route) -> dict[int, list[int]]:
    """The columns at which links of other values run over a route, by the number of its horizontal stretch."""
    crossed: dict[int, list[int]] = {}
    for i, ((ax, ay), (bx, by)) in enumerate(pairwise(route.points)):
        if ay == by and scene.crossings:
            step = 1 if bx > ax else -1
            columns = [x for x in range(ax + step, bx, step) if (x, ay) in scene.crossings]
            if columns:
                crossed[i] = columns
    return crossed


def _rounded(corners: Sequence[tuple[float, float]], crossed: Mapping[int, Sequence[int]]) -> Iterator[Command]:
    """A line with round corners, and with a gap wherever another one runs over it."""
    yield ("M", *corners[0])
    for i, ((ax, ay), (bx, by)) in enumerate(pairwise(corners)):
        for column in crossed.get(i, ()):
            middle, gap = (column + 0.5) * CELL_WIDTH, _GAP if bx > ax else -_GAP
            yield ("L", middle - gap, ay)
            yield ("M", middle + gap, ay)
        if i + 2 == len(corners):
            yield ("L", bx, by)
            return
        cx, cy = corners[i + 2]
        before, after = abs(bx - ax) + abs(by - ay), abs(cx - bx) + abs(cy - by)
        turn = min(_ROUND, before / 2, after / 2)
        yield ("L", bx - turn * _sign(bx - ax), by - turn * _sign(by - ay))
        yield ("Q", bx, by, bx + turn * _sign(cx - bx), by + turn * _sign(cy - by))


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


# ---- frames ----------------------------------------------------------------------------------------------------------


def _frames(scene: Scene) -> Iterator[FrameShape]:
    rows = {frame.y for frame in scene.frames}
    taken: set[Point] = {cell for route in scene.routes for cell in route.cells() if cell[1] in rows}
    for frame in scene.frames:
        x, y = (frame.x + _FRAME) * CELL_WIDTH, (frame.y + 0.5) * CELL_HEIGHT
        width, height = (frame.width - 2 * _FRAME) * CELL_WIDTH, (frame.height - 1) * CELL_HEIGHT
        title = _title(frame, taken)
        yield FrameShape(x, y, width, height, _FRAME_ROUND, tuple(_border(x, y, x + width, y + height, title)), title)


def _border(left: float, top: float, right: float, bottom: float, title: Run | None) -> Iterator[Command]:
    """Once around, clockwise, from the end of the title to its beginning."""
    r = _FRAME_ROUND
    start, end = (title.x + title.width + 5, title.x - 5) if title is not None else (left + r, left + r)
    yield ("M", max(start, left + r), top)
    for x, y, dx, dy in ((right, top, -1, 1), (right, bottom, -1, -1), (left, bottom, 1, -1), (left, top, 1, 1)):
        before, after = (x + dx * r, y), (x, y + dy * r)
        if (x, y) in ((right, bottom), (left, top)):
            before, after = after, before
        yield ("L", *before)
        yield ("Q", x, y, *after)
    yield ("L", max(end, left + r), top)


def _title(frame: Frame, taken: set[Point]) -> Run | None:
    """The title in the top of the frame: whole where no link passes, else where most of it fits."""
    title = shown(frame.title)
    wanted = cell_width(title) + 2
    best, room, run = frame.x + 2, 0, 0
    for column in range(frame.x + 2, frame.x + frame.width - 2):
        run = 0 if (column, frame.y) in taken else run + 1
        if run > room:
            best, room = column - run + 1, run
            if room == wanted:
                break
    if room < min(wanted, 4):
        return None
    text = fit(title, room - 2)
    width = cell_width(text) * CELL_WIDTH
    return Run(text, (best + 1) * CELL_WIDTH, (frame.y + 0.5) * CELL_HEIGHT + BASELINE - 0.5, width, "plain")
