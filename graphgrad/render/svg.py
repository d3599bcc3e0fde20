"""SVG: the picture as a file that any browser, editor or site shows, in light and in dark surroundings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from graphgrad.render.fonts import FAMILY, shown
from graphgrad.render.page import SIZES, Page, page
from graphgrad.render.shapes import CARD, BoxShape, Command, FrameShape, LinkShape, Run, Shapes, Triangle
from graphgrad.render.theme import (
    BOXES,
    DARK,
    DARK_BOXES,
    DARK_LINKS,
    DASH,
    GHOST_DASH,
    GRADIENT_INKED,
    LIGHT,
    LINKS,
    SIZE,
    VALUE_INKED,
    BoxStyle,
    Ink,
    LinkStyle,
)
from graphgrad.view.picture import LinkState, Picture, State
from graphgrad.walk.steps import Phase

__all__ = ["ROOT", "scene_elements", "style_sheet", "to_svg"]

ROOT = "graphgrad"
"""The class of the element around a picture, which the style sheet holds for."""


def to_svg(picture: Picture, phase: Phase | None = None, *, dark: bool = True) -> str:
    """Write a picture as SVG.

    Parameters
    ----------
    picture
        What is to be drawn.
    phase
        The pass that is under way; going back, arrows point to where the gradient goes.
    dark
        Whether the file has colours for dark surroundings too, for viewers that know them.

    Returns
    -------
    str
        The same bytes for the same picture, always.
    """
    drawn = page(picture, phase)
    title, caption = shown(picture.title) or "A computational graph", shown(picture.caption)
    width, height = _n(drawn.width), _n(drawn.height)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
            f' class="{ROOT}" role="img">'
        ),
        f"<title>{_text(title)}</title>",
        f"<desc>{_text(caption or _description(picture))}</desc>",
        f"<style>\n{style_sheet(dark)}\n</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        *(
            f'<text class="{one.style}" x="{_n(one.x)}" y="{_n(one.y)}"{_length(one.width)}>{_text(one.text)}</text>'
            for one in drawn.words
        ),
        *_swatches(drawn),
        f'<g transform="translate({_n(drawn.x)} {_n(drawn.y)})">',
        *scene_elements(drawn.shapes),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


# ---- elements --------------------------------------------------------------------------------------------------------


def scene_elements(drawn: Shapes, live: bool = False) -> Iterable[str]:
    """The elements of a scene: frames, then links, then boxes.

    Parameters
    ----------
    drawn
        The shapes.
    live
        For a page that changes states: boxes and links bear numbers, links both of their arrows, and boxes are buttons.
    """
    for frame in drawn.frames:
        yield from _frame(frame)
    yield '<g class="links">'
    for link in drawn.links:
        yield _link(link, live)
    yield "</g>"
    for number, box in enumerate(drawn.boxes):
        yield _box(box, f' data-box="{number}" tabindex="0" role="button"' if live else "")


def _frame(frame: FrameShape) -> Iterable[str]:
    yield (
        f'<rect class="frame-fill" x="{_n(frame.x)}" y="{_n(frame.y)}" width="{_n(frame.width)}"'
        f' height="{_n(frame.height)}" rx="{_n(frame.radius)}"/>'
    )
    yield f'<path class="frame" d="{_path(frame.border)}"/>'
    if frame.title is not None:
        yield _run(frame.title, "scope")


def _path(line: Iterable[Command]) -> str:
    return "".join(f"{name}{' '.join(map(_n, numbers))}" for name, *numbers in line)


def _link(link: LinkShape, live: bool) -> str:
    arrows = ((link.head, "head"), (link.back, "back")) if live else ((link.back if link.returning else link.head, ""),)
    heads = "".join(_triangle(corners, f' class="{name}"' if name else "") for corners, name in arrows)
    key = f' data-link="{_text(str(link.key))}"' if live else ""
    return f'<g class="link l-{link.state}"{key}><path d="{_path(link.line)}"/>{heads}</g>'


def _triangle(corners: Triangle, attributes: str) -> str:
    return f'<polygon{attributes} points="{" ".join(f"{_n(x)},{_n(y)}" for x, y in corners)}"/>'


def _box(box: BoxShape, attributes: str = "") -> str:
    classes = f"box s-{box.state}" + (" ghost" if box.ghost else "") + (" folded" if box.folded else "")
    body = _rectangle(box, 0.0)
    behind = _rectangle(box, CARD, "behind") if box.folded else ""
    texts = "".join(_run(run, run.role) for run in box.runs)
    mark = ""
    if box.bad or box.state == "failed" or attributes:
        mark = f'<g class="mark"><circle cx="{_n(box.x + box.width - 3)}" cy="{_n(box.y + 3)}" r="8"/>'
        mark += f'<text x="{_n(box.x + box.width - 3)}" y="{_n(box.y + 7.5)}">!</text></g>'
    return f'<g class="{classes}"{attributes}><title>{_text(box.text)}</title>{behind}{body}{texts}{mark}</g>'


def _rectangle(box: BoxShape, offset: float, name: str = "body") -> str:
    return (
        f'<rect class="{name}" x="{_n(box.x + offset)}" y="{_n(box.y + offset)}" width="{_n(box.width)}"'
        f' height="{_n(box.height)}" rx="{_n(box.radius)}"/>'
    )


def _run(run: Run, name: str) -> str:
    return f'<text class="{name}" x="{_n(run.x)}" y="{_n(run.y)}"{_length(run.width)}>{_text(run.text)}</text>'


def _swatches(drawn: Page) -> Iterable[str]:
    for one in drawn.swatches:
        place = f'x="{_n(one.x)}" y="{_n(one.y)}" width="{_n(one.width)}" height="{_n(one.height)}" rx="5"'
        yield f'<g class="box s-{one.state}"><rect class="body" {place}/></g>'


def _length(width: float) -> str:
    return f' textLength="{_n(width)}" lengthAdjust="spacingAndGlyphs"'


def _text(text: str) -> str:
    return escape(text, quote=True)


def _n(number: float) -> str:
    """A coordinate with at most two decimals."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def _description(picture: Picture) -> str:
    return f"{len(picture.labels)} boxes, {len(picture.links)} links"


