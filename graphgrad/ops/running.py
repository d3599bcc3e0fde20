"""How any operation runs on any operands in any mode: under recording, under `no_grad`, with hooks, in a checkpoint.

The quick ways of `graphgrad.ops.entry` leave to this one whatever they can't do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.dtypes import as_array, check_dtype
from graphgrad.graph.errors import DTypeError, describe
from graphgrad.graph.hooks import call_forward_hooks
from graphgrad.graph.late import late
from graphgrad.graph.mode import MODE, Mode
from graphgrad.graph.node import Node, Output, Source, next_number
from graphgrad.graph.operation import Op
from graphgrad.graph.record import names_at, report
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tensor import Tensor, check_unwritten, computed
from graphgrad.graph.writes import CLOCK
from graphgrad.ops.refusals import REFUSALS, explain, is_complex, place_of, refuse_complex

__all__ = ["apply", "call", "taken_note_of"]

Array = np.ndarray[Any, Any]
_mode = MODE.get
_new_node = Node.__new__


def apply(op: Op, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """Run an operation the general way: any operands, any mode, any number of outputs.

    Parameters
    ----------
    operands
        Tensors, arrays, numbers or nested lists; for a variadic operation the members of its sequence.
    attrs
        All attributes, in the form in which they are kept.

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        If the operands don't fit, before anything has changed.
    """
    try:
        return _applied(op, operands, attrs)
    except Exception as error:
        report(op, operands, error)
        raise


def call(op: Op, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """Run an operation as `apply` does, by a shorter way for what an ordinary training step consists of.

    That is one with a result, on tensors of real numbers and Python's numbers, when nothing but the gradient graph is
    wanted. It takes 4 µs less.
    """
    mode = _mode()
    if not mode.fast or op.outputs != 1:
        return apply(op, operands, attrs)
    needs, bit, no_tensor = 0, 1, True
    arrays: list[Any] = []
    for one in operands:
        if type(one) is Tensor:
            data = one._data
            if data.dtype.kind == "c":
                return apply(op, operands, attrs)
            if one._needs:
                needs |= bit
            no_tensor = False
            arrays.append(data)
        elif type(one) is float or type(one) is int:
            arrays.append(one)
        else:
            return apply(op, operands, attrs)
        bit += bit
    if no_tensor:
        return apply(op, operands, attrs)
    try:
        out = op.forward(arrays, **attrs) if op.variadic else op.forward(*arrays, **attrs)
    except REFUSALS as error:
        explain(op, operands, attrs, error)
    if type(out) is not np.ndarray:
        out = np.asarray(out)
    if not (needs and op.differentiable and out.dtype.kind in "fc"):
        return Tensor(out)
    node = _new_node(Node)
    node.number = next_number()
    node.name = None
    node.op = op
    node.operands = tuple([_computed_by(one, op) if type(one) is Tensor else one for one in operands])
    node.attrs = attrs
    node.needs = needs
    node.shape = out.shape
    node.dtype = out.dtype
    node.scope = mode.scope
    node.epoch = CLOCK.epoch
    node.site = None
    keep = op.keeps(needs)
    if keep == 0:
        node.saved = (None,) * (len(arrays) + 1)
    elif keep < 0:
        node.saved = (*arrays, None)  # all members, however many, and not the result
    else:
        arrays.append(out)
        node.saved = tuple([value if keep >> i & 1 else None for i, value in enumerate(arrays)])
    return computed(out, node)


def _computed_by(operand: Tensor, op: Op) -> Source:
    """Where an operand came from, which is itself for a leaf; refused if it was overwritten since."""
    source = operand._source
    if source is None:
        return operand
    if source.epoch != CLOCK.epoch:
        check_unwritten(operand, op.name)
    return source


def _applied(op: Op, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    if op.on_scalars is not None and op.on_scalars.takes(operands):
        return op.on_scalars.run(operands, **attrs)
    mode = MODE.get()
    tensors, stand_in = _coerce(op, operands)
    chosen = _for_numbers(op, tensors)
    if stand_in is not None:
        return stand_in.apply(op, tensors, attrs)
    op = chosen
    arrays = [one._data if type(one) is Tensor else one for one in tensors]
    try:
        result = op.forward(arrays, **attrs) if op.variadic else op.forward(*arrays, **attrs)
    except REFUSALS as error:
        explain(op, tensors, attrs, error)
    outs = (np.asarray(result),) if op.outputs == 1 else tuple(map(np.asarray, result))
    if mode.anomaly is not None:
        mode.anomaly.check(op, tensors, attrs, outs)
    needs = _needs(op, tensors, outs) if mode.grad else 0
    return taken_note_of(op, tensors, arrays, attrs, outs, needs)


def taken_note_of(
    op: Op, tensors: Sequence[Any], arrays: Sequence[Any], attrs: Mapping[str, Any], outs: tuple[Array, ...], needs: int
) -> Any:
    """The results of an operation that has just run, with the node that they come from if anybody wants one.

    Parameters
    ----------
    op, attrs
        The operation, and its attributes.
    tensors, arrays
        The operands, and their values.
    outs
        What came out.
    needs
        The operands that want a gradient, as bits.
    """
    mode = MODE.get()
    if not needs and mode.recorder is None and not mode.hooks:
        results = tuple(map(Tensor, outs))
        return results if op.outputs is None else results[0]

    node = _node(op, tensors, arrays, attrs, outs, needs, mode)
    sources: tuple[Node | Output, ...]
    sources = (node,) if op.outputs == 1 else tuple([Output(node, i) for i in range(len(outs))])
    # The places beside sorted values are integers: they are leaves, as all that no gradient can flow back through.
    results = tuple(
        [
            computed(out, source) if needs and out.dtype.kind in "fc" else Tensor(out)
            for out, source in zip(outs, sources, strict=True)
        ]
    )
    if mode.anomaly is not None and (needs or mode.recorder is not None):
        mode.anomaly.kept(node)
        node.name = names_at(node.site, 1)[0] if op.outputs == 1 else None
    if mode.recorder is not None:
        mode.recorder.node(node, results, sources)
    if mode.hooks:
        call_forward_hooks(node, tuple(tensors), results)
    return results if op.outputs is None else results[0]


def _for_numbers(op: Op, tensors: Sequence[Any]) -> Op:
    """The operation on real or on complex numbers, whichever the operands are; refused if it has none on complex ones.

    A node of the other kind may have led here: the derivative of a complex operation is made of what its node holds.
    """
    for one in tensors:
        if (one._data.dtype.kind == "c") if type(one) is Tensor else is_complex(one):
            break
    else:
        return op.declared
    stepping = MODE.get().complex_step
    if not (op.complex or stepping) or any(is_complex(tensors[i]) for i in op.only_real):
        refuse_complex(op, tensors)
    return op.declared if stepping else op.on_complex


def _needs(op: Op, tensors: Sequence[Any], outs: Sequence[Array]) -> int:
    """The operands that want a gradient, as bits."""
    needs = 0
    if op.differentiable:
        for i, operand in enumerate(tensors):
            if type(operand) is Tensor and operand._needs:
                needs |= 1 << i
    if needs and not any(out.dtype.kind in "fc" for out in outs):
        return 0  # a step to integers or bools: nothing can flow back
    return needs


def _node(
    op: Op,
    tensors: Sequence[Any],
    arrays: Sequence[Any],
    attrs: Mapping[str, Any],
    outs: tuple[Array, ...],
    needs: int,
    mode: Mode,
) -> Node:
    """The record of an operation that has just run."""
    single = op.outputs == 1
    result: Any = outs[0] if single else outs
    is_kept = needs != 0 or mode.recorder is not None
    node = Node()
    node.number = next_number()
    node.name = None
    node.op = op
    node.operands = tuple([_source(operand, op if is_kept else None, mode.recorder) for operand in tensors])
    node.attrs = attrs
    node.needs = needs
    node.shape = outs[0].shape if single else tuple(out.shape for out in outs)
    node.dtype = outs[0].dtype if single else tuple(out.dtype for out in outs)
    node.scope = mode.scope
    node.epoch = CLOCK.epoch
    node.site = None
    if needs and mode.segment is not None:
        node.saved = mode.segment.recomputed(node, arrays, result)
    else:
        keep = op.keeps(needs) if needs else 0
        if keep < 0:
            keep = (1 << len(arrays)) - 1  # all members, however many, and not the result
        node.saved = tuple([value if keep >> i & 1 else None for i, value in enumerate((*arrays, result))])
    return node


def _source(operand: Any, op: Op | None, recorder: Any) -> Source:
    """Where an operand came from; refused if it was overwritten since, for the operation that is given."""
    if type(operand) is not Tensor:
        return operand  # type: ignore[no-any-return]
    if operand._source is not None:
        if op is not None:
            check_unwritten(operand, op.name)
        return operand._source
    origin = recorder.origin(operand) if recorder is not None and not operand._needs else None
    return operand if origin is None else origin


# ---- operands --------------------------------------------------------------------------------------------------------


def _coerce(op: Op, operands: Iterable[Any]) -> tuple[list[Any], Any]:
    """The operands as tensors and plain numbers, one tensor at least.

    And one of them that has no values and knows what to do instead, if there is any: it stands for one example of many,
    see `graphgrad.autodiff.levels`, or for values to come, see `graphgrad.nn.symbolic`.
    """
    tensors: list[Any] = []
    stand_in = None
    imaginary: list[int] = []
    for i, operand in enumerate(operands):
        kind = type(operand)
        if kind is Tensor or kind is float or kind is int or kind is bool:
            tensors.append(operand)
        elif isinstance(operand, (complex, np.complexfloating)):
            imaginary.append(i)
            tensors.append(complex(operand))
        elif isinstance(operand, np.generic):
            check_dtype(np.asarray(operand), _title(op, i))
            tensors.append(operand.item())  # NumPy's own numbers are weak too, as if Python's
        elif isinstance(operand, np.ndarray):
            tensors.append(Tensor(check_dtype(operand, _title(op, i))))
        elif isinstance(operand, Scalar):
            raise DTypeError(
                describe(
                    f"{_title(op, i)}: a Scalar can't take part in an operation on tensors",
                    hint="use gg.tensor(value, requires_grad=True) for a number among tensors",
                )
            )
        elif isinstance(operand, Tensor):
            tensors.append(operand)
            stand_in = operand
        else:
            _refuse_list_of_tensors(operand, _title(op, i))
            tensors.append(Tensor(as_array(operand, copy=True, what=_title(op, i))))
    if imaginary:
        _fix_complex_numbers(tensors, imaginary)
    if not any(isinstance(operand, Tensor) for operand in tensors):
        tensors = [Tensor(as_array(operand, copy=True, what=_title(op, i))) for i, operand in enumerate(tensors)]
    return tensors, stand_in


def _fix_complex_numbers(tensors: list[Any], places: Sequence[int]) -> None:
    """Complex numbers in the code, as constants of the precision that the tensors beside them have."""
    others = [one.dtype for one in tensors if isinstance(one, Tensor)]
    dtype = np.result_type(*others, 1j) if others else None
    for i in places:
        tensors[i] = Tensor(as_array(tensors[i], dtype, copy=True))


def _refuse_list_of_tensors(operand: Any, title: str) -> None:
    """NumPy would make an array of the values, and the gradients of the members would be lost without a word."""
    if isinstance(operand, (list, tuple)) and any(isinstance(one, Tensor) and one.requires_grad for one in operand):
        raise DTypeError(
            describe(
                f"{title}: a list of tensors that need gradients is no tensor",
                hint="gg.stack(tensors) makes one of them, through which the gradients flow",
            )
        )


def _title(op: Op, i: int) -> str:
    return f"{op.name}: {place_of(op, i)}"


late.apply = apply
