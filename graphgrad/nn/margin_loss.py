"""Losses of distances, orders and margins as modules: each applies the function of its name in `functional`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphgrad.graph.tensor import Tensor
from graphgrad.nn import functional
from graphgrad.nn.arguments import check, keep_triplet, kept
from graphgrad.nn.distance import PairwiseDistance
from graphgrad.nn.loss import Loss

__all__ = [
    "CosineEmbeddingLoss",
    "HingeEmbeddingLoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class SoftMarginLoss(Loss):
    """The cross entropy of a choice between 1 and -1, from a score: log(1 + exp(-target · input)).

    Parameters
    ----------
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Raises
    ------
    ArgumentError
        For another reduction.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.SoftMarginLoss()(gg.tensor([0.0, 1000.0]), gg.tensor([1.0, 1.0]))
    tensor(0.3466)
    """

    def forward(self, input: Any, target: Any) -> Tensor:
        """Scores, and targets of 1 and -1 of the same shape, to the loss."""
        return functional.soft_margin_loss(input, target, reduction=self.reduction)  # type: ignore[no-any-return]


class HingeEmbeddingLoss(Loss):
    """The loss of a distance: itself between things that are alike, else what it lacks to the margin.

    Parameters
    ----------
    margin
        How far apart things that aren't alike should be.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Raises
    ------
    ArgumentError, DTypeError
        For another reduction, or an option that is none of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.HingeEmbeddingLoss()(gg.tensor([0.5, 0.25]), gg.tensor([1.0, -1.0]))
    tensor(0.625)
    """

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        check(self, functional.hinge_embedding_loss, margin=margin)
        self.margin = margin

    def forward(self, input: Any, target: Any) -> Tensor:
        """Distances, and 1 or -1 for each, to the loss."""
        loss: Tensor = functional.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)
        return loss


class CosineEmbeddingLoss(Loss):
    """The loss of an angle: 1 - cos for a pair that belongs together, else max(0, cos - margin).

    Parameters
    ----------
    margin
        The cosine up to which others may be alike.
    reduction
        ``"mean"`` over all pairs, ``"sum"``, or ``"none"`` for one loss per pair.

    Raises
    ------
    ArgumentError, DTypeError
        For another reduction, or an option that is none of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.CosineEmbeddingLoss()(gg.tensor([[1.0, 0.0]]), gg.tensor([[0.0, 1.0]]), gg.tensor([1.0]))
    tensor(1.)
    """

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        check(self, functional.cosine_embedding_loss, margin=margin)
        self.margin = margin

    def forward(self, input1: Any, input2: Any, target: Any) -> Tensor:
        """Vectors (N, D) and (N, D), and 1 or -1 for each pair, to the loss."""
        loss: Tensor = functional.cosine_embedding_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )
        return loss


class MarginRankingLoss(Loss):
    """The loss of an order between two scores: max(0, margin - target · (input1 - input2)).

    Parameters
    ----------
    margin
        By how much they should differ.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Raises
    ------
    ArgumentError, DTypeError
        For another reduction, or an option that is none of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.MarginRankingLoss(0.5)(gg.tensor([1.0]), gg.tensor([2.0]), gg.tensor([1.0]))
    tensor(1.5)
    """

    def __init__(self, margin: float = 0.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        check(self, functional.margin_ranking_loss, margin=margin)
        self.margin = margin

    def forward(self, input1: Any, input2: Any, target: Any) -> Tensor:
        """Scores, and 1 where the first should be the higher one, else -1, to the loss."""
        loss: Tensor = functional.margin_ranking_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )
        return loss


class MultiMarginLoss(Loss):
    """The hinge loss of a classification: each wrong class should score less than the right one, by the margin.

    Parameters
    ----------
    p
        The power of each shortfall, 1 or 2.
    margin
        By how much less.
    weight
        A factor for each class, which isn't trained; None for 1.
    reduction
        ``"mean"`` over all examples, ``"sum"``, or ``"none"`` for one loss per example.

    Raises
    ------
    ArgumentError, DTypeError
        For another reduction, or an option that is none of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.MultiMarginLoss()(gg.tensor([[0.0, 0.5, 2.0]]), gg.tensor([2]))
    tensor(0.)
    """

    weight: Tensor | None

    def __init__(self, p: int = 1, margin: float = 1.0, weight: Any = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        check(self, functional.multi_margin_loss, p=p, margin=margin)
        self.p = p
        self.margin = margin
        self.keep("weight", weight)

    def forward(self, input: Any, target: Any) -> Tensor:
        """Scores (N, C) and classes (N,) to the loss."""
        loss: Tensor = functional.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )
        return loss


class MultiLabelMarginLoss(Loss):
    """The hinge loss of several labels: each that holds should score more, by 1, than each that doesn't.

    Parameters
    ----------
    reduction
        ``"mean"`` over all examples, ``"sum"``, or ``"none"`` for one loss per example.

    Raises
    ------
    ArgumentError
        For another reduction.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.MultiLabelMarginLoss()(gg.tensor([[0.0, 0.5, 2.0]]), gg.tensor([[2, 1, -1]]))
    tensor(0.1667)
    """

    def forward(self, input: Any, target: Any) -> Tensor:
        """Scores (N, C), and the labels of each example in (N, C), ended by -1, to the loss."""
        loss: Tensor = functional.multilabel_margin_loss(input, target, reduction=self.reduction)
        return loss


class MultiLabelSoftMarginLoss(Loss):
    """The cross entropy of several yes-or-no labels for each example, from logits (P04.20, P04.23).

    Parameters
    ----------
    weight
        A factor for each class, which isn't trained; None for 1.
    reduction
        ``"mean"`` over all examples, ``"sum"``, or ``"none"`` for one loss per example.

    Raises
    ------
    ArgumentError
        For another reduction.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.MultiLabelSoftMarginLoss()(gg.tensor([[0.0, 1000.0]]), gg.tensor([[1.0, 1.0]]))
    tensor(0.3466)
    """

    weight: Tensor | None

    def __init__(self, weight: Any = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.keep("weight", weight)

    def forward(self, input: Any, target: Any) -> Tensor:
        """Logits (N, C) and zeros and ones of the same shape to the loss."""
        loss: Tensor = functional.multilabel_soft_margin_loss(
            input, target, weight=self.weight, reduction=self.reduction
        )
        return loss


class TripletMarginLoss(Loss):
    """The loss of three vectors: max(0, margin + d(anchor, positive) - d(anchor, negative)) (P17.23).

    Parameters
    ----------
    margin
        By how much the anchor should be closer to the positive, above 0.
    p
        The norm that measures distances.
    eps
        Added to each difference.
    swap
        Measure the negative from the positive where it is closer to that than to the anchor.
    reduction
        ``"mean"`` over all triples, ``"sum"``, or ``"none"`` for one loss per triple.

    Raises
    ------
    ArgumentError, DTypeError
        For another reduction, or an option that is none of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.TripletMarginLoss()(gg.tensor([0.0]), gg.tensor([1.0]), gg.tensor([1.5]))
    tensor(0.5)
    """

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False, *, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction=reduction)
        check(self, functional.triplet_margin_loss, margin=margin, p=p, eps=eps, swap=swap)
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Tensor:
        """Three tensors of shape (N, D), or (D,), to the loss."""
        loss: Tensor = functional.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )
        return loss


class TripletMarginWithDistanceLoss(Loss):
    """The triplet loss for any distance (P17.23).

    Parameters
    ----------
    distance_function
        From two tensors to their distances; it may be a module. None for the Euclidean distance.
    margin
        By how much the anchor should be closer to the positive, above 0.
    swap
        As in `TripletMarginLoss`.
    reduction
        ``"mean"`` over all triples, ``"sum"``, or ``"none"`` for one loss per triple.

    Raises
    ------
    ArgumentError, DTypeError
        For another reduction, or an option that is none of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.TripletMarginWithDistanceLoss(distance_function=gg.nn.PairwiseDistance(p=1.0))([[0.0]], [[1.0]], [[1.5]])
    tensor(0.5)
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        options = {"margin": margin, "swap": swap, "reduction": reduction}
        kept("TripletMarginWithDistanceLoss", keep_triplet, distance_function=distance_function, **options)
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Tensor:
        """Three tensors with as many axes to the loss."""
        return functional.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
