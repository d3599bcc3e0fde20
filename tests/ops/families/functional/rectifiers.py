"""What the tests know of activations made of straight pieces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tests import draws

if TYPE_CHECKING:
    from tests.ops.declared import Case


def _random(x: Any, seed: int | None) -> Any:
    """The numbers that an operation draws for each element; nobody looks at them where it draws none."""
    return draws.random(np.shape(x), seed)


def _each_channel(case: Case, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """The formula of one channel, over all channels, which are on axis 1."""
    from tests.ops.declared import evaluate

    x, weights = operands
    if weights.size == 1:
        return evaluate(case.op.formula, {"input": x, "weight": weights.reshape(())})
    channels = [evaluate(case.op.formula, {"input": x[:, i], "weight": one}) for i, one in enumerate(weights)]
    return np.stack(channels, 1)


FUNCTIONS: dict[str, Any] = {"random": _random}
READINGS = {"prelu": _each_channel}

NO_INTEGERS = {"prelu"}  # the test makes whole numbers of the weights as well, and of none of them a slope


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch
    from torch.nn import functional as F

    def rrelu(x: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, seed: int = 0) -> Any:
        if not training:
            return F.rrelu(x, lower, upper)
        # PyTorch draws other slopes, and has no way to be told which.
        slopes = torch.tensor(lower + (upper - lower) * _random(x.detach(), seed)).to(x.dtype)
        return torch.where(x > 0, x, slopes * x)

    names = "hardshrink hardsigmoid hardswish hardtanh prelu relu6 softshrink threshold"
    return {**{name: getattr(F, name) for name in names.split()}, "rrelu": rrelu}


EDGES: dict[str, Any] = {
    "hardshrink": [([[-0.5, 0.5, 0.0, -0.0, 1.0]], {}), ([[0.0, 1.0]], {"lambd": 0.0})],
    "hardsigmoid": [([[-3.0, 3.0, 0.0, 800.0, -800.0]], {})],
    "hardswish": [([[-3.0, 3.0, 0.0, 800.0, -800.0]], {})],
    "hardtanh": [([[-1.0, 1.0, 0.0, 2.0, -2.0]], {}), ([[0.25, 0.5, 1.0]], {"min_val": 0.5, "max_val": 0.5})],
    "prelu": [([[0.0, -0.0, 1.0, -1.0], [0.25]], {}), ([[[0.0, -0.0, -1.0]], [0.25, 0.5, 0.75]], {})],
    "relu6": [([[0.0, -0.0, 6.0, 7.0, -1.0]], {})],
    "rrelu": [([[0.0, -0.0, 1.0, -1.0]], {})],
    "softshrink": [([[-0.5, 0.5, 0.0, -0.0, 1.0]], {}), ([[0.0, 1.0]], {"lambd": 0.0})],
    "threshold": [([[0.5, 0.25, 0.75, -0.0]], {"threshold": 0.5, "value": -2.0})],
}
# PyTorch divides by 6 in float32 there.
_OFF = {"rtol": 1e-7, "atol": 0.0}
COARSE = {("hardsigmoid", i, "float64"): _OFF for i in (0, 1, 2, 3, 4, 1000)}
