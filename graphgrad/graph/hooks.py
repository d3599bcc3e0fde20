"""Hooks: functions of the user that are called when a pass comes by; where they hang, and how they are taken off.

They hang on what a pass meets: on nodes, for the values that they computed and for the nodes themselves, and on leaves.
A tensor that was computed has none of its own: its hooks are its node's, so that they are called even if the tensor is
gone by then, as ``h`` of a function that returned is. When and in which order they are called is told in
`graphgrad.autodiff.hooks`.

A node of an ordinary graph has nothing but an empty slot for them, and a pass asks one question (`ALIVE`) instead of
looking at every slot.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from graphgrad.graph.errors import DTypeError, GraphError, describe
from graphgrad.graph.mode import MODE

if TYPE_CHECKING:
    from graphgrad.graph.node import Node
    from graphgrad.graph.tensor import Tensor

__all__ = [
    "ALIVE",
    "Hook",
    "HookTable",
    "Hooks",
    "RemovableHandle",
    "call_forward_hooks",
    "on_accumulated",
    "on_gradient",
    "on_node",
    "retain",
    "retains",
]

Hook: TypeAlias = Callable[..., Any]
_next_key = itertools.count().__next__


class HookTable(dict[int, Hook]):
    """Hooks in the order in which they were registered."""

    __slots__ = ("__weakref__",)

    def add(self, hook: Hook, what: str) -> RemovableHandle:
        """Register a hook; `what` is the function's name, for the refusal of what can't be called."""
        if not callable(hook):
            raise DTypeError(describe(f"{what}: a function is needed, got {type(hook).__name__}"))
        return RemovableHandle(self, hook)

    def hooks(self) -> tuple[Hook, ...]:
        """Those that are there now: what one of them registers or removes counts from the next time on."""
        return tuple(self.values())


class RemovableHandle:
    """What registering a hook returns: takes the hook off by `remove`, or at the end of a ``with`` block.

    It keeps nothing alive, neither the hook nor what the hook hangs on.
    """

    __slots__ = ("_key", "_table")

    def __init__(self, table: HookTable, hook: Hook) -> None:
        self._key = _next_key()
        self._table = weakref.ref(table)
        table[self._key] = hook

    def remove(self) -> None:
        """Take the hook off. Nothing happens if it is off already."""
        table = self._table()
        if table is not None:
            table.pop(self._key, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.remove()


class Hooks:
    """All hooks of one node or of one leaf.

    Attributes
    ----------
    values
        By the number of an output (0 for a leaf): hooks on its gradient.
    before, after
        Of a node: hooks before it passes a gradient on, and after that.
    accumulated
        Of a leaf: hooks after its ``grad`` was added to.
    retained
        By the number of an output: the tensor that wants its gradient as ``grad``. References point backwards only, so
        it isn't kept alive; once it is gone nobody can ask for its ``grad``. If it was written in place since, it is
        another node's by now, and this one's entry doesn't count.
    """

    __slots__ = ("__weakref__", "accumulated", "after", "before", "retained", "values")

    def __init__(self) -> None:
        self.values: dict[int, HookTable] = {}
        self.before = HookTable()
        self.after = HookTable()
        self.accumulated = HookTable()
        self.retained: dict[int, weakref.ref[Tensor]] = {}
        ALIVE.add(self)

    def __bool__(self) -> bool:
        """Whether any of them is still on."""
        return bool(any(self.values.values()) or self.before or self.after or self.accumulated or self.retained)

    def of_value(self, index: int) -> HookTable:
        """The hooks on the gradient of one output."""
        return self.values.setdefault(index, HookTable())

    def drop(self) -> None:
        """Let all functions go. Nothing calls them any more when a graph was freed, and they may refer to it."""
        for table in (*self.values.values(), self.before, self.after):
            table.clear()


ALIVE: weakref.WeakSet[Hooks] = weakref.WeakSet()
"""All that are in use anywhere: while there are none, no pass has to look for them."""


def _of_node(node: Node) -> Hooks:
    """The hooks of a node, which may be none yet."""
    found: Hooks | None = getattr(node, "hooks", None)
    if found is None:
        found = node.hooks = Hooks()
    return found


def _of_leaf(leaf: Tensor) -> Hooks:
    """The hooks of a leaf, which may be none yet."""
    found: Hooks | None = getattr(leaf, "_hooks", None)
    if found is None:
        found = leaf._hooks = Hooks()
    return found


def _place(tensor: Tensor) -> tuple[Node, int]:
    """The node behind a tensor that was computed, and which of its outputs it is."""
    assert tensor.node is not None
    return tensor.node, getattr(tensor._source, "index", 0)


def on_gradient(tensor: Tensor, hook: Hook) -> RemovableHandle:
    """Call ``hook(grad)`` whenever a pass has the gradient of a tensor; what ``tensor.register_hook(hook)`` does.

    Parameters
    ----------
    hook
        Gets the gradient as a tensor of the same shape, and returns None, or a tensor of that shape and dtype that
        takes its place from there on.

    Returns
    -------
    RemovableHandle
        Whose ``remove()`` takes the hook off.

    Raises
    ------
    GraphError
        If the tensor needs no gradient.
    DTypeError
        If `hook` can't be called.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = gg.tensor([1.0, 2.0], requires_grad=True)
    >>> h = x * x
    >>> handle = h.register_hook(lambda grad: grad * 10)
    >>> gg.sum(h).backward()
    >>> x.grad
    tensor([20., 40.])
    """
    _check_needed(tensor, "register_hook")
    if tensor._source is None:
        return _of_leaf(tensor).of_value(0).add(hook, "register_hook")
    node, index = _place(tensor)
    return _of_node(node).of_value(index).add(hook, "register_hook")


def on_accumulated(leaf: Tensor, hook: Hook) -> RemovableHandle:
    """Call ``hook(leaf)`` whenever ``backward()`` has added to the ``grad`` of a leaf.

    That is what ``leaf.register_post_accumulate_grad_hook(hook)`` does.

    Parameters
    ----------
    hook
        Gets the leaf. It may move it and set its ``grad`` to None: nothing that the pass still has to do reads them.

    Returns
    -------
    RemovableHandle
        Whose ``remove()`` takes the hook off.

    Raises
    ------
    GraphError
        If the tensor was computed, or needs no gradient.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = gg.tensor([1.0, 2.0], requires_grad=True)
    >>> handle = x.register_post_accumulate_grad_hook(lambda leaf: print(leaf.grad))
    >>> gg.sum(x * x).backward()
    tensor([2., 4.])
    """
    what = "register_post_accumulate_grad_hook"
    _check_needed(leaf, what)
    if leaf._source is not None:
        raise GraphError(
            describe(
                f"{what}: {leaf._title()} was computed, and only leaves accumulate a gradient",
                hint="register_hook(hook) is called with the gradient of a computed tensor",
            )
        )
    return _of_leaf(leaf).accumulated.add(hook, what)


def on_node(node: Node, hook: Hook, *, before: bool) -> RemovableHandle:
    """See `Node.register_prehook` and `Node.register_hook`."""
    what = "register_prehook" if before else "register_hook"
    if not node.needs:
        raise GraphError(describe(f"{what}: no gradient comes by at this {node.op.name}", made_at=node.site))
    hooks = _of_node(node)
    return (hooks.before if before else hooks.after).add(hook, what)


def retain(tensor: Tensor) -> None:
    """Let passes fill the ``grad`` of a computed tensor; what ``tensor.retain_grad()`` does.

    Raises
    ------
    GraphError
        If the tensor needs no gradient.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = gg.tensor([1.0, 2.0], requires_grad=True)
    >>> h = x * x
    >>> h.retain_grad()
    >>> gg.sum(h * 3).backward()
    >>> h.grad
    tensor([3., 3.])
    """
    _check_needed(tensor, "retain_grad")
    if tensor._source is not None:
        node, index = _place(tensor)
        _of_node(node).retained[index] = weakref.ref(tensor)


def retains(tensor: Tensor) -> bool:
    """See `Tensor.retains_grad`."""
    if tensor._source is None:
        return False
    node, index = _place(tensor)
    hooks: Hooks | None = getattr(node, "hooks", None)
    found = None if hooks is None else hooks.retained.get(index)
    return found is not None and found() is tensor


def call_forward_hooks(node: Node, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
    """Call the hooks of `graphgrad.forward_hook` blocks, after an operation that ran in them."""
    mode = MODE.get()
    token = MODE.set(mode.but(hooks=(), anomaly=None, segment=None))  # what they compute themselves isn't watched
    try:
        for table in mode.hooks:
            for hook in table.hooks():
                answer = hook(node, inputs, outputs)
                if answer is not None:
                    raise DTypeError(
                        describe(
                            f"forward_hook: hook {getattr(hook, '__name__', repr(hook))!r} returned"
                            f" {type(answer).__name__} after {node.op.name}",
                            "expected: None; the graph runs again from its operations, whose results these are",
                            hint="to change a value, use an operation in the function itself",
                        )
                    )
    finally:
        MODE.reset(token)


def _check_needed(tensor: Tensor, what: str) -> None:
    if not tensor._needs:
        raise GraphError(
            describe(
                f"{what}: {tensor._title()} needs no gradient, so none arrives",
                hint="requires_grad=True on what it was computed from, outside gg.no_grad()",
            )
        )
