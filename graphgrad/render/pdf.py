"""PDF: one page of the size of its picture, drawn in vectors, with the font inside."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from graphgrad.render.fonts import BOLD, FAMILY, REGULAR, shown
from graphgrad.render.page import SIZES, Page, page
from graphgrad.render.shapes import CARD, BoxShape, Command, FrameShape, LinkShape, Run
from graphgrad.render.theme import BOXES, DASH, GHOST_DASH, GRADIENT_INKED, LIGHT, LINKS, SIZE, VALUE_INKED
from graphgrad.view.picture import Picture, State
from graphgrad.walk.steps import Phase

if TYPE_CHECKING:
    from fpdf import FPDF


__all__ = ["to_pdf"]

# The same picture gives the same bytes, so the file doesn't say when it was made.
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_POINTS = 0.75  # points per pixel


def to_pdf(picture: Picture, phase: Phase | None = None) -> bytes:
    """Draw a picture as PDF.

    Parameters
    ----------
    picture
        What is to be drawn.
    phase
        The pass that is under way; see `graphgrad.render.svg.to_svg`.
    """
    from fpdf import FPDF

    drawn = page(picture, phase)
    pdf = FPDF(unit="pt", format=(drawn.width * _POINTS, drawn.height * _POINTS))
    pdf.set_creation_date(_LONG_AGO)
    pdf.set_title(shown(picture.title) or "A computational graph")
    pdf.set_subject(shown(picture.caption))
    pdf.set_creator("graphgrad")
    pdf.set_margin(0)
    pdf.set_auto_page_break(False)
    with _quiet():
        pdf.add_font(FAMILY, "", REGULAR)
        pdf.add_font(FAMILY, "B", BOLD)
        pdf.add_page()
        _Paper(pdf, drawn).draw()
        return bytes(pdf.output())


@contextmanager
def _quiet() -> Iterator[None]:
    """Subsetting a font is reported, table by table; nobody wants to read that."""
    loggers = [logging.getLogger(name) for name in ("fontTools", "fpdf")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class _Paper:
    """Draws shapes, given in pixels, on a page that counts in points."""

    def __init__(self, pdf: FPDF, drawn: Page) -> None:
        self.pdf, self.drawn = pdf, drawn
        self.x = self.y = 0.0

    def draw(self) -> None:
        drawn = self.drawn
        for one in drawn.words:
            gradient = one.style == "legend-gradient"
            ink = LIGHT.gradient if gradient else LIGHT.text if one.style == "title" else LIGHT.quiet
            self.text(one.text, one.x, one.y, ink, SIZES[one.style], bold=one.style == "title")
        for swatch in drawn.swatches:
            self.rectangle(swatch.state, swatch.x, swatch.y, swatch.width, swatch.height, 5.0)
        self.x, self.y = drawn.x, drawn.y
        for frame in drawn.shapes.frames:
            self.frame(frame)
        for link in drawn.shapes.links:
            self.link(link)
        for box in drawn.shapes.boxes:
            self.box(box)

    def frame(self, frame: FrameShape) -> None:
        self.pdf.set_fill_color(LIGHT.frame_fill)
        place = (self.across(frame.x), self.down(frame.y), frame.width * _POINTS, frame.height * _POINTS)
        self.pdf.rect(*place, style="F", round_corners=True, corner_radius=frame.radius * _POINTS)
        self.pdf.set_draw_color(LIGHT.frame)
        self.pdf.set_line_width(1.25 * _POINTS)
        self.path(frame.border)
        if frame.title is not None:
            self.text(frame.title.text, frame.title.x, frame.title.y, LIGHT.quiet)

    def link(self, link: LinkShape) -> None:
        style = LINKS[link.state]
        self.pdf.set_line_width(style.width * _POINTS)
        self.pdf.set_draw_color(style.stroke)
        self.pdf.set_fill_color(style.stroke)
        for stroke in _strokes(link.line):
            self.path(stroke)
        arrow = link.back if link.returning else link.head
        self.pdf.set_line_width(2.5 * _POINTS)
        corners = [(self.across(x), self.down(y)) for x, y in arrow]
        self.pdf.polygon(corners, style="DF" if link.state == "active" else "F")

    def path(self, commands: Iterable[Command]) -> None:
        with self.pdf.new_path() as path:
            path.style.fill_color = None
            path.style.auto_close = False
            path.style.stroke_join_style = "round"
            for name, *numbers in commands:
                places = [self.down(one) if i % 2 else self.across(one) for i, one in enumerate(numbers)]
                match name:
                    case "M":
                        path.move_to(*places)
                    case "L":
                        path.line_to(*places)
                    case _:
                        path.quadratic_curve_to(*places)

    def box(self, box: BoxShape) -> None:
        if box.folded:
            self.rectangle(box.state, box.x + CARD, box.y + CARD, box.width, box.height, box.radius)
        self.rectangle(box.state, box.x, box.y, box.width, box.height, box.radius, ghost=box.ghost)
        for run in box.runs:
            self.run(box.state, run)
        if box.bad or box.state == "failed":
            self.pdf.set_fill_color(LIGHT.mark)
            x, y = box.x + box.width - 3, box.y + 3
            self.pdf.ellipse(self.across(x - 8), self.down(y - 8), 16 * _POINTS, 16 * _POINTS, style="F")
            self.text("!", x - 4, y + 4.5, "#ffffff", 13.0, bold=True)

    def rectangle(
        self, state: State, x: float, y: float, width: float, height: float, radius: float, *, ghost: bool = False
    ) -> None:
        style = BOXES[state]
        self.pdf.set_line_width(style.width * _POINTS)
        self.pdf.set_draw_color(style.stroke)
        self.pdf.set_fill_color(style.fill)
        if style.dash or ghost:
            stroke, gap = DASH if style.dash else GHOST_DASH
            self.pdf.set_dash_pattern(stroke * _POINTS, gap * _POINTS)
        place = (self.across(x), self.down(y), width * _POINTS, height * _POINTS)
        # fpdf2 draws sharp corners where a radius is half a side.
        round_to = min(radius, 0.49 * height, 0.49 * width) * _POINTS
        self.pdf.rect(*place, style="DF", round_corners=True, corner_radius=round_to)
        self.pdf.set_dash_pattern()

    def run(self, state: State, run: Run) -> None:
        ink = BOXES[state].text
        if run.role == "gradient" and state in GRADIENT_INKED:
            ink = LIGHT.gradient
        elif run.role == "value" and state in VALUE_INKED:
            ink = LIGHT.value
        self.text(run.text, run.x, run.y, ink, bold=run.role == "name")

    def text(self, text: str, x: float, y: float, ink: str, size: float = SIZE, bold: bool = False) -> None:
        self.pdf.set_font(FAMILY, "B" if bold else "", size * _POINTS)
        self.pdf.set_text_color(ink)
        self.pdf.text(self.across(x), self.down(y), text)

    def across(self, x: float) -> float:
        return (self.x + x) * _POINTS

    def down(self, y: float) -> float:
        return (self.y + y) * _POINTS


def _strokes(line: Iterable[Command]) -> list[list[Command]]:
    """The parts of a line between its gaps."""
    strokes: list[list[Command]] = []
    for command in line:
        if command[0] == "M":
            strokes.append([])
        strokes[-1].append(command)
    return strokes
