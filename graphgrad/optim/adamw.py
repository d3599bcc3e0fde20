"""AdamW: Adam whose weights decay by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphgrad.optim.adam import Adam

__all__ = ["AdamW"]


class AdamW(Adam):
    """Adam with decoupled decay (P08.14): p -= lr · weight_decay · p, and then the step of `Adam`.

    A decay that goes through the gradient, as in `Adam`, is divided by the size of the gradients with it, so that what
    has large gradients hardly decays (P12.02). Here everything decays alike.

    Parameters
    ----------
    params, lr, betas, eps, amsgrad, maximize
        As for `Adam`.
    weight_decay
        The share of a parameter, times the learning rate, that is taken away in each step.

    Raises
    ------
    ValueError
        If an option is negative, or a beta not below 1, or a group says that its decay isn't decoupled.

    Notes
    -----
    The state is that of `Adam`. Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([3.0, -200.0], requires_grad=True)
    >>> optimizer = gg.optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> gg.sum(w * w).backward()
    >>> optimizer.step()
    >>> [round(v, 4) for v in w.tolist()]  # 5 % less, and then 0.1 nearer to 0
    [2.75, -189.9]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)

    def check(self, group: Mapping[str, Any]) -> None:
        """Refuse options that are out of range."""
        super().check(group)
        if not group["decoupled_weight_decay"]:
            self.refuse("the decay is decoupled; Adam has the other one", group["decoupled_weight_decay"])
