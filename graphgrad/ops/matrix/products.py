"""Products of arrays of any number of axes.

The product of matrices itself is in `matmul`, products of vectors in `vectors`, and einsum in `einsum`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.arithmetic import multiply
from graphgrad.ops.array.shaping import ravel, reshape
from graphgrad.ops.declare import Array, op
from graphgrad.ops.matrix.matmul import matmul
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import one_axis

__all__ = ["dot", "inner", "kron", "outer", "tensordot", "vdot"]

Shape = tuple[int, ...]
Axes = tuple[int, ...]

_tensordot: Any = np.tensordot  # NumPy's stubs don't know a list of two


def pairs_of(*shapes: tuple[Shape, Shape], **attrs: Any) -> Callable[[np.random.Generator], Iterator[Sample]]:
    """Samples of two operands of these shapes."""

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        for a, b in shapes:
            yield sample(rng.normal(size=a), rng.normal(size=b), **attrs)

    return samples


def _as_arrays(a: Any, b: Any) -> tuple[Any, Any]:
    """Both as arrays; a Python number takes the dtype that it would not change by multiplying."""
    if isinstance(a, (bool, int, float)):
        a = np.asarray(a, np.result_type(a, b))
    if isinstance(b, (bool, int, float)):
        b = np.asarray(b, np.result_type(a, b))
    return a, b


# ---- sums over some axes of each -------------------------------------------------------------------------------------
# All of these are one product of matrices, whose rows are the free axes of a and whose columns are those of b. What is
# below works on arrays and on tensors.


def _order(rank: int, axes: Axes, first: bool) -> Axes:
    """All axes, those of `axes` in front or at the end."""
    free = tuple(i for i in range(rank) if i not in axes)
    return (*axes, *free) if first else (*free, *axes)


def _reshaped(x: Any, shape: Shape) -> Any:
    return x if x.shape == shape else np.reshape(x, shape)


def _transposed(x: Any, order: Axes) -> Any:
    return x if order == tuple(range(len(order))) else np.transpose(x, order)


def _as_matrix(x: Any, axes: Axes, first: bool) -> Any:
    """The axes of `axes` as the rows or as the columns of a matrix, the others as its other side."""
    inner = math.prod(x.shape[i] for i in axes)
    outer = math.prod(n for i, n in enumerate(x.shape) if i not in axes)
    return _reshaped(_transposed(x, _order(x.ndim, axes, first)), (inner, outer) if first else (outer, inner))


def _from_matrix(x: Any, shape: Shape, axes: Axes, first: bool) -> Any:
    """What `_as_matrix` took apart, in the shape that it had."""
    order = _order(len(shape), axes, first)
    return _transposed(_reshaped(x, tuple(shape[i] for i in order)), tuple(np.argsort(order).tolist()))


def _contracted_a(g: Any, b: Any, a_shape: Shape, a_axes: Axes, b_axes: Axes) -> Any:
    b = _as_matrix(b, b_axes, True)
    rows = math.prod(n for i, n in enumerate(a_shape) if i not in a_axes)
    return _from_matrix(_reshaped(g, (rows, b.shape[1])) @ b.mT, a_shape, a_axes, False)


def _contracted_b(g: Any, a: Any, b_shape: Shape, a_axes: Axes, b_axes: Axes) -> Any:
    a = _as_matrix(a, a_axes, False)
    columns = math.prod(n for i, n in enumerate(b_shape) if i not in b_axes)
    return _from_matrix(a.mT @ _reshaped(g, (a.shape[0], columns)), b_shape, b_axes, True)


def _contracted(a: Any, b: Any, a_axes: Axes, b_axes: Axes) -> Any:
    """The expansion of them all."""
    shape = _free(a.shape, b.shape, a_axes, b_axes)
    return _reshaped(matmul(_as_matrix(a, a_axes, False), _as_matrix(b, b_axes, True)), shape)


def _free(a: Shape, b: Shape, a_axes: Axes, b_axes: Axes) -> Shape:
    """The shape of the result: the axes of each that are not summed over."""
    for i, k in zip(a_axes, b_axes, strict=True):
        if a[i] != b[k]:
            raise ValueError(f"axis {i} of a ({a[i]}) must be as long as axis {k} of b ({b[k]})")
    return (
        *(n for i, n in enumerate(a) if i not in a_axes),
        *(n for i, n in enumerate(b) if i not in b_axes),
    )


def _dot_axes(a: Shape, b: Shape) -> tuple[Axes, Axes]:
    """The axes that NumPy's `dot` sums over; none if one is a number."""
    return ((len(a) - 1,), (max(len(b) - 2, 0),)) if a and b else ((), ())


