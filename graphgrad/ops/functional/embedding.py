"""Embeddings: rows of a table looked up by number.

Its name, argument order and defaults are PyTorch's; `graphgrad.nn.functional` offers this.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.kernels.choice import kernels_of
from graphgrad.kernels.plain import embedding as plain
from graphgrad.ops.array.arithmetic import add, multiply
from graphgrad.ops.array.encoding import one_hot
from graphgrad.ops.array.indexing import index_add
from graphgrad.ops.array.selection import where
from graphgrad.ops.array.shaping import astype
from graphgrad.ops.array.stopping import stop_gradient
from graphgrad.ops.attributes import keep_integers, keep_numbers
from graphgrad.ops.composite import named
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.functional.loss_parts import values_of
from graphgrad.ops.matrix.matmul import matmul
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import free

NAMESPACE = "nn.functional"
__all__ = ["embedding"]

Shape = tuple[int, ...]

_index_add: Callable[..., Any] = polymorphic(index_add)

_ENOUGH = 1 << 12
"""Below so many numbers NumPy adds them up, in 0.04 ms at most: nothing is compiled for a first small network."""


def _prepare(attrs: dict[str, Any]) -> None:
    keep_numbers(attrs, "norm_type")
    if attrs["max_norm"] is not None:
        raise ValueError(
            f"max_norm {attrs['max_norm']} would write to the table while it is read, and a graph couldn't run again: "
            "nn.Embedding does so before it looks up"
        )
    if attrs["sparse"]:
        raise ValueError("sparse gradients are not available: NumPy arrays hold every row of weight")

    if attrs["padding_idx"] is not None:
        keep_integers(attrs, "padding_idx")


def _rows(input: Any, n: int) -> Any:
    """The row numbers, checked."""
    rows = np.asarray(values_of(input))
    if not rows.size:
        return rows.astype(np.intp)
    if rows.dtype.kind not in "iu":
        raise TypeError(f"input holds the numbers of rows, which are integers, got {rows.dtype}")
    low, high = int(rows.min()), int(rows.max())
    if low < 0 or high >= n:
        raise ValueError(f"rows of weight go from 0 to {n - 1}, input asks for {low if low < 0 else high}")
    return rows


def _padding_row(padding_idx: int | None, n: int) -> int | None:
    """The number of the row that learns nothing, counted from the start."""
    if padding_idx is None:
        return None
    if not -n <= padding_idx < n:
        raise ValueError(f"padding_idx is a row of weight, from {-n} to {n - 1}, got {padding_idx}")
    return padding_idx % n


def _looked_up(input: Shape, weight: Shape, /, **_: Any) -> Shape:
    if len(weight) != 2:
        raise ValueError(f"weight has the shape (num_embeddings, embedding_dim), got {weight}")
    return (*input, weight[1])


def _shares(rows: Any, n: int, dtype: Any) -> Any:
    """For each place one divided by how often its row is looked up."""
    return (1.0 / np.bincount(rows.ravel(), minlength=n)[rows])[..., None].astype(dtype)


def _back(g: Any, input: Any, weight_shape: Shape, padding_idx: int | None, scale_grad_by_freq: bool) -> Any:
    """The sum of what arrives at the copies of each row."""
    rows = _rows(input, weight_shape[0])
    padding = _padding_row(padding_idx, weight_shape[0])
    if scale_grad_by_freq:
        g = g * _shares(rows, weight_shape[0], g.dtype)
    if type(g) is np.ndarray and g.dtype.itemsize > 2:  # there is no kernel for float16
        count, width = weight_shape
        numbers = rows.reshape(-1).astype(np.int64, copy=False)
        if padding is not None:
            numbers = np.where(numbers == padding, -1, numbers)
        kernels = plain if g.size < _ENOUGH else kernels_of("embedding")
        return kernels.add_rows(g.reshape(math.prod(rows.shape), width), numbers, count)
    if padding is not None:
        g = np.where((rows == padding)[..., None], 0.0, g)
    return _index_add(g, shape=weight_shape, key=(rows,))


def _expanded(input: Any, weight: Any, *, padding_idx: int | None, scale_grad_by_freq: bool, **_: Any) -> Any:
    """What a lookup stands for: a one-hot vector for each number, times the table."""
    n = weight.shape[0]
    rows, padding = _rows(input, n), _padding_row(padding_idx, n)
    if padding is not None:
        is_padding = np.arange(n)[:, None] == padding
        weight = named(where(is_padding, stop_gradient(weight), weight), "table")
    selected = named(matmul(astype(one_hot(input, n), weight.dtype), weight), "rows")
    if not scale_grad_by_freq:
        return selected
    shares = _shares(rows, n, weight.dtype)
    return add(multiply(selected, shares), stop_gradient(multiply(selected, 1.0 - shares)))


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(np.array([2, 0, 2, 1]), rng.normal(size=(4, 3)))
    yield sample(np.array([[1, 3], [0, 1]]), rng.normal(size=(4, 2)), padding_idx=2)
    yield sample(np.array(1), rng.normal(size=(2, 3)), padding_idx=-2)
    yield sample(np.zeros((0, 2), int), rng.normal(size=(3, 2)))


_TABLE = np.zeros((3, 2))


@op(
    weight=_back,
    formula="{weight}[{input}]",
    back={"weight": "to each row the sum of {g} over the places where it was looked up; the padding's row gets none"},
    shape=_looked_up,
    cost=free,
    samples=_samples,
    errors=(
        ErrorSample((np.array([3]), _TABLE), {}, ArgumentError, "rows of weight go from 0 to 2, input asks for 3"),
        ErrorSample((np.array([-1]), _TABLE), {}, ArgumentError, "input asks for -1"),
        ErrorSample((np.array([0.0]), _TABLE), {}, DTypeError, "are integers, got float64"),
        ErrorSample((np.array([0]), np.zeros(3)), {}, ShapeError, "(num_embeddings, embedding_dim)"),
        ErrorSample((np.array([0]), _TABLE), {"padding_idx": 3}, ArgumentError, "from -3 to 2, got 3"),
        ErrorSample((np.array([0]), _TABLE), {"max_norm": 1.0}, ArgumentError, "a graph couldn't run again"),
        ErrorSample((np.array([0]), _TABLE), {"sparse": True}, ArgumentError, "sparse gradients are not available"),
    ),
    prepare=_prepare,
    expand=_expanded,
    covers=("P19.10",),
)
def embedding(
    input: Array,
    weight: Array,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """
    Rows of a table, looked up by number: what a one-hot vector times the table would give, without the product.

    A row that is looked up several times receives the sum of the gradients.

    Parameters
    ----------
    input
        Integers of any shape, from 0.
    weight
        The table, of shape (num_embeddings, embedding_dim).
    padding_idx
        A row that stands for no word: its values are given, but no gradient reaches it.
    max_norm, sparse
        Only their defaults: rows aren't renormalized while they are read, and gradients are whole arrays.
    norm_type
        Belongs to `max_norm`.
    scale_grad_by_freq
        Divide what a row receives by how often it was looked up. That is no derivative any more, but a mean.

    Returns
    -------
    Tensor
        Of shape (*input, embedding_dim).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.embedding([1, 0, 1], [[1.0, 2.0], [3.0, 4.0]])
    tensor([[3., 4.],
            [1., 2.],
            [3., 4.]])
    """
    _looked_up(np.shape(input), np.shape(weight))
    _padding_row(padding_idx, weight.shape[0])
    return np.take(weight, _rows(input, weight.shape[0]), axis=0)
