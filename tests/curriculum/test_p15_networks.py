"""Worked numbers of P15: sizes and parameters of convolutional networks, from the rules for shapes; nothing runs."""

from __future__ import annotations

import math
from collections.abc import Callable
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

    def layer(self, name: str, *operands: Shape | None, **attrs: Any) -> Net:
        op = find(name)
        given = self.shape, *operands
        self.flops.append(op.cost(*given, **attrs))
        self.shape = op.shape(*given, **attrs)
        self.shapes.append(self.shape)
        self.parameters.append(sum(math.prod(one) for one in operands if one is not None))
        return self

    def conv(
        self,
        filters: int,
        kernel: int,
        stride: int = 1,
        padding: int | str = 0,
        *,
        groups: int = 1,
        bias: bool = True,
    ) -> Net:
        sides = padding if isinstance(padding, str) else (padding, padding)
        attrs = {"stride": (stride, stride), "padding": sides, "dilation": (1, 1), "groups": groups}
        weight = (filters, self.shape[0] // groups, kernel, kernel)
        return self.layer("conv2d", weight, (filters,) if bias else None, **attrs)

    def norm(self) -> Net:
        """Batch normalisation; the running mean and variance count as parameters, as Keras has them."""
        op, each = find("batch_norm"), self.shape[:1]
        shape = op.shape((1, *self.shape), each, each, each, each, training=False, momentum=0.1, eps=1e-5)
        assert shape[1:] == self.shape
        self.parameters.append(4 * self.shape[0])
        return self

    def pool(self, kernel: int = 2, stride: int = 2, padding: int = 0) -> Net:
        pair = {"kernel_size": (kernel, kernel), "stride": (stride, stride)}
        return self.layer("max_pool2d", **pair, padding=(padding, padding), dilation=(1, 1), ceil_mode=False)

    def everywhere(self) -> Net:
        """Global pooling."""
        self.layer("adaptive_avg_pool2d", output_size=(1, 1))
        self.shape = self.shape[:1]
        return self

    def beside(self, *ways: Net, concat: bool = False) -> Net:
        """Ways that begin where this one is, and whose ends are added, or joined in depth."""
        ends = [way.shape for way in ways]
        self.shape = find("concat").shape(ends, axis=0) if concat else find("add").shape(*ends)
        for way in ways:
            self.parameters += way.parameters
        return self

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


def resnet50() -> Net:
    """As Keras has it: each convolution with a bias, a block's stride in its first."""
    net = Net((3, 224, 224)).conv(64, 7, 2, 3).norm().pool(3, 2, 1)
    for stage, (narrow, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            way = Net(net.shape).conv(narrow, 1, stride).norm().conv(narrow, 3, padding="same").norm()
            past = Net(net.shape) if block else Net(net.shape).conv(4 * narrow, 1, stride).norm()
            net.beside(way.conv(4 * narrow, 1).norm(), past)
    return net.everywhere().dense(1000)


def mobilenet() -> Net:
    """A depthwise convolution and one of 1x1 in turn; the classes are a convolution too."""
    net = Net((3, 224, 224)).conv(32, 3, 2, 1, bias=False).norm()
    for filters, stride in (
        (64, 1),
        (128, 2),
        (128, 1),
        (256, 2),
        (256, 1),
        (512, 2),
        *[(512, 1)] * 5,
        (1024, 2),
        (1024, 1),
    ):
        net.conv(net.shape[0], 3, stride, 1, groups=net.shape[0], bias=False).norm()
        net.conv(filters, 1, bias=False).norm()
    net.everywhere()
    net.shape = (*net.shape, 1, 1)
    return net.conv(1000, 1)


def densenet(*blocks: int) -> Net:
    """Each layer adds 32 maps to all that there are; between the blocks half of them are kept."""
    net = Net((3, 224, 224)).conv(64, 7, 2, 3, bias=False).norm().pool(3, 2, 1)
    for block, layers in enumerate(blocks):
        if block:
            net.norm().conv(net.shape[0] // 2, 1, bias=False).pool()
        for _ in range(layers):
            way = Net(net.shape).norm().conv(128, 1, bias=False).norm().conv(32, 3, padding="same", bias=False)
            net.beside(Net(net.shape), way, concat=True)
    assert net.shape[1:] == (7, 7)
    return net.norm().everywhere().dense(1000)


ZOO: dict[str, Callable[[], Net]] = {
    "VGG16": lambda: vgg(2, 2, 3, 3, 3),
    "VGG19": lambda: vgg(2, 2, 4, 4, 4),
    "ResNet50": resnet50,
    "MobileNet": mobilenet,
    "DenseNet121": lambda: densenet(6, 12, 24, 16),
    "DenseNet169": lambda: densenet(6, 12, 32, 32),
    "DenseNet201": lambda: densenet(6, 12, 48, 32),
}


@pytest.mark.worked("W235")
def test_a_zoo_of_models(example: WorkedNumber, check: Check) -> None:
    check(example, {"params": [ZOO[name]().total for name in example.input["models"]]})


@pytest.mark.worked("W236")
def test_how_large_their_files_are(example: WorkedNumber, check: Check) -> None:
    """4 bytes for each parameter; the parameters are counted where the architecture is above."""
    rows = example.input["rows"]
    counts = [ZOO[name]().total if name in ZOO else printed for name, _, printed in rows]
    assert counts == [printed for _, _, printed in rows]
    each = gg.nn.Conv2d(1, 1, 1).weight.dtype.itemsize
    check(example, {"size_mb": [each * count / 2**20 for count in counts]})


@pytest.mark.worked("W237")
def test_how_large_googlenet_is(example: WorkedNumber, check: Check) -> None:
    weight = gg.nn.Conv2d(1, 1, 1).weight
    assert weight.dtype.itemsize == example.input["bytes"]
    check(example, {"MB": example.input["params"] * weight.dtype.itemsize / 1e6})


@pytest.mark.worked("W241")
def test_models_of_a_cheat_sheet(example: WorkedNumber, check: Check) -> None:
    i = example.input
    names = ("basic", "binary_mlp", "mnist_mlp", "init_study")
    dense = {name: Net((i[name][0],)).dense_on(*i[name][1:]).total for name in names}
    cnn = Net((3, 32, 32)).conv(32, 3, padding="same").conv(32, 3).pool().conv(64, 3, padding="same").conv(64, 3).pool()
    flat = math.prod(cnn.shape)
    # An LSTM of Keras has one bias, PyTorch's two.
    learned = ((512, 128), (512, 128), (512,))
    words = Net((7,)).layer("embedding", (20_000, 128))
    steps, features = words.shape
    read = find("lstm without bias_hh, weight_hr, weight_ch").shape(
        (steps, 1, features), (1, 128), (1, 128), *learned, lengths=None, reverse=False
    )
    lstm = words.total + sum(map(math.prod, learned)) + Net(read[0][2:]).dense(1).total
    totals = {**dense, "cifar_cnn": cnn.dense_on(512, 10).total, "cifar_flatten": flat, "emb_lstm": lstm}
    check(example, totals)


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
