"""A perceptron, normalisations, rows of a table, and an optimiser's step."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.harness import Run

from .work import Arrays, Library, Sizes, Work, drawn, of_numpy, of_same, step_of_module, step_of_numpy

__all__ = ["WORKS", "batch_norm_of_numpy", "cross_entropy", "layer_norm_of_numpy", "layer_norm_work"]

RATE = 0.01


def cross_entropy(numpy: Any, scores: Any, target: Any) -> Any:
    """The mean of -log softmax at the target, with NumPy's names."""
    shifted = scores - numpy.max(scores, axis=1, keepdims=True)
    at_target = shifted[numpy.arange(len(target)), target]
    return numpy.mean(numpy.log(numpy.sum(numpy.exp(shifted), axis=1)) - at_target)


# ---- a perceptron ----------------------------------------------------------------------------------------------------

MLP = ("0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias")  # as the modules count


def mlp_arrays(sizes: Sizes) -> Arrays:
    shapes = dict(zip(MLP, ((512, 784), (512,), (256, 512), (256,), (10, 256), (10,)), strict=True))
    target = np.random.default_rng(2).integers(0, 10, sizes["batch"])
    return {**drawn({"input": (sizes["batch"], 784), **shapes}), "target": target}


def mlp(nn: Any) -> Any:
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))


def mlp_of_numpy(numpy: Any, input: Any, target: Any, **learned: Any) -> Any:
    w1, b1, w2, b2, w3, b3 = (learned[name] for name in MLP)
    hidden = numpy.maximum(numpy.maximum(input @ w1.T + b1, 0) @ w2.T + b2, 0)
    return cross_entropy(numpy, hidden @ w3.T + b3, target)


def mlp_in_mygrad(arrays: Arrays) -> Run | None:
    try:
        library: Any = importlib.import_module("mygrad")  # its names are not exported in a way that types see
    except ImportError:
        return None
    nnet = importlib.import_module("mygrad.nnet")
    learned = {name: library.tensor(arrays[name]) for name in MLP}

    def run() -> Any:
        w1, b1, w2, b2, w3, b3 = learned.values()
        hidden = nnet.activations.relu(library.matmul(library.tensor(arrays["input"], constant=True), w1.T) + b1)
        hidden = nnet.activations.relu(library.matmul(hidden, w2.T) + b2)
        loss = nnet.losses.softmax_crossentropy(library.matmul(hidden, w3.T) + b3, arrays["target"])
        loss.backward()
        for one in learned.values():
            one.data -= np.float32(RATE) * one.grad
        return loss.data, *(one.data for one in learned.values())

    return run


# ---- normalisations --------------------------------------------------------------------------------------------------


def layer_norm_arrays(sizes: Sizes) -> Arrays:
    features = (sizes["features"],)
    return drawn({"input": (sizes["batch"], sizes["length"], *features), "weight": features, "bias": features})


def layer_norm(library: Library, input: Any, weight: Any, bias: Any) -> Any:
    return library.functional.layer_norm(input, weight.shape, weight, bias)


def layer_norm_of_numpy(numpy: Any, input: Any, weight: Any, bias: Any) -> Any:
    centred = input - numpy.mean(input, axis=-1, keepdims=True)
    return centred / numpy.sqrt(numpy.mean(centred**2, axis=-1, keepdims=True) + np.float32(1e-5)) * weight + bias


def batch_norm_arrays(sizes: Sizes) -> Arrays:
    channels = (sizes["channels"],)
    images = (sizes["batch"], *channels, sizes["length"], sizes["length"])
    running = {"mean": np.zeros(channels, np.float32), "var": np.ones(channels, np.float32)}
    return {**drawn({"input": images, "weight": channels, "bias": channels}), **running}


def batch_norm(library: Library, input: Any, weight: Any, bias: Any, mean: Any, var: Any) -> Any:
    return library.functional.batch_norm(input, mean, var, weight, bias, training=True)


def batch_norm_of_numpy(numpy: Any, input: Any, weight: Any, bias: Any, mean: Any, var: Any) -> Any:
    centred = input - numpy.mean(input, axis=(0, 2, 3), keepdims=True)
    scale = 1 / numpy.sqrt(numpy.mean(centred**2, axis=(0, 2, 3), keepdims=True) + np.float32(1e-5))
    return centred * scale * weight[:, None, None] + bias[:, None, None]


