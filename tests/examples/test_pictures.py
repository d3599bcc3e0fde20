"""The README's pictures come out of their script."""

import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "examples" / "pictures"
SVG = "{http://www.w3.org/2000/svg}"


def words(path: Path) -> set[str]:
    """The texts of an SVG picture, without the blanks that pad them."""
    texts = ET.parse(path).getroot().iter(f"{SVG}text")
    return {"".join(text.itertext()).replace("\xa0", " ").strip() for text in texts} - {""}


def moons(path: Path) -> tuple[list[tuple[str | None, ...]], list[int]]:
    """Of the picture of the boundary: where the points are, and how large an area each shade covers."""
    root = ET.parse(path).getroot()
    dots = [tuple(map(one.get, ("cx", "cy", "fill"))) for one in root.iter(f"{SVG}circle")]
    shades = [one.get("d") or "" for one in root.iter(f"{SVG}path")]
    return dots, [sum(map(int, re.findall(r"h(\d+)", shade))) for shade in shades]


def test_the_script_makes_the_pictures_that_are_shown(tmp_path: Path, run_python: Any) -> None:
    made = tmp_path / "pictures"
    made.mkdir()
    shutil.copy(PICTURES / "make.py", made)
    shutil.copy(PICTURES.parent / "moons_scalars.py", tmp_path)
    run_python(str(made / "make.py"))
    for name in ("sigmoid_neuron.svg", "walk_screen.svg"):
        assert words(made / name) == words(PICTURES / name), f"run python examples/pictures/make.py: {name} is old"
    assert "0.03533" in " ".join(words(PICTURES / "sigmoid_neuron.svg"))
    dots, areas = moons(made / "moons_boundary.svg")
    shown_dots, shown_areas = moons(PICTURES / "moons_boundary.svg")
    assert dots == shown_dots
    assert len(dots) == 100
    # The last digits of a sine are the machine's own, and 100 steps of training come after it.
    assert areas == pytest.approx(shown_areas, rel=0.02)
