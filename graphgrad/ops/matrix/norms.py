"""Norms of vectors and matrices, and condition numbers.

`vector_norm` itself is among the aggregates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.aggregates import vector_norm
from graphgrad.ops.array.arithmetic import abs as absolute
from graphgrad.ops.array.arithmetic import divide, multiply
from graphgrad.ops.array.axes import moveaxis
from graphgrad.ops.array.reductions import Axis, prepare_axis
from graphgrad.ops.array.reductions import max as max_of
from graphgrad.ops.array.reductions import min as min_of
from graphgrad.ops.array.reductions import sum as sum_of
from graphgrad.ops.array.selection import where
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array
from graphgrad.ops.matrix.decompositions import general_samples
from graphgrad.ops.matrix.matrices import is_singular, matrix, square, values_of
from graphgrad.ops.matrix.solving import inv, regular_samples
from graphgrad.ops.matrix.spectral import svdvals
from graphgrad.ops.samples import array, sample
from graphgrad.ops.shapes import one_axis, reduced

NAMESPACE = "linalg"
__all__ = ["cond", "matrix_norm", "norm"]

Shape = tuple[int, ...]
Order = float | str | None

_ORDERS = ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)


def _order(given: Any, name: str) -> Order:
    """The order of a norm of matrices, as a text or a plain number."""
    if isinstance(given, (str, int, float, np.number)) and given in _ORDERS:
        return given if isinstance(given, str) else float(given) if math.isinf(given) else int(given)
    raise ValueError(f"{name} is one of {', '.join(map(str, _ORDERS))}, got {given!r}")


# ---- norms of matrices -----------------------------------------------------------------------------------------------


def _check_not_empty(shape: Shape, rows: int, columns: int, ord: Order) -> None:
    """Refuse a norm that is the largest or smallest of none."""
    among = {1: columns, -1: columns, 2: min(rows, columns), -2: min(rows, columns), "fro": 1, "nuc": 1}
    if not among.get(ord or "fro", rows):
        raise ValueError(
            f"a matrix of no elements has no norm of order {ord}, and shape {shape} has {rows} x {columns}"
        )


def _matrix_norm_shape(x: Shape, /, keepdims: bool, ord: Order) -> Shape:
    batch, rows, columns = matrix(x)
    _check_not_empty(x, rows, columns, ord)
    return (*batch, 1, 1) if keepdims else batch


def _cost(x: Shape, ord: Order) -> int:
    if ord not in ("nuc", 2, -2):
        return 3 * math.prod(x)
    m, n = max(x[-2:]), min(x[-2:])
    return math.prod(x[:-2]) * (4 * m * n * n - 4 * n**3 // 3)


def _prepare_matrix_norm(attrs: dict[str, Any]) -> None:
    attrs["keepdims"], attrs["ord"] = bool(attrs["keepdims"]), _order(attrs["ord"], "ord")


def _of_matrices(x: Any, ord: Order) -> Any:
    """The norm of the matrices in the last two axes."""
    match ord:
        case "fro":
            return vector_norm(x, axis=(-2, -1))
        case "nuc":
            return sum_of(svdvals(x), -1)
        case 2 | -2:
            return (max_of if ord > 0 else min_of)(svdvals(x), -1)
    over = -2 if abs(ord) == 1 else -1  # type: ignore[arg-type]
    return (max_of if ord > 0 else min_of)(sum_of(absolute(x), over), -1)  # type: ignore[operator]


def _matrix_norm_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(array(rng, 2, 3, apart=0.2), ord=1)
    yield sample(array(rng, 2, 2, 3, apart=0.2), ord=-math.inf, keepdims=True)
    yield sample(array(rng, 2, 2, apart=0.2))
    yield sample(array(rng, 3, 2, apart=0.2), ord=math.inf)
    yield sample(array(rng, 2, 3, apart=0.2), ord=-1)
    for order in ("nuc", 2, -2):
        yield sample(next(general_samples(rng, (3, 2))).operands[0], ord=order)
    yield sample(np.zeros((0, 2)))


@composite(
    symbol="‖·‖",
    formula="matrix_norm({x}, keepdims={keepdims}, ord={ord})",
    back={
        "x": "{g} times the slope of the norm: {x} / {out} for 'fro', U Vᵀ for 'nuc', u vᵀ of the singular value for 2"
        " and -2, sign({x}) in the column or row for the others"
    },
    shape=_matrix_norm_shape,
    cost=lambda x, keepdims, ord: _cost(x, ord),
    samples=_matrix_norm_samples,
    errors=(
        ErrorSample((np.zeros(3),), {}, ShapeError, "x must be a matrix, or a batch of them"),
        ErrorSample((np.zeros((0, 3)),), {"ord": math.inf}, ShapeError, "a matrix of no elements has no norm of order"),
        ErrorSample((np.zeros((2, 0)),), {"ord": 2}, ShapeError, "a matrix of no elements has no norm of order 2"),
        ErrorSample((np.eye(2),), {"ord": 3}, ArgumentError, "ord is one of fro, nuc, 1, -1, 2, -2, inf, -inf, got 3"),
    ),
    prepare=_prepare_matrix_norm,
    numpy=np.linalg.matrix_norm,
)
def matrix_norm(x: Array, *, keepdims: bool = False, ord: float | str = "fro") -> Any:
    """
    The norm of a matrix, or of each in a batch.

    Slopes at kinks are PyTorch's: 0 at a Frobenius norm of 0, and equal extremes share the gradient evenly.

    Parameters
    ----------
    x
        Shape (..., m, n).
    keepdims
        Keep the axes of the matrices, with length 1.
    ord
        ``"fro"``: the root of the sum of squares; ``"nuc"``: the sum of the singular values; 2: the largest singular
        value, -2 the smallest; 1: the largest sum of absolute values in a column, -1 the smallest; inf and -inf: the
        same in a row.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.matrix_norm([[1.0, -2.0], [3.0, 4.0]], ord=1)
    tensor(6.)
    """
    shape = _matrix_norm_shape(x.shape, keepdims, ord)
    found = _of_matrices(x, ord)
    return reshape(found, shape) if keepdims else found


# ---- norms of vectors and matrices -----------------------------------------------------------------------------------


def _prepare_norm(attrs: dict[str, Any]) -> None:
    prepare_axis(attrs)
    attrs["keepdims"] = bool(attrs["keepdims"])
    order = attrs["ord"]
    if order is None or isinstance(order, str):
        if order not in (None, "fro", "nuc"):
            raise ValueError(f"ord is a number, inf, -inf, 'fro', 'nuc' or None, got {order!r}")
    elif np.ndim(order) or math.isnan(order):
        raise ValueError(f"ord is a number, inf, -inf, 'fro', 'nuc' or None, got {order!r}")
    else:
        attrs["ord"] = int(order) if float(order).is_integer() else float(order)


def _matrix_axes(x: Shape, ord: Order, axis: Axis) -> tuple[int, int] | None:
    """The axes of rows and columns if the norm is one of matrices, None if it is one of vectors."""
    if axis is None and ord is not None and len(x) > 2:
        raise ValueError(f"a norm of order {ord} needs an axis for vectors or two for matrices; shape {x} has {len(x)}")
    axes = tuple(range(len(x))) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(axes) > 2 and not (axis is None and ord is None):
        raise ValueError(f"an axis for vectors or two for matrices are needed, got {axis}")
    places = [one_axis(int(one), len(x)) for one in axes]
    if len(set(places)) < len(places):
        raise ValueError(f"axis {axis} names an axis twice")
    if len(places) == 2 and not (axis is None and ord is None):
        if ord is not None and ord not in _ORDERS:
            raise ValueError(f"the order of a norm of matrices is one of {', '.join(map(str, _ORDERS))}, got {ord!r}")
        return places[0], places[1]
    if ord in ("fro", "nuc"):
        raise ValueError(f"ord {ord!r} is a norm of matrices, and one axis holds vectors")
    return None


def _norm_shape(x: Shape, /, ord: Order, axis: Axis, keepdims: bool) -> Shape:
    axes = _matrix_axes(x, ord, axis)
    if axes is not None:
        _check_not_empty(x, x[axes[0]], x[axes[1]], ord)
    else:
        vector_norm.op.shape(x, axis=axis, keepdims=keepdims, ord=2 if ord is None else ord)
    return reduced(x, axis, keepdims)


def _norm_cost(x: Shape, /, ord: Order, axis: Axis, keepdims: bool) -> int:
    axes = _matrix_axes(x, ord, axis)
    if axes is None:
        return 3 * math.prod(x)
    others = (n for i, n in enumerate(x) if i not in axes)
    return _cost((*others, x[axes[0]], x[axes[1]]), ord)


@composite(
    symbol="‖·‖",
    formula="norm({x}, {ord}, axis={axis}, keepdims={keepdims})",
    back={"x": "{g} times the slope of the norm, which is {x} / {out} for the usual one"},
    shape=_norm_shape,
    cost=_norm_cost,
    samples=lambda rng: [
        sample(array(rng, 2, 2, 3, apart=0.2), ord=1, axis=(2, 0), keepdims=True),
        sample(array(rng, 3, 2, apart=0.2)),
        sample(array(rng, 2, 3, apart=0.2), ord=3, axis=-1),
        sample(array(rng, 7, apart=0.2), ord=math.inf),
        sample(next(general_samples(rng, (2, 3))).operands[0], ord="nuc"),
        sample(array(rng, 2, 2, 2, apart=0.2), keepdims=True),
        sample(array(rng, apart=0.2)),
        sample(np.zeros((0, 2)), axis=1),
    ],
    errors=(
        ErrorSample(
            (np.zeros((2, 2, 2)),), {"ord": 2}, ShapeError, "a norm of order 2 needs an axis for vectors or two"
        ),
        ErrorSample((np.zeros((2, 2, 2)),), {"axis": (0, 1, 2)}, ShapeError, "an axis for vectors or two for matrices"),
        ErrorSample((np.zeros((2, 2)),), {"axis": (0, 0)}, ShapeError, "names an axis twice"),
        ErrorSample((np.zeros((2, 2)),), {"axis": 2}, ShapeError, "axis 2 is out of range"),
        ErrorSample((np.zeros(2),), {"ord": "fro"}, ShapeError, "ord 'fro' is a norm of matrices"),
        ErrorSample((np.zeros((2, 2)),), {"ord": 3}, ShapeError, "the order of a norm of matrices is one of"),
        ErrorSample((np.zeros((0, 2)),), {"ord": math.inf}, ShapeError, "a matrix of no elements has no norm of order"),
        ErrorSample((np.zeros(2),), {"ord": "max"}, ArgumentError, "ord is a number, inf, -inf, 'fro', 'nuc' or None"),
    ),
    prepare=_prepare_norm,
    covers=("P24.01",),
    numpy=np.linalg.norm,
)
def norm(x: Array, ord: float | str | None = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    The norm of vectors along one axis, or of matrices along two: `vector_norm` and `matrix_norm` in one function.

    Parameters
    ----------
    ord
        The order. None is the root of the sum of squares. For matrices see `matrix_norm`, for vectors `vector_norm`.
    axis
        An axis for vectors, two for matrices. None: `x` is one vector or matrix, or, without an order, any array, whose
        elements are taken as one vector.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.norm([[3.0, 4.0], [6.0, 8.0]], axis=1)
    tensor([ 5., 10.])
    """
    shape = _norm_shape(x.shape, ord, axis, keepdims)
    axes = _matrix_axes(x.shape, ord, axis)
    if axes is not None:
        last = (x.ndim - 2, x.ndim - 1)
        turned = x if axes == last else moveaxis(x, axes, last)
        found = _of_matrices(turned, "fro" if ord is None else ord)
    else:
        found = vector_norm(x, axis=axis, ord=2 if ord is None else ord)
    return reshape(found, shape) if keepdims else found


