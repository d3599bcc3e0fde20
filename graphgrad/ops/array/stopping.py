"""Stopping gradients."""

from __future__ import annotations

from typing import Any

from graphgrad.ops.declare import Array, op
from graphgrad.ops.shapes import same

__all__ = ["stop_gradient"]


@op(
    symbol="⊥",
    complex="own",
    formula="{x}",
    shape=same,
    cost=lambda *_: 0,
    view=True,
    covers=("P01.17",),
)
def stop_gradient(x: Array) -> Any:
    """
    The same values. No gradient passes: to every derivative they are a constant.

    That is ``x.detach()`` as an operation, so that a recorded graph shows where the path is cut.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.grad(lambda x: x * gg.stop_gradient(x))(3.0)
    tensor(3.)
    """
    return x[...]
