"""The small parts of a file: arrays and attribute values as JSON, and a reader that knows where it is.

Strict JSON has no nan, no tuples and no arrays, so whatever it lacks is an object with one key that says what it is:
``{"float": "nan"}``, ``{"tuple": [1, 2]}``, ``{"array": {...}}``.
"""

from __future__ import annotations

import base64
import binascii
import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import numpy as np

from graphgrad.graph.errors import GraphgradError, describe

__all__ = ["DTYPES", "FileError", "Reader", "dtype_name", "encode_array", "encode_value"]

Array = np.ndarray[Any, Any]

DTYPES = frozenset(
    [
        "bool",
        *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
        *(f"float{bits}" for bits in (16, 32, 64)),
        "complex64",
        "complex128",
    ]
)
"""The element types that a file can hold."""

_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_DEEPEST = 50


class FileError(GraphgradError, ValueError):
    """A file, or a text, that holds no graph and no walk."""


# ---- writing ---------------------------------------------------------------------------------------------------------


@functools.cache
def dtype_name(dtype: np.dtype[Any]) -> str:
    """What a dtype is called. NumPy composes that anew each time, which is most of the time that small arrays take."""
    return dtype.name


def encode_array(array: Array, what: str) -> dict[str, Any]:
    """An array as JSON: its elements in row-major order, little-endian, in base64; complex ones are pairs of floats."""
    name = dtype_name(array.dtype)
    if name not in DTYPES:
        raise FileError(describe(f"save: {what} is of dtype {array.dtype}", f"expected: one of {_names(DTYPES)}"))
    data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    return {"dtype": name, "shape": list(array.shape), "data": base64.b64encode(data).decode("ascii")}


