"""Known graphs: their pictures must stay as small and as free of crossings as measured."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest

from graphgrad.view.layout import Box, Link, Spacing, layout
from graphgrad.view.paint import to_text
from graphgrad.view.scene import Direction, Scene


class Sketch:
    """A computation graph written down op by op; every box is as wide as its label in a pill, and odd."""

    def __init__(self) -> None:
        self.boxes: list[Box] = []
        self.links: list[Link] = []
        self.labels: dict[str, str] = {}

    def leaf(self, name: str, value: str = "0.72", group: tuple[str, ...] = ()) -> str:
        return self.op(name, f"{name} {value}", group=group)

    def op(self, key: str, label: str, *operands: str, group: tuple[str, ...] = ()) -> str:
        self.labels[key] = label
        self.boxes.append(Box(key, (len(label) + 4) | 1, 1, group))
        for port, operand in enumerate(operands):
            self.links.append(Link(f"{operand}->{key}.{port}", operand, key, port))
        return key


def attention() -> Sketch:
    s = Sketch()
    x = s.leaf("X")
    a = ("attention",)
    q = s.op("q", "matmul 2.20", x, s.leaf("WQ", group=a), group=a)
    k = s.op("k", "matmul -0.76", x, s.leaf("WK", group=a), group=a)
    v = s.op("v", "matmul 0.35", x, s.leaf("WV", group=a), group=a)
    scores = s.op("scores", "matmul 1.46", q, s.op("kt", "transpose -1.13", k, group=a), group=a)
    scaled = s.op("scaled", "mul -1.50", scores, s.leaf("1/√d", group=a), group=a)
    mixed = s.op("mixed", "matmul -0.39", s.op("weights", "softmax 1.09", scaled, group=a), v, group=a)
    r1 = s.op("r1", "add -0.76", x, s.op("out", "matmul 0.72", mixed, s.leaf("WO", group=a), group=a))
    norm = s.op("norm", "layernorm -1.13", r1, s.leaf("γ"), s.leaf("β"))
    f = ("ffn",)
    m1 = s.op("m1", "matmul -0.02", norm, s.leaf("W1", group=f), group=f)
    f1 = s.op("f1", "add 1.09", m1, s.leaf("b1", group=f), group=f)
    m2 = s.op("m2", "matmul 0.72", s.op("gelu", "gelu -0.39", f1, group=f), s.leaf("W2", group=f), group=f)
    s.op("r2", "add 0.35", norm, s.op("f2", "add 1.83", m2, s.leaf("b2", group=f), group=f))
    return s


def scalar_mlp(inputs: int = 2, hidden: int = 3) -> Sketch:
    s = Sketch()
    xs = [s.leaf(f"x{i}") for i in range(inputs)]
    hs = []
    for n in range(hidden):
        g = (f"neuron{n}",)
        total = ""
        for i, x in enumerate(xs):
            product = s.op(f"p{n}{i}", "mul -0.51", s.leaf(f"w{n}{i}", group=g), x, group=g)
            total = s.op(f"s{n}{i}", "add 0.13", total, product, group=g) if total else product
        z = s.op(f"z{n}", "add 0.31", total, s.leaf(f"b{n}", group=g), group=g)
        hs.append(s.op(f"h{n}", "tanh 0.30", z, group=g))
    total = ""
    for n, h in enumerate(hs):
        product = s.op(f"o{n}", "mul 0.22", s.leaf(f"v{n}"), h)
        total = s.op(f"t{n}", "add 0.42", total, product) if total else product
    y = s.op("y", "tanh 0.63", s.op("z", "add 0.74", total, s.leaf("c")))
    d = s.op("d", "sub -0.37", y, s.leaf("t"))
    s.op("loss", "mul 0.14", d, d)
    return s


def lstm(steps: int = 1, folded: tuple[int, ...] = ()) -> Sketch:
    """An unrolled LSTM with a box per use of each parameter; folded steps are one box."""
    s = Sketch()
    h, c = s.leaf("h0"), s.leaf("c0")
    for t in range(1, steps + 1):
        x = s.leaf(f"x{t}")
        g = (f"t{t}",)
        if t in folded:
            step = s.op(f"t{t}", f"▸ t{t} ×38", x, h, c)
            h = c = step
            continue
        gates = {}
        for name, squash in (("i", "sigmoid"), ("f", "sigmoid"), ("g", "tanh"), ("o", "sigmoid")):
            wx = s.op(f"wx{name}{t}", "matmul -0.39", x, s.op(f"W{name}{t}", f"W{name} 0.72", group=g), group=g)
            uh = s.op(f"uh{name}{t}", "matmul 2.20", h, s.op(f"U{name}{t}", f"U{name} -0.76", group=g), group=g)
            z = s.op(f"z{name}{t}", "add 0.72", wx, uh, group=g)
            z = s.op(f"zb{name}{t}", "add -0.76", z, s.op(f"b{name}{t}", f"b{name} 1.83", group=g), group=g)
            gates[name] = s.op(f"{name}{t}", f"{squash} 1.83", z, group=g)
        kept = s.op(f"fc{t}", "mul -1.50", gates["f"], c, group=g)
        new = s.op(f"ig{t}", "mul 0.40", gates["i"], gates["g"], group=g)
        c = s.op(f"c{t}", "add 0.35", kept, new, group=g)
        h = s.op(f"h{t}", "mul 0.18", gates["o"], s.op(f"tc{t}", "tanh 0.34", c, group=g), group=g)
    s.op("loss", "mean 0.10", h)
    return s


def residual_chain(blocks: int = 4) -> Sketch:
    s = Sketch()
    x = s.leaf("x")
    for n in range(blocks):
        g = ("body", str(n))
        y = s.op(f"relu{n}", "relu 0.50", s.op(f"lin{n}", "linear -0.50", x, group=g), group=g)
        x = s.op(f"add{n}", "add 0.50", x, s.op(f"out{n}", "linear 0.10", y, group=g), group=("body",))
    s.op("loss", "sum 1.25", x)
    return s


# Width, height and crossings as measured, and no more; the published bounds for crossings are 2, 5 and 14 of these.
MEASURED = [
    pytest.param(attention, 67, 33, 2, id="attention"),
    pytest.param(scalar_mlp, 118, 26, 5, id="scalar_mlp"),
    pytest.param(lstm, 148, 26, 8, id="lstm"),
    pytest.param(partial(lstm, 4, (1, 2, 4)), 160, 32, 8, id="lstm4_folded"),
    pytest.param(partial(lstm, 4), 240, 85, 40, id="lstm4"),
    pytest.param(residual_chain, 20, 35, 0, id="residual_chain"),
]


@pytest.mark.parametrize(("sketch", "width", "height", "crossings"), MEASURED)
def test_size_and_crossings(sketch: Callable[[], Sketch], width: int, height: int, crossings: int) -> None:
    s = sketch()
    scene = layout(s.boxes, s.links)
    assert scene.width <= width
    assert scene.height <= height
    assert len(scene.crossings) <= crossings


@pytest.mark.parametrize("sketch", [attention, scalar_mlp, lstm, residual_chain])
@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_frames_cost_few_crossings(sketch: Callable[[], Sketch], direction: Direction) -> None:
    s = sketch()
    plain = layout(s.boxes, s.links, direction=direction)
    framed = layout(s.boxes, s.links, direction=direction, frames=True)
    assert framed.frames or not any(box.group for box in s.boxes)
    assert len(framed.crossings) <= len(plain.crossings) + 3


def test_the_spine_of_a_residual_block_is_straight() -> None:
    s = residual_chain(6)
    scene = layout(s.boxes, s.links)
    middle = {key: box.x + box.width // 2 for key, box in scene.box.items()}
    assert len({middle[f"add{n}"] for n in range(6)}) == 1, "residual blocks must not drift"
    chains = [{middle[f"{op}{n}"] for op in ("lin", "relu", "out")} for n in range(6)]
    assert [len(chain) for chain in chains] == [1] * 6
    assert max(max(chain) for chain in chains) - min(min(chain) for chain in chains) <= 1


def test_a_loss_chain_is_straight_and_parameters_stand_beside_it() -> None:
    s = attention()
    scene = layout(s.boxes, s.links)
    for key in ("m1->f1.0", "f1->gelu.0", "gelu->m2.0", "scaled->weights.0", "mixed->out.0", "k->kt.0"):
        assert len(scene.route[key].points) == 2
    for leaf, op in (("W1", "m1"), ("b1", "f1"), ("W2", "m2"), ("WO", "out"), ("WV", "v")):
        assert scene.box[leaf].y == scene.box[op].y - 2


def test_a_tree_is_symmetric() -> None:
    s = Sketch()
    total = s.op("y", "y", *[s.op(f"a{i}", "a", s.op(f"b{i}", "b"), s.op(f"c{i}", "c")) for i in range(2)])
    scene = layout(s.boxes, s.links)
    assert not scene.crossings
    mirrored = {(scene.width - box.x - box.width, box.y) for box in scene.boxes}
    assert mirrored == {(box.x, box.y) for box in scene.boxes}
    assert scene.box[total].x * 2 + scene.box[total].width == scene.width


def spine(count: int, label: str, leaf_first: bool, group: tuple[str, ...] = ()) -> Sketch:
    """A chain whose every operation takes a constant of its own."""
    s = Sketch()
    y = s.leaf("y")
    for n in range(count):
        c = s.leaf(f"c{n}", group=group)
        y = s.op(f"op{n}", label, *((c, y) if leaf_first else (y, c)), group=group)
    return s


@pytest.mark.parametrize("label", ["a", "mul 0.5", "multiply#7 = 0.123456"])
@pytest.mark.parametrize("leaf_first", [False, True])
@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_a_spine_does_not_drift(label: str, leaf_first: bool, direction: Direction) -> None:
    s = spine(60, label, leaf_first)
    scene = layout(s.boxes, s.links, direction=direction)
    vertical = direction == "TB"
    breadths = {key: box.width if vertical else box.height for key, box in scene.box.items()}
    leaf = max(breadths[f"c{n}"] for n in range(60)) + Spacing.of(direction).box
    assert (scene.width if vertical else scene.height) <= max(breadths.values()) + 2 * leaf
    along = {box.x + (box.width - 1) // 2 if vertical else box.y + box.height // 2 for box in scene.boxes[4::2]}
    assert len(along) == 1
    if vertical:
        assert scene.height == 2 * 61 - 1, "the leaves must cost no row of their own"


@pytest.mark.parametrize("leaf_first", [False, True])
def test_a_spine_of_boxes_of_two_rows_does_not_drift(leaf_first: bool) -> None:
    s = spine(60, "mul 0.5", leaf_first)
    boxes = [Box(box.key, box.width, 2) for box in s.boxes]
    scene = layout(boxes, s.links, direction="LR")
    assert scene.height <= 2 + 2 * (2 + Spacing.of("LR").box)


def test_a_spine_of_boxes_of_different_breadth_does_not_drift() -> None:
    s = Sketch()
    y = s.leaf("y")
    for n in range(60):
        product = s.op(f"mul{n}", "multiply#1 = 0.123", s.leaf(f"w{n}"), y)
        y = s.op(f"tanh{n}", "tanh", s.op(f"add{n}", "add#1", product, s.leaf(f"b{n}")))
    scene = layout(s.boxes, s.links)
    assert scene.width <= max(box.width for box in scene.boxes) + 2 * (scene.box["w0"].width + 3)
    assert not scene.crossings


def test_a_short_spine_keeps_its_ports_even() -> None:
    s = spine(2, "mul 0.5", leaf_first=False)
    scene = layout(s.boxes, s.links)
    box, left, right = (
        scene.box["op1"],
        *(scene.route[f"{tail}->op1.{n}"].points[-1][0] for n, tail in ((0, "op0"), (1, "c1"))),
    )
    assert left - box.x == box.x + box.width - 1 - right


@pytest.mark.parametrize("width", [9, 30])
def test_links_into_a_frame_leave_room_for_its_title(width: int) -> None:
    boxes = [Box(i, 9) for i in range(8)] + [Box("sum", width, group=("a_long_title",))]
    scene = layout(boxes, [Link(i, i, "sum", i) for i in range(8)], frames=True)
    assert " a_long_title " in to_text(scene, {})
    (frame,) = scene.frames
    # The title and its blanks, a border on either side, the box off the border, and no more.
    assert frame.width <= len("a_long_title") + 4 + scene.box["sum"].width + 2


@pytest.mark.parametrize("seed", range(12))
def test_titles_are_whole_in_crowded_pictures(seed: int) -> None:
    rnd = random.Random(seed)
    names = ["encoder", "head", "block_with_a_name"]
    boxes = [Box(i, rnd.randint(3, 12), 1, (names[i * 3 // 30],)) for i in range(30)]
    ends = [sorted(rnd.sample(range(30), 2)) for _ in range(60)]
    scene = layout(boxes, [Link(n, tail, head, n) for n, (tail, head) in enumerate(ends)], frames=True)
    text = to_text(scene, {})
    assert all(f" {name} " in text for name in names)


def layers(count: int, own: int = 0) -> Sketch:
    """Scopes that follow one another; the parameter of each goes through ``own`` operations first."""
    s = Sketch()
    y = s.leaf("x")
    for n in range(count):
        g = ("net", f"layer{n}")
        w = s.leaf(f"w{n}", group=g)
        for k in range(own):
            w = s.op(f"own{n}.{k}", "transpose 0.50", w, group=g)
        product = s.op(f"mul{n}", "matmul 0.50", y, w, group=g)
        total = s.op(f"add{n}", "add 0.50", product, s.leaf(f"b{n}", group=g), group=g)
        y = s.op(f"relu{n}", "relu 0.50", total, group=g)
    return s


def rows_of(scene: Scene) -> int:
    return len({box.y for box in scene.boxes})


@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_frames_of_scopes_that_follow_each_other_are_stacked(direction: Direction) -> None:
    s = layers(5)
    scene = layout(s.boxes, s.links, direction=direction, frames=True)
    inner = [frame for frame in scene.frames if len(frame.path) == 2]
    for above, below in pairwise(inner):
        assert below.y >= above.y + above.height if direction == "TB" else below.x >= above.x + above.width
    alone = layout(*(lambda one: (one.boxes, one.links))(layers(1)), direction=direction, frames=True)
    assert scene.width <= alone.width + 12 if direction == "TB" else scene.height <= alone.height + 4
    assert not scene.crossings
    # Four layers are moved down by a rank each.
    plain = layout(s.boxes, s.links)
    if direction == "TB":
        assert rows_of(scene) == rows_of(plain) + 4


def test_frames_that_would_need_many_rows_more_stand_side_by_side() -> None:
    s = layers(2, own=4)
    framed, plain = layout(s.boxes, s.links, frames=True), layout(s.boxes, s.links)
    assert rows_of(framed) == rows_of(plain)


def test_layers_that_share_many_ranks_are_stacked_where_that_suits_a_screen() -> None:
    s = Sketch()
    values = [s.leaf("x0"), s.leaf("x1")]
    for depth, width in enumerate((3, 3, 1)):
        following = []
        for n in range(width):
            g, key = (f"layer{depth}", f"neuron{n}"), f"{depth}.{n}"
            total = s.leaf(f"b{key}", group=g)
            for i, value in enumerate(values):
                product = s.op(f"p{key}.{i}", "mul 0.50", s.leaf(f"w{key}.{i}", group=g), value, group=g)
                total = s.op(f"s{key}.{i}", "add 0.50", total, product, group=g)
            following.append(s.op(f"h{key}", "tanh 0.50", total, group=g))
        values = following
    scene = layout(s.boxes, s.links, frames=True)
    outer = [frame for frame in scene.frames if len(frame.path) == 1]
    for above, below in pairwise(outer):
        assert below.y >= above.y + above.height
    assert scene.width <= 340


def test_frames_that_depend_on_each_other_in_a_circle() -> None:
    boxes = [Box(i, 5, group=(name,)) for i, name in enumerate("abcab")]
    scene = layout(boxes, [Link(i, i, i + 1) for i in range(4)], frames=True)
    assert rows_of(scene) == 5


def residual_around(branches: int) -> Sketch:
    """A sum of a leaf of the outer scope and of what an inner scope makes of many leaves."""
    s = Sketch()
    g = ("block", "inner")
    parts = [s.op(f"tanh{n}", "tanh 0.50", s.leaf(f"w{n}", group=g), group=g) for n in range(branches)]
    y = s.op("sum", "sum 0.50", *parts, group=g)
    s.op("add", "add 0.50", s.leaf("x", group=("block",)), y, group=("block",))
    return s


def test_a_leaf_stands_below_a_broad_frame_beside_the_link_that_comes_out() -> None:
    s = residual_around(10)
    scene = layout(s.boxes, s.links, frames=True)
    (inner,) = (frame for frame in scene.frames if frame.title == "inner")
    leaf, reader = scene.box["x"], scene.box["add"]
    assert inner.y + inner.height <= leaf.y < reader.y
    assert abs(leaf.x - reader.x) <= leaf.width + 3
    assert scene.width <= inner.width + 4, "nothing stands beside the frame"


def test_a_leaf_stands_beside_a_slim_frame() -> None:
    s = residual_around(1)
    scene = layout(s.boxes, s.links, frames=True)
    assert scene.box["x"].y == scene.box["sum"].y


@pytest.mark.parametrize(("direction", "width", "height"), [("TB", 120, 200), ("LR", 900, 20)])
def test_the_branches_of_a_long_sum_stand_by_it(direction: Direction, width: int, height: int) -> None:
    s = Sketch()
    branches = [
        s.op(f"tanh{n}", "tanh 0.50", s.op(f"mul{n}", "mul 0.50", s.leaf(f"w{n}"), s.leaf(f"x{n}"))) for n in range(40)
    ]
    total = branches[0]
    for n, branch in enumerate(branches[1:]):
        total = s.op(f"add{n}", "add 0.50", total, branch)
    scene = layout(s.boxes, s.links, direction=direction)
    assert not scene.crossings
    sums = {scene.box[f"add{n}"].x if direction == "TB" else scene.box[f"add{n}"].y for n in range(1, 39)}
    assert len(sums) == 1, "the sums stand in one line"
    assert scene.width <= width
    assert scene.height <= height


@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_a_frame_keeps_off_what_it_encloses(direction: Direction) -> None:
    boxes = [Box("x", 9, 2, ("outer",)), Box("y", 9, 2, ("outer", "inner")), Box("z", 9, 2)]
    scene = layout(boxes, [Link(0, "x", "y"), Link(1, "y", "z")], direction=direction, frames=True)
    outer, inner = scene.frames
    for frame, keys in ((inner, "y"), (outer, "xy")):
        left = min(scene.box[key].x for key in keys)
        right = max(scene.box[key].x + scene.box[key].width for key in keys)
        assert left - frame.x >= 3, "two blanks beside a border, whichever way the links run"
        assert frame.x + frame.width - right >= 3


def test_the_products_of_a_long_sum_stand_by_it() -> None:
    s = Sketch()
    total = s.leaf("b")
    for n in range(60):
        total = s.op(f"add{n}", "add 0.50", total, s.op(f"mul{n}", "mul 0.50", s.leaf(f"w{n}"), s.leaf(f"x{n}")))
    scene = layout(s.boxes, s.links)
    assert not scene.crossings
    assert len({scene.box[f"add{n}"].x for n in range(2, 60)}) == 1, "the sums stand one below the other"
    assert scene.width <= 10 * max(box.width for box in scene.boxes)
