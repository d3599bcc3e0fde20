"""Losses as modules: each applies the function of its name in `graphgrad.nn.functional`.

All take ``reduction=``: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per element or example.
"""

from __future__ import annotations

from typing import Any

from graphgrad.graph.errors import describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.module import Module
from graphgrad.ops.functional import binary_losses, losses
from graphgrad.ops.functional.cross_entropy import cross_entropy
from graphgrad.ops.functional.loss_parts import REDUCTIONS

__all__ = ["BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "MSELoss"]


class _Loss(Module):
    """What compares an input with a target."""

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in REDUCTIONS:
            allowed = ", ".join(REDUCTIONS)
            raise ValueError(describe(f"{type(self).__name__}: reduction is one of {allowed}, got {reduction!r}"))
        self.reduction = reduction

    def extra_repr(self) -> str:
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


class MSELoss(_Loss):
    """The squared error, (input - target)² (P04.01).

    Parameters
    ----------
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Raises
    ------
    ValueError
        For another reduction.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.MSELoss()(gg.tensor([1.0, 2.0]), gg.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def forward(self, input: Any, target: Any) -> Tensor:
        """Two tensors of one shape to the loss."""
        return losses.mse_loss(input, target, reduction=self.reduction)  # type: ignore[no-any-return]


class CrossEntropyLoss(_Loss):
    """The cross entropy of a classification, from logits (P04.08).

    Parameters
    ----------
    reduction
        ``"mean"`` over the examples, ``"sum"``, or ``"none"`` for one loss per example.

    Raises
    ------
    ValueError
        For another reduction.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.CrossEntropyLoss()(gg.tensor([[1.0, 2.0, 3.0]]), gg.tensor([2]))
    tensor(0.4076)
    """

    def forward(self, input: Any, target: Any) -> Tensor:
        """Logits (N, C) and classes (N,) to the loss; see `graphgrad.nn.functional.cross_entropy` for other shapes."""
        return cross_entropy(input, target, reduction=self.reduction)  # type: ignore[no-any-return]


class BCELoss(_Loss):
    """The cross entropy of yes-or-no predictions that are probabilities (P04.06).

    Parameters
    ----------
    reduction
        As in `MSELoss`.

    Raises
    ------
    ValueError
        For another reduction.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.BCELoss()(gg.tensor([0.5, 0.5]), gg.tensor([0.0, 1.0]))
    tensor(0.6931)
    """

    def forward(self, input: Any, target: Any) -> Tensor:
        """Two tensors of one shape to the loss."""
        return binary_losses.binary_cross_entropy(input, target, reduction=self.reduction)  # type: ignore[no-any-return]


class BCEWithLogitsLoss(_Loss):
    """The cross entropy of yes-or-no predictions, from logits (P04.07).

    Parameters
    ----------
    reduction
        As in `MSELoss`.

    Raises
    ------
    ValueError
        For another reduction.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.BCEWithLogitsLoss(reduction="sum")(gg.tensor([0.0, 1000.0]), gg.tensor([1.0, 1.0]))
    tensor(0.6931)
    """

    def forward(self, input: Any, target: Any) -> Tensor:
        """Two tensors of one shape to the loss."""
        return binary_losses.binary_cross_entropy_with_logits(input, target, reduction=self.reduction)  # type: ignore[no-any-return]
