"""Bridges between tensors and scalars: `stack` of scalars makes a tensor, ``tensor.scalars()`` its elements.

Each is the derivative of the other, so gradients of any order go through them: what a stacked tensor receives goes to
its scalars, element by element, and what scalars receive is stacked for the tensor that they are elements of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from graphgrad.graph.bridge import Origin, elements_chunk, handles, leaves_of, nested, placed
from graphgrad.graph.errors import DTypeError, GraphgradError, ShapeError, describe
from graphgrad.graph.hooks import call_forward_hooks
from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node, next_number
from graphgrad.graph.operation import OnScalars, Op
from graphgrad.graph.record import report
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.source import Site, call_site
from graphgrad.graph.tape import check_untraced
from graphgrad.graph.tensor import Tensor, check_unwritten, source_of
from graphgrad.graph.writes import CLOCK
from graphgrad.ops.array.axes import permute_dims
from graphgrad.ops.array.joining import stack
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.array.splitting import unbind
from graphgrad.ops.declare import enter_unlisted, polymorphic
from graphgrad.ops.running import taken_note_of
from graphgrad.ops.scalars import register
from graphgrad.ops.shapes import free, one_axis

__all__ = ["SCALARS", "STACKED", "elements", "scalars", "stack_scalars"]

_unbind: Callable[..., Any] = polymorphic(unbind)

STACKED = replace(
    stack.op,
    operand_rules={},
    joint_rule=lambda g, axis: _unbind(g, axis=axis),
    forward=lambda numbers, axis: np.array(numbers, np.float64),
)
"""`stack` as a node has it that was stacked of scalars. Passes know it, and do all elements at once."""

SCALARS = Op(
    name="scalars",
    forward=lambda x: tuple(np.asarray(x, np.float64).reshape(-1)),
    operands=("x",),
    attributes={},
    shape=lambda x, /: ((),) * math.prod(x),
    cost=free,
    samples=lambda rng: [],
    operand_rules={"x": lambda g, x_shape: np.reshape(np.stack(g), x_shape)},
    outputs=None,
    formula="scalars({x})",
    back={"x": "the gradients of the scalars, in the shape of {x}"},
    doc="The elements of a tensor as scalars, in row-major order: ``tensor.scalars()``.",
    linear="together",
)
"""What graphs show for ``tensor.scalars()``. It isn't in the table, since it gives no tensors."""

_DEEPEST = 64  # axes, as many as NumPy has


# ---- from scalars to a tensor ----------------------------------------------------------------------------------------


def stack_scalars(members: Sequence[Any], axis: int = 0) -> Tensor:
    """A tensor of scalars; see `graphgrad.stack`.

    Raises
    ------
    ShapeError
        If lists within lists aren't of the same length, or there is no such axis.
    DTypeError
        If something else stands among the scalars.
    GraphError
        In a function that `graphgrad.compile_scalars` records.
    """
    given, shape = _laid_out(members)
    try:
        at = one_axis(axis, len(shape))
    except ValueError as error:
        raise ShapeError(describe(f"stack: {error}", f"scalars in the shape {shape}")) from None
    numbers = [_as_number(one) for one in given]
    values = [one.chunk.values[one.index] if isinstance(one, Scalar) else one for one in numbers]
    flat: Tensor = taken_note_of(
        STACKED, numbers, values, {"axis": 0}, (np.array(values, np.float64),), _bits(numbers) if MODE.get().grad else 0
    )
    whole = flat if len(shape) == 1 else reshape(flat, shape)
    return whole if at == 0 else permute_dims(whole, (*range(1, at + 1), 0, *range(at + 1, len(shape))))


def _takes(members: Sequence[Any]) -> bool:
    """Whether there is a scalar among the members, or in lists among them."""
    if set(map(type, members)) == {Tensor}:
        return False
    level: Any = members
    for _ in range(_DEEPEST + 1):
        if any(isinstance(one, Scalar) for one in level):
            return True
        level = [one for nest in level if _is_nest(nest) for one in nest]
        if not level:
            return False
    return False


def _is_nest(one: Any) -> bool:
    """Whether there may be scalars inside of it."""
    return isinstance(one, (list, tuple)) or (isinstance(one, np.ndarray) and one.ndim > 0 and one.dtype == object)


