"""State as a tree of plain data, taken apart into JSON and arrays, and put together again.

What JSON has no word for is an object whose ``"$"`` says what it is: an array by its name, a tuple, NaN and infinities,
a dict whose keys aren't all texts. So that what comes back is what was saved: a tuple stays a tuple, 3 stays a key.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.tensor import Tensor

__all__ = ["pack", "unpack"]

Array = np.ndarray[Any, Any]

DEEPEST = 100
"""How far state may be nested: far more than anybody does, and far less than Python's stack."""

_KINDS = "biuf"  # and complex numbers, as pairs of floats
_COMPLEX = {"complex64": "float32", "complex128": "float64"}
_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_MAKERS: dict[str, Callable[[Array], Any]] = {
    "ndarray": lambda array: array,
    "tensor": Tensor,
    "number": lambda array: array[()],
}


def pack(tree: Any, name: str, arrays: dict[str, Array]) -> Any:
    """Take state apart: what JSON can write is returned, and the arrays in it are put among those by name.

    Parameters
    ----------
    tree
        None, booleans, numbers, texts, NumPy arrays and numbers, tensors, and lists, tuples and dicts of such.
    name
        What the names of its arrays begin with.
    arrays
        Where they go, under names that none of those there has.

    Raises
    ------
    DTypeError
        If there is anything else in it, with its place.
    """
    return _packed(tree, name, arrays, 0)


def _packed(value: Any, where: str, arrays: dict[str, Array], depth: int) -> Any:
    if depth > DEEPEST:
        raise DTypeError(describe(f"checkpoint: {where:.80}... is nested more than {DEEPEST} levels deep"))
    if isinstance(value, Tensor):
        return _put(value.data, "tensor", where, arrays)
    if isinstance(value, np.ndarray):
        return _put(value, "ndarray", where, arrays)
    if isinstance(value, np.generic):  # before float and int, which some of them are too
        return _put(np.asarray(value), "number", where, arrays)
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$": "float", "value": str(float(value))}
    if isinstance(value, (list, tuple)):
        items = [_packed(item, f"{where}.{i}", arrays, depth + 1) for i, item in enumerate(value)]
        return {"$": "tuple", "items": items} if isinstance(value, tuple) else items
    if isinstance(value, Mapping):
        pairs = [(key, _packed(item, f"{where}.{key}", arrays, depth + 1)) for key, item in value.items()]
        if all(type(key) is str and key != "$" for key, _ in pairs):
            return dict(pairs)
        for key, _ in pairs:
            if key is not None and not isinstance(key, (bool, int, str)):
                raise DTypeError(describe(f"checkpoint: {where} has a key that can't be saved: {key!r:.60}"))
        return {"$": "dict", "items": [list(pair) for pair in pairs]}
    raise DTypeError(
        describe(
            f"checkpoint: {where} can't be saved: {type(value).__name__} {value!r:.60}",
            "expected: numbers, texts, arrays, tensors, and lists, tuples and dicts of them",
            hint="what has state_dict() and load_state_dict() is saved too, as a part of its own",
        )
    )


def _put(array: Array, kind: str, where: str, arrays: dict[str, Array]) -> Any:
    note = {}
    if array.dtype.name in _COMPLEX:  # two floats each, along an axis of their own
        note["dtype"] = array.dtype.name
        array = np.ascontiguousarray(array)[..., None].view(_COMPLEX[array.dtype.name]).reshape(*array.shape, 2)
    if array.dtype.kind not in _KINDS or array.dtype.itemsize > 8:
        raise DTypeError(describe(f"checkpoint: {where} is an array of {array.dtype}, which can't be saved"))
    name = where
    while name in arrays:  # {"a.b": ..., "a": {"b": ...}}
        name += "'"
    arrays[name] = array
    return {"$": kind, "name": name, **note}


def unpack(tree: Any, arrays: Mapping[str, Array]) -> Any:
    """Put together what `pack` took apart.

    Raises
    ------
    ValueError
        If it isn't of that form.
    """
    return _unpacked(tree, arrays, 0)


def _unpacked(value: Any, arrays: Mapping[str, Array], depth: int) -> Any:
    if depth > DEEPEST * 2:  # each level of a tuple or a dict takes two
        raise ValueError(f"nested more than {DEEPEST} levels deep")
    if isinstance(value, list):
        return [_unpacked(item, arrays, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("$")
    if "$" not in value:
        return {key: _unpacked(item, arrays, depth + 1) for key, item in value.items()}
    if kind == "float" and value.get("value") in _SPECIAL:
        return _SPECIAL[value["value"]]
    if kind in ("tuple", "dict") and isinstance(value.get("items"), list):
        items = [_unpacked(item, arrays, depth + 1) for item in value["items"]]
        if kind == "tuple":
            return tuple(items)
        if all(isinstance(item, list) and len(item) == 2 for item in items):
            return {key: item for key, item in items if _is_key(key)}
    if isinstance(kind, str) and kind in _MAKERS and isinstance(value.get("name"), str) and value["name"] in arrays:
        return _MAKERS[kind](_complex(arrays[value["name"]], value.get("dtype")))
    raise ValueError(f"an entry that can't be read: {str(value)[:60]}")


def _is_key(key: Any) -> bool:
    if key is None or isinstance(key, (bool, int, str)):
        return True
    raise ValueError(f"a key that can't be one: {str(key)[:60]}")


def _complex(array: Array, dtype: Any) -> Array:
    if dtype is None:
        return array
    if not isinstance(dtype, str) or _COMPLEX.get(dtype) != array.dtype.name or array.shape[-1:] != (2,):
        raise ValueError(f"an array of {array.dtype} that can't be {str(dtype)[:20]}")
    return array.view(dtype)[..., 0]
