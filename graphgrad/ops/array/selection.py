"""Choosing between values, element by element: the gradient goes the way that was taken."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.graph.operation import ScalarForm
from graphgrad.ops.array.arithmetic import negative
from graphgrad.ops.declare import Array, op
from graphgrad.ops.samples import sample

__all__ = ["maximum", "minimum", "where"]

maximum = op(
    np.maximum,
    symbol="max",
    a=lambda g, a, b: np.where(a < b, 0.0, np.where(a == b, g * 0.5, g)),
    b=lambda g, a, b: np.where(a > b, 0.0, np.where(a == b, g * 0.5, g)),
    formula="maximum({a}, {b})",
    local={
        "a": "where({a} < {b}, 0, where({a} == {b}, 0.5, 1))",
        "b": "where({a} > {b}, 0, where({a} == {b}, 0.5, 1))",
    },
    scalar=ScalarForm(
        lambda a, b: a if a > b or a != a else b,
        {
            "a": lambda g, a, b: 0.0 if a < b else g * 0.5 if a == b else g,
            "b": lambda g, a, b: 0.0 if a > b else g * 0.5 if a == b else g,
        },
    ),
    covers=("P02.05",),
    doc="""
    The larger of two, element by element. Where both are equal, each receives half of the gradient.

    Where one is nan, so is the result, and both receive all of the gradient, as in PyTorch.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.maximum([1.0, 5.0], 3.0)
    tensor([3., 5.])
    """,
)

minimum = op(
    np.minimum,
    symbol="min",
    a=lambda g, a, b: np.where(a > b, 0.0, np.where(a == b, g * 0.5, g)),
    b=lambda g, a, b: np.where(a < b, 0.0, np.where(a == b, g * 0.5, g)),
    formula="minimum({a}, {b})",
    local={
        "a": "where({a} > {b}, 0, where({a} == {b}, 0.5, 1))",
        "b": "where({a} < {b}, 0, where({a} == {b}, 0.5, 1))",
    },
    expand=lambda a, b: negative(maximum(negative(a), negative(b))),
    scalar=ScalarForm(
        lambda a, b: a if a < b or a != a else b,
        {
            "a": lambda g, a, b: 0.0 if a > b else g * 0.5 if a == b else g,
            "b": lambda g, a, b: 0.0 if a < b else g * 0.5 if a == b else g,
        },
    ),
    doc="""
    The smaller of two, element by element. Where both are equal, each receives half of the gradient.

    Where one is nan, so is the result, and both receive all of the gradient, as in PyTorch.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.minimum([1.0, 5.0], 3.0)
    tensor([1., 3.])
    """,
)


def _where_samples(rng: np.random.Generator) -> list[Any]:
    return [
        sample(rng.random((2, 3)) > 0.5, rng.normal(size=(2, 3)), rng.normal(size=(2, 3))),
        sample(rng.random((2, 1)) > 0.5, rng.normal(size=3), rng.normal(size=())),
        sample(np.array(True), rng.normal(size=()), rng.normal(size=())),
        sample(rng.random((0, 2)) > 0.5, rng.normal(size=(0, 2)), rng.normal(size=(1, 2))),
    ]


@op(
    x=lambda g, condition: np.where(condition, g, 0.0),
    y=lambda g, condition: np.where(condition, 0.0, g),
    complex="own",
    formula="where({condition}, {x}, {y})",
    local={"x": "where({condition}, 1, 0)", "y": "where({condition}, 0, 1)"},
    samples=_where_samples,
    numpy=np.where,
    covers=("P02.06",),
)
def where(condition: Array, x: Array, y: Array) -> Any:
    """
    `x` where the condition holds, else `y`, element by element; the gradient goes the way that was taken.

    Parameters
    ----------
    condition
        Bools, or numbers of which nonzero means yes. Broadcasts with `x` and `y`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.where([True, False], 1.0, [10.0, 20.0])
    tensor([ 1., 20.])
    """
    return np.where(condition, x, y)
