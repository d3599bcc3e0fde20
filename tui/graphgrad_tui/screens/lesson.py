"""A lesson: its pages beside the walk, its questions, and what comes of the answers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.theme import Theme
from textual.widgets import Input, Static

from graphgrad.graph.errors import GraphgradError
from graphgrad.lessons.questions import LETTERS, AnswerError
from graphgrad.lessons.session import Asked, Feedback, Session, Shown
from graphgrad.view.text import to_ascii
from graphgrad_tui.keys import Where, bindings
from graphgrad_tui.screens.dialogs import close
from graphgrad_tui.screens.view import NARROW, Panels
from graphgrad_tui.screens.walk import WalkScreen
from graphgrad_tui.widgets.bars import CaptionBar, KeyBar, Timeline, TitleBar
from graphgrad_tui.widgets.graph_canvas import GraphCanvas
from graphgrad_tui.widgets.inspector import Inspector
from graphgrad_tui.widgets.prose import prose

__all__ = ["LessonScreen"]

_WIDTH = 38
_LONGEST = 500
_TALL = 32
Done = Callable[[str, int, int], None]


class Answer(Input):
    """Where an answer is typed. While it is empty, keys that would do nothing in it move the lesson and the walk."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("answer")

    def action_delete_left(self) -> None:
        """Take the last character away, or go back to the text before."""
        if self.value:
            super().action_delete_left()
        elif isinstance(self.screen, LessonScreen):
            self.screen.action_retreat()

    def action_step(self, by: int) -> None:
        """Move the cursor, or take a step of the walk."""
        if self.value:
            self.action_cursor_right() if by > 0 else self.action_cursor_left()
        elif isinstance(self.screen, LessonScreen):
            self.screen.action_step(by)


class Pages(VerticalScroll):
    """The texts of a lesson, which are laid out anew when there is more or less room for them."""

    def on_resize(self) -> None:
        """Tell the screen, once the new size is there."""
        if isinstance(self.screen, LessonScreen):
            self.call_after_refresh(self.screen.show_page)


