"""The kernels of normalisation in plain NumPy: the same results by several passes over the array, all in float64.

Values are normalised in groups that share a mean and a variance. How the groups lie in memory, and which numbers of the
weight belong to which values, is told in one of two layouts:

- `Rows`: a group is a run of neighbouring values, a row. That is layer normalisation and all of its kind.
- channels: an array (N, channels, ...), and a group is a channel, over all examples: batch normalisation.

Statistics are float64 whatever the values are, a mean and a variance for each group, and nothing else is kept for the
backward pass. The mean comes first, then what is left of the values without it; the mean of that, which is nearly 0,
mends what the first mean lost in rounding. So numbers that differ by far less than they are lose nothing.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Learned", "Rows", "channels", "channels_back", "rows", "rows_back"]

Array = np.ndarray[Any, Any]


class Rows(NamedTuple):
    """Which number of a weight belongs to which value in rows.

    Attributes
    ----------
    groups
        How many rows there are.
    period
        After how many rows the weight begins anew: the groups of one example.
    places
        How many neighbouring values share a number: the places of a channel; 1 if each feature has a number.
    centred
        Whether the mean is taken off, which the root mean square leaves in.
    """

    groups: int
    period: int = 1
    places: int = 1
    centred: bool = True


class Learned(NamedTuple):
    """What passes back; None for what wasn't wanted."""

    input: Array | None
    weight: Array | None
    bias: Array | None


def _wide(x: Array) -> Array:
    return x.astype(np.float64, copy=False)


def _mean(x: Array, axes: tuple[int, ...]) -> Array:
    """Without what `numpy.mean` looks for besides, which takes longer than a few numbers do."""
    mean: Array = np.add.reduce(x, axis=axes, keepdims=True) / math.prod([x.shape[axis] for axis in axes])
    return mean


def _statistics(x: Array, axes: tuple[int, ...], centred: bool) -> tuple[Array, Array, Array]:
    """Mean and variance, which keep their axes, and the values without their mean."""
    x = _wide(x)
    if not centred:
        square = _mean(x * x, axes)
        return np.zeros(square.shape), square, x
    mean = _mean(x, axes)
    left = x - mean
    rest = _mean(left, axes)
    left -= rest
    return mean + rest, _mean(left * left, axes), left


def _finished(left: Array, variance: Array, weight: Array | None, bias: Array | None, eps: float, like: Array) -> Array:
    """Values without their mean: normalised, scaled and shifted, in the shape and the dtype of others."""
    out = left / np.sqrt(variance + eps)
    if weight is not None:
        out *= weight
    if bias is not None:
        out += bias
    return out.reshape(like.shape).astype(like.dtype, copy=False)


def _back(
    g: Array,
    left: Array,
    weight: Array | None,
    variance: Array,
    eps: float,
    axes: tuple[int, ...],
    others: tuple[int, ...],
    centred: bool,
    fixed: bool,
    wants: tuple[bool, bool, bool],
    like: Array,
) -> Learned:
    """What passes back, of values without their mean and of a weight that has as many axes."""
    root = np.sqrt(variance + eps)
    normalized = left / root
    to_input = to_weight = to_bias = None
    if wants[0]:
        arriving = _wide(g) if weight is None else g * _wide(weight)
        to_input = arriving
        if not fixed:
            to_input = arriving - normalized * _mean(arriving * normalized, axes)
            if centred:
                to_input -= _mean(arriving, axes)
        to_input = (to_input / root).reshape(like.shape).astype(like.dtype, copy=False)
    if wants[1]:
        to_weight = np.add.reduce(g * normalized, axis=others).reshape(-1).astype(like.dtype, copy=False)
    if wants[2]:
        to_bias = np.add.reduce(_wide(g), axis=others).reshape(-1).astype(like.dtype, copy=False)
    return Learned(to_input, to_weight, to_bias)


# ---- rows ------------------------------------------------------------------------------------------------------------


