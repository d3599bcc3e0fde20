"""The example on two moons: it separates them, draws the boundary, and ends with one point's backward pass."""

from __future__ import annotations

import re
import runpy
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import graphgrad as gg

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "moons_scalars.py"


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    """What the script defines."""
    return runpy.run_path(str(SCRIPT))


def test_it_separates_the_moons_and_shows_it(run_python: Any) -> None:
    done = run_python(str(SCRIPT))
    assert done.stderr == ""
    steps = re.findall(r"step +(\d+) +loss ([\d.]+) +(\d+)% of the points on the right side", done.stdout)
    assert [int(step) for step, _, _ in steps] == [0, 20, 40, 60, 80, 100]
    assert int(steps[0][2]) < 90
    assert int(steps[-1][2]) == 100
    assert float(steps[-1][1]) < 0.05 * float(steps[0][1])
    rows = done.stdout.split("\n\n")[1].splitlines()
    assert len(rows) == 21
    assert all(len(row) == 64 and set(row) <= set("░ ●○") for row in rows)
    # Every point is among its own: left and right of it are shades of its side, or points.
    picture = np.array([list(row) for row in rows])
    assert "●" in picture
    assert "○" in picture
    for own, other in (("●", " "), ("○", "░")):
        for row, column in zip(*np.nonzero(picture == own), strict=True):
            beside = picture[row, max(column - 1, 0) : column + 2]
            assert np.sum(beside == other) <= 1
    assert "graphgrad walk examples/moons_scalars.py" in done.stdout
    assert "The hardest point is" in done.stdout


def test_the_seed_decides_everything(run_python: Any) -> None:
    runs = [run_python(str(SCRIPT), "--steps", "3", "--hidden", "4", "--seed", seed).stdout for seed in ("1", "1", "2")]
    assert runs[0] == runs[1] != runs[2]
    assert "2-4-4-1 with 37 parameters" in runs[0]


def test_its_one_backward_pass_is_that_of_a_point(monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[gg.Scalar] = []
    backward = gg.Scalar.backward

    def noted(result: gg.Scalar, *args: Any) -> None:
        passes.append(result)
        backward(result, *args)

    monkeypatch.setattr(gg.Scalar, "backward", noted)
    monkeypatch.setattr("sys.argv", [str(SCRIPT), "--steps", "2"])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    (margin,) = passes
    graph = margin.graph()
    ops = [node.op for node in graph.nodes]
    assert (ops.count("relu"), ops.count("multiply")) == (32, 2 * 16 + 16 * 16 + 16 + 1)
    names = {leaf.name for leaf in graph.leaves}
    assert {"x", "y", "layer0.neuron15.w1", "layer1.neuron7.b", "layer2.neuron0.w3"} <= names


def test_the_walk_is_of_that_point_in_layers_and_neurons(run_python: Any) -> None:
    done = run_python(
        "-m", "graphgrad", "walk", str(SCRIPT), "--text", "--step", "0", "--", "--steps", "2", "--hidden", "3"
    )
    assert "pass 1 of 1" in done.stdout
    done = run_python("-m", "graphgrad", "walk", str(SCRIPT), "--text", "--", "--steps", "2", "--hidden", "3")
    assert re.search(r"forward +layer1\.neuron2 = relu\(", done.stdout)
    assert re.search(r"forward +margin = -?1 · layer2\.neuron0 = ", done.stdout)
    assert re.search(r"gradient +∂margin/∂x = ", done.stdout)


def test_an_image_is_written_whole(run_python: Any, tmp_path: Path) -> None:
    svg, png = tmp_path / "moons.svg", tmp_path / "moons.png"
    for image in (svg, png):
        done = run_python(str(SCRIPT), "--steps", "5", "--image", str(image))
        assert f"written: {image}" in done.stdout
    root = ET.parse(svg).getroot()
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == 100
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    size = struct.unpack(">II", png.read_bytes()[16:24])
    assert size == (2 * float(root.attrib["width"]), 2 * float(root.attrib["height"]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["moons.png", "moons.svg"]


def test_an_image_of_another_kind_is_refused_before_training(run_python: Any, tmp_path: Path) -> None:
    done = run_python(str(SCRIPT), "--image", str(tmp_path / "moons.gif"), check=False)
    assert done.returncode == 2
    assert "a file that ends in .svg or .png" in done.stderr
    assert done.stdout == ""


def test_the_moons_are_two_half_circles(example: dict[str, Any]) -> None:
    points, sides = example["two_moons"](50, 0.0, np.random.default_rng(0))
    assert points.shape == (50, 2)
    assert np.sum(sides) == 0
    for side, middle in ((1, (0, 0)), (-1, (1, 0.5))):
        away = points[sides == side] - middle
        np.testing.assert_allclose(np.hypot(*away.T), 1.0)
        assert np.all(away[:, 1] * side >= 0)


def test_cells_are_where_the_grid_is(example: dict[str, Any]) -> None:
    middles = example["grid"](8, 5)
    expected = [(column + 0.5, row + 0.5) for row in range(5) for column in range(8)]
    np.testing.assert_allclose(example["cells"](middles, 8, 5), expected)


def test_the_pictures_show_the_scores(example: dict[str, Any]) -> None:
    scores = np.array([[-2.0, -0.5, 0.5, 2.0], [2.0, 2.0, -2.0, -2.0]])
    points, sides = example["grid"](4, 2)[[0, 3, 4]], np.array([-1.0, 1.0, -1.0])
    picture = example["text_picture"](scores, points, sides)
    assert picture.plain == "○ ░●\n○░  \n"
    root = ET.fromstring(example["svg_picture"](scores, points, sides))
    paths = [path.get("d") for path in root.iter("{http://www.w3.org/2000/svg}path")]
    assert paths == ["M0 0h1v1h-1zM2 1h2v1h-2z", "M1 0h1v1h-1z", "M2 0h1v1h-1z", "M3 0h1v1h-1zM0 1h2v1h-2z"]


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_terminal_has_colours_unless_the_user_wants_none(
    example: dict[str, Any], no_color: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm")
    picture = example["text_picture"](np.array([[-1.0, 1.0]]), np.zeros((0, 2)), np.zeros(0))
    screen = Console(force_terminal=True)
    with screen.capture() as capture:
        screen.print(picture)
    assert ("\x1b[" in capture.get()) == coloured
    assert "░" in capture.get()


def test_an_image_that_cannot_be_written_says_why(tmp_path: Path, environment: dict[str, str]) -> None:
    missing = tmp_path / "none" / "moons.svg"
    command = [sys.executable, str(SCRIPT), "--steps", "1", "--hidden", "2", "--image", str(missing)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert "FileNotFoundError" in done.stderr
    assert not missing.parent.exists()