def _inner_axes(a: Shape, b: Shape) -> tuple[Axes, Axes]:
    return ((len(a) - 1,), (len(b) - 1,)) if a and b else ((), ())


def _one_axis_each(axes_of: Callable[[Shape, Shape], tuple[Axes, Axes]]) -> dict[str, Any]:
    """Rules, shape, cost and expansion of an operation that sums over one axis of each operand."""

    def expand(a: Any, b: Any) -> Any:
        if not (np.ndim(a) and np.ndim(b)):
            return multiply(a, b)
        return _contracted(a, b, *axes_of(a.shape, b.shape))

    def shape(a: Shape, b: Shape, /) -> Shape:
        return _free(a, b, *axes_of(a, b))

    def rule_a(g: Any, b: Any, a_shape: Shape) -> Any:
        return _contracted_a(g, b, a_shape, *axes_of(a_shape, b.shape)) if a_shape and np.ndim(b) else g * b

    def rule_b(g: Any, a: Any, b_shape: Shape) -> Any:
        return _contracted_b(g, a, b_shape, *axes_of(a.shape, b_shape)) if b_shape and np.ndim(a) else g * a

    return {
        "a": rule_a,
        "b": rule_b,
        "linear": "each",
        "shape": shape,
        "cost": lambda a, b: math.prod(shape(a, b)) * (2 * a[-1] if a and b else 1),
        "expand": expand,
    }


@op(
    symbol="·",
    **_one_axis_each(_dot_axes),
    formula="dot({a}, {b})",
    back={
        "a": "{g} @ {b}ᵀ for matrices: {g} with {b}, summed over the axes of {b} that are left",
        "b": "{a}ᵀ @ {g} for matrices: {a} with {g}, summed over the axes of {a} that are left",
    },
    samples=pairs_of(
        ((2, 3), (2, 3, 4)),
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((2, 2, 3), (3, 2)),
        ((2, 3), ()),
        ((), (2, 3)),
        ((2, 0), (0, 3)),
    ),
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros((4, 3))), {}, ShapeError, "axis 1 of a (3) must be as long as axis"),
    ),
    covers=("P02.01", "P02.14", "P24.10"),
    numpy=np.dot,
)
def dot(a: Array, b: Array) -> Any:
    """
    NumPy's dot product: the last axis of `a` with the second-last of `b`, or with the only one.

    Of two vectors it is their inner product, of two matrices their matrix product, and a number multiplies. For
    batches of matrices take `matmul`: here each matrix of `a` meets each matrix of `b`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.dot([1.0, 2.0], [10.0, 1.0])
    tensor(12.)
    """
    return np.dot(*_as_arrays(a, b))


@op(
    symbol="⟨·,·⟩",
    **_one_axis_each(_inner_axes),
    formula="inner({a}, {b})",
    back={"a": "{g} @ {b}", "b": "{g}ᵀ @ {a}; all axes in front as one"},
    samples=pairs_of(((2, 3), (2, 3)), ((7,), (7,)), ((2, 1, 3), (2, 3)), ((), (3, 4)), ((2, 0), (3, 0))),
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros((3, 4))), {}, ShapeError, "axis 1 of a (3) must be as long as axis"),
    ),
    covers=("P02.14", "P24.10"),
    numpy=np.inner,
)
def inner(a: Array, b: Array) -> Any:
    """
    The inner products of all vectors along the last axis of `a` with all of `b`; a number multiplies.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.inner([[1.0, 2.0], [3.0, 4.0]], [10.0, 1.0])
    tensor([12., 34.])
    """
    return np.inner(*_as_arrays(a, b))


def _prepare_tensordot(attrs: dict[str, Any]) -> None:
    axes = attrs["axes"]
    if isinstance(axes, (list, tuple)):
        attrs["axes"] = tuple(map(_one_or_several, axes))
    else:
        attrs["axes"] = operator.index(axes)
    if len(axes) != 2 if isinstance(axes, (list, tuple)) else attrs["axes"] < 0:
        raise ValueError(f"axes is a number of axes or a pair of lists of them, got {axes!r}")


def _one_or_several(axes: Any) -> Axes:
    return tuple(map(operator.index, axes if isinstance(axes, (list, tuple)) else (axes,)))


