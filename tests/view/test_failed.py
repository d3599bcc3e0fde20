"""An operation that raised, in pictures, captions, the inspector and every format."""

import json
import re

import pytest

import graphgrad as gg
from graphgrad.render.dot import to_dot
from graphgrad.render.export import render
from graphgrad.render.html import to_html
from graphgrad.render.svg import to_svg
from graphgrad.render.text import walk_lines
from graphgrad.render.theme import BOXES, LEGEND
from graphgrad.render.txt import to_txt
from graphgrad.view.captions import caption
from graphgrad.view.drawing import Drawing
from graphgrad.view.formula import Formulas
from graphgrad.view.inspect import inspect
from graphgrad.view.names import names
from graphgrad.view.picture import Look
from tests.walk.failed import failed_graph, failed_vertex, failed_walk

SAYS = "matmul: the last axis of a (3) must be as long as the second-last axis of b (2)"


@pytest.fixture(scope="module")
def walk():
    return failed_walk()


def test_its_box_waits_and_then_has_failed(walk):
    drawing = Drawing.of(walk)
    box = drawing.box_of(failed_vertex(walk).id)
    labels = [drawing.at(walk.at(step)).labels[box] for step in range(-1, 4)]
    assert [label.state for label in labels] == ["waiting"] * 4 + ["failed"]
    assert {label.lines for label in labels} == {("@ y = —",)}
    picture = drawing.at()
    assert picture.labels[box].state == "failed"
    assert [label.state for label in picture.labels.values()].count("failed") == 1


def test_its_links_are_carried_at_its_own_step(walk):
    drawing = Drawing.of(walk)
    id = failed_vertex(walk).id
    assert [drawing.at(walk.at(step)).links[f"{id}.0"] for step in (2, 3)] == ["waiting", "active"]


def test_a_graph_that_is_not_walked_shows_it_too():
    graph = failed_graph()
    drawing = Drawing.of(graph)
    assert graph.failed is not None
    assert drawing.at().labels[drawing.box_of(graph.failed.id)].state == "failed"


def test_a_folded_scope_has_failed_with_what_is_inside(walk):
    drawing = Drawing.of(walk, Look(folded=frozenset({"net"})))
    states = [drawing.at(walk.at(step)).labels[drawing.box_of(failed_vertex(walk).id)].state for step in (2, 3)]
    assert states == ["current", "failed"]


def test_the_caption_and_the_text(walk):
    assert caption(walk, 3) == f"failed      y = s @ w2: {SAYS}"
    lines = list(walk_lines(walk))
    at = lines.index(caption(walk, 3))
    assert [line.strip() for line in lines[at + 1 : at + 3]] == [
        "a: 's' shape (2, 3), float32",
        "b: 'w2' shape (2, 1), float32",
    ]
    assert "y = s @ w2" in lines[-1]
    assert not any(line.startswith("result") for line in lines)


def test_the_inspector(walk):
    id = failed_vertex(walk).id
    before, after = (inspect(walk, walk.at(step), id) for step in (2, 3))
    assert before.error == ()
    assert after.error[0] == SAYS
    assert (after.value.short, after.gradient.short, after.arrivals) == ("—", "—", "")
    assert (after.type, after.formula) == ("no value: it raised an error", "y = s @ w2")
    assert (after.derivatives, after.received) == ((), ())
    assert "s @ w2" in after.source


def test_what_an_error_says_stays_words():
    w = failed_walk("a\x1b[31m</script>[/]")
    said = "\n".join(inspect(w, w.end(), failed_vertex(w).id).error)
    assert "\x1b" not in said
    assert "\x1b" not in "\n".join(walk_lines(w))
    page = to_html(Drawing.of(w))
    assert "\x1b" not in page
    assert page.count("</script>") == to_html(Drawing.of(failed_walk())).count("</script>")


def test_every_format_draws_it(walk, tmp_path):
    drawing = Drawing.of(walk)
    picture = drawing.at()
    svg = to_svg(picture)
    assert svg.count('class="box s-failed') == 2  # the box, and the legend
    assert LEGEND["failed"] in svg
    assert f'fillcolor="{BOXES["failed"].fill}"' in to_dot(drawing, picture)
    assert "✗ @ y = —" in to_txt(picture)
    assert "✗ raised an error" in to_txt(picture)
    for suffix in ("svg", "png", "pdf", "dot", "html", "txt", "json"):
        assert render(walk, tmp_path / f"x.{suffix}").stat().st_size > 500


def test_the_page_says_why(walk):
    for source in (walk, walk.graph):
        drawing = Drawing.of(source)
        page = to_html(drawing)
        (text,) = re.findall(r'<script [^>]*id="data"[^>]*>(.*?)</script>', page, re.DOTALL)
        data = json.loads(text)
        place = [box.vertices for box in drawing.drawn.boxes].index((failed_vertex(walk).id,))
        (number,) = data["boxes"][place]["nodes"]
        node = data["nodes"][number]
        said = [entry["error"] for _, entry in node["at"] if entry.get("error")]
        assert [one[0] for one in said] == [SAYS]
        assert LEGEND["failed"] in page


@pytest.mark.parametrize(
    ("call", "formula"),
    [
        (lambda h: h.reshape(5, 7), "reshape = reshape(h)"),
        (lambda h: gg.permute_dims(h, (0, 0)), "permute_dims = permute_dims(h)"),
        (lambda h: h[7], "getitem = getitem(h)"),
        (lambda h: h + "text", "add = add(h)"),
        (lambda h: gg.stack([]), "stack = stack()"),
    ],
)
def test_what_is_known_of_a_call_is_written_and_drawn(call, formula):
    h = gg.tensor([[1.0, 2.0]], requires_grad=True, name="h")
    with pytest.raises(gg.GraphgradError), gg.record() as recording:
        call(h)
    assert recording.failed is not None
    graph = recording.failed.graph
    failed = graph.failed
    assert failed is not None
    assert f"{names(graph)[failed.id]} = {Formulas(graph, names(graph)).call(failed.id)}" == formula
    drawing = Drawing.of(graph)
    assert drawing.at().labels[failed.id].state == "failed"
    assert drawing.at().labels[failed.id].lines == (f"{formula.split()[0]} = —",)
