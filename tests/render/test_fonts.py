import pytest

from graphgrad.render.fonts import BOLD, REGULAR, shown


def test_the_font_and_its_licence_come_with_the_package() -> None:
    for path in (REGULAR, BOLD):
        assert path.read_bytes()[:4] == b"\x00\x01\x00\x00"
    licence = (REGULAR.parent / "LICENSE-DejaVu.txt").read_text(encoding="utf-8")
    assert "Bitstream" in licence
    assert "Tavmjong Bah" in licence


@pytest.mark.parametrize("text", ["x1 = 0.5", "∂L/∂w ≈ 0.1 · σ(z)²", "— … → Σ √ ×"])
def test_what_the_font_has_is_shown(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(("text", "escaped"), [("重", "\\u91cd"), ("𝛼", "\\U0001d6fc"), ("a\x1b", "a\\x1b")])
def test_what_it_lacks_is_escaped(text: str, escaped: str) -> None:
    assert shown(text) == escaped


def test_every_character_is_as_wide_as_every_other() -> None:
    font = pytest.importorskip("fontTools.ttLib").TTFont(REGULAR)
    from graphgrad.render.fonts import WIDTH, _characters

    widths = {font["hmtx"][font.getBestCmap()[code]][0] for code in _characters() if code in font.getBestCmap()}
    assert widths - {0} == {int(WIDTH * 2048)}
    assert _characters() <= set(font.getBestCmap())
