"""Adagrad: a rate of its own for each parameter, from all its gradients so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.optim.arithmetic import Array, blocks, count, options
from graphgrad.optim.optimizer import Optimizer

__all__ = ["Adagrad"]

_NUMBERS = ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")


class Adagrad(Optimizer):
    """Adagrad (P08.15): what moved much moves less.

    With g = gradient + weight_decay · p, and the sum s of all g², the t-th step is
    p -= lr / (1 + (t - 1) · lr_decay) · g / (√s + ε).

    Parameters
    ----------
    params
        The parameters, or groups of them; see `Optimizer`.
    lr
        The learning rate.
    lr_decay
        How fast the rate falls with the number of steps.
    weight_decay
        The factor of an L2 penalty, ½ · weight_decay · ‖p‖².
    initial_accumulator_value
        What s begins with.
    eps
        ε, which keeps a parameter whose gradients were 0 from a division by 0.
    maximize
        Whether to climb: g = -gradient + weight_decay · p.
    eps_in_sqrt
        Whether to divide by √(s + ε), as some write it, in the place of √s + ε.

    Raises
    ------
    ValueError
        If an option is negative.

    Notes
    -----
    Each parameter's state has ``step`` and ``sum``. Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online
    Learning and Stochastic Optimization", 2011. `eps_in_sqrt` is Optax' name.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([3.0, -200.0], requires_grad=True)
    >>> optimizer = gg.optim.Adagrad([w], lr=0.1)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     gg.sum(w * w).backward()
    ...     optimizer.step()
    >>> [round(v, 3) for v in w.tolist()]
    [2.83, -199.829]
    """

    counts = frozenset({"step"})
    ours = frozenset({"eps_in_sqrt"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        eps_in_sqrt: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
            "eps_in_sqrt": eps_in_sqrt,
        }
        super().__init__(params, defaults)

    def check(self, group: Mapping[str, Any]) -> None:
        """Refuse options that are out of range."""
        for name in _NUMBERS:
            self.check_number(group, name)
        self.check_flags(group, "maximize", "eps_in_sqrt")

    def update(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        states: Sequence[dict[str, Any]],
        group: Mapping[str, Any],
    ) -> None:
        """Move parameters of a group, in place."""
        lr, lr_decay, eps, start = options(group, "lr", "lr_decay", "eps", "initial_accumulator_value")
        sums = self.memory("sum", parameters, states, start)
        rates = [lr / (1.0 + (step - 1) * lr_decay) for step in count(states)]
        for k, p, g, s in blocks(parameters, gradients, group, sums):
            s += g * g
            scale = np.sqrt(s + eps) if group["eps_in_sqrt"] else np.sqrt(s) + eps
            p -= rates[k] * g / scale
