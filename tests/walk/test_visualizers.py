from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import graphgrad as gg
from graphgrad.walk.trace import walk
from graphgrad.walk.visualizers import GROUP, find_visualizer, visualizers


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with a visualizer, installed as far as importlib.metadata can tell."""
    (tmp_path / "third_party_shows.py").write_text(
        "class Mine:\n    def show(self, walk, *args, **options):\n        return len(walk.steps), args, options\n"
    )
    info = tmp_path / "third_party-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nmine = third_party_shows:Mine\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("third_party_shows", None)


@pytest.mark.usefixtures("third_party")
def test_a_third_party_visualizer_is_found_and_used() -> None:
    assert "mine" in visualizers()
    assert "third_party_shows" not in sys.modules, "looking which there are loads none"
    w = walk(gg.tanh(gg.scalar(1.0)))
    assert w.show("mine", "here", size=3) == (3, ("here",), {"size": 3})


@pytest.mark.usefixtures("third_party")
def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(LookupError, match=r"(?s)called 'mime'.*registered: .*mine.*did you mean mine"):
        find_visualizer("mime")


def test_nothing_near_asks_for_the_package() -> None:
    with pytest.raises(LookupError, match="is the package that brings it installed"):
        walk(gg.scalar(1.0)).show("zzzzzzzz")


def test_the_group_is_the_one_that_packages_name() -> None:
    assert GROUP == "graphgrad.visualizers"
    assert {point.name for point in entry_points(group=GROUP)} == set(visualizers())
