"""How an operation is called: the quick ways for one and two operands, and the one for everything else.

The quick ways are what an ordinary training step goes through thousands of times. They do nothing but compute, note
what backward will need, and hand out a number; whatever else there is (recording, no_grad, arrays and numbers as
operands, an exception to explain) is left to `graphgrad.ops.running`. The two of them write out what a function between
them could share: calling it would cost more than all that it does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node, Source, next_number
from graphgrad.graph.operation import Op
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tensor import Tensor, check_unwritten
from graphgrad.graph.writes import CLOCK
from graphgrad.ops.arguments import Prepare, with_attributes
from graphgrad.ops.refusals import REFUSALS, explain
from graphgrad.ops.running import apply
from graphgrad.ops.scalars import scalar_entry

__all__ = ["NUMPY_TWINS", "entry", "quick"]

NUMPY_TWINS: dict[Callable[..., Any], Callable[..., Any]] = {}
"""What `np.tanh(tensor)` and the like run: our operation by NumPy's function."""

_NO_ATTRS: Mapping[str, Any] = {}
_mode = MODE.get
_FLOAT32 = np.dtype("float32")
_FLOAT64 = np.dtype("float64")
_new_tensor = Tensor.__new__
_new_node = Node.__new__
_asarray = np.asarray
_ndarray = np.ndarray


def entry(op: Op, signature: inspect.Signature, prepare: Prepare | None) -> Callable[..., Any]:
    """The function that runs `op`.

    Parameters
    ----------
    op
        The declaration.
    signature
        Operands and attributes in the order in which a caller gives them.
    prepare
        Brings attributes into the form in which they are kept, or refuses them.
    """
    if quick(op):
        return _unary(op) if len(op.operands) == 1 else _binary(op)
    return with_attributes(op, signature, prepare)


def quick(op: Op) -> bool:
    """Whether an operation has one or two operands and nothing else, and so is called by position the quick way."""
    return len(op.operands) < 3 and not (op.attributes or op.variadic or op.neutral or op.outputs != 1)


def _unary(op: Op) -> Callable[[Any], Any]:
    forward = op.forward
    differentiable = op.differentiable
    keep = op.keeps(1)
    keep_x, keep_out = bool(keep & 1), bool(keep & 2)
    hides = _hides_complex(op)
    scalar = scalar_entry(op)

    def call(x: Any, /) -> Any:
        if type(x) is not Tensor:
            return scalar(x) if isinstance(x, Scalar) else apply(op, (x,), _NO_ATTRS)
        mode = _mode()
        if not mode.fast:
            return apply(op, (x,), _NO_ATTRS)
        data = x._data
        if hides and data.dtype.kind == "c":
            return apply(op, (x,), _NO_ATTRS)
        try:
            out = forward(data)
        except REFUSALS as error:
            explain(op, (x,), _NO_ATTRS, error)
        if type(out) is not _ndarray:
            out = _asarray(out)
        needs = x._needs and differentiable
        dtype = out.dtype
        if dtype is not _FLOAT32 and dtype is not _FLOAT64 and dtype.kind != "f":
            if dtype.kind == "c":
                return apply(op, (x,), _NO_ATTRS)
            needs = False  # a step to integers or bools: nothing can flow back
        tensor = _new_tensor(Tensor)
        tensor._data = out
        tensor._grad = tensor._name = None
        if needs:
            epoch = CLOCK.epoch
            source: Any = x._source
            if source is None:
                source = x
            elif source.epoch != epoch:
                check_unwritten(x, op.name)
            node = _new_node(Node)
            node.number = next_number()
            node.name = None
            node.op = op
            node.operands = (source,)
            node.attrs = _NO_ATTRS
            node.saved = (data if keep_x else None, out if keep_out else None)
            node.needs = 1
            node.shape = out.shape
            node.dtype = dtype
            node.scope = mode.scope
            node.epoch = epoch
            node.site = None
            tensor._source = node
            tensor._needs = True
        else:
            tensor._source = None
            tensor._needs = False
            tensor._written = 0
            tensor._number = next_number()
        return tensor

    return call


def _binary(op: Op) -> Callable[[Any, Any], Any]:
    forward = op.forward
    keeps = [op.keeps(needs) for needs in range(4)]
    differentiable = op.differentiable
    hides = _hides_complex(op)
    scalar = scalar_entry(op)

    def call(a: Any, b: Any, /) -> Any:
        # A Python number stays one: NumPy then promotes it weakly, and it passes no gradient on.
        if type(a) is Tensor:
            x: Any = a._data
            if type(b) is Tensor:
                y: Any = b._data
                needs = (1 if a._needs else 0) | (2 if b._needs else 0)
            elif type(b) is float or type(b) is int:
                y = b
                needs = 1 if a._needs else 0
            else:
                return scalar(a, b) if isinstance(b, Scalar) else apply(op, (a, b), _NO_ATTRS)
        elif type(b) is Tensor and (type(a) is float or type(a) is int):
            x = a
            y = b._data
            needs = 2 if b._needs else 0
        else:
            return scalar(a, b) if isinstance(a, Scalar) or isinstance(b, Scalar) else apply(op, (a, b), _NO_ATTRS)
        mode = _mode()
        if not mode.fast:
            return apply(op, (a, b), _NO_ATTRS)
        if hides and (_is_complex(x) or _is_complex(y)):
            return apply(op, (a, b), _NO_ATTRS)
        try:
            out = forward(x, y)
        except REFUSALS as error:
            explain(op, (a, b), _NO_ATTRS, error)
        if type(out) is not _ndarray:
            out = _asarray(out)
        dtype = out.dtype
        if dtype is not _FLOAT32 and dtype is not _FLOAT64 and dtype.kind != "f":
            if dtype.kind == "c":
                return apply(op, (a, b), _NO_ATTRS)
            needs = 0  # a step to integers or bools: nothing can flow back
        tensor = _new_tensor(Tensor)
        tensor._data = out
        tensor._grad = tensor._name = None
        if needs and differentiable:
            epoch = CLOCK.epoch
            left: Source = a
            if type(a) is Tensor and a._source is not None:
                left = a._source
                if left.epoch != epoch:
                    check_unwritten(a, op.name)
            right: Source = b
            if type(b) is Tensor and b._source is not None:
                right = b._source
                if right.epoch != epoch:
                    check_unwritten(b, op.name)
            keep = keeps[needs]
            node = _new_node(Node)
            node.number = next_number()
            node.name = None
            node.op = op
            node.operands = (left, right)
            node.attrs = _NO_ATTRS
            node.saved = (x if keep & 1 else None, y if keep & 2 else None, out if keep & 4 else None)
            node.needs = needs
            node.shape = out.shape
            node.dtype = dtype
            node.scope = mode.scope
            node.epoch = epoch
            node.site = None
            tensor._source = node
            tensor._needs = True
        else:
            tensor._source = None
            tensor._needs = False
            tensor._written = 0
            tensor._number = next_number()
        return tensor

    return call


def _hides_complex(op: Op) -> bool:
    """Whether a result may be real although an operand is complex.

    The result's dtype, which a node needs anyway, then doesn't tell; of most of NumPy's ufuncs it does.
    """
    forward = op.forward
    if not isinstance(forward, np.ufunc):
        return True
    loops = (loop.split("->") for loop in forward.types)
    return any(set(taken) & set("FDG") and not set(given) & set("FDG") for taken, given in loops)


def _is_complex(value: Any) -> bool:
    return type(value) is _ndarray and value.dtype.kind == "c"
