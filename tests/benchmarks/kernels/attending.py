"""Attention of several heads, and a layer of a transformer's encoder around it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dense import layer_norm_of_numpy
from .work import Arrays, Sizes, Work, drawn, of_module, of_numpy

__all__ = ["WORKS", "attention_work"]

HEADS = 4
ATTENTION = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
BEHIND = ("linear1", "linear2", "norm1", "norm2")
LAYER = (
    *(f"self_attn.{name}" for name in ATTENTION),
    *(f"{name}.{kind}" for name in BEHIND for kind in ("weight", "bias")),
)


def attention_arrays(sizes: Sizes) -> Arrays:
    d = sizes["features"]
    shapes = dict(zip(ATTENTION, ((3 * d, d), (3 * d,), (d, d), (d,)), strict=True))
    return drawn({"input": (sizes["batch"], sizes["length"], d), **shapes})


def attention(nn: Any, arrays: Arrays) -> Any:
    return nn.MultiheadAttention(arrays["input"].shape[2], HEADS, batch_first=True)


def attention_of_numpy(numpy: Any, input: Any, **weights: Any) -> Any:
    in_weight, in_bias, out_weight, out_bias = (weights[name] for name in ATTENTION)
    batch, length, features = input.shape
    joint = (input @ in_weight.T + in_bias).reshape(batch, length, 3, HEADS, features // HEADS)
    query, key, value = (numpy.swapaxes(joint[:, :, i], 1, 2) for i in range(3))
    scores = query @ numpy.swapaxes(key, 2, 3) * np.float32((features // HEADS) ** -0.5)
    weights = numpy.exp(scores - numpy.max(scores, axis=-1, keepdims=True))
    heads = weights / numpy.sum(weights, axis=-1, keepdims=True) @ value
    return numpy.swapaxes(heads, 1, 2).reshape(batch, length, features) @ out_weight.T + out_bias


def layer_arrays(sizes: Sizes) -> Arrays:
    d, wide = sizes["features"], sizes["wide"]
    shapes = ((wide, d), (wide,), (d, wide), (d,), (d,), (d,), (d,), (d,))
    attention = {f"self_attn.{name}": array for name, array in attention_arrays(sizes).items() if name != "input"}
    input = attention_arrays(sizes)["input"]
    return {"input": input, **attention, **drawn(dict(zip(LAYER[4:], shapes, strict=True)), seed=3)}


def layer(nn: Any, arrays: Arrays) -> Any:
    wide, features = arrays["linear1.weight"].shape
    return nn.TransformerEncoderLayer(features, HEADS, wide, dropout=0.0, batch_first=True)


def layer_of_numpy(numpy: Any, input: Any, **weights: Any) -> Any:
    w1, b1, w2, b2, norm1, shift1, norm2, shift2 = (weights[name] for name in LAYER[4:])
    attended = attention_of_numpy(numpy, input, **{name: weights[f"self_attn.{name}"] for name in ATTENTION})
    h = layer_norm_of_numpy(numpy, input + attended, norm1, shift1)
    return layer_norm_of_numpy(numpy, h + numpy.maximum(h @ w1.T + b1, 0) @ w2.T + b2, norm2, shift2)


_SIZES = {"batch": 8, "length": 128, "features": 128}

attention_work = Work(
    f"attention B8 T128 D128, {HEADS} heads",
    _SIZES,
    attention_arrays,
    of_module(attention, lambda module, input: module(input, input, input, need_weights=False)[0]),
    of_numpy(attention_of_numpy, ("input", *ATTENTION)),
)

WORKS = (
    attention_work,
    Work(
        f"transformer encoder layer B8 T128 D128 FF512, {HEADS} heads",
        {**_SIZES, "wide": 512},
        layer_arrays,
        of_module(layer),
        of_numpy(layer_of_numpy, ("input", *LAYER)),
    ),
)