# ---- condition numbers -----------------------------------------------------------------------------------------------


def _cond_shape(x: Shape, /, p: Order) -> Shape:
    batch, rows, columns = matrix(x)
    if not rows or not columns:
        raise ValueError(f"a matrix of no elements has no condition number, and shape {x} has {rows} x {columns}")
    if p not in (None, 2, -2):
        square(x)
    return batch


def _cond_cost(x: Shape, /, p: Order) -> int:
    return _cost(x, 2) if p in (None, 2, -2) else 2 * math.prod(x) * x[-1] + 2 * _cost(x, p)


def _prepare_cond(attrs: dict[str, Any]) -> None:
    if attrs["p"] is not None:
        attrs["p"] = _order(attrs["p"], "p")


def _ratio(x: Any, p: Order) -> Any:
    """Of the largest singular value to the smallest, or the other way round."""
    s = svdvals(x)
    largest, smallest = s[..., 0], s[..., -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = divide(smallest, largest) if p == -2 else divide(largest, smallest)
    nothing = values_of(largest) == 0
    return where(nothing, np.inf, ratio) if nothing.any() else ratio


def _product(x: Any, p: Order) -> Any:
    """Of the norm and that of the inverse; infinite where there is none."""
    singular = is_singular(values_of(x))
    regular = where(singular[..., None, None], np.eye(x.shape[-1], dtype=x.dtype), x) if singular.any() else x
    product = multiply(_of_matrices(regular, p), _of_matrices(inv(regular), p))
    return where(singular, np.inf, product) if singular.any() else product


def _cond_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield next(general_samples(rng, (3, 2)))
    yield next(general_samples(rng, (2, 2, 3), p=-2))
    for x, p in zip(regular_samples(rng, (3, 3), (2, 2, 2), (3, 3)), ("fro", 1, "nuc"), strict=True):
        yield sample(x + 0.3, p=p)


@composite(
    symbol="κ",
    formula="cond({x}, p={p})",
    back={"x": "{g} times the slope of the ratio of singular values, or of the product of two norms"},
    shape=_cond_shape,
    cost=_cond_cost,
    samples=_cond_samples,
    errors=(
        ErrorSample((np.zeros(3),), {}, ShapeError, "x must be a matrix, or a batch of them"),
        ErrorSample((np.zeros((2, 3)),), {"p": 1}, ShapeError, "x must be a square matrix"),
        ErrorSample((np.zeros((0, 0)),), {}, ShapeError, "a matrix of no elements has no condition number"),
        ErrorSample((np.eye(2),), {"p": 3}, ArgumentError, "p is one of fro, nuc, 1, -1, 2, -2, inf, -inf, got 3"),
    ),
    prepare=_prepare_cond,
    covers=("P09.04",),
    numpy=np.linalg.cond,
)
def cond(x: Array, p: float | str | None = None) -> Any:
    """
    The condition number of a matrix, or of each in a batch: by how much it may enlarge a relative error.

    It is inf for a singular matrix.

    Parameters
    ----------
    x
        Shape (..., m, n); square but for `p` None, 2 and -2.
    p
        None or 2: the largest singular value over the smallest; -2: the smallest over the largest; any other order of
        `matrix_norm`: the norm times that of the inverse.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.cond([[1.0, 0.0], [0.0, 4.0]])
    tensor(4.)
    """
    _cond_shape(x.shape, p)
    return _ratio(x, p) if p in (None, 2, -2) else _product(x, p)
