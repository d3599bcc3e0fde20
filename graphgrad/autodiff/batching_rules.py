"""Batching rules of single operations, for `vmap`: those that no attribute and no expansion tells.

Each gives the result for all examples, with their axis in front, or that it doesn't apply.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.autodiff.batch import NO, Batch, Shape, further_back, reduced, whole_of, with_rank
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.arithmetic import divide, not_equal
from graphgrad.ops.array.axes import atleast_1d, atleast_2d, atleast_3d, permute_dims
from graphgrad.ops.array.indexing import getitem, index_add, setitem
from graphgrad.ops.array.joining import concat
from graphgrad.ops.array.rearranging import flip
from graphgrad.ops.array.shaping import astype, broadcast_to, ravel, reshape
from graphgrad.ops.matrix.matmul import matmul

__all__ = ["RULES"]


def _reshaped(batch: Batch) -> Any:
    """Another shape, the elements in the same order."""
    return reshape(batch.whole[0], (batch.size, *batch.expected))


def _on_last_axes(batch: Batch) -> Any:
    """What works on the last axes takes any axes before them."""
    if not batch.keeps_examples(batch.attrs, [True] * len(batch.operands)):
        return NO
    return batch.run([batch.spread(i) for i in range(len(batch.operands))])


def _of_first(batch: Batch) -> Any:
    """The same, with parameters that all examples share."""
    if not batch.batched[0] or any(batch.batched[1:]) or not batch.keeps_examples(batch.attrs, batch.batched):
        return NO
    return batch.run(batch.whole)


def _permuted(batch: Batch) -> Any:
    rank = len(batch.shapes[0])
    axes = batch.attrs["axes"]
    order = range(rank)[::-1] if axes is None else [axis % rank for axis in axes]
    return permute_dims(batch.whole[0], (0, *(axis + 1 for axis in order)))


def _broadcast(batch: Batch) -> Any:
    shape = batch.attrs["shape"]
    return broadcast_to(with_rank(batch.whole[0], len(shape)), (batch.size, *shape))


def _tiled(batch: Batch) -> Any:
    rank = len(batch.expected)
    reps = batch.attrs["reps"]
    return batch.run([with_rank(batch.whole[0], rank)], reps=(1,) * (1 + rank - len(reps)) + tuple(reps))


def _product(batch: Batch) -> Any:
    (a, b), (a_shape, b_shape) = batch.whole, batch.shapes
    on_a, on_b = batch.batched
    if on_a and not on_b and len(b_shape) <= 2:
        return matmul(a, b)  # one product, over all examples
    if on_b and not on_a and len(a_shape) == 2 and len(b_shape) == 1:
        return matmul(b, permute_dims(a))
    a_rank, b_rank = max(len(a_shape), 2), max(len(b_shape), 2)
    if len(a_shape) == 1:
        a = reshape(a, (*a.shape[:-1], 1, a.shape[-1]))
    if len(b_shape) == 1:
        b = reshape(b, (*b.shape, 1))
    rank = max(a_rank, b_rank)
    product = matmul(with_rank(a, rank) if on_a else a, with_rank(b, rank) if on_b else b)
    return reshape(product, (batch.size, *batch.expected))


def _indexed(batch: Batch) -> Any:
    key = _shifted_key(batch.attrs["key"])
    return NO if key is None else getitem(batch.whole[0], key)


def _added_at(batch: Batch) -> Any:
    key = _shifted_key(batch.attrs["key"])
    return NO if key is None else index_add(batch.whole[0], (batch.size, *batch.attrs["shape"]), key)


def _assigned(batch: Batch) -> Any:
    key = _shifted_key(batch.attrs["key"])
    if key is None:
        return NO
    place = getitem.op.shape(batch.shapes[0], key=batch.attrs["key"])
    value = batch.whole[1]
    if batch.batched[1]:
        # An assigned value may have axes of length 1 in front that the place hasn't.
        shape = batch.shapes[1][max(len(batch.shapes[1]) - len(place), 0) :]
        value = with_rank(reshape(value, (batch.size, *shape)), len(place))
    return setitem(batch.spread(0), value, key)


def _shifted_key(key: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """The key that takes the same of every example; None if NumPy would not leave the axis of the examples in front."""
    arrays = [isinstance(part, np.ndarray) for part in key]
    if any(arrays):
        # Numbers beside arrays index like arrays. If anything stands between them, their axes go to the front.
        advanced = [i for i, part in enumerate(key) if isinstance(part, (np.ndarray, int))]
        if advanced[-1] - advanced[0] >= len(advanced):
            return None
        if any(isinstance(part, np.ndarray) and part.ndim == 0 for part in key):
            return None
    return (slice(None), *key)


def _side_by_side(batch: Batch) -> Any:
    """Operands of one rank that are read along an axis, each example of one with the same example of the others."""
    name = "axis" if "axis" in batch.attrs else "dim"
    axis = batch.attrs[name]
    if axis is None or len(set(map(len, batch.shapes))) > 1 or not batch.shapes[0]:
        return NO
    return batch.run([batch.spread(i) for i in range(len(batch.operands))], **{name: further_back(axis)})


def _chosen(batch: Batch) -> Any:
    """The same places of every example; or other places for each, of what all examples share."""
    name = "axis" if "axis" in batch.attrs else "dim"
    axis = batch.attrs[name]
    if axis is None or not batch.shapes[0]:
        return NO
    if batch.batched == [True, False]:
        return batch.run(batch.whole, **{name: further_back(axis)})
    if batch.batched == [False, True] and axis % len(batch.shapes[0]) == 0:
        return batch.run(batch.whole) if batch.keeps_examples(batch.attrs, batch.batched) else NO
    return NO


def _put(batch: Batch) -> Any:
    x, values = batch.operands
    key = batch.attrs["indices"]
    if not batch.attrs["accumulate"]:
        return whole_of(batch, setitem(x, values, key))
    place = getitem.op.shape(x.shape, key=key)
    if isinstance(values, Tensor) and values.ndim > len(place):  # axes of length 1 in front
        values = reshape(values, values.shape[values.ndim - len(place) :])
    return whole_of(batch, x + index_add(broadcast_to(values, place), x.shape, key))


def _padded(batch: Batch) -> Any:
    rank = len(batch.shapes[0])
    if not rank:
        return NO
    sides = {
        name: ((0, 0), *map(tuple, np.broadcast_to(batch.attrs[name], (rank, 2)).tolist()))
        for name in ("pad_width", "constant_values")
    }
    return batch.run(batch.whole, **sides)


def _joined_along(axis: Callable[[int], int], widen: Callable[[Tensor], Tensor]) -> Callable[[Batch], Any]:
    """NumPy's ways to join, as concat after each tensor has axes enough."""

    def rule(batch: Batch) -> Any:
        wide = list(map(widen, batch.operands))
        return whole_of(batch, concat(wide, axis(wide[0].ndim)))

    return rule