def _laid_out(members: Sequence[Any]) -> tuple[list[Any], tuple[int, ...]]:
    """What stands in lists within lists, in order, and the shape of these."""
    level = list(members)
    shape: tuple[int, ...] = (len(level),)
    while any(map(_is_nest, level)):
        lengths = [len(one) if _is_nest(one) else None for one in level]
        odd = next((i for i, length in enumerate(lengths) if length != lengths[0]), None)
        if odd is not None:
            told = ["a single one" if length is None else f"{length} of them" for length in (lengths[0], lengths[odd])]
            raise ShapeError(
                describe(
                    "stack: lists of scalars must be of the same length",
                    f"the first holds {told[0]}",
                    f"number {odd} holds {told[1]}",
                )
            )
        if len(shape) == _DEEPEST:
            raise ShapeError(describe(f"stack: lists within lists, deeper than {_DEEPEST}"))
        level = list(chain.from_iterable(level))
        shape = (*shape, int(lengths[0] or 0))
    return level, shape


def _as_number(one: Any) -> Any:
    """A scalar or a float."""
    if isinstance(one, Scalar):
        check_untraced(one.chunk, "stack", "return the scalars from the function, and stack what it gives")
        return one
    if type(one) is float:
        return one
    if isinstance(one, (bool, int, np.bool_, np.integer, np.floating)):
        return float(one)
    if isinstance(one, Tensor):
        if one.ndim == 0:
            return elements(one)[0]
        raise DTypeError(
            describe(
                f"stack: {one._title()} stands among scalars",
                "expected: scalars, numbers and tensors of shape ()",
                hint="t.scalars() gives its elements as scalars; or stack the scalars first, and then the tensors",
            )
        )
    raise DTypeError(
        describe(
            f"stack: {type(one).__name__} {one!r:.40} stands among scalars",
            "expected: scalars, numbers and tensors of shape ()",
        )
    )


def _bits(numbers: Sequence[Any]) -> int:
    """The scalars that need a gradient, as bits. Digits, for to set one bit after another takes quadratic time."""
    return int("".join("1" if isinstance(one, Scalar) and one.chunk.needs else "0" for one in reversed(numbers)), 2)


# ---- from a tensor to scalars ----------------------------------------------------------------------------------------


def scalars(tensor: Tensor, face: type[Scalar] | None = None) -> Any:
    """The elements of a tensor as scalars; see `graphgrad.Tensor.scalars`."""
    try:
        if face is not None and not (isinstance(face, type) and issubclass(face, Scalar)):
            raise DTypeError(describe(f"scalars: face is a class of scalars, got {face!r:.60}"))
        return nested(elements(tensor, face or Scalar), tensor.shape)
    except GraphgradError as error:
        report(SCALARS, (tensor,), error)
        raise


def elements(tensor: Tensor, face: type[Scalar] = Scalar) -> tuple[Scalar, ...]:
    """The elements of a tensor as scalars, in row-major order."""
    data = tensor._data
    if data.dtype.kind not in "fiub":
        raise DTypeError(
            describe(
                f"scalars: {tensor._title()} holds {data.dtype}, scalars are real numbers",
                hint="gg.real(z).scalars() and gg.imag(z).scalars()",
            )
        )
    mode = MODE.get()
    numbers: list[float] = data.astype(np.float64).reshape(-1).tolist()
    if not numbers:
        return ()
    needs = tensor._needs and mode.grad
    site: Site | None = None
    if needs:
        if mode.recorder is not None:
            site = call_site()
        elif mode.anomaly is not None:
            site = mode.anomaly.site()
        check_unwritten(tensor, "scalars")
        assert SCALARS.opcode is not None
        origin = Origin(source_of(tensor), data.shape, mode.scope, site)
        made = handles(elements_chunk(numbers, SCALARS.opcode, origin, face))
    else:
        name = tensor.name
        places = np.ndindex(data.shape)
        names = [None] * len(numbers) if name is None else [placed(name, place) for place in places]
        made = leaves_of(numbers, False, names, face)
    check_untraced(made[0].chunk, "scalars", "give the tensor, or its array, to the compiled function as an argument")
    results = tuple(made)
    if mode.recorder is not None and needs:
        mode.recorder.scalar(results[-1])
    if mode.hooks:
        call_forward_hooks(_described(tensor, results, mode.scope), (tensor,), results)
    return results


def _described(tensor: Tensor, results: tuple[Scalar, ...], scope: str) -> Node:
    """The step to scalars as a node, for who is called after every operation."""
    node = Node()
    node.number, node.name, node.op, node.scope = next_number(), None, SCALARS, scope
    node.operands = (source_of(tensor),)
    node.attrs, node.saved, node.needs = {}, None, 0
    node.shape, node.dtype = ((),) * len(results), (np.dtype("float64"),) * len(results)
    node.epoch, node.site = CLOCK.epoch, None
    return node


STACKED.call = stack
SCALARS.call = elements
enter_unlisted(SCALARS)
register(SCALARS)
stack.op.on_scalars = OnScalars(_takes, stack_scalars)
late.scalars = scalars
