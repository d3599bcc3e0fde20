"""What the tests of the terminal UI share: walks, a terminal of a given size, and the text that stands on it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from textual import events
from textual.pilot import Pilot
from textual.screen import Screen

import graphgrad as gg
from graphgrad.walk.walk import Walk
from graphgrad_tui.app import GraphgradApp
from graphgrad_tui.screens.walk import WalkScreen

SIZES = [(80, 24), (120, 40), (200, 60)]


def neuron() -> Walk:
    """W003 without its names: w · x + b, squashed."""
    with gg.record():
        x, w, b = gg.scalar(2.0), gg.scalar(-3.0), gg.scalar(1.0)
        z = w * x + b
        y = gg.sigmoid(z)
    return gg.walk(y, title="a neuron")


def fan_out() -> Walk:
    a, b = gg.scalar(2.0, name="a"), gg.scalar(-3.0, name="b")
    c = a * b
    d = c + a
    return gg.walk(d * d * a, title="fan-out")


def layers() -> Walk:
    """Two layers with scopes, too wide for a small screen."""
    rng = np.random.default_rng(0)

    def parameter(*shape: int, name: str) -> gg.Tensor:
        return gg.tensor(rng.normal(size=shape), requires_grad=True, name=name)

    x = gg.tensor(rng.normal(size=(4, 3)), name="X")
    w1, b1, w2, b2 = (
        parameter(3, 5, name="W1"),
        parameter(5, name="b1"),
        parameter(5, 2, name="W2"),
        parameter(2, name="b2"),
    )
    with gg.scope("net"):
        with gg.scope("hidden"):
            h = gg.relu(x @ w1 + b1)
        with gg.scope("out"):
            y = h @ w2.T.T + b2
    return gg.walk(gg.mean(y * y), title="layers")


def broken() -> Walk:
    """One of the numbers is not one."""
    x = gg.tensor([-1.0, 2.0], requires_grad=True, name="x")
    with np.errstate(invalid="ignore"):
        return gg.walk(gg.sum(gg.log(x)), title="a logarithm")


class Terminal:
    """A terminal with somebody at its keys."""

    def __init__(self, app: GraphgradApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def screen(self) -> Any:
        """The screen on top."""
        return self.app.screen

    def text(self) -> str:
        """What stands on the screen, a line per row."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)

    def part(self, selector: str) -> str:
        """What stands in one widget."""
        region = self.screen.query_one(selector).region
        rows = self.text().split("\n")[region.y : region.bottom]
        return "\n".join(row[region.x : region.right].rstrip() for row in rows)

    def cells(self) -> list[list[tuple[str, Any]]]:
        """The runs of each row, with their styles."""
        return [[(segment.text, segment.style) for segment in s] for s in self.app.screen._compositor.render_strips()]

    def current(self) -> list[str]:
        """The first lines of the boxes that something happens at."""
        picture = self.screen.canvas.picture
        return [label.lines[0] for label in picture.labels.values() if label.state == "current"]

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other, and wait for what comes of each."""
        for key in keys:
            self.app.post_message(events.Key(key, None))
            await self.settle()

    async def type(self, text: str) -> None:
        """Type a text, and enter."""
        for char in text:
            self.app.post_message(events.Key(_KEYS.get(char, char), char))
        await self.press("enter")

    async def settle(self) -> None:
        """Wait until nothing is under way.

        A pilot would wait for the process to use no time, 20 ms at least and several times for each key. That nothing
        is under way can be known: no worker, no animation, nothing to draw, and no message in a queue, a few times in a
        row, for what is done last may post a message.
        """
        quiet = 0
        for _ in range(5_000):
            await self.pilot.pause(0)
            await self.app.animator.wait_until_complete()
            quiet = 0 if self._is_busy() else quiet + 1
            if quiet == _ROUNDS or not self.app.is_running:
                return
            if self._is_working():
                await asyncio.sleep(0.002)
        raise AssertionError("the terminal never came to rest")

    def _is_working(self) -> bool:
        return any(not worker.is_finished for worker in self.app.workers)

    def _is_busy(self) -> bool:
        screen = self.screen
        return (
            self._is_working()
            or getattr(screen, "is_laying_out", False)
            or bool(screen._callbacks or screen._next_callbacks or screen._layout_required or screen._dirty_widgets)
            or any(widget.message_queue_size for widget in (self.app, *screen.walk_children(with_self=True)))
        )


# What a message leads to comes with the next round, and a screen draws itself anew once more after that.
_ROUNDS = 4
_KEYS = {"+": "plus", "-": "minus", ".": "full_stop", " ": "space", "?": "question_mark", "/": "slash"}


@asynccontextmanager
async def terminal(
    first: Walk | Callable[[], Screen[None]],
    size: tuple[int, int] = (120, 40),
    *,
    ascii_only: bool = False,
    theme: str = "graphgrad-dark",
    **options: Any,
) -> AsyncIterator[Terminal]:
    """A terminal that shows a walk, or whatever screen is made."""

    def screen() -> Screen[None]:
        return WalkScreen(first, ascii_only=ascii_only, **options) if isinstance(first, Walk) else first()

    app = GraphgradApp(screen, ascii_only=ascii_only, theme=theme)
    async with app.run_test(size=size, notifications=True) as pilot:
        it = Terminal(app, pilot)
        await it.settle()
        yield it
