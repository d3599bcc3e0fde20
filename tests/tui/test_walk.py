import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from textual import events

import graphgrad as gg
from graphgrad.view.numbers import number
from graphgrad_tui.screens.help import Help
from graphgrad_tui.screens.walk import WalkScreen
from graphgrad_tui.themes import DARK, LEGEND
from graphgrad_tui.widgets.inspector import Inspector
from tests.tui.screens import SIZES, broken, fan_out, layers, neuron, terminal


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make", [neuron, layers])
async def test_going_back_shows_the_same_screens_as_going_forth(make, size):
    async with terminal(make(), size) as it:
        steps = len(it.screen.cursor)
        await it.press("f")
        forth = [it.text()]
        for _ in range(steps):
            await it.press("right")
            forth.append(it.text())
        assert len(set(forth)) == steps + 1
        back = [it.text()]
        for _ in range(steps):
            await it.press("left")
            back.append(it.text())
    # Where the graph fits the view never moves; elsewhere it may have come to rest in another place.
    if make is neuron:
        assert back[::-1] == forth
    else:
        assert [text.split("\n")[-4:] for text in back[::-1]] == [text.split("\n")[-4:] for text in forth]


@pytest.mark.parametrize("size", SIZES)
async def test_every_row_is_as_wide_as_the_screen(size):
    async with terminal(layers(), size) as it:
        await it.press("end", "tab")
        strips = it.screen._compositor.render_strips()
        assert len(strips) == size[1]
        assert {strip.cell_length for strip in strips} == {size[0]}


async def test_values_and_gradients_appear_one_by_one():
    walk = neuron()
    z = next(vertex.id for vertex in walk.graph if vertex.name == "z")
    async with terminal(walk) as it:
        assert "z = —" in it.part("#canvas")
        assert "Nothing has happened yet" in it.part("#caption")
        await it.press("right", "right")
        assert "z = -5" in it.part("#canvas")
        assert "z = multiply + b = -6 + 1 = -5" in it.part("#caption")
        assert it.current() == ["+ z = -5"]
        await it.press("end")
        assert f"∂ {number(walk.end().gradient(z))}" in it.part("#canvas")
        assert "—" not in it.part("#canvas")


async def test_the_inspector_counts_contributions():
    async with terminal(fan_out()) as it:
        await it.press("g")
        await it.type("a.grad")
        panel = it.part("#inspector")
        assert all(f"{k} of 3  from" in panel for k in (1, 2, 3))
        assert re.search(r"► 3 of 3", panel)
        assert "sum" in panel
        await it.press("g")
        await it.type("a")
        assert "is no step of its own" in it.text()


async def test_phases_and_ends():
    async with terminal(neuron()) as it:
        forward = sum(step.phase == "forward" for step in it.screen.walk.steps)
        await it.press("right_square_bracket")
        assert it.screen.cursor.position == forward - 1
        await it.press("right_square_bracket")
        assert it.screen.cursor.position == len(it.screen.cursor) - 1
        await it.press("left_square_bracket")
        assert it.screen.cursor.position == forward - 1
        await it.press("home")
        assert it.screen.cursor.position == -1
        await it.press("end", "right")
        assert it.screen.cursor.position == len(it.screen.cursor) - 1


@pytest.mark.parametrize(("keys", "by"), [("rln", 1), ("hp", -1)])
async def test_keys_that_step(keys, by):
    async with terminal(neuron()) as it:
        await it.press("g")
        await it.type("3")
        for key in keys.replace("r", ""):
            before = it.screen.cursor.position
            await it.press(key)
            assert it.screen.cursor.position == before + by


async def test_go_to():
    places = {"3": 2, "0": -1, "+2": 2, "z": 1, "z.grad": 4, "y": 2, "b.grad": 6}
    async with terminal(neuron()) as it:
        for text, position in places.items():
            await it.press("home", "right", "g")
            await it.type(text)
            assert it.screen.cursor.position == position, text


async def test_go_to_nowhere():
    async with terminal(neuron()) as it:
        for text, said in [("99", "there are steps 0 to"), ("zz", "did you mean"), ("", "a number")]:
            await it.press("g")
            await it.type(text)
            assert said in it.text()
            await it.press("escape")
            assert isinstance(it.screen, WalkScreen)
            assert it.screen.cursor.position == -1


