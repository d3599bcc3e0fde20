"""Values that are drawn one by one, whatever the tensor is for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.graph.checks import check_number, is_number
from graphgrad.graph.errors import describe
from graphgrad.graph.random import generator_or_default
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.init.filling import fill, normal, uniform

__all__ = ["normal_", "trunc_normal_", "uniform_"]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: np.random.Generator | None = None) -> Tensor:
    """Fill with draws from the uniform distribution on [a, b).

    Parameters
    ----------
    tensor
        A leaf of any shape. Of complex numbers both parts are drawn.
    a, b
        The interval.
    generator
        Where random numbers come from; by default what `graphgrad.manual_seed` starts.

    Raises
    ------
    DTypeError
        If `tensor` is no tensor of floats or complex numbers.
    ValueError
        If `a` is larger than `b`, or one of them is not finite.
    WriteError
        If `tensor` was computed, or is read-only.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.nn.init.uniform_(gg.zeros((2, 3)), -1.0, 1.0)
    >>> bool(abs(w.data).max() <= 1.0)
    True
    """
    rng = generator_or_default(generator)
    if not is_number(a) or not is_number(b) or a > b:
        raise ValueError(describe("uniform_: a is at most b, and both are finite", f"got: a={a!r:.40}, b={b!r:.40}"))
    return fill(tensor, "uniform_", lambda: uniform(rng, tensor, a, b))


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: np.random.Generator | None = None
) -> Tensor:
    """Fill with draws from the normal distribution (P10.06); otherwise as `uniform_`.

    Of complex numbers both parts have the mean, and `std` / √2 each, so that the variance of the whole is `std`².

    Raises
    ------
    ValueError
        If `mean` or `std` is no finite number, or `std` negative.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.init.normal_(gg.zeros(3), mean=2.0, std=0.0)
    tensor([2., 2., 2.])
    """
    rng = generator_or_default(generator)
    mean, std = check_number("normal_", "mean", mean), check_number("normal_", "std", std, 0.0)
    return fill(tensor, "normal_", lambda: normal(rng, tensor, mean, std))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill with draws from the normal distribution as it is within [a, b], where the rest of it is cut away.

    Parameters
    ----------
    tensor
        A leaf of any shape, of real floats.
    mean, std
        Of the whole distribution; within the interval both may be others.
    a, b
        The interval, in the units of the values: not in standard deviations.
    generator
        See `uniform_`.

    Raises
    ------
    ValueError
        If `std` isn't above 0, or `a` not below `b`; and what `uniform_` raises.

    Notes
    -----
    One uniform number for each value is sent through the inverse of the cumulative distribution, so that the interval
    may lie anywhere, many standard deviations away too.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.nn.init.trunc_normal_(gg.zeros((3, 4)), std=0.02, a=-0.04, b=0.04)
    >>> bool(abs(w.data).max() <= 0.04)
    True
    """
    rng = generator_or_default(generator)
    mean, std = check_number("trunc_normal_", "mean", mean), check_number("trunc_normal_", "std", std, 0.0)
    ends = [end for end in (a, b) if is_number(end) or end in (-math.inf, math.inf)]
    if std == 0.0 or len(ends) < 2 or not a < b:
        raise ValueError(
            describe("trunc_normal_: std is above 0, and a below b", f"got: std={std}, a={a!r:.40}, b={b!r:.40}")
        )

    def draw() -> Any:
        from scipy.special import log_ndtr, ndtri_exp

        low, high = (a - mean) / std, (b - mean) / std
        # Probabilities are exact near 0, in logarithms at any distance; so the interval is looked at from the left.
        side = -1.0 if low + high > 0 else 1.0
        if side < 0:
            low, high = -high, -low
        share, least = rng.random(tensor.shape), math.exp(log_ndtr(low) - log_ndtr(high))
        z = ndtri_exp(log_ndtr(high) + np.log(least + (1.0 - share) * (1.0 - least)))
        return np.clip(mean + side * std * z, a, b)

    return fill(tensor, "trunc_normal_", draw, "f")
