"""A chain of 1,000 small operations, forward and backward: what an operation costs beside its arithmetic.

The chain is a trainable affine map and a tanh, again and again, on 16 float32 numbers: w · h + b, tanh. All three
inputs collect gradients. The floor makes the same NumPy calls with nothing around them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import graphgrad as gg

from .harness import Case, Run

LINKS = 333
SIZE = 16

_x, _w, _b = (np.linspace(low, high, SIZE, dtype=np.float32) for low, high in ((-1, 1), (0.8, 1.2), (-0.1, 0.1)))


def graphgrad() -> Run:
    x, w, b = (gg.tensor(values, requires_grad=True) for values in (_x, _w, _b))
    ones = np.ones(SIZE, np.float32)
    tanh = gg.tanh

    def run() -> tuple[Any, Any, Any]:
        x.grad = w.grad = b.grad = None
        h = x
        for _ in range(LINKS):
            h = tanh(w * h + b)
        h.backward(ones)
        return x.grad, w.grad, b.grad

    return run


def numpy_floor() -> Run:
    ones = np.ones(SIZE, np.float32)

    def run() -> tuple[Any, Any, Any]:
        h = _x
        kept = []
        for _ in range(LINKS):
            before = h
            h = np.tanh(_w * h + _b)
            kept.append((before, h))
        g = ones
        w_grad, b_grad = np.zeros_like(_w), np.zeros_like(_b)
        for before, h in reversed(kept):
            g = g * (1.0 - h * h)
            b_grad += g
            w_grad += g * before
            g = g * _w
        return g, w_grad, b_grad

    return run


def torch() -> Run | None:
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(2)
    x, w, b = (torch.from_numpy(values.copy()).requires_grad_() for values in (_x, _w, _b))
    ones = torch.ones(SIZE)

    def run() -> tuple[Any, Any, Any]:
        x.grad = w.grad = b.grad = None
        h = x
        for _ in range(LINKS):
            h = torch.tanh(w * h + b)
        h.backward(ones)
        return x.grad, w.grad, b.grad

    return run


CASES = (
    Case(
        f"chain of {3 * LINKS} operations on {SIZE} float32 numbers, forward and backward",
        {"graphgrad": graphgrad, "torch eager": torch, "NumPy calls alone": numpy_floor},
        ours="graphgrad",
        ratios={"torch eager": 1.0, "NumPy calls alone": 3.0},
        per=(3 * LINKS, "operation"),
    ),
)


def check() -> None:
    """The contenders compute the same."""
    expected = numpy_floor()()
    for prepare in (graphgrad, torch):
        work = prepare()
        if work is not None:
            for gradient, wanted in zip(work(), expected, strict=True):
                np.testing.assert_allclose(gradient.numpy(), wanted, rtol=2e-4, atol=1e-6)
