"""What a summary tells is true, and telling it changes nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.nn.summarizing import multiply_adds
from graphgrad.ops.declare import TABLE
from tests.ops.declared import draw, variants

nn: Any = gg.nn


def perceptron() -> Any:
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


class Net(gg.nn.Module):
    """Operations and a parameter of its own beside layers, one of which is used twice, and one never."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.inner = nn.Linear(6, 8), nn.Sequential(nn.Linear(8, 8), nn.Tanh())
        self.again, self.idle = self.inner, nn.Linear(3, 3)
        self.scale = nn.Parameter(np.ones(8))

    def forward(self, x: Any) -> Any:
        return gg.relu(self.again(self.inner(self.first(x)))) * self.scale


# ---- what it tells ---------------------------------------------------------------------------------------------------


@pytest.mark.curriculum("P25.05")
def test_rows_and_totals() -> None:
    summary = perceptron().summary((64,))
    assert [(row.name, row.type, row.output_shape) for row in summary] == [
        ("0", "Linear", (1, 32)),
        ("1", "ReLU", (1, 32)),
        ("2", "Linear", (1, 10)),
    ]
    assert [row.parameters for row in summary] == [64 * 32 + 32, 0, 32 * 10 + 10]
    assert [row.multiply_adds for row in summary] == [64 * 32, 0, 32 * 10]
    assert [row.activation_bytes for row in summary] == [4 * 32, 4 * 32, 4 * 10]
    assert (summary.parameters, summary.trainable, summary.non_trainable) == (2410, 2410, 0)
    assert (summary.multiply_adds, summary.parameter_bytes, summary.activation_bytes) == (2368, 4 * 2410, 296)
    assert summary.flops == 32 * (2 * 64 + 1) + 32 + 10 * (2 * 32 + 1)
    assert summary["2"].output_shape == (1, 10)
    with pytest.raises(KeyError, match="there is no row"):
        summary["3"]


def test_it_prints_nothing_and_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    summary = perceptron().summary((64,))
    assert capsys.readouterr().out == ""
    text = str(summary)
    assert repr(summary) == text
    for name in ("Layer (type)", "Output Shape", "Param #", "Total params: 2,410", "Trainable params: 2,410"):
        assert name in text
    assert "2 (Linear)    (1, 10)           330  yes" in text


def test_a_batch_makes_more_of_all_but_parameters() -> None:
    one, many = perceptron().summary((64,)), perceptron().summary((64,), batch_size=7)
    assert many["0"].output_shape == (7, 32)
    assert (many.multiply_adds, many.activation_bytes) == (7 * one.multiply_adds, 7 * one.activation_bytes)
    assert many.parameter_bytes == one.parameter_bytes


def test_what_is_shared_counts_once_and_what_is_idle_is_told() -> None:
    net = Net()
    summary = net.summary((6,))
    assert [row.name for row in summary] == ["", "first", "inner", "inner.0", "inner.1", "idle"]
    assert summary.parameters == sum(one.size for one in net.parameters()) == 56 + 72 + 12 + 8
    assert summary["inner.0"].calls == summary["inner.1"].calls == 2
    assert summary["inner.0"].multiply_adds == 2 * 64
    assert (summary["idle"].calls, summary["idle"].output_shape, summary["idle"].parameters) == (0, None, 12)
    # The model's own parameter, and the two operations in its forward.
    assert (summary[""].parameters, summary[""].activation_bytes) == (8, 2 * 8 * 8)
    assert "0 (Linear) ×2" in str(summary)
    assert "idle (Linear)" in str(summary)


def test_a_tied_weight_counts_once() -> None:
    net = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    net[1].weight = net[0].weight
    summary = net.summary((4,))
    assert [row.parameters for row in summary] == [16, 0]
    assert summary.parameter_bytes == 64


@pytest.mark.parametrize("depth", [None, 0, 1, 2, 3])
@pytest.mark.parametrize("make", [Net, lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 5), 2)])
def test_columns_add_up_at_any_depth(make: Callable[[], Any], depth: int | None) -> None:
    net = make()
    whole, part = (net.summary(example=gg.ones((3, 2, 6)), depth=one) for one in (None, depth))
    for name in ("parameters", "trainable", "multiply_adds", "flops", "parameter_bytes", "activation_bytes"):
        assert getattr(part, name) == getattr(whole, name) > 0
    assert whole.parameters == sum(one.size for one in net.parameters())
    assert all(row.level <= (99 if depth is None else depth) for row in part)
    if depth == 0:
        assert [row.output_shape for row in part] == [net(gg.ones((3, 2, 6))).shape]