async def test_playing_goes_on_by_itself_and_stops():
    async with terminal(neuron()) as it:
        await it.press("plus", "plus", "plus", "space")
        assert "►" in it.part("#timeline")
        for _ in range(300):
            await it.pilot.pause(0.02)
            if it.screen.cursor.position > 0:
                break
        await it.press("space")
        assert it.screen.cursor.position > 0
        place = it.screen.cursor.position
        await it.pilot.pause(0.4)
        assert it.screen.cursor.position == place
        assert "►" not in it.part("#timeline")
        await it.press("end", "space")
        assert it.screen.cursor.position < 2, "from the end it begins again"


async def test_all_operations_are_drawn_and_stepped_through():
    async with terminal(layers(), (200, 60)) as it:
        steps, boxes = len(it.screen.cursor), len(it.screen.drawing.drawn.boxes)
        await it.press("a")
        assert len(it.screen.cursor) > steps
        assert len(it.screen.drawing.drawn.boxes) > boxes
        assert "permute_dims" in it.part("#canvas") or "ᵀ" in it.part("#canvas")
        await it.press("a")
        assert (len(it.screen.cursor), len(it.screen.drawing.drawn.boxes)) == (steps, boxes)


async def test_selecting_goes_round_and_the_inspector_follows():
    async with terminal(fan_out()) as it:
        await it.press("right")
        names = []
        for _ in it.screen.drawn_boxes:
            await it.press("tab")
            names.append(it.part("#inspector").split("\n")[0])
        assert len(set(names)) == len(names)
        first = names[0]
        await it.press("tab")
        assert it.part("#inspector").startswith(first)
        await it.press("shift+tab")
        assert it.part("#inspector").startswith(names[-1])
        assert "◄" in it.part("#canvas")
        await it.press("escape")
        assert it.screen.selected is None
        assert "◄" not in it.part("#canvas")


async def test_a_click_selects_and_beside_it_selects_nothing():
    async with terminal(fan_out()) as it:
        box = it.screen.drawn_boxes[2]
        place = it.screen.canvas.place_of(box.key)
        await it.pilot.click("#canvas", offset=(place.x + 2, place.y))
        await it.settle()
        assert it.screen.selected == (box.vertices[0], box.key)
        await it.pilot.click("#canvas", offset=(0, 0))
        await it.settle()
        assert it.screen.selected is None


async def test_a_click_on_the_timeline_goes_there():
    async with terminal(neuron()) as it:
        row = it.part("#timeline")
        await it.pilot.click("#timeline", offset=(row.index("backward") + len("backward") + 1, 0))
        await it.settle()
        assert it.screen.moment.happened.kind == "seed"
        await it.pilot.click("#timeline", offset=(row.index("forward") + len("forward") + 1, 0))
        await it.settle()
        assert it.screen.cursor.position == 0


async def test_folding_keeps_the_box_where_it_is():
    async with terminal(layers(), (100, 30)) as it:
        await it.press("right", "right", "tab", "c")
        vertex, key = it.screen.selected
        before = it.screen.canvas.place_of(key)
        await it.press("z")
        key = it.screen.selected[1]
        assert "scope:" in str(key)
        assert "net.hidden" in it.screen.look.folded
        after = it.screen.canvas.place_of(key)
        canvas = it.screen.canvas
        # At the edge of the picture there is nothing to scroll to.
        assert after.x == before.x or canvas.scroll_offset.x in (0, canvas.max_scroll_x)
        assert after.y == before.y or canvas.scroll_offset.y in (0, canvas.max_scroll_y)
        assert 0 <= after.x < canvas.size.width
        assert 0 <= after.y < canvas.size.height
        assert "folded" in it.part("#inspector")
        await it.press("z")
        assert not it.screen.look.folded
        assert it.screen.selected[0] == vertex


async def test_what_is_turned_stays_in_place_if_there_is_room_to_scroll():
    async with terminal(layers(), (60, 16)) as it:
        await it.press("g")
        await it.type("4")
        await it.press("tab", "c")
        key = it.screen.selected[1]
        before = it.screen.canvas.place_of(key)
        await it.press("v")
        canvas = it.screen.canvas
        after = canvas.place_of(key)
        free = 0 < canvas.scroll_offset.x < canvas.max_scroll_x, 0 < canvas.scroll_offset.y < canvas.max_scroll_y
        assert any(free)
        assert not free[0] or after.x == before.x
        assert not free[1] or after.y == before.y


