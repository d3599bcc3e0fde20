"""Steps of optimisers in plain NumPy: see `graphgrad.kernels.optimiser_steps`, which gives the same bits.

They are also what moves few numbers, where compiling or loading a kernel would take longer than all steps together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["adam", "adam_numbers", "flat", "sgd", "sgd_numbers"]

Array = np.ndarray[Any, Any]


def sgd(
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    buffers: Sequence[Array] | None,
    begun: Sequence[bool],
    *,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """A step of gradient descent, with momentum if there are buffers."""
    with np.errstate(all="ignore"):
        for k, (p, g) in enumerate(zip(map(flat, parameters), map(flat, gradients), strict=True)):
            keep, take, sign = sgd_numbers(begun[k], momentum, dampening, maximize)
            d = sign * g
            if weight_decay != 0.0:
                d += weight_decay * p
            if buffers is not None:
                buffer = flat(buffers[k])
                buffer *= keep
                buffer += take * d
                d = d + momentum * buffer if nesterov else buffer
            p -= lr * d


def adam(
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    means: Sequence[Array],
    squares: Sequence[Array],
    largest: Sequence[Array] | None,
    steps: Sequence[int],
    *,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """A step of Adam, of AMSGrad if there is memory for the largest squares."""
    beta1, beta2 = betas
    with np.errstate(all="ignore"):
        for k, (p, g, m, v) in enumerate(
            zip(*(map(flat, arrays) for arrays in (parameters, gradients, means, squares)), strict=True)
        ):
            decay, factor, sign, rate, scale = adam_numbers(steps[k], lr, betas, weight_decay, decoupled, maximize)
            d = sign * g
            if decay != 0.0:
                d += decay * p
            m *= beta1
            m += (1.0 - beta1) * d
            v *= beta2
            v += (1.0 - beta2) * (d * d)
            top = v
            if largest is not None:
                top = flat(largest[k])
                np.maximum(top, v, out=top)
            p *= factor
            p -= rate * m / (np.sqrt(top) * scale + eps)


def sgd_numbers(begun: bool, momentum: float, dampening: float, maximize: bool) -> tuple[float, float, float]:
    """How much of the momentum is kept, how much of the direction it takes in, and the direction's sign."""
    keep, take = (momentum, 1.0 - dampening) if begun else (0.0, 1.0)
    return keep, take, -1.0 if maximize else 1.0


def adam_numbers(
    step: int, lr: float, betas: tuple[float, float], weight_decay: float, decoupled: bool, maximize: bool
) -> tuple[float, float, float, float, float]:
    """What a step multiplies with.

    Decay that goes into the gradient, the parameter's factor, the gradient's sign, and the corrections of both means,
    which began at 0: that of the first as the rate of the step, that of the second as the scale of its root.
    """
    rate = lr / (1.0 - betas[0] ** step)
    scale = 1.0 / math.sqrt(1.0 - betas[1] ** step)
    factor = 1.0 - lr * weight_decay if decoupled else 1.0
    return 0.0 if decoupled else weight_decay, factor, -1.0 if maximize else 1.0, rate, scale


def flat(array: Array) -> Array:
    """An array in C order in one row, complex numbers as two real ones each."""
    row = array.ravel()  # a view, since it is in C order
    return row.view(row.real.dtype) if row.dtype.kind == "c" else row
