"""Random weights by how many inputs and outputs they have, so that values neither fade nor explode."""

from __future__ import annotations

import math

import numpy as np

from graphgrad.graph.checks import check_choice, check_number
from graphgrad.graph.errors import describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.init.distributions import normal_, uniform_
from graphgrad.nn.init.filling import fans

__all__ = [
    "calculate_gain",
    "kaiming_normal_",
    "kaiming_uniform_",
    "lecun_normal_",
    "lecun_uniform_",
    "xavier_normal_",
    "xavier_uniform_",
]

_GAINS = {
    **dict.fromkeys(["linear", "conv1d", "conv2d", "conv3d"], 1.0),
    **dict.fromkeys(["conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid"], 1.0),
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 0.75,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights are larger, so that values keep their variance through an activation.

    Parameters
    ----------
    nonlinearity
        ``linear``, ``conv1d`` to ``conv3d``, ``conv_transpose1d`` to ``conv_transpose3d``, ``sigmoid``: 1; ``tanh``:
        5/3; ``relu``: √2; ``selu``: 3/4; ``leaky_relu``: √(2 / (1 + slope²)).
    param
        The negative slope of ``leaky_relu``, 0.01 if left out.

    Raises
    ------
    ValueError
        For another name, or a slope that is no number.

    Notes
    -----
    The sigmoid's slope is 1/4 at 0 and that of tanh 1, so Glorot and Bengio draw weights of a sigmoid 4 times as large
    as those of tanh: ``gain=4.0``. PyTorch says 1, and so does this function.

    Examples
    --------
    >>> import graphgrad as gg
    >>> round(gg.nn.init.calculate_gain("leaky_relu", 0.2), 4)
    1.3868
    """
    if not isinstance(nonlinearity, str) or nonlinearity not in (*_GAINS, "leaky_relu"):
        names = ", ".join([*_GAINS, "leaky_relu"])
        raise ValueError(
            describe(f"calculate_gain: there is no gain for {nonlinearity!r:.80}", f"expected one of: {names}")
        )
    if nonlinearity != "leaky_relu":
        return _GAINS[nonlinearity]
    slope = 0.01 if param is None else check_number("calculate_gain", "param", param)
    return math.sqrt(2.0 / (1.0 + slope * slope))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Fill uniformly within ±gain √(6 / (fan_in + fan_out)) (P10.07).

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.

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
    fan_in, fan_out = fans(tensor, "xavier_uniform_")
    bound = check_number("xavier_uniform_", "gain", gain, 0.0) * math.sqrt(6.0 / max(fan_in + fan_out, 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Fill with normal draws of the standard deviation gain √(2 / (fan_in + fan_out)); otherwise as `xavier_uniform_`.

    With fan_in alone, √(1 / fan_in), it is `lecun_normal_`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.nn.init.xavier_normal_(gg.zeros((300, 200)))
    >>> bool(abs(w.data.std() - (2 / 500) ** 0.5) < 0.001)
    True
    """
    fan_in, fan_out = fans(tensor, "xavier_normal_")
    gain = check_number("xavier_normal_", "gain", gain, 0.0)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / max(fan_in + fan_out, 1)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill uniformly within ±gain √(3 / fan) (P10.08).

    He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", 2015.

    Parameters
    ----------
    tensor
        A leaf of shape (out, in, ...).
    a
        The negative slope, for ``leaky_relu``.
    mode
        ``"fan_in"`` keeps the variance of values on the way forward, ``"fan_out"`` that of gradients on the way back,
        and ``"fan_avg"``, which PyTorch hasn't, takes the mean of both: √2 times the bounds of `xavier_uniform_`.
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
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity, "kaiming_uniform_")
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill with normal draws of the standard deviation gain / √fan; otherwise as `kaiming_uniform_`.

    Before a ReLU that is √(2 / fan_in), with ``mode="fan_avg"`` √2 √(2 / (fan_in + fan_out)) (P10.08).

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.nn.init.kaiming_normal_(gg.zeros((300, 200)), nonlinearity="relu")
    >>> bool(abs(w.data.std() - 0.1) < 0.002)
    True
    """
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity, "kaiming_normal_"), generator)


def lecun_uniform_(tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Fill uniformly within ±gain √(3 / fan_in); otherwise as `lecun_normal_`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.nn.init.lecun_uniform_(gg.zeros((2, 12)))
    >>> bool(abs(w.data).max() <= 0.5)
    True
    """
    fan_in, _ = fans(tensor, "lecun_uniform_")
    bound = check_number("lecun_uniform_", "gain", gain, 0.0) * math.sqrt(3.0 / max(fan_in, 1))
    return uniform_(tensor, -bound, bound, generator)


def lecun_normal_(tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Fill with normal draws of the standard deviation gain / √fan_in (P10.07, P10.09).

    A weighted sum of fan_in inputs of variance 1 then has the variance 1 itself. LeCun, Bottou, Orr and Müller,
    "Efficient BackProp", 1998; the names are those of JAX and Keras, which cut the normal distribution off.

    Parameters
    ----------
    tensor
        A leaf of shape (out, in, ...).
    gain
        See `calculate_gain`; √m for the variance m / fan_in.
    generator
        See `uniform_`.

    Raises
    ------
    ShapeError
        If it has fewer than two axes; and what `normal_` raises.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.nn.init.lecun_normal_(gg.zeros((300, 400)))
    >>> bool(abs(w.data.std() - 0.05) < 0.001)
    True
    """
    fan_in, _ = fans(tensor, "lecun_normal_")
    gain = check_number("lecun_normal_", "gain", gain, 0.0)
    return normal_(tensor, 0.0, gain / math.sqrt(max(fan_in, 1)), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str, what: str) -> float:
    fan_in, fan_out = fans(tensor, what)
    counts = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
    check_choice(what, "mode", mode, counts)
    return calculate_gain(nonlinearity, a) / math.sqrt(counts[mode] or 1)
