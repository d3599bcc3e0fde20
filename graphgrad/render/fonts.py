"""The monospaced font that images are drawn with, and what it can show.

The font comes with the package, so a picture has the same letters and the same sizes on every machine, also where no
font is installed. Every character is as wide as every other one: nothing needs to be measured.
"""

from __future__ import annotations

import functools
import struct
from pathlib import Path

from graphgrad.view.text import clean

__all__ = ["BOLD", "FAMILY", "REGULAR", "WIDTH", "shown"]

FAMILY = "DejaVu Sans Mono"
REGULAR = Path(__file__).with_name("fonts") / "DejaVuSansMono.ttf"
BOLD = Path(__file__).with_name("fonts") / "DejaVuSansMono-Bold.ttf"

WIDTH = 1233 / 2048
"""How far every character of the font advances, in font sizes."""

_RANGES = 12  # a table of characters in ranges, the one format that is read here


@functools.cache
def _characters() -> frozenset[int]:
    """The code points that both files have a glyph for."""
    return _covered(REGULAR.read_bytes()) & _covered(BOLD.read_bytes())


def _covered(font: bytes) -> frozenset[int]:
    """The code points of a TrueType file that lead to a glyph."""
    (tables,) = struct.unpack_from(">H", font, 4)
    records = [struct.unpack_from(">4sIII", font, 12 + 16 * i) for i in range(tables)]
    start = next(offset for tag, _, offset, _ in records if tag == b"cmap")
    (count,) = struct.unpack_from(">H", font, start + 2)
    covered: set[int] = set()
    for i in range(count):
        _, _, offset = struct.unpack_from(">HHI", font, start + 4 + 8 * i)
        if struct.unpack_from(">H", font, start + offset)[0] != _RANGES:
            continue
        (groups,) = struct.unpack_from(">I", font, start + offset + 12)
        for group in range(groups):
            first, last, _ = struct.unpack_from(">III", font, start + offset + 16 + 12 * group)
            covered.update(range(first, last + 1))
    return frozenset(covered)


def shown(text: str) -> str:
    r"""Return the text as an image shows it: what can't be seen, or is missing from the font, is written as an escape.

    Examples
    --------
    >>> shown("∂L/∂w"), shown("重み")
    ('∂L/∂w', '\\u91cd\\u307f')
    """
    text = clean(text)
    if text.isascii():
        return text
    known = _characters()
    return "".join(char if ord(char) in known else char.encode("unicode_escape").decode("ascii") for char in text)
