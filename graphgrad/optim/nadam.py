"""NAdam: Adam that looks ahead as Nesterov's momentum does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.optim.adam import check_adam
from graphgrad.optim.arithmetic import Array, blocks, count, lerp, options
from graphgrad.optim.optimizer import Optimizer

__all__ = ["NAdam"]


class NAdam(Optimizer):
    """NAdam (P08.12, P08.14): Adam with Nesterov's momentum.

    With g, m and v as in `Adam`, μₜ = β₁ · (1 - ½ · 0.96^(t · momentum_decay)), and the product Πₜ of μ₁ to μₜ, the
    t-th step is p -= lr · ((1 - μₜ) / (1 - Πₜ) · g + μₜ₊₁ / (1 - Πₜ₊₁) · m) / (√(v / (1 - β₂ᵗ)) + ε).

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
    momentum_decay
        How fast μ grows from half of β₁ to β₁.
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
    Each parameter's state has ``step``, ``mu_product``, ``exp_avg`` and ``exp_avg_sq``. Dozat, "Incorporating Nesterov
    Momentum into Adam", 2016.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([3.0, -200.0], requires_grad=True)
    >>> optimizer = gg.optim.NAdam([w], lr=0.1)
    >>> gg.sum(w * w).backward()
    >>> optimizer.step()
    >>> [round(v, 4) for v in w.tolist()]
    [2.8944, -199.8943]
    """

    counts = frozenset({"step"})
    numbers = frozenset({"mu_product"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, group: Mapping[str, Any]) -> None:
        """Refuse options that are out of range."""
        check_adam(self, group)
        self.check_number(group, "momentum_decay")

    def update(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        states: Sequence[dict[str, Any]],
        group: Mapping[str, Any],
    ) -> None:
        """Move parameters of a group, in place."""
        lr, eps, weight_decay, momentum_decay = options(group, "lr", "eps", "weight_decay", "momentum_decay")
        beta1, beta2 = map(float, group["betas"])
        means, squares = (self.memory(name, parameters, states) for name in ("exp_avg", "exp_avg_sq"))
        factors = []
        for state, step in zip(states, count(states), strict=True):
            mu, ahead = (beta1 * (1.0 - 0.5 * 0.96 ** (t * momentum_decay)) for t in (step, step + 1))
            product = state["mu_product"] = state.get("mu_product", 1.0) * mu
            of_gradient, of_mean = lr * (1.0 - mu) / (1.0 - product), lr * ahead / (1.0 - product * ahead)
            factors.append((of_gradient, of_mean, 1.0 - beta2**step))
        for k, p, g, m, v in blocks(parameters, gradients, group, means, squares):
            of_gradient, of_mean, rest = factors[k]
            if group["decoupled_weight_decay"]:
                p *= 1.0 - lr * weight_decay
            lerp(m, g, 1.0 - beta1)
            v *= beta2
            v += (1.0 - beta2) * g * g
            scale = np.sqrt(v / rest) + eps
            p -= of_gradient * g / scale
            p -= of_mean * m / scale
