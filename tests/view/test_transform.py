"""What is drawn of a graph: folded, bridged, doubled; and that every box and link still knows what it stands for."""

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.graph.graph import Graph
from graphgrad.view.layout import Box, Link, layout
from graphgrad.view.names import names
from graphgrad.view.picture import Look
from graphgrad.view.transform import Drawn, transform


def drawn_of(result, **look) -> tuple[Graph, Drawn]:
    graph = result.graph()
    drawn = transform(graph, Look(**look), names(graph))
    check(graph, drawn)
    return graph, drawn


def check(graph: Graph, drawn: Drawn) -> None:
    """What holds for every graph under every look."""
    keys = [box.key for box in drawn.boxes]
    assert len(set(keys)) == len(keys)
    assert {key for places in drawn.places.values() for key in places} == set(keys)
    assert set(drawn.places) == set(graph.vertices)
    for box in drawn.boxes:
        for id in box.vertices:
            assert box.key in drawn.places[id]
    within = {id: key for id, places in drawn.places.items() if len(places) == 1 for key in places}
    for link in drawn.links:
        assert link.tail != link.head
        for reader, number in link.edges:
            assert number < len(graph.vertices[reader].operands)
        reader, number = link.edges[0]
        assert within[reader] == link.head
        assert link.tail in drawn.places[graph.vertices[reader].operands[number].vertex]
    # Lays out only if there is no cycle.
    layout(
        [Box(key, 3) for key in keys],
        [Link(link.key, link.tail, link.head, link.port, link.tail_port) for link in drawn.links],
    )


def titles(drawn: Drawn) -> list[str]:
    return [box.title for box in drawn.boxes if box.folded]


def test_every_operand_is_a_link_of_its_own():
    x = gg.scalar(3.0, name="x")
    graph, drawn = drawn_of(x * x)
    product = graph.nodes[0].id
    assert [(link.tail, link.head, link.port) for link in drawn.links] == [
        (x.number, product, 0),
        (x.number, product, 1),
    ]
    assert [link.edges for link in drawn.links] == [((product, 0),), ((product, 1),)]


def test_leaves_are_drawn_once_for_each_reader_where_that_is_wished():
    x, w = gg.scalar(3.0, name="x"), gg.scalar(2.0, name="w")
    y = (x * w) + (x * x)
    _, drawn = drawn_of(y, ghosts=True)
    assert len(drawn.places[x.number]) == 2
    assert len(drawn.places[w.number]) == 1
    ghosts = [box for box in drawn.boxes if box.ghost]
    assert [box.vertices for box in ghosts] == [(x.number,)] * 2
    assert drawn.notes == ("drawn once for each reader: x",)
    _, drawn = drawn_of(y, ghosts=False)
    assert drawn.places[x.number] == (x.number,)
    assert not any(box.ghost for box in drawn.boxes)
    # Left to itself, a small picture shows a shared leaf as one box, a large one doesn't.
    _, small = drawn_of(y)
    assert not any(box.ghost for box in small.boxes)
    for _ in range(25):
        y = y + x
    _, large = drawn_of(y)
    assert sum(box.ghost for box in large.boxes) == 27


def test_numbers_in_the_code_have_a_box_each():
    x = gg.scalar(3.0, name="x")
    _, drawn = drawn_of(x * 2.0 + 2.0)
    assert [box.kind for box in drawn.boxes] == ["leaf", "constant", "operation", "constant", "operation"]


def test_plumbing_is_bridged_unless_it_is_wanted():
    x = gg.tensor(np.ones((2, 3)), requires_grad=True, name="x")
    y = gg.sum(x.T.reshape(-1) * 2.0)
    graph, drawn = drawn_of(y)
    multiply = next(vertex for vertex in graph if vertex.op == "multiply")
    reshape, permute = (next(v for v in graph if v.op == op) for op in ("reshape", "permute_dims"))
    assert [graph.vertices[box.vertices[0]].op for box in drawn.boxes] == [None, None, "multiply", "sum"]
    link = next(link for link in drawn.links if link.tail == x.number)
    assert link.head == multiply.id
    assert link.edges == ((multiply.id, 0), (reshape.id, 0), (permute.id, 0))
    assert drawn.places[reshape.id] == drawn.places[permute.id] == (x.number,)
    assert drawn.notes == ("2 operations that only rearrange not drawn",)
    _, everything = drawn_of(y, plumbing=True)
    assert len(everything.boxes) == len(graph)
    assert everything.notes == ()


def test_a_result_that_was_rearranged_last_is_drawn():
    x = gg.tensor(np.ones((2, 3)), requires_grad=True, name="x")
    graph, drawn = drawn_of((x * 2.0).T)
    assert graph.outputs[0].vertex in {box.key for box in drawn.boxes}


def layer(x, w, b, scope):
    with gg.scope(scope):
        return gg.tanh(x @ w + b)


@pytest.fixture
def parameters():
    rng = np.random.default_rng(0)
    return [gg.tensor(rng.normal(size=shape), requires_grad=True, name=name)
            for shape, name in (((3, 3), "w"), ((3,), "b"), ((3, 3), "v"), ((3,), "c"))]  # fmt: skip


