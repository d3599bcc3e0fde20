"""The affine layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.create import zeros
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.init import uniform_
from graphgrad.nn.module import Module, Parameter
from graphgrad.ops.functional.layers import linear

__all__ = ["Linear"]


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
        for name, length in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(length, (int, np.integer)) or isinstance(length, bool) or length < 0:
                raise ShapeError(describe(f"Linear: {name} is a whole number from 0, got {length!r}"))
        self.in_features, self.out_features = int(in_features), int(out_features)
        self.weight = Parameter(zeros((out_features, in_features), dtype))
        self.bias = Parameter(zeros(out_features, dtype)) if bias else None
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
