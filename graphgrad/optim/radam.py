"""RAdam: Adam that begins as gradient descent, until it knows the size of the gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.optim.adam import check_adam
from graphgrad.optim.arithmetic import Array, blocks, count, lerp, options
from graphgrad.optim.optimizer import Optimizer

__all__ = ["RAdam"]


class RAdam(Optimizer):
    """Rectified Adam (P08.14): it takes no step of Adam's while the mean square rests on too few gradients.

    With m̂ and v as in `Adam`, ρ∞ = 2 / (1 - β₂) - 1 and ρ = ρ∞ - 2t · β₂ᵗ / (1 - β₂ᵗ), a step is p -= lr · m̂ while
    ρ ≤ 5, and afterwards p -= lr · r · m̂ · √(1 - β₂ᵗ) / (√v + ε), where
    r² = (ρ - 4) · (ρ - 2) · ρ∞ / ((ρ∞ - 4) · (ρ∞ - 2) · ρ).

    Parameters
    ----------
    params
        The parameters, or groups of them; see `Optimizer`.
    lr
        The learning rate.
    betas
        β₁ and β₂: how much of the mean and of the mean square is kept in each step.
    eps
        ε, which keeps a parameter whose gradients were 0 from a division by 0.
    weight_decay
        The factor of an L2 penalty, ½ · weight_decay · ‖p‖².
    decoupled_weight_decay
        Whether weights decay by themselves, p -= lr · weight_decay · p before the step, not through the gradient.
    maximize
        Whether to climb.

    Raises
    ------
    ValueError
        If an option is negative, or a beta not below 1.

    Notes
    -----
    Each parameter's state has ``step``, ``exp_avg`` and ``exp_avg_sq``. Liu et al., "On the Variance of the Adaptive
    Learning Rate and Beyond", 2020.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([3.0, -200.0], requires_grad=True)
    >>> optimizer = gg.optim.RAdam([w], lr=0.1)
    >>> gg.sum(w * w).backward()
    >>> optimizer.step()
    >>> [round(v, 4) for v in w.tolist()]  # the first steps are those of momentum
    [2.4, -160.0]
    """

    counts = frozenset({"step"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def check(self, group: Mapping[str, Any]) -> None:
        """Refuse options that are out of range."""
        check_adam(self, group)

    def update(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        states: Sequence[dict[str, Any]],
        group: Mapping[str, Any],
    ) -> None:
        """Move parameters of a group, in place."""
        lr, eps, weight_decay = options(group, "lr", "eps", "weight_decay")
        beta1, beta2 = map(float, group["betas"])
        means, squares = (self.memory(name, parameters, states) for name in ("exp_avg", "exp_avg_sq"))
        steps = count(states)
        for k, p, g, m, v in blocks(parameters, gradients, group, means, squares):
            if group["decoupled_weight_decay"]:
                p *= 1.0 - lr * weight_decay
            lerp(m, g, 1.0 - beta1)
            v *= beta2
            v += (1.0 - beta2) * g * g
            move = m / (1.0 - beta1 ** steps[k]) * lr
            factor = _rectification(steps[k], beta2)
            if factor:
                move *= factor / (np.sqrt(v) + eps)
            p -= move


def _rectification(step: int, beta2: float) -> float:
    """What the mean over the root of the mean square is multiplied by; 0 while that rests on too few gradients."""
    rest = 1.0 - beta2**step
    longest = 2.0 / (1.0 - beta2) - 1.0
    length = longest - 2.0 * step * beta2**step / rest
    if length <= 5.0:
        return 0.0
    square = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)
    return math.sqrt(square) * math.sqrt(rest)
