"""What every transform does before and after: arguments with a place of their own, and what a function may return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from graphgrad.autodiff.levels import ACTIVE, bottom, levels_of, spread, wrapped
from graphgrad.graph.bridge import places_and_nodes
from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.graph.mode import MODE, enable_grad
from graphgrad.graph.scalar import Scalar, scalar
from graphgrad.graph.tensor import Tensor, source_of
from graphgrad.ops.array.shaping import astype, identity

__all__ = [
    "Call",
    "as_tensor",
    "checked_argnums",
    "fresh",
    "needs_gradient",
    "places_among",
    "same_form",
]

Argnums = int | Sequence[int]


class Call:
    """A function that ran at arguments with fresh places in the graph, ready to be differentiated for those.

    Attributes
    ----------
    inputs
        The fresh arguments: tensors, or scalars.
    values
        What the function returned, as a list.
    beside
        The second member of what it returned, if it returned something beside; see `aux`.
    levels
        The levels of `vmap` that were running; every input has an axis for each.
    """

    def __init__(
        self,
        fun: Callable[..., Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        argnums: Argnums,
        aux: bool,
        what: str,
    ) -> None:
        self.what = what
        self.levels = ACTIVE.get()
        arguments = list(args)
        places = places_among(argnums, len(args), what)
        made: dict[int, Any] = {}
        for place in places:
            if place not in made:  # 0 and -2 may well be the same argument
                arguments[place] = made[place] = fresh(args[place], place, what)
        self.inputs = [made[place] for place in places]
        with enable_grad():
            self.result = fun(*arguments, **kwargs)
        for one in self.inputs:
            # What was computed from it says so. From now on it is nobody's but this call's, and a derivative that is
            # recorded for the sake of others isn't for its.
            if isinstance(one, Tensor) and bottom(one).is_leaf:
                bottom(one)._needs = False
        self.beside = None
        if aux:
            self.result, self.beside = _pair(self.result, what)
        several = isinstance(self.result, (tuple, list))
        self.values: list[Any] = list(self.result) if several else [self.result]

    def one_output(self) -> Any:
        """What the function returned, if that is one tensor of real numbers or a scalar."""
        if isinstance(self.result, (tuple, list)):
            self._refuse(type(self.result).__name__, "a tensor or a Scalar that depends on its arguments")
        self.check()
        if isinstance(self.result, Tensor) and self.result.dtype.kind == "c":
            raise DTypeError(
                describe(
                    f"{self.what}: the function must return a real number, got {self.result.dtype}",
                    hint="make one of it, e.g. gg.abs(z); gg.vjp takes complex results, and the way they are to go",
                )
            )
        return self.result

    def one_number(self) -> Any:
        """What the function returned, if that is a single number."""
        value = self.one_output()
        if isinstance(value, Tensor) and value.size != 1:
            raise ShapeError(
                describe(
                    f"{self.what}: the function must return one number, got shape {value.shape}",
                    hint="reduce it: gg.sum(...) or gg.mean(...)",
                )
            )
        return value

    def check(self) -> None:
        """Refuse what can't be differentiated."""
        for one in self.values:
            if not isinstance(one, (Tensor, Scalar)):
                self._refuse(type(one).__name__, "a tensor or a Scalar, or a tuple of them")
            if isinstance(one, Tensor) and one.dtype.kind not in "fc":
                raise DTypeError(
                    describe(
                        f"{self.what}: the function must return floats, got {one.dtype}",
                        hint="with has_aux=True it may return something beside what is differentiated",
                    )
                )

    @property
    def on_scalars(self) -> bool:
        """Whether there are scalars among what the function takes and returns."""
        return any(isinstance(one, Scalar) for one in (*self.values, *self.inputs))

    @property
    def first(self) -> int:
        """The number of the first input, which no node that depends on one is below."""
        return min((bottom(one).number for one in self.inputs), default=0)

    def depends_on_more(self) -> bool:
        """Whether the results depend on anything else that needs a gradient; nobody asks under `no_grad`."""
        if not MODE.get().grad:
            return False
        if self.inputs and not any(bottom(one).is_leaf for one in self.inputs):
            return True  # each hangs on something else, and so does all that depends on one of them
        return _depend_on_more([bottom(one) for one in (*self.values, *_recorded_in(self.beside))], self.inputs)

    def reaches(self, value: Any) -> bool:
        """Whether a value may depend on the inputs, all of which have an axis for each level."""
        if isinstance(value, Scalar):
            return value.requires_grad
        if levels_of(value) != self.levels:
            return False
        return value.requires_grad or any(bottom(value) is bottom(one) for one in self.inputs)

    def alone(self, recorded: bool) -> Any:
        """What the function returned, without its graph unless that is wanted further."""
        values = [one if recorded or isinstance(one, Scalar) else one.detach() for one in self.values]
        return self.in_form(values)

    def aux(self, recorded: bool) -> Any:
        """What the function returned beside, without its graph unless that is wanted further."""
        return self.beside if recorded else _detached(self.beside)

    def in_form(self, values: Sequence[Any]) -> Any:
        """Something for each value in the form in which the function returned those."""
        if not isinstance(self.result, (tuple, list)):
            return values[0]
        return tuple(values) if isinstance(self.result, tuple) else list(values)

    def out_of_form(self, given: Any, kind: str) -> list[Any]:
        """Something for each value, given in the form in which the function returned those."""
        if not isinstance(self.result, (tuple, list)):
            return [given]
        if not isinstance(given, (tuple, list)) or len(given) != len(self.values):
            got = f"{len(given)}" if isinstance(given, (tuple, list)) else type(given).__name__
            raise TypeError(
                describe(f"{self.what}: the function returned {len(self.values)} results, and got {got} for {kind}")
            )
        return list(given)

    def _refuse(self, kind: str, expected: str) -> NoReturn:
        raise DTypeError(
            describe(
                f"{self.what}: the function must return {expected}, got {kind}",
                hint="use graphgrad's operations inside; float(...) and .item() leave the graph",
            )
        )


