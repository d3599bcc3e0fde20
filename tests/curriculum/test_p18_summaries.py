"""Printed summaries of P18 and P20: recurrent networks and an autoencoder, built and run once."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber
from tests.worked import Check

nn = gg.nn


class Recurrent(nn.Module):
    """A recurrent layer as Keras has it: one vector of biases; all outputs, or the last one."""

    def __init__(self, layer: Any, sequences: bool = True) -> None:
        super().__init__()
        self.layer, self.sequences = layer, sequences
        layer.bias_hh_l0 = None

    def forward(self, x: Any) -> Any:
        output, _ = self.layer(x)
        return output if self.sequences else output[:, -1]


def rnn(features: int, hidden: int, sequences: bool = True) -> Recurrent:
    return Recurrent(nn.RNN(features, hidden, batch_first=True), sequences)


def lstm(features: int, hidden: int, sequences: bool = True) -> Recurrent:
    return Recurrent(nn.LSTM(features, hidden, batch_first=True), sequences)


def told(summary: gg.nn.Summary) -> list[int]:
    return [row.parameters for row in summary]


@pytest.mark.worked("W254")
def test_one_layer(example: WorkedNumber, check: Check) -> None:
    found = []
    for case in example.input["cases"]:
        model = nn.Sequential(rnn(case["input"], case["units"], False), nn.Linear(case["units"], case["out"]))
        summary = model.summary((4, case["input"]), depth=1)
        assert summary["1"].output_shape == (1, case["out"])
        found.append((*told(summary), summary.parameters))
    check(example, dict(zip(("rnn", "dense", "total"), zip(*found, strict=True), strict=True)))


@pytest.mark.curriculum("P18.14", "P25.05")
@pytest.mark.worked("W255")
def test_two_layers_with_dropout(example: WorkedNumber, check: Check) -> None:
    i = example.input
    a, b = i["units"]
    row: list[Any] = [rnn(i["input"], a), nn.Dropout(0.5), rnn(a, b, False), nn.Dropout(0.5), nn.Linear(b, i["out"])]
    summary: Any = nn.Sequential(*row).summary((i["T"], i["input"]), depth=1)
    shapes = [row.output_shape[1:] for row in summary]
    check(example, {"params": told(summary), "total": summary.parameters, "shapes": shapes})


@pytest.mark.worked("W256")
def test_three_layers_of_memories(example: WorkedNumber, check: Check) -> None:
    i = example.input
    a, b, c = i["units"]
    model: Any = nn.Sequential(lstm(i["input"], a), lstm(a, b), lstm(b, c, False), nn.Linear(c, i["out"]))
    summary = model.summary((i["T"], i["input"]), depth=1)
    assert summary["0"].output_shape == (1, i["T"], a)
    check(example, {"params": told(summary), "total": summary.parameters})


@pytest.mark.curriculum("P18.14", "P25.05")
@pytest.mark.worked("W257")
def test_frozen_words(example: WorkedNumber, check: Check) -> None:
    i = example.input
    a, b, c = i["units"]
    words = nn.Embedding(i["vocab"], i["emb"]).requires_grad_(False)
    model = nn.Sequential(words, lstm(i["emb"], a), lstm(a, b), lstm(b, c, False), nn.Linear(c, 1))
    summary = model.summary((6,), dtype="int64", depth=1)
    totals = {"total": summary.parameters, "trainable": summary.trainable, "frozen": summary.non_trainable}
    check(example, {"params": told(summary), **totals})
    assert "Trainable params: 179,105\nNon-trainable params: 500,000" in str(summary)


@pytest.mark.worked("W258")
def test_two_biases_or_one(example: WorkedNumber, check: Check) -> None:
    """A dense layer works on the last axis: at each step by itself."""
    units, vocab = example.input["units"], example.input["vocab"]
    x = nn.Input((5, vocab))
    output, _ = nn.GRU(vocab, units, batch_first=True)(x)
    summary = nn.Model(x, nn.Linear(units, vocab)(output)).summary()
    assert summary["linear"].output_shape == (1, 5, vocab)
    one = nn.Sequential(Recurrent(nn.GRU(vocab, units, batch_first=True))).summary((5, vocab)).parameters
    gru, dense = summary["gru"].parameters, summary["linear"].parameters
    check(example, {"gru": gru, "gru_single_bias": one, "dense": dense, "total": summary.parameters})


@pytest.mark.worked("W286")
def test_a_variational_autoencoder(example: WorkedNumber, check: Check) -> None:
    d = example.input["d"]

    class VAE(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 2 * d))
            self.decoder = nn.Sequential(nn.Linear(d, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid())

        def forward(self, x: Any) -> Any:
            mean, log_variance = gg.split(self.encoder(x), d, axis=-1)
            return self.decoder(mean + gg.exp(0.5 * log_variance) * gg.random.normal(size=mean.shape))

    summary = VAE().summary((784,))
    layers = [row.parameters for row in summary if row.type == "Linear"]
    check(example, {"layers": layers, "total": summary.parameters})
    assert summary["decoder.3"].output_shape == (1, 784)
    assert summary.multiply_adds == summary.parameters - (400 + 2 * d + 400 + 784)  # all but the biases


@pytest.mark.worked("W118")
def test_parameters_and_multiplications(example: WorkedNumber, check: Check) -> None:
    widths = example.input["M"]
    row = [nn.Linear(a, b) for a, b in itertools.pairwise(widths)]
    summary = nn.Sequential(*row).summary(tuple(widths[:1]))
    check(example, {"Np": summary.parameters, "Nx": summary.multiply_adds})


@pytest.mark.worked("W119")
def test_an_image_into_two_layers(example: WorkedNumber, check: Check) -> None:
    i = example.input
    x = nn.Input(i["shape"])
    flat = nn.Flatten()(x)
    size = flat.shape[1]
    summary = nn.Model(x, nn.Linear(i["h"], i["out"])(gg.relu(nn.Linear(size, i["h"])(flat)))).summary()
    check(example, {"in_size": size, "params": summary.parameters})
