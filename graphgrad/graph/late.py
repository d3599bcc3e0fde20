"""The one slot through which tensors reach the rooms above them.

A tensor carries operators and methods, but the operations and the derivatives are defined in rooms that import this
one. They fill the slot when they are loaded; nothing here imports upwards. Only if a function is wanted before its room
was loaded, after ``from graphgrad.graph import tensor`` say, the package is asked to load what belongs here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphgrad.graph.graph import Graph
    from graphgrad.graph.operation import Op
    from graphgrad.graph.scalar import Scalar
    from graphgrad.graph.tensor import Tensor

__all__ = ["Late", "late"]

Operation = Callable[..., "Tensor"]
ScalarOperation = Callable[..., "Scalar"]


class Late:
    """Functions of the rooms above, by the names that `Tensor`, `Scalar` and `Graph` call them with."""

    add: Operation
    subtract: Operation
    multiply: Operation
    divide: Operation
    floor_divide: Operation
    remainder: Operation
    power: Operation
    negative: Operation
    abs: Operation
    matmul: Operation
    equal: Operation
    not_equal: Operation
    less: Operation
    less_equal: Operation
    greater: Operation
    greater_equal: Operation
    bitwise_and: Operation
    bitwise_or: Operation
    bitwise_xor: Operation
    bitwise_not: Operation
    bitwise_left_shift: Operation
    bitwise_right_shift: Operation
    getitem: Operation
    setitem: Operation
    sum: Operation
    mean: Operation
    prod: Operation
    max: Operation
    min: Operation
    var: Operation
    std: Operation
    any: Operation
    all: Operation
    argmax: Operation
    argmin: Operation
    cumsum: Operation
    cumprod: Operation
    reshape: Operation
    permute_dims: Operation
    swapaxes: Operation
    ravel: Operation
    flatten: Operation
    squeeze: Operation
    astype: Operation
    take: Operation
    repeat: Operation
    argsort: Operation
    clip: Operation
    round: Operation
    dot: Operation
    unbind: Callable[..., tuple[Tensor, ...]]
    scalars: Callable[..., Any]
    write_in_place: Operation
    array_ufunc: Callable[..., Any]
    array_function: Callable[..., Any]
    backward: Callable[..., None]
    scalar_add: ScalarOperation
    scalar_subtract: ScalarOperation
    scalar_multiply: ScalarOperation
    scalar_divide: ScalarOperation
    scalar_power: ScalarOperation
    scalar_negative: ScalarOperation
    scalar_abs: ScalarOperation
    scalar_backward: Callable[..., None]
    graph: Callable[..., Graph]
    find_op: Callable[[str], Op]
    apply: Callable[..., Any]
    apply_batched: Callable[..., Any]
    differentiate: Callable[..., Any]
    opcode_name: Callable[[int], str]
    render: Callable[..., Path]
    to_svg: Callable[..., str]


class _Waiting(Late):
    """The slot before everything is in it. Only then it has ``__getattr__``, which would slow every operator down."""

    def __getattr__(self, name: str) -> Any:
        from graphgrad import connect

        connect()
        return object.__getattribute__(self, name)


late: Late = _Waiting()
