import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import graphgrad as gg
from graphgrad.graph.errors import GraphError
from graphgrad.graph.graph import Graph
from graphgrad.render import FORMATS, render
from graphgrad.render.export import svg_of
from graphgrad.render.graphviz import VARIABLE
from graphgrad.view.picture import Look
from graphgrad.walk.file import load
from graphgrad.walk.walk import Walk

ROOT = Path(__file__).resolve().parents[2]
STARTS = {
    "svg": b"<svg ",
    "png": b"\x89PNG",
    "pdf": b"%PDF",
    "dot": b"digraph",
    "html": b"<!DOCTYPE html>",
    "json": b"{",
}


def square_of(number: float) -> gg.Scalar:
    x = gg.scalar(number, name="x")
    return x * x


@pytest.fixture(autouse=True)
def _builtin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_suffix_says_what_is_written(kind: str, neuron: Walk, tmp_path: Path) -> None:
    path = tmp_path / f"neuron.{kind.upper() if kind == 'svg' else kind}"
    assert render(neuron, path) == path
    assert path.read_bytes().startswith(STARTS.get(kind, b"A sigmoid neuron"))
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_walk_gives_the_same_bytes(kind: str, layers: Walk, tmp_path: Path) -> None:
    first, second = (render(layers, tmp_path / f"{name}.{kind}").read_bytes() for name in "ab")
    assert first == second


@pytest.mark.parametrize(
    ("name", "hint"),
    [("a.svgz", "did you mean .svg"), ("a.htm", "did you mean .html"), ("a", "no suffix"), ("a.text", ".txt")],
)
def test_unknown_suffixes_are_refused(name: str, hint: str, square: Walk, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=hint):
        render(square, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_bad_options_are_refused_before_anything_is_written(square: Walk, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_text("old")
    bad: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"engine": "doot"}, ValueError, "did you mean 'dot'"),
        ({"granularity": "concept"}, ValueError, "did you mean 'concepts'"),
        ({"step": 99}, IndexError, "no step 99"),
        ({"step": -7}, IndexError, "no step -7"),
        ({"step": 0, "values": False}, ValueError, "exclude each other"),
        ({"scale": 0}, ValueError, "scale"),
    ]
    for options, error, message in bad:
        for kind in FORMATS:
            for source in (square, Graph.of(square_of(3.0))):
                with pytest.raises(error, match=message):
                    render(source, tmp_path / f"b.{kind}", **options)
    with pytest.raises(TypeError, match="can't draw a str"):
        render("square", path)  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_engine_is_checked_for_every_format(square: Walk, tmp_path: Path) -> None:
    for kind in FORMATS:
        with pytest.raises(ValueError, match="engine"):
            render(square, tmp_path / f"a.{kind}", engine="doot")  # type: ignore[arg-type]


def test_a_failure_while_drawing_leaves_the_old_file(
    square: Walk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise RuntimeError("half-way")

    monkeypatch.setattr("graphgrad.render.export.to_png", fail)
    path = tmp_path / "a.png"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="half-way"):
        render(square, path)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


# ---- sources


def test_scalars_tensors_and_graphs_are_walked_for_their_numbers(tmp_path: Path) -> None:
    x = gg.scalar(3.0, name="x")
    t = gg.tensor([1.0, 2.0], requires_grad=True, name="t")
    for i, source in enumerate((x * x, (x * x).graph(), gg.sum(t * t))):
        text = render(source, tmp_path / f"{i}.txt").read_text(encoding="utf-8")
        assert "∂ 6" in text or "∂ [2 4]" in text
    assert x.grad is None
    assert t.grad is None


def test_what_cannot_be_walked_is_drawn_without_numbers_and_says_so(tmp_path: Path) -> None:
    t = gg.tensor([1.0, 2.0], requires_grad=True, name="t")
    y = t * t
    text = render(y, tmp_path / "a.txt").read_text(encoding="utf-8")
    assert "numbers not shown: the result has shape (2,)" in text
    loss = gg.sum(y)
    t.data = [5.0, 6.0]
    text = render(loss, tmp_path / "b.txt").read_text(encoding="utf-8")
    assert "numbers not shown: written since the result was computed: t" in text
    for options in ({"values": True}, {"step": 0}):
        with pytest.raises(GraphError, match="written since"):
            render(loss, tmp_path / "c.txt", **options)
    assert not (tmp_path / "c.txt").exists()


def test_the_structure_alone(square: Walk, tmp_path: Path) -> None:
    for source in (square, square.graph):
        assert "9" not in render(source, tmp_path / "a.txt", values=False).read_text(encoding="utf-8")


