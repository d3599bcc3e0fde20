"""The process as a script finds it when Python runs it; whoever runs a script here gets their own back afterwards."""

from __future__ import annotations

import contextlib
import copy
import os
import random
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from graphgrad.graph.random import generator_or_default

__all__ = ["RandomState", "as_main", "random_state", "with_random_state"]

RandomState: TypeAlias = tuple[Any, ...]
"""Where the generators stand that a script may draw from without a seed: Python's, NumPy's old one, and graphgrad's."""


@contextlib.contextmanager
def as_main(path: str, argv: Sequence[str]) -> Iterator[None]:
    """Arguments, import path, working directory and modules of a script; all of that is put back, for the next run too.

    Parameters
    ----------
    path
        The script, absolute.
    argv
        Its own arguments.
    """
    directory = os.path.dirname(path)
    before = sys.argv, list(sys.path), set(sys.modules), os.getcwd()
    sys.argv = [path, *argv]
    sys.path.insert(0, directory)
    try:
        yield
    finally:
        sys.argv, sys.path[:] = before[0], before[1]
        os.chdir(before[3])
        for name in set(sys.modules) - before[2]:
            if _lies_beside(name, directory):
                del sys.modules[name]


def _lies_beside(name: str, directory: str) -> bool:
    """Whether a module is the script's own, so that a second run has to import it afresh."""
    spec = getattr(sys.modules[name], "__spec__", None)
    if spec is None or not isinstance(spec.loader, SourceFileLoader) or name.partition(".")[0] == "graphgrad":
        return False
    parts = Path(spec.origin or "").parts
    return Path(directory) in Path(spec.origin or "").parents and not {"site-packages", "dist-packages"} & set(parts)


def random_state() -> RandomState:
    """Where the generators stand."""
    return (
        random.getstate(),
        np.random.get_state(),  # noqa: NPY002 - the script may use the old generator
        copy.deepcopy(generator_or_default(None).bit_generator.state),
    )


@contextlib.contextmanager
def with_random_state(state: RandomState) -> Iterator[None]:
    """Draw from the generators as they stood then; afterwards they stand where they are now."""
    before = random_state()
    _set(state)
    try:
        yield
    finally:
        _set(before)


def _set(state: RandomState) -> None:
    random.setstate(state[0])
    np.random.set_state(state[1])  # noqa: NPY002
    generator_or_default(None).bit_generator.state = state[2]
