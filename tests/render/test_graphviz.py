import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from graphgrad.render import graphviz
from graphgrad.render.dot import to_dot
from graphgrad.render.fonts import REGULAR
from graphgrad.render.graphviz import VARIABLE, available, choose, draw
from graphgrad.view.drawing import Drawing
from graphgrad.walk.walk import Walk

from .conftest import HOSTILE

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="no dot on this machine")
needs_pygraphviz = pytest.mark.skipif(importlib.util.find_spec("pygraphviz") is None, reason="no pygraphviz")


def dot_of(walk: Walk) -> str:
    drawing = Drawing.of(walk)
    return to_dot(drawing, drawing.at(None))


def texts(svg: bytes) -> list[str]:
    return ["".join(one.itertext()) for one in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_the_call_chooses_then_the_environment_then_we_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert choose(None) == "builtin"
    monkeypatch.setenv(VARIABLE, "pygraphviz")
    assert choose(None) == "pygraphviz"
    assert choose("dot") == "dot"
    monkeypatch.setenv(VARIABLE, "")
    assert choose(None) == "builtin"


def test_unknown_engines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="did you mean 'pygraphviz'"):
        choose("pygraphvis")
    monkeypatch.setenv(VARIABLE, "neato")
    with pytest.raises(ValueError, match=VARIABLE):
        choose(None)


def test_without_graphviz_we_are_told_and_nothing_breaks(square: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphviz, "available", lambda: ("builtin",))
    with pytest.warns(RuntimeWarning, match="isn't installed.*built-in layout"):
        assert draw(dot_of(square), "svg", "dot", 2) is None


def test_a_program_that_fails_is_quoted(square: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys; print('noise', file=sys.stderr); print('syntax error', file=sys.stderr); sys.exit(3)"
    monkeypatch.setattr(graphviz, "available", lambda: ("builtin", "dot"))
    monkeypatch.setattr(graphviz, "_command", lambda *_: [sys.executable, "-c", code])
    with pytest.warns(RuntimeWarning, match="dot failed: syntax error"):
        assert draw(dot_of(square), "svg", "dot", 2) is None


def test_a_program_that_hangs_is_stopped(square: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphviz, "available", lambda: ("builtin", "dot"))
    monkeypatch.setattr(graphviz, "_command", lambda *_: [sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.warns(RuntimeWarning, match="longer than 0.2 seconds"):
        assert draw(dot_of(square), "svg", "dot", 2, seconds=0.2) is None


def test_a_program_that_is_gone_is_no_crash(square: Walk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(graphviz, "available", lambda: ("builtin", "dot"))
    monkeypatch.setattr(graphviz, "_command", lambda *_: [str(tmp_path / "no-such-program")])
    with pytest.warns(RuntimeWarning, match="can't be run"):
        assert draw(dot_of(square), "svg", "dot", 2) is None


def test_too_many_boxes_are_not_laid_out(square: Walk) -> None:
    with pytest.warns(RuntimeWarning, match="2,000 boxes"):
        assert draw(dot_of(square), "svg", "dot", 2_000) is None


def test_pygraphviz_steps_in_for_a_dot_that_fails(square: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphviz, "available", lambda: ("builtin", "dot", "pygraphviz"))
    codes = {"dot": "import sys; sys.exit(1)", "pygraphviz": "print('drawn', end='')"}
    monkeypatch.setattr(graphviz, "_command", lambda engine, _: [sys.executable, "-c", codes[engine]])
    assert draw(dot_of(square), "svg", "dot", 2) == b"drawn"


@needs_dot
@pytest.mark.parametrize("name", ["neuron", "layers", "square"])
def test_dot_draws_every_label(name: str, request: pytest.FixtureRequest) -> None:
    drawing = Drawing.of(request.getfixturevalue(name))
    picture = drawing.at(None)
    svg = draw(to_dot(drawing, picture), "svg", "dot", 9)
    assert svg is not None
    found = [text.replace("\xa0", " ") for text in texts(svg)]
    for label in picture.labels.values():
        assert set(label.lines) <= set(found)


@needs_dot
@pytest.mark.parametrize("name", HOSTILE)
def test_dot_shows_hostile_names_as_they_are(name: str, walk_named: Callable[[str], Walk]) -> None:
    drawing = Drawing.of(walk_named(name))
    picture = drawing.at(None)
    svg = draw(to_dot(drawing, picture), "svg", "dot", 5)
    assert svg is not None
    found = {" ".join(text.split()) for text in texts(svg)}
    from graphgrad.render.fonts import shown

    for label in picture.labels.values():
        assert {" ".join(shown(line).split()) for line in label.lines} <= found


def test_the_font_is_found_and_the_package_stays_untouched() -> None:
    with graphviz._fonts() as environment:
        conf = Path(environment["FONTCONFIG_FILE"])
        folders = [Path(one.text or "") for one in ET.parse(conf).getroot() if one.tag in ("dir", "cachedir")]
        assert (folders[0] / REGULAR.name).read_bytes() == REGULAR.read_bytes()
        assert all(REGULAR.parent not in (folder, *folder.parents) for folder in folders)
    assert not conf.parent.exists()


@needs_dot
def test_dot_draws_pdf(square: Walk) -> None:
    drawn = draw(dot_of(square), "pdf", "dot", 2)
    assert drawn is not None
    assert drawn.startswith(b"%PDF")


@needs_pygraphviz
def test_pygraphviz_draws_in_a_process_of_its_own(square: Walk) -> None:
    assert "pygraphviz" in available()
    svg = draw(dot_of(square), "svg", "pygraphviz", 2)
    assert svg is not None
    assert any("multiply" in text for text in texts(svg))
    assert "pygraphviz" not in sys.modules