def test_a_step_is_drawn(neuron: Walk, tmp_path: Path) -> None:
    texts = [render(neuron, tmp_path / "a.txt", step=step).read_text(encoding="utf-8") for step in (-1, 0, 5, None)]
    assert len(set(texts)) == 4
    assert texts[0].count("= —") == 5
    assert "∂ 0.03533" in texts[3]


def test_the_look_reaches_the_picture(layers: Walk, tmp_path: Path) -> None:
    text = render(layers, tmp_path / "a.dot", look=Look(direction="LR", folded=frozenset({"encoder"}))).read_text()
    assert "rankdir=LR" in text
    assert "peripheries" in text


def test_data_can_be_opened_again(layers: Walk, tmp_path: Path) -> None:
    again = load(render(layers, tmp_path / "walk.json"))
    assert isinstance(again, Walk)
    assert again.steps == layers.steps
    graph = load(render(layers.graph, tmp_path / "graph.json"))
    assert not isinstance(graph, Walk)
    assert json.loads((tmp_path / "graph.json").read_text())["kind"] == "graph"


# ---- methods of a graph


def test_a_graph_draws_itself(tmp_path: Path) -> None:
    x = gg.scalar(3.0, name="x")
    graph = (x * x).graph()
    assert graph.render(tmp_path / "a.svg", look=Look(direction="LR")) == tmp_path / "a.svg"
    assert graph._repr_svg_() == svg_of(graph)
    bundle = graph._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg ")
    assert bundle["text/plain"] == repr(graph)


# ---- engines


def test_a_missing_graphviz_is_replaced_with_a_warning(
    square: Walk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphgrad.render.graphviz.available", lambda: ("builtin",))
    for kind in ("svg", "png", "pdf"):
        with pytest.warns(RuntimeWarning, match="built-in layout"):
            other = render(square, tmp_path / f"a.{kind}", engine="dot").read_bytes()
        assert other == render(square, tmp_path / f"b.{kind}").read_bytes()


def test_an_engine_draws_all_three_kinds(square: Walk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="8pt" height="8pt"><rect width="9" height="9"/></svg>'
    asked = []

    def draw(dot: str, kind: str, engine: str, boxes: int) -> bytes:
        asked.append((kind, engine, boxes))
        return b"%PDF drawn" if kind == "pdf" else svg

    monkeypatch.setattr("graphgrad.render.export.draw", draw)
    monkeypatch.setenv(VARIABLE, "dot")
    assert render(square, tmp_path / "a.svg").read_bytes() == svg
    assert render(square, tmp_path / "a.pdf").read_bytes() == b"%PDF drawn"
    assert render(square, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert asked == [("svg", "dot", 2), ("pdf", "dot", 2), ("svg", "dot", 2)]
    assert render(square, tmp_path / "b.svg", engine="builtin").read_bytes() != svg


BARE = """
import pathlib, sys
import graphgrad as gg
from graphgrad.render import FORMATS, render
x = gg.scalar(3.0, name="x")
for kind in FORMATS:
    render(x * x, pathlib.Path(sys.argv[1]) / f"a.{kind}")
for name in ("matplotlib", "textual", "numba", "scipy", "graphviz"):
    assert name not in sys.modules, name
"""


def test_no_programs_and_no_fonts_are_needed(tmp_path: Path) -> None:
    fonts = tmp_path / "fonts.conf"
    fonts.write_text('<?xml version="1.0"?><fontconfig></fontconfig>')
    out = tmp_path / "out"
    out.mkdir()
    environment = {
        **{name: os.environ[name] for name in ("SYSTEMROOT", "VIRTUAL_ENV") if name in os.environ},
        "PATH": str(tmp_path),
        "FONTCONFIG_FILE": str(fonts),
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BARE, str(out)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    x = gg.scalar(3.0, name="x")
    for kind in FORMATS:
        if kind != "json":  # numbers of vertices differ from process to process
            assert (out / f"a.{kind}").stat().st_size > 100
    assert (out / "a.png").read_bytes() == render(x * x, tmp_path / "here.png").read_bytes()


def test_a_large_graph_is_folded(tmp_path: Path) -> None:
    y = gg.scalar(0.5, name="x")
    for _ in range(20_000):
        y = gg.tanh(y)
    text = render(y, tmp_path / "chain.txt").read_text(encoding="utf-8")
    assert "operations are folded" in text
    assert "numbers not shown: the graph has 20,001 vertices" in text
    assert len(text.splitlines()) < 1_500