async def test_folding_others_and_none():
    async with terminal(layers(), (200, 60)) as it:
        await it.press("right", "Z")
        assert it.screen.look.folded == {"net.out"}
        assert "hidden" in it.part("#canvas")
        await it.press("Z")
        assert not it.screen.look.folded
    async with terminal(neuron()) as it:
        await it.press("Z", "right", "z")
        assert not it.screen.look.folded
        assert "nothing to fold" in it.text()


async def test_direction_labels_and_fit():
    async with terminal(layers(), (120, 40)) as it:
        first = it.screen.look.direction
        await it.press("d")
        assert it.screen.look.direction != first
        presets = []
        for _ in range(5):
            presets.append(it.screen.look.preset)
            await it.press("v")
        assert set(presets) == {"both", "value", "gradient", "shape", "name"}
        await it.press("f")
        scene, canvas = it.screen.drawing.scene, it.screen.canvas
        assert scene.width + 4 <= canvas.size.width
        assert scene.height + 2 <= canvas.size.height
        assert canvas.scroll_offset == (0, 0)


async def test_search_selects_and_unfolds():
    async with terminal(layers()) as it:
        await it.press("right", "tab", "z", "escape")
        assert it.screen.look.folded
        await it.press("slash")
        await it.type("W1")
        assert it.screen.drawing.names[it.screen.selected[0]] == "W1"
        assert it.part("#inspector").startswith("W1") or "W1  leaf" in it.part("#inspector")
        assert "net.hidden" not in it.screen.look.folded
        await it.press("slash")
        assert "matmul" in it.text()
        await it.type("no such thing")
        assert "nothing is called that" in it.text()
        await it.press("escape")
        assert isinstance(it.screen, WalkScreen)


async def test_expanding_opens_a_walk_of_its_own_and_escape_comes_back():
    async with terminal(neuron()) as it:
        await it.press("g")
        await it.type("y")
        outer = it.screen
        before = it.text()
        await it.press("e")
        assert it.screen is not outer
        assert [vertex.op for vertex in it.screen.walk.graph.nodes] == ["negative", "exp", "add", "divide"]
        assert "a neuron" in it.part("#title")
        await it.press("end")
        assert "divide" in it.part("#canvas")
        await it.press("escape")
        assert it.screen is outer
        assert it.text() == before


async def test_a_product_of_matrices_opens_down_to_numbers():
    a = gg.tensor([[1.0, 2.0]], requires_grad=True, name="a")
    b = gg.tensor([[3.0], [4.0]], name="b")
    async with terminal(gg.walk(gg.sum(a @ b))) as it:
        await it.press("right", "E")
        assert [vertex.op for vertex in it.screen.walk.graph.nodes] == ["multiply", "multiply", "add"]


async def test_what_cannot_be_opened_says_why():
    async with terminal(neuron()) as it:
        await it.press("right", "e")
        assert "as simple as operations get" in it.text()
        await it.press("home", "e")
        assert "select an operation first" in it.text()
        assert isinstance(it.screen, WalkScreen)


async def test_export_writes_what_is_seen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with terminal(neuron()) as it:
        await it.press("right", "right", "x")
        assert "written to" in it.text()
        await it.press("x")
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["a-neuron-step-2-2.svg", "a-neuron-step-2.svg"]
    text = (tmp_path / "a-neuron-step-2.svg").read_text(encoding="utf-8")
    assert ET.fromstring(text).tag.endswith("svg")
    assert "z = multiply + b" in text


async def test_an_export_that_fails_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("graphgrad_tui.exports.write", refuse)
    async with terminal(neuron()) as it:
        await it.press("x")
        assert "could not be written" in it.text()


async def test_help_has_every_key_and_closes():
    async with terminal(neuron(), (140, 70)) as it:
        await it.press("question_mark")
        assert isinstance(it.screen, Help)
        text = it.text()
        for words in ("One step on.", "Write the picture", "ctrl+q", "the value is there", "nan or infinite"):
            assert words in text
        await it.press("escape")
        assert isinstance(it.screen, WalkScreen)


