"""Transforms against torch.func, where PyTorch is installed. Without it, closed forms and differences speak alone."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import graphgrad as gg

pytestmark = pytest.mark.skipif(
    find_spec("torch") is None, reason="PyTorch is not installed; the extra `oracle` has it"
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3))
W = RNG.normal(size=(3, 3))
V = RNG.normal(size=3)


class Library:
    """The same few functions under one name in both libraries."""

    def __init__(self, ours: bool) -> None:
        if ours:
            self.tensor: Callable[..., Any] = lambda x: gg.tensor(x)
            for name in (
                "tanh",
                "sin",
                "exp",
                "sum",
                "stack",
                "grad",
                "vjp",
                "jvp",
                "jacrev",
                "jacfwd",
                "hessian",
                "linearize",
            ):
                setattr(self, name, getattr(gg, name))
            self.softmax: Callable[..., Any] = lambda x: gg.softmax(x, -1)
            self.logsumexp: Callable[..., Any] = lambda x: gg.logsumexp(x, -1)
            self.amax: Callable[..., Any] = lambda x: gg.max(x, -1)
            self.vmap: Callable[..., Any] = lambda f, i=0, o=0: gg.vmap(f, i, o)
        else:
            import torch

            self.tensor = torch.tensor
            for name in ("tanh", "sin", "exp", "sum", "stack"):
                setattr(self, name, getattr(torch, name))
            for name in ("grad", "vjp", "jvp", "jacrev", "jacfwd", "hessian", "linearize"):
                setattr(self, name, getattr(torch.func, name))
            self.softmax = lambda x: torch.softmax(x, -1)
            self.logsumexp = lambda x: torch.logsumexp(x, -1)
            self.amax = lambda x: torch.amax(x, -1)
            self.vmap = lambda f, i=0, o=0: torch.func.vmap(f, i, o)
        self.w, self.x, self.v = self.tensor(W), self.tensor(X), self.tensor(V)

    def __getattr__(self, name: str) -> Any:  # for the type checker: all names are set above
        raise AttributeError(name)


def loss(n: Library) -> Callable[[Any], Any]:
    return lambda x: n.sum(n.tanh(x @ n.w) ** 2) + n.logsumexp(x * 2.0)


def layer(n: Library) -> Callable[[Any], Any]:
    return lambda x: n.softmax(n.tanh(x @ n.w)) * n.amax(x)


def forward_over(n: Library, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: n.jvp(f, (x,), (n.v,))[1]


CASES: dict[str, Callable[[Library], Any]] = {
    "jvp": lambda n: n.jvp(layer(n), (n.v,), (n.v * 2.0,)),
    "vjp": lambda n: n.vjp(layer(n), n.v)[1](n.v)[0],
    "linearize": lambda n: n.linearize(layer(n), n.v)[1](n.v),
    "jacrev": lambda n: n.jacrev(layer(n))(n.v),
    "jacfwd": lambda n: n.jacfwd(layer(n))(n.v),
    "jacobian of a matrix": lambda n: n.jacrev(lambda w: n.tanh(n.x @ w))(n.w),
    "jacobians for two arguments": lambda n: n.jacfwd(lambda a, b: n.sin(a) * n.sum(b * b), argnums=(0, 1))(n.v, n.v),
    "hessian": lambda n: n.hessian(loss(n))(n.v),
    "hessian of several results": lambda n: n.hessian(layer(n))(n.v),
    "hessians for two arguments": lambda n: n.hessian(lambda a, b: n.sum(n.sin(a) * n.exp(b * a)), argnums=(0, 1))(
        n.v, n.v
    ),
    "forward over reverse": lambda n: forward_over(n, n.grad(loss(n)))(n.v),
    "forward over forward": lambda n: forward_over(n, forward_over(n, layer(n)))(n.v),
    "reverse over forward": lambda n: n.jacrev(forward_over(n, layer(n)))(n.v),
    "third order, forward": lambda n: n.jacfwd(n.jacfwd(n.jacfwd(layer(n))))(n.v),
    "third order, reverse": lambda n: n.jacrev(n.jacrev(n.jacrev(layer(n))))(n.v),
    "third order, mixed": lambda n: n.jacfwd(n.jacrev(n.grad(loss(n))))(n.v),
    "vmap": lambda n: n.vmap(layer(n))(n.x),
    "vmap, other axes": lambda n: n.vmap(lambda a, b: a[:, None] * n.tanh(b), (1, 0), 2)(n.x.T.T, n.x[:3].T),
    "vmap of grad": lambda n: n.vmap(n.grad(loss(n)))(n.x),
    "vmap of hessian": lambda n: n.vmap(n.hessian(loss(n)))(n.x),
    "vmap of jvp": lambda n: n.vmap(forward_over(n, layer(n)))(n.x),
    "a gradient for each example": lambda n: n.vmap(n.grad(lambda w, x: n.sum(n.tanh(x @ w) ** 2)), (None, 0))(
        n.w, n.x
    ),
    "grad of vmap": lambda n: n.grad(lambda w: n.sum(n.vmap(lambda x: n.sum(n.tanh(x @ w)))(n.x) ** 2))(n.w),
    "jacobian of vmap": lambda n: n.jacrev(n.vmap(loss(n)))(n.x),
    "nested vmap": lambda n: n.vmap(lambda a: n.vmap(lambda b: n.sum(a * b) + n.tanh(a) @ b)(n.x))(n.x),
    "vmap of grad of vmap": lambda n: n.vmap(n.grad(lambda a: n.sum(n.vmap(lambda b: n.sum(n.sin(a * b)))(n.x))))(n.x),
    "all of them": lambda n: n.vmap(
        n.jacfwd(n.grad(lambda a: n.sum(n.vmap(lambda b: n.sum(forward_over(n, n.sin)(a * b)))(n.x))))
    )(n.x),
}


def arrays(result: Any) -> list[np.ndarray]:
    if isinstance(result, tuple):
        return [array for one in result for array in arrays(one)]
    return [result.data if isinstance(result, gg.Tensor) else result.detach().numpy()]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.filterwarnings("ignore")  # PyTorch's own
def test_as_torch_says(case: Callable[[Library], Any]) -> None:
    ours, theirs = arrays(case(Library(True))), arrays(case(Library(False)))
    assert [one.shape for one in ours] == [one.shape for one in theirs]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
