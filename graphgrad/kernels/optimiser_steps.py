"""Steps of optimisers, each one pass over parameter, gradient and state, for all parameters at once.

Written with array operations, a step of Adam goes through memory some fourteen times and makes as many arrays; memory
is what takes the time. A parameter costs about 2 µs besides its numbers, so that hundreds of small ones are quick too.

Arrays are in C order, float32 or float64 or complex of these, and all that belong to a parameter have its dtype and
length. They are written in place. Parameters must not share memory with each other, or with gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from graphgrad.kernels.jit import jit
from graphgrad.kernels.plain.optimiser_steps import adam_numbers, flat, sgd_numbers
from graphgrad.kernels.threads import in_parallel, shares

__all__ = ["adam", "sgd"]

Array = Any  # of NumPy; inside a compiled function only numba's types count

ENOUGH = 3 << 20
"""From how many numbers on, of parameters, gradients and state, a step is shared out."""


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
    """
    A step of gradient descent, with momentum if there are buffers.

    Parameters
    ----------
    parameters, gradients, buffers
        The arrays, those of the first and the last to be written.
    begun
        For each parameter, whether its buffer holds a momentum yet.
    lr, momentum, dampening, weight_decay, nesterov, maximize
        As for `graphgrad.optim.SGD`.
    """
    numbers = [sgd_numbers(one, momentum, dampening, maximize) for one in begun]
    rest = lr, momentum, weight_decay
    _share_out(_sgd, (parameters, gradients, buffers), numbers, (*rest, buffers is not None, nesterov))


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
    """
    A step of Adam, of AMSGrad if there is memory for the largest squares.

    Parameters
    ----------
    parameters, gradients, means, squares, largest
        The arrays; all but the gradients are written.
    steps
        For each parameter, which step this is, from 1.
    lr, betas, eps, weight_decay, maximize
        As for `graphgrad.optim.Adam`.
    decoupled
        Whether weights decay by themselves, not through the gradient.
    """
    numbers = [adam_numbers(step, lr, betas, weight_decay, decoupled, maximize) for step in steps]
    beta1, beta2 = betas
    rest = beta1, 1.0 - beta1, beta2, 1.0 - beta2, eps
    arrays = parameters, gradients, means, squares, largest
    _share_out(_adam, arrays, numbers, (*rest, largest is not None))


def _share_out(
    kernel: Callable[..., None],
    arrays: Sequence[Sequence[Array] | None],
    numbers: Sequence[tuple[float, ...]],
    rest: tuple[Any, ...],
) -> None:
    """Call a kernel with the arrays and numbers of each parameter, in ranges that the threads share.

    For the last kind of arrays there may be None; then the kernel gets the kind before once more, and leaves it alone.
    """
    given = [kind for kind in arrays if kind is not None]
    kinds = given + given[-1:] * (len(arrays) - len(given))
    rows = list(zip(*(map(flat, kind) for kind in kinds), strict=True))
    sizes = [row[0].size for row in rows]
    total = sum(sizes)
    if total * len(given) < ENOUGH:
        for row, size, own in zip(rows, sizes, numbers, strict=True):
            kernel(*row, 0, size, *own, *rest)
        return
    ends = list(accumulate(sizes))

    def work(share: range) -> None:
        for row, size, end, own in zip(rows, sizes, ends, numbers, strict=True):
            start, stop = max(share.start - (end - size), 0), min(share.stop - (end - size), size)
            if start < stop:
                kernel(*row, start, stop, *own, *rest)

    in_parallel(work, shares(total))


@jit
def _sgd(
    p: Array,
    g: Array,
    buffer: Array,
    start: int,
    stop: int,
    keep: Any,
    take: Any,
    sign: Any,
    lr: Any,
    momentum: Any,
    decay: Any,
    with_buffer: bool,
    nesterov: bool,
) -> None:
    number = p.dtype.type  # numbers of Python are float64, and would make float64 of all that they meet
    keep, take, sign = number(keep), number(take), number(sign)
    lr, momentum, decay = number(lr), number(momentum), number(decay)
    if not with_buffer:
        for i in range(np.uintp(start), np.uintp(stop)):
            d = sign * g[i]
            if decay != 0.0:
                d += decay * p[i]
            p[i] -= lr * d
        return
    for i in range(np.uintp(start), np.uintp(stop)):
        d = sign * g[i]
        if decay != 0.0:
            d += decay * p[i]
        b = keep * buffer[i] + take * d
        buffer[i] = b
        p[i] -= lr * (d + momentum * b if nesterov else b)


_BLOCK = 1024


@jit
def _adam(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    top: Array,
    start: int,
    stop: int,
    decay: Any,
    factor: Any,
    sign: Any,
    rate: Any,
    scale: Any,
    beta1: Any,
    rest1: Any,
    beta2: Any,
    rest2: Any,
    eps: Any,
    amsgrad: bool,
) -> None:
    number = p.dtype.type
    decay, factor, sign, rate, scale = number(decay), number(factor), number(sign), number(rate), number(scale)
    beta1, rest1, beta2, rest2, eps = number(beta1), number(rest1), number(beta2), number(rest2), number(eps)
    if not amsgrad:
        for i in range(np.uintp(start), np.uintp(stop)):
            d = sign * g[i]
            if decay != 0.0:
                d += decay * p[i]
            m[i] = beta1 * m[i] + rest1 * d
            v[i] = beta2 * v[i] + rest2 * (d * d)
            p[i] = p[i] * factor - rate * m[i] / (math.sqrt(v[i]) * scale + eps)
        return
    # Two loops, since one over five arrays wouldn't be vectorised: it can't be known that none overlap. In blocks, so
    # that the second finds in cache what the first wrote.
    for block in range(start, stop, _BLOCK):
        first, last = np.uintp(block), np.uintp(min(block + _BLOCK, stop))
        for i in range(first, last):
            d = sign * g[i]
            if decay != 0.0:
                d += decay * p[i]
            m[i] = beta1 * m[i] + rest1 * d
            v[i] = beta2 * v[i] + rest2 * (d * d)
        for i in range(first, last):
            if v[i] > top[i] or v[i] != v[i]:  # nan stays
                top[i] = v[i]
            p[i] = p[i] * factor - rate * m[i] / (math.sqrt(top[i]) * scale + eps)
