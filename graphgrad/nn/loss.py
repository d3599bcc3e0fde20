"""Losses as modules: each applies the function of its name in `graphgrad.nn.functional`.

All take ``reduction=``: ``"mean"``, ``"sum"``, or ``"none"`` for one loss per element or example. Those of distances,
orders and margins are in `graphgrad.nn.margin_loss`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from graphgrad.graph.errors import ArgumentError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.arguments import as_tensor, check
from graphgrad.nn.module import Module
from graphgrad.ops.functional import binary_losses, likelihoods, losses
from graphgrad.ops.functional.classification import nll_loss
from graphgrad.ops.functional.cross_entropy import cross_entropy
from graphgrad.ops.functional.ctc import ctc_loss
from graphgrad.ops.functional.loss_parts import REDUCTIONS

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "Loss",
    "MSELoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
]


class Loss(Module):
    """What compares an input with a target; the base of all losses.

    Attributes
    ----------
    reduction
        What is done with the single losses.
    """

    reductions: ClassVar[tuple[str, ...]] = REDUCTIONS

    def __init__(self, *, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in self.reductions:
            allowed = ", ".join(self.reductions)
            raise ArgumentError(describe(f"{type(self).__name__}: reduction is one of {allowed}, got {reduction!r}"))
        self.reduction = reduction

    def keep(self, name: str, weight: Any) -> None:
        """Keep weights as state that isn't trained, or None."""
        self.register_buffer(name, None if weight is None else as_tensor(weight))

    def extra_repr(self) -> str:
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


class L1Loss(Loss):
    """The absolute error, |input - target|, which outliers pull no more than others (P04.02).

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
    >>> gg.nn.L1Loss()(gg.tensor([1.0, 2.0]), gg.tensor([1.0, 4.0]))
    tensor(1.)
    """

    def forward(self, input: Any, target: Any) -> Tensor:
        """Two tensors of one shape to the loss."""
        return losses.l1_loss(input, target, reduction=self.reduction)  # type: ignore[no-any-return]


class MSELoss(Loss):
    """The squared error, (input - target)² (P04.01).

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
    >>> gg.nn.MSELoss()(gg.tensor([1.0, 2.0]), gg.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def forward(self, input: Any, target: Any) -> Tensor:
        """Two tensors of one shape to the loss."""
        return losses.mse_loss(input, target, reduction=self.reduction)  # type: ignore[no-any-return]


class HuberLoss(Loss):
    """The Huber loss: squared for small errors, straight for large ones (P04.03).

    Parameters
    ----------
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.
    delta
        Where the straight part begins, above 0.

    Raises
    ------
    ArgumentError, DTypeError
        For another reduction, or an option that is none of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.HuberLoss()(gg.tensor([0.0, 0.0]), gg.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        check(self, losses.huber_loss, delta=delta)
        self.delta = delta

    def forward(self, input: Any, target: Any) -> Tensor:
        """Two tensors of one shape to the loss."""
        loss: Tensor = losses.huber_loss(input, target, reduction=self.reduction, delta=self.delta)
        return loss


class SmoothL1Loss(Loss):
    """The absolute error with a rounded bottom: (input - target)² / (2 beta) for errors below beta.

    Parameters
    ----------
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.
    beta
        Where the straight part begins, from 0.

    Raises
    ------
    ArgumentError, DTypeError
        For another reduction, or an option that is none of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.SmoothL1Loss(beta=2.0)(gg.tensor([0.0, 0.0]), gg.tensor([1.0, 4.0]))
    tensor(1.625)
    """

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        check(self, losses.smooth_l1_loss, beta=beta)
        self.beta = beta

    def forward(self, input: Any, target: Any) -> Tensor:
        """Two tensors of one shape to the loss."""
        loss: Tensor = losses.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)
        return loss


class PoissonNLLLoss(Loss):
    """The negative logarithm of the Poisson probability of a count (P04.41).

    Parameters
    ----------
    log_input
        Whether `input` is the logarithm of the rate.
    full
        Whether Stirling's approximation of log n! is added.
    eps
        Added to a rate under the logarithm.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Raises
    ------
    ArgumentError, DTypeError
        For another reduction, or an option that is none of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.PoissonNLLLoss()(gg.tensor([0.0, 1.0]), gg.tensor([1.0, 2.0]))
    tensor(0.8591)
    """

    def __init__(
        self, log_input: bool = True, full: bool = False, *, eps: float = 1e-8, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction=reduction)
        check(self, likelihoods.poisson_nll_loss, log_input=log_input, full=full, eps=eps)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, input: Any, target: Any) -> Tensor:
        """Rates, or their logarithms, and counts of one shape to the loss."""
        loss: Tensor = likelihoods.poisson_nll_loss(
            input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )
        return loss


