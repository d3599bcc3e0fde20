"""Nests of numbers, as arguments of compiled functions come: what form they have, and the numbers in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tensor import Tensor

__all__ = ["Form", "fill", "maker", "size_of", "stacked", "take_apart"]

Array = np.ndarray[Any, Any]

Form = tuple[Any, ...]
"""What is left of a nest without its numbers; hashable.

``("number",)``, ``("array", shape)``, ``("sequence", make, members)``, where `make` makes a list, a tuple or a named
tuple of its members, or ``("dict", keys, members)``.
"""


def take_apart(nest: Any, what: str) -> tuple[Form, list[float]]:
    """The form of a nest, and its numbers in order.

    Raises
    ------
    DTypeError
        If there is something else than numbers, scalars, arrays of them, lists, tuples and dicts.
    """
    numbers: list[float] = []
    return _form(nest, numbers, what), numbers


def stacked(nest: Any, what: str) -> tuple[Form, list[Array]]:
    """The form of one of many nests that are given as one, and a row of values for each of its numbers.

    Raises
    ------
    DTypeError
        If there is something else than arrays with numbers, lists, tuples and dicts.
    ShapeError
        If an array has no axis along which it could be taken apart.
    """
    rows: list[Array] = []
    return _form_of_one(nest, rows, what), rows


def maker(sequence: list[Any] | tuple[Any, ...]) -> Callable[[Iterable[Any]], Any]:
    """What makes a list, a tuple or a named tuple of its members."""
    make: Callable[[Iterable[Any]], Any] = getattr(sequence, "_make", list if isinstance(sequence, list) else tuple)
    return make


def _form(nest: Any, numbers: list[float], what: str) -> Form:
    if isinstance(nest, (float, int, np.floating, np.integer, np.bool_)):
        numbers.append(float(nest))
        return ("number",)
    if isinstance(nest, Scalar):
        numbers.append(nest.data)
        return ("number",)
    if isinstance(nest, (np.ndarray, Tensor)):
        array = _floats(nest, what)
        numbers.extend(array.ravel().tolist())
        return ("array", array.shape)
    form = _form_of_members(nest, lambda member, where: _form(member, numbers, where), what)
    if form is not None:
        return form
    raise DTypeError(
        describe(
            f"{what}: numbers are needed, got {type(nest).__name__} {nest!r:.40}",
            hint="give numbers, scalars, arrays, or lists, tuples and dicts of them; what else the function needs "
            "can be taken from around it",
        )
    )


def _form_of_one(nest: Any, rows: list[Array], what: str) -> Form:
    if isinstance(nest, (np.ndarray, Tensor)):
        array = _floats(nest, what)
        if not array.ndim:
            raise ShapeError(describe(f"{what}: one number can't be taken apart", hint="in_axes None is for that"))
        shape = array.shape[1:]
        if not math.prod(shape):
            raise ShapeError(describe(f"{what}: an array of shape {array.shape} holds no numbers"))
        rows.extend(array.reshape(len(array), math.prod(shape)).T)
        return ("array", shape) if shape else ("number",)
    form = _form_of_members(nest, lambda member, where: _form_of_one(member, rows, where), what)
    if form is not None:
        return form
    raise DTypeError(
        describe(
            f"{what}: what is taken apart needs to be an array, got {type(nest).__name__} {nest!r:.40}",
            hint="np.array(...) of it; or in_axes None, if it is the same for all",
        )
    )


def _form_of_members(nest: Any, form_of: Callable[[Any, str], Form], what: str) -> Form | None:
    """The form of a list, a tuple or a dict; None of anything else."""
    if isinstance(nest, (list, tuple)):
        return ("sequence", maker(nest), tuple([form_of(one, f"{what}[{i}]") for i, one in enumerate(nest)]))
    if isinstance(nest, Mapping):
        return ("dict", tuple(nest), tuple([form_of(one, f"{what}[{key!r}]") for key, one in nest.items()]))
    return None


def _floats(array: Any, what: str) -> Array:
    array = np.asarray(array.data if isinstance(array, Tensor) else array)
    if array.dtype.kind not in "fiub":
        raise DTypeError(describe(f"{what}: an array of numbers is needed, got one of {array.dtype}"))
    floats: Array = array.astype(np.float64)
    return floats


def size_of(form: Form) -> int:
    """How many numbers a nest of this form holds."""
    match form:
        case ("number",):
            return 1
        case ("array", shape):
            return math.prod(shape)
    return sum(map(size_of, form[-1]))


def fill(form: Form, numbers: Iterable[Any], array: Callable[[list[Any], tuple[int, ...]], Any]) -> Any:
    """A nest of a form, with other things in the places of its numbers; `array` makes what stands for an array."""
    return _filled(form, iter(numbers), array)


def _filled(form: Form, numbers: Iterator[Any], array: Callable[[list[Any], tuple[int, ...]], Any]) -> Any:
    match form:
        case ("number",):
            return next(numbers)
        case ("array", shape):
            return array(list(islice(numbers, math.prod(shape))), shape)
        case ("sequence", make, members):
            return make([_filled(member, numbers, array) for member in members])
    _, keys, members = form
    return {key: _filled(member, numbers, array) for key, member in zip(keys, members, strict=True)}
