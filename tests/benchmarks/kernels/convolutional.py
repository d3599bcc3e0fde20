"""Convolutions, pooling, and two networks made of them: LeNet-5 and a block of a ResNet."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from tests.benchmarks.harness import Run

from .dense import cross_entropy
from .work import Arrays, Library, Preparation, Sizes, Work, drawn, of_numpy, of_same, step_of_module, step_of_numpy

__all__ = ["WORKS", "conv2d_work"]

LAYER = ("input", "weight", "bias")
_LAYOUTS = {1: ("NCH", "OIH", "NCH"), 2: ("NCHW", "OIHW", "NCHW")}


def in_jax(input: Any, weight: Any, padding: int = 0, groups: int = 1) -> Any:
    from jax import lax

    n = input.ndim - 2
    return lax.conv_general_dilated(
        input, weight, (1,) * n, [(padding, padding)] * n, dimension_numbers=_LAYOUTS[n], feature_group_count=groups
    )


# ---- one layer -------------------------------------------------------------------------------------------------------


def conv_arrays(n: int, sizes: Sizes) -> Arrays:
    out = sizes.get("out", sizes["channels"])
    images = (sizes["batch"], sizes["channels"], *[sizes["length"]] * n)
    seen = 1 if sizes.get("depthwise") else sizes["channels"]
    return drawn({"input": images, "weight": (out, seen, *[sizes["kernel"]] * n), "bias": (out,)})


def conv(library: Library, input: Any, weight: Any, bias: Any) -> Any:
    function = getattr(library.functional, f"conv{input.ndim - 2}d")
    groups = input.shape[1] // weight.shape[1]
    return function(input, weight, bias, padding=weight.shape[-1] // 2, groups=groups)


def conv_of_jax(numpy: Any, input: Any, weight: Any, bias: Any) -> Any:
    groups = input.shape[1] // weight.shape[1]
    return in_jax(input, weight, weight.shape[-1] // 2, groups) + bias.reshape(-1, *[1] * (input.ndim - 2))


def conv_in_mygrad(arrays: Arrays) -> Run | None:
    try:
        library: Any = importlib.import_module("mygrad")
    except ImportError:
        return None
    layers = importlib.import_module("mygrad.nnet.layers")
    from .work import upstream

    n = arrays["input"].ndim - 2

    def forward(input: Any, weight: Any, bias: Any) -> Any:
        return layers.conv_nd(input, weight, stride=1, padding=weight.shape[-1] // 2) + bias.reshape(-1, *[1] * n)

    seed = upstream(forward(*(library.tensor(arrays[name]) for name in LAYER)).shape)

    def run() -> Any:
        given = [library.tensor(arrays[name], copy=False) for name in LAYER]
        out = forward(*given)
        out.backward(seed)
        return out.data, *(one.grad for one in given)

    return run


def conv_work(name: str, n: int, **sizes: int) -> Work:
    others: dict[str, Preparation] = of_numpy(conv_of_jax, LAYER, autograd=False)
    if not sizes.get("depthwise"):
        others["MyGrad"] = conv_in_mygrad
    return Work(name, sizes, lambda sizes: conv_arrays(n, sizes), of_same(conv, LAYER), others)


# ---- pooling ---------------------------------------------------------------------------------------------------------


def images(sizes: Sizes) -> Arrays:
    return drawn({"input": (sizes["batch"], sizes["channels"], sizes["length"], sizes["length"])})


def pooled(library: Library, input: Any) -> Any:
    return library.functional.max_pool2d(input, 2)


def pooled_of_jax(numpy: Any, input: Any) -> Any:
    from jax import lax

    window = (1, 1, 2, 2)
    return lax.reduce_window(input, -np.inf, lax.max, window, window, "VALID")


def pooled_in_mygrad(arrays: Arrays) -> Run | None:
    try:
        library: Any = importlib.import_module("mygrad")
    except ImportError:
        return None
    layers = importlib.import_module("mygrad.nnet.layers")
    from .work import upstream

    seed = upstream(layers.max_pool(arrays["input"], (2, 2), 2).shape)

    def run() -> Any:
        input = library.tensor(arrays["input"], copy=False)
        out = layers.max_pool(input, (2, 2), 2)
        out.backward(seed)
        return out.data, input.grad

    return run


# ---- networks --------------------------------------------------------------------------------------------------------

_LAYERS = ("images.0", "images.3", "layers.0", "layers.2", "layers.4")
LENET = tuple(f"{layer}.{kind}" for layer in _LAYERS for kind in ("weight", "bias"))


def lenet_arrays(sizes: Sizes) -> Arrays:
    weights = ((6, 1, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (10, 84))
    shapes = dict(zip(LENET, (shape for weight in weights for shape in (weight, weight[:1])), strict=True))
    target = np.random.default_rng(2).integers(0, 10, sizes["batch"])
    return {**drawn({"input": (sizes["batch"], 1, 28, 28), **shapes}), "target": target}


def lenet(nn: Any) -> Any:
    class LeNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            first, second = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
            self.images = nn.Sequential(first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(), nn.MaxPool2d(2))
            layers = nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)
            self.layers = nn.Sequential(*layers)

        def forward(self, input: Any) -> Any:
            return self.layers(self.images(input).reshape(len(input), -1))

    return LeNet()


def lenet_of_jax(numpy: Any, input: Any, target: Any, **learned: Any) -> Any:
    c1, d1, c2, d2, w1, b1, w2, b2, w3, b3 = (learned[name] for name in LENET)
    h = pooled_of_jax(numpy, numpy.maximum(in_jax(input, c1, 2) + d1[:, None, None], 0))
    h = pooled_of_jax(numpy, numpy.maximum(in_jax(h, c2) + d2[:, None, None], 0)).reshape(len(input), -1)
    h = numpy.maximum(numpy.maximum(h @ w1.T + b1, 0) @ w2.T + b2, 0)
    return cross_entropy(numpy, h @ w3.T + b3, target)


BLOCK = ("input", "c1", "w1", "b1", "c2", "w2", "b2")


def block_arrays(sizes: Sizes) -> Arrays:
    n = sizes["channels"]
    shapes = {"c1": (n, n, 3, 3), "w1": (n,), "b1": (n,), "c2": (n, n, 3, 3), "w2": (n,), "b2": (n,)}
    running = {f"mean{i}": np.zeros(n, np.float32) for i in (1, 2)} | {
        f"var{i}": np.ones(n, np.float32) for i in (1, 2)
    }
    return {**drawn({"input": (sizes["batch"], n, sizes["length"], sizes["length"]), **shapes}), **running}


def block(library: Library, input: Any, mean1: Any, var1: Any, mean2: Any, var2: Any, **learned: Any) -> Any:
    F = library.functional
    c1, w1, b1, c2, w2, b2 = (learned[name] for name in BLOCK[1:])
    h = F.relu(F.batch_norm(F.conv2d(input, c1, padding=1), mean1, var1, w1, b1, training=True))
    h = F.batch_norm(F.conv2d(h, c2, padding=1), mean2, var2, w2, b2, training=True)
    return F.relu(h + input)


def block_of_jax(numpy: Any, input: Any, mean1: Any, var1: Any, mean2: Any, var2: Any, **learned: Any) -> Any:
    from .dense import batch_norm_of_numpy

    c1, w1, b1, c2, w2, b2 = (learned[name] for name in BLOCK[1:])
    h = numpy.maximum(batch_norm_of_numpy(numpy, in_jax(input, c1, 1), w1, b1, mean1, var1), 0)
    return numpy.maximum(batch_norm_of_numpy(numpy, in_jax(h, c2, 1), w2, b2, mean2, var2) + input, 0)


_IMAGES = {"batch": 16, "channels": 64, "length": 32}

conv2d_work = conv_work("conv2d B16 C64 32x32 3x3", 2, **_IMAGES, kernel=3)

WORKS = (
    Work(
        "LeNet-5, batch 64, SGD step",
        {"batch": 64},
        lenet_arrays,
        step_of_module(lenet),
        step_of_numpy(lenet_of_jax, LENET, autograd=False),
        moved=LENET,
    ),
    conv2d_work,
    conv_work("conv2d B16 C3 to 16 32x32 3x3", 2, batch=16, channels=3, out=16, length=32, kernel=3),
    Work(
        "ResNet block B16 C64 32x32",
        _IMAGES,
        block_arrays,
        of_same(block, BLOCK),
        of_numpy(block_of_jax, BLOCK, autograd=False),
    ),
    conv_work("depthwise conv2d B16 C64 32x32 3x3", 2, **_IMAGES, kernel=3, depthwise=1),
    conv_work("conv1d B32 C32 L1024 k5", 1, batch=32, channels=32, length=1024, kernel=5),
    Work(
        "max pool B16 C64 32x32 2x2",
        _IMAGES,
        images,
        of_same(pooled, ("input",)),
        {**of_numpy(pooled_of_jax, ("input",), autograd=False), "MyGrad": pooled_in_mygrad},
    ),
)
