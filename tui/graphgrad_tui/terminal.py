"""`Terminal`: the visualizer that shows walks in the terminal."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, Any

from graphgrad.graph.errors import GraphgradError, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.screen import Screen

    from graphgrad.lessons.lesson import Lesson, LessonInfo
    from graphgrad.view.picture import Look
    from graphgrad.walk.steps import Granularity
    from graphgrad.walk.walk import Walk

__all__ = ["Terminal", "TerminalError"]


class TerminalError(GraphgradError, RuntimeError):
    """There is no terminal to draw on."""


class Terminal:
    """Shows walks and lessons in the terminal.

    Parameters
    ----------
    ascii_only
        Whether to draw with ASCII alone; by default where the terminal's encoding has nothing else, or ``TERM`` is
        ``linux`` or ``vt100``.
    theme
        ``"graphgrad-dark"``, ``"graphgrad-light"``, or one of Textual's.

    Examples
    --------
    >>> import graphgrad as gg
    >>> y = gg.tanh(gg.scalar(0.5, name="x"))
    >>> gg.walk(y).show("tui")  # doctest: +SKIP
    """

    def __init__(self, *, ascii_only: bool | None = None, theme: str = "graphgrad-dark") -> None:
        self.ascii_only = _shows_ascii_only() if ascii_only is None else ascii_only
        self.theme = theme

    def show(
        self,
        walk: Walk,
        *,
        look: Look | None = None,
        granularity: Granularity = "concepts",
        step: int | None = None,
    ) -> None:
        """Show a walk until the person leaves.

        Parameters
        ----------
        walk
            What is shown.
        look
            How it is drawn; without one, as it fits.
        granularity
            Whether operations that only rearrange are steps too.
        step
            Where to begin, from 1.

        Raises
        ------
        TerminalError
            If the streams are no terminal, or one that can't be drawn on.
        """
        _check_terminal("show", 'walk.show("text") prints it')
        from graphgrad_tui.screens.walk import WalkScreen

        options: dict[str, Any] = {"look": look, "granularity": granularity, "step": step}
        self._run(lambda: WalkScreen(walk, ascii_only=self.ascii_only, **options))

    def home(self, catalogue: Sequence[LessonInfo] | None = None) -> None:
        """Show the lessons and the files that were opened lately, until the person leaves.

        Parameters
        ----------
        catalogue
            The lessons; without one, graphgrad's own.

        Raises
        ------
        TerminalError
            If the streams are no terminal, or one that can't be drawn on.
        """
        _check_terminal("home", "`graphgrad lessons` lists the lessons, `graphgrad walk ID --text` takes one")
        from graphgrad.lessons import catalogue as list_lessons
        from graphgrad_tui.screens.catalogue import CatalogueScreen
        from graphgrad_tui.state import State

        lessons = list_lessons() if catalogue is None else tuple(catalogue)
        state = State.load()
        self._run(lambda: CatalogueScreen(lessons, state, ascii_only=self.ascii_only))

    def take(self, lesson: Lesson) -> None:
        """Take one lesson.

        Raises
        ------
        TerminalError
            If the streams are no terminal, or one that can't be drawn on.
        LessonError
            If the lesson can't be run.
        """
        _check_terminal("take", "`graphgrad walk ID --text` takes a lesson without a screen")
        from graphgrad.lessons.session import Session
        from graphgrad_tui.screens.lesson import LessonScreen
        from graphgrad_tui.state import State

        session, state = Session(lesson), State.load()

        def done(id: str, right: int, total: int) -> None:
            state.finished(id, right, total)
            state.save()

        self._run(lambda: LessonScreen(session, done, ascii_only=self.ascii_only))

    def _run(self, first: Callable[[], Screen[None]]) -> None:
        from graphgrad_tui.app import GraphgradApp

        app = GraphgradApp(first, ascii_only=self.ascii_only, theme=self.theme)
        # Textual keeps prints and warnings off the screen between its first and its last picture. What a thread of a
        # script says just before and after that, and what Textual says if it fails, waits until the screen is gone.
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                app.run()
        finally:
            sys.stderr.write(said.getvalue())
        if app.return_code:
            raise TerminalError("the terminal UI failed; what happened stands above")


def _check_terminal(what: str, instead: str) -> None:
    # Textual draws on the error stream, so that one counts as well.
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    if not all(stream is not None and stream.isatty() for stream in streams):
        raise TerminalError(describe(f"{what}: input, output and errors must go to a terminal", hint=instead))
    if os.environ.get("TERM") == "dumb":
        raise TerminalError(describe(f"{what}: a terminal of the kind TERM=dumb can't be drawn on", hint=instead))


def _shows_ascii_only() -> bool:
    encoding = (getattr(sys.__stdout__, "encoding", None) or "ascii").lower().replace("-", "").replace("_", "")
    return not encoding.startswith(("utf", "cp65001")) or os.environ.get("TERM") in ("linux", "vt100")
