"""Texts that somebody else wrote: they are shown as they are, and do nothing."""

import pytest

import graphgrad as gg
from graphgrad_tui.screens.walk import WalkScreen
from tests.tui.screens import terminal

TEXTS = ["[/]", "[@click=app.quit]x[/]", "[red]r[/red]", "\x1b[31mred\x07"]
TEXTS += ["a\nb", "\u202eabc", "$primary", "[", "重み"]


def walk(text):
    x = gg.scalar(2.0, name=text)
    with gg.scope("s[/]" + text.replace(".", "")):
        y = gg.sigmoid(x * x)
    return gg.walk(y, title=text)


@pytest.mark.parametrize("text", TEXTS)
async def test_names_scopes_and_titles(text):
    async with terminal(walk(text), (140, 40)) as it:
        for key in ("tab", "right", "right", "end", "z", "Z", "e", "escape", "slash", "escape"):
            await it.press(key)
            screen = it.text()
            assert "\x1b" not in screen
            assert "\x07" not in screen
            assert "\u202e" not in screen
            assert not any("@click" in (style.meta or {}) and "quit" in str(style.meta) for style in _body(it))
        shown = it.part("#title")
        if text.isprintable() and "\u202e" not in text:
            assert text in shown
        assert isinstance(it.screen, WalkScreen)


def _body(it):
    """Styles of everything but the bar of keys, where clicks belong."""
    return [style for row in it.cells()[:-1] for _, style in row if style is not None]


async def test_source_lines_go_to_the_inspector_as_they_are(tmp_path):
    source = 'import graphgrad as gg\nx = gg.scalar(2.0, name="[/]")\n'
    source += "y = x * 1.0  # [@click=app.quit]press[/] \x1b[5m\n"
    path = tmp_path / "[bold]script.py"
    path.write_text(source, encoding="utf-8")
    with gg.record():
        space: dict = {}
        exec(compile(source, str(path), "exec"), space)  # allowed: a script of this test
    async with terminal(gg.walk(space["y"]), (140, 40)) as it:
        await it.press("right")
        panel = " ".join(it.part("#inspector").split())
        assert "[@click=app.quit]press[/]" in panel
        assert "\x1b" not in it.text()
        assert not any("quit" in str(style.meta) for style in _body(it))


async def test_typing_markup_into_dialogs():
    async with terminal(walk("x"), (120, 40)) as it:
        await it.press("g")
        it.screen.query_one("Input").value = "[/red]"
        await it.press("enter")
        assert "nothing is called [/red]" in it.text()
        await it.press("escape", "slash")
        it.screen.query_one("Input").value = "[/"
        await it.settle()
        assert "s[/]" in it.text()
