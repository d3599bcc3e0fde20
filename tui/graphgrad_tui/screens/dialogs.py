"""Small dialogs that ask for one line: where to go, and what to look for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from graphgrad.view.text import to_ascii
from graphgrad_tui.finding import Found
from graphgrad_tui.plain import use_plain_bars

__all__ = ["Ask", "Search", "close"]

T = TypeVar("T")

_LONGEST = 500
"""What a person may type: looking for something like it among 100,000 names takes its time."""


def close(screen: Screen[T], answer: T | None = None) -> None:
    """Close a screen, if it is on top: a second key that was on its way may find it closed, and would close another."""
    if screen.app.screen is screen:
        _ = screen.dismiss(answer)


class Ask(ModalScreen[str | None]):
    """Asks for one line, and gives it back; None if the person thought better of it."""

    BINDINGS = [Binding("escape", "cancel", "cancel", show=False)]

    def __init__(self, title: str, hint: str, check: Callable[[str], str], placeholder: str = "") -> None:
        super().__init__()
        self._title, self._hint, self._check, self._placeholder = title, hint, check, placeholder

    def compose(self) -> ComposeResult:
        """A title, the input, and what to write."""
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield Input(placeholder=self._placeholder, max_length=_LONGEST)
            yield Static(self._hint, id="message", markup=False)

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        problem = self._check(event.value)
        if problem:
            message = self.query_one("#message", Static)
            message.update(Content.styled(problem, "$text-error"))
        else:
            close(self, event.value)

    def action_cancel(self) -> None:
        """Give nothing back."""
        close(self)


class Search(ModalScreen[int | None]):
    """Finds a value while one types."""

    BINDINGS = [
        Binding("escape", "cancel", "cancel", show=False),
        Binding("down", "move(1)", "next", show=False, priority=True),
        Binding("up", "move(-1)", "previous", show=False, priority=True),
    ]

    def __init__(self, find: Callable[[str], Sequence[Found]], *, ascii_only: bool = False) -> None:
        super().__init__()
        self.ascii_only = ascii_only
        self._find = find
        self._found: Sequence[Found] = ()

    def compose(self) -> ComposeResult:
        """The input, with what was found below."""
        with Vertical(classes="dialog"):
            yield Static("Find a value", classes="dialog-title", markup=False)
            yield Input(placeholder="name, operation, scope or source line", max_length=_LONGEST)
            yield OptionList(markup=False)
            yield Static("enter selects it", id="message", markup=False)

    def on_mount(self) -> None:
        """Begin with everything."""
        if self.ascii_only:
            use_plain_bars(self)
        self._list("")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._list(event.value)

    def _list(self, text: str) -> None:
        self._found = self._find(text)
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(
            Option(Content.assemble((self._plain(name), "bold"), "  ", self._plain(more)))
            for _, name, more in self._found
        )
        options.highlighted = 0 if self._found else None
        self.query_one("#message", Static).update("enter selects it" if self._found else "nothing is called that")

    def _plain(self, text: str) -> str:
        return to_ascii(text) if self.ascii_only else text

    def action_move(self, by: int) -> None:
        """Go up or down in the list."""
        options = self.query_one(OptionList)
        if self._found:
            options.highlighted = ((options.highlighted or 0) + by) % len(self._found)

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self._choose(self.query_one(OptionList).highlighted)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._choose(event.option_index)

    def _choose(self, index: int | None) -> None:
        if index is not None and index < len(self._found):
            close(self, self._found[index][0])

    def action_cancel(self) -> None:
        """Give nothing back."""
        close(self)
