"""The affine layer, and the one of two inputs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.create import zeros
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.arguments import kept, lengths
from graphgrad.nn.init import uniform_
from graphgrad.nn.module import Module, Parameter
from graphgrad.ops.attributes import keep_flags
from graphgrad.ops.functional.layers import bilinear, linear

__all__ = ["Bilinear", "Linear"]


class Linear(Module):
    """Apply y = x W^T + b to the last axis (P02.01, P02.02).

    Weight and bias start uniformly within ±1/√in_features, as PyTorch's; without inputs the bias starts at 0.

    Parameters
    ----------
    in_features, out_features
        Lengths of the last axis before and after.
    bias
        Whether to add one.
    dtype
        Of the parameters; the default dtype if left out.
    generator
        Where the initial values come from; by default what `graphgrad.manual_seed` starts.

    Attributes
    ----------
    weight
        Shape (out_features, in_features).
    bias
        Shape (out_features,), or None.

    Raises
    ------
    ShapeError
        If a length isn't a whole number from 0, or when it is called with an input of another last axis.
    DTypeError
        If `bias` is neither True nor False.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.Linear(3, 2)
    >>> layer
    Linear(in_features=3, out_features=2, bias=True)
    >>> layer(gg.ones((5, 3))).shape
    (5, 2)
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = lengths("Linear", 0, in_features=in_features, out_features=out_features)
        has_bias = kept("Linear", lambda attrs: keep_flags(attrs, "bias"), bias=bias)["bias"]
        self.weight = Parameter(zeros((self.out_features, self.in_features), dtype))
        self.bias = Parameter(zeros(self.out_features, dtype)) if has_bias else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw the initial values anew."""
        bound = 1.0 / math.sqrt(self.in_features) if self.in_features else 0.0
        uniform_(self.weight, -bound, bound, generator)
        if self.bias is not None:
            uniform_(self.bias, -bound, bound, generator)

    def forward(self, input: Any) -> Tensor:
        """Shape (..., in_features) to (..., out_features)."""
        return linear(input, self.weight, self.bias)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """A layer of two inputs, linear in each: y[o] = x1 W[o] x2^T + b[o], on the last axes.

    Weight and bias start uniformly within ±1/√in1_features, as PyTorch's.

    Parameters
    ----------
    in1_features, in2_features
        Lengths of the last axes of the inputs.
    out_features
        Length of the last axis of the result.
    bias
        Whether to add one.
    dtype
        Of the parameters; the default dtype if left out.
    generator
        Where the initial values come from; by default what `graphgrad.manual_seed` starts.

    Attributes
    ----------
    weight
        Shape (out_features, in1_features, in2_features).
    bias
        Shape (out_features,), or None.

    Raises
    ------
    ShapeError
        If a length isn't a whole number from 1, or when it is called with inputs of other last axes.
    DTypeError
        If `bias` is neither True nor False.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.Bilinear(3, 4, 2)
    >>> layer
    Bilinear(in1_features=3, in2_features=4, out_features=2, bias=True)
    >>> layer(gg.ones((5, 3)), gg.ones((5, 4))).shape
    (5, 2)
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        self.in1_features, self.in2_features, self.out_features = lengths(
            "Bilinear", 1, in1_features=in1_features, in2_features=in2_features, out_features=out_features
        )
        has_bias = kept("Bilinear", lambda attrs: keep_flags(attrs, "bias"), bias=bias)["bias"]
        self.weight = Parameter(zeros((self.out_features, self.in1_features, self.in2_features), dtype))
        self.bias = Parameter(zeros(self.out_features, dtype)) if has_bias else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw the initial values anew."""
        bound = 1.0 / math.sqrt(self.in1_features)
        uniform_(self.weight, -bound, bound, generator)
        if self.bias is not None:
            uniform_(self.bias, -bound, bound, generator)

    def forward(self, input1: Any, input2: Any) -> Tensor:
        """Shapes (..., in1_features) and (..., in2_features) to (..., out_features)."""
        return bilinear(input1, input2, self.weight, self.bias)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
