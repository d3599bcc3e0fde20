"""The application: its themes, its first screen, and what works on every screen."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import App
from textual.screen import Screen

from graphgrad_tui.screens.help import Help
from graphgrad_tui.themes import THEMES, palette

__all__ = ["GraphgradApp"]


class GraphgradApp(App[None]):
    """The terminal UI.

    Parameters
    ----------
    first
        Makes the screen to begin with.
    ascii_only
        For a terminal that shows nothing else.
    theme
        The name of a theme; Textual's own are known too.
    """

    TITLE = "graphgrad"
    CSS_PATH = "graphgrad_tui.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-short-help"), (120, "-long-help")]

    def __init__(
        self, first: Callable[[], Screen[None]], *, ascii_only: bool = False, theme: str = "graphgrad-dark"
    ) -> None:
        super().__init__()
        self._first = first
        self.ascii_only = ascii_only
        for one in THEMES:
            self.register_theme(one)
        self.theme = theme
        self.set_class(ascii_only, "-ascii")

    def get_default_screen(self) -> Screen[None]:
        """The first screen is the lowest: there is nothing below it."""
        return self._first()

    async def action_help(self) -> None:
        """Show the keys of this screen, and what its colours mean."""
        where = getattr(self.screen, "WHERE", None)
        if where is not None:
            await self.push_screen(Help(where, palette(self.current_theme.dark), self.ascii_only))

    def action_appearance(self) -> None:
        """Dark or light."""
        dark, light = THEMES
        self.theme = light.name if self.current_theme.dark else dark.name
