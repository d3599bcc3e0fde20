"""Bags of words: the sum, the mean or the maximum of the vectors of several words, composed of `embedding` and more."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError, describe
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array import reductions
from graphgrad.ops.array.arithmetic import divide, multiply
from graphgrad.ops.array.gathering import take
from graphgrad.ops.array.indexing import index_add
from graphgrad.ops.array.selection import where
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.functional.embedding import embedding

NAMESPACE = "nn.functional"
__all__ = ["embedding_bag"]

Array = np.ndarray[Any, Any]
MODES = ("sum", "mean", "max")


def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """
    One vector for each bag of words: the sum, the mean or the maximum of the rows of a table (P19.10).

    A bag without words gives zeros. Words that tie for a maximum share what it receives, as in `graphgrad.max`; PyTorch
    gives it to the first of them.

    Parameters
    ----------
    input
        Integers: of shape (B, N), bags of N words each; or of shape (L,), all bags in a row.
    weight
        The table, of shape (num_embeddings, embedding_dim).
    offsets
        For bags in a row: where each begins, of shape (B,), from 0 on and never falling.
    max_norm, norm_type, sparse
        As in `embedding`: only their defaults.
    scale_grad_by_freq
        Divide what a row receives by how often it was looked up. Not for ``"max"``.
    mode
        ``"sum"``, ``"mean"`` or ``"max"``.
    per_sample_weights
        A factor for each word, of the shape of `input`; for ``"sum"`` only.
    include_last_offset
        Whether `offsets` has one more, where the last bag ends.
    padding_idx
        A row that stands for no word: it counts in no bag.

    Returns
    -------
    Tensor
        Of shape (B, embedding_dim).

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        If the operands don't fit, or for another mode.

    Examples
    --------
    >>> import graphgrad as gg
    >>> table = gg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 0.0]])
    >>> gg.nn.functional.embedding_bag([0, 1, 2], table, [0, 2], mode="sum")
    tensor([[4., 6.],
            [5., 0.]])
    """
    if mode not in MODES:
        raise ArgumentError(describe(f"embedding_bag: mode is one of {', '.join(MODES)}, got {mode!r}"))
    if mode == "max" and scale_grad_by_freq:
        raise ArgumentError(
            describe("embedding_bag: mode 'max' has no scale_grad_by_freq, which is for sums and means")
        )
    if per_sample_weights is not None and mode != "sum":
        raise ArgumentError(describe(f"embedding_bag: per_sample_weights are for mode 'sum', not for {mode!r}"))
    words = _integers(input, "input")
    starts, ends = _bounds(words, offsets, include_last_offset)
    if per_sample_weights is not None and np.shape(per_sample_weights) != words.shape:
        raise ShapeError(
            describe(
                "embedding_bag: there is a weight for each word",
                f"input: shape {words.shape}",
                f"per_sample_weights: shape {np.shape(per_sample_weights)}",
            )
        )
    flat = words.reshape(-1)
    rows = embedding(flat, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
    if per_sample_weights is not None:
        rows = multiply(rows, reshape(per_sample_weights, (flat.size, 1)))
    bags = np.repeat(np.arange(len(starts)), ends - starts)  # of each word; behind the last bag there may be more
    counts = np.arange(len(bags))
    if padding_idx is not None:
        counts = np.flatnonzero(flat[: len(bags)] != padding_idx % np.shape(weight)[0])
    if len(counts) < len(flat):
        rows, bags = take(rows, counts, axis=0), bags[counts]
    sizes = np.bincount(bags, minlength=len(starts))[:, None]
    if mode == "max" and bags.size:
        return _greatest(rows, sizes)
    total: Tensor = index_add(rows, (len(starts), rows.shape[1]), (bags,))
    return total if mode == "sum" else divide(total, np.maximum(sizes, 1).astype(total.dtype))


def _greatest(rows: Tensor, sizes: Array) -> Tensor:
    """The maximum of the rows of each bag, which are as many as `sizes` says; zeros if there are none."""
    place = np.arange(sizes.max())
    inside = place < sizes  # the longest bag fills its row of this table, others leave the end of theirs free
    table = take(rows, np.where(inside, np.cumsum(sizes)[:, None] - sizes + place, 0), axis=0)
    greatest = reductions.max(where(inside[..., None], table, -np.inf), axis=1)
    return where(sizes > 0, greatest, 0.0)  # type: ignore[no-any-return]


def _integers(value: Any, name: str) -> Array:
    array: Array = np.asarray(value.data if isinstance(value, Tensor) else value)
    if array.dtype.kind not in "iu":
        if array.size:
            raise DTypeError(describe(f"embedding_bag: {name} holds integers, got {array.dtype}"))
        array = array.astype(np.int64)
    return array


def _bounds(words: Array, offsets: Any, include_last_offset: bool) -> tuple[Array, Array]:
    """Where each bag begins and ends among the words in a row."""
    if words.ndim == 2:
        if offsets is not None:
            raise ArgumentError(describe("embedding_bag: bags of one length, in rows of input, have no offsets"))
        ends = np.arange(1, len(words) + 1) * words.shape[1]
        return ends - words.shape[1], ends
    if words.ndim != 1:
        raise ShapeError(describe(f"embedding_bag: input has the shape (B, N) or (L,), got {words.shape}"))
    if offsets is None:
        raise ArgumentError(
            describe("embedding_bag: bags in a row need offsets", hint="offsets=[0] makes one bag of all words")
        )
    starts = _integers(offsets, "offsets")
    if starts.ndim != 1 or (include_last_offset and not starts.size):
        raise ShapeError(describe(f"embedding_bag: offsets has the shape (B,), got {starts.shape}"))
    ends = starts[1:] if include_last_offset else np.append(starts[1:], len(words))
    starts = starts[: len(ends)]
    first_is_0 = not starts.size or starts[0] == 0
    if not first_is_0 or (ends < starts).any() or (ends > len(words)).any():
        raise ArgumentError(
            describe(
                "embedding_bag: offsets begin with 0, never fall and stay within input",
                f"got: {np.asarray(_integers(offsets, 'offsets')).tolist()!s:.60} for {len(words)} words",
            )
        )
    return starts, ends
