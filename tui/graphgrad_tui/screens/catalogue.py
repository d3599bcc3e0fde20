"""The catalogue: the lessons by part, and the files that were opened lately."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.theme import Theme
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from graphgrad.graph.errors import GraphgradError
from graphgrad.lessons import curriculum
from graphgrad.lessons.lesson import LessonInfo
from graphgrad.lessons.listing import open_lesson
from graphgrad.lessons.session import Session
from graphgrad.view.text import clean, to_ascii
from graphgrad_tui.keys import Where, bindings
from graphgrad_tui.opening import open_walk
from graphgrad_tui.plain import use_plain_bars
from graphgrad_tui.screens.dialogs import Ask
from graphgrad_tui.screens.lesson import LessonScreen
from graphgrad_tui.screens.walk import WalkScreen
from graphgrad_tui.state import Recent, State
from graphgrad_tui.themes import palette
from graphgrad_tui.widgets.bars import KeyBar, TitleBar

__all__ = ["CatalogueScreen"]


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: Literal["lesson", "file"]
    lesson: LessonInfo | None = None
    recent: Recent | None = None


class Busy(ModalScreen[None]):
    """Says that something is under way, and lets the person stop it."""

    BINDINGS = [Binding("escape", "stop", "stop", show=False)]

    def __init__(self, text: str, stop: Callable[[], object]) -> None:
        super().__init__()
        self._text, self._stop = text, stop

    def compose(self) -> ComposeResult:
        """One line."""
        yield Static(f"{self._text}\n\nesc stops it", classes="dialog", markup=False)

    def action_stop(self) -> None:
        """Stop what is under way."""
        self._stop()
        self.close()

    def close(self) -> None:
        """Close it, with whatever was opened above it."""
        while self in self.app.screen_stack:
            _ = self.app.pop_screen()


class CatalogueScreen(Screen[None]):
    """Where one begins.

    Parameters
    ----------
    catalogue
        The lessons.
    state
        What is done, and what was opened lately.
    ascii_only
        For a terminal that shows nothing else.
    """

    WHERE: Where = "catalogue"
    BINDINGS: ClassVar[list[BindingType]] = bindings("catalogue")

    def __init__(self, catalogue: Sequence[LessonInfo], state: State, *, ascii_only: bool = False) -> None:
        super().__init__()
        self.catalogue = tuple(catalogue)
        self.state = state
        self.ascii_only = ascii_only
        self._entries: dict[str, _Entry] = {}

    def compose(self) -> ComposeResult:
        """The list on the left, what is known of the entry on the right."""
        yield TitleBar(ascii_only=self.ascii_only, id="title")
        with Horizontal(id="body"):
            yield OptionList(id="entries", markup=False)
            with VerticalScroll(id="about", can_focus=False):
                yield Static("", id="about-text", markup=False)
        yield KeyBar(self.WHERE, ascii_only=self.ascii_only, id="keys")

    def on_mount(self) -> None:
        """List everything, and say what was wrong with the state file."""
        if self.ascii_only:
            use_plain_bars(self)
        self.app.theme_changed_signal.subscribe(self, self._use_theme)
        self._use_theme(self.app.current_theme)
        self.query_one(OptionList).focus()
        if self.state.problem:
            self.notify(self.state.problem, severity="warning", markup=False, timeout=10)

    def _use_theme(self, theme: Theme) -> None:
        for bar in (self.query_one(TitleBar), self.query_one(KeyBar)):
            bar.palette = palette(theme.dark)
            bar.refresh()
        self.query_one(TitleBar).say(["lessons and walks"])
        self.fill()

    # ---- the list ----

    def fill(self) -> None:
        """List lessons by part, then recent files."""
        entries = self.query_one(OptionList)
        before = entries.highlighted
        entries.clear_options()
        self._entries.clear()
        entries.add_options(self._options())
        if before is None:
            # The first lesson that isn't done; else the first of all.
            undone = (f"lesson:{info.id}" for info in self.catalogue if info.id not in self.state.done)
            first = next(undone, next(iter(self._entries), None))
            before = entries.get_option_index(first) if first is not None else None
        if before is not None:
            entries.highlighted = min(before, entries.option_count - 1)

    def _options(self) -> Iterator[Option]:
        colours = palette(self.app.current_theme.dark)
        names = {part.id: part.name for part in curriculum.parts()}
        part = ""
        for info in self.catalogue:
            if info.part != part:
                if part:
                    yield Option("", disabled=True)
                part = info.part
                heading = self._plain(f"{part}  {names.get(part, '')}")
                yield Option(Content.styled(heading, f"bold {colours.quiet}"), disabled=True)
            id = f"lesson:{info.id}"
            self._entries[id] = _Entry("lesson", lesson=info)
            done = ("x" if self.ascii_only else "✓") if info.id in self.state.done else " "
            line = Content.assemble((f" {done} ", f"bold {colours.selected}"), self._plain(info.title))
            yield Option(line, id=id)
        if self.state.recent:
            yield Option("", disabled=True)
            yield Option(Content.styled("Opened lately", f"bold {colours.quiet}"), disabled=True)
        for recent in self.state.recent:
            id = f"file:{recent.path}"
            self._entries[id] = _Entry("file", recent=recent)
            yield Option(Content(f"   {self._plain(Path(recent.path).name)}"), id=id)

    def _plain(self, text: str) -> str:
        return to_ascii(clean(text)) if self.ascii_only else clean(text)

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        entry = self._entries.get(event.option_id or "")
        self.query_one("#about-text", Static).update(Group(*self._about(entry)) if entry else "")

    def _about(self, entry: _Entry) -> Iterator[RenderableType]:
        colours = palette(self.app.current_theme.dark)
        if entry.lesson is not None:
            info = entry.lesson
            yield Text(self._plain(info.title), f"bold {colours.name}")
            yield Text(f"about {info.minutes} minutes\n", colours.quiet)
            yield Text("Afterwards you can", "bold")
            yield _rows(*(("-" if self.ascii_only else "·", self._plain(goal)) for goal in info.goals))
            score = self.state.done.get(info.id)
            if score is not None:
                words = f"\ndone, {score[0]} of {score[1]} right at the first attempt"
                yield Text(words, f"bold {colours.selected}")
            if info.covers:
                yield Text("\nFrom the curriculum", "bold")
                yield _rows(*((id, self._plain(_item(id))) for id in info.covers), style=colours.quiet, gap=2)
        elif entry.recent is not None:
            yield Text(self._plain(Path(entry.recent.path).name), f"bold {colours.name}")
            yield Text(self._plain(entry.recent.path), colours.quiet)
            if entry.recent.arguments:
                yield Text(f"with {self._plain(' '.join(entry.recent.arguments))}")
            is_script = entry.recent.path.endswith(".py")
            yield Text("\nThe script runs in a process of its own." if is_script else "\nA saved walk.")

    # ---- opening ----

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self._open(self._entries.get(event.option_id or ""))

    def action_open(self) -> None:
        """Open what is highlighted."""
        entries = self.query_one(OptionList)
        if entries.highlighted is not None:
            self._open(self._entries.get(entries.get_option_at_index(entries.highlighted).id or ""))

    def _open(self, entry: _Entry | None) -> None:
        if entry is None:
            return
        if entry.lesson is not None:
            self.open_lesson(entry.lesson)
        elif entry.recent is not None:
            self.open_file(entry.recent)

    async def action_open_file(self) -> None:
        """Ask for a path, and open it."""

        def check(text: str) -> str:
            path = full_path(text)
            if path.suffix not in (".py", ".json"):
                return "a script ends in .py, a saved walk in .json"
            return "" if os.path.isfile(path) else "there is no such file"

        def go(text: str | None) -> None:
            if text is not None:
                self.open_file(Recent(str(full_path(text))))

        await self.app.push_screen(Ask("Open", "a Python script, or a saved walk (.json)", check, "path"), go)

    def action_forget(self) -> None:
        """Forget the recent file that is highlighted."""
        entries = self.query_one(OptionList)
        index = entries.highlighted
        entry = self._entries.get(entries.get_option_at_index(index).id or "") if index is not None else None
        if entry is not None and entry.recent is not None:
            self.state.forget(entry.recent.path)
            self._save()
            self.fill()

    @work(exclusive=True, group="open")
    async def open_lesson(self, info: LessonInfo) -> None:
        """Open a lesson."""
        try:
            lesson = open_lesson(info.id, info.path.parent)
            session = await asyncio.to_thread(Session, lesson)
        except (GraphgradError, LookupError, OSError) as error:
            self.notify(str(error), severity="error", markup=False, timeout=10)
            return
        await self.app.push_screen(LessonScreen(session, self._done, ascii_only=self.ascii_only))

    @work(exclusive=True, group="open")
    async def open_file(self, recent: Recent) -> None:
        """Open a script or a saved walk."""
        workers = self.workers
        busy = Busy(f"{clean(Path(recent.path).name)} is being opened", lambda: workers.cancel_group(self, "open"))
        await self.app.push_screen(busy)
        try:
            walk = await open_walk(recent)
        except GraphgradError as error:
            self.notify(str(error), severity="error", markup=False, timeout=12)
            return
        finally:
            busy.close()
        self.state.opened(recent)
        self._save()
        self.fill()
        await self.app.push_screen(WalkScreen(walk, ascii_only=self.ascii_only))

    def _done(self, lesson: str, right: int, total: int) -> None:
        self.state.finished(lesson, right, total)
        self._save()
        self.fill()

    def _save(self) -> None:
        try:
            self.state.save()
        except OSError as error:
            self.notify(f"this can't be remembered: {error}", severity="warning", markup=False, timeout=8)


def full_path(text: str) -> Path:
    """The path that somebody typed; a home that doesn't exist stays as it is written, and is found to be missing."""
    return Path(os.path.abspath(os.path.expanduser(text.strip())))


def _rows(*rows: tuple[str, str], style: str = "", gap: int = 1) -> Table:
    """Two columns: what is too long for a line goes on below itself."""
    table = Table.grid(padding=(0, gap, 0, 0))
    table.add_column(no_wrap=True, style=style)
    table.add_column()
    for left, right in rows:
        table.add_row(Text(left), Text(right))
    return table


def _item(id: str) -> str:
    try:
        return curriculum.item(id).name
    except curriculum.UnknownIdError:
        return ""
