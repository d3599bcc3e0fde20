"""Activations and losses as functions, with PyTorch's names, argument order and defaults.

The operations behind them take NumPy's ``axis``; here the same is called ``dim``, and the operand ``input``.
"""

from __future__ import annotations

import operator
from typing import Any

from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.ops import elementwise, softmaxes
from graphgrad.ops.layers import linear
from graphgrad.ops.losses import binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, mse_loss

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


def relu(input: Any) -> Tensor:
    """The rectifier, max(x, 0), of each element (P03.05).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.relu([-1.0, 2.0])
    tensor([0., 2.])
    """
    return elementwise.relu(input)  # type: ignore[no-any-return]


def leaky_relu(input: Any, negative_slope: float = 0.01) -> Tensor:
    """The rectifier with a slope below zero too (P03.07).

    Parameters
    ----------
    input
        Any shape; the result has the same.
    negative_slope
        The slope below zero.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.leaky_relu([-1.0, 2.0], negative_slope=0.5)
    tensor([-0.5,  2. ])
    """
    return elementwise.leaky_relu(input, negative_slope)  # type: ignore[no-any-return]


def sigmoid(input: Any) -> Tensor:
    """The logistic function, 1 / (1 + exp(-x)), of each element (P03.03).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.sigmoid([0.0, 1000.0])
    tensor([0.5, 1. ])
    """
    return elementwise.sigmoid(input)  # type: ignore[no-any-return]


def tanh(input: Any) -> Tensor:
    """The hyperbolic tangent of each element (P03.04).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.tanh([0.0, 1.0])
    tensor([0.    , 0.7616])
    """
    return elementwise.tanh(input)  # type: ignore[no-any-return]


def softplus(input: Any) -> Tensor:
    """The smooth rectifier log(1 + exp(x)) of each element (P03.11).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.softplus([0.0, 1000.0])
    tensor([6.9315e-01, 1.0000e+03])
    """
    return elementwise.softplus(input)  # type: ignore[no-any-return]


def softmax(input: Any, dim: int = -1) -> Tensor:
    """Exponentials divided by their sum along an axis: positive, adding up to 1 (P03.16).

    Parameters
    ----------
    input
        Any shape with at least one axis; the result has the same.
    dim
        The axis along which the results add up to 1; the last one unless told otherwise. (PyTorch guesses it from the
        number of axes when it is left out, and warns.)

    Raises
    ------
    ShapeError
        If there is no such axis.
    DTypeError
        If `dim` isn't a whole number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.softmax([[1.0, 1.0], [0.0, 1000.0]], dim=1)
    tensor([[0.5, 0.5],
            [0. , 1. ]])
    """
    return softmaxes.softmax(input, _axis(dim, "softmax"))  # type: ignore[no-any-return]


def log_softmax(input: Any, dim: int = -1) -> Tensor:
    """The logarithm of `softmax`, exact where softmax itself would underflow to 0 (P02.11).

    Parameters
    ----------
    input, dim
        As in `softmax`.

    Raises
    ------
    ShapeError
        If there is no such axis.
    DTypeError
        If `dim` isn't a whole number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.log_softmax([0.0, 1000.0])
    tensor([-1000.,     0.])
    """
    return softmaxes.log_softmax(input, _axis(dim, "log_softmax"))  # type: ignore[no-any-return]


def _axis(dim: object, what: str) -> int:
    # The operations take None for all axes at once, as NumPy does; in PyTorch it asks for a guess.
    try:
        return operator.index(dim)  # type: ignore[arg-type]
    except TypeError:
        raise DTypeError(describe(f"{what}: dim is the number of one axis, got {dim!r}")) from None
