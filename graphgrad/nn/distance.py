"""Distances and similarities of vectors as modules."""

from __future__ import annotations

from typing import Any

from graphgrad.graph.tensor import Tensor
from graphgrad.nn import functional
from graphgrad.nn.arguments import check
from graphgrad.nn.module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Module):
    """The cosine of the angle between vectors: 1 for the same direction, -1 for the opposite one.

    Parameters
    ----------
    dim
        The axis of the vectors.
    eps
        The least length that a vector counts with.

    Raises
    ------
    ArgumentError, DTypeError
        If `dim` isn't a whole number, or `eps` not a number from 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.CosineSimilarity()([[1.0, 0.0]], [[1.0, 1.0]])
    tensor([0.7071])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        check(self, functional.cosine_similarity, dim=dim, eps=eps)
        self.dim, self.eps = dim, eps

    def forward(self, x1: Any, x2: Any) -> Tensor:
        """Two shapes that broadcast, to theirs without the axis `dim`."""
        return functional.cosine_similarity(x1, x2, self.dim, self.eps)  # type: ignore[no-any-return]


class PairwiseDistance(Module):
    """The distance between vectors along the last axis, ‖x1 - x2 + eps‖.

    Parameters
    ----------
    p
        Which norm.
    eps
        Added to each difference, so that the norm has a slope at 0.
    keepdim
        Whether the last axis stays, with length 1.

    Raises
    ------
    DTypeError
        If `p` or `eps` is no number, or `keepdim` neither True nor False.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.PairwiseDistance()([[0.0, 0.0]], [[3.0, 4.0]])
    tensor([5.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        check(self, functional.pairwise_distance, p=p, eps=eps, keepdim=keepdim)
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Any, x2: Any) -> Tensor:
        """Two shapes (N, D) or (D,), which broadcast, to theirs without the last axis."""
        return functional.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)  # type: ignore[no-any-return]
