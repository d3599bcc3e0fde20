"""The README's pictures come out of their script."""

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "examples" / "pictures"


def words(path: Path) -> set[str]:
    """The texts of an SVG picture, without the blanks that pad them."""
    texts = ET.parse(path).getroot().iter("{http://www.w3.org/2000/svg}text")
    return {"".join(text.itertext()).replace("\xa0", " ").strip() for text in texts} - {""}


def test_the_script_makes_the_pictures_that_are_shown(tmp_path: Path, run_python: Any) -> None:
    shutil.copy(PICTURES / "make.py", tmp_path)
    run_python(str(tmp_path / "make.py"))
    for name in ("sigmoid_neuron.svg", "walk_screen.svg"):
        assert words(tmp_path / name) == words(PICTURES / name), f"run python examples/pictures/make.py: {name} is old"
    assert "0.03533" in " ".join(words(PICTURES / "sigmoid_neuron.svg"))
