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


@contextmanager
def probing(module: Module | None = None, on_operation: Iterable[Hook] = ()) -> Iterator[None]:
    """Let a module run in evaluation mode, without graphs; afterwards all is as it was.

    That is: whether it trains, its parameters and buffers, the state of random numbers. Nobody who records or watches
    hears of what runs in the block, other than the module's own hooks.

    Parameters
    ----------
    module
        The module; None if what runs is none.
    on_operation
        Functions that are called after each operation, as that of `graphgrad.forward_hook`.
    """
    modules = [] if module is None else list(module.modules())
    training = [one.training for one in modules]
    tensors = [] if module is None else [*module.parameters(), *module.buffers()]
    before = [(tensor, tensor.data.copy()) for tensor in tensors]
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
        for one, mode in zip(modules, training, strict=True):
            one.training = mode
        for tensor, values in before:
            if not np.array_equal(tensor.data, values, equal_nan=True):
                tensor.data[...] = values
                wrote(tensor.data)
