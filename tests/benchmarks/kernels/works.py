"""All that is measured, in the order of the table."""

from __future__ import annotations

from . import attending, convolutional, dense, recurrent
from .work import Work

__all__ = ["BY_NAME", "WORKS"]

_MLP, *_REST = dense.WORKS

WORKS: tuple[Work, ...] = (_MLP, *convolutional.WORKS, *recurrent.WORKS, *attending.WORKS, *_REST)
BY_NAME = {work.name: work for work in WORKS}
