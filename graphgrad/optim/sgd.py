"""Gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphgrad.optim.optimizer import Array, Optimizer, step_kernels

__all__ = ["SGD"]

_NUMBERS = ("lr", "momentum", "dampening", "weight_decay")


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted (P08.01 to P08.04, P08.11, P08.12).

    With g = gradient + weight_decay · p, and m = momentum · m + (1 - dampening) · g, where m = g in the first step, a
    step is p -= lr · m; with `nesterov` p -= lr · (g + momentum · m); without momentum p -= lr · g. That is PyTorch's
    convention; for others see the notes.

    Parameters
    ----------
    params
        The parameters, or groups of them; see `Optimizer`.
    lr
        The learning rate.
    momentum
        How much of the last direction is kept; 0 for none.
    dampening
        How much of the new gradient is held back from the momentum.
    weight_decay
        The factor of an L2 penalty, ½ · weight_decay · ‖p‖².
    nesterov
        Whether to look ahead along the momentum.
    maximize
        Whether to climb: g = -gradient + weight_decay · p.

    Raises
    ------
    ValueError
        If an option is negative, or `nesterov` comes without momentum or with dampening.

    Notes
    -----
    Each parameter's state has, with momentum, ``momentum_buffer``. Where momentum is written as an average,
    v = momentum · v + (1 - momentum) · g and p -= lr · v, give (1 - momentum) · lr as the rate. `dampening` isn't the
    same: it holds back nothing in the first step.

    Where Nesterov's momentum is written with a gradient that is taken ahead, m = momentum · m + lr · gradient(p -
    momentum · m) and p -= m, the parameter here is that point ahead: p there is p + lr · momentum ·
    ``momentum_buffer`` here.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([3.0], requires_grad=True)
    >>> optimizer = gg.optim.SGD([w], lr=0.1)
    >>> for _ in range(50):
    ...     optimizer.zero_grad()
    ...     gg.sum(w * w).backward()
    ...     optimizer.step()
    >>> abs(w.item()) < 1e-4
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, options)

    def check(self, group: Mapping[str, Any]) -> None:
        """Refuse options that are out of range."""
        for name in _NUMBERS:
            self.check_number(group, name)
        self.check_flags(group, "nesterov", "maximize")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            self.refuse(
                "nesterov needs momentum above 0 and dampening 0",
                {name: group[name] for name in ("momentum", "dampening")},
            )

    def update(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        states: Sequence[dict[str, Any]],
        group: Mapping[str, Any],
    ) -> None:
        """Move parameters of a group, in place."""
        begun = [state.get("momentum_buffer") is not None for state in states]
        step_kernels(parameters).sgd(
            parameters,
            gradients,
            self.memory("momentum_buffer", parameters, states) if group["momentum"] != 0 else None,
            begun,
            # As Python's floats, since a NumPy float64 would turn float32 arrays into float64 ones.
            **{name: float(group[name]) for name in _NUMBERS},
            nesterov=bool(group["nesterov"]),
            maximize=bool(group["maximize"]),
        )
