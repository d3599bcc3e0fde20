"""Batching rules: how an operation runs on all examples at once that a function under `vmap` sees one of.

Most follow from the declaration. An elementwise operation only needs the axes of its operands aligned; one with an
``axis`` has it shifted by the axis of the examples in front; one that is composed of others is run as these. A few have
a rule of their own. Any other operation is run on one example after another, which is right for everything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.autodiff.batch import NO, Batch, each, further_back, reduced, whole_of, with_rank
from graphgrad.autodiff.batching_rules import RULES
from graphgrad.autodiff.levels import Batched
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.operation import Op
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.joining import stack
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.array.splitting import unbind
from graphgrad.ops.declare import TABLE
from graphgrad.ops.refusals import explain
from graphgrad.ops.shapes import broadcast
from graphgrad.ops.variants import base_and_missing

__all__ = ["apply_batched"]

# Attributes that name axes, by whatever word NumPy or PyTorch has for it.
_AXES = ("axis", "dim", "axis1", "axis2", "source", "destination", "axes")


def apply_batched(op: Op, operands: Sequence[Any], attrs: dict[str, Any]) -> Any:
    """Run an operation of which an operand stands for one example of many.

    Parameters
    ----------
    operands
        Tensors and numbers.
    attrs
        All attributes, in the form in which they are kept.
    """
    level = max((one.level for one in operands if isinstance(one, Batched)), key=lambda level: level.number)
    try:
        batch = Batch(op, operands, attrs, level)
    except ValueError as error:
        explain(op, operands, attrs, error)
    result = _by_rule(batch)
    if result is NO:
        result = _one_by_one(batch)
    if isinstance(result, tuple):
        return tuple(Batched(one, level) for one in result)
    return Batched(result, level)


def _by_rule(batch: Batch) -> Any:
    """The result for all examples, or that there is no rule for it."""
    op, attrs = batch.op, batch.attrs
    if batch.expected is None:
        return NO
    if attrs.get("seed") is not None:  # what it draws is the same for all examples: it is part of the function
        return _expanded(batch)
    rule = RULES.get(base_and_missing(op.name)[0])
    if rule is not None:
        result = rule(batch)
        if result is not NO:
            return result
    if op.elementwise:
        return batch.run(batch.aligned())
    if "reduction" in attrs and op.outputs == 1:  # a loss, not its gradients
        result = _loss(batch)
        if result is not NO:
            return result
    if (op.variadic or len(op.operands) == 1) and "." not in op.name:  # what a user calls an axis may be something else
        result = _along_axes(batch)
        if result is not NO:
            return result
    return _expanded(batch)


def _one_by_one(batch: Batch) -> Any:
    """The operation on one example after another."""
    rows = [unbind(one) if mine and batch.size else None for one, mine in zip(batch.whole, batch.batched, strict=True)]
    results = []
    for i in range(batch.size):
        operands = [one if row is None else row[i] for one, row in zip(batch.whole, rows, strict=True)]
        results.append(batch.run(operands))
    if not results:  # zeros tell how no result at all would look
        operands = [
            Tensor(np.zeros(shape, one.dtype)) if mine else one
            for one, mine, shape in zip(batch.whole, batch.batched, batch.shapes, strict=True)
        ]
        return each(lambda one: Tensor(np.zeros((0, *one.shape), one.dtype)), batch.run(operands))
    shapes = {tuple(part.shape for part in one) if isinstance(one, tuple) else one.shape for one in results}
    if len(shapes) > 1:
        raise ShapeError(
            describe(
                f"vmap: {batch.op.name} gives results of different shapes for different examples",
                f"got: {', '.join(map(str, sorted(shapes)[:4]))}",
                hint="run the function on the examples in a loop, and keep the results in a list",
            )
        )
    if isinstance(results[0], tuple):
        return tuple(stack(list(parts)) for parts in zip(*results, strict=True))
    return stack(results)


def _expanded(batch: Batch) -> Any:
    """As the operations that it is composed of."""
    expand = batch.op.expand
    if expand is None:
        return NO
    operands = [batch.tensor(i) for i in range(len(batch.operands))]
    return whole_of(batch, expand(operands, **batch.attrs) if batch.op.variadic else expand(*operands, **batch.attrs))


# ---- rules that follow from attributes -------------------------------------------------------------------------------


def _along_axes(batch: Batch) -> Any:
    """Axes counted from the front are one further back; those counted from the end stay."""
    attrs = batch.attrs
    named = [name for name in _AXES if name in attrs]
    if not named:
        return NO
    if any(attrs[name] is None for name in named):
        return _along_all_axes(batch, named[0]) if len(named) == 1 and not batch.op.variadic else NO
    shifted = {name: further_back(attrs[name]) for name in named}
    if not batch.keeps_examples({**attrs, **shifted}, [True] * len(batch.operands)):
        return NO
    return batch.run([batch.spread(i) for i in range(len(batch.operands))], **shifted)


def _along_all_axes(batch: Batch, name: str) -> Any:
    """No axis means all of them, as one long axis."""
    (x,), (shape,) = batch.whole, batch.shapes
    if batch.op.outputs is None:
        return NO
    changed: dict[str, Any] = {name: 1}
    if "keepdims" in batch.attrs:
        changed["keepdims"] = False
    flat = (batch.size, math.prod(shape))
    try:
        found = batch.shape_of([flat], {**batch.attrs, **changed})
    except (ValueError, TypeError, IndexError):
        return NO
    whole = (batch.size, *batch.expected)
    if math.prod(found) != math.prod(whole):
        return NO
    return reshape(batch.run([reshape(x, flat)], **changed), whole)


def _loss(batch: Batch) -> Any:
    """A loss of single elements: reduced over those of one example."""
    reduction = batch.attrs["reduction"]
    if reduction not in ("mean", "sum", "none") or (reduction == "mean" and len(batch.operands) != 2):
        return NO  # a mean with weights is theirs as well
    alone = {**batch.attrs, "reduction": "none"}
    losses = batch.shape_of(batch.shapes, alone)
    weights = TABLE[batch.op.base].neutral  # may broadcast; what else has fewer axes means something of its own
    shapes = zip(batch.op.operands, batch.shapes, strict=True)
    if any(len(shape) != len(losses) for name, shape in shapes if name not in weights):
        return NO
    try:
        if losses != broadcast(*batch.shapes):
            return NO
    except ValueError:
        return NO
    rank = max(map(len, batch.shapes))
    operands = [with_rank(batch.spread(i), rank) for i in range(len(batch.operands))]
    return reduced(batch.run(operands, reduction="none"), reduction)
