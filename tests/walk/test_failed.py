"""An operation that raised, in walks, zooms and files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import graphgrad as gg
from graphgrad.graph.graph import Graph
from graphgrad.walk.expand import expand, scalars, ways
from graphgrad.walk.file import FileError, from_json, to_json
from graphgrad.walk.trace import trace
from graphgrad.walk.walk import Walk
from tests.walk.failed import failed_graph, failed_vertex, failed_walk


def test_a_walk_goes_up_to_the_operation_that_raised() -> None:
    w = failed_walk()
    assert [step.kind for step in w.steps] == ["forward", "forward", "forward", "failed"]
    assert {step.phase for step in w.steps} == {"forward"}
    assert (dict(w.seeds), w.contributions) == ({}, ())
    failed = failed_vertex(w)
    for step in range(-1, len(w.steps)):
        assert w.at(step).value(failed.id) is None
    assert w.cursor().go(3).happened == w.steps[-1]


def test_what_only_rearranges_is_a_concept_if_it_raised() -> None:
    with pytest.raises(gg.ShapeError), gg.record() as recording:
        gg.reshape(gg.reshape(gg.ones((2, 3)), (6,)), (5,))
    assert recording.failed is not None
    w = trace(recording.failed.graph)
    assert [w.steps[i].kind for i in w.visible("concepts")] == ["failed"]
    assert [w.steps[i].kind for i in w.visible("operations")] == ["forward", "failed"]


def test_with_other_values_nobody_knows_what_would_follow() -> None:
    with pytest.raises(gg.GraphError, match="run: the graph ends in an operation that raised, matmul"):
        trace(failed_graph(), feeds={"x": [[0.0, 0.0]]})


@pytest.mark.parametrize("zoom", [expand, scalars])
def test_there_is_nothing_to_zoom_into(zoom: Callable[[Walk, int], Walk]) -> None:
    w = failed_walk()
    failed = failed_vertex(w)
    assert ways(w, failed.id) == ()
    with pytest.raises(
        gg.GraphError, match=r"matmul 'y' raised, there is nothing to zoom into\n  it said: matmul: the la"
    ):
        zoom(w, failed.id)
    before = failed.operands[0].vertex
    assert zoom is expand or scalars(w, before).graph.failed is None


def test_walks_and_graphs_come_back_from_files() -> None:
    w = failed_walk("</script>\x1b[31m")
    again = from_json(to_json(w))
    assert isinstance(again, Walk)
    assert again.steps == w.steps
    graph = from_json(to_json(w.graph))
    assert isinstance(graph, Graph)
    for found in (again.graph.failed, graph.failed):
        assert found is not None
        wanted = failed_vertex(w)
        for name in ("id", "op", "operands", "attrs", "shapes", "requires_grad", "name", "scope", "site", "error"):
            assert getattr(found, name) == getattr(wanted, name), name
    assert to_json(again) == to_json(w)
    assert to_json(trace(graph, title=w.title)) == to_json(w)


def test_a_backward_pass_does_not_start_at_what_led_to_it() -> None:
    x = gg.tensor(2.0, requires_grad=True)
    with pytest.raises(gg.DTypeError), gg.record() as recording:
        gg.sum(x * x) + "text"
    assert recording.failed is not None
    assert trace(recording.failed.graph).seeds == {}


def spoil(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(content: dict[str, Any]) -> None:
        content["graph"]["vertices"][-1][name] = value

    return apply


def add_seed(content: dict[str, Any]) -> None:
    target = content["graph"]["outputs"][0]
    content["seeds"] = [{"target": target, "value": content["values"][0]["outputs"][0]}]


def read_it(content: dict[str, Any]) -> None:
    content["graph"]["outputs"] = [[content["graph"]["vertices"][-1]["id"], 0]]


def put_it_first(content: dict[str, Any]) -> None:
    vertices = content["graph"]["vertices"]
    vertices[-1]["operands"] = []
    vertices.insert(0, vertices.pop())


def give_it_a_value(content: dict[str, Any]) -> None:
    content["values"].append({"vertex": content["graph"]["vertices"][-1]["id"], "outputs": []})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (spoil("error", None), "what raised has no outputs, anything else has some"),
        (spoil("error", 5), "expected: a text"),
        (spoil("shapes", [[1]]), "every output has a shape and a dtype"),
        (spoil("op", "matmull"), "no operation called 'matmull'"),
        (spoil("op", None), "a leaf has no operands"),
        (spoil("attrs", {"axis": 1}), "no attributes and no gradient"),
        (spoil("requires_grad", True), "no attributes and no gradient"),
        (spoil("leaf", {"number": 1}), "is no leaf"),
        (read_it, r"raised, so nothing comes from it"),
        (put_it_first, "ends the computation"),
        (add_seed, "no pass goes back through a computation that raised"),
        (give_it_a_value, "raised, so it has no values"),
    ],
)
def test_a_bad_file_is_refused(change: Callable[[dict[str, Any]], None], says: str) -> None:
    content = json.loads(to_json(failed_walk()))
    change(content)
    with pytest.raises(FileError, match=f"(?s)^load: .*{says}"):
        from_json(json.dumps(content))


def test_more_operands_than_the_operation_has() -> None:
    content = json.loads(to_json(failed_walk()))
    vertex = content["graph"]["vertices"][-1]
    vertex["operands"] *= 2
    with pytest.raises(FileError, match="matmul doesn't have so many operands"):
        from_json(json.dumps(content))
