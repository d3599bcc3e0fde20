"""Chains of 1,000 small operations, forward and backward: what an operation costs beside its arithmetic.

A chain is a trainable affine map and a tanh, again and again: on 16 numbers; with a weight and a bias that are
broadcast over a matrix; and with a product of small matrices. All three inputs collect gradients. The floor makes the
same NumPy calls with nothing around them.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphgrad as gg

from .harness import Case, Run

LINKS = 333

Array = Any
Gradients = tuple[Array, Array, Array]


@dataclass(frozen=True)
class Chain:
    """One kind of link, and what it starts from.

    Attributes
    ----------
    what
        What it runs on, in words.
    x, w, b
        The start, the weight and the bias.
    product
        ``product(w, h)``, with operators only, so that every library runs its own.
    product_back
        The gradients for the weight and for h, from the gradient of the product.
    """

    what: str
    x: Array
    w: Array
    b: Array
    product: Callable[[Any, Any], Any]
    product_back: Callable[[Array, Array, Array], tuple[Array, Array]]

    def run(self, tanh: Callable[[Any], Any], x: Any, w: Any, b: Any) -> Any:
        h, product = x, self.product
        for _ in range(LINKS):
            h = tanh(product(w, h) + b)
        return h


def _summed_like(g: Array, array: Array) -> Array:
    """The gradient of what was broadcast."""
    if g.shape == array.shape:
        return g
    lead = g.ndim - array.ndim
    axes = tuple(i for i in range(g.ndim) if i < lead or array.shape[i - lead] == 1)
    return np.add.reduce(g, axis=axes, keepdims=True).reshape(array.shape)


def _spread(low: float, high: float, *shape: int) -> Array:
    return np.linspace(low, high, int(np.prod(shape)), dtype=np.float32).reshape(shape)


CHAINS = (
    Chain(
        "16 float32 numbers",
        _spread(-1, 1, 16),
        _spread(0.8, 1.2, 16),
        _spread(-0.1, 0.1, 16),
        lambda w, h: w * h,
        lambda g, w, h: (g * h, g * w),
    ),
    Chain(
        "a 16 x 16 float32 matrix, row and column broadcast over it",
        _spread(-1, 1, 16, 16),
        _spread(0.8, 1.2, 16),
        _spread(-0.1, 0.1, 16, 1),
        lambda w, h: w * h,
        lambda g, w, h: (g * h, g * w),
    ),
    Chain(
        "products of 16 x 16 float32 matrices",
        _spread(-1, 1, 16, 16),
        _spread(-0.2, 0.25, 16, 16),
        _spread(-0.1, 0.1, 16),
        lambda w, h: w @ h,
        lambda g, w, h: (g @ h.T, w.T @ g),
    ),
)


def graphgrad(chain: Chain) -> Run:
    x, w, b = (gg.tensor(values, requires_grad=True) for values in (chain.x, chain.w, chain.b))
    ones = np.ones_like(chain.x)

    def run() -> Gradients:
        x.grad = w.grad = b.grad = None
        chain.run(gg.tanh, x, w, b).backward(ones)
        return x.grad, w.grad, b.grad

    return run


def numpy_floor(chain: Chain) -> Run:
    ones, product, back = np.ones_like(chain.x), chain.product, chain.product_back
    w, b = chain.w, chain.b

    def run() -> Gradients:
        h = chain.x
        kept = []
        for _ in range(LINKS):
            before = h
            h = np.tanh(product(w, h) + b)
            kept.append((before, h))
        g = ones
        w_grad, b_grad = np.zeros_like(w), np.zeros_like(b)
        for before, h in reversed(kept):
            g = g * (1.0 - h * h)
            b_grad += _summed_like(g, b)
            to_w, g = back(g, w, before)
            w_grad += _summed_like(to_w, w)
        return g, w_grad, b_grad

    return run


def torch(chain: Chain) -> Run | None:
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(2)
    x, w, b = (torch.from_numpy(values.copy()).requires_grad_() for values in (chain.x, chain.w, chain.b))
    ones = torch.ones(chain.x.shape)

    def run() -> Gradients:
        x.grad = w.grad = b.grad = None
        chain.run(torch.tanh, x, w, b).backward(ones)
        return x.grad, w.grad, b.grad

    return run


def autograd(chain: Chain) -> Run | None:
    try:
        import autograd
        import autograd.numpy as anp
    except ImportError:
        return None
    # It differentiates numbers only, so the sum is one operation more.
    gradient = autograd.grad(lambda x, w, b: anp.sum(chain.run(anp.tanh, x, w, b)), (0, 1, 2))
    return lambda: gradient(chain.x, chain.w, chain.b)


def mygrad(chain: Chain) -> Run | None:
    try:
        library: Any = importlib.import_module("mygrad")  # its names are not exported in a way that types see
    except ImportError:
        return None
    ones = np.ones_like(chain.x)

    def run() -> Gradients:
        x, w, b = (library.tensor(values) for values in (chain.x, chain.w, chain.b))
        chain.run(library.tanh, x, w, b).backward(ones)
        return x.grad, w.grad, b.grad

    return run


PEERS: dict[str, Callable[[Chain], Run | None]] = {"torch eager": torch, "autograd": autograd, "MyGrad": mygrad}


def _case(chain: Chain) -> Case:
    contenders = {"graphgrad": graphgrad, **PEERS, "NumPy calls alone": numpy_floor}
    return Case(
        f"chain of {3 * LINKS} operations on {chain.what}, forward and backward",
        {name: functools.partial(prepare, chain) for name, prepare in contenders.items()},
        ours="graphgrad",
        ratios={"torch eager": 1.0, "NumPy calls alone": 3.0} if chain is CHAINS[0] else {},
        per=(3 * LINKS, "operation"),
        rounds=41 if chain is CHAINS[0] else 15,
    )


CASES = tuple(map(_case, CHAINS))


def check() -> None:
    """The contenders compute the same."""
    for chain in CHAINS:
        expected = numpy_floor(chain)()
        for prepare in (graphgrad, *PEERS.values()):
            work = prepare(chain)
            if work is None:
                continue
            for gradient, wanted in zip(work(), expected, strict=True):
                found = gradient.numpy() if hasattr(gradient, "numpy") else np.asarray(gradient)
                np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=1e-5)
