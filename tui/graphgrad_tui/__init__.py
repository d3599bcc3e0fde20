"""The terminal UI of graphgrad: a plug-in that shows walks, lessons and the way through them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["Terminal"]


def __getattr__(name: str) -> Any:
    # Textual takes a quarter of a second to import: not before somebody wants to see something.
    if name == "Terminal":
        return import_module("graphgrad_tui.terminal").Terminal
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=None)


if TYPE_CHECKING:
    from graphgrad_tui.terminal import Terminal as Terminal