def checked_argnums(argnums: Any, what: str) -> int | tuple[int, ...]:
    """The argument that is meant, or the arguments, as Python's integers."""
    several = isinstance(argnums, (tuple, list, range))
    places = argnums if several else (argnums,)
    if not all(isinstance(one, (int, np.integer)) and not isinstance(one, bool) for one in places):
        raise TypeError(
            describe(f"{what}: argnums is the number of an argument, or a tuple of such, got {argnums!r:.60}")
        )
    return tuple(map(int, places)) if several else int(argnums)


def places_among(argnums: int | Sequence[int], count: int, what: str) -> list[int]:
    """The places among positional arguments that are meant, negative ones counted from the end."""
    places = []
    for position in (argnums,) if isinstance(argnums, int) else argnums:
        if not -count <= position < count:
            raise TypeError(describe(f"{what}: argnums names argument {position}, but {count} were given"))
        places.append(position % count)
    return places


def _pair(result: Any, what: str) -> tuple[Any, Any]:
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise DTypeError(
            describe(
                f"{what}: with has_aux=True the function must return a pair, got {type(result).__name__}",
                hint="return what is to be differentiated, and then what is passed through",
            )
        )
    return result[0], result[1]


def as_tensor(argument: Any, what: str) -> Tensor:
    """An argument as a tensor; lists and arrays are copied."""
    return argument if isinstance(argument, Tensor) else Tensor(as_array(argument, copy=True, what=what))


def fresh(argument: Any, position: int, what: str) -> Any:
    """A fresh place in the graph for an argument, connected to it if it needs a gradient itself.

    Inside a `vmap` it is one for each example, even if the argument is the same for all: so are the derivatives.
    """
    if isinstance(argument, Scalar):
        with enable_grad():
            return scalar(argument.data) if not argument.requires_grad else argument * 1.0
    tensor = as_tensor(argument, what)
    if tensor.dtype.kind not in "fc":
        raise DTypeError(
            describe(
                f"{what}: argument {position} holds {tensor.dtype}, which has no gradient",
                hint="write floats (1.0 for 1), or choose other argnums",
            )
        )
    levels = ACTIVE.get()
    with enable_grad():
        whole = bottom(spread(tensor, levels))
        if whole.requires_grad:
            return wrapped(identity(whole), levels)  # a node of its own, through which an outer derivative flows
    return wrapped(Tensor(whole.data, requires_grad=True, name=whole.name), levels)


def same_form(tangent: Any, primal: Any, place: int, what: str, kind: str) -> Any:
    """The tangent of an argument, or the cotangent of a result, in the form of that."""
    if isinstance(primal, Scalar):
        if isinstance(tangent, Scalar):
            return tangent
        try:
            return float(tangent)
        except (TypeError, ValueError):
            got = f"got: {type(tangent).__name__} {tangent!r:.40}"
            raise DTypeError(describe(f"{what}: the {kind} of a scalar is a number", got)) from None
    moved = tangent
    if not isinstance(moved, Tensor):
        moved = Tensor(as_array(tangent, primal.dtype, copy=True, what=f"{what}: {kind}"))
    if moved.shape != primal.shape:
        raise ShapeError(
            describe(
                f"{what}: {kind} {place} must have the shape of what it belongs to",
                f"expected: {primal.shape}",
                f"got: {moved.shape}",
            )
        )
    if moved.dtype == primal.dtype:
        return moved
    with enable_grad():
        return astype(moved, primal.dtype)


def needs_gradient(value: Any) -> bool:
    """Whether anything flows back through a tensor or a scalar; nothing does through a number."""
    return isinstance(value, (Tensor, Scalar)) and value.requires_grad


def _recorded_in(result: Any) -> list[Any]:
    """The tensors and scalars in a tree of tuples, lists and dicts."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (tuple, list)):
        return [found for one in result for found in _recorded_in(one)]
    return [result] if isinstance(result, (Tensor, Scalar)) else []


def _detached(result: Any) -> Any:
    """A tree of tuples, lists and dicts with its tensors outside of any graph."""
    if isinstance(result, dict):
        return {key: _detached(one) for key, one in result.items()}
    if type(result) in (tuple, list):
        return type(result)(map(_detached, result))
    return result.detach() if isinstance(result, Tensor) and not bottom(result).is_leaf else result


def _depend_on_more(values: Sequence[Any], inputs: Sequence[Any]) -> bool:
    """Whether values depend on any leaf that needs a gradient; the inputs of a call don't count.

    Tensors among these that are leaves don't say that they need one any more.
    """
    if any(isinstance(value, Tensor) and value.is_leaf and value.requires_grad for value in values):
        return True
    mine = {(one.chunk, one.index) for one in inputs if isinstance(one, Scalar)}
    sources = [value if isinstance(value, Scalar) else source_of(value) for value in values if value.requires_grad]
    for thing, operands in places_and_nodes(sources).items():
        if isinstance(thing, tuple):
            chunk, index = thing
            if not chunk.ops[index] and thing not in mine:
                return True
            if chunk.origin is None:
                continue
        for i, source in enumerate(operands):
            if type(source) is Tensor and source._needs and (isinstance(thing, tuple) or thing.needs >> i & 1):
                return True
    return False
