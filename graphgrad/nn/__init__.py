"""Neural networks, with PyTorch's names."""

from __future__ import annotations

from graphgrad.nn import functional

__all__ = ["functional"]
