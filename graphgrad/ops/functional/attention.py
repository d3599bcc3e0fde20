"""Attention: values weighted by how well their keys fit a query. `graphgrad.nn.functional` offers this.

It is computed in blocks of queries; of the weights, which are as many as queries times keys, none are kept, and the
backward pass finds them again. The expansion has all of them at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, NamedTuple, cast

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.mode import MODE
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.kernels.choice import kernels_of
from graphgrad.kernels.reserve import Reserve
from graphgrad.kernels.sums import add_up
from graphgrad.ops import shapes
from graphgrad.ops.array.arithmetic import add, multiply
from graphgrad.ops.array.axes import matrix_transpose
from graphgrad.ops.array.logic import isneginf
from graphgrad.ops.array.rearranging import repeat
from graphgrad.ops.array.reductions import max
from graphgrad.ops.array.selection import where
from graphgrad.ops.array.softmaxes import softmax
from graphgrad.ops.attributes import keep_numbers
from graphgrad.ops.composite import named
from graphgrad.ops.declare import Array, op
from graphgrad.ops.functional.dropout import dropout
from graphgrad.ops.functional.loss_parts import in_floats, shapes_of
from graphgrad.ops.kernel_rules import by_kernel
from graphgrad.ops.matrix.matmul import matmul
from graphgrad.ops.samples import sample
from graphgrad.ops.seeds import keep_seed

NAMESPACE = "nn.functional"
__all__ = ["scaled_dot_product_attention"]

Shape = tuple[int, ...]


def _prepare(attrs: dict[str, Any]) -> None:
    keep_numbers(attrs, "dropout_p", *(["scale"] if attrs["scale"] is not None else []))
    if not 0.0 <= attrs["dropout_p"] <= 1.0:
        raise ValueError(f"dropout_p is a probability from 0 to 1, got {attrs['dropout_p']}")
    keep_seed(attrs, draws=attrs["dropout_p"] > 0.0)


def _repeated(query: Shape, other: Shape, name: str) -> Shape:
    """The shape of the keys or values when each of their heads serves a group of heads of the queries."""
    if len(query) < 3 or len(other) < 3 or not other[-3] or query[-3] % other[-3]:
        raise ValueError(
            f"the heads of query {query}, its third-last axis, must be a multiple of those of {name} {other}"
        )
    return (*other[:-3], query[-3], *other[-2:])


def _attended(
    query: Shape,
    key: Shape,
    value: Shape,
    attn_mask: Shape | None,
    /,
    *,
    is_causal: bool = False,
    enable_gqa: bool = False,
    **_: Any,
) -> Shape:
    for name, shape in (("query", query), ("key", key), ("value", value)):
        if len(shape) < 2:
            raise ValueError(f"{name} {shape} must have the shape (..., length, features)")
    if query[-1] != key[-1]:
        raise ValueError(f"query {query} and key {key} must have the same number of features, their last axis")
    if key[-2] != value[-2]:
        raise ValueError(f"key {key} and value {value} must have the same length, their second-last axis")
    if enable_gqa:
        key, value = _repeated(query, key, "key"), _repeated(query, value, "value")
    scores = (*shapes.broadcast(query[:-2], key[:-2]), query[-2], key[-2])
    if attn_mask is not None:
        if is_causal:
            raise ValueError("attn_mask and is_causal are two masks: give the causal one within attn_mask")
        if shapes.broadcast(scores, attn_mask) != scores:
            raise ValueError(f"attn_mask {attn_mask} doesn't broadcast to the scores, which have shape {scores}")
    return (*shapes.broadcast(scores[:-2], value[:-2]), query[-2], value[-1])


def _kind_of_mask(mask: Any) -> str:
    """``"b"`` for bools, ``"f"`` for floats, empty for no mask at all."""
    if mask is None:
        return ""
    dtype = mask.dtype if hasattr(mask, "dtype") else np.result_type(mask)  # a number is a mask too
    if dtype.kind not in "bf":
        raise TypeError(f"attn_mask holds bools or floats, got {dtype}: does a 0 hide a key, or add nothing?")
    return str(dtype.kind)


def _in_one_dtype(*operands: Any) -> Any:
    """Queries, keys and values in the dtype that they have together, with a mask of floats."""
    *three, mask = operands
    if _kind_of_mask(mask) == "f":
        return in_floats(*three, mask)
    return *in_floats(*three), mask


def _factor(scale: float | None, features: int) -> float:
    return 1.0 / math.sqrt(features or 1) if scale is None else scale


def _cost(query: Shape, key: Shape, value: Shape, attn_mask: Shape | None = None, /, **attrs: Any) -> int:
    out = _attended(query, key, value, attn_mask, **attrs)
    rows = math.prod(out[:-1])
    return rows * key[-2] * (2 * query[-1] + 1 + 4 + 2 * value[-1] + (attn_mask is not None))


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    def of(*batch: int, query: int, key: int, features: int, wide: int) -> tuple[Any, Any, Any]:
        lengths = ((query, features), (key, features), (key, wide))
        return tuple(rng.normal(size=(*batch, *shape)) for shape in lengths)  # type: ignore[return-value]

    one = of(query=2, key=3, features=4, wide=2)
    yield sample(*one, None)
    yield sample(*of(2, query=3, key=3, features=2, wide=2), None, is_causal=True)
    yield sample(*of(1, 2, query=2, key=3, features=2, wide=1), None, scale=0.3, dropout_p=0.4, seed=1)
    query, (key, value) = rng.normal(size=(1, 4, 2, 3)), rng.normal(size=(2, 1, 2, 3, 3))
    yield sample(query, key, value, None, enable_gqa=True)
    yield sample(*of(0, query=2, key=3, features=2, wide=2), None)
    yield sample(*one, np.array([[True, False, True], [True, True, False]]))
    yield sample(*one, np.array([[True, False, True], [False, False, False]]))  # a query that may see nothing
    yield sample(*of(2, query=2, key=3, features=2, wide=2), rng.normal(size=(2, 2, 3)))
    yield sample(*of(2, 1, query=2, key=2, features=3, wide=2), rng.normal(size=2), dropout_p=0.3, seed=2)


def _q(*shape: int) -> Any:
    return np.zeros(shape)


# ---- in simpler operations -------------------------------------------------------------------------------------------


def attention_weights(
    query: Any,
    key: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    seed: int | None = None,
) -> Any:
    """How much each query takes of each value: the weights of `scaled_dot_product_attention`, step by step."""
    factor = _factor(scale, query.shape[-1])
    scores = named(multiply(matmul(query, matrix_transpose(key)), factor), "scores")
    if is_causal:
        seen = np.tri(query.shape[-2], key.shape[-2], dtype=np.bool)
        scores = named(where(seen, scores, -np.inf), "masked")
    if attn_mask is None:
        weights = softmax(scores, -1)
    else:
        hides = _kind_of_mask(attn_mask) == "b"
        scores = named(where(attn_mask, scores, -np.inf) if hides else add(scores, attn_mask), "masked")
        # Of nothing but -inf the softmax would be nan: such a row is computed from zeros and dropped afterwards.
        blind = named(isneginf(max(scores, -1, True)), "sees nothing") if key.shape[-2] else False
        weights = where(blind, 0.0, softmax(where(blind, 0.0, scores), -1))
    named(weights, "weights")
    return named(dropout(weights, dropout_p, True, seed=seed), "dropped") if dropout_p > 0.0 else weights


def _expanded(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    *,
    enable_gqa: bool = False,
    **attrs: Any,
) -> Any:
    query, key, value, attn_mask = _in_one_dtype(query, key, value, attn_mask)
    if enable_gqa:
        key, value = (repeat(one, query.shape[-3] // one.shape[-3], -3) for one in (key, value))
    return matmul(attention_weights(query, key, attn_mask, **attrs), value)


# ---- by the kernel ---------------------------------------------------------------------------------------------------

_OPERANDS = ("query", "key", "value", "attn_mask")
_ATTRIBUTES = ("dropout_p", "is_causal", "scale", "enable_gqa", "seed")
_RESERVE = Reserve()  # for each result the greatest scores and the denominators of its softmaxes

_ENOUGH = 1 << 13
"""Up to so many scores, NumPy is as quick, and nothing is compiled for a first small example."""


def _kernels(query: Any, key: Any, value: Any) -> ModuleType:
    scores_are_many = query.size * key.shape[-2] > _ENOUGH * query.shape[-1]
    return kernels_of("attention", scores_are_many and value.size > 0)


class _Ready(NamedTuple):
    """What a kernel takes."""

    kernels: ModuleType
    operands: tuple[Any, Any, Any, Any]
    scale: float
    causal: bool
    drop: tuple[int, float] | None
    dtype: Any
    """That of the result."""


def _ready(
    operands: Sequence[Any], dropout_p: float, is_causal: bool, scale: float | None, enable_gqa: bool, seed: int | None
) -> _Ready:
    query, key, value, mask = _in_one_dtype(*operands)
    dtype = query.dtype
    inside = np.float64 if dtype.itemsize > 4 else np.float32
    query, key, value = (one.astype(inside, copy=False) for one in (query, key, value))
    if mask is not None:
        mask = np.asarray(mask, np.bool if _kind_of_mask(mask) == "b" else inside)
    if enable_gqa:
        key, value = (np.repeat(one, query.shape[-3] // one.shape[-3], -3) for one in (key, value))
    drop = (cast("int", seed), dropout_p) if dropout_p > 0.0 else None
    factor = _factor(scale, query.shape[-1])
    return _Ready(_kernels(query, key, value), (query, key, value, mask), factor, is_causal, drop, dtype)


def _backward(g: Any, operands: Any, out: Any, attrs: Any, wanted: Sequence[str]) -> dict[str, Any]:
    ready = _ready(operands, **attrs)
    more = ready.scale, ready.causal
    kept = None if out is None else _RESERVE.take(out[0])
    if kept is None:
        _, kept = ready.kernels.forward(*ready.operands, *more, ready.drop)
    upstream = g[0].astype(ready.operands[0].dtype, copy=False)
    needs = ["mask" if one == "attn_mask" else one for one in wanted]
    found = ready.kernels.backward(upstream, *ready.operands, kept, *more, needs, ready.drop)
    given = dict(zip(_OPERANDS, operands, strict=True))
    return {
        name: _summed(found[one], np.shape(given[name]), attrs["enable_gqa"] and one in ("key", "value"))
        for name, one in zip(wanted, needs, strict=True)
    }


def _summed(gradient: Any, shape: Shape, grouped: bool) -> Any:
    """The gradient of an operand, where it was repeated, in its own shape."""
    if gradient.shape == shape:
        return gradient
    if grouped:
        heads = shape[-3]
        apart = gradient.reshape(*gradient.shape[:-3], heads, gradient.shape[-3] // heads, *shape[-2:])
        gradient = add_up(apart, -3)
    more = gradient.ndim - len(shape)
    axes = (*range(more), *(more + i for i, n in enumerate(shape) if n != gradient.shape[more + i]))
    return add_up(gradient, axes, True).reshape(shape)


_by_kernel = by_kernel(
    "scaled_dot_product_attention",
    _OPERANDS,
    ("output",),
    backward=_backward,
    expand=lambda *operands, **attrs: (_expanded(*operands, **attrs),),
    cost=_cost,
    optional={"attn_mask": "0"},
    attributes=_ATTRIBUTES,
)


def _joint(g: Any, query: Any, key: Any, value: Any, attn_mask: Any, out: Any, attrs: Any, needs: Any) -> Any:
    return _by_kernel((g,), query, key, value, attn_mask, (out,), attrs, needs)


@op(
    symbol="attention",
    neutral={"attn_mask": "0"},
    formula="attention_weights({query}, {key}, {attn_mask}, {dropout_p}, {is_causal}, {scale}, {seed}) "
    "@ heads({value}, {query}, {enable_gqa})",
    back={
        "query": "the gradient of the scores @ {key} · scale",
        "key": "the gradient of the scores, transposed, @ {query} · scale",
        "value": "the weights, transposed, @ {g}",
        "attn_mask": "the gradient of the scores, that of the softmax for {g} @ {value}ᵀ",
    },
    shape=_attended,
    cost=_cost,
    samples=_samples,
    errors=(
        ErrorSample((_q(2, 3), _q(2, 4), _q(2, 3), None), {}, ShapeError, "the same number of features"),
        ErrorSample((_q(2, 3), _q(4, 3), _q(2, 3), None), {}, ShapeError, "the same length"),
        ErrorSample((_q(3), _q(4, 3), _q(4, 3), None), {}, ShapeError, "must have the shape (..., length, features)"),
        ErrorSample((_q(2, 3), _q(2, 3), _q(2, 3), np.ones((3, 2), bool)), {}, ShapeError, "don't broadcast"),
        ErrorSample((_q(2, 3), _q(2, 3), _q(2, 3), np.ones((3, 2, 2))), {}, ShapeError, "doesn't broadcast"),
        ErrorSample((_q(2, 3), _q(2, 3), _q(2, 3), np.ones((2, 2), int)), {}, DTypeError, "bools or floats"),
        ErrorSample((_q(2, 3), _q(2, 3), _q(2, 3), _q(2, 2)), {"is_causal": True}, ShapeError, "are two masks"),
        ErrorSample((_q(2, 3), _q(2, 3), _q(2, 3), None), {"dropout_p": 2}, ArgumentError, "from 0 to 1"),
        ErrorSample(
            (_q(3, 2, 3), _q(2, 2, 3), _q(2, 2, 3), None), {"enable_gqa": True}, ShapeError, "must be a multiple"
        ),
    ),
    prepare=_prepare,
    expand=_expanded,
    joint=_joint,
    covers=("P19.21", "P19.22"),
)
def scaled_dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    seed: int | None = None,
) -> Any:
    """
    For each query the mean of the values, weighted by how well their keys fit it: softmax(Q Kᵀ / √d) V.

    (Vaswani et al., 2017.) A query that may see no key at all gets zeros, and gives no gradient.

    Parameters
    ----------
    query
        Shape (..., L, d).
    key
        Shape (..., S, d).
    value
        Shape (..., S, dv).
    attn_mask
        Broadcasts to the scores, (..., L, S). Bools: where it is False, a query doesn't see a key. Floats are added to
        the scores. None hides nothing.
    dropout_p
        How probable it is that a weight is dropped, as in `dropout`. It always drops: give 0 outside training.
    is_causal
        Whether each query sees only the keys up to its own place.
    scale
        What the products are multiplied by; None for 1 / √d.
    enable_gqa
        Whether key and value may have fewer heads, the third-last axis, each of which serves a group of query heads.
    seed
        Of the dropout; left out, one is drawn and kept, so that the graph runs again to the same numbers.

    Returns
    -------
    Tensor
        Shape (..., L, dv).

    Examples
    --------
    >>> import graphgrad as gg
    >>> query, key, value = [[0.0, 50.0]], [[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0], [3.0, 4.0]]
    >>> gg.nn.functional.scaled_dot_product_attention(query, key, value)
    tensor([[3., 4.]])
    """
    operands = query, key, value, attn_mask
    _attended(*shapes_of(*operands), is_causal=is_causal, enable_gqa=enable_gqa)
    ready = _ready(operands, dropout_p, is_causal, scale, enable_gqa, seed)
    out, kept = ready.kernels.forward(*ready.operands, ready.scale, ready.causal, ready.drop)
    out = out.astype(ready.dtype, copy=False)
    mode = MODE.get()
    if mode.grad and mode.segment is None:
        _RESERVE.keep(out, kept)
    return out
