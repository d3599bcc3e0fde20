"""Make the pictures that the README shows: ``python examples/pictures/make.py``.

All are made by graphgrad itself: a rendered graph, a screenshot of the terminal UI some steps into a walk, and what the
example about two moons draws.
"""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from graphgrad.lessons import Session, open_lesson
from graphgrad.walk import Walk
from graphgrad_tui.app import GraphgradApp
from graphgrad_tui.screens.walk import WalkScreen

HERE = Path(__file__).parent
SIZE = (124, 34)
STEPS = 11


def neuron() -> Walk:
    """The walk of the first lesson: a neuron with two inputs."""
    return Session(open_lesson("sigmoid-neuron")).run.passes[0]


async def screenshot() -> str:
    """The walk screen in the middle of the backward pass."""
    app = GraphgradApp(lambda: WalkScreen(neuron()))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press(*["right"] * STEPS)
        await pilot.pause()
        picture = app.export_screenshot(title="graphgrad")
    # A picture that stands alone: any monospaced font will do, none is fetched.
    picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)
    return picture.replace("Fira Code", "DejaVu Sans Mono")


def main() -> None:
    neuron().graph.render(HERE / "sigmoid_neuron.svg")
    (HERE / "walk_screen.svg").write_text(asyncio.run(screenshot()), encoding="utf-8")
    moons = [sys.executable, str(HERE.parent / "moons_scalars.py"), "--image", str(HERE / "moons_boundary.svg")]
    subprocess.run(moons, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
