"""The picture at every moment: words and states change, geometry never does."""

import math

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.view.drawing import Drawing
from graphgrad.view.labels import Timeline
from graphgrad.view.paint import Label as Painted
from graphgrad.view.paint import cell_width, to_text
from graphgrad.view.picture import LINK_STATES, STATES, Look, Picture
from graphgrad.walk.trace import walk


@pytest.fixture
def neuron():
    """The walk of W003."""
    w1, x1, w2, x2, b = (
        gg.scalar(value, name=name) for name, value in (("w1", 3), ("x1", 2), ("w2", 2), ("x2", 1), ("b", -4))
    )
    return walk(gg.sigmoid(w1 * x1 + w2 * x2 + b), title="sigmoid neuron")


def by_name(drawing: Drawing, picture: Picture) -> dict[str, str]:
    return {drawing.names[id]: picture.labels[drawing.box_of(id)].state for id in drawing.graph.vertices}


LEAVES = ["w1", "x1", "w2", "x2", "b"]
OPS = ["multiply#1", "multiply#2", "add#1", "add#2", "sigmoid"]


@pytest.mark.worked("W003")
def test_the_states_at_each_step_of_a_known_walk(neuron):
    drawing = Drawing.of(neuron)

    def states(step):
        return by_name(drawing, drawing.at(neuron.at(step)))

    assert states(-1) == {**dict.fromkeys(LEAVES, "leaf"), **dict.fromkeys(OPS, "waiting")}
    assert states(0) == {
        **states(-1),
        "w1": "operand",
        "x1": "operand",
        "multiply#1": "current",
    }
    assert states(2) == {
        **states(-1),
        "multiply#1": "operand",
        "multiply#2": "operand",
        "add#1": "current",
    }
    assert states(4) == {
        **dict.fromkeys(LEAVES, "leaf"),
        **dict.fromkeys(OPS, "ready"),
        "add#2": "operand",
        "sigmoid": "current",
    }
    seeded = states(5)
    assert seeded == {**dict.fromkeys(LEAVES, "leaf"), **dict.fromkeys(OPS, "ready"), "sigmoid": "current"}
    assert states(6) == {**seeded, "add#2": "operand"}
    assert states(7) == {**seeded, "sigmoid": "gradient", "add#2": "current", "add#1": "operand"}
    assert states(8) == {**states(7), "add#1": "gradient", "b": "operand"}
    assert states(9) == {**states(7), "add#2": "gradient", "b": "gradient", "add#1": "current", "multiply#1": "operand"}
    last = states(14)
    assert last == {**dict.fromkeys([*LEAVES, *OPS], "gradient"), "multiply#1": "current", "x1": "operand"}
    # With nothing going on, everything that is known.
    assert set(by_name(drawing, drawing.at(None)).values()) == {"gradient"}


@pytest.mark.worked("W003")
def test_the_words_at_each_step_of_a_known_walk(neuron):
    drawing = Drawing.of(neuron)

    def lines(step, name):
        id = next(id for id in neuron.graph.vertices if drawing.names[id] == name)
        return drawing.at(None if step is None else neuron.at(step)).labels[drawing.box_of(id)].lines

    assert lines(-1, "sigmoid") == ("sigmoid = —", "∂ —")
    assert lines(3, "sigmoid") == ("sigmoid = —", "∂ —")
    assert lines(4, "sigmoid") == ("sigmoid = 0.982", "∂ —")
    assert lines(5, "sigmoid") == ("sigmoid = 0.982", "∂ 1")
    assert lines(-1, "w1") == ("w1 = 3", "∂ —")
    assert lines(12, "w1") == ("w1 = 3", "∂ —")
    final = {"w1": "0.03533", "x1": "0.05299", "w2": "0.01766", "x2": "0.03533", "b": "0.01766"}
    for name, gradient in final.items():
        assert lines(None, name)[1] == f"∂ {gradient}"


@pytest.mark.worked("W003")
def test_the_captions_of_a_known_walk(neuron):
    drawing = Drawing.of(neuron)
    captions = [drawing.at(neuron.at(i)).caption for i in range(-1, len(neuron.steps))]
    assert captions[:9] == [
        "",
        "forward     multiply#1 = w1 · x1 = 3 · 2 = 6",
        "forward     multiply#2 = w2 · x2 = 2 · 1 = 2",
        "forward     add#1 = multiply#1 + multiply#2 = 6 + 2 = 8",
        "forward     add#2 = add#1 + b = 8 + (-4) = 4",
        "forward     sigmoid = sigmoid(add#2) = 1 / (1 + exp(-4)) = 0.982",
        "seed        ∂sigmoid/∂sigmoid = 1",
        "backward    sigmoid → add#2: ∂sigmoid/∂add#2 = 1 · 0.982 · (1 - 0.982) ≈ 0.01766",
        "backward    add#2 → add#1: ∂sigmoid/∂add#1 = 0.01766 · 1 = 0.01766",
    ]
    assert captions[-1] == "backward    multiply#1 → x1: ∂sigmoid/∂x1 = 0.01766 · 3 ≈ 0.05299"
    assert drawing.at(None).caption == ""
    assert drawing.at(None).title == "sigmoid neuron"


