"""Activations that work along an axis: softmin, a random choice, gated linear units, maxout.

Names, argument order and defaults are PyTorch's where it has them; `graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.arithmetic import add, divide, multiply, subtract
from graphgrad.ops.array.axes import moveaxis
from graphgrad.ops.array.elementwise import sigmoid
from graphgrad.ops.array.encoding import one_hot
from graphgrad.ops.array.reductions import max, sum
from graphgrad.ops.array.searching import argmax
from graphgrad.ops.array.shaping import astype, reshape
from graphgrad.ops.array.softmaxes import softmax
from graphgrad.ops.array.stopping import stop_gradient
from graphgrad.ops.attributes import keep_integers, keep_numbers
from graphgrad.ops.composite import composite, named
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import sample
from graphgrad.ops.seeds import generator, keep_seed
from graphgrad.ops.shapes import normalize_axes

NAMESPACE = "nn.functional"
__all__ = ["glu", "gumbel_softmax", "maxout", "softmin"]

Shape = tuple[int, ...]
_sigmoid = polymorphic(sigmoid)
_softmax = polymorphic(softmax)
_sum = polymorphic(sum)


def _prepare_dim(attrs: dict[str, Any]) -> None:
    """Keep ``dim`` as an int; in PyTorch None asks for a guess."""
    try:
        attrs["dim"] = operator.index(attrs["dim"])
    except TypeError:
        raise TypeError(f"dim is the number of one axis, got {attrs['dim']!r}") from None


def _place(shape: Shape, dim: int) -> int:
    (axis,) = normalize_axes(dim, len(shape))
    return axis


# ---- softmaxes -------------------------------------------------------------------------------------------------------


def _same_along_dim(input: Shape, /, dim: int, **_: Any) -> Shape:
    normalize_axes(dim, len(input))
    return input


_BAD_DIM = (
    ErrorSample((np.zeros((2, 3)),), {"dim": 2}, ShapeError, "axis 2 is out of range"),
    ErrorSample((np.zeros(()),), {}, ShapeError, "axis -1 is out of range"),
    ErrorSample((np.zeros((2, 3)),), {"dim": None}, DTypeError, "dim is the number of one axis"),
)


@op(
    input=lambda g, out, dim: out * (_sum(g * out, axis=dim, keepdims=True) - g),
    formula="exp(-{input}) / sum(exp(-{input}), axis={dim}, keepdims=True)",
    back={"input": "{out} · (sum({g} · {out}) - {g})"},
    shape=_same_along_dim,
    cost=lambda input, **_: 5 * math.prod(input),
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3))),
        sample(rng.normal(size=(3, 2)), dim=0),
        sample(rng.normal(size=(2, 2, 3)), dim=-2),
        sample(rng.normal(size=(0, 3))),
    ],
    errors=_BAD_DIM,
    prepare=_prepare_dim,
    expand=lambda input, dim: softmax(0.0 - input, dim),
)
def softmin(input: Array, dim: int = -1) -> Any:
    """
    `softmax` of the negated input: positive, adding up to 1, the largest for the smallest.

    Parameters
    ----------
    dim
        The axis along which the results add up to 1; the last one unless told otherwise.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.softmin([0.0, 1.0, 1000.0])
    tensor([0.7311, 0.2689, 0.    ])
    """
    return softmax.op.forward(0.0 - input, axis=dim)


def _prepare_gumbel(attrs: dict[str, Any]) -> None:
    _prepare_dim(attrs)
    keep_numbers(attrs, "tau")
    if not attrs["tau"] > 0:
        raise ValueError(f"tau is a temperature above 0, got {attrs['tau']}")
    keep_seed(attrs)


def _gumbel(like: Any, seed: int | None) -> Any:
    noise = generator(seed).gumbel(size=like.shape)
    return noise.astype(like.dtype) if like.dtype.kind == "f" else noise


def _noisy(logits: Any, tau: float, seed: int | None) -> Any:
    return (logits + _gumbel(logits, seed)) / tau


def _gumbel_rule(g: Any, logits: Any, tau: float, dim: int, seed: int | None) -> Any:
    y = _softmax(_noisy(logits, tau, seed), axis=dim)
    return y * (g - _sum(g * y, axis=dim, keepdims=True)) / tau


def _gumbel_expanded(logits: Any, tau: float, hard: bool, dim: int, seed: int | None) -> Any:
    noisy = named(add(logits, _gumbel(logits, seed)), "noisy")
    y = named(softmax(divide(noisy, tau), dim), "soft")
    if not hard or not y.shape[dim]:
        return y
    one_hots = moveaxis(one_hot(argmax(y, dim), y.shape[dim]), -1, dim)
    choice = named(astype(one_hots, y.dtype), "choice")
    return add(y, stop_gradient(subtract(choice, y)))


_NOISY = "({logits} + gumbel_noise({logits}, {seed})) / {tau}"


@op(
    logits=_gumbel_rule,
    formula=f"where({{hard}}, largest({_NOISY}, {{dim}}), softmax({_NOISY}, {{dim}}))",
    back={"logits": "y · ({g} - sum({g} · y)) / tau, y being the soft result, whether hard or not"},
    shape=_same_along_dim,
    cost=lambda logits, **_: 6 * math.prod(logits),
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3)), seed=0),
        sample(rng.normal(size=(3, 2)), tau=0.5, dim=0, seed=1),
        sample(rng.normal(size=(2, 2, 3)), tau=2, dim=-2, seed=2),
        sample(rng.normal(size=(0, 3)), seed=3),
    ],
    errors=(
        *_BAD_DIM,
        ErrorSample((np.zeros((2, 3)),), {"tau": 0.0}, ArgumentError, "tau is a temperature above 0"),
        ErrorSample((np.zeros((2, 3)),), {"seed": -1}, ArgumentError, "seed is an integer from 0"),
    ),
    prepare=_prepare_gumbel,
    expand=_gumbel_expanded,
)
def gumbel_softmax(logits: Array, tau: float = 1, hard: bool = False, *, dim: int = -1, seed: int | None = None) -> Any:
    """
    A random choice between classes that a gradient can pass: softmax of the logits with Gumbel noise, divided by `tau`.

    The largest of the noisy logits is a sample of the classes with the probabilities softmax(logits). With `hard` the
    result is that choice, one-hot, and the gradient that of the soft result: a straight-through estimate, not the
    derivative. Jang, Gu and Poole, "Categorical Reparameterization with Gumbel-Softmax" (2017).

    Parameters
    ----------
    tau
        The temperature: the smaller, the nearer to one-hot.
    hard
        Whether the result is one-hot.
    dim
        The axis of the classes; the last one unless told otherwise.
    seed
        Of the noise. Left out, one is drawn and kept, so that the graph runs again to the same numbers.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.gumbel_softmax([1.0, 2.0, 3.0], seed=4)
    tensor([0.057 , 0.6202, 0.3228])
    >>> gg.nn.functional.gumbel_softmax([1.0, 2.0, 3.0], hard=True, seed=4)
    tensor([0., 1., 0.])
    """
    _place(logits.shape, dim)
    y = softmax.op.forward(_noisy(logits, tau, seed), axis=dim)
    if not hard or not y.size:
        return y
    choice = np.zeros_like(y)
    np.put_along_axis(choice, np.argmax(y, axis=dim, keepdims=True), 1.0, dim)
    return choice


# ---- gates -----------------------------------------------------------------------------------------------------------


def _glu_shape(input: Shape, /, dim: int) -> Shape:
    axis = _place(input, dim)
    if input[axis] % 2:
        raise ValueError(f"axis {dim} of input {input} must have an even length: one half gates the other")
    return (*input[:axis], input[axis] // 2, *input[axis + 1 :])


def _halves(input: Any, dim: int) -> tuple[Any, Any]:
    axis = _place(input.shape, dim)
    half = input.shape[axis] // 2
    before = (slice(None),) * axis
    return input[(*before, slice(half))], input[(*before, slice(half, None))]


def _glu_rule(g: Any, input: Any, dim: int) -> Any:
    a, b = _halves(input, dim)
    s = _sigmoid(b)
    return np.concatenate([g * s, g * (a * (s * (1.0 - s)))], axis=_place(input.shape, dim))


def _glu_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(2, 6)))
    yield sample(rng.normal(size=(4, 3)), dim=0)
    yield sample(rng.normal(size=(2, 2, 3)), dim=-2)
    yield sample(rng.normal(size=(2,)))
    yield sample(rng.normal(size=(0, 4)))


def _glu_expanded(input: Any, dim: int) -> Any:
    a, b = _halves(input, dim)
    return multiply(a, sigmoid(b))


@op(
    input=_glu_rule,
    formula="first_half({input}, {dim}) * sigmoid(second_half({input}, {dim}))",
    back={"input": "{g} · sigmoid(b) for the first half a, {g} · a · sigmoid(b) · (1 - sigmoid(b)) for the second, b"},
    shape=_glu_shape,
    cost=lambda input, **_: math.prod(input),
    samples=_glu_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)),), {}, ShapeError, "must have an even length"),
        ErrorSample((np.zeros(()),), {}, ShapeError, "axis -1 is out of range for 0 axes"),
        ErrorSample((np.zeros((2, 4)),), {"dim": 2}, ShapeError, "axis 2 is out of range"),
    ),
    prepare=_prepare_dim,
    expand=_glu_expanded,
)
def glu(input: Array, dim: int = -1) -> Any:
    """
    The gated linear unit a · sigmoid(b), of the halves a and b of an axis: b says how much of a passes.

    Parameters
    ----------
    dim
        The axis that is halved; its length must be even.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.glu([1.0, 2.0, 0.0, 1000.0])
    tensor([0.5, 2. ])
    """
    _glu_shape(input.shape, dim)
    a, b = _halves(input, dim)
    return a * _sigmoid(b)


def _maxout_shape(input: Shape, /, num_pieces: int, dim: int) -> Shape:
    axis = _place(input, dim)
    if input[axis] % num_pieces:
        raise ValueError(f"axis {dim} of input {input} must be a multiple of the {num_pieces} pieces of a unit")
    return (*input[:axis], input[axis] // num_pieces, *input[axis + 1 :])


def _prepare_pieces(attrs: dict[str, Any]) -> None:
    _prepare_dim(attrs)
    keep_integers(attrs, "num_pieces", least=1)


@composite(
    formula="max(pieces({input}, {num_pieces}, {dim}), axis=-1)",
    back={"input": "{g} for the largest piece of each unit, 0 for the others; shared where several are the largest"},
    shape=_maxout_shape,
    cost=lambda input, **_: math.prod(input),
    samples=lambda rng: [
        sample(rng.normal(size=(2, 6)), num_pieces=3),
        sample(rng.normal(size=(4, 3)), num_pieces=2, dim=0),
        sample(rng.normal(size=(2, 4, 2)), num_pieces=2, dim=-2),
        sample(rng.normal(size=(1, 3)), num_pieces=1),
        sample(rng.normal(size=(0, 4)), num_pieces=2),
    ],
    errors=(
        ErrorSample((np.zeros((2, 5)),), {"num_pieces": 2}, ShapeError, "must be a multiple of the 2 pieces"),
        ErrorSample((np.zeros((2, 4)),), {"num_pieces": 0}, ArgumentError, "num_pieces is an integer from 1"),
        ErrorSample((np.zeros((2, 4)),), {"num_pieces": 2, "dim": 2}, ShapeError, "axis 2 is out of range"),
    ),
    prepare=_prepare_pieces,
)
def maxout(input: Array, num_pieces: int, dim: int = -1) -> Any:
    """
    The largest of each group of `num_pieces` neighbours: a unit that learns its own convex activation, piece by piece.

    Goodfellow et al., "Maxout Networks" (2013). Pieces that are equally large share the gradient.

    Parameters
    ----------
    num_pieces
        How many neighbours along `dim` make one unit.
    dim
        The axis of the pieces; its length becomes the number of units.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.maxout([1.0, 3.0, -2.0, -5.0], 2)
    tensor([ 3., -2.])
    """
    axis = _place(input.shape, dim)
    _maxout_shape(input.shape, num_pieces, dim)
    units = input.shape[axis] // num_pieces
    grouped = reshape(input, (*input.shape[:axis], units, num_pieces, *input.shape[axis + 1 :]))
    return max(grouped, axis=axis + 1)
