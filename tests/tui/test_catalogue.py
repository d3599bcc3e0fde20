import asyncio
import json

import pytest
from textual import events

from graphgrad.lessons import catalogue
from graphgrad.view.text import clean
from graphgrad.walk.file import save
from graphgrad_tui.screens.catalogue import Busy, CatalogueScreen
from graphgrad_tui.screens.lesson import LessonScreen
from graphgrad_tui.screens.walk import WalkScreen
from graphgrad_tui.state import Recent, State
from tests.tui.screens import SIZES, neuron, terminal


def home(state, **options):
    return lambda: CatalogueScreen(catalogue(), state, **options)


async def test_lessons_by_part_with_what_is_done(tmp_path):
    state = State(tmp_path / "state.json", done={"fan-out": (3, 4)})
    for size in SIZES:
        async with terminal(home(state), size) as it:
            entries = it.part("#entries")
            assert all(info.title in entries for info in catalogue())
            assert "P01" in entries
            done = next(info.title for info in catalogue() if info.id == "fan-out")
            marked = [line for line in entries.split("\n") if "✓" in line]
            assert [line.replace("✓", "").strip() for line in marked] == [done]
            about = it.part("#about")
            first = catalogue()[0]
            assert first.title in about
            assert f"about {first.minutes} minutes" in about
            await it.press("down")
            assert "3 of 4 right" in it.part("#about")


async def test_a_lesson_that_is_gone_through_gets_its_mark(tmp_path):
    state = State(tmp_path / "state.json")
    async with terminal(home(state)) as it:
        await it.press("enter")
        assert isinstance(it.screen, LessonScreen)
        session = it.screen.session
        while not session.is_over:
            await (it.type(session.expected()) if session.is_waiting else it.press("space"))
        await it.press("space")
        assert isinstance(it.screen, CatalogueScreen)
        assert "✓" in it.part("#entries")
    total = session.score.total
    assert json.loads((tmp_path / "state.json").read_text())["done"] == {session.lesson.id: [total, total]}


async def test_leaving_a_lesson_half_way_leaves_no_mark(tmp_path):
    state = State(tmp_path / "state.json")
    async with terminal(home(state)) as it:
        await it.press("enter", "space", "escape")
        if isinstance(it.screen, LessonScreen):
            await it.press("escape")
        assert isinstance(it.screen, CatalogueScreen)
    assert not state.done


async def test_a_saved_walk_opens_and_is_remembered(tmp_path):
    save(neuron(), tmp_path / "neuron.json")
    state = State(tmp_path / "state.json")
    async with terminal(home(state)) as it:
        await it.press("o")
        it.screen.query_one("Input").value = str(tmp_path / "none.json")
        await it.press("enter")
        assert "no such file" in it.text()
        it.screen.query_one("Input").value = str(tmp_path / "neuron.json")
        await it.press("enter")
        assert isinstance(it.screen, WalkScreen)
        assert "z = —" in it.part("#canvas")
        await it.press("escape")
        assert "neuron.json" in it.part("#entries")
        await it.press("end", "delete")
        assert "neuron.json" not in it.part("#entries")
    assert json.loads((tmp_path / "state.json").read_text())["recent"] == []


async def test_what_cannot_be_opened_says_why(tmp_path):
    (tmp_path / "bad.json").write_text("[1, 2")
    state = State(tmp_path / "state.json", recent=[Recent(str(tmp_path / "bad.json")), Recent("/no/such/script.py")])
    async with terminal(home(state)) as it:
        await it.press("end", "enter")
        assert "there is no file" in it.text()
        await it.press("up", "enter")
        assert "this is no JSON" in it.text()
        assert isinstance(it.screen, CatalogueScreen)


@pytest.mark.parametrize("path", ["~nobody-of-this-name/a.py", "a\0b.py", "", "x" * 400 + ".json"])
async def test_paths_of_all_kinds_are_only_missing(tmp_path, path):
    async with terminal(home(State(tmp_path / "state.json"))) as it:
        await it.press("o")
        it.screen.query_one("Input").value = path
        await it.press("enter", "escape")
        assert isinstance(it.screen, CatalogueScreen)


async def test_a_script_that_is_done_below_another_screen(tmp_path, monkeypatch):
    may_go_on = asyncio.Event()

    async def slow(recent):
        await may_go_on.wait()
        return neuron()

    monkeypatch.setattr("graphgrad_tui.screens.catalogue.open_walk", slow)
    async with terminal(home(State(tmp_path / "s.json", recent=[Recent("/a.py")]))) as it:
        await it.press("end")
        it.app.post_message(events.Key("enter", None))
        while not isinstance(it.screen, Busy):
            await it.pilot.pause(0)
        it.app.action_command_palette()
        while isinstance(it.screen, Busy):
            await it.pilot.pause(0)
        may_go_on.set()
        await it.settle()
        assert isinstance(it.screen, WalkScreen)
        await it.press("escape")
        assert isinstance(it.screen, CatalogueScreen)


async def test_names_that_somebody_else_wrote(tmp_path):
    hostile = ["[/]", "[@click=app.quit]x[/]", "\x1b[31mred\x07", "重み"]
    state = State(tmp_path / "s.json", recent=[Recent(f"/no/{text}.py", (text,)) for text in hostile])
    async with terminal(home(state), (140, 40)) as it:
        for place, text in enumerate(reversed(hostile)):
            await it.press("end", *["up"] * place, "enter")
            assert clean(text) in it.part("#about"), text
            assert "there is no file" in it.text()
            assert "\x1b" not in it.text()
            metas = [str(style.meta) for row in it.cells()[:-1] for _, style in row if style is not None]
            assert not any("quit" in meta for meta in metas)


async def test_a_damaged_state_file_is_told(tmp_path):
    path = tmp_path / "state.json"
    path.write_text("{")
    async with terminal(home(State.load(path)), (140, 40)) as it:
        assert "damaged" in it.text()
        assert catalogue()[0].title in it.part("#entries")


async def test_in_ascii(tmp_path):
    state = State(tmp_path / "s.json", done={"fan-out": (1, 4)}, recent=[Recent("/weights/重み.py")])
    async with terminal(home(state, ascii_only=True), ascii_only=True) as it:
        assert it.text().isascii()
        await it.press("end", "question_mark")
        assert it.text().isascii()
