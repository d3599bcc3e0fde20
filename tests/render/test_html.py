import base64
import hashlib
import json
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

import graphgrad as gg
from graphgrad.graph.graph import Operand
from graphgrad.render.fonts import shown
from graphgrad.render.html import to_html
from graphgrad.render.page import explained
from graphgrad.render.shapes import shapes
from graphgrad.view.captions import caption
from graphgrad.view.drawing import Drawing
from graphgrad.view.inspect import inspect
from graphgrad.view.picture import Label, Look
from graphgrad.walk.trace import walk
from graphgrad.walk.walk import Walk

from .conftest import HOSTILE


class Page(HTMLParser):
    """The elements of a page, and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.inside = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style", "title", "h1"):
            self.texts.append((dict(attrs).get("id") or tag, ""))
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.inside:
            name, text = self.texts[-1]
            self.texts[-1] = name, text + data

    @property
    def data(self) -> Any:
        return json.loads(dict(self.texts)["data"])


def at(entries: list[list[Any]], place: int) -> list[Any]:
    return [entry for entry in entries if entry[0] <= place][-1]


@pytest.mark.parametrize("name", ["neuron", "layers", "broken", "square"])
def test_the_data_give_every_picture(name: str, request: pytest.FixtureRequest) -> None:
    steps: Walk = request.getfixturevalue(name)
    drawing = Drawing.of(steps)
    data = Page(to_html(drawing)).data
    visible = steps.visible()
    assert len(data["steps"]) == len(visible)
    for place in range(-1, len(visible)):
        number = visible[place] if place >= 0 else -1
        picture = drawing.at(steps.at(number))
        for box, drawn in zip(data["boxes"], drawing.drawn.boxes, strict=True):
            _, text, state, bad = at(box["at"], place)
            label = picture.labels[drawn.key]
            assert (state, bool(bad)) == (label.state, label.bad)
            assert data["texts"][text]["text"].split("\n") == [shown(line) for line in label.lines]
        for key, entries in data["links"]:
            assert at(entries, place)[1] == {str(one): state for one, state in picture.links.items()}[key]
        if place >= 0:
            step = data["steps"][place]
            assert f"{step['kind']:<12}{step['text']}" == caption(steps, number)


def test_the_inspector_knows_what_has_arrived(square: Walk) -> None:
    drawing = Drawing.of(square)
    data = Page(to_html(drawing)).data
    for box, drawn in zip(data["boxes"], drawing.drawn.boxes, strict=True):
        (node,) = (data["nodes"][i] for i in box["nodes"])
        for place in range(-1, len(square.steps)):
            known: dict[str, Any] = {"received": []}
            for when, entry in node["at"]:
                if when <= place:
                    known["received"] += entry.get("received", [])
                    known |= {name: one for name, one in entry.items() if name != "received"}
            seen = inspect(square, square.at(place), drawn.vertices[0])
            assert known["value"]["short"] == seen.value.short
            assert known["gradient"]["short"] == seen.gradient.short
            assert known["equation"] == seen.equation
            k, n = square.at(place).arrived(Operand(drawn.vertices[0], 0))
            assert known["coming"] == (f"{n - k} still to come" if k < n else "")
            assert known["sum"] == (seen.sum if n > 1 else "")
            assert [one["rule"] for one in known["received"]] == [one.rule for one in seen.received]


def test_at_the_last_place_all_has_arrived_also_what_is_passed_over() -> None:
    x = gg.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True, name="x")
    steps = walk(gg.sum(gg.reshape(x, (2, 2))))
    assert steps.visible()[-1] < len(steps.steps) - 1  # the gradient comes to x through the reshape
    drawing = Drawing.of(steps)
    data = Page(to_html(drawing)).data
    last, end = len(data["steps"]) - 1, drawing.at(steps.end())
    for box, drawn in zip(data["boxes"], drawing.drawn.boxes, strict=True):
        _, text, state, _ = at(box["at"], last)
        assert (data["texts"][text]["text"], state) == (
            "\n".join(end.labels[drawn.key].lines),
            end.labels[drawn.key].state,
        )
    (node,) = (data["nodes"][i] for i in data["boxes"][0]["nodes"])
    assert (node["at"][-1][0], node["at"][-1][1]["gradient"]["short"]) == (last, "[1 1 1 1]")
    assert Page(to_html(drawing, step=len(steps.steps) - 1)).data["start"] == last


@pytest.mark.parametrize("granularity", ["concepts", "operations"])
def test_a_page_of_nothing_but_a_leaf(granularity: Any) -> None:
    assert Page(to_html(Drawing.of(walk(gg.tensor(1.0, name="t"))), granularity)).data["steps"] == []


def test_the_legend_explains_what_there_is() -> None:
    def legend(text: str) -> str:
        return text[text.index('<div class="legend">') :].partition("</div>")[0]

    t = gg.tensor([1.0, 2.0], requires_grad=True, name="t")
    assert "∂" not in legend(to_html(Drawing.of((t * 2.0).graph())))
    x = gg.scalar(3.0, name="x")
    assert "∂" in legend(to_html(Drawing.of(walk(x * x))))
    # A box can be bad while something happens there, and at no other time.
    assert explained([Label(("y = nan", "plain"), "current", bad=True)]) == (["current", "bad"], False)


def test_the_page_stands_alone_under_its_policy(layers: Walk) -> None:
    page = Page(to_html(Drawing.of(layers)))
    for tag, attributes in page.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not {"src", "href", "style", "srcdoc", "action"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
    policy = next(
        attrs["content"] for _, attrs in page.elements if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert rules["default-src"] == "'none'"
    texts = dict(page.texts)
    for rule, name in (("script-src", "script"), ("style-src", "style")):
        digest = base64.b64encode(hashlib.sha256(texts[name].encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_data(name: str, walk_named: Callable[[str], Walk]) -> None:
    text = to_html(Drawing.of(walk_named(name)))
    page, plain = Page(text), Page(to_html(Drawing.of(walk_named("x"))))
    assert [tag for tag, _ in page.elements if tag == "script"] == ["script", "script"]
    assert {tag for tag, _ in page.elements} == {tag for tag, _ in plain.elements}
    texts = dict(page.texts)
    assert texts["h1"] == shown(name)
    assert "<" not in texts["data"]
    assert page.data["steps"]
    assert text.isascii() or all(char == "\n" or char.isprintable() for char in text)


def test_a_page_begins_where_it_is_told(neuron: Walk) -> None:
    drawing = Drawing.of(neuron)
    assert Page(to_html(drawing)).data["start"] == -1
    assert Page(to_html(drawing, step=7)).data["start"] == 7
    assert Page(to_html(drawing, step=-1)).data["start"] == -1


def test_a_graph_that_is_not_walked_has_a_page_too() -> None:
    x = gg.tensor([1.0, 2.0], requires_grad=True, name="x")
    page = Page(to_html(Drawing.of((x * 2.0).graph()), notes=["numbers not shown"]))
    assert page.data["steps"] == []
    formulas = [page.data["nodes"][box["nodes"][0]]["formula"] for box in page.data["boxes"]]
    assert sorted(formulas) == ["", "", "multiply = x · 2"]
    assert ("nav", {"aria-label": "Steps", "hidden": None}) in page.elements
    # A style sheet that lays out an element shows it, hidden or not, unless it says otherwise.
    assert "[hidden] { display: none !important; }" in dict(page.texts)["style"]


def test_steps_inside_a_folded_box_are_passed_over() -> None:
    y = gg.scalar(0.5, name="x")
    for _ in range(300):
        y = gg.tanh(y * 1.5)
    steps = walk(y)
    drawing = Drawing.of(steps, Look(most=20))
    data = Page(to_html(drawing)).data
    assert len(data["boxes"]) <= 25
    assert len(data["steps"]) < 100 < len(steps.steps)
    last = drawing.at(steps.end())
    for box, drawn in zip(data["boxes"], drawing.drawn.boxes, strict=True):
        assert data["texts"][box["at"][-1][1]]["text"] == "\n".join(map(shown, last.labels[drawn.key].lines))


def test_a_leaf_drawn_in_many_places_is_described_once() -> None:
    w = y = gg.scalar(0.5, name="w")
    for _ in range(30):
        y = gg.tanh(y * w)
    drawing = Drawing.of(walk(y))
    data = Page(to_html(drawing)).data
    ghosts = [box for box, drawn in zip(data["boxes"], drawing.drawn.boxes, strict=True) if drawn.ghost]
    assert len(ghosts) > 25
    assert len({*map(str, (box["nodes"] for box in ghosts))}) == 1
    assert sum(node["name"] == "w" for node in data["nodes"]) == 1
    assert sum(text["text"].startswith("w = ") for text in data["texts"]) == 32  # after 0 to 31 contributions
    # Where the words stand is where the picture has them.
    now = shapes(drawing.at(drawing.walk.at(-1) if drawing.walk else None)).boxes
    for box, shape in zip(data["boxes"], now, strict=True):
        runs = data["texts"][box["at"][0][1]]["runs"]
        placed = [(text, box["x"] + x, box["y"] + y) for _, text, x, y, _ in runs]
        assert placed == [
            (run.text, pytest.approx(run.x, abs=0.02), pytest.approx(run.y, abs=0.02)) for run in shape.runs
        ]


def test_a_walk_of_hundreds_of_nodes_stays_small() -> None:
    y = gg.scalar(0.5, name="x")
    for i in range(150):
        y = gg.tanh(y * gg.scalar(1.0 + i / 100, name=f"w{i}"))
    steps = walk(y)
    assert len(steps.graph) > 300
    assert len(to_html(Drawing.of(steps))) < 2_000_000