def _summed_axes(a: Shape, b: Shape, axes: int | tuple[Axes, Axes]) -> tuple[Axes, Axes]:
    if isinstance(axes, int):
        if axes > min(len(a), len(b)):
            raise ValueError(f"can't sum over {axes} axes of shapes {a} and {b}")
        return tuple(range(len(a) - axes, len(a))), tuple(range(axes))
    first, second = (tuple(one_axis(i, len(shape)) for i in one) for one, shape in zip(axes, (a, b), strict=True))
    if len(first) != len(second):
        raise ValueError(f"axes names {len(first)} axes of a and {len(second)} of b: {axes}")
    for one, name in ((first, "a"), (second, "b")):
        if len(set(one)) < len(one):
            raise ValueError(f"axes names an axis of {name} twice: {axes}")
    return first, second


def _tensordot_shape(a: Shape, b: Shape, /, axes: Any) -> Shape:
    return _free(a, b, *_summed_axes(a, b, axes))


def _tensordot_a(g: Any, b: Any, a_shape: Shape, axes: Any) -> Any:
    return _contracted_a(g, b, a_shape, *_summed_axes(a_shape, b.shape, axes)) if np.ndim(b) else g * b


def _tensordot_b(g: Any, a: Any, b_shape: Shape, axes: Any) -> Any:
    return _contracted_b(g, a, b_shape, *_summed_axes(a.shape, b_shape, axes)) if np.ndim(a) else g * a


def _tensordot_cost(a: Shape, b: Shape, /, axes: Any) -> int:
    summed, _ = _summed_axes(a, b, axes)
    return 2 * math.prod(_tensordot_shape(a, b, axes)) * math.prod(a[i] for i in summed)


@op(
    symbol="⊗",
    a=_tensordot_a,
    b=_tensordot_b,
    linear="each",
    formula="tensordot({a}, {b}, axes={axes})",
    back={
        "a": "{g} @ {b}ᵀ for matrices: {g} with {b}, summed over the axes of {b} that are left",
        "b": "{a}ᵀ @ {g} for matrices: {a} with {g}, summed over the axes of {a} that are left",
    },
    shape=_tensordot_shape,
    cost=_tensordot_cost,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3, 2)), rng.normal(size=(3, 2, 2))),
        sample(rng.normal(size=(2, 3)), rng.normal(size=(3, 2)), axes=1),
        sample(rng.normal(size=(2, 3)), rng.normal(size=(2, 4)), axes=0),
        sample(rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 2)), axes=((-1, 0), (0, 1))),
        sample(rng.normal(size=(2, 3)), rng.normal(size=(4, 3)), axes=(1, -1)),
        sample(rng.normal(size=(2, 0)), rng.normal(size=(0, 3)), axes=1),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros((3, 2))), {}, ShapeError, "axis 0 of a (2) must be as long as axis 0"),
        ErrorSample((np.zeros((2, 3)), np.zeros(3)), {"axes": 2}, ShapeError, "can't sum over 2 axes of shapes"),
        ErrorSample((np.zeros((2, 3)), np.zeros(3)), {"axes": ((0, 1), 0)}, ShapeError, "names 2 axes of a and 1"),
        ErrorSample((np.zeros((2, 2)), np.zeros((2, 2))), {"axes": ((0, 0), (0, 1))}, ShapeError, "axis of a twice"),
        ErrorSample((np.zeros(2), np.zeros(2)), {"axes": -1}, ArgumentError, "axes is a number of axes or a pair"),
    ),
    prepare=_prepare_tensordot,
    expand=lambda a, b, axes: _contracted(a, b, *_summed_axes(a.shape, b.shape, axes)),
    numpy=np.tensordot,
)
def tensordot(a: Array, b: Array, axes: int | Sequence[int | Sequence[int]] = 2) -> Any:
    """
    Multiply two arrays and sum over some axes of each; all other axes stay, those of `a` first.

    Parameters
    ----------
    axes
        How many axes to sum over: the last ones of `a` with the first ones of `b`; 0 multiplies everything with
        everything. Or a pair: the axes of `a`, and those of `b` that they are summed with.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.tensordot([[1.0, 2.0], [3.0, 4.0]], [10.0, 1.0], axes=1)
    tensor([12., 34.])
    """
    return _tensordot(*_as_arrays(a, b), axes)


def _vdot_shape(a: Shape, b: Shape, /) -> Shape:
    if math.prod(a) != math.prod(b):
        raise ValueError(f"a and b must have as many elements, got {math.prod(a)} and {math.prod(b)}")
    return ()


