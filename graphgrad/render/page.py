"""A picture with what stands around it: a title, the caption of the step, notes, and what the states look like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from graphgrad.render.fonts import WIDTH, shown
from graphgrad.render.shapes import Shapes, shapes
from graphgrad.render.theme import GRADIENT, LEGEND
from graphgrad.view.picture import Label, Picture, State
from graphgrad.view.text import cell_width
from graphgrad.walk.steps import Phase

__all__ = ["Page", "Swatch", "Words", "explained", "page", "wrap"]

Style = Literal["title", "caption", "note", "legend", "legend-gradient"]
SIZES: dict[Style, float] = {"title": 19.0, "caption": 14.0, "note": 12.0, "legend": 12.0, "legend-gradient": 12.0}

MARGIN = 24.0
_NARROWEST = 540.0
_SWATCH = 26.0
_SPACE = 22.0


@dataclass(frozen=True, slots=True)
class Words:
    """A line beside the scene."""

    text: str
    x: float
    y: float
    width: float
    style: Style


@dataclass(frozen=True, slots=True)
class Swatch:
    """A small box of the legend."""

    state: State
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the size of its picture; the scene begins at `x`, `y`."""

    width: float
    height: float
    x: float
    y: float
    shapes: Shapes
    words: tuple[Words, ...]
    swatches: tuple[Swatch, ...]


def wrap(text: str, cells: int) -> list[str]:
    """Break a text into lines of at most so many cells, at blanks where there are any.

    Examples
    --------
    >>> wrap("forward z = 4", 9)
    ['forward z', '= 4']
    """
    lines: list[str] = []
    line = ""
    for word in text.split():
        if line and cell_width(line) + 1 + cell_width(word) > cells:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else word
        while cell_width(line) > cells:
            length = 1
            while cell_width(line[: length + 1]) <= cells:
                length += 1
            lines.append(line[:length])
            line = line[length:]
    return [*lines, line] if line else lines


def explained(labels: Iterable[Label]) -> tuple[list[State], bool]:
    """What a legend explains: the states that there are, and whether there are gradients."""
    labels = list(labels)
    states = {label.state for label in labels} | {"bad" for label in labels if label.bad}
    gradients = any(line.startswith("∂ ") for label in labels for line in label.lines[1:])
    return [state for state in LEGEND if state in states], gradients


def page(picture: Picture, phase: Phase | None = None) -> Page:
    """Put a picture on a page: the title and the caption above it, notes and the legend below."""
    drawn = shapes(picture, phase)
    width = max(drawn.width, _NARROWEST)
    words: list[Words] = []
    y = MARGIN
    for style, texts in (("title", [picture.title]), ("caption", [picture.caption])):
        y = _write(words, style, texts, width, y)  # type: ignore[arg-type]
    top = y + (10.0 if words else 0.0)
    y = top + drawn.height + 18.0
    swatches: list[Swatch] = []
    y = _legend(words, swatches, picture, width, y)
    y = _write(words, "note", list(picture.notes), width, y + 4.0)
    x = MARGIN + (width - drawn.width) / 2
    return Page(width + 2 * MARGIN, y + MARGIN - 8.0, x, top, drawn, tuple(words), tuple(swatches))


def _write(words: list[Words], style: Style, texts: Sequence[str], width: float, y: float) -> float:
    size = SIZES[style]
    for text in texts:
        for line in wrap(shown(text), max(int(width / (size * WIDTH)), 1)):
            words.append(Words(line, MARGIN, y + size * 0.8, cell_width(line) * size * WIDTH, style))
            y += size * 1.45
    return y


def _legend(words: list[Words], swatches: list[Swatch], picture: Picture, width: float, y: float) -> float:
    states, gradients = explained(picture.labels.values())
    entries: list[tuple[State | None, str]] = [(state, LEGEND[state]) for state in states]
    if gradients:
        entries.append((None, GRADIENT))
    size = SIZES["legend"]
    x, row = MARGIN, 20.0
    for state, text in entries:
        wide = cell_width(text) * size * WIDTH
        whole = wide + (_SWATCH + 8.0 if state else 0.0)
        if x > MARGIN and x + whole > MARGIN + width:
            x, y = MARGIN, y + row
        if state:
            swatches.append(Swatch(state, x, y, _SWATCH, 14.0))
        words.append(Words(text, x + whole - wide, y + 11.3, wide, "legend" if state else "legend-gradient"))
        x += whole + _SPACE
    return y + row if entries else y
