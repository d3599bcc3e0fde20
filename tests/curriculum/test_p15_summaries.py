"""Worked numbers of P14 and P15 as a model's summary tells them: the networks are built, and run once."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber
from tests.worked import Check

nn: Any = gg.nn  # rows of layers, whose shapes are known to be there
Shape = tuple[int, ...]


def channels_first(lengths: Any) -> Shape:
    return (lengths[2], lengths[0], lengths[1])


def channels_last(shape: Shape) -> Shape:
    """Of one example."""
    return (*shape[2:], shape[1])


def learned(summary: Any) -> list[int]:
    return [row.parameters for row in summary if row.parameters]


def lenet(channels: int, *kernels: int) -> Any:
    """Convolutions with pooling after each, then dense layers."""
    row: list[Any] = []
    for filters in kernels:
        row += [nn.Conv2d(channels, filters, 5), nn.ReLU(), nn.MaxPool2d(2)]
        channels = filters
    return nn.Sequential(*row, nn.Flatten())


@pytest.mark.worked("W228")
def test_lenet5(example: WorkedNumber, check: Check) -> None:
    model = lenet(1, 6, 16)
    model[-1] = nn.Conv2d(16, 120, 5)
    model.extend([nn.Flatten(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)])
    summary = model.summary(channels_first(example.input["input"]))
    sizes = [row.output_shape[-1] for row in summary if row.type in ("Conv2d", "MaxPool2d")]
    check(example, {"sizes": sizes, "layers": learned(summary), "total": summary.parameters})


@pytest.mark.worked("W229")
def test_a_network_for_digits(example: WorkedNumber, check: Check) -> None:
    model = lenet(3, 6, 16).extend([nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)])
    summary = model.summary(channels_first(example.input["input"]))
    rows = [row for row in summary if row.type not in ("ReLU", "Flatten")]
    shapes = [channels_last(row.output_shape) for row in rows[:4]]
    flat = next(row.output_shape[1:] for row in summary if row.type == "Flatten")
    layers = [row.parameters for row in rows]
    check(example, {"shapes": [*shapes, flat], "layers": layers, "total": summary.parameters})


@pytest.mark.worked("W230")
def test_a_network_for_mnist(example: WorkedNumber, check: Check) -> None:
    model = lenet(1, 20, 50).extend([nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10)])
    summary = model.summary(channels_first(example.input["input"]))
    sizes = [row.output_shape[-1] for row in summary if row.type in ("Conv2d", "MaxPool2d")]
    flat = summary["6"].output_shape[1]
    check(example, {"sizes": sizes, "flatten": flat, "layers": learned(summary), "total": summary.parameters})


@pytest.mark.worked("W231")
def test_convolutional_against_dense(example: WorkedNumber, check: Check) -> None:
    n, hidden = example.input["n_feature"], example.input["n_hidden"]
    cnn = lenet(1, n, n).extend([nn.Linear(16 * n, 50), nn.ReLU(), nn.Linear(50, 10)]).summary((1, 28, 28))
    row = [nn.Flatten(), nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 10)]
    dense = nn.Sequential(*row).summary((1, 28, 28))
    totals = {"cnn_total": cnn.parameters, "fc_total": dense.parameters}
    check(example, {"cnn": learned(cnn), "fc": learned(dense), **totals})


@pytest.mark.curriculum("P15.18", "P25.05", "P25.12")
@pytest.mark.worked("W240")
def test_a_printed_summary(example: WorkedNumber, check: Check) -> None:
    """Built by calls on symbolic inputs, as Keras' are; the dropout has a line of its own, without parameters."""
    x = nn.Input(channels_first(example.input["input"]))
    maps = nn.MaxPool2d(2)(gg.relu(nn.Conv2d(3, 32, 3, padding="same")(x)))
    hidden = gg.relu(nn.Linear(8192, 512)(nn.Flatten()(maps)))
    model = nn.Model(x, nn.Linear(512, 10)(nn.Dropout(0.5)(hidden)))
    summary = model.summary()
    rows = [row for row in summary if row.type in ("Conv2d", "MaxPool2d", "Flatten", "Linear")]
    shapes = [channels_last(row.output_shape) for row in rows[:2]] + [row.output_shape[1:] for row in rows[2:]]
    params = [row.parameters for row in rows]
    check(example, {"shapes": shapes, "params": params, "total": summary.parameters})
    assert "Total params: 4,200,842" in str(summary)


@pytest.mark.curriculum("P15.15", "P15.16", "P15.17")
@pytest.mark.worked("W241")
def test_models_of_a_cheat_sheet(example: WorkedNumber, check: Check) -> None:
    def perceptron(*widths: int) -> int:
        row = [nn.Linear(a, b) for a, b in itertools.pairwise(widths)]
        return nn.Sequential(*row).summary(widths[:1]).parameters

    names = ("basic", "binary_mlp", "mnist_mlp", "init_study")
    dense = {name: perceptron(*example.input[name]) for name in names}
    row: list[Any] = []
    for channels, filters in ((3, 32), (32, 64)):
        row += [nn.Conv2d(channels, filters, 3, padding="same"), nn.ReLU(), nn.Conv2d(filters, filters, 3), nn.ReLU()]
        row += [nn.MaxPool2d(2), nn.Dropout(0.25)]
    row += [nn.Flatten(), nn.Linear(2304, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, 10)]
    cnn = nn.Sequential(*row).summary((3, 32, 32))
    tokens = nn.Input((7,), dtype="int64")
    lstm = nn.LSTM(128, 128, batch_first=True)
    lstm.bias_hh_l0 = None  # Keras has one
    _, (last, _) = lstm(nn.Embedding(20_000, 128)(tokens))
    words = nn.Model(tokens, nn.Linear(128, 1)(last[-1])).summary()
    flat = cnn["12"].output_shape[1]
    totals = {"cifar_cnn": cnn.parameters, "cifar_flatten": flat, "emb_lstm": words.parameters}
    check(example, {**dense, **totals})


@pytest.mark.curriculum("P15.09")
@pytest.mark.worked("W238")
def test_a_bottleneck_saves_multiplications(example: WorkedNumber, check: Check) -> None:
    i = example.input
    channels = i["inp"][2]
    conv = nn.Conv2d(channels, i["filters"], i["f"], padding="same").summary(channels_first(i["inp"]))
    narrow = nn.Sequential(
        nn.Conv2d(channels, i["reduce"], 1), nn.Conv2d(i["reduce"], i["filters"], i["f"], padding="same")
    ).summary(channels_first(i["inp"]))
    first, second = (row.multiply_adds for row in narrow)
    ratio = conv.multiply_adds / narrow.multiply_adds
    totals = {"total": narrow.multiply_adds, "ratio": ratio}
    check(example, {"direct": conv.multiply_adds, "reduce": first, "conv": second, **totals})


@pytest.mark.worked("W202")
def test_multiplications_of_a_filter(example: WorkedNumber, check: Check) -> None:
    n = example.input["n"]
    found = [nn.Conv2d(1, 1, kernel).summary((1, n, n)).multiply_adds for kernel in example.input["k"]]
    check(example, {"mult": found})


@pytest.mark.worked("W237")
def test_memory_of_parameters(example: WorkedNumber, check: Check) -> None:
    each = nn.Linear(10, 10).summary().parameter_bytes / 110
    assert each == example.input["bytes"]
    check(example, {"MB": example.input["params"] * each / 1e6})
