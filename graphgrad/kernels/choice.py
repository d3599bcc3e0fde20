"""Which of two modules does the work: the compiled kernels of a subject, or their twins in plain NumPy."""

from __future__ import annotations

import functools
from importlib import import_module
from types import ModuleType

__all__ = ["kernels_of"]


@functools.cache
def kernels_of(subject: str, is_enough: bool = True) -> ModuleType:
    """
    The compiled kernels of a subject; or their twins where nothing is compiled, or compiling isn't worth it.

    Neither is loaded before it is asked for. After that an answer takes 50 ns, half of it with the subject alone: where
    small operations are in question, the caller holds the twins, and asks for large ones only.

    Parameters
    ----------
    subject
        The name of the module, in `graphgrad.kernels` and in `graphgrad.kernels.plain`.
    is_enough
        Whether the work is large enough for kernels, and of a dtype for which there are any.

    Examples
    --------
    >>> from graphgrad.kernels.choice import kernels_of
    >>> kernels_of("embedding", False).__name__
    'graphgrad.kernels.plain.embedding'
    """
    if is_enough:
        from graphgrad.kernels.jit import compiles

        if compiles():
            from graphgrad.kernels.memory import keep_freed_memory

            keep_freed_memory()
            return import_module(f"graphgrad.kernels.{subject}")
    return import_module(f"graphgrad.kernels.plain.{subject}")