async def test_panels_on_wide_and_narrow_screens():
    async with terminal(layers(), (120, 40)) as it:
        assert it.screen.query_one(Inspector).display
        assert it.screen.query_one(Inspector).region.width > 30
        await it.press("i")
        assert it.screen.canvas.region.width == 120
        await it.press("i")
        assert it.screen.canvas.region.width < 90
    async with terminal(layers(), (80, 24)) as it:
        assert it.screen.canvas.region.width == 80, "the graph needs all of a narrow screen"
        await it.press("i")
        assert it.screen.query_one(Inspector).region.width == 80
        await it.press("i")
        assert it.screen.canvas.region.width == 80
    async with terminal(neuron(), (80, 24)) as it:
        assert it.screen.query_one(Inspector).region.width > 25, "a small graph leaves room beside it"


async def test_resizing_keeps_the_place():
    async with terminal(layers(), (120, 40)) as it:
        await it.press("right", "right", "right")
        caption = it.part("#caption").split("\n")[0]
        for size in [(80, 24), (200, 60), (60, 15), (120, 40)]:
            await it.pilot.resize_terminal(*size)
            await it.settle()
            assert it.part("#caption").split("\n")[0][:40] == caption[:40]
            key = next(key for key, label in it.screen.picture().labels.items() if label.state == "current")
            place, box = it.screen.canvas.place_of(key), it.screen.drawing.scene.box[key]
            canvas = it.screen.canvas.size
            assert place.x >= 0
            assert place.x + box.width <= canvas.width or box.width > canvas.width
            assert 0 <= place.y < canvas.height


async def test_a_step_within_the_view_scrolls_nothing():
    async with terminal(layers(), (200, 60)) as it:
        places = set()
        for _ in range(len(it.screen.cursor)):
            await it.press("right")
            places.add(it.screen.canvas.scroll_offset)
        assert len(places) == 1


async def test_a_folded_box_has_no_holes():
    async with terminal(layers(), (200, 60)) as it:
        await it.press("right", "tab", "z")
        box = it.screen.drawing.scene.box[it.screen.selected[1]]
        place = it.screen.canvas.place_of(box.key)
        corner = it.screen.canvas.region.offset + place
        assert box.height > 2
        for row in it.cells()[corner.y : corner.y + box.height]:
            grounds = [style.bgcolor for text, style in row for _ in text][corner.x : corner.x + box.width]
            plain = [ground for ground in grounds if ground.triplet.hex != DARK.selected]
            assert {ground.triplet.hex for ground in plain} == {DARK.boxes["current"].fill}


async def test_panning_moves_the_view():
    async with terminal(layers(), (80, 24)) as it:
        await it.press("right")
        start = it.screen.canvas.scroll_offset
        await it.press("shift+right", "shift+down")
        moved = it.screen.canvas.scroll_offset
        assert moved != start
        await it.press("shift+left", "shift+up")
        assert it.screen.canvas.scroll_offset == start


async def test_nan_is_seen():
    async with terminal(broken()) as it:
        await it.press("end")
        canvas = it.part("#canvas")
        assert "nan" in canvas
        assert "!" in canvas
        await it.press("slash")
        await it.type("log")
        assert "nan" in it.part("#inspector")


async def test_ascii_only():
    async with terminal(layers(), (120, 40), ascii_only=True) as it:
        await it.press("right", "right", "tab")
        assert it.text().isascii()
        await it.press("end", "i", "i", "slash")
        assert it.text().isascii()
        await it.press("escape", "question_mark")
        assert it.text().isascii()


