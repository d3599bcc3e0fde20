"""RMSprop: gradients divided by their own size of late."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.optim.arithmetic import Array, blocks, count, lerp, options
from graphgrad.optim.optimizer import Optimizer

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """RMSprop (P08.13): steps of about the size of the learning rate, whatever the size of the gradients.

    With g = gradient + weight_decay · p, and a mean square v = α · v + (1 - α) · g², from 0, a step is
    p -= lr · g / (√v + ε). With momentum, b = momentum · b + g / (√v + ε), and p -= lr · b.

    Parameters
    ----------
    params
        The parameters, or groups of them; see `Optimizer`.
    lr
        The learning rate.
    alpha
        α: how much of the mean square is kept in each step, from 0 to 1; the β of lecture notes, often 0.9.
    eps
        ε, which keeps a parameter whose gradients were 0 from a division by 0.
    weight_decay
        The factor of an L2 penalty, ½ · weight_decay · ‖p‖².
    momentum
        How much of the last direction is kept; 0 for none.
    centered
        Whether to divide by the root of the variance, v - m², where m = α · m + (1 - α) · g is the mean gradient.
    maximize
        Whether to climb: g = -gradient + weight_decay · p.
    eps_in_sqrt
        Whether to divide by √(v + ε), as TensorFlow does, in the place of √v + ε.

    Raises
    ------
    ValueError
        If an option is negative, or `alpha` above 1.

    Notes
    -----
    Each parameter's state has ``step``, ``square_avg``, with momentum ``momentum_buffer``, and if centred ``grad_avg``.
    Where rounding makes a variance negative, as of a gradient that stays the same, it counts as 0, and only ε limits
    the step; in PyTorch such a parameter becomes NaN. Tieleman and Hinton, "Lecture 6.5: RMSprop", Coursera, 2012;
    Graves, "Generating Sequences With Recurrent Neural Networks", 2013, for the centred form. `eps_in_sqrt` is Optax'
    name.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([3.0, -200.0], requires_grad=True)
    >>> optimizer = gg.optim.RMSprop([w], lr=0.1, alpha=0.9)
    >>> gg.sum(w * w).backward()
    >>> optimizer.step()
    >>> [round(v, 4) for v in w.tolist()]  # 0.1 / √0.1
    [2.6838, -199.6838]
    """

    counts = frozenset({"step"})
    ours = frozenset({"eps_in_sqrt"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
        eps_in_sqrt: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "eps_in_sqrt": eps_in_sqrt,
        }
        super().__init__(params, defaults)

    def check(self, group: Mapping[str, Any]) -> None:
        """Refuse options that are out of range."""
        for name in ("lr", "eps", "weight_decay", "momentum"):
            self.check_number(group, name)
        self.check_number(group, "alpha", most=1.0)
        self.check_flags(group, "centered", "maximize", "eps_in_sqrt")

    def update(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        states: Sequence[dict[str, Any]],
        group: Mapping[str, Any],
    ) -> None:
        """Move parameters of a group, in place."""
        lr, alpha, eps, momentum = options(group, "lr", "alpha", "eps", "momentum")
        squares = self.memory("square_avg", parameters, states)
        means = self.memory("grad_avg", parameters, states) if group["centered"] else squares
        buffers = self.memory("momentum_buffer", parameters, states) if momentum else squares
        count(states)
        for _, p, g, v, m, b in blocks(parameters, gradients, group, squares, means, buffers):
            v *= alpha
            v += (1.0 - alpha) * g * g
            spread = v
            if group["centered"]:
                lerp(m, g, 1.0 - alpha)
                spread = np.maximum(v - m * m, 0.0)  # rounding may lead below
            scale = np.sqrt(spread + eps) if group["eps_in_sqrt"] else np.sqrt(spread) + eps
            if momentum:
                b *= momentum
                b += g / scale
                p -= lr * b
            else:
                p -= lr * g / scale
