"""micrograd's neurons, layers and networks: as there, watched, and with other parameters."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

import graphgrad as gg
from graphgrad.nn.scalar import MLP, Layer, Module, Neuron, Value


def test_a_seed_gives_the_weights_that_it_gives_in_micrograd() -> None:
    random.seed(7)
    expected = [random.uniform(-1, 1) for _ in range(3)]
    random.seed(7)
    neuron = Neuron(3)
    assert [p.data for p in neuron.parameters()] == [*expected, 0.0]


def test_layers_of_one_neuron_give_a_number() -> None:
    x = [Value(1.0), Value(2.0)]
    assert type(Layer(2, 1)(x)) is Value
    assert len(Layer(2, 3)(x)) == 3
    assert Layer(2, 0)(x) == []


def test_representations_are_micrograds() -> None:
    assert repr(Neuron(2, nonlin=False)) == "LinearNeuron(2)"
    assert repr(Layer(2, 2)) == "Layer of [ReLUNeuron(2), ReLUNeuron(2)]"
    assert repr(MLP(2, [1, 1])) == "MLP of [Layer of [ReLUNeuron(2)], Layer of [LinearNeuron(1)]]"


def test_zero_grad_and_parameters() -> None:
    model = MLP(2, [3, 1])
    assert len(model.parameters()) == 13
    model([1.0, 2.0]).backward()
    assert any(p.grad for p in model.parameters())
    model.zero_grad()
    assert not any(p.grad for p in model.parameters())
    assert Module().parameters() == []


@pytest.mark.parametrize("inputs", [[], [Value(1.0)], [Value(1.0)] * 3, [1.0]])
def test_a_network_refuses_another_number_of_inputs(inputs: list[Any]) -> None:
    for part in (MLP(2, [3, 1]), Layer(2, 3), Neuron(2)):
        with pytest.raises(gg.ShapeError, match=f"expected: 2, got: {len(inputs)}"):
            part(inputs)


def test_a_watched_network_has_scopes_and_names_and_the_same_numbers() -> None:
    random.seed(3)
    model = MLP(2, [3, 2])
    x = [Value(0.5, label="x"), Value(-0.25, label="y")]
    plain = model(x)
    with gg.record():
        watched = model(x)
    assert [out.data for out in watched] == [out.data for out in plain]
    nodes = {node.name: node for node in watched[1].graph().nodes if node.name}
    assert nodes["layer0.neuron2"].op == "relu"
    assert nodes["layer1.neuron1"].op == "add"
    assert nodes["layer1.neuron1"].scope == "layer1.neuron1"
    leaves = [leaf.name for leaf in watched[1].graph().leaves]
    assert {"x", "y", "layer0.neuron2.w1", "layer0.neuron2.b", "layer1.neuron1.w2"} <= set(leaves)
    assert {node.scope for node in plain[1].graph().nodes} == {""}


def gradients(run: Callable[[], Any], model: Module) -> list[float]:
    model.zero_grad()
    run().backward()
    return [p.grad for p in model.parameters()]


def test_watched_or_not_the_gradients_are_the_same() -> None:
    random.seed(4)
    model = MLP(3, [5, 4, 1])
    x = [Value(0.5), 0.7, Value(-0.25)]
    expected = gradients(lambda: model(x), model)
    assert any(expected)
    with gg.record():
        assert gradients(lambda: model(x), model) == expected
    with gg.scope("net"):
        assert gradients(lambda: model(x), model) == expected
    with gg.detect_anomaly():
        assert gradients(lambda: model(x), model) == expected


def test_without_gradients_a_network_gives_constants() -> None:
    model = MLP(2, [3, 1])
    x = [Value(1.0), Value(2.0)]
    with gg.no_grad():
        out = model(x)
    assert (type(out), out.requires_grad, out.data) == (Value, False, model(x).data)


def test_with_other_parameters() -> None:
    random.seed(5)
    model = MLP(2, [3, 1])
    new = [gg.scalar(0.1 * i) for i in range(13)]
    twin = model.with_parameters(new)
    assert all(mine is given for mine, given in zip(twin.parameters(), new, strict=True))
    before = [p.data for p in model.parameters()]
    twin([1.0, 2.0]).backward()
    assert any(p.grad for p in new)
    assert [p.data for p in model.parameters()] == before
    assert not any(p.grad for p in model.parameters())
    assert repr(twin) == repr(model)
    with pytest.raises(gg.ArgumentError, match="expected: 13, got: 12"):
        model.with_parameters(new[:12])


def test_a_network_of_ones_own_takes_other_parameters_too() -> None:
    class Shared(Module):
        def __init__(self) -> None:
            self.scale = Value(2.0)
            self.parts = [Neuron(1, nonlin=False)]
            self.note = ("kept", 1)

        def parameters(self) -> list[Value]:
            return [*self.parts[0].parameters(), self.scale]

    twin = Shared().with_parameters([Value(10.0), Value(20.0), Value(30.0)])
    assert (twin.parts[0].w[0].data, twin.parts[0].b.data, twin.scale.data) == (10.0, 20.0, 30.0)
    assert twin.note == ("kept", 1)


def test_a_compiled_network_gives_the_bits_of_the_recorded_one() -> None:
    random.seed(6)
    model = MLP(2, [4, 4, 1])
    parameters = [p.data for p in model.parameters()]
    score = gg.compile_scalars(lambda parameters, x: model.with_parameters(parameters)(x))
    value, (grads, dx) = score.value_and_grad(parameters, [0.5, -0.7])
    x = [Value(0.5), Value(-0.7)]
    expected = model(x)
    expected.backward()
    assert value == expected.data
    assert grads == [p.grad for p in model.parameters()]
    assert dx == [v.grad for v in x]
    assert score.recordings == 1