def test_the_states_of_links(neuron):
    drawing = Drawing.of(neuron)
    multiply = neuron.graph.nodes[0].id
    state = {step: drawing.at(neuron.at(step)).links for step in range(-1, len(neuron.steps))}
    assert set(state[-1].values()) == {"waiting"}
    assert (state[0][f"{multiply}.0"], state[0][f"{multiply}.1"]) == ("active", "active")
    assert state[1][f"{multiply}.0"] == "carried"
    assert state[13][f"{multiply}.0"] == "active"
    assert (state[14][f"{multiply}.0"], state[14][f"{multiply}.1"]) == ("returned", "active")
    assert set(drawing.at(None).links.values()) == {"returned"}


def test_a_gradient_that_adds_up_says_how_far_it_is():
    a, b = gg.scalar(2.0, name="a"), gg.scalar(-3.0, name="b")
    steps = walk(a * b + a)
    drawing = Drawing.of(steps)
    seen = []
    for i in range(len(steps.steps)):
        label = drawing.at(steps.at(i)).labels[drawing.box_of(a.number)]
        seen.append((label.state, label.lines[1]))
    # add, then multiply, read a; add passes its contribution on first.
    assert seen == [
        ("operand", "∂ —"),
        ("operand", "∂ —"),
        ("leaf", "∂ —"),
        ("leaf", "∂ —"),
        ("operand", "∂ 1 (1/2)"),
        ("current", "∂ 1 (1/2)"),
        ("operand", "∂ -2"),
        ("current", "∂ -2"),
        ("gradient", "∂ -2"),
    ]
    sums = [drawing.at(steps.at(i)).caption for i, step in enumerate(steps.steps) if step.kind == "accumulate"]
    assert sums == ["accumulate  a: 1 of 2, ∂add/∂a = 1", "accumulate  a: 2 of 2, ∂add/∂a = 1 + (-3) = -2"]
    partial = Drawing.of(steps, Look(ghosts=True))
    assert len(partial.boxes_of(a.number)) == 2
    happened = next(i for i, step in enumerate(steps.steps) if step.kind == "accumulate")
    states = [partial.at(steps.at(happened)).labels[key].state for key in partial.boxes_of(a.number)]
    # Only the ghost that this contribution came through is where it happens.
    assert sorted(states) == ["current", "partial"]


def test_a_leaf_with_very_many_readers_is_sized_once(monkeypatch):
    x = y = gg.scalar(0.5, name="x")
    for _ in range(150):
        y = y + x
    steps = walk(y)
    asked = []
    gradient = Timeline.gradient

    def counted(self, *args):
        asked.append(args)
        return gradient(self, *args)

    monkeypatch.setattr(Timeline, "gradient", counted)
    drawing = Drawing.of(steps, Look(ghosts=True))
    assert len(drawing.boxes_of(x.number)) == 150
    assert len(asked) < 20 * len(steps.graph), "no more than a few looks at each partial sum"
    widest = max(cell_width(drawing.at(steps.at(i)).labels[drawing.box_of(x.number)].lines[1]) for i in range(150, 600))
    assert widest <= drawing.scene.box[drawing.box_of(x.number)].width - 4


def test_x_times_x_has_two_links_and_they_return_one_by_one():
    x = gg.scalar(3.0, name="x")
    steps = walk(x * x)
    drawing = Drawing.of(steps)
    backward = [i for i, step in enumerate(steps.steps) if step.kind == "backward"]
    first, second = (drawing.at(steps.at(i)).links for i in backward)
    assert sorted(first.values()) == ["active", "carried"]
    assert sorted(second.values()) == ["active", "returned"]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_bad_numbers_are_a_state_and_never_hide_where_one_is(bad):
    x, y = gg.scalar(1.0, name="x"), gg.scalar(bad, name="y")
    steps = walk((x + 1.0) * y)
    drawing = Drawing.of(steps)
    add, multiply = (drawing.box_of(node.id) for node in steps.graph.nodes)
    before = drawing.at(steps.at(0)).labels
    assert before[drawing.box_of(y.number)].state == "bad"
    assert (before[add].state, before[multiply].state) == ("current", "waiting")
    now = drawing.at(steps.at(1)).labels[multiply]
    assert (now.state, now.bad) == ("current", True)
    end = drawing.at(None).labels
    assert (end[multiply].state, end[add].state) == ("bad", "bad")
    assert not end[drawing.box_of(steps.graph.nodes[0].operands[1].vertex)].bad


