"""Constraints on parameters: what is brought back into its bounds after each step of an optimiser."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from graphgrad.graph.checks import check_writeable
from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import unlocked, wrote
from graphgrad.nn.arguments import kept
from graphgrad.ops.attributes import keep_numbers

__all__ = ["renorm_", "shrinking"]

Array = np.ndarray[Any, Any]

_NEARLY_0 = 1e-7  # as in PyTorch


def renorm_(tensor: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Shorten what is longer than `maxnorm` along an axis, in place: the max-norm constraint (Srebro et al., 2005).

    The rows of a weight of shape (out_features, in_features), ``dim=0``, are what arrives at each unit. Called after
    each step of an optimiser it keeps them short, often together with dropout (Srivastava et al., 2014). It is the
    method of this name of PyTorch's tensors, and Keras' ``MaxNorm``, whose weights lie the other way.

    Parameters
    ----------
    tensor
        Floats, such as a parameter; no gradient passes through the change.
    p
        The order of the norm, above 0.
    dim
        The axis: each slice at one place of it is measured, and shortened, as a whole.
    maxnorm
        The greatest norm, from 0.

    Returns
    -------
    Tensor
        The same, changed.

    Raises
    ------
    DTypeError
        If it isn't made of floats, or another argument is no number.
    ShapeError
        If there is no such axis.
    ArgumentError
        If `p` isn't above 0, or `maxnorm` below 0.
    WriteError
        If it is read-only.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.nn.Parameter([[3.0, 4.0], [0.3, 0.4]])
    >>> gg.nn.utils.renorm_(w, p=2, dim=0, maxnorm=1.0).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.30000001192092896, 0.4000000059604645]]
    """
    what = "renorm_"
    if not isinstance(tensor, Tensor) or tensor.dtype.kind != "f":
        got = str(tensor.dtype) if isinstance(tensor, Tensor) else type(tensor).__name__
        raise DTypeError(describe(f"{what}: a tensor of floats is needed, got {got}"))
    bounds = kept(what, _check, p=p, maxnorm=maxnorm)
    try:
        axis = operator.index(dim)
    except TypeError:
        raise DTypeError(describe(f"{what}: dim is the number of one axis, got {dim!r:.60}")) from None
    if not -tensor.ndim <= axis < tensor.ndim:
        raise ShapeError(describe(f"{what}: dim {dim} is no axis of a tensor of shape {tensor.shape}"))
    check_writeable(what, [tensor])
    factors = shrinking(np.moveaxis(tensor.data, axis, 0), bounds["p"], bounds["maxnorm"])
    if (factors < 1).any():
        with unlocked(tensor.data):
            slices = np.moveaxis(tensor.data, axis, -1)  # a view, on whose last axis the factors lie
            slices *= factors.astype(slices.dtype)
        wrote(tensor.data)
    return tensor


def _check(bounds: dict[str, Any]) -> None:
    keep_numbers(bounds, "p", "maxnorm")
    if not bounds["p"] > 0:
        raise ValueError(f"p is the order of a norm, above 0, got {bounds['p']}")
    if not bounds["maxnorm"] >= 0:
        raise ValueError(f"maxnorm is a length, from 0, got {bounds['maxnorm']}")


def shrinking(slices: Array, p: float, maxnorm: float) -> Array:
    """For each place of the first axis the factor, at most 1, that brings its norm down to the greatest one."""
    if not slices.size:  # whose greatest element NumPy 2.2 doesn't know
        return np.ones(len(slices))
    wide = slices.reshape(len(slices), math.prod(slices.shape[1:])).astype(np.float64)  # squares may overflow
    norms = np.linalg.norm(wide, p, axis=1)
    return np.where(norms > maxnorm, maxnorm / (norms + _NEARLY_0), 1.0)
