"""Which element types tensors have, and which one Python floats become."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.errors import DTypeError, describe

__all__ = ["as_array", "as_dtype", "check_dtype", "get_default_dtype", "set_default_dtype"]

Array = np.ndarray[Any, Any]

_default: np.dtype[Any] = np.dtype("float32")


def get_default_dtype() -> np.dtype[Any]:
    """The dtype that Python floats become in a tensor; float32 unless changed."""
    return _default


def set_default_dtype(dtype: DTypeLike) -> None:
    """Choose the dtype that Python floats become in a tensor.

    Parameters
    ----------
    dtype
        A floating dtype: ``"float32"``, ``"float64"`` or ``"float16"``. NumPy arrays keep theirs in any case.

    Raises
    ------
    DTypeError
        If `dtype` is not a floating one.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.set_default_dtype("float64")
    >>> gg.tensor([1.5]).dtype
    dtype('float64')
    >>> gg.set_default_dtype("float32")
    """
    global _default
    chosen = as_dtype(dtype, "set_default_dtype")
    if chosen.kind != "f":
        raise DTypeError(
            describe(
                f"set_default_dtype: {chosen} is not a floating dtype",
                "expected: float16, float32 or float64",
                hint="give an integer or bool dtype to the tensor itself: gg.tensor(data, dtype=...)",
            )
        )
    _default = chosen


def as_dtype(dtype: DTypeLike, what: str) -> np.dtype[Any]:
    """The dtype that is meant, with a clear refusal of what means none; NumPy takes None for float64."""
    try:
        if dtype is not None:
            return np.dtype(dtype)
    except TypeError:
        pass
    raise DTypeError(
        describe(f"{what}: {dtype!r:.40} is no dtype", hint="such as 'float32', 'float64', 'int64' or 'bool'")
    )


def check_dtype(array: Array, what: str) -> Array:
    """Return `array` if tensors can hold its elements, and say what is wrong if they can't."""
    if array.dtype.kind in "fiubc":
        return array
    raise DTypeError(
        describe(
            f"{what}: elements of dtype {array.dtype} are not numbers",
            "expected: bool, integers, floats or complex numbers",
            hint="rows of unequal length, text, None, or integers beyond 64 bits?",
        )
    )


def as_array(data: Any, dtype: DTypeLike | None = None, *, copy: bool, what: str = "tensor") -> Array:
    """Make an array of numbers of `data`: Python floats get the default dtype, arrays keep theirs.

    Complex numbers of Python's get the complex dtype of that precision.

    Parameters
    ----------
    data
        A number, nested lists of numbers, or an array.
    dtype
        The wanted dtype; None for the rule above.
    copy
        Whether the result must not share memory with `data`.
    what
        The function's name, for error texts.
    """
    typed = isinstance(data, (np.ndarray, np.generic)) or hasattr(data, "__array__")
    try:
        if dtype is not None:  # NumPy would read "1.5", take None for nan and drop imaginary parts
            _check_numbers(np.asarray(data), dtype, what)
        array = np.array(data, dtype=dtype, copy=True) if copy else np.asarray(data, dtype=dtype)
    except DTypeError:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        details = [f"got: {type(data).__name__} {_short(data)}", f"NumPy says: {error}"]
        raise DTypeError(describe(f"{what}: can't make an array of numbers", *details)) from None
    check_dtype(array, what)
    if dtype is None and not typed and array.dtype.kind in "fc":
        wanted = _default if array.dtype.kind == "f" else np.result_type(_default, np.complex64)
        array = array.astype(wanted, copy=False)
    return array


def _check_numbers(array: Array, dtype: DTypeLike, what: str) -> None:
    """Refuse what isn't made of numbers, before a wanted dtype hides it."""
    if array.dtype.kind == "c" and np.dtype(dtype).kind != "c":
        raise DTypeError(
            describe(
                f"{what}: the numbers are complex, {np.dtype(dtype)} can't hold them",
                hint="take their real part first: data.real, or gg.real(z)",
            )
        )
    if array.dtype.kind != "O" or not all(isinstance(value, int) for value in array.flat):  # ints beyond 64 bits
        check_dtype(array, what)


def _short(data: object) -> str:
    text = repr(data)
    return text if len(text) <= 60 else text[:57] + "..."