def test_frozen_and_buffers() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    net[0].requires_grad_(False)
    net[2].bias.requires_grad = False
    summary = net.summary((3,))
    assert [row.trainable for row in summary] == [0, 8, 8]
    assert (summary.trainable, summary.non_trainable, summary.buffers) == (16, 18, 9)
    assert summary["1"].parameter_bytes == 4 * 16 + 8
    lines = str(summary).splitlines()
    assert [next(w for w in ("no", "yes", "part") if f" {w} " in line) for line in lines[4:7]] == ["no", "yes", "part"]
    assert "Buffers: 9" in lines


def test_several_inputs_dtypes_and_examples() -> None:
    class Lookup(gg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.join = nn.Embedding(10, 4), nn.Bilinear(4, 3, 2)

        def forward(self, index: Any, x: Any) -> Any:
            return self.join(self.table(index), x)

    net = Lookup()
    summary = net.summary([(), (3,)], dtype=["int64", None], batch_size=5)
    assert [row.output_shape for row in summary] == [(5, 4), (5, 2)]
    assert summary["join"].multiply_adds == 5 * 2 * (4 * 3 + 3)
    again = net.summary(example=(np.array([1, 2]), gg.ones((2, 3))))
    assert (again.batch_size, again["join"].output_shape) == (2, (2, 2))
    assert net.double().summary([(), (3,)], dtype=["int64", None])["join"].activation_bytes == 16


def test_without_a_shape_there_are_parameters_only() -> None:
    summary = perceptron().summary()
    assert (summary.parameters, summary.multiply_adds) == (2410, 0)
    assert "Mult-Adds" not in str(summary)
    assert "—" in str(summary)


def test_several_outputs() -> None:
    summary = nn.LSTM(3, 4, batch_first=True).summary((5, 3))
    (row,) = summary
    assert row.output_shapes == ((1, 5, 4), (1, 1, 4), (1, 1, 4))
    assert row.multiply_adds == 5 * 16 * (3 + 4)


# ---- what operations cost --------------------------------------------------------------------------------------------

PRODUCTS = [name for name, op in TABLE.items() if op.linear == "each" and name not in ("outer", "kron", "cross")]
COMPOSED = [
    "dense",
    "scaled_dot_product_attention",
    "rnn_tanh",
    "lstm",
    "gru",
    "rnn_relu_cell",
    "lstm_cell",
    "gru_cell",
]


def runs_of(name: str) -> list[tuple[Any, tuple[Any, ...], tuple[gg.Tensor, ...]]]:
    """Node, operands and results of each sample of an operation, with and without its optional operands."""
    found: list[Any] = []
    for case in (case for op in (TABLE[name], *variants(TABLE[name])) for case in draw(op)):
        with gg.forward_hook(lambda *run: found.append(run)):
            case.run([gg.tensor(one) for one in case.operands])
    return [run for run in found if run[0].op.base == name]


def counted(node: Any, inputs: Any) -> int:
    return multiply_adds(node.op, [np.shape(one) for one in inputs], dict(node.attrs))


@pytest.mark.parametrize("name", PRODUCTS)
def test_multiply_adds_are_half_of_what_operations_declare(name: str) -> None:
    total = 0
    for node, inputs, outputs in runs_of(name):
        shapes = [one.shape for one in inputs]
        cost = node.op.cost(shapes, **node.attrs) if node.op.variadic else node.op.cost(*shapes, **node.attrs)
        with_bias = outputs[0].size if "bias" in node.op.operands else 0
        found = counted(node, inputs)
        assert cost - 2 * found - with_bias in (0, 1)
        total += found
    assert total > 0


@pytest.mark.parametrize("name", COMPOSED)
def test_multiply_adds_are_those_of_the_products_inside(name: str) -> None:
    total = 0
    for node, inputs, _ in runs_of(name):
        if node.attrs.get("lengths") is not None or node.attrs.get("enable_gqa"):
            continue
        inside: list[int] = []

        def count(node: Any, inputs: Any, outputs: Any, inside: list[int] = inside) -> None:
            inside.append(counted(node, inputs))

        with gg.forward_hook(count):
            node.op.expand(*inputs, **node.attrs)
        assert counted(node, inputs) == sum(inside)
        total += sum(inside)
    assert total > 0


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (lambda: nn.Linear(5, 3), (5,), 15),
        (lambda: nn.Linear(5, 3), (4, 5), 60),
        (lambda: nn.Conv1d(2, 3, 3, padding=1), (2, 8), 8 * 3 * 2 * 3),
        (lambda: nn.Conv2d(4, 6, 3, stride=2, groups=2, bias=False), (4, 9, 9), 16 * 6 * 2 * 9),
        (lambda: nn.ConvTranspose2d(2, 3, 2, stride=2), (2, 4, 4), 2 * 16 * 3 * 4),
        (lambda: nn.GRU(3, 4, batch_first=True, bidirectional=True), (5, 3), 2 * 5 * 12 * (3 + 4)),
        (lambda: nn.LSTM(3, 4, batch_first=True, proj_size=2), (5, 3), 5 * (16 * (3 + 2) + 2 * 4)),
        (lambda: nn.BatchNorm2d(4), (4, 3, 3), 0),
        (lambda: nn.MaxPool2d(2), (4, 4, 4), 0),
    ],
)
def test_formulas_of_layers(layer: Any, shape: tuple[int, ...], expected: int) -> None:
    assert layer().summary(shape).multiply_adds == expected
    assert layer().summary(shape, batch_size=3).multiply_adds == 3 * expected


