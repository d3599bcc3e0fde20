"""Activations as modules, for `Sequential`: each applies the function of its name in `graphgrad.nn.functional`.

Those of straight pieces are in `graphgrad.nn.rectifiers`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn import functional
from graphgrad.nn.arguments import check, keep_softplus, kept, not_in_place
from graphgrad.nn.module import Module
from graphgrad.ops.attributes import keep_integers

__all__ = [
    "GELU",
    "GLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]


class Sigmoid(Module):
    """The logistic function, 1 / (1 + exp(-x)), of each element (P03.03).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Sigmoid()([0.0, 4.0])
    tensor([0.5  , 0.982])
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.sigmoid(input)


class LogSigmoid(Module):
    """The logarithm of the sigmoid, exact where the sigmoid itself would underflow to 0 (P03.11).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.LogSigmoid()([0.0, -1000.0])
    tensor([-6.9315e-01, -1.0000e+03])
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.logsigmoid(input)  # type: ignore[no-any-return]


class Tanh(Module):
    """The hyperbolic tangent of each element (P03.04).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Tanh()([0.0, 1.0])
    tensor([0.    , 0.7616])
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.tanh(input)


class Tanhshrink(Module):
    """What tanh takes away, x - tanh(x), of each element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Tanhshrink()([0.0, 1.0])
    tensor([0.    , 0.2384])
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.tanhshrink(input)  # type: ignore[no-any-return]


class Softsign(Module):
    """The softsign, x / (1 + |x|), of each element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Softsign()([1.0, -3.0])
    tensor([ 0.5 , -0.75])
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.softsign(input)  # type: ignore[no-any-return]


class Softplus(Module):
    """The smooth rectifier, log(1 + exp(beta · x)) / beta, of each element (P03.11).

    Parameters
    ----------
    beta
        How sharply it bends: the larger, the nearer to the rectifier.
    threshold
        Where beta · x exceeds it, the result is x.

    Raises
    ------
    ArgumentError, DTypeError
        If `beta` is 0, or one of them is no number.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Softplus()([0.0, 4.0])
    tensor([0.6931, 4.0181])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        kept("Softplus", keep_softplus, beta=beta, threshold=threshold)
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class SiLU(Module):
    """The sigmoid linear unit x · sigmoid(x), also called Swish (P03.12).

    Parameters
    ----------
    inplace
        Only its default: an operation gives a new tensor.

    Raises
    ------
    ArgumentError
        For another `inplace`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.SiLU()([0.0, 1.0])
    tensor([0.    , 0.7311])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = not_in_place("SiLU", inplace)

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.silu(input)  # type: ignore[no-any-return]


class Mish(Module):
    """Mish, x · tanh(softplus(x)), of each element (P03.14).

    Parameters
    ----------
    inplace
        Only its default: an operation gives a new tensor.

    Raises
    ------
    ArgumentError
        For another `inplace`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Mish()([0.0, 1.0])
    tensor([0.    , 0.8651])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = not_in_place("Mish", inplace)

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.mish(input)  # type: ignore[no-any-return]


class GELU(Module):
    """The Gaussian error linear unit x · Φ(x), Φ(x) being the probability that a normal number is at most x.

    Parameters
    ----------
    approximate
        ``"none"``, or ``"tanh"`` for the approximation by a hyperbolic tangent.

    Raises
    ------
    ArgumentError
        For another `approximate`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.GELU()([0.0, 1.0])
    tensor([0.    , 0.8413])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        check(self, functional.gelu, approximate=approximate)
        self.approximate = approximate

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.gelu(input, approximate=self.approximate)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class GLU(Module):
    """The gated linear unit a · sigmoid(b), of the halves a and b of an axis.

    Parameters
    ----------
    dim
        The axis, whose length is even.

    Raises
    ------
    DTypeError
        If `dim` isn't a whole number.
    ShapeError
        When an input hasn't this axis, or its length is odd.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.GLU()([1.0, 2.0, 0.0, 1000.0])
    tensor([0.5, 2. ])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        check(self, functional.glu, dim=dim)
        self.dim = dim

    def forward(self, input: Any) -> Tensor:
        """Any shape with the axis `dim`, to that with half its length."""
        return functional.glu(input, self.dim)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class _AlongAxis(Module):
    """What normalises along one axis, ``dim``."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim: int = kept(type(self).__name__, lambda attrs: keep_integers(attrs, "dim"), dim=dim)["dim"]

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongAxis):
    """Exponentials divided by their sum along an axis (P03.16).

    Parameters
    ----------
    dim
        The axis along which the results add up to 1; the last one unless told otherwise, where PyTorch guesses.

    Raises
    ------
    DTypeError
        If `dim` isn't a whole number.
    ShapeError
        When an input hasn't this axis.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Softmax(dim=1)(gg.tensor([[0.0, 0.0], [0.0, 1.0]]))
    tensor([[0.5   , 0.5   ],
            [0.2689, 0.7311]])
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape with the axis `dim` to the same."""
        return functional.softmax(input, self.dim)


class LogSoftmax(_AlongAxis):
    """The logarithm of `Softmax` along an axis (P02.11).

    Parameters
    ----------
    dim
        As in `Softmax`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.LogSoftmax(dim=0)(gg.tensor([0.0, 1000.0]))
    tensor([-1000.,     0.])
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape with the axis `dim` to the same."""
        return functional.log_softmax(input, self.dim)


class Softmin(_AlongAxis):
    """The `Softmax` of the negated input: the largest for the smallest.

    Parameters
    ----------
    dim
        As in `Softmax`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Softmin()(gg.tensor([0.0, 1000.0]))
    tensor([1., 0.])
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape with the axis `dim` to the same."""
        return functional.softmin(input, self.dim)  # type: ignore[no-any-return]


class Softmax2d(Module):
    """The `Softmax` over the channels of images, at each place by itself.

    Raises
    ------
    ShapeError
        When an input hasn't three or four axes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Softmax2d()(gg.zeros((1, 4, 1, 2)))[0, :, 0, 0]
    tensor([0.25, 0.25, 0.25, 0.25])
    """

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C, H, W) or (C, H, W) to the same."""
        shape = np.shape(input)
        if len(shape) not in (3, 4):
            raise ShapeError(describe(f"Softmax2d: input has the shape (N, C, H, W) or (C, H, W), got {shape}"))
        return functional.softmax(input, -3)
