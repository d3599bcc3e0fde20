"""Activations as modules, for `Sequential`; each applies the function of its name."""

from __future__ import annotations

from typing import Any

from graphgrad.graph.tensor import Tensor
from graphgrad.nn.module import Module
from graphgrad.ops import elementwise, softmaxes

__all__ = ["LeakyReLU", "LogSoftmax", "ReLU", "Sigmoid", "Softmax", "Softplus", "Tanh"]


class ReLU(Module):
    """The rectifier, max(x, 0), of each element (P03.05)."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return elementwise.relu(input)  # type: ignore[no-any-return]


class LeakyReLU(Module):
    """The rectifier with a slope below zero too (P03.07).

    Parameters
    ----------
    negative_slope
        The slope below zero.
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return elementwise.leaky_relu(input, self.negative_slope)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class Tanh(Module):
    """The hyperbolic tangent of each element (P03.04)."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return elementwise.tanh(input)  # type: ignore[no-any-return]


class Sigmoid(Module):
    """The logistic function of each element (P03.03)."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return elementwise.sigmoid(input)  # type: ignore[no-any-return]


class Softplus(Module):
    """The smooth rectifier log(1 + exp(x)) of each element (P03.11)."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return elementwise.softplus(input)  # type: ignore[no-any-return]


class _AlongAxis(Module):
    """What normalises along one axis.

    Parameters
    ----------
    dim
        The axis along which probabilities add up to 1; the last one unless told otherwise. (PyTorch guesses it from
        the number of axes when it is left out, and warns.)
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongAxis):
    """Exponentials divided by their sum along an axis, `dim` (P03.16)."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return softmaxes.softmax(input, self.dim)  # type: ignore[no-any-return]


class LogSoftmax(_AlongAxis):
    """The logarithm of `Softmax` along an axis, `dim` (P02.11)."""

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return softmaxes.log_softmax(input, self.dim)  # type: ignore[no-any-return]