def _joined_flat(batch: Batch) -> Any:
    """All elements of all tensors; along an axis they are joined as any operation that has one."""
    return NO if batch.attrs["axis"] is not None else whole_of(batch, concat(list(map(ravel, batch.operands))))


def _column(x: Tensor) -> Tensor:
    return reshape(x, (x.size, 1)) if x.ndim < 2 else x


def _turned(axis: int) -> Callable[[Batch], Any]:
    return lambda batch: flip(batch.whole[0], axis + 1)


def _class_loss(batch: Batch) -> Any:
    """The loss of one class of several: the examples stand side by side with those that a function sees at once."""
    reduction = batch.attrs["reduction"]
    if len(batch.operands) != 2:
        return NO  # a mean with weights is theirs as well
    input, target = batch.spread(0), batch.spread(1)
    if len(batch.shapes[0]) == 1:
        losses = batch.run([input, target], reduction="none")
    else:
        joined = [reshape(one, (batch.size * one.shape[1], *one.shape[2:])) for one in (input, target)]
        alone: Shape = batch.shape_of(batch.shapes, {**batch.attrs, "reduction": "none"})
        losses = reshape(batch.run(joined, reduction="none"), (batch.size, *alone))
    if reduction != "mean" or target.dtype.kind == "f":
        return reduced(losses, reduction)
    counted = astype(not_equal(target, batch.attrs["ignore_index"]), losses.dtype)
    return divide(reduced(losses, "sum"), reduced(counted, "sum"))


_LAST_AXES = (
    *("matrix_transpose", "tril", "triu", "matvec", "vecmat", "view_as_real", "view_as_complex"),
    *("cholesky", "det", "eigh", "eigvalsh", "inv", "lu", "matrix_rank", "pinv", "qr", "slogdet", "solve"),
    *("solve_triangular", "svd", "svdvals"),
)
RULES: dict[str, Callable[[Batch], Any]] = {
    **dict.fromkeys(("reshape", "ravel", "flatten", "unflatten", "expand_dims", "squeeze"), _reshaped),
    **dict.fromkeys(("atleast_1d", "atleast_2d", "atleast_3d"), _reshaped),
    **dict.fromkeys(_LAST_AXES, _on_last_axes),
    # Weights for each example are left to the expansion, which multiplies and adds.
    **dict.fromkeys(("linear", "layer_norm", "rms_norm", "embedding"), _of_first),
    "permute_dims": _permuted,
    "broadcast_to": _broadcast,
    "tile": _tiled,
    "matmul": _product,
    "getitem": _indexed,
    "index_add": _added_at,
    "setitem": _assigned,
    "index_put": _put,
    **dict.fromkeys(("take_along_axis", "put_along_axis", "gather", "scatter", "scatter_add"), _side_by_side),
    **dict.fromkeys(("take", "index_select"), _chosen),
    "pad": _padded,
    "concat": _joined_flat,
    "hstack": _joined_along(lambda rank: 0 if rank == 1 else 1, atleast_1d),
    "vstack": _joined_along(lambda rank: 0, atleast_2d),
    "dstack": _joined_along(lambda rank: 2, atleast_3d),
    "column_stack": _joined_along(lambda rank: 1, _column),
    "flipud": _turned(0),
    "fliplr": _turned(1),
    **dict.fromkeys(("cross_entropy", "focal_loss", "nll_loss"), _class_loss),
}
