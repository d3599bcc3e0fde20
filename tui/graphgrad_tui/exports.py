"""Writing what is seen to a file."""

from __future__ import annotations

import re
from pathlib import Path

from graphgrad.files import write
from graphgrad.render.svg import to_svg
from graphgrad.view.picture import Picture
from graphgrad.walk.steps import Phase

__all__ = ["export"]

_LONGEST = 60


def export(picture: Picture, phase: Phase | None, step: int, folder: Path) -> Path:
    """Write a picture as SVG to a file of its own, which is named after the walk and the step.

    Returns
    -------
    Path
        Where it went; no file that is there already is touched.

    Raises
    ------
    OSError
        If the folder can't be written to.
    """
    name = re.sub(r"[^a-z0-9]+", "-", picture.title.casefold()).strip("-")[:_LONGEST] or "walk"
    path = folder / f"{name}-step-{step}.svg"
    number = 1
    while path.exists():
        number += 1
        path = folder / f"{name}-step-{step}-{number}.svg"
    return write(path, to_svg(picture, phase))
