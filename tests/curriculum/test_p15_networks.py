"""Worked numbers of P15: sizes and parameters of convolutional networks, from the rules for shapes; nothing runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.lessons.curriculum import WorkedNumber
from graphgrad.nn import functional as F
from graphgrad.ops import find
from tests.curriculum.values import const, leaf
from tests.worked import Check

Shape = tuple[int, ...]


@dataclass
class Net:
    """The shapes on the way through a network, (channels, height, width) or (features,), and its parameters."""

    shape: Shape
    shapes: list[Shape] = field(default_factory=list)
    parameters: list[int] = field(default_factory=list)
    flops: list[int] = field(default_factory=list)

    def layer(self, name: str, *operands: Shape, **attrs: Any) -> Net:
        op = find(name)
        given = self.shape, *operands
        self.flops.append(op.cost(*given, **attrs))
        self.shape = op.shape(*given, **attrs)
        self.shapes.append(self.shape)
        self.parameters.append(sum(map(math.prod, operands)))
        return self

    def conv(self, filters: int, kernel: int, stride: int = 1, padding: int | str = 0) -> Net:
        sides = padding if isinstance(padding, str) else (padding, padding)
        attrs = {"stride": (stride, stride), "padding": sides, "dilation": (1, 1), "groups": 1}
        return self.layer("conv2d", (filters, self.shape[0], kernel, kernel), (filters,), **attrs)

    def pool(self, kernel: int = 2, stride: int = 2) -> Net:
        pair = {"kernel_size": (kernel, kernel), "stride": (stride, stride)}
        return self.layer("max_pool2d", **pair, padding=(0, 0), dilation=(1, 1), ceil_mode=False)

    def dense(self, features: int) -> Net:
        self.shape = (math.prod(self.shape),)
        return self.layer("linear", (features, *self.shape), (features,))

    def dense_on(self, *features: int) -> Net:
        for one in features:
            self.dense(one)
        return self

    @property
    def sizes(self) -> list[int]:
        return [shape[-1] for shape in self.shapes]

    @property
    def learned(self) -> list[int]:
        """The parameters of those layers that have some."""
        return [one for one in self.parameters if one]

    @property
    def total(self) -> int:
        return sum(self.parameters)


def from_channels_last(lengths: Any) -> Net:
    return Net((lengths[2], lengths[0], lengths[1]))


def channels_last(shape: Shape) -> Shape:
    return (*shape[1:], shape[0]) if len(shape) == 3 else shape


@pytest.mark.worked("W228")
def test_lenet5(example: WorkedNumber, check: Check) -> None:
    net = from_channels_last(example.input["input"]).conv(6, 5).pool().conv(16, 5).pool().conv(120, 5)
    sizes = list(net.sizes)
    net.dense_on(84, 10)
    check(example, {"sizes": sizes, "layers": net.learned, "total": net.total})


@pytest.mark.worked("W229")
def test_a_network_for_digits(example: WorkedNumber, check: Check) -> None:
    net = from_channels_last(example.input["input"]).conv(6, 5).pool().conv(16, 5).pool()
    shapes = [*map(channels_last, net.shapes), (math.prod(net.shape),)]
    net.dense_on(120, 84, 10)
    check(example, {"shapes": shapes, "layers": net.parameters, "total": net.total})


@pytest.mark.worked("W230")
def test_a_network_for_mnist(example: WorkedNumber, check: Check) -> None:
    net = from_channels_last(example.input["input"]).conv(20, 5).pool().conv(50, 5).pool()
    sizes, flat = list(net.sizes), math.prod(net.shape)
    net.dense_on(500, 10)
    check(example, {"sizes": sizes, "flatten": flat, "layers": net.learned, "total": net.total})


@pytest.mark.worked("W231")
def test_convolutional_against_dense(example: WorkedNumber, check: Check) -> None:
    i = example.input
    n = i["n_feature"]
    cnn = Net((1, 28, 28)).conv(n, 5).pool().conv(n, 5).pool().dense_on(50, 10)
    dense = Net((784,)).dense_on(i["n_hidden"], i["n_hidden"], 10)
    totals = {"cnn_total": cnn.total, "fc_total": dense.total}
    check(example, {"cnn": cnn.learned, "fc": dense.learned, **totals})


@pytest.mark.worked("W232")
def test_a_deeper_one(example: WorkedNumber, check: Check) -> None:
    net = Net((3, example.input["input"], example.input["input"])).conv(10, 3).conv(20, 5, 2).conv(40, 5, 2)
    check(example, {"sizes": net.sizes, "flatten": math.prod(net.shape), "params": net.parameters})


@pytest.mark.worked("W233")
def test_alexnet(example: WorkedNumber, check: Check) -> None:
    net = Net((3, example.input["input"], example.input["input"])).conv(96, 11, 4).pool(3).conv(256, 5, padding=2)
    net.pool(3).conv(384, 3, padding=1).conv(384, 3, padding=1).conv(256, 3, padding=1).pool(3)
    sizes = [net.sizes[k] for k in (0, 1, 2, 3, 6, 7)]
    net.dense_on(4096, 4096, 1000)
    check(example, {"sizes": sizes, "layers": net.learned, "total": net.total})


def vgg(*convolutions: int) -> Net:
    net = Net((3, 224, 224))
    for filters, count in zip((64, 128, 256, 512, 512), convolutions, strict=True):
        for _ in range(count):
            net.conv(filters, 3, padding="same")
        net.pool()
    return net.dense_on(4096, 4096, 1000)


@pytest.mark.worked("W234")
def test_vgg(example: WorkedNumber, check: Check) -> None:
    assert from_channels_last(example.input["input"]).shape == (3, 224, 224)
    smaller, larger = vgg(2, 2, 3, 3, 3), vgg(2, 2, 4, 4, 4)
    check(example, {"vgg16_layers": smaller.learned, "vgg16": smaller.total, "vgg19": larger.total})


@pytest.mark.worked("W238")
def test_a_bottleneck_saves_multiplications(example: WorkedNumber, check: Check) -> None:
    i = example.input

    def multiplications(net: Net) -> list[int]:
        """Each comes with an addition; the biases' additions are as many as outputs."""
        return [(flops - math.prod(shape)) // 2 for flops, shape in zip(net.flops, net.shapes, strict=True)]

    (direct,) = multiplications(from_channels_last(i["inp"]).conv(i["filters"], i["f"], padding="same"))
    narrow = from_channels_last(i["inp"]).conv(i["reduce"], 1).conv(i["filters"], i["f"], padding="same")
    reduce, conv = multiplications(narrow)
    total = {"total": reduce + conv, "ratio": direct / (reduce + conv)}
    check(example, {"direct": direct, "reduce": reduce, "conv": conv, **total})


@pytest.mark.worked("W239")
def test_branches_side_by_side(example: WorkedNumber, check: Check) -> None:
    """Whatever their kernels, with padding 'same' they have one size and are joined in depth."""
    x = gg.zeros((2, 28, 28))
    kernels = (1, 3, 5, 1)
    branches = [
        F.conv2d(x, gg.zeros((filters, 2, kernel, kernel)), padding="same")
        for filters, kernel in zip(example.input["branches"], kernels, strict=True)
    ]
    check(example, {"out": channels_last(gg.concat(branches, 0).shape)})


@pytest.mark.worked("W240")
def test_a_summary(example: WorkedNumber, check: Check) -> None:
    net = from_channels_last(example.input["input"]).conv(32, 3, padding="same").pool()
    flat = (math.prod(net.shape),)
    shapes = [*map(channels_last, net.shapes), flat]
    net.dense_on(512, 10)
    learned = [*net.parameters[:2], 0, *net.parameters[2:]]
    check(example, {"shapes": [*shapes, *net.shapes[2:]], "params": learned, "total": net.total})


@pytest.mark.worked("W242")
def test_a_residual_block_begins_as_the_identity(example: WorkedNumber, check: Check) -> None:
    """As a 1x1 convolution over the channels of one pixel."""
    a, W = leaf(example.input["a"]), const(example.input["W"])
    y = gg.relu(F.conv2d(a[:, None, None], W[..., None, None])[:, 0, 0] + a)
    y.backward(np.ones(2))
    check(example, {"y": y, "da": a.grad})
