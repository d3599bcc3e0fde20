import inspect
from typing import Any

import pytest
from textual.binding import Binding

from graphgrad_tui.app import GraphgradApp
from graphgrad_tui.keys import GROUPS, KEYS, Where, bindings, footer, groups, markdown, shown
from graphgrad_tui.screens.catalogue import CatalogueScreen
from graphgrad_tui.screens.help import Help
from graphgrad_tui.screens.lesson import Answer, LessonScreen
from graphgrad_tui.screens.walk import WalkScreen
from tests.tui.screens import neuron, terminal

SCREENS: dict[Where, Any] = {"walk": WalkScreen, "lesson": LessonScreen, "catalogue": CatalogueScreen}


@pytest.mark.parametrize("where", SCREENS)
def test_no_key_does_two_things_on_one_screen(where):
    keys = [one.key for one in Binding.make_bindings(bindings(where))]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("where", SCREENS)
def test_every_key_has_its_action(where):
    for binding in bindings(where):
        assert isinstance(binding, Binding)
        target, _, name = binding.action.partition("(")[0].rpartition(".")
        owner = GraphgradApp if target == "app" else SCREENS[where]
        assert inspect.isfunction(getattr(owner, f"action_{name}", None)), binding.action


@pytest.mark.parametrize("where", SCREENS)
def test_screens_bind_what_the_table_says(where):
    assert bindings(where) == SCREENS[where].BINDINGS
    assert where == SCREENS[where].WHERE


def test_every_key_is_in_the_help_and_in_the_readme_table():
    for where in SCREENS:
        listed = [key for _, keys in groups(where) for key in keys]
        places = {where, "answer"} if where == "lesson" else {where}
        assert listed == sorted(listed, key=lambda key: GROUPS.index(key.group))
        wanted = [key for key in KEYS if where in key.where or (places & set(key.where) and "question" in key.group)]
        assert sorted(map(str, listed)) == sorted(map(str, wanted))
    table = markdown()
    for key in KEYS:
        assert key.group in GROUPS
        assert key.help.endswith(".")
        assert len(key.help) <= 54, "it has to fit on a screen of 80 columns"
        assert all(f"`{shown(name)}`" in table for name in key.keys)


def test_the_keys_of_an_answer_have_their_actions():
    assert bindings("answer") == Answer.BINDINGS
    for key in footer("answer"):
        target, _, name = key.action.partition("(")[0].rpartition(".")
        owner = {"app": GraphgradApp, "screen": LessonScreen, "": Answer}[target]
        assert hasattr(owner, f"action_{name}"), key.action


@pytest.mark.parametrize("where", SCREENS)
def test_help_is_always_in_the_bar(where):
    assert "help" in [key.label for key in footer(where)][:5]


@pytest.mark.parametrize("width", [40, 80, 200])
async def test_the_bar_shows_what_fits_and_is_clickable(width):
    async with terminal(neuron(), (width, 24)) as it:
        bar = it.part("#keys")
        assert "? help" in bar
        assert len(bar) < width
        await it.pilot.click("#keys", offset=(bar.index("next"), 0))
        await it.settle()
        assert it.screen.cursor.position == 0
        await it.pilot.click("#keys", offset=(bar.index("? help"), 0))
        await it.settle()
        assert isinstance(it.screen, Help)