def test_a_folded_scope_takes_its_parameters_in(parameters):
    w, b, v, c = parameters
    x = gg.tensor(np.ones((2, 3)), name="x")
    y = gg.sum(layer(layer(x, w, b, "first"), v, c, "second"))
    graph, drawn = drawn_of(y, folded=frozenset({"first"}))
    box = next(box for box in drawn.boxes if box.folded)
    assert (box.title, box.detail, box.group) == ("first", "matmul add tanh", ())
    assert set(box.vertices) == {w.number, b.number, *(node.id for node in graph.nodes if node.scope == "first")}
    assert drawn.places[w.number] == (box.key,)
    # What comes from outside stays outside.
    assert drawn.places[x.number] == (x.number,)
    assert [output.vertex for output in box.outputs] == [graph.nodes[2].id]
    assert {box.group for box in drawn.boxes if v.number in box.vertices} == {("second",)}


def test_the_same_parameters_applied_again_are_counted(parameters):
    w, b, *_ = parameters
    x = gg.tensor(np.ones((2, 3)), name="x")
    for _ in range(4):
        x = layer(x, w, b, "cell")
    _, drawn = drawn_of(gg.sum(x), folded=frozenset({"cell"}))
    assert titles(drawn) == ["cell ×4"]


def test_calls_with_something_between_are_boxes_of_their_own(parameters):
    w, b, *_ = parameters
    x = gg.tensor(np.ones((2, 3)), name="x")
    x = layer(x, w, b, "cell") * 2.0
    x = layer(x, w, b, "cell")
    _, drawn = drawn_of(gg.sum(x), folded=frozenset({"cell"}))
    assert titles(drawn) == ["cell (1 of 2)", "cell (2 of 2)"]
    assert len(drawn.places[w.number]) == 2


def test_distinct_layers_are_more_not_times(parameters):
    w, b, v, c = parameters
    x = gg.tensor(np.ones((2, 3)), name="x")
    x = layer(layer(x, w, b, "blocks.0"), v, c, "blocks.1")
    _, drawn = drawn_of(gg.sum(x), folded=frozenset({"blocks"}))
    box = next(box for box in drawn.boxes if box.folded)
    assert (box.title, box.detail) == ("blocks", "0 +1 more")


def test_scopes_that_feed_each_other_in_turn_give_no_cycle():
    x = gg.scalar(0.5, name="x")
    y, z = x, x
    for _ in range(5):
        with gg.scope("left"):
            y = gg.tanh(y + z)
        with gg.scope("right"):
            z = gg.tanh(y * z)
    _, drawn = drawn_of(y + z, folded=frozenset({"left", "right"}))
    assert titles(drawn) == [f"{side} ({i} of 5)" for i in range(1, 6) for side in ("left", "right")]


def test_too_large_a_graph_is_folded_and_says_so():
    x = y = gg.scalar(0.5, name="x")
    for i in range(3000):
        y = y * 1.01 if i % 2 else y + x
    graph, drawn = drawn_of(y, most=100)
    assert len(drawn.boxes) <= 100
    (box,) = (box for box in drawn.boxes if box.folded)
    hidden = len(box.vertices) - len([id for id in box.vertices if graph.vertices[id].is_leaf])
    assert box.title == f"{hidden:,} operations"
    assert drawn.notes[0] == f"{hidden:,} operations are folded to make room"
    shown = [box.key for box in drawn.boxes if box.kind == "operation"]
    assert hidden + len(shown) == 3000
    assert {graph.nodes[0].id, graph.nodes[-1].id} <= set(shown)


def test_what_one_looks_at_stays_visible_in_a_large_graph():
    y = gg.scalar(0.5, name="x")
    for _ in range(3000):
        y = gg.tanh(y)
    middle = y.graph().nodes[1234].id
    _, drawn = drawn_of(y, most=90, around=middle)
    assert len(drawn.boxes) <= 90
    assert drawn.places[middle] == (middle,)
    assert len(titles(drawn)) == 2


def test_a_large_graph_with_scopes_folds_these_first():
    x = gg.scalar(0.5, name="x")
    for i in range(20):
        with gg.scope(f"block{i}"):
            for _ in range(30):
                x = gg.tanh(x)
    _, drawn = drawn_of(x, most=100)
    assert titles(drawn) == [f"block{i}" for i in range(20)]
    assert drawn.notes == ("scopes are folded to make room",)


def test_a_leaf_alone_and_leaves_that_share_all_readers():
    x = gg.scalar(1.0, name="x")
    _, drawn = drawn_of(x)
    assert [box.key for box in drawn.boxes] == [x.number]


def test_a_very_deep_graph_needs_no_stack():
    y = gg.tensor(1.0, requires_grad=True, name="x")
    for _ in range(30_000):
        y = y.reshape(1).reshape(()) if y.ndim else y * 1.0
    _, drawn = drawn_of(y)
    assert len(drawn.boxes) <= 400


def test_names_that_would_do_harm_only_show():
    with gg.scope("evil\x1b[2J\nscope"):
        y = gg.tanh(gg.scalar(1.0, name="[/]\x1b[31m\u202e\n" + "x" * 500))
    graph, drawn = drawn_of(y * 1.0, folded=frozenset({"evil\x1b[2J\nscope"}))
    assert titles(drawn) == ["evil\\x1b[2J\\nscope"]
    named = names(graph)[graph.leaves[0].id]
    assert named.isprintable()
    assert len(named) <= 40
