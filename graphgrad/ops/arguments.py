"""How an operation with attributes is called: arguments by position and by name, sorted into operands and attributes.

Attributes are constants. They are kept in the graph, which is saved and run again: numbers, texts, arrays, tuples.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, NoReturn

import numpy as np

from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.graph.operation import Op
from graphgrad.graph.record import report
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tensor import Tensor
from graphgrad.ops import running
from graphgrad.ops.attributes import keep_flags
from graphgrad.ops.refusals import REFUSALS, explain
from graphgrad.ops.variants import without

__all__ = ["Prepare", "with_attributes"]

Prepare = Callable[[dict[str, Any]], None]
"""Brings attributes into the form in which they are kept (tuples, copies of index arrays), or refuses them."""

_REQUIRED = inspect.Parameter.empty
# Nearly all attributes are of these types, and may be kept as they are.
_PLAIN = frozenset({bool, int, float, str, tuple, type(None)})
_CONSTANTS = (bool, int, float, complex, str, tuple, list, slice, type(None), type(...), np.ndarray)


def with_attributes(op: Op, signature: inspect.Signature, prepare: Prepare | None) -> Callable[..., Any]:
    """The function that runs an operation which has attributes, optional operands, several results or any number.

    Parameters
    ----------
    op
        The declaration.
    signature
        Operands and attributes in the order in which a caller gives them.
    prepare
        See `Prepare`.
    """
    bind = _Binder(op, signature).bind
    optional = [(i, name) for i, name in enumerate(op.operands) if name in op.neutral]
    flags = [name for name in op.attributes if signature.parameters[name].annotation in (bool, "bool")]

    def keep(attrs: dict[str, Any]) -> None:
        for name in flags:
            if type(attrs[name]) is not bool:
                keep_flags(attrs, name)
        if prepare is not None:
            prepare(attrs)

    def bound(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        operands, attrs = bind(args, kwargs)
        for name, value in attrs.items():
            if type(value) not in _PLAIN and isinstance(value, Tensor) and value.requires_grad:
                _refuse_tensor(op, name)
        given = _members(op, operands[0]) if op.variadic else operands
        try:
            keep(attrs)
        except REFUSALS as error:
            explain(op, given, attrs, error, of_attributes=True)
        for name, value in attrs.items():
            if type(value) not in _PLAIN:
                attrs[name] = _constant(op, name, value)
        return given, attrs

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            operands, attrs = bound(args, kwargs)
        except Exception as error:
            report(op, _tensors((*args, *kwargs.values())), error)
            raise
        missing = [name for i, name in optional if operands[i] is None]
        if missing:
            return running.call(without(op, missing), [one for one in operands if one is not None], attrs)
        return running.call(op, operands, attrs)

    call.keep = keep  # type: ignore[attr-defined]  # for layers, which check attributes when they are made
    return call


def _refuse_tensor(op: Op, name: str) -> NoReturn:
    raise DTypeError(
        describe(
            f"{op.name}: {name} is a constant of the operation, not a tensor that a gradient could reach",
            hint=f"give {name}.item() or a number",
        )
    )


def _constant(op: Op, name: str, value: Any) -> Any:
    """An attribute in a form that a graph can keep."""
    if isinstance(value, np.generic):
        value = value.item()  # weak as Python's numbers, and kept as what JSON can hold
    if isinstance(value, Tensor):
        _refuse_tensor(op, name)
    if not isinstance(value, _CONSTANTS):
        got = f"got: {type(value).__name__} {value!r:.40}"
        raise DTypeError(describe(f"{op.name}: {name} is a number, a text, an array or a tuple of them", got))
    if isinstance(value, complex) and not op.complex:
        raise DTypeError(describe(f"{op.name}: {name} is a real number, got {value}"))
    return value


def _tensors(arguments: Sequence[Any]) -> list[Any]:
    """The tensors and scalars among arguments, and among those that are lists of them."""
    listed = (one if isinstance(one, (list, tuple)) else (one,) for one in arguments)
    return [one for one in chain.from_iterable(listed) if isinstance(one, (Tensor, Scalar))]


def _members(op: Op, sequence: Any) -> tuple[Any, ...]:
    try:
        members = tuple(sequence)
    except TypeError:
        kind = type(sequence).__name__
        raise DTypeError(describe(f"{op.name}: needs a sequence of tensors, got {kind}")) from None
    if not members:
        raise ShapeError(describe(f"{op.name}: needs at least one tensor"))
    return members


class _Binder:
    """Sorts the arguments of a call into operands and attributes."""

    def __init__(self, op: Op, signature: inspect.Signature) -> None:
        parameters = signature.parameters
        self.op = op
        self.signature = signature
        self.place = {name: i for i, name in enumerate(parameters)}
        self.defaults = [parameter.default for parameter in parameters.values()]
        self.most = sum(parameter.kind is not inspect.Parameter.KEYWORD_ONLY for parameter in parameters.values())
        # The place from which on all that is given by position is one operand, a sequence; by name it is a list.
        rest = (i for i, one in enumerate(parameters.values()) if one.kind is inspect.Parameter.VAR_POSITIONAL)
        self.rest = next(rest, None)
        self.required = [(name, i) for i, (name, one) in enumerate(parameters.items()) if one.default is _REQUIRED]
        self.operands = [self.place[name] for name in op.operands]
        self.attributes = [(name, self.place[name]) for name in op.attributes]

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The operands in order, None for one that was left out, and all attributes by name."""
        if self.rest is not None and len(args) > self.rest:
            args = (*args[: self.rest], args[self.rest :])
        given = len(args)
        if given > self.most:
            self.refuse(f"takes {self.most} arguments by position, got {given}")
        values = [*args, *self.defaults[given:]]
        for name, value in kwargs.items():
            place = self.place.get(name)
            if place is None:
                self.refuse(f"has no argument {name!r}")
            if place < given:
                self.refuse(f"got {name} twice")
            values[place] = value
        for _, place in self.required:
            if values[place] is _REQUIRED:
                absent = [name for name, place in self.required if values[place] is _REQUIRED]
                self.refuse(f"needs {', '.join(absent)}")
        return [values[place] for place in self.operands], {name: values[place] for name, place in self.attributes}

    def refuse(self, reason: str) -> NoReturn:
        untyped = [one.replace(annotation=_REQUIRED) for one in self.signature.parameters.values()]
        signature = f"{self.op.name}{self.signature.replace(parameters=untyped)}"
        raise TypeError(describe(f"{self.op.name}: {reason}", f"signature: {signature}"))