# ---- style -----------------------------------------------------------------------------------------------------------


def style_sheet(dark: bool = True) -> str:
    """The style sheet of the pictures; with it the classes mean what the theme says."""
    rules = [
        ("text", f'font-family:"{FAMILY}",Menlo,Consolas,monospace;font-size:{_n(SIZE)}px;white-space:pre'),
        *((f".{name}", f"font-size:{_n(size)}px") for name, size in SIZES.items()),
        (".title,.name", "font-weight:bold"),
        (".link path", "fill:none;stroke-linejoin:round"),
        (".link polygon", "stroke-width:0"),
        (".l-active polygon", "stroke-width:2.5"),
        (".frame", "fill:none;stroke-width:1.25"),
        (".ghost .body", _dashes(GHOST_DASH)),
        (".box .mark text", "font-weight:bold;font-size:13px;text-anchor:middle;fill:#fff"),
        *_colours(LIGHT, BOXES, LINKS),
        *(
            (f".s-{state} .body,.s-{state} .behind", f"stroke-width:{_n(style.width)}")
            for state, style in BOXES.items()
        ),
        *((f".s-{state} .body,.s-{state} .behind", _dashes(DASH)) for state, style in BOXES.items() if style.dash),
        *((f".l-{state} path", f"stroke-width:{_n(style.width)}") for state, style in LINKS.items()),
    ]
    text = _rules(rules)
    return (
        f"{text}\n@media (prefers-color-scheme:dark){{\n{_rules(_colours(DARK, DARK_BOXES, DARK_LINKS))}\n}}"
        if dark
        else text
    )


def _dashes(pattern: tuple[float, float]) -> str:
    return f"stroke-dasharray:{' '.join(map(_n, pattern))}"


def _rules(rules: Iterable[tuple[str, str]]) -> str:
    """Rules for what is inside a picture only: a notebook puts it, with its style sheet, into a page of its own."""
    return "\n".join(
        f"{','.join(f'.{ROOT} {one}' for one in selectors.split(','))}{{{body}}}" for selectors, body in rules
    )


def _colours(
    ink: Ink, boxes: Mapping[State, BoxStyle], links: Mapping[LinkState, LinkStyle]
) -> Iterable[tuple[str, str]]:
    yield ".paper", f"fill:{ink.paper}"
    yield "text", f"fill:{ink.text}"
    yield ".caption,.note,.legend,.scope", f"fill:{ink.quiet}"
    yield ".legend-gradient", f"fill:{ink.gradient}"
    yield ".frame", f"stroke:{ink.frame}"
    yield ".frame-fill", f"fill:{ink.frame_fill}"
    yield ".mark circle", f"fill:{ink.mark}"
    for state, style in boxes.items():
        yield f".s-{state} .body,.s-{state} .behind", f"fill:{style.fill};stroke:{style.stroke}"
        yield f".s-{state} text", f"fill:{style.text}"
    for state in VALUE_INKED:
        yield f".s-{state} .value", f"fill:{ink.value}"
    for state in GRADIENT_INKED:
        yield f".s-{state} .gradient", f"fill:{ink.gradient}"
    for name, link in links.items():
        yield f".l-{name} path", f"stroke:{link.stroke}"
        yield f".l-{name} polygon", f"fill:{link.stroke};stroke:{link.stroke}"
