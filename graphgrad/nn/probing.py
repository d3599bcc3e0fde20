"""Running a module to see what comes out, without leaving a trace in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from graphgrad.graph.hooks import Hook, HookTable
from graphgrad.graph.mode import MODE, Mode
from graphgrad.graph.writes import wrote
from graphgrad.walk.process import random_state, with_random_state

if TYPE_CHECKING:
    from graphgrad.nn.module import Module

__all__ = ["probing"]

_REGISTRIES = ("_parameters", "_modules", "_buffers")


@contextmanager
def probing(module: Module | None = None, on_operation: Iterable[Hook] = ()) -> Iterator[None]:
    """Let a module run in evaluation mode, without graphs; afterwards all is as it was.

    That is: whether it trains, all its attributes, the values of its parameters and buffers, the state of random
    numbers. Nobody who records or watches hears of what runs in the block, other than the module's own hooks.

    Parameters
    ----------
    module
        The module; None if what runs is none.
    on_operation
        Functions that are called after each operation, as that of `graphgrad.forward_hook`.
    """
    modules = [] if module is None else list(module.modules())
    attributes = [{**one.__dict__, **{name: dict(one.__dict__[name]) for name in _REGISTRIES}} for one in modules]
    tensors = [] if module is None else [*module.parameters(), *module.buffers()]
    values = [(tensor, tensor.data, tensor.data.copy()) for tensor in tensors]
    hooks = []
    for hook in on_operation:
        table = HookTable()
        table.add(hook, "probing")
        hooks.append(table)
    token = MODE.set(Mode(grad=False, hooks=tuple(hooks)))
    try:
        for one in modules:
            one.training = False
        # What goes in is zeros, whose logarithm is nobody's mistake.
        with with_random_state(random_state()), np.errstate(all="ignore"):
            yield
    finally:
        MODE.reset(token)
        for one, before in zip(modules, attributes, strict=True):
            for name in one.__dict__.keys() - before.keys():
                del one.__dict__[name]
            one.__dict__.update(before)
        for tensor, array, before_it in values:
            if tensor.data is not array:
                tensor.data = array
            if not np.array_equal(array, before_it, equal_nan=True):
                array[...] = before_it
                wrote(array)
