"""A walk of 300 operations: how long it takes to open, and to go one step.

Opening is all that happens between a result and its first picture: the watched run and the layout. A step changes words
and states only.
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

STEPS = 20


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


def opened() -> Run:
    result = _network()

    def run() -> object:
        walk = gg.walk(result)
        return Drawing.of(walk).at(walk.at(-1))

    return run


def watched() -> Run:
    result = _network()
    return lambda: gg.walk(result)


def stepped() -> Run:
    walk = gg.walk(_network())
    drawing = Drawing.of(walk)
    moments = itertools.cycle([walk.at(i) for i in range(len(walk.steps))])
    return lambda: drawing.at(next(moments))


async def _in_terminal() -> tuple[float, float]:
    """Seconds from the result to its screen, in a terminal UI that has started; and from a key to the next screen."""
    app = GraphgradApp(lambda: WalkScreen(gg.walk(gg.scalar(1.0) * 2.0)))
    result = _network()
    async with app.run_test(size=(140, 44)) as pilot:
        start = time.perf_counter()
        await app.push_screen(WalkScreen(gg.walk(result), look=Look(folded=frozenset())))
        await pilot.pause()
        there = time.perf_counter()
        for _ in range(STEPS):
            await pilot.press("right")
        return there - start, (time.perf_counter() - there) / STEPS


def opened_in_terminal() -> Run:
    return lambda: asyncio.run(_in_terminal())[0]


def stepped_in_terminal() -> Run:
    return lambda: asyncio.run(_in_terminal())[1]


CASES = (
    Case(
        "a walk of 300 operations: opening it and one step",
        {"opening, with layout": opened, "the watched run alone": watched, "one step": stepped},
        ours="opening, with layout",
    ),
    Case(
        "the same walk in the terminal UI, every operation drawn",
        {"opening": opened_in_terminal, "one step, key to screen": stepped_in_terminal},
        ours="opening",
        times_itself=True,
    ),
)


def check() -> None:
    """The graph is as large as it says, and the limits that a person would feel hold with room."""
    graph = _network().graph()
    assert 280 <= len(graph.nodes) <= 340, len(graph.nodes)
