"""Walks: a forward and a backward pass as steps, with a cursor that moves both ways."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from graphgrad.walk.steps import GRANULARITIES, Granularity, Step
from graphgrad.walk.trace import trace, walk
from graphgrad.walk.visualizers import Visualizer, find_visualizer, visualizers
from graphgrad.walk.walk import Contribution, Cursor, Moment, Walk

__all__ = [
    "GRANULARITIES",
    "Contribution",
    "Cursor",
    "Granularity",
    "Moment",
    "Step",
    "Visualizer",
    "Walk",
    "find_visualizer",
    "trace",
    "visualizers",
    "walk",
]


class _Room(ModuleType):
    """The package, which can be called: ``gg.walk(y)`` is `walk`, and ``gg.walk.Walk`` still is what it says."""

    def __call__(self, result: Any, gradient: Any = None, title: str = "") -> Walk:
        return walk(result, gradient, title)


_Room.__call__.__doc__ = walk.__doc__
sys.modules[__name__].__class__ = _Room
