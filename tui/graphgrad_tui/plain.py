"""Scroll bars in ASCII: blanks, whose grounds show where the view is."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.containers import ScrollableContainer
from textual.screen import Screen
from textual.scrollbar import ScrollBarRender

__all__ = ["use_plain_bars"]


class _PlainBars(ScrollBarRender):
    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


def use_plain_bars(screen: Screen[Any]) -> None:
    """Let everything on a screen that scrolls draw its bars without block characters."""
    for widget in screen.query(ScrollableContainer):
        for bar in (widget.vertical_scrollbar, widget.horizontal_scrollbar):
            bar.renderer = _PlainBars  # type: ignore[misc]
