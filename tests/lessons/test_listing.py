"""The catalogue and the opening of lessons; and the examples in the docstrings of this room."""

import doctest
import importlib
from pathlib import Path

import pytest

from graphgrad.lessons import catalogue, curriculum, open_lesson
from graphgrad.lessons.lesson import LessonError
from graphgrad.lessons.listing import FOLDER
from tests.conftest import RunPython
from tests.lessons import parts

MODULES = ("checking", "expressions", "lesson", "listing", "questions", "running", "session", "text")
WITH_EXAMPLES = ("checking", "expressions", "listing", "running", "session", "text")


def test_the_catalogue() -> None:
    infos = catalogue()
    ids = [info.id for info in infos]
    assert ids[:3] == ["sigmoid-neuron", "fan-out", "backward-twice"]
    assert {"broadcast-gradient", "softmax-cross-entropy"} <= set(ids)
    assert [info.part for info in infos] == sorted(info.part for info in infos)
    for info in infos:
        assert curriculum.part(info.part)
        assert info.path == FOLDER / f"{info.id}.md"


def test_own_lessons(tmp_path: Path) -> None:
    (tmp_path / "small.md").write_text(parts.text(), encoding="utf-8")
    assert [info.id for info in catalogue(tmp_path)] == ["small"]
    by_id, by_path = open_lesson("small", tmp_path), open_lesson(tmp_path / "small.md")
    assert by_id.pages == by_path.pages
    assert by_path.filename == str(tmp_path / "small.md")
    (tmp_path / "broken.md").write_bytes(b"\xff\xfe")
    with pytest.raises(LessonError, match=r"broken\.md:1: not a text in UTF-8"):
        catalogue(tmp_path)


def test_unknown_lessons() -> None:
    with pytest.raises(LookupError, match=r"(?s)no lesson 'sigmoid_neuron'.*did you mean sigmoid-neuron\?"):
        open_lesson("sigmoid_neuron")
    with pytest.raises(LookupError, match="no lesson file"):
        open_lesson("nowhere/at-all.md")
    with pytest.raises(LookupError, match=r"no lesson '\.\./lesson'"):
        open_lesson("../lesson")


def test_the_package_doesnt_show_where_it_lies() -> None:
    assert open_lesson("fan-out").filename == "fan-out.md"


def test_listing_is_light(run_python: RunPython) -> None:
    code = "import sys; from graphgrad.lessons import catalogue; catalogue(); print(*sys.modules)"
    loaded = set(run_python("-c", code).stdout.split())
    assert not loaded & {"numba", "scipy", "networkx", "textual", "typer", "graphviz", "safetensors", "matplotlib"}
    assert "graphgrad.lessons.session" not in loaded
    assert "graphgrad.walk.walk" not in loaded


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(f"graphgrad.lessons.{name}")
    result = doctest.testmod(module)
    assert result.failed == 0
    assert (result.attempted > 0) is (name in WITH_EXAMPLES)
