"""Neural networks, with PyTorch's names."""

from __future__ import annotations

import graphgrad.autodiff  # noqa: F401 - fills the slot through which tensors reach backward()
from graphgrad.nn import functional, init, scalar
from graphgrad.nn.activation import LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Softplus, Tanh
from graphgrad.nn.container import Sequential
from graphgrad.nn.linear import Linear
from graphgrad.nn.loss import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, MSELoss
from graphgrad.nn.module import IncompatibleKeys, Module, Parameter, StateDictError

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "IncompatibleKeys",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "StateDictError",
    "Tanh",
    "functional",
    "init",
    "scalar",
]
