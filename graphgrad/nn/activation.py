"""Activations as modules, for `Sequential`: each applies the function of its name in `graphgrad.nn.functional`."""

from __future__ import annotations

from typing import Any

from graphgrad.graph.tensor import Tensor
from graphgrad.nn import functional
from graphgrad.nn.module import Module

__all__ = ["LeakyReLU", "LogSoftmax", "ReLU", "Sigmoid", "Softmax", "Softplus", "Tanh"]


class ReLU(Module):
    """The rectifier, max(x, 0), of each element (P03.05).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.ReLU()(gg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.relu(input)


class LeakyReLU(Module):
    """The rectifier with a slope below zero too (P03.07).

    Parameters
    ----------
    negative_slope
        The slope below zero.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.LeakyReLU(0.5)(gg.tensor([-1.0, 2.0]))
    tensor([-0.5,  2. ])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class Tanh(Module):
    """The hyperbolic tangent of each element (P03.04).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Tanh()(gg.tensor([0.0, 1.0]))
    tensor([0.    , 0.7616])
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.tanh(input)


class Sigmoid(Module):
    """The logistic function, 1 / (1 + exp(-x)), of each element (P03.03).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Sigmoid()(gg.tensor([0.0, 4.0]))
    tensor([0.5  , 0.982])
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.sigmoid(input)


class Softplus(Module):
    """The smooth rectifier, log(1 + exp(x)), of each element (P03.11).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Softplus()(gg.tensor([0.0, 4.0]))
    tensor([0.6931, 4.0181])
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.softplus(input)


class _AlongAxis(Module):
    """What normalises along one axis, ``dim``."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongAxis):
    """Exponentials divided by their sum along an axis (P03.16).

    Parameters
    ----------
    dim
        The axis along which the results add up to 1; the last one unless told otherwise, where PyTorch guesses.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Softmax(dim=1)(gg.tensor([[0.0, 0.0], [0.0, 1.0]]))
    tensor([[0.5   , 0.5   ],
            [0.2689, 0.7311]])
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape with the axis `dim` to the same."""
        return functional.softmax(input, self.dim)


class LogSoftmax(_AlongAxis):
    """The logarithm of `Softmax` along an axis (P02.11).

    Parameters
    ----------
    dim
        As in `Softmax`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.LogSoftmax(dim=0)(gg.tensor([0.0, 1000.0]))
    tensor([-1000.,     0.])
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape with the axis `dim` to the same."""
        return functional.log_softmax(input, self.dim)