async def test_without_colour_marks_tell_the_states(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with terminal(neuron()) as it:
        await it.press("g")
        await it.type("z.grad")
        canvas = it.part("#canvas")
        assert all(mark in canvas for mark in "►◆∂•")
        for row in it.cells():
            for _, style in row:
                for colour in (style.color, style.bgcolor) if style is not None else ():
                    if colour is not None and colour.triplet is not None:
                        assert max(colour.triplet) - min(colour.triplet) <= 1


@pytest.mark.parametrize("theme", ["graphgrad-dark", "graphgrad-light", "nord", "ansi-dark"])
async def test_themes(theme):
    async with terminal(neuron(), theme=theme) as it:
        await it.press("right", "tab")
        text = it.text()
        await it.press("t")
        assert it.text() == text


async def test_a_leaf_alone_is_a_walk_too():
    async with terminal(gg.walk(gg.scalar(3.0, name="x"))) as it:
        await it.press("right", "left", "tab", "e", "z", "f", "space", "end", "home")
        assert "x = 3" in it.part("#canvas")


async def test_a_large_graph_opens_a_part():
    x = gg.scalar(0.5, name="x")
    y = x
    for _ in range(3_000):
        y = y * 1.001
    async with terminal(gg.walk(y), (120, 40)) as it:
        assert "operations are folded" in " ".join(it.part("#inspector").split())
        await it.press("slash")
        await it.type("multiply#1500")
        assert it.screen.look.around is not None
        assert "multiply#1500" in it.part("#canvas")


async def test_the_step_and_the_granularity_to_begin_with():
    async with terminal(layers(), step=3, granularity="operations") as it:
        assert it.screen.cursor.position == 2
        assert it.screen.look.plumbing
        assert np.array_equal(it.screen.cursor.moment.step, 2)


async def test_a_second_enter_finds_the_dialog_closed():
    async with terminal(neuron()) as it:
        outer = it.screen
        await it.press("right", "right", "right", "e")
        inner = it.screen
        assert inner is not outer
        await it.press("slash")
        for key in ("enter", "enter", "escape"):
            it.app.post_message(events.Key(key, None))
        await it.settle()
        assert it.screen is inner, "neither the walk nor the one below it was closed by the keys that came too late"
        await it.press("g", "1")
        for _ in range(3):
            it.app.post_message(events.Key("enter", None))
        await it.settle()
        assert it.screen is inner


async def test_what_plays_stops_below_another_screen_and_says_so():
    async with terminal(neuron()) as it:
        await it.press("space")
        assert "►" in it.part("#timeline")
        await it.press("question_mark", "escape")
        assert "►" not in it.part("#timeline")


async def test_on_a_narrow_screen_each_panel_can_be_had():
    async with terminal(neuron(), (80, 24)) as it:
        panels = [it.screen.panels]
        for _ in range(2):
            await it.press("i")
            panels.append(it.screen.panels)
        assert panels == ["both", "side", "both"]


async def test_fit_shows_the_graph_that_it_fits():
    async with terminal(layers(), (80, 24)) as it:
        await it.press("f")
        fitting = it.screen.look
        await it.press("v", "i")
        assert not it.screen.canvas.display
        await it.press("f")
        assert it.screen.canvas.display
        assert it.screen.look == fitting


@pytest.mark.parametrize("size", SIZES)
async def test_the_legend_has_what_matters_and_as_much_as_there_is_room_for(size):
    async with terminal(neuron(), size) as it:
        await it.press("end")
        legend = " ".join(it.part("#canvas").split())
        assert all(words in legend for words in ("now", "gradient there", "value there", "takes part"))
        assert "nan or infinite" not in legend
        if size != SIZES[0]:
            assert all(words in legend for words in LEGEND.values() if words not in ("nan or infinite", "raised"))


async def test_the_legend_explains_a_fault_first():
    async with terminal(broken(), (60, 24)) as it:
        assert "nan or infinite" not in it.part("#canvas")
        await it.press("right")
        assert "nan or infinite" in it.part("#canvas")


@pytest.mark.parametrize("ascii_only", [False, True])
async def test_a_value_called_d_is_no_gradient(ascii_only):
    async with terminal(gg.walk(gg.scalar(3.0, name="d") * 2.0), ascii_only=ascii_only) as it:
        for preset in ("both", "value"):
            assert it.screen.look.preset == preset
            styles = [style for row in it.cells() for text, style in row if " d = " in text and style.bgcolor]
            assert {style.color.triplet.hex for style in styles} >= {DARK.boxes["leaf"].text}
            assert DARK.boxes["leaf"].gradient not in {style.color.triplet.hex for style in styles}
            for _ in range(1 if preset == "both" else 0):
                await it.press("v")


async def test_of_many_contributions_the_last_are_listed():
    x = gg.scalar(0.5, name="x")
    y = x
    for _ in range(200):
        y = y + x
    async with terminal(gg.walk(y)) as it:
        await it.press("end")
        panel = it.part("#inspector")
        assert "195 before these" in panel
        assert "► 201 of 201" in panel
        await it.press("right_square_bracket", "left_square_bracket", "tab", "slash")
        await it.type("x")
        panel = it.part("#inspector")
        assert "1 of 201  —" in panel
        assert "and 195 more  —" in panel
