"""What NumPy's own functions do with tensors: ``np.tanh(t)``, ``array * t``, ``np.sum(t, axis=0)``.

Functions that have a twin among the operations run that, so gradients flow. The others refuse, and say what to do:
silently computing on the values would drop the gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.late import late
from graphgrad.graph.tensor import Tensor
from graphgrad.graph.writes import wrote
from graphgrad.ops.entry import NUMPY_TWINS

__all__ = ["array_function", "array_ufunc"]

# Questions about an array, or ways to look at it, that no gradient has to pass.
_QUESTIONS: frozenset[Callable[..., Any]] = frozenset(
    {
        np.allclose,
        np.array2string,
        np.array_equal,
        np.array_repr,
        np.array_str,
        np.ndim,
        np.result_type,
        np.shape,
        np.size,
        np.can_cast,
        np.may_share_memory,
        np.shares_memory,
    }
)


def array_ufunc(ufunc: np.ufunc, method: str, *inputs: Any, out: tuple[Any, ...] | None = None, **kwargs: Any) -> Any:
    """Answer NumPy's dispatch of a ufunc with a tensor among its operands."""
    if out is not None and not any(isinstance(array, Tensor) for array in out):
        # ``array -= tensor`` leaves the graph by its own wording: the result is a bare array.
        values = [value.data if isinstance(value, Tensor) else value for value in inputs]
        result = getattr(ufunc, method)(*values, out=out, **kwargs)
        for array in out:
            wrote(array)
        return result
    if ufunc is np.divmod and method == "__call__" and out is None and not kwargs:
        return late.floor_divide(*inputs), late.remainder(*inputs)  # two operations: a twin is one
    twin = NUMPY_TWINS.get(ufunc)
    known = twin.op.attributes if twin is not None else {}  # type: ignore[attr-defined]
    unknown = [name for name in kwargs if name not in known]  # np.vecdot has an axis, and so has the operation
    if twin is None or method != "__call__" or out is not None or unknown:
        raise DTypeError(
            describe(
                f"np.{ufunc.__name__}: this call has no operation that a gradient could pass",
                *([f"method: {method}"] if method != "__call__" else []),
                *([f"arguments: {', '.join(unknown)}"] if unknown else []),
                hint="run it on the values with t.numpy(), if no gradient is wanted; gg.ops.TABLE holds the operations",
            )
        )
    return twin(*inputs, **kwargs)


def array_function(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """Answer NumPy's dispatch of any other function with a tensor among its arguments."""
    twin = NUMPY_TWINS.get(function)
    if twin is not None:
        return twin(*args, **kwargs)
    if function in _QUESTIONS:
        return function(*map(_values, args), **{name: _values(value) for name, value in kwargs.items()})
    name = getattr(function, "__name__", str(function))
    raise DTypeError(
        describe(
            f"np.{name}: there is no such operation on tensors that a gradient could pass",
            hint=f"run it on the values if no gradient is wanted: np.{name}(t.numpy())",
        )
    )


def _values(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) else value


late.array_ufunc = array_ufunc
late.array_function = array_function
