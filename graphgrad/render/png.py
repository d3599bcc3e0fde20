"""PNG: the picture as pixels, with the font of the package and none of the machine's."""

from __future__ import annotations

import math
import re

from graphgrad.render.fonts import BOLD, FAMILY, REGULAR
from graphgrad.render.svg import to_svg
from graphgrad.view.picture import Picture
from graphgrad.walk.steps import Phase

__all__ = ["raster", "to_png"]

_MOST_PIXELS = 24_000_000
_SIZE = re.compile(r'<svg[^>]*?\bwidth="([\d.]+)(pt)?"[^>]*?\bheight="([\d.]+)', re.DOTALL)
_PIXELS_PER_POINT = 96 / 72


def to_png(picture: Picture, phase: Phase | None = None, *, scale: float = 2.0) -> bytes:
    """Draw a picture as PNG.

    Parameters
    ----------
    picture
        What is to be drawn.
    phase
        The pass that is under way; see `graphgrad.render.svg.to_svg`.
    scale
        Pixels per unit; at 1 a letter is 14 pixels high. A picture that would get too large is drawn smaller.
    """
    return raster(to_svg(picture, phase, dark=False), scale)


def raster(svg: str, scale: float) -> bytes:
    """Draw an SVG with the font of the package."""
    import resvg_py

    size = _SIZE.search(svg)
    if size is not None:
        # Nobody can look at more pixels at once, and they take long.
        unit = _PIXELS_PER_POINT if size[2] else 1.0
        scale = min(scale, math.sqrt(_MOST_PIXELS / (float(size[1]) * float(size[3]))) / unit)
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            skip_system_fonts=True,
            font_files=[str(REGULAR), str(BOLD)],
            font_family=FAMILY,
            monospace_family=FAMILY,
            dpi=96.0,
            zoom=scale,
        )
    )
