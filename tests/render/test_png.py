import struct
import zlib

import pytest

from graphgrad.render.png import raster, to_png
from graphgrad.view.drawing import Drawing
from graphgrad.walk.walk import Walk

Pixels = list[list[bytes]]


def decode(png: bytes) -> Pixels:
    """The rows of pixels of a PNG of eight-bit RGBA, without interlacing."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    place, data = 8, b""
    width = height = 0
    while place < len(png):
        (length,) = struct.unpack_from(">I", png, place)
        kind, body = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        assert struct.unpack_from(">I", png, place + 8 + length)[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            width, height, *rest = struct.unpack(">IIBBBBB", body)
            assert rest == [8, 6, 0, 0, 0]
        elif kind == b"IDAT":
            data += body
        place += 12 + length
    raw, stride = zlib.decompress(data), 4 * width
    rows: Pixels = []
    before = bytearray(stride)
    for y in range(height):
        line = bytearray(raw[y * (stride + 1) + 1 : (y + 1) * (stride + 1)])
        how = raw[y * (stride + 1)]
        for i in range(stride):
            left, up = line[i - 4] if i >= 4 else 0, before[i]
            corner = before[i - 4] if i >= 4 else 0
            guess = (0, left, up, (left + up) // 2, paeth(left, up, corner))[how]
            line[i] = (line[i] + guess) & 255
        rows.append([bytes(line[i : i + 4]) for i in range(0, stride, 4)])
        before = line
    return rows


def paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda one: abs(guess - one))


def test_a_png_shows_something_in_the_colours_of_the_states(neuron: Walk) -> None:
    pixels = decode(to_png(Drawing.of(neuron).at(neuron.at(9)), "backward", scale=1))
    assert len(pixels) > 200
    assert len(pixels[0]) > 400
    colours = {pixel for row in pixels for pixel in row}
    assert bytes.fromhex("fbf08aff") in colours  # the current box
    assert bytes.fromhex("ffffffff") in colours
    assert len(colours) > 50  # letters with smooth edges


def test_scale_is_pixels_per_unit(square: Walk) -> None:
    picture = Drawing.of(square).at(None)
    one, two = (struct.unpack_from(">II", to_png(picture, scale=scale), 16) for scale in (1, 2))
    assert all(abs(2 * a - b) <= 2 for a, b in zip(one, two, strict=True))


def test_letters_come_from_the_font_of_the_package(square: Walk) -> None:
    text = '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="30"><text x="5" y="20">{}</text></svg>'
    inks = [sum(pixel[3] for row in decode(raster(text.format(one), 1)) for pixel in row) for one in ("", "∂", "∂∂")]
    assert inks[0] == 0
    assert inks[2] == pytest.approx(2 * inks[1], rel=0.2)
    assert inks[1] > 0


@pytest.mark.parametrize("unit", ["", "pt"])
def test_a_huge_picture_is_drawn_smaller(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphgrad.render.png._MOST_PIXELS", 20_000)
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="400{unit}" height="200{unit}"></svg>'
    width, height = struct.unpack_from(">II", raster(svg, 2.0), 16)
    assert 15_000 < width * height <= 21_000
    assert width == pytest.approx(2 * height, abs=2)


def test_the_same_picture_gives_the_same_bytes(square: Walk) -> None:
    picture = Drawing.of(square).at(None)
    assert to_png(picture) == to_png(picture)


def test_fonts_of_the_machine_are_never_used() -> None:
    # A family that isn't the package's own finds no letters at all, also where the machine has it.
    text = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30"><text x="5" y="20" {}>Qg∂</text></svg>'
    for family in ("Liberation Serif", "Arial", "DejaVu Serif", "Times New Roman"):
        assert not any(pixel[3] for row in decode(raster(text.format(f'font-family="{family}"'), 1)) for pixel in row)
    ours = decode(raster(text.format(""), 1))
    assert any(pixel[3] for row in ours for pixel in row)
    assert decode(raster(text.format('font-family="monospace"'), 1)) == ours
