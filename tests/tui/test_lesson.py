import pytest

from graphgrad.lessons import catalogue, open_lesson
from graphgrad.lessons.session import Session
from graphgrad_tui.screens.help import Help
from graphgrad_tui.screens.lesson import LessonScreen
from graphgrad_tui.screens.walk import WalkScreen
from graphgrad_tui.themes import DARK
from graphgrad_tui.widgets.prose import prose
from tests.tui.screens import SIZES, terminal

LESSONS = [info.id for info in catalogue()]


def lesson(id="sigmoid-neuron", done=None, **options):
    return lambda: LessonScreen(Session(open_lesson(id)), done, **options)


async def go_to_question(it):
    while not it.screen.session.is_waiting:
        await it.press("space")


def flat(text):
    return " ".join(text.split())


async def test_space_goes_on_and_the_walk_follows():
    async with terminal(lesson()) as it:
        assert "A neuron" in it.part("#lesson")
        assert "— means" in flat(it.part("#lesson"))
        await it.press("space")
        assert "Weigh and add" in it.part("#lesson")
        await it.press("space")
        assert "q = 2" in it.part("#canvas"), "the lesson ran to q"
        assert it.screen.cursor is it.screen.session.cursor
        await it.press("backspace")
        assert "q = —" in it.part("#canvas")


async def test_a_question_waits_for_an_answer():
    async with terminal(lesson()) as it:
        await go_to_question(it)
        page = it.screen.session.page, it.screen.session.beat
        await it.press("space")
        assert (it.screen.session.page, it.screen.session.beat) == page
        assert it.screen.query_one("#answer").value == ""
        await it.type("what")
        assert "is no number" in flat(it.part("#lesson"))
        assert it.screen.session.score.done == 0
        it.screen.query_one("#answer").value = ""
        await it.type("5")
        assert "not quite" in it.part("#lesson")
        assert "bias is negative" in flat(it.part("#lesson")), "a hint"
        await it.type("4")
        panel = flat(it.part("#lesson"))
        assert "right" in panel
        assert "z = p + q + b = 6 + 2 + (-4) = 4" in panel
        assert not it.screen.query_one("#answer").display
        await it.press("space")
        assert "Squash" in it.part("#lesson")


async def test_the_bar_has_the_keys_that_work_while_a_question_waits():
    async with terminal(lesson(), (140, 76)) as it:
        assert "go on" in it.part("#keys")
        await go_to_question(it)
        bar = it.part("#keys")
        assert "enter answer" in bar
        assert "go on" not in bar
        position = it.screen.cursor.position
        await it.press("right")
        assert it.screen.cursor.position == position + 1, "an empty answer leaves the arrows to the walk"
        await it.press("left")
        assert it.screen.cursor.position == position
        await it.press("4", "left", "1")
        assert (it.screen.query_one("#answer").value, it.screen.cursor.position) == ("14", position)
        await it.pilot.click("#keys", offset=(bar.index("f1 help"), 0))
        await it.settle()
        assert isinstance(it.screen, Help)
        assert "if nothing is typed" in it.text()
        await it.press("escape", "escape")
        assert "go on" in it.part("#keys"), "the graph has the keys now"


async def test_a_score_that_cannot_be_remembered_is_told():
    def refuse(*score):
        raise OSError(28, "No space left on device")

    async with terminal(lesson("backward-twice", refuse)) as it:
        session = it.screen.session
        while not session.is_over:
            await (it.type(session.expected()) if session.is_waiting else it.press("space"))
        assert "can't be remembered" in it.text()
        assert "the end of the lesson" in flat(it.part("#lesson"))


async def test_whoever_does_not_know_may_ask():
    async with terminal(lesson()) as it:
        await go_to_question(it)
        await it.type("?")
        assert "it is 4" in flat(it.part("#lesson"))
        assert it.screen.session.score.right == 0


async def test_the_graph_can_be_looked_at_while_a_question_waits():
    async with terminal(lesson(), (140, 44)) as it:
        await go_to_question(it)
        await it.press("escape", "right")
        assert "s = 8" in it.part("#canvas")
        await it.press("space", "4", "enter")
        assert it.screen.session.score.right == 1


@pytest.mark.parametrize(
    ("id", "size"), [*((id, (80, 24)) for id in LESSONS), *((LESSONS[0], size) for size in SIZES[1:])]
)
async def test_each_lesson_from_its_start_to_its_end(id, size):
    done = []
    async with terminal(lesson(id, lambda *score: done.append(score)), size) as it:
        session = it.screen.session
        for _ in range(200):
            if session.is_over:
                break
            if session.is_waiting:
                await it.type(session.expected())
                assert session.feedback.right
            else:
                await it.press("space")
            assert it.screen.walk is session.walk
            assert session.title in it.part("#lesson") or it.screen.query_one("#pages").max_scroll_y > 0
        assert session.is_over
        total = session.score.total
        assert done[-1] == (id, total, total)
        assert "the end of the lesson" in flat(it.part("#lesson"))
        await it.press("space")
        assert it.app.return_code == 0


async def test_expanding_in_a_lesson_shows_the_inner_walk_and_comes_back():
    async with terminal(lesson("softmax-cross-entropy")) as it:
        session = it.screen.session
        while len(session.frames) == 1:
            await (it.type(session.expected()) if session.is_waiting else it.press("space"))
        assert "softmax" in it.part("#canvas")
        assert it.screen.trail
        assert it.part("#title").count("›") == 2
        while len(session.frames) > 1:
            await (it.type(session.expected()) if session.is_waiting else it.press("space"))
        assert it.part("#title").count("›") == 1
        assert "CE loss" in it.part("#canvas")


async def test_a_walk_of_ones_own_in_a_lesson():
    async with terminal(lesson()) as it:
        outer = it.screen
        await it.press("g")
        await it.type("h")
        await it.press("e")
        assert type(it.screen) is WalkScreen
        await it.press("escape")
        assert it.screen is outer


@pytest.mark.parametrize("id", LESSONS[:2])
async def test_lessons_in_ascii(id):
    async with terminal(lesson(id, ascii_only=True), ascii_only=True) as it:
        session = it.screen.session
        for _ in range(200):
            assert it.text().isascii()
            if session.is_over:
                break
            await (it.type(session.expected()) if session.is_waiting else it.press("space"))


async def test_the_inspector_below_and_in_place_of_the_lesson():
    async with terminal(lesson(), (140, 44)) as it:
        assert it.screen.query_one("#inspector").region.height > 5
        await it.press("i")
        assert not it.screen.query_one("#inspector").display
    async with terminal(lesson(), (80, 24)) as it:
        assert it.screen.query_one("#lesson").region.height == 22
        assert not it.screen.query_one("#inspector").display
        await it.press("i")
        assert it.screen.query_one("#inspector").display
        assert not it.screen.query_one("#lesson").display


def test_marks_in_texts_and_nothing_else():
    text = "**Take `x`**, *slowly*: 2 * 3 * 4 is [bold]not[/bold] [@click=app.quit]x[/]."
    content = prose(text, 200, DARK)
    assert content.plain == "Take x, slowly: 2 * 3 * 4 is [bold]not[/bold] [@click=app.quit]x[/]."
    styled = {content.plain[span.start : span.end]: str(span.style) for span in content.spans}
    assert styled["Take "] == "bold"
    assert DARK.value in styled["x"]
    assert styled["slowly"] == "italic"
    assert len(styled) == 3
