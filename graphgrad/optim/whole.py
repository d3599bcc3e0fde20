"""What optimisers share that move all parameters together, as one vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import describe
from graphgrad.graph.source import mark
from graphgrad.graph.tensor import Tensor
from graphgrad.kernels.plain.optimiser_steps import flat
from graphgrad.optim.optimizer import Array, Optimizer, put

__all__ = ["WholeOptimizer", "number_of"]


class WholeOptimizer(Optimizer):
    """The base of optimisers for which all parameters are one vector: there is one group of them.

    What such an optimiser remembers is in the state of the first parameter, as in PyTorch.
    """

    @property
    def parameters(self) -> list[Tensor]:
        """The parameters, in the order of the vector."""
        params: list[Tensor] = self.param_groups[0]["params"]
        return params

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Take in the parameters; there can't be more than one group."""
        if self.param_groups:
            raise ValueError(
                describe(f"{type(self).__name__}: there is one group of parameters, since all move together")
            )
        super().add_param_group(param_group)

    def evaluate(self, closure: Callable[[], Any] | None) -> Any:
        """What the closure returns, which computes under recording."""
        if closure is None:
            raise TypeError(
                describe(
                    f"{type(self).__name__}.step: a closure is needed, that computes the loss and returns it",
                    hint="optimizer.step(closure): the loss is wanted at more than one place",
                )
            )
        loss = super().evaluate(closure)
        if loss is None:
            raise TypeError(describe(f"{type(self).__name__}.step: the closure returned no loss", hint="return loss"))
        return loss

    def values(self) -> Array:
        """All parameters as one vector, a copy; a complex number is two real ones."""
        return self.vector([parameter.data for parameter in self.parameters])

    def gradient(self) -> Array:
        """The gradients as one vector, zeros where there is none; a copy."""
        found = [
            np.zeros(parameter.shape, parameter.dtype) if parameter.grad is None else parameter.grad.data
            for parameter in self.parameters
        ]
        return self.vector(found)

    def vector(self, arrays: Sequence[Array]) -> Array:
        """Arrays in the shapes of the parameters as one vector, a copy."""
        return np.concatenate([flat(np.ascontiguousarray(array)) for array in arrays])

    def move_to(self, vector: Array) -> None:
        """Write a vector into the parameters."""
        place = mark()
        start = 0
        for parameter in self.parameters:
            dtype = parameter.data.real.dtype
            stop = start + parameter.data.size * (2 if parameter.dtype.kind == "c" else 1)
            values = vector[start:stop].astype(dtype, copy=False).view(parameter.dtype)
            put(parameter, values.reshape(parameter.shape), place)
            start = stop


def number_of(loss: Any) -> float:
    """A loss as a number of Python."""
    return float(loss.item() if hasattr(loss, "item") else loss)