@op(
    symbol="⟨·,·⟩",
    a=lambda g, b, a_shape: np.reshape(g * b, a_shape),
    b=lambda g, a, b_shape: np.reshape(g * a, b_shape),
    formula="vdot({a}, {b})",
    back={"a": "{g} · {b}, in the shape of {a}", "b": "{g} · {a}, in the shape of {b}"},
    linear="each",
    shape=_vdot_shape,
    cost=lambda a, b: 2 * math.prod(a),
    samples=pairs_of(((2, 3), (2, 3)), ((2, 3), (3, 2)), ((), ()), ((0,), (0, 2))),
    errors=(
        ErrorSample((np.zeros(3), np.zeros(4)), {}, ShapeError, "a and b must have as many elements, got 3 and 4"),
    ),
    expand=lambda a, b: matmul(ravel(a), ravel(b)),
    covers=("P02.14",),
    numpy=np.vdot,
)
def vdot(a: Array, b: Array) -> Any:
    """
    The inner product of two arrays as if each were one long vector, in row-major order.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.vdot([[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [1.0, 0.0]])
    tensor(6.)
    """
    return np.vdot(*_as_arrays(a, b))


# ---- all with all ----------------------------------------------------------------------------------------------------


def _outer_shape(a: Shape, b: Shape, /) -> Shape:
    return math.prod(a), math.prod(b)


@op(
    symbol="⊗",
    a=lambda g, b, a_shape: np.reshape(g @ np.ravel(b), a_shape),
    b=lambda g, a, b_shape: np.reshape(np.ravel(a) @ g, b_shape),
    linear="each",
    formula="outer({a}, {b})",
    back={"a": "{g} @ {b}", "b": "{a} @ {g}"},
    shape=_outer_shape,
    cost=lambda a, b: math.prod(a) * math.prod(b),
    samples=pairs_of(((3,), (2,)), ((2, 2), (3,)), ((), (4,)), ((0,), (2,))),
    expand=lambda a, b: multiply(reshape(a, (-1, 1)), ravel(b)),
    covers=("P22.02",),
    numpy=(np.outer, np.linalg.outer),
)
def outer(a: Array, b: Array) -> Any:
    """
    Every element of `a` times every element of `b`: the matrix a bᵀ. Operands of more axes are taken as long vectors.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.outer([1.0, 2.0], [10.0, 1.0])
    tensor([[10.,  1.],
            [20.,  2.]])
    """
    return np.outer(*_as_arrays(a, b))


def _blocks(a: Shape, b: Shape) -> tuple[Shape, Shape]:
    """Both shapes with as many axes, those that are missing in front."""
    rank = max(len(a), len(b))
    return (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b


def _kron_shape(a: Shape, b: Shape, /) -> Shape:
    return tuple(m * n for m, n in zip(*_blocks(a, b), strict=True))


def _kron_pairs(g: Any, a_shape: Shape, b_shape: Shape) -> Any:
    """The gradient with a row for each element of a, and a column for each of b."""
    a, b = _blocks(a_shape, b_shape)
    rank = len(a)
    apart = np.reshape(g, tuple(n for pair in zip(a, b, strict=True) for n in pair))
    return np.reshape(
        np.transpose(apart, (*range(0, 2 * rank, 2), *range(1, 2 * rank, 2))), (math.prod(a), math.prod(b))
    )


def _kron_expanded(a: Any, b: Any) -> Any:
    a_shape, b_shape = _blocks(np.shape(a), np.shape(b))
    apart_a = reshape(a, tuple(n for length in a_shape for n in (length, 1)))
    apart_b = reshape(b, tuple(n for length in b_shape for n in (1, length)))
    return reshape(multiply(apart_a, apart_b), _kron_shape(np.shape(a), np.shape(b)))


@op(
    symbol="⊗",
    a=lambda g, b, a_shape: np.reshape(_kron_pairs(g, a_shape, np.shape(b)) @ np.ravel(b), a_shape),
    b=lambda g, a, b_shape: np.reshape(np.ravel(a) @ _kron_pairs(g, np.shape(a), b_shape), b_shape),
    linear="each",
    formula="kron({a}, {b})",
    back={"a": "the block of {g} that it stands for, times {b}, summed", "b": "the blocks of {g} times {a}, summed"},
    shape=_kron_shape,
    cost=lambda a, b: math.prod(_kron_shape(a, b)),
    samples=pairs_of(((2, 3), (2, 2)), ((2,), (3,)), ((2, 1), (2, 2, 2)), ((2, 2), ()), ((2, 0), (1, 2))),
    expand=_kron_expanded,
    numpy=np.kron,
)
def kron(a: Array, b: Array) -> Any:
    """
    The Kronecker product: each element of `a` is replaced by that element times the whole of `b`.

    Operands of fewer axes get axes of length 1 in front.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.kron([[1.0, 2.0]], [[1.0], [10.0]])
    tensor([[ 1.,  2.],
            [10., 20.]])
    """
    return np.kron(*_as_arrays(a, b))
