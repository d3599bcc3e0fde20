"""A dense layer with its activation as one operation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.kernels.choice import kernels_of
from graphgrad.kernels.plain import dense as plain
from graphgrad.kernels.products import product
from graphgrad.kernels.reserve import Reserve
from graphgrad.kernels.sums import add_up
from graphgrad.ops.array.elementwise import relu, sigmoid, tanh
from graphgrad.ops.declare import Array, op
from graphgrad.ops.functional.activations import gelu, silu
from graphgrad.ops.functional.layers import linear, linear_cost, linear_shape
from graphgrad.ops.functional.loss_parts import in_floats
from graphgrad.ops.kernel_rules import by_kernel
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import rows

NAMESPACE = "nn.functional"
__all__ = ["dense"]

Shape = tuple[int, ...]

_ACTIVATIONS = {"relu": relu, "tanh": tanh, "sigmoid": sigmoid, "gelu": gelu, "silu": silu}
_OPERANDS = ("input", "weight", "bias")

_ENOUGH = 1 << 12
"""Below so many results NumPy is asked, in 0.02 ms more at most: nothing is compiled for a first small network."""

# What was activated, of those activations whose derivative doesn't follow from the result.
_activated = Reserve()


def _kernels(out: Any) -> Any:
    """What is used for so many results; there are no kernels for float16."""
    return plain if out.size < _ENOUGH or out.dtype.itemsize < 4 else kernels_of("dense")


def _prepare(attrs: dict[str, Any]) -> None:
    activation = attrs["activation"]
    if activation is not None and activation not in _ACTIVATIONS:
        raise ValueError(f"activation is one of {', '.join(_ACTIVATIONS)}, or None, got {activation!r}")


def _shape(input: Shape, weight: Shape, bias: Shape | None = None, /, **_: Any) -> Shape:
    return linear_shape(input, weight, bias)


def _cost(input: Shape, weight: Shape, bias: Shape | None = None, /, *, activation: str | None, **_: Any) -> int:
    out = linear_shape(input, weight, bias)
    each = 0 if activation is None else _ACTIVATIONS[activation].op.cost(out)
    return linear_cost(input, weight, bias) + each


def _expanded(input: Any, weight: Any, bias: Any, activation: str | None) -> Any:
    affine = linear(input, weight, bias)
    return affine if activation is None else _ACTIVATIONS[activation](affine)


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    for activation, leading, n_in, n_out, has_bias in (
        ("relu", (3,), 2, 3, True),
        ("tanh", (2, 2), 3, 2, True),
        ("sigmoid", (), 2, 3, True),
        ("gelu", (2,), 2, 2, True),
        (None, (2,), 2, 2, True),
        ("relu", (0,), 3, 2, True),
        ("relu", (2, 1, 2), 2, 1, False),
        ("silu", (2,), 2, 2, False),
        ("tanh", (0, 2), 1, 2, False),
    ):
        input, weight = rng.uniform(0.5, 2.0, (*leading, n_in)), rng.uniform(0.5, 2.0, (n_out, n_in))
        # Some features are clearly above zero, where the rectifier has its kink, and others clearly below.
        weight *= np.where(np.arange(n_out) % 2, -1.0, 1.0)[:, None]
        yield sample(input, weight, rng.uniform(-0.2, 0.2, n_out) if has_bias else None, activation=activation)


# ---- both passes -----------------------------------------------------------------------------------------------------


def _backward(
    gs: Sequence[Any], operands: Sequence[Any], out: Any, attrs: Mapping[str, Any], wanted: Sequence[str]
) -> dict[str, Any]:
    """The gradients that are wanted, on arrays."""
    (g,), activation = gs, attrs["activation"]
    input, weight, bias = in_floats(*operands)
    if activation in plain.ACTIVATIONS:
        if out is None:
            out = dense.op.forward(input, weight, bias, activation=activation)
        d, total = _kernels(out).back(_matrix(g), _matrix(out), activation)
    else:
        if activation is not None:
            affine = None if out is None else _activated.take(out)
            if affine is None:
                affine = linear.op.forward(input, weight, bias)
            (rule,) = _ACTIVATIONS[activation].op.rules.values()
            g = rule.function(g, affine, *({"none"} if activation == "gelu" else ()))
        d = _matrix(g)
        total = add_up(d, 0) if "bias" in wanted else None
    found = {"bias": total}
    if "input" in wanted:
        found["input"] = product(d, weight).reshape(np.shape(input))
    if "weight" in wanted:
        found["weight"] = product(d.T, _matrix(input))
    return found


def _matrix(x: Any) -> Any:
    """A row for each example, also if there is one only."""
    return x[None] if x.ndim == 1 else rows(x)


_by_kernel = by_kernel(
    "dense",
    _OPERANDS,
    ("out",),
    backward=_backward,
    expand=_expanded,
    cost=_cost,
    optional={"bias": "0"},
    attributes=("activation",),
)


def _joint(g: Any, input: Any, weight: Any, bias: Any, out: Any, attrs: Any, needs: Any) -> Any:
    return _by_kernel([g], input, weight, bias, out, attrs, needs)


_X, _W = np.zeros((2, 3)), np.zeros((4, 3))


@op(
    joint=_joint,
    neutral={"bias": "0"},
    formula="activated({input} @ {weight}.T + {bias}, {activation})",
    back={
        "input": "({g} · the slope of the activation) @ {weight}",
        "weight": "({g} · the slope of the activation)ᵀ @ {input}",
        "bias": "{g} · the slope of the activation, summed over the examples",
    },
    shape=_shape,
    cost=_cost,
    samples=_samples,
    errors=(
        ErrorSample((_X, np.zeros((4, 2)), None), {}, ShapeError, "must have length 2"),
        ErrorSample((_X, _W, np.zeros(1)), {}, ShapeError, "shape (4,)"),
        ErrorSample((_X, _W, None), {"activation": "softmax"}, ArgumentError, "one of relu, tanh, sigmoid, gelu, silu"),
        ErrorSample((_X, _W, None), {"activation": relu}, ArgumentError, "activation is one of relu, tanh"),
    ),
    prepare=_prepare,
    expand=_expanded,
    covers=("P02.01", "P02.02"),
)
def dense(input: Array, weight: Array, bias: Array = None, activation: str | None = None) -> Any:
    """
    A dense layer with its activation, f(x W^T + b), in one node: `linear` and the activation are its expansion.

    The product is written once, and bias and activation are put into it in place; backward, the slope of the activation
    and the sum for the bias are one sweep before the two products. That is for training in earnest, where the parts are
    known. To see them, or to put a hook between them, write `linear` and the activation: the graph then has both
    values, which this keeps only as what it zooms into. `graphgrad.nn.Sequential` does the same, module by module.

    Parameters
    ----------
    input
        Shape (..., in_features).
    weight
        Shape (out_features, in_features), as PyTorch keeps it.
    bias
        Shape (out_features,). None adds nothing.
    activation
        ``"relu"``, ``"tanh"``, ``"sigmoid"``, ``"gelu"`` or ``"silu"``, with what it is by default; None for none. Of
        the first three the slope follows from the result, and nothing else is kept; the others keep what they
        activated.

    Returns
    -------
    Tensor
        Shape (..., out_features).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.dense([1.0, 2.0], [[3.0, 4.0], [-3.0, -4.0]], [5.0, 5.0], activation="relu")
    tensor([16.,  0.])
    """
    if activation is None:
        return linear.op.forward(input, weight, bias)
    linear_shape(np.shape(input), np.shape(weight), None if bias is None else np.shape(bias))
    input, weight, bias = in_floats(input, weight, bias)
    if activation not in plain.ACTIVATIONS:
        affine = linear.op.forward(input, weight, bias)
        out = np.asarray(_ACTIVATIONS[activation].op.forward(affine))
        _activated.keep(out, affine)
        return out
    out = linear.op.forward(input, weight, None)
    _kernels(out).finish(_matrix(out), bias, activation)
    return out
