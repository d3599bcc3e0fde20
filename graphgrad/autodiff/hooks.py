"""Hooks: when they are called, in which order, and what they are given. The names and the order are PyTorch's.

A backward pass takes the nodes from the latest to the earliest. At each node, when its gradient is complete:

1. the hooks of its values, ``t.register_hook(hook)``, in the order in which they were registered; each gets the
   gradient as the one before left it, and may return another;
2. ``t.grad`` of a value with ``t.retain_grad()`` is added to;
3. ``node.register_prehook(hook)``;
4. the rule of the operation runs;
5. ``node.register_hook(hook)``, with what each operand receives, already in that operand's shape.

A leaf's turn comes as soon as the last node that reads it had its own, not at the end: the hooks of its value, and
then, in ``backward()`` only, its ``grad`` is added to and ``leaf.register_post_accumulate_grad_hook(hook)`` follows. So
an optimizer's step can be taken, and the gradient thrown away, while the pass goes on. Leaves that have no such hook
get their ``grad`` when the pass is over, so that a pass that fails has changed none of them.

Every way to differentiate calls hooks: ``backward()``, `grad` and all that is built on them. Under
``create_graph=True`` a hook gets tensors of the recorded pass and its operations become a part of that; otherwise it
runs without recording, and what it gets is read-only, since other values may share the memory. A pass that doesn't
reach a node calls no hook there: with targets, nodes that lead to none of them, and leaves that aren't among them; a
target's own value has its hooks called, but its node isn't run. Nor does an output of several that no gradient arrives
at have its hooks called.

A walk is an explanation of the operations and calls no hooks: it runs the graph again, and functions are no part of a
graph. When a pass frees what a node saved, its hooks go with it, so a hook may refer to the tensor that it hangs on.

Forward, hooks can't hang on nodes, which don't exist yet. What an experimenter can name beforehand is a stretch of
code, so `forward_hook` is a context: every operation that runs in it, in this thread, is seen.

    with gg.forward_hook(lambda node, inputs, outputs: print(node.op.name, outputs)):
        model(x)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.graph.hooks import Hook, Hooks, HookTable, RemovableHandle
from graphgrad.graph.mode import MODE
from graphgrad.graph.node import Node
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.shaping import astype

__all__ = ["RemovableHandle", "forward_hook"]


@contextmanager
def forward_hook(hook: Callable[[Node, tuple[Any, ...], tuple[Any, ...]], None]) -> Iterator[RemovableHandle]:
    """Call ``hook(node, inputs, outputs)`` after every operation that runs in the block, as a context or a decorator.

    Parameters
    ----------
    hook
        Gets the node of the operation, which has its ``op``, ``attrs``, ``number`` and ``scope``; the operands, which
        are tensors, or numbers where the code has numbers; and the results. It must return None: to compute something
        else would leave the graph untrue, which runs again from its operations. What it computes itself calls no hooks.

    Yields
    ------
    RemovableHandle
        Whose ``remove()`` ends it before the block does.

    Notes
    -----
    Operations that need no gradient are seen too; their node has ``needs == 0`` and is kept nowhere else. Hooks for the
    backward pass can be registered on the others right away: ``node.register_hook(...)``. An operation on Scalars has a
    node made for the occasion, with the operands as numbers. Inside an operation that is composed of others, these
    aren't seen; in a pass with ``create_graph=True``, the operations of the pass are.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = gg.tensor([1.0, 2.0], requires_grad=True)
    >>> with gg.forward_hook(lambda node, inputs, outputs: print(node.op.name, outputs[0].shape)):
    ...     y = gg.sum(x * x)
    multiply (2,)
    sum ()
    """
    table = HookTable()
    handle = table.add(hook, "forward_hook")
    mode = MODE.get()
    token = MODE.set(mode.but(hooks=(*mode.hooks, table)))
    try:
        yield handle
    finally:
        MODE.reset(token)


# ---- what a pass calls -----------------------------------------------------------------------------------------------


def of(place: Node | Tensor) -> Hooks | None:
    """The hooks of a node, or of a leaf."""
    found: Hooks | None = getattr(place, "hooks" if type(place) is Node else "_hooks", None)
    return found


def on_value(hooks: Hooks, place: Node | Tensor, index: int, g: Any) -> Any:
    """The gradient of a value after its hooks; it is added to the value's ``grad`` if that is retained."""
    table = hooks.values.get(index)
    for hook in () if table is None else table.hooks():
        g = _answered("register_hook", hook, hook(_shown(g)), g)
    wish = hooks.retained.get(index)
    tensor = None if wish is None else wish()
    if tensor is not None and tensor.node is place:
        before = tensor._grad
        if isinstance(g, Tensor):
            tensor._grad = astype(g, g.dtype) if before is None else before + g
        else:  # a copy: its owner may write to it
            tensor._grad = Tensor(np.array(g)) if before is None else Tensor(np.asarray(before._data + g))
    return g