# ---- rows of a table -------------------------------------------------------------------------------------------------


def embedding_arrays(sizes: Sizes) -> Arrays:
    rows = np.random.default_rng(2).integers(0, sizes["rows"], (sizes["batch"], sizes["length"]))
    return {**drawn({"weight": (sizes["rows"], sizes["features"])}), "rows": rows}


def embedding(library: Library, rows: Any, weight: Any) -> Any:
    return library.functional.embedding(rows, weight)


def embedding_of_numpy(numpy: Any, rows: Any, weight: Any) -> Any:
    return weight[rows]


# ---- an optimiser's step ---------------------------------------------------------------------------------------------

SIDE = 256
ADAM = {"tensors": 16}


def adam_arrays(sizes: Sizes) -> Arrays:
    names = [f"{kind}{i}" for kind in "pg" for i in range(sizes["tensors"])]
    return drawn(dict.fromkeys(names, (SIDE, SIDE)))


def adam(library: Library, arrays: Arrays) -> Run:
    parameters = []
    for name, array in arrays.items():
        if name.startswith("p"):
            parameter = library.tensor(array, requires_grad=True)
            parameter.grad = library.tensor(arrays[f"g{name[1:]}"])
            parameters.append(parameter)
    optimizer = library.optim.Adam(parameters, lr=1e-3)

    def run() -> Any:
        optimizer.step()
        return tuple(parameters)

    return run


def adam_in_jax(arrays: Arrays) -> Run | None:
    try:
        import jax
    except ImportError:
        return None
    numpy = jax.numpy
    given = {name: numpy.asarray(array) for name, array in arrays.items()}
    count = len(given) // 2
    gradients = [given[f"g{i}"] for i in range(count)]
    state = [(given[f"p{i}"], numpy.zeros((SIDE, SIDE)), numpy.zeros((SIDE, SIDE))) for i in range(count)]
    steps = 0

    def moved(of_one: Any, g: Any, step: Any) -> Any:
        p, m, v = of_one
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        return p - 1e-3 * (m / (1 - 0.9**step)) / (numpy.sqrt(v / (1 - 0.999**step)) + 1e-8), m, v

    step_of_all: Callable[..., Any] = jax.jit(
        lambda state, gradients, step: [
            moved(one, gradient, step) for one, gradient in zip(state, gradients, strict=True)
        ],
        donate_argnums=0,
    )

    def run() -> Any:
        nonlocal state, steps
        steps += 1
        state = jax.block_until_ready(step_of_all(state, gradients, np.float32(steps)))
        return tuple(p for p, _, _ in state)

    return run


_IMAGES = {"batch": 16, "channels": 64, "length": 32}
_AFFINE = ("input", "weight", "bias")

layer_norm_work = Work(
    "layer norm B8 T128 D512",
    {"batch": 8, "length": 128, "features": 512},
    layer_norm_arrays,
    of_same(layer_norm, _AFFINE),
    of_numpy(layer_norm_of_numpy, _AFFINE),
)

WORKS = (
    Work(
        "MLP 784-512-256-10, batch 128, SGD step",
        {"batch": 128},
        mlp_arrays,
        step_of_module(mlp, RATE),
        {**step_of_numpy(mlp_of_numpy, MLP, RATE), "MyGrad": mlp_in_mygrad},
        moved=MLP,
    ),
    Work(
        "batch norm B16 C64 32x32",
        _IMAGES,
        batch_norm_arrays,
        of_same(batch_norm, _AFFINE),
        of_numpy(batch_norm_of_numpy, _AFFINE),
    ),
    layer_norm_work,
    Work(
        "embedding B32 T128, 10,000 rows of 128",
        {"batch": 32, "length": 128, "rows": 10_000, "features": 128},
        embedding_arrays,
        of_same(embedding, ("weight",)),
        of_numpy(embedding_of_numpy, ("weight",)),
    ),
    Work(
        "Adam, 1 M parameters in 16 tensors",
        ADAM,
        adam_arrays,
        adam,
        {"JAX jit": adam_in_jax},
        moved=[f"p{i}" for i in range(ADAM["tensors"])],
        grows="tensors",
    ),
)
