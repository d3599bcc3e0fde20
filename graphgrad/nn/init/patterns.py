"""Values that are the same in every run: constants, the identity, and windows that pass on what they see."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.init.filling import ANY, check_axes, fill

__all__ = ["constant_", "dirac_", "eye_", "ones_", "zeros_"]


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros (P10.05).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.init.zeros_(gg.ones(2))
    tensor([0., 0.])
    """
    return fill(tensor, "zeros_", lambda: 0, ANY)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.init.ones_(gg.zeros(2))
    tensor([1., 1.])
    """
    return fill(tensor, "ones_", lambda: 1, ANY)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number (P10.05).

    Weights that are all the same stay all the same: hidden units have equal gradients, whatever they learn from. It is
    for biases, and for weights that multiply elementwise.

    Parameters
    ----------
    tensor
        A leaf of any shape.
    val
        The number.

    Raises
    ------
    DTypeError
        If `tensor` is no tensor, or can't hold the number.
    ValueError
        If `val` is no real number.
    WriteError
        If `tensor` was computed, or is read-only.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.init.constant_(gg.zeros(2), 0.5)
    tensor([0.5, 0.5])
    """
    if not isinstance(val, numbers.Real):
        raise ValueError(describe("constant_: val is a real number", f"got: {val!r:.80}"))
    return fill(tensor, "constant_", lambda: val, ANY if isinstance(val, numbers.Integral) else "fc")


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity: a layer passes on what it gets, as far as there is room.

    A recurrent layer with ReLU whose ``weight_hh_l0`` begins like this, and its biases with zeros, is an IRNN (P10.11):
    it keeps its state until it learns better. Le, Jaitly and Hinton, "A Simple Way to Initialize Recurrent Networks of
    Rectified Linear Units", 2015.

    Parameters
    ----------
    tensor
        A leaf of shape (n, m).

    Raises
    ------
    ShapeError
        If it has another number of axes; and what `constant_` raises.

    Examples
    --------
    >>> import graphgrad as gg
    >>> rnn = gg.nn.RNN(2, 3, nonlinearity="relu")
    >>> gg.nn.init.eye_(rnn.weight_hh_l0).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    check_axes(tensor, "eye_", 2)
    return fill(tensor, "eye_", lambda: np.eye(tensor.shape[0], tensor.shape[1]), ANY)


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the weight of a convolution so that channels pass unchanged, as many as there is room for.

    Parameters
    ----------
    tensor
        A leaf of shape (out, in / groups, window) with a window of one to three axes; its middle is set to 1.
    groups
        As of the convolution: in each group the first channels pass.

    Raises
    ------
    ShapeError
        If it has another number of axes, or `groups` doesn't divide the first; and what `constant_` raises.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.Conv1d(1, 1, 3, padding=1, bias=False)
    >>> gg.nn.init.dirac_(layer.weight).tolist()
    [[[0.0, 1.0, 0.0]]]
    >>> layer(gg.tensor([[[4.0, 5.0, 6.0]]])).tolist()
    [[[4.0, 5.0, 6.0]]]
    """
    check_axes(tensor, "dirac_", 3, 4, 5)
    outputs, inputs, *window = tensor.shape
    if not isinstance(groups, numbers.Integral) or groups < 1 or outputs % groups:
        raise ShapeError(
            describe("dirac_: groups divides the first axis", f"got: groups={groups!r:.80}, shape {tensor.shape}")
        )
    size = outputs // groups
    passing = np.arange(min(size, inputs))
    values: Any = np.zeros(tensor.shape, bool)
    middle = values[(..., *(length // 2 for length in window))]
    for group in range(groups):
        middle[group * size + passing, passing] = True
    return fill(tensor, "dirac_", lambda: values, ANY)
