import pytest
from textual.color import Color

from graphgrad.view.picture import LINK_STATES, STATES
from graphgrad_tui.themes import DARK, LIGHT, MARKS, MEANING, THEMES


def contrast(one, other):
    def luminance(colour):
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in Color.parse(colour).normalized]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("palette", "theme"), [(DARK, THEMES[0]), (LIGHT, THEMES[1])])
def test_everything_can_be_read(palette, theme):
    for state, ink in palette.boxes.items():
        for colour in (ink.text, ink.gradient, ink.edge):
            limit = 3.0 if colour == ink.edge else 4.5
            assert contrast(colour, ink.fill) >= limit, f"{state}: {colour} on {ink.fill}"
    for ground in (theme.background, theme.surface, theme.panel):
        for colour in (palette.value, palette.gradient, palette.bad, palette.quiet, palette.name, theme.foreground):
            assert contrast(colour, ground) >= 4.5, f"{colour} on {ground}"
    for state, colour in palette.links.items():
        assert contrast(colour, theme.background) >= (2.2 if state == "waiting" else 3.0), state


def test_every_state_has_its_looks_and_its_mark():
    for palette in (DARK, LIGHT):
        assert set(palette.boxes) == set(STATES)
        assert set(palette.links) == set(LINK_STATES)
    assert set(MARKS) == set(MEANING) == set(STATES)
    for kind in (0, 1):
        shown = [marks[kind] for state, marks in MARKS.items() if state not in ("leaf", "constant")]
        assert len(set(shown)) == len(shown), "without colour the mark tells the state"
    assert all(marks[1].isascii() for marks in MARKS.values())
