"""Adadelta: steps in the units of the parameters, without a learning rate to choose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.optim.arithmetic import Array, blocks, count, options
from graphgrad.optim.optimizer import Optimizer

__all__ = ["Adadelta"]


class Adadelta(Optimizer):
    """Adadelta (P08.15): the size of a step is that of the steps before it, divided by that of the gradients.

    With g = gradient + weight_decay · p, a mean square of gradients v = ρ · v + (1 - ρ) · g², and one of steps, u, both
    from 0, a step is d = √(u + ε) / √(v + ε) · g, then u = ρ · u + (1 - ρ) · d², and p -= lr · d.

    Parameters
    ----------
    params
        The parameters, or groups of them; see `Optimizer`.
    lr
        A factor of all steps.
    rho
        ρ: how much of the mean squares is kept in each step, from 0 to 1.
    eps
        ε; its root, divided by that of the mean square, is how large the first steps are. It stands inside the roots.
    weight_decay
        The factor of an L2 penalty, ½ · weight_decay · ‖p‖².
    maximize
        Whether to climb: g = -gradient + weight_decay · p.

    Raises
    ------
    ValueError
        If an option is negative, or `rho` above 1.

    Notes
    -----
    Each parameter's state has ``step``, ``square_avg`` and ``acc_delta``. Zeiler, "ADADELTA: An Adaptive Learning Rate
    Method", 2012.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([3.0, -200.0], requires_grad=True)
    >>> optimizer = gg.optim.Adadelta([w])
    >>> gg.sum(w * w).backward()
    >>> optimizer.step()
    >>> [round(v, 4) for v in w.tolist()]  # √1e-6 / √0.1 · g / |g|
    [2.9968, -199.9968]
    """

    counts = frozenset({"step"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults)

    def check(self, group: Mapping[str, Any]) -> None:
        """Refuse options that are out of range."""
        for name in ("lr", "eps", "weight_decay"):
            self.check_number(group, name)
        self.check_number(group, "rho", most=1.0)
        self.check_flags(group, "maximize")

    def update(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        states: Sequence[dict[str, Any]],
        group: Mapping[str, Any],
    ) -> None:
        """Move parameters of a group, in place."""
        lr, rho, eps = options(group, "lr", "rho", "eps")
        squares, steps = (self.memory(name, parameters, states) for name in ("square_avg", "acc_delta"))
        count(states)
        for _, p, g, v, u in blocks(parameters, gradients, group, squares, steps):
            v *= rho
            v += (1.0 - rho) * g * g
            step = np.sqrt(u + eps) / np.sqrt(v + eps) * g
            u *= rho
            u += (1.0 - rho) * step * step
            p -= lr * step
