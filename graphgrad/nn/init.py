"""Initial values, with PyTorch's names and definitions. Each function writes a leaf's memory and returns the leaf."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, ShapeError, WriteError, describe
from graphgrad.graph.random import generator_or_default
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import wrote

__all__ = ["calculate_gain", "kaiming_uniform_", "normal_", "ones_", "uniform_", "xavier_uniform_", "zeros_"]

_GAINS = {
    **dict.fromkeys(["linear", "conv1d", "conv2d", "conv3d", "sigmoid"], 1.0),
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 0.75,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights are larger, so that values keep their variance through an activation.

    Parameters
    ----------
    nonlinearity
        ``linear``, ``conv1d`` to ``conv3d``, ``sigmoid``: 1; ``tanh``: 5/3; ``relu``: √2; ``selu``: 3/4;
        ``leaky_relu``: √(2 / (1 + slope²)).
    param
        The negative slope of ``leaky_relu``, 0.01 if left out.

    Raises
    ------
    ValueError
        For another name.

    Examples
    --------
    >>> import graphgrad as gg
    >>> round(gg.nn.init.calculate_gain("leaky_relu", 0.2), 4)
    1.3868
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1.0 + slope**2))
    if nonlinearity not in _GAINS:
        names = ", ".join([*_GAINS, "leaky_relu"])
        raise ValueError(
            describe(f"calculate_gain: there is no gain for {nonlinearity!r}", f"expected one of: {names}")
        )
    return _GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Fill with draws from the uniform distribution on [a, b).

    Parameters
    ----------
    tensor
        A leaf of any shape.
    a, b
        The interval.
    generator
        Where random numbers come from; by default what `graphgrad.manual_seed` starts.

    Raises
    ------
    DTypeError
        If `tensor` is no tensor of floats.
    ValueError
        If `a` is larger than `b`, or one of them is not finite.
    WriteError
        If `tensor` was computed.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.nn.init.uniform_(gg.zeros((2, 3)), -1.0, 1.0)
    >>> bool(abs(w.data).max() <= 1.0)
    True
    """
    rng = generator_or_default(generator)
    if not -math.inf < a <= b < math.inf:
        raise ValueError(describe("uniform_: a is at most b, and both are finite", f"got: a={a}, b={b}"))
    return _fill(tensor, "uniform_", lambda: rng.uniform(a, b, tensor.shape))


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: np.random.Generator | None = None
) -> Tensor:
    """Fill with draws from the normal distribution (P10.06); otherwise as `uniform_`.

    Raises
    ------
    ValueError
        If `std` is negative.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.init.normal_(gg.zeros(3), mean=2.0, std=0.0)
    tensor([2., 2., 2.])
    """
    rng = generator_or_default(generator)
    if not std >= 0.0:
        raise ValueError(describe("normal_: std is a number from 0", f"got: {std}"))
    return _fill(tensor, "normal_", lambda: rng.normal(mean, std, tensor.shape))


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros (P10.05).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.init.zeros_(gg.ones(2))
    tensor([0., 0.])
    """
    return _fill(tensor, "zeros_", lambda: 0, "bool")


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.init.ones_(gg.zeros(2))
    tensor([1., 1.])
    """
    return _fill(tensor, "ones_", lambda: 1, "bool")


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Fill uniformly within ±gain √(6 / (fan_in + fan_out)), after Glorot and Bengio, 2010 (P10.07).

    Parameters
    ----------
    tensor
        A leaf of shape (out, in, ...).
    gain
        See `calculate_gain`.
    generator
        See `uniform_`.

    Raises
    ------
    ShapeError
        If it has fewer than two axes; and what `uniform_` raises.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.nn.init.xavier_uniform_(gg.zeros((2, 4)))
    >>> bool(abs(w.data).max() <= 1.0)
    True
    """
    fan_in, fan_out = _fans(tensor, "xavier_uniform_")
    bound = gain * math.sqrt(6.0 / max(fan_in + fan_out, 1))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill uniformly within ±gain √(3 / fan), after He et al., 2015 (P10.08).

    Parameters
    ----------
    tensor
        A leaf of shape (out, in, ...).
    a
        The negative slope, for ``leaky_relu``.
    mode
        ``"fan_in"`` keeps the variance of values on the way forward, ``"fan_out"`` that of gradients on the way back.
    nonlinearity
        What follows; see `calculate_gain`.
    generator
        See `uniform_`.

    Raises
    ------
    ShapeError
        If it has fewer than two axes.
    ValueError
        If `mode` or `nonlinearity` is another one.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.nn.init.kaiming_uniform_(gg.zeros((2, 6)), nonlinearity="relu")
    >>> bool(abs(w.data).max() <= 1.0)
    True
    """
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(describe(f"kaiming_uniform_: mode is fan_in or fan_out, got {mode!r}"))
    fan = _fans(tensor, "kaiming_uniform_")[mode == "fan_out"]
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3.0 / max(fan, 1))
    return uniform_(tensor, -bound, bound, generator)


def _fans(tensor: Tensor, what: str) -> tuple[int, int]:
    """How many values each output sums over, and how many outputs each input goes to."""
    _check_tensor(tensor, what)
    if tensor.ndim < 2:
        raise ShapeError(
            describe(f"{what}: two axes are needed to count inputs and outputs", f"got: shape {tensor.shape}")
        )
    n_out, n_in, *window = tensor.shape
    return n_in * math.prod(window), n_out * math.prod(window)


def _check_tensor(tensor: object, what: str) -> None:
    if not isinstance(tensor, Tensor):
        raise DTypeError(describe(f"{what}: a Tensor is needed, got {type(tensor).__name__}"))


def _fill(tensor: Tensor, what: str, draw: Callable[[], Any], least: str = "float16") -> Tensor:
    """Write what `draw` gives; the leaf keeps its memory and its dtype, which can hold the dtype `least`."""
    _check_tensor(tensor, what)
    if not tensor.is_leaf:
        raise WriteError(describe(f"{what}: a leaf is needed, {tensor._title()} was computed"))
    if not np.can_cast(least, tensor.dtype, "same_kind"):
        raise DTypeError(describe(f"{what}: floats are needed, {tensor._title()} has dtype {tensor.dtype}"))
    tensor.data[...] = draw()
    wrote(tensor.data)
    return tensor
