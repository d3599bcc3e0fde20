"""Resilient backpropagation: only the signs of the gradients count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.optim.arithmetic import Array, blocks, count, options
from graphgrad.optim.optimizer import Optimizer

__all__ = ["Rprop"]


class Rprop(Optimizer):
    """Rprop (P08.15): each parameter has a step of its own, which grows while the sign of its gradient stays.

    Where the sign is that of the step before, the step is multiplied with η₊; where it changed, with η₋, and the
    parameter doesn't move in this step. Then p -= step · sign(gradient). For whole batches: the sign of a gradient that
    is mostly noise says little.

    Parameters
    ----------
    params
        The parameters, or groups of them; see `Optimizer`.
    lr
        The size of the first step.
    etas
        η₋ and η₊, below and above 1.
    step_sizes
        The smallest and the largest step.
    maximize
        Whether to climb.

    Raises
    ------
    ValueError
        If an option is out of range.

    Notes
    -----
    Each parameter's state has ``step``, ``prev``, the last gradient (0 where the sign had changed), and ``step_size``.
    Riedmiller and Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm", 1993.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([3.0, -200.0], requires_grad=True)
    >>> optimizer = gg.optim.Rprop([w], lr=0.1)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     gg.sum(w * w).backward()
    ...     optimizer.step()
    >>> [round(v, 4) for v in w.tolist()]  # 0.1, and then 0.12
    [2.78, -199.78]
    """

    counts = frozenset({"step"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize})

    def check(self, group: Mapping[str, Any]) -> None:
        """Refuse options that are out of range."""
        self.check_number(group, "lr")
        self.check_flags(group, "maximize")
        for name in ("etas", "step_sizes"):
            self.check_pair(group, name)
        if not 0 < group["etas"][0] < 1 < group["etas"][1]:
            self.refuse("etas are one above 0 and below 1, and one above 1", group["etas"])
        if group["step_sizes"][0] > group["step_sizes"][1]:
            self.refuse("step_sizes are the smallest and the largest", group["step_sizes"])

    def update(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        states: Sequence[dict[str, Any]],
        group: Mapping[str, Any],
    ) -> None:
        """Move parameters of a group, in place."""
        (lr,) = options(group, "lr")
        shrink, grow = map(float, group["etas"])
        smallest, largest = map(float, group["step_sizes"])
        before = self.memory("prev", parameters, states)
        sizes = self.memory("step_size", parameters, states, lr)
        count(states)
        for _, p, g, prev, size in blocks(parameters, gradients, group, before, sizes):
            # Of signs, not of gradients: the product of two small ones would be 0.
            turn = np.sign(g) * np.sign(prev)
            size *= np.where(turn > 0, grow, np.where(turn < 0, shrink, 1.0)).astype(size.dtype)
            np.clip(size, smallest, largest, out=size)
            np.copyto(prev, np.where(turn < 0, 0.0, g))
            p -= np.sign(prev) * size
