import importlib
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from graphgrad.render.export import FORMATS
from graphgrad.render.visualizers import Svg
from graphgrad.walk.visualizers import GROUP, find_visualizer
from graphgrad.walk.walk import Walk

ROOT = Path(__file__).resolve().parents[2]


def registered() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    table: dict[str, str] = project["entry-points"]["graphgrad.visualizers"]
    return table


def test_every_format_is_registered() -> None:
    assert {"text", *FORMATS} <= set(registered())


@pytest.mark.parametrize("kind", FORMATS)
def test_a_registered_renderer_writes_its_format(kind: str, square: Walk, tmp_path: Path) -> None:
    module, _, name = registered()[kind].partition(":")
    visualizer = getattr(importlib.import_module(module), name)()
    path = tmp_path / f"a.{kind}"
    assert visualizer.show(square, path) == path
    assert path.stat().st_size > 100
    with pytest.raises(ValueError, match=f"ends? in .{kind}"):
        visualizer.show(square, tmp_path / "a.other")
    assert len(list(tmp_path.iterdir())) == 1


def test_options_are_passed_on(square: Walk, tmp_path: Path) -> None:
    first = Svg().show(square, tmp_path / "a.svg", step=-1).read_bytes()
    assert first != Svg().show(square, tmp_path / "a.svg").read_bytes()


class Mine:
    """A third party's visualizer."""

    def show(self, walk: Walk, *args: Any, **options: Any) -> Any:
        return walk.title, args, options


def test_a_third_party_is_found_as_before(square: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("mine", f"{Mine.__module__}:Mine", GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda self: Mine)
    monkeypatch.setattr(sys.modules[find_visualizer.__module__], "entry_points", lambda group: [point])
    assert square.show("mine", 1, colour="red") == ("A square", (1,), {"colour": "red"})
