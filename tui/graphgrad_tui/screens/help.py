"""The help screen: every key of the screen below it, and what the colours and marks mean."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from graphgrad.view.picture import STATES, LinkState
from graphgrad_tui.keys import Where, groups, shown
from graphgrad_tui.plain import use_plain_bars
from graphgrad_tui.screens.dialogs import close
from graphgrad_tui.themes import MARKS, MEANING, Palette

__all__ = ["Help"]

_LINKS: tuple[tuple[LinkState, str, str, str], ...] = (
    ("waiting", "─", "-", "nothing has gone along here yet"),
    ("carried", "─", "-", "the value went along"),
    ("active", "━", "=", "this step"),
    ("returned", "─", "-", "the gradient came back"),
)


class Help(ModalScreen[None]):
    """Keys, colours and marks."""

    BINDINGS = [Binding("escape,question_mark,f1,q", "close", "close", show=False)]

    def __init__(self, where: Where, palette: Palette, ascii_only: bool) -> None:
        super().__init__()
        self._where: Where = where
        self._palette, self._ascii = palette, ascii_only

    def compose(self) -> ComposeResult:
        """The keys on the left, the meanings on the right."""
        with VerticalScroll(classes="help") as page:
            page.border_title = "Keys" if self._where == "catalogue" else "Keys and signs"
            page.border_subtitle = "esc closes this page"
            with Horizontal(classes="help-columns"):
                yield Static(self._keys(), classes="help-keys", markup=False)
                if self._where != "catalogue":
                    with Vertical(classes="help-legend"):
                        yield Static(self._legend(), markup=False)

    def on_mount(self) -> None:
        """Scroll bars as on the screen below."""
        if self._ascii:
            use_plain_bars(self)

    def action_close(self) -> None:
        """Go back to the screen below."""
        close(self)

    def _keys(self) -> Table:
        """A table, so that what is too long for a line goes on below itself."""
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, min_width=13)
        table.add_column()
        for number, (group, keys) in enumerate(groups(self._where)):
            if number:
                table.add_row()
            table.add_row(Text(group, f"bold {self._palette.value}"))
            for key in keys:
                names = " ".join(shown(name, self._ascii) for name in key.keys)
                table.add_row(Text(f"  {names}", "bold"), Text(key.help))
        return table

    def _legend(self) -> Content:
        return Content.assemble(*self._legend_parts())

    def _legend_parts(self) -> Iterator[tuple[str, str]]:
        yield "Boxes\n", f"bold {self._palette.value}"
        for state in STATES:
            ink = self._palette.boxes[state]
            mark = MARKS[state][self._ascii]
            yield "  ", ""
            yield f"{mark} z = 1 ", f"{ink.text} on {ink.fill}"
            yield f"  {MEANING[state]}\n", ""
        selected = "<" if self._ascii else "◄"
        yield f"  {selected} at the right end: selected\n", ""
        yield "  ! at the right end: nan or infinite\n", ""
        yield "  slanted: drawn in several places\n", ""
        yield "  framed: several operations, folded\n", ""
        yield f"  {'d' if self._ascii else '∂'} 0.5: the gradient of the result\n", ""
        yield "    with respect to this value\n", ""
        yield f"  {'-' if self._ascii else '—'} has not arrived\n\n", ""
        yield "Links\n", f"bold {self._palette.value}"
        for link, line, plain, meaning in _LINKS:
            yield f"  {(plain if self._ascii else line) * 4}", self._palette.links[link]
            yield f"  {meaning}\n", ""
        yield "\n", ""
        yield "The mouse works too: click a box,\n", self._palette.quiet
        yield "the timeline or a key below.", self._palette.quiet