def encode_value(value: Any, what: str) -> Any:
    """An attribute, or a number that stands in the code, as JSON."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, np.generic):
        return {"generic": encode_array(np.asarray(value), what)}
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": "nan" if value != value else f"{value}"}
    if isinstance(value, np.ndarray):
        return {"array": encode_array(value, what)}
    if isinstance(value, list):
        return [encode_value(one, what) for one in value]
    if isinstance(value, tuple):
        return {"tuple": [encode_value(one, what) for one in value]}
    if isinstance(value, slice):
        return {"slice": [encode_value(one, what) for one in (value.start, value.stop, value.step)]}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"dict": {key: encode_value(one, what) for key, one in value.items()}}
    raise FileError(
        describe(
            f"save: {what} is a {type(value).__name__}, which a file can't hold",
            "expected: numbers, text, None, slices, arrays, and lists, tuples or dicts of these",
        )
    )


# ---- reading ---------------------------------------------------------------------------------------------------------


class Reader:
    """A value of a parsed file, and the path to it, which every complaint names."""

    __slots__ = ("path", "value")

    def __init__(self, value: Any, path: str = "$") -> None:
        self.value = value
        self.path = path

    def fail(self, what: str, expected: str = "", got: str = "") -> NoReturn:
        """Say what is wrong here."""
        details = [f"{title}: {text}" for title, text in (("expected", expected), ("got", got)) if text]
        raise FileError(describe(f"load: {what}", f"in: {self.path}", *details))

    def _wrong_type(self, expected: str) -> NoReturn:
        self.fail("a value of the wrong kind", expected, _short(self.value))

    def fields(self, *names: str) -> dict[str, Reader]:
        """An object that has exactly these keys."""
        if not isinstance(self.value, dict):
            self._wrong_type(f"an object with {_names(names)}")
        missing = [name for name in names if name not in self.value]
        unknown = [name for name in self.value if name not in names]
        if missing:
            self.fail(f"{missing[0]!r} is missing", f"an object with {_names(names)}", _names(self.value))
        if unknown:
            self.fail(f"{_short(unknown[0])} is unknown", f"an object with {_names(names)}")
        return {name: Reader(self.value[name], f"{self.path}.{name}") for name in names}

    def items(self) -> list[Reader]:
        """The members of a list."""
        if not isinstance(self.value, list):
            self._wrong_type("a list")
        return [Reader(one, f"{self.path}[{i}]") for i, one in enumerate(self.value)]

    def members(self) -> Iterator[tuple[str, Reader]]:
        """The keys and values of an object."""
        if not isinstance(self.value, dict):
            self._wrong_type("an object")
        for key, one in self.value.items():
            yield key, Reader(one, f"{self.path}.{key}" if key.isidentifier() else f"{self.path}[{_short(key)}]")

    def integer(self, low: int | None = None) -> int:
        """An integer, of at least `low`."""
        if type(self.value) is not int:
            self._wrong_type("an integer")
        if low is not None and self.value < low:
            self.fail("a number that is too small", f"at least {low}", str(self.value))
        return self.value

    def boolean(self) -> bool:
        """True or false."""
        if type(self.value) is not bool:
            self._wrong_type("true or false")
        return self.value

    def text(self) -> str:
        """A text."""
        if not isinstance(self.value, str):
            self._wrong_type("a text")
        return self.value

    def optional_text(self) -> str | None:
        """A text or null."""
        return None if self.value is None else self.text()

    def dtype(self) -> np.dtype[Any]:
        """The name of an element type."""
        name = self.text()
        if name not in DTYPES:
            self.fail("an element type that tensors don't have", f"one of {_names(DTYPES)}", _short(name))
        return np.dtype(name)

    def shape(self, most: int) -> tuple[int, ...]:
        """A shape of at most `most` elements."""
        shape = tuple(one.integer(0) for one in self.items())
        if len(shape) > 64:
            self.fail(f"a shape of {len(shape)} axes", "at most 64")
        # An axis of length 0 doesn't make the others any shorter.
        size = math.prod(max(length, 1) for length in shape)
        if size > most:
            self.fail(f"shape {_short(shape)} has too many elements", f"at most {most:,}", f"{size:,}")
        return shape

    def array(self, most: int) -> Array:
        """An array, read-only."""
        parts = self.fields("dtype", "shape", "data")
        dtype, shape = parts["dtype"].dtype(), parts["shape"].shape(most)
        try:
            data = base64.b64decode(parts["data"].text(), validate=True)
        except (binascii.Error, ValueError) as error:
            parts["data"].fail(f"this is no base64: {error}")
        size = math.prod(shape) * dtype.itemsize
        if len(data) != size:
            parts["data"].fail(
                "not as many bytes as the shape needs", f"{size:,} for {shape} of {dtype}", f"{len(data):,}"
            )
        array = np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
        if dtype.kind == "b" and not np.isin(array.view(np.uint8), (0, 1)).all():
            parts["data"].fail("bools must be the bytes 0 or 1")
        array = array.copy() if array.base is not None else array
        array.flags.writeable = False
        return array

    def number(self) -> bool | int | float:
        """A number as Python has it."""
        value = self.decoded(0)
        if not isinstance(value, (bool, int, float)):
            self._wrong_type('a number, or {"float": "nan"} and its kind')
        return value

    def decoded(self, most: int, depth: int = 0) -> Any:
        """An attribute's value."""
        value = self.value
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if depth > _DEEPEST:
            self.fail("values within values, too deep", f"at most {_DEEPEST} levels")
        if isinstance(value, list):
            return [one.decoded(most, depth + 1) for one in self.items()]
        ((kind, inner),) = self.members() if len(value) == 1 else [("", self)]
        match kind:
            case "float":
                if inner.text() not in _FLOATS:
                    inner.fail("no such float", "nan, inf or -inf", _short(inner.value))
                return _FLOATS[inner.text()]
            case "tuple":
                return tuple(one.decoded(most, depth + 1) for one in inner.items())
            case "slice":
                ends = [None if one.value is None else one.integer() for one in inner.items()]
                if len(ends) != 3:
                    inner.fail("a slice has a start, a stop and a step", "3 members", str(len(ends)))
                return slice(*ends)
            case "ellipsis":
                return Ellipsis
            case "dict":
                return {key: one.decoded(most, depth + 1) for key, one in inner.members()}
            case "array":
                return inner.array(most)
            case "generic":
                array = inner.array(most)
                if array.shape:
                    inner.fail("a single number has shape ()", "[]", str(list(array.shape)))
                return array[()]
        self._wrong_type('a value, or an object with one of "float", "tuple", "slice", "ellipsis", "dict", "array"')


def _names(names: Any) -> str:
    return ", ".join(_short(name) if not str(name).isidentifier() else str(name) for name in sorted(names, key=str))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