def test_a_gradient_that_turns_bad_is_seen_from_that_step_on():
    x = gg.tensor([0.0, 1.0], requires_grad=True, name="x")
    steps = walk(gg.sum(gg.sqrt(x)))
    drawing = Drawing.of(steps)
    box = drawing.box_of(x.number)
    assert [drawing.at(steps.at(i)).labels[box].bad for i in range(len(steps.steps))] == [False] * 4 + [True]


def test_a_sum_that_turns_bad_is_seen_from_that_contribution_on():
    x = gg.tensor([0.0], requires_grad=True, name="x")
    late, infinite, early = x * 3.0, gg.sqrt(x), x * 2.0
    steps = walk(gg.sum(late + infinite + early))
    drawing = Drawing.of(steps)
    box = drawing.box_of(x.number)
    arrivals = [i for i, step in enumerate(steps.steps) if step.target == (x.number, 0) and step.kind == "backward"]
    seen = [drawing.at(steps.at(i)).labels[box] for i in arrivals]
    assert [label.lines[1] for label in seen] == ["∂ [2] (1/3)", "∂ [inf] (2/3)", "∂ [inf]"]
    assert [label.bad for label in seen] == [False, True, True]


def test_of_several_outputs_it_is_counted_which_have_their_gradient():
    x = gg.tensor([[1.0, 2.0, 3.0]], requires_grad=True, name="x")
    first, _, last = gg.split(x, (1, 1, 1), 1)
    steps = walk(gg.sum(first * 2.0) + gg.sum(last * last))
    drawing = Drawing.of(steps)
    split = drawing.box_of(next(id for id, vertex in drawing.graph.vertices.items() if vertex.op == "split"))
    seen = [drawing.at(steps.at(i)).labels[split].lines[1] for i in range(len(steps.steps))]
    assert list(dict.fromkeys(seen)) == ["∂ —", "∂ 0 of 3 outputs", "∂ 1 of 3 outputs", "∂ 2 of 3 outputs"]


def test_a_recurrent_layer_of_which_one_output_takes_part():
    layer = gg.nn.LSTM(2, 3)
    steps = walk(gg.sum(layer(gg.ones((4, 1, 2)))[0]))
    drawing = Drawing.of(steps)
    lines = [label.lines for label in drawing.at(None).labels.values() if label.lines[0].startswith("lstm")]
    assert lines == [("lstm (4, 1, 3) (1, 3) (1, 3)", "∂ 1 of 3 outputs")]


def every_drawing():
    rng = np.random.default_rng(0)
    w = gg.tensor(rng.normal(size=(6, 6)), requires_grad=True, name="w")
    h = x = gg.tensor(rng.normal(size=(2, 6)), name="x")
    for i in range(3):
        with gg.scope(f"layer{i}"):
            h = gg.tanh(h @ w).T.reshape(6, 2).T
    left, right = gg.split(h, (2, 4), 1)
    right = right * gg.relu(gg.tensor([-1.0], requires_grad=True))
    steps = walk(gg.mean(left * left) + gg.sum(right) * gg.sum(x))
    for look in (
        Look(),
        Look(direction="LR"),
        Look(preset="name"),
        Look(preset="value"),
        Look(preset="gradient", plumbing=True),
        Look(preset="shape", ghosts=True),
        Look(folded=frozenset({"layer0", "layer2"})),
        Look(folded=frozenset({"layer1"}), frames=False, preset="value"),
        Look(most=6),
    ):
        yield Drawing.of(steps, look)


@pytest.mark.parametrize("drawing", [*every_drawing()])  # names of their own would depend on the order of sets
@pytest.mark.parametrize("granularity", ["concepts", "operations"])
def test_nothing_moves_and_every_word_fits(drawing, granularity):
    steps = drawing.walk
    scene = drawing.at(steps.at(-1)).scene
    for moment in [*(steps.at(i) for i in range(-1, len(steps.steps))), None]:
        picture = drawing.at(moment, granularity)
        assert picture.scene is scene
        assert set(picture.labels) == set(scene.box)
        assert set(picture.links) == set(scene.route)
        assert {label.state for label in picture.labels.values()} <= set(STATES)
        assert set(picture.links.values()) <= set(LINK_STATES)
        current = [key for key, label in picture.labels.items() if label.state == "current"]
        assert bool(current) == (moment is not None and bool(picture.caption))
        for key, label in picture.labels.items():
            box = scene.box[key]
            border = 2 if box.height > 2 else 0
            room = 2 if label.state == "constant" else 4
            assert len(label.lines) <= box.height - border
            assert max(map(cell_width, label.lines)) <= box.width - room
            assert label.folded == (str(key).startswith(("scope:", "range:")))


