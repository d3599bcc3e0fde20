"""Adamax: Adam with the largest gradient of late in the place of a mean square."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.optim.adam import check_adam
from graphgrad.optim.arithmetic import Array, blocks, count, lerp, options
from graphgrad.optim.optimizer import Optimizer

__all__ = ["Adamax"]


class Adamax(Optimizer):
    """Adamax (P08.14): Adam in the maximum norm.

    With g and m as in `Adam`, and u = max(β₂ · u, |g| + ε), from 0, the t-th step is p -= lr / (1 - β₁ᵗ) · m / u.

    Parameters
    ----------
    params
        The parameters, or groups of them; see `Optimizer`.
    lr
        The learning rate.
    betas
        β₁ and β₂: how much of the mean and of the largest gradient is kept in each step.
    eps
        ε, which keeps a parameter whose gradients were 0 from a division by 0.
    weight_decay
        The factor of an L2 penalty, ½ · weight_decay · ‖p‖².
    maximize
        Whether to climb: g = -gradient + weight_decay · p.

    Raises
    ------
    ValueError
        If an option is negative, or a beta not below 1.

    Notes
    -----
    Each parameter's state has ``step``, ``exp_avg`` and ``exp_inf``. Kingma and Ba, "Adam: A Method for Stochastic
    Optimization", 2015, section 7.1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([3.0, -200.0], requires_grad=True)
    >>> optimizer = gg.optim.Adamax([w], lr=0.1)
    >>> gg.sum(w * w).backward()
    >>> optimizer.step()
    >>> [round(v, 4) for v in w.tolist()]
    [2.9, -199.9]
    """

    counts = frozenset({"step"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
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
        lr, eps = options(group, "lr", "eps")
        beta1, beta2 = map(float, group["betas"])
        means, largest = (self.memory(name, parameters, states) for name in ("exp_avg", "exp_inf"))
        rates = [lr / (1.0 - beta1**step) for step in count(states)]
        for k, p, g, m, u in blocks(parameters, gradients, group, means, largest):
            lerp(m, g, 1.0 - beta1)
            u *= beta2
            np.maximum(u, np.abs(g) + eps, out=u)
            p -= rates[k] * m / u
