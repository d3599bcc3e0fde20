"""Averaged gradient descent: steps go on, and their mean is what is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.optim.arithmetic import Array, blocks, count, options
from graphgrad.optim.optimizer import Optimizer

__all__ = ["ASGD"]

_NUMBERS = ("lr", "lambd", "alpha", "weight_decay")


class ASGD(Optimizer):
    """Gradient descent that also averages where it was (P08.25), which is nearer to the minimum than the last place.

    With g = gradient + weight_decay · p, a step is p -= η · (g + lambd · p), and the average a += μ · (p - a). For the
    step after the t-th, η = lr / (1 + lambd · lr · t)^alpha and μ = 1 / max(1, t - t0); in the first, η = lr and μ = 1.

    Parameters
    ----------
    params
        The parameters, or groups of them; see `Optimizer`.
    lr
        The learning rate of the first step.
    lambd
        How fast the rate falls, and the factor of a decay besides `weight_decay`.
    alpha
        The power with which the rate falls.
    t0
        After how many steps averaging begins; until then the average is the last place. The mean is that of the
        places after step t0 + 2 and after all later ones. The default, a million, is PyTorch's: set it.
    weight_decay
        The factor of an L2 penalty, ½ · weight_decay · ‖p‖².
    maximize
        Whether to climb: g = -gradient + weight_decay · p.

    Raises
    ------
    ValueError
        If an option is negative, or `t0` no number.

    See Also
    --------
    graphgrad.optim.swa_utils.AveragedModel : averages beside any optimiser.

    Notes
    -----
    Each parameter's state has ``step``, ``eta``, ``mu``, and the average, ``ax``. Polyak and Juditsky, "Acceleration of
    stochastic approximation by averaging", 1992.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([1.0], requires_grad=True)
    >>> optimizer = gg.optim.ASGD([w], lr=0.9, lambd=0.0, t0=0)
    >>> for _ in range(5):  # w flies from side to side: -0.8, 0.64, -0.512, 0.4096, -0.3277
    ...     optimizer.zero_grad()
    ...     gg.sum(w * w).backward()
    ...     optimizer.step()
    >>> round(w.item(), 4), round(optimizer.state[w]["ax"].item(), 4)
    (-0.3277, 0.0525)
    """

    counts = frozenset({"step"})
    numbers = frozenset({"eta", "mu"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, group: Mapping[str, Any]) -> None:
        """Refuse options that are out of range."""
        for name in (*_NUMBERS, "t0"):
            self.check_number(group, name)
        self.check_flags(group, "maximize")

    def update(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        states: Sequence[dict[str, Any]],
        group: Mapping[str, Any],
    ) -> None:
        """Move parameters of a group, in place."""
        lr, lambd, alpha, t0 = options(group, "lr", "lambd", "alpha", "t0")
        averages = self.memory("ax", parameters, states)
        factors = [(state.get("eta", lr), state.get("mu", 1.0)) for state in states]
        for k, p, g, a in blocks(parameters, gradients, group, averages):
            eta, mu = factors[k]
            p *= 1.0 - lambd * eta
            p -= eta * g
            if mu == 1.0:
                np.copyto(a, p)
            else:
                a += mu * (p - a)
        for state, step in zip(states, count(states), strict=True):
            state["eta"] = lr / (1.0 + lambd * lr * step) ** alpha
            state["mu"] = 1.0 / max(1.0, step - t0)