def _by_weight(x: Array, layout: Rows) -> Array:
    """Values as (examples, groups, numbers of the weight in a group, values that share one)."""
    return x.reshape(layout.groups // layout.period, layout.period, -1, layout.places)


def _weight(weight: Array | None, layout: Rows) -> Array | None:
    return None if weight is None else weight.reshape(layout.period, -1, 1)


def rows(x: Array, weight: Array | None, bias: Array | None, layout: Rows, eps: float) -> tuple[Array, Array, Array]:
    """Bring rows to mean 0 and variance 1, then scale and shift them.

    Parameters
    ----------
    x
        Of any shape, not empty: row after row.
    weight, bias
        A number for each `layout.places` values of `layout.period` rows; None for none.
    layout
        How they lie.
    eps
        Added to the variance under the root.

    Returns
    -------
    out, mean, variance
        The result in the shape of x, and the statistics of each row, in float64; without centring the mean is 0 and
        the variance the mean square.
    """
    mean, variance, left = _statistics(_by_weight(x, layout), (2, 3), layout.centred)
    out = _finished(left, variance, _weight(weight, layout), _weight(bias, layout), eps, x)
    return out, mean.reshape(-1), variance.reshape(-1)


def rows_back(
    g: Array,
    x: Array,
    weight: Array | None,
    mean: Array,
    variance: Array,
    layout: Rows,
    eps: float,
    wants: tuple[bool, bool, bool],
) -> Learned:
    """What `rows` passes back to x, to the weight and to the bias.

    Parameters
    ----------
    g
        What arrives, in the shape of x.
    x, weight, layout, eps
        As in `rows`.
    mean, variance
        What `rows` found.
    wants
        Which of the three are wanted.
    """
    shape = (layout.groups // layout.period, layout.period, 1, 1)
    return _back(
        _by_weight(g, layout),
        _by_weight(x, layout) - mean.reshape(shape),
        _weight(weight, layout),
        variance.reshape(shape),
        eps,
        (2, 3),
        (0, 3),
        layout.centred,
        False,
        wants,
        x,
    )


# ---- channels --------------------------------------------------------------------------------------------------------


def _of_channels(values: Array | None) -> Array | None:
    return None if values is None else values[:, None]


def _places(x: Array) -> Array:
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


def channels(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    mean: Array | None,
    variance: Array | None,
    eps: float,
) -> tuple[Array, Array, Array]:
    """Bring channels to mean 0 and variance 1 over all examples, then scale and shift them.

    Parameters
    ----------
    x
        Shape (N, channels, ...), not empty.
    weight, bias
        A number for each channel; None for none.
    mean, variance
        In float64, what to normalise by, the averages of a model that doesn't train; None for the statistics of x.
    eps
        Added to the variance under the root.

    Returns
    -------
    out, mean, variance
        The result in the shape of x, and what was normalised by.
    """
    if mean is None or variance is None:
        own_mean, own_variance, left = _statistics(_places(x), (0, 2), True)
        mean, variance = own_mean.reshape(-1), own_variance.reshape(-1)
    else:
        left = _places(x) - mean[:, None]
    return _finished(left, variance[:, None], _of_channels(weight), _of_channels(bias), eps, x), mean, variance


def channels_back(
    g: Array,
    x: Array,
    weight: Array | None,
    mean: Array,
    variance: Array,
    eps: float,
    fixed: bool,
    wants: tuple[bool, bool, bool],
) -> Learned:
    """What `channels` passes back to x, to the weight and to the bias.

    Parameters
    ----------
    g
        What arrives, in the shape of x.
    x, weight, eps
        As in `channels`.
    mean, variance
        What it normalised by.
    fixed
        Whether they were given, and don't move with x.
    wants
        Which of the three are wanted.
    """
    left, axes = _places(x) - mean[:, None], (0, 2)
    scale = _of_channels(weight)
    return _back(_places(g), left, scale, variance[:, None], eps, axes, axes, True, fixed, wants, x)
