"""Visualizers: whatever can show a walk. They are found by the entry-point group ``graphgrad.visualizers``.

A package adds one by naming a class in its metadata::

    [project.entry-points."graphgrad.visualizers"]
    mine = "my_package:Mine"

An instance must have ``show(walk, ...)``; ``home(catalogue)`` and ``train(fit)`` are optional. The latter gets a
training that hasn't begun, a ``graphgrad.train.Fit``: it may add to ``fit.callbacks``, and calls ``fit.run()``.
"""

from __future__ import annotations

import difflib
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Protocol

from graphgrad.graph.errors import describe

if TYPE_CHECKING:
    from graphgrad.walk.walk import Walk

__all__ = ["GROUP", "Visualizer", "find_visualizer", "visualizers"]

GROUP = "graphgrad.visualizers"


class Visualizer(Protocol):
    """What a visualizer must offer."""

    def show(self, walk: Walk, *args: Any, **options: Any) -> Any:
        """Show a walk: on a screen, into a file, as a returned text."""


def visualizers() -> dict[str, EntryPoint]:
    """The registered visualizers by name; none of them is loaded."""
    return {point.name: point for point in entry_points(group=GROUP)}


def find_visualizer(name: str) -> type[Visualizer]:
    """Load a visualizer by its name.

    Raises
    ------
    LookupError
        If none is registered under that name, with those that are.
    """
    known = visualizers()
    point = known.get(name)
    if point is None:
        near = difflib.get_close_matches(name, known, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else "is the package that brings it installed?"
        raise LookupError(
            describe(
                f"show: no visualizer is called {name!r}",
                f"registered: {', '.join(sorted(known)) or 'none'}",
                hint=hint,
            )
        )
    return point.load()  # type: ignore[no-any-return]