def before_node(hooks: Hooks, g: Any) -> Any:
    """The gradient of a node, a list for several outputs, after the hooks before it."""
    outs = g if isinstance(g, list) else [g]
    for hook in hooks.before.hooks():
        outs = _all_answered("register_prehook", hook, hook(tuple(map(_shown, outs))), outs)
    return outs if isinstance(g, list) else outs[0]


def after_node(hooks: Hooks, node: Node, received: list[tuple[int, Any]], g: Any) -> list[tuple[int, Any]]:
    """What operands receive, by their places, after the hooks that follow a node."""
    places = [i for i, _ in received]
    values: list[Any] = [None] * len(node.operands)
    for i, value in received:
        values[i] = value
    outs = tuple(map(_shown, g if isinstance(g, list) else [g]))
    for hook in hooks.after.hooks():
        values = _all_answered("register_hook", hook, hook(tuple(map(_shown, values)), outs), values)
    return [(i, values[i]) for i in places]


def _shown(g: Any) -> Any:
    """A gradient as hooks get it: arrays as tensors that can't be written, for others may share the memory."""
    if g is None or isinstance(g, Tensor):
        return g
    view = np.asarray(g).view()
    view.flags.writeable = False
    return Tensor(view)


def _answered(what: str, hook: Hook, answer: Any, g: Any) -> Any:
    """The gradient that a hook returned, which must be one for the same value; as it was if it returned None."""
    if answer is None:
        return g
    title = f"{what}: hook {getattr(hook, '__name__', repr(hook))!r} returned"
    if not isinstance(answer, (Tensor, np.ndarray, np.generic)) or g is None:
        expected = "None, where no gradient is" if g is None else "a tensor, or None to leave the gradient as it is"
        raise DTypeError(describe(f"{title} {type(answer).__name__}", f"expected: {expected}"))
    if answer.shape != g.shape:
        raise ShapeError(describe(f"{title} shape {answer.shape}", f"expected: {g.shape}, the shape of the gradient"))
    if answer.dtype != g.dtype:
        hint = f"answer.astype({str(g.dtype)!r})"
        raise DTypeError(describe(f"{title} {answer.dtype}", f"expected: {g.dtype}, as the gradient has", hint=hint))
    if isinstance(g, Tensor):
        return answer if isinstance(answer, Tensor) else Tensor(np.asarray(answer))
    return answer._data if isinstance(answer, Tensor) else np.asarray(answer)


def _all_answered(what: str, hook: Hook, answer: Any, values: Sequence[Any]) -> list[Any]:
    if answer is None:
        return list(values)
    name = getattr(hook, "__name__", repr(hook))
    if not isinstance(answer, (tuple, list)) or len(answer) != len(values):
        got = f"{len(answer)} values" if isinstance(answer, (tuple, list)) else type(answer).__name__
        raise DTypeError(
            describe(f"{what}: hook {name!r} returned {got}", f"expected: None, or a tuple of {len(values)} gradients")
        )
    return [_answered(what, hook, one, value) for one, value in zip(answer, values, strict=True)]
