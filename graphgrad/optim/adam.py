"""Adam: a rate of its own for each parameter, from averages of its gradients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphgrad.optim.arithmetic import count
from graphgrad.optim.optimizer import Array, Optimizer, step_kernels

__all__ = ["Adam", "check_adam"]


class Adam(Optimizer):
    """Adam (P08.14): steps of about the size of the learning rate, whatever the size of the gradients.

    With g = gradient + weight_decay · p, a mean m = β₁ · m + (1 - β₁) · g and a mean square
    v = β₂ · v + (1 - β₂) · g², which begin at 0, the t-th step is p -= lr · m̂ / (√v̂ + ε). Since they begin at 0 both
    are too small at first; m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) correct that.

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
    amsgrad
        Whether to divide by the largest v so far in the place of v, so that steps never grow again.
    maximize
        Whether to climb: g = -gradient + weight_decay · p.
    decoupled_weight_decay
        Whether weights decay by themselves, p -= lr · weight_decay · p before the step, not through the gradient: that
        is AdamW.

    Raises
    ------
    ValueError
        If an option is negative, or a beta not below 1.

    Notes
    -----
    Each parameter's state has ``step``, the number of its steps, ``exp_avg``, ``exp_avg_sq``, and with `amsgrad`
    ``max_exp_avg_sq``. Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015; Reddi, Kale and Kumar, "On
    the Convergence of Adam and Beyond", 2018; Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w = gg.tensor([3.0, -200.0], requires_grad=True)
    >>> optimizer = gg.optim.Adam([w], lr=0.1)
    >>> gg.sum(w * w).backward()
    >>> optimizer.step()
    >>> [round(v, 4) for v in w.tolist()]
    [2.9, -199.9]
    """

    counts = frozenset({"step"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, options)

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
        means, squares = (self.memory(name, parameters, states) for name in ("exp_avg", "exp_avg_sq"))
        largest = self.memory("max_exp_avg_sq", parameters, states) if group["amsgrad"] else None
        step_kernels(parameters).adam(
            parameters,
            gradients,
            means,
            squares,
            largest,
            count(states),
            # As Python's floats, since a NumPy float64 would turn float32 arrays into float64 ones.
            **{name: float(group[name]) for name in ("lr", "eps", "weight_decay")},
            betas=(float(group["betas"][0]), float(group["betas"][1])),
            decoupled=bool(group["decoupled_weight_decay"]),
            maximize=bool(group["maximize"]),
        )


def check_adam(optimizer: Optimizer, group: Mapping[str, Any]) -> None:
    """Refuse options that are out of range, of Adam and its relatives."""
    for name in ("lr", "eps", "weight_decay"):
        optimizer.check_number(group, name)
    optimizer.check_pair(group, "betas", below=1.0)
    flags = ("amsgrad", "decoupled_weight_decay", "maximize")
    optimizer.check_flags(group, *(name for name in flags if name in group))