class LessonScreen(WalkScreen):
    """Somebody takes a lesson.

    Parameters
    ----------
    session
        At its start.
    on_done
        Is told the lesson's id when it was gone through, how many questions were answered rightly, and of how many;
        an OSError of it is told to the person.
    ascii_only
        For a terminal that shows nothing else.
    """

    WHERE: Where = "lesson"
    BINDINGS: ClassVar[list[BindingType]] = bindings("lesson")

    def __init__(self, session: Session, on_done: Done | None = None, *, ascii_only: bool = False) -> None:
        super().__init__(session.walk, ascii_only=ascii_only)
        self.session = session
        self.cursor = session.cursor
        self._on_done = on_done
        self._problem = ""
        self._is_going = False
        self._newest = 0

    @property
    def title_text(self) -> str:
        """The lesson's title, with the operation that is open."""
        frames = self.session.frames
        return self.session.lesson.title if len(frames) == 1 else frames[-1].title

    def compose(self) -> ComposeResult:
        """The graph with its timeline and caption on the left; the lesson on the right, in full height."""
        yield TitleBar(ascii_only=self.ascii_only, id="title")
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield GraphCanvas(ascii_only=self.ascii_only, id="canvas")
                yield Timeline(ascii_only=self.ascii_only, id="timeline")
                yield CaptionBar(ascii_only=self.ascii_only, id="caption")
            with Vertical(id="side"):
                with Vertical(id="lesson"):
                    with Pages(id="pages", can_focus=False):
                        yield Static("", id="page", markup=False)
                    yield Answer(id="answer", placeholder="your answer; ? shows it", compact=True, max_length=_LONGEST)
                yield Inspector(ascii_only=self.ascii_only, id="inspector")
        yield KeyBar(self.WHERE, ascii_only=self.ascii_only, id="keys")

    def on_mount(self) -> None:
        """Show the first page."""
        self.add_class("-lesson")
        self.call_after_refresh(self.show_page)

    def _use_theme(self, theme: Theme) -> None:
        super()._use_theme(theme)
        self.show_page()

    # ---- panels ----

    def on_resize(self, event: events.Resize) -> None:
        """Lay the text out again."""
        self.call_after_refresh(self.show_page)

    def panels_that_fit(self) -> Panels:
        """The lesson stands beside the graph on any screen; the inspector below it only where there is room."""
        return "both" if self.size.width >= NARROW and self.size.height >= _TALL else "graph"

    def show_panels(self, which: Panels) -> None:
        """Both the lesson and the inspector, or one of them."""
        self.panels = which
        self.set_class(which == "graph", "-lesson-only")
        self.set_class(which == "side", "-inspector-only")

    def action_panels(self) -> None:
        """Show the inspector below the lesson, or in its place where there is no room."""
        shown: Panels = "both" if self.panels_that_fit() == "both" else "side"
        self.show_panels("graph" if self.panels == shown else shown)
        self.call_after_refresh(self.refresh_walk)

    # ---- the page ----

    def show_page(self) -> None:
        """Show the page as far as it has come."""
        page = self.query_one("#page", Static)
        width = self.query_one("#pages").scrollable_content_region.width or _WIDTH
        parts = [list(self._part(shown, width)) for shown in self.session.shown]
        before = [*self._heading(), *(line for part in parts[:-1] for line in part)]
        page.update(Content("\n").join([*before, *(parts[-1] if parts else []), *self._ending(width)]))
        self._newest = self._line_to_read(before if len(parts) > 1 else [])
        answer = self.query_one("#answer", Input)
        waits = self.session.is_waiting
        answer.display = waits
        if waits and self.app.screen is self:
            answer.focus()
        elif not waits:
            self.canvas.focus()
        self.call_after_refresh(self._scroll_to_newest)

    def _scroll_to_newest(self) -> None:
        """Show the newest part from its beginning, and of what was before it as much as there is room for."""
        pages = self.query_one("#pages", Pages)
        pages.scroll_to(y=min(self._newest, pages.max_scroll_y), animate=False)

    def _line_to_read(self, before: list[Content]) -> int:
        """Where reading goes on: at the newest text, or, if there is something to say to an answer, at the end."""
        if self.session.feedback is not None or self._problem:
            return sys.maxsize
        return sum(line.plain.count("\n") + 1 for line in before)

    def _heading(self) -> Iterator[Content]:
        session, colours = self.session, self.colours
        yield Content.assemble((self._plain(session.title), f"bold {colours.name}"))
        score = session.score
        words = f"page {session.page + 1} of {len(session.lesson.pages)}"
        if score.done:
            words += f", {score.right} of {score.done} at first try"
        yield Content.styled(words, colours.quiet)

    def _part(self, shown: Shown, width: int) -> Iterator[Content]:
        if shown.text.strip():
            yield Content("")
            yield self._prose(shown.text, width)
        if shown.asked is not None:
            yield from self._question(shown.asked, shown is self.session.shown[-1], width)

    def _ending(self, width: int) -> Iterator[Content]:
        session, colours = self.session, self.colours
        score = session.score
        yield Content("")
        if self._problem:
            yield self._prose(self._problem, width).stylize(colours.bad)
        elif session.is_over:
            yield Content.styled("This is the end of the lesson.", "bold")
            if score.total:
                yield Content(f"{score.right} of {score.total} right at the first attempt.")
            yield Content.styled("space leaves it", colours.quiet)
        elif not session.is_waiting:
            yield Content.styled("space goes on" if self.ascii_only else "space goes on ▸", colours.quiet)

    def _question(self, asked: Asked, is_last: bool, width: int) -> Iterator[Content]:
        colours = self.colours
        yield Content("")
        yield Content.assemble(("?" if self.ascii_only else "▌", f"bold {colours.gradient}"), (" your turn", "bold"))
        yield self._prose(asked.text, width)
        for letter, choice in zip(LETTERS, asked.choices, strict=False):
            yield self._prose(f"- **{letter})** {choice}", width)
        feedback = self.session.feedback
        if is_last and feedback is not None:
            yield Content("")
            yield from self._feedback(feedback, width)

    def _feedback(self, feedback: Feedback, width: int) -> Iterator[Content]:
        colours = self.colours
        if feedback.right:
            yield Content.styled("right" if self.ascii_only else "✓ right", f"bold {colours.selected}")
        elif feedback.closed:
            yield Content.assemble(("it is ", f"bold {colours.bad}"), (self._plain(feedback.expected), "bold"))
        else:
            yield Content.styled("not quite; once more", f"bold {colours.bad}")
        for text in (feedback.worked, feedback.hint):
            if text:
                yield self._prose(text, width)

    def _prose(self, text: str, width: int) -> Content:
        return prose(text, width, self.colours, ascii_only=self.ascii_only)

    def _plain(self, text: str) -> str:
        return to_ascii(text) if self.ascii_only else text

    # ---- going on ----

    async def action_advance(self) -> None:
        """Go on: to the next text, to the question that waits, or out of a lesson that is over."""
        session = self.session
        if self._is_going:
            return
        if session.is_waiting:
            self.query_one("#answer", Input).focus()
        elif session.is_over:
            self.finish()
        else:
            self._start(session.advance)

    def finish(self) -> None:
        """Leave a lesson that is over; with it, if it was all, the terminal."""
        if len(self.app.screen_stack) > 1:
            close(self)
        else:
            self.app.exit()

    def action_retreat(self) -> None:
        """Go back to the text before."""
        if not self._is_going:
            self._start(self.session.back)

    def _start(self, move: Callable[[], object]) -> None:
        """Let the session do something that may compute; what comes before that is through is passed over."""
        self._is_going = True  # here, and not in the worker, which begins only after the next keys may have come
        self.pause()
        self._go(move)

    @work(group="lesson")
    async def _go(self, move: Callable[[], object]) -> None:
        try:
            await asyncio.to_thread(move)
            self._problem = ""
        except GraphgradError as error:
            self._problem = str(error)
        finally:
            self._is_going = False
        self._follow()
        self.show_page()
        self._tell_if_done()

    def _tell_if_done(self) -> None:
        if not self.session.is_over or self._on_done is None:
            return
        score = self.session.score
        try:
            self._on_done(self.session.lesson.id, score.right, score.total)
        except OSError as error:
            self.tell(f"this can't be remembered: {error}", problem=True)

    def _follow(self) -> None:
        """Show the walk that the lesson is at, and its place in it."""
        session = self.session
        before, self.cursor = self.walk, session.cursor
        self.trail = (session.lesson.title,) if len(session.frames) > 1 else ()
        self.selected = None
        if session.walk is not before:
            self.drawing = None
            self.open_walk(session.walk)
        else:
            self.refresh_walk()

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def _keys_of_focus(self) -> None:
        """Show the keys that work where the focus is."""
        self.query_one(KeyBar).say("answer" if isinstance(self.focused, Answer) else self.WHERE)

    @on(Input.Changed, "#answer")
    def _typed(self, event: Input.Changed) -> None:
        # Whoever pressed space to go on didn't mean to begin an answer with it.
        if event.value.isspace():
            event.input.value = ""

    @on(Input.Submitted, "#answer")
    def _answer(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        answer = self.query_one("#answer", Input)
        if not text or self._is_going or not self.session.is_waiting:
            return
        try:
            if text == "?":
                self.session.reveal()
            else:
                self.session.answer(text)
            self._problem = ""
            answer.value = ""
        except AnswerError as error:
            # What can't be read doesn't count: it stays there to be mended.
            self._problem = str(error)
        self.show_page()
        self._tell_if_done()

    def action_leave(self) -> None:
        """Leave the answer for the graph; then the selection; then the lesson."""
        if self.focused is self.query_one("#answer", Input):
            self.canvas.focus()
            self.tell("space goes back to the question")
        else:
            super().action_leave()
