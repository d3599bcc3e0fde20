"""The texts of lessons: paragraphs, lists, blocks of code, and `code`, **bold** and *slanted* words in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from textual.content import Content

from graphgrad.lessons.text import wrapped
from graphgrad.view.text import to_ascii
from graphgrad_tui.themes import Palette

__all__ = ["prose"]

_MARKS = re.compile(r"(?P<code>`[^`]+`)|(?P<bold>\*\*[^*]+\*\*)|(?P<slanted>\*[^*\s][^*]*\*)")


def prose(text: str, width: int, palette: Palette, *, ascii_only: bool = False) -> Content:
    """A text of a lesson as styled lines of at most so many cells.

    Whatever isn't one of the few marks above stands there as it is written: nothing else has a meaning.
    """
    # A mark may run over the end of a line, so marks are found in the whole, and lines keep their length.
    lines = "\n".join(wrapped(text, width))
    if ascii_only:
        lines = to_ascii(lines)
    return Content.assemble(*_parts(lines, palette))


def _parts(text: str, palette: Palette) -> Iterator[tuple[str, str]]:
    at = 0
    for found in _MARKS.finditer(text):
        if at < found.start():
            yield text[at : found.start()], ""
        at = found.end()
        if found["code"]:
            yield found["code"][1:-1], f"bold {palette.value}"
        elif found["bold"]:
            # Within bold words there may be code.
            for part, style in _parts(found["bold"][2:-2], palette):
                yield part, style or "bold"
        else:
            yield found["slanted"][1:-1], "italic"
    if at < len(text):
        yield text[at:], ""
