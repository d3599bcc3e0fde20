"""What stands behind the operands of a node: layouts and values, and what arrives brought into their shape."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import GraphError, WriteError, describe
from graphgrad.graph.node import Node, Output, Recomputed, Source
from graphgrad.graph.scalar import Scalar
from graphgrad.graph.tensor import Tensor, computed, written_at
from graphgrad.graph.writes import last_write
from graphgrad.kernels.sums import add_up
from graphgrad.ops.array.complexes import real
from graphgrad.ops.array.reductions import sum as sum_tensor
from graphgrad.ops.array.shaping import astype, reshape

__all__ = ["as_tensors", "cast", "check_saved", "fit", "layout", "saved_by", "shapes_of", "unbroadcast"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]

_FLOAT64 = np.dtype("float64")


def layout(source: Source) -> tuple[Shape, np.dtype[Any]]:
    """The shape and dtype of what an operand stands for."""
    if type(source) is Node:
        return source.shape, source.dtype
    if type(source) is Output:
        return source.node.shapes[source.index], source.node.dtypes[source.index]
    if isinstance(source, Scalar):
        return (), _FLOAT64
    assert type(source) is Tensor
    return source._data.shape, source._data.dtype


def shapes_of(operands: Sequence[Source]) -> list[Shape]:
    """The shape of each operand; a number in the code has none."""
    return [() if isinstance(source, (bool, int, float)) else layout(source)[0] for source in operands]


def _expanded_axes(have: Shape, want: Shape) -> tuple[int, ...]:
    """The axes along which broadcasting repeated an operand."""
    lead = len(have) - len(want)
    return (*range(lead), *(lead + i for i, n in enumerate(want) if n == 1 and have[lead + i] != 1))


def unbroadcast(value: Any, shape: Shape) -> Any:
    """Undo broadcasting, here for all rules: an operand that was repeated receives the sum over its copies."""
    axes = _expanded_axes(value.shape, shape)
    if axes:
        value = add_up(value, axes, True)
    return value if value.shape == shape else np.reshape(value, shape)


def cast(value: Any, dtype: np.dtype[Any]) -> Any:
    """A contribution in another dtype, on arrays or tensors: what is real receives the real part of a complex one."""
    if value.dtype.kind == "c" and dtype.kind != "c":
        value = real(value) if isinstance(value, Tensor) else value.real
        if value.dtype == dtype:
            return value
    return astype(value, dtype) if isinstance(value, Tensor) else value.astype(dtype, copy=False)


def fit(value: Any, shape: Shape, dtype: np.dtype[Any]) -> Any:
    """A contribution in the shape and dtype of its operand, on arrays or tensors."""
    if not isinstance(value, Tensor):
        if value.shape != shape:
            value = unbroadcast(value, shape)
        return value if value.dtype == dtype else cast(value, dtype)
    if value.shape != shape:
        axes = _expanded_axes(value.shape, shape)
        if axes:
            value = sum_tensor(value, axes, True)
        value = reshape(value, shape)
    return value if value.dtype == dtype else cast(value, dtype)


def saved_by(node: Node, memory: dict[Any, Any]) -> tuple[Any, ...]:
    """What a node saved, computed again if it didn't keep that; `memory` belongs to one pass."""
    saved = node.saved
    assert saved is not None, "nodes that were freed have been refused"
    return saved if isinstance(saved, tuple) else saved.restore(memory)


def as_tensors(node: Node, saved: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a node saved, as tensors with their places in the graph, so that rules can be differentiated."""
    n = len(node.operands)
    values: list[Any] = []
    for source, value in zip(node.operands, saved[:n], strict=True):
        if value is None or isinstance(source, (bool, int, float, Scalar)):
            values.append(value)
        elif isinstance(source, Tensor):
            # The array that was saved, even if the leaf was given another one since.
            values.append(source if source._data is value else _leaf_then(source, value))
        else:
            values.append(computed(value, source))
    result = saved[n]
    if result is None:
        values.append(None)
    elif isinstance(result, tuple):
        values.append(tuple(computed(piece, Output(node, i)) for i, piece in enumerate(result)))
    else:
        values.append(computed(result, node))
    return tuple(values)


def _leaf_then(leaf: Tensor, value: Array) -> Tensor:
    raise WriteError(
        describe(
            f"backward: {leaf._title()} got new values since the graph was recorded",
            f"shape {value.shape}",
            hint="with create_graph=True the gradient is a function of the old ones; call backward() before writing",
        )
    )


def check_saved(suspects: Iterable[Node], what: str = "backward") -> None:
    """Refuse before anything has changed: freed nodes, and saved values that were written."""
    for node in suspects:
        saved = node.saved
        if saved is None:
            raise GraphError(
                describe(
                    f"{what}: an earlier pass freed what {node.op.name} had saved",
                    made_at=node.site,
                    hint="give retain_graph=True to the earlier backward(), or compute the value again",
                )
            )
        if not isinstance(saved, tuple):
            _check_kept(node, saved, what)
            continue
        for i, value in enumerate(saved):
            for array in value if isinstance(value, tuple) else (value,):
                if not isinstance(array, np.ndarray):
                    continue
                write = last_write(array)
                if write is not None and write.epoch > node.epoch:
                    raise WriteError(_overwritten(node, i, array, written_at(write.mark), what))


def _check_kept(node: Node, saved: Recomputed, what: str) -> None:
    """Refuse a checkpoint if something that it computes from was written since."""
    for array, epoch in saved.kept():
        write = last_write(array)
        if write is not None and write.epoch > epoch:
            raise WriteError(
                describe(
                    f"{what}: a checkpoint computes {node.op.name} again from values (shape {array.shape})"
                    " that were written in place since",
                    *written_at(write.mark),
                    made_at=node.site,
                    hint="write t = t + ... instead of t += ..., or write after backward()",
                )
            )


def _overwritten(node: Node, slot: int, array: Array, written: Sequence[str], what: str) -> str:
    op = node.op
    value = f"operand {op.operands[slot]}" if slot < len(op.operands) and not op.variadic else "its result"
    return describe(
        f"{what}: {op.name} needs {value} (shape {array.shape}) as it was, but it was written in place since",
        *written,
        made_at=node.site,
        hint="write t = t + ... instead of t += ..." + (", or write after backward()" if what == "backward" else ""),
    )
