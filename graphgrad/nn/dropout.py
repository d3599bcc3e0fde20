"""Dropout as modules: something is left out at random in training, and nothing in evaluation."""

from __future__ import annotations

from typing import Any

from graphgrad.graph.tensor import Tensor
from graphgrad.nn import functional
from graphgrad.nn.arguments import kept, not_in_place
from graphgrad.nn.module import Module
from graphgrad.ops.functional import dropout

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        name = type(self).__name__
        self.p: float = kept(name, dropout.prepare, p=p, training=False, seed=None)["p"]
        self.inplace = not_in_place(name, inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Set each element to 0 with a probability in training, and scale the others to keep the mean (P12.07, P12.08).

    Parameters
    ----------
    p
        How probable it is that an element is dropped, from 0 to 1.
    inplace
        Only its default: an operation gives a new tensor.

    Raises
    ------
    ArgumentError
        For another `p`, or `inplace`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.Dropout(0.2)
    >>> layer
    Dropout(p=0.2, inplace=False)
    >>> sorted(set(layer(gg.ones(100)).tolist()))
    [0.0, 1.25]
    >>> layer.eval()(gg.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.dropout(input, self.p, self.training)  # type: ignore[no-any-return]


class Dropout1d(_Dropout):
    """`Dropout` of whole channels, which are rows: (N, C, L) or (C, L).

    Parameters
    ----------
    p, inplace
        As in `Dropout`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> y = gg.nn.Dropout1d()(gg.ones((2, 3, 4)))
    >>> bool((y.data == y.data[:, :, :1]).all())
    True
    """

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C, L) or (C, L) to the same."""
        return functional.dropout1d(input, self.p, self.training)  # type: ignore[no-any-return]


class Dropout2d(_Dropout):
    """`Dropout` of whole channels, which are images: (N, C, H, W).

    Parameters
    ----------
    p, inplace
        As in `Dropout`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Dropout2d(p=0.0)(gg.ones((1, 3, 2, 2))).shape
    (1, 3, 2, 2)
    """

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C, H, W) to the same."""
        return functional.dropout2d(input, self.p, self.training)  # type: ignore[no-any-return]


class Dropout3d(_Dropout):
    """`Dropout` of whole channels, which are volumes: (N, C, D, H, W) or (C, D, H, W).

    Parameters
    ----------
    p, inplace
        As in `Dropout`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.Dropout3d()(gg.ones((3, 2, 2, 2))).shape
    (3, 2, 2, 2)
    """

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C, D, H, W) or (C, D, H, W) to the same."""
        return functional.dropout3d(input, self.p, self.training)  # type: ignore[no-any-return]


class AlphaDropout(_Dropout):
    """Dropout for SELU networks, which keeps mean 0 and variance 1 (P12.09).

    Parameters
    ----------
    p, inplace
        As in `Dropout`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> layer = gg.nn.AlphaDropout(0.5)
    >>> len(set(layer(gg.ones(100)).tolist()))
    2
    """

    def forward(self, input: Any) -> Tensor:
        """Any shape to the same."""
        return functional.alpha_dropout(input, self.p, self.training)  # type: ignore[no-any-return]


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` of whole channels: (N, C, ...).

    Parameters
    ----------
    p, inplace
        As in `Dropout`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.FeatureAlphaDropout()(gg.ones((2, 3, 4))).shape
    (2, 3, 4)
    """

    def forward(self, input: Any) -> Tensor:
        """Shape (N, C, ...) to the same."""
        return functional.feature_alpha_dropout(input, self.p, self.training)  # type: ignore[no-any-return]
