"""Inputs to come: what layers and operations are called on to build a `Model` instead of computing anything (P25.04).

    x = nn.Input((64,))
    h = nn.Linear(64, 32)(x)          # a symbolic tensor of shape (None, 32)
    model = nn.Model(x, nn.Linear(32, 10)(h + 1.0))

A symbolic tensor knows its shape, its dtype, and the call that gives it. A call is run at once on zeros, for batches of
two lengths: whatever differs between them has a length that depends on the batch, which is None in its shape. The model
makes the same calls again on real values. Layers are called as they are then, with their parameters and switches.
Hooks of layers are called in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.dtypes import as_dtype, get_default_dtype
from graphgrad.graph.errors import DTypeError, GraphError, GraphgradError, ShapeError, check_name, describe
from graphgrad.graph.node import next_number
from graphgrad.graph.operation import Op
from graphgrad.graph.tensor import Tensor
from graphgrad.nn.probing import probing
from graphgrad.ops.array.stopping import stop_gradient
from graphgrad.ops.declare import find

if TYPE_CHECKING:
    from graphgrad.nn.module import Module

__all__ = [
    "BEGUN",
    "Call",
    "Input",
    "OpenShape",
    "Operation",
    "SymbolicTensor",
    "has_symbols",
    "leaves",
    "mapped",
    "record",
    "symbols_in",
]

Shape = tuple[int, ...]
OpenShape = tuple[int | None, ...]

# What an open length is when a call is run: the batch, and any other. Long enough for kernels, and halved three times.
_BATCHES = (2, 3)
_LENGTHS = (16, 24)

BEGUN: set[str] = set()
"""Not empty once there was an `Input`: until then no module has to look for symbolic tensors when it is called."""


class Operation:
    """An operation with its attributes, as something to call."""

    __slots__ = ("attrs", "op")

    def __init__(self, op: Op, attrs: Mapping[str, Any]) -> None:
        self.op, self.attrs = op, attrs

    def __call__(self, *operands: Any) -> Any:
        return self.op.run(operands, self.attrs)

    def __reduce__(self) -> tuple[Any, ...]:
        return _operation, (self.op.name, dict(self.attrs))  # a copy has the same declaration


def _operation(name: str, attrs: Mapping[str, Any]) -> Operation:
    return Operation(find(name), attrs)


class Call:
    """One call of a layer or of an operation on symbolic tensors.

    Attributes
    ----------
    number
        Counts up over all calls: each comes after those that its arguments are from.
    target
        The `Module` or the `Operation`.
    args, kwargs
        What it was called with.
    results
        How many tensors it gives.
    """

    __slots__ = ("args", "kwargs", "number", "results", "target")

    def __init__(self, target: Module | Operation, args: tuple[Any, ...], kwargs: dict[str, Any], results: int) -> None:
        self.number = next_number()
        self.target, self.args, self.kwargs, self.results = target, args, kwargs, results


class SymbolicTensor(Tensor):
    """A tensor without values, which stands for those that a `Model` will have in its place.

    Operators, methods and operations give symbolic tensors again, and so do layers. Make one with `Input`.

    Attributes
    ----------
    shape
        With None for lengths that depend on the batch.
    dtype
        The element type.
    name
        That of the `Input`; None for what was computed.
    call, index
        The call that gives it, None for an `Input`; and which of its results it is.
    """

    __slots__ = ("_dtype", "_label", "call", "index", "sizes")

    def __init__(
        self,
        sizes: tuple[Shape, Shape],
        dtype: np.dtype[Any],
        name: str | None = None,
        call: Call | None = None,
        index: int = 0,
    ) -> None:
        self.sizes = sizes
        self._dtype, self._label = dtype, name
        self.call, self.index = call, index

    @property
    def shape(self) -> OpenShape:  # type: ignore[override]
        return tuple(one if one == other else None for one, other in zip(*self.sizes, strict=True))

    @property
    def ndim(self) -> int:
        return len(self.sizes[0])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._dtype

    @property
    def name(self) -> str | None:
        return self._label

    @name.setter
    def name(self, value: str | None) -> None:
        self._label = check_name(value)

    @property
    def requires_grad(self) -> bool:
        return False

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self._without_values()

    def detach(self) -> Tensor:
        found: Tensor = stop_gradient(self)
        return found

    def apply(self, op: Op, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
        """Take note of an operation that has this among its operands."""
        if attrs.get("seed") is not None:
            raise GraphError(
                describe(
                    f"{op.name}: would draw the same numbers at each call of the model",
                    hint="a layer draws anew, such as nn.Dropout; else draw in the forward of a Module of your own",
                )
            )
        return record(Operation(op, attrs), tuple(operands), {})

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func is np.shape:
            return args[0].shape
        if func is np.ndim:
            return args[0].ndim
        return super().__array_function__(func, types, args, kwargs)

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        return f"<symbolic tensor of shape {self.shape}, {self.dtype}{name}>"

    __str__ = __repr__

    def __len__(self) -> int:
        if not self.ndim or self.shape[0] is None:
            self._without_values()
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim or self.shape[0] is None:
            self._without_values()
        return super().__iter__()

    def _title(self) -> str:
        return f"symbolic tensor {self.name!r} of shape {self.shape}" if self.name else repr(self).strip("<>")

    def _without_values(self) -> NoReturn:
        raise GraphError(
            describe(
                f"{self._title()} has no values, and the length of a batch is open",
                hint="what needs them goes into the forward of a Module, which is called on this;"
                " gg.nn.Model(inputs, outputs) makes the model that computes it",
            )
        )

    def _not_in_place(self, other: Any) -> Any:
        return NotImplemented  # so that h += x is h = h + x

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ifloordiv__ = __imod__ = _not_in_place
    __ipow__ = __imatmul__ = __iand__ = __ior__ = __ixor__ = _not_in_place
    __ilshift__ = __irshift__ = _not_in_place

    # These are slots of a tensor; there the base class, and everything that works on tensors, would look.
    _data = property(_without_values)
    _source = property(_without_values)
    _grad = property(_without_values)
    _written = property(_without_values)
    _number = property(_without_values)
    _name = property(lambda self: self._label)
    _needs = property(lambda self: False)


def Input(shape: Sequence[int | None], dtype: DTypeLike | None = None, name: str | None = None) -> SymbolicTensor:
    """Begin a model: a symbolic tensor that layers are called on (P25.04).

    Parameters
    ----------
    shape
        The shape of one example, without the axis of the batch: ``(64,)``. None for a length that is open.
    dtype
        The element type that layers are called on to see what they give; the default dtype if left out, ``"int64"``
        for indices. Nothing is cast to it: the model computes with the dtype of what it is called with.
    name
        What the model calls it.

    Returns
    -------
    SymbolicTensor
        With the axis of the batch in front, whose length is None.

    Raises
    ------
    ShapeError
        If `shape` isn't made of whole numbers from 0 and None.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = gg.nn.Input((64,), name="image")
    >>> gg.nn.Linear(64, 32)(x) * 2.0
    <symbolic tensor of shape (None, 32), float32>
    """
    given = tuple(shape) if isinstance(shape, (tuple, list)) else None
    if given is None or not all(
        one is None or (isinstance(one, (int, np.integer)) and not isinstance(one, bool) and one >= 0) for one in given
    ):
        raise ShapeError(
            describe(
                "Input: shape is the shape of one example, without the axis of the batch",
                "expected: whole numbers from 0, such as (64,), or None where a length is open",
                f"got: {shape!r}",
            )
        )
    small, large = (
        (batch, *(length if one is None else int(one) for one in given))
        for batch, length in zip(_BATCHES, _LENGTHS, strict=True)
    )
    kind = get_default_dtype() if dtype is None else as_dtype(dtype, "Input")
    BEGUN.add("Input")
    return SymbolicTensor((small, large), kind, check_name(name))


# ---- what stands in arguments and results ----------------------------------------------------------------------------


def mapped(structure: Any, function: Callable[[Any], Any]) -> Any:
    """Tuples, lists and dictionaries with what a function makes of each thing in them, in order."""
    if isinstance(structure, (tuple, list)):
        items = [mapped(one, function) for one in structure]
        make = getattr(type(structure), "_make", type(structure))  # a named tuple takes its fields one by one
        return make(items)
    if isinstance(structure, dict):
        return {key: mapped(one, function) for key, one in structure.items()}
    return function(structure)


def leaves(structure: Any) -> list[Any]:
    """The things in tuples, lists and dictionaries, in order."""
    found: list[Any] = []
    mapped(structure, found.append)
    return found


def symbols_in(structure: Any) -> list[SymbolicTensor]:
    """The symbolic tensors in arguments or results, in order."""
    return [one for one in leaves(structure) if isinstance(one, SymbolicTensor)]


def has_symbols(arguments: Iterable[Any]) -> bool:
    """Whether there are symbolic tensors among arguments, or in lists, tuples and dictionaries among them."""
    for one in arguments:
        if type(one) is SymbolicTensor:
            return True
        if isinstance(one, (tuple, list, dict)) and has_symbols(one.values() if isinstance(one, dict) else one):
            return True
    return False


# ---- calls -----------------------------------------------------------------------------------------------------------


def record(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a layer or an operation gives for symbolic tensors: symbolic tensors, where a tensor would be."""
    for one in leaves((args, kwargs)):
        if isinstance(one, Tensor) and one.requires_grad:
            raise GraphError(
                describe(
                    f"{_title(target)}: {one._title()} needs a gradient, and belongs to no layer of the model",
                    hint="make it a parameter of a Module, whose forward does this",
                )
            )
    small, large = (_tried(target, args, kwargs, size) for size in range(2))
    found = [one for one in leaves(large) if isinstance(one, Tensor)]
    if len(found) != sum(isinstance(one, Tensor) for one in leaves(small)):
        raise GraphError(describe(f"{_title(target)}: how many tensors it gives depends on the batch"))
    call = Call(target, args, kwargs, len(found))
    others = iter(enumerate(found))

    def symbol(one: Any) -> Any:
        if not isinstance(one, Tensor):
            return one
        index, other = next(others)
        if one.ndim != other.ndim:
            raise ShapeError(
                describe(
                    f"{_title(target)}: how many axes its result has depends on the batch",
                    f"with {_BATCHES[0]} examples: {one.shape}, with {_BATCHES[1]}: {other.shape}",
                )
            )
        return SymbolicTensor((one.shape, other.shape), one.dtype, None, call, index)

    return mapped(small, symbol)


def _tried(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any], size: int) -> Any:
    """What a call gives for zeros."""

    def zeros(one: Any) -> Any:
        return Tensor(np.zeros(one.sizes[size], one.dtype)) if isinstance(one, SymbolicTensor) else one

    try:
        with probing(None if isinstance(target, Operation) else target):
            return target(*mapped(args, zeros), **mapped(kwargs, zeros))
    except GraphgradError as error:
        if not isinstance(error, ValueError | TypeError):
            raise
        given = ", ".join(f"{one.shape} {one.dtype}" for one in symbols_in((args, kwargs)))
        reason = str(error).partition("\n")[0]
        tried = f"tried with {_BATCHES[size]} examples: {reason}"
        message = describe(f"{_title(target)}: can't be called on {given}", tried)
        raise (ShapeError if isinstance(error, ValueError) else DTypeError)(message) from error


def _title(target: Any) -> str:
    return target.op.base if isinstance(target, Operation) else type(target).__name__
