"""Activations and losses as functions, with PyTorch's names, argument order and defaults."""

from __future__ import annotations

from graphgrad.ops.elementwise import leaky_relu, relu, sigmoid, softplus, tanh
from graphgrad.ops.linalg import linear
from graphgrad.ops.losses import binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, mse_loss
from graphgrad.ops.softmaxes import log_softmax, softmax

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "leaky_relu",
    "linear",
    "log_softmax",
    "mse_loss",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
]
