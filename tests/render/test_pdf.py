import re
import time
import zlib
from collections.abc import Callable

import pytest

from graphgrad.render.fonts import shown
from graphgrad.render.pdf import to_pdf
from graphgrad.view.drawing import Drawing
from graphgrad.walk.walk import Walk

from .conftest import HOSTILE

ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def glyphs_of(table: bytes) -> dict[int, str]:
    """The characters that glyphs stand for, from a font's ToUnicode table."""
    pairs = re.findall(rb"^<(\w{4})> <(\w+)>$", table, re.MULTILINE)
    return {int(glyph, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for glyph, text in pairs}


def text_of(pdf: bytes) -> str:
    """The text of a PDF, through the maps from its fonts' glyphs to characters."""
    streams = []
    for one in re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL):
        try:
            streams.append(zlib.decompress(one))
        except zlib.error:  # not every stream is compressed
            streams.append(one)
    maps = [glyphs_of(one) for one in streams if b"begincmap" in one]
    fonts = dict(enumerate(maps, 1))
    found, glyphs = [], {}
    for one in streams:
        if b" Tf ET" not in one:
            continue
        for font, string in re.findall(rb"/F(\d+) [\d.]+ Tf|\(((?:[^()\\]|\\.)*)\) Tj", one, re.DOTALL):
            if font:
                glyphs = fonts[int(font)]
            else:
                raw = re.sub(rb"\\(.)", lambda one: ESCAPES.get(one[1], one[1]), string, flags=re.DOTALL)
                found.append("".join(glyphs[256 * raw[i] + raw[i + 1]] for i in range(0, len(raw), 2)))
    return "\n".join(found)


def test_the_text_is_in_the_file(neuron: Walk) -> None:
    picture = Drawing.of(neuron).at(neuron.at(9))
    pdf = to_pdf(picture, "backward")
    assert pdf.startswith(b"%PDF-")
    text = re.sub(r"\s+", " ", text_of(pdf))
    assert "A sigmoid neuron" in text
    for label in picture.labels.values():
        for word in " ".join(label.lines).split():
            assert word in text
    assert pdf.count(b"/Type /Page\n") == 1


def test_the_same_picture_gives_the_same_bytes_at_any_time(square: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Drawing.of(square).at(None)
    first = to_pdf(picture)
    later = time.time() + 1e6
    monkeypatch.setattr(time, "time", lambda: later)
    assert to_pdf(picture) == first


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_written_as_they_are_shown(name: str, walk_named: Callable[[str], Walk]) -> None:
    text = text_of(to_pdf(Drawing.of(walk_named(name)).at(None)))
    assert "".join(shown(name).split()) in "".join(text.split())


def test_it_says_nothing_on_the_way(
    square: Walk, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        to_pdf(Drawing.of(square).at(None))
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
