"""Models from layers that are called on symbolic inputs: they compute and learn what the layers themselves would."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.nn.functional import cross_entropy, mse_loss
from tests.train.problems import clouds

nn: Any = gg.nn


def numbers(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def siamese() -> tuple[Any, Any, Any]:
    """Two inputs, a layer that both share, operations between, two outputs."""
    left, right = nn.Input((4,), name="left"), nn.Input((4,), name="right")
    encoder, head = nn.Linear(4, 3), nn.Linear(6, 2)
    a, b = gg.tanh(encoder(left)), gg.tanh(encoder(right))
    both = gg.concat([a, b], axis=1)
    model = nn.Model([left, right], {"score": head(both), "distance": gg.sum((a - b) ** 2, axis=1)})
    return model, encoder, head


# ---- what it computes ------------------------------------------------------------------------------------------------


@pytest.mark.curriculum("P25.03", "P25.04", "P15.19")
def test_it_computes_what_its_layers_do_for_any_batch() -> None:
    model, encoder, head = siamese()
    for batch in (1, 2, 5):
        x, y = numbers(2, batch, 4)
        a, b = gg.tanh(encoder(x)), gg.tanh(encoder(y))
        found = model(x, y)
        np.testing.assert_array_equal(found["score"].data, head(gg.concat([a, b], axis=1)).data)
        np.testing.assert_array_equal(found["distance"].data, gg.sum((a - b) ** 2, axis=1).data)
        assert list(found) == ["score", "distance"]


@pytest.mark.curriculum("P25.03")
def test_three_forms_of_one_model() -> None:
    """A class, a row, and calls on symbolic inputs: the same numbers and the same gradients."""

    class Net(gg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.relu, self.linear_1 = nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)

        def forward(self, x: Any) -> Any:
            return self.linear_1(self.relu(self.linear(x)))

    x = nn.Input((6,))
    functional = nn.Model(x, nn.Linear(5, 2)(nn.ReLU()(nn.Linear(6, 5)(x))))
    row, net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)), Net()
    values = [one.data for one in functional.parameters()]
    assert list(functional.state_dict()) == list(net.state_dict())
    net.load_state_dict(functional.state_dict())
    row.load_state_dict(dict(zip(row.state_dict(), values, strict=True)))
    results = [one(numbers(3, 6)) for one in (functional, row, net)]
    for one in results:
        gg.sum(one**2).backward()
        np.testing.assert_array_equal(one.data, results[0].data)
    for model in (row, net):
        for p, q in zip(model.parameters(), functional.parameters(), strict=True):
            np.testing.assert_array_equal(p.grad.data, q.grad.data)


def test_a_shared_layer_collects_both_gradients() -> None:
    model, encoder, _ = siamese()
    x, y = numbers(2, 5, 4)
    gg.sum(model(x, y)["distance"]).backward()
    shared = encoder.weight.grad.data.copy()
    encoder.zero_grad()
    gg.sum((gg.tanh(encoder(x)) - gg.tanh(encoder(y))) ** 2).backward()
    np.testing.assert_allclose(shared, encoder.weight.grad.data, rtol=1e-5)
    assert sum(one.size for one in model.parameters()) == 15 + 14


def test_operators_methods_and_functions() -> None:
    x = nn.Input((3, 4))
    gain = np.arange(4.0, dtype="float32")
    cases = {
        "operators": lambda x: -(2.0 - x) * gain / 3 + gain * x - x @ gain[:, None],
        "indexing": lambda x: x[:, 0] + x[:, -1, :] + x[..., None, 1:2, :].sum(axis=(1, 2)),
        "methods": lambda x: x.mean(1).reshape(-1, 2, 2).swapaxes(1, 2).clip(-1, 1),
        "transposed": lambda x: x.mT,
        "numpy": lambda x: np.tanh(x) + np.exp(x),
        "functions": lambda x: gg.where(x > 0, x, 0.1 * x) + nn.functional.softmax(x, dim=-1),
        "in place": in_place,
        "several": lambda x: gg.split(x, [1, 3], axis=2)[1],
        "unpacked": lambda x: gg.unbind(x, axis=1)[2],
        "composed": lambda x: gg.stack([x, x * 2], axis=1) + nn.functional.layer_norm(x, (4,))[:, None],
    }
    for name, function in cases.items():
        y = function(x)
        model, value = nn.Model(x, y), gg.tensor(numbers(5, 3, 4))
        expected = function(value)
        np.testing.assert_array_equal(model(value).data, expected.data, err_msg=name)
        assert y.shape == (None, *expected.shape[1:]), name
        assert y.dtype == expected.dtype, name


def in_place(x: Any) -> Any:
    h = x * 1.0
    h += x
    h *= 2.0
    return h


def test_results_in_a_structure() -> None:
    x = nn.Input((5, 3))
    output, (h_n, c_n) = nn.LSTM(3, 4, batch_first=True)(x)
    assert (output.shape, h_n.shape, c_n.shape) == ((None, 5, 4), (1, None, 4), (1, None, 4))
    model = nn.Model(x, [nn.Linear(4, 2)(h_n[-1]), (output, c_n)])
    first, (second, third) = model(numbers(7, 5, 3))
    assert (first.shape, second.shape, third.shape) == ((7, 2), (7, 5, 4), (1, 7, 4))


def test_arguments_in_structures() -> None:
    class Merge(gg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, parts: Any, *, more: Any) -> Any:
            return self.drop(parts[0] + parts[1]["b"] * more["c"])

    a, b, c = (nn.Input((3,)) for _ in range(3))
    merge = Merge()
    model = nn.Model([a, b, c], merge([a, {"b": b}], more={"c": c})).eval()
    x, y, z = numbers(3, 2, 3)
    np.testing.assert_array_equal(model(x, y, z).data, x + y * z)
    by_name = nn.Model([b, c], Merge()([1.0, {"b": b}], more={"c": c})).eval()
    np.testing.assert_array_equal(by_name(y, z).data, 1.0 + y * z)


def test_a_named_tuple_is_an_argument_like_any() -> None:
    class Pair(NamedTuple):
        x: Any
        y: Any

    class Both(gg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, pair: Pair) -> Any:
            return Pair(self.layer(pair.x), self.layer(pair.y))

    a, b, both = nn.Input((3,)), nn.Input((3,)), Both()
    model = nn.Model([a, b], both(Pair(a, b)))
    assert list(model.state_dict()) == ["both.layer.weight", "both.layer.bias"]
    x, y = numbers(2, 4, 3)
    np.testing.assert_array_equal(model(x, y).y.data, both.layer(y).data)


def test_tokens_and_open_lengths() -> None:
    tokens = nn.Input((None,), dtype="int64")
    mean = nn.Embedding(20, 6)(tokens).mean(axis=1)
    assert mean.shape == (None, 6)
    model = nn.Model(tokens, nn.Linear(6, 2)(mean))
    for length in (1, 3, 40):
        assert model(np.ones((4, length), dtype="int64")).shape == (4, 2)
    assert model.summary((9,), dtype="int64")["embedding"].output_shape == (1, 9, 6)


def test_a_model_is_a_layer_and_parts_are_models() -> None:
    model, _, _ = siamese()
    x = nn.Input((4,))
    inner = nn.Model(x, nn.Sequential(nn.Linear(4, 4), nn.Tanh())(x))
    left, right = nn.Input((4,)), nn.Input((4,))
    features = inner(left)
    outer = nn.Model([left, right], model(features, right)["score"], names={"pair": model})
    assert outer(numbers(3, 4), numbers(3, 4)).shape == (3, 2)
    assert {"model.sequential.0.weight", "pair.linear.weight"} <= set(outer.state_dict())
    half = nn.Model([features, right], model(features, right)["score"])
    values = numbers(3, 4), numbers(3, 4)
    np.testing.assert_array_equal(half(inner(values[0]), values[1]).data, outer(*values).data)


def test_an_input_may_be_an_output() -> None:
    x = nn.Input((2,))
    doubled, same = nn.Model(x, [x * 2.0, x])(numbers(3, 2))
    np.testing.assert_array_equal(doubled.data, 2 * same.data)


# ---- training --------------------------------------------------------------------------------------------------------


def test_it_follows_train_and_eval() -> None:
    x = nn.Input((6,))
    norm, drop = nn.BatchNorm1d(6), nn.Dropout(0.5)
    model = nn.Model(x, drop(norm(x)))
    assert norm.num_batches_tracked.item() == 0  # building it was no training
    values = numbers(8, 6)
    once, again = model(values), model(values)
    assert norm.num_batches_tracked.item() == 2
    assert not np.array_equal(once.data, again.data)
    model.eval()
    np.testing.assert_array_equal(model(values).data, model(values).data)
    assert (norm.num_batches_tracked.item(), drop.training) == (2, False)


def test_building_draws_nothing() -> None:
    generator = gg.manual_seed(3)
    layer = nn.Linear(2, 2)
    state = generator.bit_generator.state
    x = nn.Input((2,))
    nn.Model(x, nn.Dropout(0.3)(layer(x)))
    assert generator.bit_generator.state == state
    assert layer.training


def test_fit_trains_it() -> None:
    gg.manual_seed(0)
    x = nn.Input((2,))
    deep, wide = nn.Linear(8, 3)(gg.tanh(nn.Linear(2, 8)(x))), nn.Linear(2, 3)(x)
    model = nn.Model(x, deep + wide)
    points, labels = clouds()
    optimizer = gg.optim.Adam(model.parameters(), lr=0.05)
    history = gg.train.fit(
        model, points, labels, loss=cross_entropy, optimizer=optimizer, epochs=5, batch_size=16, progress=False
    )
    assert history["loss"][-1] < 0.5 * history["loss"][0]


def test_fit_with_two_inputs() -> None:
    gg.manual_seed(0)
    a, b = nn.Input((2,)), nn.Input((3,))
    model = nn.Model([a, b], nn.Bilinear(2, 3, 1)(a, b)[:, 0])
    x, y = numbers(40, 2), numbers(40, 3)
    target = x[:, 0] * y[:, 1]
    optimizer = gg.optim.Adam(model.parameters(), lr=0.05)
    history = gg.train.fit(
        model, (x, y), target, loss=mse_loss, optimizer=optimizer, epochs=20, batch_size=10, progress=False
    )
    assert history["loss"][-1] < 0.1 * history["loss"][0]


def test_a_new_head_takes_the_place_of_the_old_one() -> None:
    x = nn.Input((4,))
    head = nn.Linear(5, 3)
    model = nn.Model(x, head(gg.relu(nn.Linear(4, 5)(x))), names={"head": head})
    model.head = nn.Linear(5, 2)
    assert model(numbers(3, 4)).shape == (3, 2)


def test_copies_are_models_of_their_own() -> None:
    model, encoder, _ = siamese()
    other = copy.deepcopy(model)
    x, y = numbers(2, 5, 4)
    before = model(x, y)["score"].data.copy()
    np.testing.assert_array_equal(other(x, y)["score"].data, before)
    encoder.weight.data[...] = 0.0
    np.testing.assert_array_equal(other(x, y)["score"].data, before)
    assert not np.array_equal(model(x, y)["score"].data, before)


def test_graphs_know_the_layers() -> None:
    model, _, _ = siamese()
    graph = model(numbers(1, 4), numbers(1, 4))["score"].graph()
    assert [(vertex.op, vertex.scope) for vertex in graph.nodes] == [
        ("linear", "linear"),
        ("tanh", "tanh"),
        ("linear", "linear"),
        ("tanh", "tanh_1"),
        ("concat", "concat"),
        ("linear", "linear_1"),
    ]


# ---- names and summary -----------------------------------------------------------------------------------------------


def test_names() -> None:
    model, encoder, _ = siamese()
    assert model.input_names == ("left", "right")
    assert list(model.state_dict()) == ["linear.weight", "linear.bias", "linear_1.weight", "linear_1.bias"]
    assert model.linear is encoder
    assert model.connections == {
        "linear": ("left", "right"),
        "tanh": ("linear",),
        "tanh_1": ("linear",),
        "concat": ("tanh", "tanh_1"),
        "linear_1": ("concat",),
        "subtract": ("tanh", "tanh_1"),
        "power": ("subtract",),
        "sum": ("power",),
    }
    assert "(concat): OperationLayer(concat, axis=1)" in repr(model)
    again, _, _ = siamese()
    assert list(again.state_dict()) == list(model.state_dict())


def test_names_do_not_run_into_each_other() -> None:
    x = nn.Input((2,), name="linear")
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    model = nn.Model(x, second(first(x)), names={"linear_1": second})
    assert list(dict(model.named_children())) == ["linear", "linear_2", "linear_1"]
    assert model(numbers(1, 2)).shape == (1, 2)


@pytest.mark.curriculum("P25.05")
def test_its_summary() -> None:
    model, _, _ = siamese()
    summary = model.summary()
    told = {row.name: (row.type, row.output_shape, row.parameters, row.calls) for row in summary}
    assert told["left"] == ("InputLayer", (1, 4), 0, 1)
    assert told["linear"] == ("Linear", (1, 3), 15, 2)
    assert told["concat"] == ("OperationLayer", (1, 6), 0, 1)
    assert summary["concat"].connected_to == ("tanh", "tanh_1")
    assert (summary.parameters, summary.multiply_adds) == (29, 2 * 12 + 12)
    assert "Connected to" in str(summary)
    assert model.summary(batch_size=3)["linear_1"].output_shape == (3, 2)


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_what_has_no_values() -> None:
    x = nn.Input((3,), name="x")
    for ask in (bool, float, list, len, np.asarray, lambda x: x.data, lambda x: x.item(), lambda x: x.backward()):
        with pytest.raises(gg.GraphError, match=r"symbolic tensor 'x' of shape \(None, 3\) has no values"):
            ask(x)
    with pytest.raises(gg.GraphError, match="has no values"):
        x[0] = 1.0
    with pytest.raises(gg.GraphgradError, match="reshape"):
        x.reshape(x.shape[0], 3)


def test_what_a_model_would_not_keep() -> None:
    x = nn.Input((3,))
    with pytest.raises(gg.GraphError, match=r"dropout: would draw the same numbers(.|\n)*nn\.Dropout"):
        nn.functional.dropout(x, 0.5)
    with pytest.raises(gg.GraphError, match=r"multiply: tensor 'gain' of shape \(3,\) needs a gradient"):
        x * gg.tensor(np.ones(3), requires_grad=True, name="gain")
    with pytest.raises(gg.GraphError, match=r"Bilinear: tensor 'gain'(.|\n)*belongs to no layer"):
        nn.Bilinear(3, 3, 2)(x, gg.tensor(np.ones((1, 3)), requires_grad=True, name="gain"))


def test_shapes_that_do_not_fit() -> None:
    x = nn.Input((3, 8, 8))
    with pytest.raises(gg.ShapeError, match=r"Conv2d: can't be called on \(None, 3, 8, 8\) float32"):
        nn.Conv2d(1, 4, 3)(x)
    with pytest.raises(gg.ShapeError, match=r"concat: can't be called on \(None, 3, 8, 8\) float32, \(None, 2\)"):
        gg.concat([x, nn.Input((2,))], axis=1)
    with pytest.raises(gg.DTypeError, match="Embedding: can't be called"):
        nn.Embedding(4, 2)(nn.Input((3,)))
    with pytest.raises(gg.GraphError, match="unbind: how many tensors it gives depends on the batch"):
        gg.unbind(x)


@pytest.mark.parametrize("shape", [64, "ab", (2.0,), (-1,), (True,), None])
def test_shapes_of_inputs(shape: Any) -> None:
    with pytest.raises(gg.ShapeError, match="Input: shape is the shape of one example"):
        nn.Input(shape)


def test_models_that_cannot_be() -> None:
    x, y = nn.Input((3,), name="x"), nn.Input((3,), name="y")
    layer = nn.Linear(3, 2)
    out = layer(x)
    cases: list[tuple[Any, ...]] = [
        ((x, out + y[:, :2]), gg.GraphError, "outputs need 1 more inputs(.|\n)*name='y'"),
        (([x, y], out), gg.GraphError, "no output depends on an input(.|\n)*name='y'"),
        (([x, x], out), gg.GraphError, "given twice"),
        (([], out), gg.DTypeError, "inputs are symbolic"),
        ((gg.ones((1, 3)), out), gg.DTypeError, "inputs are symbolic tensors(.|\n)*got: Tensor"),
        ((x, layer(gg.ones((1, 3)))), gg.DTypeError, "outputs are symbolic tensors(.|\n)*got: Tensor"),
        ((x, layer), gg.DTypeError, "outputs are symbolic tensors(.|\n)*got: Linear"),
        (([x, nn.Input((2,), name="x")], out), gg.GraphError, "no output depends"),
        ((x, out, {"other": nn.Linear(1, 1)}), ValueError, "isn't called"),
        ((x, out, [layer]), gg.DTypeError, "names is a dictionary of layers by name, got list"),
        ((x, out, {"x": layer}), ValueError, "'x', which is an input's name"),
        ((x, out, {"a": layer, "b": layer}), ValueError, "'a', which is a second name"),
        ((x, out, {"a.b": layer}), ValueError, "has no dot"),
    ]
    for (inputs, outputs, *names), error, says in cases:
        with pytest.raises(error, match=says):
            nn.Model(inputs, outputs, names=names[0] if names else None)
    same = nn.Input((3,), name="x")
    with pytest.raises(ValueError, match="two inputs are called 'x'"):
        nn.Model([x, same], x + same)
    for name in ("train", "input_names", "_steps"):
        one = nn.Input((3,), name=name)
        with pytest.raises(ValueError, match="is an attribute already"):
            nn.Model(one, one * 2.0)


def test_a_layer_that_was_taken_out() -> None:
    model, _, _ = siamese()
    del model.linear_1
    with pytest.raises(gg.GraphError, match=r"the layer 'linear_1' isn't there any more(.|\n)*model\.linear_1 = "):
        model(gg.ones((5, 4)), gg.ones((5, 4)))


def test_summary_of_what_follows_a_fixed_first_axis() -> None:
    """Nobody knows which axis is that of the batch: there are the parameters only."""
    x = nn.Input((5, 3))
    _, h_n = nn.GRU(3, 4, batch_first=True)(x)
    summary = nn.Model(h_n, nn.Linear(4, 2)(h_n)).summary()
    assert (summary.ran, summary.parameters) == (False, 10)
    total = gg.sum(x)
    assert not nn.Model(total, total * 2.0).summary().ran


def test_calls_that_do_not_fit() -> None:
    model, _, _ = siamese()
    one = gg.ones((5, 4))
    with pytest.raises(TypeError, match=r"takes 2 inputs, got 1(.|\n)*inputs: left, right"):
        model(one)
    with pytest.raises(TypeError, match=r"model\(\*inputs\)"):
        model([one, one])
    with pytest.raises(gg.ShapeError, match=r"input 'right' has another shape(.|\n)*\(None, 4\)(.|\n)*got: \(5, 3\)"):
        model(one, gg.ones((5, 3)))
    with pytest.raises(gg.ShapeError, match="makes a batch of one example"):
        model(gg.ones(4), one)
