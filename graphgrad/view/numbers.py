"""The one way in which every view writes numbers and arrays.

Four significant digits unless more are asked for; `full` gives every digit. What has not arrived is ``—``, never 0.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

__all__ = [
    "MISSING",
    "elements",
    "full",
    "number",
    "shape_text",
    "spread",
    "statistics",
    "sum_line",
    "summary",
    "table",
    "tolerance",
]

Array = np.ndarray[Any, Any]
Number = bool | int | float | complex | np.generic

MISSING = "—"
DIGITS = 4
# A range of values is a glance, not a reading.
_RANGE_DIGITS = 2
_WHOLE_UP_TO = 1_000_000


def number(value: Any, digits: int = DIGITS) -> str:
    """Write one number.

    Parameters
    ----------
    value
        A Python or NumPy number, an array of one element, or None for what has not arrived.
    digits
        Significant digits. Integers, and floats below a million that are whole, are written in full; ``1.000`` is
        close to 1, and ``1`` is exactly that. Of complex numbers both parts are written so.

    Examples
    --------
    >>> [number(value) for value in (0.035325, 33.0, 0.99999, 1.2341e-5, True, float("nan"), None, 1.5 - 2j)]
    ['0.03533', '33', '1.000', '1.234e-05', 'True', 'nan', '—', '1.5-2j']
    """
    if value is None:
        return MISSING
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.item()
    if isinstance(value, (bool, int)):
        return str(value)
    if value == 0:
        return "0"
    if isinstance(value, complex):
        real, imag = number(value.real, digits), number(value.imag, digits)
        return f"{real}{'' if imag.startswith('-') else '+'}{imag}j"
    if abs(value) < _WHOLE_UP_TO and value == int(value):
        return str(int(value))
    text = format(value, f".{digits}g")
    if text.lstrip("-").isdigit():
        text = format(value, f"#.{digits}g").rstrip(".")
    return text


def full(value: Any) -> str:
    """Write a number, or all elements of an array, so that reading it gives the same bits again.

    Examples
    --------
    >>> full(0.1 + 0.2), full(np.float32(0.1)), full(None)
    ('0.30000000000000004', '0.1', '—')
    """
    if value is None:
        return MISSING
    array = np.asarray(value)
    if array.ndim == 0:
        # An element's own type gives the shortest text that comes back to the same bits.
        return str(array[()])
    return np.array2string(array, separator=", ", threshold=sys.maxsize, floatmode="unique")


def shape_text(shape: Sequence[int]) -> str:
    """Write a shape as Python does; nothing for a single number.

    Examples
    --------
    >>> shape_text((64, 32)), shape_text((3,)), shape_text(())
    ('(64, 32)', '(3,)', '')
    """
    return str(tuple(int(length) for length in shape)) if len(shape) else ""


def summary(value: Any, width: int = 24, shape: bool = True) -> str:
    """Write an array in a few characters: its elements if they fit, else its shape and their range.

    Parameters
    ----------
    value
        An array or a number; None for what has not arrived.
    width
        The most characters that the elements may take; the range may take more.
    shape
        Whether the shape stands before the range.

    Examples
    --------
    >>> summary(np.array([1.0, 2.5])), summary(np.eye(2)), summary(np.arange(100.0).reshape(10, 10))
    ('[1 2.5]', '[[1 0] [0 1]]', '(10, 10) 0..99')
    """
    if value is None:
        return MISSING
    array = np.asarray(value)
    if array.ndim == 0:
        return number(array)
    short = elements(array, width)
    if short is not None:
        return short
    text = spread(array)
    return f"{shape_text(array.shape)} {text}" if shape else text


def elements(array: Array, width: int) -> str | None:
    """All elements in brackets, None if they take more than `width` characters."""
    # Each takes a digit and a blank at least, so most arrays are seen to be too long without being written.
    if 2 * array.size - 1 > width:
        return None
    text = _nested(array)
    return text if len(text) <= width else None


def _nested(array: Array) -> str:
    if array.ndim == 0:
        return number(array)
    return "[" + " ".join(_nested(part) for part in array) + "]"


def spread(array: Array) -> str:
    """The range of an array's elements, of complex ones that of their size; if some are nan or infinite, how many.

    Examples
    --------
    >>> spread(np.array([0.25, -2.0])), spread(np.array([0.0, -np.inf]))
    ('-2..0.25', '1 -inf of 2')
    """
    if not array.size:
        return "empty"
    if array.dtype.kind == "c":
        return f"|z| {spread(np.abs(array))}"
    if array.dtype.kind == "b":
        return f"{np.count_nonzero(array)} of {array.size} True"
    finite = np.isfinite(array)
    if finite.all():
        low, high = number(array.min(), _RANGE_DIGITS), number(array.max(), _RANGE_DIGITS)
        return f"all {low}" if low == high and array.min() == array.max() else f"{low}..{high}"
    bad = {"nan": np.isnan(array), "+inf": np.isposinf(array), "-inf": np.isneginf(array)}
    counts = {what: np.count_nonzero(places) for what, places in bad.items()}
    return f"{', '.join(f'{count} {what}' for what, count in counts.items() if count)} of {array.size}"


def statistics(value: Any) -> str:
    """Write what an array is like, in one line: shape, range, mean and norm; of complex elements, of their size.

    Examples
    --------
    >>> statistics(np.array([[3.0, 0.0], [0.0, -4.0]]))
    'shape (2, 2), min -4, max 3, mean -0.25, norm 5'
    """
    array = np.asarray(value)
    parts = [f"shape {shape_text(array.shape) or '()'}"]
    if array.dtype.kind == "c":
        array = np.abs(array)
        parts.append("of |z|")
    if array.size and array.dtype.kind != "b":
        bad = array.size - int(np.count_nonzero(np.isfinite(array)))
        if bad:
            parts.append(spread(array))
        else:
            mean, norm = _mean_and_norm(array.astype(np.float64))
            parts += [f"min {number(array.min())}", f"max {number(array.max())}"]
            parts += [f"mean {number(mean)}", f"norm {number(norm)}"]
    elif array.size:
        parts.append(spread(array))
    else:
        parts.append("empty")
    return ", ".join(parts)


def _mean_and_norm(array: Array) -> tuple[float, float]:
    with np.errstate(over="ignore", under="ignore"):
        mean, norm = array.mean(), np.linalg.norm(array)
        largest = np.abs(array).max()
        if largest and not 0 < norm < math.inf:
            # Squares leave the range of floats long before the norm does.
            mean, norm = largest * (array / largest).mean(), largest * np.linalg.norm(array / largest)
    return float(mean), float(norm)


def table(value: Any, rows: int = 8, columns: int = 8) -> tuple[str, ...]:
    """Write an array as lines with aligned columns; what is left out is marked by ``…``.

    Of more than two axes the first matrix is written, under a line that says which one it is.

    Parameters
    ----------
    value
        An array or a number.
    rows, columns
        The most that are written, with the ``…`` among them; at least 3.

    Examples
    --------
    >>> table(np.arange(15.0).reshape(3, 5) / 4, columns=4)
    ('   0 0.25 …    1', '1.25  1.5 … 2.25', ' 2.5 2.75 …  3.5')
    """
    array = np.asarray(value)
    if not array.size:
        return (f"empty, shape {shape_text(array.shape)}",)
    lines: list[str] = []
    if array.ndim > 2:
        lead = (0,) * (array.ndim - 2)
        lines.append(f"[{', '.join(map(str, lead))}, :, :] of shape {shape_text(array.shape)}")
        array = array[lead]
    array = np.atleast_2d(array)
    down, across = _picked(array.shape[0], rows), _picked(array.shape[1], columns)
    cells = [["…" if None in (i, j) else number(array[i, j]) for j in across] for i in down]
    widths = [max(len(row[j]) for i, row in zip(down, cells, strict=True) if i is not None) for j in range(len(across))]
    for i, row in zip(down, cells, strict=True):
        lines.append("…" if i is None else " ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)))
    return tuple(lines)


def _picked(length: int, most: int) -> list[int | None]:
    """The places that are shown, None where some are left out."""
    if length <= most:
        return list(range(length))
    tail = max(1, (most - 1) // 3)
    return [*range(most - 1 - tail), None, *range(length - tail, length)]


def sum_line(contributions: Sequence[Any], total: Any, most: int = 6) -> str:
    """Write a sum so that what is printed adds up as printed, or else with ``≈``.

    Parameters
    ----------
    contributions
        Numbers or arrays of one shape, in order of arrival.
    total
        Their sum, as the engine computed it.
    most
        How many contributions are written out.

    Examples
    --------
    >>> sum_line([0.1, 0.2], 0.30000000000000004), sum_line([1 / 3, 1 / 3], 2 / 3)
    ('0.1 + 0.2 = 0.3', '0.3333 + 0.3333 ≈ 0.6667')
    """
    arrays = [np.asarray(one) for one in contributions]
    whole = np.asarray(total)
    if not arrays:
        return MISSING
    texts = [summary(array) for array in arrays]
    if len(texts) == 1:
        return texts[0]
    if whole.ndim and any(elements(array, 24) is None for array in (*arrays, whole)):
        return f"{len(texts)} contributions, added element by element: {summary(whole)}"
    shown = [_signed(text) for text in texts]
    if len(shown) > most:
        shown = [*shown[: most - 1], f"… ({len(shown) - most} more)", shown[-1]]
    sign = "=" if _adds_up(arrays, whole) else "≈"
    return f"{' + '.join(shown)} {sign} {summary(whole)}"


def _signed(text: str) -> str:
    return f"({text})" if text.startswith("-") or text.endswith("j") else text


def _adds_up(arrays: Sequence[Array], whole: Array) -> bool:
    if any(array.dtype.kind == "c" for array in (*arrays, whole)):
        sides: tuple[Any, ...] = (np.real, np.imag)
        return all(_adds_up([side(array) for array in arrays], side(whole)) for side in sides)
    for total, *parts in zip(whole.flat, *(array.flat for array in arrays), strict=True):
        if all(math.isfinite(one) for one in (total, *parts)):
            if sum((Decimal(number(one)) for one in parts), Decimal(0)) != Decimal(number(total)):
                return False
        elif number(sum(float(one) for one in parts)) != number(total):
            return False
    return True


def tolerance(text: str) -> float:
    """How far a prediction may be from a number that is shown as `text`: half a unit of its third significant digit.

    Whoever computes with the four digits that are shown gets three of them right. Zero is shown for zero alone; next to
    it, a prediction may be off by 0.0005. What is no finite number has to be met exactly.

    Examples
    --------
    >>> tolerance("0.03533"), tolerance("33"), tolerance("nan")
    (5e-05, 0.05, 0.0)
    """
    try:
        value = Decimal(text)
    except ArithmeticError:
        return 0.0
    if not value.is_finite():
        return 0.0
    exponent = 0 if value == 0 else value.adjusted()
    return float(Decimal(5).scaleb(exponent - (3 if value else 4)))
