"""Arrays of single numbers that are Scalars: an operation's own NumPy code runs on them, and is recorded as it does.

NumPy keeps any object in an array, and asks the array's class what its functions are to do. Here they run the
operations on scalars, so that a matrix product leaves behind the multiplications and additions that it is made of.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.bridge import leaves_of, placed
from graphgrad.graph.graph import Graph
from graphgrad.graph.mode import MODE, Mode
from graphgrad.graph.node import Node, Output
from graphgrad.graph.operation import Op
from graphgrad.graph.record import Recording
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.declare import find
from graphgrad.ops.entry import NUMPY_TWINS

__all__ = ["REFUSALS", "Cells", "Unnoticed", "leaf_cells", "run_on_cells"]

Array = np.ndarray[Any, Any]

REFUSALS = (TypeError, AttributeError, ValueError)
"""What is raised where an operation's code does something that single numbers can't."""


class Unnoticed(Recording):
    """Keeps operations that need no gradient in the graph, and leaves the user's line out of it."""

    def node(self, node: Node, outputs: tuple[Tensor, ...], sources: tuple[Node | Output, ...]) -> None:
        for tensor, source in zip(outputs, sources, strict=True):
            self.remember(tensor, source)

    def leaf(self, tensor: Tensor) -> None:
        """No variable of the user's holds it."""


class Cells(np.ndarray[Any, Any]):
    """An array of Scalars, which answers NumPy's functions with the operations on scalars."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [one.view(np.ndarray) if isinstance(one, Cells) else one for one in inputs]
        twin = NUMPY_TWINS.get(ufunc)
        op: Op | None = getattr(twin, "op", None)
        if op is not None and op.scalar is not None:
            function = functools.partial(_apply, op)
            if method == "__call__":
                return _as_cells(np.frompyfunc(function, ufunc.nin, 1)(*plain, **kwargs))
            if method == "reduce":
                return _as_cells(_fold(function, plain[0], **kwargs))
        elif method == "__call__" and ufunc is np.matmul:
            return _as_cells(np.matmul(*plain, **kwargs))
        elif method == "__call__" and ((op is not None and not op.differentiable) or ufunc in _PREDICATES):
            # What passes no gradient is a plain number from here on.
            return ufunc(*(_floats(one) for one in plain), **kwargs)
        return NotImplemented

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """Themselves: a Scalar has the one precision that it has."""
        return self

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _as_cells(super().__array_function__(function, types, args, kwargs))


_PREDICATES = frozenset({np.isfinite, np.isnan, np.isinf})


def leaf_cells(values: Array, name: str) -> Cells:
    """A leaf for each element, named by its place."""
    names = [placed(name, place) for place in np.ndindex(values.shape)]
    made = np.empty(values.size, object)
    made[:] = leaves_of(values.astype(np.float64).reshape(-1).tolist(), True, names, Scalar)
    return made.reshape(values.shape).view(Cells)


def _as_cells(values: Any) -> Any:
    """The result of a NumPy function; a single Scalar as an array without axes, as which it still can do everything."""
    if isinstance(values, Scalar):
        made = np.empty((), object)
        made[()] = values
        return made.view(Cells)
    return values.view(Cells) if isinstance(values, np.ndarray) and values.dtype == object else values


def _floats(values: Any) -> Any:
    if isinstance(values, Scalar):
        return values.data
    if isinstance(values, np.ndarray) and values.dtype == object:
        return np.array([float(one) for one in values.flat]).reshape(values.shape)
    return values


def _apply(op: Op, *values: Any) -> Any:
    if any(isinstance(value, Scalar) for value in values):
        return op.call(*(value if isinstance(value, Scalar) else float(value) for value in values))
    return float(op.forward(*map(np.float64, values)))


def _fold(
    function: Callable[[Any, Any], Any],
    values: Array,
    axis: int | tuple[int, ...] | None = 0,
    keepdims: bool = False,
    initial: float | None = None,
) -> Any:
    """Reduce along one axis or several, from left to right."""
    axes = range(values.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(sorted(one % values.ndim for one in axes))
    inner = np.moveaxis(values, axes, range(values.ndim - len(axes), values.ndim))
    result = np.empty(inner.shape[: values.ndim - len(axes)], object)
    for place in np.ndindex(result.shape):
        row = inner[place].reshape(-1).tolist() if axes else [inner[place]]
        # NumPy starts a maximum from -inf, so that there is one of nothing; of something it changes nothing.
        result[place] = functools.reduce(
            function, row if initial is None or (row and initial == -math.inf) else [initial, *row]
        )
    if keepdims:
        return result.reshape([1 if i in axes else length for i, length in enumerate(values.shape)])
    return result


def _checked(op: Op, result: Any) -> Any:
    """The result in cells; refused if the operation's code made plain floats of them and so lost the graph."""
    cells = _as_cells(result)
    if not op.differentiable or not isinstance(cells, np.ndarray):
        return cells
    if not isinstance(cells, Cells):
        raise TypeError(f"{op.name} makes plain numbers of them")
    for place in np.ndindex(cells.shape):
        one = cells[place]
        if isinstance(one, np.ndarray):  # NumPy puts an array without axes into a place as it is
            cells[place] = one.item()
    return cells


def run_on_cells(op: Op, operands: Sequence[Any], attrs: Any) -> Any:
    """Run an operation on arrays of scalars: element by element, by its own code, or by that of its expansion."""
    if op.scalar is not None:
        plain = [one.view(np.ndarray) if isinstance(one, Cells) else one for one in operands]
        return _as_cells(np.frompyfunc(functools.partial(_apply, op), len(plain), 1)(*plain))
    try:
        return _checked(op, op.forward(list(operands), **attrs) if op.variadic else op.forward(*operands, **attrs))
    except REFUSALS:
        if op.expand is None:
            raise
    # The expansion is found out on tensors, and then run step by step.
    leaves = [Tensor(np.asarray(_floats(one))) for one in operands]
    token = MODE.set(Mode(True, Unnoticed(), ""))
    try:
        graph = Graph.of(op.expand(*leaves, **attrs))
    finally:
        MODE.reset(token)
    known = {leaf.number: (one,) for leaf, one in zip(leaves, operands, strict=True)}
    values: dict[int, Any] = {}
    for vertex in graph:
        if vertex.op is None:
            leaf = vertex.leaf
            values[vertex.id] = known.get(vertex.id, (leaf.data if isinstance(leaf, Tensor) else leaf,))
        else:
            result = run_on_cells(
                find(vertex.op), [values[one.vertex][one.port] for one in vertex.operands], vertex.attrs
            )
            values[vertex.id] = result if isinstance(result, tuple) else (result,)
    output = graph.outputs[0]
    return values[output.vertex][output.port]