class GaussianNLLLoss(Loss):
    """The negative logarithm of a normal density with a predicted mean and variance (P04.25, P04.33).

    Parameters
    ----------
    full
        Whether the constant log(2π) / 2 is added.
    eps
        The least variance.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Raises
    ------
    ArgumentError, DTypeError
        For another reduction, or an option that is none of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.GaussianNLLLoss()(gg.tensor([0.0]), gg.tensor([1.0]), gg.tensor([2.0]))
    tensor(0.5966)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        check(self, likelihoods.gaussian_nll_loss, full=full, eps=eps)
        self.full = full
        self.eps = eps

    def forward(self, input: Any, target: Any, var: Any) -> Tensor:
        """Means, targets and variances to the loss."""
        loss: Tensor = likelihoods.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )
        return loss


class KLDivLoss(Loss):
    """The divergence of predicted from true distributions, sum(p · (log p - log q)) (P04.28, P04.29).

    Parameters
    ----------
    reduction
        ``"batchmean"`` is the divergence, averaged over the examples; ``"mean"`` averages over all elements;
        ``"sum"``; or ``"none"``.
    log_target
        Whether `target` holds logarithms too.

    Raises
    ------
    ArgumentError, DTypeError
        For another reduction, or an option that is none of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.KLDivLoss(reduction="batchmean")(gg.log([[0.5, 0.5]]), gg.tensor([[0.25, 0.75]]))
    tensor(0.1308)
    """

    reductions = (*REDUCTIONS, "batchmean")

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction=reduction)
        check(self, likelihoods.kl_div, log_target=log_target)
        self.log_target = log_target

    def forward(self, input: Any, target: Any) -> Tensor:
        """Logarithms of predicted probabilities, and true probabilities of the same shape, to the loss."""
        loss: Tensor = likelihoods.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)
        return loss


class NLLLoss(Loss):
    """The negative log-likelihood of a classification, from logarithms of probabilities (P04.05).

    Parameters
    ----------
    weight
        A factor for each class, which isn't trained; None for 1.
    ignore_index
        A class number that stands for no class: such examples don't count.
    reduction
        ``"mean"`` over all examples, ``"sum"``, or ``"none"`` for one loss per example.

    Raises
    ------
    ArgumentError, DTypeError
        For another reduction, or an option that is none of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.NLLLoss()(gg.log([[0.25, 0.75]]), gg.tensor([1]))
    tensor(0.2877)
    """

    weight: Tensor | None

    def __init__(self, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        check(self, nll_loss, ignore_index=ignore_index)
        self.keep("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, input: Any, target: Any) -> Tensor:
        """Log-probabilities (N, C) and classes (N,) to the loss; see `functional.nll_loss` for other shapes."""
        loss: Tensor = nll_loss(
            input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )
        return loss


class CrossEntropyLoss(Loss):
    """The cross entropy of a classification, from logits (P04.08).

    Parameters
    ----------
    weight
        A factor for each class, which isn't trained; None for 1.
    ignore_index
        A class number that stands for no class: such examples don't count.
    reduction
        ``"mean"`` over all examples, ``"sum"``, or ``"none"`` for one loss per example.
    label_smoothing
        How much of each target is spread evenly over all classes, from 0 to 1 (P04.16).

    Raises
    ------
    ArgumentError, DTypeError
        For another reduction, or an option that is none of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.CrossEntropyLoss()(gg.tensor([[1.0, 2.0, 3.0]]), gg.tensor([2]))
    tensor(0.4076)
    """

    weight: Tensor | None

    def __init__(
        self, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
    ) -> None:
        super().__init__(reduction=reduction)
        check(self, cross_entropy, ignore_index=ignore_index, label_smoothing=label_smoothing)
        self.keep("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Any, target: Any) -> Tensor:
        """Logits (N, C) and classes (N,) to the loss; see `graphgrad.nn.functional.cross_entropy` for other shapes."""
        loss: Tensor = cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )
        return loss


class BCELoss(Loss):
    """The cross entropy of yes-or-no predictions that are probabilities (P04.06).

    Parameters
    ----------
    weight
        A factor for each element, broadcast to the input, which isn't trained; None for 1.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Raises
    ------
    ArgumentError
        For another reduction.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.BCELoss()(gg.tensor([0.5, 0.5]), gg.tensor([0.0, 1.0]))
    tensor(0.6931)
    """

    weight: Tensor | None

    def __init__(self, weight: Any = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.keep("weight", weight)

    def forward(self, input: Any, target: Any) -> Tensor:
        """Two tensors of one shape to the loss."""
        loss: Tensor = binary_losses.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)
        return loss


class BCEWithLogitsLoss(Loss):
    """The cross entropy of yes-or-no predictions, from logits (P04.07).

    Parameters
    ----------
    weight
        A factor for each element, broadcast to the input, which isn't trained; None for 1.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.
    pos_weight
        A factor for the yes of each class (P04.20), which isn't trained; None for 1.

    Raises
    ------
    ArgumentError
        For another reduction.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.BCEWithLogitsLoss(reduction="sum")(gg.tensor([0.0, 1000.0]), gg.tensor([1.0, 1.0]))
    tensor(0.6931)
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(self, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction=reduction)
        self.keep("weight", weight)
        self.keep("pos_weight", pos_weight)

    def forward(self, input: Any, target: Any) -> Tensor:
        """Two tensors of one shape to the loss."""
        loss: Tensor = binary_losses.binary_cross_entropy_with_logits(
            input, target, weight=self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )
        return loss


class CTCLoss(Loss):
    """Minus the logarithm of the probability of a sequence of labels, over all ways to align it with the steps.

    Parameters
    ----------
    blank
        The class of the blank.
    reduction
        ``"mean"`` divides each loss by its number of labels, and takes the mean over the examples; ``"sum"``; or
        ``"none"`` for one loss per example.
    zero_infinity
        Whether losses that are infinite count as 0.

    Raises
    ------
    ArgumentError, DTypeError
        For another reduction, or an option that is none of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.CTCLoss()(gg.log(gg.full((3, 1, 2), 0.5)), [[1]], [3], [1])
    tensor(0.2877)
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        check(self, ctc_loss, blank=blank, zero_infinity=zero_infinity)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Tensor:
        """Log-probabilities (T, N, C), labels (N, S) and both lengths (N,); see `graphgrad.nn.functional.ctc_loss`."""
        loss: Tensor = ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            blank=self.blank,
            reduction=self.reduction,
            zero_infinity=self.zero_infinity,
        )
        return loss