# ---- nothing changes -------------------------------------------------------------------------------------------------


class Restless(gg.nn.Module):
    """Changes whatever a module can change when it runs."""

    seen: gg.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop = nn.BatchNorm1d(3), nn.Dropout(0.5)
        self.table = nn.Embedding(4, 3, max_norm=0.1)
        self.register_buffer("seen", gg.zeros(1))

    def forward(self, x: Any) -> Any:
        self.seen.data[...] += 1
        noise = gg.random.normal(size=(3,)) + float(np.random.rand())  # noqa: NPY002
        return self.drop(self.norm(x)) + self.table(gg.tensor([1, 2])).sum() + noise


def state(net: gg.nn.Module) -> list[bytes]:
    return [one.data.tobytes() for one in (*net.parameters(), *net.buffers())]


def test_it_changes_nothing() -> None:
    generator = gg.manual_seed(0)
    net = Restless()
    net.norm.eval()
    before, draws = state(net), generator.bit_generator.state
    legacy = repr(np.random.get_state())  # noqa: NPY002
    with gg.record() as recording:
        net.summary((3,))
    assert recording.nodes == []
    assert state(net) == before
    assert generator.bit_generator.state == draws
    assert repr(np.random.get_state()) == legacy  # noqa: NPY002
    assert (net.training, net.norm.training, net.drop.training) == (True, False, True)
    assert all(one.grad is None for one in net.parameters())
    assert all(module._module_hooks is None for module in net.modules())
    assert gg.is_grad_enabled()


def test_attributes_that_a_module_replaces_come_back() -> None:
    class Counting(gg.nn.Module):
        seen: gg.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(np.ones(3))
            self.register_buffer("seen", gg.zeros(1))
            self.register_buffer("last", None)

        def forward(self, x: Any) -> Any:
            self.seen = self.seen + 1
            self.last = x
            self.weight.data = np.zeros(3)
            self.extra, self.layer = 1, nn.Linear(3, 3)
            return self.layer(x * self.weight)

    net = Counting()
    seen, values, names = net.seen, net.weight.data, list(net.__dict__)
    net.summary((3,))
    nn.Model(x := nn.Input((3,)), net(x))
    assert net.seen is seen
    assert seen.tolist() == [0.0]
    assert net.last is None
    assert net.weight.data is values
    assert values.tolist() == [1.0] * 3
    assert (list(net.__dict__), list(net.children())) == (names, [])


def test_it_changes_nothing_when_it_fails() -> None:
    net = nn.Sequential(Restless(), nn.Linear(4, 2))
    before = state(net)
    with pytest.raises(gg.ShapeError):
        net.summary((3,))
    assert state(net) == before
    assert all(module.training and module._module_hooks is None for module in net.modules())