def test_concepts_pass_over_what_only_rearranges():
    x = gg.tensor(np.ones((2, 3)), requires_grad=True, name="x")
    steps = walk(gg.sum(x.T * 2.0))
    drawing = Drawing.of(steps)
    assert drawing.at(steps.at(0)).caption == ""
    assert drawing.at(steps.at(0), "operations").caption.startswith("forward     xᵀ = permute_dims(x)")
    # The link that stands for the passed-over operation shows that something goes along it.
    assert "active" in drawing.at(steps.at(0), "operations").links.values()


def test_a_graph_without_a_walk_shows_no_numbers():
    w = gg.tensor(np.ones((2, 3)), requires_grad=True, name="w")
    graph = gg.sum(w * 2.0).graph()
    drawing = Drawing.of(graph)
    picture = drawing.at()
    assert [label.lines for label in picture.labels.values()] == [
        ("w (2, 3)",),
        ("2",),
        ("multiply (2, 3)",),
        ("sum",),
    ]
    assert [label.state for label in picture.labels.values()] == ["leaf", "constant", "ready", "ready"]
    assert drawing.walk is None


def test_a_walk_without_a_pass_back_has_no_gradients():
    x = gg.tensor([1.0, 2.0], name="x")
    with gg.record():
        y = gg.sum(x * 2.0)
        steps = walk(y)
    picture = Drawing.of(steps).at(None)
    assert not any("∂" in line for label in picture.labels.values() for line in label.lines)


def test_names_and_symbols_in_boxes():
    with gg.record():
        x, w = gg.scalar(2.0), gg.scalar(-3.0)
        z = w * x
        y = gg.sigmoid(z)
    picture = Drawing.of(walk(y), Look(preset="name")).at(None)
    assert {label.lines for label in picture.labels.values()} == {("x",), ("w",), ("× z",), ("σ y",)}


HOSTILE = [
    "[/]",
    "[bold red]x",
    "a\x1b[2Jb",
    "two\nlines",
    "\u202eback",
    "\x00",
    "x" * 1000,
    "<script>",
    "重み",
    "é\u0301" * 9,
    " ",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_words(name):
    with gg.scope(name.replace(".", "") or "s"):
        x = gg.scalar(2.0, name=name)
        y = gg.tanh(x * x)
    y.name = name
    steps = walk(y, title=name)
    for look in (Look(), Look(folded=frozenset({name}))):
        drawing = Drawing.of(steps, look)
        for i in range(-1, len(steps.steps)):
            picture = drawing.at(steps.at(i))
            painted = {key: Painted(label.lines) for key, label in picture.labels.items()}
            text = to_text(picture.scene, painted)
            for shown in (picture.caption, picture.title, *text.splitlines()):
                assert not set(shown) & set("\x1b\x00\r\n\u202e")
            assert all(cell_width(line) <= 36 for label in picture.labels.values() for line in label.lines)


def test_boxes_know_their_vertices_and_the_other_way_round():
    for drawing in every_drawing():
        for id in drawing.graph.vertices:
            assert drawing.box_of(id) == drawing.boxes_of(id)[0]
            assert drawing.box_of(id) in drawing.scene.box
        for key in drawing.scene.box:
            assert all(key in drawing.boxes_of(id) for id in drawing.vertices_in(key))


def test_a_network_of_300_vertices_is_drawn_at_each_of_its_steps():
    rng = np.random.default_rng(0)
    values = [gg.scalar(float(v), name=f"x{i}") for i, v in enumerate(rng.normal(size=4))]
    for depth, width in enumerate((7, 8, 1)):
        following = []
        for neuron in range(width):
            with gg.scope(f"layer{depth}.neuron{neuron}"):
                total = gg.scalar(0.1, name="b")
                for value in values:
                    total = total + gg.scalar(float(rng.normal()), name="w") * value
                following.append(gg.tanh(total))
        values = following
    steps = walk(values[0])
    assert len(steps.graph) > 290
    drawing = Drawing.of(steps, Look(frames=False))
    captions = [drawing.at(steps.at(i)).caption for i in range(len(steps.steps))]
    assert all(captions)
    # Back is as good as forth: a picture depends on nothing but the moment.
    again = [drawing.at(steps.at(i)).caption for i in reversed(range(len(steps.steps)))]
    assert again == captions[::-1]
    assert drawing.at(steps.at(7)) == Drawing.of(steps, Look(frames=False)).at(steps.at(7))
