"""A computation that ends in an operation that raised, on the screen."""

import pytest

from graphgrad_tui.themes import LEGEND, MARKS
from tests.tui.screens import SIZES, terminal
from tests.walk.failed import failed_walk


@pytest.mark.parametrize("size", SIZES)
async def test_the_last_step_is_marked_and_says_why(size):
    async with terminal(failed_walk(), size) as it:
        assert MARKS["failed"][0] not in it.part("#graph" if it.screen.query("#graph") else "GraphCanvas")
        await it.press("end")
        picture = it.screen.canvas.picture
        assert [label.lines for label in picture.labels.values() if label.state == "failed"] == [("@ y = —",)]
        assert f"{MARKS['failed'][0]} @ y" in it.text()
        assert " failed  " in it.text()
        assert "the last axis of a (3)" in it.text()
        await it.press("home")
        assert it.screen.cursor.position == -1


async def test_the_inspector_and_the_legend():
    async with terminal(failed_walk("[/][@click=app.quit]x[/]"), (200, 60)) as it:
        assert LEGEND["failed"] not in it.part("GraphCanvas")
        await it.press("end")
        inspector = it.part("Inspector")
        assert "raised" in inspector
        assert "[/][@click=app.quit]x[/]" in inspector
        assert "value     —" in inspector
        assert LEGEND["failed"] in it.part("GraphCanvas")


async def test_it_cannot_be_expanded():
    async with terminal(failed_walk()) as it:
        await it.press("end")
        screens = len(it.app.screen_stack)
        for key in ("e", "E"):
            await it.press(key)
            assert len(it.app.screen_stack) == screens
        assert "y is what raised an error" in it.text()


async def test_in_ascii():
    async with terminal(failed_walk(), ascii_only=True) as it:
        await it.press("end")
        assert it.text().isascii()
        assert f"{MARKS['failed'][1]} @ y" in it.text()
