"""Layers that normalise one example at a time: over its features, over groups of its channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.create import ones, zeros
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import wrote
from graphgrad.nn.arguments import kept
from graphgrad.nn.module import Module, Parameter
from graphgrad.ops.functional.normalizations import (
    group_norm,
    layer_norm,
    local_response_norm,
    prepare_eps,
    rms_norm,
)

__all__ = [
    "GroupNorm",
    "LayerNorm",
    "Learned",
    "LocalResponseNorm",
    "RMSNorm",
    "count_of",
    "eps_of",
]

Shape = tuple[int, ...]


# ---- arguments -------------------------------------------------------------------------------------------------------


def _is_length(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= 0)


def count_of(layer: str, name: str, value: Any) -> int:
    """An argument that is a number of channels."""
    if not _is_length(value):
        raise ShapeError(describe(f"{layer}: {name} is a whole number from 0, got {value!r}"))
    return int(value)


def eps_of(layer: str, eps: Any) -> float:
    """What is added to the variance, as a layer keeps it."""
    return kept(layer, prepare_eps, eps=eps)["eps"]  # type: ignore[no-any-return]


class Learned(Module):
    """A layer with a scale that starts at 1 and a shift that starts at 0, each if there is one.

    Attributes
    ----------
    weight
        The scale, or None.
    bias
        The shift, or None.
    """

    weight: Tensor | None
    bias: Tensor | None

    def learn(self, shape: Shape, weight: bool, bias: bool, dtype: DTypeLike | None) -> None:
        """Make a scale and a shift of this shape, or leave them out."""
        self.weight = Parameter(ones(shape, dtype)) if weight else None
        self.bias = Parameter(zeros(shape, dtype)) if bias else None

    def reset_parameters(self) -> None:
        """Scale by 1 and shift by 0 again."""
        for parameter, value in ((self.weight, 1.0), (self.bias, 0.0)):
            if parameter is not None:
                parameter.data[...] = value
                wrote(parameter.data)


# ---- one example at a time -------------------------------------------------------------------------------------------


def _normalized_shape(layer: str, shape: Any) -> Shape:
    lengths = (shape,) if np.ndim(shape) == 0 else tuple(shape)
    if not lengths or not all(map(_is_length, lengths)):
        raise ShapeError(describe(f"{layer}: normalized_shape is a length or several, got {shape!r:.40}"))
    return tuple(map(int, lengths))


class LayerNorm(Learned):
    """Bring each example to mean 0 and variance 1 over its last axes, then scale and shift each feature.

    Parameters
    ----------
    normalized_shape
        The lengths of the last axes, or that of the last one.
    eps
        Added to the variance under the root.
    elementwise_affine
        Whether there is a weight.
    bias
        Whether there is a bias beside it.
    dtype
        Of the parameters; the default dtype if left out.

    Attributes
    ----------
    weight, bias
        Shape `normalized_shape`, or None. They start at 1 and 0.

    Raises
    ------
    ShapeError
        If `normalized_shape` isn't made of whole numbers, or when an input hasn't these last axes.
    ArgumentError, DTypeError
        If `eps` isn't a number from 0 on.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.LayerNorm(3)
    >>> layer
    LayerNorm((3,), eps=1e-05, elementwise_affine=True, bias=True)
    >>> layer([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
    tensor([[-1.2247,  0.    ,  1.2247],
            [-1.2247,  0.    ,  1.2247]], op=layer_norm)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _normalized_shape("LayerNorm", normalized_shape)
        self.eps = eps_of("LayerNorm", eps)
        self.elementwise_affine = elementwise_affine
        self.learn(self.normalized_shape, elementwise_affine, elementwise_affine and bias, dtype)

    def forward(self, input: Any) -> Tensor:
        """Shape (..., *normalized_shape) to the same."""
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Learned):
    """Divide each example by the root of its mean square over the last axes, then scale each feature.

    Parameters
    ----------
    normalized_shape
        The lengths of the last axes, or that of the last one.
    eps
        Added to the mean square under the root. None for the distance from 1 to the next number of the dtype.
    elementwise_affine
        Whether there is a weight.
    dtype
        Of the parameters; the default dtype if left out.

    Attributes
    ----------
    weight
        Shape `normalized_shape`, or None. It starts at 1.

    Raises
    ------
    ShapeError
        If `normalized_shape` isn't made of whole numbers, or when an input hasn't these last axes.
    ArgumentError, DTypeError
        If `eps` isn't a number from 0 on.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.RMSNorm(4)([3.0, 4.0, 0.0, 0.0])
    tensor([1.2, 1.6, 0. , 0. ], op=rms_norm)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _normalized_shape("RMSNorm", normalized_shape)
        self.eps = None if eps is None else eps_of("RMSNorm", eps)
        self.elementwise_affine = elementwise_affine
        self.learn(self.normalized_shape, elementwise_affine, False, dtype)

    def forward(self, input: Any) -> Tensor:
        """Shape (..., *normalized_shape) to the same."""
        return rms_norm(input, self.normalized_shape, self.weight, self.eps)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Learned):
    """Bring groups of channels of each example to mean 0 and variance 1, then scale and shift each channel.

    Parameters
    ----------
    num_groups
        How many groups the channels are parted into; it divides their number.
    num_channels
        How many channels inputs have, on axis 1.
    eps
        Added to the variance under the root.
    affine
        Whether there is a weight.
    bias
        Whether there is a bias beside it.
    dtype
        Of the parameters; the default dtype if left out.

    Attributes
    ----------
    weight, bias
        Shape (num_channels,), or None. They start at 1 and 0.

    Raises
    ------
    ShapeError
        If the channels can't be parted so, or when an input has other channels.
    ArgumentError, DTypeError
        If `eps` isn't a number from 0 on.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.GroupNorm(2, 4)([[1.0, 3.0, 10.0, 30.0]])
    tensor([[-1.,  1., -1.,  1.]], op=group_norm)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        self.num_channels = count_of("GroupNorm", "num_channels", num_channels)
        if not _is_length(num_groups) or not num_groups or self.num_channels % num_groups:
            raise ShapeError(
                describe(f"GroupNorm: num_groups {num_groups!r} must divide num_channels {self.num_channels}")
            )
        self.num_groups = int(num_groups)
        self.eps = eps_of("GroupNorm", eps)
        self.affine = affine
        self.learn((self.num_channels,), affine, affine and bias, dtype)

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C, ...) to the same."""
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """Divide each element by a power of the mean square of its neighbours in other channels.

    Parameters
    ----------
    size
        How many neighbouring channels take part.
    alpha, beta, k
        The divisor is (k + alpha · mean square)^beta.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.LocalResponseNorm(2, alpha=2.0, beta=0.5)([[3.0, 0.0, 4.0]])
    tensor([[0.9487, 0.    , 0.9701]])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C, ...) to the same."""
        return local_response_norm(input, self.size, self.alpha, self.beta, self.k)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