def test_a_gradient_that_is_waited_for_still_comes() -> None:
    net = Restless()
    loss = gg.sum(net(gg.ones((2, 3))))
    net.norm.summary((3,))
    loss.backward()
    assert net.norm.bias.grad is not None


def test_hooks_of_the_user_stay() -> None:
    net = perceptron()
    shapes: list[Any] = []
    net[0].register_forward_hook(lambda module, args, output: shapes.append(output.shape))
    net.summary((64,))
    net(gg.ones((3, 64)))
    assert shapes == [(1, 32), (3, 32)]


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_a_layer_that_the_shape_does_not_fit_is_named() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.Flatten(), nn.Linear(99, 3)))
    with pytest.raises(gg.ShapeError, match=r"layer '1\.1' \(Linear\)(.|\n)*must have length 99(.|\n)*\(1, 1, 8, 8\)"):
        net.summary((1, 8, 8))
    with pytest.raises(gg.DTypeError, match=r"'0' \(Embedding\)(.|\n)*dtype='int64'"):
        nn.Sequential(nn.Embedding(4, 2)).summary((3,))


def test_other_errors_say_where_too() -> None:
    class Broken(gg.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.nothing

    with pytest.raises(AttributeError) as error:
        nn.Sequential(nn.ReLU(), Broken()).summary((3,))
    assert "layer '1' (Broken)" in error.value.__notes__[0]


def test_a_module_that_catches_what_is_raised_inside() -> None:
    class Either(gg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide, self.narrow = nn.Linear(9, 2), nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            try:
                return self.wide(x)
            except gg.ShapeError:
                return self.narrow(x)

    summary = nn.Sequential(Either(), nn.ReLU()).summary((3,))
    assert (summary["0.wide"].calls, summary["0.narrow"].calls) == (0, 1)
    assert summary["0.narrow"].multiply_adds == 6


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"input_shape": "64"}, "got: '64'"),
        ({"input_shape": (-1,)}, "got: "),
        ({"input_shape": (2.5,)}, "got: "),
        ({"input_shape": True}, "got: True"),
        ({"input_shape": (64, True)}, "got: "),
        ({"dtype": "int64"}, "input_shape is missing"),
        ({"example": nn.Input((64,))}, "symbolic tensors have none"),
        ({"input_shape": (64,), "example": gg.ones((1, 64))}, "not both"),
        ({"input_shape": [(64,)], "dtype": ["float32", "float32"]}, "1 inputs, but 2 dtypes"),
    ],
)
def test_arguments_that_are_refused(args: dict[str, Any], says: str) -> None:
    with pytest.raises(gg.GraphgradError, match=says):
        perceptron().summary(**args)


@pytest.mark.parametrize("args", [{"batch_size": 0}, {"batch_size": 1.5}, {"depth": -1}, {"depth": True}])
def test_counts_that_are_refused(args: dict[str, Any]) -> None:
    (name,) = args
    with pytest.raises(ValueError, match=f"summary: {name} is a whole number"):
        perceptron().summary(**args)


def test_numpy_numbers_and_any_iterable_of_lengths() -> None:
    summary = perceptron().summary((length for length in (5, np.int64(64))), batch_size=np.int64(2), depth=np.int64(1))
    assert (summary.batch_size, summary["2"].output_shape) == (2, (2, 5, 10))


def test_examples_of_any_form() -> None:
    class First(gg.nn.Module):
        def forward(self, given: Any) -> Any:
            return gg.tanh(given["x"] if isinstance(given, dict) else given[0])

    for example in ({"x": gg.ones((3, 2))}, [gg.ones((3, 2)), gg.ones(5)]):
        summary = First().summary(example=example)
        assert (summary.batch_size, summary[""].output_shape) == (3, (3, 2))
    with pytest.raises(gg.ShapeError, match=r"the model ran on: \(2, 3\) float64") as error:
        perceptron().summary(example=np.ones((2, 3)))
    assert "hint" not in str(error.value), "who gives an example is not told to give one"


def test_memory_is_written_in_units() -> None:
    net = nn.Sequential(nn.Linear(1000, 2000, bias=False), nn.Linear(2000, 1))
    assert f"({4 * (2000 * 1000 + 2001) / 2**20:.2f} MiB)" in str(net.summary())
    assert math.isclose(net.summary().parameter_bytes, 4 * 2_002_001)
