"""Real data sets, each with its source and its licence."""

from __future__ import annotations

from graphgrad.datasets.digits import digits

__all__ = ["digits"]
