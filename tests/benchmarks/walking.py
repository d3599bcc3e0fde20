"""A walk of 300 operations: how long it takes to open, and to go one step.

Opening is all that happens between a result and its first picture: the watched run, the layout and the drawing. A step
changes words and states only. In the terminal UI, Textual's test driver plays the terminal: what a real one needs to
paint its characters comes on top. The driver waits about 40 ms after each key, for the screen to rest; that is measured
with a key that does nothing, and taken off.
"""

from __future__ import annotations

import asyncio
import itertools
import time

import graphgrad as gg
from graphgrad.view.drawing import Drawing
from graphgrad.view.picture import Look
from graphgrad_tui.app import GraphgradApp
from graphgrad_tui.screens.walk import WalkScreen

from .harness import Case, Run

KEYS = 5
STEP, NOTHING = "right", "f12"


def _network() -> gg.Scalar:
    """A perceptron of single scalars, 4-10-10-1: about 300 operations."""
    inputs = [gg.scalar(0.1 * i, name=f"x{i}") for i in range(4)]
    layer = inputs
    for depth, width in enumerate((10, 10, 1)):
        with gg.scope(f"layer{depth}"):
            neurons = []
            for unit in range(width):
                with gg.scope(f"unit{unit}"):
                    total = gg.scalar(0.1, name="b")
                    for i, x in enumerate(layer):
                        total = total + gg.scalar(0.01 * (i - unit), name=f"w{i}") * x
                    neurons.append(gg.tanh(total))
            layer = neurons
    return layer[0]


def watched() -> Run:
    result = _network()
    return lambda: gg.walk(result)


def opened() -> Run:
    result = _network()

    def run() -> object:
        walk = gg.walk(result)
        return Drawing.of(walk).at(walk.at(-1))

    return run


def stepped() -> Run:
    walk = gg.walk(_network())
    drawing = Drawing.of(walk)
    moments = itertools.cycle([walk.at(i) for i in range(len(walk.steps))])
    return lambda: drawing.at(next(moments))


async def _in_terminal(keys: int) -> tuple[float, float]:
    """Seconds from the result to its screen, in a terminal UI that has started; and from a key to the next screen."""
    app = GraphgradApp(lambda: WalkScreen(gg.walk(gg.scalar(1.0) * 2.0)))
    result = _network()
    async with app.run_test(size=(140, 44)) as pilot:
        start = time.perf_counter()
        await app.push_screen(WalkScreen(gg.walk(result), look=Look(folded=frozenset())))
        await pilot.pause()
        opening = time.perf_counter() - start
        seconds = dict.fromkeys((STEP, NOTHING), 0.0)
        for key in (STEP, NOTHING) * keys:
            start = time.perf_counter()
            await pilot.press(key)
            seconds[key] += time.perf_counter() - start
        return opening, (seconds[STEP] - seconds[NOTHING]) / max(keys, 1)


def opened_in_terminal() -> Run:
    return lambda: asyncio.run(_in_terminal(keys=0))[0]


def stepped_in_terminal() -> Run:
    return lambda: asyncio.run(_in_terminal(KEYS))[1]


# What a person feels: a second is a wait, a tenth of one is at once.
CASES = (
    Case(
        "a walk of 300 operations",
        {"the watched run alone": watched, "opening: run, layout, drawing": opened, "one step": stepped},
        seconds={"opening: run, layout, drawing": 1.0, "one step": 0.1},
    ),
    Case(
        "the same walk in the terminal UI, every operation drawn",
        {"opening": opened_in_terminal, "one step, from key to screen": stepped_in_terminal},
        seconds={"opening": 1.0, "one step, from key to screen": 0.1},
        times_itself=True,
        rounds=9,
    ),
)


def check() -> None:
    """The graph is as large as it says."""
    graph = _network().graph()
    assert 280 <= len(graph.nodes) <= 340, len(graph.nodes)
